//! Reading a database that belongs to somebody else: no file appears or changes, nobody is kept
//! out, and what was committed is shown, in every journal mode, also behind a writer that died.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{self, HOUR, Item, item};

const URL: &str = "https://e.org/first";
const LARGE: &str = "https://e.org/large";
/// Where the database lies, and its name there.
const PLACE: &str = "s/c.db";

/// Databases of every layout.
const LAYOUTS: [&str; 4] = ["native", "hishel-0", "hishel-1", "hishel-2"];

/// In which state a database is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// Nobody uses it.
    Alone,
    /// Somebody has it open, and has committed something that is not merged yet.
    InUse,
    /// Somebody is in the middle of a change.
    BeingChanged,
    /// Whoever changed it was killed: what was committed lies beside it.
    Left,
    /// Whoever changed it was killed in the middle.
    LeftHalfWay,
    /// Whoever changed it was killed when a new log had its header, which the index knows nothing
    /// of. Only a database with a log can be met like that.
    LeftAtHeader,
}

const ALL: [Met; 6] =
    [Met::Alone, Met::InUse, Met::BeingChanged, Met::Left, Met::LeftHalfWay, Met::LeftAtHeader];

struct Scene {
    desk: Desk,
    layout: &'static str,
    /// Who uses the database.
    user: Option<Connection>,
}

impl Scene {
    fn new(layout: &'static str, mode: &str, met: Met) -> Self {
        let desk = Desk::new();
        let large = Item { body: vec![b'x'; 300_000].into(), ..item(LARGE, HOUR) };
        shelf::fill(&desk, "file:seed", &[item(URL, HOUR), large]);
        fs::create_dir(desk.file("s")).expect("made");
        desk.ok(&["migrate", "-q", "file:seed", &format!("sqlite:{PLACE}?layout={layout}")]);
        let scene = Scene { desk, layout, user: None };
        let path = scene.desk.file(PLACE);
        let user = Connection::open(&path).expect("a database");
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let set = user.pragma_update_and_check(None, "journal_mode", mode, read);
        assert_eq!(set.as_deref(), Ok(mode));
        user.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").expect("made");
        let change = "BEGIN IMMEDIATE; PRAGMA cache_size = 1; PRAGMA cache_spill = 1;
            CREATE TABLE more (x);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
            INSERT INTO more SELECT randomblob(3000) FROM n;
            UPDATE theirs SET x = 2;";
        match met {
            Met::Alone => drop(user),
            Met::InUse => {
                user.execute_batch("INSERT INTO theirs VALUES (2)").expect("committed");
                return Scene { user: Some(user), ..scene };
            }
            Met::BeingChanged => {
                // Only what fits into memory: who has spilled keeps everybody out.
                user.execute_batch("BEGIN IMMEDIATE; UPDATE theirs SET x = 2").expect("begun");
                return Scene { user: Some(user), ..scene };
            }
            Met::LeftAtHeader => {
                drop(user);
                let user = Connection::open(&path).expect("a database");
                let count = "SELECT count(*) FROM theirs";
                user.query_row(count, [], |row| row.get::<_, i64>(0)).expect("read");
                let beside = |ending: &str| scene.desk.file(&format!("{PLACE}{ending}"));
                let database = fs::read(&path).expect("read");
                let index = fs::read(beside("-shm")).expect("an index");
                user.execute_batch("INSERT INTO theirs VALUES (2)").expect("committed");
                let log = fs::read(beside("-wal")).expect("a log");
                drop(user);
                fs::write(&path, database).expect("written");
                fs::write(beside("-shm"), index).expect("written");
                fs::write(beside("-wal"), &log[..32]).expect("written");
            }
            Met::Left | Met::LeftHalfWay => {
                user.execute_batch("INSERT INTO theirs VALUES (2)").expect("committed");
                if met == Met::LeftHalfWay {
                    user.execute_batch(change).expect("begun");
                }
                // What a process that dies leaves is what lies there now.
                let copies: Vec<(PathBuf, Vec<u8>)> = files(&scene.desk.file("s"));
                drop(user);
                fs::remove_dir_all(scene.desk.file("s")).expect("removed");
                fs::create_dir(scene.desk.file("s")).expect("made");
                for (path, content) in copies {
                    fs::write(path, content).expect("written");
                }
            }
        }
        scene
    }

    fn store(&self, more: &str) -> String {
        format!("sqlite:{PLACE}?layout={}{more}", self.layout)
    }
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    files.map(|path| (path.clone(), fs::read(path).expect("read"))).collect()
}

/// Names, contents and times of all that lies in a folder, and of the folder.
fn look(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    let modified =
        |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).expect("a time");
    for (path, content) in files(folder) {
        let sum = xxhash_rust::xxh3::xxh3_64(&content);
        seen.insert(path.clone(), format!("{} {sum:x} {:?}", content.len(), modified(&path)));
    }
    seen.insert(folder.to_owned(), format!("{:?}", modified(folder)));
    seen
}

fn try_all(layout: &'static str) {
    for mode in ["wal", "delete", "truncate", "persist"] {
        for met in ALL.into_iter().filter(|&met| mode == "wal" || met != Met::LeftAtHeader) {
            let scene = Scene::new(layout, mode, met);
            let what = format!("{layout} {mode} {met:?}");
            let before = look(&scene.desk.file("s"));
            let plain = scene.store("");
            let fixed = scene.store("&readonly=true");
            let key = {
                let ran = scene.desk.run(&["list", "--columns", "key,url", "--backend", &plain]);
                assert_eq!(ran.code, 0, "{what}: {}", ran.stderr);
                assert_eq!(ran.text().lines().count(), 2, "{what}: {}", ran.text());
                ran.text().split('\t').next().expect("a key").to_owned()
            };
            let commands: [&[&str]; 14] = [
                &["list", "--json", "--backend", &plain],
                &["list", "--sort", "size", "--backend", &fixed],
                &["inspect", "--key", "*", "--json", "--backend", &plain],
                &["inspect", &key, "--backend", &fixed],
                &["body", LARGE, "-o", "body", "--backend", &plain],
                &["explain", URL, "--backend", &plain],
                &["stats", "--backend", &plain],
                &["verify", "--backend", &plain],
                &["export", "--as", "archive", "-o", "x.ndjson", "--backend", &fixed],
                &["diff", "file:seed", &plain],
                &["get", "--offline", "-o", "body", LARGE, "--backend", &fixed],
                &["purge", "--all", "--dry-run", "--backend", &plain],
                &["gc", "--older-than", "1s", "--dry-run", "--backend", &plain],
                &["migrate", &plain, "file:copy"],
            ];
            for args in commands {
                let ran = scene.desk.run(args);
                assert_eq!(ran.code, 0, "{what}: {args:?}: {}", ran.stderr);
                assert_eq!(look(&scene.desk.file("s")), before, "{what}: {args:?}");
            }
            assert_eq!(fs::read(scene.desk.file("body")).expect("a body").len(), 300_000, "{what}");
            assert_eq!(scene.desk.run(&["diff", &plain, "file:copy"]).code, 0, "{what}");
            // Whoever was there goes on.
            let user = match scene.user {
                Some(user) => user,
                None => Connection::open(scene.desk.file(PLACE)).expect("a database"),
            };
            let _ = user.execute_batch("COMMIT");
            user.execute_batch("INSERT INTO theirs VALUES (3)")
                .unwrap_or_else(|e| panic!("{what}: {e}"));
            let most: i64 =
                user.query_row("SELECT max(x) FROM theirs", [], |row| row.get(0)).expect("a row");
            assert_eq!(most, 3, "{what}");
            drop(user);
            let ran = scene.desk.run(&[
                "purge",
                URL,
                "--backend",
                &format!("sqlite:{PLACE}?layout={layout}"),
            ]);
            assert_eq!(ran.code, 0, "{what}: a writer is let in: {}", ran.stderr);
        }
    }
}

#[test]
fn databases_of_ours_are_left_as_they_are() {
    try_all(LAYOUTS[0]);
}

#[test]
fn databases_of_hishel_0_are_left_as_they_are() {
    try_all(LAYOUTS[1]);
}

#[test]
fn databases_of_hishel_1_are_left_as_they_are() {
    try_all(LAYOUTS[2]);
}

#[test]
fn databases_of_hishel_2_are_left_as_they_are() {
    try_all(LAYOUTS[3]);
}
