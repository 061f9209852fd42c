//! Sections 2 and 4.1: keys, and which variant fits.

use cachectl::policy::{selection, vary_checks};

use super::world::{World, date, fields, request};

fn varied(vary: &str, asked: &str) -> World {
    let mut world = World::private();
    let response = format!("Cache-Control: max-age=600\nVary: {vary}");
    assert_eq!(world.exchange(&request("GET", asked), 200, &response), "stored", "{vary}");
    world
}

#[test]
fn v1_every_named_field_must_match() {
    for (vary, first, second, expected) in [
        ("X-A", "X-A: 1", "X-A: 1", "hit"),
        ("X-A", "X-A: 1", "x-a: 1", "hit"),
        ("X-A", "X-A: 1", "X-A: 2", "vary-miss"),
        ("X-A", "X-A: 1", "", "vary-miss"),
        ("X-A", "", "X-A: 1", "vary-miss"),
        ("X-A", "", "", "hit"),
        ("X-A", "X-A:", "", "vary-miss"),
        ("X-A, X-B", "X-A: 1\nX-B: 2", "X-B: 2\nX-A: 1", "hit"),
        ("X-A, X-B", "X-A: 1\nX-B: 2", "X-A: 1\nX-B: 3", "vary-miss"),
        ("X-A\nVary: X-B", "X-A: 1\nX-B: 2", "X-A: 1", "vary-miss"),
        ("X-A", "X-A: 1", "X-A: 1\nX-Other: 5", "hit"),
        ("Cookie", "Cookie: a=1", "Cookie: a=1", "hit"),
        ("Cookie", "Cookie: a=1", "Cookie: a=2", "vary-miss"),
    ] {
        assert_eq!(varied(vary, first).ask(second), expected, "{vary}: {first:?} {second:?}");
    }
}

#[test]
fn v1_an_entry_that_varies_by_star_never_matches() {
    let mut world = varied("X-A", "");
    world.entries[0].headers.set("Vary", "X-A, *");
    world.entries[0].selections = vec![selection(&world.entries[0].headers, &fields(""))];
    assert_eq!(world.ask(""), "vary-miss");
}

#[test]
fn v2_equal_in_meaning_is_equal() {
    for (name, first, second, expected) in [
        ("Accept-Encoding", "gzip, br", "br , gzip", "hit"),
        ("Accept-Encoding", "gzip, br;q=0.5", "br;q=0.5, GZIP;q=1.0", "hit"),
        ("Accept-Encoding", "gzip, br;q=0.5", "br, gzip;q=0.5", "vary-miss"),
        ("Accept-Charset", "utf-8", "UTF-8", "hit"),
        ("Accept", "a/b, c/d", "a/b,,c/d,", "hit"),
        ("Accept", "a/b, c/d", "c/d, a/b", "vary-miss"),
        ("Prefer", "a, b", "a,b", "hit"),
        ("X-List", "a, b", "b, a", "vary-miss"),
        ("X-List", "a", "A", "vary-miss"),
        ("X-List", " a,b ", "a,b", "hit"),
        ("X-List", "a,b", "a\nX-List: b", "hit"),
        // Of other fields nobody knows what a blank or an empty member means.
        ("X-List", "a, b", "a,b", "vary-miss"),
        ("X-Columns", "a,,b", "a,b", "vary-miss"),
        ("X-Columns", "a,b", "a,b,", "vary-miss"),
    ] {
        let world = varied(name, &format!("{name}: {first}"));
        assert_eq!(world.ask(&format!("{name}: {second}")), expected, "{name}: {first} {second}");
    }
}

#[test]
fn v3_content_language_satisfies_the_one_preferred_language() {
    let german = |asked: &str| {
        let mut world = World::private();
        let response = "Cache-Control: max-age=600\nVary: Accept-Language\nContent-Language: de";
        world.exchange(&request("GET", asked), 200, response);
        world
    };
    for (asked, expected) in [
        ("Accept-Language: de, en;q=0.5", "hit"),
        ("Accept-Language: en;q=0.5, DE;q=0.9", "hit"),
        ("Accept-Language: de, en", "vary-miss"),
        ("Accept-Language: en, de;q=0.5", "vary-miss"),
        ("Accept-Language: de;q=0", "vary-miss"),
        ("", "vary-miss"),
    ] {
        let mut world = german("Accept-Language: de-AT, de");
        assert_eq!(world.ask(asked), expected, "{asked}");
        world.settings.match_content_language = false;
        assert_eq!(world.ask("Accept-Language: de, en;q=0.5"), "vary-miss", "it is a setting");
    }
    let mut two = german("Accept-Language: fr");
    two.entries[0].headers.set("Content-Language", "de, fr");
    assert_eq!(two.ask("Accept-Language: de"), "vary-miss", "one language only");
}

#[test]
fn v4_of_several_the_latest_date_wins_then_the_latest_received() {
    let mut world = World::private();
    let response = |day: i64, tag: &str, vary: &str| {
        format!("Cache-Control: max-age=600\nDate: {}\nETag: \"{tag}\"\nVary: {vary}", date(day))
    };
    world.exchange(&request("GET", "X-A: 1"), 200, &response(-10, "old", "X-A"));
    world.exchange(&request("GET", "X-B: 1"), 200, &response(-5, "new", "X-B"));
    let decision = world.decide(&request("GET", "X-A: 1\nX-B: 1"));
    let chosen = &world.entries[decision.selected.expect("both fit")];
    assert_eq!(chosen.headers.get("etag"), Some(&b"\"new\""[..]));
    world.entries[0].headers.set("Date", date(-5));
    world.entries[0].received_at = world.now + std::time::Duration::from_secs(1);
    let decision = world.decide(&request("GET", "X-A: 1\nX-B: 1"));
    assert_eq!(decision.selected, Some(0), "received later");
}

#[test]
fn v5_a_key_holds_at_most_32_variants_and_the_oldest_go() {
    let mut world = World::private();
    for i in 0..40 {
        let asks = request("GET", &format!("X-A: {i}"));
        world.pass(1);
        world.exchange(&asks, 200, "Cache-Control: max-age=6000\nVary: X-A");
        assert!(world.entries.len() <= 32);
    }
    assert_eq!(world.ask("X-A: 39"), "hit");
    assert_eq!(world.ask("X-A: 8"), "hit");
    assert_eq!(world.ask("X-A: 7"), "vary-miss");
}

#[test]
fn w2_stored_request_fields_stand_in_for_missing_selections() {
    let mut world = varied("X-A", "X-A: 1");
    world.entries[0].selections.clear();
    assert_eq!(world.ask("X-A: 1"), "hit", "derived from the stored request");
    assert_eq!(world.ask("X-A: 2"), "vary-miss");
    world.entries[0].request.headers = fields("");
    assert_eq!(world.ask("X-A: 1"), "vary-miss", "unknown matches nothing");
    assert_eq!(world.ask(""), "vary-miss");
}

#[test]
fn explain_can_show_each_comparison() {
    let world = varied("X-A, X-B", "X-A: 1\nX-B: 2");
    let checks = vary_checks(&world.entries[0], &fields("X-A: 1\nX-B: 3"), &world.settings);
    let shown: Vec<_> = checks.iter().map(|c| (c.name.as_str(), c.matches)).collect();
    assert_eq!(shown, [("x-a", true), ("x-b", false)]);
}
