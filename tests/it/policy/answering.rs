//! Section 12: conditions of the caller, 304, ranges.

use cachectl::Timestamp;
use cachectl::policy::{Extent, settle_conditions};

use super::world::{World, date, fields, request, stored};

fn world() -> World {
    stored(&format!(
        "Cache-Control: max-age=600\nETag: \"v1\"\nLast-Modified: {}\nContent-Type: text/plain\nContent-Length: 10\nVary: X\nX-Own: 1",
        date(-1000)
    ))
}

#[test]
fn r1_fields_are_as_stored_but_for_age() {
    let world = world();
    let reply = world.reply(&request("GET", ""));
    assert_eq!(reply.status, 200);
    let mut without_age = reply.headers;
    assert!(without_age.remove("age"));
    assert_eq!(without_age, world.entries[0].headers);
}

#[test]
fn r2_the_callers_conditions_are_answered_here() {
    for (asks, status) in [
        ("If-None-Match: \"v1\"", 304),
        ("If-None-Match: W/\"v1\"", 304),
        ("If-None-Match: \"v0\", \"v1\"", 304),
        ("If-None-Match: \"v0\"\nIf-None-Match: \"v1\"", 304),
        ("If-None-Match: *", 304),
        ("If-None-Match: \"v2\"", 200),
        ("If-Modified-Since: {-1000}", 304),
        ("If-Modified-Since: {0}", 304),
        ("If-Modified-Since: {-1001}", 200),
        ("If-Modified-Since: garbage", 200),
        ("If-None-Match: \"v2\"\nIf-Modified-Since: {0}", 200),
        ("If-None-Match: \"v1\"\nIf-Modified-Since: {-2000}", 304),
    ] {
        let asks = asks
            .replace("{-1000}", &date(-1000))
            .replace("{-1001}", &date(-1001))
            .replace("{-2000}", &date(-2000))
            .replace("{0}", &date(0));
        assert_eq!(world().reply(&request("GET", &asks)).status, status, "{asks}");
        assert_eq!(world().reply(&request("HEAD", &asks)).status, status, "HEAD {asks}");
    }
}

#[test]
fn r2_without_last_modified_the_date_stands_in() {
    let dated = stored(&format!("Cache-Control: max-age=600\nDate: {}", date(-100)));
    for (since, status) in [(-100, 304), (-101, 200)] {
        let asks = request("GET", &format!("If-Modified-Since: {}", date(since)));
        assert_eq!(dated.reply(&asks).status, status, "{since}");
    }
}

#[test]
fn r2_preconditions_of_writers_are_the_origins() {
    for name in ["If-Match", "If-Unmodified-Since"] {
        assert_eq!(world().ask(&format!("{name}: x")), "bypass", "{name}");
    }
}

#[test]
fn r3_a_304_carries_no_representation_fields() {
    let reply = world().reply(&request("GET", "If-None-Match: \"v1\""));
    assert_eq!(reply.extent, Extent::Nothing);
    for name in ["etag", "date", "cache-control", "vary", "last-modified", "age"] {
        assert!(reply.headers.contains(name), "{name}");
    }
    for name in ["content-type", "content-length", "x-own"] {
        assert!(!reply.headers.contains(name), "{name}");
    }
}

#[test]
fn r4_conditions_hold_for_a_full_answer_from_the_origin_too() {
    let asks = request("GET", "If-None-Match: \"v2\"");
    let now = Timestamp::parse_rfc3339(super::world::START).expect("a time");
    assert!(settle_conditions(&asks, 200, &fields("ETag: \"v2\""), now));
    assert!(!settle_conditions(&asks, 404, &fields("ETag: \"v2\""), now));
    assert!(!settle_conditions(&request("POST", "If-None-Match: *"), 200, &fields(""), now));
}

#[test]
fn g1_a_single_range_of_a_whole_entry() {
    let part = |first, last| Extent::Part { first, last };
    for (range, status, extent, content_range) in [
        ("bytes=0-3", 206, part(0, 3), Some("bytes 0-3/10")),
        ("bytes=4-", 206, part(4, 9), Some("bytes 4-9/10")),
        ("bytes=-3", 206, part(7, 9), Some("bytes 7-9/10")),
        ("bytes=-30", 206, part(0, 9), Some("bytes 0-9/10")),
        ("bytes=8-80", 206, part(8, 9), Some("bytes 8-9/10")),
        ("Bytes = 0-0", 206, part(0, 0), Some("bytes 0-0/10")),
        ("bytes=10-", 416, Extent::Nothing, Some("bytes */10")),
        ("bytes=-0", 416, Extent::Nothing, Some("bytes */10")),
        ("bytes=0-1,3-4", 200, Extent::Whole, None),
        ("bytes=3-2", 200, Extent::Whole, None),
        ("bytes=x-", 200, Extent::Whole, None),
        ("lines=0-1", 200, Extent::Whole, None),
    ] {
        let reply = world().reply(&request("GET", &format!("Range: {range}")));
        assert_eq!((reply.status, reply.extent), (status, extent), "{range}");
        let shown = reply.headers.get_text("content-range").map(std::borrow::Cow::into_owned);
        assert_eq!(shown.as_deref(), content_range, "{range}");
        if let Extent::Part { first, last } = extent {
            let length = (last - first + 1).to_string();
            assert_eq!(reply.headers.get("content-length"), Some(length.as_bytes()), "{range}");
        }
    }
    assert_eq!(world().reply(&request("HEAD", "Range: bytes=0-3")).status, 200);
}

#[test]
fn g2_if_range_needs_a_strong_tag_or_the_exact_date() {
    for (condition, status) in [
        ("\"v1\"".to_owned(), 206),
        ("W/\"v1\"".to_owned(), 200),
        ("\"v2\"".to_owned(), 200),
        (date(-1000), 206),
        (date(-999), 200),
    ] {
        let asks = request("GET", &format!("Range: bytes=0-3\nIf-Range: {condition}"));
        assert_eq!(world().reply(&asks).status, status, "{condition}");
    }
}

#[test]
fn a_range_of_what_is_not_stored_is_the_origins() {
    let forward = World::private().forward(&request("GET", "Range: bytes=0-3"));
    assert!(forward.headers.contains("range"));
    let mut world = World::private();
    let asks = request("GET", "Range: bytes=0-3");
    let answer = "Cache-Control: max-age=60\nContent-Range: bytes 0-3/10";
    assert_eq!(world.exchange(&asks, 206, answer), "one-request-only");
    assert_eq!(world.exchange(&asks, 200, answer), "one-request-only", "a 200 has no parts");
    assert_eq!(
        world.exchange(&asks, 200, "Cache-Control: max-age=60"),
        "stored",
        "the whole was sent"
    );
}
