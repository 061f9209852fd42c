//! Entries through files of other kinds, there and back.

mod archive;
mod dir;
mod har;
mod lists;
mod secrets;
mod table;

use std::io::{self, Cursor, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cachectl::interchange::{
    Format, Origin, Reader, Table, Target, Wanted, WriteOptions, Writer, Written, reader, writer,
};
use cachectl::{BodyFacts, EntryHead, Error};

use crate::testkit::sample::{head, head_under, noise, noon, variant_head};

/// An entry with its body.
pub type Entry = (EntryHead, Bytes);

/// Takes what is written, and can be looked at afterwards.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn format(name: &str) -> &'static Format {
    Format::named(name).expect("a format")
}

fn options() -> WriteOptions {
    WriteOptions::new("memory:", noon())
}

fn table() -> Table {
    let columns =
        ["key", "url", "tags", "expires_at", "etag", "location", "stored_bytes", "redacted"];
    Table {
        columns: columns.map(ToOwned::to_owned).to_vec(),
        describe: Box::new(|head, stored_bytes| {
            let field = |name: &str| head.headers.get_text(name).map(|text| text.into_owned());
            let row = serde_json::json!({
                "key": head.id.key,
                "url": head.request.url.as_str(),
                "tags": head.tags,
                "expires_at": head.expires_at.map(|t| t.to_string()),
                "etag": field("etag"),
                "location": field("location"),
                "stored_bytes": stored_bytes,
                "redacted": null,
            });
            match row {
                serde_json::Value::Object(members) => members,
                _ => unreachable!(),
            }
        }),
    }
}

/// The entry with the facts of its body in the head.
fn with_body(mut head: EntryHead, body: impl Into<Bytes>) -> Entry {
    let body = body.into();
    head.body = BodyFacts::of(&body);
    (head, body)
}

/// Entries that differ in all that a format might lose.
fn samples() -> Vec<Entry> {
    let mut full = head("https://example.org/full?b=2&a=%C3%A4");
    full.partition = "team-1".into();
    full.expires_at = cachectl::Timestamp::parse_rfc3339("2027-01-01T00:00:00.000007Z");
    full.last_used_at = Some(noon());
    full.uses = u64::MAX;
    full.requested_at = cachectl::Timestamp::from_micros(noon().micros() - 1_234_567);
    full.forced = true;
    full.invalidated = true;
    full.serializer = Some("yaml".into());
    full.headers.push("X-Odd", &[b'"', b'\\', 9, 0xff, 0xfe][..]);
    full.headers.push("x-odd", "second");
    full.request.headers.push("X-Bytes", &[0x80][..]);
    full.extensions.reason = Some(vec![b'O', 0xff]);
    full.extensions.http_version = Some("HTTP/2".into());
    full.extensions.other.insert("n".into(), serde_json::json!(0.1 + 0.2));
    full.request.extensions.other.insert("z".into(), serde_json::json!({"b": [1, null], "a": ""}));
    full.request.extensions.http_version = Some("HTTP/3".into());
    let mut empty = head_under("any key\n\"whatever\" \u{1f600}");
    empty.status = 204;
    empty.expires_at = Some(cachectl::Timestamp::from_micros(i64::MAX));
    empty.extensions.reason = Some(Vec::new());
    empty.extensions.http_version = None;
    vec![
        with_body(full, "{\"text\": \"\u{1f600}\\\"\u{0}\"}"),
        with_body(empty, ""),
        with_body(variant_head("https://example.org/v", "de"), "Grüß Gott"),
        with_body(variant_head("https://example.org/v", "en"), noise(1, 70_000)),
        with_body(head("https://example.org/edge"), noise(2, 1 << 20)),
        with_body(head("https://example.org/large"), noise(3, (2 << 20) + 17)),
        with_body(head("https://example.org/zeros"), vec![0; 3 << 20]),
    ]
}

fn write_all(writer: &mut dyn Writer, entries: &[Entry], piece: usize) {
    for (head, body) in entries {
        match writer.begin(head, 1000).expect("begun") {
            Wanted::Body => {
                for piece in body.chunks(piece) {
                    writer.chunk(piece).expect("written");
                }
                writer.end().expect("ended");
            }
            Wanted::NoBody => writer.end().expect("ended"),
            Wanted::LeftOut(_) => {}
        }
    }
}

fn start(name: &str, options: WriteOptions, gzip: bool) -> (Box<dyn Writer>, Paper) {
    let paper = Paper::default();
    let target = Target::Stream { to: Box::new(paper.clone()), gzip };
    (writer(format(name), target, options).expect("a writer"), paper)
}

impl Paper {
    fn text(&self) -> Vec<u8> {
        self.0.lock().expect("not poisoned").clone()
    }
}

/// Exports to a stream.
fn export(name: &str, entries: &[Entry], options: WriteOptions) -> (Vec<u8>, Written) {
    let (mut writer, paper) = start(name, options, false);
    write_all(&mut *writer, entries, 100_000);
    let written = writer.finish().expect("finished");
    (paper.text(), written)
}

/// What a reader gives for one entry.
type Read = Result<Entry, Error>;

fn read_all(mut reader: Box<dyn Reader>) -> Vec<Read> {
    let mut all = Vec::new();
    loop {
        assert!(all.len() < 100_000, "it comes to an end");
        match reader.next() {
            Ok(None) => return all,
            Ok(Some(head)) => all.push(body_of(&mut *reader).map(|body| (head, body))),
            Err(e) => all.push(Err(e)),
        }
    }
}

fn body_of(reader: &mut dyn Reader) -> Result<Bytes, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = reader.chunk()? {
        assert!(!chunk.is_empty() && chunk.len() <= cachectl::interchange::MAX_CHUNK);
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn open(name: &str, bytes: &[u8]) -> Result<Box<dyn Reader>, Error> {
    reader(format(name), Origin::Stream(Box::new(Cursor::new(bytes.to_vec()))))
}

fn import(name: &str, bytes: &[u8]) -> Vec<Read> {
    match open(name, bytes) {
        Ok(reader) => read_all(reader),
        Err(e) => vec![Err(e)],
    }
}

fn import_folder(folder: &Path) -> Vec<Read> {
    read_all(reader(format("dir"), Origin::Folder(folder.to_owned())).expect("a folder"))
}

fn whole(read: Vec<Read>) -> Vec<Entry> {
    read.into_iter().map(|entry| entry.expect("a whole entry")).collect()
}

/// The codes of what went wrong.
fn codes(read: &[Read]) -> Vec<&'static str> {
    read.iter().filter_map(|entry| entry.as_ref().err()).map(Error::code).collect()
}

/// The same but for digests, which not every format tells beforehand.
fn assert_same(read: &[Entry], wanted: &[Entry]) {
    assert_eq!(read.len(), wanted.len());
    for ((head, body), (wanted_head, wanted_body)) in read.iter().zip(wanted) {
        let mut head = head.clone();
        assert_eq!(head.body.bytes, wanted_head.body.bytes, "{}", head.id);
        head.body = wanted_head.body;
        assert_eq!(&head, wanted_head);
        assert!(body == wanted_body, "the body of {}", head.id);
    }
}
