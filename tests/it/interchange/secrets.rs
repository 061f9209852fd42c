//! Credentials that were planted everywhere appear in no redacted export.

use std::fs;
use std::path::Path;

use cachectl::interchange::{FORMATS, Target, WriteOptions, writer};
use cachectl::{Secrets, Selecting, UrlText, Variant};

use super::{Entry, Paper, options, table, with_body, write_all};
use crate::testkit::sample::head;

const PLANTED: &str = "h0rse-battery";

fn planted() -> Entry {
    let mut head = head("https://example.org/");
    let url = format!(
        "https://user:{PLANTED}@example.org/p?token={PLANTED}&a=1&X-Amz-Signature={PLANTED}&my_sid={PLANTED}"
    );
    head.id.key = url.clone();
    head.request.url = UrlText::verbatim(url.clone());
    for name in ["Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "X-Ours"] {
        head.request.headers.push(name, format!("Scheme {PLANTED}=x; {PLANTED}={PLANTED}"));
    }
    head.request.headers.push("Referer", &url);
    head.headers.push("Set-Cookie", format!("sid={PLANTED}; Path=/"));
    head.headers.push("X-Csrf-Token", PLANTED);
    head.headers.push("Location", &url);
    head.headers.push("Link", format!("<{url}>; rel=next"));
    head.headers.push("ETag", "\"1\"");
    let value = |name: &str| Selecting { name: name.into(), value: Some(PLANTED.into()) };
    head.selections = vec![vec![value("cookie"), value("x-ours")]];
    head.id.variant = Variant::of(&head.selections[0]);
    with_body(head, "<p>no credentials</p>")
}

fn secrets() -> Secrets {
    Secrets::with_names(vec!["x-ours".into()], vec!["my_sid".into()])
}

/// All names and contents below a folder.
fn everything(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        all.extend_from_slice(entry.file_name().as_encoded_bytes());
        let path = entry.path();
        all.extend(if path.is_dir() {
            everything(&path)
        } else {
            fs::read(&path).expect("a file")
        });
    }
    all
}

fn exported(redact: bool, name: &str) -> (String, u64) {
    let known = FORMATS.iter().find(|f| f.name == name).expect("a format");
    let folder = tempfile::tempdir().expect("a folder");
    let paper = Paper::default();
    let target = match known.is_folder {
        true => Target::Folder(folder.path().join("out")),
        false => Target::Stream { to: Box::new(paper.clone()), gzip: false },
    };
    let options = WriteOptions { redact, secrets: secrets(), table: Some(table()), ..options() };
    let mut writer = writer(known, target, options).expect("a writer");
    let mut plain = with_body(head("https://example.org/plain"), "x");
    plain.0.headers.remove("set-cookie");
    write_all(&mut *writer, &[planted(), plain], 10);
    let written = writer.finish().expect("finished");
    let all = if known.is_folder { everything(folder.path()) } else { paper.text() };
    (String::from_utf8(all).expect("UTF-8"), written.with_credentials)
}

#[test]
fn interchange_redacted_exports_hold_no_credentials() {
    for format in FORMATS {
        let (text, count) = exported(true, format.name);
        let at = text.find(PLANTED).map(|at| &text[at.saturating_sub(80)..at + PLANTED.len()]);
        assert_eq!(at, None, "{}", format.name);
        assert!(text.contains("[redacted]"), "{}", format.name);
        assert_eq!(count, 1, "{}: entries with credentials", format.name);
    }
}

#[test]
fn interchange_exports_that_are_not_redacted_keep_them_and_count() {
    for format in FORMATS {
        let (text, count) = exported(false, format.name);
        assert!(text.contains(PLANTED), "{}", format.name);
        assert!(!text.contains("[redacted]"), "{}", format.name);
        assert_eq!(count, 1, "{}", format.name);
    }
}

#[test]
fn interchange_csv_says_of_each_row_whether_something_was_hidden() {
    let ends = |redact| -> Vec<bool> {
        let (text, _) = exported(redact, "csv");
        text.lines().skip(1).map(|row| row.ends_with(",true")).collect()
    };
    assert_eq!((ends(true), ends(false)), (vec![true, false], vec![false, false]));
}

#[test]
fn interchange_archives_say_whether_they_are_redacted() {
    assert!(exported(true, "archive").0.lines().next().unwrap().contains("\"redacted\":true"));
    assert!(exported(false, "archive").0.lines().next().unwrap().contains("\"redacted\":false"));
}
