//! Generation 0 in SQLite: one table without an index, one row a key.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use xxhash_rust::xxh3::xxh3_128;

use crate::backend::private::place_of;
use crate::backend::sqlite_file;
use crate::error::Result;
use crate::filter::Detail;
use crate::model::Timestamp;
use crate::storage::{
    Access, Address, Capabilities, Identity, Opened, Outcome, Param, Piece, Position, Problem,
    Query,
};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::super::database::{self, BUSY, Database, Tables};
use super::super::{Layout, Sign};
use super::one::{Expected, Keyed, Local, Lying, New, OneValue, Settings, Swap, Walked};
use super::value::Form;

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

/// Whether the key of a row is one: whatever else stands there was not written by hishel.
const IS_KEY: &str = "typeof(key) = 'text' AND octet_length(key) <= 65536";

/// The longest value that is read without a look at its end, in bytes.
const LONGEST_LOOK: usize = 4 << 20;

/// How many values are best put together.
const BATCH: usize = 64;

/// Rows of a page.
const PAGE: usize = 32;

/// A page ends with the row that makes its values as long as this.
const PAGE_BYTES: usize = 4 << 20;

fn path_of(address: &Address) -> Result<PathBuf> {
    place_of(address, LAYOUT.place)
}

fn lies_at(address: &Address) -> Result<bool> {
    let path = path_of(address)?;
    if address.location() == Some(":memory:") || !sqlite_file::is_database(&path) {
        return Ok(false);
    }
    Database::<()>::new(path, BUSY, Access::Read).read(is_its)
}

fn is_its(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(database::columns(connection, "cache")? == ["key", "data", "date_created"])
}

fn open(address: &Address, access: Access) -> Result<Opened> {
    let tables = Tables { layout: "hishel 0.x", table: "cache", schema: SCHEMA };
    let database = Database::open(path_of(address)?, address, access, &tables, is_its)?;
    let table = Table { database };
    Ok(Opened::Blocking(Arc::new(OneValue::new(table, Settings::of(address)?))))
}

/// A key, what lies under it, and the number of the row.
type Row = (String, Lying, i64);

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
        let sql = format!("SELECT rowid, key FROM cache WHERE {IS_KEY} ORDER BY rowid");
        let mut statement = connection.prepare(&sql)?;
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

/// The value in a row, text or blob, as its writer liked it. One that is so long that it may be
/// damage is read only if its end may be that of a value.
fn value_in(connection: &Connection, row: i64) -> rusqlite::Result<Bytes> {
    let part = |at, most| sqlite_file::part_of(connection, ("cache", "data", row), at, most);
    let Some((mut value, length)) = part(0, LONGEST_LOOK)? else { return Ok(Bytes::new()) };
    if value.len() as u64 == length {
        return Ok(value.into());
    }
    let (end, _) = part(length - 16, 16)?.unwrap_or_default();
    if !Form::of(&value).is_some_and(|form| form.may_end_with(&end)) {
        value.truncate(Form::SIGN);
        return Ok(value.into());
    }
    drop(value);
    Ok(part(0, usize::MAX)?.unwrap_or_default().0.into())
}

/// A value as it lies in a row, whose time this is.
fn lying_in(connection: &Connection, row: i64, time: ValueRef<'_>) -> rusqlite::Result<Lying> {
    let stored_at = self::time(time);
    Ok(Lying { bytes: value_in(connection, row)?, stored_at, ..Lying::default() })
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
    /// The first row of a key, which is the one that hishel reads. The plus keeps SQLite from
    /// taking the key for the length that is asked about.
    fn first(
        connection: &Connection,
        keys: &mut Keys,
        key: &str,
    ) -> rusqlite::Result<Option<Lying>> {
        let from = match keys.find(connection, key)? {
            Lies::Nowhere => return Ok(None),
            Lies::Only(row) | Lies::From(row) => row,
        };
        let sql = "SELECT rowid, CASE WHEN typeof(date_created) IN ('real', 'integer')
                     THEN date_created END FROM cache
                   WHERE rowid >= ?1 AND octet_length(key) <= 65536 AND +key = ?2
                   ORDER BY rowid LIMIT 1";
        let mut statement = connection.prepare_cached(sql)?;
        statement
            .query_row(params![from, key], |row| lying_in(connection, row.get(0)?, row.get_ref(1)?))
            .optional()
    }

    /// Removes all rows of a key.
    fn clear(connection: &Connection, keys: &mut Keys, key: &str) -> rusqlite::Result<()> {
        let (sql, row) = match keys.find(connection, key)? {
            Lies::Nowhere => return Ok(()),
            Lies::Only(row) => ("DELETE FROM cache WHERE rowid = ?1 AND key = ?2", row),
            Lies::From(row) => {
                let sql = "DELETE FROM cache
                           WHERE rowid >= ?1 AND octet_length(key) <= 65536 AND +key = ?2";
                (sql, row)
            }
        };
        connection.prepare_cached(sql)?.execute(params![row, key])?;
        keys.note(key, None);
        Ok(())
    }

    /// Changes the value under a key, within a transaction.
    fn change_here(
        connection: &Connection,
        keys: &mut Keys,
        (key, expected, new): (&str, Expected<'_>, Option<&New>),
    ) -> rusqlite::Result<Outcome<()>> {
        let there = match expected {
            Expected::Anything => None,
            _ => Self::first(connection, keys, key)?,
        };
        let outcome = expected.check(there.as_ref());
        if !outcome.is_done() {
            return Ok(outcome);
        }
        Self::clear(connection, keys, key)?;
        if let Some(new) = new {
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
        Ok(outcome)
    }

    /// A page of rows behind this one, and the last row that was looked at.
    fn page(&self, after: i64, values: bool) -> Result<(Vec<Row>, Option<i64>)> {
        let sql = format!(
            "SELECT rowid, key, CASE WHEN typeof(date_created) IN ('real', 'integer')
               THEN date_created END FROM cache WHERE rowid > ?1 AND {IS_KEY}
             ORDER BY rowid LIMIT {PAGE}"
        );
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([after])?;
            let (mut page, mut bytes, mut last) = (Vec::new(), 0, None);
            while bytes < PAGE_BYTES
                && let Some(row) = rows.next()?
            {
                let number = row.get(0)?;
                last = Some(number);
                // What is no text is nobody's key.
                let Ok(key) = std::str::from_utf8(row.get_ref(1)?.as_bytes()?) else { continue };
                let lying = match values {
                    true => lying_in(connection, number, row.get_ref(2)?)?,
                    false => Lying::default(),
                };
                bytes += key.len() + lying.bytes.len();
                page.push((key.to_owned(), lying, number));
            }
            Ok((page, last))
        })
    }

    fn row_of(&self, key: &str) -> Result<i64> {
        let sql = "SELECT rowid FROM cache WHERE octet_length(key) <= 65536 AND +key = ?1
                   ORDER BY rowid LIMIT 1";
        let row = self.database.read(|c| c.query_row(sql, [key], |row| row.get(0)).optional())?;
        Ok(row.unwrap_or(i64::MIN))
    }

    /// Keys with several rows. hishel leaves none behind, and has no index to rule them out.
    fn repeated(&self) -> Result<HashSet<String>> {
        let sql = format!("SELECT key FROM cache WHERE {IS_KEY} GROUP BY key HAVING count(*) > 1");
        self.database.read(|c| {
            let mut statement = c.prepare(&sql)?;
            let keys = statement.query_map([], |row| {
                Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes()?).into())
            })?;
            keys.collect()
        })
    }
}

impl Local for Table {}

#[async_trait]
impl Keyed for Table {
    const KIND: &'static str = "sqlite";

    fn limit(&self, can: &mut Capabilities) {
        can.batch = BATCH;
    }

    async fn get_all(&self, all: &[String]) -> Result<Vec<Option<Lying>>> {
        self.database.read_knowing(|connection, keys| {
            all.iter().map(|key| Self::first(connection, keys, key)).collect()
        })
    }

    async fn change(
        &self,
        key: &str,
        expected: Expected<'_>,
        new: Option<&New>,
    ) -> Result<Outcome<()>> {
        self.database.write_knowing(|c, keys| Self::change_here(c, keys, (key, expected, new)))
    }

    async fn change_all(&self, swaps: &[Swap<'_>]) -> Result<Vec<Result<Outcome<()>>>> {
        self.database.write_knowing(|c, keys| {
            let change = |swap: &Swap<'_>| {
                let what = (swap.key, swap.expected, Some(swap.new));
                Self::change_here(c, keys, what).map(Ok)
            };
            swaps.iter().map(change).collect()
        })
    }

    fn walk(self: Arc<Self>, query: &Query) -> BoxStream<'static, Walked> {
        let (after, values) = (query.after.as_ref(), query.detail > Detail::Key);
        // A key that is stored anew moves to the end; the row behind which to go on does not.
        let begin = match after.map(|after| (after, after.position)) {
            None => Ok(i64::MIN),
            Some((_, Some(Position(row, _)))) => Ok(row.cast_signed()),
            Some((after, None)) => self.row_of(&after.id.key),
        };
        let (mut at, repeated) = match begin.and_then(|at| Ok((at, self.repeated()?))) {
            Ok(begin) => begin,
            Err(e) => return stream::iter([Err(e)]).boxed(),
        };
        let mut shown = HashSet::new();
        let mut done = false;
        let pages = std::iter::from_fn(move || {
            if done {
                return None;
            }
            let (page, last) = match self.page(at, values) {
                Ok(page) => page,
                Err(e) => {
                    done = true;
                    return Some(vec![Err(e)]);
                }
            };
            done = last.is_none();
            at = last.unwrap_or(at);
            let place = |row: i64| Some(Position(row.cast_unsigned(), 0));
            Some(page.into_iter().map(|(key, lying, row)| Ok((key, lying, place(row)))).collect())
        });
        let is_first = move |walked: &Walked| match walked {
            Ok((key, ..)) => !repeated.contains(key) || shown.insert(key.clone()),
            Err(_) => true,
        };
        stream::iter(pages.flatten().filter(is_first)).boxed()
    }

    /// Rows behind the first one of their key, which nobody reads.
    fn leftovers(self: Arc<Self>, _: Timestamp) -> BoxStream<'static, Result<Piece>> {
        let sql = format!(
            "SELECT rowid, octet_length(data) FROM cache WHERE {IS_KEY} AND rowid NOT IN
               (SELECT min(rowid) FROM cache WHERE {IS_KEY} GROUP BY key)"
        );
        let rows = self.database.read(|c| {
            let mut statement = c.prepare(&sql)?;
            let rows = statement
                .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        match rows {
            Ok(rows) => stream::iter(rows.into_iter().map(|(row, bytes)| {
                let bytes = bytes.unwrap_or_default().max(0).unsigned_abs();
                Ok(Piece::new(Problem::OrphanBody, format!("row {row}"), bytes))
            }))
            .boxed(),
            Err(e) => stream::iter([Err(e)]).boxed(),
        }
    }

    async fn discard(&self, name: &str) -> Result<Outcome<u64>> {
        let Some(row) = name.strip_prefix("row ").and_then(|row| row.parse::<i64>().ok()) else {
            return Ok(Outcome::Absent);
        };
        // Only while another row of the same key stands before it.
        let sql = "DELETE FROM cache WHERE rowid = ?1 AND EXISTS
                     (SELECT 1 FROM cache d WHERE d.key = cache.key AND d.rowid < ?1)
                   RETURNING octet_length(data)";
        let freed: Option<Option<i64>> =
            self.database.write(|c| c.query_row(sql, [row], |row| row.get(0)).optional())?;
        Ok(match freed {
            Some(bytes) => Outcome::Done(bytes.unwrap_or_default().max(0).unsigned_abs()),
            None => Outcome::Absent,
        })
    }

    async fn usage(&self) -> Result<(u64, u64)> {
        let sql = format!(
            "SELECT count(DISTINCT key), coalesce(sum(octet_length(data)), 0) FROM cache
             WHERE {IS_KEY}"
        );
        let (entries, bytes): (i64, i64) =
            self.database.read(|c| c.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        Ok((entries.unsigned_abs(), bytes.unsigned_abs()))
    }

    fn location(&self, key: &str) -> String {
        format!("{} table cache key {key}", self.database.path().display())
    }

    async fn identity(&self) -> Result<Identity> {
        Ok(Identity::new([self.database.identity("cache")]))
    }

    async fn sync(&self) -> Result<()> {
        self.database.sync()
    }

    async fn close(&self) {
        self.database.close();
    }
}
