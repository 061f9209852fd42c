//! Sections 4.2.1 to 4.2.3: lifetime and age.

use std::time::Duration;

use cachectl::State;
use cachectl::policy::{current_age, freshness};

use super::world::{World, date, request, stored};

/// Lifetime in seconds and its source, right after storing.
fn lifetime(world: &World) -> (u64, &'static str) {
    let fresh = freshness(&world.entries[0], world.now, &world.settings, None);
    (fresh.lifetime.as_secs(), fresh.source.name())
}

#[test]
fn f1_f2_the_first_source_that_applies_gives_the_lifetime() {
    let expires = |secs| format!("Expires: {}", date(secs));
    for (response, private, shared) in [
        ("Cache-Control: max-age=60, s-maxage=70".to_owned(), (60, "max-age"), (70, "s-maxage")),
        (format!("Cache-Control: max-age=60\n{}", expires(90)), (60, "max-age"), (60, "max-age")),
        (expires(90), (90, "expires"), (90, "expires")),
        (expires(-90), (0, "expires"), (0, "expires")),
        (format!("{}\nNo-Date: 1", expires(90)), (90, "expires"), (90, "expires")),
        (format!("{}\nDate: {}", expires(90), date(-10)), (100, "expires"), (100, "expires")),
        (format!("{}\nDate: garbage", expires(90)), (90, "expires"), (90, "expires")),
        (format!("Last-Modified: {}", date(-1000)), (100, "heuristic"), (100, "heuristic")),
        (String::new(), (0, "none"), (0, "none")),
    ] {
        for (mut world, expected) in [(World::private(), private), (World::shared(), shared)] {
            assert_eq!(world.fetch(200, &response), "stored", "{response}");
            assert_eq!(lifetime(&world), expected, "{response}");
        }
    }
}

#[test]
fn f3_max_age_beats_expires_even_at_zero_or_against_nonsense() {
    for (response, expected) in [
        (format!("Cache-Control: max-age=0\nExpires: {}", date(90)), (0, "max-age")),
        ("Cache-Control: max-age=60\nExpires: 0".to_owned(), (60, "max-age")),
        ("Cache-Control: s-maxage=60".to_owned(), (0, "none")),
    ] {
        assert_eq!(lifetime(&stored(&response)), expected, "{response}");
    }
}

#[test]
fn f4_heuristics_need_last_modified_and_a_status_that_allows_them() {
    let modified = |secs| format!("Last-Modified: {}", date(secs));
    for (status, response, expected) in [
        (200, modified(-1000), (100, "heuristic")),
        (404, modified(-1000), (100, "heuristic")),
        (200, modified(-100_000_000), (604_800, "heuristic")),
        (200, modified(1000), (0, "none")),
        (200, "Last-Modified: garbage".to_owned(), (0, "none")),
        (200, "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT".to_owned(), (0, "none")),
        (200, "Last-Modified: Mon, 01 Jan 0001 00:00:00 GMT".to_owned(), (0, "none")),
        (200, format!("{}\nCache-Control: max-age=5", modified(-1000)), (5, "max-age")),
        (403, format!("{}\nCache-Control: public", modified(-1000)), (100, "heuristic")),
        (403, format!("{}\nCache-Control: private", modified(-1000)), (0, "none")),
    ] {
        let mut world = World::private();
        assert_eq!(world.fetch(status, &response), "stored", "{status} {response}");
        assert_eq!(lifetime(&world), expected, "{status} {response}");
    }
    let mut world = World::private();
    world.settings.heuristic_percent = 50;
    world.settings.heuristic_most = Duration::from_secs(300);
    world.fetch(200, &modified(-500));
    assert_eq!(lifetime(&world), (250, "heuristic"));
    world.fetch(200, &modified(-5000));
    assert_eq!(lifetime(&world), (300, "heuristic"));
}

#[test]
fn f5_immutable_answers_revalidation_while_fresh() {
    let mut world = stored("Cache-Control: max-age=60, immutable\nETag: \"1\"");
    world.options.revalidate = true;
    assert_eq!(world.ask(""), "hit");
    assert_eq!(world.ask("Cache-Control: no-cache"), "request", "a header is obeyed");
    world.options.refresh = true;
    assert_eq!(world.ask(""), "request");
    world.options.refresh = false;
    assert_eq!(world.pass(60).ask(""), "stale", "it gives no lifetime of its own");
}

#[test]
fn p9_invalid_dates() {
    let invalid = stored("Expires: 0");
    assert_eq!(lifetime(&invalid), (0, "expires"), "an invalid Expires means expired");
    let twice = format!("Expires: {}\nExpires: {}", date(60), date(90));
    assert_eq!(lifetime(&stored(&twice)), (0, "expires"));
    let same = format!("Expires: {0}\nExpires: {0}", date(60));
    assert_eq!(lifetime(&stored(&same)), (60, "expires"));
    let modified = format!("Last-Modified: {}\nLast-Modified: {}", date(-100), date(-200));
    assert_eq!(lifetime(&stored(&modified)), (0, "none"), "an invalid Last-Modified is absent");
}

#[test]
fn a1_age_is_the_larger_of_date_and_age_field_plus_the_time_here() {
    for (response, seconds, age) in [
        ("Cache-Control: max-age=600".to_owned(), 10, 10),
        ("Cache-Control: max-age=600\nAge: 100".to_owned(), 10, 110),
        (format!("Cache-Control: max-age=600\nDate: {}", date(-50)), 10, 60),
        (format!("Cache-Control: max-age=600\nDate: {}\nAge: 100", date(-50)), 10, 110),
        (format!("Cache-Control: max-age=600\nDate: {}\nAge: 10", date(-50)), 10, 60),
        (format!("Cache-Control: max-age=600\nDate: {}", date(50)), 10, 10),
        ("Cache-Control: max-age=600\nDate: garbage".to_owned(), 10, 10),
        ("Cache-Control: max-age=600\nAge: abc".to_owned(), 10, 10),
    ] {
        let mut world = stored(&response);
        world.pass(seconds);
        assert_eq!(current_age(&world.entries[0], world.now).as_secs(), age, "{response}");
    }
}

#[test]
fn a1_the_time_on_the_way_counts_and_a_clock_that_went_back_does_not() {
    let mut world = stored("Cache-Control: max-age=600\nAge: 5");
    let head = &mut world.entries[0];
    head.requested_at = head.received_at - Duration::from_secs(3);
    assert_eq!(current_age(head, world.now).as_secs(), 8);
    let earlier = world.now - Duration::from_secs(1000);
    assert_eq!(current_age(&world.entries[0], earlier).as_secs(), 8);
}

/// It was stored by a machine whose clock is ahead.
#[test]
fn a1_what_claims_to_come_from_the_future_is_validated() {
    let mut world = stored("Cache-Control: max-age=600, stale-while-revalidate=600");
    for (ahead, expected, state) in [(59, "hit", State::Fresh), (61, "stale", State::Stale)] {
        let mut earlier = world.clone();
        earlier.now = world.now - Duration::from_secs(ahead);
        assert_eq!(earlier.ask(""), expected, "{ahead} s");
        let found = State::of(&earlier.entries[0], earlier.now, &earlier.settings);
        assert_eq!(found, state, "{ahead} s");
    }
    // Of two that fit, the one from the future is the last choice.
    let good = world.entries[0].clone();
    let mut ahead = good.clone();
    ahead.received_at = world.now + Duration::from_secs(1000);
    ahead.id.key = "later".into();
    world.entries = vec![ahead, good];
    assert_eq!(world.decide(&request("GET", "")).selected, Some(1));
}

#[test]
fn a2_fresh_exactly_while_the_lifetime_is_above_the_age() {
    let mut world = stored("Cache-Control: max-age=60");
    assert_eq!(world.pass(59).ask(""), "hit");
    assert_eq!(world.pass(1).ask(""), "stale");
}

#[test]
fn a3_the_age_field_of_an_answer_is_the_current_age() {
    let mut world = stored("Cache-Control: max-age=600\nAge: 100");
    world.pass(7);
    let reply = world.reply(&request("GET", ""));
    assert_eq!(reply.headers.get_all("age").collect::<Vec<_>>(), [b"107"]);
}
