//! `warm`: what is fetched, what is left alone, what is told, and how the limits are kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::get::STORES;
use crate::testkit::origin::{Origin, Seen, Step, head_only, response};
use crate::testkit::program::{Desk, Ran};

const FRESH: &str = "Cache-Control: max-age=3600\nETag: \"v1\"";

/// The lines of a run with `--format ndjson`: each URL's path and its object, and the
/// summary.
fn told(ran: &Ran) -> (BTreeMap<String, Value>, Value) {
    let mut lines: Vec<Value> =
        ran.text().lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let summary = lines.pop().expect("a summary");
    assert_eq!(summary["command"], "warm");
    let by_path = lines.into_iter().map(|line| {
        let url = line["url"].as_str().expect("a URL").to_owned();
        let path = url.splitn(4, '/').nth(3).map_or(url.clone(), |path| format!("/{path}"));
        (path, line)
    });
    (by_path.collect(), summary)
}

fn counted(summary: &Value, result: &str) -> u64 {
    summary["actions"][result]["entries"].as_u64().unwrap_or(0)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text).expect("packed");
    packer.finish().expect("packed")
}

#[test]
fn what_is_missing_is_fetched_and_what_is_fresh_is_left_alone_on_every_store() {
    for store in STORES {
        let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
        let (a, b) = (origin.url("/a"), origin.url("/b"));
        desk.ok(&["get", "--backend", store, &a]);
        let ran = desk.run(&["warm", "--backend", store, "--format", "ndjson", &a, &b, &a]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let (urls, summary) = told(&ran);
        assert_eq!(urls.len(), 2, "a URL that is named twice is one");
        assert_eq!(
            (&urls["/a"]["result"], &urls["/b"]["result"]),
            (&"fresh".into(), &"stored".into())
        );
        assert_eq!(urls["/b"]["body_bytes"], 5);
        assert_eq!((counted(&summary, "fresh"), counted(&summary, "stored")), (1, 1), "{summary}");
        assert_eq!(summary["complete"], true);
        assert_eq!(origin.hits(), 2);
        origin.stop();
        assert_eq!(desk.ok(&["get", "--offline", "--backend", store, &b]), "hello");
    }
}

#[test]
fn warming_is_no_use_of_an_entry() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let url = origin.url("/a");
    desk.ok(&["warm", &url]);
    desk.ok(&["warm", &url]);
    let listed: Value = serde_json::from_str(&desk.ok(&["list", "--json"])).expect("JSON");
    assert_eq!(listed[0]["uses"], 0, "{listed}");
}

#[test]
fn what_is_stale_or_soon_will_be_is_validated() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.header("if-none-match") {
        Some(_) => vec![Step::Send(head_only("304 Not Modified", "Cache-Control: max-age=60"))],
        None => response("200 OK", "Cache-Control: max-age=60\nETag: \"v1\"", "body"),
    });
    let url = origin.url("/a");
    desk.ok(&["warm", &url]);
    desk.ok(&["warm", "--min-remaining", "30s", &url]);
    assert_eq!(origin.hits(), 1, "a minute is more than was asked for");
    let ran = desk.run(&["warm", "--min-remaining", "1h", "--format", "ndjson", &url]);
    let (urls, _) = told(&ran);
    assert_eq!((ran.code, &urls["/a"]["result"]), (0, &"revalidated".into()), "{}", ran.stderr);
    assert_eq!(origin.hits(), 2);
}

#[test]
fn stale_while_revalidate_does_not_keep_what_is_stale() {
    let desk = Desk::new();
    let control = "Cache-Control: max-age=0, stale-while-revalidate=3600\nETag: \"v1\"";
    let origin = Origin::start(move |seen| match seen.header("if-none-match") {
        Some(_) => vec![Step::Send(head_only("304 Not Modified", ""))],
        None => response("200 OK", control, "body"),
    });
    desk.ok(&["warm", &origin.url("/a")]);
    let ran = desk.run(&["warm", "--format", "ndjson", &origin.url("/a")]);
    assert_eq!(told(&ran).0["/a"]["result"], "revalidated");
}

/// How the mixed origin answers the paths of the test below.
fn mixed(seen: &Seen, times: usize) -> Vec<Step> {
    let path = seen.path();
    let kind = path.trim_start_matches('/').split('-').next().unwrap_or_default();
    match kind {
        "ok" => response("200 OK", FRESH, format!("body of {path}")),
        "validated" if seen.header("if-none-match").is_some() => {
            vec![Step::Send(head_only("304 Not Modified", ""))]
        }
        "validated" => response("200 OK", "Cache-Control: max-age=0\nETag: \"v\"", "old"),
        "gone" => response("404 Not Found", FRESH, "not here"),
        // Once, and then all is well.
        "busy" if times == 1 => response("429 Too Many Requests", "Retry-After: 0", "slowly"),
        "busy" => response("200 OK", FRESH, "at last"),
        "broken" => response("500 Internal Server Error", FRESH, "oh"),
        "silent" => vec![Step::Wait(Duration::from_secs(60))],
        "cut" => {
            let mut head = head_only("200 OK", "Cache-Control: max-age=3600\nContent-Length: 100");
            head.extend_from_slice(b"only this");
            vec![Step::Send(head), Step::Close]
        }
        "loop" => response("301 Moved Permanently", &format!("Location: {path}"), ""),
        "private" => response("200 OK", "Cache-Control: no-store", "secret"),
        _ => response("400 Bad Request", "", ""),
    }
}

#[test]
fn an_origin_of_all_kinds_is_counted_truly_and_failures_feed_the_next_run() {
    let desk = Desk::new();
    let heals = Arc::new(AtomicBool::new(false));
    let times = Arc::new(std::sync::Mutex::new(BTreeMap::<String, usize>::new()));
    let (healed, seen_times) = (Arc::clone(&heals), Arc::clone(&times));
    let origin = Origin::start(move |seen| {
        let mut times = seen_times.lock().expect("the counts");
        let count = times.entry(seen.path().to_owned()).or_default();
        *count += 1;
        let count = *count;
        drop(times);
        if healed.load(Ordering::SeqCst) {
            return response("200 OK", FRESH, "well again");
        }
        mixed(seen, count)
    });
    let expected = [
        ("ok", "stored"),
        ("validated", "revalidated"),
        ("gone", "failed"),
        ("busy", "stored"),
        ("broken", "failed"),
        ("silent", "failed"),
        ("cut", "failed"),
        ("loop", "failed"),
        ("private", "uncacheable"),
    ];
    let paths: Vec<(String, &str)> = expected
        .iter()
        .flat_map(|(kind, result)| (0..3).map(move |i| (format!("/{kind}-{i}"), *result)))
        .collect();
    for (path, _) in paths.iter().filter(|(path, _)| path.starts_with("/validated")) {
        desk.ok(&["get", &origin.url(path)]);
    }
    times.lock().expect("the counts").clear();
    let list: String = paths.iter().map(|(path, _)| format!("{}\n", origin.url(path))).collect();
    desk.write("urls.txt", list);
    let ran = desk.run(&[
        "warm",
        "--from",
        "urls.txt",
        "--read-timeout",
        "1s",
        "--retry",
        "1",
        "--failed",
        "failed.ndjson",
        "--format",
        "ndjson",
        "-j",
        "16",
        "--per-host",
        "16",
    ]);
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    let (urls, summary) = told(&ran);
    for (path, result) in &paths {
        assert_eq!(&urls[path]["result"], result, "{path}: {}", urls[path]);
    }
    assert_eq!(counted(&summary, "stored"), 6);
    assert_eq!(counted(&summary, "revalidated"), 3);
    assert_eq!(counted(&summary, "uncacheable"), 3);
    assert_eq!(summary["failed"]["entries"], 15);
    // As often as the origin has seen them: what may pass once more, what will not once.
    let times_now = times.lock().expect("the counts").clone();
    for (path, most) in [
        ("/gone-0", 1),
        ("/broken-0", 1),
        ("/busy-0", 2),
        ("/cut-0", 2),
        ("/silent-0", 2),
        ("/loop-0", 11),
    ] {
        assert_eq!(times_now[path], most, "{path}");
    }
    // Only what was complete and accepted is in the store.
    let stored = desk.ok(&["list", "--format", "plain"]);
    let holds = |path: &str| stored.contains(&format!("{}\n", origin.url(path)));
    for (path, result) in &paths {
        assert_eq!(holds(path), matches!(*result, "stored" | "revalidated"), "{path}\n{stored}");
    }
    // The failures are what the next run needs.
    heals.store(true, Ordering::SeqCst);
    let again = desk.run(&["warm", "--from", "failed.ndjson", "--refresh", "--format", "ndjson"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let (urls, _) = told(&again);
    let wanted: Vec<&String> =
        paths.iter().filter(|(_, r)| *r == "failed").map(|(p, _)| p).collect();
    assert_eq!(urls.len(), wanted.len());
    assert!(wanted.iter().all(|path| urls[*path]["result"] == "stored"));
}

#[test]
fn an_answer_that_is_not_accepted_leaves_alone_what_is_stored() {
    let desk = Desk::new();
    let gone = Arc::new(AtomicBool::new(false));
    let is_gone = Arc::clone(&gone);
    let origin = Origin::start(move |_| match is_gone.load(Ordering::SeqCst) {
        true => response("404 Not Found", FRESH, "not here"),
        false => response("200 OK", FRESH, "body"),
    });
    let url = origin.url("/a");
    desk.ok(&["warm", &url]);
    gone.store(true, Ordering::SeqCst);
    desk.run(&["warm", "--refresh", &url]).failed(5, &["404", "/a"]);
    desk.run(&["warm", "--refresh", "--force-cache", "--ttl", "1h", &url]).failed(5, &["404"]);
    assert_eq!(desk.ok(&["get", "--offline", &url]), "body");
    // A stored answer that is not accepted is no answer either.
    desk.run(&["get", "--refresh", "--no-fail", &url]);
    gone.store(false, Ordering::SeqCst);
    desk.ok(&["warm", &url]);
    assert_eq!(desk.ok(&["get", "--offline", &url]), "body");
}

#[test]
fn a_redirect_to_what_is_not_accepted_leaves_alone_what_is_stored() {
    let desk = Desk::new();
    let moved = Arc::new(AtomicUsize::new(0));
    let is_moved = Arc::clone(&moved);
    let origin = Origin::start(move |seen| match (seen.path(), is_moved.load(Ordering::SeqCst)) {
        ("/a", 0) => response("200 OK", FRESH, "body"),
        ("/a", _) => response("301 Moved Permanently", "Location: /b", ""),
        (_, 1) => response("404 Not Found", "", ""),
        _ => response("200 OK", FRESH, "elsewhere"),
    });
    let url = origin.url("/a");
    desk.ok(&["warm", &url]);
    moved.store(1, Ordering::SeqCst);
    desk.run(&["warm", "--refresh", &url]).failed(5, &["404"]);
    assert_eq!(desk.ok(&["get", "--offline", &url]), "body");
    // Where it leads to something good, the redirect is the answer now.
    moved.store(2, Ordering::SeqCst);
    desk.ok(&["warm", "--refresh", &url]);
    assert_eq!(desk.ok(&["get", "--offline", &url]), "elsewhere");
}

#[test]
fn what_may_pass_is_tried_again_also_with_a_lock() {
    let desk = Desk::new();
    let times = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&times);
    let origin = Origin::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        1 => response("503 Service Unavailable", "Retry-After: 0", ""),
        _ => response("200 OK", FRESH, "body"),
    });
    let url = origin.url("/a");
    desk.ok(&["warm", "--lock", "x.lock", &url]);
    desk.ok(&["warm", "--lock", "x.lock", "--locked", "--refresh", &url]);
    assert_eq!(times.load(Ordering::SeqCst), 3);
}

#[test]
fn the_list_may_be_the_file_of_failures() {
    let desk = Desk::new();
    let heals = Arc::new(AtomicBool::new(false));
    let healed = Arc::clone(&heals);
    let origin = Origin::start(move |_| match healed.load(Ordering::SeqCst) {
        true => response("200 OK", &format!("{FRESH}\nVary: Accept-Language"), "body"),
        false => response("404 Not Found", "", ""),
    });
    let url = origin.url("/a");
    let line = format!("{{\"url\":\"{url}\",\"headers\":{{\"Accept-Language\":\"de\"}}}}\n");
    desk.write("f.ndjson", line);
    let again = ["warm", "--from", "f.ndjson", "--failed", "f.ndjson"];
    desk.run(&again).failed(5, &["404"]);
    heals.store(true, Ordering::SeqCst);
    desk.ok(&again);
    assert_eq!(std::fs::read_to_string(desk.file("f.ndjson")).expect("the file"), "");
    // The variant is still the one of the list.
    desk.ok(&["get", "--offline", "-H", "Accept-Language: de", &url]);
    desk.write("odd.ndjson", "{\"URL\":\"https://example.org/\"}\n");
    desk.run(&["warm", "--from", "odd.ndjson"]).failed(5, &["line 1", "it has neither"]);
}

#[test]
fn statuses_can_be_accepted() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("404 Not Found", FRESH, "not here"));
    desk.ok(&["warm", "--accept", "2xx,404", &origin.url("/a")]);
    assert_eq!(desk.ok(&["get", "--offline", "--no-fail", &origin.url("/a")]), "not here");
}

#[test]
fn a_way_that_cannot_be_gone_offline_is_uncacheable() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.path() {
        "/kept" => response("301 Moved Permanently", "Location: /end", ""),
        "/lost" => response("302 Found", "Location: /end", ""),
        _ => response("200 OK", FRESH, "body"),
    });
    let (kept, lost) = (origin.url("/kept"), origin.url("/lost"));
    let ran = desk.run(&["warm", "--format", "ndjson", &kept, &lost]);
    let (urls, _) = told(&ran);
    assert_eq!(urls["/kept"]["result"], "stored");
    assert_eq!(urls["/lost"]["result"], "uncacheable");
    assert_eq!(urls["/lost"]["reason"], "status-not-cacheable");
    assert_eq!(ran.code, 0);
    assert_eq!(desk.ok(&["get", "--offline", &kept]), "body");
    desk.run(&["warm", "--strict", &lost]).failed(5, &["may not be stored", "/lost"]);
}

#[test]
fn a_dry_run_sends_nothing_and_says_what_it_would_do() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.path() {
        "/stale" => response("200 OK", "Cache-Control: max-age=0\nETag: \"v\"", "old"),
        _ => response("200 OK", FRESH, "body"),
    });
    let (fresh, stale, missing) =
        (origin.url("/fresh"), origin.url("/stale"), origin.url("/missing"));
    desk.ok(&["warm", &fresh, &stale]);
    let before = desk.ok(&["list", "--json"]);
    let ran = desk.run(&["warm", "-n", "--format", "ndjson", &fresh, &stale, &missing]);
    let (urls, summary) = told(&ran);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(urls["/fresh"]["result"], "fresh");
    assert_eq!(urls["/stale"]["result"], "revalidate");
    assert_eq!(urls["/missing"]["result"], "fetch");
    assert_eq!(summary["dry_run"], true);
    assert_eq!(origin.hits(), 2);
    let shorn = |text: &str| -> Vec<Value> {
        let mut all: Vec<Value> = serde_json::from_str(text).expect("JSON");
        all.iter_mut().for_each(|entry| entry["age_s"] = Value::Null);
        all.iter_mut().for_each(|entry| entry["remaining_s"] = Value::Null);
        all
    };
    assert_eq!(shorn(&desk.ok(&["list", "--json"])).len(), shorn(&before).len());
    // A store that is not there yet is not made.
    desk.ok(&["warm", "-n", "--backend", "sqlite:none.db", &missing]);
    assert!(!desk.file("none.db").exists());
}

#[test]
fn failures_can_end_the_run() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("500 Internal Server Error", "", ""));
    let list: String = (0..50).map(|i| format!("{}\n", origin.url(&format!("/{i}")))).collect();
    desk.write("urls.txt", list);
    let one = ["--from", "urls.txt", "-j", "1", "--retry", "0"];
    desk.run(&[&["warm", "--fail-fast"], &one[..]].concat()).failed(5, &["500"]);
    assert!(origin.hits() <= 2, "{} requests", origin.hits());
    desk.run(&[&["warm", "--max-errors", "5"], &one[..]].concat()).failed(5, &["500"]);
    assert!(origin.hits() <= 2 + 6, "{} requests", origin.hits());
}

#[test]
fn no_host_gets_more_at_once_than_it_may() {
    let desk = Desk::new();
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (busy, peak) = (Arc::clone(&now), Arc::clone(&most));
    let origin = Origin::start(move |seen| {
        let at_once = busy.fetch_add(1, Ordering::SeqCst) + 1;
        peak.fetch_max(at_once, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(15));
        busy.fetch_sub(1, Ordering::SeqCst);
        // Redirects are requests too.
        match seen.path().strip_prefix("/via") {
            Some(rest) => response("302 Found", &format!("Location: {rest}"), ""),
            None => response("200 OK", FRESH, "body"),
        }
    });
    let list: String = (0..60).map(|i| format!("{}\n", origin.url(&format!("/via/{i}")))).collect();
    desk.write("urls.txt", list);
    desk.run(&["warm", "--from", "urls.txt", "-j", "16", "--per-host", "3"]);
    assert_eq!(origin.hits(), 120);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_rate_is_kept() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let urls: Vec<String> = (0..9).map(|i| origin.url(&format!("/{i}"))).collect();
    let mut args = vec!["warm", "--rate", "20/s", "--per-host", "8"];
    args.extend(urls.iter().map(String::as_str));
    let started = Instant::now();
    desk.ok(&args);
    // Eight pauses lie between nine requests: sooner would be too fast.
    assert!(started.elapsed() >= Duration::from_millis(400), "{:?}", started.elapsed());
    assert_eq!(origin.hits(), 9);
}

#[test]
fn a_host_that_asks_for_rest_gets_it() {
    let desk = Desk::new();
    let times = Arc::new(std::sync::Mutex::new(Vec::<Instant>::new()));
    let seen_at = Arc::clone(&times);
    let origin = Origin::start(move |_| {
        let mut times = seen_at.lock().expect("the times");
        times.push(Instant::now());
        match times.len() {
            1 => response("429 Too Many Requests", "Retry-After: 1", ""),
            _ => response("200 OK", FRESH, "body"),
        }
    });
    let urls: Vec<String> = (0..3).map(|i| origin.url(&format!("/{i}"))).collect();
    let mut args = vec!["warm", "--per-host", "1"];
    args.extend(urls.iter().map(String::as_str));
    desk.ok(&args);
    let times = times.lock().expect("the times");
    assert_eq!(times.len(), 4);
    assert!(times[1] - times[0] >= Duration::from_millis(990), "also for the others");
}

#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let desk = Desk::new();
        let origin = Origin::start(|seen| {
            thread::sleep(Duration::from_millis(8));
            response("200 OK", FRESH, format!("body of {}", seen.path()))
        });
        let list: String =
            (0..120).map(|i| format!("{}\n", origin.url(&format!("/{i}")))).collect();
        desk.write("urls.txt", list);
        let args = ["warm", "--from", "urls.txt", "--format", "ndjson"];
        for _ in 0..3 {
            let before = origin.hits();
            let mut child = desk.command(&args).stdout(Stdio::null()).spawn().expect("it runs");
            while origin.hits() < before + 20 {
                thread::sleep(Duration::from_millis(2));
            }
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, signal).expect("sent");
            let ended = child.wait().expect("it ends");
            if signal == rustix::process::Signal::INT {
                assert_eq!(ended.code(), Some(130));
            }
        }
        desk.ok(&args);
        let mut times = BTreeMap::<String, usize>::new();
        for seen in origin.seen() {
            *times.entry(seen.target).or_default() += 1;
        }
        assert_eq!(times.len(), 120);
        // What was under way when it was killed may come again, and nothing else.
        let twice = times.values().filter(|n| **n > 1).count();
        let most = if signal == rustix::process::Signal::KILL { 3 * 2 } else { 0 };
        assert!(twice <= most, "{twice} fetched twice");
        desk.ok(&["verify"]);
        assert_eq!(desk.ok(&["list", "--keys"]).lines().count(), 120);
    }
}

#[test]
fn a_lock_holds_answers_fast() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        let changed = Arc::new(AtomicBool::new(false));
        let is_changed = Arc::clone(&changed);
        let origin =
            Origin::start(move |seen| match (seen.path(), is_changed.load(Ordering::SeqCst)) {
                ("/old", _) => response("301 Moved Permanently", "Location: /a", ""),
                ("/a", true) => response("200 OK", FRESH, "other"),
                (path, _) => response("200 OK", FRESH, format!("body of {path}")),
            });
        let (a, b, old) = (origin.url("/a"), origin.url("/b"), origin.url("/old"));
        desk.ok(&["warm", "--backend", store, "--lock", "x.lock", &b, &old]);
        let lock = std::fs::read_to_string(desk.file("x.lock")).expect("the lock");
        let lines: Vec<&str> = lock.lines().collect();
        assert_eq!(lines[0], "# cachectl lock 1");
        let urls: Vec<&str> = lines[1..].iter().map(|l| l.split('\t').next().unwrap()).collect();
        assert_eq!(urls, [&a, &b, &old], "sorted, redirects included");
        assert!(lines[1].contains("\t200\t\"v1\"\tsha256:"), "{}", lines[1]);
        // The same again, from the lock itself, says the same.
        desk.ok(&["warm", "--backend", store, "--lock", "x.lock", "--locked", "--refresh"]);
        desk.ok(&["warm", "--backend", store, "--lock", "y.lock", "--from", "x.lock"]);
        assert_eq!(std::fs::read_to_string(desk.file("y.lock")).expect("the lock"), lock);
        // A change at the origin is told, and changes nothing.
        changed.store(true, Ordering::SeqCst);
        let locked = ["warm", "--backend", store, "--lock", "x.lock", "--locked"];
        desk.ok(&[&locked[..], &[&b, &old]].concat());
        let ran = desk.run(&[&locked[..], &["--refresh", &b, &old]].concat());
        ran.failed(1, &[&old, "its body", "1 of 2 URLs"]);
        assert_eq!(desk.ok(&["get", "--offline", "--backend", store, &old]), "body of /a");
        assert_eq!(std::fs::read_to_string(desk.file("x.lock")).expect("the lock"), lock);
        // A URL that is not named is not even asked for.
        let hits = origin.hits();
        desk.run(&[&locked[..], &[&origin.url("/c")]].concat())
            .failed(1, &["/c", "not in the lock"]);
        assert_eq!(origin.hits(), hits);
    }
}

#[test]
fn a_lock_file_is_private_and_holds_no_credential() {
    use std::os::unix::fs::MetadataExt;
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "body"));
    let url = origin.url("/a?token=planted-secret");
    let plain = origin.url("/b");
    desk.ok(&["warm", "--lock", "x.lock", &url, &plain]);
    let lock = std::fs::read_to_string(desk.file("x.lock")).expect("the lock");
    assert!(!lock.contains("planted-secret"), "{lock}");
    assert!(lock.contains("token=[redacted]"), "{lock}");
    let mode = std::fs::metadata(desk.file("x.lock")).expect("the lock").mode();
    assert_eq!(mode & 0o777, 0o600);
    // Who has the credential can go by the lock all the same.
    desk.ok(&["warm", "--lock", "x.lock", "--locked", "--refresh", &url, &plain]);
    desk.ok(&["get", "--offline", "--locked", "x.lock", &url]);
}

#[test]
fn get_gives_only_what_a_lock_names() {
    let desk = Desk::new();
    let changed = Arc::new(AtomicBool::new(false));
    let is_changed = Arc::clone(&changed);
    let origin = Origin::start(move |_| {
        let body = if is_changed.load(Ordering::SeqCst) { "other" } else { "body" };
        response("200 OK", "Cache-Control: max-age=3600", body)
    });
    let (a, b) = (origin.url("/a"), origin.url("/b"));
    desk.ok(&["warm", "--lock", "x.lock", &a]);
    let locked = ["get", "--locked", "x.lock"];
    assert_eq!(desk.ok(&[&locked[..], &[&a]].concat()), "body");
    desk.run(&[&locked[..], &[&b]].concat()).failed(1, &["not in the lock file", "/b"]);
    // Another body, from the origin or from the store, is none.
    changed.store(true, Ordering::SeqCst);
    desk.write("out", "as before");
    let ran = desk.run(&[&locked[..], &["--refresh", "-o", "out", &a]].concat());
    ran.failed(1, &["is not what the lock file says"]);
    assert_eq!(std::fs::read_to_string(desk.file("out")).expect("the file"), "as before");
    desk.ok(&["get", "--refresh", &a]);
    desk.run(&[&locked[..], &["--offline", &a]].concat()).failed(4, &["not in the cache"]);
    desk.run(&[&locked[..], &[&a]].concat()).failed(1, &["is not what the lock file says"]);
    desk.run(&["get", "--locked", "none.lock", &a]).failed(8, &["none.lock"]);
}

#[test]
fn a_lock_is_only_written_when_everything_is_stored() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match seen.path() {
        "/gone" => response("404 Not Found", "", ""),
        "/private" => response("200 OK", "Cache-Control: no-store", "x"),
        _ => response("200 OK", FRESH, "body"),
    });
    for bad in ["/gone", "/private"] {
        let ran = desk.run(&["warm", "--lock", "x.lock", &origin.url("/a"), &origin.url(bad)]);
        ran.failed(5, &["x.lock was not written"]);
        assert!(!desk.file("x.lock").exists());
    }
}

#[test]
fn lists_of_lines_are_read() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let list = format!(
        "\u{feff}# a comment\n\n  {}  \r\n{}#part\nnot a url\n{{\"url\":\"{}\",\"result\":\"failed\"}}\n{{\"command\":\"warm\"}}\n",
        origin.url("/a"),
        origin.url("/a"),
        origin.url("/b")
    );
    desk.write("urls.txt", &list);
    desk.write("urls.gz", gzip(list.as_bytes()));
    for file in ["urls.txt", "urls.gz"] {
        let ran = desk.run(&["warm", "--from", file, "--format", "ndjson"]);
        ran.failed(5, &["not a url", &format!("{file} line 5")]);
        let (urls, _) = told(&ran);
        assert_eq!(urls.len(), 3, "{}", ran.text());
    }
    assert_eq!(origin.hits(), 2);
    let mut child = desk
        .command(&["warm", "--from", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = child.stdin.take().expect("a pipe");
    writeln!(input, "{}", origin.url("/c")).expect("written");
    while origin.hits() < 3 {
        thread::sleep(Duration::from_millis(5));
    }
    // It was fetched before the list was over.
    drop(input);
    assert!(child.wait().expect("it ends").success());
    desk.run(&["warm", "--from", "none.txt"]).failed(8, &["none.txt"]);
    desk.run(&["warm"]).failed(2, &["no URL"]);
}

#[test]
fn a_har_brings_its_requests_without_their_credentials() {
    let desk = Desk::new();
    let origin = Origin::start(|_| {
        response("200 OK", &format!("{FRESH}\nVary: Accept-Language\nSet-Cookie: s=1"), "body")
    });
    let entry = |method: &str, url: &str, language: &str| {
        format!(
            r#"{{"request":{{"method":"{method}","url":"{url}","headers":[
                {{"name":"Accept-Language","value":"{language}"}},{{"name":":path","value":"/"}},
                {{"name":"Cookie","value":"session=1"}},{{"name":"Authorization","value":"Bearer x"}}]}},
              "response":{{"status":200,"headers":[],"content":{{}}}}}}"#
        )
    };
    let entries = [
        entry("GET", &origin.url("/a"), "de"),
        entry("GET", &origin.url("/a"), "en"),
        entry("GET", &origin.url("/a"), "en"),
        entry("POST", &origin.url("/form"), "en"),
        entry("GET", "data:text/plain,x", "en"),
    ];
    desk.write(
        "x.har",
        format!(r#"{{"log":{{"version":"1.2","entries":[{}]}}}}"#, entries.join(",")),
    );
    let ran = desk.run(&["warm", "--from", "x.har", "--per-host", "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("left out 2 requests"), "{}", ran.stderr);
    let seen = origin.seen();
    assert_eq!(seen.len(), 2, "two languages, and no POST");
    for request in &seen {
        assert_eq!((request.header("cookie"), request.header("authorization")), (None, None));
    }
    let language = "Accept-Language: de";
    assert_eq!(desk.ok(&["get", "--offline", "-H", language, &origin.url("/a")]), "body");
}

/// A desk whose origin serves these sitemaps, and any page.
fn with_sitemaps(maps: &[(&'static str, String)]) -> (Desk, Origin) {
    let maps: Vec<(&'static str, Vec<u8>)> = maps
        .iter()
        .map(|(path, text)| {
            let packed = path.ends_with(".gz");
            (*path, if packed { gzip(text.as_bytes()) } else { text.clone().into_bytes() })
        })
        .collect();
    let origin = Origin::start(move |seen| {
        let host = seen.header("host").unwrap_or_default().to_owned();
        match maps.iter().find(|(path, _)| *path == seen.path()) {
            Some((path, map)) if !path.ends_with(".gz") => {
                let text = String::from_utf8_lossy(map).replace("HOST", &host);
                response("200 OK", FRESH, text)
            }
            Some((_, map)) => response("200 OK", FRESH, map),
            None if seen.path().starts_with("/missing") => response("404 Not Found", "", ""),
            None => response("200 OK", FRESH, "page"),
        }
    });
    (Desk::new(), origin)
}

fn urlset(pages: &[&str]) -> String {
    let urls: String = pages
        .iter()
        .map(|page| {
            format!("<url><loc>\n http://HOST{page} </loc><lastmod>2026-01-01</lastmod></url>\n")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{urls}</urlset>"
    )
}

fn pages_of(origin: &Origin) -> Vec<String> {
    let mut pages: Vec<String> = origin
        .seen()
        .into_iter()
        .map(|seen| seen.target)
        .filter(|target| !target.contains("sitemap"))
        .collect();
    pages.sort();
    pages
}

#[test]
fn sitemaps_are_followed_through_their_indexes() {
    let index = |maps: &[&str]| {
        let maps: String = maps
            .iter()
            .map(|map| format!("<s:sitemap><s:loc>http://HOST{map}</s:loc></s:sitemap>"))
            .collect();
        format!(
            "<s:sitemapindex xmlns:s=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{maps}</s:sitemapindex>"
        )
    };
    let images = "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:image=\"i\">\
        <url><loc>http://HOST/p?x=1&amp;y=&#50;</loc><image:image><image:loc>http://HOST/image</image:loc></image:image>\
        <image:loc>http://HOST/other</image:loc></url><url><loc><![CDATA[http://HOST/c?a&b]]></loc></url></urlset>";
    let (desk, origin) = with_sitemaps(&[
        (
            "/sitemap.xml",
            index(&["/sitemap-1.xml", "/sitemap-more.xml", "/missing-sitemap.xml", "/sitemap.xml"]),
        ),
        ("/sitemap-1.xml", urlset(&["/a", "/b"])),
        ("/sitemap-more.xml", index(&["/sitemap-2.xml", "/sitemap-1.xml"])),
        ("/sitemap-2.xml", images.to_owned()),
    ]);
    let ran = desk.run(&["warm", "--sitemap", &origin.url("/sitemap.xml"), "--retry", "0"]);
    ran.failed(5, &["missing-sitemap.xml answered 404"]);
    assert_eq!(pages_of(&origin), ["/a", "/b", "/c?a&b", "/p?x=1&y=2"]);
    // From a file it is the same.
    let host = origin.address().to_string();
    desk.write("map.xml.gz", gzip(urlset(&["/from-a-file"]).replace("HOST", &host).as_bytes()));
    desk.ok(&["warm", "--from", "map.xml.gz"]);
    assert!(pages_of(&origin).contains(&"/from-a-file".to_owned()));
}

#[test]
fn a_long_sitemap_does_not_wait_for_itself() {
    let desk = Desk::new();
    let pages: String =
        (0..9000).map(|i| format!("<url><loc>http://127.0.0.1:9/{i}</loc></url>")).collect();
    let map = format!("<urlset>{pages}</urlset>");
    let origin = Origin::start(move |_| response("200 OK", FRESH, &map));
    let url = origin.url("/sitemap.xml");
    desk.ok(&["get", "-o", "map.xml", &url]);
    let out = desk.ok(&["warm", "-n", "-j", "1", "--per-host", "1", "--sitemap", &url]);
    assert_eq!(out, "fetch\t9000\t0\n");
}

#[test]
fn a_fetched_sitemap_may_be_coded_and_learns_no_credentials_for_others() {
    let desk = Desk::new();
    let other = Origin::fresh("page");
    let there = other.url("/there");
    let origin = Origin::start(move |seen| match seen.path() {
        "/sitemap.xml" => {
            let host = seen.header("host").unwrap_or_default();
            let map = format!(
                "<urlset><url><loc>http://{host}/here</loc></url><url><loc>{there}</loc></url></urlset>"
            );
            response("200 OK", &format!("{FRESH}\nContent-Encoding: gzip"), gzip(map.as_bytes()))
        }
        _ => response("200 OK", FRESH, "page"),
    });
    desk.write("token", "X-Api-Key: hunter2\n");
    desk.ok(&["warm", "--compressed", "-H", "@token", "--sitemap", &origin.url("/sitemap.xml")]);
    let keys = |origin: &Origin| -> Vec<bool> {
        origin.seen().iter().map(|seen| seen.header("x-api-key").is_some()).collect()
    };
    assert_eq!(keys(&origin), [true, true]);
    assert_eq!(keys(&other), [false]);
}

#[test]
fn what_is_no_sitemap_is_told_and_does_no_harm() {
    let (desk, origin) = with_sitemaps(&[]);
    let host = origin.address().to_string();
    let page = format!("<url><loc>http://{host}/a</loc></url>");
    let barren = "<!-- nothing at all -->".repeat(60_000);
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("html", b"<html><body>hello</body></html>".to_vec(), "its root is \"html\""),
        ("open", format!("<urlset>{page}<url>").into_bytes(), "cut off"),
        ("crossed", format!("<urlset>{page}<url></loc></url></urlset>").into_bytes(), "cannot be read as XML"),
        (
            "laughs",
            format!("<!DOCTYPE u [<!ENTITY a \"aaaa\">]><urlset>{page}<url><loc>http://{host}/&a;</loc></url></urlset>").into_bytes(),
            "the entity &a;",
        ),
        (
            "escape",
            format!("<urlset>{page}<url><loc>&\u{1b}]0;x;</loc></url></urlset>").into_bytes(),
            "&\\u{1b}]0;",
        ),
        ("barren", format!("<urlset>{page}{barren}</urlset>").into_bytes(), "names no URL"),
        ("bomb", gzip(format!("<urlset>{page}<url><loc>{}", " ".repeat(80 << 20)).as_bytes()), "names no URL"),
        ("garbage", [&[0x1f, 0x8b, 8, 0][..], &[7; 40]].concat(), "cannot read garbage"),
        ("empty", b"<!-- -->".to_vec(), "its end is missing"),
    ];
    for (name, content, why) in cases {
        desk.write(name, content);
        let ran = desk.run(&["warm", "--from", name, "--from-format", "sitemap"]);
        assert!(matches!(ran.code, 5 | 8), "{name}: {} {}", ran.code, ran.stderr);
        assert!(ran.stderr.contains(why), "{name}: {}", ran.stderr);
    }
    // What was good before the trouble has been fetched.
    assert_eq!(pages_of(&origin), ["/a"]);
}

#[test]
fn fifty_thousand_urls_are_no_trouble() {
    let (desk, origin) = with_sitemaps(&[]);
    let host = origin.address().to_string();
    let pages: String = (0..50_000)
        .map(|i| format!("<url><loc>http://{host}/page/{}</loc></url>", i % 40))
        .collect();
    desk.write("big.xml", format!("<urlset>{pages}</urlset>"));
    let ran = desk.run(&["warm", "--from", "big.xml", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let summary: Value = serde_json::from_str(&ran.text()).expect("JSON");
    assert_eq!(counted(&summary, "stored"), 40, "each URL once");
    assert_eq!(origin.hits(), 40);
}

#[test]
fn credentials_in_urls_are_not_told() {
    let (desk, origin) = (Desk::new(), Origin::start(|_| response("404 Not Found", "", "")));
    let url = origin.url("/a?token=hunter2");
    let ran = desk.run(&["warm", "--failed", "f.ndjson", "--format", "ndjson", &url]);
    assert_eq!(ran.code, 5);
    assert!(!ran.stderr.contains("hunter2") && !ran.text().contains("hunter2"), "{}", ran.stderr);
    // But the next run has to find it.
    let failed = std::fs::read_to_string(desk.file("f.ndjson")).expect("the failures");
    assert!(failed.contains("hunter2"));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(desk.file("f.ndjson")).expect("it is there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_store_that_may_not_be_written_is_refused() {
    let (desk, origin) = (Desk::new(), Origin::fresh("hello"));
    let url = origin.url("/a");
    desk.ok(&["get", &url]);
    desk.run(&["warm", "--readonly", &url]).failed(7, &["read-only"]);
    desk.ok(&["warm", "--readonly", "-n", &url]);
    desk.run(&["warm", "--backend", "redis://127.0.0.1:1", &url])
        .failed(3, &["nothing answers at"]);
    assert_eq!(origin.hits(), 1);
}
