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

use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::serializer::{Codec, Recorded};

use super::super::private::{is_about_the_process, store_error};
use super::super::record::{self, MAX_RECORD, is_body_of, named, too_long, unreadable};
use super::place::Spot;

/// One read of this size brings most whole records.
const FIRST_READ: usize = 32 * 1024;

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
    /// Reads the record in a file; `path` is what people call it.
    pub(super) fn read(mut file: File, spot: &Spot, path: &Path, codec: &Codec) -> Result<Self> {
        let shown = path.display().to_string();
        let mut bytes = vec![0; FIRST_READ];
        let read = fill(&mut file, &mut bytes).and_then(|filled| {
            bytes.truncate(filled);
            if filled < FIRST_READ {
                bytes.shrink_to_fit();
                return Ok(Ok(()));
            }
            let length = file.metadata()?.len();
            if length > MAX_RECORD {
                return Ok(Err(too_long(length)));
            }
            bytes.reserve_exact((length as usize).saturating_sub(filled));
            file.take(MAX_RECORD - filled as u64).read_to_end(&mut bytes).map(|_| Ok(()))
        });
        let fits = read.map_err(|e| trouble_with(&shown, &spot.record_name(), e))?;
        fits.map_err(|e| named(&shown, &spot.record_name(), 0, &e))?;
        let length = bytes.len() as u64;
        Self::parse(bytes.into(), spot, codec)
            .map_err(|e| named(&shown, &spot.record_name(), length, &e))
    }

    fn parse(bytes: Bytes, spot: &Spot, codec: &Codec) -> Result<Self> {
        let is_own = |body: &str| is_body_of(&spot.name, body);
        let mut record = record::Record::parse(&bytes, codec, TALLY, is_own)?;
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

/// The error of a file that cannot be opened or read, which is one among many unless the
/// process has run out of something.
pub(super) fn trouble_with(shown: &str, name: &str, error: io::Error) -> Error {
    if is_about_the_process(&error) {
        return store_error(format!("cannot read {shown}"), error);
    }
    unreadable(shown, name, error)
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
