//! Large bodies as rows of chunks.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, ErrorCode, MAIN_DB, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::model::{BodyFacts, EntryId, Timestamp};
use crate::storage::{BodyReader, ByteRange};

use super::super::sqlite_file;
use super::place::{Database, Snapshot};

/// Bytes of a chunk; all chunks of a body but the last have this length.
const CHUNK: usize = 256 * 1024;

/// Bytes of a value that are read at a time where it may be of any length: SQLite walks to them
/// from its beginning.
const RAW_PART: usize = 4 << 20;

/// Chunks written in one transaction: short enough for other writers to get in between.
const BATCH: usize = 4;

/// A row number is the body's number and the chunk's, in this many bits.
const CHUNK_BITS: u32 = 20;

/// Chunks removed in one transaction.
const REMOVE_BATCH: i64 = 64;

fn row(body: i64, chunk: i64) -> i64 {
    body << CHUNK_BITS | chunk
}

/// Whether a body can have this number: its chunks have rows that no other body's have.
pub(super) fn is_number(body: i64) -> bool {
    (1..=i64::MAX >> CHUNK_BITS).contains(&body)
}

/// The first and the last row that the chunks of a body can have.
fn rows(body: i64) -> (i64, i64) {
    (row(body, 0), row(body, (1 << CHUNK_BITS) - 1))
}

/// A body on its way into the database, under a number that nothing names yet.
#[derive(Debug)]
pub(super) struct Incoming {
    pub body: i64,
    next_chunk: i64,
    pending: BytesMut,
}

impl Incoming {
    pub(super) fn begin(database: &Database) -> Result<Self> {
        database.check_room(BATCH * CHUNK)?;
        let body = database.write(|connection| begin(database, connection))?;
        Ok(Incoming { body, next_chunk: 0, pending: BytesMut::new() })
    }

    pub(super) fn write(&mut self, database: &Database, bytes: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK * BATCH {
            let whole = self.pending.len() - self.pending.len() % CHUNK;
            let whole = self.pending.split_to(whole);
            self.flush(database, &whole)?;
        }
        Ok(())
    }

    /// Writes what is left, inside the transaction that commits the entry.
    pub(super) fn finish(&mut self, database: &Database) -> Result<()> {
        let rest = self.pending.split();
        self.flush(database, &rest)
    }

    fn flush(&mut self, database: &Database, bytes: &[u8]) -> Result<()> {
        if self.next_chunk + (bytes.len() / CHUNK) as i64 >= 1 << CHUNK_BITS {
            return Err(Error::store("a body above 256 GiB does not fit into an SQLite store"));
        }
        database.check_room(bytes.len())?;
        let (body, first) = (self.body, self.next_chunk);
        self.next_chunk = database.write(|connection| {
            let next = insert_chunks(database, connection, body, first, bytes)?;
            let touch = database.sql(r#"UPDATE "{t}_body" SET written_at = ?1 WHERE id = ?2"#);
            connection.prepare_cached(&touch)?.execute([Timestamp::now().millis(), body])?;
            Ok(next)
        })?;
        Ok(())
    }
}

/// A number for a body; nothing names it yet.
fn begin(database: &Database, connection: &Connection) -> rusqlite::Result<i64> {
    let sql = database.sql(r#"INSERT INTO "{t}_body" (written_at) VALUES (?1)"#);
    connection.prepare_cached(&sql)?.execute([Timestamp::now().millis()])?;
    Ok(connection.last_insert_rowid())
}

/// Writes bytes as chunks from this one on; gives the number of the next.
fn insert_chunks(
    database: &Database,
    connection: &Connection,
    body: i64,
    first: i64,
    bytes: &[u8],
) -> rusqlite::Result<i64> {
    let insert = database.sql(r#"INSERT INTO "{t}_chunk" VALUES (?1, ?2)"#);
    let mut insert = connection.prepare_cached(&insert)?;
    let mut next = first;
    for chunk in bytes.chunks(CHUNK) {
        insert.execute(params![row(body, next), chunk])?;
        next += 1;
    }
    Ok(next)
}

/// Writes a body that is in hand, inside a transaction; gives its number.
pub(super) fn insert(
    database: &Database,
    connection: &Connection,
    bytes: &[u8],
) -> rusqlite::Result<i64> {
    let body = begin(database, connection)?;
    insert_chunks(database, connection, body, 0, bytes)?;
    Ok(body)
}

/// Removes a body that is not large, inside a transaction.
pub(super) fn delete(
    database: &Database,
    connection: &Connection,
    body: i64,
) -> rusqlite::Result<()> {
    let chunks = database.sql(r#"DELETE FROM "{t}_chunk" WHERE id BETWEEN ?1 AND ?2"#);
    connection.prepare_cached(&chunks)?.execute(rows(body))?;
    let number = database.sql(r#"DELETE FROM "{t}_body" WHERE id = ?1"#);
    connection.prepare_cached(&number)?.execute([body]).map(drop)
}

/// Removes a body that no record names any more, in short transactions; one that is named
/// after all stays. What cannot be removed is an orphan, which the clean-up finds.
pub(super) fn remove(database: &Database, body: i64) {
    if !is_number(body) {
        return;
    }
    let chunks = database.sql(
        r#"DELETE FROM "{t}_chunk" WHERE id IN (
             SELECT id FROM "{t}_chunk" WHERE id BETWEEN ?1 AND ?2
               AND NOT EXISTS (SELECT 1 FROM "{t}" WHERE body = ?3) LIMIT ?4)"#,
    );
    let (first, last) = rows(body);
    let bounds = [first, last, body, REMOVE_BATCH];
    let batch = || database.write_to_remove(|c| c.prepare_cached(&chunks)?.execute(bounds));
    while matches!(batch(), Ok(removed) if removed > 0) {}
    let number = database.sql(
        r#"DELETE FROM "{t}_body" WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM "{t}" WHERE body = ?1)"#,
    );
    let _ = database.write_to_remove(|c| c.prepare_cached(&number)?.execute([body]));
}

/// How many bytes lie under a body's number.
pub(super) fn stored_bytes(database: &Database, body: i64) -> Result<u64> {
    let sql = database.sql(
        r#"SELECT coalesce(sum(octet_length(data)), 0) FROM "{t}_chunk" WHERE id BETWEEN ?1 AND ?2"#,
    );
    let bytes: i64 = database.read(|c| c.query_row(&sql, rows(body), |row| row.get(0)))?;
    Ok(bytes.max(0).unsigned_abs())
}

/// The bytes under a body's number, whatever names it and whatever is missing.
pub(super) fn raw(database: &Arc<Database>, body: i64) -> Result<BodyReader> {
    let bytes = stored_bytes(database, body)?;
    Ok(raw_values(database, ("{t}_chunk", "data"), rows(body), bytes))
}

/// The values of a column in some rows, as they lie. They may be of any length, so they are read
/// in parts.
pub(super) fn raw_values(
    database: &Arc<Database>,
    (table, column): (&str, &'static str),
    (first, last): (i64, i64),
    bytes: u64,
) -> BodyReader {
    let database = Arc::clone(database);
    let next =
        format!(r#"SELECT id FROM "{table}" WHERE id >= ?1 AND id <= ?2 ORDER BY id LIMIT 1"#);
    let (table, next) = (database.sql(table), database.sql(&next));
    let (mut from, mut at) = (Some(first), 0);
    let parts = std::iter::from_fn(move || {
        let part = database.read(|connection| {
            while let Some(least) = from {
                let mut statement = connection.prepare_cached(&next)?;
                let row = statement.query_row([least, last], |row| row.get(0)).optional()?;
                let Some(row) = row else { return Ok(None) };
                let part = sqlite_file::part_of(connection, (&table, column, row), at, RAW_PART)?;
                let (part, length) = part.unwrap_or_default();
                at += part.len() as u64;
                if at >= length {
                    (from, at) = (row.checked_add(1), 0);
                }
                if !part.is_empty() {
                    return Ok(Some(Bytes::from(part)));
                }
            }
            Ok(None)
        });
        part.transpose()
    });
    BodyReader::unchecked(parts, bytes)
}

/// Reads a body, a chunk at a time, in the snapshot that showed its row: it stays whole
/// though others replace it. Where there is no snapshot it may end in `Changed`.
pub(super) fn reader(
    database: &Arc<Database>,
    snapshot: Snapshot,
    id: &EntryId,
    body: i64,
    facts: BodyFacts,
    range: ByteRange,
) -> Result<BodyReader> {
    let (first, length) = range.within(facts.bytes);
    let chunks = Chunks {
        table: database.sql("{t}_chunk"),
        snapshot,
        key: id.key.clone(),
        body,
        chunk: (first / CHUNK as u64) as i64,
        skip: (first % CHUNK as u64) as usize,
        left: length,
        ahead: None,
        buffer: BytesMut::new(),
        began: false,
    };
    // The first chunk is read at once, so that a body which is gone is known before
    // anything of it was used.
    let chunks = chunks.primed()?;
    Ok(if range.covers(facts.bytes) {
        BodyReader::chunks(chunks, facts, id.to_string())
    } else {
        BodyReader::unchecked(chunks, length)
    })
}

struct Chunks {
    snapshot: Snapshot,
    table: String,
    key: String,
    body: i64,
    chunk: i64,
    skip: usize,
    left: u64,
    ahead: Option<Bytes>,
    buffer: BytesMut,
    /// Something of it was there.
    began: bool,
}

impl Chunks {
    fn primed(mut self) -> Result<Self> {
        self.ahead = self.read()?;
        Ok(self)
    }

    fn read(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let number = row(self.body, self.chunk);
        let (skip, left) = (self.skip, usize::try_from(self.left).unwrap_or(usize::MAX));
        // Memory of a chunk that the caller is done with is used again.
        let mut data = std::mem::take(&mut self.buffer);
        let found = self.snapshot.read(|connection| {
            match connection.blob_open(MAIN_DB, self.table.as_str(), "data", number, true) {
                Ok(blob) => {
                    data.resize(blob.len().saturating_sub(skip).min(left), 0);
                    blob.read_at_exact(&mut data, skip)?;
                    Ok(true)
                }
                // That is how a row which is not there is reported.
                Err(e) if e.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(false),
                Err(e) => Err(e),
            }
        })?;
        if !found && self.began && self.snapshot.is_steady() {
            let error = Error::codec(format!("the body of {} is damaged", self.key));
            return Err(error.because("a chunk is missing").coded("body_length"));
        }
        if !found {
            return Err(Error::changed(&self.key));
        }
        self.began = true;
        self.buffer = data;
        let data = self.buffer.split().freeze();
        // All chunks but the last are full, and none is written twice.
        let expected = (CHUNK - skip).min(left);
        if data.len() < expected {
            let how = format!("a chunk has {} bytes instead of {expected}", data.len());
            let error = Error::codec(format!("the body of {} is damaged", self.key));
            return Err(error.because(how).coded("body_length"));
        }
        self.skip = 0;
        self.chunk += 1;
        self.left -= data.len() as u64;
        Ok(Some(data))
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(chunk) = self.ahead.take() {
            return Some(Ok(chunk));
        }
        let next = self.read();
        if next.is_err() {
            self.left = 0;
        }
        next.transpose()
    }
}
