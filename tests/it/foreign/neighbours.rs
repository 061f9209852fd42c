//! What else a Python process, an operator or an accident leaves in a store, and what others
//! keep beside it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use cachectl::{EntryHead, Found, Manage, Method, Query, Timestamp};
use futures_util::StreamExt;
use rusqlite::Connection;

use super::hishel::{InPlaceStore, block_on};
use super::sharing::{all, in_redis, made};
use crate::testkit::origin::Origin;
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::sample::{head, noise};
use crate::testkit::shelf::{self, HOUR, item};

fn put(store: &InPlaceStore, head: EntryHead, seed: u64) -> Found {
    block_on(store.put_whole(head, noise(seed, 9))).expect("stored")
}

/// An answer that is fresh for an hour, to be looked for under its own key.
fn fresh(store: &InPlaceStore, method: Method, url: &str) -> EntryHead {
    let mut fresh = head(url);
    fresh.created_at = Timestamp::now();
    fresh.received_at = fresh.created_at;
    fresh.headers = cachectl::Headers::new().with("Cache-Control", "max-age=3600");
    fresh.id.key = store.rules().key_of(&fresh.request, "");
    fresh.request.method = method;
    fresh
}

/// Generations 1 and 2 keep both under one key.
#[test]
fn a_stored_head_answers_no_get_and_stays() {
    let origin = Origin::fresh("the body");
    for layout in ["hishel-1", "hishel-2&rfc=true"] {
        let (desk, url) = (Desk::new(), origin.url("/h"));
        let address = format!("sqlite:{}?layout={layout}", desk.file("c").display());
        let store = made(&address);
        put(&store, fresh(&store, Method::HEAD, &url), 1);
        assert_ne!(desk.run(&["get", "--offline", &url, "--backend", &address]).code, 0);
        let told = desk.ok(&["explain", &url, "--backend", &address]);
        assert!(told.contains("uri-miss"), "{told}");
        assert_eq!(desk.ok(&["get", &url, "--backend", &address]), "the body");
        let mut methods: Vec<_> = all(&store).into_iter().map(|f| f.head.request.method).collect();
        methods.sort();
        assert_eq!(methods, [Method::GET, Method::HEAD], "{layout}");
    }
}

/// Names of 32 hexadecimal digits are common.
#[test]
fn values_of_others_in_redis_are_not_hishels() {
    let (folder, server, store) = in_redis("hishel-0");
    let theirs = [
        ("0".repeat(32), r#"{"user": 7, "since": "2024"}"#),
        ("1".repeat(64), "{torn"),
        ("2".repeat(32), "plain"),
    ];
    for (name, value) in &theirs {
        server.ask::<()>(&["SET", name, value]);
    }
    put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
    let (desk, address) = (Desk::new(), format!("{}?layout=hishel-0", server.address()));
    assert_eq!(desk.ok(&["list", "--keys", "--backend", &address]).lines().count(), 1);
    desk.ok(&["verify", "--backend", &address]);
    desk.ok(&["purge", "--all", "--yes", "--backend", &address]);
    for (name, value) in &theirs {
        assert_eq!(server.ask::<String>(&["GET", name]), *value);
    }
    assert_eq!(server.ask::<i64>(&["DBSIZE"]), 3);
    drop(folder);
}

#[test]
fn what_is_damaged_can_be_repaired() {
    let desk = Desk::new();
    let folder = tempfile::tempdir().expect("a folder");
    let server = RedisServer::start(folder.path());
    let sqlite = |n: u8| format!("sqlite:{}?layout=hishel-{n}", desk.file("db").display());
    for (address, names) in [
        (format!("file:{}?layout=hishel-0", desk.file("folder").display()), ""),
        (sqlite(0), "cache"),
        (sqlite(1), "entries"),
        (sqlite(2), "entries"),
        (format!("{}?layout=hishel-0", server.address()), "*"),
        (format!("{}?layout=hishel-1", server.address()), "hishel:entry:*"),
        (format!("{}?layout=hishel-2", server.address()), "hishel:entry:*"),
    ] {
        let store = made(&address);
        let found = put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
        put(&store, fresh(&store, Method::GET, "https://example.org/b"), 2);
        if address.starts_with("file") {
            let path = desk.file("folder").join(&found.head.id.key);
            fs::write(path, "{\"response\": torn").expect("damaged");
        } else if address.starts_with("sqlite") {
            let database = Connection::open(desk.file("db")).expect("a database");
            let sql = format!("UPDATE {names} SET data = '{{\"response\"' WHERE rowid = 1");
            database.execute(&sql, []).expect("damaged");
        } else {
            let names: Vec<String> = server.ask(&["KEYS", names]);
            server.ask::<()>(&["SET", &names[0], "{\"response\"", "KEEPTTL"]);
        }
        assert_eq!(desk.run(&["verify", "--backend", &address]).code, 1, "{address}");
        let repair = ["verify", "--repair", "--yes", "--backend", &address];
        assert_eq!(desk.run(&repair).code, 0, "{address}");
        desk.ok(&["verify", "--backend", &address]);
        assert_eq!(all(&store).len(), 1, "{address}: the other stays");
        block_on(store.close()).expect("closed");
        server.ask::<()>(&["FLUSHALL"]);
        for name in ["db", "db-wal", "db-shm"] {
            let _ = fs::remove_file(desk.file(name));
        }
    }
}

#[test]
fn the_mode_is_told_by_what_has_just_ended_too() {
    let (folder, server, _) = in_redis("hishel-2");
    let address = server.address();
    let store = made(&format!("{address}?layout=hishel-2&rfc=true"));
    let mut over = fresh(&store, Method::GET, "https://example.org/a");
    over.expires_at = Some(Timestamp::now() + Duration::from_millis(1));
    put(&store, over, 1);
    std::thread::sleep(Duration::from_millis(5));
    let address = address.parse().expect("an address");
    let opened = block_on(cachectl::open_existing(&address, cachectl::Access::Existing))
        .expect("recognised")
        .in_place();
    assert!(opened.capabilities().variants, "it is the RFC mode");
    drop(folder);
}

/// What goes to Python is the first row; that is the entry.
#[test]
fn in_plain_mode_the_first_of_twins_is_the_entry() {
    let desk = Desk::new();
    let address = format!("sqlite:{}?layout=hishel-2", desk.file("c").display());
    let store = made(&address);
    let found = put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
    // Two threads that miss at once leave two rows.
    let database = Connection::open(desk.file("c")).expect("a database");
    let twin = "INSERT INTO entries SELECT randomblob(16), cache_key, data, expires_at,
                  last_accessed_at + 1, chunk_count, ttl_deadline, tti FROM entries";
    database.execute(twin, []).expect("inserted");
    let twin = "INSERT INTO streams SELECT (SELECT id FROM entries WHERE rowid = 2),
                  chunk_number, chunk_data FROM streams";
    database.execute(twin, []).expect("inserted");
    let first = block_on(store.find(&found.head.id)).expect("found").expect("there");
    assert_eq!(first.stamp, found.stamp);
    desk.ok(&["touch", "--ttl", "1h", "--host", "example.org", "--backend", &address]);
    let ends = "SELECT count(*) FROM entries WHERE expires_at > 1000";
    let ends: i64 = database.query_row(ends, [], |row| row.get(0)).expect("counted");
    assert_eq!(ends, 2, "each was changed once");
}

/// hishel 2 fetches anew what is over, and leaves its row for a while.
#[test]
fn what_is_over_stands_behind_what_is_live() {
    let desk = Desk::new();
    let address = format!("sqlite:{}?layout=hishel-2", desk.file("c").display());
    let store = made(&address);
    put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
    let database = Connection::open(desk.file("c")).expect("a database");
    for sql in [
        "INSERT INTO entries SELECT randomblob(16), cache_key, data, expires_at,
           last_accessed_at + 1, chunk_count, ttl_deadline, tti FROM entries",
        "INSERT INTO streams SELECT (SELECT id FROM entries WHERE rowid = 2),
           chunk_number, chunk_data FROM streams",
        "UPDATE entries SET expires_at = 1000.0 WHERE rowid = 1",
    ] {
        database.execute(sql, []).expect("done");
    }
    desk.ok(&["gc", "--backend", &address]);
    let live = "SELECT count(*) FROM entries WHERE expires_at IS NULL";
    let live: i64 = database.query_row(live, [], |row| row.get(0)).expect("counted");
    assert_eq!(live, 1, "gc takes what is over, and nothing else");
    assert_eq!(all(&store).len(), 1);
}

/// A key of the application's own may be for GET and HEAD.
#[test]
fn in_plain_mode_a_head_does_not_replace_a_get() {
    let desk = Desk::new();
    let store = made(&format!("sqlite:{}?layout=hishel-2", desk.file("c").display()));
    for method in [Method::GET, Method::HEAD, Method::GET] {
        let mut shared = fresh(&store, method, "https://example.org/a");
        shared.id.key = "own".to_owned();
        put(&store, shared, 1);
    }
    assert_eq!(all(&store).len(), 2);
}

#[test]
fn a_lost_chunk_of_hishel_2_is_damage_and_gives_way() {
    let origin = Origin::fresh("seven".repeat(60_000).leak());
    let (desk, url) = (Desk::new(), origin.url("/x"));
    let address = "sqlite:c?layout=hishel-2&rfc=true";
    desk.ok(&["warm", &url, "--backend", address]);
    let database = Connection::open(desk.file("c")).expect("a database");
    database.execute("DELETE FROM streams WHERE chunk_number = 2", []).expect("lost");
    let ran = desk.run(&["verify", "--backend", address]);
    ran.failed(1, &["1 damaged"]);
    desk.ok(&["warm", &url, "--backend", address]);
    desk.ok(&["verify", "--backend", address]);
    assert_eq!(desk.ok(&["list", "--keys", "--backend", address]).lines().count(), 1);
}

fn own_ttl(data: &[u8], seconds: f64) -> Vec<u8> {
    let at = data.windows(10).position(|w| w == b"hishel_ttl").expect("a TTL of its own") + 10;
    let mut data = data.to_vec();
    assert_eq!(data[at], 0xcb, "a number");
    data[at + 1..at + 9].copy_from_slice(&seconds.to_be_bytes());
    data
}

/// Stores of hishel 1 disagree about zero, so that none is written.
#[test]
fn an_entry_that_is_over_at_once_is_so_to_all() {
    let desk = Desk::new();
    let store = made(&format!("sqlite:{}?layout=hishel-1", desk.file("c").display()));
    let mut over = fresh(&store, Method::GET, "https://example.org/a");
    over.expires_at = Some(over.created_at);
    let found = put(&store, over, 1);
    assert!(found.head.expires_at.is_some_and(|end| end > found.head.created_at));
    let database = Connection::open(desk.file("c")).expect("a database");
    let data = "SELECT data FROM entries";
    let data: Vec<u8> = database.query_row(data, [], |row| row.get(0)).expect("a row");
    let ends = |seconds: f64| {
        let sql = "UPDATE entries SET data = ?1";
        database.execute(sql, [own_ttl(&data, seconds)]).expect("written");
        let head = all(&store).pop().expect("an entry").head;
        head.expires_at.map(|end| end.since(head.created_at) < Duration::from_secs(1))
    };
    assert_eq!(ends(0.0), Some(true), "over at once");
    assert_eq!(ends(-5.0), Some(true), "over at once");
    assert_eq!(ends(3600.0), Some(false));
}

/// `httpx.Timeout(math.inf)` is written as a word that JSON has not.
#[test]
fn endless_timeouts_are_read_in_every_form() {
    for serializer in ["json", "yaml"] {
        let desk = Desk::new();
        let address = format!("file:c?layout=hishel-0&serializer={serializer}");
        let store = made(&format!("file:{}", desk.path().join(&address[5..]).display()));
        let mut head = fresh(&store, Method::GET, "https://example.org/a");
        let limits = serde_json::json!({"connect": 12345.5, "read": 2.0});
        head.request.extensions.other.insert("timeout".to_owned(), limits);
        let found = put(&store, head, 1);
        let path = desk.file("c").join(&found.head.id.key);
        let text = fs::read_to_string(&path).expect("a value");
        for word in ["Infinity", "-Infinity", "NaN", ".inf", "true"] {
            if serializer == "json" && word == ".inf" {
                continue;
            }
            let other = text.replace("12345.5", word);
            assert_ne!(other, text);
            fs::write(&path, other).expect("written");
            let head = all(&store).pop().expect("an entry").head;
            let read = &head.request.extensions.other["timeout"]["read"];
            assert_eq!(read.as_f64(), Some(2.0), "{serializer} {word}");
        }
    }
}

/// Characters of four bytes are pairs in JSON, and none in YAML.
#[test]
fn keys_of_all_characters_are_kept_in_every_form() {
    for serializer in ["json", "yaml", "pickle"] {
        let desk = Desk::new();
        let place = desk.file("c.db");
        let address = format!("sqlite:{}?layout=hishel-0&serializer={serializer}", place.display());
        let store = made(&address);
        let mut odd = fresh(&store, Method::GET, "https://example.org/a");
        odd.id.key = "näme 😀 \u{7f}".to_owned();
        put(&store, odd, 1);
        assert_eq!(all(&store)[0].head.id.key, "näme 😀 \u{7f}", "{serializer}");
        desk.ok(&["verify", "--backend", &address]);
    }
}

/// What may be as long as one likes does not wait in memory for its neighbours.
#[test]
fn a_long_value_does_not_hide_its_neighbours() {
    let (_folder, server, far) = in_redis("hishel-0");
    let desk = Desk::new();
    let near = made(&format!("sqlite:{}?layout=hishel-0", desk.file("c.db").display()));
    for store in [&near, &far] {
        for n in 0..6 {
            let head = fresh(store, Method::GET, &format!("https://example.org/{n}"));
            let length = if n % 3 == 1 { 9 << 20 } else { 100 };
            block_on(store.put_whole(head, noise(n, length))).expect("stored");
        }
        assert_eq!(all(store).len(), 6);
        let rest = |found: &Found| {
            let mut query = Query::default();
            query.after = Some(found.cursor());
            block_on(store.scan(query).count())
        };
        let found = all(store);
        assert_eq!(rest(&found[0]), 5);
        assert_eq!(rest(&found[5]), 0);
    }
    drop(server);
}

/// Another user's application goes on writing into the files that it has used.
#[test]
fn files_are_as_open_as_they_were() {
    let desk = Desk::new();
    let folder = desk.file("c");
    let store = made(&format!("file:{}?layout=hishel-0", folder.display()));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("changed");
    let found = put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
    let path = folder.join(&found.head.id.key);
    let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o644, "as its folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).expect("changed");
    let theirs = std::os::unix::fs::chown(&path, Some(12345), Some(12345)).is_ok();
    put(&store, fresh(&store, Method::GET, "https://example.org/a"), 2);
    assert_eq!(mode(&path), 0o660, "as before");
    // Only who may give files away can see this.
    if theirs {
        assert_eq!(fs::metadata(&path).expect("a file").uid(), 12345);
    }
}

/// A process that was killed leaves its file beside the folder.
#[test]
fn what_was_left_beside_a_folder_is_taken_away() {
    let desk = Desk::new();
    let store = made(&format!("file:{}?layout=hishel-0", desk.file("c").display()));
    put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
    let old = SystemTime::now() - Duration::from_secs(90_000);
    for name in [".cachectl-c-AbCdEf.tmp", ".cachectl-other-AbCdEf.tmp", "c/.cachectl-c-x.tmp"] {
        fs::write(desk.file(name), "half").expect("written");
        let file = fs::File::options().write(true).open(desk.file(name)).expect("opened");
        file.set_modified(old).expect("made old");
    }
    desk.ok(&["gc", "--backend", "file:c"]);
    assert!(!desk.file(".cachectl-c-AbCdEf.tmp").exists(), "left beside");
    assert!(!desk.file("c/.cachectl-c-x.tmp").exists(), "left inside");
    assert!(desk.file(".cachectl-other-AbCdEf.tmp").exists(), "another store's");
    assert_eq!(all(&store).len(), 1);
}

/// What would be refused is not promised.
#[test]
fn a_dry_run_of_touch_refuses_what_has_no_place() {
    let desk = Desk::new();
    for (layout, asked, what) in [
        ("file:c?layout=hishel-0", ["--stale", ""], "no place for a mark"),
        ("file:c?layout=hishel-0", ["--ttl", "1h"], "no place for the TTL of one entry"),
        ("file:e?layout=hishel-0&ttl=1d", ["--ttl", "1h"], "no place for the TTL of one entry"),
        ("file:e?layout=hishel-0&ttl=1d", ["--ttl", "none"], "no place for the TTL of one entry"),
        ("sqlite:d?layout=hishel-1", ["--add-tag", "x"], "no place for tags"),
    ] {
        let (kind, rest) = layout.split_once(':').expect("an address");
        let store = made(&format!("{kind}:{}", desk.path().join(rest).display()));
        put(&store, fresh(&store, Method::GET, "https://example.org/a"), 1);
        for dry in [true, false] {
            let mut args = vec!["touch", "--host", "example.org", "--backend", layout];
            args.extend(asked.iter().filter(|arg| !arg.is_empty()));
            args.extend(dry.then_some("--dry-run"));
            desk.run(&args).failed(2, &[what]);
        }
    }
}

/// A row of generation 1 or 2 beside the first, as hishel leaves one when an entry that was
/// validated by several has changed.
fn with_older_sibling(database: &Path) {
    let database = Connection::open(database).expect("a database");
    let key = "SELECT cache_key, data FROM entries";
    let (key, mut older): (Vec<u8>, Vec<u8>) =
        database.query_row(key, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a row");
    let at = older.windows(10).position(|w| w == b"created_at").expect("a time") + 11;
    let created: f64 = f64::from_be_bytes(older[at..at + 8].try_into().expect("eight"));
    older[at..at + 8].copy_from_slice(&(created - 500.0).to_be_bytes());
    let id = [9u8; 16];
    let sql = "INSERT INTO entries (id, cache_key, data, created_at) VALUES (?1, ?2, ?3, ?4)";
    database.execute(sql, rusqlite::params![id, key, older, created - 500.0]).expect("a sibling");
    let sql = "INSERT INTO streams VALUES (?1, 0, x'6f6c64'), (?1, -1, x'')";
    database.execute(sql, [id]).expect("its body");
}

/// Whatever is asked for on a conflict: what nobody is given replaces nothing.
#[test]
fn what_stands_behind_an_entry_does_not_move_over_it() {
    let origin = Origin::fresh("the newest");
    for conflict in ["newer", "overwrite", "fail"] {
        for to in ["file:to", "sqlite:to?layout=hishel-2&rfc=true", "sqlite:to?layout=hishel-1"] {
            let (desk, url) = (Desk::new(), origin.url("/x"));
            desk.ok(&["warm", &url, "--backend", "sqlite:from?layout=hishel-1"]);
            with_older_sibling(&desk.file("from"));
            desk.ok(&[
                "migrate",
                "--move",
                "--yes",
                "--on-conflict",
                conflict,
                "sqlite:from?layout=hishel-1",
                to,
            ]);
            assert_eq!(desk.ok(&["get", "--offline", &url, "--backend", to]), "the newest");
            let code = desk.run(&["diff", "sqlite:from?layout=hishel-1", to]).code;
            assert_eq!(code, 1, "{conflict} {to}: it has moved");
        }
    }
}

/// Where a key hangs on what the destination leaves out there is no way back from it.
#[test]
fn a_mirror_keeps_what_it_has_brought() {
    let desk = Desk::new();
    let place =
        |name: &str, layout: &str| format!("sqlite:{}?layout={layout}", desk.file(name).display());
    let from = made(&place("from", "hishel-1"));
    let urls = ["http://127.0.0.1:9", "http://127.0.0.1:9/p#part", "http://127.0.0.1:9/q?a=[1]"];
    for (n, url) in (0..).zip(urls) {
        let mut theirs = fresh(&from, Method::GET, "https://example.org/");
        theirs.request.url = cachectl::UrlText::verbatim(url);
        theirs.id.key = from.rules().key_of(&theirs.request, "");
        put(&from, theirs, n);
    }
    for to in [format!("file:{}", desk.file("to").display()), place("to0", "hishel-0")] {
        for _ in 0..2 {
            desk.ok(&["migrate", "--mirror", "--yes", &place("from", "hishel-1"), &to]);
            let keys = desk.ok(&["list", "--keys", "--backend", &to]);
            assert_eq!(keys.lines().count(), 3, "{to}");
        }
        desk.ok(&["diff", &place("from", "hishel-1"), &to]);
        // As somebody would ask for them, who knows no fragments.
        for url in ["http://127.0.0.1:9", "http://127.0.0.1:9/p", "http://127.0.0.1:9/q?a=[1]"] {
            assert_eq!(desk.run(&["get", "--offline", url, "--backend", &to]).code, 0, "{url}");
        }
    }
}

/// In its plain mode hishel 2 gives out what lies there, whatever its status.
#[test]
fn in_plain_mode_only_success_is_stored() {
    use crate::testkit::origin::response;
    let origin = Origin::start(|seen| {
        let status = if seen.target.contains("gone") { "404 Not Found" } else { "200 OK" };
        response(status, "Cache-Control: max-age=3600", "it")
    });
    let desk = Desk::new();
    for (to, kept) in [("sqlite:plain?layout=hishel-2", 1), ("sqlite:one?layout=hishel-1", 2)] {
        desk.run(&["get", &origin.url("/gone"), "--backend", to]);
        desk.ok(&["get", &origin.url("/there"), "--backend", to]);
        assert_eq!(desk.ok(&["list", "--keys", "--backend", to]).lines().count(), kept, "{to}");
    }
    let ran = desk.run(&["migrate", "sqlite:one", "sqlite:plain2?layout=hishel-2"]);
    ran.failed(5, &["has the status 404"]);
}

/// What was text stays that, whatever stands beside it.
#[test]
fn fields_are_not_encoded_again() {
    let desk = Desk::new();
    let store = made(&format!("sqlite:{}?layout=hishel-1", desk.file("c").display()));
    let mut odd = fresh(&store, Method::GET, "https://example.org/a");
    odd.headers.push("X-Text", "résumé".as_bytes());
    let mut found = put(&store, odd, 1);
    for n in 0..3 {
        let mut next = found.head.clone();
        next.headers.retain(|name, _| !name.eq_ignore_ascii_case(b"x-other"));
        next.headers.push("X-Other", [b'\xe9', b'0' + n]);
        block_on(store.update(&found.head.id, next, found.stamp)).expect("written");
        found = all(&store).pop().expect("an entry");
        assert_eq!(found.head.headers.get("x-text"), Some("résumé".as_bytes()));
    }
}

/// A damaged row does not shield the others of its key.
#[test]
fn a_post_makes_all_readable_answers_unusable() {
    let origin = Origin::fresh("x");
    let (desk, url) = (Desk::new(), origin.url("/x"));
    let address = "sqlite:c?layout=hishel-1";
    desk.ok(&["warm", &url, "--backend", address]);
    with_older_sibling(&desk.file("c"));
    let database = Connection::open(desk.file("c")).expect("a database");
    let damage = "UPDATE entries SET data = x'c1' WHERE rowid = 2";
    database.execute(damage, []).expect("damaged");
    let told = desk.run(&["get", "-X", "POST", &url, "--backend", address]);
    assert!(told.stderr.contains("cannot read entry"), "{}", told.stderr);
    let live = "SELECT count(*) FROM entries WHERE deleted_at IS NULL AND data != x'c1'";
    let live: i64 = database.query_row(live, [], |row| row.get(0)).expect("counted");
    assert_eq!(live, 0, "the sound one went");
}

/// Variants that have no place beside each other stay where they have one.
#[test]
fn a_move_leaves_what_gave_way() {
    let origin = Origin::start(|_| {
        let fields = "Cache-Control: max-age=3600\r\nVary: Accept";
        crate::testkit::origin::response("200 OK", fields, "it")
    });
    let (desk, url) = (Desk::new(), origin.url("/x"));
    for accept in ["Accept: a/a", "Accept: b/b"] {
        desk.ok(&["get", "-H", accept, &url, "--backend", "file:from"]);
    }
    desk.ok(&["migrate", "--move", "--yes", "file:from", "file:to?layout=hishel-0"]);
    let count = |store: &str| {
        let entries = desk.ok(&["list", "--format", "ndjson", "--backend", store]);
        entries.lines().count()
    };
    assert_eq!((count("file:from"), count("file:to")), (1, 1));
}

/// What could not be stored has outdated what was.
#[test]
fn in_plain_mode_a_404_takes_the_old_answer_away() {
    use crate::testkit::origin::response;
    let hits = std::sync::atomic::AtomicUsize::new(0);
    let origin =
        Origin::start(move |_| match hits.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => response("200 OK", "Cache-Control: max-age=0\r\nETag: \"1\"", "old"),
            _ => response("404 Not Found", "Cache-Control: max-age=3600", "gone"),
        });
    let (desk, url) = (Desk::new(), origin.url("/x"));
    let address = "sqlite:c?layout=hishel-2";
    desk.ok(&["get", &url, "--backend", address]);
    desk.run(&["get", &url, "--backend", address]);
    assert_eq!(desk.ok(&["list", "--keys", "--backend", address]), "");
}

/// One place for two, and a serializer of the destination's: each entry is somewhere.
#[test]
fn a_move_removes_what_has_arrived_and_nothing_else() {
    let origin = Origin::fresh("it");
    let (desk, url) = (Desk::new(), origin.url("/x"));
    desk.ok(&["get", &url, "--backend", "file:from"]);
    desk.ok(&[
        "migrate",
        "--move",
        "--yes",
        "file:from",
        "file:to?layout=hishel-0&serializer=pickle",
    ]);
    let count = |store: &str| desk.ok(&["list", "--keys", "--backend", store]).lines().count();
    assert_eq!((count("file:from"), count("file:to")), (0, 1));

    let from = made(&format!("sqlite:{}?layout=hishel-1", desk.file("one").display()));
    for (n, url) in [(1, "http://127.0.0.1:9/p#a"), (2, "http://127.0.0.1:9/p#b")] {
        let mut theirs = fresh(&from, Method::GET, "https://example.org/");
        theirs.request.url = cachectl::UrlText::verbatim(url);
        theirs.id.key = from.rules().key_of(&theirs.request, "");
        theirs.created_at = Timestamp::now() - Duration::from_secs(n);
        put(&from, theirs, n);
    }
    desk.ok(&["migrate", "--move", "--yes", "sqlite:one", "file:both"]);
    assert_eq!((count("sqlite:one"), count("file:both")), (1, 1));
}

/// A program that was killed when it had just made the database leaves one without tables.
#[test]
fn a_database_without_tables_holds_nothing_yet() {
    for (layout, name) in
        [("hishel-0", "hishel 0.x"), ("hishel-1", "hishel 1.x"), ("hishel-2", "hishel 2.x")]
    {
        let desk = Desk::new();
        shelf::fill(&desk, "file:seed", &[item("https://e.org/", HOUR)]);
        desk.write("c.db", "");
        let store = format!("sqlite:c.db?layout={layout}");
        for command in ["list", "verify", "stats"] {
            let ran = desk.run(&[command, "--backend", &store]);
            ran.failed(3, &[&format!("c.db has no tables of {name}")]);
        }
        assert_eq!(fs::metadata(desk.file("c.db")).expect("it stays").len(), 0, "{layout}");
        // Somebody else's table of the same name is not taken for an empty one.
        let theirs = Connection::open(desk.file("theirs.db")).expect("a database");
        let sql = "CREATE TABLE cache (id, value); CREATE TABLE entries (id, value)";
        theirs.execute_batch(sql).expect("made");
        let theirs = format!("sqlite:theirs.db?layout={layout}");
        for args in [&["list", "--backend", &theirs][..], &["migrate", "file:seed", &theirs]] {
            desk.run(args).failed(3, &[&format!("theirs.db is no database of {name}")]);
        }
        desk.ok(&["migrate", "-q", "file:seed", &store]);
        assert_eq!(desk.ok(&["list", "--backend", &store]).lines().count(), 1, "{layout}");
    }
}
