//! `get` when all goes well.

use std::fs;
use std::time::Duration;

use crate::testkit::origin::{Origin, Seen, Step, head_only, response};
use crate::testkit::program::Desk;
use crate::testkit::sample::noise;

/// Every embedded store that outlives a process, in every serializer.
pub const STORES: &[&str] = &[
    "file:f",
    "file:y?serializer=yaml",
    "file:b?serializer=bincode",
    "sqlite:s.db",
    "sqlite:b.db?serializer=bincode",
    "sqlite:y.db?serializer=yaml&table=t",
];

#[test]
fn the_second_run_needs_no_origin_on_any_store() {
    for store in STORES {
        let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
        let url = origin.url("/a");
        assert_eq!(
            desk.ok(&["get", "-w", " %{cache}", "--backend", store, &url]),
            "hello miss",
            "{store}"
        );
        origin.stop();
        assert_eq!(
            desk.ok(&["get", "-w", " %{cache}", "--backend", store, &url]),
            "hello hit",
            "{store}"
        );
        assert_eq!(origin.hits(), 1);
    }
}

#[test]
fn a_memory_store_works_for_one_process() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let ran = desk.run(&["get", "--backend", "memory", &origin.url("/")]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "hello"));
    assert!(ran.stderr.contains("ends with this process"), "{}", ran.stderr);
}

#[test]
fn answers_to_credentials_are_kept_apart_on_every_store() {
    for store in STORES {
        let desk = Desk::new();
        let origin = Origin::start(|seen| {
            let who = seen.header("authorization").unwrap_or("nobody").to_owned();
            response("200 OK", "Cache-Control: private, max-age=3600", who)
        });
        let url = origin.url("/me");
        let ask = |who: Option<&str>| {
            let header = format!("Authorization: Bearer {}", who.unwrap_or_default());
            let mut args = vec!["get", "-w", " %{cache}", "--backend", store];
            args.extend(who.is_some().then_some(["-H", &header]).iter().flatten());
            args.push(&url);
            desk.ok(&args)
        };
        assert_eq!(ask(Some("alice")), "Bearer alice miss", "{store}");
        assert_eq!(ask(None), "nobody miss", "{store}");
        assert_eq!(ask(Some("bob")), "Bearer bob miss", "{store}");
        assert_eq!(ask(Some("alice")), "Bearer alice hit", "{store}");
        assert_eq!(ask(None), "nobody hit", "{store}");
    }
}

#[test]
fn user_information_in_the_url_becomes_a_credential_and_is_not_shown() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        response("200 OK", "Cache-Control: max-age=60", seen.header("authorization").unwrap_or("-"))
    });
    let url = format!("http://user:pa%3Ass@{}/", origin.address());
    let ran = desk.run(&["get", "-vv", "-w", " %{url_effective}", &url]);
    assert_eq!(ran.text(), format!("Basic dXNlcjpwYTpzcw== {}", origin.url("/")));
    assert!(
        !ran.stderr.contains("pa%3Ass") && !ran.stderr.contains("dXNlcjpwYTpzcw"),
        "{}",
        ran.stderr
    );
    assert!(!desk.ok(&["list"]).contains("pa%3Ass"));
}

#[test]
fn bodies_come_out_as_they_came_in() {
    let chunked = [
        head_only("200 OK", "Transfer-Encoding: chunked\nTrailer: X-T"),
        b"4\r\none \r\n3;ext=1\r\ntwo\r\n0\r\nX-T: 1\r\n\r\n".to_vec(),
    ]
    .concat();
    let large = noise(1, 3_000_000);
    let cases: Vec<(&str, Vec<Step>, Vec<u8>)> = vec![
        ("/empty", response("200 OK", "", ""), Vec::new()),
        ("/no-content", vec![Step::Send(head_only("204 No Content", ""))], Vec::new()),
        ("/chunked", vec![Step::Send(chunked)], b"one two".to_vec()),
        (
            "/http10",
            vec![Step::Send(b"HTTP/1.0 200 OK\r\nX: y\r\n\r\nuntil the end".to_vec()), Step::Close],
            b"until the end".to_vec(),
        ),
        (
            "/gzip",
            response("200 OK", "Content-Encoding: gzip", b"\x1f\x8bnot even gzip"),
            b"\x1f\x8bnot even gzip".to_vec(),
        ),
        ("/%E4%B8%AD?q=%C3%A9", response("200 OK", "", "percent"), b"percent".to_vec()),
        ("/large", response("200 OK", "", &large), large.to_vec()),
    ];
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        for (path, steps, body) in &cases {
            let steps = steps.clone();
            let origin = Origin::start(move |_| steps.clone());
            let typed = origin.url(&path.replace("%E4%B8%AD", "中").replace("%C3%A9", "é"));
            let first = desk.run(&["get", "--backend", store, &typed]);
            assert_eq!((first.code, &first.stdout), (0, body), "{path} {}", first.stderr);
            assert_eq!(origin.seen()[0].target, *path);
            origin.stop();
            let second = desk.run(&["get", "-q", "--offline", "--backend", store, &typed]);
            assert_eq!((second.code, &second.stdout), (0, body), "{path} {}", second.stderr);
        }
    }
}

#[test]
fn header_fields_are_kept_as_they_came() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        let head = "HTTP/1.1 200 Fine  by me\r\nX-b: 1\r\nSet-Cookie: a=1\r\nx-A:  2 \r\nset-cookie: b=2\r\nX-B: \u{e9}\r\nCache-Control: max-age=60\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: 1\r\n\r\nx";
        let latin: Vec<u8> = head.chars().map(|c| c as u8).collect();
        vec![Step::Send(latin)]
    });
    let url = origin.url("/");
    for _ in 0..2 {
        let ran = desk.run(&["get", "-i", "--max-stale", &url]);
        let latin: String = ran.stdout.iter().map(|&b| char::from(b)).collect();
        let head: Vec<&str> = latin.lines().take(8).collect();
        let expected = [
            "HTTP/1.1 200 Fine  by me",
            "X-b: 1",
            "Set-Cookie: a=1",
            "x-A: 2",
            "set-cookie: b=2",
            "X-B: \u{e9}",
            "Cache-Control: max-age=60",
            "Date: Sun, 22 Nov 2026 12:00:00 GMT",
        ];
        assert_eq!(head, expected);
    }
    assert_eq!(origin.hits(), 1);
}

#[test]
fn interim_responses_pass_by() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        let early =
            head_only("103 Early Hints", "Link: </x>; rel=preload\nCache-Control: no-store");
        let processing = head_only("102 Processing", "");
        let mut steps =
            vec![Step::Send([early, processing].concat()), Step::Wait(Duration::from_millis(20))];
        steps.extend(response("200 OK", "Cache-Control: max-age=60", "final"));
        steps
    });
    let url = origin.url("/");
    assert_eq!(desk.ok(&["get", "-w", " %{cache}", &url]), "final miss");
    let second = desk.ok(&["get", "-i", &url]);
    assert!(second.contains("hit") && !second.contains("preload"), "{second}");
}

#[test]
fn stale_entries_are_validated_and_the_body_is_not_sent_again() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        let body = noise(3, 100_000);
        let origin = Origin::start(move |seen| match seen.header("if-none-match") {
            Some("\"v1\"") => {
                vec![Step::Send(head_only("304 Not Modified", "ETag: \"v1\"\nX-New: yes"))]
            }
            _ => response("200 OK", "ETag: \"v1\"\nCache-Control: max-age=0", &body),
        });
        let url = origin.url("/");
        let args = ["--backend", store, &url];
        assert_eq!(desk.verdict(&args), "miss");
        assert_eq!(desk.verdict(&args), "revalidated");
        let ran = desk.run(&["get", "--backend", store, &url]);
        assert_eq!(ran.stdout, noise(3, 100_000), "{store}");
        let head = desk.ok(&["get", "-I", "--offline", "-q", "--backend", store, &url]);
        assert!(head.contains("X-New: yes"), "the 304's fields are kept: {head}");
    }
}

#[test]
fn redirects_are_followed_hop_by_hop_and_each_hop_is_an_entry() {
    let desk = Desk::new();
    let origin = Origin::start(|seen: &Seen| match seen.path() {
        "/start" => {
            response("301 Moved", "Location: /next?x=1\nCache-Control: max-age=60", "moved")
        }
        "/next" => response("302 Found", "Location: end", ""),
        "/loop" => response("302 Found", "Location: /loop", ""),
        _ => response("200 OK", "Cache-Control: max-age=60", "the end"),
    });
    let ran = desk.ok(&["get", "-w", " %{url_effective}", &origin.url("/start")]);
    assert_eq!(ran, format!("the end {}", origin.url("/end")));
    let listed = desk.ok(&["list"]);
    assert!(listed.contains("/start") && listed.contains("/end"), "{listed}");
    let again = desk.ok(&["get", "-w", " %{cache}", &origin.url("/start")]);
    assert_eq!(again, "the end hit");
    assert_eq!(origin.hits(), 4, "only the hop that could not be stored is asked again");
    let first = desk.ok(&["get", "--no-location", "-w", " %{http_code}", &origin.url("/start")]);
    assert_eq!(first, "moved 301");
    let ran = desk.run(&["get", "--max-redirs", "3", &origin.url("/loop")]);
    ran.failed(6, &["more than 3 redirects", "--max-redirs"]);
}

#[test]
fn credentials_do_not_follow_to_another_origin() {
    let desk = Desk::new();
    let other = Origin::start(|seen| {
        response(
            "200 OK",
            "",
            format!("{:?}{:?}", seen.header("authorization"), seen.header("cookie")),
        )
    });
    let target = other.url("/");
    let origin = Origin::start(move |_| response("302 Found", &format!("Location: {target}"), ""));
    let args =
        ["get", "-H", "Authorization: Bearer secret", "-H", "Cookie: a=secret", &origin.url("/")];
    assert_eq!(desk.ok(&args), "NoneNone");
}

#[test]
fn options_reach_the_engine() {
    let desk = Desk::new();
    let origin =
        Origin::start(|_| response("200 OK", "Cache-Control: max-age=3600\nETag: \"1\"", "x"));
    let url = origin.url("/");
    assert_eq!(desk.verdict(&[&url]), "miss");
    for (options, verdict) in [
        (&["--revalidate"][..], "miss"),
        (&["--refresh"], "miss"),
        (&["--no-store"], "bypass"),
        (&["--max-age", "0s"], "miss"),
        (&["--max-age", "1h"], "hit"),
        (&["--offline"], "hit"),
        (&["-H", "Cache-Control: no-cache"], "miss"),
        (&["-X", "POST"], "bypass"),
    ] {
        let mut args = options.to_vec();
        args.push(&url);
        assert_eq!(desk.verdict(&args), verdict, "{options:?}");
    }
    let seen = origin.seen();
    let sent = |i: usize, name: &str| seen[i].header(name).map(ToOwned::to_owned);
    assert_eq!(sent(0, "accept").as_deref(), Some("*/*"));
    assert!(sent(0, "user-agent").is_some_and(|ua| ua.starts_with("cachectl/")));
    assert_eq!(sent(0, "accept-encoding"), None);
    assert_eq!(sent(1, "if-none-match").as_deref(), Some("\"1\""));
    assert_eq!(sent(1, "cache-control").as_deref(), Some("no-cache"));
    assert_eq!(sent(2, "if-none-match"), None);
}

#[test]
fn a_post_makes_the_stored_answer_unusable() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        let origin =
            Origin::start(|seen| response("200 OK", "Cache-Control: max-age=3600", &seen.method));
        let url = origin.url("/");
        assert_eq!(desk.verdict(&["--backend", store, &url]), "miss");
        assert_eq!(desk.ok(&["get", "-X", "POST", "--backend", store, &url]), "POST");
        assert_eq!(desk.verdict(&["--backend", store, &url]), "miss", "also in another process");
        assert_eq!(desk.verdict(&["--backend", store, &url]), "hit");
    }
}

#[test]
fn forced_entries_are_kept_for_their_ttl() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: no-store", "x"));
    let url = origin.url("/");
    assert_eq!(desk.verdict(&[&url]), "miss");
    assert_eq!(desk.verdict(&[&url]), "miss");
    assert_eq!(desk.verdict(&["--force-cache", "--ttl", "1h", &url]), "miss");
    assert_eq!(desk.verdict(&[&url]), "hit");
    desk.run(&["get", "--force-cache", &url]).failed(2, &["--ttl"]);
}

#[test]
fn compressed_bodies_are_stored_as_they_came_and_decoded_on_the_way_out() {
    let desk = Desk::new();
    let gzip = |text: &str| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    let body = gzip("plain text");
    let expected = body.clone();
    let zstd = zstd::encode_all(&b"zstd text"[..], 1).expect("compressed");
    let origin = Origin::start(move |seen| {
        assert_eq!(seen.header("accept-encoding"), Some("gzip, br, zstd"));
        let headers = "Cache-Control: max-age=60\nVary: Accept-Encoding\nContent-Encoding: ";
        match seen.path() {
            "/zstd" => response("200 OK", &format!("{headers}zstd"), &zstd),
            "/twice" => response("200 OK", &format!("{headers}zstd, GZIP"), gzip_bytes(&zstd)),
            "/broken" => response("200 OK", &format!("{headers}gzip"), &body[..body.len() - 9]),
            "/unknown" => response("200 OK", &format!("{headers}rot13"), "x"),
            _ => response("200 OK", &format!("{headers}gzip"), &body),
        }
    });
    for _ in 0..2 {
        assert_eq!(desk.ok(&["get", "--compressed", &origin.url("/")]), "plain text");
        assert_eq!(desk.ok(&["get", "--compressed", &origin.url("/zstd")]), "zstd text");
        assert_eq!(desk.ok(&["get", "--compressed", &origin.url("/twice")]), "zstd text");
    }
    assert_eq!(origin.hits(), 3);
    let raw = desk.run(&["get", "-H", "Accept-Encoding: gzip, br, zstd", &origin.url("/")]);
    assert_eq!(raw.stdout, expected, "what is stored is what was transferred");
    desk.run(&["get", "--compressed", &origin.url("/broken")]).failed(6, &["decoded"]);
    desk.run(&["get", "--compressed", &origin.url("/unknown")])
        .failed(6, &["rot13", "--compressed"]);
}

fn gzip_bytes(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("compressed");
    encoder.finish().expect("compressed")
}

#[test]
fn a_file_appears_whole_with_the_mode_of_any_other() {
    let (desk, origin) = (Desk::new(), Origin::fresh("content"));
    desk.ok(&["get", "-o", "out.txt", &origin.url("/")]);
    assert_eq!(fs::read_to_string(desk.file("out.txt")).expect("there"), "content");
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(desk.file(name)).expect("there").permissions().mode() & 0o777
    };
    desk.write("plain", "x");
    assert_eq!(mode("out.txt"), mode("plain"));
    fs::set_permissions(desk.file("out.txt"), std::os::unix::fs::PermissionsExt::from_mode(0o640))
        .expect("set");
    std::os::unix::fs::symlink("out.txt", desk.file("link")).expect("a link");
    desk.ok(&["get", "-o", "link", &origin.url("/")]);
    assert_eq!(mode("out.txt"), 0o640, "a file that is replaced keeps its mode");
    assert!(fs::symlink_metadata(desk.file("link")).expect("there").is_symlink());
    assert_eq!(desk.ok(&["get", "-o", "-", &origin.url("/")]), "content");
    let left: Vec<_> =
        fs::read_dir(desk.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn write_out_knows_its_values() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        response("200 OK", "Content-Type: text/x\nCache-Control: max-age=60", "12345")
    });
    let url = origin.url("/");
    let text = r"%{http_code}|%{content_type}|%{size_download}|%{cache}|%{age}|%{ttl}\n\t%%";
    assert_eq!(
        desk.ok(&["get", "-o", "/dev/null", "-w", text, &url]),
        "200|text/x|5|miss||60\n\t%"
    );
    assert_eq!(
        desk.ok(&["get", "-o", "/dev/null", "-w", "%{cache} %{age} %{ttl}", &url]),
        "hit 0 60"
    );
    let status = desk.ok(&["get", "-o", "/dev/null", "-w", "%{cache_status} %{cache_key}", &url]);
    let key = status.rsplit(' ').next().expect("a key");
    assert_eq!(status, format!("cachectl; hit; ttl=60; key=\"{key}\" {key}"));
    desk.run(&["get", "-w", "%{nope}", &url]).failed(2, &["%{nope}", "%{http_code}"]);
}

#[test]
fn a_report_in_json_has_the_entry_and_the_verdict() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.path() {
        "/secret" => response("200 OK", "Cache-Control: no-store", "x"),
        _ => response("200 OK", "Cache-Control: max-age=60\nVary: Accept, X-A", "12345"),
    });
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&desk.ok(args)).expect("a JSON document")
    };
    let report = json(&["get", "--json", "-o", "body", &origin.url("/?token=abc")]);
    assert_eq!((&report["cache"], &report["body_bytes"]), (&"miss".into(), &5.into()));
    assert_eq!(report["url"], origin.url("/?token=[redacted]"));
    assert_eq!(report["redacted"], true);
    assert_eq!(report["vary"], serde_json::json!(["Accept", "X-A"]));
    assert_eq!(report["expires_at"], serde_json::Value::Null);
    assert_eq!(fs::read(desk.file("body")).expect("there"), b"12345");
    let shown = json(&["get", "--json", "--show-secrets", &origin.url("/?token=abc")]);
    assert_eq!(shown["url"], origin.url("/?token=abc"));
    let report = json(&["get", "--json", &origin.url("/secret")]);
    assert_eq!(report["fetched"]["not_stored"], "no-store");
}

#[test]
fn why_names_the_deciding_header() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        let control = seen.header("x-control").unwrap_or("max-age=60").to_owned();
        response("200 OK", &format!("Cache-Control: {control}"), "x")
    });
    let why = |args: &[&str]| {
        let mut all = vec!["get", "-o", "/dev/null", "--why"];
        all.extend(args);
        desk.run(&all).stderr
    };
    let first = why(&[&origin.url("/")]);
    assert!(first.starts_with("MISS") && first.contains("uri-miss"), "{first}");
    let second = why(&[&origin.url("/")]);
    assert!(second.starts_with("HIT") && second.contains("max-age"), "{second}");
    let never = why(&["-H", "X-Control: no-store", &origin.url("/no")]);
    assert!(never.contains("not stored") && never.contains("Cache-Control: no-store"), "{never}");
}

#[test]
fn header_fields_can_come_from_a_file() {
    let desk = Desk::new();
    desk.write("secret.txt", "# mine\nX-Api-Key: abc123\n\nX-Other: 1\n");
    let origin =
        Origin::start(|seen| response("200 OK", "", seen.header("x-api-key").unwrap_or("-")));
    let ran = desk.run(&["get", "-vv", "-H", "@secret.txt", &origin.url("/")]);
    assert_eq!(ran.text(), "abc123");
    assert!(ran.stderr.contains("x-api-key") || ran.stderr.contains("X-Api-Key"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("abc123"), "{}", ran.stderr);
    desk.run(&["get", "-H", "@absent", &origin.url("/")]).failed(8, &["absent"]);
    let bad = desk.run(&["get", "-H", "Authorization=secret", &origin.url("/")]);
    bad.failed(2, &["no colon"]);
    assert!(!bad.stderr.contains("secret"));
}

#[test]
fn head_shows_the_fields_only() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        response(
            "200 OK",
            &format!("X-Method: {}\nCache-Control: max-age=60", seen.method),
            "12345",
        )
    });
    let url = origin.url("/");
    let head = desk.ok(&["get", "-I", &url]);
    assert!(head.contains("X-Method: HEAD") && head.contains("Content-Length: 5"), "{head}");
    assert!(!head.contains("12345"));
    assert_eq!(desk.verdict(&[&url]), "miss", "the answer to HEAD is not an entry");
    let from_store = desk.ok(&["get", "-I", &url]);
    assert!(from_store.contains("X-Method: GET") && from_store.contains("hit"), "{from_store}");
}

#[test]
fn a_range_is_cut_from_a_stored_body() {
    for (store, length) in [("file:f", 100_000), ("sqlite:s.db", 600_000), ("file:f", 100)] {
        let desk = Desk::new();
        let body = noise(8, length);
        let sent = body.clone();
        let origin = Origin::start(move |_| {
            response("200 OK", "Cache-Control: max-age=60\nETag: \"1\"", &sent)
        });
        let url = origin.url("/");
        desk.verdict(&["--backend", store, &url]);
        let range = format!("Range: bytes=50-{}", length - 40);
        let ran = desk.run(&["get", "-H", &range, "--backend", store, &url]);
        assert_eq!(ran.stdout, body.slice(50..length - 39), "{store}");
        assert_eq!(origin.hits(), 1);
    }
}

#[test]
fn proxies_of_the_environment_are_used() {
    let proxy = Origin::start(|seen| response("200 OK", "Cache-Control: max-age=60", &seen.target));
    let url = "http://no-such-host.invalid/x?y=1";
    let address = format!("http://user:secret@{}", proxy.address());
    let desk = Desk::new().env("HTTP_PROXY", &address);
    assert_eq!(desk.ok(&["get", url]), url);
    let seen = &proxy.seen()[0];
    assert_eq!(seen.header("proxy-authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
    assert_eq!(seen.header("host"), Some("no-such-host.invalid"));
    let desk = Desk::new().env("HTTP_PROXY", &address).env("NO_PROXY", "127.0.0.1");
    let origin = Origin::fresh("direct");
    assert_eq!(desk.ok(&["get", &origin.url("/")]), "direct");
}

#[test]
fn stale_while_revalidate_answers_first_and_validates_before_it_ends() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.header("if-none-match") {
        Some(_) => vec![Step::Send(head_only(
            "304 Not Modified",
            "ETag: \"1\"\nCache-Control: max-age=600",
        ))],
        None => response(
            "200 OK",
            "Cache-Control: max-age=0, stale-while-revalidate=600\nETag: \"1\"",
            "x",
        ),
    });
    let url = origin.url("/");
    assert_eq!(desk.verdict(&[&url]), "miss");
    assert_eq!(desk.verdict(&[&url]), "stale");
    assert_eq!(origin.hits(), 2);
    assert_eq!(desk.verdict(&[&url]), "hit", "it was validated afterwards");
}
