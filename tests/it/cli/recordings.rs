//! HAR files as many programs write them: what comes out of each.

use serde_json::{Value, json};

use crate::testkit::program::Desk;

const URL: &str = "http://h.example/x";

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Out {
    /// It is stored, with this body and creation time.
    Stored(&'static str, &'static str),
    /// It is left out and counted, for this reason.
    Skipped(&'static str),
    /// It is named as one that was not imported, with these words.
    Failed(&'static str),
}

/// When every recording was made, if nothing else says so.
const NOON: &str = "2026-11-30T12:00:00.000Z";

fn entry() -> Value {
    json!({
        "startedDateTime": "2026-11-30T12:00:00.000Z",
        "time": 0,
        "request": { "method": "GET", "url": URL, "httpVersion": "HTTP/1.1", "headers": [] },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "headers": [{ "name": "Cache-Control", "value": "max-age=99999999" }],
            "content": { "size": 5, "mimeType": "text/plain", "text": "hello" },
        },
        "cache": {},
        "timings": {},
    })
}

/// An entry of which one member is another; `null` in place of the whole takes it away.
fn with(path: &str, value: Value) -> Value {
    let mut entry = entry();
    set(&mut entry, path, value);
    entry
}

fn set(entry: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = entry.pointer_mut(parent).expect("a member").as_object_mut().expect("an object");
    match value {
        Value::String(text) if text == "-" => drop(parent.remove(name)),
        value => drop(parent.insert(name.into(), value)),
    }
}

fn several(changes: &[(&str, Value)]) -> Value {
    let mut entry = entry();
    for (path, value) in changes {
        set(&mut entry, path, value.clone());
    }
    entry
}

fn field(name: &str, value: Value) -> Value {
    json!({ "name": name, "value": value })
}

/// An entry with another content, and one more field.
fn content(content: Value, more: &[(&str, &str)]) -> Value {
    let mut fields = vec![field("Cache-Control", json!("max-age=99999999"))];
    fields.extend(more.iter().map(|(name, value)| field(name, json!(value))));
    several(&[("/response/content", content), ("/response/headers", json!(fields))])
}

fn shapes() -> Vec<(&'static str, Value, Out)> {
    use Out::{Failed, Skipped, Stored};
    let hello = Stored("hello", NOON);
    let empty = Stored("", NOON);
    let none = Failed("content");
    let at = |time: &str| with("/startedDateTime", json!(time));
    let started = |value: Value| with("/startedDateTime", value);
    let one = Stored("hello", "2026-01-01T00:00:00.000Z");
    vec![
        ("as it is", entry(), hello),
        // Contents that are there, and that are not.
        ("no text, no size", content(json!({ "mimeType": "a/b" }), &[]), none),
        ("no text, size null", content(json!({ "size": null }), &[]), none),
        ("no text, size -1", content(json!({ "size": -1 }), &[]), none),
        ("no text, size 0", content(json!({ "size": 0 }), &[]), none),
        (
            "no text, size 0, a length",
            content(json!({ "size": 0 }), &[("Content-Length", "12345")]),
            none,
        ),
        (
            "no text, size 0, length 0",
            content(json!({ "size": 0 }), &[("Content-Length", "0")]),
            empty,
        ),
        ("no text, size 5", content(json!({ "size": 5 }), &[]), none),
        ("text null, size 5", content(json!({ "size": 5, "text": null }), &[]), none),
        (
            "no text, size 0, bodySize 0",
            several(&[
                ("/response/content", json!({ "size": 0 })),
                ("/response/bodySize", json!(0)),
            ]),
            empty,
        ),
        (
            "no text, size 0, bodySize -1",
            several(&[
                ("/response/content", json!({ "size": 0 })),
                ("/response/bodySize", json!(-1)),
            ]),
            none,
        ),
        (
            "bodies left out by Firefox",
            content(
                json!({ "size": 5, "text": "", "comment": "Response bodies are not included." }),
                &[],
            ),
            none,
        ),
        (
            "cut off, by a comment",
            content(json!({ "text": "hel", "comment": "truncated" }), &[]),
            none,
        ),
        ("no content", with("/response/content", json!("-")), none),
        ("content null", with("/response/content", Value::Null), none),
        ("empty text, size 0", content(json!({ "size": 0, "text": "" }), &[]), empty),
        ("empty text, size 5", content(json!({ "size": 5, "text": "" }), &[]), none),
        (
            "empty text, no size, a length",
            content(json!({ "text": "" }), &[("Content-Length", "5")]),
            none,
        ),
        (
            "empty text, the length of its coded form",
            content(
                json!({ "size": 0, "text": "" }),
                &[("Content-Length", "20"), ("Content-Encoding", "gzip")],
            ),
            empty,
        ),
        ("text without a size", content(json!({ "text": "hello" }), &[]), hello),
        ("text with size -1", content(json!({ "size": -1, "text": "hello" }), &[]), hello),
        ("text with its coded size", content(json!({ "size": 3, "text": "hello" }), &[]), hello),
        ("text with a size as text", content(json!({ "size": "5", "text": "hello" }), &[]), hello),
        ("text without its mark", content(json!({ "size": 8, "text": "hello" }), &[]), hello),
        ("text that is cut off", content(json!({ "size": 5000, "text": "hello" }), &[]), none),
        (
            "text of two bytes each",
            content(
                json!({ "size": 12, "text": "hello", "mimeType": "text/plain; charset=UTF-16" }),
                &[],
            ),
            hello,
        ),
        (
            "base64",
            content(json!({ "size": 5, "text": "aGVsbG8=", "encoding": "base64" }), &[]),
            hello,
        ),
        (
            "base64 in capitals",
            content(json!({ "text": "aGVsbG8=", "encoding": "BASE64" }), &[]),
            hello,
        ),
        (
            "base64, no padding",
            content(json!({ "text": "aGVsbG8", "encoding": "base64" }), &[]),
            hello,
        ),
        (
            "base64 that is cut off",
            content(json!({ "size": 500, "text": "aGVsbG8=", "encoding": "base64" }), &[]),
            none,
        ),
        (
            "an encoding of text",
            content(json!({ "text": "hello", "encoding": "utf-8" }), &[]),
            hello,
        ),
        (
            "an unknown encoding",
            content(json!({ "text": "hello", "encoding": "rot13" }), &[]),
            none,
        ),
        ("encoding null", content(json!({ "text": "hello", "encoding": null }), &[]), hello),
        ("a comment", content(json!({ "text": "hello", "comment": "seen" }), &[]), hello),
        // Times.
        ("a zone without a colon", at("2026-01-01T01:00:00.000+0100"), one),
        ("a zone of hours", at("2026-01-01T02:00:00.000+02"), one),
        ("a zone before UTC", at("2025-12-31T19:00:00-0500"), one),
        ("no zone", at("2026-01-01T00:00:00.000"), one),
        ("no seconds", at("2026-01-01T00:00Z"), one),
        ("a blank for the T", at("2026-01-01 00:00:00Z"), one),
        ("a comma before the decimals", at("2026-01-01T00:00:00,000Z"), one),
        ("nine decimals", at("2026-01-01T00:00:00.000000000Z"), one),
        ("UTC by name", at("2026-01-01 00:00:00 UTC"), one),
        ("small letters", at("2026-01-01t00:00:00z"), one),
        ("no time and no Date", started(json!("-")), Failed("time")),
        ("a number for a time", started(json!(1_767_225_600)), Failed("time")),
        (
            "no time, but a Date",
            several(&[
                ("/startedDateTime", json!("-")),
                (
                    "/response/headers",
                    json!([
                        field("Cache-Control", json!("max-age=99999999")),
                        field("Date", json!("Thu, 01 Jan 2026 00:00:00 GMT")),
                    ]),
                ),
            ]),
            one,
        ),
        ("time null", with("/time", Value::Null), hello),
        ("time -1", with("/time", json!(-1)), hello),
        ("time as text", with("/time", json!("12 ms")), hello),
        // Members that are null, absent or of another type.
        (
            "a field without a value",
            with(
                "/response/headers",
                json!([
                    field("Cache-Control", json!("max-age=99999999")),
                    field("X-Empty", Value::Null),
                    { "name": "X-None" },
                    { "value": "no name" },
                    field("X-Number", json!(12)),
                ]),
            ),
            hello,
        ),
        ("request fields null", with("/request/headers", Value::Null), hello),
        ("no request fields", with("/request/headers", json!("-")), hello),
        ("statusText null", with("/response/statusText", Value::Null), hello),
        ("httpVersion null", with("/response/httpVersion", Value::Null), hello),
        ("a version in words", with("/response/httpVersion", json!("h2")), hello),
        ("the status as text", with("/response/status", json!("200")), Failed("status")),
        ("the status as a float", with("/response/status", json!(200.0)), hello),
        ("no answer", with("/response/status", json!(0)), Failed("status")),
        ("no headers", with("/response/headers", Value::Null), hello),
        (
            "no cache, no timings",
            several(&[("/cache", json!("-")), ("/timings", json!("-"))]),
            hello,
        ),
        ("members of others", with("/_initiator", json!({ "type": "script" })), hello),
        (
            "pseudo-fields of HTTP/2",
            with("/request/headers", json!([field(":authority", json!("h.example"))])),
            hello,
        ),
        // What answers nobody else.
        ("a POST", with("/request/method", json!("POST")), Skipped("method-not-cacheable")),
        ("a part", with("/response/status", json!(206)), Skipped("one-request-only")),
        ("not modified", with("/response/status", json!(304)), Skipped("one-request-only")),
        ("too many requests", with("/response/status", json!(429)), Skipped("one-request-only")),
        ("a page of data:", with("/request/url", json!("data:text/plain,x")), Failed("URL")),
        (
            "a credential that was hidden",
            with("/request/headers", json!([field("Authorization", json!("[redacted]"))])),
            Skipped("credentials-hidden"),
        ),
    ]
}

fn write(desk: &Desk, name: &str, entries: &[Value]) {
    let log =
        json!({ "version": "1.2", "creator": { "name": "x", "version": "1" }, "entries": entries });
    desk.write(name, serde_json::to_vec(&json!({ "log": log })).expect("JSON"));
}

#[test]
fn every_shape_of_a_recording_comes_out_right() {
    let shapes = shapes();
    assert!(shapes.len() >= 60, "{}", shapes.len());
    for (name, entry, out) in shapes {
        let desk = Desk::new();
        write(&desk, "t.har", &[entry]);
        let ran = desk.run(&["import", "t.har", "--json"]);
        let said = format!("{name}: {}\n{}", ran.text(), ran.stderr);
        let listed = desk.run(&["list", "--format", "ndjson"]).text();
        match out {
            Out::Stored(body, created) => {
                assert_eq!(ran.code, 0, "{said}");
                assert_eq!(desk.ok(&["body", URL]), body, "{said}");
                let entry: Value = serde_json::from_str(listed.trim()).expect(name);
                assert_eq!(entry["created_at"], created, "{said}");
            }
            Out::Skipped(reason) => {
                assert_eq!((ran.code, &*listed), (0, ""), "{said}");
                assert!(ran.stderr.contains(reason), "{said}");
            }
            Out::Failed(words) => {
                assert_eq!((ran.code, &*listed), (5, ""), "{said}");
                assert!(ran.stderr.contains(words), "{said}");
                assert!(!ran.stderr.contains("warning:  "), "a name is missing: {said}");
            }
        }
    }
}

/// The last one of several recordings is the newest, and may be the worst.
#[test]
fn a_recording_without_its_content_replaces_nothing() {
    let desk = Desk::new();
    write(&desk, "good.har", &[entry()]);
    let mut later = content(json!({ "size": 0 }), &[("Content-Length", "5")]);
    set(&mut later, "/startedDateTime", json!("2026-11-30T13:00:00Z"));
    write(&desk, "later.har", &[later]);
    desk.ok(&["import", "good.har"]);
    for more in [&[][..], &["--on-conflict", "overwrite"]] {
        let ran = desk.run(&[&["import", "later.har"], more].concat());
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert_eq!(desk.ok(&["get", "--offline", URL]), "hello");
    }
}

#[test]
fn a_recording_made_with_credentials_is_for_those_only() {
    for (name, value) in
        [("Authorization", "Bearer t"), ("X-Api-Key", "t"), ("x-gitlab-token", "t")]
    {
        let desk = Desk::new();
        write(&desk, "t.har", &[with("/request/headers", json!([field(name, json!(value))]))]);
        desk.ok(&["import", "t.har"]);
        desk.run(&["get", "--offline", URL]).failed(4, &["not in the cache"]);
        let own = format!("{name}: {value}");
        let other = format!("{name}: other");
        assert_eq!(desk.ok(&["get", "--offline", "-H", &own, URL]), "hello", "{name}");
        desk.run(&["get", "--offline", "-H", &other, URL]).failed(4, &["not in the cache"]);
        // It goes on to be so in every form that it may be taken elsewhere in.
        for file in ["x.ndjson", "x.har", "x"] {
            desk.ok(&["export", "--show-secrets", "-o", file]);
            let store = format!("file:from-{file}");
            desk.ok(&["import", file, "--backend", &store]);
            desk.run(&["get", "--offline", "--backend", &store, URL]).failed(4, &["not in"]);
            let ran = desk.run(&["get", "--offline", "-H", &own, "--backend", &store, URL]);
            assert_eq!(ran.text(), "hello", "{name} through {file}: {}", ran.stderr);
        }
        desk.ok(&["migrate", "-q", "file", "sqlite:m.db"]);
        desk.run(&["get", "--offline", "--backend", "sqlite:m.db", URL]).failed(4, &["not in"]);
        let moved = ["get", "--offline", "-H", &own, "--backend", "sqlite:m.db", URL];
        assert_eq!(desk.ok(&moved), "hello", "{name}");
    }
}

/// Its content was decoded, so that it answers who asks for no coding too.
#[test]
fn a_recording_by_a_browser_answers_a_plain_request() {
    let desk = Desk::new();
    let mut entry = content(
        json!({ "size": 5, "text": "hello" }),
        &[("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"), ("ETag", "\"strong\"")],
    );
    let asked = json!([field("accept-encoding", json!("gzip, deflate, br, zstd"))]);
    set(&mut entry, "/request/headers", asked);
    write(&desk, "t.har", &[entry]);
    desk.ok(&["import", "t.har"]);
    assert_eq!(desk.ok(&["get", "--offline", URL]), "hello");
    let browser = ["get", "--offline", "-H", "Accept-Encoding: br, zstd, gzip, deflate", URL];
    assert_eq!(desk.ok(&browser), "hello");
    // The strong tag was one of the coded bytes.
    let shown = desk.ok(&["get", "-i", "--offline", URL]);
    assert!(shown.contains("ETag: W/\"strong\"") || shown.contains("etag: W/"), "{shown}");
    assert!(!shown.to_ascii_lowercase().contains("\ncontent-encoding"), "{shown}");
}
