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
use std::ops::Deref;
use std::path::Path;

use bytes::Bytes;

use crate::error::Result;
use crate::model::Timestamp;
use crate::serializer::{Codec, Recorded};

use super::super::private::store_error;
use super::super::record::{self, named};

/// One read of this size brings most whole records.
const FIRST_READ: usize = 32 * 1024;

/// No record is longer: a thousand variants with inline bodies.
const MAX_RECORD: u64 = 64 << 20;

const TALLY: usize = 16;

/// A record file as read.
#[derive(Debug)]
pub(super) struct Record {
    record: record::Record,
    /// Bytes of the whole file.
    length: u64,
}

impl Deref for Record {
    type Target = record::Record;

    fn deref(&self) -> &record::Record {
        &self.record
    }
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
                    bytes.shrink_to_fit();
                    return Ok(());
                }
                file.take(MAX_RECORD).read_to_end(&mut bytes).map(drop)
            })
            .map_err(|e| store_error(format!("cannot read {}", path.display()), e));
        read?;
        let length = bytes.len() as u64;
        Self::parse(bytes.into(), codec)
            .map_err(|e| named(&path.display().to_string(), &name_below(path), length, &e))
    }

    pub(super) fn parse(bytes: Bytes, codec: &Codec) -> Result<Self> {
        let mut record = record::Record::parse(&bytes, codec, TALLY)?;
        let tallies = &bytes[bytes.len() - record.entries.len() * TALLY..];
        for (entry, tally) in record.entries.iter_mut().zip(tallies.chunks_exact(TALLY)) {
            (entry.head.uses, entry.head.last_used_at) = tally_of(tally);
        }
        Ok(Record { record, length: bytes.len() as u64 })
    }

    /// Where the tally of an entry lies in the file.
    pub(super) fn tally_offset(&self, place: usize) -> u64 {
        self.length - ((self.entries.len() - place) * TALLY) as u64
    }

    pub(super) fn into_parts(self) -> Vec<(Recorded, Option<Bytes>)> {
        self.record.into_parts()
    }
}

/// The name of a record or a body within the folder: `entries/ab/…`.
pub(super) fn name_below(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(3).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// The bytes of a record file.
pub(super) fn encode(parts: Vec<(Recorded, Option<Bytes>)>, codec: &Codec) -> Result<Vec<u8>> {
    let (mut bytes, entries) = record::encode(parts, codec)?;
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
