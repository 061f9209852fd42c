//! Stores, files and projects that mean harm. Whatever stands in them, nothing outside of the
//! store is touched, every command ends soon and in little memory, and what is whole stays
//! usable.

mod databases;
mod files;
mod inputs;
mod projects;
mod servers;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cachectl::{Key, Method, UrlText};
use nix::sys::resource::{UsageWho, getrusage};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::testkit::program::{Desk, Ran};
use crate::testkit::shelf::{self, HOUR, Item, item};

/// How long a command may take; it runs without optimisation here.
const SOON: Duration = Duration::from_secs(20);

/// How much memory a command may take at most, in KiB.
const LITTLE: i64 = 64 << 10;

/// What is whole in every forged store.
const GOOD: [&str; 2] = ["https://good.example/small", "https://good.example/large"];

/// What the forgery is about.
const VICTIM: &str = "https://victim.example/";

/// How much of the store is usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// All but the victim.
    Usable,
    /// Nothing: the place as a whole is not a store.
    Lost,
}

/// Everything below a folder but what is in it stays in tests: names, kinds, contents, times.
fn look(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let meta = path.symlink_metadata().expect("looked at");
        let content = match meta.is_file() {
            true => format!("{:?}", fs::read(&path).expect("read")),
            false => format!("{:?}", fs::read_link(&path).ok()),
        };
        let times = (meta.mtime(), meta.mtime_nsec(), meta.mode(), meta.ino());
        seen.insert(path.clone(), format!("{times:?} {content}"));
        if meta.is_dir() {
            seen.extend(look(&path));
        }
    }
    seen
}

/// What is done to a scene.
type Forge = fn(&Scene);

/// A desk with something precious outside of every store.
struct Scene {
    desk: Desk,
    outside: BTreeMap<PathBuf, String>,
}

impl Scene {
    fn new() -> Self {
        Self::with(Desk::new())
    }

    fn with(desk: Desk) -> Self {
        desk.write("outside/precious.txt", vec![b'p'; 40_000]);
        desk.write("outside/folder/inner.txt", "inner");
        let outside = look(&desk.file("outside"));
        Scene { desk, outside }
    }

    /// Somewhere outside of the store.
    fn precious(&self) -> PathBuf {
        self.desk.file("outside/precious.txt")
    }

    fn check_outside(&self, what: &str) {
        let now = look(&self.desk.file("outside"));
        assert!(now == self.outside, "{what}: something outside was touched:\n{now:#?}");
    }

    /// Runs a command, which has to end soon, in little memory and by itself.
    fn run(&self, args: &[&str], what: &str) -> Ran {
        let (out, err) = (self.desk.file("out.txt"), self.desk.file("err.txt"));
        let mut command = self.desk.command(args);
        command.stdout(File::create(&out).expect("a file"));
        command.stderr(File::create(&err).expect("a file"));
        // A child begins with the peak of its parent.
        fs::write("/proc/self/clear_refs", "5").expect("clear the peak");
        let mut child = command.spawn().expect("the program runs");
        let started = Instant::now();
        let status = loop {
            match child.try_wait().expect("a child") {
                Some(status) => break status,
                None if started.elapsed() > SOON => {
                    let _ = child.kill();
                    panic!("{what}: {args:?} does not end");
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let stderr = String::from_utf8_lossy(&fs::read(&err).expect("read")).into_owned();
        let ran = Ran {
            code: status.code().unwrap_or(-1),
            stdout: fs::read(&out).expect("read"),
            stderr,
        };
        assert!((0..10).contains(&ran.code), "{what}: {args:?}: {}\n{}", ran.code, ran.stderr);
        let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("a number").max_rss();
        assert!(used <= LITTLE, "{what}: {args:?} took {used} KiB");
        assert!(ran.stderr.len() < 200_000, "{what}: {args:?} says {} bytes", ran.stderr.len());
        self.check_outside(&format!("{what}: {args:?}"));
        ran
    }

    /// Tries every command on a forged store, those that change it last.
    fn try_all(&self, store: &str, rest: Rest, what: &str) {
        let at = |args: &[&str]| self.run(&[args, &["--backend", store]].concat(), what);
        let is_usable = rest == Rest::Usable;
        let is_good = |when: &str| {
            if is_usable {
                for url in GOOD {
                    let got = at(&["get", "--offline", url]);
                    let length = if url.ends_with("large") { 40_000 } else { 12 };
                    let told = format!("{what} {when}: {url}: {}\n{}", got.code, got.stderr);
                    assert_eq!((got.code, got.stdout.len()), (0, length), "{told}");
                }
            }
        };
        is_good("at first");
        at(&["get", "--offline", "-o", "/dev/null", VICTIM]);
        let listed = at(&["list", "--columns", "url"]);
        for url in GOOD.into_iter().filter(|_| is_usable) {
            assert!(listed.text().contains(url), "{what}: {url} is listed\n{}", listed.stderr);
        }
        at(&["list", "--json", "--sort", "size"]);
        at(&["inspect", "--key", "*", "--json"]);
        at(&["stats"]);
        at(&["verify"]);
        at(&["export", "--as", "archive", "-o", "out.ndjson"]);
        self.run(&["migrate", store, "file:copy", "--include-expired"], what);
        let copied = self.run(&["list", "--columns", "url", "--backend", "file:copy"], what).text();
        for url in GOOD.into_iter().filter(|_| is_usable) {
            assert!(copied.contains(url), "{what}: {url} is migrated");
        }
        self.run(&["diff", store, "file:copy"], what);
        at(&["verify", "--repair", "--yes", "--quarantine", "q"]);
        is_good("after a repair");
        at(&["gc", "--corrupt", "--yes"]);
        is_good("after cleaning");
        at(&["purge", VICTIM, "--ignore-missing"]);
        is_good("after purging the victim");
        at(&["purge", "--all", "--yes"]);
    }
}

/// What every forged store holds.
fn items() -> Vec<Item> {
    let large = |url| Item { body: vec![b'x'; 40_000].into(), ..item(url, HOUR) };
    vec![item(GOOD[0], HOUR), large(GOOD[1]), large(VICTIM)]
}

/// Moves what every forged store holds to a store.
fn fill(scene: &Scene, store: &str) {
    shelf::fill(&scene.desk, "file:seed", &items());
    let ran = scene.run(&["migrate", "file:seed", store], "the store is filled");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// The native key of a URL.
fn key(url: &str) -> String {
    Key::native("", &Method::GET, &UrlText::parse(url).expect("a URL"))
}

/// A native record with something else in it, and the right checksum.
fn forge(record: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let end = record.iter().position(|c| *c == b'\n').expect("a first line");
    let mut document: Value = serde_json::from_slice(&record[..end]).expect("JSON");
    let entries = document.get_mut("entries").expect("entries");
    change(entries);
    signed(&format!("\"entries\":{entries}}}"), &record[end + 1..])
}

/// A record with this content, whatever it is, and the right checksum.
fn signed(content: &str, bodies: &[u8]) -> Vec<u8> {
    let sum = xxhash_rust::xxh3::xxh3_64(content.as_bytes());
    let mut record = format!("{{\"cachectl\":1,\"xxh3\":\"{sum:016x}\",{content}\n").into_bytes();
    record.extend_from_slice(bodies);
    record
}

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
}

fn link(path: &Path, to: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir_all(path);
    std::os::unix::fs::symlink(to, path).expect("a link");
}

/// A file of so many zeros that takes no place.
fn sparse(path: &Path, start: &[u8], length: u64) {
    let _ = fs::remove_file(path);
    fs::write(path, start).expect("written");
    let file = File::options().write(true).open(path).expect("a file");
    file.set_len(length).expect("made longer");
}
