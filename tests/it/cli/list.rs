//! `list` and `inspect`.

use crate::testkit::origin::{Origin, Seen, response};
use crate::testkit::program::Desk;

fn filled(store: &str) -> (Desk, Origin) {
    let desk = Desk::new();
    let origin = Origin::start(|seen: &Seen| match seen.path() {
        "/stale" => response("200 OK", "Cache-Control: max-age=0", "12"),
        "/gone" => response("404 Not Found", "Cache-Control: max-age=60", "123"),
        _ => response(
            "200 OK",
            "Cache-Control: max-age=3600\nSet-Cookie: id=secret\nContent-Type: text/plain",
            "1",
        ),
    });
    for path in ["/fresh?token=abc", "/stale", "/gone"] {
        desk.run(&["get", "-q", "--backend", store, &origin.url(path)]);
    }
    (desk, origin)
}

#[test]
fn plain_has_exactly_seven_fields() {
    for store in ["file:f", "sqlite:s.db"] {
        let (desk, origin) = filled(store);
        let mut lines: Vec<Vec<String>> = desk
            .ok(&["list", "--backend", store])
            .lines()
            .map(|line| line.split('\t').map(ToOwned::to_owned).collect())
            .collect();
        lines.sort_by(|a, b| a[6].cmp(&b[6]));
        let short: Vec<_> =
            lines.iter().map(|l| (&*l[1], &*l[2], &*l[3], &*l[5], &*l[6])).collect();
        assert_eq!(
            short,
            [
                ("fresh", "200", "1", "GET", &*origin.url("/fresh?token=[redacted]")),
                ("fresh", "404", "3", "GET", &*origin.url("/gone")),
                ("stale", "200", "2", "GET", &*origin.url("/stale")),
            ]
        );
        assert!(lines.iter().all(|l| l.len() == 7 && l[0].len() == 32 && l[4].ends_with('Z')));
    }
}

#[test]
fn every_format_shows_every_entry() {
    let (desk, _origin) = filled("file");
    let json: serde_json::Value =
        serde_json::from_str(&desk.ok(&["list", "--json"])).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(3));
    let names: Vec<_> = json[0].as_object().expect("an object").keys().collect();
    assert_eq!(names[0], "key");
    for name in ["stored_bytes", "expires_at", "fresh_until", "vary", "tags", "redacted"] {
        assert!(json[0].get(name).is_some(), "{name}");
    }
    let lines = desk.ok(&["list", "--format", "ndjson"]);
    assert!(lines.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
    assert_eq!(lines.lines().count(), 3);
    let table = desk.ok(&["list", "--format", "table"]);
    assert!(table.starts_with("KEY"), "{table}");
    assert!(table.lines().all(|l| l.chars().count() <= 80), "{table}");
    let wide = desk.ok(&["list", "--format", "wide"]);
    assert!(wide.contains("FRESH-UNTIL") && wide.contains("text/plain"), "{wide}");
    let keys = desk.run(&["list", "--keys", "-0"]);
    assert_eq!(keys.stdout.iter().filter(|&&c| c == 0).count(), 3);
    assert_eq!(desk.ok(&["list", "--limit", "2"]).lines().count(), 2);
}

#[test]
fn an_empty_store_is_empty_in_every_format() {
    let desk = Desk::new();
    desk.run(&["get", "--offline", "http://e.org/"]);
    assert_eq!(desk.ok(&["list"]), "");
    assert_eq!(desk.ok(&["list", "--json"]), "[]\n");
    assert_eq!(desk.ok(&["list", "--format", "ndjson"]), "");
}

#[test]
fn a_store_that_is_not_there_is_an_error_with_a_way_out() {
    let desk = Desk::new();
    for command in ["list", "inspect"] {
        let mut args = vec![command, "--backend", "sqlite:absent.db"];
        args.extend((command == "inspect").then_some("abcdef"));
        desk.run(&args).failed(3, &["no SQLite store", "cachectl get"]);
    }
    assert!(!desk.file("absent.db").exists());
}

#[test]
fn damaged_entries_are_told_and_the_others_listed() {
    let (desk, _origin) = filled("file");
    let entries = desk.file(".hishel_cache/entries");
    let shard = std::fs::read_dir(entries).expect("entries").flatten().next().expect("one").path();
    let record = std::fs::read_dir(shard).expect("a shard").flatten().next().expect("one").path();
    std::fs::write(record, "garbage").expect("damaged");
    let ran = desk.run(&["list"]);
    ran.failed(5, &["cannot read the record"]);
    let states: Vec<String> = ran
        .text()
        .lines()
        .map(|line| line.split('\t').nth(1).unwrap_or_default().to_owned())
        .collect();
    assert_eq!(states.len(), 3);
    assert_eq!(states.iter().filter(|state| *state == "corrupt").count(), 1);
    // Whoever asks for them gets them, and that is no failure.
    let corrupt = desk.ok(&["list", "--state", "corrupt"]);
    assert_eq!(corrupt.lines().count(), 1);
    assert!(corrupt.contains("\tcorrupt\t-\t-\t-\t-\t-"), "{corrupt}");
}

#[test]
fn inspect_shows_both_clocks_and_hides_credentials() {
    for store in ["file:f", "sqlite:s.db?ttl=2h"] {
        let (desk, origin) = filled(store);
        let url = origin.url("/fresh?token=abc");
        let text = desk.ok(&["inspect", "--backend", store, &url]);
        for part in [
            "fresh until",
            "max-age",
            "store ttl",
            "location",
            "Set-Cookie: [redacted]",
            "token=[redacted]",
            "sha256",
        ] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        assert!(!text.contains("id=secret") && !text.contains("token=abc"));
        let shown = desk.ok(&["inspect", "--show-secrets", "--backend", store, &url]);
        assert!(shown.contains("id=secret") && shown.contains("token=abc"));
        let json: serde_json::Value =
            serde_json::from_str(&desk.ok(&["inspect", "--json", "--backend", store, &url]))
                .expect("JSON");
        assert_eq!(json.as_array().map(Vec::len), Some(1), "always an array");
        assert_eq!(json[0]["response"]["headers"][0][0], "Content-Length");
        assert_eq!(json[0]["redacted"], true);
        assert_eq!(json[0]["expires_at"].is_null(), store.starts_with("file"));
    }
}

#[test]
fn inspect_takes_keys_and_unambiguous_beginnings() {
    let (desk, origin) = filled("file");
    let key = desk.ok(&[
        "get",
        "-o",
        "/dev/null",
        "-w",
        "%{cache_key}",
        "--offline",
        &origin.url("/gone"),
        "--no-fail",
    ]);
    for text in [&key[..], &key[..6], &key[..31]] {
        assert!(desk.ok(&["inspect", text]).contains("/gone"), "{text}");
    }
    desk.run(&["inspect", &key[..5]]).failed(2, &["too short"]);
    desk.run(&["inspect", "ffffffff"]).failed(4, &["not in the cache"]);
    desk.run(&["inspect", &origin.url("/nothing")]).failed(4, &["not in the cache"]);
}

#[test]
fn control_characters_of_strangers_are_shown_not_sent() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        response("200 OK", "Cache-Control: max-age=60\nContent-Type: a\x1b[31mb", "x")
    });
    // The header parser refuses most of them; what the store holds may still have some.
    let ran = desk.run(&["get", "-q", &origin.url("/")]);
    if ran.code == 0 {
        for args in [&["inspect", &*origin.url("/")][..], &["list", "--format", "wide"]] {
            assert!(!desk.ok(args).contains('\x1b'), "{args:?}");
        }
    }
}
