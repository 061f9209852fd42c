//! Generation 0 in SQLite: one table without an index, one row a key.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use xxhash_rust::xxh3::xxh3_128;

use crate::backend::private::{create_dir_all, place_of, store_error};
use crate::backend::sqlite_file;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::storage::{
    Access, Address, BlockingPieces, Cursor, Identity, Opened, Outcome, Param, Piece, Position,
    Problem,
};

use super::super::database::{self, BUSY, Database};
use super::super::{Layout, Sign};
use super::one::{Change, Lying, OneValue, Shelf, Walked};

pub(super) const LAYOUT: Layout = Layout {
    name: "hishel-0",
    kind: "sqlite",
    about: "a database of hishel 0.x",
    place: ".hishel.sqlite",
    params: &[
        super::FIPS,
        Param { name: "busy_timeout", default: "5s", about: "how long to wait for other writers" },
    ],
    sign: Sign::Place(lies_at),
    open,
};

const SCHEMA: &str = "CREATE TABLE cache(key TEXT, data BLOB, date_created REAL)";

/// Rows of a page.
const PAGE: usize = 32;

/// A page ends with the row that makes its values as long as this.
const PAGE_BYTES: usize = 8 << 20;

fn path_of(address: &Address) -> Result<PathBuf> {
    place_of(address, LAYOUT.place)
}

fn lies_at(address: &Address) -> Result<bool> {
    let path = path_of(address)?;
    if address.location() == Some(":memory:") || !sqlite_file::is_database(&path) {
        return Ok(false);
    }
    let columns =
        Database::<()>::new(path, BUSY, Access::Read).read(|c| database::columns(c, "cache"))?;
    Ok(columns == ["key", "data", "date_created"])
}

fn open(address: &Address, access: Access) -> Result<Opened> {
    let path = path_of(address)?;
    let busy = address.duration("busy_timeout")?.unwrap_or(BUSY);
    if !path.exists() {
        let name = path.display();
        if access != Access::Create {
            let error = Error::store(format!("there is no database {name}"));
            return Err(error.coded("store_missing"));
        }
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            create_dir_all(folder)
                .map_err(|e| store_error(format!("cannot create {}", folder.display()), e))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Connection::open_with_flags(&path, flags)
            .map_err(|e| Error::store(format!("cannot create {name}")).because(e))?;
    }
    let table = Table { database: Database::new(path, busy, access) };
    if table.database.read(|c| database::columns(c, "cache"))?.is_empty() {
        if access != Access::Create {
            let error = Error::store(format!("{table:?} has no table of hishel 0.x"));
            return Err(error.coded("store_missing"));
        }
        table.database.write(|c| c.execute_batch(SCHEMA))?;
    }
    Ok(Opened::Blocking(Arc::new(OneValue::open(table, address)?)))
}

struct Table {
    database: Database<Keys>,
}

/// Where keys lie: hishel makes no index, so that each lookup goes through all rows. A
/// connection that looks again remembers what was where.
#[derive(Default)]
struct Keys {
    /// Lookups so far; one alone does not pay for a look at everything.
    lookups: u32,
    rows: Option<Rows>,
}

/// The first row of each key, by a hash of the key.
#[derive(Default)]
struct Rows {
    first: HashMap<u128, i64>,
    /// Whether some key has several.
    repeat: bool,
}

/// Where the first row of a key lies.
#[derive(Clone, Copy)]
enum Lies {
    Nowhere,
    /// In this row, and in no other.
    Only(i64),
    /// In this row or behind it.
    From(i64),
}

impl Rows {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "SELECT rowid, key FROM cache WHERE typeof(key) = 'text' ORDER BY rowid";
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        let mut all = Rows::default();
        while let Some(row) = rows.next()? {
            let key = xxh3_128(row.get_ref(1)?.as_bytes().unwrap_or_default());
            match all.first.entry(key) {
                Entry::Occupied(_) => all.repeat = true,
                Entry::Vacant(empty) => drop(empty.insert(row.get(0)?)),
            }
        }
        Ok(all)
    }
}

impl Keys {
    fn find(&mut self, connection: &Connection, key: &str) -> rusqlite::Result<Lies> {
        self.lookups = self.lookups.saturating_add(1);
        if self.rows.is_none() && self.lookups > 1 {
            self.rows = Some(Rows::of(connection)?);
        }
        let Some(rows) = &self.rows else { return Ok(Lies::From(i64::MIN)) };
        Ok(match rows.first.get(&xxh3_128(key.as_bytes())) {
            None => Lies::Nowhere,
            Some(row) if rows.repeat => Lies::From(*row),
            Some(row) => Lies::Only(*row),
        })
    }

    /// Notes the only row of a key, if it has one.
    fn note(&mut self, key: &str, row: Option<i64>) {
        let Some(rows) = &mut self.rows else { return };
        let key = xxh3_128(key.as_bytes());
        match row {
            Some(row) => rows.first.insert(key, row),
            None => rows.first.remove(&key),
        };
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.database)
    }
}

/// A value and its time, from this column on. Text or blob, as its writer liked it.
fn lying(row: &Row<'_>, first: usize) -> rusqlite::Result<Lying> {
    let bytes = match row.get_ref(first)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes::Bytes::copy_from_slice(bytes),
        _ => bytes::Bytes::new(),
    };
    Ok(Lying { bytes, stored_at: time(row.get_ref(first + 1)?), ..Lying::default() })
}

/// Unix seconds; older versions wrote something else.
fn time(value: ValueRef<'_>) -> Option<Timestamp> {
    match value {
        ValueRef::Real(seconds) => Some(Timestamp::from_micros((seconds * 1e6) as i64)),
        ValueRef::Integer(seconds) => Some(Timestamp::from_secs(seconds)),
        _ => None,
    }
}

impl Table {
    /// The first row of a key, which is the one that hishel reads.
    fn first(
        connection: &Connection,
        keys: &mut Keys,
        key: &str,
    ) -> rusqlite::Result<Option<Lying>> {
        let from = match keys.find(connection, key)? {
            Lies::Nowhere => return Ok(None),
            Lies::Only(row) | Lies::From(row) => row,
        };
        let sql = "SELECT data, date_created FROM cache WHERE rowid >= ?1 AND key = ?2
                   ORDER BY rowid LIMIT 1";
        let mut statement = connection.prepare_cached(sql)?;
        statement.query_row(params![from, key], |row| lying(row, 0)).optional()
    }

    /// Removes all rows of a key.
    fn clear(connection: &Connection, keys: &mut Keys, key: &str) -> rusqlite::Result<()> {
        let (sql, row) = match keys.find(connection, key)? {
            Lies::Nowhere => return Ok(()),
            Lies::Only(row) => ("DELETE FROM cache WHERE rowid = ?1 AND key = ?2", row),
            Lies::From(row) => ("DELETE FROM cache WHERE rowid >= ?1 AND key = ?2", row),
        };
        connection.prepare_cached(sql)?.execute(params![row, key])?;
        keys.note(key, None);
        Ok(())
    }

    /// A page of rows behind this one.
    fn page(&self, after: i64, values: bool) -> Result<Vec<(i64, String, Lying)>> {
        let what = if values { "data, date_created" } else { "NULL, NULL" };
        let sql = format!(
            "SELECT rowid, key, {what} FROM cache WHERE rowid > ?1 AND key IS NOT NULL
             ORDER BY rowid LIMIT {PAGE}"
        );
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([after])?;
            let (mut page, mut bytes) = (Vec::new(), 0);
            while bytes < PAGE_BYTES
                && let Some(row) = rows.next()?
            {
                let lying = lying(row, 2)?;
                bytes += lying.bytes.len();
                page.push((row.get(0)?, row.get(1)?, lying));
            }
            Ok(page)
        })
    }

    fn row_of(&self, key: &str) -> Result<i64> {
        let sql = "SELECT rowid FROM cache WHERE key = ?1 ORDER BY rowid LIMIT 1";
        let row = self.database.read(|c| c.query_row(sql, [key], |row| row.get(0)).optional())?;
        Ok(row.unwrap_or(i64::MIN))
    }

    /// Keys with several rows. hishel leaves none behind, and has no index to rule them out.
    fn repeated(&self) -> Result<HashSet<String>> {
        let sql = "SELECT key FROM cache GROUP BY key HAVING count(*) > 1";
        self.database.read(|c| {
            let mut statement = c.prepare(sql)?;
            let keys = statement.query_map([], |row| row.get(0))?;
            keys.collect()
        })
    }
}

impl Shelf for Table {
    const KIND: &'static str = "sqlite";
    const ANY_KEY: bool = true;

    fn get(&self, key: &str) -> Result<Option<Lying>> {
        self.database.read_knowing(|connection, keys| Self::first(connection, keys, key))
    }

    fn change<T>(
        &self,
        key: &str,
        decide: impl FnOnce(Option<Lying>) -> Result<(Change, T)>,
    ) -> Result<T> {
        self.database.write_knowing(|connection, keys| {
            let (change, told) = match decide(Self::first(connection, keys, key)?) {
                Ok(decided) => decided,
                Err(e) => return Ok(Err(e)),
            };
            if !matches!(change, Change::Keep) {
                Self::clear(connection, keys, key)?;
            }
            if let Change::Write(new) = change {
                let seconds = new.stored_at.micros() as f64 / 1e6;
                let insert = "INSERT INTO cache(key, data, date_created) VALUES (?1, ?2, ?3)";
                let mut insert = connection.prepare_cached(insert)?;
                // hishel reads a pickle from a blob only, and writes text as such.
                match std::str::from_utf8(&new.bytes) {
                    Ok(text) if new.is_text => insert.execute(params![key, text, seconds])?,
                    _ => insert.execute(params![key, &*new.bytes, seconds])?,
                };
                keys.note(key, Some(connection.last_insert_rowid()));
            }
            Ok(Ok(told))
        })?
    }

    fn walk(
        self: Arc<Self>,
        after: Option<&Cursor>,
        values: bool,
    ) -> Box<dyn Iterator<Item = Walked> + Send> {
        // A key that is stored anew moves to the end; the row behind which to go on does not.
        let begin = match after.map(|after| (after, after.position)) {
            None => Ok(i64::MIN),
            Some((_, Some(Position(row, _)))) => Ok(row.cast_signed()),
            Some((after, None)) => self.row_of(&after.id.key),
        };
        let (mut at, repeated) = match begin.and_then(|at| Ok((at, self.repeated()?))) {
            Ok(begin) => begin,
            Err(e) => return Box::new(std::iter::once(Err(e))),
        };
        let mut shown = HashSet::new();
        let mut done = false;
        let pages = std::iter::from_fn(move || {
            if done {
                return None;
            }
            let page = match self.page(at, values) {
                Ok(page) => page,
                Err(e) => {
                    done = true;
                    return Some(vec![Err(e)]);
                }
            };
            done = page.is_empty();
            at = page.last().map_or(at, |walked| walked.0);
            let place = |row: i64| Some(Position(row.cast_unsigned(), 0));
            Some(page.into_iter().map(|(row, key, lying)| Ok((key, lying, place(row)))).collect())
        });
        let is_first = move |walked: &Walked| match walked {
            Ok((key, ..)) => !repeated.contains(key) || shown.insert(key.clone()),
            Err(_) => true,
        };
        Box::new(pages.flatten().filter(is_first))
    }

    /// Rows behind the first one of their key, which nobody reads.
    fn leftovers(self: Arc<Self>, _: Timestamp) -> BlockingPieces {
        let sql = "SELECT rowid, length(data) FROM cache WHERE rowid NOT IN
                     (SELECT min(rowid) FROM cache GROUP BY key)";
        let rows = self.database.read(|c| {
            let mut statement = c.prepare(sql)?;
            let rows = statement
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        match rows {
            Ok(rows) => Box::new(rows.into_iter().map(|(row, bytes)| {
                let bytes = bytes.unwrap_or_default().max(0).unsigned_abs();
                Ok(Piece::new(Problem::OrphanBody, format!("row {row}"), bytes))
            })),
            Err(e) => Box::new(std::iter::once(Err(e))),
        }
    }

    fn discard(&self, name: &str) -> Result<Outcome<u64>> {
        let Some(row) = name.strip_prefix("row ").and_then(|row| row.parse::<i64>().ok()) else {
            return Ok(Outcome::Absent);
        };
        // Only while another row of the same key stands before it.
        let sql = "DELETE FROM cache WHERE rowid = ?1 AND EXISTS
                     (SELECT 1 FROM cache d WHERE d.key = cache.key AND d.rowid < ?1)
                   RETURNING length(data)";
        let freed: Option<Option<i64>> =
            self.database.write(|c| c.query_row(sql, [row], |row| row.get(0)).optional())?;
        Ok(match freed {
            Some(bytes) => Outcome::Done(bytes.unwrap_or_default().max(0).unsigned_abs()),
            None => Outcome::Absent,
        })
    }

    fn usage(&self) -> Result<(u64, u64)> {
        let sql = "SELECT count(DISTINCT key), coalesce(sum(length(data)), 0) FROM cache";
        let (entries, bytes): (i64, i64) =
            self.database.read(|c| c.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        Ok((entries.unsigned_abs(), bytes.unsigned_abs()))
    }

    fn location(&self, key: &str) -> String {
        format!("{} table cache key {key}", self.database.path().display())
    }

    fn identity(&self) -> Result<Identity> {
        Ok(Identity::new([self.database.identity("cache")]))
    }

    fn sync(&self) -> Result<()> {
        self.database.sync()
    }

    fn close(&self) {
        self.database.close();
    }
}
