//! What commands do when two of five entries cannot be read: one has a record that is none, one
//! a body that is another. The rest is shown, and totals and exit codes tell of the two.

use std::fs;
use std::path::Path;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{self, HOUR, Item, item};

/// The exit code, the lines on standard output (`None`: no promise), what is said.
type Wanted = (&'static [&'static str], i32, Option<usize>, &'static [&'static str]);

const STORES: [&str; 2] = ["file:s", "sqlite:s.db"];
const LOST_RECORD: &str = "https://e.org/record";
const LOST_BODY: &str = "https://e.org/body";
const REST: [&str; 3] = ["https://e.org/a/1", "https://e.org/a/2", "https://e.org/a/3"];

/// Each command, with the store at its end.
const COMMANDS: [Wanted; 17] = [
    (&["list", "--format", "ndjson", "--backend"], 5, Some(5), &["begins like no known"]),
    (&["list", "--sort", "size", "--format", "ndjson", "--backend"], 5, Some(5), &["begins"]),
    (&["list", "--keys", "--backend"], 0, Some(5), &[]),
    (&["inspect", "--json", "--key", "*", "--backend"], 5, None, &["begins like no known"]),
    (&["inspect", LOST_RECORD, "--backend"], 5, Some(0), &["begins like no known"]),
    (&["explain", LOST_RECORD, "--backend"], 5, None, &["begins like no known"]),
    (&["body", LOST_BODY, "-o", "out", "--backend"], 3, Some(0), &["is damaged", "cachectl get"]),
    (&["export", "-o", "x.ndjson", "--backend"], 5, Some(0), &["2 of 5 entries were not"]),
    (&["export", "-o", "x.har", "--backend"], 5, Some(0), &["2 of 5 entries were not"]),
    // A table needs no bodies.
    (&["export", "-o", "x.csv", "--backend"], 5, Some(0), &["1 of 5 entries were not"]),
    (&["export", "--as", "dir", "-o", "x", "--backend"], 5, Some(0), &["2 of 5 entries were not"]),
    (&["verify", "--backend"], 1, Some(2), &["checked 5 entries", "2 damaged"]),
    (&["purge", "--all", "-n", "--backend"], 0, Some(1), &[]),
    (&["diff", "file:whole"], 5, Some(1), &["4 entries the same", "1 could not be read"]),
    (&["diff", "--content", "file:whole"], 5, Some(2), &["3 entries the same", "2 could not"]),
    (&["convert", "--to", "yaml", "--backend"], 5, None, &["1 of 5 entries were not converted"]),
    // It takes the entry away, so that the next one fetches it.
    (&["get", LOST_BODY, "--offline", "-o", "out", "--backend"], 3, Some(0), &["is damaged"]),
];

/// A database answers these from columns of its own, and reads no record.
const COMMANDS_ON_FILES: [Wanted; 3] = [
    (&["list", "--backend"], 5, Some(5), &["begins like no known"]),
    (&["stats", "--backend"], 5, None, &["1 entry could not be read"]),
    (&["gc", "--older-than", "1s", "-n", "--backend"], 5, None, &["1 entry could not be read"]),
];

/// A store with the two, and `file:whole` with the same entries.
fn damaged(store: &str) -> Desk {
    let desk = Desk::new();
    let large = Item { body: vec![b'x'; 100_000].into(), ..item(LOST_BODY, HOUR) };
    let mut items: Vec<Item> = REST.into_iter().map(|url| item(url, HOUR)).collect();
    items.extend([item(LOST_RECORD, HOUR), large]);
    let found = shelf::fill(&desk, store, &items);
    desk.ok(&["migrate", "-q", store, "file:whole"]);
    let key = &found[3].head.id.key;
    match store.strip_prefix("file:") {
        Some(folder) => {
            let record = desk.file(folder).join("entries").join(&key[..2]).join(key);
            fs::write(record, "garbage").expect("written");
            let only = |folder: &Path| {
                fs::read_dir(folder).expect("a folder").flatten().next().expect("one").path()
            };
            let body = only(&only(&desk.file(folder).join("bodies")));
            let mut bytes = fs::read(&body).expect("a body");
            bytes[50_000] ^= 1;
            fs::write(&body, bytes).expect("written");
        }
        None => {
            let database = rusqlite::Connection::open(desk.file("s.db")).expect("a database");
            database
                .execute_batch(&format!(
                    "UPDATE cache_record SET record = CAST('garbage' AS BLOB)
                       WHERE id = (SELECT id FROM cache WHERE key = '{key}');
                     UPDATE cache_chunk SET data = zeroblob(length(data))"
                ))
                .expect("damaged");
        }
    }
    desk
}

#[test]
fn every_command_goes_on_behind_damage() {
    for store in STORES {
        let desk = damaged(store);
        for most in 1..=5 {
            let (limit, columns) = (most.to_string(), ["--columns", "state,type"]);
            let args = [&["list", "--limit", &limit, "--backend", store][..], &columns].concat();
            let rows = desk.run(&args).text().lines().count();
            assert_eq!(rows, most, "{store}: what cannot be read is a row too");
        }
        let on_files = COMMANDS_ON_FILES.into_iter().filter(|_| store.starts_with("file"));
        for (args, code, lines, said) in on_files.chain(COMMANDS) {
            let ran = desk.run(&[args, &[store]].concat());
            let what = format!("{store}: {args:?}: {}\n{}", ran.text(), ran.stderr);
            assert_eq!(ran.code, code, "{what}");
            if let Some(lines) = lines {
                assert_eq!(ran.text().lines().count(), lines, "{what}");
            }
            for words in said {
                assert!(ran.stderr.contains(words), "{words:?} in {what}");
            }
            let out = desk.file("out");
            assert!(!out.exists(), "half a body: {what}");
        }
        for url in REST {
            desk.ok(&["inspect", url, "--backend", store]);
            assert_eq!(
                desk.ok(&["body", url, "--backend", store]),
                "<p>hello</p>",
                "{store}: {url}"
            );
        }
        let ran = desk.run(&["diff", "--content", store, "file:whole"]);
        assert!(ran.text().contains(LOST_BODY), "{store}: the URL is named: {}", ran.text());
        // A page that is not there has neighbours all the same.
        let ran = desk.run(&["explain", "https://e.org/a/2?x=1", "--backend", store]);
        assert!(ran.text().contains("https://e.org/a/2"), "{store}: {}", ran.text());
    }
}

/// What is read moves and goes, what is not read stays where it is.
#[test]
fn a_move_leaves_what_it_cannot_read() {
    for store in STORES {
        let desk = damaged(store);
        let ran = desk.run(&["migrate", "--move", "--yes", store, "file:there"]);
        ran.failed(5, &["2 of 5 entries were not migrated"]);
        assert_eq!(desk.ok(&["list", "--backend", "file:there"]).lines().count(), 3);
        assert_eq!(desk.run(&["list", "--keys", "--backend", store]).text().lines().count(), 2);
        let ran = desk.run(&["migrate", "--mirror", "--yes", store, "file:whole"]);
        assert_eq!(ran.code, 5, "{store}: {}", ran.stderr);
        let left = desk.ok(&["list", "--backend", "file:whole"]).lines().count();
        assert_eq!(left, 5, "{store}: nothing is removed for the sake of a source half read");
    }
}
