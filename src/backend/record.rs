//! A record as bytes: the document that lists its entries, and their small bodies behind
//! it. How a store adds to that, and where it puts it, is the backend's.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::{EntryId, Key, hex};
use crate::serializer::{Codec, Place, Recorded};
use crate::storage::{Found, Query};

/// The name of a key's record where names are limited. A native key is its own name; any
/// other text is hashed to one that no native key can have.
pub(super) fn name_of(key: &str) -> String {
    if Key::is_native(key) {
        key.to_owned()
    } else {
        format!("x{}", hex(&Sha256::digest(key.as_bytes())[..16]))
    }
}

/// Whether a record of this name may hold what a query asks for. What a hashed name
/// stands for only the record tells.
pub(super) fn admits_name(query: &Query, name: &str) -> bool {
    let is_hashed = name.starts_with('x');
    is_hashed || query.key_prefix.as_ref().is_none_or(|prefix| name.starts_with(&**prefix))
}

/// A record as read.
#[derive(Debug)]
pub(super) struct Record {
    pub entries: Vec<Recorded>,
    /// The inline bodies, by place in `entries`.
    bodies: Vec<Option<Bytes>>,
    /// Bytes of the document.
    document: u64,
    /// Bytes behind the bodies for each entry.
    trailer: usize,
}

impl Record {
    /// Reads a record behind whose bodies lie `trailer` bytes for each entry.
    pub(super) fn parse(bytes: &Bytes, codec: &Codec, trailer: usize) -> Result<Self> {
        let (entries, document) = codec.loads(bytes)?;
        let inline: u64 = entries
            .iter()
            .filter(|e| matches!(e.place, Place::Inline(_)))
            .try_fold(0u64, |sum, e| sum.checked_add(e.head.body.bytes))
            .ok_or_else(|| torn("its bodies are impossibly long"))?;
        let behind = (entries.len() * trailer) as u64;
        let expected = (document as u64).saturating_add(inline).saturating_add(behind);
        if expected != bytes.len() as u64 {
            return Err(torn(&format!("it has {} bytes instead of {expected}", bytes.len())));
        }
        let bodies_end = bytes.len() - entries.len() * trailer;
        let bodies = entries
            .iter()
            .map(|entry| match entry.place {
                Place::Beside(_) => Ok(None),
                Place::Inline(offset) => {
                    let start = (document as u64).saturating_add(offset);
                    let end = start.saturating_add(entry.head.body.bytes);
                    if end > bodies_end as u64 {
                        return Err(torn("a body lies outside of it"));
                    }
                    Ok(Some(bytes.slice(start as usize..end as usize)))
                }
            })
            .collect::<Result<_>>()?;
        Ok(Record { entries, bodies, document: document as u64, trailer })
    }

    pub(super) fn find(&self, id: &EntryId) -> Option<usize> {
        self.entries.iter().position(|e| e.head.id == *id)
    }

    /// The inline body of an entry, checked against its head.
    pub(super) fn inline(&self, place: usize) -> Result<Option<Bytes>> {
        let Some(body) = &self.bodies[place] else { return Ok(None) };
        let entry = &self.entries[place];
        let wanted = entry.head.body.xxh3;
        if wanted.is_some_and(|sum| sum != xxhash_rust::xxh3::xxh3_64(body)) {
            return Err(Error::codec(format!("the body of {} is damaged", entry.head.id))
                .coded("body_damaged"));
        }
        Ok(Some(body.clone()))
    }

    /// What the store shows of an entry.
    pub(super) fn found(&self, place: usize) -> Result<Found> {
        let entry = &self.entries[place];
        let share = self.document / self.entries.len() as u64 + self.trailer as u64;
        Ok(Found {
            inline: self.inline(place)?,
            stored_bytes: share + entry.head.body.bytes,
            head: entry.head.clone(),
            stamp: entry.stamp,
        })
    }

    /// The entry of a record that holds one, and its inline body.
    pub(super) fn into_only(mut self) -> Result<(Recorded, Option<Bytes>)> {
        if self.entries.len() != 1 {
            return Err(torn("it holds another number of entries than one"));
        }
        let inline = self.inline(0)?;
        Ok((self.entries.remove(0), inline))
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

/// Document and bodies of a record, and its entries as they now stand in it.
pub(super) fn encode(
    parts: Vec<(Recorded, Option<Bytes>)>,
    codec: &Codec,
) -> Result<(Vec<u8>, Vec<Recorded>)> {
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
    bytes.reserve(offset as usize + 64);
    for body in bodies {
        bytes.extend_from_slice(&body);
    }
    Ok((bytes, entries))
}

/// The error of a record that is not what it was.
pub(super) fn torn(how: &str) -> Error {
    Error::codec(format!("the record is damaged: {how}")).coded("record_damaged")
}

/// Names the place of a record in an error about its content.
pub(super) fn named(place: &str, error: Error) -> Error {
    let wrapped =
        Error::new(error.kind(), format!("cannot read the record {place}")).coded(error.code());
    let wrapped = match error.hint() {
        Some(hint) => wrapped.try_this(hint.to_owned()),
        None => wrapped,
    };
    wrapped.because(error)
}
