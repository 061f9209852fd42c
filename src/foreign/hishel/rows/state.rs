//! What a row is: whole, in the making, or removed; and what is left over.

use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row as SqlRow};

use crate::error::Result;
use crate::model::{Stamp, Timestamp, hex, unhex};
use crate::policy;
use crate::storage::{Piece, Problem};

use super::super::super::database::{self, MOST_KEY};
use super::super::blob::{Blob, Generation};
use super::super::several::Beside;
use super::super::span;
use super::{Inner, LAYOUT_1, LAYOUT_2, LAYOUT_BETA};

/// No head is longer. What is longer is not brought, and so cannot be read.
const MOST_DATA: usize = 4 << 20;

/// Which of the layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Beta,
    First,
    Second,
}

const COLUMNS_1: [&str; 5] = ["id", "cache_key", "data", "created_at", "deleted_at"];
const COLUMNS_2: [&str; 8] = [
    "id",
    "cache_key",
    "data",
    "expires_at",
    "last_accessed_at",
    "chunk_count",
    "ttl_deadline",
    "tti",
];

const SCHEMA_1: &str = "
CREATE TABLE IF NOT EXISTS entries (
    id BLOB PRIMARY KEY,
    cache_key BLOB,
    data BLOB NOT NULL,
    created_at REAL NOT NULL,
    deleted_at REAL
);
CREATE TABLE IF NOT EXISTS streams (
    entry_id BLOB NOT NULL,
    chunk_number INTEGER NOT NULL,
    chunk_data BLOB NOT NULL,
    PRIMARY KEY (entry_id, chunk_number),
    FOREIGN KEY (entry_id) REFERENCES entries(id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS idx_entries_deleted_at ON entries(deleted_at);
CREATE INDEX IF NOT EXISTS idx_entries_cache_key ON entries(cache_key);
";

const SCHEMA_2: &str = "
CREATE TABLE IF NOT EXISTS entries (
    id BLOB PRIMARY KEY,
    cache_key BLOB NOT NULL,
    data BLOB NOT NULL,
    expires_at REAL,
    last_accessed_at REAL NOT NULL,
    chunk_count INTEGER,
    ttl_deadline REAL,
    tti REAL
);
CREATE TABLE IF NOT EXISTS streams (
    entry_id BLOB NOT NULL,
    chunk_number INTEGER NOT NULL,
    chunk_data BLOB NOT NULL,
    PRIMARY KEY (entry_id, chunk_number),
    FOREIGN KEY (entry_id) REFERENCES entries(id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS idx_entries_cache_key ON entries(cache_key);
CREATE INDEX IF NOT EXISTS idx_entries_expires_at ON entries(expires_at);
CREATE INDEX IF NOT EXISTS idx_entries_last_accessed_at ON entries(last_accessed_at);
";

impl Kind {
    /// The layout of a database, by its columns.
    pub(super) fn of(connection: &Connection) -> rusqlite::Result<Option<Kind>> {
        let mut entries = database::columns(connection, "entries")?;
        let streams = database::columns(connection, "streams")?;
        let has = |name: &str| streams.iter().any(|column| column == name);
        if !has("entry_id") || !has("chunk_data") {
            return Ok(None);
        }
        entries.sort();
        let are = |columns: &[&str]| {
            let mut columns = columns.to_vec();
            columns.sort_unstable();
            entries == columns
        };
        Ok(match () {
            () if are(&COLUMNS_2) => Some(Kind::Second),
            () if are(&COLUMNS_1) && has("kind") => Some(Kind::Beta),
            () if are(&COLUMNS_1) => Some(Kind::First),
            () => None,
        })
    }

    pub(super) fn generation(self) -> Generation {
        match self {
            Kind::Beta | Kind::First => Generation::First,
            Kind::Second => Generation::Second,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Beta => "hishel.beta",
            Kind::First => "hishel 1.x",
            Kind::Second => "hishel 2.x",
        }
    }

    pub(super) fn layout(self) -> &'static str {
        match self {
            Kind::Beta => LAYOUT_BETA.name,
            Kind::First => LAYOUT_1.name,
            Kind::Second => LAYOUT_2.name,
        }
    }

    pub(super) fn place(self) -> &'static str {
        match self {
            Kind::Beta | Kind::First => LAYOUT_1.place,
            Kind::Second => LAYOUT_2.place,
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Kind::Beta | Kind::First => SCHEMA_1,
            Kind::Second => SCHEMA_2,
        }
    }

    /// The beta keeps bodies of requests beside those of responses.
    pub(super) fn only_responses(self) -> &'static str {
        match self {
            Kind::Beta => "AND kind = 1",
            _ => "",
        }
    }

    /// What [`Row::of`] reads.
    pub(super) fn select(self) -> String {
        let (times, is_done) = match self {
            Kind::Beta | Kind::First => (
                "e.created_at, e.deleted_at, NULL AS expires_at, NULL AS ttl_deadline",
                "EXISTS (SELECT 1 FROM streams s WHERE s.entry_id = e.id AND s.chunk_number = -1",
            ),
            Kind::Second => (
                "e.last_accessed_at AS created_at, NULL AS deleted_at, e.expires_at,
                 e.ttl_deadline",
                "(e.chunk_count IS NOT NULL",
            ),
        };
        let more = match self {
            Kind::Beta => " AND s.kind = 1)",
            Kind::First | Kind::Second => ")",
        };
        // The last chunk of generation 1 has no number that would tell how many there were.
        let all = match self {
            Kind::Beta | Kind::First => "max(chunk_number) + 1",
            Kind::Second => "e.chunk_count",
        };
        let only = self.only_responses();
        format!(
            "SELECT e.rowid AS row_number, CASE WHEN octet_length(e.id) = 16 THEN e.id END AS id,
               CASE WHEN octet_length(e.cache_key) <= {MOST_KEY} THEN e.cache_key END AS cache_key,
               CASE WHEN octet_length(e.data) <= {MOST_DATA} THEN e.data END AS data, {times},
               (SELECT coalesce(sum(octet_length(chunk_data)), 0) FROM streams
                WHERE entry_id = e.id AND chunk_number >= 0 {only}) AS body_bytes,
               (SELECT coalesce({all} - count(*), 0) FROM streams
                WHERE entry_id = e.id AND chunk_number >= 0 {only}) AS missing,
               {is_done}{more} AS is_done
             FROM entries e"
        )
    }
}

/// What is true of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Whole,
    /// Being written, or given up.
    Unfinished,
    /// Hidden, to be removed for good.
    Removed,
}

/// One row of `entries`, and what its chunks say.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub number: i64,
    pub id: [u8; 16],
    pub cache_key: Vec<u8>,
    pub data: Vec<u8>,
    /// Unix seconds; in generation 2 of the last access.
    pub time: f64,
    pub deleted_at: Option<f64>,
    pub expires_at: Option<f64>,
    pub ttl_deadline: Option<f64>,
    pub body_bytes: u64,
    /// Chunks that should be there and are not.
    pub missing: i64,
    pub is_done: bool,
}

pub(super) fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

/// When an entry of generation 1 ends: after its own TTL in seconds, else after the store's.
pub(super) fn end_of(
    created_at: Timestamp,
    own: Option<f64>,
    ttl: Option<Duration>,
) -> Option<Timestamp> {
    let own = own.and_then(span);
    own.or(ttl).map(|ttl| created_at + ttl)
}

/// A column of bytes; what is none is damage of this row alone.
fn bytes(row: &SqlRow<'_>, name: &str) -> rusqlite::Result<Vec<u8>> {
    Ok(match row.get_ref(name)? {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes.to_vec(),
        _ => Vec::new(),
    })
}

fn number(row: &SqlRow<'_>, name: &str) -> rusqlite::Result<Option<f64>> {
    Ok(match row.get_ref(name)? {
        ValueRef::Real(number) => Some(number),
        ValueRef::Integer(number) => Some(number as f64),
        _ => None,
    })
}

impl Row {
    pub(super) fn of(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        Ok(Row {
            number: row.get("row_number")?,
            id: row.get("id").unwrap_or_default(),
            cache_key: bytes(row, "cache_key")?,
            data: bytes(row, "data")?,
            time: number(row, "created_at")?.unwrap_or_default(),
            deleted_at: number(row, "deleted_at")?,
            expires_at: number(row, "expires_at")?,
            ttl_deadline: number(row, "ttl_deadline")?,
            body_bytes: row.get::<_, i64>("body_bytes").unwrap_or(0).max(0).unsigned_abs(),
            // Numbers that are none make a row that cannot be read.
            missing: row.get("missing").unwrap_or(i64::MAX),
            is_done: row.get("is_done").unwrap_or(true),
        })
    }

    pub(super) fn state(&self, kind: Kind) -> State {
        let is_hidden = match kind {
            Kind::Second => self.expires_at == Some(0.0),
            Kind::Beta | Kind::First => self.is_deleted(kind),
        };
        match (self.is_done, is_hidden) {
            (false, _) => State::Unfinished,
            (true, true) => State::Removed,
            (true, false) => State::Whole,
        }
    }

    /// The blob decides; the column is set with it.
    fn is_deleted(&self, kind: Kind) -> bool {
        let by_blob = || {
            Blob::read(&self.data, kind.generation()).is_ok_and(|blob| blob.deleted_at.is_some())
        };
        self.deleted_at.is_some() || by_blob()
    }

    /// The store's own name for it.
    pub(super) fn name(&self) -> String {
        format!("entry {}", hex(&self.id))
    }

    pub(super) fn key(&self) -> String {
        String::from_utf8_lossy(&self.cache_key).into_owned()
    }

    /// An answer changes with its head; ends that move with each use are no change.
    pub(super) fn stamp(&self) -> Stamp {
        let mut bytes = Vec::with_capacity(self.data.len() + 32);
        bytes.extend_from_slice(&self.id);
        bytes.extend_from_slice(&self.ttl_deadline.map_or([0; 8], f64::to_be_bytes));
        bytes.extend_from_slice(&self.data);
        Stamp::of_bytes(&bytes)
    }

    /// Generation 2 keeps no time of creation: `Date` is the best that is known.
    pub(super) fn created_at(&self, blob: &Blob, kind: Kind) -> Timestamp {
        if kind != Kind::Second {
            return timestamp(blob.created_at);
        }
        let last = timestamp(self.time);
        let date = blob.headers.iter().find(|(name, _)| name == "date");
        let date =
            date.and_then(|(_, values)| policy::parse_date(values.first()?.as_bytes(), last));
        date.filter(|date| *date <= last).unwrap_or(last)
    }

    pub(super) fn expires_at(
        &self,
        blob: &Blob,
        kind: Kind,
        ttl: Option<Duration>,
        created_at: Timestamp,
    ) -> Option<Timestamp> {
        if kind == Kind::Second {
            return self.expires_at.map(timestamp);
        }
        end_of(created_at, blob.own_ttl(), ttl)
    }
}

impl Beside for Row {
    fn own_id(&self) -> [u8; 16] {
        self.id
    }

    fn came_at(&self) -> i64 {
        (self.time * 1e6) as i64
    }

    fn place(&self) -> i64 {
        self.number
    }
}

/// The identity in the name of a piece.
pub(super) fn id_in(name: &str) -> Option<[u8; 16]> {
    unhex(name.strip_prefix("entry ").or_else(|| name.strip_prefix("chunks "))?)
}

/// What nobody needs: entries removed or given up before this moment, chunks without an
/// entry.
pub(super) fn leftovers(inner: &Inner, before: Timestamp) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let seconds = before.micros() as f64 / 1e6;
    let select = inner.kind.select();
    inner.database.read(|connection| {
        pieces.clear();
        let mut statement = connection.prepare(&select)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let row = Row::of(row)?;
            let since = row.deleted_at.unwrap_or(row.time);
            if row.state(inner.kind) == State::Whole || since >= seconds {
                continue;
            }
            let (problem, why) = match row.is_done {
                true => (Problem::Removed, "it was removed, and waits to be cleaned away"),
                false => (Problem::Unfinished, "its body never came to its end"),
            };
            let piece = Piece::new(problem, row.name(), row.body_bytes);
            pieces.push(piece.of_key(row.key()).because(why));
        }
        Ok(())
    })?;
    let orphans = "SELECT entry_id, sum(octet_length(chunk_data)) FROM streams
                   WHERE entry_id NOT IN (SELECT id FROM entries) AND octet_length(entry_id) = 16
                     AND typeof(entry_id) = 'blob' GROUP BY entry_id";
    let orphans: Vec<([u8; 16], i64)> = inner.database.read(|connection| {
        let mut statement = connection.prepare(orphans)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    })?;
    pieces.extend(orphans.into_iter().map(|(id, bytes)| {
        let name = format!("chunks {}", hex(&id));
        Piece::new(Problem::OrphanBody, name, bytes.max(0).unsigned_abs())
            .because("no entry names them")
    }));
    Ok(pieces)
}
