//! Cleaning up: many removals in one transaction, damaged rows, bodies that no row names.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp, Timestamp};
use crate::storage::{BodyReader, Compact, Items, Outcome, Part, Piece, Problem, Removed, Usage};

use super::super::sqlite_file;
use super::place::Database;
use super::{Inner, MAX_ROW, STORED, Stored, body, id_of, is_about_the_row};

/// Entries removed in one transaction: enough that they share pages, and over in a moment.
const BATCH: usize = 2048;

/// Memory for pages while many entries are removed, in KiB; with less, the same pages of
/// the indexes go to the log again and again.
const BULK_CACHE: i64 = 32 * 1024;

/// What the store calls the record in a row.
pub(super) fn record_name(row: i64) -> String {
    format!("record {row}")
}

/// What the store calls a row whose values are not what they stand for.
pub(super) fn row_name(row: i64) -> String {
    format!("row {row}")
}

fn body_name(body: i64) -> String {
    format!("body {body}")
}

/// The row in the name of a piece.
fn row_in(name: &str) -> Option<i64> {
    number(name, "record").or_else(|| number(name, "row"))
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
            self.database.use_more_memory(BULK_CACHE)?;
        }
        for batch in entries.chunks(BATCH) {
            let removed = self.database.write_to_remove(|connection| {
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
            let (outcome, body) =
                self.database.write_to_remove(|c| self.take_out(c, id, Some(*stamp)))?;
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
        if let Some(row) = number(&piece.name, "row") {
            return self.discard_odd_row(row);
        }
        let Some(row) = number(&piece.name, "record") else { return Ok(Outcome::Absent) };
        let removed = self.database.write_to_remove(|connection| {
            let sql = self.sql(
                r#"DELETE FROM "{t}_record" WHERE id = ?1 AND id NOT IN (SELECT id FROM "{t}")"#,
            );
            connection.prepare_cached(&sql)?.execute([row])
        })?;
        Ok(if removed > 0 { Outcome::Done(piece.bytes) } else { Outcome::Absent })
    }

    /// Removes a row whose values are not what they stand for, if that is still so.
    fn discard_odd_row(&self, row: i64) -> Result<Outcome<u64>> {
        let look = self.sql(&format!("SELECT {STORED} WHERE c.id = ?1"));
        let size = self.sql(r#"SELECT octet_length(record) FROM "{t}_record" WHERE id = ?1"#);
        self.database.write_to_remove(|connection| {
            let stored = connection.query_row(&look, [row], Stored::of).optional();
            match stored {
                Err(e) if is_about_the_row(&e) => {}
                stored => return Ok(stored?.map_or(Outcome::Absent, |_| Outcome::Changed)),
            }
            let bytes: Option<i64> = connection.query_row(&size, [row], |row| row.get(0))?;
            self.delete(connection, row)?;
            Ok(Outcome::Done(bytes.unwrap_or(0).unsigned_abs()))
        })
    }

    fn is_named(&self, body: i64) -> Result<bool> {
        let sql = self.sql(r#"SELECT 1 FROM "{t}" WHERE body = ?1"#);
        let row = self.database.read(|c| c.query_row(&sql, [body], |_| Ok(())).optional())?;
        Ok(row.is_some())
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) fn raw(&self, part: &Part) -> Result<BodyReader> {
        let absent = |name: &str| Error::new(ErrorKind::NotFound, format!("{name} is not there"));
        let length = |row: i64| {
            let sql = self.sql(r#"SELECT octet_length(record) FROM "{t}_record" WHERE id = ?1"#);
            let length = self.database.read(|c| c.query_row(&sql, [row], |r| r.get(0)).optional());
            length.map(|length: Option<Option<i64>>| length.map(Option::unwrap_or_default))
        };
        let (row, name) = match part {
            Part::Record(id) => {
                let sql = self.sql(r#"SELECT id FROM "{t}" WHERE key = ?1 AND variant = ?2"#);
                let values = params![id.key, id.variant.as_str()];
                let row =
                    self.database.read(|c| c.query_row(&sql, values, |r| r.get(0)).optional());
                (row?, id.to_string())
            }
            Part::Piece(name) => match number(name, "body") {
                Some(body) => return body::raw(&self.database, body),
                None => (row_in(name), name.clone()),
            },
            Part::Beside(piece) => {
                let body = self.body_beside(piece)?;
                return body::raw(&self.database, body.ok_or_else(|| absent(&piece.name))?);
            }
        };
        let row: i64 = row.ok_or_else(|| absent(&name))?;
        let bytes: i64 = length(row)?.ok_or_else(|| absent(&name))?;
        let bytes = bytes.max(0).unsigned_abs();
        Ok(body::raw_values(&self.database, ("{t}_record", "record"), (row, row), bytes))
    }

    /// The number of the large body that goes with a piece.
    fn body_beside(&self, piece: &Piece) -> Result<Option<i64>> {
        let body = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            let sql = self.sql(sql);
            self.database.read(|c| c.query_row(&sql, values, |row| row.get(0)).optional())
        };
        let found: Option<Option<i64>> = match (&piece.entry, row_in(&piece.name)) {
            (Some((id, _)), _) => body(
                r#"SELECT body FROM "{t}" WHERE key = ?1 AND variant = ?2"#,
                params![id.key, id.variant.as_str()],
            )?,
            (None, Some(row)) => body(r#"SELECT body FROM "{t}" WHERE id = ?1"#, params![row])?,
            (None, None) => None,
        };
        Ok(found.flatten().filter(|body| body::is_number(*body)))
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

    /// A page of leftovers of one kind, behind this row; and the last row that was looked at.
    fn page(&self, kind: Left, after: i64, before: Timestamp) -> Result<(Vec<Piece>, Option<i64>)> {
        let sql = self.sql(&format!("{} LIMIT {PAGE}", kind.select()));
        let mut last = None;
        let mut pieces = self.database.read(|connection| {
            last = None;
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = match kind {
                Left::Bodies => statement.query([after, before.millis()])?,
                Left::Rows | Left::Records => statement.query([after])?,
            };
            let mut pieces = Vec::new();
            while let Some(row) = rows.next()? {
                last = Some(row.get(0)?);
                match kind.piece(row) {
                    // A scan shows it.
                    Err(e) if is_about_the_row(&e) => {}
                    piece => pieces.push(piece?),
                }
            }
            Ok(pieces)
        })?;
        if kind == Left::Bodies {
            for piece in &mut pieces {
                let body = number(&piece.name, "body").unwrap_or_default();
                piece.bytes = body::stored_bytes(&self.database, body)?;
            }
        }
        Ok((pieces, last))
    }
}

/// The kinds of leftovers, each in a walk over rows of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Entries whose body or record is gone.
    Rows,
    /// Records without a row.
    Records,
    /// Bodies that no row names.
    Bodies,
}

/// Leftovers of a kind that are looked for at a time.
const PAGE: usize = 512;

impl Left {
    fn select(self) -> &'static str {
        match self {
            Left::Rows => {
                r#"SELECT c.id, c.stored_bytes,
                     CASE WHEN octet_length(c.key) <= 65536 THEN c.key END,
                     CASE WHEN octet_length(c.variant) <= 65536 THEN c.variant END,
                     CASE WHEN octet_length(c.stamp) = 16 THEN c.stamp END
                   FROM "{t}" c
                   WHERE c.id > ?1 AND ((c.body IS NOT NULL AND c.body_bytes > 0 AND NOT EXISTS
                       (SELECT 1 FROM "{t}_chunk" WHERE id = c.body << 20))
                     OR NOT EXISTS (SELECT 1 FROM "{t}_record" r WHERE r.id = c.id))
                   ORDER BY c.id"#
            }
            Left::Records => {
                r#"SELECT r.id, octet_length(r.record) FROM "{t}_record" r
                   WHERE r.id > ?1 AND NOT EXISTS (SELECT 1 FROM "{t}" c WHERE c.id = r.id)
                   ORDER BY r.id"#
            }
            Left::Bodies => {
                r#"SELECT b.id FROM "{t}_body" b WHERE b.id > ?1 AND b.written_at < ?2
                     AND NOT EXISTS (SELECT 1 FROM "{t}" c WHERE c.body = b.id)
                   ORDER BY b.id"#
            }
        }
    }

    fn piece(self, row: &rusqlite::Row<'_>) -> rusqlite::Result<Piece> {
        let number: i64 = row.get(0)?;
        Ok(match self {
            Left::Rows => {
                let bytes: i64 = row.get(1)?;
                let (id, stamp) = id_of(row, 2)?;
                Piece::new(Problem::OrphanIndex, record_name(number), bytes.max(0).unsigned_abs())
                    .of_entry(id, stamp)
                    .because("its body or its record is gone")
            }
            Left::Records => {
                let bytes: i64 = row.get(1)?;
                Piece::new(Problem::OrphanIndex, record_name(number), bytes.unsigned_abs())
                    .because("no row belongs to it")
            }
            Left::Bodies => {
                Piece::new(Problem::OrphanBody, body_name(number), 0).because("no row names it")
            }
        })
    }
}

/// Entries whose body or record is gone, records without a row, bodies that no row names.
pub(super) fn leftovers(inner: &Arc<Inner>, before: Timestamp) -> Items<Piece> {
    let walk = |kind: Left| {
        let inner = Arc::clone(inner);
        let mut after = Some(i64::MIN);
        std::iter::from_fn(move || {
            let (pieces, last) = match inner.page(kind, after?, before) {
                Ok(page) => page,
                Err(e) => {
                    after = None;
                    return Some(vec![Err(e)]);
                }
            };
            after = last;
            last.map(|_| pieces.into_iter().map(Ok).collect::<Vec<_>>())
        })
        .flatten()
    };
    Box::new(walk(Left::Rows).chain(walk(Left::Records)).chain(walk(Left::Bodies)))
}

/// Pages that a database may keep when it is made smaller without a log.
const MOST_IN_MEMORY: i64 = 8192;

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
        // Without room for a log, what is copied has to be held in memory.
        let has_no_room = self.has_no_room();
        let is_due = is_due && !(has_no_room && all - free > MOST_IN_MEMORY);
        if !has_no_room {
            // Readers of this process would keep the log from being cut.
            self.close();
        }
        let vacuum = if is_due { "VACUUM; " } else { "" };
        self.on_writer(|connection| {
            // Rows of others may be longer than any of ours.
            sqlite_file::limit_values(connection, usize::MAX)?;
            connection.execute_batch(&format!("{vacuum}PRAGMA wal_checkpoint(TRUNCATE)"))?;
            sqlite_file::limit_values(connection, MAX_ROW)
        })
    }
}
