//! Sections 3 and 3.1: what may be stored, and in which form.

use std::time::Duration;

use cachectl::{Headers, RequestOptions, Selecting};

use super::world::{World, date, request, stored};

#[test]
fn s1_get_and_post_with_its_own_location() {
    let own = "Cache-Control: max-age=60\nContent-Location: /a";
    for (method, response, outcome) in [
        ("GET", "Cache-Control: max-age=60", "stored"),
        ("POST", own, "stored"),
        ("POST", "Cache-Control: max-age=60", "method-not-cacheable"),
        ("POST", "Cache-Control: max-age=60\nContent-Location: /b", "method-not-cacheable"),
        (
            "POST",
            "Content-Location: /a\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT",
            "method-not-cacheable",
        ),
        ("PUT", own, "method-not-cacheable"),
        ("PROPFIND", own, "method-not-cacheable"),
    ] {
        let mut world = World::private();
        assert_eq!(
            world.exchange(&request(method, ""), 200, response),
            outcome,
            "{method} {response}"
        );
    }
    let mut world = World::private();
    world.exchange(&request("POST", ""), 200, own);
    assert_eq!(world.ask(""), "hit", "stored as the answer to GET");
}

#[test]
fn s2_the_status_is_final_and_whole() {
    for (status, outcome) in [
        (200, "stored"),
        (299, "stored"),
        (599, "stored"),
        (429, "one-request-only"),
        (206, "one-request-only"),
        (304, "one-request-only"),
        (101, "status-not-cacheable"),
        (600, "status-not-cacheable"),
        (999, "status-not-cacheable"),
    ] {
        assert_eq!(
            World::private().fetch(status, "Cache-Control: max-age=60"),
            outcome,
            "{status}"
        );
    }
}

#[test]
fn s2_what_answers_one_request_is_never_stored_and_touches_nothing() {
    for status in [206, 304, 407, 412, 416, 417, 421, 425, 428, 429, 431, 511] {
        for tag in ["", "\nETag: \"1\""] {
            for force in [None, Some(Duration::from_secs(60))] {
                let mut world = stored(&format!("Cache-Control: max-age=60{tag}"));
                let before = world.entries.clone();
                world.options.force = force;
                world.options.revalidate = true;
                world.options.refresh = force.is_some();
                if status == 304 && !world.options.refresh && !tag.is_empty() {
                    continue;
                }
                let said = world.fetch(status, "Cache-Control: public, max-age=3600");
                assert_eq!(said, "one-request-only", "{status} {tag:?} {force:?}");
                assert_eq!(world.entries, before, "{status} {tag:?} {force:?}");
            }
        }
    }
}

#[test]
fn force_keeps_no_failure_against_its_headers() {
    let mut world = World::private();
    world.options.force = Some(Duration::from_secs(60));
    for status in [403, 404, 429, 500, 503] {
        let said = world.fetch(status, "Cache-Control: no-store");
        assert_eq!(world.entries.len(), 0, "{status}: {said}");
    }
    assert_eq!(world.fetch(404, "Cache-Control: max-age=5"), "stored", "its headers allow it");
    assert!(!world.entries[0].forced);
    assert_eq!(world.fetch(200, "Cache-Control: no-store"), "stored");
    assert!(world.entries[0].forced);
    world.options.refresh = true;
    world.fetch(503, "");
    assert_eq!(world.entries[0].status, 200, "a failure does not replace what is good");
}

#[test]
fn s3_no_store_and_must_understand() {
    for (status, cache_control, outcome) in [
        (200, "no-store, max-age=60", "no-store"),
        (200, "No-Store", "no-store"),
        (200, "max-age=60, must-understand, no-store", "stored"),
        (302, "max-age=60, must-understand, no-store", "stored"),
        (299, "max-age=60, must-understand, no-store", "must-understand"),
        (299, "max-age=60, must-understand", "must-understand"),
        (200, "max-age=60, must-understand", "stored"),
        (200, "max-age=60, ext=\"a, no-store\"", "stored"),
        (200, "max-age=60, ext=\"a, no-store", "no-store"),
    ] {
        let response = format!("Cache-Control: {cache_control}");
        assert_eq!(World::private().fetch(status, &response), outcome, "{status} {cache_control}");
    }
    let asks = request("GET", "Cache-Control: no-store");
    let mut world = World::private();
    assert_eq!(world.exchange(&asks, 200, "Cache-Control: max-age=60"), "no-store-request");
}

#[test]
fn s4_private_forbids_in_shared_mode_only() {
    for (cache_control, private, shared) in [
        ("private, max-age=60", "stored", "private-in-shared"),
        ("private=\"set-cookie\", max-age=60", "stored", "stored"),
        ("PRIVATE", "stored", "private-in-shared"),
    ] {
        let response = format!("Cache-Control: {cache_control}");
        assert_eq!(World::private().fetch(200, &response), private, "{cache_control}");
        assert_eq!(World::shared().fetch(200, &response), shared, "{cache_control}");
    }
}

#[test]
fn s5_credentials_in_shared_mode_need_permission() {
    let asks = request("GET", "Authorization: Basic dTpw");
    for (cache_control, shared) in [
        ("max-age=60", "authorization"),
        ("max-age=60, public", "stored"),
        ("max-age=60, must-revalidate", "stored"),
        ("s-maxage=60", "stored"),
    ] {
        let response = format!("Cache-Control: {cache_control}");
        assert_eq!(World::shared().exchange(&asks, 200, &response), shared, "{cache_control}");
        let private = World::private().exchange(&asks, 200, "Cache-Control: max-age=60");
        assert_eq!(private, "stored");
    }
}

#[test]
fn s5_only_fields_that_matter_are_kept_of_the_request() {
    let mut world = World::private();
    let asks = request(
        "GET",
        "Accept: text/html\nAccept-Language: de\nUser-Agent: x\nX-Kind: k\nCookie: a=secret\nAuthorization: Basic secret",
    );
    world.exchange(&asks, 200, "Cache-Control: max-age=60\nVary: X-Kind, Cookie");
    let kept = &world.entries[0].request.headers;
    let expected = Headers::new()
        .with("Accept", "text/html")
        .with("Accept-Language", "de")
        .with("X-Kind", "k");
    assert_eq!(*kept, expected);
    let selection = &world.entries[0].selections[0];
    let cookie = selection.iter().find(|s| s.name == "cookie").expect("Vary names it");
    let digest = String::from_utf8(cookie.value.clone().expect("it was there")).expect("text");
    assert!(digest.starts_with("sha256:") && !digest.contains("secret"));
}

#[test]
fn s6_something_must_allow_it() {
    let modified = format!("Last-Modified: {}", date(-10_000));
    let expires = format!("Expires: {}", date(60));
    let heuristic = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    for status in [
        200, 201, 202, 203, 204, 300, 301, 302, 303, 307, 308, 400, 403, 404, 405, 410, 414, 418,
        500, 501, 502, 503,
    ] {
        let expected = if heuristic.contains(&status) { "stored" } else { "status-not-cacheable" };
        assert_eq!(World::private().fetch(status, &modified), expected, "{status} by heuristic");
        for explicit in ["Cache-Control: max-age=60", &expires, "Cache-Control: public"] {
            assert_eq!(World::private().fetch(status, explicit), "stored", "{status} {explicit}");
        }
        let private = World::private().fetch(status, "Cache-Control: private");
        assert_eq!(private, "stored", "{status} private");
    }
    assert_eq!(World::private().fetch(403, "Cache-Control: s-maxage=60"), "status-not-cacheable");
    assert_eq!(World::shared().fetch(403, "Cache-Control: s-maxage=60"), "stored");
}

#[test]
fn s6_a_setting_narrows_the_statuses() {
    let mut world = World::private();
    world.settings.cacheable_status = Some("200,301".parse().expect("a set"));
    assert_eq!(world.fetch(404, "Cache-Control: max-age=60"), "status-not-cacheable");
    assert_eq!(world.fetch(301, "Cache-Control: max-age=60"), "stored");
    assert_eq!(world.fetch(302, ""), "status-not-cacheable", "never widened");
}

#[test]
fn s7_what_could_never_be_used_is_not_written() {
    for (response, outcome) in [
        ("Cache-Control: no-cache", "no-reuse"),
        ("Cache-Control: max-age=0, must-revalidate", "no-reuse"),
        ("Cache-Control: max-age=0, must-revalidate\nETag: \"x\"", "stored"),
        ("Cache-Control: no-cache\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT", "stored"),
        ("Cache-Control: max-age=0", "stored"),
        ("", "stored"),
        ("Cache-Control: max-age=60, no-cache", "no-reuse"),
    ] {
        assert_eq!(World::private().fetch(200, response), outcome, "{response}");
    }
}

#[test]
fn s9_vary_star_is_not_stored() {
    for vary in ["*", "Accept, *", "*, Accept"] {
        let response = format!("Cache-Control: max-age=60\nVary: {vary}");
        assert_eq!(World::private().fetch(200, &response), "vary-star", "{vary}");
    }
}

#[test]
fn s10_large_bodies_are_passed_on_only() {
    let mut world = World::private();
    world.settings.max_body = Some(100);
    let with_length = |n: u32| format!("Cache-Control: max-age=60\nContent-Length: {n}");
    assert_eq!(world.fetch(200, &with_length(101)), "too-large");
    assert_eq!(world.fetch(200, &with_length(100)), "stored");
}

#[test]
fn s11_an_unstorable_answer_leaves_the_old_entry_unless_it_validates_it() {
    let mut world = stored("Cache-Control: max-age=60\nETag: \"1\"");
    world.options.refresh = true;
    assert_eq!(world.fetch(200, "Cache-Control: no-store"), "no-store");
    assert_eq!(world.entries.len(), 1, "nobody asked about the old one");
    world.options.refresh = false;
    world.pass(100);
    assert_eq!(world.fetch(503, "Cache-Control: no-store"), "no-store");
    assert_eq!(world.entries.len(), 1, "a failing origin says nothing about it");
    for status in [400, 401, 403, 408, 429, 451] {
        world.fetch(status, "Cache-Control: no-store");
        assert_eq!(world.entries.len(), 1, "{status} speaks of the client or the moment");
    }
    for status in [302, 404, 410] {
        let mut world = stored("Cache-Control: max-age=60\nETag: \"1\"");
        world.pass(100);
        world.fetch(status, "Cache-Control: no-store");
        assert!(world.entries.is_empty(), "{status} speaks of the resource");
    }
    assert_eq!(world.fetch(200, "Cache-Control: no-store"), "no-store");
    assert!(world.entries.is_empty(), "a full answer to our validation replaces it");
}

#[test]
fn s12_set_cookie_forbids_nothing_but_shared_guessing() {
    let cookie = "Set-Cookie: a=1\nCache-Control: max-age=60";
    assert_eq!(World::private().fetch(200, cookie), "stored");
    assert_eq!(World::shared().fetch(200, cookie), "stored");
    let guessed = format!("Set-Cookie: a=1\nLast-Modified: {}", date(-1_000_000));
    let mut world = World::private();
    world.fetch(200, &guessed);
    assert_eq!(world.ask(""), "hit");
    let mut world = World::shared();
    world.fetch(200, &guessed);
    assert_eq!(world.ask(""), "stale");
}

#[test]
fn h1_end_to_end_fields_stay_and_the_connections_own_go() {
    let world = stored(
        "Cache-Control: max-age=60\nX-Unknown: 1\nSet-Cookie: a=1\nConnection: close, X-Hop\nX-Hop: 1\nKeep-Alive: 5\nTE: x\nTrailer: y\nTransfer-Encoding: chunked\nUpgrade: h2\nProxy-Authenticate: Basic\nProxy-Authorization: z\nProxy-Connection: close\nProxy-Authentication-Info: i\nSet-Cookie: b=2",
    );
    let names: Vec<_> = world.entries[0]
        .headers
        .iter()
        .map(|(n, _)| String::from_utf8_lossy(n).into_owned())
        .collect();
    assert_eq!(names, ["Cache-Control", "X-Unknown", "Set-Cookie", "Set-Cookie", "Date"]);
}

#[test]
fn h2_named_fields_are_left_out() {
    let response = "Cache-Control: max-age=60, private=\"x-a, X-B\"\nX-A: 1\nx-b: 2\nX-C: 3";
    let mut world = World::shared();
    world.fetch(200, response);
    assert_eq!(
        (world.field("x-a"), world.field("x-b"), world.field("x-c")),
        (None, None, Some("3".into()))
    );
    let world = stored(response);
    assert_eq!(world.field("x-a"), Some("1".into()), "private caches keep them");
    let world = stored("Cache-Control: max-age=60, no-cache=\"x-a\"\nX-A: 1\nX-C: 3");
    assert_eq!(world.ask(""), "hit", "the qualified form is not the bare one");
    assert_eq!(world.field("x-a"), Some("1".into()), "stored");
    let reply = world.reply(&request("GET", ""));
    assert!(!reply.headers.contains("x-a"), "but not shown without validation");
    assert!(reply.headers.contains("x-c"));
}

#[test]
fn h4_what_vary_names_is_kept_normalised_and_absent_is_a_value() {
    let mut world = World::private();
    let asks = request("GET", "Accept-Encoding: BR;q=1.0 , gzip");
    world.exchange(&asks, 200, "Cache-Control: max-age=60\nVary: X-Absent, accept-encoding");
    let expected = vec![
        Selecting { name: "accept-encoding".into(), value: Some(b"br,gzip".to_vec()) },
        Selecting { name: "x-absent".into(), value: None },
    ];
    assert_eq!(world.entries[0].selections, [expected]);
}

#[test]
fn h6_a_response_without_date_gets_the_time_it_came_in() {
    let world = stored("No-Date: 1\nCache-Control: max-age=60");
    assert_eq!(world.field("date"), Some(date(0)));
    let world = stored(&format!("Date: {}\nCache-Control: max-age=600", date(-50)));
    assert_eq!(world.field("date"), Some(date(-50)), "one that is there is never changed");
}

#[test]
fn f6_the_ttl_of_the_store_counts_from_storing() {
    let mut world = World::private();
    world.ttl = Some(Duration::from_secs(100));
    world.fetch(200, "Cache-Control: max-age=50\nETag: \"1\"");
    assert_eq!(world.pass(60).ask(""), "stale", "the TTL makes nothing fresh");
    assert_eq!(world.fetch(304, "ETag: \"1\""), "updated 1");
    assert_eq!(world.pass(30).ask(""), "hit");
    assert_eq!(world.pass(20).ask(""), "uri-miss", "a 304 has not prolonged it");
    assert_eq!(world.reasons(""), ["store-ttl-over"]);
}

#[test]
fn forced_entries_ignore_the_headers_until_their_ttl_ends() {
    let mut world = World::private();
    world.options =
        RequestOptions { force: Some(Duration::from_secs(100)), ..RequestOptions::default() };
    assert_eq!(world.fetch(200, "Cache-Control: no-store"), "stored");
    world.options = RequestOptions::default();
    assert!(world.entries[0].forced);
    assert_eq!(world.pass(99).ask(""), "hit", "for everybody");
    assert_eq!(world.pass(1).ask(""), "uri-miss");
    let mut world = World::shared();
    world.options.force = Some(Duration::from_secs(100));
    let asks = request("GET", "Authorization: Basic dTpw");
    assert_eq!(world.exchange(&asks, 200, ""), "authorization", "never shared with credentials");
}
