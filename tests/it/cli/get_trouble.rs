//! `get` when something goes wrong: the right exit code, the cause, the next step, and
//! nothing lost.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::testkit::origin::{Origin, Seen, Step, head_only, response};
use crate::testkit::program::Desk;
use crate::testkit::sample::noise;

#[test]
fn a_body_that_breaks_off_is_not_stored() {
    let cut_length = vec![
        Step::Send(head_only("200 OK", "Content-Length: 1000000\nCache-Control: max-age=60")),
        Step::Fill { pattern: vec![b'x'; 1000], bytes: 500_000 },
        Step::Close,
    ];
    let cut_chunk = vec![
        Step::Send(
            [
                head_only("200 OK", "Transfer-Encoding: chunked\nCache-Control: max-age=60"),
                b"ff\r\nabc".to_vec(),
            ]
            .concat(),
        ),
        Step::Close,
    ];
    let no_last_chunk = vec![
        Step::Send(
            [
                head_only("200 OK", "Transfer-Encoding: chunked\nCache-Control: max-age=60"),
                b"3\r\nabc\r\n".to_vec(),
            ]
            .concat(),
        ),
        Step::Close,
    ];
    let reset = vec![
        Step::Send(b"HTTP/1.0 200 OK\r\nCache-Control: max-age=60\r\n\r\nabc".to_vec()),
        Step::Wait(Duration::from_millis(50)),
        Step::Reset,
    ];
    for (name, steps) in
        [("length", cut_length), ("chunk", cut_chunk), ("end", no_last_chunk), ("reset", reset)]
    {
        for store in ["file:f", "sqlite:s.db"] {
            let desk = Desk::new();
            let steps = steps.clone();
            let origin = Origin::start(move |_| steps.clone());
            desk.write("out", "before");
            let ran = desk.run(&["get", "-o", "out", "--backend", store, &origin.url("/")]);
            ran.failed(6, &["broke off", "cause:", "try:"]);
            assert_eq!(fs::read_to_string(desk.file("out")).expect("there"), "before", "{name}");
            assert_eq!(desk.ok(&["list", "--backend", store]), "", "{name} {store}");
            desk.run(&["get", "--offline", "--backend", store, &origin.url("/")])
                .failed(4, &["not in the cache"]);
        }
    }
}

#[test]
fn an_origin_that_is_gone_is_a_network_failure() {
    let desk = Desk::new();
    let origin =
        Origin::start(|_| response("200 OK", "Cache-Control: max-age=0\nETag: \"1\"", "x"));
    let url = origin.url("/");
    desk.verdict(&[&url]);
    origin.stop();
    desk.run(&["get", &url]).failed(6, &["cannot fetch", "connection refused", "--stale-if-error"]);
    let ran = desk.run(&["get", "--stale-if-error", "-w", " %{cache}", &url]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "x stale"));
    assert!(ran.stderr.contains("warning") && ran.stderr.contains("stale"), "{}", ran.stderr);
    let quiet = desk.run(&["get", "-qq", "--stale-if-error", &url]);
    assert_eq!(quiet.stderr, "");
    desk.run(&["get", "http://no-such-host.invalid/"]).failed(6, &["no such host"]);
}

#[test]
fn time_limits_name_their_flag() {
    let desk = Desk::new();
    let origin = Origin::start(|seen: &Seen| match seen.path() {
        "/silent" => vec![Step::Wait(Duration::from_secs(20))],
        _ => vec![
            Step::Send(head_only("200 OK", "Content-Length: 10")),
            Step::Send(b"x".to_vec()),
            Step::Wait(Duration::from_secs(20)),
        ],
    });
    let started = Instant::now();
    desk.run(&["get", "--read-timeout", "1s", &origin.url("/silent")])
        .failed(6, &["silence", "--read-timeout"]);
    desk.run(&["get", "--read-timeout", "1s", &origin.url("/slow")])
        .failed(6, &["silence", "--read-timeout"]);
    desk.run(&["get", "--max-time", "1s", &origin.url("/slow")]).failed(6, &["--max-time"]);
    assert!(started.elapsed() < Duration::from_secs(15), "a limit is a limit");
    assert_eq!(desk.ok(&["list"]), "");
}

#[test]
fn what_is_not_http_is_a_network_failure() {
    let desk = Desk::new();
    for answer in [
        &b"SSH-2.0-OpenSSH\r\n\r\n"[..],
        b"HTTP/1.1 abc\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ] {
        let origin = Origin::start(move |_| vec![Step::Send(answer.to_vec()), Step::Close]);
        desk.run(&["get", &origin.url("/")]).failed(6, &["cause:"]);
    }
    for (lines, is_trouble) in [(150, false), (990, false), (1001, true)] {
        let many = (0..lines).fold(String::new(), |all, i| format!("{all}X-{i}: 1\n"));
        let origin = Origin::start(move |_| response("200 OK", &many, "x"));
        let ran = desk.run(&["get", &origin.url("/")]);
        match is_trouble {
            true => ran.failed(6, &["header section", "1000 lines"]),
            false => assert_eq!(ran.text(), "x", "{lines} lines: {}", ran.stderr),
        }
    }
    let origin = Origin::start(|_| response("200 OK", &format!("X: {}", "y".repeat(300_000)), "x"));
    desk.run(&["get", &origin.url("/")]).failed(6, &["header section", "256 KiB"]);
}

#[test]
fn statuses_of_failure_are_told_by_the_exit_code() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("404 Not Found", "", "the page"));
    let url = origin.url("/");
    desk.write("out", "before");
    let out = || fs::read_to_string(desk.file("out")).expect("there");
    for (args, stdout, stderr, file) in [
        (&["get"][..], "the page", "", "before"),
        (&["get", "-o", "out"], "", "the page", "before"),
        (&["get", "-f"], "", "404", "before"),
        (&["get", "-f", "-o", "out"], "", "404", "before"),
        (&["get", "--fail-with-body"], "the page", "", "before"),
        (&["get", "--fail-with-body", "-o", "out"], "", "", "the page"),
    ] {
        desk.write("out", "before");
        let mut all = args.to_vec();
        all.push(&url);
        let ran = desk.run(&all);
        ran.failed(22, &[stderr]);
        assert_eq!((ran.text().as_str(), out().as_str()), (stdout, file), "{args:?}");
    }
    let ran = desk.run(&["get", "--no-fail", "-o", "out", &url]);
    assert_eq!((ran.code, out().as_str()), (0, "the page"));
}

#[test]
fn offline_opens_no_connection() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        response("200 OK", "Cache-Control: max-age=0, must-revalidate\nETag: \"1\"", "x")
    });
    let url = origin.url("/");
    desk.run(&["get", "--offline", &url]).failed(4, &["not in the cache", "--offline"]);
    desk.verdict(&[&url]);
    let ran = desk.run(&["get", "--offline", "-w", " %{cache}", &url]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "x stale"));
    assert!(ran.stderr.contains("stale"), "{}", ran.stderr);
    assert_eq!(origin.hits(), 1);
    desk.run(&["get", "--offline", "http://no-such-host.invalid/"]).failed(4, &[]);
    desk.run(&["get", "--offline", "--refresh", &url]).failed(2, &["--refresh"]);
}

#[test]
fn a_damaged_record_is_a_miss_with_a_warning() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let url = origin.url("/");
    desk.verdict(&[&url]);
    let location = desk.ok(&["inspect", "--json", &url]);
    let location: serde_json::Value = serde_json::from_str(&location).expect("JSON");
    let record = desk.file(location[0]["location"].as_str().expect("a path"));
    let mut bytes = fs::read(&record).expect("the record");
    bytes[300] ^= 1;
    fs::write(&record, bytes).expect("damaged");
    let ran = desk.run(&["get", "-w", " %{cache}", &url]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "hello miss"));
    assert!(ran.stderr.contains("damaged") && ran.stderr.contains("absent"), "{}", ran.stderr);
    assert_eq!(desk.verdict(&[&url]), "hit", "it was replaced");
}

#[test]
fn a_damaged_body_is_an_error_once_and_fetched_anew_after() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        let origin =
            Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", noise(1, 400_000)));
        let url = origin.url("/");
        desk.verdict(&["--backend", store, &url]);
        if store.starts_with("file") {
            let shard =
                fs::read_dir(desk.file("f/bodies")).expect("bodies").flatten().next().expect("one");
            let body =
                fs::read_dir(shard.path()).expect("a shard").flatten().next().expect("one").path();
            let mut bytes = fs::read(&body).expect("the body");
            bytes[200_000] ^= 1;
            fs::write(&body, bytes).expect("damaged");
        } else {
            let database = rusqlite::Connection::open(desk.file("s.db")).expect("the database");
            database
                .execute("UPDATE cache_chunk SET data = zeroblob(length(data))", [])
                .expect("damaged");
        }
        desk.write("out", "before");
        desk.run(&["get", "-o", "out", "--backend", store, &url]).failed(3, &["damaged"]);
        assert_eq!(fs::read_to_string(desk.file("out")).expect("there"), "before");
        assert_eq!(desk.verdict(&["--backend", store, &url]), "miss", "{store}");
        assert_eq!(desk.run(&["get", "--backend", store, &url]).stdout, noise(1, 400_000));
    }
}

#[test]
fn a_store_that_cannot_be_opened_ends_before_the_network() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    desk.write("a-file", "no folder");
    desk.write("mine/thesis.tex", "x");
    let url = origin.url("/");
    for (store, said) in [
        ("file:a-file", "not a folder"),
        ("file:mine", "thesis.tex"),
        ("sqlite:a-file", "not an SQLite database"),
        ("file:/proc/nope", "cannot create"),
        ("file:absent?readonly=true", "no file store"),
    ] {
        desk.run(&["get", "--backend", store, &url]).failed(3, &[said, "where: --backend"]);
        let ran = desk.run(&["get", "--best-effort", "--backend", store, &url]);
        assert_eq!((ran.code, ran.text().as_str()), (0, "hello"), "{store}");
        assert!(ran.stderr.contains("without a store"), "{}", ran.stderr);
    }
    assert_eq!(origin.hits(), 5, "only the best efforts");
    assert_eq!(fs::read_to_string(desk.file("a-file")).expect("there"), "no folder");
}

#[test]
fn a_store_that_fails_after_the_fetch_costs_no_body() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    desk.verdict(&[&origin.url("/warm-up")]);
    // A folder where a shard's lock should be: it cannot be written to, whoever runs this.
    let locks = desk.file(".hishel_cache/locks");
    fs::remove_dir_all(&locks).expect("removed");
    fs::write(&locks, "in the way").expect("written");
    let url = origin.url("/");
    let ran = desk.run(&["get", &url]);
    assert_eq!((ran.code, ran.text().as_str()), (5, "hello"));
    assert!(ran.stderr.contains("not stored"), "{}", ran.stderr);
    let ran = desk.run(&["get", "--best-effort", &url]);
    assert_eq!((ran.code, ran.text().as_str()), (0, "hello"));
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o700)).expect("set");
}

#[test]
fn mistyped_addresses_and_flags_get_a_suggestion() {
    let desk = Desk::new();
    for (args, said) in [
        (
            &["get", "--backend", "redsi", "http://e.org/"][..],
            &["\"redsi\" is neither a kind of store nor a named store", "mean redis?"][..],
        ),
        (&["get", "--backend", "sqllite", "http://e.org/"], &["did you mean sqlite?"]),
        (&["get", "--backend", "./cache", "http://e.org/"], &["file:./cache"]),
        (
            &["get", "--backend", "file:x?tll=2h", "http://e.org/"],
            &["no parameter \"tll\"", "did you mean ttl?"],
        ),
        (&["get", "--backend", "file:x?ttl=soon", "http://e.org/"], &["ttl", "2h"]),
        (&["get", "--offlin", "http://e.org/"], &["--offline"]),
        (&["gett", "http://e.org/"], &["did you mean get?"]),
        (&["get"], &["URL"]),
        (&["get", "example.org"], &["https://example.org"]),
        (&["get", "ftp://e.org/"], &["http and https"]),
        (&["get", "--ttl", "x", "http://e.org/"], &["--ttl", "2h"]),
        (&["get", "-X", "BAD METHOD", "http://e.org/"], &["not a request method"]),
    ] {
        let ran = desk.run(args);
        ran.failed(2, said);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    }
}

#[test]
fn errors_as_json_lines() {
    let desk = Desk::new();
    let ran =
        desk.run(&["get", "--log-format", "json", "--backend", "file:/proc/nope", "http://e.org/"]);
    let error: serde_json::Value = serde_json::from_str(ran.stderr.trim()).expect("one JSON line");
    assert_eq!((&error["event"], &error["exit"]), (&"error".into(), &3.into()));
    for name in ["at", "message", "code", "cause", "where", "hint"] {
        assert!(error.get(name).is_some(), "{name}");
    }
}

#[test]
fn retries_obey_the_origin() {
    let desk = Desk::new();
    let count = AtomicUsize::new(0);
    let origin = Origin::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => response("503 Busy", "Retry-After: 1", "later"),
        1 => vec![Step::Close],
        _ => response("200 OK", "", "at last"),
    });
    let url = origin.url("/");
    let started = Instant::now();
    assert_eq!(desk.ok(&["get", "--retry", "3", &url]), "at last");
    assert!(started.elapsed() >= Duration::from_secs(1), "it waits as long as it is told");
    assert_eq!(origin.hits(), 3);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let desk = Desk::new();
    let origin =
        Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", noise(1, 4_000_000)));
    let url = origin.url("/");
    // From the origin, then from the store.
    for _ in 0..2 {
        let mut child = desk
            .command(&["get", &url])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut some = [0; 1000];
        child.stdout.take().expect("a pipe").read_exact(&mut some).expect("some bytes");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stderr, b"");
        desk.verdict(&[&url]);
    }
}

#[test]
fn an_interrupt_stores_nothing_and_leaves_nothing() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        let origin = Origin::start(|_| {
            let mut steps = vec![Step::Send(head_only(
                "200 OK",
                "Content-Length: 100000000\nCache-Control: max-age=60",
            ))];
            for _ in 0..200 {
                steps.push(Step::Fill { pattern: vec![b'x'; 10_000], bytes: 50_000 });
                steps.push(Step::Wait(Duration::from_millis(20)));
            }
            steps
        });
        let mut child = desk
            .command(&["get", "-o", "out", "--backend", store, &origin.url("/")])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let part = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".part");
        let begun = || {
            fs::read_dir(desk.path())
                .expect("a folder")
                .flatten()
                .any(|e| part(&e.file_name()) && e.metadata().is_ok_and(|m| m.len() > 0))
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while !begun() {
            assert!(Instant::now() < deadline, "the download does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupted");
        let status = child.wait().expect("it ends");
        let mut said = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        assert_eq!(status.code(), Some(130), "{said}");
        assert!(said.contains("stopping"), "{said}");
        assert!(!begun() && !desk.file("out").exists());
        assert_eq!(desk.ok(&["list", "--backend", store]), "");
        if store.starts_with("file") {
            let shards = fs::read_dir(desk.file("f/bodies")).expect("bodies").flatten();
            let bodies: usize =
                shards.map(|s| fs::read_dir(s.path()).expect("a shard").count()).sum();
            assert_eq!(bodies, 0, "no orphan");
        }
    }
}

/// An origin that sends these bytes in two pieces, cut where the query says.
fn cutting(message: Vec<u8>) -> Origin {
    Origin::start(move |seen| {
        let at: usize = seen.target.split('=').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
        let (first, rest) = message.split_at(at.min(message.len()));
        let pause = Step::Wait(Duration::from_millis(3));
        vec![Step::Send(first.to_vec()), pause, Step::Send(rest.to_vec()), Step::Close]
    })
}

/// What comes of a message: status, header fields, interim statuses and body, or the error's code.
type Taken = Result<(u16, Vec<String>, Vec<u16>, bytes::Bytes), String>;

fn taken(client: &cachectl::Client, url: &str) -> Taken {
    let request = cachectl::Request::get(url).expect("a URL");
    cachectl::block_on(async {
        let mut answer = client.fetch(&request, &Default::default()).await?;
        let body = answer.collect_body().await?;
        let field = |(name, value): (&[u8], &[u8])| {
            format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        let is_ours = |line: &String| line.starts_with("Cache-Status") || line.starts_with("Date");
        let fields = answer.headers.iter().map(field).filter(|line| !is_ours(line)).collect();
        let interim = answer.interim.iter().map(|(status, _)| *status).collect();
        Ok((answer.status, fields, interim, body))
    })
    .map_err(|e: cachectl::Error| format!("{} {:?}", e.code(), e.causes()))
}

#[test]
fn a_message_is_the_same_however_it_is_cut_into_packets() {
    let ok = "HTTP/1.1 200 Fine\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi";
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    // Each with what comes of it: its status, a field, and the body; or words of the trouble.
    type Wanted = Result<(u16, &'static str, &'static [u8]), &'static str>;
    let cases: Vec<(String, usize, Wanted)> = vec![
        (format!("HTTP/1.1 100 Continue\r\n\r\n{ok}"), 1, Ok((200, "X-A: b", b"hi"))),
        (format!("{early}{ok}"), 1, Ok((200, "X-A: b", b"hi"))),
        (
            format!("{early}{early}HTTP/1.1 102 Processing\r\nX: y\r\n\r\n{ok}"),
            3,
            Ok((200, "X-A: b", b"hi")),
        ),
        (
            "HTTP/1.1 200 OK\nX-Long: one\n  two\n\tthree\nContent-Length: 2\n\nok".into(),
            0,
            Ok((200, "X-Long: one two three", b"ok")),
        ),
        (
            "\r\nHTTP/1.1 404 No\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n\
             2;ext=1\r\nok\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n"
                .into(),
            0,
            Ok((404, "X: y", b"ok!")),
        ),
        ("HTTP/1.0 200 OK\r\nX: y\r\n\r\nup to the end".into(), 0, Ok((200, "X: y", b"up to the end"))),
        ("HTTP/1.1 204 Nothing\r\nContent-Length: 5\r\nX: y\r\n\r\n".into(), 0, Ok((204, "X: y", b""))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok".into(), 0, Ok((200, "Content-Length: 2", b"ok"))),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!".into(), 0, Err("differ")),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".into(), 0, Err("gzip, chunked")),
        ("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 4\r\n\r\nok".into(), 0, Err("body_cut_off")),
        ("HTTP/1.1 200 OK\r\nX: y\r\n".into(), 0, Err("too early")),
        ("220 mail.example ESMTP\r\n\r\n".into(), 0, Err("begins with \\\"220 mail")),
    ];
    let store =
        cachectl::open_with(&"memory:".parse().expect("an address"), cachectl::Access::Create);
    let options = cachectl::HttpOptions { in_place: true, ..Default::default() };
    let client = cachectl::Client::new(
        store.expect("a store").in_place(),
        cachectl::HttpTransport::new(options),
    );
    for (message, interim, wanted) in cases {
        let length = message.len();
        let origin = cutting(message.clone().into_bytes());
        let whole = taken(&client, &origin.url("/?at=0"));
        match (&whole, wanted) {
            (Ok((status, fields, seen, body)), Ok((wanted, field, content))) => {
                assert_eq!(
                    (*status, seen.len(), &body[..]),
                    (wanted, interim, content),
                    "{message}"
                );
                assert!(fields.iter().any(|line| line == field), "{message}: {fields:?}");
                let lengths = fields.iter().filter(|line| line.starts_with("Content-Length"));
                let framed = message.contains("chunked") || *status == 204;
                assert!(!framed || lengths.count() == 0, "{message}: {fields:?}");
            }
            (Err(error), Err(words)) => assert!(error.contains(words), "{message}: {error}"),
            (other, _) => panic!("{message}: {other:?}"),
        }
        for at in 1..=length {
            let cut = taken(&client, &origin.url(&format!("/?at={at}")));
            assert_eq!(cut, whole, "{message:?} cut at {at}");
        }
    }
    // So many that they need several reads.
    let origin = cutting(format!("{}{ok}", early.repeat(50)).into_bytes());
    assert_eq!(Desk::new().ok(&["get", &origin.url("/?at=0")]), "hi");
    let origin = cutting(format!("{}{ok}", early.repeat(50_000)).into_bytes());
    Desk::new()
        .run(&["get", &origin.url("/?at=0")])
        .failed(6, &["interim responses without an end"]);
}

/// An origin that takes the second request of its first connection and hangs up, as one does that
/// has just given up an idle connection. What the requests of all connections were, in the end.
fn hanging_up() -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        let mut requests = Vec::new();
        let mut ask = |stream: &mut std::net::TcpStream| {
            let mut input = [0; 4096];
            let length = stream.read(&mut input).expect("a request");
            let line = String::from_utf8_lossy(&input[..length]);
            requests.push(line.lines().next().unwrap_or_default().to_owned());
        };
        let answer = b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 2\r\n\r\nhi";
        let (mut first, _) = listener.accept().expect("a connection");
        ask(&mut first);
        first.write_all(answer).expect("sent");
        ask(&mut first);
        drop(first);
        let (mut second, _) = listener.accept().expect("another connection");
        ask(&mut second);
        if !requests[1].starts_with("POST") {
            second.write_all(answer).expect("sent");
        }
        requests
    });
    (url, serving)
}

#[test]
fn a_kept_connection_that_is_gone_is_no_trouble_for_what_may_be_sent_twice() {
    for (method, is_trouble) in [("GET", false), ("DELETE", false), ("POST", true)] {
        let (url, serving) = hanging_up();
        let store =
            cachectl::open_with(&"memory:".parse().expect("an address"), cachectl::Access::Create);
        let options = cachectl::HttpOptions { in_place: true, ..Default::default() };
        let transport = cachectl::HttpTransport::new(options);
        let client = cachectl::Client::new(store.expect("a store").in_place(), transport);
        let fetch = |method: &str| {
            let request = cachectl::Request::new(
                cachectl::Method::parse(method).expect("a method"),
                cachectl::UrlText::parse(&url).expect("a URL"),
            );
            cachectl::block_on(async {
                let mut answer = client.fetch(&request, &Default::default()).await?;
                answer.collect_body().await
            })
        };
        assert_eq!(&fetch("GET").expect("the first")[..], b"hi");
        assert_eq!(fetch(method).is_err(), is_trouble, "{method}");
        if is_trouble {
            // Nobody has asked again, which ends the origin's wait.
            assert!(fetch("GET").is_err());
        }
        let requests = serving.join().expect("served");
        assert_eq!(
            requests.iter().filter(|line| line.starts_with(method)).count(),
            match method {
                "GET" => 3,
                "DELETE" => 2,
                _ => 1,
            }
        );
    }
}

#[test]
fn what_is_no_answer_to_the_request_is_a_network_failure() {
    let cases: [(&str, &str); 8] = [
        ("302 Found", "Location: ftp://127.0.0.1/x"),
        ("301 Moved", "Location: file:///etc/passwd\nCache-Control: max-age=60"),
        ("307 Temporary", "Location: javascript:alert(1)"),
        ("308 Permanent", "Location: http://[::1"),
        ("302 Found", ""),
        ("304 Not Modified", "ETag: \"x\""),
        ("101 Switching Protocols", "Upgrade: websocket\nConnection: upgrade"),
        ("206 Partial Content", "Content-Range: bytes 0-4/10\nCache-Control: max-age=60"),
    ];
    for (status, fields) in cases {
        let body =
            if status.starts_with("304") || status.starts_with("101") { "" } else { "moved" };
        let origin = Origin::start(move |_| response(status, fields, body));
        let desk = Desk::new();
        desk.write("keep.txt", "precious");
        let url = origin.url("/x");
        let ran = desk.run(&["get", "-o", "keep.txt", &url]);
        ran.failed(6, &["error:", "cause:"]);
        let kept = fs::read_to_string(desk.file("keep.txt")).expect("there");
        assert_eq!(kept, "precious", "{status} {fields}");
        assert_eq!(desk.ok(&["list"]), "", "{status} {fields}: nothing is stored");
        assert_eq!(desk.run(&["get", &url]).stdout, b"", "{status} {fields}");
        assert_eq!(desk.run(&["warm", &url]).code, 5, "{status} {fields}");
    }
    // Who asks for it gets it.
    let origin = Origin::start(|seen| match seen.header("if-none-match") {
        Some(_) => response("304 Not Modified", "ETag: \"x\"", ""),
        None => response("302 Found", "Location: ftp://127.0.0.1/x", "moved"),
    });
    let desk = Desk::new();
    let url = origin.url("/x");
    assert_eq!(desk.ok(&["get", "--no-location", &url]), "moved");
    let ran = desk.run(&["get", "--no-store", "-H", "If-None-Match: \"x\"", "-i", &url]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.text().starts_with("HTTP/1.1 304"), "{}", ran.text());
}

#[test]
fn a_coding_that_cannot_be_undone_is_not_stored() {
    let whole = {
        use std::io::Write;
        let mut coder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        coder.write_all(&noise(3, 300_000)).expect("coded");
        coder.finish().expect("coded")
    };
    let cut = whole[..whole.len() / 2].to_vec();
    let broken = [&whole[..1000], b"garbage", &whole[1000..]].concat();
    for (what, body) in [("cut", cut), ("broken", broken), ("text", b"plain text".to_vec())] {
        for more in [&[][..], &["-i"], &["--json"], &["-o", "keep.txt"]] {
            let body = body.clone();
            let fields = "Content-Encoding: gzip\nCache-Control: max-age=600";
            let origin = Origin::start(move |_| response("200 OK", fields, body.clone()));
            let desk = Desk::new();
            desk.write("keep.txt", "precious");
            let url = origin.url("/x");
            let ran = desk.run(&[&["get", "--compressed", &url], more].concat());
            ran.failed(6, &["cannot be decoded", "without --compressed"]);
            assert_eq!(desk.ok(&["list"]), "", "{what} {more:?}");
            assert_eq!(fs::read(desk.file("keep.txt")).expect("there"), b"precious", "{what}");
        }
    }
    // Trouble with the output is something else, and what came is good.
    let fields = "Content-Encoding: gzip\nCache-Control: max-age=600";
    let origin = Origin::start(move |_| response("200 OK", fields, whole.clone()));
    let desk = Desk::new();
    let ran = desk.run(&["get", "--compressed", "-o", "/dev/full", &origin.url("/x")]);
    ran.failed(8, &["cannot be written"]);
}
