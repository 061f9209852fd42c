//! Section 19, and the words of RFC 9211.

use cachectl::policy::{CacheStatus, Fwd, Plan};
use cachectl::{Headers, Verdict};
use proptest::prelude::*;

use super::world::{World, date, fields, request, stored};

#[test]
fn b1_impossible_numbers_and_dates_are_survived() {
    let nines = "9".repeat(30);
    for response in [
        "Cache-Control: max-age=18446744073709551615\nAge: 18446744073709551615".to_owned(),
        format!("Cache-Control: max-age={nines}\nAge: {nines}"),
        "Date: Fri, 31 Dec 9999 23:59:59 GMT\nExpires: Fri, 31 Dec 9999 23:59:59 GMT".to_owned(),
        "Date: Mon, 01 Jan 1900 00:00:00 GMT\nCache-Control: max-age=5".to_owned(),
        format!("Cache-Control: {}max-age=5", "x,".repeat(10_000)),
        "Cache-Control: max-age=\"5\nETag: \"".to_owned(),
        format!("Vary: {}", "a,".repeat(10_000)),
        "Last-Modified: Mon, 01 Jan 0000 00:00:00 GMT".to_owned(),
    ] {
        let mut world = World::private();
        world.fetch(200, &response);
        for late in [0, 1, 1 << 40] {
            world.pass(late);
            world
                .ask("Cache-Control: max-age=99999999999999999999, min-fresh=99999999999999999999");
            world.ask("");
            world.fetch(304, &response);
        }
    }
}

#[test]
fn b2_what_is_produced_is_well_formed() {
    let world = stored("No-Date: 1\nCache-Control: max-age=60");
    assert_eq!(world.field("date"), Some(date(0)));
    let reply = world.reply(&request("GET", ""));
    assert!(reply.headers.get_text("age").expect("an age").chars().all(|c| c.is_ascii_digit()));
}

#[test]
fn p11_bytes_above_127_are_kept_and_compared_as_bytes() {
    let mut world = World::private();
    let mut asks = request("GET", "");
    asks.headers = Headers::new().with("X-A", b"caf\xe9");
    let decision = world.decide(&asks);
    let Plan::Forward(forward) = decision.plan.clone() else { panic!("answered") };
    let response = fields("Cache-Control: max-age=60\nVary: X-A").with("X-Latin", b"\xff\xfe");
    assert_eq!(world.absorb(&asks, &decision, &forward, 200, &response), "stored");
    assert_eq!(world.entries[0].headers.get("x-latin"), Some(&b"\xff\xfe"[..]));
    assert!(matches!(world.decide(&asks).plan, Plan::Answer(_)));
    asks.headers = Headers::new().with("X-A", "café");
    assert!(matches!(world.decide(&asks).plan, Plan::Forward(_)), "UTF-8 is another value");
}

proptest! {
    #[test]
    fn b1_b3_no_bytes_break_the_engine_and_the_same_input_gives_the_same_output(
        lines in proptest::collection::vec(
            (
                prop_oneof![
                    Just("cache-control"), Just("vary"), Just("age"), Just("date"), Just("expires"),
                    Just("etag"), Just("last-modified"), Just("connection"), Just("pragma"),
                    Just("range"), Just("if-range"), Just("if-none-match"), Just("if-modified-since"),
                    Just("content-length"), Just("content-location"), Just("location"),
                    Just("accept-language"), Just("content-language"),
                ],
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    "(max-age|s-maxage|no-cache|private|stale-if-error)(=(\"?[0-9,a-z\\\\\"]{0,12}))?(, ?[a-z=0-9\"]{0,8}){0,3}".prop_map(String::into_bytes),
                    "(Sun|Monday), ?[0-9]{2}[ -](Nov|Feb)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT".prop_map(String::into_bytes),
                    "bytes=[0-9]{0,22}-[0-9]{0,22}".prop_map(String::into_bytes),
                ],
            ),
            0..8,
        ),
        status in 100u16..1000,
        late in any::<u32>(),
    ) {
        let headers: Headers = lines.into_iter().collect();
        let mut asks = request("GET", "");
        asks.headers = headers.clone();
        let story = || {
            let mut world = World::private();
            let mut told = Vec::new();
            for method in ["GET", "HEAD", "POST"] {
                let asks = cachectl::Request { method: cachectl::Method::verbatim(method), ..asks.clone() };
                let decision = world.decide(&asks);
                if let Plan::Forward(forward) = &decision.plan {
                    told.push(world.absorb(&asks, &decision, forward, status, &headers));
                }
                world.pass(u64::from(late));
                told.push(format!("{:?}", world.decide(&asks)));
                if world.entries.len() == 1 {
                    told.push(format!("{:?}", world.reply(&asks)));
                }
            }
            told
        };
        prop_assert_eq!(story(), story());
    }
}

#[test]
fn cache_status_speaks_rfc_9211() {
    let fwd = |fwd, fwd_status, ttl, stored| CacheStatus {
        fwd: Some(fwd),
        fwd_status,
        ttl,
        stored,
        ..CacheStatus::default()
    };
    let hit = CacheStatus { ttl: Some(12), ..CacheStatus::default() };
    for (status, text, verdict) in [
        (hit.clone(), "cachectl; hit; ttl=12", Verdict::Hit),
        (
            CacheStatus { ttl: Some(-3), detail: Some("max-stale"), ..CacheStatus::default() },
            "cachectl; hit; ttl=-3; detail=max-stale",
            Verdict::Stale,
        ),
        (
            fwd(Fwd::UriMiss, Some(200), Some(60), true),
            "cachectl; fwd=uri-miss; fwd-status=200; ttl=60; stored",
            Verdict::Miss,
        ),
        (
            fwd(Fwd::Bypass, Some(200), None, false),
            "cachectl; fwd=bypass; fwd-status=200",
            Verdict::Bypass,
        ),
        (
            fwd(Fwd::Method, Some(201), None, false),
            "cachectl; fwd=method; fwd-status=201",
            Verdict::Bypass,
        ),
        (
            fwd(Fwd::Stale, Some(304), Some(60), false),
            "cachectl; fwd=stale; fwd-status=304; ttl=60",
            Verdict::Revalidated,
        ),
        (
            CacheStatus {
                fwd: Some(Fwd::Stale),
                fwd_status: Some(503),
                detail: Some("stale-if-error"),
                ..CacheStatus::default()
            },
            "cachectl; fwd=stale; fwd-status=503; detail=stale-if-error",
            Verdict::Stale,
        ),
        (
            CacheStatus { key: Some("a\"b\\c\nd".into()), ..hit },
            "cachectl; hit; ttl=12; key=\"a\\\"b\\\\c?d\"",
            Verdict::Hit,
        ),
    ] {
        assert_eq!(status.to_string(), text);
        assert_eq!(status.verdict(), verdict, "{text}");
    }
}
