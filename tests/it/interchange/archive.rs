//! Archives lose nothing, and tell what is missing.

use std::io::Write;

use cachectl::interchange::{Wanted, WriteOptions};
use cachectl::{BodyFacts, ErrorKind, Headers};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::{
    Entry, Read, assert_same, codes, export, import, open, options, samples, start, whole,
    with_body, write_all,
};
use crate::testkit::sample::{head, noise};

fn archive(entries: &[Entry]) -> Vec<u8> {
    export("archive", entries, options()).0
}

fn lines(archive: &[u8]) -> Vec<&[u8]> {
    archive.split_inclusive(|c| *c == b'\n').collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

#[test]
fn interchange_archive_gives_back_what_went_in_and_the_same_bytes_again() {
    let entries = samples();
    let (first, written) = export("archive", &entries, options());
    assert_eq!(written.entries, entries.len() as u64);
    assert_eq!(written.body_bytes, entries.iter().map(|(_, body)| body.len() as u64).sum::<u64>());
    assert!(written.left_out.is_empty() && written.lost.is_empty());
    let read = whole(import("archive", &first));
    assert_same(&read, &entries);
    assert!(archive(&read) == first, "the second export is the first");
}

#[test]
fn interchange_archive_does_not_depend_on_how_bodies_are_cut() {
    let entries = samples();
    let first = archive(&entries);
    for piece in [7919, 1 << 20, 5 << 20] {
        let (mut writer, paper) = start("archive", options(), false);
        write_all(&mut *writer, &entries, piece);
        writer.finish().expect("finished");
        assert!(paper.text() == first, "pieces of {piece}");
    }
}

#[test]
fn interchange_archive_without_digests_gets_them() {
    let mut entries = samples();
    let wanted = archive(&entries);
    entries.iter_mut().for_each(|(head, _)| (head.body.sha256, head.body.xxh3) = (None, None));
    assert!(archive(&entries) == wanted);
}

#[test]
fn interchange_archive_is_recognised_when_compressed() {
    let entries = samples();
    let (mut writer, paper) = start("archive", options(), true);
    write_all(&mut *writer, &entries, 65_536);
    writer.finish().expect("finished");
    let compressed = paper.text();
    assert_eq!(compressed[..2], [0x1f, 0x8b]);
    assert_same(&whole(import("archive", &compressed)), &entries);
    for end in [1, 5, 20, compressed.len() / 2, compressed.len() - 1] {
        let read = import("archive", &compressed[..end]);
        assert_eq!(codes(&read).last(), Some(&"truncated"), "cut at {end}");
    }
}

/// What was whole before the cut comes out, then one error says that the rest is missing.
fn judge_cut(read: &[Read], entries: &[Entry], at: &str) {
    let good: Vec<_> = read.iter().filter_map(|r| r.as_ref().ok()).cloned().collect();
    assert_same(&good, &entries[..good.len()]);
    assert_eq!(codes(read).last(), Some(&"truncated"), "{at}");
    for error in read.iter().filter_map(|r| r.as_ref().err()) {
        assert_eq!(error.kind(), ErrorKind::Codec, "{at}");
    }
}

#[test]
fn interchange_archive_cut_at_any_line_keeps_what_was_whole() {
    let entries = samples();
    let whole = archive(&entries);
    let mut end = 0;
    let all = lines(&whole);
    for (number, line) in all[..all.len() - 1].iter().enumerate() {
        end += line.len();
        let read = import("archive", &whole[..end]);
        judge_cut(&read, &entries, &format!("after line {}", number + 1));
        // Lines 1 to 6 are the opening and the entries without chunks.
        assert_eq!(
            read.len() - 1,
            number.min(5) + usize::from(number >= 9) + usize::from(number >= 13),
            "line {}",
            number + 1
        );
    }
    // Without the line feed of the last line nothing is missing.
    assert_eq!(import("archive", &whole[..whole.len() - 1]).len(), entries.len());
}

#[test]
fn interchange_archive_cut_inside_a_line_is_truncated() {
    let entries: Vec<_> = samples().into_iter().filter(|(_, body)| body.len() < 100).collect();
    let whole = archive(&entries);
    for end in 0..whole.len() - 1 {
        judge_cut(&import("archive", &whole[..end]), &entries, &format!("at byte {end}"));
    }
}

#[test]
fn interchange_archive_with_a_wrong_digest_loses_that_entry_only() {
    let entries = samples();
    let whole = String::from_utf8(archive(&entries)).expect("UTF-8");
    let count = entries.iter().filter(|(_, body)| !body.is_empty()).count();
    let mut damaged = 0;
    for (at, _) in whole.match_indices("\"body_sha256\":\"") {
        let mut changed = whole.clone().into_bytes();
        let digit = &mut changed[at + 16];
        *digit = if *digit == b'0' { b'1' } else { b'0' };
        let read = import("archive", &changed);
        assert_eq!(codes(&read), ["body_damaged"]);
        assert_eq!(read.len(), entries.len());
        damaged += 1;
    }
    assert_eq!(damaged, count + 1, "each body has one digest, the empty one too");
}

#[test]
fn interchange_archive_with_changed_bodies_is_noticed() {
    let entries = vec![
        with_body(head("https://e.org/1"), "small"),
        with_body(head("https://e.org/2"), noise(4, (1 << 20) + 5)),
        with_body(head("https://e.org/3"), "last"),
    ];
    let text = String::from_utf8(archive(&entries)).expect("UTF-8");
    let small = text.replace("c21hbGw=", "c21hbGx=");
    assert_eq!(codes(&import("archive", small.as_bytes())), ["body_damaged"]);
    let longer = text.replace("\"body_bytes\":5,", "\"body_bytes\":6,");
    assert_eq!(codes(&import("archive", longer.as_bytes())), ["body_damaged"]);
    // A chunk that is missing, doubled, or not JSON spoils its entry and no other.
    let all = lines(text.as_bytes());
    let without = [&all[..3], &all[4..]].concat().concat();
    let doubled = [&all[..4], &all[3..]].concat().concat();
    let broken = [&all[..3], &[b"{\"chunk_base64\":\n"], &all[4..]].concat().concat();
    for (how, bytes) in [("without", without), ("doubled", doubled), ("broken", broken)] {
        let read = import("archive", &bytes);
        let codes = codes(&read);
        assert_eq!(codes.first(), Some(&"body_damaged"), "{how}");
        assert_eq!(read.iter().filter(|r| r.is_ok()).count(), 2, "{how}: {codes:?}");
    }
}

#[test]
fn interchange_archive_damage_to_a_line_leaves_the_others() {
    let entries = samples();
    let whole = archive(&entries);
    let all = lines(&whole);
    for bad in
        [&b"\n"[..], b"{}\n", b"[]\n", b"\xff\n", b"{\"key\":1}\n", b"{\"abandoned\":true}\n"]
    {
        let changed = [&all[..2], &[bad], &all[2..]].concat().concat();
        let read = import("archive", &changed);
        assert_eq!(codes(&read), ["undecodable"], "{}", String::from_utf8_lossy(bad));
        assert_eq!(read.len(), entries.len() + 1);
        assert!(read[1].as_ref().unwrap_err().message().contains("line 3"));
    }
}

/// One damaged line costs one error, also when a hundred lines of its body follow.
#[test]
fn interchange_archive_passes_over_the_body_of_a_damaged_entry() {
    let entries = vec![
        with_body(head("https://e.org/huge"), vec![7; 50 << 20]),
        with_body(head("https://e.org/small"), "small"),
    ];
    let text = String::from_utf8(archive(&entries)).expect("UTF-8");
    let changed = text.replacen("{\"key\":", "{\"key:", 1);
    let read = import("archive", changed.as_bytes());
    assert_eq!(codes(&read), ["undecodable"]);
    assert_same(&[read.into_iter().nth(1).expect("two").expect("whole")], &entries[1..]);
}

#[test]
fn interchange_archive_with_lines_taken_out_is_miscounted() {
    let whole = archive(&samples());
    let all = lines(&whole);
    let changed = [&all[..2], &all[3..]].concat().concat();
    assert_eq!(codes(&import("archive", &changed)), ["miscounted"]);
    let doubled = [whole.clone(), whole].concat();
    assert_eq!(codes(&import("archive", &doubled)), ["undecodable"], "two archives in one file");
}

#[test]
fn interchange_archive_entries_given_up_do_not_count() {
    let good = with_body(head("https://e.org/good"), "good");
    for length in [10, 1 << 20, (1 << 20) + 1, 3 << 20] {
        for reached in [0, length / 2, length] {
            let (bad, body) = with_body(head("https://e.org/bad"), noise(5, length));
            let (mut writer, paper) = start("archive", options(), false);
            write_all(&mut *writer, std::slice::from_ref(&good), 1000);
            assert_eq!(writer.begin(&bad, 0).expect("begun"), Wanted::Body);
            body[..reached].chunks(100_000).for_each(|c| writer.chunk(c).expect("written"));
            writer.abandon().expect("given up");
            write_all(&mut *writer, std::slice::from_ref(&good), 1000);
            assert_eq!(writer.finish().expect("finished").entries, 2);
            let read = import("archive", &paper.text());
            let expected: &[&str] = if length > 1 << 20 { &["abandoned"] } else { &[] };
            assert_eq!(codes(&read), expected, "{reached} of {length}");
            assert_eq!(read.iter().filter(|r| r.is_ok()).count(), 2);
            // Whoever passes over bodies sees no error.
            let mut reader = open("archive", &paper.text()).expect("an archive");
            while reader.next().expect("a head, or the end").is_some() {}
        }
    }
}

#[test]
fn interchange_archive_notices_a_body_that_is_not_what_its_head_says() {
    for length in [10, 2 << 20] {
        for change in ["shorter", "longer", "other"] {
            let (bad, body) = with_body(head("https://e.org/bad"), noise(5, length));
            let mut body = body.to_vec();
            match change {
                "shorter" => body.truncate(length - 1),
                "longer" => body.push(0),
                _ => body[length / 2] ^= 1,
            }
            let (mut writer, paper) = start("archive", options(), false);
            writer.begin(&bad, 0).expect("begun");
            body.chunks(100_000).for_each(|c| writer.chunk(c).expect("written"));
            assert_eq!(writer.end().expect_err(change).code(), "body_damaged");
            assert_eq!(writer.finish().expect("finished").entries, 0);
            assert!(import("archive", &paper.text()).iter().all(Result::is_err), "{change}");
        }
    }
}

#[test]
fn interchange_archive_without_bodies_says_so() {
    let entries = samples();
    let (bytes, written) = export("archive", &entries, WriteOptions { bodies: false, ..options() });
    assert_eq!((written.entries, written.body_bytes), (entries.len() as u64, 0));
    let read = import("archive", &bytes);
    let bodies = entries.iter().filter(|(_, body)| !body.is_empty()).count();
    assert_eq!(codes(&read), vec!["body_missing"; bodies]);
    let mut reader = open("archive", &bytes).expect("an archive");
    for (wanted, _) in &entries {
        let head = reader.next().expect("a head").expect("one more");
        assert_eq!((head.body.bytes, head.body.sha256), (wanted.body.bytes, wanted.body.sha256));
    }
}

#[test]
fn interchange_archive_of_a_later_version_or_none_is_refused() {
    for (bytes, code) in [
        (&b""[..], "truncated"),
        (b"{\"cachectl_archive\":2}\n", "undecodable"),
        (b"{\"log\":{}}\n", "bad_format"),
        (b"{\n  \"log\": {}\n}\n", "bad_format"),
        (b"\x00\x01", "bad_format"),
        (b"{\"cachectl_index\":1}\n", "bad_format"),
    ] {
        let error = open("archive", bytes).err().expect("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Codec, code));
    }
}

#[test]
fn interchange_archive_bombs_are_not_read_to_their_end() {
    let opening = b"{\"cachectl_archive\":1}\n";
    let endless = [&opening[..], &vec![b'x'; 200 << 20]].concat();
    let blank = [&opening[..], &[b'\n'; 1 << 20]].concat();
    let spaces =
        [&opening[..], &[vec![b' '; 1 << 20], b"\n".to_vec()].concat().repeat(100)].concat();
    for bytes in [endless, spaces, blank] {
        let read = import("archive", &gzipped(&bytes));
        assert!(read.iter().all(Result::is_err) && read.len() < 20_000);
        assert_eq!(codes(&read).last(), Some(&"bomb"));
    }
    let numbers = [&b"{\"log\":{\"entries\":["[..], &b"1,".repeat(1 << 20), b"1]}}"].concat();
    assert_eq!(codes(&import("har", &gzipped(&numbers))).last(), Some(&"bomb"));
}

#[test]
fn interchange_archive_of_zeros_is_no_bomb() {
    let entries = vec![with_body(head("https://e.org/zeros"), vec![0; 50 << 20])];
    let (mut writer, paper) = start("archive", options(), true);
    write_all(&mut *writer, &entries, 1 << 20);
    writer.finish().expect("finished");
    assert!(paper.text().len() < 1 << 20, "it compresses well");
    assert_same(&whole(import("archive", &paper.text())), &entries);
}

#[test]
fn interchange_archive_with_members_of_later_versions_can_be_read() {
    let entries = vec![with_body(head("https://e.org/"), "x")];
    let text = String::from_utf8(archive(&entries)).expect("UTF-8");
    let newer = text.replace("{\"key\":", "{\"later\":{\"a\":[1]},\"key\":");
    assert_ne!(newer, text);
    assert_same(&whole(import("archive", newer.as_bytes())), &entries);
}

/// The members of each kind of line are those that the published schema requires.
#[test]
fn interchange_archive_lines_are_those_of_the_schema() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/archive.schema.json")).expect("JSON");
    let required = |kind: &str, part: Option<&str>| -> Vec<String> {
        let kind = &schema["definitions"][kind];
        let part = part.map_or(kind, |part| &kind["properties"][part]);
        serde_json::from_value(part["required"].clone()).expect("names")
    };
    let names = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    let mut entries = samples();
    // Two members of a request that hardly any has.
    entries[0].0.request.extensions.http_version = None;
    let archive = archive(&entries);
    let all = lines(&archive);
    for (number, line) in all.iter().enumerate() {
        let line: serde_json::Value = serde_json::from_slice(line).expect("JSON");
        let kind = match number {
            0 => "opening",
            _ if number == all.len() - 1 => "closing",
            _ if line.get("key").is_some() => "entry",
            _ => "chunk",
        };
        let mut wanted = required(kind, None);
        if kind == "entry" {
            for part in ["request", "response"] {
                assert_eq!(names(&line[part]), required(kind, Some(part)));
            }
        }
        if line.get("body_sha256").is_some() && kind == "chunk" {
            wanted.push("body_sha256".to_owned());
        }
        assert_eq!(names(&line), wanted, "line {}", number + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn interchange_archive_keeps_any_bytes_in_headers_and_bodies(
        fields in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..12), prop::collection::vec(any::<u8>(), 0..40)),
            0..8,
        ),
        reason in prop::option::of(prop::collection::vec(any::<u8>(), 0..12)),
        key in ".*",
        number in any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()),
        micros in -60_000_000_000_000_000i64..250_000_000_000_000_000i64,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut head = head("https://e.org/");
        head.id.key = key;
        head.headers = fields.iter().cloned().collect::<Headers>();
        head.request.headers = fields.into_iter().rev().collect::<Headers>();
        head.extensions.reason = reason;
        head.extensions.other.insert("n".into(), serde_json::json!(number));
        head.created_at = cachectl::Timestamp::from_micros(micros);
        head.body = BodyFacts::of(&body);
        let entries = vec![(head, body.into())];
        let first = archive(&entries);
        let read = whole(import("archive", &first));
        assert_same(&read, &entries);
        prop_assert!(archive(&read) == first);
    }

    #[test]
    fn interchange_other_formats_take_any_bytes_too(
        fields in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..12), prop::collection::vec(any::<u8>(), 0..40)),
            0..8,
        ),
        url in prop_oneof![".*", "http://[^/]{0,20}/.*", r"https://h(/(\.\.|[a-z%?#\\:]){1,4}){0,9}"],
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut head = head("https://e.org/");
        head.request.url = cachectl::UrlText::verbatim(url);
        head.headers = fields.into_iter().collect::<Headers>();
        head.body = BodyFacts::of(&body);
        let entries = vec![(head, bytes::Bytes::from(body))];
        super::dir::check_round_trip(&entries);
        super::har::check_export(&entries);
    }

    #[test]
    fn interchange_archive_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for opening in [&b""[..], b"{\"cachectl_archive\":1}\n", b"{\"log\":{\"entries\":["] {
            let input = [opening, &bytes].concat();
            for name in ["archive", "har"] {
                let read = import(name, &input);
                prop_assert!(read.iter().all(|r| r.is_err()) || read.is_empty());
            }
        }
    }
}
