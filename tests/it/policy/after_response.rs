//! Sections 4.3.1 to 4.3.5: conditions, 304, full answers, HEAD.

use cachectl::Headers;

use super::world::{World, date, request, stored};

fn sent(headers: &Headers, name: &str) -> Option<String> {
    headers.joined(name).map(|v| String::from_utf8_lossy(&v).into_owned())
}

#[test]
fn l1_the_conditions_are_the_stored_validators_verbatim() {
    let modified = "Sun, 01 Nov 2026 00:00:00 GMT";
    let mut world =
        stored(&format!("Cache-Control: max-age=1\nETag: W/\"x\"\nLast-Modified: {modified}"));
    world.pass(5);
    let asks = request(
        "GET",
        "If-None-Match: \"mine\"\nIf-Modified-Since: Sat, 01 Nov 2025 00:00:00 GMT\nRange: bytes=0-1\nIf-Range: \"y\"\nX-Own: 1",
    );
    let forward = world.forward(&asks);
    assert_eq!(sent(&forward.headers, "if-none-match").as_deref(), Some("W/\"x\""));
    assert_eq!(sent(&forward.headers, "if-modified-since").as_deref(), Some(modified));
    assert_eq!(sent(&forward.headers, "range"), None);
    assert_eq!(sent(&forward.headers, "if-range"), None);
    assert_eq!(sent(&forward.headers, "x-own").as_deref(), Some("1"));
}

#[test]
fn l2_a_vary_miss_offers_the_tags_of_all_variants() {
    let mut world = World::private();
    for (value, tag) in [("1", "\"a\""), ("2", "\"b\""), ("3", "\"a\"")] {
        let response = format!("Cache-Control: max-age=60\nVary: X-A\nETag: {tag}");
        world.exchange(&request("GET", &format!("X-A: {value}")), 200, &response);
    }
    world.exchange(&request("GET", "X-A: 4"), 200, "Cache-Control: max-age=60\nVary: X-A");
    let asks = request("GET", "X-A: 9");
    let forward = world.forward(&asks);
    assert_eq!(sent(&forward.headers, "if-none-match").as_deref(), Some("\"a\", \"b\""));
    assert_eq!(
        sent(&forward.headers, "x-a").as_deref(),
        Some("9"),
        "L3: selecting fields go along"
    );
    assert_eq!(world.exchange(&asks, 304, "ETag: \"b\"\nCache-Control: max-age=60"), "updated 1");
    assert_eq!(world.ask("X-A: 9"), "hit", "the entry has learned this request");
    assert_eq!(world.ask("X-A: 2"), "hit", "and has not forgotten the other");
    assert_eq!(world.ask("X-A: 8"), "vary-miss");
}

#[test]
fn l4_without_a_validator_the_request_is_plain() {
    let mut world = stored("Cache-Control: max-age=1");
    world.pass(5);
    let forward = world.forward(&request("GET", ""));
    assert!(forward.offered.is_empty() && forward.headers.is_empty());
    assert_eq!(world.reasons(""), ["stale", "no-validator"]);
}

#[test]
fn u1_what_a_304_speaks_of() {
    let modified = |secs| format!("Last-Modified: {}", date(secs));
    for (validators, answer, expected) in [
        ("ETag: \"1\"".to_owned(), "ETag: \"1\"".to_owned(), "updated 1"),
        ("ETag: W/\"1\"".to_owned(), "ETag: W/\"1\"".to_owned(), "updated 1"),
        ("ETag: W/\"1\"".to_owned(), "ETag: \"1\"".to_owned(), "updated 1"),
        ("ETag: \"1\"".to_owned(), "ETag: W/\"1\"".to_owned(), "updated 1"),
        ("ETag: \"1\"".to_owned(), String::new(), "updated 1"),
        ("ETag: \"1\"".to_owned(), "ETag: \"2\"".to_owned(), "ask-again"),
        (modified(-100), modified(-100), "updated 1"),
        (modified(-100), modified(-50), "ask-again"),
        (format!("ETag: \"1\"\n{}", modified(-100)), modified(-100), "updated 1"),
    ] {
        let mut world = stored(&format!("Cache-Control: max-age=1\n{validators}"));
        world.pass(50);
        assert_eq!(world.fetch(304, &answer), expected, "{validators:?} {answer:?}");
    }
}

#[test]
fn u1_a_strong_tag_speaks_of_every_variant_that_has_it() {
    let mut world = World::private();
    for value in ["1", "2"] {
        let response = "Cache-Control: max-age=1\nVary: X-A\nETag: \"same\"";
        world.exchange(&request("GET", &format!("X-A: {value}")), 200, response);
    }
    world.pass(50);
    let asks = request("GET", "X-A: 1");
    let news = "ETag: \"same\"\nCache-Control: max-age=60";
    assert_eq!(world.exchange(&asks, 304, news), "updated 2");
    assert_eq!(world.ask("X-A: 2"), "hit");
}

#[test]
fn u2_a_304_replaces_the_fields_that_it_has() {
    let mut world = stored(
        "Cache-Control: max-age=1\nETag: \"1\"\nX-Old: stays\nX-Twice: a\nX-Last: z\nX-Twice: b\nContent-Length: 10\nContent-Encoding: gzip\nAge: 5",
    );
    world.pass(50);
    world.fetch(
        304,
        "ETag: \"1\"\nCache-Control: max-age=60\nX-Twice: c\nX-New: n\nContent-Length: 0\nContent-Encoding: br\nContent-Range: bytes 0-1/2\nConnection: close",
    );
    for (name, value) in [
        ("cache-control", Some("max-age=60")),
        ("x-old", Some("stays")),
        ("x-twice", Some("c")),
        ("x-new", Some("n")),
        ("content-length", Some("10")),
        ("content-encoding", Some("gzip")),
        ("content-range", None),
        ("connection", None),
        ("age", None),
    ] {
        assert_eq!(world.field(name).as_deref(), value, "{name}");
    }
    let names: Vec<_> = world.entries[0]
        .headers
        .iter()
        .map(|(n, _)| String::from_utf8_lossy(n).to_lowercase())
        .collect();
    let place = |name: &str| names.iter().position(|n| n == name);
    assert!(place("x-twice") < place("x-last"), "fields keep their place: {names:?}");
    assert_eq!(world.pass(59).ask(""), "hit", "the clock starts with the validation");
    assert_eq!(world.pass(1).ask(""), "stale");
}

#[test]
fn u2_a_304_can_forbid_further_storing() {
    let mut world = stored("Cache-Control: max-age=1\nETag: \"1\"");
    world.pass(50);
    assert_eq!(world.fetch(304, "ETag: \"1\"\nCache-Control: no-store"), "updated 0");
    assert!(world.entries.is_empty(), "answered once, then removed");
}

#[test]
fn u3_a_full_answer_replaces_what_fitted_the_request() {
    let mut world = stored("Cache-Control: max-age=1\nETag: \"1\"");
    world.pass(50);
    assert_eq!(world.fetch(200, "Cache-Control: max-age=60\nETag: \"2\""), "stored");
    assert_eq!(world.field("etag").as_deref(), Some("\"2\""));
    let asks = request("GET", "X-A: 1");
    world.pass(100);
    world.exchange(&asks, 200, "Cache-Control: max-age=60\nVary: X-A\nETag: \"3\"");
    assert_eq!(world.entries.len(), 1, "also where Vary is new");
    world.exchange(&request("GET", "X-A: 2"), 200, "Cache-Control: max-age=60\nVary: X-A");
    assert_eq!(world.entries.len(), 2, "another variant stands beside it");
}

#[test]
fn u4_a_failure_replaces_nothing_by_itself() {
    let mut world = stored("Cache-Control: max-age=1\nETag: \"1\"");
    world.pass(50);
    assert_eq!(world.fetch(503, ""), "status-not-cacheable");
    assert_eq!(world.field("etag").as_deref(), Some("\"1\""));
    assert_eq!(world.fetch(503, "Cache-Control: max-age=5"), "stored", "unless it may be stored");
    assert_eq!(world.entries[0].status, 503);
}

#[test]
fn e1_a_fresh_get_entry_answers_head() {
    let world = stored("Cache-Control: max-age=60\nContent-Length: 10");
    let head = request("HEAD", "");
    assert_eq!(world.decide(&head).freshness.map(|f| f.is_fresh()), Some(true));
    assert!(matches!(world.decide(&head).plan, cachectl::policy::Plan::Answer(_)));
    let reply = world.reply(&head);
    assert_eq!(reply.extent, cachectl::policy::Extent::Nothing);
    assert_eq!(reply.headers.get("content-length"), Some(&b"10"[..]));
}

#[test]
fn e2_head_goes_out_as_head_and_its_answer_tells_about_the_entry() {
    const STORED: &str = "Cache-Control: max-age=1\nETag: \"1\"\nContent-Length: 10";
    for (status, answer, expected) in [
        (200, "ETag: \"1\"\nContent-Length: 10\nCache-Control: max-age=60", "hit"),
        (200, "Cache-Control: max-age=60", "hit"),
        (200, "ETag: \"2\"\nCache-Control: max-age=60", "stale"),
        (200, "Content-Length: 11\nCache-Control: max-age=60", "stale"),
        (404, "Cache-Control: max-age=60", "stale"),
        (410, "", "stale"),
        (500, "", "stale"),
        (302, "", "stale"),
    ] {
        let mut world = stored(STORED);
        world.pass(50);
        let asks = request("HEAD", "");
        assert!(world.forward(&asks).offered.is_empty(), "as it came");
        assert_eq!(world.exchange(&asks, status, answer), "method-not-cacheable");
        assert_eq!(world.entries.len(), 1);
        assert_eq!(world.ask(""), expected, "{status} {answer:?}");
        let marked = world.entries[0].invalidated;
        let changed = matches!(status, 404 | 410) || (status == 200 && expected == "stale");
        assert_eq!(marked, changed, "{status} {answer:?}");
    }
}
