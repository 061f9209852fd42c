//! Databases: values, tables and files beside them.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{GOOD, Rest, Scene, VICTIM, fifo, fill, forge, link, sparse};
use crate::testkit::alone;

/// A database of which the file is known.
struct Base<'a> {
    scene: &'a Scene,
    path: PathBuf,
}

impl Base<'_> {
    /// Runs statements; what is no longer a good schema may still be written.
    fn sql(&self, sql: &str) {
        let connection = Connection::open(&self.path).expect("a database");
        connection.pragma_update(None, "writable_schema", true).expect("allowed");
        connection.pragma_update(None, "foreign_keys", false).expect("allowed");
        let sql = match sql.contains("VICTIM_ROW") {
            true => &sql.replace("VICTIM_ROW", &victim_row(&connection).to_string()),
            false => sql,
        };
        connection.execute_batch(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(ending);
        path.into()
    }

    /// The victim's record, changed.
    fn forge(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let connection = Connection::open(&self.path).expect("a database");
        let find = "SELECT r.id, r.record FROM cache_record r JOIN cache c ON c.id = r.id
                    WHERE c.url = ?1";
        let (row, record): (i64, Vec<u8>) = connection
            .query_row(find, [VICTIM], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("a record");
        let sql = "UPDATE cache_record SET record = ?1 WHERE id = ?2";
        connection.execute(sql, (forge(&record, change), row)).expect("written");
    }
}

/// The row of the victim in a database of hishel's, whose value holds its URL.
fn victim_row(connection: &Connection) -> i64 {
    let find = |table: &str| {
        let sql = format!(
            "SELECT rowid FROM {table} WHERE instr(data, CAST(?1 AS BLOB)) > 0 OR instr(data, ?1) > 0"
        );
        connection.query_row(&sql, ["victim.example"], |row| row.get(0))
    };
    find("entries").or_else(|_| find("cache")).expect("the victim's row")
}

/// Only the victim's row.
macro_rules! victim {
    ($set:literal) => {
        |b: &Base<'_>| {
            b.sql(&format!("UPDATE cache SET {} WHERE url = '{VICTIM}'", $set));
        }
    };
}

type Case = (&'static str, Rest, fn(&Base<'_>));

const NATIVE: &[Case] = &[
    ("a key of the wrong type", Rest::Usable, victim!("key = x'ff00'")),
    ("a status that is text", Rest::Usable, victim!("status = 'two hundred'")),
    ("a status beyond all", Rest::Usable, victim!("status = 9223372036854775807")),
    ("a number of uses below zero", Rest::Usable, victim!("uses = -5")),
    ("a time that is bytes", Rest::Usable, victim!("created_at = x'00'")),
    (
        "a time beyond all",
        Rest::Usable,
        victim!("created_at = 9223372036854775807, expires_at = -9223372036854775808"),
    ),
    ("a stamp that is too short", Rest::Usable, victim!("stamp = x'01'")),
    ("a URL of many megabytes", Rest::Usable, victim!("url = zeroblob(80000000)")),
    ("a key of many megabytes", Rest::Usable, victim!("key = CAST(zeroblob(15000000) AS TEXT)")),
    ("a body that is another's", Rest::Usable, |b| {
        b.sql(&format!(
            "UPDATE cache SET body = (SELECT body FROM cache WHERE url = '{}') WHERE url = '{VICTIM}'",
            GOOD[1]
        ));
        let body: i64 = Connection::open(&b.path)
            .expect("a database")
            .query_row("SELECT body FROM cache WHERE url = ?1", [GOOD[1]], |row| row.get(0))
            .expect("a body");
        b.forge(|entries| entries[0]["body"]["in"] = body.to_string().into());
    }),
    ("a body below zero", Rest::Usable, victim!("body = -1")),
    ("a body whose chunks are another's", Rest::Usable, victim!("body = 1 << 44")),
    ("a body by name", Rest::Usable, |b| {
        b.forge(|entries| entries[0]["body"]["in"] = "../../outside/precious.txt".into());
    }),
    ("a record of many megabytes", Rest::Usable, |b| {
        b.sql(&format!(
            "UPDATE cache_record SET record = zeroblob(80000000)
             WHERE id = (SELECT id FROM cache WHERE url = '{VICTIM}')"
        ));
    }),
    ("a record that is text", Rest::Usable, |b| {
        b.sql(&format!(
            "UPDATE cache_record SET record = 'text'
             WHERE id = (SELECT id FROM cache WHERE url = '{VICTIM}')"
        ));
    }),
    ("a record that is nothing", Rest::Usable, |b| {
        b.sql(&format!(
            "DELETE FROM cache_record WHERE id = (SELECT id FROM cache WHERE url = '{VICTIM}')"
        ));
    }),
    ("a chunk of many megabytes", Rest::Usable, |b| {
        b.sql(&format!(
            "UPDATE cache_chunk SET data = zeroblob(80000000)
             WHERE id = (SELECT body << 20 FROM cache WHERE url = '{VICTIM}')"
        ));
    }),
    ("a chunk that is a number", Rest::Usable, |b| {
        b.sql(&format!(
            "UPDATE cache_chunk SET data = 7
             WHERE id = (SELECT body << 20 FROM cache WHERE url = '{VICTIM}')"
        ));
    }),
    ("thousands of entries under one key", Rest::Usable, |b| {
        b.sql(&format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
             INSERT INTO cache (key, variant, method, url, status, body_bytes, stored_bytes,
                                created_at, serializer, stamp)
             SELECT c.key, 'v' || n.i, 'GET', c.url, 200, 0, 0, 0, 'json', c.stamp
             FROM n, cache c WHERE c.url = '{VICTIM}'"
        ));
    }),
];

const TABLES: &[Case] = &[
    ("a layout that is text", Rest::Lost, |b| b.sql("UPDATE cache_meta SET value = 'one'")),
    ("a layout from the future", Rest::Lost, |b| b.sql("UPDATE cache_meta SET value = 99")),
    ("a layout of many megabytes", Rest::Lost, |b| {
        b.sql("UPDATE cache_meta SET value = zeroblob(100000000)");
    }),
    ("a view without an end", Rest::Lost, |b| {
        b.sql(
            "DROP TABLE cache;
             CREATE VIEW cache AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
               SELECT i AS id, 'k' AS key, '' AS variant, 'GET' AS method, 'u' AS url, 'h' AS host,
                 200 AS status, NULL AS content_type, 0 AS body_bytes, 0 AS stored_bytes,
                 0 AS created_at, NULL AS expires_at, NULL AS usable_until, 0 AS uses,
                 NULL AS last_used_at, 'json' AS serializer, x'' AS stamp, NULL AS body FROM n",
        );
    }),
    ("a column that is computed", Rest::Lost, |b| {
        b.sql(
            "DROP TABLE cache_record;
             CREATE TABLE cache_record (id INTEGER PRIMARY KEY,
               record BLOB AS (zeroblob(900000000 + id)) VIRTUAL);
             INSERT INTO cache_record (id) SELECT id FROM cache",
        );
    }),
    ("an index that computes", Rest::Lost, |b| {
        b.sql("CREATE INDEX computed ON cache (replace(hex(zeroblob(20000000)), '00', key))");
    }),
    ("a table that is a full-text index", Rest::Lost, |b| {
        b.sql("DROP TABLE cache_chunk; CREATE VIRTUAL TABLE cache_chunk USING fts5(data)");
    }),
    ("a trigger that refuses removals", Rest::Usable, |b| {
        b.sql(
            "CREATE TRIGGER refuse BEFORE DELETE ON cache BEGIN SELECT raise(IGNORE); END;
             CREATE TRIGGER flood AFTER UPDATE ON cache BEGIN DELETE FROM cache_record; END",
        );
    }),
];

const BESIDE: &[Case] = &[
    ("a link for a journal", Rest::Lost, |b| link(&b.beside("-journal"), &b.scene.precious())),
    ("a pipe for a journal", Rest::Lost, |b| fifo(&b.beside("-journal"))),
    ("a pipe for a log", Rest::Lost, |b| fifo(&b.beside("-wal"))),
    ("a link for the index of a log", Rest::Lost, |b| {
        link(&b.beside("-shm"), &b.scene.precious());
    }),
    ("a journal that names another file", Rest::Lost, |b| {
        // What a transaction over several databases leaves: SQLite removes the file in the end.
        let name = b.scene.precious();
        let name = name.to_str().expect("text").as_bytes();
        let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
        journal.resize(512, 0);
        journal.extend_from_slice(&1u32.to_be_bytes());
        journal.extend_from_slice(name);
        journal.extend_from_slice(&(name.len() as u32).to_be_bytes());
        let sum: u32 = name.iter().map(|c| u32::from(*c)).sum();
        journal.extend_from_slice(&sum.to_be_bytes());
        journal.extend_from_slice(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
        fs::write(b.beside("-journal"), journal).expect("written");
    }),
    ("a database of zeros", Rest::Lost, |b| sparse(&b.path, b"", 10 << 30)),
    ("a database that claims to be larger than any", Rest::Lost, |b| {
        sparse(&b.path, b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20", 10 << 30);
    }),
    ("a pipe for a database", Rest::Lost, |b| fifo(&b.path)),
    ("a folder for a database", Rest::Lost, |b| {
        fs::remove_file(&b.path).expect("removed");
        fs::create_dir(&b.path).expect("made");
    }),
    ("pages that are torn", Rest::Lost, |b| {
        let mut bytes = fs::read(&b.path).expect("read");
        for (at, byte) in bytes.iter_mut().enumerate().skip(4096) {
            if at % 997 == 0 {
                *byte ^= 0x55;
            }
        }
        fs::write(&b.path, bytes).expect("written");
    }),
];

#[test]
fn rows_of_native_databases() {
    try_cases("sqlite:s.db", NATIVE);
}

#[test]
fn tables_of_native_databases() {
    try_cases("sqlite:s.db", TABLES);
}

#[test]
fn what_lies_beside_the_database() {
    try_cases("sqlite:s.db", BESIDE);
}

/// What rows of hishel 1 and 2 have.
const ROWS: &[Case] = &[
    ("a head of many megabytes", Rest::Usable, |b| {
        b.sql("UPDATE entries SET data = zeroblob(80000000) WHERE rowid = VICTIM_ROW");
    }),
    ("a head that is a number", Rest::Usable, |b| {
        b.sql("UPDATE entries SET data = 7 WHERE rowid = VICTIM_ROW");
    }),
    ("a key of many megabytes", Rest::Usable, |b| {
        b.sql("UPDATE entries SET cache_key = zeroblob(15000000) WHERE rowid = VICTIM_ROW");
    }),
    ("a key that is text", Rest::Usable, |b| {
        b.sql("UPDATE entries SET cache_key = CAST(cache_key AS TEXT) WHERE rowid = VICTIM_ROW");
    }),
    ("an identity that is text", Rest::Usable, |b| {
        b.sql("UPDATE entries SET id = 'identity' WHERE rowid = VICTIM_ROW");
    }),
    ("a chunk of many megabytes", Rest::Usable, |b| {
        b.sql(
            "UPDATE streams SET chunk_data = zeroblob(80000000)
               WHERE chunk_number = 0 AND entry_id = (SELECT id FROM entries WHERE rowid = VICTIM_ROW)",
        );
    }),
    ("a chunk that is text", Rest::Usable, |b| {
        b.sql(
            "UPDATE streams SET chunk_data = 'text'
               WHERE chunk_number = 0 AND entry_id = (SELECT id FROM entries WHERE rowid = VICTIM_ROW)",
        );
    }),
    ("chunks with impossible numbers", Rest::Usable, |b| {
        b.sql(
            "UPDATE streams SET chunk_number = 9223372036854775807
               WHERE chunk_number = 0 AND entry_id = (SELECT id FROM entries WHERE rowid = VICTIM_ROW)",
        );
    }),
    ("a view for the entries", Rest::Lost, |b| {
        b.sql(
            "ALTER TABLE entries RENAME TO real_entries;
               CREATE VIEW entries AS SELECT * FROM real_entries",
        );
    }),
    ("a column that is computed", Rest::Lost, |b| {
        b.sql(
            "DROP TABLE streams; CREATE TABLE streams (entry_id BLOB, chunk_number INTEGER,
                 chunk_data BLOB AS (zeroblob(900000000)))",
        );
    }),
    ("a trigger that refuses removals", Rest::Usable, |b| {
        b.sql(
            "CREATE TRIGGER refuse BEFORE DELETE ON entries BEGIN SELECT raise(IGNORE); END;
               CREATE TRIGGER keep BEFORE UPDATE ON entries BEGIN SELECT raise(IGNORE); END",
        );
    }),
    ("many large heads under one key", Rest::Usable, |b| {
        b.sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
               INSERT INTO entries SELECT randomblob(16), e.cache_key, zeroblob(4000000), NULL,
                 0, 0, NULL, NULL FROM n, entries e WHERE e.rowid = VICTIM_ROW",
        );
    }),
];

#[test]
fn databases_of_hishel_2() {
    try_cases("sqlite:s.db?layout=hishel-2", ROWS);
}

/// What rows of hishel 0 have.
const VALUES: &[Case] = &[
    ("a value of many megabytes", Rest::Usable, |b| {
        b.sql("UPDATE cache SET data = zeroblob(80000000) WHERE rowid = VICTIM_ROW");
    }),
    ("a value that begins well and goes on for ever", Rest::Usable, |b| {
        b.sql(
            "UPDATE cache SET data = CAST('{\"response\": {' AS BLOB) || zeroblob(80000000)
               WHERE rowid = VICTIM_ROW",
        );
    }),
    ("a value that is a number", Rest::Usable, |b| {
        b.sql("UPDATE cache SET data = 7 WHERE rowid = VICTIM_ROW");
    }),
    ("a key of many megabytes", Rest::Usable, |b| {
        b.sql("UPDATE cache SET key = CAST(zeroblob(15000000) AS TEXT) WHERE rowid = VICTIM_ROW");
    }),
    ("a key that is bytes", Rest::Usable, |b| {
        b.sql("UPDATE cache SET key = x'ff00ff' WHERE rowid = VICTIM_ROW");
    }),
    ("a key that is not UTF-8", Rest::Usable, |b| {
        b.sql("UPDATE cache SET key = CAST(x'ff00ff' AS TEXT) WHERE rowid = VICTIM_ROW");
    }),
    ("a time that is text", Rest::Usable, |b| {
        b.sql("UPDATE cache SET date_created = 'yesterday' WHERE rowid = VICTIM_ROW");
    }),
    ("a view for the table", Rest::Lost, |b| {
        b.sql(
            "ALTER TABLE cache RENAME TO real_cache;
               CREATE VIEW cache AS SELECT * FROM real_cache",
        );
    }),
    ("a trigger that refuses removals", Rest::Usable, |b| {
        b.sql("CREATE TRIGGER refuse BEFORE DELETE ON cache BEGIN SELECT raise(IGNORE); END");
    }),
];

#[test]
fn databases_of_hishel_0() {
    try_cases("sqlite:s.db?layout=hishel-0", VALUES);
}

fn try_cases(store: &str, cases: &[Case]) {
    if !alone::is_child() {
        return alone::run_here();
    }
    for (what, rest, forge) in cases {
        let scene = Scene::new();
        fill(&scene, store);
        forge(&Base { scene: &scene, path: scene.desk.file("s.db") });
        scene.try_all(store, *rest, what);
    }
}
