//! The order of the decision, request directives and options, and stale use.

use std::time::Duration;

use cachectl::policy::{Demands, LifetimeSource, Plan, unreachable};
use cachectl::{MaxStale, RequestOptions};

use super::world::{World, request, stored};

const FRESH: &str = "Cache-Control: max-age=60\nETag: \"1\"";

#[test]
fn d1_other_methods_pass_by() {
    let world = stored(FRESH);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "X-UNKNOWN"] {
        let decision = world.decide(&request(method, "Cache-Control: max-age=5"));
        let Plan::Forward(forward) = decision.plan else { panic!("{method} answered") };
        assert_eq!(forward.why.token(), "method", "{method}");
        assert!(!forward.headers.contains("if-none-match"), "{method} goes as it came");
    }
}

#[test]
fn d2_no_store_forwards_without_looking_and_without_storing() {
    let mut world = stored(FRESH);
    assert_eq!(world.ask("Cache-Control: no-store"), "bypass");
    world.options.no_store = true;
    assert_eq!(world.ask(""), "bypass");
    let forward = world.forward(&request("GET", ""));
    assert!(!forward.store && forward.offered.is_empty());
    assert_eq!(forward.headers.get("cache-control"), Some(&b"no-store"[..]), "and says so");
    assert_eq!(world.fetch(200, FRESH), "no-store-request");
    assert_eq!(world.entries.len(), 1, "what is stored already stays");
}

#[test]
fn d3_nothing_under_the_key_or_nothing_that_fits() {
    assert_eq!(World::private().ask(""), "uri-miss");
    let mut world = World::private();
    world.exchange(&request("GET", "X-A: 1"), 200, "Cache-Control: max-age=60\nVary: X-A");
    assert_eq!(world.ask("X-A: 2"), "vary-miss");
    assert_eq!(world.reasons("X-A: 2"), ["vary-miss"]);
}

#[test]
fn d4_some_entries_are_asked_about_even_when_fresh() {
    let mut world = stored(FRESH);
    assert_eq!(world.ask("Cache-Control: no-cache"), "request");
    assert_eq!(world.ask("Pragma: no-cache"), "request");
    world.options.revalidate = true;
    assert_eq!(world.ask(""), "request");
    assert_eq!(world.forward(&request("GET", "")).offered, [0], "with conditions");
    world.options.revalidate = false;
    world.options.refresh = true;
    assert_eq!(world.ask(""), "request");
    assert!(world.forward(&request("GET", "")).offered.is_empty(), "without");
    let world = stored("Cache-Control: max-age=60, no-cache\nETag: \"1\"");
    assert_eq!(world.ask(""), "stale");
    assert_eq!(world.reasons(""), ["response-no-cache"]);
}

#[test]
fn d5_a_request_may_want_it_fresher() {
    let mut world = stored(FRESH);
    world.pass(30);
    for (asks, expected) in [
        ("Cache-Control: max-age=30", "hit"),
        ("Cache-Control: max-age=29", "request"),
        ("Cache-Control: max-age=0", "request"),
        ("Cache-Control: min-fresh=30", "hit"),
        ("Cache-Control: min-fresh=31", "request"),
        ("Cache-Control: max-age=29, max-stale", "request"),
    ] {
        assert_eq!(world.ask(asks), expected, "{asks}");
    }
    // A limit is never stretched, not by a fraction of a second.
    world.now = world.now + Duration::from_millis(1);
    assert_eq!(world.ask("Cache-Control: max-age=30"), "request");
    assert_eq!(world.ask("Cache-Control: max-age=31"), "hit");
    world.now = world.now - Duration::from_millis(1);
    world.options.max_age = Some(Duration::from_secs(29));
    assert_eq!(world.ask("Cache-Control: max-age=100"), "request", "the stricter one holds");
    world.pass(60);
    assert_eq!(world.ask(""), "stale");
}

#[test]
fn d6_fresh_answers() {
    assert_eq!(stored(FRESH).ask(""), "hit");
    assert_eq!(stored(FRESH).ask("Cache-Control: only-if-cached"), "hit");
}

#[test]
fn d7_stale_answers_where_both_sides_allow_it() {
    let mut world = stored(FRESH);
    world.pass(70);
    for (asks, expected) in [
        ("", "stale"),
        ("Cache-Control: max-stale", "max-stale"),
        ("Cache-Control: max-stale=10", "max-stale"),
        ("Cache-Control: max-stale=9", "stale"),
    ] {
        assert_eq!(world.ask(asks), expected, "{asks}");
    }
    world.options.max_stale = Some(MaxStale::Any);
    assert_eq!(world.ask(""), "max-stale");
}

#[test]
fn d8_only_if_cached_and_offline_refuse_what_is_not_there() {
    let mut world = stored(FRESH);
    world.pass(70);
    assert_eq!(world.ask("Cache-Control: only-if-cached"), "refuse");
    assert_eq!(world.ask("Cache-Control: only-if-cached, max-stale"), "max-stale");
    assert_eq!(World::private().ask("Cache-Control: only-if-cached"), "refuse");
    world.options.offline = true;
    assert_eq!(world.ask(""), "offline", "any stored answer will do");
    let mut empty = World::private();
    empty.options.offline = true;
    assert_eq!(empty.ask(""), "refuse");
    assert_eq!(super::world::request("POST", "").method.as_str(), "POST");
    assert!(
        matches!(empty.decide(&request("POST", "")).plan, Plan::Refuse),
        "no connection at all"
    );
}

#[test]
fn d8_offline_overrides_what_forbids_stale_use() {
    for cache_control in ["max-age=60, must-revalidate", "no-cache", "max-age=60, no-cache"] {
        let mut world = stored(&format!("Cache-Control: {cache_control}\nETag: \"1\""));
        world.pass(70);
        world.options.offline = true;
        assert_eq!(world.ask(""), "offline", "{cache_control}");
    }
    let mut fresh = stored(FRESH);
    fresh.options.offline = true;
    assert_eq!(fresh.ask(""), "hit");
}

#[test]
fn d9_what_is_stale_is_validated() {
    let mut world = stored(FRESH);
    world.pass(60);
    let forward = world.forward(&request("GET", ""));
    assert_eq!(
        (forward.why.token(), forward.selected, &forward.offered[..]),
        ("stale", Some(0), &[0][..])
    );
}

#[test]
fn x1_never_stale_where_a_directive_forbids_it() {
    for (cache_control, private, shared) in [
        ("max-age=60, must-revalidate", "stale", "stale"),
        ("max-age=60, no-cache", "stale", "stale"),
        ("max-age=60, proxy-revalidate", "max-stale", "stale"),
        ("max-age=60, s-maxage=60", "max-stale", "stale"),
        ("max-age=60, must-revalidate, stale-while-revalidate=100", "stale", "stale"),
    ] {
        for (mut world, expected) in [(World::private(), private), (World::shared(), shared)] {
            world.fetch(200, &format!("Cache-Control: {cache_control}\nETag: \"1\""));
            world.pass(70);
            assert_eq!(world.ask("Cache-Control: max-stale"), expected, "{cache_control}");
        }
    }
}

/// What stands in when the origin fails with this status, or cannot be reached.
fn stands_in(world: &World, asks: &str, status: Option<u16>) -> Option<&'static str> {
    let request = request("GET", asks);
    let decision = world.decide(&request);
    let demands = Demands::of(&request.headers, &world.options);
    unreachable(&decision, &world.entries, &world.settings, &demands, status)
        .map(|(_, because)| because.name())
}

#[test]
fn x2_an_origin_that_cannot_be_reached() {
    let mut world = stored(FRESH);
    world.pass(70);
    assert_eq!(stands_in(&world, "", None), None);
    assert_eq!(stands_in(&world, "Cache-Control: stale-if-error=10", None), Some("unreachable"));
    assert_eq!(stands_in(&world, "Cache-Control: stale-if-error=9", None), None);
    world.settings.stale_if_unreachable = true;
    assert_eq!(stands_in(&world, "", None), Some("unreachable"));
    assert_eq!(stands_in(&world, "Cache-Control: no-cache", None), None, "the caller forbids it");
    for forbidden in ["max-age=60, must-revalidate", "no-cache"] {
        let mut world = stored(&format!("Cache-Control: {forbidden}\nETag: \"1\""));
        world.settings.stale_if_unreachable = true;
        world.options.stale_if_error = Some(MaxStale::Any);
        world.pass(70);
        assert_eq!(stands_in(&world, "", None), None, "{forbidden}");
    }
}

#[test]
fn x3_an_origin_that_fails() {
    let allowing = "Cache-Control: max-age=60, stale-if-error=20\nETag: \"1\"";
    for (status, late, expected) in [
        (500, 70, Some("stale-if-error")),
        (502, 70, Some("stale-if-error")),
        (503, 80, Some("stale-if-error")),
        (504, 81, None),
        (501, 70, None),
        (404, 70, None),
        (410, 70, None),
        (429, 70, None),
    ] {
        let mut world = stored(allowing);
        world.pass(late);
        assert_eq!(stands_in(&world, "", Some(status)), expected, "{status} after {late}s");
    }
    let mut world = stored(FRESH);
    world.pass(70);
    world.settings.stale_if_unreachable = true;
    assert_eq!(stands_in(&world, "", Some(503)), None, "an answer is not silence");
    world.options.stale_if_error = Some(MaxStale::Secs(10));
    assert_eq!(stands_in(&world, "", Some(503)), Some("stale-if-error"));
    assert_eq!(world.fetch(503, ""), "stale-if-error");
    assert_eq!(world.entries.len(), 1);
}

#[test]
fn x4_stale_while_revalidate_answers_and_validates_afterwards() {
    let mut world = stored("Cache-Control: max-age=60, stale-while-revalidate=10\nETag: \"1\"");
    world.pass(70);
    assert_eq!(world.ask(""), "stale-while-revalidate");
    let Plan::Answer(answer) = world.decide(&request("GET", "")).plan else { panic!("forwarded") };
    assert!(answer.revalidate);
    assert_eq!(world.ask("Cache-Control: max-age=100"), "stale", "the caller sets its own limit");
    assert_eq!(world.pass(1).ask(""), "stale", "after the window: first validate");
}

#[test]
fn x5_warnings_are_neither_made_nor_lost() {
    let mut world = stored("Cache-Control: max-age=60\nWarning: 199 - \"x\"");
    world.pass(70);
    world.options.max_stale = Some(MaxStale::Any);
    let reply = world.reply(&request("GET", ""));
    assert_eq!(reply.headers.get_all("warning").count(), 1);
}

#[test]
fn options_are_sent_as_directives_for_caches_on_the_way() {
    for (options, said) in [
        (RequestOptions { revalidate: true, ..RequestOptions::default() }, Some("no-cache")),
        (RequestOptions { refresh: true, ..RequestOptions::default() }, Some("no-cache")),
        (
            RequestOptions { max_age: Some(Duration::from_secs(5)), ..RequestOptions::default() },
            Some("max-age=5"),
        ),
        (
            RequestOptions { max_stale: Some(MaxStale::Secs(7)), ..RequestOptions::default() },
            Some("max-stale=7"),
        ),
        (
            RequestOptions { max_stale: Some(MaxStale::Any), ..RequestOptions::default() },
            Some("max-stale"),
        ),
        (RequestOptions::default(), None),
    ] {
        let mut world = World::private();
        world.options = options.clone();
        let forward = world.forward(&request("GET", ""));
        let sent = forward.headers.get_text("cache-control").map(std::borrow::Cow::into_owned);
        assert_eq!(sent.as_deref(), said, "{options:?}");
    }
}

#[test]
fn force_serves_any_entry_for_as_long_as_it_says() {
    let mut world = stored("Cache-Control: max-age=1\nETag: \"1\"");
    world.pass(50);
    world.options.force = Some(Duration::from_secs(60));
    assert_eq!(world.ask(""), "hit");
    let decision = world.decide(&request("GET", ""));
    assert_eq!(decision.freshness.expect("a freshness").source, LifetimeSource::StoreTtl);
    assert_eq!(world.pass(10).ask(""), "stale");
}
