//! Section 4.4, and the marks that it leaves.

use cachectl::policy::{Received, invalidated_by};
use cachectl::{EntryHead, Extensions, MaxStale, Timestamp};

use super::world::{START, fields, request, stored};

fn invalidated(method: &str, status: u16, answer: &str) -> Vec<String> {
    let now = Timestamp::parse_rfc3339(START).expect("a time");
    let received = Received {
        status,
        headers: fields(answer),
        extensions: Extensions::default(),
        requested_at: now,
        received_at: now,
    };
    invalidated_by(&request(method, ""), &received)
        .iter()
        .map(|url| url.as_str().trim_start_matches("https://example.org").to_owned())
        .collect()
}

#[test]
fn i1_an_unsafe_method_that_succeeds_makes_the_target_unusable() {
    for method in ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH", "X-UNKNOWN"] {
        for status in [200, 204, 301, 399] {
            assert_eq!(invalidated(method, status, ""), ["/a"], "{method} {status}");
        }
        for status in [400, 404, 500, 503] {
            assert!(invalidated(method, status, "").is_empty(), "{method} {status}");
        }
    }
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert!(invalidated(method, 200, "Location: /b").is_empty(), "{method}");
    }
}

#[test]
fn i2_locations_of_the_same_origin_too_and_others_never() {
    for (answer, expected) in [
        ("Location: /b", vec!["/a", "/b"]),
        ("Content-Location: b?x=1", vec!["/a", "/b?x=1"]),
        ("Location: https://example.org:443/b", vec!["/a", "/b"]),
        ("Location: https://evil.example/b", vec!["/a"]),
        ("Location: http://example.org/b", vec!["/a"]),
        ("Location: https://example.org:8443/b", vec!["/a"]),
        ("Location: /a", vec!["/a"]),
    ] {
        assert_eq!(invalidated("POST", 201, answer), expected, "{answer}");
    }
}

#[test]
fn i3_a_marked_entry_is_validated_before_any_use_and_never_served_stale() {
    let mut world = stored("Cache-Control: max-age=600, stale-if-error=600\nETag: \"1\"");
    world.entries[0] = EntryHead { invalidated: true, ..world.entries[0].clone() };
    assert_eq!(world.ask(""), "stale");
    assert_eq!(world.ask("Cache-Control: max-stale"), "stale");
    assert_eq!(world.reasons(""), ["invalidated"]);
    world.options.stale_if_error = Some(MaxStale::Any);
    assert_eq!(world.fetch(503, ""), "status-not-cacheable", "no stale use");
    assert_eq!(world.fetch(304, "ETag: \"1\""), "updated 1", "but a validator saves the transfer");
    assert_eq!(world.ask(""), "hit", "and lifts the mark");
}
