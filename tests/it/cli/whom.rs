//! For whom an answer is, and who is meant by a URL.

use crate::testkit::origin::{Origin, response};
use crate::testkit::program::Desk;

const STORES: [&str; 2] = ["file:f", "sqlite:s.db"];
const FRESH: &str = "Cache-Control: max-age=3600";

#[test]
fn the_host_field_is_part_of_the_url() {
    for store in STORES {
        let desk = Desk::new();
        let origin =
            Origin::start(|seen| response("200 OK", FRESH, seen.header("host").unwrap_or("")));
        let url = origin.url("/x");
        let get = |host: &str| desk.ok(&["get", "-H", host, "--backend", store, &url]);
        assert_eq!(get("Host: a.example"), "a.example");
        assert_eq!(get("Host: b.example"), "b.example");
        assert_eq!(get("host: A.example:80"), "a.example", "as a URL has it");
        assert_eq!(origin.hits(), 2);
        let listed = desk.ok(&["list", "--columns", "url", "--backend", store]);
        let mut listed: Vec<&str> = listed.lines().collect();
        listed.sort_unstable();
        assert_eq!(listed, ["http://a.example/x", "http://b.example/x"]);
        // The very entry that the URL names.
        assert_eq!(
            desk.ok(&["get", "--offline", "--backend", store, "http://a.example/x"]),
            "a.example"
        );
        let ran = desk.run(&["explain", "-H", "Host: b.example", "--backend", store, &url]);
        assert!(ran.text().starts_with("HIT"), "{}", ran.text());
        desk.ok(&["warm", "-H", "Host: c.example", "--backend", store, &url]);
        assert_eq!(get("Host: c.example"), "c.example");
        assert_eq!(origin.hits(), 3);
        for bad in ["Host: a/b", "Host: a b", "Host: u@h", "Host: a?x", "Host: a:b"] {
            desk.run(&["get", "-H", bad, "--backend", store, &url]).failed(2, &["is no host"]);
        }
    }
}

#[test]
fn a_redirect_within_a_chosen_host_stays_at_its_address() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.path() {
        "/old" => response("301 Moved", "Location: /new", ""),
        _ => response("200 OK", FRESH, seen.header("host").unwrap_or("")),
    });
    let url = origin.url("/old");
    assert_eq!(desk.ok(&["get", "-L", "-H", "Host: a.example", &url]), "a.example");
}

#[test]
fn fields_that_frame_a_message_are_refused() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let url = origin.url("/x");
    for field in ["Content-Length: 5", "transfer-encoding: chunked", "Connection: close", "TE: x"] {
        let name = field.split(':').next().expect("a name");
        desk.run(&["get", "-H", field, &url]).failed(2, &["cannot be chosen", "without -H"]);
        let ran = desk.run(&["warm", "-H", field, &url]);
        assert!(
            ran.code != 0 && ran.stderr.to_ascii_lowercase().contains(&name.to_ascii_lowercase())
        );
    }
    desk.write("c.toml", "[http.headers]\nContent-Length = \"5\"\n");
    desk.run(&["--config", "c.toml", "get", &url]).failed(2, &["Content-Length cannot be chosen"]);
    assert_eq!(origin.hits(), 0);
}

#[test]
fn a_request_without_a_body_says_so() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", "", "x"));
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        desk.ok(&["get", "-X", method, &origin.url("/x")]);
    }
    for seen in origin.seen() {
        assert_eq!(seen.header("transfer-encoding"), None, "{}", seen.method);
        let length = matches!(&*seen.method, "POST" | "PUT" | "PATCH").then_some("0");
        assert_eq!(seen.header("content-length"), length, "{}", seen.method);
    }
}

#[test]
fn a_field_without_a_value_is_left_out_and_one_with_a_semicolon_is_empty() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: no-store", "x"));
    let url = origin.url("/x");
    desk.ok(&["get", "-H", "Accept:", "-H", "User-Agent:", "-H", "X-Empty;", &url]);
    let seen = &origin.seen()[0];
    assert_eq!((seen.header("accept"), seen.header("user-agent")), (None, None));
    assert_eq!(seen.header("x-empty"), Some(""));
    // Values are bytes, and a file may begin with a mark.
    desk.write("fields", b"\xef\xbb\xbfX-A: caf\xe9\r\n# none\r\nX-B: b\r\n");
    desk.ok(&["get", "-H", "@fields", &url]);
    let seen = &origin.seen()[1];
    assert!(seen.header("x-a").is_some_and(|value| value.starts_with("caf")), "{seen:?}");
    assert_eq!(seen.header("x-b"), Some("b"));
}

#[test]
fn api_keys_part_answers_unless_told_otherwise() {
    let desk = Desk::new();
    let origin =
        Origin::start(|seen| response("200 OK", FRESH, seen.header("x-api-key").unwrap_or("-")));
    let url = origin.url("/x");
    let get = |more: &[&str]| desk.ok(&[&["get", &*url], more].concat());
    assert_eq!(get(&["-H", "X-Api-Key: a"]), "a");
    assert_eq!(get(&["-H", "X-Api-Key: b"]), "b");
    assert_eq!(get(&[]), "-");
    assert_eq!(get(&["-H", "X-Api-Key: a"]), "a");
    assert_eq!(origin.hits(), 3);
    desk.write("c.toml", "[http]\napi_keys_apart = false\n");
    assert_eq!(get(&["-H", "X-Api-Key: c", "--config", "c.toml"]), "-");
    assert_eq!(origin.hits(), 3);
}

#[test]
fn a_url_means_the_entries_of_everybody() {
    for store in STORES {
        let desk = Desk::new();
        let origin = Origin::start(|seen| {
            response("200 OK", FRESH, seen.header("authorization").unwrap_or("plain"))
        });
        let (url, other) = (origin.url("/x"), origin.url("/y"));
        let get =
            |more: &[&str], url: &str| desk.ok(&[&["get", "--backend", store, url], more].concat());
        let fill = || {
            get(&[], &url);
            get(&["-H", "Authorization: a"], &url);
            get(&["-H", "X-Gitlab-Token: b"], &url);
            get(&["-H", "Authorization: a"], &other);
        };
        fill();
        // They look different, and nobody is told whose they are.
        let table = desk.ok(&["list", "--format", "table", "--backend", store]);
        assert_eq!(table.matches("fresh (auth)").count(), 3, "{table}");
        let column = ["list", "--columns", "url,credentials", "--backend", store];
        assert_eq!(desk.ok(&column).matches("\tyes").count(), 3);
        let json = desk.ok(&["list", "--format", "ndjson", "--backend", store]);
        assert_eq!(json.matches("\"credentials\":true").count(), 3, "{json}");
        let shown = desk.ok(&["inspect", &url, "--backend", store]);
        assert_eq!(shown.matches("with the same credentials only").count(), 2, "{shown}");
        // Who removes the URL removes them all; the other URL's stays.
        let ran = desk.run(&["purge", &url, "--yes", "--backend", store]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(desk.ok(&["list", "--backend", store]).lines().count(), 1, "{store}");
        let hits = origin.hits();
        get(&["-H", "Authorization: a"], &other);
        assert_eq!(origin.hits(), hits, "the other URL's is there");
        fill();
        desk.ok(&["touch", &url, "--add-tag", "t", "--backend", store]);
        let tagged = desk.ok(&["list", "--tag", "t", "--backend", store]);
        assert_eq!(tagged.lines().count(), 3, "{tagged}");
        // A command that answers means the caller's own.
        assert_eq!(get(&["--offline", "-H", "Authorization: a"], &url), "a");
        assert_eq!(get(&["--offline"], &url), "plain");
    }
}
