//! The document of a record as serde sees it; shared by the text formats.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::wire::{
    Fields, Hex, SelectionParts, Text, Time, known_version, selection_of, selection_parts,
};
use crate::model::{
    BodyFacts, EntryHead, EntryId, Extensions, Method, Request, Sha256Digest, Stamp, UrlText,
    Variant,
};

use super::{MAX_ENTRIES, Place, Recorded};

/// All entries of a record.
#[derive(Serialize, Deserialize)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    pub entries: Vec<Entry<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    variant: Cow<'a, str>,
    stamp: Hex<16>,
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    partition: Cow<'a, str>,
    #[serde(borrow)]
    request: RequestPart<'a>,
    #[serde(borrow)]
    response: ResponsePart<'a>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    vary: Vec<SelectionParts<'a>>,
    created_at: Time,
    requested_at: Time,
    received_at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(default, skip_serializing_if = "is_zero")]
    uses: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Time>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    forced: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    invalidated: bool,
    #[serde(borrow)]
    body: BodyPart<'a>,
}

#[derive(Serialize, Deserialize)]
struct RequestPart<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    headers: Fields<'a>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    other: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct ResponsePart<'a> {
    status: u16,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
    headers: Fields<'a>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    other: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct BodyPart<'a> {
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    xxh3: Option<Hex<8>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Hex<32>>,
    /// Offset behind the document, for a body in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    /// Name of a body beside it.
    #[serde(borrow, default, rename = "in", skip_serializing_if = "Option::is_none")]
    beside: Option<Cow<'a, str>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for references")]
fn is_false(b: &bool) -> bool {
    !*b
}

impl<'a> Document<'a> {
    pub(super) fn of(entries: &'a [Recorded]) -> Self {
        Document { entries: entries.iter().map(Entry::of).collect() }
    }

    /// What cannot be is an error in words.
    pub(super) fn into_entries(self) -> Result<Vec<Recorded>, String> {
        if self.entries.len() > MAX_ENTRIES {
            return Err(format!("it lists more than {MAX_ENTRIES} entries"));
        }
        self.entries.into_iter().map(Entry::into_recorded).collect()
    }
}

impl<'a> Entry<'a> {
    fn of(entry: &'a Recorded) -> Self {
        let head = &entry.head;
        let (at, beside) = match &entry.place {
            Place::Inline(offset) => (Some(*offset), None),
            Place::Beside(name) => (None, Some(Cow::Borrowed(name.as_str()))),
        };
        Entry {
            key: Cow::Borrowed(&head.id.key),
            variant: Cow::Borrowed(head.id.variant.as_str()),
            stamp: Hex(entry.stamp.to_bytes()),
            partition: Cow::Borrowed(&head.partition),
            request: RequestPart {
                method: Cow::Borrowed(head.request.method.as_str()),
                url: Cow::Borrowed(head.request.url.as_str()),
                headers: Fields(Cow::Borrowed(&head.request.headers)),
                other: head.request.extensions.other.clone(),
            },
            response: ResponsePart {
                status: head.status,
                version: head.extensions.http_version.as_deref().map(Cow::Borrowed),
                reason: head.extensions.reason.as_deref().map(|r| Text(Cow::Borrowed(r))),
                headers: Fields(Cow::Borrowed(&head.headers)),
                other: head.extensions.other.clone(),
            },
            vary: head.selections.iter().map(selection_parts).collect(),
            created_at: Time(head.created_at),
            requested_at: Time(head.requested_at),
            received_at: Time(head.received_at),
            expires_at: head.expires_at.map(Time),
            uses: head.uses,
            last_used_at: head.last_used_at.map(Time),
            tags: head.tags.clone(),
            forced: head.forced,
            invalidated: head.invalidated,
            body: BodyPart {
                bytes: head.body.bytes,
                xxh3: head.body.xxh3.map(|x| Hex(x.to_be_bytes())),
                sha256: head.body.sha256.map(|d| Hex(d.0)),
                at,
                beside,
            },
        }
    }

    fn into_recorded(self) -> Result<Recorded, String> {
        let place = match (self.body.at, self.body.beside) {
            (Some(offset), None) => Place::Inline(offset),
            (None, Some(name)) => Place::Beside(name.into_owned()),
            _ => return Err("an entry's body has no place, or two".to_owned()),
        };
        let method = Method::verbatim(&self.request.method);
        let mut request = Request::new(method, UrlText::verbatim(self.request.url));
        request.headers = self.request.headers.0.into_owned();
        request.extensions.other = self.request.other;
        let id = EntryId::new(self.key, Variant::verbatim(self.variant));
        let headers = self.response.headers.0.into_owned();
        let head = EntryHead {
            partition: self.partition.into_owned(),
            extensions: Extensions {
                http_version: self.response.version.map(known_version),
                reason: self.response.reason.map(|r| r.0.into_owned()),
                other: self.response.other,
            },
            selections: self.vary.into_iter().map(selection_of).collect(),
            requested_at: self.requested_at.0,
            received_at: self.received_at.0,
            expires_at: self.expires_at.map(|t| t.0),
            uses: self.uses,
            last_used_at: self.last_used_at.map(|t| t.0),
            tags: self.tags,
            forced: self.forced,
            invalidated: self.invalidated,
            body: BodyFacts {
                bytes: self.body.bytes,
                xxh3: self.body.xxh3.map(|h| u64::from_be_bytes(h.0)),
                sha256: self.body.sha256.map(|h| Sha256Digest(h.0)),
            },
            ..EntryHead::new(id, request, self.response.status, headers, self.created_at.0)
        };
        Ok(Recorded { head, stamp: Stamp::from_bytes(self.stamp.0), place })
    }
}
