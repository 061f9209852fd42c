//! Entries in an SQLite database, which may be an application's own.

mod body;
mod place;
mod put;
mod remains;
mod scan;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};

use crate::error::{Error, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp, Variant};
use crate::serializer::{Codec, MAX_DOCUMENT, MAX_ENTRIES, Place, Recorded, Serializer};
use crate::storage::{
    Access, Address, Backend, BlockingBackend, BodyStream, ByteRange, Capabilities, Compact,
    Driver, Found, Identity, Opened, Outcome, Param, Parcel, Part, Piece, Placed, Pooled, Problem,
    Put, Query, Reach, Removed, Rules, Upkeep, Usage,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::INLINE_LIMIT;
use super::private::place_of;
use super::record::Record;
use place::{Database, FileOptions, Snapshot};
use put::SqlitePut;

/// Entries that are put in one transaction, at most.
const BATCH: usize = 128;

const DEFAULT_TABLE: &str = "cache";
/// What the bare word `sqlite` means; the builder's own default is in memory.
const DEFAULT_FILE: &str = ".hishel.sqlite";
const DEFAULT_BUSY: Duration = Duration::from_secs(5);

/// How often, at most, expired entries are looked for, and how many go at a time.
const TIDY_EVERY: Duration = Duration::from_secs(60);
const TIDY_MOST: i64 = 200;
const NOTHING_TO_TIDY: i64 = i64::MAX;

/// Keeps entries in an SQLite database. Threads and processes may share it.
///
/// Clones share one store.
#[derive(Clone)]
pub struct SqliteStorage {
    inner: Arc<Inner>,
}

/// [`SqliteStorage`] for async callers.
pub type AsyncSqliteStorage = Pooled<SqliteStorage>;

struct Inner {
    database: Arc<Database>,
    codec: Codec,
    ttl: Option<Duration>,
    /// When to look for expired entries next, in microseconds. Reading makes nothing
    /// untidy, so a process that has stored nothing has nothing to do.
    tidy_at: AtomicI64,
}

/// Sets up an SQLite store: `connection` (in memory) or `path`, `table_name` (`cache`),
/// `create_table` (true), `serializer` (JSON), `ttl` (none).
#[derive(Debug)]
pub struct SqliteStorageBuilder<S = SqliteStorage> {
    connection: Option<Connection>,
    file: Option<FileOptions>,
    table_name: String,
    create_table: bool,
    codec: Codec,
    ttl: Option<Duration>,
    built: PhantomData<fn() -> S>,
}

impl SqliteStorage {
    /// Sets up a store.
    pub fn builder() -> SqliteStorageBuilder {
        SqliteStorageBuilder::default()
    }
}

impl AsyncSqliteStorage {
    /// Sets up a store.
    pub fn builder() -> SqliteStorageBuilder<Self> {
        SqliteStorageBuilder::default()
    }
}

impl<S> Default for SqliteStorageBuilder<S> {
    fn default() -> Self {
        SqliteStorageBuilder {
            connection: None,
            file: None,
            table_name: DEFAULT_TABLE.to_owned(),
            create_table: true,
            codec: Codec::default(),
            ttl: None,
            built: PhantomData,
        }
    }
}

impl<S: From<SqliteStorage>> SqliteStorageBuilder<S> {
    /// An open connection, which the store uses for everything from now on. Default: a
    /// new database in memory.
    #[must_use]
    pub fn connection(mut self, connection: Connection) -> Self {
        self.connection = Some(connection);
        self.file = None;
        self
    }

    /// A database file, made if it is missing. The store then reads on connections of
    /// their own, so that readers and the writer do not wait for each other.
    #[must_use]
    pub fn path(mut self, path: impl Into<PathBuf>) -> Self {
        self.file =
            Some(FileOptions { path: path.into(), busy: DEFAULT_BUSY, access: Access::Create });
        self.connection = None;
        self
    }

    /// The table, and the first part of the names of those beside it. Default: `cache`.
    #[must_use]
    pub fn table_name(mut self, name: impl Into<String>) -> Self {
        self.table_name = name.into();
        self
    }

    /// Whether to make the tables where they are missing. Default: true.
    #[must_use]
    pub fn create_table(mut self, create: bool) -> Self {
        self.create_table = create;
        self
    }

    /// How heads are written. Default: JSON.
    #[must_use]
    pub fn serializer(mut self, serializer: impl Serializer + 'static) -> Self {
        self.codec = Codec::new(Arc::new(serializer));
        self
    }

    /// How long stored entries may stay. Default: no limit.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Opens the store.
    ///
    /// # Errors
    /// `Store` when the database cannot be opened, holds a table of this name that is
    /// something else, or has a layout that is newer than this build; `Usage` for an
    /// impossible table name.
    pub fn build(self) -> Result<S> {
        let table = &self.table_name;
        if table.is_empty() || table.contains('\0') || table.starts_with("sqlite_") {
            return Err(Error::usage(format!("{table:?} cannot be the name of a table")));
        }
        let database = match (self.file, self.connection) {
            (Some(file), _) => Database::file(file, table, self.create_table)?,
            (None, Some(connection)) => Database::given(connection, table, self.create_table)?,
            (None, None) => {
                let connection = Connection::open_in_memory()
                    .map_err(|e| Error::store("cannot open a database in memory").because(e))?;
                Database::given(connection, table, self.create_table)?
            }
        };
        let inner = Inner {
            database: Arc::new(database),
            codec: self.codec,
            ttl: self.ttl,
            tidy_at: AtomicI64::new(NOTHING_TO_TIDY),
        };
        Ok(SqliteStorage { inner: Arc::new(inner) }.into())
    }
}

/// A row as it comes out of the database.
struct Stored {
    row: i64,
    uses: u64,
    last_used_at: Option<Timestamp>,
    stored_bytes: u64,
    record: Vec<u8>,
    body: Option<i64>,
    /// Whether the large body is there.
    whole: bool,
    id: (EntryId, Stamp),
}

/// Key, variant and stamp, from this column on.
fn id_of(row: &Row<'_>, first: usize) -> rusqlite::Result<(EntryId, Stamp)> {
    let variant = Variant::verbatim(row.get_ref(first + 1)?.as_str()?);
    let stamp = row.get::<_, [u8; 16]>(first + 2).unwrap_or_default();
    Ok((EntryId::new(row.get::<_, String>(first)?, variant), Stamp::from_bytes(stamp)))
}

/// No record is longer: it holds one entry and its small body.
const MAX_RECORD: usize = MAX_DOCUMENT + INLINE_LIMIT;

/// No row, and no value in one, is longer.
const MAX_ROW: usize = MAX_RECORD + (64 << 10);

/// More entries than this under one key are none of ours.
const MAX_VARIANTS: usize = MAX_ENTRIES;

/// Whether an error is about the values of one row, which can be of any type.
fn is_about_the_row(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as Sql;
    matches!(
        error,
        Sql::InvalidColumnType(..)
            | Sql::FromSqlConversionFailure(..)
            | Sql::IntegralValueOutOfRange(..)
            | Sql::Utf8Error(..)
    ) || error.sqlite_error_code() == Some(ErrorCode::TooBig)
}

/// The error of a row whose values cannot be what they stand for.
fn odd_row(row: i64, error: &rusqlite::Error) -> Error {
    let told = Error::codec(error.to_string()).coded("record_damaged");
    let piece = Piece::new(Problem::Undecodable, remains::row_name(row), 0);
    piece.met(format!("cannot read the row {row}"), &told)
}

/// What [`Stored::of`] reads; a row joined with its record. One that is too long is not brought.
const STORED: &str = r#"c.id, c.uses, c.last_used_at, c.stored_bytes,
  CASE WHEN octet_length(r.record) <= {most} THEN r.record END, c.body,
  c.body IS NULL OR c.body_bytes = 0
    OR EXISTS (SELECT 1 FROM "{t}_chunk" WHERE id = c.body << 20), c.key, c.variant, c.stamp
  FROM "{t}" c JOIN "{t}_record" r ON r.id = c.id"#;

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Stored {
            row: row.get(0)?,
            uses: row.get::<_, i64>(1)?.max(0).unsigned_abs(),
            last_used_at: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
            stored_bytes: row.get::<_, i64>(3)?.max(0).unsigned_abs(),
            record: row.get::<_, Option<Vec<u8>>>(4)?.unwrap_or_default(),
            body: row.get(5)?,
            whole: row.get(6)?,
            id: id_of(row, 7)?,
        })
    }

    /// The same; what is wrong with the values of this row is an error of its own.
    fn apart(row: &Row<'_>) -> rusqlite::Result<Result<Self>> {
        match Self::of(row) {
            Ok(stored) => Ok(Ok(stored)),
            Err(e) if is_about_the_row(&e) => Ok(Err(odd_row(row.get(0)?, &e))),
            Err(e) => Err(e),
        }
    }

    /// Decodes the record: the entry, and its body where that lies in the record.
    fn decode(self, codec: &Codec) -> Result<(Recorded, Option<Bytes>, u64)> {
        let (row, stored_bytes, id) = (self.row, self.stored_bytes, self.id.clone());
        self.decode_record(codec).map_err(|e| {
            let problem = match e.code() {
                "body_damaged" => Problem::DigestMismatch,
                "key_mismatch" => Problem::KeyMismatch,
                _ => Problem::Undecodable,
            };
            let piece = Piece::new(problem, remains::record_name(row), stored_bytes);
            let piece = piece.of_entry(id.0, id.1);
            piece.met(format!("cannot read the record in row {row}"), &e)
        })
    }

    fn decode_record(self, codec: &Codec) -> Result<(Recorded, Option<Bytes>, u64)> {
        let damaged = |how: &str| Error::codec(format!("row {} is damaged: {how}", self.row));
        // Which number a body has, its row says; the record may say the same.
        let number = self.body.map(|body| body.to_string());
        let is_own = |body: &str| body.is_empty() || number.as_deref() == Some(body);
        let record = Record::parse(&self.record.into(), codec, 0, is_own)?;
        let (mut entry, inline) = record.into_only()?;
        if entry.head.id != self.id.0 {
            let key = &entry.head.id.key;
            return Err(damaged(&format!("its record is one of {key}")).coded("key_mismatch"));
        }
        entry.head.uses = self.uses;
        entry.head.last_used_at = self.last_used_at;
        match (&entry.place, self.body) {
            (Place::Beside(_), Some(body)) if body::is_number(body) => {
                entry.place = Place::Beside(body.to_string());
            }
            (Place::Inline(_), None) => {}
            _ => return Err(damaged("record and row disagree about the body")),
        }
        Ok((entry, inline, self.stored_bytes))
    }

    fn into_found(self, codec: &Codec) -> Result<Found> {
        let (entry, inline, stored_bytes) = self.decode(codec)?;
        Ok(Found::whole(entry.head, entry.stamp, inline, stored_bytes))
    }
}

impl Inner {
    fn sql(&self, text: &str) -> String {
        self.database.sql(&text.replace("{most}", &MAX_RECORD.to_string()))
    }

    /// From now on there is something to tidy; the first time at once.
    fn has_stored(&self) {
        let relaxed = Ordering::Relaxed;
        let _ = self.tidy_at.compare_exchange(NOTHING_TO_TIDY, i64::MIN, relaxed, relaxed);
    }

    fn stored(&self, connection: &Connection, id: &EntryId) -> rusqlite::Result<Option<Stored>> {
        let sql = self.sql(&format!("SELECT {STORED} WHERE c.key = ?1 AND c.variant = ?2"));
        connection
            .prepare_cached(&sql)?
            .query_row([&*id.key, id.variant.as_str()], Stored::of)
            .optional()
    }

    fn delete(&self, connection: &Connection, row: i64) -> rusqlite::Result<()> {
        for table in ["{t}", "{t}_record"] {
            let sql = self.sql(&format!(r#"DELETE FROM "{table}" WHERE id = ?1"#));
            connection.prepare_cached(&sql)?.execute([row])?;
        }
        Ok(())
    }

    /// A record: the document of one entry, and its body if that is small.
    fn record(&self, entry: &Recorded, inline: Option<&[u8]>) -> Result<Vec<u8>> {
        let mut record = self.codec.dumps(std::slice::from_ref(entry))?;
        record.extend_from_slice(inline.unwrap_or_default());
        Ok(record)
    }
}

/// The record holds a small body already.
fn stored_bytes(entry: &Recorded, record: &[u8]) -> u64 {
    let beside = matches!(entry.place, Place::Beside(_));
    record.len() as u64 + if beside { entry.head.body.bytes } else { 0 }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStorage({:?})", self.inner.database)
    }
}

#[async_trait]
impl Backend for SqliteStorage {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("sqlite");
        can.counts_itself = true;
        can.sorts = true;
        can.batch = BATCH;
        can.ttl = self.inner.ttl;
        can.serializer = self.inner.codec.name();
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let inner = &self.inner;
        let sql =
            inner.sql(&format!("SELECT {STORED} WHERE c.key = ?1 LIMIT {}", MAX_VARIANTS + 1));
        let rows = inner.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([key])?;
            let mut stored = Vec::new();
            while let Some(row) = rows.next()? {
                stored.push(Stored::apart(row)?);
            }
            Ok(stored)
        })?;
        if rows.len() > MAX_VARIANTS {
            let told = format!("more than {MAX_VARIANTS} entries lie under the key {key}");
            return Err(Error::codec(told).coded("record_damaged"));
        }
        let is_whole = |row: &Result<Stored>| row.as_ref().map_or(true, |row| row.whole);
        rows.into_iter().filter(is_whole).map(|row| row?.into_found(&inner.codec)).collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let inner = &self.inner;
        let snapshot = Snapshot::of(&inner.database)?;
        let stored = snapshot.read(|connection| inner.stored(connection, id))?;
        let stored = stored.ok_or_else(|| Error::changed(&id.key))?;
        let body = stored.body;
        let (entry, inline, _) = stored.decode(&inner.codec)?;
        if entry.stamp != seen {
            return Err(Error::changed(&id.key));
        }
        match (inline, body) {
            (Some(bytes), _) => Ok(BodyStream::part(&bytes, range)),
            (None, Some(body)) => {
                body::reader(&inner.database, snapshot, id, body, entry.head.body, range)
                    .map(BodyStream::in_place)
            }
            (None, None) => Err(Error::changed(&id.key)),
        }
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        Ok(Box::new(SqlitePut::begin(&self.inner, head)))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.inner.put_many(entries)
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let inner = &self.inner;
        let rows = inner.database.read(|connection| {
            let stored = |id: &EntryId| match inner.stored(connection, id) {
                Err(e) if is_about_the_row(&e) => Ok(Err(Error::codec(e.to_string()))),
                stored => stored.map(Ok),
            };
            ids.iter().map(stored).collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let found = |row: Result<Option<Stored>>| {
            let row = row?.filter(|row| row.whole);
            row.map(|row| row.into_found(&inner.codec)).transpose()
        };
        Ok(rows.into_iter().map(found).collect())
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let inner = &self.inner;
        let stamp = Stamp::fresh();

        inner.database.write(|connection| {
            let Some(stored) = inner.stored(connection, id)? else {
                return Ok(Ok(Outcome::Absent));
            };
            let (row, body) = (stored.row, stored.body);
            let changed = stored.decode(&inner.codec).and_then(|(mut entry, inline, _)| {
                if entry.stamp != seen {
                    return Ok(None);
                }
                entry.head = EntryHead { id: id.clone(), body: entry.head.body, ..head };
                entry.stamp = stamp;
                let record = inner.record(&entry, inline.as_deref())?;
                Ok(Some((entry, record)))
            });
            match changed {
                Ok(Some((entry, record))) => {
                    inner.write_row(connection, Some(row), &entry, &record, body)?;
                    Ok(Ok(Outcome::Done(stamp)))
                }
                Ok(None) => Ok(Ok(Outcome::Changed)),
                Err(e) => Ok(Err(e)),
            }
        })?
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let inner = &self.inner;
        let (outcome, body) = inner.database.write_to_remove(|c| inner.take_out(c, id, seen))?;
        if let Some(body) = body {
            body::remove(&inner.database, body);
        }
        Ok(outcome.map(drop))
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        stream::iter(scan::scan(&self.inner, query)).boxed()
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        self.inner.remove_many(entries)
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let inner = &self.inner;
        let sql = inner.sql(
            r#"UPDATE "{t}" SET uses = uses + 1, last_used_at = ?4
               WHERE key = ?1 AND variant = ?2 AND stamp = ?3"#,
        );
        inner.database.write(|connection| {
            let values = params![id.key, id.variant.as_str(), seen.to_bytes(), at.millis()];
            connection.prepare_cached(&sql)?.execute(values).map(drop)
        })
    }

    async fn identity(&self) -> Result<Identity> {
        Ok(Identity::new([self.inner.database.identity()]))
    }

    async fn sync(&self) -> Result<()> {
        self.inner.database.sync()
    }

    async fn close(&self) -> Result<()> {
        self.inner.database.close();
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for SqliteStorage {
    fn location(&self, id: &EntryId) -> String {
        let database = &self.inner.database;
        let sql = database.sql(r#"SELECT id FROM "{t}" WHERE key = ?1 AND variant = ?2"#);
        let row: Option<i64> = database
            .read(|c| c.query_row(&sql, [&*id.key, id.variant.as_str()], |r| r.get(0)).optional())
            .unwrap_or_default();
        let place = format!("{} table {}", database.name(), database.table());
        row.map_or(place.clone(), |row| format!("{place} row {row}"))
    }
}

#[async_trait]
impl Upkeep for SqliteStorage {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::iter(remains::leftovers(&self.inner, before)).boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.inner.discard(piece)
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.inner.raw(&part).map(BodyStream::in_place)
    }

    async fn usage(&self) -> Result<Usage> {
        self.inner.usage()
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        self.inner.database.compact(when)
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        let inner = &self.inner;
        if now.micros() < inner.tidy_at.load(Ordering::Relaxed) {
            return Ok(());
        }
        inner.tidy_at.store((now + TIDY_EVERY).micros(), Ordering::Relaxed);
        let sql = inner.sql(
            r#"SELECT id, body FROM "{t}" WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"#,
        );
        let bound = (now.millis(), TIDY_MOST);
        let expired = |connection: &Connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(bound, |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<Vec<(i64, Option<i64>)>>>()
        };
        // Usually nothing has expired, and nothing is locked to see that.
        if inner.database.read(expired)?.is_empty() {
            return Ok(());
        }
        let bodies = inner.database.write(|connection| {
            let expired = expired(connection)?;
            for (row, _) in &expired {
                inner.delete(connection, *row)?;
            }
            Ok(expired)
        })?;
        for body in bodies.into_iter().filter_map(|(_, body)| body) {
            body::remove(&inner.database, body);
        }
        Ok(())
    }
}

impl BlockingBackend for SqliteStorage {}

pub(super) const DRIVER: Driver = Driver {
    kind: "sqlite",
    reach: Reach::Path,
    default: "sqlite:.hishel.sqlite",
    shares_files: true,
    takes_password: false,
    schemes: &["sqlite"],
    about: "an SQLite database, also inside an application's own",
    forms: "sqlite:PATH, sqlite:///abs/path, sqlite::memory:",
    params: &[
        Param { name: "table", default: "cache", about: "the table" },
        Param { name: "create_table", default: "true", about: "make the table if it is missing" },
        Param { name: "busy_timeout", default: "5s", about: "how long to wait for other writers" },
    ],
    open: Some(open),
    open_marked: None,
};

fn open(address: &Address, access: Access) -> Result<Opened> {
    let mut builder: SqliteStorageBuilder = SqliteStorage::builder()
        .table_name(address.param("table").unwrap_or(DEFAULT_TABLE))
        .create_table(address.flag("create_table")?.unwrap_or(true))
        .ttl(address.duration("ttl")?);
    builder.codec = super::codec_of(address)?;
    if address.location() != Some(":memory:") {
        let path = place_of(address, DEFAULT_FILE)?;
        if let Some(hint) = relative_instead(&path, address) {
            return Err(hint);
        }
        let busy = address.duration("busy_timeout")?.unwrap_or(DEFAULT_BUSY);
        builder.file = Some(FileOptions { path, busy, access });
    }
    Ok(Opened::Blocking(Arc::new(builder.build()?)))
}

/// `sqlite:///cache.db` is absolute, though some mean `./cache.db` by it.
fn relative_instead(path: &std::path::Path, address: &Address) -> Option<Error> {
    let meant = address.location()?.strip_prefix("///")?;
    let is_slip = !path.exists() && !meant.is_empty() && std::path::Path::new(meant).exists();
    is_slip.then(|| {
        Error::store(format!("there is no SQLite store at {}", path.display()))
            .because(format!("three slashes make the path absolute, but ./{meant} exists"))
            .coded("store_missing")
            .try_this(format!("sqlite:{meant}"))
    })
}
