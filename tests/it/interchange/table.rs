//! CSV: one row an entry.

use cachectl::interchange::{FORMATS, Origin, Target, WriteOptions, reader, writer};
use cachectl::{ErrorKind, Headers};

use super::{Paper, export, format, options, samples, table, with_body};
use crate::testkit::sample::head;

#[test]
fn interchange_csv_quotes_what_needs_it() {
    let mut odd = head("https://e.org/a,b");
    odd.id.key = "line\nfeed \"quoted\"".into();
    odd.headers = Headers::new().with("ETag", "W/\"x\"");
    let options = WriteOptions { table: Some(table()), ..options() };
    let (bytes, written) = export("csv", &[with_body(odd, "body")], options);
    let wanted = "key,url,tags,expires_at,etag,location,stored_bytes,redacted\n\
        \"line\nfeed \"\"quoted\"\"\",\"https://e.org/a,b\",one two words,,\"W/\"\"x\"\"\",,1000,false\n";
    assert_eq!(String::from_utf8(bytes).expect("UTF-8"), wanted);
    assert_eq!((written.entries, written.body_bytes), (1, 0));
}

#[test]
fn interchange_csv_of_nothing_still_has_its_columns() {
    let options = WriteOptions { table: Some(table()), ..options() };
    let (bytes, _) = export("csv", &[], options);
    assert_eq!(bytes.iter().filter(|c| **c == b'\n').count(), 1);
}

#[test]
fn interchange_formats_refuse_what_they_cannot_do() {
    let usage = |error: Option<cachectl::Error>| error.expect("refused").kind() == ErrorKind::Usage;
    let nothing = || Origin::Stream(Box::new(std::io::empty()));
    let folder = tempfile::tempdir().expect("a folder");
    assert!(usage(reader(format("csv"), nothing()).err()));
    assert!(usage(reader(format("dir"), nothing()).err()));
    assert!(usage(reader(format("har"), Origin::Folder(folder.path().into())).err()));
    for known in FORMATS {
        let wrong = match known.is_folder {
            true => Target::Stream { to: Box::new(Paper::default()), gzip: false },
            false => Target::Folder(folder.path().join("out")),
        };
        let options = WriteOptions { table: Some(table()), ..options() };
        assert!(usage(writer(known, wrong, options).err()), "{}", known.name);
    }
    let paper = Target::Stream { to: Box::new(Paper::default()), gzip: false };
    assert!(usage(writer(format("csv"), paper, options()).err()), "csv without columns");
}

#[test]
fn interchange_calls_out_of_order_are_errors_and_no_panics() {
    let (head, body) = samples().swap_remove(0);
    for known in FORMATS {
        let folder = tempfile::tempdir().expect("a folder");
        let target = match known.is_folder {
            true => Target::Folder(folder.path().join("out")),
            false => Target::Stream { to: Box::new(Paper::default()), gzip: false },
        };
        let options = WriteOptions { table: Some(table()), ..options() };
        let mut writer = writer(known, target, options).expect("a writer");
        let internal = |result: cachectl::Result<()>| {
            result.expect_err(known.name).kind() == ErrorKind::Internal
        };
        assert!(internal(writer.end()) && internal(writer.abandon()));
        assert!(internal(writer.chunk(&body)));
        writer.begin(&head, 0).expect("begun");
        assert!(internal(writer.begin(&head, 0).map(drop)));
        assert!(internal(writer.finish().map(drop)), "{}", known.name);
    }
}
