//! Which entries are meant, on the command line.

use std::io::Write;

use crate::testkit::origin::{Origin, Seen, Step, head_only, response};
use crate::testkit::program::Desk;

const STORES: [&str; 2] = ["file:f", "sqlite:s.db"];

/// A few entries of all kinds.
fn filled(store: &str) -> (Desk, Origin) {
    let desk = Desk::new();
    let origin = Origin::start(|seen: &Seen| match seen.path() {
        "/image" => {
            response("200 OK", "Cache-Control: max-age=60\nContent-Type: image/png", "12345678")
        }
        "/gone" => response("404 Not Found", "Cache-Control: max-age=60", "gone"),
        "/old" => response("200 OK", "Cache-Control: max-age=0\nETag: \"a\"", "old"),
        _ => response("200 OK", "Cache-Control: max-age=60\nVary: Accept-Language", "text"),
    });
    for path in ["/image", "/gone", "/old"] {
        desk.run(&["get", "-q", "--backend", store, &origin.url(path)]);
    }
    for language in ["de", "en"] {
        let field = format!("Accept-Language: {language}");
        desk.ok(&["get", "-q", "-H", &field, "--backend", store, &origin.url("/text")]);
    }
    (desk, origin)
}

/// The paths that a selection lists, sorted.
fn listed(desk: &Desk, store: &str, selection: &[&str]) -> Vec<String> {
    let mut args = vec!["list", "--backend", store];
    args.extend(selection);
    let text = desk.ok(&args);
    let path = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
    let mut paths: Vec<String> = text.lines().map(path).collect();
    paths.sort();
    paths
}

#[test]
fn options_select_entries() {
    for store in STORES {
        let (desk, origin) = filled(store);
        let url = origin.url("/gone");
        let cases: &[(&[&str], &[&str])] = &[
            (&["--status", "404"], &["gone"]),
            (&["--status", "4xx,200", "--type", "image/*"], &["image"]),
            (&["--state", "stale"], &["old"]),
            (&["--url", "*/o*", "--url", "*/g*"], &["gone", "old"]),
            (&["--url-regex", "/(image|old)$"], &["image", "old"]),
            (&["--larger-than", "5"], &["image"]),
            (&["--smaller-than", "4"], &["old"]),
            (&["--newer-than", "1h", "--status", "404"], &["gone"]),
            (&["--older-than", "1h"], &[]),
            (&["--unused-for", "1h"], &[]),
            (&["--host", "127.*", "--method", "get", "--status", "404"], &["gone"]),
            (&["--stored-as", "yaml"], &[]),
            (&["--where", "has(etag) or status = 404"], &["gone", "old"]),
            (&["--where", "size > 1", "--where", "header['Vary'] is not null"], &["text", "text"]),
            (&[&url], &["gone"]),
            (&[&url, "--status", "200"], &[]),
        ];
        for (selection, expected) in cases {
            assert_eq!(listed(&desk, store, selection), *expected, "{store} {selection:?}");
        }
    }
}

#[test]
fn named_entries_are_found_by_key_prefix_and_file() {
    for store in STORES {
        let (desk, origin) = filled(store);
        let keys = desk.ok(&["list", "--keys", "--backend", store, "--status", "404"]);
        let key = keys.trim();
        assert_eq!(listed(&desk, store, &[key]), ["gone"]);
        assert_eq!(listed(&desk, store, &[&key[..8]]), ["gone"]);
        assert_eq!(listed(&desk, store, &["--key", &format!("{}*", &key[..8])]), ["gone"]);
        let list = format!("# what to look at\n\n{key}\n{}\n", origin.url("/old"));
        desk.write("keys", &list);
        assert_eq!(listed(&desk, store, &["--keys-from", "keys"]), ["gone", "old"]);
        desk.write("none", "# nothing\n");
        assert_eq!(listed(&desk, store, &["--keys-from", "none"]), [""; 0], "and not everything");
        desk.run(&["list", "--backend", store, "--keys-from", "absent"]).failed(8, &["absent"]);
        desk.run(&["list", "--backend", store, "0123456789abcdef"])
            .failed(4, &["not in the cache"]);
        desk.run(&["list", "--backend", store, "0a"]).failed(2, &["too short"]);
        let seen = desk.ok(&["inspect", "--backend", store, "--status", "404"]);
        assert!(seen.contains(key) && seen.contains("404"), "{seen}");
        desk.run(&["inspect", "--backend", store]).failed(2, &["which entries?"]);
    }
}

#[test]
fn a_filter_that_cannot_be_read_points_at_the_place() {
    let (desk, _origin) = filled("file");
    let ran = desk.run(&["list", "--where", "status in 500..=599 adn age > 7d"]);
    ran.failed(2, &["cannot read the filter", "expected \"and\", \"or\" or the end"]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let (whole, caret) = (lines[1], lines[2]);
    assert_eq!(&whole[caret.find('^').expect("a caret")..], "adn age > 7d");
    desk.run(&["list", "--older-than", "soon"]).failed(2, &["--older-than soon", "try:"]);
}

#[test]
fn a_body_is_printed_as_it_is_stored() {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    zipped.write_all(b"unzipped").expect("compressed");
    let zipped = zipped.finish().expect("compressed");
    let sent = zipped.clone();
    let origin = Origin::start(move |_| {
        let fields = format!(
            "Cache-Control: max-age=60\nContent-Encoding: gzip\nContent-Length: {}",
            sent.len()
        );
        vec![Step::Send([head_only("200 OK", &fields), sent.clone()].concat())]
    });
    let url = origin.url("/");
    for store in STORES {
        let desk = Desk::new();
        desk.ok(&["get", "-q", "-o", "/dev/null", "--backend", store, &url]);
        let before = desk.ok(&["list", "--json", "--backend", store]);
        assert_eq!(desk.run(&["body", "--backend", store, &url]).stdout, zipped);
        assert_eq!(desk.ok(&["cat", "--decode", "--backend", store, &url]), "unzipped");
        desk.ok(&["body", "-o", "out", "--backend", store, &url]);
        assert_eq!(std::fs::read(desk.file("out")).expect("written"), zipped);
        assert_eq!(desk.ok(&["list", "--json", "--backend", store]), before, "it is no use");
        desk.run(&["body", "--backend", store, &origin.url("/other")])
            .failed(4, &["not in the cache"]);
    }
    assert_eq!(origin.hits(), 2, "the origin is not asked");
    let (desk, origin) = filled("file");
    let ran = desk.run(&["body", &origin.url("/text")]);
    ran.failed(2, &["2 variants", "inspect"]);
}
