//! The database: its connections and its tables.
//!
//! Everything lies in tables named after one word (`cache` by default), because they may
//! share a database with an application:
//!
//! ```text
//! cache         one row an entry: what SQL users ask for
//! cache_record  its record: document and small body
//! cache_body    one row a large body; the numbers are never used twice
//! cache_chunk   its bytes: row number = body << 20 | chunk
//! cache_meta    the layout version
//! ```

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};

use crate::error::{Error, Result};
use crate::storage::Access;

use super::super::sqlite_file::{self, Reader, Trouble, Writer};
use super::super::{SQLITE_PAGE_BYTES, private};
use super::MAX_ROW;

/// The layout that this build writes, and the newest that it reads.
const LAYOUT: i64 = 1;

/// Memory for pages while many entries are put, in KiB.
const BULK_CACHE_KIB: i32 = 8 * 1024;

/// Bytes that are left free for removing something.
const ROOM_TO_CLEAN: u64 = 256 << 10;

/// Idle reading connections that are kept.
const MOST_IDLE: usize = 4;

/// How often something is read again that was changed meanwhile.
const READ_AGAIN: usize = 3;

/// What the names of the tables end with.
const PARTS: [&str; 5] = ["", "_meta", "_record", "_body", "_chunk"];

const SCHEMA: &str = r#"
CREATE TABLE "{t}_meta" (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE "{t}" (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  variant TEXT NOT NULL DEFAULT '',
  method TEXT NOT NULL,
  url TEXT NOT NULL,
  host TEXT,
  status INTEGER NOT NULL,
  content_type TEXT,
  body_bytes INTEGER NOT NULL,
  stored_bytes INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  usable_until INTEGER,
  uses INTEGER NOT NULL DEFAULT 0,
  last_used_at INTEGER,
  serializer TEXT NOT NULL,
  stamp BLOB NOT NULL,
  body INTEGER
);
CREATE UNIQUE INDEX "{t}_key" ON "{t}" (key, variant);
CREATE INDEX "{t}_expires_at" ON "{t}" (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX "{t}_last_used_at" ON "{t}" (last_used_at);
CREATE INDEX "{t}_stored_bytes" ON "{t}" (stored_bytes);
CREATE INDEX "{t}_body_of" ON "{t}" (body) WHERE body IS NOT NULL;
CREATE TABLE "{t}_record" (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE "{t}_body" (id INTEGER PRIMARY KEY AUTOINCREMENT, written_at INTEGER NOT NULL);
CREATE TABLE "{t}_chunk" (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
INSERT INTO "{t}_meta" VALUES ('layout', 1);
"#;

/// A database that holds a store, and the connections to it.
pub(super) struct Database {
    source: Source,
    table: String,
    name: String,
}

enum Source {
    /// One connection that somebody opened, for everything.
    Given(Mutex<Connection>),
    /// A file: one connection that writes, and a few that read.
    File {
        path: PathBuf,
        busy: Duration,
        writer: Mutex<Option<Writer>>,
        idle: Mutex<Vec<Reader>>,
        /// Nothing will be written, and reading changes nothing.
        only_reads: bool,
        /// It was empty when it was opened.
        made_here: AtomicBool,
        /// Something may not have reached the disk.
        unsynced: AtomicBool,
        /// There was no room for a log, so the writer has the database for itself.
        has_no_room: AtomicBool,
    },
}

/// How to open a database file.
#[derive(Debug, Clone)]
pub(super) struct FileOptions {
    pub path: PathBuf,
    pub busy: Duration,
    pub access: Access,
}

/// The connection that writes goes last: it is the one that can tidy up the log, so that
/// the next process need not read it.
impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} table {}", self.name, self.table)
    }
}

impl Database {
    /// A store over this connection.
    pub(super) fn given(connection: Connection, table: &str, create: bool) -> Result<Self> {
        let name = match connection.path() {
            Some(path) if !path.is_empty() => path.to_owned(),
            _ => "the in-memory database".to_owned(),
        };
        let source = Source::Given(Mutex::new(connection));
        let database = Database { source, table: table.to_owned(), name };
        if !database.has_store()? {
            database.make(create)?;
        }
        Ok(database)
    }

    /// A store in this file.
    pub(super) fn file(options: FileOptions, table: &str, create_table: bool) -> Result<Self> {
        let FileOptions { path, busy, access } = options;
        let create = access == Access::Create;
        let name = path.display().to_string();
        let exists = path.exists();
        if !exists && !create {
            return Err(
                Error::store(format!("there is no SQLite store at {name}")).coded("store_missing")
            );
        }
        // Who may not write leaves nothing behind that would keep out those who may.
        let only_reads = access == Access::Read || exists && !sqlite_file::can_write(&path);
        let source = Source::File {
            path,
            busy,
            only_reads,
            writer: Mutex::new(None),
            idle: Mutex::new(Vec::new()),
            made_here: AtomicBool::new(false),
            unsynced: AtomicBool::new(false),
            has_no_room: AtomicBool::new(false),
        };
        let database = Database { source, table: table.to_owned(), name };
        if !(exists && database.has_store()?) {
            database.make(create && create_table)?;
        }
        Ok(database)
    }

    /// What people know the database by.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file; `None` for a database in memory.
    pub(super) fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::File { path, .. } => Some(path),
            Source::Given(_) => Some(Path::new(&self.name)).filter(|path| path.is_absolute()),
        }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// A statement over the store's tables: `{t}` stands for their word.
    pub(super) fn sql(&self, text: &str) -> String {
        text.replace("{t}", &self.table.replace('"', "\"\""))
    }

    /// Reads, on a connection of its own where there can be several. What was read while
    /// somebody wrote, and nothing kept the two apart, is read again.
    pub(super) fn read<T>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let Source::File { path, .. } = &self.source else {
            return self.on_given(work);
        };
        if self.has_no_room() {
            return self.on_writer(|connection| work(connection));
        }
        for _ in 0..READ_AGAIN {
            let reader = self.take_reader()?;
            let done = work(&reader);
            if !reader.is_current(path) {
                continue;
            }
            self.give_back(reader);
            return done.map_err(|e| self.error(e));
        }
        Err(sqlite_file::changing(path))
    }

    fn on_given<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        match &self.source {
            Source::Given(connection) => work(&lock(connection)).map_err(|e| self.error(e)),
            Source::File { .. } => unreachable!("files have readers of their own"),
        }
    }

    fn give_back(&self, reader: Reader) {
        if let Source::File { idle, .. } = &self.source {
            let mut idle = lock(idle);
            if idle.len() < MOST_IDLE {
                idle.push(reader);
            }
        }
    }

    fn take_reader(&self) -> Result<Reader> {
        let Source::File { path, busy, idle, only_reads, .. } = &self.source else {
            unreachable!("only files have readers of their own")
        };
        if let Some(reader) = lock(idle).pop() {
            return Ok(reader);
        }
        let explained = |trouble: Trouble| trouble.explained(|e| self.error(e));
        let reader = match *only_reads {
            true => Reader::unchanging(path, *busy),
            false => {
                let usual = sqlite_file::undo_half_way(path, *busy)
                    .and_then(|()| Reader::usual(path, *busy));
                match usual {
                    // SQLite would make files beside the database.
                    Err(Trouble::Sqlite(e)) if is_no_room(&e) => Reader::unchanging(path, *busy),
                    usual => usual,
                }
            }
        };
        let reader = reader.map_err(explained)?;
        sqlite_file::limit_values(&reader, MAX_ROW).map_err(|e| self.error(e))?;
        Ok(reader)
    }

    /// Changes several things at once, or nothing. Waits for other writers.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.on_writer(|connection| transact(connection, work))
    }

    /// Looks whether so many bytes can be written. They go into the log and into the database,
    /// and what is in the log already needs room there too: where that is not left, the log
    /// could not be merged any more, and nothing could be removed.
    pub(super) fn check_room(&self, bytes: usize) -> Result<()> {
        let Source::File { path, .. } = &self.source else { return Ok(()) };
        let log = sqlite_file::beside(path, "-wal").metadata().map_or(0, |meta| meta.len());
        let needed = log + 2 * bytes as u64 + ROOM_TO_CLEAN;
        match private::free_bytes(path) {
            Some(free) if free < needed => Err(Error::store(format!("no space for {}", self.name))
                .because(format!("{free} bytes are free, {needed} are needed"))
                .coded("no_space")
                .try_this("free some space, or choose another place with --backend")),
            _ => Ok(()),
        }
    }

    /// The same for what makes room, also where there is none: then without a log beside the
    /// database, in which what is half done could be undone by somebody else.
    pub(super) fn write_to_remove<T>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        match self.try_on_writer(|connection| transact(connection, &mut work))? {
            Err(e) if is_no_room(&e) && matches!(self.source, Source::File { .. }) => {
                tracing::info!("there is no room beside {}: {e}", self.name);
                self.do_without_room()?;
                self.on_writer(|connection| transact(connection, work))
            }
            done => done.map_err(|e| self.error(e)),
        }
    }

    /// Takes the database for the writer alone, with what would have to be undone in memory.
    fn do_without_room(&self) -> Result<()> {
        let Source::File { path, busy, writer, has_no_room, .. } = &self.source else {
            return Ok(());
        };
        self.close();
        let connection = self.open_writer(path, *busy, false)?;
        let set = |name: &str, value: &str| {
            let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            connection.pragma_update_and_check(None, name, value, read).map_err(|e| self.error(e))
        };
        set("locking_mode", "EXCLUSIVE")?;
        if set("journal_mode", "MEMORY")? != "memory" {
            return Err(Error::store(format!("no space for {}", self.name))
                .because("its log cannot be done without while others use it")
                .coded("no_space")
                .try_this("free some space, or end the other programs"));
        }
        *lock(writer) = Some(connection);
        has_no_room.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the writer has the database for itself, as there was no room for a log.
    pub(super) fn has_no_room(&self) -> bool {
        match &self.source {
            Source::File { has_no_room, .. } => has_no_room.load(Ordering::Relaxed),
            Source::Given(_) => false,
        }
    }

    /// Gives the writer this much memory for pages, in KiB.
    pub(super) fn use_more_memory(&self, kib: i64) -> Result<()> {
        match self.try_on_writer(|c| c.pragma_update(None, "cache_size", -kib))? {
            // SQLite has looked at the database, which may take room.
            Err(e) if is_no_room(&e) => Ok(()),
            done => done.map_err(|e| self.error(e)),
        }
    }

    /// Lets the database have its log again.
    fn end_without_room(&self) {
        let Source::File { writer, has_no_room, .. } = &self.source else { return };
        if !has_no_room.swap(false, Ordering::Relaxed) {
            return;
        }
        if let Some(connection) = &*lock(writer) {
            let set = connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()));
            if let Err(e) = set {
                tracing::warn!("{} stays without a log: {e}", self.name);
            }
        }
    }

    /// The same for changes all over the tables: with more memory, so that pages which
    /// change often are written once. A database that was made just now holds nothing but
    /// copies, so the disk is not waited for before it is closed; that a process dies does
    /// no harm to it.
    pub(super) fn write_many<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let Source::File { made_here, unsynced, .. } = &self.source else {
            return self.write(work);
        };
        let waits = !made_here.load(Ordering::Relaxed);
        self.on_writer(|connection| {
            connection.pragma_update(None, "cache_size", -BULK_CACHE_KIB)?;
            if waits {
                return transact(connection, work);
            }
            unsynced.store(true, Ordering::Relaxed);
            connection.pragma_update(None, "synchronous", "OFF")?;
            let done = transact(connection, work);
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            done
        })
    }

    pub(super) fn on_writer<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.try_on_writer(work)?.map_err(|e| self.error(e))
    }

    fn try_on_writer<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<rusqlite::Result<T>> {
        let mut guard;
        let mut slot;
        let connection = match &self.source {
            Source::Given(connection) => {
                guard = lock(connection);
                &mut *guard
            }
            Source::File { only_reads: true, .. } => return Err(self.cannot_write()),
            Source::File { path, busy, writer, .. } => {
                slot = lock(writer);
                match &mut *slot {
                    Some(connection) => connection,
                    empty => empty.insert(self.open_writer(path, *busy, false)?),
                }
            }
        };
        Ok(work(connection))
    }

    /// Waits until the disk has everything that was committed.
    pub(super) fn sync(&self) -> Result<()> {
        let Source::File { path, writer, unsynced, only_reads: false, .. } = &self.source else {
            return Ok(());
        };
        // So that there is a writer, if only one that has written nothing yet.
        self.on_writer(|_| Ok(()))?;
        if let Some(writer) = &mut *lock(writer) {
            writer.sync().map_err(|e| self.error(e))?;
        }
        sqlite_file::sync_names(path).map_err(|e| {
            private::store_error(format!("cannot wait for the disk with {}", self.name), e)
        })?;
        unsynced.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// By what the system knows the database.
    pub(super) fn identity(&self) -> String {
        let table = self.table.to_ascii_lowercase();
        match &self.source {
            Source::File { path, .. } => match sqlite_file::file_id(path) {
                Some((device, file)) => format!("sqlite {device}:{file} {table}"),
                None => format!("sqlite {} {table}", path.display()),
            },
            Source::Given(connection) => {
                let file = sqlite_file::file_id(Path::new(&self.name));
                let open = std::ptr::from_ref(connection).addr();
                match file {
                    Some((device, file)) => format!("sqlite {device}:{file} {table}"),
                    None => format!("sqlite in memory {open} {table}"),
                }
            }
        }
    }

    /// Closes every connection, so that the database is one file again.
    pub(super) fn close(&self) {
        if let Source::File { writer, idle, unsynced, .. } = &self.source {
            if unsynced.load(Ordering::Relaxed)
                && let Err(e) = self.sync()
            {
                tracing::warn!("{} may not be on the disk yet: {e:#}", self.name);
            }
            lock(idle).clear();
            self.end_without_room();
            *lock(writer) = None;
        }
    }

    /// Whether the store's tables are there, as their mark says; a layout from the future
    /// is refused.
    fn has_mark(&self) -> Result<bool> {
        // A look at each row: to find one by its name SQLite brings all of it.
        let sql = self.sql(
            r#"SELECT CASE WHEN octet_length(value) < 100 THEN value END FROM "{t}_meta"
               WHERE octet_length(name) < 100 AND +name = 'layout'"#,
        );
        let tables = PARTS.map(|part| format!("{}{part}", self.table));
        let tables = tables.each_ref().map(String::as_str);
        let (layout, are_plain) = self.read(|connection| {
            let layout = match connection.query_row(&sql, [], |row| row.get::<_, Value>(0)) {
                Ok(layout) => Some(layout),
                Err(e) if e.sqlite_error_code() == Some(ErrorCode::Unknown) => None,
                Err(rusqlite::Error::QueryReturnedNoRows) => None,
                Err(e) => return Err(e),
            };
            Ok((layout, sqlite_file::are_plain(connection, &tables)?))
        })?;
        match layout {
            Some(Value::Integer(1..=LAYOUT)) if are_plain => Ok(true),
            Some(Value::Integer(1..=LAYOUT)) => {
                let name = &self.name;
                Err(Error::store(format!("the store in {name} has tables that compute"))
                    .because("cachectl makes no views, virtual tables and generated columns")
                    .coded("store_damaged"))
            }
            Some(Value::Integer(newer @ 1..)) => {
                let name = &self.name;
                Err(Error::store(format!(
                    "the store in {name} has layout {newer}, this build reads up to {LAYOUT}"
                ))
                .coded("version_too_new")
                .try_this("a newer cachectl"))
            }
            _ => Ok(false),
        }
    }

    /// Whether the store's tables are there; a table of the same name that is something
    /// else is refused.
    fn has_store(&self) -> Result<bool> {
        // Usually this is a store of ours, and one small statement tells.
        if self.has_mark()? {
            return Ok(true);
        }
        let table = &self.table;
        let taken = self.read(|connection| {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN (?1, ?1 || '_meta')";
            connection.query_row(sql, [table], |row| row.get::<_, i64>(0))
        })?;
        if taken == 0 {
            return Ok(false);
        }
        // Another process may have made them between the two looks, mark and all.
        if self.has_mark()? {
            return Ok(true);
        }
        let whose = self.whose();
        Err(Error::store(format!("the table {table:?} in {} is {whose}", self.name))
            .coded("not_a_store")
            .try_this("another table with ?table=NAME; nothing was changed"))
    }

    /// Whom a table belongs to that is not ours.
    fn whose(&self) -> &'static str {
        let columns = |table: &str| {
            self.read(|connection| {
                let mut statement =
                    connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
                let names = statement.query_map([table], |row| row.get::<_, String>(0))?;
                names.collect::<rusqlite::Result<Vec<_>>>()
            })
            .unwrap_or_default()
        };
        let entries = columns("entries");
        if columns(&self.table) == ["key", "data", "date_created"] {
            "a cache of hishel 0.x"
        } else if entries.iter().any(|c| c == "cache_key") && !columns("streams").is_empty() {
            if entries.iter().any(|c| c == "chunk_count") {
                "a cache of hishel 2.x"
            } else {
                "a cache of hishel 1.x"
            }
        } else {
            "something else than a store"
        }
    }

    /// Makes the tables, and the file if need be.
    fn make(&self, create: bool) -> Result<()> {
        if !create {
            let table = &self.table;
            return Err(Error::store(format!("{} has no table {table:?}", self.name))
                .coded("store_missing"));
        }
        let whose = self.whose();
        if whose.starts_with("a cache") {
            return Err(Error::store(format!("{} is {whose}", self.name))
                .coded("not_a_store")
                .try_this("another file; nothing was changed"));
        }
        if let Source::File { path, busy, writer, made_here, .. } = &self.source {
            private::create_database_file(path)?;
            // The journal of a database that is in use already is its owner's choice.
            let is_new = path.metadata().is_ok_and(|meta| meta.len() == 0);
            *lock(writer) = Some(self.open_writer(path, *busy, is_new)?);
            made_here.store(is_new, Ordering::Relaxed);
        }
        let made = self.write(|connection| {
            // Another process may have made them while this one waited.
            let exists = connection
                .query_row("SELECT 1 FROM sqlite_schema WHERE name = ?1", [&self.table], |_| Ok(()))
                .optional()?;
            match exists {
                Some(()) => Ok(false),
                None => connection.execute_batch(&self.sql(SCHEMA)).map(|()| true),
            }
        })?;
        if !made && !self.has_store()? {
            return Err(Error::store(format!("cannot create a store in {}", self.name)));
        }
        Ok(())
    }

    fn open_writer(&self, path: &Path, busy: Duration, new: bool) -> Result<Writer> {
        let connection = Writer::open(path, busy);
        let connection = connection.map_err(|trouble| trouble.explained(|e| self.error(e)))?;
        let set_up = || {
            if new {
                connection.pragma_update(None, "page_size", SQLITE_PAGE_BYTES)?;
                set_wal(&connection, busy)?;
            }
            sqlite_file::limit_values(&connection, MAX_ROW)?;
            connection.pragma_update(None, "synchronous", "NORMAL")
        };
        set_up().map_err(|e| self.error(e))?;
        Ok(connection)
    }

    fn cannot_write(&self) -> Error {
        Error::store(format!("cannot write to {}", self.name))
            .coded("permission")
            .try_this("another place with --backend, or ?readonly=true to only read")
    }

    /// An error of SQLite about this database.
    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        let name = &self.name;
        let (what, code, hint) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => (
                format!("no space for {name}"),
                "no_space",
                Some("free some space, or choose another place with --backend"),
            ),
            Some(ErrorCode::CannotOpen) => (format!("cannot open {name}"), "permission", None),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
                format!("cannot write to {name}"),
                "permission",
                Some("another place with --backend, or ?readonly=true to only read"),
            ),
            Some(ErrorCode::NotADatabase) => {
                (format!("{name} is not an SQLite database"), "not_a_store", None)
            }
            Some(ErrorCode::DatabaseCorrupt) => (
                format!("the database {name} is damaged"),
                "store_damaged",
                Some("sqlite3's .recover can save what is left"),
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                let error = Error::store(format!("{name} is locked by another process"))
                    .because(sqlite_file::in_words(&error))
                    .coded("store_busy")
                    .passing();
                return error.try_this("again in a moment, or a longer ?busy_timeout=");
            }
            _ => (format!("cannot use {name}"), "store", None),
        };
        let wrapped = Error::store(what).because(sqlite_file::in_words(&error)).coded(code);
        match hint {
            Some(hint) => wrapped.try_this(hint),
            None => wrapped,
        }
    }
}

/// A view of the database that stays as it is while others write. Where that would keep them
/// from writing, or the connection is one that somebody gave, each look shows the present.
pub(super) struct Snapshot {
    database: Arc<Database>,
    reader: RefCell<Option<Reader>>,
}

impl Snapshot {
    pub(super) fn of(database: &Arc<Database>) -> Result<Self> {
        let database = Arc::clone(database);
        let reader = RefCell::new(database.steady_reader()?);
        Ok(Snapshot { database, reader })
    }

    /// Whether it stays as it is.
    pub(super) fn is_steady(&self) -> bool {
        self.reader.borrow().is_some()
    }

    pub(super) fn read<T>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut slot = self.reader.borrow_mut();
        let Some(path) = self.database.path() else { return self.database.read(work) };
        for _ in 0..READ_AGAIN {
            let Some(reader) = &*slot else { break };
            let done = work(reader);
            if reader.is_current(path) {
                return done.map_err(|e| self.database.error(e));
            }
            // Somebody has begun to write, with nothing between the two: from now on there is.
            *slot = self.database.steady_reader()?;
        }
        drop(slot);
        self.database.read(work)
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.take()
            && reader.execute_batch("COMMIT").is_ok()
        {
            self.database.give_back(reader);
        }
    }
}

impl Database {
    /// A reader that sees the database as it is now, and keeps nobody out; `None` where there
    /// can be none.
    fn steady_reader(&self) -> Result<Option<Reader>> {
        match &self.source {
            Source::Given(_) => return Ok(None),
            Source::File { .. } if self.has_no_room() => return Ok(None),
            Source::File { .. } => {}
        }
        let reader = self.take_reader()?;
        if reader.keeps_out() {
            self.give_back(reader);
            return Ok(None);
        }
        reader.execute_batch("BEGIN").map_err(|e| self.error(e))?;
        Ok(Some(reader))
    }
}

/// Whether an error says that no file beside the database can be made, or made longer.
fn is_no_room(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
    )
}

/// Changes several things at once, or nothing. Waits for other writers.
fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Changing the journal mode does not wait for others by itself.
fn set_wal(connection: &Connection, busy: Duration) -> rusqlite::Result<()> {
    let started = std::time::Instant::now();
    loop {
        let set = connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()));
        match set {
            Err(e)
                if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < busy =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}
