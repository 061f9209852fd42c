//! `explain`, and that `get` then does what was announced.

use crate::testkit::origin::{Origin, Seen, response};
use crate::testkit::program::Desk;

/// The origin of these cases: the path says how it answers.
fn origin() -> Origin {
    Origin::start(|seen: &Seen| match seen.path() {
        "/stale" => response("200 OK", "Cache-Control: max-age=0\nETag: \"v1\"", "x"),
        "/no-store" => response("200 OK", "Cache-Control: no-store", "x"),
        "/vary" => response("200 OK", "Cache-Control: max-age=60\nVary: Accept-Language", "x"),
        "/none" => response("200 OK", "", "x"),
        _ => response("200 OK", "Cache-Control: max-age=60\nETag: \"v1\"", "x"),
    })
}

/// The token that forwards, or `hit`, as `Cache-Status` has it.
fn token(cache_status: &str) -> String {
    let part = cache_status.split("; ").nth(1).expect("a part");
    part.trim_start_matches("fwd=").to_owned()
}

/// What is announced for a request, and what then happens.
struct Case {
    name: &'static str,
    /// What is fetched before.
    before: &'static [&'static [&'static str]],
    path: &'static str,
    args: &'static [&'static str],
    verdict: &'static str,
    token: &'static str,
    /// What the text has to name.
    said: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "fresh",
        before: &[&["/fresh"]],
        path: "/fresh",
        args: &[],
        verdict: "hit",
        token: "hit",
        said: &["HIT", "Cache-Control: max-age=60", "answers from the store"],
    },
    Case {
        name: "stale with a validator",
        before: &[&["/stale"]],
        path: "/stale",
        args: &[],
        verdict: "stale",
        token: "stale",
        said: &["STALE", "max-age=0", "If-None-Match: \"v1\"", "a 304 keeps the body"],
    },
    Case {
        name: "never stored",
        before: &[&["/no-store"]],
        path: "/no-store",
        args: &[],
        verdict: "miss",
        token: "uri-miss",
        said: &["MISS", "nothing is stored"],
    },
    Case {
        name: "another variant",
        before: &[&["/vary", "-H", "Accept-Language: de"]],
        path: "/vary",
        args: &["-H", "Accept-Language: en"],
        verdict: "miss",
        token: "vary-miss",
        said: &["accept-language", "stored \"de\", request \"en\", no match"],
    },
    Case {
        name: "another query",
        before: &[&["/list?page=2"]],
        path: "/list?page=3",
        args: &[],
        verdict: "miss",
        token: "uri-miss",
        said: &["closest", "/list?page=2", "a plain request"],
    },
    Case {
        name: "another method",
        before: &[&["/fresh"]],
        path: "/fresh",
        args: &["-X", "POST"],
        verdict: "bypass",
        token: "method",
        said: &["BYPASS", "POST is not answered from a cache"],
    },
    Case {
        name: "the request wants validation",
        before: &[&["/fresh"]],
        path: "/fresh",
        args: &["-H", "Cache-Control: no-cache"],
        verdict: "stale",
        token: "request",
        said: &["request-no-cache", "If-None-Match"],
    },
    Case {
        name: "stored by force",
        before: &[&["/none", "--force-cache", "--ttl", "1h"]],
        path: "/none",
        args: &[],
        verdict: "hit",
        token: "hit",
        said: &["forced"],
    },
    Case {
        name: "other credentials",
        before: &[&["/fresh", "-H", "Authorization: Bearer a"]],
        path: "/fresh",
        args: &["-H", "Authorization: Bearer b"],
        verdict: "miss",
        token: "uri-miss",
        said: &["MISS"],
    },
];

#[test]
fn get_does_what_explain_announces() {
    for store in ["file:f", "sqlite:s.db"] {
        for case in CASES {
            let (desk, origin) = (Desk::new(), origin());
            for fetch in case.before {
                let url = origin.url(fetch[0]);
                let mut args = vec!["get", "-q", "-o", "/dev/null", "--backend", store, &url];
                args.extend(&fetch[1..]);
                desk.ok(&args);
            }
            let before = origin.hits();
            let url = origin.url(case.path);
            let with = |command: &[&str]| {
                let mut args = command.to_vec();
                args.extend(["--backend", store, &url]);
                args.extend(case.args);
                desk.ok(&args)
            };
            let text = with(&["explain"]);
            for said in case.said {
                assert!(text.contains(said), "{}: {said:?} is missing in: {text}", case.name);
            }
            let json: serde_json::Value =
                serde_json::from_str(&with(&["explain", "--json"])).expect("JSON");
            assert_eq!(json["verdict"], case.verdict, "{}", case.name);
            let announced = token(json["cache_status"].as_str().expect("text"));
            assert_eq!(announced, case.token, "{}", case.name);
            assert_eq!(origin.hits(), before, "{}: nothing was asked", case.name);

            let got = with(&["get", "-i"]);
            let status = got.lines().find_map(|line| line.strip_prefix("Cache-Status: "));
            let happened = token(status.expect("Cache-Status"));
            assert_eq!(happened, case.token, "{}", case.name);
            let asks = usize::from(case.token != "hit");
            assert_eq!(origin.hits(), before + asks, "{}", case.name);
            if text.contains("If-None-Match") {
                let seen = origin.seen().pop().expect("a request");
                assert_eq!(seen.header("if-none-match"), Some("\"v1\""), "{}", case.name);
            }
        }
    }
}

#[test]
fn a_ttl_that_is_over_is_named() {
    let (desk, origin) = (Desk::new(), origin());
    let url = origin.url("/fresh");
    desk.ok(&["get", "-q", "-o", "/dev/null", "--ttl", "1s", &url]);
    let started = std::time::Instant::now();
    loop {
        let text = desk.ok(&["explain", &url]);
        if text.starts_with("MISS") {
            assert!(text.contains("store-ttl-over"), "{text}");
            return;
        }
        assert!(started.elapsed().as_secs() < 20, "{text}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn a_key_stands_for_its_own_request() {
    let (desk, origin) = (Desk::new(), origin());
    let url = origin.url("/vary");
    desk.ok(&["get", "-q", "-o", "/dev/null", "-H", "Accept-Language: de", &url]);
    let key = desk.ok(&["list", "--keys"]);
    let key = key.trim();
    assert!(desk.ok(&["why", key]).starts_with("HIT"));
    assert!(desk.ok(&["why", &key[..8]]).starts_with("HIT"));
    let other = desk.ok(&["why", key, "-H", "Accept-Language: en"]);
    assert!(other.starts_with("MISS") && other.contains("vary-miss"), "{other}");
    desk.run(&["explain", "0123456789abcdef"]).failed(4, &["not in the cache"]);
    desk.run(&["explain", "--backend", "file:absent", &url]).failed(3, &["no file store"]);
}

#[test]
fn credentials_are_hidden() {
    let origin =
        Origin::start(|_| response("200 OK", "Cache-Control: max-age=60\nVary: Cookie", "x"));
    let desk = Desk::new();
    let url = origin.url("/?token=planted-too");
    desk.ok(&["get", "-q", "-o", "/dev/null", "-H", "Cookie: id=planted", &url]);
    for format in [&[][..], &["--json"]] {
        let mut args = vec!["explain", &url, "-H", "Cookie: id=other-planted"];
        args.extend(format);
        let text = desk.ok(&args);
        assert!(!text.contains("planted"), "{text}");
        assert!(text.contains("[redacted]"), "{text}");
    }
}
