//! HAR: valid for others, and readable from others.

use std::io::Read;

use bytes::Bytes;
use cachectl::interchange::WriteOptions;
use cachectl::{BodyFacts, EntryHead, Key, Method, Timestamp, UrlText};
use flate2::Compression;
use flate2::read::GzEncoder;
use serde_json::{Value, json};

use super::{Entry, assert_same, codes, export, import, options, samples, start, whole, with_body};
use crate::testkit::sample::{head, noise};

fn har(entries: &[Entry]) -> (Value, cachectl::interchange::Written) {
    let (bytes, written) = export("har", entries, options());
    (serde_json::from_slice(&bytes).expect("JSON"), written)
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut coded = Vec::new();
    GzEncoder::new(body, Compression::default()).read_to_end(&mut coded).expect("coded");
    coded
}

fn coded_head(url: &str, coding: &str) -> EntryHead {
    let mut head = head(url);
    head.headers.push("Content-Encoding", coding);
    head.headers.push("Content-Length", "7");
    head
}

/// What the schema of HAR 1.2 requires, member by member.
fn check(value: &Value, required: &[(&str, &str)], at: &str) {
    for (name, kind) in required {
        let member = value.get(name).unwrap_or_else(|| panic!("{at}.{name} is missing"));
        let fits = match *kind {
            "string" => member.is_string(),
            "number" => member.is_number(),
            "integer" => member.is_i64(),
            "array" => member.is_array(),
            "time" => member.as_str().and_then(Timestamp::parse_rfc3339).is_some(),
            "url" => member.as_str().is_some_and(|url| url.contains("://")),
            _ => member.is_object(),
        };
        assert!(fits, "{at}.{name} is no {kind}: {member}");
    }
}

fn check_pairs(list: &Value, at: &str) {
    for pair in list.as_array().expect("a list") {
        check(pair, &[("name", "string"), ("value", "string")], at);
    }
}

fn check_schema(har: &Value) {
    let log = &har["log"];
    check(log, &[("version", "string"), ("creator", "object"), ("entries", "array")], "log");
    check(&log["creator"], &[("name", "string"), ("version", "string")], "creator");
    for entry in log["entries"].as_array().expect("a list") {
        check(
            entry,
            &[
                ("startedDateTime", "time"),
                ("time", "number"),
                ("request", "object"),
                ("response", "object"),
                ("cache", "object"),
                ("timings", "object"),
            ],
            "entry",
        );
        let message = [
            ("httpVersion", "string"),
            ("cookies", "array"),
            ("headers", "array"),
            ("headersSize", "integer"),
            ("bodySize", "integer"),
        ];
        let (request, response) = (&entry["request"], &entry["response"]);
        check(request, &message, "request");
        check(
            request,
            &[("method", "string"), ("url", "url"), ("queryString", "array")],
            "request",
        );
        check(response, &message, "response");
        check(
            response,
            &[
                ("status", "integer"),
                ("statusText", "string"),
                ("content", "object"),
                ("redirectURL", "string"),
            ],
            "response",
        );
        check(&response["content"], &[("size", "integer"), ("mimeType", "string")], "content");
        let timings = [("send", "number"), ("wait", "number"), ("receive", "number")];
        check(&entry["timings"], &timings, "timings");
        for list in [&request["headers"], &request["cookies"], &request["queryString"]] {
            check_pairs(list, "request");
        }
        for list in [&response["headers"], &response["cookies"]] {
            check_pairs(list, "response");
        }
        assert!(entry["cache"].as_object().expect("an object").is_empty());
    }
}

/// Whatever the entries are, what comes out is a HAR, and gives back the bodies.
pub fn check_export(entries: &[Entry]) {
    let (har, written) = har(entries);
    check_schema(&har);
    let read = whole(import("har", &serde_json::to_vec(&har).expect("JSON")));
    assert_eq!(read.len() as u64, written.entries);
    for ((_, body), (_, wanted)) in read.iter().zip(entries) {
        assert_eq!(body, wanted);
    }
}

#[test]
fn interchange_har_has_what_the_schema_requires() {
    let (har, written) = har(&samples());
    check_schema(&har);
    assert_eq!(written.entries, 7);
    assert_eq!(written.lost.get("header values that are not UTF-8"), Some(&1));
    let first = &har["log"]["entries"][0];
    assert_eq!(first["time"], json!(1234.567));
    assert_eq!(first["timings"], json!({"send": -1, "wait": 1234.567, "receive": -1}));
    assert_eq!(first["startedDateTime"], "2026-11-22T11:59:58.888Z");
    let query = json!([{"name": "b", "value": "2"}, {"name": "a", "value": "ä"}]);
    assert_eq!(first["request"]["queryString"], query);
    assert_eq!(har["log"]["entries"][1]["response"]["httpVersion"], "unknown");
}

#[test]
fn interchange_har_gives_back_what_it_can_carry() {
    let mut entries = samples();
    // Header fields that are not UTF-8 are the one thing here that HAR has no form for.
    let odd = &mut entries[0].0;
    odd.headers.remove("x-odd");
    odd.request.headers.remove("x-bytes");
    odd.extensions.reason = Some(b"OK".to_vec());
    odd.request.extensions.http_version = None;
    entries[1].0.extensions.reason = None;
    let (bytes, _) = export("har", &entries, options());
    let read = whole(import("har", &bytes));
    assert_same(&read, &entries);
    assert!(export("har", &read, options()).0 == bytes, "the second export is the first");
}

#[test]
fn interchange_har_undoes_content_codings_and_says_so() {
    let text = "Grüße \"an\" alle\n".repeat(200_000);
    let text = text.as_bytes();
    let zstd = zstd::encode_all(text, 3).expect("coded");
    let binary = noise(1, 50_000);
    for (coding, coded, body, kind) in [
        ("gzip", gzip(text), text, "text/html; charset=utf-8"),
        ("zstd", zstd, text, "application/json"),
        ("gzip, zstd", zstd::encode_all(&gzip(text)[..], 1).expect("coded"), text, "text/css"),
        ("gzip", gzip(&binary), &binary[..], "image/png"),
        ("gzip", gzip(&binary), &binary[..], "text/plain"),
        ("gzip", gzip(b"plain"), b"plain", "application/octet-stream"),
    ] {
        let mut head = coded_head("https://e.org/", coding);
        head.headers.set("Content-Type", kind);
        let entry = with_body(head, coded.clone());
        let (har, written) = har(std::slice::from_ref(&entry));
        check_schema(&har);
        assert_eq!(written.lost.get("content coding"), Some(&1));
        let response = &har["log"]["entries"][0]["response"];
        let content = &response["content"];
        assert_eq!(content["size"], json!(body.len()), "{coding} {kind}");
        assert_eq!(content["compression"], json!(body.len() as i64 - coded.len() as i64));
        assert_eq!(response["bodySize"], -1);
        let is_text = kind != "image/png" && kind != "application/octet-stream" && body == text;
        assert_eq!(content.get("encoding").is_none(), is_text, "{coding} {kind}");
        let bytes = serde_json::to_vec(&har).expect("JSON");
        let (head, read) = whole(import("har", &bytes)).swap_remove(0);
        assert!(read == body, "{coding} {kind}");
        assert_eq!(head.headers.get("content-encoding"), None);
        assert_eq!(
            head.headers.get_text("x-cachectl-original-content-encoding").as_deref(),
            Some(coding)
        );
        assert_eq!(head.headers.get_text("content-length").unwrap(), body.len().to_string());
        assert_eq!(head.id, entry.0.id);
    }
}

#[test]
fn interchange_har_keeps_what_cannot_be_decoded_as_it_is() {
    let bomb = zstd::encode_all(&vec![0u8; 80 << 20][..], 3).expect("coded");
    let cut = gzip(&noise(3, 1000))[..500].to_vec();
    for (coding, body) in [("made-up", b"as it is".to_vec()), ("gzip", cut), ("zstd", bomb)] {
        let entries = vec![with_body(coded_head("https://e.org/", coding), body)];
        let (bytes, written) = export("har", &entries, options());
        assert!(written.lost.is_empty(), "{coding}");
        let read = whole(import("har", &bytes));
        assert_eq!(read[0].1, entries[0].1, "{coding}");
        assert_eq!(read[0].0.headers.get_text("content-encoding").as_deref(), Some(coding));
    }
}

#[test]
fn interchange_har_leaves_out_what_it_has_no_place_for() {
    let mut odd = head("https://e.org/");
    odd.request.url = UrlText::verbatim("no url");
    let mut timeless = head("https://e.org/");
    for time in [&mut timeless.created_at, &mut timeless.requested_at, &mut timeless.received_at] {
        *time = Timestamp::EPOCH;
    }
    let good = with_body(head("https://e.org/"), "x");
    let entries = [with_body(odd, "x"), with_body(timeless, "x"), good];
    let (har, written) = har(&entries);
    assert_eq!(written.entries, 1);
    let left_out: Vec<_> = written.left_out.into_iter().collect();
    assert_eq!(left_out, [("URL not absolute", 1), ("time unknown", 1)]);
    check_schema(&har);
}

#[test]
fn interchange_har_drops_entries_given_up_and_stays_whole() {
    let (bad, body) = with_body(head("https://e.org/bad"), noise(1, 5 << 20));
    let (mut writer, paper) = start("har", options(), false);
    writer.begin(&bad, 0).expect("begun");
    writer.chunk(&body[..3 << 20]).expect("written");
    writer.abandon().expect("given up");
    writer.begin(&bad, 0).expect("begun");
    writer.chunk(&body[..3 << 20]).expect("written");
    assert_eq!(writer.end().expect_err("too short").code(), "body_damaged");
    writer.begin(&bad, 0).expect("begun");
    writer.chunk(&body).expect("written");
    writer.end().expect("ended");
    assert_eq!(writer.finish().expect("finished").entries, 1);
    assert_same(&whole(import("har", &paper.text())), &[(bad, body)]);
}

#[test]
fn interchange_har_cut_anywhere_is_truncated() {
    let entries: Vec<_> = samples().into_iter().filter(|(_, body)| body.len() < 20).collect();
    let (bytes, _) = export("har", &entries, options());
    for end in 0..bytes.len() - 1 {
        let read = import("har", &bytes[..end]);
        assert_eq!(codes(&read), ["truncated"], "at {end}");
        assert!(read.len() <= entries.len() + 1);
    }
}

#[test]
fn interchange_har_without_bodies_says_so() {
    let entries = samples();
    let (bytes, _) = export("har", &entries, WriteOptions { bodies: false, ..options() });
    check_schema(&serde_json::from_slice(&bytes).expect("JSON"));
    let read = import("har", &bytes);
    assert_eq!(codes(&read).iter().filter(|code| **code == "body_missing").count(), 6);
}

/// Like Chrome's: pages, members with underscores, HTTP/2, joined cookies, every header.
const CHROME: &str = r#"{
  "log": {
    "version": "1.2",
    "creator": {"name": "WebInspector", "version": "537.36"},
    "pages": [{"startedDateTime": "2026-03-02T09:14:04.000Z", "id": "page_1", "title": "x",
               "pageTimings": {"onContentLoad": 1, "onLoad": null}}],
    "entries": [
      {
        "_initiator": {"type": "other", "entries": [1, 2]},
        "_priority": "VeryHigh", "pageref": "page_1", "connection": "443",
        "request": {
          "method": "GET", "url": "https://user:pw@Example.org:443/a?q=1#frag",
          "httpVersion": "http/2.0",
          "headers": [
            {"name": ":method", "value": "GET"},
            {"name": "accept-encoding", "value": "gzip, deflate, br, zstd"},
            {"name": "cookie", "value": "sid=1"}
          ],
          "queryString": [{"name": "q", "value": "1"}], "cookies": [], "headersSize": -1, "bodySize": 0
        },
        "response": {
          "status": 200, "statusText": "", "httpVersion": "http/2.0",
          "headers": [
            {"name": "content-encoding", "value": "br"},
            {"name": "content-length", "value": "9"},
            {"name": "content-type", "value": "text/html; charset=iso-8859-1"},
            {"name": "set-cookie", "value": "a=1\nb=2; Path=/"},
            {"name": "transfer-encoding", "value": "chunked"},
            {"name": "vary", "value": "Accept-Encoding"},
            {"name": "bad name", "value": "x"}
          ],
          "cookies": [], "content": {"size": 7, "mimeType": "text/html", "text": "Grüße"},
          "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 120, "_error": null
        },
        "serverIPAddress": "[2001:db8::1]",
        "startedDateTime": "2026-03-02T09:14:05.120+01:00",
        "time": 12.5,
        "timings": {"blocked": 1, "dns": -1, "ssl": -1, "connect": -1, "send": 0.1, "wait": 10, "receive": 1.4}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0, "cache": {}, "timings": {},
        "request": {"method": "GET", "url": "https://example.org/logo", "headers": []},
        "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [],
          "content": {"size": 5, "mimeType": "image/png", "text": "aGVsbG8", "encoding": "base64"}}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0,
        "request": {"method": "GET", "url": "https://example.org/heads-only"},
        "response": {"status": 200, "content": {"size": 7000, "mimeType": "image/png"}}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0,
        "request": {"method": "GET", "url": "data:image/png;base64,xx", "headers": []},
        "response": {"status": 200, "content": {"size": 0}}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0,
        "request": {"method": "GET", "url": "https://example.org/blocked"},
        "response": {"status": 0, "content": {"size": 0}}
      },
      {"startedDateTime": "2026-03-02T09:14:06Z", "request": "nonsense"},
      {
        "startedDateTime": "yesterday",
        "request": {"method": "GET", "url": "https://example.org/"},
        "response": {"status": 200, "content": {"size": 0}}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0,
        "request": {"method": "GE T", "url": "https://example.org/"},
        "response": {"status": 200, "content": {"size": 0}}
      },
      {
        "startedDateTime": "2026-03-02T09:14:06Z", "time": 0,
        "request": {"method": "GET", "url": "https://example.org/moved"},
        "response": {"status": 301, "content": {"size": 0},
                     "headers": [{"name": "Location", "value": "/a"},
                                 {"name": "Content-Length", "value": "154"}]}
      }
    ]
  }
}"#;

#[test]
fn interchange_har_of_a_browser_is_read() {
    let read = import("har", CHROME.as_bytes());
    let wanted = ["no_content", "bad_url", "bad_status", "undecodable", "bad_time", "bad_method"];
    assert_eq!(codes(&read), wanted);
    let message = read[2].as_ref().unwrap_err().message().to_owned();
    assert!(message.starts_with("log.entries[2]: "), "{message}");
    let good: Vec<_> = read.into_iter().filter_map(Result::ok).collect();
    let (page, body) = &good[0];
    let url = UrlText::parse("https://example.org/a?q=1").expect("a URL");
    assert_eq!(page.request.url, url, "without user, port and fragment");
    assert_eq!(page.id.key, Key::native("", &Method::GET, &url));
    assert!(page.selections.is_empty(), "whoever imports knows the rules of Vary");
    assert_eq!(body, "Grüße".as_bytes());
    assert_eq!(page.body.bytes, 7);
    assert_eq!(page.requested_at.to_string(), "2026-03-02T08:14:05.120Z");
    assert_eq!(page.received_at.to_string(), "2026-03-02T08:14:05.132500Z");
    assert_eq!(page.extensions.http_version.as_deref(), Some("HTTP/2"));
    let fields: Vec<_> = page
        .headers
        .iter()
        .map(|(n, v)| format!("{}: {}", String::from_utf8_lossy(n), String::from_utf8_lossy(v)))
        .collect();
    let wanted = [
        "X-Cachectl-Original-Content-Encoding: br",
        "set-cookie: a=1",
        "set-cookie: b=2; Path=/",
        "vary: Accept-Encoding",
        "Content-Length: 7",
        "Content-Type: text/html; charset=utf-8",
    ];
    assert_eq!(fields, wanted);
    assert_eq!(page.request.headers.len(), 2, "pseudo-fields are none");
    assert_eq!(good[1].1, "hello", "base64 without its padding");
    assert_eq!((good[2].0.status, good[2].1.len()), (301, 0), "browsers show no more of it");
    assert_eq!(good[2].0.headers.get("content-length"), Some(&b"0"[..]));
}

#[test]
fn interchange_har_with_damaged_content_is_noticed() {
    let entries = vec![
        with_body(head("https://e.org/1"), "some text"),
        with_body(head("https://e.org/2"), Bytes::from_static(b"\xff\xfe")),
    ];
    let text = String::from_utf8(export("har", &entries, options()).0).expect("UTF-8");
    for (good, bad) in [("some text", "same text"), ("//4=", "//5="), ("//4=", "/*4=")] {
        let changed = text.replace(good, bad);
        assert_ne!(changed, text);
        let read = import("har", changed.as_bytes());
        assert_eq!(codes(&read), ["body_damaged"], "{bad}");
        assert_eq!(read.len(), 2);
    }
}

#[test]
fn interchange_har_of_a_reply_to_head_keeps_the_length_it_names() {
    let mut head = head("https://e.org/");
    head.request.method = Method::HEAD;
    head.headers.push("Content-Length", "1000");
    head.body = BodyFacts::of(b"");
    let entries = vec![(head, Bytes::new())];
    let (bytes, _) = export("har", &entries, options());
    assert_same(&whole(import("har", &bytes)), &entries);
}
