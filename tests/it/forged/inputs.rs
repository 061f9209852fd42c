//! What commands read beside stores: archives, HARs, folders, lists, header files.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::{Forge, GOOD, Scene, fifo, items, link, shelf, sparse};
use crate::testkit::alone;

/// An archive's first line.
const OPENING: &str = "{\"cachectl_archive\":1,\"created_at\":\"2026-01-01T00:00:00Z\",\"source\":\"x\",\"redacted\":false}\n";

/// A line of an archive with something else in it.
fn line(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut line = serde_json::json!({
        "key": "chosen", "variant": "", "partition": "", "created_at": "2026-01-01T00:00:00Z",
        "requested_at": "2026-01-01T00:00:00Z", "received_at": "2026-01-01T00:00:00Z",
        "expires_at": null, "last_used_at": null, "uses": 0, "tags": [], "forced": false,
        "invalidated": false, "serializer": null, "vary": [],
        "request": { "method": "GET", "url": "https://victim.example/", "headers": [] },
        "response": { "status": 200, "headers": [["Cache-Control", "max-age=60"]],
                      "body_bytes": 2, "body_base64": "b2s=" },
    });
    change(&mut line);
    format!("{line}\n")
}

/// An entry of a HAR with something else in it.
fn har(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut entry = serde_json::json!({
        "startedDateTime": "2026-01-01T00:00:00Z", "time": 1,
        "request": { "method": "GET", "url": "https://victim.example/", "headers": [] },
        "response": { "status": 200, "headers": [{ "name": "Cache-Control", "value": "max-age=60" }],
                      "content": { "size": 2, "text": "ok" } },
    });
    change(&mut entry);
    format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{entry}]}}}}")
}

/// The name of the file, what is in it, and the exit code of importing it.
type Case = (&'static str, &'static str, fn(&Path), i32);

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).expect("written");
}

/// A file with a text that is repeated.
fn repeated(path: &Path, start: &str, part: &str, times: usize, end: &str) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).expect("a file"));
    file.write_all(start.as_bytes()).expect("written");
    for _ in 0..times {
        file.write_all(part.as_bytes()).expect("written");
    }
    file.write_all(end.as_bytes()).expect("written");
}

const CASES: &[Case] = &[
    (
        "a reason with a line end",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned() + &line(|l| l["response"]["reason"] = "OK\r\nX-Split: 1".into()),
            );
        },
        5,
    ),
    (
        "a field with a line end",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned()
                    + &line(|l| {
                        l["response"]["headers"] = serde_json::json!([["A", "b\r\nX-Split: 1"]]);
                    }),
            );
        },
        5,
    ),
    (
        "a field name with an escape",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned()
                    + &line(|l| {
                        l["response"]["headers"] = serde_json::json!([["A\u{1b}[31m", "b"]]);
                    }),
            );
        },
        5,
    ),
    (
        "a NUL in a value",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned()
                    + &line(|l| l["response"]["headers"] = serde_json::json!([["A", "b\0"]])),
            );
        },
        5,
    ),
    (
        "an empty key",
        "a.ndjson",
        |p| write(p, OPENING.to_owned() + &line(|l| l["key"] = "".into())),
        5,
    ),
    (
        "an empty URL",
        "a.ndjson",
        |p| {
            write(p, OPENING.to_owned() + &line(|l| l["request"]["url"] = "".into()));
        },
        5,
    ),
    (
        "an empty method",
        "a.ndjson",
        |p| {
            write(p, OPENING.to_owned() + &line(|l| l["request"]["method"] = "".into()));
        },
        5,
    ),
    (
        "a time in the year 9999",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned() + &line(|l| l["created_at"] = "9999-01-01T00:00:00Z".into()),
            );
        },
        5,
    ),
    (
        "a time before the year 0",
        "a.ndjson",
        |p| {
            write(
                p,
                OPENING.to_owned() + &line(|l| l["created_at"] = "-9999-01-01T00:00:00Z".into()),
            );
        },
        5,
    ),
    (
        "a status beyond all",
        "a.ndjson",
        |p| {
            write(p, OPENING.to_owned() + &line(|l| l["response"]["status"] = 65535.into()));
        },
        5,
    ),
    (
        "a body of another length",
        "a.ndjson",
        |p| {
            write(p, OPENING.to_owned() + &line(|l| l["response"]["body_bytes"] = u64::MAX.into()));
        },
        5,
    ),
    (
        "a line without an end",
        "a.ndjson",
        |p| {
            repeated(p, &(OPENING.to_owned() + "{\"key\":\""), &"x".repeat(1 << 20), 300, "");
        },
        5,
    ),
    (
        "a line of many parts",
        "a.ndjson",
        |p| {
            repeated(p, &(OPENING.to_owned() + "{\"tags\":["), "\"\",", 1_000_000, "\"\"]}\n");
        },
        5,
    ),
    (
        "a value without a bottom",
        "a.ndjson",
        |p| {
            repeated(
                p,
                &(OPENING.to_owned() + "{\"request\":{\"extensions\":{\"a\":"),
                "[",
                1_000_000,
                "\n",
            );
        },
        5,
    ),
    ("an archive of nothing", "a.ndjson", |p| sparse(p, b"", 4 << 30), 8),
    ("an archive that is a device", "a.ndjson", |p| link(p, Path::new("/dev/zero")), 8),
    ("an archive that is no archive", "a.ndjson", |p| write(p, "hello\n"), 8),
    (
        "a HAR with a line end in its reason",
        "x.har",
        |p| {
            write(p, har(|e| e["response"]["statusText"] = "OK\r\nX-Split: 1".into()));
        },
        5,
    ),
    (
        "a HAR with a URL of many megabytes",
        "x.har",
        |p| {
            repeated(
                p,
                "{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"https://e.org/",
                &"x".repeat(1 << 20),
                60,
                "\"}}]}}",
            );
        },
        5,
    ),
    (
        "a HAR with a text of hundreds of megabytes",
        "x.har",
        |p| {
            repeated(
                p,
                "{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"https://e.org/\",\"headers\":[]},\"response\":{\"status\":200,\"headers\":[{\"name\":\"Cache-Control\",\"value\":\"max-age=60\"}],\"content\":{\"size\":1,\"text\":\"",
                &"x".repeat(1 << 20),
                150,
                "\"}}}]}}",
            );
        },
        0,
    ),
    (
        "a HAR with a text that never ends",
        "x.har",
        |p| {
            sparse(p, b"{\"log\":{\"entries\":[{\"response\":{\"content\":{\"text\":\"", 200 << 20);
        },
        5,
    ),
    (
        "a HAR with a comment of hundreds of megabytes",
        "x.har",
        |p| {
            repeated(
                p,
                "{\"log\":{\"comment\":\"",
                &"x".repeat(1 << 20),
                200,
                "\",\"entries\":[]}}",
            );
        },
        0,
    ),
    (
        "a HAR of many parts",
        "x.har",
        |p| {
            repeated(
                p,
                "{\"log\":{\"entries\":[{\"_cachectl\":{\"request_extensions\":{\"a\":[",
                "0,",
                1_500_000,
                "0]}}}]}}",
            );
        },
        5,
    ),
    (
        "a HAR with two logs",
        "x.har",
        |p| {
            let one = har(|_| ());
            write(p, format!("{},\"log\":{{\"entries\":[]}}}}", &one[..one.len() - 1]));
        },
        5,
    ),
    (
        "a HAR without a bottom",
        "x.har",
        |p| {
            repeated(p, "{\"log\":{\"entries\":[", "[", 30_000_000, "");
        },
        5,
    ),
    (
        "a gzip that is a bomb",
        "x.ndjson.gz",
        |p| {
            let mut to = flate2::write::GzEncoder::new(
                fs::File::create(p).expect("a file"),
                flate2::Compression::fast(),
            );
            to.write_all(OPENING.as_bytes()).expect("written");
            let zeros = vec![b'0'; 1 << 20];
            for _ in 0..500 {
                to.write_all(&zeros).expect("written");
            }
            to.finish().expect("finished");
        },
        5,
    ),
];

#[test]
fn imports() {
    if !alone::is_child() {
        return alone::run_here();
    }
    for (what, name, make, code) in CASES {
        let scene = Scene::new();
        shelf::fill(&scene.desk, "file:s", &items());
        make(&scene.desk.file(name));
        let ran = scene.run(&["import", name, "--backend", "file:s"], what);
        assert_eq!(ran.code, *code, "{what}: {}", ran.stderr);
        assert!(!ran.stderr.contains("warning:  "), "{what}: {}", ran.stderr);
        let got = scene.run(&["get", "-i", "--offline", "--backend", "file:s", GOOD[1]], what);
        assert_eq!(got.code, 0, "{what}: {}", got.stderr);
        for shown in [&got, &scene.run(&["inspect", "--key", "*", "--backend", "file:s"], what)] {
            assert!(!shown.text().contains("\nX-Split"), "{what}: {}", shown.text());
        }
        scene.run(&["verify", "--backend", "file:s"], what);
    }
}

#[test]
fn folders_to_import() {
    if !alone::is_child() {
        return alone::run_here();
    }
    let cases: [(&str, Forge); 6] = [
        ("a link in the folder", |s| {
            let body = first_body(s);
            link(&body, &s.precious());
        }),
        ("a pipe in the folder", |s| fifo(&first_body(s))),
        ("a link for the index", |s| link(&s.desk.file("e/index.ndjson"), &s.precious())),
        ("a pipe for the index", |s| fifo(&s.desk.file("e/index.ndjson"))),
        ("an index without an end", |s| {
            sparse(&s.desk.file("e/index.ndjson"), b"{\"cachectl_index\":1", 4 << 30);
        }),
        ("a path that leads outside", |s| {
            let index = fs::read_to_string(s.desk.file("e/index.ndjson")).expect("an index");
            let line = index.lines().nth(1).expect("an entry");
            let path: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let path = path["path"].as_str().expect("a path").to_owned();
            let forged = index.replacen(&path, "../outside/precious.txt", 1);
            fs::write(s.desk.file("e/index.ndjson"), forged).expect("written");
        }),
    ];
    for (what, forge) in cases {
        let scene = Scene::new();
        shelf::fill(&scene.desk, "file:s", &items());
        let made = scene.run(&["export", "--as", "dir", "-o", "e", "--backend", "file:s"], what);
        assert_eq!(made.code, 0, "{what}: {}", made.stderr);
        forge(&scene);
        let ran = scene.run(&["import", "--as", "dir", "e", "--backend", "file:t"], what);
        assert_ne!(ran.code, 0, "{what}");
        let held = scene.run(&["list", "--backend", "file:t", "--columns", "bytes"], what);
        assert!(!held.text().contains("pppp"), "{what}");
    }
}

/// A file in the exported folder that is the body of an entry.
fn first_body(scene: &Scene) -> std::path::PathBuf {
    let index = fs::read_to_string(scene.desk.file("e/index.ndjson")).expect("an index");
    let line = index.lines().nth(1).expect("an entry");
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    scene.desk.file("e").join(line["path"].as_str().expect("a path"))
}

#[test]
fn lists_and_texts() {
    if !alone::is_child() {
        return alone::run_here();
    }
    let scene = Scene::new();
    shelf::fill(&scene.desk, "file:s", &items());
    sparse(&scene.desk.file("zeros"), b"", 4 << 30);
    let url = GOOD[0];
    let cases: &[&[&str]] = &[
        &["list", "--keys-from", "/dev/zero"],
        &["list", "--keys-from", "zeros"],
        &["purge", "--keys-from", "zeros", "--yes"],
        &["get", "-H", "@/dev/zero", url],
        &["get", "-H", "@zeros", url],
        &["list", "--config", "/dev/zero"],
        &["list", "--config", "zeros"],
        &["get", "--offline", "--locked", "/dev/zero", url],
        &["get", "--offline", "--locked", "zeros", url],
        &["warm", "--from", "zeros"],
        &["warm", "--from", "/dev/zero"],
        &["warm", "--from", "zeros", "--as", "sitemap"],
        &["warm", "--from", "zeros", "--as", "har"],
        &["warm", "--from", "zeros", "--as", "lock"],
    ];
    for args in cases {
        let ran = scene.run(&[args, &["--backend", "file:s"][..]].concat(), "endless");
        assert_ne!(ran.code, 0, "{args:?}: {}", ran.stderr);
    }
    let held = scene.run(&["list", "--backend", "file:s", "--columns", "url"], "afterwards");
    assert_eq!(held.text().lines().count(), 3, "nothing was removed");
}

/// Parameters that a library below would panic on.
#[test]
fn parameters_beyond_all() {
    if !alone::is_child() {
        return alone::run_here();
    }
    let scene = Scene::new();
    shelf::fill(&scene.desk, "file:s", &items());
    shelf::fill(&scene.desk, "sqlite:s.db", &items());
    let numbers = [
        "",
        "0",
        "-1",
        "1",
        "18446744073709551615",
        "99999999999999999999999",
        "1e308",
        "nan",
        "x",
        "25d",
        "9999999999999w",
        "1ns",
        "\u{661}",
    ];
    let params: [(&str, &[&str]); 3] = [
        ("file:s", &["ttl", "check_ttl_every", "sync", "readonly", "layout", "serializer"]),
        ("sqlite:s.db", &["ttl", "busy_timeout", "table", "readonly", "layout"]),
        ("memory:", &["capacity", "ttl"]),
    ];
    for (store, names) in params {
        for name in names {
            for number in numbers {
                let store = format!("{store}?{name}={number}");
                let url = GOOD[0];
                for args in [&["list"][..], &["get", "--offline", url], &["gc", "-n"]] {
                    scene.run(&[args, &["--backend", &store]].concat(), &store);
                }
            }
        }
    }
    for (flag, command) in [
        ("--ttl", "get"),
        ("--max-time", "get"),
        ("--connect-timeout", "get"),
        ("--retry", "get"),
        ("--limit", "list"),
        ("--older-than", "list"),
        ("--larger-than", "list"),
        ("--status", "list"),
        ("--max-size", "gc"),
        ("--max-entries", "gc"),
        ("--older-than", "gc"),
        ("--sample", "verify"),
        ("-j", "verify"),
        ("--max-errors", "import"),
        ("--rate", "warm"),
    ] {
        for number in numbers {
            let flag = format!("{flag}={number}");
            let flag = if flag.starts_with("-j=") { format!("-j{number}") } else { flag };
            let more: &[&str] = match command {
                "get" => &["--offline", GOOD[0]],
                "import" => &["/dev/null"],
                "warm" => &["--from", "/dev/null"],
                "gc" => &["-n"],
                _ => &[],
            };
            scene.run(&[&[command, &flag, "--backend", "file:s"], more].concat(), &flag);
        }
    }
}
