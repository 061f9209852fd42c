//! An entry as one line of JSON: in archives, and in the index of a folder.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::error::{Error, Result, unquoted};
use crate::model::wire::{
    Fields, Hex, MAX_PARTS, SelectionParts, Text, Time, known_version, parts, selection_of,
    selection_parts,
};
use crate::model::{
    BodyFacts, EntryHead, EntryId, Extensions, Method, Request, Selection, Sha256Digest, Timestamp,
    UrlText, Variant,
};

/// The version of archives and indexes that is written, and the last that is read.
pub(super) const VERSION: u64 = 1;

/// The first line.
#[derive(Serialize)]
pub(super) struct Opening<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cachectl_archive: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cachectl_index: Option<u64>,
    pub created_at: Time,
    pub source: &'a str,
    pub redacted: bool,
    /// Said only of an archive without bodies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bodies: Option<bool>,
}

/// The last line.
#[derive(Serialize)]
pub(super) struct Closing {
    pub end: bool,
    pub entries: u64,
    pub body_bytes: u64,
}

/// A piece of a large body; the last one tells the digest.
#[derive(Serialize)]
pub(super) struct ChunkLine<'a> {
    pub chunk_base64: Base64<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sha256: Option<Hex<32>>,
}

/// An entry; nothing is left out for being empty.
#[derive(Serialize)]
pub(super) struct EntryLine<'a> {
    key: &'a str,
    variant: &'a str,
    partition: &'a str,
    created_at: Time,
    requested_at: Time,
    received_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    uses: u64,
    tags: &'a [String],
    forced: bool,
    invalidated: bool,
    serializer: Option<&'a str>,
    vary: Vec<SelectionParts<'a>>,
    request: RequestLine<'a>,
    response: ResponseLine<'a>,
    body_sha256: Option<Hex<32>>,
}

#[derive(Serialize, Deserialize)]
struct RequestLine<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    headers: Fields<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http_version: Option<String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reason: Option<Text<'a>>,
    #[serde(default)]
    extensions: BTreeMap<String, Value>,
}

#[derive(Serialize)]
struct ResponseLine<'a> {
    status: u16,
    http_version: Option<&'a str>,
    reason: Option<Text<'a>>,
    headers: Fields<'a>,
    extensions: &'a BTreeMap<String, Value>,
    body_bytes: u64,
    body_base64: Option<Base64<'a>>,
}

/// Bytes in base64.
pub(super) struct Base64<'a>(pub &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &BASE64))
    }
}

impl<'a> EntryLine<'a> {
    /// The line of a head; `body` when it lies in the line.
    pub(super) fn of(
        head: &'a EntryHead,
        body: Option<&'a [u8]>,
        sha256: Option<Sha256Digest>,
    ) -> Self {
        EntryLine {
            key: &head.id.key,
            variant: head.id.variant.as_str(),
            partition: &head.partition,
            created_at: Time(head.created_at),
            requested_at: Time(head.requested_at),
            received_at: Time(head.received_at),
            expires_at: head.expires_at.map(Time),
            last_used_at: head.last_used_at.map(Time),
            uses: head.uses,
            tags: &head.tags,
            forced: head.forced,
            invalidated: head.invalidated,
            serializer: head.serializer.as_deref(),
            vary: head.selections.iter().map(selection_parts).collect(),
            request: RequestLine {
                method: Cow::Borrowed(head.request.method.as_str()),
                url: Cow::Borrowed(head.request.url.as_str()),
                headers: Fields(Cow::Borrowed(&head.request.headers)),
                http_version: head.request.extensions.http_version.as_deref().map(str::to_owned),
                reason: reason(&head.request.extensions),
                extensions: head.request.extensions.other.clone(),
            },
            response: ResponseLine {
                status: head.status,
                http_version: head.extensions.http_version.as_deref(),
                reason: reason(&head.extensions),
                headers: Fields(Cow::Borrowed(&head.headers)),
                extensions: &head.extensions.other,
                body_bytes: head.body.bytes,
                body_base64: body.map(Base64),
            },
            body_sha256: sha256.map(|digest| Hex(digest.0)),
        }
    }
}

fn reason(extensions: &Extensions) -> Option<Text<'_>> {
    extensions.reason.as_deref().map(|reason| Text(Cow::Borrowed(reason)))
}

/// Puts one line of JSON into `line`, with its end.
pub(super) fn put(line: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    line.clear();
    serde_json::to_writer(&mut *line, value)
        .map_err(|e| Error::codec("an entry cannot be written as JSON").because(e))?;
    line.push(b'\n');
    Ok(())
}

/// Any line, as it is read: what kind it is shows in which members are there. Members that
/// are not known are passed over, so that later versions may add some.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    pub cachectl_archive: Option<u64>,
    pub cachectl_index: Option<u64>,
    pub bodies: Option<bool>,
    pub chunk_base64: Option<String>,
    pub body_sha256: Option<Hex<32>>,
    pub abandoned: Option<bool>,
    pub end: Option<bool>,
    pub entries: Option<u64>,
    pub body_bytes: Option<u64>,
    pub path: Option<String>,
    key: Option<String>,
    variant: Option<String>,
    partition: String,
    created_at: Option<Time>,
    requested_at: Option<Time>,
    received_at: Option<Time>,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    uses: u64,
    tags: Vec<String>,
    forced: bool,
    invalidated: bool,
    serializer: Option<String>,
    #[serde(borrow)]
    vary: Vec<SelectionParts<'a>>,
    #[serde(borrow)]
    request: Option<RequestLine<'a>>,
    #[serde(borrow)]
    response: Option<ReadResponse<'a>>,
}

#[derive(Deserialize)]
struct ReadResponse<'a> {
    status: u16,
    #[serde(default)]
    http_version: Option<String>,
    #[serde(borrow, default)]
    reason: Option<Text<'a>>,
    headers: Fields<'a>,
    #[serde(default)]
    extensions: BTreeMap<String, Value>,
    #[serde(default)]
    body_bytes: Option<u64>,
    #[serde(default)]
    body_base64: Option<String>,
}

/// An entry out of a line.
pub(super) struct ReadEntry {
    /// Its head; the digests are those that the line tells.
    pub head: EntryHead,
    /// The body, if it lies in the line, still in base64.
    pub body_base64: Option<String>,
}

impl<'a> Line<'a> {
    /// Reads a line; what is wrong with it is said in words.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, String> {
        if parts(line) > MAX_PARTS {
            return Err("it has more parts than any head".to_owned());
        }
        serde_json::from_slice(line).map_err(unquoted)
    }

    /// The entry in it; what is missing is said in words.
    pub(super) fn into_entry(self) -> Result<ReadEntry, &'static str> {
        let key = self.key.ok_or("it has no key")?;
        let request = self.request.ok_or("it has no request")?;
        let response = self.response.ok_or("it has no response")?;
        let created_at = self.created_at.ok_or("it has no created_at")?.0;
        let time = |time: Option<Time>| time.map_or(created_at, |t| t.0);
        let selections: Vec<Selection> = self.vary.into_iter().map(selection_of).collect();
        // What others write may leave out what follows from the rest.
        let variant = match self.variant {
            Some(variant) => Variant::verbatim(variant),
            None => selections.first().map_or_else(Variant::none, Variant::of),
        };
        let in_line = response.body_base64.as_deref().and_then(|text| {
            let padding = text.bytes().rev().take_while(|c| *c == b'=').count();
            decoded_length(text.len() as u64, padding as u64)
        });
        let bytes = response.body_bytes.or(in_line).ok_or("it has no body_bytes")?;
        let id = EntryId::new(key, variant);
        let headers = response.headers.0.into_owned();
        let head = EntryHead {
            partition: self.partition,
            extensions: Extensions {
                http_version: version(response.http_version),
                reason: response.reason.map(|r| r.0.into_owned()),
                other: response.extensions,
            },
            selections,
            requested_at: time(self.requested_at),
            received_at: time(self.received_at),
            expires_at: self.expires_at.map(|t| t.0),
            uses: self.uses,
            last_used_at: self.last_used_at.map(|t| t.0),
            tags: self.tags,
            forced: self.forced,
            invalidated: self.invalidated,
            body: BodyFacts {
                bytes,
                xxh3: None,
                sha256: self.body_sha256.map(|h| Sha256Digest(h.0)),
            },
            serializer: self.serializer.map(Cow::Owned),
            ..EntryHead::new(id, request.into_request(), response.status, headers, created_at)
        };
        Ok(ReadEntry { head, body_base64: response.body_base64 })
    }
}

/// How many bytes so many characters of base64 stand for, the last of them padding, which may
/// be left out; `None` when there is no such text.
pub(super) fn decoded_length(characters: u64, padding: u64) -> Option<u64> {
    let length = characters - padding;
    let rest = match length % 4 {
        0 => 0,
        1 => return None,
        rest => rest - 1,
    };
    Some(length / 4 * 3 + rest)
}

impl RequestLine<'_> {
    fn into_request(self) -> Request {
        let method = Method::verbatim(&self.method);
        let mut request = Request::new(method, UrlText::verbatim(self.url.into_owned()));
        request.headers = self.headers.0.into_owned();
        request.extensions = Extensions {
            http_version: version(self.http_version),
            reason: self.reason.map(|r| r.0.into_owned()),
            other: self.extensions,
        };
        request
    }
}

fn version(text: Option<String>) -> Option<Cow<'static, str>> {
    text.map(|text| known_version(Cow::Owned(text)))
}

/// The first line of what is written now.
pub(super) fn opening(now: Timestamp, source: &str, redacted: bool) -> Opening<'_> {
    Opening {
        cachectl_archive: None,
        cachectl_index: None,
        created_at: Time(now),
        source,
        redacted,
        bodies: None,
    }
}

/// The text form of a body's digest, or null.
pub(super) fn sha256_of(facts: &BodyFacts) -> Value {
    facts.sha256.map_or(Value::Null, |digest| Value::String(digest.to_string()))
}
