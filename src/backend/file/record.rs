//! One record file: all variants of a key.
//!
//! ```text
//! document | inline bodies | one tally for each entry, in the document's order
//! ```
//!
//! A tally is the number of uses (u64) and the time of the last one (i64, microseconds;
//! 0 for never), little endian. It is the only part that is ever written in place: noting
//! a use overwrites sixteen bytes and rewrites nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::model::{EntryId, Timestamp};
use crate::serializer::{Codec, Place, Recorded};
use crate::storage::Found;

use super::super::private::store_error;

/// One read of this size brings most whole records.
const FIRST_READ: usize = 32 * 1024;

/// No record is longer: a thousand variants with inline bodies.
const MAX_RECORD: u64 = 64 << 20;

pub(super) const TALLY: usize = 16;

/// A record as read.
#[derive(Debug)]
pub(super) struct Record {
    pub entries: Vec<Recorded>,
    /// The inline bodies, by place in `entries`.
    bodies: Vec<Option<Bytes>>,
    /// Bytes of the document.
    document: u64,
    /// Bytes of the whole file.
    length: u64,
}

impl Record {
    /// Reads a record; `None` when there is none.
    pub(super) fn read(path: &Path, codec: &Codec) -> Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => Self::read_from(file, path, codec).map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(store_error(format!("cannot open {}", path.display()), e)),
        }
    }

    pub(super) fn read_from(mut file: File, path: &Path, codec: &Codec) -> Result<Self> {
        let mut bytes = vec![0; FIRST_READ];
        let read = fill(&mut file, &mut bytes)
            .and_then(|filled| {
                bytes.truncate(filled);
                if filled < FIRST_READ {
                    return Ok(());
                }
                file.take(MAX_RECORD).read_to_end(&mut bytes).map(drop)
            })
            .map_err(|e| store_error(format!("cannot read {}", path.display()), e));
        read?;
        Self::parse(bytes.into(), codec).map_err(|e| named(path, e))
    }

    fn parse(bytes: Bytes, codec: &Codec) -> Result<Self> {
        let (mut entries, document) = codec.loads(&bytes)?;
        let inline: u64 = entries
            .iter()
            .filter(|e| matches!(e.place, Place::Inline(_)))
            .try_fold(0u64, |sum, e| sum.checked_add(e.head.body.bytes))
            .ok_or_else(|| torn("its bodies are impossibly long"))?;
        let tallies = (entries.len() * TALLY) as u64;
        let expected = (document as u64).saturating_add(inline).saturating_add(tallies);
        if expected != bytes.len() as u64 {
            return Err(torn(&format!("it has {} bytes instead of {expected}", bytes.len())));
        }
        let tally_start = bytes.len() - entries.len() * TALLY;
        for (entry, tally) in entries.iter_mut().zip(bytes[tally_start..].chunks_exact(TALLY)) {
            let (uses, last) = tally_of(tally);
            entry.head.uses = uses;
            entry.head.last_used_at = last;
        }
        let bodies = entries
            .iter()
            .map(|entry| match entry.place {
                Place::Beside(_) => Ok(None),
                Place::Inline(offset) => {
                    let start = (document as u64).saturating_add(offset);
                    let end = start.saturating_add(entry.head.body.bytes);
                    if end > tally_start as u64 {
                        return Err(torn("a body lies outside of it"));
                    }
                    Ok(Some(bytes.slice(start as usize..end as usize)))
                }
            })
            .collect::<Result<_>>()?;
        Ok(Record { entries, bodies, document: document as u64, length: bytes.len() as u64 })
    }

    pub(super) fn find(&self, id: &EntryId) -> Option<usize> {
        self.entries.iter().position(|e| e.head.id == *id)
    }

    /// Where the tally of an entry lies in the file.
    pub(super) fn tally_offset(&self, place: usize) -> u64 {
        self.length - ((self.entries.len() - place) * TALLY) as u64
    }

    /// The inline body of an entry, checked against its head.
    pub(super) fn inline(&self, place: usize) -> Result<Option<Bytes>> {
        let Some(body) = &self.bodies[place] else { return Ok(None) };
        let wanted = self.entries[place].head.body.xxh3;
        if wanted.is_some_and(|sum| sum != xxhash_rust::xxh3::xxh3_64(body)) {
            return Err(torn(&format!("the body of {} is damaged", self.entries[place].head.id)));
        }
        Ok(Some(body.clone()))
    }

    /// What the store shows of an entry.
    pub(super) fn found(&self, place: usize) -> Result<Found> {
        let entry = &self.entries[place];
        let share = self.document / self.entries.len() as u64 + TALLY as u64;
        Ok(Found {
            inline: self.inline(place)?,
            stored_bytes: share + entry.head.body.bytes,
            head: entry.head.clone(),
            stamp: entry.stamp,
        })
    }

    /// The parts, for writing a changed record; entries whose inline body is damaged are
    /// left out, so that writing heals.
    pub(super) fn into_parts(self) -> Vec<(Recorded, Option<Bytes>)> {
        let whole: Vec<bool> = (0..self.entries.len()).map(|i| self.inline(i).is_ok()).collect();
        self.entries
            .into_iter()
            .zip(self.bodies)
            .zip(whole)
            .filter_map(|(part, whole)| whole.then_some(part))
            .collect()
    }
}

/// The bytes of a record file.
pub(super) fn encode(parts: Vec<(Recorded, Option<Bytes>)>, codec: &Codec) -> Result<Vec<u8>> {
    let mut offset = 0;
    let mut entries = Vec::with_capacity(parts.len());
    let mut bodies = Vec::with_capacity(parts.len());
    for (mut entry, body) in parts {
        if let Some(body) = body {
            entry.place = Place::Inline(offset);
            offset += body.len() as u64;
            bodies.push(body);
        }
        entries.push(entry);
    }
    let mut bytes = codec.dumps(&entries)?;
    bytes.reserve(offset as usize + entries.len() * TALLY);
    for body in bodies {
        bytes.extend_from_slice(&body);
    }
    for entry in &entries {
        bytes.extend_from_slice(&tally(entry.head.uses, entry.head.last_used_at));
    }
    Ok(bytes)
}

pub(super) fn tally(uses: u64, last: Option<Timestamp>) -> [u8; TALLY] {
    let mut bytes = [0; TALLY];
    bytes[..8].copy_from_slice(&uses.to_le_bytes());
    bytes[8..].copy_from_slice(&last.map_or(0, Timestamp::micros).to_le_bytes());
    bytes
}

fn tally_of(bytes: &[u8]) -> (u64, Option<Timestamp>) {
    let half = |from: usize| -> [u8; 8] { bytes[from..from + 8].try_into().unwrap_or_default() };
    let last = i64::from_le_bytes(half(8));
    (u64::from_le_bytes(half(0)), (last != 0).then(|| Timestamp::from_micros(last)))
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

fn torn(how: &str) -> Error {
    Error::codec(format!("the record is damaged: {how}")).coded("record_damaged")
}

/// Names the file in an error about its content.
fn named(path: &Path, error: Error) -> Error {
    let wrapped = Error::new(error.kind(), format!("cannot read the record {}", path.display()))
        .coded(error.code());
    let wrapped = match error.hint() {
        Some(hint) => wrapped.try_this(hint.to_owned()),
        None => wrapped,
    };
    wrapped.because(error)
}
