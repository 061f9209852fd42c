//! A record as bytes: the document that lists its entries, and their small bodies behind
//! it. How a store adds to that, and where it puts it, is the backend's.

use std::fmt;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::model::{EntryId, Key, MAX_BODY, hex};
use crate::serializer::{Codec, MAX_DOCUMENT, MAX_ENTRIES, Place, Recorded};
use crate::storage::{Cursor, Found, Piece, Problem, Query, is_damage};

use super::INLINE_LIMIT;

/// The name of a key's record where names are limited. A native key is its own name; any
/// other text is hashed to one that no native key can have.
pub(super) fn name_of(key: &str) -> String {
    if Key::is_native(key) {
        key.to_owned()
    } else {
        format!("x{}", hex(&Sha256::digest(key.as_bytes())[..16]))
    }
}

/// Whether a text is the nonce in the name of a large body.
pub(super) fn is_nonce(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a large body of this name belongs to the record of this name, where the two lie in
/// places of their own: it is called `RECORD.NONCE`.
pub(super) fn is_body_of(record: &str, body: &str) -> bool {
    record_of(body) == Some(record)
}

/// Whether a text is the name of a record, as [`name_of`] makes them.
pub(super) fn is_name(text: &str) -> bool {
    Key::is_native(text.strip_prefix('x').unwrap_or(text))
}

/// The record that a large body of this name would belong to; `None` for what is no body.
pub(super) fn record_of(body: &str) -> Option<&str> {
    let (record, nonce) = body.split_once('.')?;
    (is_name(record) && is_nonce(nonce)).then_some(record)
}

/// Whether something of this name is a record, and may hold what a query asks for. What a
/// hashed name stands for only the record tells.
pub(super) fn admits_name(query: &Query, name: &str) -> bool {
    if !is_name(name) {
        return false;
    }
    let is_hashed = name.starts_with('x');
    is_hashed || query.key_prefix.as_ref().is_none_or(|prefix| name.starts_with(&**prefix))
}

/// Whether an entry lies behind a cursor, if its record may.
pub(super) fn is_entry_behind(after: Option<&Cursor>, id: &EntryId) -> bool {
    after.is_none_or(|after| id.key != after.id.key || id.variant > after.id.variant)
}

/// No record is longer, in bytes: its document, and for each entry an inline body and what a
/// backend puts behind it.
pub(super) const MAX_RECORD: u64 = (MAX_DOCUMENT + MAX_ENTRIES * (INLINE_LIMIT + 64)) as u64;

/// The error of a record that is longer.
pub(super) fn too_long(bytes: u64) -> Error {
    torn(&format!("it has {bytes} bytes, and none has so many"))
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
    /// Reads a record behind whose bodies lie `trailer` bytes for each entry. A large body is
    /// one of the record's own, or the record is damaged: `is_own` tells by its name, and no
    /// two entries have the same. So whatever a record says, nothing else is read or removed.
    pub(super) fn parse(
        bytes: &Bytes,
        codec: &Codec,
        trailer: usize,
        is_own: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let (entries, document) = codec.loads(bytes)?;
        let mut bodies: Vec<&str> = entries.iter().filter_map(|e| e.place.beside()).collect();
        bodies.sort_unstable();
        if bodies.iter().any(|body| !is_own(body)) {
            return Err(torn("it names a body that is none of its own"));
        }
        if bodies.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(torn("two of its entries name the same body"));
        }
        if entries.iter().any(|entry| entry.head.body.bytes > MAX_BODY) {
            return Err(torn("a body of it is impossibly long"));
        }
        let inline: u64 = entries
            .iter()
            .filter(|e| matches!(e.place, Place::Inline(_)))
            .fold(0, |sum, e| sum.saturating_add(e.head.body.bytes));
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

    /// How many bytes an entry takes: its share of the record, and its body.
    pub(super) fn stored_bytes(&self, place: usize) -> u64 {
        let share = self.document / self.entries.len() as u64 + self.trailer as u64;
        share + self.entries[place].head.body.bytes
    }

    /// What the store shows of an entry; `name` is what it calls the record.
    pub(super) fn found(&self, place: usize, name: &str) -> Result<Found> {
        let entry = &self.entries[place];
        let inline = self.inline(place).map_err(|e| {
            let damaged = self.damaged(place, Problem::DigestMismatch, name);
            damaged.met(format!("cannot read {}", entry.head.id), &e)
        })?;
        Ok(Found::whole(entry.head.clone(), entry.stamp, inline, self.stored_bytes(place)))
    }

    /// The error of an entry that lies in the record of another key, where no lookup finds
    /// it; `None` when it lies where it should. `named` is the name of the record.
    pub(super) fn misplaced(&self, place: usize, named: &str, name: &str) -> Option<Error> {
        let id = &self.entries[place].head.id;
        (name_of(&id.key) != named).then(|| {
            let error = Error::codec(format!("the record is one of {}", id.key));
            let mut piece = Piece::new(Problem::KeyMismatch, name, self.stored_bytes(place));
            piece.key = key_in(name);
            piece.met(format!("{name} holds an entry of another key"), &error)
        })
    }

    /// An entry with which something is wrong.
    pub(super) fn damaged(&self, place: usize, problem: Problem, name: &str) -> Piece {
        let entry = &self.entries[place];
        Piece::new(problem, name, self.stored_bytes(place))
            .of_entry(entry.head.id.clone(), entry.stamp)
    }

    /// The places of the entries in the order of their variants, which stays when one of
    /// them is written anew.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut places: Vec<usize> = (0..self.entries.len()).collect();
        places.sort_by(|&a, &b| self.entries[a].head.id.cmp(&self.entries[b].head.id));
        places
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

/// Names the record in an error about its content. `shown` is what people call it, `name`
/// what its store does.
pub(super) fn named(shown: &str, name: &str, bytes: u64, error: &Error) -> Error {
    let problem = if is_damage(error) { Problem::Undecodable } else { Problem::Unsupported };
    let mut piece = Piece::new(problem, name, bytes);
    piece.key = key_in(name);
    piece.met(format!("cannot read the record {shown}"), error)
}

/// The error of a record that is there, but cannot be got at; `why` is what stands in the way.
pub(super) fn unreadable(shown: &str, name: &str, why: impl fmt::Display) -> Error {
    let mut piece = Piece::new(Problem::Unreadable, name, 0);
    piece.key = key_in(name);
    let error = Error::store(why.to_string()).coded("unreadable");
    piece.met(format!("cannot read the record {shown}"), &error)
}

/// The native key in the name of a record.
fn key_in(name: &str) -> Option<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.rev().find(|word| Key::is_native(word)).map(ToOwned::to_owned)
}
