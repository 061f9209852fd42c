//! Values with bytes flipped, cut, doubled and exchanged: whatever comes out is an entry or
//! damage. Seeded, so that what fails does so again.
//!
//! `CACHECTL_FUZZ_SECONDS=600` goes on for so long with each decoder. With
//! `CACHECTL_FUZZ_KEEP=FOLDER` one value is kept for each new answer; what lies in
//! `tests/fixtures/corpus` was found so, and is tried on every run.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use cachectl::{Detail, Query};
use futures_util::StreamExt;
use rusqlite::Connection;
use tempfile::TempDir;

use super::hishel::{block_on, folder_with, open};

/// A decoder, by a sample of what it reads.
#[derive(Clone, Copy)]
struct Decoder {
    name: &'static str,
    sample: &'static str,
    /// Values lie in rows of `entries`, not in files.
    in_rows: bool,
}

const DECODERS: &[Decoder] = &[
    Decoder { name: "json", sample: "hishel-0.1.5/file-json/cache", in_rows: false },
    Decoder { name: "yaml", sample: "hishel-0.1.5/file-yaml/cache", in_rows: false },
    Decoder { name: "pickle", sample: "hishel-0.1.5/file-pickle/cache", in_rows: false },
    Decoder {
        name: "beta",
        sample: "hishel-0.1.5-beta/sqlite-msgpack/hishel_cache.db",
        in_rows: true,
    },
    Decoder { name: "one", sample: "hishel-1.4.0/sqlite-msgpack/hishel_cache.db", in_rows: true },
    Decoder {
        name: "two",
        sample: "hishel-2.0.0/sqlite-msgpack-rfc/hishel_cache_v2.db",
        in_rows: true,
    },
];

/// Values of a round.
const ROUND: usize = 400;

/// Longer values only take longer.
const LONGEST: usize = 8000;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

impl Decoder {
    fn sample(&self) -> PathBuf {
        fixtures().join(self.sample)
    }

    fn originals(&self) -> Vec<Vec<u8>> {
        let mut values: Vec<Vec<u8>> = if self.in_rows {
            let (_folder, path) = self.copy();
            let database = Connection::open(path).expect("a database");
            let mut rows = database.prepare("SELECT data FROM entries").expect("entries");
            let values = rows.query_map([], |row| row.get(0)).expect("rows");
            values.collect::<Result<_, _>>().expect("blobs")
        } else {
            let files = fs::read_dir(self.sample()).expect("a sample").flatten();
            files.map(|file| fs::read(file.path()).expect("read")).collect()
        };
        values.retain(|value| value.len() < LONGEST && !value.is_empty());
        values.sort();
        values
    }

    fn copy(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache.db");
        fs::copy(self.sample(), &path).expect("copied");
        (folder, path)
    }

    /// What a store says in which these values lie. Nothing may be wrong but a value.
    fn answers(&self, values: &[Vec<u8>]) -> BTreeSet<String> {
        if !self.in_rows {
            let folder = folder_with(values);
            // A new file that cannot be read may be one in the making, and is waited for.
            for file in fs::read_dir(folder.path()).expect("a folder").flatten() {
                let file = File::options().write(true).open(file.path()).expect("a file");
                file.set_modified(SystemTime::UNIX_EPOCH).expect("old");
            }
            return self.look(&format!("file:{}", folder.path().display()));
        }
        let (_folder, path) = self.copy();
        let database = Connection::open(&path).expect("a database");
        let ids: Vec<i64> = {
            let mut rows = database.prepare("SELECT rowid FROM entries").expect("entries");
            let rows = rows.query_map([], |row| row.get(0)).expect("rows");
            rows.collect::<Result<_, _>>().expect("numbers")
        };
        let mut answers = BTreeSet::new();
        for values in values.chunks(ids.len()) {
            for (value, id) in values.iter().zip(&ids) {
                let sql = "UPDATE entries SET data = ?1 WHERE rowid = ?2";
                database.execute(sql, (value, id)).expect("written");
            }
            answers.extend(self.look(&format!("sqlite:{}", path.display())));
        }
        answers
    }

    fn look(&self, address: &str) -> BTreeSet<String> {
        let store = open(address);
        let found = block_on(store.scan(Query::with_detail(Detail::Body)).collect::<Vec<_>>());
        let answers = found.iter().map(|found| match found {
            Ok(_) => "an entry".to_owned(),
            Err(error) => {
                assert!(cachectl::is_damage(error), "{}: {error:?}", self.name);
                error.causes().chars().filter(|c| !c.is_ascii_digit()).collect()
            }
        });
        let answers = answers.collect();
        block_on(store.close()).expect("closed");
        answers
    }
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// One of these values, changed in one to five places.
    fn mutated(&mut self, originals: &[Vec<u8>]) -> Vec<u8> {
        let mut value = originals[self.below(originals.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(value.len());
            match self.below(5) {
                0 => value[at] ^= 1 << self.below(8),
                1 => value.truncate(at.max(1)),
                2 => value[at] = self.below(256) as u8,
                3 => {
                    let other = &originals[self.below(originals.len())];
                    let from = self.below(other.len());
                    value.truncate(at.max(1));
                    value.extend(&other[from..]);
                }
                _ => {
                    let part = value[at..].to_vec();
                    value.extend(part);
                }
            }
        }
        value.truncate(4 * LONGEST);
        value
    }
}

#[test]
fn mutated_values_are_entries_or_damage() {
    let seconds = std::env::var("CACHECTL_FUZZ_SECONDS").ok();
    let span = Duration::from_secs(seconds.map_or(0, |text| text.parse().expect("seconds")));
    let keep = std::env::var_os("CACHECTL_FUZZ_KEEP").map(PathBuf::from);
    for decoder in DECODERS {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (begun, originals) = (Instant::now(), decoder.originals());
        let mut answers = BTreeSet::new();
        let mut tried = 0;
        while tried == 0 || begun.elapsed() < span {
            let values: Vec<_> = (0..ROUND).map(|_| random.mutated(&originals)).collect();
            tried += values.len();
            let given = decoder.answers(&values);
            if let Some(folder) = keep.as_ref().filter(|_| !given.is_subset(&answers)) {
                keep_new(*decoder, &values, &mut answers, &folder.join(decoder.name));
            }
            answers.extend(given);
        }
        println!("{}: {tried} values, {} answers", decoder.name, answers.len());
        assert!(answers.len() > 1, "{}: some are damaged, some are not", decoder.name);
    }
}

/// Keeps those of the values that give an answer which none has given before.
fn keep_new(decoder: Decoder, values: &[Vec<u8>], known: &mut BTreeSet<String>, folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
    let usual = decoder.answers(&[]);
    for value in values {
        let mut given = decoder.answers(std::slice::from_ref(value));
        given.retain(|answer| !known.contains(answer) && !usual.contains(answer));
        if !given.is_empty() {
            let name = format!("{:03}", fs::read_dir(folder).expect("a folder").count());
            fs::write(folder.join(name), value).expect("kept");
            known.extend(given);
        }
    }
}

#[test]
fn what_mutation_once_found_is_still_damage() {
    for decoder in DECODERS {
        let folder = fixtures().join("corpus/hishel").join(decoder.name);
        let files = fs::read_dir(&folder).expect("a corpus").flatten();
        let values: Vec<_> = files.map(|file| fs::read(file.path()).expect("read")).collect();
        assert!(!values.is_empty(), "{}", decoder.name);
        decoder.answers(&values);
    }
}
