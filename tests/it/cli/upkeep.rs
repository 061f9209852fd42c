//! Cleaning and moving by command: what is kept safe, and what is told.

use std::fs;

use cachectl::transfer::{Action, Removals, RunOptions, remove};
use cachectl::{Compact, Found, Query, block_on};
use futures_util::StreamExt;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{self, DAY, HOUR, Item, assortment, item};

const STORES: [&str; 2] = ["file:f", "sqlite:s.db"];

fn filled(store: &str) -> Desk {
    let desk = Desk::new();
    shelf::fill(&desk, store, &assortment());
    desk
}

fn urls(desk: &Desk, store: &str) -> Vec<String> {
    let text = desk.ok(&["list", "--backend", store, "--columns", "url", "--show-secrets"]);
    let mut urls: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    urls.sort();
    urls
}

#[test]
fn purging_wrongly_removes_nothing() {
    for store in STORES {
        let desk = filled(store);
        let before = urls(&desk, store);
        for (args, code) in [
            (&["purge"][..], 2),
            (&["purge", "--all", "--status", "404"], 2),
            (&["purge", "--all", "https://www.example.com/gone"], 2),
            (&["purge", "--unheard-of", "https://www.example.com/gone"], 2),
            (&["purge", "--serializer", "json", "--status", "404"], 2),
            (&["purge", "--status", "404"], 7),
            (&["purge", "--all"], 7),
            (&["purge", "--all", "--no-input"], 7),
            (&["purge", "--all", "--yes", "--max-delete", "5"], 7),
            (&["purge", "--where", "status = 404 or", "--yes"], 2),
            (&["purge", "https://www.example.com/nothing"], 4),
            (&["purge", "--all", "--yes", "--dry-run"], 0),
            (&["purge", "--keys-from", "/dev/null", "--yes"], 0),
            (&["purge", "--keys-from", "absent.txt", "--yes"], 8),
            (&["gc", "--older-than", "1h"], 7),
            (&["gc", "--older-than", "1h", "--yes", "--max-delete", "1"], 7),
        ] {
            let args = [args, &["--backend", store]].concat();
            assert_eq!(desk.run(&args).code, code, "{args:?}");
            assert_eq!(urls(&desk, store), before, "{args:?}");
        }
        let read_only = format!("{store}?readonly=true");
        desk.run(&["purge", "--all", "--yes", "--backend", &read_only]).failed(7, &["read-only"]);
        desk.run(&["gc", "--backend", &read_only]).failed(7, &["read-only"]);
        assert_eq!(urls(&desk, store), before);
    }
}

#[test]
fn named_entries_go_without_a_question_and_missing_ones_are_told() {
    for store in STORES {
        let desk = filled(store);
        let ran = desk.run(&[
            "purge",
            "--backend",
            store,
            "https://www.example.com/gone",
            "https://e.org/absent",
            "https://www.example.com/old",
        ]);
        ran.failed(4, &["https://e.org/absent is not in the cache"]);
        assert_eq!(ran.text(), "remove\t2\t24\n", "the others are gone");
        assert_eq!(urls(&desk, store).len(), 4);
    }
}

#[test]
fn keys_go_through_a_pipe() {
    for store in STORES {
        let desk = filled(store);
        let keys =
            desk.run(&["list", "--keys", "-0", "--host", "www.*", "--backend", store]).stdout;
        assert_eq!(keys.iter().filter(|byte| **byte == 0).count(), 3);
        let keys: Vec<&str> = keys
            .split(|byte| *byte == 0)
            .map(|key| std::str::from_utf8(key).expect("text"))
            .collect();
        let mut args = vec!["purge", "--backend", store];
        args.extend(keys.iter().filter(|key| !key.is_empty()));
        desk.ok(&args);
        assert_eq!(urls(&desk, store).len(), 3);
    }
}

#[test]
fn what_is_replaced_between_plan_and_deed_stays() {
    for store in STORES {
        let desk = filled(store);
        let open = shelf::open(&desk, store);
        let mut plan = Removals::new();
        block_on(async {
            let mut scan = open.scan(Query::default());
            while let Some(found) = scan.next().await {
                plan.entry(Action::Remove, &found.expect("an entry")).expect("planned");
            }
        });
        assert_eq!(plan.len(), 6);
        shelf::fill(&desk, store, &[item("https://www.example.com/gone", HOUR)]);
        let options = RunOptions {
            jobs: 2,
            compact: Compact::Auto,
            max_errors: None,
            stop: &|| false,
            on: &mut |_| {},
        };
        let report = block_on(remove(&*open, plan, options));
        assert_eq!(report.tallies.of(Action::Remove).entries, 5, "{report:?}");
        assert_eq!(report.tallies.of(Action::Changed).entries, 1);
        assert!(report.complete && report.ended_by.is_none());
        drop(open);
        assert_eq!(urls(&desk, store), ["https://www.example.com/gone"]);
    }
}

#[test]
fn gc_takes_the_least_recently_used_first() {
    for store in STORES {
        let desk = Desk::new();
        let used = |url, age, uses| Item { uses, ..item(url, age) };
        shelf::fill(
            &desk,
            store,
            &[
                used("https://e.org/old-but-used", 30 * DAY, 2),
                used("https://e.org/young", 2 * HOUR, 0),
                used("https://e.org/oldest", 20 * DAY, 0),
                used("https://e.org/middle", 10 * DAY, 0),
            ],
        );
        desk.ok(&["gc", "--max-entries", "2", "--yes", "--backend", store]);
        assert_eq!(urls(&desk, store), ["https://e.org/old-but-used", "https://e.org/young"]);
        let stored: u64 = desk
            .ok(&["list", "--columns", "stored", "--backend", store])
            .lines()
            .map(|line| line.parse::<u64>().expect("a number"))
            .max()
            .expect("entries");
        // Room for one: the one that was used an hour ago stays.
        desk.ok(&["gc", "--max-size", &(stored + 10).to_string(), "--yes", "--backend", store]);
        assert_eq!(urls(&desk, store), ["https://e.org/old-but-used"]);
    }
}

#[test]
fn gc_policies_add_up_within_their_bounds() {
    for store in STORES {
        let desk = filled(store);
        let out = desk.ok(&[
            "gc",
            "--backend",
            store,
            "--older-than",
            "4d",
            "--unused-for",
            "2d",
            "--only",
            "host ~ 'www.*'",
            "--keep",
            "status = 404",
            "--yes",
        ]);
        assert_eq!(out, "too-old\t2\t2012\n");
        let left = urls(&desk, store);
        assert!(left.contains(&"https://www.example.com/gone".to_owned()), "{left:?}");
        assert_eq!(left.len(), 4);
    }
}

/// The file of the record of an entry, or of its large body, in a file store.
fn files(desk: &Desk, part: &str) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for shard in fs::read_dir(desk.file("f").join(part)).into_iter().flatten().flatten() {
        files.extend(fs::read_dir(shard.path()).into_iter().flatten().flatten().map(|e| e.path()));
    }
    files.sort();
    files
}

fn flip(path: &std::path::Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 0x20;
    fs::write(path, bytes).expect("damaged");
}

fn record(desk: &Desk, found: &Found) -> std::path::PathBuf {
    let key = &found.head.id.key;
    desk.file("f/entries").join(&key[..2]).join(key)
}

#[test]
fn verify_finds_each_kind_of_damage_and_repair_saves_it() {
    let desk = Desk::new();
    let found = shelf::fill(&desk, "file:f", &assortment());
    let large = bytes::Bytes::from(vec![b'y'; 100_000]);
    let large = |url| Item { body: large.clone(), ..item(url, DAY) };
    shelf::fill(&desk, "file:f", &[large("https://e.org/flipped"), large("https://e.org/cut")]);
    let bodies = files(&desk, "bodies");
    assert_eq!(bodies.len(), 3);
    desk.ok(&["verify", "--backend", "file:f"]);
    // Flipped in a head, in an inline body, in a large body; cut off; an orphan; garbage.
    flip(&record(&desk, &found[0]), 100);
    let inline = record(&desk, &found[2]);
    let length = fs::metadata(&inline).expect("a record").len() as usize;
    flip(&inline, length - 16 - 5);
    flip(&bodies[0], 500);
    let cut = fs::OpenOptions::new().write(true).open(&bodies[1]).expect("a body");
    cut.set_len(700).expect("cut");
    let orphan = desk.file("f/bodies/01/0123456789abcdef0123456789abcdef.0011223344556677");
    fs::create_dir_all(orphan.parent().expect("a shard")).expect("made");
    fs::write(&orphan, "orphan").expect("written");
    let old = std::time::SystemTime::now() - 2 * HOUR;
    fs::File::options().write(true).open(&orphan).expect("open").set_modified(old).expect("aged");
    let garbage = record(&desk, &found[3]);
    fs::write(&garbage, "garbage").expect("written");
    // A record under a key that is not its own.
    let other = "ffffffffffffffffffffffffffffffff";
    fs::create_dir_all(desk.file("f/entries/ff")).expect("a shard");
    let text = fs::read(record(&desk, &found[4])).expect("a record");
    fs::write(desk.file("f/entries/ff").join(other), text).expect("written");

    let ran = desk.run(&["verify", "--backend", "file:f"]);
    ran.failed(1, &["damaged"]);
    let problems = |text: &str| {
        let mut problems: Vec<String> =
            text.lines().map(|l| l.split('\t').nth(1).expect("a problem").to_owned()).collect();
        problems.sort();
        problems
    };
    assert_eq!(
        problems(&ran.text()),
        [
            "digest-mismatch",
            "digest-mismatch",
            "key-mismatch",
            "length-mismatch",
            "orphan-body",
            "undecodable",
            "undecodable"
        ],
        "{}",
        ran.text()
    );
    let ran = desk.run(&["verify", "--repair", "--backend", "file:f"]);
    ran.failed(7, &["nobody can be asked"]);
    let ran =
        desk.run(&["verify", "--repair", "--yes", "--backend", "file:f", "--quarantine", "q"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let saved = fs::read_dir(desk.file("q")).expect("a folder").count();
    assert!(saved >= 6, "{saved} files saved");
    let garbage = fs::read_dir(desk.file("q")).expect("a folder").flatten();
    assert!(garbage.into_iter().any(|e| fs::read(e.path()).expect("a file") == b"garbage"));
    let ran = desk.run(&["verify", "--backend", "file:f"]);
    assert_eq!((ran.code, ran.text()), (0, String::new()), "{}", ran.stderr);
}

#[test]
fn a_truncated_archive_keeps_what_was_whole() {
    let desk = filled("sqlite:s.db");
    desk.ok(&["export", "-o", "a.ndjson", "--backend", "sqlite:s.db"]);
    let whole = fs::read(desk.file("a.ndjson")).expect("an archive");
    let lines: Vec<usize> =
        whole.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(i, _)| i).collect();
    desk.write("cut.ndjson", &whole[..lines[4]]);
    let args = ["import", "--include-expired", "--backend", "file:f", "cut.ndjson"];
    desk.run(&args).failed(5, &["cut off", "kept"]);
    assert_eq!(urls(&desk, "file:f").len(), 4, "those before the cut");
    desk.ok(&["import", "--include-expired", "--backend", "file:f", "a.ndjson"]);
    assert_eq!(urls(&desk, "file:f"), urls(&desk, "sqlite:s.db"));
}

#[test]
fn archives_bring_equal_entries_into_another_store() {
    for (from, to) in [("file:f", "sqlite:s.db"), ("sqlite:s.db", "file:f?serializer=bincode")] {
        let desk = filled(from);
        let large = Item {
            body: bytes::Bytes::from(vec![b'z'; 3_000_000]),
            ..item("https://e.org/large", DAY)
        };
        shelf::fill(&desk, from, &[large]);
        desk.ok(&["export", "-o", "a.ndjson.gz", "--backend", from]);
        desk.ok(&["import", "--include-expired", "--backend", to, "a.ndjson.gz"]);
        let entries = |store: &str| {
            let text = desk.ok(&["export", "--backend", store]);
            let mut lines: Vec<String> = text.lines().skip(1).map(ToOwned::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(entries(from), entries(to.split('?').next().expect("an address")));
    }
}

#[test]
fn exports_hide_credentials_unless_they_are_archives() {
    let desk = filled("file:f");
    for form in ["har", "csv"] {
        let text = desk.ok(&["export", "--as", form, "--backend", "file:f"]);
        assert!(!text.contains("planted-secret"), "{form}");
        let text = desk.ok(&["export", "--as", form, "--show-secrets", "--backend", "file:f"]);
        assert!(text.contains("planted-secret"), "{form}");
    }
    let ran = desk.run(&["export", "--backend", "file:f"]);
    assert!(ran.text().contains("planted-secret"));
    ran.failed(0, &["1 entry carries credentials"]);
    let text = desk.ok(&["export", "--redact", "--backend", "file:f"]);
    assert!(!text.contains("planted-secret"));
}

#[test]
fn listings_page_by_cursor() {
    for store in STORES {
        let desk = filled(store);
        let mut keys = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..10 {
            let mut args = vec!["list", "--keys", "--limit", "2", "--backend", store];
            if let Some(after) = &after {
                args.extend(["--after", after]);
            }
            let ran = desk.run(&args);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            keys.extend(ran.text().lines().map(ToOwned::to_owned));
            let Some((_, cursor)) = ran.stderr.split_once("--after ") else { break };
            after = Some(cursor.trim().to_owned());
        }
        let all = desk.ok(&["list", "--keys", "--backend", store]);
        assert_eq!(keys, all.lines().collect::<Vec<_>>(), "{store}");
        desk.run(&["list", "--after", "nonsense", "--backend", store]).failed(2, &["cursor"]);
    }
}

#[test]
fn a_har_that_a_browser_saved_comes_in_as_far_as_it_may() {
    let desk = Desk::new();
    let entry = |method: &str, url: &str, status: u16, cache: &str| {
        format!(
            r#"{{"startedDateTime":"2026-11-01T10:00:00.000Z","time":12,"request":{{"method":"{method}","url":"{url}","httpVersion":"HTTP/1.1","cookies":[],"headers":[{{"name":"Accept-Language","value":"de"}},{{"name":"Authorization","value":"Bearer planted-secret"}}],"queryString":[],"headersSize":-1,"bodySize":0}},"response":{{"status":{status},"statusText":"","httpVersion":"HTTP/1.1","cookies":[],"headers":[{{"name":"Cache-Control","value":"{cache}"}},{{"name":"Vary","value":"Accept-Language"}},{{"name":"Content-Type","value":"text/plain"}}],"content":{{"size":4,"mimeType":"text/plain","text":"text"}},"redirectURL":"","headersSize":-1,"bodySize":4}},"cache":{{}},"timings":{{"send":0,"wait":1,"receive":1}}}}"#
        )
    };
    let entries = [
        entry("GET", "https://e.org/kept", 200, "max-age=99999999"),
        entry("GET", "https://e.org/forbidden", 200, "no-store"),
        entry("POST", "https://e.org/form", 200, "max-age=60"),
        entry("GET", "https://e.org/part", 206, "max-age=60"),
    ];
    let har = format!(
        r#"{{"log":{{"version":"1.2","creator":{{"name":"browser","version":"1"}},"entries":[{}]}}}}"#,
        entries.join(",")
    );
    desk.write("saved.har", har);
    let ran = desk.run(&["import", "saved.har", "--backend", "sqlite:s.db"]);
    ran.failed(0, &["left out", "no-store"]);
    assert_eq!(urls(&desk, "sqlite:s.db"), ["https://e.org/kept"]);
    let german = ["--offline", "--backend", "sqlite:s.db", "-H", "Accept-Language: de"];
    let owner = ["-H", "Authorization: Bearer planted-secret", "https://e.org/kept"];
    assert_eq!(desk.verdict(&[&german[..], &owner].concat()), "hit");
    let ran = desk.run(&[&["get"], &german[..], &["https://e.org/kept"]].concat());
    ran.failed(4, &["not in the cache"]);
    let ran =
        desk.run(&["get", "--offline", "-q", "--backend", "sqlite:s.db", "https://e.org/kept"]);
    assert_eq!(ran.code, 4, "another language is another variant");
    let shown =
        desk.ok(&["inspect", "--show-secrets", "--host", "e.org", "--backend", "sqlite:s.db"]);
    assert!(!shown.contains("planted-secret"), "credentials of a recording are not stored");
}

#[test]
fn what_cannot_be_read_goes_only_when_it_is_asked_for() {
    let desk = Desk::new();
    let found = shelf::fill(&desk, "file:f", &assortment());
    fs::write(record(&desk, &found[2]), "garbage").expect("damaged");
    desk.ok(&["purge", "--where", "host != 'api.example.org'", "--yes", "--backend", "file:f"]);
    assert!(record(&desk, &found[2]).exists(), "nobody knows its host");
    desk.run(&["gc", "--corrupt", "--backend", "file:f"]).failed(7, &["nobody can be asked"]);
    desk.ok(&[
        "gc",
        "--corrupt",
        "--keep",
        "host = 'www.example.com'",
        "--yes",
        "--backend",
        "file:f",
    ]);
    assert!(record(&desk, &found[2]).exists(), "it may be one of those to keep");
    assert_eq!(desk.ok(&["gc", "--corrupt", "--yes", "--backend", "file:f"]), "corrupt\t1\t7\n");
    assert!(!record(&desk, &found[2]).exists());
}

#[test]
fn nobody_imports_an_answer_under_the_url_of_somebody_else() {
    let desk = filled("file:f");
    desk.ok(&["export", "-o", "a.ndjson", "--status", "404", "--backend", "file:f"]);
    let archive = fs::read_to_string(desk.file("a.ndjson")).expect("an archive");
    let keys = desk.ok(&["list", "--keys", "--backend", "file:f"]);
    let own = desk.ok(&["list", "--keys", "--status", "404", "--backend", "file:f"]);
    let victim = keys.lines().find(|key| *key != own.trim()).expect("another key");
    desk.write("forged.ndjson", archive.replace(own.trim(), victim));
    desk.ok(&["import", "forged.ndjson", "--backend", "sqlite:s.db", "--ttl", "1h"]);
    assert_eq!(desk.ok(&["list", "--keys", "--backend", "sqlite:s.db"]), own);
    let expires = desk.ok(&["list", "--columns", "expires", "--backend", "sqlite:s.db"]);
    assert_ne!(expires.trim(), "-", "--ttl is heeded");
}

#[test]
fn what_is_saved_or_exported_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let found = shelf::fill(&desk, "file:f", &assortment());
    fs::write(record(&desk, &found[2]), "garbage").expect("damaged");
    desk.ok(&["verify", "--repair", "--yes", "--backend", "file:f", "--quarantine", "q"]);
    desk.ok(&["export", "--as", "dir", "-o", "d", "--backend", "file:f"]);
    desk.ok(&["export", "-o", "a.ndjson", "--backend", "file:f"]);
    let mode = |name: &str| fs::metadata(desk.file(name)).expect(name).permissions().mode() & 0o777;
    assert_eq!((mode("q"), mode("d"), mode("a.ndjson")), (0o700, 0o700, 0o600));
    for saved in fs::read_dir(desk.file("q")).expect("a folder").flatten() {
        assert_eq!(saved.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn failures_and_inspections_hide_credentials() {
    let desk = Desk::new();
    let found = shelf::fill(
        &desk,
        "file:f",
        &[Item {
            headers: vec![("Vary", "Cookie"), ("Location", "https://e.org/?token=planted-secret")],
            body: bytes::Bytes::from(vec![b'x'; 50_000]),
            ..item("https://user.example.net/me?token=planted-secret", DAY)
        }],
    );
    let text = desk.ok(&["inspect", &found[0].head.id.key, "--backend", "file:f"]);
    assert!(!text.contains("planted-secret"), "{text}");
    flip(&files(&desk, "bodies")[0], 9);
    for args in [
        &["export", "-o", "a.ndjson", "--backend", "file:f"][..],
        &["migrate", "file:f", "sqlite:s.db"],
    ] {
        let ran = desk.run(args);
        assert_eq!(ran.code, 5, "{}", ran.stderr);
        assert!(ran.stderr.contains("token=[redacted]"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("planted-secret"), "{}", ran.stderr);
    }
}

#[test]
fn a_body_that_was_cut_off_is_damage_in_a_database_too() {
    let desk = Desk::new();
    let large = |url, n: usize| Item { body: bytes::Bytes::from(vec![b'y'; n]), ..item(url, DAY) };
    shelf::fill(
        &desk,
        "sqlite:s.db",
        &[
            large("https://e.org/cut", 100_000),
            large("https://e.org/gap", 700_000),
            large("https://e.org/whole", 700_000),
        ],
    );
    let database = rusqlite::Connection::open(desk.file("s.db")).expect("a database");
    database
        .execute_batch(
            "UPDATE cache_chunk SET data = substr(data, 1, 100)
               WHERE id = (SELECT body << 20 FROM cache WHERE url LIKE '%cut');
             DELETE FROM cache_chunk
               WHERE id = (SELECT body << 20 | 1 FROM cache WHERE url LIKE '%gap');",
        )
        .expect("damaged");
    drop(database);
    let ran = desk.run(&["verify", "--backend", "sqlite:s.db"]);
    ran.failed(1, &["2 damaged"]);
    assert_eq!(ran.text().matches("length-mismatch").count(), 2, "{}", ran.text());
    desk.ok(&["verify", "--repair", "--yes", "--backend", "sqlite:s.db", "--quarantine", "q"]);
    assert_eq!(urls(&desk, "sqlite:s.db"), ["https://e.org/whole"]);
}
