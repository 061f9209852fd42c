//! An SQLite database as a file, which may belong to somebody else, and may be forged.
//!
//! SQLite makes files beside a database, repairs it, and runs what its schema says, also for
//! somebody who only wants to read. Here reading changes nothing, makes nothing and needs no
//! more rights than reading:
//!
//! | what lies there | how it is read |
//! |---|---|
//! | no log | under SQLite's own shared lock, which leaves no trace |
//! | a log that is empty, and nobody has the database open | the file as it is |
//! | a log and its index | with the index opened for reading: SQLite takes it from its owner, or makes one in memory where that is gone |
//! | a log without an index, or with the one of an earlier log | with an index in memory |
//! | a journal that somebody left half-way | a copy, in which the change is undone |
//!
//! Where no lock protects the reader, what was read counts only if the files still look as
//! before. Writing is left to SQLite, which first undoes what was left half-way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior};
use tempfile::TempDir;

use crate::error::{Error, Result};

use super::private;

/// What SQLite puts beside a database.
const BESIDE: [&str; 3] = ["-journal", "-wal", "-shm"];

/// What a journal begins with, and ends with if it names another one.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];

/// SQLite takes the time to wait in milliseconds that fit into a C int.
const LONGEST_WAIT: Duration = Duration::from_millis(i32::MAX as u64);

/// How long a database is waited for, as somebody has asked: as long as SQLite can.
pub(crate) fn waits(busy: Duration) -> Duration {
    busy.min(LONGEST_WAIT)
}

/// The file beside a database that has this ending.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Whether a file is an SQLite database.
#[cfg(feature = "foreign")]
pub(crate) fn is_database(path: &Path) -> bool {
    page_bytes(path).is_some()
}

/// The size of its pages, as its header says; `None` for what is no database.
#[cfg(feature = "foreign")]
pub(crate) fn page_bytes(path: &Path) -> Option<u32> {
    let start = header(path)?;
    let size = u16::from_be_bytes([start[16], start[17]]);
    start.starts_with(b"SQLite format 3\0").then_some(if size == 1 { 65_536 } else { size.into() })
}

/// Whether the database is one with a write-ahead log: its header says so.
fn has_log_mode(path: &Path) -> bool {
    header(path).is_some_and(|start| start[18] == 2)
}

/// What a database begins with; `None` for what is no file, or too short.
type Header = Option<[u8; 20]>;

/// By what the system knows a file.
type FileId = (u64, u64);

/// A database that this process has open.
#[derive(Debug)]
struct Known {
    /// To look into it.
    file: Option<File>,
    /// How many connections use the index of its log in each of the ways of [`Index`].
    connections: [usize; 3],
}

impl Known {
    fn has(&self, index: Index) -> bool {
        self.connections[index as usize] > 0
    }
}

/// How a connection uses the index of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    /// It has none, or its own in memory.
    Leaves,
    Reads,
    /// As SQLite does, which makes the index where it is not there.
    Writes,
}

/// The databases that this process has open. SQLite's locks are POSIX's: they are gone once the
/// process closes the file, whoever in it has opened that. So a database that is open is looked
/// into by one file, which is closed behind the last connection.
static OPEN: Mutex<BTreeMap<FileId, Known>> = Mutex::new(BTreeMap::new());

fn known() -> MutexGuard<'static, BTreeMap<FileId, Known>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// By what the system knows a file, links followed; `None` when it is not there.
pub(crate) fn file_id(path: &Path) -> Option<FileId> {
    let meta = path.metadata().ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((meta.dev(), meta.ino()))
    }
    #[cfg(not(unix))]
    {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        fs::canonicalize(path).ok()?.hash(&mut hasher);
        Some((meta.len().min(0), hasher.finish()))
    }
}

fn header(path: &Path) -> Header {
    let id = file_id(path)?;
    // The lock is held, so that nobody opens the database before a file of it is closed here.
    match known().get(&id) {
        Some(known) => read_header(known.file.as_ref()?),
        None => read_header(&open_file(path)?),
    }
}

/// A file to look into; nothing for which somebody might have to wait.
fn open_file(path: &Path) -> Option<File> {
    path.metadata().is_ok_and(|meta| meta.is_file()).then(|| File::open(path).ok()).flatten()
}

fn read_header(mut file: &File) -> Header {
    let mut start = [0; 20];
    file.rewind().ok()?;
    file.read_exact(&mut start).ok()?;
    Some(start)
}

/// As long as this is there, this process has a database open.
#[derive(Debug)]
struct Use {
    id: Option<FileId>,
    index: Index,
}

impl Use {
    fn begin(path: &Path, index: Index) -> Self {
        let id = file_id(path);
        if let Some(id) = id {
            let mut all = known();
            let known = all.entry(id).or_insert_with(|| {
                let file = open_file(path);
                Known { file, connections: [0; 3] }
            });
            known.connections[index as usize] += 1;
        }
        Use { id, index }
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut all = known();
        if let Some(known) = all.get_mut(&id) {
            known.connections[self.index as usize] -= 1;
            if known.connections == [0; 3] {
                all.remove(&id);
            }
        }
    }
}

/// Refuses what SQLite would follow, wait for or remove though it is no part of the database:
/// links and pipes beside it, and a journal that names another file.
///
/// # Errors
/// `Store`, with the code `store_damaged`.
pub(crate) fn check(path: &Path) -> Result<()> {
    let damaged = |what: String| Err(Error::store(what).coded("store_damaged"));
    match path.metadata() {
        Ok(meta) if !meta.is_file() => {
            return Err(
                Error::store(format!("{} is not a file", path.display())).coded("not_a_store")
            );
        }
        _ => {}
    }
    for ending in BESIDE {
        let file = beside(path, ending);
        match file.symlink_metadata() {
            Ok(meta) if !meta.is_file() => {
                return damaged(format!("{} is not a file, as SQLite's would be", file.display()));
            }
            _ => {}
        }
    }
    let journal = beside(path, "-journal");
    if names_another(&journal).unwrap_or(false) {
        return damaged(format!("{} names another journal, of more databases", journal.display()))
            .map_err(|e| e.try_this("the program that wrote it, or sqlite3, can undo its change"));
    }
    Ok(())
}

/// Whether a journal ends with the name of another one. SQLite would look into that file, and
/// remove it in the end.
fn names_another(journal: &Path) -> io::Result<bool> {
    let mut file = File::open(journal)?;
    if file.metadata()?.len() < 16 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-8))?;
    let mut end = [0; 8];
    file.read_exact(&mut end)?;
    Ok(end == JOURNAL_MAGIC)
}

/// What changes when somebody writes.
#[derive(Debug, PartialEq, Eq)]
struct Looks([Option<(u64, SystemTime)>; 3]);

impl Looks {
    fn of(path: &Path) -> Self {
        let look = |path: &Path| {
            let meta = path.metadata().ok()?;
            Some((meta.len(), meta.modified().ok()?))
        };
        Looks([look(path), look(&beside(path, "-wal")), look(&beside(path, "-journal"))])
    }
}

/// A connection for reading.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    /// How the files looked when they were taken as ones that nobody changes.
    taken_as: Option<Looks>,
    /// As long as it reads, nobody can write.
    keeps_out: bool,
    // Fields are dropped in this order: the connection first.
    _use: Use,
    /// What is read instead.
    _copy: Option<TempDir>,
}

impl std::ops::Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Reader {
    /// Opens a database as SQLite does: with files beside it, for a program that writes too.
    pub(crate) fn usual(path: &Path, busy: Duration) -> Result<Self, Trouble> {
        check(path)?;
        let used = Use::begin(path, Index::Writes);
        let connection = open(path, "mode=ro", OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(waits(busy))?;
        // Merging the log is the writer's business.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let keeps_out = mode != "wal";
        Ok(Reader { connection, taken_as: None, keeps_out, _use: used, _copy: None })
    }

    /// Opens a database so that nothing is changed and nobody is kept out.
    pub(crate) fn unchanging(path: &Path, busy: Duration) -> Result<Self, Trouble> {
        check(path)?;
        if !has_log_mode(path) {
            let looked = Reader::usual(path, busy).and_then(|reader| {
                reader.probe()?;
                Ok(reader)
            });
            return match looked {
                Err(Trouble::Sqlite(e)) if is_left_half_way(&e) => Reader::of_copy(path),
                looked => looked,
            };
        }
        // Somebody in this process writes: files beside it are there and in use.
        if is_used_here(path, Index::Writes) && beside(path, "-shm").exists() {
            return Reader::usual(path, busy);
        }
        let looks = Looks::of(path);
        let [_, log, _] = &looks.0;
        if has_its_index(path) {
            let params = "mode=ro&readonly_shm=1";
            let used = Use::begin(path, Index::Reads);
            let connection = open(path, params, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(waits(busy))?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            let (taken_as, keeps_out) = (None, false);
            let reader = Reader { connection, taken_as, keeps_out, _use: used, _copy: None };
            match reader.probe() {
                Ok(()) => return Ok(reader),
                Err(e) if is_no_index(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
        let used = Use::begin(path, Index::Leaves);
        let connection = if log.is_none_or(|(bytes, _)| bytes == 0) {
            open(path, "immutable=1", OpenFlags::SQLITE_OPEN_READ_ONLY)?
        } else {
            let params = if cfg!(unix) { "mode=ro&vfs=unix-none" } else { "mode=ro" };
            let connection = open(path, params, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection
        };
        let (taken_as, keeps_out) = (Some(looks), false);
        Ok(Reader { connection, taken_as, keeps_out, _use: used, _copy: None })
    }

    /// Opens a copy, in which SQLite undoes what was left half-way.
    fn of_copy(path: &Path) -> Result<Self, Trouble> {
        let fail = |e: io::Error| {
            Error::store(format!("{} was left half-way through a change", path.display()))
                .because(format!("a copy of it in which that is undone cannot be made: {e}"))
                .coded("store_damaged")
                .try_this("a command that writes to it undoes the change in place")
        };
        for _ in 0..3 {
            let looks = Looks::of(path);
            let folder = tempfile::Builder::new().prefix("cachectl-").tempdir().map_err(fail)?;
            let copy = folder.path().join("copy.db");
            fs::copy(path, &copy).map_err(fail)?;
            match fs::copy(beside(path, "-journal"), beside(&copy, "-journal")) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail(e).into()),
                _ => {}
            }
            if looks != Looks::of(path) {
                continue;
            }
            let connection = open(&copy, "mode=rw", OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            let taken_as = Some(looks);
            let used = Use::begin(&copy, Index::Leaves);
            let _copy = Some(folder);
            let reader = Reader { connection, taken_as, keeps_out: false, _use: used, _copy };
            reader.probe()?;
            return Ok(reader);
        }
        Err(Trouble::Known(changing(path)))
    }

    /// Whether nobody can write while this reads, so that it should not take long.
    pub(crate) fn keeps_out(&self) -> bool {
        self.keeps_out
    }

    /// Looks whether anything can be read.
    fn probe(&self) -> rusqlite::Result<()> {
        self.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    }

    /// Whether what was read is still what is there.
    pub(crate) fn is_current(&self, path: &Path) -> bool {
        self.taken_as.as_ref().is_none_or(|looks| *looks == Looks::of(path))
    }
}

/// Trouble with opening: one that is explained already, or SQLite's.
#[derive(Debug)]
pub(crate) enum Trouble {
    Known(Error),
    Sqlite(rusqlite::Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Known(error)
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Sqlite(error)
    }
}

impl Trouble {
    /// As an error about a database, which `explain` makes of SQLite's.
    pub(crate) fn explained(self, explain: impl FnOnce(rusqlite::Error) -> Error) -> Error {
        match self {
            Trouble::Known(error) => error,
            Trouble::Sqlite(error) => explain(error),
        }
    }
}

/// A connection for writing.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: Connection,
    _use: Use,
}

impl std::ops::Deref for Writer {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl std::ops::DerefMut for Writer {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

impl Writer {
    /// Opens a database for writing. What was left half-way is undone.
    pub(crate) fn open(path: &Path, busy: Duration) -> Result<Self, Trouble> {
        check(path)?;
        let used = Use::begin(path, Index::Writes);
        if is_used_here(path, Index::Reads) {
            let name = path.display();
            let error = Error::store(format!("{name} is open in this process to be read only"));
            return Err(error.coded("store_busy").into());
        }
        let connection = open(path, "mode=rw", OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(waits(busy))?;
        Ok(Writer { connection, _use: used })
    }

    /// Waits until the disk has everything that was committed before.
    ///
    /// SQLite has no call for that; but a commit that waits does so for all of the file that it
    /// writes to, and writing a number that is there already changes nothing.
    pub(crate) fn sync(&mut self) -> rusqlite::Result<()> {
        let before: i64 = self.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        self.pragma_update(None, "synchronous", "FULL")?;
        let touched = self.touch();
        self.pragma_update(None, "synchronous", before)?;
        touched
    }

    fn touch(&mut self) -> rusqlite::Result<()> {
        let transaction = self.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()
    }
}

/// Waits until the disk has the names of a database and of the files beside it.
pub(crate) fn sync_names(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Whether this process has a database open, with a connection that uses the index of its log in
/// this way.
fn is_used_here(path: &Path, index: Index) -> bool {
    file_id(path).is_some_and(|id| known().get(&id).is_some_and(|known| known.has(index)))
}

/// Undoes what somebody may have left half-way, if this user may write to the database.
pub(crate) fn undo_half_way(path: &Path, busy: Duration) -> Result<(), Trouble> {
    let journal = beside(path, "-journal").metadata().map_or(0, |meta| meta.len());
    if journal > 0 && can_write(path) {
        // SQLite does it with the first look, unless the writer is still at work.
        Writer::open(path, busy)?.query_row(
            "SELECT count(*) FROM sqlite_schema",
            [],
            |_| Ok(()),
        )?;
    }
    Ok(())
}

/// Whether these tables are nothing but tables, as far as they are there. A view or a column that
/// is computed runs what its schema says, for as long as that says.
pub(crate) fn are_plain(connection: &Connection, tables: &[&str]) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE
                        AND (type <> 'table' OR rootpage = 0))
             OR EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE hidden <> 0)
             OR EXISTS (SELECT 1 FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x
                        WHERE x.cid = -2)",
    )?;
    for table in tables {
        if statement.query_row([table], |row| row.get::<_, bool>(0))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a part of a value without the rest, which may be of any length; with the length of
/// all of it. `None` when there is no such row, or the value is neither bytes nor text.
pub(crate) fn part_of(
    connection: &Connection,
    (table, column, row): (&str, &str, i64),
    at: u64,
    most: usize,
) -> rusqlite::Result<Option<(Vec<u8>, u64)>> {
    let blob = match connection.blob_open(MAIN_DB, table, column, row, true) {
        Ok(blob) => blob,
        // That is how both are reported.
        Err(e) if e.sqlite_error_code() == Some(ErrorCode::Unknown) => return Ok(None),
        Err(e) => return Err(e),
    };
    let length = blob.len() as u64;
    let mut part = vec![0; length.saturating_sub(at).min(most as u64) as usize];
    blob.read_at_exact(&mut part, at.min(length) as usize)?;
    Ok(Some((part, length)))
}

/// No value that is read with its row is longer than this many bytes.
pub(crate) fn limit_values(connection: &Connection, most: usize) -> rusqlite::Result<()> {
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, most).map(drop)
}

/// Opens a database by a URI, on terms for files of strangers: nothing that the schema says is
/// run, be it a view or a trigger.
fn open(path: &Path, params: &str, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri(path, params), flags)?;
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    Ok(connection)
}

/// A path as SQLite reads URIs: every byte that might mean something is escaped.
fn uri(path: &Path, params: &str) -> PathBuf {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        let mut uri = b"file:".to_vec();
        // An absolute path has the name of no host before it.
        uri.extend(path.is_absolute().then_some(b"//").into_iter().flatten());
        for &byte in path.as_os_str().as_bytes() {
            match byte {
                b'%' | b'?' | b'#' => uri.extend(format!("%{byte:02x}").into_bytes()),
                _ => uri.push(byte),
            }
        }
        uri.push(b'?');
        uri.extend(params.as_bytes());
        std::ffi::OsString::from_vec(uri).into()
    }
    #[cfg(not(unix))]
    {
        let text =
            path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        format!("file:{text}?{params}").into()
    }
}

/// Whether this user may write to a database and, if it has a log, to the files beside it.
pub(crate) fn can_write(path: &Path) -> bool {
    let has_files = || beside(path, "-wal").exists() && beside(path, "-shm").exists();
    private::is_writable(path) && (!private::is_read_only_place(path) || has_files())
}

/// Whether a change was left half-way, which only somebody who may write can undo.
pub(crate) fn is_left_half_way(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
}

/// Whether the index of a log is of no use to somebody who may not write to it.
fn is_no_index(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, FileLockingProtocolFailed, ReadOnly};
    let code = error.sqlite_error_code();
    matches!(code, Some(ReadOnly | CannotOpen | FileLockingProtocolFailed))
}

/// Whether there is an index, and it is one of the log that is there. A writer that is killed
/// between the header of a new log and its index leaves an older one, for whose writer SQLite
/// waits ten seconds before it gives up. Both begin with the salts of the log
/// (<https://sqlite.org/walformat.html>, sections 2.1 and 4.1).
fn has_its_index(path: &Path) -> bool {
    if !beside(path, "-shm").exists() {
        return false;
    }
    // A connection of this process loses its locks on the index when the process closes it.
    let all = known();
    let has_locks = |known: &Known| known.has(Index::Reads) || known.has(Index::Writes);
    if file_id(path).is_some_and(|id| all.get(&id).is_some_and(has_locks)) {
        return true;
    }
    let salts = |ending: &str, at: u64| {
        let mut file = open_file(&beside(path, ending))?;
        let mut salts = [0; 8];
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut salts).is_ok().then_some(salts)
    };
    salts("-wal", 16).is_none_or(|log| salts("-shm", 32) == Some(log))
}

/// What SQLite says, once, and without the number that it has for it.
pub(crate) fn in_words(error: &rusqlite::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("Error code ").and_then(|rest| rest.split_once(": ")) {
        Some((_, words)) => words.to_owned(),
        None => text,
    }
}

/// The error of a database that is changed whenever somebody looks.
pub(crate) fn changing(path: &Path) -> Error {
    Error::store(format!("{} is changed all the time", path.display()))
        .coded("store_busy")
        .passing()
        .try_this("again in a moment")
}
