//! Changes: putting, giving a new head, removing; as hishel does them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::model::{BodyDigest, EntryHead, EntryId, Stamp, Timestamp};
use crate::policy;
use crate::storage::{Found, Outcome, Over, Parcel, Piece, Placed, Put};

use super::super::blob::Blob;
use super::super::several::{fresh_id, is_behind, standing};
use super::state::{self, Kind, Row, State};
use super::{Group, Inner};

/// Bytes of a chunk; all chunks of a body but the last have this length.
const CHUNK: usize = 131_072;

/// Bytes that wait for a transaction.
const WAITING: usize = 8 * CHUNK;

fn now() -> f64 {
    Timestamp::now().micros() as f64 / 1e6
}

fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

/// The TTL that a head asks for, in seconds: one that only an address says nobody else knows.
fn own_ttl(inner: &Inner, head: &EntryHead) -> Option<f64> {
    if inner.kind == Kind::Second {
        return None;
    }
    Some(Blob::ttl_until(head.expires_at?, head.created_at))
}

/// What the layout keeps of a head.
pub(super) fn kept(inner: &Inner, head: EntryHead) -> EntryHead {
    let url = inner.client.spelled(&head.request.url);
    let blob = Blob::of(&head, url, [0; 16], None);
    let created_at = match inner.kind {
        Kind::Second => {
            let date = blob.headers.iter().find(|(name, _)| name == "date");
            let date = date.and_then(|(_, values)| {
                policy::parse_date(values.first()?.as_bytes(), head.created_at)
            });
            date.unwrap_or(head.created_at)
        }
        _ => head.created_at,
    };
    let blob = match inner.kind {
        // Generation 2 has no place for either.
        Kind::Second => {
            Blob { request_extra: Default::default(), response_extra: Default::default(), ..blob }
        }
        _ => blob,
    };
    let mut kept = blob.into_head(&head.id.key, created_at);
    kept.body = head.body;
    // Times are numbers with a fraction, which are not exact to the end of time.
    kept.expires_at = match inner.kind {
        Kind::Second => head.expires_at.map(|end| state::timestamp(seconds(end))),
        _ => state::end_of(created_at, own_ttl(inner, &head), inner.ttl),
    };
    kept
}

impl Inner {
    /// What lies under a key, seen by the connection that writes.
    fn group_here(&self, connection: &Connection, key: &str) -> rusqlite::Result<Group> {
        Ok(self.group(self.rows_of(connection, key.as_bytes())?))
    }

    /// The row of an identity as it is now, with everything behind it.
    fn row_here(
        &self,
        connection: &Connection,
        id: &EntryId,
    ) -> rusqlite::Result<Option<(Found, Row)>> {
        let group = self.group_here(connection, &id.key)?;
        Ok(group.entries.into_iter().find(|(found, _)| found.head.id == *id))
    }

    /// Hides an entry, and what would come to light behind it.
    fn hide(&self, connection: &Connection, id: &EntryId) -> rusqlite::Result<()> {
        for (found, row) in self.group_here(connection, &id.key)?.entries {
            if is_behind(&found, id) {
                self.hide_row(connection, &row)?;
            }
        }
        Ok(())
    }

    /// Hides a row, so that who is reading it can go on.
    fn hide_row(&self, connection: &Connection, row: &Row) -> rusqlite::Result<()> {
        if self.kind == Kind::Second {
            let sql = "UPDATE entries SET expires_at = 0.0, last_accessed_at = ?2 WHERE id = ?1";
            return connection.prepare_cached(sql)?.execute(params![row.id, now()]).map(drop);
        }
        let at = now();
        let Ok(blob) = Blob::read(&row.data, self.kind.generation()) else {
            let sql = "UPDATE entries SET deleted_at = ?2 WHERE id = ?1";
            return connection.prepare_cached(sql)?.execute(params![row.id, at]).map(drop);
        };
        let data = Blob { deleted_at: Some(at), ..blob }.write(self.kind.generation());
        let sql = "UPDATE entries SET deleted_at = ?2, data = ?3 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![row.id, at, data]).map(drop)
    }

    fn delete_row(&self, connection: &Connection, id: [u8; 16]) -> rusqlite::Result<()> {
        for sql in ["DELETE FROM streams WHERE entry_id = ?1", "DELETE FROM entries WHERE id = ?1"]
        {
            connection.prepare_cached(sql)?.execute([id])?;
        }
        Ok(())
    }

    /// Writes a row that is not to be seen yet.
    fn insert_hidden(&self, c: &Connection, id: [u8; 16], blob: &Blob) -> rusqlite::Result<()> {
        let data = blob.write(self.kind.generation());
        let sql = match self.kind {
            Kind::Second => {
                "INSERT INTO entries (id, cache_key, data, expires_at, last_accessed_at)
                 VALUES (?1, ?2, ?3, 0.0, ?4)"
            }
            _ => "INSERT INTO entries (id, cache_key, data, created_at) VALUES (?1, ?2, ?3, ?4)",
        };
        let time = if self.kind == Kind::Second { now() } else { blob.created_at };
        c.prepare_cached(sql)?.execute(params![id, blob.cache_key, data, time]).map(drop)
    }

    fn insert_chunks(
        &self,
        connection: &Connection,
        id: [u8; 16],
        first: i64,
        bytes: &[u8],
    ) -> rusqlite::Result<i64> {
        let sql = "INSERT INTO streams (entry_id, chunk_number, chunk_data) VALUES (?1, ?2, ?3)";
        let mut insert = connection.prepare_cached(sql)?;
        let mut next = first;
        for chunk in bytes.chunks(CHUNK) {
            insert.execute(params![id, next, chunk])?;
            next += 1;
        }
        if self.kind == Kind::Second {
            // Somebody is at it: hishel's own cleaning leaves it alone.
            let sql = "UPDATE entries SET last_accessed_at = ?2 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![id, now()])?;
        }
        Ok(next)
    }

    /// Makes a row an entry.
    fn publish(
        &self,
        connection: &Connection,
        id: [u8; 16],
        chunks: i64,
        head: &EntryHead,
    ) -> rusqlite::Result<()> {
        if self.kind == Kind::Second {
            let end = head.expires_at.map(seconds);
            let sql = "UPDATE entries SET chunk_count = ?2, expires_at = ?3, ttl_deadline = ?3,
                         last_accessed_at = ?4 WHERE id = ?1";
            return connection
                .prepare_cached(sql)?
                .execute(params![id, chunks, end, now()])
                .map(drop);
        }
        let sql = "INSERT INTO streams (entry_id, chunk_number, chunk_data) VALUES (?1, -1, x'')";
        connection.prepare_cached(sql)?.execute([id]).map(drop)
    }
}

/// An entry on its way into the rows.
pub(super) struct RowsPut {
    inner: Arc<Inner>,
    head: EntryHead,
    id: [u8; 16],
    digest: BodyDigest,
    pending: BytesMut,
    /// Chunks written, once there is a row for them.
    written: Option<i64>,
}

impl RowsPut {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        RowsPut {
            inner: Arc::clone(inner),
            head,
            id: fresh_id(),
            digest: BodyDigest::new(),
            pending: BytesMut::new(),
            written: None,
        }
    }

    fn blob(&self) -> Blob {
        let url = self.inner.client.spelled(&self.head.request.url);
        Blob::of(&self.head, url, self.id, own_ttl(&self.inner, &self.head))
    }
}

#[async_trait]
impl Put for RowsPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        self.pending.extend_from_slice(&chunk);
        if self.pending.len() < WAITING {
            return Ok(());
        }
        let whole = self.pending.len() - self.pending.len() % CHUNK;
        let whole = self.pending.split_to(whole);
        let (inner, id, blob) = (Arc::clone(&self.inner), self.id, self.blob());
        let written = self.written;
        let next = inner.database.write(|connection| {
            if written.is_none() {
                inner.insert_hidden(connection, id, &blob)?;
            }
            inner.insert_chunks(connection, id, written.unwrap_or_default(), &whole)
        })?;
        self.written = Some(next);
        Ok(())
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let inner = Arc::clone(&self.inner);
        let ready = self.ready(over);
        // What has come in goes again when this is dropped.
        let row = match inner.database.write(|connection| inner.place(connection, &ready))?? {
            Outcome::Done(row) => row,
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        self.written = None;
        // As it will be read: digests have no place here.
        Ok(Outcome::Done(inner.found(&row)?))
    }
}

/// An entry that can be placed.
struct Ready {
    id: [u8; 16],
    head: EntryHead,
    blob: Blob,
    /// What the layout keeps of the head.
    wanted: EntryHead,
    over: Over,
    /// Chunks that are written already, once there is a row for them.
    written: Option<i64>,
    /// The rest of the body.
    rest: Bytes,
}

impl RowsPut {
    fn ready(&mut self, over: Over) -> Ready {
        let body = self.digest.clone().finish();
        let head = EntryHead { body, ..self.head.clone() };
        Ready {
            id: self.id,
            blob: self.blob(),
            wanted: kept(&self.inner, head.clone()),
            head,
            over,
            written: self.written,
            rest: self.pending.split().freeze(),
        }
    }
}

/// See [`Backend::put_many`](crate::Backend::put_many): all in one transaction,
/// for each of which SQLite waits for the disk.
pub(super) fn put_many(inner: &Arc<Inner>, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
    let ready = entries.into_iter().map(|entry| {
        let (head, body, over) = entry.into_parts();
        let mut put = RowsPut::begin(inner, head);
        put.digest.update(&body);
        Ready { rest: body, ..put.ready(over) }
    });
    let ready: Vec<Ready> = ready.collect();
    let placed = inner.database.write(|connection| {
        ready
            .iter()
            .map(|ready| inner.place(connection, ready))
            .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    Ok(placed.into_iter().map(|placed| Ok(placed?.map(|row| row.stamp()))).collect())
}

impl Inner {
    /// Puts an entry in its place within a transaction, if that is still as it was seen.
    fn place(
        &self,
        connection: &Connection,
        ready: &Ready,
    ) -> rusqlite::Result<Result<Outcome<Row>>> {
        let Ready { id, head, blob, wanted, over, written, rest } = ready;
        let group = self.group_here(connection, &wanted.id.key)?;
        let is_alike = |there: &Found| self.gives_way(there, wanted);
        let gives_out = self.gives_out();
        match over.check(standing(&group.entries, &wanted.id, is_alike, *over, gives_out)) {
            Outcome::Done(()) => {}
            Outcome::Absent => return Ok(Ok(Outcome::Absent)),
            Outcome::Changed => return Ok(Ok(Outcome::Changed)),
        }
        // Somebody's cleaning may have taken it for one that was given up.
        if written.is_some() && self.row_by_id(connection, *id)?.is_none() {
            return Ok(Err(self.swept(&wanted.id)));
        }
        for (there, row) in &group.entries {
            if is_behind(there, &wanted.id) || self.gives_way(there, wanted) {
                self.hide_row(connection, row)?;
            }
        }
        // What cannot be read gives way to what can.
        for row in &group.unreadable {
            self.hide_row(connection, row)?;
        }
        if written.is_none() {
            self.insert_hidden(connection, *id, blob)?;
        }
        let chunks = self.insert_chunks(connection, *id, written.unwrap_or_default(), rest)?;
        self.publish(connection, *id, chunks, head)?;
        let row = self.row_by_id(connection, *id)?;
        Ok(Ok(row.map_or(Outcome::Absent, Outcome::Done)))
    }

    fn swept(&self, id: &EntryId) -> Error {
        Error::store(format!("another program has removed what was written of {id}"))
            .coded("store_busy")
            .passing()
            .try_this("once more")
    }

    fn row_by_id(&self, connection: &Connection, id: [u8; 16]) -> rusqlite::Result<Option<Row>> {
        let sql = format!("{} WHERE e.id = ?1", self.kind.select());
        connection.prepare_cached(&sql)?.query_row([id], Row::of).optional()
    }
}

/// Nothing stays of what was not committed.
impl Drop for RowsPut {
    fn drop(&mut self) {
        if self.written.is_some() {
            let _ = self.inner.database.write(|c| self.inner.delete_row(c, self.id));
        }
    }
}

/// See [`Backend::update`](crate::Backend::update).
pub(super) fn update(
    inner: &Inner,
    id: &EntryId,
    head: EntryHead,
    seen: Stamp,
) -> Result<Outcome<Stamp>> {
    inner.database.write(|connection| {
        let Some((found, row)) = inner.row_here(connection, id)? else {
            return Ok(Outcome::Absent);
        };
        if found.stamp != seen {
            return Ok(Outcome::Changed);
        }
        let head = EntryHead { id: id.clone(), ..head };
        // Whoever stored it will look for the URL that stands there.
        let url = found.head.request.url.as_str().to_owned();
        let keeps_its_end = head.expires_at == found.head.expires_at;
        let old = Blob::read(&row.data, inner.kind.generation()).ok();
        let own = match old.filter(|_| keeps_its_end) {
            Some(old) => old.said_ttl(),
            None => own_ttl(inner, &head),
        };
        let blob = Blob::of(&head, url, row.id, own);
        let data = blob.write(inner.kind.generation());
        let sql = "UPDATE entries SET data = ?2 WHERE id = ?1";
        connection.prepare_cached(sql)?.execute(params![row.id, data])?;
        if inner.kind == Kind::Second && !keeps_its_end {
            let end = head.expires_at.map(seconds);
            let sql = "UPDATE entries SET expires_at = ?2, ttl_deadline = ?2, tti = NULL
                       WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(params![row.id, end])?;
        }
        let row = inner.row_by_id(connection, row.id)?;
        Ok(row.map_or(Outcome::Absent, |row| Outcome::Done(row.stamp())))
    })
}

/// See [`Backend::remove`](crate::Backend::remove).
pub(super) fn remove(inner: &Inner, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
    inner.database.write(|connection| {
        let Some((found, _)) = inner.row_here(connection, id)? else {
            return Ok(Outcome::Absent);
        };
        if seen.is_some_and(|seen| seen != found.stamp) {
            return Ok(Outcome::Changed);
        }
        inner.hide(connection, id)?;
        Ok(Outcome::Done(()))
    })
}

/// Removes for good what is no entry that anybody sees.
pub(super) fn discard(inner: &Inner, piece: &Piece) -> Result<Outcome<u64>> {
    if let Some((id, stamp)) = &piece.entry {
        return Ok(remove(inner, id, Some(*stamp))?.map(|()| piece.bytes));
    }
    let Some(id) = state::id_in(&piece.name) else { return Ok(Outcome::Absent) };
    inner.database.write(|connection| {
        let Some(row) = inner.row_by_id(connection, id)? else {
            let sql = "DELETE FROM streams WHERE entry_id = ?1";
            let chunks = connection.prepare_cached(sql)?.execute([id])?;
            return Ok(if chunks > 0 { Outcome::Done(piece.bytes) } else { Outcome::Absent });
        };
        // A whole one is no piece, unless it cannot be read.
        let is_shown = row.state(inner.kind) == State::Whole && {
            let group = inner.group_here(connection, &row.key())?;
            group.entries.iter().any(|(_, shown)| shown.id == id)
        };
        if is_shown {
            return Ok(Outcome::Changed);
        }
        inner.delete_row(connection, id)?;
        Ok(Outcome::Done(row.data.len() as u64 + row.body_bytes))
    })
}
