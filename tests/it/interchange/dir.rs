//! Folders: files for people, and a way back.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use cachectl::interchange::{Target, WriteOptions, Written, writer};
use cachectl::{ErrorKind, UrlText};
use tempfile::TempDir;

use super::{
    Entry, assert_same, codes, format, import_folder, options, samples, whole, with_body, write_all,
};
use crate::testkit::sample::{head, noise};

fn export_to(folder: &Path, entries: &[Entry], options: WriteOptions) -> Written {
    let target = Target::Folder(folder.to_owned());
    let mut writer = writer(format("dir"), target, options).expect("a writer");
    write_all(&mut *writer, entries, 100_000);
    writer.finish().expect("finished")
}

fn export(entries: &[Entry]) -> (TempDir, PathBuf) {
    let desk = tempfile::tempdir().expect("a folder");
    let out = desk.path().join("out");
    export_to(&out, entries, options());
    (desk, out)
}

/// The paths of all files below a folder.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).expect("a folder").flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let below = path.strip_prefix(folder).expect("below");
                    all.insert(below.to_str().expect("ASCII").to_owned());
                }
            }
        }
    }
    all
}

fn entry(url: &str, body: &str) -> Entry {
    with_body(head(url), body.to_owned())
}

/// Whatever the URLs are, everything is inside, and comes back.
pub fn check_round_trip(entries: &[Entry]) {
    let (desk, out) = export(entries);
    assert_eq!(fs::read_dir(desk.path()).expect("a folder").count(), 1, "nothing beside it");
    assert_eq!(files(&out).len(), entries.len() + 2);
    assert_same(&whole(import_folder(&out)), entries);
}

#[test]
fn interchange_dir_gives_back_what_went_in_and_the_same_files_again() {
    let entries = samples();
    let (_desk, out) = export(&entries);
    let read = whole(import_folder(&out));
    assert_same(&read, &entries);
    let (_second, again) = export(&read);
    assert_eq!(files(&out), files(&again));
    for file in files(&out) {
        assert!(
            fs::read(out.join(&file)).unwrap() == fs::read(again.join(&file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn interchange_dir_has_a_place_for_everything() {
    let entries = [
        entry("https://e.org/", "root"),
        entry("https://e.org/a", "file and folder"),
        entry("https://e.org/a/b.css?v=1", "b"),
        entry("https://e.org/a/b.css?v=1", "b again"),
        entry("https://e.org/A/B.css?v=1", "other case"),
        entry("http://e.org:8080/x", "port"),
    ];
    let (_desk, out) = export(&entries);
    let wanted = ["A/B.css@v=1~v3", "a/b.css@v=1", "a/b.css@v=1~v2", "a~file", "index.txt"];
    let mut wanted: BTreeSet<String> = wanted.iter().map(|p| format!("e.org/{p}")).collect();
    wanted.extend(["e.org_8080/x", "SHA256SUMS", "index.ndjson"].map(ToOwned::to_owned));
    assert_eq!(files(&out), wanted);
    assert_same(&whole(import_folder(&out)), &entries);
}

#[test]
fn interchange_dir_can_be_checked_with_sha256sum() {
    let (_desk, out) = export(&samples());
    let check = || {
        let mut command = Command::new("sha256sum");
        command.args(["-c", "--quiet", "--strict", "SHA256SUMS"]).current_dir(&out);
        command.output().expect("sha256sum runs")
    };
    let ran = check();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    fs::write(out.join("example.org/v"), "changed").expect("written");
    assert!(!check().status.success());
}

#[test]
fn interchange_dir_decodes_if_asked_and_keeps_the_header_true() {
    let page = "<p>hello</p>".repeat(1000);
    let coded = zstd::encode_all(page.as_bytes(), 3).expect("coded");
    let mut head = head("https://e.org/page");
    head.headers.push("Content-Encoding", "zstd");
    head.headers.push("Content-Length", coded.len().to_string());
    let mut broken = head.clone();
    broken.request.url = UrlText::verbatim("https://e.org/broken");
    let good = with_body(head, coded.clone());
    let broken = with_body(broken, Bytes::from_static(b"no zstd at all"));
    let (_desk, out) = export(&[good.clone(), broken.clone()]);
    assert_eq!(fs::read(out.join("e.org/page")).expect("a file"), page.as_bytes());
    let read = whole(import_folder(&out));
    assert_eq!(read[0].0.headers.get("content-encoding"), None);
    assert_eq!(read[0].0.headers.get_text("content-length").unwrap(), page.len().to_string());
    assert_same(&read[1..], std::slice::from_ref(&broken));

    let desk = tempfile::tempdir().expect("a folder");
    let raw = desk.path().join("raw");
    let written =
        export_to(&raw, std::slice::from_ref(&good), WriteOptions { decode: false, ..options() });
    assert!(written.lost.is_empty());
    assert_eq!(fs::read(raw.join("e.org/page")).expect("a file"), coded);
    assert_same(&whole(import_folder(&raw)), &[good]);
}

#[test]
fn interchange_dir_holds_hostile_urls_inside() {
    let long = format!("https://e.org/{}?{}", "d/".repeat(3000), "q".repeat(3000));
    let urls = [
        "https://e.org/../../../etc/passwd",
        "https://../x",
        "https://e.org/%2e%2e/%2E%2E/x",
        "https://e.org\\..\\..\\x",
        "https:///x",
        "/etc/passwd",
        "../../x",
        "",
        "https://e.org/a\0b",
        "https://e.org/con/aux.txt",
        "https://SHA256SUMS/x",
        "https://index.ndjson/",
        &long,
    ];
    let entries: Vec<_> = urls
        .iter()
        .map(|url| {
            let mut head = head("https://e.org/");
            head.request.url = UrlText::verbatim(*url);
            with_body(head, (*url).to_owned())
        })
        .collect();
    let (desk, out) = export(&entries);
    assert_eq!(fs::read_dir(desk.path()).expect("a folder").count(), 1, "nothing beside it");
    assert_eq!(files(&out).len(), urls.len() + 2, "nothing is lost, nothing elsewhere");
    assert_same(&whole(import_folder(&out)), &entries);
}

#[test]
fn interchange_dir_that_is_not_finished_leaves_nothing() {
    let desk = tempfile::tempdir().expect("a folder");
    let target = Target::Folder(desk.path().join("out"));
    let mut writer = writer(format("dir"), target, options()).expect("a writer");
    write_all(&mut *writer, &samples(), 1000);
    drop(writer);
    assert_eq!(fs::read_dir(desk.path()).expect("a folder").count(), 0);
}

#[test]
fn interchange_dir_does_not_touch_what_is_there() {
    let desk = tempfile::tempdir().expect("a folder");
    let out = desk.path().join("out");
    fs::create_dir(&out).expect("made");
    export_to(&out, &samples(), options());
    let file = desk.path().join("file");
    fs::write(&file, "mine").expect("written");
    for taken in [&out, &file] {
        let target = Target::Folder(taken.clone());
        let error = writer(format("dir"), target, options()).err().expect("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Refused, "exists"));
    }
    assert_eq!(fs::read(&file).expect("a file"), b"mine");
}

#[test]
fn interchange_dir_takes_damaged_entries_away() {
    let desk = tempfile::tempdir().expect("a folder");
    let out = desk.path().join("out");
    let mut writer =
        writer(format("dir"), Target::Folder(out.clone()), options()).expect("a writer");
    let (bad, body) = with_body(head("https://bad.org/a/b"), noise(1, 1000));
    writer.begin(&bad, 0).expect("begun");
    writer.chunk(&body[..10]).expect("written");
    writer.abandon().expect("given up");
    writer.begin(&bad, 0).expect("begun");
    writer.chunk(&body[..10]).expect("written");
    assert_eq!(writer.end().expect_err("too short").code(), "body_damaged");
    let good = [entry("https://good.org/x", "x")];
    write_all(&mut *writer, &good, 10);
    writer.finish().expect("finished");
    assert!(!out.join("bad.org").exists());
    assert_same(&whole(import_folder(&out)), &good);
}

/// An index whose one path is replaced, and a file beside the folder.
fn with_path(path: &str) -> (TempDir, Vec<super::Read>) {
    let (desk, out) =
        export(&[entry("https://e.org/x", "inside"), entry("https://e.org/y", "more")]);
    fs::write(desk.path().join("secret"), "inside").expect("written");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(desk.path().join("secret"), out.join("link")).expect("linked");
        std::os::unix::fs::symlink(desk.path(), out.join("up")).expect("linked");
    }
    let index = out.join("index.ndjson");
    let text = fs::read_to_string(&index).expect("text");
    let changed = text.replace("\"e.org/x\"", &serde_json::to_string(path).expect("JSON"));
    assert_ne!(changed, text);
    fs::write(&index, changed).expect("written");
    let read = import_folder(&out);
    (desk, read)
}

#[test]
fn interchange_dir_reads_nothing_outside() {
    for path in [
        "../secret",
        "/etc/hostname",
        "e.org/../../secret",
        "",
        ".",
        "e.org",
        "./e.org/x",
        "link",
        "up/secret",
        "e.org\\x",
    ] {
        let (_desk, read) = with_path(path);
        assert_eq!(codes(&read), ["bad_path"], "{path}");
        let message = read[0].as_ref().unwrap_err().message();
        assert!(message.contains(&format!("{path:?}")), "{message}");
        assert_eq!(read.len(), 2, "the other entry is still there");
    }
}

#[test]
fn interchange_dir_with_changed_files_is_noticed() {
    let entries = [entry("https://e.org/x", "inside"), entry("https://e.org/y", "more")];
    for (content, code) in
        [(Some("inSide"), "body_damaged"), (Some("in"), "body_damaged"), (None, "body_damaged")]
    {
        let (_desk, out) = export(&entries);
        match content {
            Some(content) => fs::write(out.join("e.org/x"), content).expect("written"),
            None => fs::remove_file(out.join("e.org/x")).expect("removed"),
        }
        let read = import_folder(&out);
        assert_eq!(codes(&read), [code]);
        assert_eq!(read.len(), 2);
    }
    let (_desk, out) = export(&entries);
    let index = fs::read_to_string(out.join("index.ndjson")).expect("text");
    let lines: Vec<_> = index.split_inclusive('\n').collect();
    for (kept, code) in
        [(&lines[..2], "truncated"), (&[lines[0], lines[1], lines[3]][..], "miscounted")]
    {
        fs::write(out.join("index.ndjson"), kept.concat()).expect("written");
        assert_eq!(codes(&import_folder(&out)), [code]);
    }
}

#[test]
fn interchange_dir_without_bodies_is_an_index() {
    let desk = tempfile::tempdir().expect("a folder");
    let out = desk.path().join("out");
    let entries = [entry("https://e.org/x", "inside"), entry("https://e.org/y", "")];
    export_to(&out, &entries, WriteOptions { bodies: false, ..options() });
    assert_eq!(files(&out).len(), 2);
    let read = import_folder(&out);
    assert_eq!(codes(&read), ["body_missing"]);
    assert!(read[1].is_ok(), "an empty body is not missing");
}
