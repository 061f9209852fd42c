//! Documents that are not what a serializer wrote.

use cachectl::{ErrorKind, Place, Recorded, SERIALIZERS, Serializer, Stamp};

use crate::testkit::sample::{head, variant_head};

fn written(serializer: &dyn Serializer) -> (Vec<Recorded>, Vec<u8>) {
    let mut odd = variant_head("https://example.org/a", "de");
    odd.headers.push("X-Odd", &[0u8, 10, 0xff, b'"', b':'][..]);
    let recorded = vec![
        Recorded {
            head: head("https://example.org/a"),
            stamp: Stamp::fresh(),
            place: Place::Inline(0),
        },
        Recorded { head: odd, stamp: Stamp::fresh(), place: Place::Beside("7f".into()) },
    ];
    let document = serializer.dumps(&recorded).expect("a document");
    (recorded, document)
}

/// What a damaged document may give: an error of the codec, or what was written.
fn judge(serializer: &dyn Serializer, recorded: &[Recorded], document: &[u8], how: &str) {
    match serializer.loads(document) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::Codec, "{}: {how}", serializer.name()),
        Ok((mut read, _)) => {
            for (read, written) in read.iter_mut().zip(recorded) {
                read.head.serializer = written.head.serializer.clone();
            }
            assert_eq!(read, recorded, "{}: {how} gave something else", serializer.name());
        }
    }
}

#[test]
fn a_changed_bit_is_noticed_wherever_it_is() {
    for serializer in SERIALIZERS {
        let (recorded, document) = written(*serializer);
        for place in 0..document.len() {
            for bit in 0..8 {
                let mut changed = document.clone();
                changed[place] ^= 1 << bit;
                judge(*serializer, &recorded, &changed, &format!("bit {bit} of byte {place}"));
            }
        }
    }
}

#[test]
fn a_document_that_is_cut_off_is_an_error() {
    for serializer in SERIALIZERS {
        let (_, document) = written(*serializer);
        for length in 0..document.len() {
            let error = serializer.loads(&document[..length]).expect_err("it is cut off");
            assert_eq!(error.kind(), ErrorKind::Codec, "{} at {length}", serializer.name());
        }
    }
}

#[test]
fn what_stands_behind_a_document_is_not_read() {
    for serializer in SERIALIZERS {
        let (_, mut document) = written(*serializer);
        let end = document.len();
        document.extend_from_slice(b"\n...\n--- {\xff\0");
        let (read, found_end) = serializer.loads(&document).expect("a document");
        assert_eq!((read.len(), found_end), (2, end), "{}", serializer.name());
    }
}

/// Hostile documents with a checksum that is right: depth, aliases, lengths.
#[test]
fn a_hostile_document_costs_little() {
    let sum = |content: &str| format!("{:016x}", xxhash_rust::xxh3::xxh3_64(content.as_bytes()));
    let deep = format!("\"entries\":[{{\"request\":{{\"other\":{{\"a\":{}", "[".repeat(200_000));
    let json = format!("{{\"cachectl\":1,\"xxh3\":\"{}\",{deep}\n", sum(&deep));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let nine = [format!("*a{}", n - 1).as_str(); 9].join(", ");
        laughs += &format!("a{n}: &a{n} [{nine}]\n");
    }
    laughs += "entries: [{request: {other: {a: *a11}}}]\n";
    let yaml = format!("--- # cachectl 1 xxh3 {}\n{laughs}...\n", sum(&laughs));
    let deep = format!("entries: [{{request: {{other: {{a: {}\n", "[".repeat(20_000));
    let deep_yaml = format!("--- # cachectl 1 xxh3 {}\n{deep}...\n", sum(&deep));
    for document in [json, yaml, deep_yaml] {
        let mut readers = SERIALIZERS.iter().filter(|s| s.recognises(document.as_bytes()));
        let reader = readers.next().expect("one recognises it");
        let error = reader.loads(document.as_bytes()).expect_err("it is hostile");
        assert_eq!(error.kind(), ErrorKind::Codec, "{}", reader.name());
        assert!(!error.to_string().contains("checksum"), "it has to come to the content");
    }
    // Lengths in bincode that promise more than there is.
    let content = [0xfd; 40];
    let sum = xxhash_rust::xxh3::xxh3_64(&content);
    let mut binary = vec![0xca, 0x01];
    binary.extend_from_slice(&(content.len() as u32).to_le_bytes());
    binary.extend_from_slice(&sum.to_le_bytes());
    binary.extend_from_slice(&content);
    let bincode = SERIALIZERS.iter().find(|s| s.name() == "bincode").expect("built in");
    assert_eq!(bincode.loads(&binary).expect_err("too long").kind(), ErrorKind::Codec);
}
