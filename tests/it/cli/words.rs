//! What is said when something is wrong: the message names what supplied the value, and the hint
//! is something that would help.

use crate::testkit::origin::{Origin, response};
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::shelf::{self, HOUR, item};

const FRESH: &str = "Cache-Control: max-age=3600";

fn desk() -> Desk {
    let desk = Desk::new();
    shelf::fill(&desk, "file:s", &[item("https://e.org/1", HOUR), item("https://e.org/2", HOUR)]);
    desk
}

/// A run of each command that succeeds on the desk, and changes nothing.
const RUNS: [&[&str]; 18] = [
    &["get", "--offline", "https://e.org/1", "-o", "/dev/null"],
    &["warm", "-n", "--from", "urls.txt"],
    &["list"],
    &["inspect", "https://e.org/1"],
    &["body", "https://e.org/1", "-o", "/dev/null"],
    &["explain", "https://e.org/1"],
    &["stats"],
    &["purge", "-n", "--host", "nobody"],
    &["gc", "-n"],
    &["verify"],
    &["export", "-o", "/dev/null"],
    &["import", "-n", "a.ndjson"],
    &["migrate", "-n", "file:s", "file:t"],
    &["diff", "file:s", "file:s2"],
    &["convert", "-n", "--to", "json"],
    &["touch", "-n", "--add-tag", "x", "--host", "*"],
    &["config", "show"],
    &["config", "check"],
];

/// The desk that these runs need.
fn desk_for_all() -> Desk {
    let desk = desk().env("CACHECTL_BACKEND", "file:s");
    desk.write("urls.txt", "https://e.org/1\n");
    desk.ok(&["export", "-o", "a.ndjson"]);
    desk.ok(&["migrate", "file:s", "file:s2"]);
    desk
}

/// The options of a command that a variable may give and that are not in its run already, and
/// whether they take a value.
fn options(desk: &Desk, run: &[&str]) -> Vec<(String, bool)> {
    const NEVER: [&str; 6] = ["help", "version", "yes", "all", "show-secrets", "backend"];
    let words = if run[0] == "config" { 2 } else { 1 };
    let help = desk.ok(&[&run[..words], &["--help"]].concat());
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let named = lines.filter_map(|line| {
        let (_, option) = line.split_once("--")?;
        let end = option.find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let name = &option[..end.unwrap_or(option.len())];
        Some((name.to_owned(), option[name.len()..].contains('<')))
    });
    named
        .filter(|(name, _)| !NEVER.contains(&name.as_str()))
        .filter(|(name, _)| !run.contains(&format!("--{name}").as_str()))
        .filter(|(name, _)| !(run.contains(&"-n") && name == "dry-run"))
        .filter(|(name, _)| !(run.contains(&"-o") && name == "output"))
        .collect()
}

fn variable(option: &str) -> String {
    format!("CACHECTL_{}", option.replace('-', "_").to_ascii_uppercase())
}

/// A CI sets what nobody has said to nothing.
#[test]
fn an_empty_variable_is_as_if_it_was_not_set() {
    let desk = desk_for_all();
    let mut tried = 0;
    for run in RUNS {
        desk.ok(run);
        for (option, _) in options(&desk, run) {
            let name = variable(&option);
            let output = desk.command(run).env(&name, "").output().expect("the program runs");
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{name} {run:?}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

/// Whatever goes wrong because of a variable names it, and because of an option the option's.
#[test]
fn a_wrong_value_names_the_variable_or_the_option() {
    let desk = desk_for_all();
    let mut refused = 0;
    for run in RUNS {
        for (option, takes_value) in options(&desk, run) {
            // Says with its code what it is asked for.
            if option == "error-on-empty" {
                continue;
            }
            let name = variable(&option);
            let output = desk.command(run).env(&name, "no such").output().expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            let is_named = said.contains(&format!("where: {name}"));
            assert!(code == Some(0) || is_named, "{name} {run:?} {code:?}: {said}");
            assert!(code != Some(70), "{name} {run:?}: {said}");
            if takes_value && code != Some(0) {
                let by_option = format!("--{option}=no such");
                let ran = desk.run(&[run, &[&by_option]].concat());
                assert_eq!(Some(ran.code), code, "{by_option} {run:?}: {}", ran.stderr);
                assert!(!ran.stderr.contains(&name), "{by_option} {run:?}: {}", ran.stderr);
                refused += 1;
            }
        }
    }
    assert!(refused > 150, "{refused}");
}

#[test]
fn a_wrong_value_in_a_file_names_the_line() {
    for line in [
        "ttl = \"forever\"",
        "serializer = \"pickel\"",
        "color = \"blue\"",
        "backend = \"nosuch\"",
        "backend = 1",
        "readonly = \"x\"",
        "trusted_projects = \"x\"",
        "[http]\nmax_body = \"1x\"",
        "[http]\ntimeout = \"x\"",
        "[http]\nconnect_timeout = \"x\"",
        "[http]\nread_timeout = \"x\"",
        "[http]\ncacheable_status = \"20x\"",
        "[http]\nshared = \"x\"",
        "[http]\napi_keys_apart = 3",
        "[http]\npartition = 3",
        "[http]\nheaders = 3",
        "[http]\nnosuch = 3",
        "[proxy]\nhttp = 3",
        "[proxy]\nhttps = 3",
        "nosuch = 1",
    ] {
        let desk = desk();
        desk.write("c.toml", line);
        let ran = desk.run(&["--config", "c.toml", "get", "--offline", "https://e.org/1"]);
        assert_eq!(ran.code, 2, "{line}: {}", ran.stderr);
        let (file, place) = (ran.stderr.contains("c.toml"), ran.stderr.contains("line "));
        assert!(file && place, "{line}: {}", ran.stderr);
    }
}

#[test]
fn a_log_filter_that_is_none_is_no_bug() {
    let ran = desk().env("RUST_LOG", "cachectl=verbose").run(&["list", "--backend", "file:s"]);
    ran.failed(2, &["where: RUST_LOG", "RUST_LOG=cachectl=debug"]);
}

#[test]
fn a_variable_that_is_nearly_ours_is_told() {
    let desk = desk().env("CACHECTL_OFLINE", "1").env("CACHECTL_BACKEND", "file:s");
    let ran = desk.run(&["list"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("did you mean CACHECTL_OFFLINE?"), "{}", ran.stderr);
    let desk = Desk::new().env("CACHECTL_TEST_REDIS_SERVER", "x").env("CACHECTL_BIN", "y");
    assert_eq!(desk.run(&["config", "path"]).stderr, "", "others may have variables like ours");
}

#[test]
fn an_option_that_no_entry_can_fit_is_refused_before_the_store_is_opened() {
    let desk = Desk::new();
    for (option, said) in [
        (["--url-regex", ""], "an empty one is found in everything"),
        (["--url", ""], "an empty one matches nothing"),
        (["--host", ""], "cannot be used"),
        (["--key", ""], "cannot be used"),
        (["--tag", ""], "cannot be used"),
        (["--host", "http://e.org"], "no scheme"),
        (["--stored-as", "pickel"], "did you mean pickle?"),
        (["--status", "9xx"], "not a set of status codes"),
        (["--status", "abc"], "not a set of status codes"),
        (["--type", "image/[pj"], "[ is never closed"),
        (["--state", "fersh"], "fresh, stale, expired or corrupt"),
        (["--method", "GET POST"], "a method"),
        (["--where", "foo = 3"], "expected a field"),
        (["--where", "status = 9"], "three digits"),
        (["--where", "serializer = 'capnproto'"], "a serializer; known are json"),
        (["--where", "url =~ ''"], "an empty one"),
        (["--older-than", "yesterday"], "--older-than yesterday"),
    ] {
        for command in [&["list"][..], &["purge", "--yes"], &["export"], &["stats"], &["verify"]] {
            // There is no store, which would be another error.
            let ran = desk.run(&[command, &option].concat());
            assert_eq!(ran.code, 2, "{command:?} {option:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(said), "{command:?} {option:?}: {}", ran.stderr);
            let example = "status in 5xx and age > 7d";
            assert!(option[0] == "--where" || !ran.stderr.contains(example), "{}", ran.stderr);
        }
    }
    for works in ["image/[pj]*", "*", "text/html; charset=*"] {
        let ran = self::desk().run(&["list", "--type", works, "--backend", "file:s"]);
        assert_eq!(ran.code, 0, "{works}: {}", ran.stderr);
    }
}

#[test]
fn numbers_and_commands_are_named_in_our_words() {
    let desk = desk();
    desk.run(&["list", "--limit", "x"]).failed(2, &["not a whole number", "cachectl list --help"]);
    desk.run(&["list", "--limit", ""]).failed(2, &["it is empty"]);
    desk.run(&["get", "--ttl", "forever", "https://e.org/"]).failed(2, &["cachectl get --help"]);
    desk.run(&["config", "show", "--nosuch"]).failed(2, &["cachectl config show --help"]);
    desk.run(&["lst"]).failed(2, &["did you mean list?", "try:   cachectl --help"]);
    desk.run(&["list", "--sort", "sise"]).failed(2, &["did you mean size?"]);
    desk.run(&["list", "--columns", "sise"]).failed(2, &["did you mean size?"]);
    desk.run(&["list", "--colums", "size"]).failed(2, &["did you mean --columns?"]);
    desk.run(&["list", "--backend", "rediss"]).failed(2, &["did you mean redis?"]);
    let layouts = "known are native, hishel-2, hishel-1";
    desk.run(&["list", "--backend", "sqlite:x?layout=hishel"]).failed(2, &[layouts]);
    let ran = desk.run(&["--backend", "file:s", "list"]);
    ran.failed(2, &["the options of a command come after its name"]);
}

/// Only what was said by the variable is laid to it.
#[test]
fn a_value_of_the_command_line_is_not_laid_to_a_variable() {
    let desk = desk().env("CACHECTL_BACKEND", "nosuch").env("CACHECTL_JOBS", "1");
    for args in [
        &["list", "--where", "nosuch"][..],
        &["list", "--sort", "nosuch"],
        &["get", "--offline", "https://e.org/1", "--backend", "file:s", "-o", "absent/f 1"],
    ] {
        let ran = desk.run(args);
        assert!(ran.code > 0 && !ran.stderr.contains("CACHECTL_"), "{args:?}: {}", ran.stderr);
    }
    desk.run(&["list"]).failed(2, &["where: CACHECTL_BACKEND"]);
}

/// The same command again is a hint only where it may end otherwise.
#[test]
fn warming_again_is_said_to_help_where_it_may() {
    let again = "the same command again";
    let origin = Origin::start(|seen| match seen.path() {
        "/busy" => response("503 Busy", "Retry-After: 0", ""),
        "/gone" => response("404 Not Found", FRESH, ""),
        _ => response("200 OK", "Cache-Control: no-store", "x"),
    });
    let desk = Desk::new();
    desk.run(&["warm", "--retry", "0", &origin.url("/busy")]).failed(5, &[again]);
    desk.run(&["warm", "http://127.0.0.1:1/"]).failed(5, &[again]);
    for args in [
        &["warm", &origin.url("/gone")][..],
        &["warm", "--strict", &origin.url("/unstored")],
        &["warm", "--from", "."],
        &["warm", "http://[::1"],
    ] {
        let ran = desk.run(args);
        assert!(ran.code > 0 && !ran.stderr.contains(again), "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("os error"), "{args:?}: {}", ran.stderr);
    }
}

/// What others read as JSON has numbers, flags and nothing as JSON has them; every variable that
/// is in force is shown, and no credentials.
#[test]
fn the_settings_are_told_as_what_they_are() {
    let desk = Desk::new()
        .env("CACHECTL_OFFLINE", "1")
        .env("CACHECTL_SERIALIZER", "yaml")
        .env("CACHECTL_HEADER", "Authorization: Bearer planted");
    desk.write("c.toml", "[redact]\nheaders = [\"X-Own\"]\n");
    let shown = desk.ok(&["--config", "c.toml", "config", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["readonly"], false);
    assert_eq!(shown["ttl"], serde_json::Value::Null);
    assert_eq!(shown["redact.headers.X-Own"], true);
    assert_eq!(shown["flags.offline"], "1");
    assert_eq!(shown["flags.serializer"], "yaml");
    assert!(!shown.to_string().contains("planted"), "{shown}");
    let told = desk.ok(&["config", "show", "--origin"]);
    assert!(told.contains("# CACHECTL_OFFLINE"), "{told}");
}

/// Whoever makes a store beside the keys of another client hears of it, once.
#[test]
fn a_new_store_beside_the_keys_of_another_client_is_told() {
    let desk = Desk::new();
    let server = RedisServer::start(desk.path());
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let address = server.address();
    let get = |url: &str| {
        let ran = desk.run(&["get", url, "--backend", &address]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stderr
    };
    assert_eq!(get(&origin.url("/1")), "", "a store of its own");
    server.ask::<()>(&["FLUSHALL"]);
    shelf::fill(&desk, "file:seed", &[item("https://e.org/1", HOUR)]);
    desk.ok(&["migrate", "-q", "file:seed", &format!("{address}?layout=hishel-2")]);
    let said = get(&origin.url("/1"));
    assert!(said.contains("beside keys of another client"), "{said}");
    assert_eq!(get(&origin.url("/2")), "", "it was told when the store was made");
}

/// What the program says of its calls and requests is for people too.
#[test]
fn what_is_logged_is_no_debug_form() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let url = origin.url("/x?token=planted");
    for args in [
        &["get", "-vv", "-H", "Authorization: Bearer planted", &url][..],
        &["list", "-vv"],
        &["stats", "-vv"],
        &["touch", "-vv", "--yes", "--add-tag", "x", "--host", "*"],
        &["purge", "-vv", "--yes", "--all"],
        &["gc", "-vv", "--yes"],
    ] {
        let ran = desk.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("debug: file "), "{args:?}: {}", ran.stderr);
        for odd in ["Some(", "None", " { ", "Done(", "\": \"", "planted", " : "] {
            assert!(!ran.stderr.contains(odd), "{args:?} says {odd}: {}", ran.stderr);
        }
    }
}

#[test]
fn what_is_not_in_the_cache_says_what_would_be() {
    let desk = Desk::new();
    let origin =
        Origin::start(|_| response("200 OK", &format!("{FRESH}\nVary: Accept-Language"), "x"));
    let url = origin.url("/v");
    desk.ok(&["get", "-H", "Accept-Language: de", &url]);
    let ran = desk.run(&["get", "--offline", &url]);
    ran.failed(4, &["try:   the same command with -H 'accept-language: de'"]);
    desk.ok(&["get", "--offline", "-H", "accept-language: de", &url]);
    desk.ok(&["get", "--force-cache", "--ttl", "1h", "--refresh", &url]);
    let absent = origin.url("/absent");
    desk.run(&["get", "--offline", &absent]).failed(4, &["the same command without --offline"]);
    let only = ["get", "-H", "Cache-Control: only-if-cached", &absent];
    desk.run(&only).failed(4, &["the same request without only-if-cached"]);
    let desk = desk.env("CACHECTL_OFFLINE", "1");
    desk.run(&["get", &absent]).failed(4, &["with CACHECTL_OFFLINE unset"]);
}

#[test]
fn what_differs_from_a_lock_is_not_called_absent() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let url = origin.url("/x");
    desk.ok(&["warm", "--lock", "x.lock", &url]);
    let lock = std::fs::read_to_string(desk.file("x.lock")).expect("the lock");
    let digest = lock.find("sha256:").expect("a digest") + 7;
    let other = if lock[digest..].starts_with('0') { "1" } else { "0" };
    desk.write("x.lock", format!("{}{other}{}", &lock[..digest], &lock[digest + 1..]));
    let ran = desk.run(&["get", "--offline", "--locked", "x.lock", &url]);
    ran.failed(4, &["what is stored is not what the lock file says"]);
    assert!(!ran.stderr.contains("nothing is stored"), "{}", ran.stderr);
}

#[test]
fn an_url_without_a_scheme_gets_one_that_works() {
    let desk = Desk::new();
    desk.run(&["get", "//127.0.0.1/x"]).failed(2, &["try:   https://127.0.0.1/x"]);
    desk.run(&["get", "e.org/x"]).failed(2, &["try:   https://e.org/x"]);
    desk.run(&["get", "http://e.org/a\tb"]).failed(2, &["a tab or a line end"]);
}

#[test]
fn redirects_that_go_in_a_circle_in_the_store_only_are_asked_for_anew() {
    let desk = Desk::new();
    let turned = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_turned = std::sync::Arc::clone(&turned);
    let order = std::sync::atomic::Ordering::SeqCst;
    let origin = Origin::start(move |seen| match (seen.path(), is_turned.load(order)) {
        ("/x", false) => response("301 Moved", &format!("{FRESH}\nLocation: /y"), ""),
        ("/y", false) => response("200 OK", "Cache-Control: no-store", "B"),
        ("/y", true) => response("301 Moved", &format!("{FRESH}\nLocation: /x"), ""),
        _ => response("200 OK", FRESH, "A"),
    });
    assert_eq!(desk.ok(&["get", &origin.url("/x")]), "B");
    turned.store(true, order);
    assert_eq!(desk.ok(&["get", &origin.url("/x")]), "A");
    assert_eq!(desk.ok(&["get", &origin.url("/y")]), "A");
}

#[test]
fn a_coding_that_another_request_asked_for_is_undone() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        use std::io::Write;
        match seen.header("accept-encoding") {
            Some(asked) if asked.contains("gzip") => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(b"hello").expect("coded");
                let fields = format!("{FRESH}\nContent-Encoding: gzip");
                response("200 OK", &fields, encoder.finish().expect("coded"))
            }
            _ => response("200 OK", FRESH, "hello"),
        }
    });
    let url = origin.url("/x");
    assert_eq!(desk.ok(&["get", "--compressed", &url]), "hello");
    assert_eq!(desk.ok(&["get", &url]), "hello", "as the origin gives it to who asks for none");
    assert_eq!(origin.hits(), 1);
    // Who asks for it gets the stored bytes.
    let ran = desk.run(&["get", "-H", "Accept-Encoding: gzip", &url]);
    assert_eq!(ran.stdout[..2], [0x1f, 0x8b]);
}

#[test]
fn a_name_as_long_as_names_can_be_is_written() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let url = origin.url("/x");
    for length in [240, 245, 255] {
        let name = "n".repeat(length);
        desk.ok(&["get", "-o", &name, &url]);
        assert_eq!(std::fs::read(desk.file(&name)).expect("written"), b"x");
    }
    // A link to something that is not there yet goes on being a link.
    std::os::unix::fs::symlink("target", desk.file("link")).expect("linked");
    desk.ok(&["get", "-o", "link", &url]);
    assert!(desk.file("link").is_symlink());
    assert_eq!(std::fs::read(desk.file("target")).expect("written"), b"x");
}

#[test]
fn an_export_under_a_name_of_something_else_is_refused() {
    let desk = desk();
    for name in ["x.zip", "x.tar.gz", "x.json", "x.warc"] {
        let ran = desk.run(&["export", "-o", name, "--backend", "file:s"]);
        ran.failed(2, &["ends like no format", "--as archive"]);
        assert!(!desk.file(name).exists());
    }
    desk.ok(&["export", "-o", "plain", "--backend", "file:s"]);
    desk.ok(&["export", "--as", "archive", "-o", "x.json", "--backend", "file:s"]);
}

#[test]
fn a_fresh_answer_that_stands_in_is_not_called_stale() {
    let desk = Desk::new();
    let origin = Origin::start(|_| response("200 OK", FRESH, "x"));
    let url = origin.url("/x");
    desk.ok(&["get", &url]);
    drop(origin);
    let ran = desk.run(&["get", "--refresh", "--stale-if-error", &url]);
    assert_eq!((ran.code, &*ran.text()), (0, "x"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("is stale"), "{}", ran.stderr);
}

#[test]
fn a_status_without_a_body_leaves_the_file_as_it_is() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| match (seen.path(), seen.header("if-none-match")) {
        ("/none", _) => response("204 No Content", FRESH, ""),
        ("/asked", Some(_)) => response("304 Not Modified", "ETag: \"a\"", ""),
        ("/asked", None) => response("200 OK", "Cache-Control: no-store\nETag: \"a\"", "DATA"),
        ("/stale", Some(_)) => response("304 Not Modified", "ETag: \"a\"", ""),
        ("/stale", None) => response("200 OK", "Cache-Control: max-age=0\nETag: \"a\"", "DATA"),
        _ => response(
            "200 OK",
            &format!("{FRESH}\nETag: \"a\"\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT"),
            "DATA",
        ),
    });
    let condition = "If-None-Match: \"a\"";
    let since = "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT";
    // Out of the store, after a validation, from the origin, and where there never is a body.
    for (path, field, fill) in [
        ("/fresh", condition, true),
        ("/fresh", since, true),
        ("/stale", condition, true),
        ("/asked", condition, false),
        ("/asked", condition, true),
        ("/none", "X: y", false),
    ] {
        let url = origin.url(path);
        if fill {
            assert_eq!(desk.ok(&["get", &url]), "DATA", "{path}");
        }
        desk.write("f", "precious");
        let ran = desk.run(&["get", "-o", "f", "-H", field, "-w", "%{http_code}", &url]);
        assert_eq!(ran.code, 0, "{path} {field}: {}", ran.stderr);
        assert_eq!(ran.text(), if path == "/none" { "204" } else { "304" }, "{path} {field}");
        let left = std::fs::read_to_string(desk.file("f")).expect("the file");
        assert_eq!(left, "precious", "{path} {field}");
        let absent = ["get", "-o", "absent", "-H", field, &url];
        desk.ok(&absent);
        assert!(!desk.file("absent").exists(), "{path} {field}");
    }
}

#[test]
fn a_cache_that_lies_there_is_pointed_to() {
    let desk = Desk::new();
    shelf::fill(&desk, "file:seed", &[item("https://e.org/1", HOUR)]);
    std::fs::create_dir_all(desk.file(".cache/hishel")).expect("made");
    let database = "sqlite:.cache/hishel/hishel_cache.db";
    desk.ok(&["migrate", "-q", "file:seed", &format!("{database}?layout=hishel-1")]);
    let hint = format!("try:   cachectl list --backend {database}");
    desk.run(&["list"]).failed(3, &[&hint]);
    desk.run(&["list", "--backend", "file:.cache/hishel"]).failed(3, &[&hint]);
    let ran = desk.run(&["list", "--backend", ".cache/hishel/hishel_cache.db"]);
    ran.failed(2, &[&format!("--backend {database}")]);
    desk.ok(&["migrate", "-q", "file:seed", "sqlite:own.db"]);
    let ran = desk.run(&["list", "--backend", "./own.db"]);
    ran.failed(2, &["try:   --backend sqlite:./own.db"]);
    let ran = desk.run(&["list", "--backend", "sqlite:.cache/hishel"]);
    ran.failed(3, &["is not a file", &hint]);
    desk.ok(&["list", "--backend", database]);
    // A source is named by its place in the command line, and what cannot be made is another
    // matter.
    let ran = desk.run(&["migrate", "sqlite:nope.db", "file:x"]);
    ran.failed(3, &[&format!("try:   {database} as SRC")]);
    let ran = desk.run(&["get", "http://127.0.0.1:1/", "--backend", "file:/proc/x"]);
    ran.failed(3, &["cannot create a file store at /proc/x"]);
    assert!(!ran.stderr.contains("try:"), "{}", ran.stderr);
    // A source that is misspelt was never to be made, and a shell takes the hint as one word.
    let elsewhere = Desk::new();
    let ran = elsewhere.run(&["migrate", "sqlite:nope.db", "file:x"]);
    ran.failed(3, &["there is no SQLite store at nope.db", "where: SRC"]);
    assert!(!ran.stderr.contains("try:"), "{}", ran.stderr);
    let ran = elsewhere.run(&["list", "--backend", "file:dir with space"]);
    ran.failed(3, &["--backend 'file:dir with space' creates it"]);
}
