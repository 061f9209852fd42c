//! A cache that a Python process uses too: nothing gets to others than it is for, and what one
//! side writes the other takes as it is meant.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cachectl::{ByteRange, Found, Manage, Outcome, Query, Timestamp};
use futures_util::TryStreamExt;

use super::hishel::{InPlaceStore, block_on, open};
use crate::testkit::origin::{Origin, response};
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::sample::{head, noise};

/// A store of each generation, as the command line names one that is new.
const STORES: &[&str] =
    &["file:c?layout=hishel-0", "sqlite:c?layout=hishel-1", "sqlite:c?layout=hishel-2&rfc=true"];

const URL: &str = "https://example.org/a";

pub(super) fn all(store: &InPlaceStore) -> Vec<Found> {
    block_on(store.scan(Query::default()).try_collect()).expect("all can be read")
}

pub(super) fn made(address: &str) -> InPlaceStore {
    let address = address.parse().expect("an address");
    cachectl::open_with(&address, cachectl::Access::Create).expect("a store").in_place()
}

#[test]
fn what_credentials_select_is_not_stored_where_others_would_get_it() {
    for fields in ["Cache-Control: max-age=3600", "Cache-Control: max-age=3600\r\nVary: Cookie"] {
        for store in STORES {
            let origin = Origin::start(move |_| response("200 OK", fields, "mine"));
            let (desk, url) = (Desk::new(), origin.url("/me"));
            let field = if fields.contains("Vary") { "Cookie: id=1" } else { "Authorization: B x" };
            desk.ok(&["get", "-H", field, &url, "--backend", store]);
            let listed = desk.run(&["list", "--keys", "--backend", store]).text();
            assert_eq!(listed, "", "{store} {field}");
            desk.ok(&["get", &url, "--backend", store]);
            assert_eq!(origin.hits(), 2, "{store}: asked for somebody else");
        }
    }
}

#[test]
fn what_python_has_stored_for_credentials_is_for_them_alone() {
    let desk = Desk::new();
    let path = desk.path().join("c");
    let store = made(&format!("sqlite:{}?layout=hishel-1", path.display()));
    let mut theirs = head("http://127.0.0.1:9/me");
    theirs.request.headers.push("Authorization", "Bearer theirs");
    theirs.id.key = store.rules().key_of(&theirs.request, "");
    theirs.created_at = Timestamp::now();
    theirs.headers.retain(|name, _| !name.eq_ignore_ascii_case(b"date"));
    block_on(store.put_whole(theirs, noise(1, 9))).expect("stored");
    let get = |more: &[&str]| {
        let mut args = vec!["get", "--offline", "http://127.0.0.1:9/me", "--backend", "sqlite:c"];
        args.extend(more);
        desk.run(&args).code
    };
    assert_eq!(get(&["-H", "Authorization: Bearer theirs"]), 0);
    assert_ne!(get(&[]), 0);
    assert_ne!(get(&["-H", "Authorization: Bearer mine"]), 0);
}

#[test]
fn moving_does_not_mix_up_whom_an_answer_is_for() {
    let origin = Origin::fresh("mine");
    let (desk, url) = (Desk::new(), origin.url("/me"));
    desk.ok(&["get", "-H", "Authorization: B x", &url, "--backend", "file:native"]);
    desk.ok(&["get", &url, "--backend", "file:native"]);
    for store in STORES {
        let tried = desk.run(&["migrate", "--dry-run", "file:native", store]);
        tried.failed(5, &["depends on credentials"]);
        assert!(!desk.file("c").exists(), "{store}: it was only tried");
        let ran = desk.run(&["migrate", "file:native", store]);
        ran.failed(5, &["depends on credentials"]);
        assert_eq!(desk.ok(&["list", "--keys", "--backend", store]).lines().count(), 1);
        let _ = fs::remove_file(desk.file("c")).or_else(|_| fs::remove_dir_all(desk.file("c")));
    }
}

#[test]
fn what_may_not_be_used_again_goes_where_no_mark_is() {
    for store in STORES {
        let origin = Origin::fresh("old");
        let (desk, url) = (Desk::new(), origin.url("/x"));
        desk.ok(&["get", &url, "--backend", store]);
        let refused = desk.run(&["touch", "--stale", "--backend", store, &url]);
        refused.failed(2, &["no place for a mark", "cachectl purge"]);
        desk.ok(&["get", "-X", "POST", &url, "--backend", store]);
        desk.ok(&["get", &url, "--backend", store]);
        assert_eq!(origin.hits(), 3, "{store}: the origin has changed it (RFC 9111, 4.4)");
    }
}

#[test]
fn a_ttl_of_the_address_is_said_in_the_entry() {
    for layout in ["hishel-1", "hishel-2"] {
        let desk = Desk::new();
        let place = format!("sqlite:{}", desk.path().join("c").display());
        let store = made(&format!("{place}?layout={layout}&ttl=10m"));
        let mut with_end = head(URL);
        with_end.expires_at = Some(Timestamp::now() + Duration::from_secs(600));
        block_on(store.put_whole(with_end, noise(1, 9))).expect("stored");
        let found = all(&open(&place));
        assert!(found[0].head.expires_at.is_some(), "{layout}");
    }
}

#[test]
fn a_damaged_row_gives_way_to_a_new_answer() {
    let origin = Origin::fresh("new");
    for store in &STORES[1..] {
        let (desk, url) = (Desk::new(), origin.url("/x"));
        desk.ok(&["get", &url, "--backend", store]);
        let database = rusqlite::Connection::open(desk.file("c")).expect("a database");
        database.execute("UPDATE entries SET data = x'c1'", []).expect("damaged");
        drop(database);
        let before = origin.hits();
        desk.ok(&["get", &url, "--backend", store]);
        desk.ok(&["get", &url, "--backend", store]);
        assert_eq!(origin.hits(), before + 1, "{store}: the second is a hit");
    }
}

#[test]
fn the_beta_is_looked_up_by_url_and_its_keys_are_made_anew() {
    let desk = Desk::new();
    let sample = "tests/fixtures/hishel-0.1.5-beta/sqlite-msgpack/hishel_cache.db";
    let sample = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(sample);
    fs::copy(sample, desk.file("beta.db")).expect("copied");
    let found = all(&open(&format!("sqlite:{}", desk.file("beta.db").display())));
    let url = found[0].head.request.url.as_str();
    desk.ok(&["inspect", "--backend", "sqlite:beta.db", url]);
    desk.ok(&["migrate", "--include-expired", "sqlite:beta.db", "sqlite:one.db?layout=hishel-1"]);
    desk.ok(&["inspect", "--backend", "sqlite:one.db", url]);
}

#[test]
fn a_folder_that_lies_elsewhere_is_written_to() {
    let (desk, origin) = (Desk::new(), Origin::fresh("x"));
    // Another file system where there is one.
    let elsewhere = if fs::metadata("/dev/shm").is_ok() { "/dev/shm" } else { "/tmp" };
    let folder = tempfile::tempdir_in(elsewhere).expect("a folder");
    std::os::unix::fs::symlink(folder.path(), desk.file("c")).expect("a link");
    let store = "file:c?layout=hishel-0";
    desk.ok(&["get", &origin.url("/x"), "--backend", store]);
    assert_eq!(desk.ok(&["list", "--keys", "--backend", store]).lines().count(), 1);
}

/// hishel stores an entry anew by removing its row; one who goes on behind it must not think
/// that he is at the end.
#[test]
fn a_walk_goes_on_behind_a_row_that_was_stored_anew() {
    let desk = Desk::new();
    let store = made(&format!("sqlite:{}?layout=hishel-0", desk.file("c").display()));
    for n in 0..5 {
        let head = head(&format!("https://example.org/{n}"));
        block_on(store.put_whole(head, noise(n, 9))).expect("stored");
    }
    let found = all(&store);
    block_on(store.put_whole(found[1].head.clone(), noise(9, 9))).expect("stored anew");
    let mut query = Query::default();
    query.after = Some(found[1].cursor());
    let rest: Vec<Found> = block_on(store.scan(query).try_collect()).expect("the rest");
    for one in &found[2..] {
        assert!(rest.iter().any(|found| found.head.id == one.head.id), "{}", one.head.id);
    }
}

/// A server, and a store in it.
pub(super) fn in_redis(layout: &str) -> (tempfile::TempDir, RedisServer, InPlaceStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = RedisServer::start(folder.path());
    let store = made(&format!("{}?layout={layout}", server.address()));
    (folder, server, store)
}

#[test]
fn a_body_of_which_redis_has_dropped_the_beginning_is_not_published() {
    for layout in ["hishel-1", "hishel-2"] {
        let (_folder, server, store) = in_redis(layout);
        block_on(async {
            let old = store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
            let mut put = store.put(head(URL)).await.expect("begun");
            put.write(noise(2, 3 << 20)).await.expect("sent");
            for name in server.ask::<Vec<String>>(&["KEYS", "hishel:stream:*"]) {
                let length: i64 = server.ask(&["LLEN", &name]);
                if length > 2 {
                    server.ask::<()>(&["DEL", &name]);
                }
            }
            put.write(noise(3, 100)).await.expect("sent");
            let error = put.commit_over(cachectl::Over::Anything).await.expect_err("refused");
            assert!(error.is_transient(), "{error:?}");
            let body = store.body(&old.head.id, old.stamp, ByteRange::WHOLE).await;
            let body = body.expect("still there").collect_bytes().await.expect("whole");
            assert_eq!(body, noise(1, 100), "{layout}");
        });
    }
}

#[test]
fn an_index_in_redis_ends_with_its_longest_entry() {
    let (_folder, server, store) = in_redis("hishel-2");
    let ends = |seconds: u64| Some(Timestamp::now() + Duration::from_secs(seconds));
    block_on(async {
        let mut one = head(URL);
        one.expires_at = ends(600);
        store.put_whole(one.clone(), noise(1, 9)).await.expect("stored");
        // Stored anew, it is the only member again, and has an end like before.
        let found = store.put_whole(one.clone(), noise(2, 9)).await.expect("stored");
        let index: Vec<String> = server.ask(&["KEYS", "hishel:idx:*"]);
        let left: i64 = server.ask(&["PTTL", &index[0]]);
        assert!((600_000..800_000).contains(&left), "{left}");
        // One without an end beside it makes the index last; a shorter end of the other does not
        // take that away.
        server.ask::<()>(&["PERSIST", &index[0]]);
        let mut shorter = found.head.clone();
        shorter.expires_at = ends(60);
        let outcome = store.update(&found.head.id, shorter, found.stamp).await.expect("done");
        assert!(matches!(outcome, Outcome::Done(_)));
        assert_eq!(server.ask::<i64>(&["PTTL", &index[0]]), -1);
    });
}

/// What hishel 1.x has been told of a TTL stands nowhere but in what the server will forget.
#[test]
fn an_entry_of_hishel_1_lives_as_long_as_redis_keeps_it() {
    let (_folder, server, store) = in_redis("hishel-1");
    block_on(async {
        let mut old = head(URL);
        old.created_at = Timestamp::now() - Duration::from_secs(7200);
        old.expires_at = Some(old.created_at + Duration::from_secs(86_400));
        store.put_whole(old, noise(1, 9)).await.expect("stored");
    });
    let names: Vec<String> = server.ask(&["KEYS", "hishel:entry:*"]);
    // As if the application had said it: without a TTL of the entry's own.
    let mut data: Vec<u8> = server.ask(&["GET", &names[0]]);
    let at = data.windows(10).position(|w| w == b"hishel_ttl").expect("a TTL of its own");
    data[at..at + 10].copy_from_slice(b"hishel_xyz");
    let set = redis::cmd("SET").arg(&names[0]).arg(&data).arg("KEEPTTL").clone();
    let client = redis::Client::open(server.address()).expect("a client");
    set.query::<()>(&mut client.get_connection().expect("a connection")).expect("written");
    let found = all(&store);
    let left = found[0].head.expires_at.expect("an end").since(Timestamp::now());
    assert!((Duration::from_secs(79_000)..Duration::from_secs(79_300)).contains(&left), "{left:?}");
}

/// Whom an answer is for goes along with it, whatever it is written into on the way.
#[test]
fn an_export_is_for_whom_its_source_was() {
    let url = "http://127.0.0.1:9/me";
    let field = "Authorization: Bearer theirs";
    for layout in ["native", "hishel-1", "hishel-2&rfc=true"] {
        let desk = Desk::new();
        let store = made(&format!("sqlite:{}?layout={layout}", desk.file("c").display()));
        let mut theirs = head(url);
        theirs.request.headers.push("Authorization", "Bearer theirs");
        if layout == "native" {
            let settings = cachectl::Settings::default();
            theirs.partition = cachectl::policy::partition("", &theirs.request.headers, &settings);
            theirs.request.headers.remove("authorization");
        }
        theirs.id.key = store.rules().key_of(&theirs.request, &theirs.partition);
        theirs.headers.retain(|name, _| !name.eq_ignore_ascii_case(b"date"));
        theirs.created_at = Timestamp::now();
        theirs.received_at = theirs.created_at;
        theirs.requested_at = theirs.created_at;
        block_on(store.put_whole(theirs, noise(1, 9))).expect("stored");
        drop(store);
        for (format, more) in [
            ("archive", &[][..]),
            ("archive", &["--redact"]),
            ("dir", &[]),
            ("dir", &["--redact"]),
            ("har", &[]),
            ("har", &["--show-secrets"]),
        ] {
            let name = format!("{format}{}", more.concat());
            let export = ["export", "-q", "--backend", "sqlite:c", "--as", format, "-o", &name];
            desk.ok(&[&export[..], more].concat());
            let to = format!("file:of-{name}");
            let import = ["import", "-q", &name, "--as", format, "--backend", &to];
            desk.ok(&import);
            let get = |more: &[&str]| {
                let args = ["get", "-q", "--offline", "-o", "/dev/null", url, "--backend", &to];
                desk.run(&[&args[..], more].concat()).code
            };
            let told = format!("{layout} {name}");
            assert_eq!(get(&["-H", field]), 0, "{told}: its owner is answered");
            assert_eq!(get(&[]), 4, "{told}: nobody else is");
            assert_eq!(get(&["-H", "Authorization: Bearer mine"]), 4, "{told}: nobody else is");
            let listed = desk.ok(&["list", "--format", "table", "--backend", &to]);
            assert!(listed.contains("(auth)"), "{told}: {listed}");
        }
    }
}
