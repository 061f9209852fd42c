//! Generations 1 and 2 in SQLite, and the beta between 0 and 1: a row for each entry, its
//! body in chunks beside it.
//!
//! Several rows may answer the same request. The newest has the identity that the request
//! gives, the others one of their own. What hishel removes it first hides, so that who is
//! reading can go on, and so does this.

mod put;
mod state;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use crate::backend::private::place_of;
use crate::backend::sqlite_file;
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{BodyFacts, EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Access, Address, Backend, BlockingBackend, BodyReader, BodyStream, ByteRange, Capabilities,
    Found, Identity, Opened, Outcome, Param, Parcel, Part, Piece, Placed, Problem, Put, Query,
    Rules, Upkeep, Usage,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::super::database::{BUSY, Database, MOST_KEY, Tables};
use super::super::{Layout, Sign};
use super::blob::{Blob, Generation};
use super::key::{CLIENT, Client, key_2};
use super::several::{GivesOut, distinguish};
use put::RowsPut;
use state::{Kind, Row, State};

pub(super) const LAYOUT_1: Layout = Layout {
    name: "hishel-1",
    kind: "sqlite",
    about: "a database of hishel 1.x",
    place: ".cache/hishel/hishel_cache.db",
    params: &[BUSY_PARAM, CLIENT],
    sign: Sign::Place(|address| lies_at(address, Kind::First)),
    open: |address, access| open(address, access, Kind::First),
};

pub(super) const LAYOUT_BETA: Layout = Layout {
    name: "hishel-beta",
    kind: "sqlite",
    about: "a database of hishel.beta in 0.1.4 and 0.1.5, to be read",
    place: ".cache/hishel/hishel_cache.db",
    params: &[BUSY_PARAM],
    sign: Sign::Place(|address| lies_at(address, Kind::Beta)),
    open: |address, access| open(address, access, Kind::Beta),
};

pub(super) const LAYOUT_2: Layout = Layout {
    name: "hishel-2",
    kind: "sqlite",
    about: "a database of hishel 2.x",
    place: ".cache/hishel/hishel_cache_v2.db",
    params: &[
        BUSY_PARAM,
        CLIENT,
        Param {
            name: "rfc",
            default: "what lies there, else false",
            about: "keys of the RFC 9111 mode",
        },
    ],
    sign: Sign::Place(|address| lies_at(address, Kind::Second)),
    open: |address, access| open(address, access, Kind::Second),
};

const BUSY_PARAM: Param =
    Param { name: "busy_timeout", default: "5s", about: "how long to wait for other writers" };

/// Entries that are put in one transaction, at most.
const BATCH: usize = 64;

/// Keys whose entries are read together.
const PAGE: usize = 32;

/// A page ends with the key that makes its heads as long as this many bytes.
const PAGE_BYTES: usize = 4 << 20;

/// The heads of the rows under one key have no more bytes than this; what lies behind them
/// cannot be read.
const MOST_UNDER_A_KEY: usize = 16 << 20;

/// Bodies up to this length come along with their heads.
const INLINE: u64 = 16 * 1024;

/// Bytes of a value that are read at a time.
const PART: usize = 1 << 20;

/// What hishel removes for good after this time, others may too.
const REMOVED_FOR_GOOD: Duration = Duration::from_secs(3600);

fn path_of(address: &Address, kind: Kind) -> Result<PathBuf> {
    place_of(address, kind.place())
}

fn lies_at(address: &Address, kind: Kind) -> Result<bool> {
    let path = path_of(address, kind)?;
    if address.location() == Some(":memory:") || !sqlite_file::is_database(&path) {
        return Ok(false);
    }
    let found = Database::<()>::new(path, BUSY, Access::Read).read(Kind::of)?;
    Ok(found == Some(kind))
}

fn open(address: &Address, access: Access, kind: Kind) -> Result<Opened> {
    let access = match access {
        Access::Create if kind == Kind::Beta => Access::Existing,
        access => access,
    };
    let tables = Tables { layout: kind.name(), table: "entries", schema: kind.schema() };
    let is_its = |c: &Connection| Ok(Kind::of(c)? == Some(kind));
    let database = Database::open(path_of(address, kind)?, address, access, &tables, is_its)?;
    let rfc = match address.flag("rfc")? {
        Some(rfc) => rfc,
        None => kind == Kind::Second && uses_rfc_keys(&database)?,
    };
    let ttl = address.duration("ttl")?;
    let client = Client::of(address)?;
    let inner = Inner { database, kind, ttl, rfc, client };
    Ok(Opened::Blocking(Arc::new(Rows { inner: Arc::new(inner) })))
}

/// Whether the keys of a 2.x database are those of the RFC 9111 mode, by one that is there.
fn uses_rfc_keys(database: &Database) -> Result<bool> {
    let sql = "SELECT CAST(cache_key AS BLOB), CAST(data AS BLOB) FROM entries
               WHERE octet_length(cache_key) <= 65536 AND octet_length(data) <= 65536 LIMIT 20";
    let rows: Vec<(Vec<u8>, Vec<u8>)> = database.read(|c| {
        let mut statement = c.prepare(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    })?;
    Ok(rows.iter().any(|(key, data)| {
        Blob::read(data, Generation::Second)
            .is_ok_and(|blob| key_2(true, &blob.method, &blob.url).as_bytes() == &**key)
    }))
}

/// A store of generation 1 or 2.
pub(super) struct Rows {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    kind: Kind,
    ttl: Option<Duration>,
    rfc: bool,
    client: Client,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.inner.kind.name(), self.inner.database)
    }
}

/// What a key shows, and what else lies under it.
#[derive(Default)]
struct Group {
    /// The whole entries, with their rows.
    entries: Vec<(Found, Row)>,
    damaged: Vec<Error>,
    /// The rows that cannot be read.
    unreadable: Vec<Row>,
}

impl Inner {
    fn rows_of(&self, connection: &Connection, key: &[u8]) -> rusqlite::Result<Vec<Row>> {
        let sql = format!("{} WHERE e.cache_key = ?1", self.kind.select());
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([key])?;
        let (mut all, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let mut row = Row::of(row)?;
            bytes += row.data.len();
            // So many heads are under no key that hishel has filled.
            if bytes > MOST_UNDER_A_KEY {
                row.data = Vec::new();
            }
            all.push(row);
        }
        Ok(all)
    }

    /// What rows of one key show.
    fn group(&self, rows: Vec<Row>) -> Group {
        let mut group = Group::default();
        for row in rows.into_iter().filter(|row| row.state(self.kind) == State::Whole) {
            match self.found(&row) {
                Ok(found) => group.entries.push((found, row)),
                Err(e) => {
                    group.damaged.push(self.damaged(&row, &e));
                    group.unreadable.push(row);
                }
            }
        }
        distinguish(&mut group.entries, self.gives_out());
        group
    }

    /// Whether several answers may stand under a key: in its plain mode generation 2 gives
    /// out the first of them, whatever it varies by.
    fn has_variants(&self) -> bool {
        self.kind != Kind::Second || self.rfc
    }

    fn gives_out(&self) -> GivesOut {
        if self.has_variants() { GivesOut::Newest } else { GivesOut::First }
    }

    /// Whether an entry stands in the place of one that is to be written.
    fn gives_way(&self, there: &Found, wanted: &EntryHead) -> bool {
        // A key of the application's own may be for several methods.
        let is_alike = there.head.request.method == wanted.request.method;
        there.head.id == wanted.id || !self.has_variants() && is_alike
    }

    fn found(&self, row: &Row) -> Result<Found> {
        let blob = Blob::read(&row.data, self.kind.generation())?;
        if row.missing != 0 {
            let error = match row.missing {
                1.. => format!("{} of its chunks are missing", row.missing),
                _ => format!("it has {} chunks too many", -row.missing),
            };
            return Err(Error::codec(error).coded("record_damaged"));
        }
        let created_at = row.created_at(&blob, self.kind);
        let expires_at = row.expires_at(&blob, self.kind, self.ttl, created_at);
        let key = match row.key() {
            key if key.is_empty() => blob.url.clone(),
            key => key,
        };
        let mut head = blob.into_head(&key, created_at);
        head.expires_at = expires_at;
        head.body = BodyFacts { bytes: row.body_bytes, xxh3: None, sha256: None };
        let stored_bytes = row.data.len() as u64 + row.body_bytes;
        Ok(Found::whole(head, row.stamp(), None, stored_bytes))
    }

    fn damaged(&self, row: &Row, error: &Error) -> Error {
        let name = row.name();
        Piece::new(Problem::Undecodable, &name, row.data.len() as u64 + row.body_bytes)
            .of_key(row.key())
            .met(format!("cannot read {name} in {:?}", self.database), error)
    }

    /// The body of a row in one piece, if it is small.
    fn inline(&self, connection: &Connection, row: &Row) -> rusqlite::Result<Option<Bytes>> {
        if row.body_bytes > INLINE {
            return Ok(None);
        }
        let sql = format!(
            "SELECT chunk_data FROM streams WHERE entry_id = ?1 AND chunk_number >= 0 {}
             ORDER BY chunk_number",
            self.kind.only_responses()
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row.id])?;
        let mut body = BytesMut::with_capacity(row.body_bytes as usize);
        while let Some(chunk) = rows.next()? {
            match chunk.get_ref(0)? {
                ValueRef::Blob(bytes) | ValueRef::Text(bytes) => body.extend_from_slice(bytes),
                _ => {}
            }
        }
        Ok(Some(body.freeze()))
    }

    /// What lies under the first of some keys, as many as make a page, with small bodies if
    /// they are wanted.
    fn groups(&self, keys: &[Vec<u8>], bodies: bool) -> Result<Vec<Group>> {
        self.database.read(|connection| {
            let (mut groups, mut bytes) = (Vec::with_capacity(keys.len()), 0);
            for key in keys {
                if bytes >= PAGE_BYTES {
                    break;
                }
                let rows = self.rows_of(connection, key)?;
                bytes += rows.iter().map(|row| row.data.len()).sum::<usize>();
                let mut group = self.group(rows);
                if bodies {
                    for (found, row) in &mut group.entries {
                        found.inline = self.inline(connection, row)?;
                    }
                }
                groups.push(group);
            }
            Ok(groups)
        })
    }

    fn group_of(&self, key: &str, bodies: bool) -> Result<Group> {
        Ok(self.groups(&[key.as_bytes().to_vec()], bodies)?.pop().unwrap_or_default())
    }

    /// Keys behind this one, in their order.
    fn keys_after(&self, after: &[u8]) -> Result<Vec<Vec<u8>>> {
        let sql = format!(
            "SELECT DISTINCT cache_key FROM entries
             WHERE cache_key > ?1 AND octet_length(cache_key) <= {MOST_KEY}
             ORDER BY cache_key LIMIT {PAGE}"
        );
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let keys = statement.query_map([after], |row| row.get(0))?;
            keys.collect()
        })
    }

    /// Rows without a key, as the beta writes them, behind this one.
    fn keyless_after(&self, after: i64) -> Result<Vec<Row>> {
        let sql = format!(
            "{} WHERE e.cache_key IS NULL AND e.rowid > ?1 ORDER BY e.rowid LIMIT {PAGE}",
            self.kind.select()
        );
        self.database.read(|connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([after])?;
            let (mut page, mut bytes) = (Vec::new(), 0);
            while bytes < PAGE_BYTES
                && let Some(row) = rows.next()?
            {
                let row = Row::of(row)?;
                bytes += row.data.len();
                page.push(row);
            }
            Ok(page)
        })
    }
}

#[async_trait]
impl Backend for Rows {
    fn capabilities(&self) -> Capabilities {
        let inner = &self.inner;
        let mut can = Capabilities::full("sqlite");
        can.layout = inner.kind.layout();
        can.lossless = false;
        can.native_keys = false;
        can.read_only = inner.kind == Kind::Beta;
        can.digests = false;
        can.variants = inner.has_variants();
        can.only_success = !can.variants;
        can.sweeps = false;
        can.notes_uses_every = None;
        can.batch = BATCH;
        can.ttl = inner.ttl;
        can.serializer = "msgpack";
        can.serializers = &["msgpack"];
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let mut group = self.inner.group_of(key, true)?;
        match group.damaged.is_empty() {
            true => Ok(group.entries.into_iter().map(|(found, _)| found).collect()),
            false => Err(group.damaged.swap_remove(0)),
        }
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let changed = || Error::changed(&id.key);
        let inner = &self.inner;
        let row = inner.database.read(|connection| {
            // Only the beta has rows without a key.
            for which in ["e.cache_key = ?1", "e.cache_key IS NULL AND ?1 IS NOT NULL"] {
                let sql = format!("{} WHERE {which}", inner.kind.select());
                let mut statement = connection.prepare_cached(&sql)?;
                let mut rows = statement.query([id.key.as_bytes()])?;
                while let Some(row) = rows.next()? {
                    let row = Row::of(row)?;
                    if row.stamp() == seen {
                        return Ok(Some(row));
                    }
                }
            }
            Ok(None)
        })?;
        let row = row.ok_or_else(changed)?;
        let facts = BodyFacts { bytes: row.body_bytes, xxh3: None, sha256: None };
        let (first, length) = range.within(facts.bytes);
        let chunks = Chunks {
            inner: Arc::clone(inner),
            id: row.id,
            name: id.to_string(),
            next: -1,
            begun: None,
            skip: first,
            left: length,
        };
        Ok(BodyStream::in_place(match range.covers(facts.bytes) {
            true => BodyReader::chunks(chunks, facts, id.to_string()),
            false => BodyReader::unchecked(chunks, length),
        }))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        self.refuse_beta()?;
        Ok(Box::new(RowsPut::begin(&self.inner, head)))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.refuse_beta()?;
        put::put_many(&self.inner, entries)
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        self.refuse_beta()?;
        put::update(&self.inner, id, head, seen)
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        self.refuse_beta()?;
        put::remove(&self.inner, id, seen)
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let scan = Scan {
            inner: Arc::clone(&self.inner),
            // Entries of the same key may stand behind the last one.
            rest_of: query.after.as_ref().map(|after| after.id.clone()),
            after: query.after.as_ref().map(|after| after.id.key.clone().into_bytes()),
            row: query.after.is_none().then_some(i64::MIN),
            query,
        };
        stream::iter(scan.flatten()).boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        Ok(Identity::new([self.inner.database.identity("entries")]))
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

impl Rules for Rows {
    fn key_of(&self, request: &Request, _: &str) -> String {
        let Inner { client, rfc, .. } = *self.inner;
        match self.inner.kind {
            Kind::Second => client.key_2(request, rfc),
            Kind::First => client.key_1(request),
            // The beta hashes nothing.
            Kind::Beta => client.spelled(&request.url),
        }
    }

    fn project(&self, head: EntryHead) -> EntryHead {
        put::kept(&self.inner, head)
    }

    fn location(&self, id: &EntryId) -> String {
        format!("{:?} table entries cache_key {}", self.inner.database, id.key)
    }
}

#[async_trait]
impl Upkeep for Rows {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        // Somebody may still be reading what was hidden just now, or writing it.
        let before = before.min(Timestamp::now() - REMOVED_FOR_GOOD);
        match state::leftovers(&self.inner, before) {
            Ok(pieces) => stream::iter(pieces.into_iter().map(Ok)).boxed(),
            Err(e) => stream::iter([Err(e)]).boxed(),
        }
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.refuse_beta()?;
        put::discard(&self.inner, piece)
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let missing =
            |name: &str| Error::new(ErrorKind::NotFound, format!("there is no {name} in {self:?}"));
        let data = match &part {
            Part::Record(id) => {
                let group = self.inner.group_of(&id.key, false)?;
                let row = group.entries.into_iter().find(|(found, _)| found.head.id == *id);
                row.ok_or_else(|| missing(&id.to_string()))?.1.data
            }
            Part::Piece(name) => {
                let id = state::id_in(name).ok_or_else(|| missing(name))?;
                let sql = "SELECT rowid FROM entries WHERE id = ?1";
                let row: Option<i64> = self
                    .inner
                    .database
                    .read(|c| c.query_row(sql, [id], |row| row.get(0)).optional())?;
                let row = row.ok_or_else(|| missing(name))?;
                let value = ("entries", "data", row);
                return Ok(RawValue { inner: Arc::clone(&self.inner), value, at: 0 }.body());
            }
            Part::Beside(piece) => {
                let id = self.inner.row_beside(piece)?.ok_or_else(|| missing(&piece.name))?;
                let inner = Arc::clone(&self.inner);
                return Ok(RawChunks { inner, id, chunk: None, row: i64::MIN }.body());
            }
        };
        Ok(BodyStream::whole(data.into()))
    }

    async fn usage(&self) -> Result<Usage> {
        let (shown, count) = match self.inner.kind {
            Kind::Second => ("expires_at IS NOT 0.0 AND chunk_count IS NOT NULL", "TRUE"),
            Kind::First | Kind::Beta => (
                "deleted_at IS NULL",
                "EXISTS (SELECT 1 FROM streams WHERE entry_id = e.id
                    AND chunk_number = -1)",
            ),
        };
        let entries = format!(
            "SELECT count(*), coalesce(sum(octet_length(data)), 0) FROM entries e
             WHERE {shown} AND {count}"
        );
        let chunks = "SELECT coalesce(sum(octet_length(chunk_data)), 0) FROM streams";
        let (entries, heads, bodies): (i64, i64, i64) = self.inner.database.read(|c| {
            let (entries, heads) =
                c.query_row(&entries, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok((entries, heads, c.query_row(chunks, [], |row| row.get(0))?))
        })?;
        let stored_bytes = heads.unsigned_abs() + bodies.unsigned_abs();
        Ok(Usage { entries: entries.unsigned_abs(), stored_bytes, disk_bytes: None })
    }
}

impl BlockingBackend for Rows {}

impl Rows {
    fn refuse_beta(&self) -> Result<()> {
        if self.inner.kind != Kind::Beta {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Refused, "caches of hishel.beta can only be read")
            .coded("read_only")
            .try_this("cachectl migrate, into another store"))
    }
}

/// A walk over the keys, and then over rows that have none.
struct Scan {
    inner: Arc<Inner>,
    query: Query,
    rest_of: Option<EntryId>,
    /// The last key.
    after: Option<Vec<u8>>,
    /// The last row without a key; `None` once these are done, or not wanted.
    row: Option<i64>,
}

impl Scan {
    fn page(&mut self) -> Result<Option<Vec<Result<Found>>>> {
        let bodies = self.query.detail >= Detail::Body;
        if let Some(last) = self.rest_of.take().filter(|_| self.query.detail > Detail::Key) {
            let group = self.inner.group_of(&last.key, bodies)?;
            let rest = group.entries.into_iter().map(|(found, _)| found);
            return Ok(Some(rest.filter(|found| found.head.id > last).map(Ok).collect()));
        }
        let keys = self.inner.keys_after(self.after.as_deref().unwrap_or_default())?;
        if !keys.is_empty() {
            let groups = self.inner.groups(&keys, bodies)?;
            self.after = keys.into_iter().nth(groups.len() - 1);
            let mut page = Vec::new();
            for group in groups {
                page.extend(group.entries.into_iter().map(|(found, _)| Ok(found)));
                page.extend(group.damaged.into_iter().map(Err));
            }
            return Ok(Some(page));
        }
        let Some(row) = self.row else { return Ok(None) };
        let rows = self.inner.keyless_after(row)?;
        let Some(last) = rows.last() else { return Ok(None) };
        self.row = Some(last.number);
        let is_whole = |row: &Row| row.state(self.inner.kind) == State::Whole;
        let whole = rows.into_iter().filter(is_whole);
        let found = |row: Row| self.inner.found(&row).map_err(|e| self.inner.damaged(&row, &e));
        Ok(Some(whole.map(found).collect()))
    }

    fn is_wanted(&self, found: &Result<Found>) -> bool {
        found.as_ref().map_or(true, |found| self.query.admits(&found.head.id))
    }
}

impl Iterator for Scan {
    type Item = Vec<Result<Found>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.page() {
            Ok(page) => {
                let mut page = page?;
                page.retain(|found| self.is_wanted(found));
                if self.query.detail == Detail::Key {
                    page.dedup_by(|a, b| match (a, b) {
                        (Ok(a), Ok(b)) => a.head.id.key == b.head.id.key,
                        _ => false,
                    });
                }
                Some(page)
            }
            Err(e) => {
                // Nothing comes behind trouble with the database.
                (self.after, self.row) = (Some(vec![0xff; 128]), None);
                Some(vec![Err(e)])
            }
        }
    }
}

/// A value as it lies, in parts: damage may be of any length.
struct RawValue {
    inner: Arc<Inner>,
    /// Table, column and row.
    value: (&'static str, &'static str, i64),
    at: u64,
}

impl RawValue {
    fn body(mut self) -> BodyStream {
        let chunks = std::iter::from_fn(move || self.read().transpose());
        BodyStream::in_place(BodyReader::unchecked(chunks, 0))
    }

    fn read(&mut self) -> Result<Option<Bytes>> {
        let part =
            self.inner.database.read(|c| sqlite_file::part_of(c, self.value, self.at, PART))?;
        let (part, _) = part.unwrap_or_default();
        self.at += part.len() as u64;
        Ok((!part.is_empty()).then(|| part.into()))
    }
}

/// All chunks of a row that are there, in no other order than their own.
struct RawChunks {
    inner: Arc<Inner>,
    id: [u8; 16],
    /// The one that is being read.
    chunk: Option<RawValue>,
    /// The last one that was read.
    row: i64,
}

impl RawChunks {
    fn body(mut self) -> BodyStream {
        let chunks = std::iter::from_fn(move || self.read().transpose());
        BodyStream::in_place(BodyReader::unchecked(chunks, 0))
    }

    fn read(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(chunk) = &mut self.chunk
                && let Some(part) = chunk.read()?
            {
                return Ok(Some(part));
            }
            let sql = "SELECT rowid FROM streams
                       WHERE entry_id = ?1 AND rowid > ?2 ORDER BY rowid LIMIT 1";
            let row: Option<i64> = self.inner.database.read(|c| {
                c.prepare_cached(sql)?.query_row((self.id, self.row), |row| row.get(0)).optional()
            })?;
            let Some(row) = row else { return Ok(None) };
            self.row = row;
            let value = ("streams", "chunk_data", row);
            self.chunk = Some(RawValue { inner: Arc::clone(&self.inner), value, at: 0 });
        }
    }
}

impl Inner {
    /// The identity of the row whose chunks go with a piece.
    fn row_beside(&self, piece: &Piece) -> Result<Option<[u8; 16]>> {
        let Some((id, _)) = &piece.entry else { return Ok(state::id_in(&piece.name)) };
        let group = self.group_of(&id.key, false)?;
        let row = group.entries.into_iter().find(|(found, _)| found.head.id == *id);
        Ok(row.map(|(_, row)| row.id))
    }
}

/// A body, chunk by chunk, and a long chunk part by part.
struct Chunks {
    inner: Arc<Inner>,
    id: [u8; 16],
    name: String,
    /// The last chunk that was begun.
    next: i64,
    /// The row of a chunk that is not at its end, and how much of it was read.
    begun: Option<(i64, u64)>,
    skip: u64,
    left: u64,
}

impl Chunks {
    fn read(&mut self) -> Result<Option<Bytes>> {
        while self.left > 0 {
            // It was removed for good meanwhile.
            let gone = || Error::changed(&self.name);
            let (row, at) = match self.begun {
                Some(begun) => begun,
                None => {
                    let (number, row) = self.chunk_after()?.ok_or_else(gone)?;
                    self.next = number;
                    (row, 0)
                }
            };
            let value = ("streams", "chunk_data", row);
            let most = PART.min(usize::try_from(self.skip + self.left).unwrap_or(PART));
            let part = self
                .inner
                .database
                .read(|c| sqlite_file::part_of(c, value, at + self.skip, most))?;
            let (mut part, length) = part.ok_or_else(gone)?;
            let skipped = self.skip.min(length - at);
            self.skip -= skipped;
            let end = at + skipped + part.len() as u64;
            self.begun = (end < length).then_some((row, end));
            part.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            if !part.is_empty() {
                self.left -= part.len() as u64;
                return Ok(Some(part.into()));
            }
        }
        Ok(None)
    }

    /// The number and the row of the next chunk.
    fn chunk_after(&self) -> Result<Option<(i64, i64)>> {
        let sql = format!(
            "SELECT chunk_number, rowid FROM streams
             WHERE entry_id = ?1 AND chunk_number > ?2 AND chunk_number >= 0 {}
             ORDER BY chunk_number LIMIT 1",
            self.inner.kind.only_responses()
        );
        self.inner.database.read(|c| {
            c.prepare_cached(&sql)?
                .query_row((self.id, self.next), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.read();
        if next.is_err() {
            self.left = 0;
        }
        next.transpose()
    }
}
