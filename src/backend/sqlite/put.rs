//! Putting entries in their rows: one whose body comes in bit by bit, or many at once.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::model::{BodyDigest, EntryHead, EntryId, Stamp, Timestamp};
use crate::policy::{Settings, usable_until};
use crate::serializer::{Place, Recorded};
use crate::storage::{Found, Outcome, Over, Parcel, Placed, Put};

use super::super::INLINE_LIMIT;
use super::body::{self, Incoming};
use super::{Inner, stored_bytes};

/// What stands in the place of an entry that comes in.
struct There {
    row: i64,
    stamp: Stamp,
    body: Option<i64>,
    /// Without its large body an entry counts as absent.
    whole: bool,
}

impl Inner {
    fn there(&self, connection: &Connection, id: &EntryId) -> rusqlite::Result<Option<There>> {
        let sql = self.sql(
            r#"SELECT id, stamp, body, body IS NULL OR body_bytes = 0
                 OR EXISTS (SELECT 1 FROM "{t}_chunk" WHERE id = c.body << 20)
               FROM "{t}" c WHERE key = ?1 AND variant = ?2"#,
        );
        connection
            .prepare_cached(&sql)?
            .query_row([&*id.key, id.variant.as_str()], |row| {
                let stamp = Stamp::from_bytes(row.get(1).unwrap_or_default());
                Ok(There { row: row.get(0)?, stamp, body: row.get(2)?, whole: row.get(3)? })
            })
            .optional()
    }

    /// Puts an entry in its place, if that is still as it was seen. Gives the large body
    /// that it has replaced.
    fn place(
        &self,
        connection: &Connection,
        entry: &Recorded,
        record: &[u8],
        body: Option<i64>,
        over: Over,
    ) -> rusqlite::Result<Outcome<Option<i64>>> {
        let there = self.there(connection, &entry.head.id)?;
        let whole = there.as_ref().filter(|there| there.whole);
        match over.check(whole.map(|there| there.stamp)) {
            Outcome::Done(()) => {}
            other => return Ok(other.map(|()| None)),
        }
        self.write_row(connection, there.as_ref().map(|there| there.row), entry, record, body)?;
        Ok(Outcome::Done(there.and_then(|there| there.body)))
    }

    /// Writes a row and its record: this one anew, or a new one. An `INSERT` that may turn
    /// into something else would cost more than itself: SQLite writes down beforehand what
    /// it would have to undo.
    pub(super) fn write_row(
        &self,
        connection: &Connection,
        row: Option<i64>,
        entry: &Recorded,
        record: &[u8],
        body: Option<i64>,
    ) -> rusqlite::Result<()> {
        let head = &entry.head;
        let id = &head.id;
        let facts = match row {
            Some(_) => {
                r#"UPDATE "{t}" SET key = ?1, variant = ?2, method = ?3, url = ?4, host = ?5,
                     status = ?6, content_type = ?7, body_bytes = ?8, stored_bytes = ?9,
                     created_at = ?10, expires_at = ?11, uses = ?12, last_used_at = ?13,
                     serializer = ?14, stamp = ?15, body = ?16, usable_until = ?17
                   WHERE id = ?18"#
            }
            None => {
                r#"INSERT INTO "{t}" (key, variant, method, url, host, status, content_type,
                     body_bytes, stored_bytes, created_at, expires_at, uses, last_used_at,
                     serializer, stamp, body, usable_until, id)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
                     ?16, ?17, ?18)"#
            }
        };
        let content_type = head.headers.get_text("content-type");
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        connection.prepare_cached(&self.sql(facts))?.execute(params![
            id.key,
            id.variant.as_str(),
            head.request.method.as_str(),
            head.request.url.as_str(),
            head.request.url.host(),
            head.status,
            content_type,
            number(head.body.bytes),
            number(stored_bytes(entry, record)),
            head.created_at.millis(),
            head.expires_at.map(Timestamp::millis),
            number(head.uses),
            head.last_used_at.map(Timestamp::millis),
            head.serializer.as_deref().unwrap_or(self.codec.name()),
            entry.stamp.to_bytes(),
            body,
            usable_until(head, &Settings::default()).map(Timestamp::millis),
            row,
        ])?;
        let row = row.unwrap_or_else(|| connection.last_insert_rowid());
        let bytes = self.sql(r#"INSERT OR REPLACE INTO "{t}_record" VALUES (?1, ?2)"#);
        connection.prepare_cached(&bytes)?.execute(params![row, record])?;
        Ok(())
    }

    /// Whether a body is still there that is coming in.
    fn has_body(&self, connection: &Connection, body: i64) -> rusqlite::Result<bool> {
        let sql = self.sql(r#"SELECT 1 FROM "{t}_body" WHERE id = ?1"#);
        let found = connection.prepare_cached(&sql)?.query_row([body], |_| Ok(())).optional()?;
        Ok(found.is_some())
    }

    /// See [`Backend::put_many`](crate::Backend::put_many): all in one transaction, which
    /// costs less than one for each.
    pub(super) fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        let ready: Vec<Result<Ready>> =
            entries.into_iter().map(|entry| Ready::of(self, entry)).collect();
        let bytes = ready.iter().flatten().map(Ready::bytes).sum();
        self.database.check_room(bytes)?;
        let outcomes = self.database.write_many(|connection| {
            let place = |ready: &Result<Ready>| match ready {
                Ok(ready) => ready.place(self, connection).map(Some),
                Err(_) => Ok(None),
            };
            ready.iter().map(place).collect::<rusqlite::Result<Vec<_>>>()
        })?;
        self.has_stored();
        let mut replaced = Vec::new();
        let mut placed = |(ready, outcome): (Result<Ready>, Option<Outcome<Option<i64>>>)| {
            let stamp = ready?.entry.stamp;
            let outcome = outcome.unwrap_or(Outcome::Absent);
            Ok(outcome.map(|old| {
                replaced.extend(old);
                stamp
            }))
        };
        let placed = ready.into_iter().zip(outcomes).map(&mut placed).collect();
        for old in replaced {
            body::remove(&self.database, old);
        }
        Ok(placed)
    }
}

/// One of many entries, serialized.
struct Ready {
    entry: Recorded,
    record: Vec<u8>,
    over: Over,
    /// A body that does not lie in the record.
    large: Option<Bytes>,
}

impl Ready {
    /// About how much will be written.
    fn bytes(&self) -> usize {
        self.record.len() + self.large.as_ref().map_or(0, Bytes::len)
    }

    fn of(inner: &Inner, entry: Parcel) -> Result<Self> {
        let (head, body, over) = entry.into_parts();
        let is_small = body.len() <= INLINE_LIMIT;
        // Which number the body gets, its row says.
        let place = if is_small { Place::Inline(0) } else { Place::Beside(String::new()) };
        let entry = Recorded { head, stamp: Stamp::fresh(), place };
        let record = inner.record(&entry, is_small.then_some(&*body))?;
        Ok(Ready { entry, record, over, large: Some(body).filter(|_| !is_small) })
    }

    fn place(
        &self,
        inner: &Inner,
        connection: &Connection,
    ) -> rusqlite::Result<Outcome<Option<i64>>> {
        let Ready { entry, record, over, large } = self;
        let body = match large {
            Some(bytes) => Some(body::insert(&inner.database, connection, bytes)?),
            None => None,
        };
        let outcome = inner.place(connection, entry, record, body, *over)?;
        if let (Some(body), false) = (body, matches!(outcome, Outcome::Done(_))) {
            body::delete(&inner.database, connection, body)?;
        }
        Ok(outcome)
    }
}

/// An entry on its way into the database.
pub(super) struct SqlitePut {
    inner: Arc<Inner>,
    head: EntryHead,
    digest: BodyDigest,
    small: BytesMut,
    large: Option<Incoming>,
}

impl SqlitePut {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        SqlitePut {
            inner: Arc::clone(inner),
            head,
            digest: BodyDigest::new(),
            small: BytesMut::new(),
            large: None,
        }
    }
}

#[async_trait]
impl Put for SqlitePut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        let database = &self.inner.database;
        if self.large.is_none() {
            if self.small.len() + chunk.len() <= INLINE_LIMIT {
                self.small.extend_from_slice(&chunk);
                return Ok(());
            }
            let large = self.large.insert(Incoming::begin(database)?);
            large.write(database, &std::mem::take(&mut self.small))?;
        }
        match &mut self.large {
            Some(large) => large.write(database, &chunk),
            None => Ok(()),
        }
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let inner = Arc::clone(&self.inner);
        if let Some(large) = &mut self.large {
            large.finish(&inner.database)?;
        }
        let body = self.large.as_ref().map(|large| large.body);
        let head = EntryHead { body: self.digest.clone().finish(), ..self.head.clone() };
        let place = body.map_or(Place::Inline(0), |body| Place::Beside(body.to_string()));
        let inline = body.is_none().then(|| std::mem::take(&mut self.small).freeze());
        let entry = Recorded { head, stamp: Stamp::fresh(), place };
        let record = inner.record(&entry, inline.as_deref())?;
        inner.database.check_room(record.len())?;
        let replaced = inner.database.write(|connection| {
            // A clean-up may have taken a body that came in very slowly.
            if let Some(body) = body
                && !inner.has_body(connection, body)?
            {
                return Ok(None);
            }
            inner.place(connection, &entry, &record, body, over).map(Some)
        })?;
        let replaced = match replaced {
            Some(Outcome::Done(replaced)) => replaced,
            // What has come in goes again when this is dropped.
            Some(Outcome::Absent) => return Ok(Outcome::Absent),
            Some(Outcome::Changed) => return Ok(Outcome::Changed),
            None => {
                return Err(Error::store(format!(
                    "the body of {} was removed meanwhile",
                    entry.head.id
                ))
                .coded("body_lost")
                .passing()
                .try_this("the same command again"));
            }
        };
        inner.has_stored();
        // Named by the row now: no longer ours to remove.
        self.large = None;
        if let Some(old) = replaced {
            body::remove(&inner.database, old);
        }
        let stored_bytes = stored_bytes(&entry, &record);
        Ok(Outcome::Done(Found::whole(entry.head, entry.stamp, inline, stored_bytes)))
    }
}

/// Nothing stays of what was not committed.
impl Drop for SqlitePut {
    fn drop(&mut self) {
        if let Some(large) = &self.large {
            body::remove(&self.inner.database, large.body);
        }
    }
}
