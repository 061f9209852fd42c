//! What each command prints, for people and for machines, as it looked when somebody last
//! looked at it. `CACHECTL_UPDATE_GENERATED=1` writes the files anew.

use std::fs;
use std::path::Path;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{self, assortment};

/// Times, digests of times and places differ from run to run.
fn steady(desk: &Desk, text: &str) -> String {
    let text = text.replace(&*desk.path().to_string_lossy(), "DESK");
    let time =
        regex_lite::Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a pattern");
    let text = time.replace_all(&text, "TIME");
    let disk = regex_lite::Regex::new(r#"(on disk |smaller|"disk_bytes": |disk_bytes\t)[^\n,]*"#)
        .expect("a pattern");
    let text = disk.replace_all(&text, "${1}…");
    let secs = regex_lite::Regex::new(r"\b(\d{5,})s\b").expect("a pattern");
    let text = secs.replace_all(&text, "Ns");
    let remaining =
        regex_lite::Regex::new(r#""(age_s|remaining_s)": -?\d+|(ttl|resident)=?\s?-?\d+"#)
            .expect("a pattern");
    remaining.replace_all(&text, "N").into_owned()
}

/// Runs commands one after the other and compares all they print with the file.
fn compare(name: &str, desk: &Desk, commands: &[&[&str]]) {
    let mut text = String::new();
    for args in commands {
        let ran = desk.run(args);
        let shown: Vec<String> = args
            .iter()
            .map(|arg| {
                if arg.contains(|c: char| " '*&?=".contains(c)) {
                    format!("{arg:?}")
                } else {
                    (*arg).to_owned()
                }
            })
            .collect();
        text.push_str(&format!("$ cachectl {}\n{}", shown.join(" "), ran.text()));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        if !ran.stderr.is_empty() {
            text.push_str(&format!("--- standard error\n{}", ran.stderr));
        }
        if ran.code != 0 {
            text.push_str(&format!("--- exit {}\n", ran.code));
        }
        text.push('\n');
    }
    let text = steady(desk, &text);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("CACHECTL_UPDATE_GENERATED").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, &text).expect("written");
        return;
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    if known == text {
        return;
    }
    let differs = known.lines().zip(text.lines()).find(|(a, b)| a != b);
    panic!("{} is not what is printed now:\n{differs:#?}\n\n{text}", path.display());
}

fn desk() -> Desk {
    let desk = Desk::new().env("CACHECTL_BACKEND", "sqlite:s.db");
    shelf::fill(&desk, "sqlite:s.db", &assortment());
    desk
}

#[test]
fn list() {
    compare(
        "list",
        &desk(),
        &[
            &["list", "--format", "table"],
            &["list", "--format", "wide"],
            &["list"],
            &[
                "list",
                "--header",
                "--columns",
                "key,type,size",
                "--sort",
                "size:desc",
                "--limit",
                "2",
            ],
            &["list", "--format", "csv", "--columns", "url,status,expires"],
            &["list", "--keys", "--host", "*.example.com"],
            &["list", "--json", "--status", "404"],
            &["list", "--format", "ndjson", "--show-secrets", "--url", "*token*"],
            &["list", "--state", "fresh", "--limit", "1"],
            &["list", "--where", "status in 4xx adn age > 7d"],
            &["list", "--sort", "sise"],
            &["list", "--columns", "kye"],
            &["list", "--host", "nothing"],
        ],
    );
}

#[test]
fn inspect_and_body() {
    compare(
        "inspect",
        &desk(),
        &[
            &["inspect", "https://api.example.org/v1/items?page=2"],
            &["inspect", "--json", "https://user.example.net/me?token=planted-secret"],
            &["inspect", "--host", "www.*", "--status", "404"],
            &["inspect"],
            &["inspect", "https://api.example.org/v2"],
            &["body", "https://www.example.com/gone"],
            &["body", "https://www.example.com/nothing"],
        ],
    );
}

#[test]
fn explain() {
    compare(
        "explain",
        &desk(),
        &[
            &["explain", "https://api.example.org/v1/users"],
            &["explain", "https://api.example.org/v1/items?page=2"],
            &["explain", "https://api.example.org/v1/items?page=3"],
            &["explain", "https://www.example.com/old"],
            &["explain", "https://www.example.com/logo.png"],
            &["explain", "-X", "POST", "https://www.example.com/gone"],
        ],
    );
}

#[test]
fn stats() {
    compare(
        "stats",
        &desk(),
        &[
            &["stats", "--format", "table"],
            &["stats"],
            &["stats", "--json", "--by", "state"],
            &["stats", "--format", "table", "--by", "host", "--top", "2"],
            &["stats", "--format", "table", "--by", "age", "--host", "www.*"],
            &["stats", "--fast"],
            &["stats", "--fast", "--host", "www.*"],
        ],
    );
}

#[test]
fn purge() {
    compare(
        "purge",
        &desk(),
        &[
            &["purge"],
            &["purge", "--all", "--host", "www.*"],
            &["purge", "--host", "www.*"],
            &["purge", "-n", "--host", "www.*", "--format", "table"],
            &["purge", "-n", "--host", "www.*", "--json"],
            &["purge", "--host", "www.*", "--yes", "--max-delete", "2"],
            &["purge", "https://www.example.com/gone", "--format", "table"],
            &["purge", "https://www.example.com/gone"],
            &["purge", "https://www.example.com/gone", "--ignore-missing"],
            &["purge", "--host", "nothing.*", "--yes", "--error-on-empty"],
            &["purge", "--sort", "size:desc", "--limit", "1", "--yes", "--format", "table"],
            &["purge", "--all", "--yes", "--format", "ndjson"],
            &["list"],
        ],
    );
}

#[test]
fn gc() {
    compare(
        "gc",
        &desk(),
        &[
            &["gc", "-n", "--format", "table"],
            &["gc", "--format", "table"],
            &["gc", "--format", "table"],
            &["gc", "--older-than", "30d"],
            &["gc", "--older-than", "30d", "--keep", "type ~ 'image/*'", "--yes", "--json"],
            &["gc", "--max-entries", "2", "--yes", "--format", "table"],
            &["list", "--columns", "url"],
            &["gc", "--backend", "sqlite:absent.db"],
            &["gc", "--max-size", "much"],
        ],
    );
}

#[test]
fn verify() {
    compare(
        "verify",
        &desk(),
        &[
            &["verify"],
            &["verify", "--json", "--sample", "100"],
            &["verify", "--sample", "0"],
            &["verify", "--yes"],
        ],
    );
}

#[test]
fn export_and_import() {
    let desk = desk();
    compare(
        "export",
        &desk,
        &[
            &["export", "--host", "user.*", "-o", "one.ndjson"],
            &["export", "--host", "user.*", "--redact"],
            &["export", "--as", "csv", "--status", "404"],
            &["export", "--as", "dir"],
            &["export", "--as", "warc"],
            &["export", "-o", "all.ndjson.gz"],
            &["import", "all.ndjson.gz", "--backend", "file:f", "-n"],
            &["import", "all.ndjson.gz", "--backend", "file:f", "--format", "table"],
            &["import", "all.ndjson.gz", "--backend", "file:f", "--format", "table"],
            &["import", "nothing.har"],
            &["import", "one.ndjson", "--as", "har"],
        ],
    );
    let archive = fs::read(desk.file("one.ndjson")).expect("an archive");
    assert!(
        archive.windows(14).any(|part| part == b"planted-secret"),
        "archives keep what is there"
    );
}
