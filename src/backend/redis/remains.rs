//! Cleaning up: many removals at once, damaged entries, what nothing needs.

use std::sync::Arc;

use ::redis::cmd;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp};
use crate::storage::{BodyStream, Outcome, Part, Piece, Problem, Removed, Usage};

use super::super::record::is_nonce;
use super::read::MOST_RECORD;
use super::scan::Node;
use super::{BATCH, Fields, Inner, Kept, body, script};

/// What the store calls the record of one entry.
pub(super) fn record_name(record: &str, variant: &str) -> String {
    format!("entry {variant} of {record}")
}

fn body_name(body: &str) -> String {
    format!("body {body}")
}

/// Record and variant behind the name of an entry's record.
fn entry_of(name: &str) -> Option<(&str, &str)> {
    let (variant, record) = name.strip_prefix("entry ")?.split_once(" of ")?;
    Some((record, variant))
}

/// The marks beside a record are no longer.
const MOST_MARKS: usize = 256;

impl Inner {
    /// See [`Backend::remove_many`](crate::Backend::remove_many).
    pub(super) async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        // In a cluster the keys of one script have to lie in one slot.
        let batch = if self.link.is_cluster() { 1 } else { BATCH };
        let ids: Vec<&EntryId> = entries.iter().map(|(id, _)| id).collect();
        let entries: Vec<(String, &str, Stamp)> = entries
            .iter()
            .map(|(id, stamp)| (self.names.record(&id.key), id.variant.as_str(), *stamp))
            .collect();
        let mut outcomes = Vec::with_capacity(entries.len());
        for some in entries.chunks(BATCH) {
            let commands: Vec<_> = some.chunks(batch).map(script::remove_many).collect();
            let answers: Vec<Result<Vec<i64>>> = self.ask_each(commands.into_iter()).await?;
            let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
            outcomes.extend(answers.into_iter().flatten().map(Self::removed));
        }
        let ids = ids.into_iter().zip(outcomes);
        Ok(ids.map(|(id, outcome)| outcome.ok_or_else(|| self.something_else(&id.key))).collect())
    }

    /// What the script says about one entry; `None` where the key is not ours.
    fn removed(answer: i64) -> Option<Outcome<u64>> {
        match answer {
            script::NOT_OURS => None,
            -1 => Some(Outcome::Absent),
            -2 => Some(Outcome::Changed),
            freed => Some(Outcome::Done(freed.max(0).unsigned_abs())),
        }
    }

    /// See [`Backend::discard`](crate::Backend::discard).
    pub(super) async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((id, stamp)) = &piece.entry {
            let mut removed = self.remove_many(&[(id.clone(), *stamp)]).await?;
            return removed.swap_remove(0);
        }
        if let Some((record, variant)) = entry_of(&piece.name) {
            return self.discard_entry(record, variant, piece.bytes).await;
        }
        let Some(name) = piece.name.strip_prefix("body ") else { return Ok(Outcome::Absent) };
        if !self.is_orphan(name).await? {
            return Ok(Outcome::Changed);
        }
        let mut command = cmd("UNLINK");
        command.arg(name);
        let removed: i64 = self.link.ask(&command).await?;
        Ok(if removed > 0 { Outcome::Done(piece.bytes) } else { Outcome::Absent })
    }

    /// Removes an entry that cannot be read, if that is still so.
    async fn discard_entry(&self, record: &str, variant: &str, bytes: u64) -> Result<Outcome<u64>> {
        let entry = self.field(record, format!("e{variant}"), MOST_RECORD).await?;
        let Some(entry) = entry else { return Ok(Outcome::Absent) };
        let marks = self.field(record, format!("m{variant}"), MOST_MARKS).await?;
        let belongs = |kept: Kept| self.names.record(&kept.entry.head.id.key) == record;
        if self.kept(entry, None).is_ok_and(belongs) {
            return Ok(Outcome::Changed);
        }
        let seen = marks.as_deref().and_then(script::marks_of).map(|(stamp, _)| stamp);
        let command = script::remove(record, variant, seen);
        Ok(match self.link.ask::<i64>(&command).await? {
            0 => Outcome::Absent,
            1 => Outcome::Changed,
            _ => Outcome::Done(bytes),
        })
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) async fn raw(self: &Arc<Self>, part: Part) -> Result<BodyStream> {
        let (record, variant, shown) = match &part {
            Part::Record(id) => {
                (self.names.record(&id.key), id.variant.as_str().to_owned(), id.to_string())
            }
            Part::Piece(name) => match (entry_of(name), name.strip_prefix("body ")) {
                (Some((record, variant)), _) => {
                    (record.to_owned(), variant.to_owned(), name.clone())
                }
                (None, Some(body)) => return self.raw_body(body).await,
                (None, None) => return Err(absent(name)),
            },
            Part::Beside(piece) => {
                let body = self.body_beside(piece).await?;
                return self.raw_body(&body.ok_or_else(|| absent(&piece.name))?).await;
            }
        };
        let field = self.raw_field(&record, format!("e{variant}")).await?;
        field.ok_or_else(|| absent(&shown))
    }

    /// The name of the large body that goes with a piece.
    async fn body_beside(&self, piece: &Piece) -> Result<Option<String>> {
        let (record, variant) = match (&piece.entry, entry_of(&piece.name)) {
            (Some((id, _)), _) => (self.names.record(&id.key), id.variant.as_str()),
            (None, Some((record, variant))) => (record.to_owned(), variant),
            (None, None) => return Ok(None),
        };
        let marks = self.field(&record, format!("m{variant}"), MOST_MARKS).await?;
        let body = marks.as_deref().and_then(script::marks_of).map(|(_, body)| body.to_owned());
        Ok(body.filter(|body| is_nonce(body)).map(|body| format!("{record}:{body}")))
    }

    /// The chunks of a body that are there, whatever names it.
    async fn raw_body(self: &Arc<Self>, name: &str) -> Result<BodyStream> {
        let mut fields = cmd("HKEYS");
        fields.arg(name);
        let fields: Vec<Vec<u8>> = self.link.ask(&fields).await?;
        let number = |field: Vec<u8>| std::str::from_utf8(&field).ok()?.parse::<u64>().ok();
        let mut chunks: Vec<u64> = fields.into_iter().filter_map(number).collect();
        if chunks.is_empty() {
            return Err(absent(name));
        }
        chunks.sort_unstable();
        let bytes = chunks.len() as u64 * body::CHUNK as u64;
        let (inner, name) = (Arc::clone(self), name.to_owned());
        let chunks = stream::iter(chunks).then(move |number| {
            let (inner, name) = (Arc::clone(&inner), name.clone());
            async move {
                let chunk = inner.field(&name, number, body::CHUNK).await?;
                Ok(chunk.unwrap_or_default().into())
            }
        });
        Ok(BodyStream::new(chunks, bytes))
    }

    /// Whether nothing names a body and nothing will end it.
    async fn is_orphan(&self, body: &str) -> Result<bool> {
        let Some((record, nonce)) = self.names.body(body) else { return Ok(false) };
        let mut time = cmd("PTTL");
        time.arg(body);
        if self.link.ask::<i64>(&time).await? != -1 {
            return Ok(false);
        }
        // Who cannot be read might name it.
        let mut fields = self.hashes(&[record.to_owned()]).await?;
        let Ok(fields) = fields.swap_remove(0) else { return Ok(false) };
        let names_it = |(field, value): &(Vec<u8>, Vec<u8>)| {
            field.first() == Some(&b'm')
                && script::marks_of(value).is_some_and(|(_, body)| body == nonce)
        };
        Ok(!fields.iter().any(names_it))
    }

    /// See [`Backend::usage`](crate::Backend::usage).
    pub(super) async fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let mut disk = 0;
        let mut walk = Walk::new(self, self.names.pattern()).await?;
        while let Some(names) = walk.next(self).await? {
            let records: Vec<String> =
                names.into_iter().filter(|name| self.names.inner(name).is_some()).collect();
            usage.entries += records.len() as u64;
            disk += self.memory(&records).await?;
        }
        let mut walk = Walk::new(self, self.names.bodies_pattern()).await?;
        while let Some(names) = walk.next(self).await? {
            let bodies: Vec<String> =
                names.into_iter().filter(|name| self.names.body(name).is_some()).collect();
            disk += self.memory(&bodies).await?;
        }
        Ok(Usage { stored_bytes: disk, disk_bytes: Some(disk), ..usage })
    }

    /// What keys take in the server's memory.
    async fn memory(&self, names: &[String]) -> Result<u64> {
        let bytes: Vec<Result<Option<u64>>> = self
            .ask_each(names.iter().map(|name| {
                let mut command = cmd("MEMORY");
                command.arg("USAGE").arg(name);
                command
            }))
            .await?;
        Ok(bytes.into_iter().filter_map(Result::ok).flatten().sum())
    }

    /// Entries of these records whose body is gone.
    async fn bodiless(&self, records: &[String]) -> Result<Vec<Piece>> {
        let mut named = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let hashes = self.hashes(rest).await?;
            let (page, later) = rest.split_at(hashes.len());
            rest = later;
            self.note_bodies(page, hashes, &mut named);
        }
        let (pieces, bodies): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let there = self.are_there(&bodies).await?;
        Ok(pieces.into_iter().zip(there).filter(|(_, there)| !there).map(|(p, _)| p).collect())
    }

    /// Notes entries that have a body beside their record, and what that is called.
    fn note_bodies(
        &self,
        records: &[String],
        hashes: Vec<Result<Fields>>,
        named: &mut Vec<(Piece, (String, u64))>,
    ) {
        for (record, fields) in records.iter().zip(hashes) {
            // What cannot be read is what a scan shows.
            let Ok(fields) = fields else { continue };
            for kept in self.all_kept(record, fields).into_iter().flatten() {
                if let Some((body, chunks)) = kept.beside() {
                    let bytes = kept.stored_bytes - kept.entry.head.body.bytes;
                    let id = kept.entry.head.id.clone();
                    let name = record_name(record, id.variant.as_str());
                    let piece = Piece::new(Problem::OrphanIndex, name, bytes);
                    let piece = piece.of_entry(id, kept.entry.stamp).because("its body is gone");
                    named.push((piece, (format!("{record}:{body}"), chunks)));
                }
            }
        }
    }

    /// Those of these bodies that nothing names.
    async fn orphans(&self, bodies: &[String]) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        for body in bodies {
            if self.is_orphan(body).await? {
                let mut chunks = cmd("HLEN");
                chunks.arg(body);
                let bytes = self.link.ask::<u64>(&chunks).await? * body::CHUNK as u64;
                let piece = Piece::new(Problem::OrphanBody, body_name(body), bytes);
                pieces.push(piece.because("no record names it"));
            }
        }
        Ok(pieces)
    }
}

fn absent(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{name} is not there"))
}

/// The names of all keys that match a pattern, page by page.
struct Walk {
    pattern: String,
    nodes: Vec<Node>,
    cursor: u64,
}

impl Walk {
    async fn new(inner: &Inner, pattern: String) -> Result<Self> {
        Ok(Walk { pattern, nodes: inner.nodes().await?, cursor: 0 })
    }

    async fn next(&mut self, inner: &Inner) -> Result<Option<Vec<String>>> {
        let Some(node) = self.nodes.last() else { return Ok(None) };
        let mut command = cmd("SCAN");
        command.arg(self.cursor).arg("MATCH").arg(&self.pattern);
        command.arg("COUNT").arg(inner.batch).arg("TYPE").arg("hash");
        let (cursor, names): (u64, Vec<Vec<u8>>) = inner.ask_node(&command, node).await?;
        self.cursor = cursor;
        if cursor == 0 {
            self.nodes.pop();
        }
        Ok(Some(names.into_iter().filter_map(|name| String::from_utf8(name).ok()).collect()))
    }
}

/// Entries whose body is gone, then bodies that no record names. What was not finished,
/// and what was replaced, the server forgets by itself.
pub(super) fn leftovers(inner: Arc<Inner>) -> BoxStream<'static, Result<Piece>> {
    enum Step {
        Begin,
        Records(Walk),
        Bodies(Walk),
        Done,
    }
    let step = |inner: Arc<Inner>, step: Step| async move {
        let next: Result<(Vec<Piece>, Step)> = async {
            Ok(match step {
                Step::Done => return Ok((Vec::new(), Step::Done)),
                Step::Begin => {
                    let pattern = inner.names.pattern();
                    (Vec::new(), Step::Records(Walk::new(&inner, pattern).await?))
                }
                Step::Records(mut walk) => match walk.next(&inner).await? {
                    Some(names) => {
                        let mut pieces = Vec::new();
                        let is_record = |name: &String| inner.names.inner(name).is_some();
                        let names: Vec<String> = names.into_iter().filter(is_record).collect();
                        for some in names.chunks(BATCH) {
                            pieces.extend(inner.bodiless(some).await?);
                        }
                        (pieces, Step::Records(walk))
                    }
                    None => {
                        let pattern = inner.names.bodies_pattern();
                        (Vec::new(), Step::Bodies(Walk::new(&inner, pattern).await?))
                    }
                },
                Step::Bodies(mut walk) => match walk.next(&inner).await? {
                    Some(names) => (inner.orphans(&names).await?, Step::Bodies(walk)),
                    None => (Vec::new(), Step::Done),
                },
            })
        }
        .await;
        next
    };
    stream::unfold(Step::Begin, move |now| {
        let inner = Arc::clone(&inner);
        async move {
            if matches!(now, Step::Done) {
                return None;
            }
            match step(inner, now).await {
                Ok((pieces, next)) => Some((pieces.into_iter().map(Ok).collect::<Vec<_>>(), next)),
                Err(e) => Some((vec![Err(e)], Step::Done)),
            }
        }
    })
    .flat_map(stream::iter)
    .boxed()
}
