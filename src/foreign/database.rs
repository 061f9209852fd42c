//! An SQLite database that belongs to somebody else, who may be using it.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::{Error, Result};

/// How long to wait for other writers, unless the address says so. hishel waits as long.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// A database of another client's. Reading leaves it as it is, to the byte; what a log
/// beside it holds is seen.
pub(super) struct Database<M = ()> {
    path: PathBuf,
    busy: Duration,
    reader: Mutex<Option<Reader<M>>>,
    writer: Mutex<Option<Writer<M>>>,
}

/// A connection for reading.
struct Reader<M> {
    connection: Connection,
    /// How the file looked when it was taken as one that nobody changes.
    taken_as: Option<Looks>,
    memo: Memo<M>,
}

/// A connection for writing.
struct Writer<M> {
    connection: Connection,
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

/// What changes when somebody writes.
#[derive(Debug, PartialEq, Eq)]
struct Looks {
    bytes: u64,
    changed: Option<SystemTime>,
    has_log: bool,
}

impl Looks {
    fn of(path: &Path) -> Option<Self> {
        let meta = path.metadata().ok()?;
        Some(Looks {
            bytes: meta.len(),
            changed: meta.modified().ok(),
            has_log: beside(path, "-wal").exists(),
        })
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<M> fmt::Debug for Database<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// Whether a file is an SQLite database.
pub(super) fn is_one(path: &Path) -> bool {
    page_bytes(path).is_some()
}

/// The size of its pages, as its header says; `None` for what is no database.
pub(super) fn page_bytes(path: &Path) -> Option<u32> {
    let mut start = [0; 18];
    File::open(path).ok()?.read_exact(&mut start).ok()?;
    let size = u16::from_be_bytes([start[16], start[17]]);
    start.starts_with(b"SQLite format 3\0").then_some(if size == 1 { 65_536 } else { size.into() })
}

/// The columns of a table in order; empty if there is no such table.
pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

impl<M: Default> Database<M> {
    pub(super) fn new(path: PathBuf, busy: Duration) -> Self {
        Database { path, busy, reader: Mutex::new(None), writer: Mutex::new(None) }
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
        if let Some(Writer { connection, memo }) = &mut *lock(&self.writer) {
            return within(connection, memo, &mut work).map_err(|e| self.error(e));
        }
        self.look(work)
    }

    fn look<T>(
        &self,
        mut work: impl FnMut(&Connection, &mut M) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut slot = lock(&self.reader);
        for _ in 0..3 {
            let mut reader = match slot.take() {
                Some(reader) => reader,
                None => Reader::open(&self.path, self.busy).map_err(|e| self.error(e))?,
            };
            let done = within(&reader.connection, &mut reader.memo, &mut work);
            // It may have been changed under a reader who took it as unchanging.
            if reader.taken_as.is_some() && reader.taken_as != Looks::of(&self.path) {
                continue;
            }
            *slot = Some(reader);
            return done.map_err(|e| self.error(e));
        }
        Err(Error::store(format!("{} is changed all the time", self.path.display()))
            .coded("store_busy")
            .passing()
            .try_this("again in a moment"))
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
        let mut slot = lock(&self.writer);
        let Writer { connection, memo } = match &mut *slot {
            Some(writer) => writer,
            empty => {
                let connection = open_writer(&self.path, self.busy).map_err(|e| self.error(e))?;
                empty.insert(Writer { connection, memo: Memo::default() })
            }
        };
        let run = || {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
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
                    .because(error)
                    .coded("store_busy")
                    .passing()
                    .try_this("again in a moment, or a longer ?busy_timeout=");
            }
            _ => (format!("cannot use {name}"), "store", None),
        };
        let wrapped = Error::store(what).because(error).coded(code);
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

impl<M: Default> Reader<M> {
    /// A database with a write-ahead log has files beside it, which SQLite makes also for a
    /// reader, and leaves there. Where there are none nobody has it open, and it is read as
    /// it lies; whether it still does is looked at after each reading.
    fn open(path: &Path, busy: Duration) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let looks = Looks::of(path);
        let lies_still = has_log_mode(path)
            && !beside(path, "-shm").exists()
            && looks.as_ref().is_some_and(|looks| !looks.has_log);
        if lies_still {
            let text = path.to_string_lossy();
            let text = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let uri = format!("file:{text}?immutable=1");
            let connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?;
            return Ok(Reader { connection, taken_as: looks, memo: Memo::default() });
        }
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(busy)?;
        // Merging the log is its owner's business.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(Reader { connection, taken_as: None, memo: Memo::default() })
    }
}

/// Whether the database is one with a write-ahead log: its header says so.
fn has_log_mode(path: &Path) -> bool {
    let mut start = [0; 20];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start[18] == 2
}

fn open_writer(path: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    // Not all of hishel's versions ask for them, so nobody relies on what they would do.
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    Ok(connection)
}
