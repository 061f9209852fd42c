//! Values with bytes flipped, cut, doubled and exchanged: whatever comes out is an entry or
//! damage. Seeded, so that what fails does so again.
//!
//! `CACHECTL_FUZZ_SECONDS=600` goes on for so long with each decoder, from another seed with
//! `CACHECTL_FUZZ_SEED`. With `CACHECTL_FUZZ_KEEP=FOLDER` one value is kept for each answer
//! that the corpus does not give yet; `tests/fixtures/corpus` was found so. What lies there is
//! tried on every run, and changed further.

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

    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = fixtures().join("corpus/hishel").join(self.name);
        let files = fs::read_dir(&folder).expect("a corpus").flatten();
        let mut values: Vec<_> = files.map(|file| fs::read(file.path()).expect("read")).collect();
        assert!(!values.is_empty(), "{}", self.name);
        values.sort();
        values
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
        values.extend(self.corpus());
        values
    }

    fn copy(&self) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cache.db");
        fs::copy(self.sample(), &path).expect("copied");
        (folder, path)
    }

    /// A place for its values.
    fn place(&self) -> Place {
        if !self.in_rows {
            return Place::Files;
        }
        let (folder, path) = self.copy();
        let database = Connection::open(&path).expect("a database");
        let address = format!("sqlite:{}", path.display());
        let mut rows: Vec<(i64, Vec<u8>)> = {
            let mut rows = database.prepare("SELECT rowid, data FROM entries").expect("entries");
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
            rows.collect::<Result<_, _>>().expect("values")
        };
        // What is removed or not whole shows nothing.
        rows.retain(|(row, value)| {
            write(&database, *row, b"rubbish");
            let is_seen = self.look(&address).len() > 1;
            write(&database, *row, value);
            is_seen
        });
        Place::Rows(Rows { _folder: folder, database, address, rows })
    }

    /// What a store says in which these values lie. Nothing may be wrong but a value.
    fn answers(&self, place: &Place, values: &[Vec<u8>]) -> BTreeSet<String> {
        let Place::Rows(place) = place else {
            let folder = folder_with(values);
            // A new file that cannot be read may be one in the making, and is waited for.
            for file in fs::read_dir(folder.path()).expect("a folder").flatten() {
                let file = File::options().write(true).open(file.path()).expect("a file");
                file.set_modified(SystemTime::UNIX_EPOCH).expect("old");
            }
            return self.look(&format!("file:{}", folder.path().display()));
        };
        let mut answers = BTreeSet::new();
        for values in values.chunks(place.rows.len()) {
            let pairs = || place.rows.iter().zip(values);
            pairs().for_each(|((row, _), value)| write(&place.database, *row, value));
            answers.extend(self.look(&place.address));
            pairs().for_each(|((row, own), _)| write(&place.database, *row, own));
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
                kind_of(&error.causes())
            }
        });
        let answers = answers.collect();
        block_on(store.close()).expect("closed");
        answers
    }
}

impl Decoder {
    /// Those of the values that give an answer which is not known yet.
    fn new_among(
        &self,
        place: &Place,
        mut values: Vec<Vec<u8>>,
        known: &mut BTreeSet<String>,
    ) -> Vec<Vec<u8>> {
        values.retain(|value| {
            let given = self.answers(place, std::slice::from_ref(value));
            let is_new = !given.is_subset(known);
            known.extend(given);
            is_new
        });
        values
    }
}

/// What values are put into, to be read.
enum Place {
    Files,
    Rows(Rows),
}

/// A copy of a sample, and its rows with what they hold.
struct Rows {
    _folder: TempDir,
    database: Connection,
    address: String,
    rows: Vec<(i64, Vec<u8>)>,
}

/// What went wrong, without where: only words, and none that stood in the value.
fn kind_of(said: &str) -> String {
    let begins = ["invalid ", "missing ", "duplicate "].into_iter().filter_map(|w| said.find(w));
    let said = &said[begins.min().unwrap_or(0)..];
    let said = said.split("opcode").next().unwrap_or_default();
    let words = said.split(['`', '\'']).step_by(2).flat_map(str::chars);
    words.filter(|c| c.is_ascii_alphabetic() || *c == ' ').collect()
}

fn write(database: &Connection, row: i64, value: &[u8]) {
    let sql = "UPDATE entries SET data = ?1 WHERE rowid = ?2";
    database.execute(sql, (value, row)).expect("written");
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

fn number(name: &str) -> u64 {
    std::env::var(name).map_or(0, |text| text.parse().expect("a number"))
}

/// Whatever a changed value gives is an entry or damage.
#[allow(clippy::print_stdout, reason = "who lets it run for long wants to see something")]
fn mutate(name: &str) {
    let decoder = DECODERS.iter().find(|decoder| decoder.name == name).expect("a decoder");
    let span = Duration::from_secs(number("CACHECTL_FUZZ_SECONDS"));
    let keep = std::env::var_os("CACHECTL_FUZZ_KEEP").map(PathBuf::from);
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ number("CACHECTL_FUZZ_SEED"));
    let (begun, mut originals) = (Instant::now(), decoder.originals());
    let place = decoder.place();
    let mut answers = decoder.answers(&place, &decoder.corpus());
    assert!(answers.len() > 1, "{name}: some are damaged, some are not");
    let mut tried = 0;
    while tried == 0 || begun.elapsed() < span {
        let values: Vec<_> = (0..ROUND).map(|_| random.mutated(&originals)).collect();
        tried += values.len();
        let given = decoder.answers(&place, &values);
        if let Some(folder) = keep.as_ref().filter(|_| !given.is_subset(&answers)) {
            let folder = folder.join(name);
            fs::create_dir_all(&folder).expect("a folder");
            for value in decoder.new_among(&place, values, &mut answers) {
                let number = fs::read_dir(&folder).expect("a folder").count();
                fs::write(folder.join(format!("{number:03}")), &value).expect("kept");
                originals.push(value);
            }
        }
        answers.extend(given);
    }
    println!("{name}: {tried} values, {} answers", answers.len());
}

#[test]
fn mutated_json_is_an_entry_or_damage() {
    mutate("json");
}

#[test]
fn mutated_yaml_is_an_entry_or_damage() {
    mutate("yaml");
}

#[test]
fn mutated_pickles_are_entries_or_damage() {
    mutate("pickle");
}

#[test]
fn mutated_rows_of_the_beta_are_entries_or_damage() {
    mutate("beta");
}

#[test]
fn mutated_rows_of_generation_1_are_entries_or_damage() {
    mutate("one");
}

#[test]
fn mutated_rows_of_generation_2_are_entries_or_damage() {
    mutate("two");
}

#[test]
fn what_mutation_once_found_is_still_damage() {
    for decoder in DECODERS {
        decoder.answers(&decoder.place(), &decoder.corpus());
    }
}
