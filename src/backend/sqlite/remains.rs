//! Cleaning up: many removals in one transaction, damaged rows, bodies that no row names.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp, Timestamp};
use crate::storage::{
    BlockingPieces, BodyReader, ByteRange, Compact, Outcome, Part, Piece, Problem, Removed, Usage,
};

use super::place::Database;
use super::{Inner, body, id_of};

/// Entries removed in one transaction: enough that they share pages, and over in a moment.
const BATCH: usize = 2048;

/// Memory for pages while many entries are removed, in KiB; with less, the same pages of
/// the indexes go to the log again and again.
const BULK_CACHE: i64 = 32 * 1024;

/// What the store calls the record in a row.
pub(super) fn record_name(row: i64) -> String {
    format!("record {row}")
}

fn body_name(body: i64) -> String {
    format!("body {body}")
}

/// The number behind a word.
fn number(name: &str, word: &str) -> Option<i64> {
    name.strip_prefix(word)?.trim_start().parse().ok()
}

impl Inner {
    /// Removes a row within a transaction; gives the bytes of it that are free now, and
    /// the large body that is left to remove.
    pub(super) fn take_out(
        &self,
        connection: &Connection,
        id: &EntryId,
        seen: Option<Stamp>,
    ) -> rusqlite::Result<(Outcome<u64>, Option<i64>)> {
        let find = self.sql(
            r#"SELECT id, stamp, body, stored_bytes FROM "{t}" WHERE key = ?1 AND variant = ?2"#,
        );
        let found: Option<(i64, Vec<u8>, Option<i64>, i64)> = connection
            .prepare_cached(&find)?
            .query_row([&*id.key, id.variant.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((row, stamp, body, bytes)) = found else { return Ok((Outcome::Absent, None)) };
        if seen.is_some_and(|seen| seen.to_bytes()[..] != stamp[..]) {
            return Ok((Outcome::Changed, None));
        }
        self.delete(connection, row)?;
        Ok((Outcome::Done(bytes.max(0).unsigned_abs()), body))
    }

    /// See [`Backend::remove_many`](crate::Backend::remove_many).
    pub(super) fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let mut outcomes = Vec::with_capacity(entries.len());
        if entries.len() > BATCH / 8 {
            self.database.on_writer(|c| c.pragma_update(None, "cache_size", -BULK_CACHE))?;
        }
        for batch in entries.chunks(BATCH) {
            let removed = self.database.write(|connection| {
                let remove =
                    |(id, stamp): &(EntryId, Stamp)| self.take_out(connection, id, Some(*stamp));
                batch.iter().map(remove).collect::<rusqlite::Result<Vec<_>>>()
            })?;
            for (outcome, body) in removed {
                if let Some(body) = body {
                    body::remove(&self.database, body);
                }
                outcomes.push(Ok(outcome));
            }
        }
        Ok(outcomes)
    }

    /// See [`Backend::discard`](crate::Backend::discard).
    pub(super) fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((id, stamp)) = &piece.entry {
            let (outcome, body) = self.database.write(|c| self.take_out(c, id, Some(*stamp)))?;
            if let Some(body) = body {
                body::remove(&self.database, body);
            }
            return Ok(outcome);
        }
        if let Some(body) = number(&piece.name, "body") {
            if self.is_named(body)? {
                return Ok(Outcome::Changed);
            }
            body::remove(&self.database, body);
            return Ok(Outcome::Done(piece.bytes));
        }
        let Some(row) = number(&piece.name, "record") else { return Ok(Outcome::Absent) };
        let removed = self.database.write(|connection| {
            let sql = self.sql(
                r#"DELETE FROM "{t}_record" WHERE id = ?1 AND id NOT IN (SELECT id FROM "{t}")"#,
            );
            connection.prepare_cached(&sql)?.execute([row])
        })?;
        Ok(if removed > 0 { Outcome::Done(piece.bytes) } else { Outcome::Absent })
    }

    fn is_named(&self, body: i64) -> Result<bool> {
        let sql = self.sql(r#"SELECT 1 FROM "{t}" WHERE body = ?1"#);
        let row = self.database.read(|c| c.query_row(&sql, [body], |_| Ok(())).optional())?;
        Ok(row.is_some())
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) fn raw(&self, part: &Part) -> Result<BodyReader> {
        let absent = |name: &str| Error::new(ErrorKind::NotFound, format!("{name} is not there"));
        let record = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            let sql = self.sql(sql);
            self.database.read(|c| c.query_row(&sql, values, |r| r.get::<_, Vec<u8>>(0)).optional())
        };
        let bytes = match part {
            Part::Record(id) => record(
                r#"SELECT r.record FROM "{t}" c JOIN "{t}_record" r ON r.id = c.id
                   WHERE c.key = ?1 AND c.variant = ?2"#,
                params![id.key, id.variant.as_str()],
            )?
            .ok_or_else(|| absent(&id.to_string()))?,
            Part::Piece(name) => match (number(name, "record"), number(name, "body")) {
                (Some(row), _) => {
                    record(r#"SELECT record FROM "{t}_record" WHERE id = ?1"#, params![row])?
                        .ok_or_else(|| absent(name))?
                }
                (None, Some(number)) => {
                    let bytes = body::stored_bytes(&self.database, number)?;
                    return body::raw(&self.database, name, number, bytes);
                }
                (None, None) => return Err(absent(name)),
            },
        };
        Ok(BodyReader::part(&Bytes::from(bytes), ByteRange::WHOLE))
    }

    /// See [`Backend::usage`](crate::Backend::usage).
    pub(super) fn usage(&self) -> Result<Usage> {
        let sql = self.sql(r#"SELECT count(*), coalesce(sum(stored_bytes), 0) FROM "{t}""#);
        let (entries, stored): (i64, i64) = self.database.read(|connection| {
            connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        Ok(Usage {
            entries: entries.max(0).unsigned_abs(),
            stored_bytes: stored.max(0).unsigned_abs(),
            disk_bytes: self.database.disk_bytes(),
        })
    }

    fn pieces(&self, before: Timestamp) -> Result<Vec<Piece>> {
        let orphans = self.sql(
            r#"SELECT id FROM "{t}_body" WHERE written_at < ?1
               AND id NOT IN (SELECT body FROM "{t}" WHERE body IS NOT NULL) LIMIT 10000"#,
        );
        let bodiless = self.sql(
            r#"SELECT c.id, c.stored_bytes, c.key, c.variant, c.stamp FROM "{t}" c
               WHERE (c.body IS NOT NULL AND c.body_bytes > 0 AND NOT EXISTS
                   (SELECT 1 FROM "{t}_chunk" WHERE id = c.body << 20))
                 OR NOT EXISTS (SELECT 1 FROM "{t}_record" r WHERE r.id = c.id) LIMIT 10000"#,
        );
        let rowless = self.sql(
            r#"SELECT r.id, length(r.record) FROM "{t}_record" r
               WHERE NOT EXISTS (SELECT 1 FROM "{t}" c WHERE c.id = r.id) LIMIT 10000"#,
        );
        let (bodies, mut pieces) = self.database.read(|connection| {
            let mut statement = connection.prepare(&orphans)?;
            let bodies = statement.query_map([before.millis()], |row| row.get(0))?;
            let bodies = bodies.collect::<rusqlite::Result<Vec<i64>>>()?;
            let mut statement = connection.prepare(&bodiless)?;
            let rows = statement.query_map([], |row| {
                let bytes: i64 = row.get(1)?;
                let (id, stamp) = id_of(row, 2)?;
                let name = record_name(row.get(0)?);
                Ok(Piece::new(Problem::OrphanIndex, name, bytes.max(0).unsigned_abs())
                    .of_entry(id, stamp)
                    .because("its body or its record is gone"))
            })?;
            let mut pieces = rows.collect::<rusqlite::Result<Vec<_>>>()?;
            let mut statement = connection.prepare(&rowless)?;
            let rows = statement.query_map([], |row| {
                let bytes: i64 = row.get(1)?;
                Ok(Piece::new(Problem::OrphanIndex, record_name(row.get(0)?), bytes.unsigned_abs())
                    .because("no row belongs to it"))
            })?;
            for piece in rows {
                pieces.push(piece?);
            }
            Ok((bodies, pieces))
        })?;
        for body in bodies {
            let bytes = body::stored_bytes(&self.database, body)?;
            let piece = Piece::new(Problem::OrphanBody, body_name(body), bytes);
            pieces.push(piece.because("no row names it"));
        }
        Ok(pieces)
    }
}

/// Bodies that no row names, rows whose body or record is gone.
pub(super) fn leftovers(inner: &Arc<Inner>, before: Timestamp) -> BlockingPieces {
    match inner.pieces(before) {
        Ok(pieces) => Box::new(pieces.into_iter().map(Ok)),
        Err(e) => Box::new(std::iter::once(Err(e))),
    }
}

impl Database {
    /// What the file and its log take; `None` in memory.
    pub(super) fn disk_bytes(&self) -> Option<u64> {
        let path = self.path()?;
        let length = |ending: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            std::fs::metadata(name).map_or(0, |meta| meta.len())
        };
        Some(length("") + length("-wal"))
    }

    /// Gives unused pages back: always when asked to, else when they are a quarter or more.
    pub(super) fn compact(&self, when: Compact) -> Result<()> {
        let pages = |connection: &Connection, what: &str| {
            connection.query_row(&format!("PRAGMA {what}"), [], |row| row.get::<_, i64>(0))
        };
        let (all, free) =
            self.read(|c| Ok((pages(c, "page_count")?, pages(c, "freelist_count")?)))?;
        let is_due = match when {
            Compact::Never => false,
            Compact::Always => true,
            Compact::Auto => free > 0 && free * 4 >= all,
        };
        if when == Compact::Never || self.disk_bytes().is_none() {
            return Ok(());
        }
        // Readers of this process would keep the log from being cut.
        self.close();
        let vacuum = if is_due { "VACUUM; " } else { "" };
        self.on_writer(|connection| {
            connection.execute_batch(&format!("{vacuum}PRAGMA wal_checkpoint(TRUNCATE)"))
        })
    }
}
