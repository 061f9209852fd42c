//! bincode: the smallest and fastest, for machines only.
//!
//! ```text
//! CA 01 | length u32 | XXH3 of the content u64 | content        (little endian)
//! ```
//!
//! The content is bincode 2 in its standard configuration (variable-length integers,
//! little endian) of [`DocumentV1`]. That format does not describe itself, so the structs
//! of a version never change: a new field is a new version with structs of its own, and
//! until then goes into `other`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::wire::{MAX_PARTS, known_version, parts};
use crate::model::{
    BodyFacts, EntryHead, EntryId, Extensions, Headers, Method, Request, Selecting, Sha256Digest,
    Stamp, Timestamp, UrlText, Variant,
};

use super::{MAX_DOCUMENT, MAX_ENTRIES, Place, Recorded, Serializer, checksum, damaged, too_new};

/// The smallest and fastest; not for reading by people.
#[derive(Debug, Clone, Copy, Default)]
pub struct BincodeSerializer;

const NAME: &str = "bincode";
const MAGIC: u8 = 0xca;
const VERSION: u8 = 1;
const FRAME: usize = 14;

/// The limit is what keeps hostile lengths from being allocated.
fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_DOCUMENT>()
}

impl Serializer for BincodeSerializer {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_binary(&self) -> bool {
        true
    }

    fn recognises(&self, document: &[u8]) -> bool {
        document.first() == Some(&MAGIC)
    }

    fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>> {
        let document = DocumentV1 { entries: entries.iter().map(EntryV1::of).collect() };
        let mut framed = Vec::with_capacity(2048 * entries.len().max(1));
        framed.resize(FRAME, 0);
        let length = bincode::serde::encode_into_std_write(&document, &mut framed, config())
            .map_err(|e| damaged(NAME, "it cannot be written").because(e))?;
        let length = u32::try_from(length).map_err(|e| damaged(NAME, "too long").because(e))?;
        let sum = checksum(&framed[FRAME..]);
        framed[0] = MAGIC;
        framed[1] = VERSION;
        framed[2..6].copy_from_slice(&length.to_le_bytes());
        framed[6..14].copy_from_slice(&sum.to_le_bytes());
        Ok(framed)
    }

    fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)> {
        let short = || damaged(NAME, "it ends early");
        let (frame, rest) = record.split_at_checked(FRAME).ok_or_else(short)?;
        match frame[1] {
            VERSION => {}
            0 => return Err(damaged(NAME, "no version mark")),
            newer => return Err(too_new(NAME, u64::from(newer))),
        }
        let length = u32::from_le_bytes([frame[2], frame[3], frame[4], frame[5]]) as usize;
        let content = rest.get(..length).ok_or_else(short)?;
        if frame[6..14] != checksum(content).to_le_bytes() {
            return Err(damaged(NAME, "its checksum is wrong"));
        }
        many::LEFT.set(MAX_PARTS);
        let (document, used): (DocumentV1<'_>, usize) =
            bincode::serde::borrow_decode_from_slice(content, config())
                .map_err(|e| damaged(NAME, e))?;
        if used != length || document.entries.len() > MAX_ENTRIES {
            return Err(damaged(NAME, "its content does not fit its length"));
        }
        let entries =
            document.entries.into_iter().map(EntryV1::into_recorded).collect::<Result<_>>()?;
        Ok((entries, FRAME + length))
    }
}

#[derive(Serialize, Deserialize)]
struct DocumentV1<'a> {
    #[serde(borrow, with = "many")]
    entries: Vec<EntryV1<'a>>,
}

/// Times are microseconds since the epoch; `other` maps are JSON text.
#[derive(Serialize, Deserialize)]
struct EntryV1<'a> {
    key: &'a str,
    variant: &'a str,
    stamp: [u8; 16],
    partition: &'a str,
    method: &'a str,
    url: &'a str,
    #[serde(borrow, with = "many")]
    request_headers: Vec<(Raw<'a>, Raw<'a>)>,
    #[serde(borrow)]
    request_other: Cow<'a, str>,
    status: u16,
    version: Option<&'a str>,
    #[serde(borrow)]
    reason: Option<Raw<'a>>,
    #[serde(borrow, with = "many")]
    headers: Vec<(Raw<'a>, Raw<'a>)>,
    #[serde(borrow)]
    other: Cow<'a, str>,
    #[serde(borrow, with = "many")]
    selections: Vec<SelectionV1<'a>>,
    created_at: i64,
    requested_at: i64,
    received_at: i64,
    expires_at: Option<i64>,
    uses: u64,
    last_used_at: Option<i64>,
    #[serde(with = "many")]
    tags: Vec<String>,
    forced: bool,
    invalidated: bool,
    body_bytes: u64,
    body_xxh3: Option<u64>,
    body_sha256: Option<[u8; 32]>,
    inline_at: Option<u64>,
    beside: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct SelectionV1<'a>(#[serde(borrow, with = "many")] Vec<(&'a str, Option<Raw<'a>>)>);

/// Lists. An element can be as short as a byte, and is many times that in memory, so all the
/// elements of a document are counted.
mod many {
    use std::cell::Cell;
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
    use serde::{Serialize, Serializer};

    thread_local! {
        /// How many elements the document that is being read may still have.
        pub(super) static LEFT: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) const TOO_MANY: &str = "it has more parts than any head";

    /// Whether there may be so many more.
    pub(super) fn take(elements: usize) -> bool {
        let left = LEFT.get().checked_sub(elements);
        LEFT.set(left.unwrap_or(0));
        left.is_some()
    }

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        items: &[T],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        items.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<T>, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(64));
                while let Some(item) = seq.next_element()? {
                    if !take(1) {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

/// A byte string that is borrowed when read.
#[derive(Serialize, Deserialize)]
struct Raw<'a>(#[serde(borrow, with = "raw")] &'a [u8]);

mod raw {
    pub(super) fn serialize<S: serde::Serializer>(b: &&[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(b)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        d: D,
    ) -> Result<&'de [u8], D::Error> {
        serde::Deserialize::deserialize(d)
    }
}

impl<'a> EntryV1<'a> {
    fn of(entry: &'a Recorded) -> Self {
        let head = &entry.head;
        let fields = |headers: &'a Headers| headers.iter().map(|(n, v)| (Raw(n), Raw(v))).collect();
        let (inline_at, beside) = match &entry.place {
            Place::Inline(offset) => (Some(*offset), None),
            Place::Beside(name) => (None, Some(name.as_str())),
        };
        EntryV1 {
            key: &head.id.key,
            variant: head.id.variant.as_str(),
            stamp: entry.stamp.to_bytes(),
            partition: &head.partition,
            method: head.request.method.as_str(),
            url: head.request.url.as_str(),
            request_headers: fields(&head.request.headers),
            request_other: other_text(&head.request.extensions.other),
            status: head.status,
            version: head.extensions.http_version.as_deref(),
            reason: head.extensions.reason.as_deref().map(Raw),
            headers: fields(&head.headers),
            other: other_text(&head.extensions.other),
            selections: head
                .selections
                .iter()
                .map(|s| {
                    let fields = s.iter().map(|f| (&*f.name, f.value.as_deref().map(Raw)));
                    SelectionV1(fields.collect())
                })
                .collect(),
            created_at: head.created_at.micros(),
            requested_at: head.requested_at.micros(),
            received_at: head.received_at.micros(),
            expires_at: head.expires_at.map(Timestamp::micros),
            uses: head.uses,
            last_used_at: head.last_used_at.map(Timestamp::micros),
            tags: head.tags.clone(),
            forced: head.forced,
            invalidated: head.invalidated,
            body_bytes: head.body.bytes,
            body_xxh3: head.body.xxh3,
            body_sha256: head.body.sha256.map(|d| d.0),
            inline_at,
            beside,
        }
    }

    fn into_recorded(self) -> Result<Recorded> {
        let place = match (self.inline_at, self.beside) {
            (Some(offset), None) => Place::Inline(offset),
            (None, Some(name)) => Place::Beside(name.to_owned()),
            _ => return Err(damaged(NAME, "an entry's body has no place, or two")),
        };
        let url = UrlText::verbatim(self.url);
        let mut request = Request::new(Method::verbatim(self.method), url);
        request.headers = fields_of(&self.request_headers);
        request.extensions.other = other_of(&self.request_other)?;
        let id = EntryId::new(self.key, Variant::verbatim(self.variant));
        let created_at = Timestamp::from_micros(self.created_at);
        let head = EntryHead {
            partition: self.partition.to_owned(),
            extensions: Extensions {
                http_version: self.version.map(|v| known_version(Cow::Borrowed(v))),
                reason: self.reason.map(|r| r.0.to_vec()),
                other: other_of(&self.other)?,
            },
            selections: self.selections.iter().map(|s| selection_of(&s.0)).collect(),
            requested_at: Timestamp::from_micros(self.requested_at),
            received_at: Timestamp::from_micros(self.received_at),
            expires_at: self.expires_at.map(Timestamp::from_micros),
            uses: self.uses,
            last_used_at: self.last_used_at.map(Timestamp::from_micros),
            tags: self.tags,
            forced: self.forced,
            invalidated: self.invalidated,
            body: BodyFacts {
                bytes: self.body_bytes,
                xxh3: self.body_xxh3,
                sha256: self.body_sha256.map(Sha256Digest),
            },
            ..EntryHead::new(id, request, self.status, fields_of(&self.headers), created_at)
        };
        Ok(Recorded { head, stamp: Stamp::from_bytes(self.stamp), place })
    }
}

fn fields_of(fields: &[(Raw<'_>, Raw<'_>)]) -> Headers {
    let bytes = fields.iter().map(|(n, v)| n.0.len() + v.0.len()).sum();
    let mut headers = Headers::with_capacity(fields.len(), bytes);
    headers.extend(fields.iter().map(|(n, v)| (n.0, v.0)));
    headers
}

fn selection_of(fields: &[(&str, Option<Raw<'_>>)]) -> Vec<Selecting> {
    fields
        .iter()
        .map(|(name, value)| Selecting {
            name: (*name).to_owned(),
            value: value.as_ref().map(|v| v.0.to_vec()),
        })
        .collect()
}

type Other = BTreeMap<String, serde_json::Value>;

fn other_text(other: &Other) -> Cow<'_, str> {
    if other.is_empty() {
        return Cow::Borrowed("");
    }
    let map: serde_json::Map<_, _> = other.clone().into_iter().collect();
    Cow::Owned(serde_json::Value::Object(map).to_string())
}

fn other_of(text: &str) -> Result<Other> {
    if text.is_empty() {
        return Ok(Other::new());
    }
    if !many::take(parts(text.as_bytes())) {
        return Err(damaged(NAME, many::TOO_MANY));
    }
    serde_json::from_str(text).map_err(|e| damaged(NAME, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_length_is_an_error_not_an_allocation() {
        // A sequence that claims 2^60 elements.
        let content = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0x10];
        let mut record = vec![MAGIC, VERSION];
        record.extend_from_slice(&(content.len() as u32).to_le_bytes());
        record.extend_from_slice(&checksum(&content).to_le_bytes());
        record.extend_from_slice(&content);
        let error = BincodeSerializer.loads(&record).unwrap_err();
        assert_eq!(error.code(), "record_damaged");
    }
}
