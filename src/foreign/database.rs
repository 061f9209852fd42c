//! An SQLite database that belongs to somebody else, who may be using it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::backend::private::{self, create_database_file};
use crate::backend::sqlite_file::{self, Reader, Trouble, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{Access, Address};

/// How long to wait for other writers, unless the address says so. hishel waits as long.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// A database of another client's. Reading leaves it as it is, to the byte; what a log
/// beside it holds is seen.
pub(super) struct Database<M = ()> {
    path: PathBuf,
    busy: Duration,
    access: Access,
    reader: Mutex<Option<Reading<M>>>,
    writer: Mutex<Option<Writing<M>>>,
}

/// A connection for reading, and what is known of the database by it.
struct Reading<M> {
    reader: Reader,
    memo: Memo<M>,
}

/// A connection for writing, and what is known of the database by it.
struct Writing<M> {
    writer: Writer,
    memo: Memo<M>,
}

/// What a connection knows of the database for as long as no other one changes it.
#[derive(Default)]
struct Memo<M> {
    /// SQLite counts the changes that others have made (`PRAGMA data_version`).
    version: i64,
    known: M,
}

impl<M: Default> Memo<M> {
    /// What is still true; inside a transaction, so that it stays so.
    fn of_now(&mut self, connection: &Connection) -> rusqlite::Result<&mut M> {
        let version = connection
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get::<_, i64>(0))?;
        if self.version != version {
            *self = Memo { version, known: M::default() };
        }
        Ok(&mut self.known)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M> fmt::Debug for Database<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// No value is longer that is read with its row. Values of any length are read in parts.
pub(super) const MOST_VALUE: usize = 8 << 20;

/// The longest key that a row is looked at for.
pub(super) const MOST_KEY: usize = 64 << 10;

/// The columns of a table in order; empty if there is no such table, or it is something that
/// computes what it shows.
pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    if !sqlite_file::are_plain(connection, &[table])? {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

/// What the databases of a layout have.
pub(super) struct Tables<'a> {
    /// The layout, as messages call it.
    pub layout: &'a str,
    /// The table that tells whether there is a store.
    pub table: &'a str,
    /// What makes the tables.
    pub schema: &'a str,
}

impl<M: Default> Database<M> {
    /// Opens a database, and makes the file and its tables where that is meant.
    ///
    /// # Errors
    /// `Store`: `store_missing` when there is none, or none of its tables; `not_a_store` when the
    /// table is another one, as `is_its` says.
    pub(super) fn open(
        path: PathBuf,
        address: &Address,
        access: Access,
        tables: &Tables<'_>,
        is_its: impl Fn(&Connection) -> rusqlite::Result<bool>,
    ) -> Result<Self> {
        let may_create = access == Access::Create;
        let missing = |what: String| Err(Error::store(what).coded("store_missing"));
        let name = path.display().to_string();
        let layout = tables.layout;
        match path.exists() {
            true => {}
            false if may_create => create_database_file(&path)?,
            false => return missing(format!("there is no database {name}")),
        }
        let database =
            Database::new(path, address.duration("busy_timeout")?.unwrap_or(BUSY), access);
        if database.read(&is_its)? {
            return Ok(database);
        }
        if !database.read(|c| columns(c, tables.table))?.is_empty() {
            return Err(Error::store(format!("{name} is no database of {layout}"))
                .coded("not_a_store")
                .try_this("another file, or no ?layout=; nothing was changed"));
        }
        match may_create {
            true => database.write(|c| c.execute_batch(tables.schema))?,
            false => return missing(format!("{name} has no tables of {layout}")),
        }
        Ok(database)
    }

    pub(super) fn new(path: PathBuf, busy: Duration, access: Access) -> Self {
        Database { path, busy, access, reader: Mutex::new(None), writer: Mutex::new(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads, in one look at the database: everything that `work` asks is about one moment.
    pub(super) fn read<T>(
        &self,
        mut work: impl FnMut(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.look(|connection, _| work(connection))
    }

    /// The same, with what is known of the database from before: to the writer, once there
    /// is one, who knows what this process has changed.
    pub(super) fn read_knowing<T>(
        &self,
        mut work: impl FnMut(&Connection, &mut M) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if let Some(Writing { writer, memo }) = &mut *lock(&self.writer) {
            return within(writer, memo, &mut work).map_err(|e| self.error(e));
        }
        self.look(work)
    }

    fn look<T>(
        &self,
        mut work: impl FnMut(&Connection, &mut M) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut slot = lock(&self.reader);
        for _ in 0..3 {
            let mut reading = match slot.take() {
                Some(reading) => reading,
                None => {
                    if self.access != Access::Read {
                        let undone = sqlite_file::undo_half_way(&self.path, self.busy);
                        undone.map_err(|trouble| self.explained(trouble))?;
                    }
                    let reader = Reader::unchanging(&self.path, self.busy);
                    let reader = reader.map_err(|trouble| self.explained(trouble))?;
                    let limited = sqlite_file::limit_values(&reader, MOST_VALUE);
                    limited.map_err(|e| self.error(e))?;
                    Reading { reader, memo: Memo::default() }
                }
            };
            let done = within(&reading.reader, &mut reading.memo, &mut work);
            // It may have been changed under a reader that nothing has kept apart from writers.
            let is_half_way = done.as_ref().is_err_and(sqlite_file::is_left_half_way);
            if is_half_way || !reading.reader.is_current(&self.path) {
                continue;
            }
            *slot = Some(reading);
            return done.map_err(|e| self.error(e));
        }
        Err(sqlite_file::changing(&self.path))
    }

    fn explained(&self, trouble: Trouble) -> Error {
        trouble.explained(|e| self.error(e))
    }

    /// Changes several things at once, or nothing. Waits for other writers.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.write_knowing(|connection, _| work(connection))
    }

    /// The same, with what is known of the database from before; `work` has to note what
    /// it changes.
    pub(super) fn write_knowing<T>(
        &self,
        work: impl FnOnce(&Connection, &mut M) -> rusqlite::Result<T>,
    ) -> Result<T> {
        if self.access == Access::Read {
            return Err(Error::store(format!("{} was opened to be read", self.path.display()))
                .coded("read_only"));
        }
        let mut slot = lock(&self.writer);
        let Writing { writer, memo } = self.writing(&mut slot)?;
        let run = || {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction, memo.of_now(&transaction)?)?;
            transaction.commit()?;
            Ok(value)
        };
        let done = run();
        if done.is_err() {
            *memo = Memo::default();
        }
        done.map_err(|e| self.error(e))
    }

    fn writing<'a>(&self, slot: &'a mut Option<Writing<M>>) -> Result<&'a mut Writing<M>> {
        if slot.is_none() {
            // One that has the index of a log open for reading would lend it to the writer.
            *lock(&self.reader) = None;
            let writer = open_writer(&self.path, self.busy);
            let writer = writer.map_err(|trouble| self.explained(trouble))?;
            *slot = Some(Writing { writer, memo: Memo::default() });
        }
        slot.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, "a writer was lost"))
    }

    /// Waits until the disk has everything that was committed.
    pub(super) fn sync(&self) -> Result<()> {
        if self.access == Access::Read {
            return Ok(());
        }
        let mut slot = lock(&self.writer);
        let Writing { writer, memo } = self.writing(&mut slot)?;
        writer.sync().map_err(|e| self.error(e))?;
        *memo = Memo::default();
        let fail = |e| {
            let name = self.path.display();
            private::store_error(format!("cannot wait for the disk with {name}"), e)
        };
        sqlite_file::sync_names(&self.path).map_err(fail)
    }

    /// By what the system knows the database.
    pub(super) fn identity(&self, table: &str) -> String {
        match sqlite_file::file_id(&self.path) {
            Some((device, file)) => format!("sqlite {device}:{file} {table}"),
            None => format!("sqlite {} {table}", self.path.display()),
        }
    }

    /// Lets go of the connections.
    pub(super) fn close(&self) {
        *lock(&self.reader) = None;
        *lock(&self.writer) = None;
    }

    pub(super) fn error(&self, error: rusqlite::Error) -> Error {
        let name = self.path.display();
        let (what, code, hint) = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                (format!("no space for {name}"), "no_space", Some("free some space"))
            }
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                let hint = "?readonly=true to only read";
                (format!("cannot write to {name}"), "permission", Some(hint))
            }
            Some(ErrorCode::NotADatabase) => {
                (format!("{name} is not an SQLite database"), "not_a_store", None)
            }
            Some(ErrorCode::DatabaseCorrupt) => {
                let hint = "sqlite3's .recover can save what is left";
                (format!("the database {name} is damaged"), "store_damaged", Some(hint))
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                return Error::store(format!("{name} is locked by another process"))
                    .because(sqlite_file::in_words(&error))
                    .coded("store_busy")
                    .passing()
                    .try_this("again in a moment, or a longer ?busy_timeout=");
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

fn within<M: Default, T>(
    connection: &Connection,
    memo: &mut Memo<M>,
    work: &mut impl FnMut(&Connection, &mut M) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.execute_batch("BEGIN")?;
    let done = memo.of_now(connection).and_then(|known| work(connection, known));
    let ended = connection.execute_batch("ROLLBACK");
    let value = done?;
    ended.map(|()| value)
}

fn open_writer(path: &Path, busy: Duration) -> Result<Writer, Trouble> {
    let writer = Writer::open(path, busy)?;
    // Not all of hishel's versions ask for them, so nobody relies on what they would do.
    writer.pragma_update(None, "foreign_keys", "OFF")?;
    Ok(writer)
}
