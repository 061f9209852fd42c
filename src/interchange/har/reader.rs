//! Reading HAR, ours and that of others.
//!
//! Bodies in HAR are decoded, so the header is made true of them. An entry that has no
//! content although it should is an error of its own (code `no_content`): many programs
//! export heads alone. Chrome joins repeated fields with line feeds; HTTP/2's
//! pseudo-fields are no fields.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result, unquoted};
use crate::model::wire::{
    Hex, MAX_PARTS, SelectionParts, Time, known_version, parts as count_parts, selection_of,
};
use crate::model::{
    BodyDigest, BodyFacts, EntryHead, EntryId, Headers, Key, Method, Request, Sha256Digest,
    Timestamp, UrlText, Variant, is_token,
};

use super::super::archive::verdict;
use super::super::input::Waste;
use super::super::line::decoded_length;
use super::super::message::{as_decoded, is_coded, strip_connection, with_length};
use super::super::{MAX_CHUNK, Origin, Reader, damaged};
use super::skim::{self, Found, LongText, Shape, Skimmer};
use super::{FORMAT, parts};

/// Other programs leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) struct HarReader {
    entries: Skimmer,
    index: u64,
    finished: bool,
    waste: Waste,
    body: Option<Body>,
}

/// What is read of an entry.
const SHAPE: Shape = Shape::Members(&[
    ("startedDateTime", Shape::Whole),
    ("time", Shape::Whole),
    (
        "request",
        Shape::Members(&[
            ("method", Shape::Whole),
            ("url", Shape::Whole),
            ("headers", Shape::Whole),
        ]),
    ),
    (
        "response",
        Shape::Members(&[
            ("status", Shape::Whole),
            ("statusText", Shape::Whole),
            ("httpVersion", Shape::Whole),
            ("headers", Shape::Whole),
            (
                "content",
                Shape::Members(&[
                    ("size", Shape::Whole),
                    ("encoding", Shape::Whole),
                    ("text", Shape::Text),
                ]),
            ),
        ]),
    ),
    ("_cachectl", Shape::Whole),
]);

struct Body {
    head: EntryHead,
    text: Source,
    base64: bool,
    digest: BodyDigest,
    missing: bool,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "startedDateTime")]
    started: String,
    #[serde(default)]
    time: Option<f64>,
    request: HarRequest,
    response: HarResponse,
    #[serde(rename = "_cachectl", borrow, default)]
    own: Option<Own<'a>>,
}

#[derive(Deserialize)]
struct HarRequest {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse {
    status: i64,
    #[serde(default)]
    status_text: Option<String>,
    #[serde(default)]
    http_version: Option<String>,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    size: Option<f64>,
    #[serde(default)]
    text: Option<ContentText>,
    #[serde(default)]
    encoding: Option<String>,
}

/// A text, or the number of one that lies in a file.
#[derive(Deserialize)]
#[serde(untagged)]
enum ContentText {
    Here(String),
    Apart(usize),
}

/// `_cachectl`, as `parts::own` writes it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Own<'a> {
    key: Option<String>,
    variant: String,
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
    request_extensions: BTreeMap<String, Value>,
    response_extensions: BTreeMap<String, Value>,
    body_form: String,
    body_sha256: Option<Hex<32>>,
}

impl HarReader {
    pub(super) fn new(from: Origin) -> Result<Self> {
        let entries = Skimmer::new(from.stream(FORMAT.name)?, &SHAPE)?;
        Ok(HarReader { entries, index: 0, finished: false, waste: Waste::default(), body: None })
    }

    fn entry(&mut self, found: skim::Entry) -> Result<EntryHead> {
        let refuse = |why: &str| Error::codec(format!("log.entries[{}]: {why}", self.index));
        let parsed = match count_parts(&found.json) <= MAX_PARTS {
            true => serde_json::from_slice::<Entry<'_>>(&found.json).map_err(unquoted),
            false => Err("it has more parts than any head".to_owned()),
        };
        let entry = match parsed {
            Ok(entry) => entry,
            Err(why) => {
                self.waste.note(found.json.len()).inspect_err(|_| self.finished = true)?;
                return Err(refuse("it cannot be read as an entry").because(why));
            }
        };
        let (head, body) = entry.into_parts(found.texts).map_err(|refusal| {
            let error = refuse(refusal.why).coded(refusal.code);
            match refusal.cause {
                Some(cause) => error.because(cause),
                None => error,
            }
        })?;
        self.body = Some(body);
        Ok(head)
    }
}

/// Why an entry cannot be used.
struct Refusal {
    why: &'static str,
    code: &'static str,
    cause: Option<Error>,
}

fn refusal(code: &'static str, why: &'static str) -> Refusal {
    Refusal { why, code, cause: None }
}

impl Entry<'_> {
    fn into_parts(self, texts: Vec<LongText>) -> Result<(EntryHead, Body), Refusal> {
        let is_own = self.own.as_ref().is_some_and(|own| own.key.is_some());
        let own = self.own.unwrap_or_default();
        let started = Timestamp::parse_rfc3339(&self.started)
            .ok_or_else(|| refusal("bad_time", "its startedDateTime is no time"))?;
        let status = u16::try_from(self.response.status)
            .ok()
            .filter(|status| (100..1000).contains(status))
            .ok_or_else(|| refusal("bad_status", "its response has no status"))?;
        let method = Method::parse(&self.request.method).map_err(|cause| Refusal {
            cause: Some(cause),
            ..refusal("bad_method", "its method cannot be used")
        })?;
        let url = match is_own {
            true => UrlText::verbatim(self.request.url),
            false => UrlText::parse(&self.request.url).map_err(|cause| Refusal {
                cause: Some(cause),
                ..refusal("bad_url", "its URL cannot be used")
            })?,
        };
        let key = own.key.unwrap_or_else(|| Key::native("", &method, &url));
        let id = EntryId::new(key, Variant::verbatim(own.variant));
        let mut request = Request::new(method, url);
        request.headers = headers(self.request.headers);
        request.extensions.other = own.request_extensions;
        let text =
            body_text(&request.method, status, &own.body_form, self.response.content, texts)?;
        let mut fields = headers(self.response.headers);
        text.agree(&mut fields, &own.body_form);
        let span = self.time.filter(|ms| ms.is_finite() && *ms > 0.0).unwrap_or(0.0);
        let received = Timestamp::from_micros(
            started.micros().saturating_add((span * 1000.0).min(i64::MAX as f64) as i64),
        );
        let or = |time: Option<Time>, otherwise| time.map_or(otherwise, |t| t.0);
        let mut head = EntryHead {
            partition: own.partition,
            selections: own.vary.into_iter().map(selection_of).collect(),
            requested_at: or(own.requested_at, started),
            received_at: or(own.received_at, received),
            expires_at: own.expires_at.map(|t| t.0),
            uses: own.uses,
            last_used_at: own.last_used_at.map(|t| t.0),
            tags: own.tags,
            forced: own.forced,
            invalidated: own.invalidated,
            serializer: own.serializer.map(Cow::Owned),
            body: BodyFacts {
                bytes: text.length,
                xxh3: None,
                sha256: own.body_sha256.map(|hex| Sha256Digest(hex.0)),
            },
            ..EntryHead::new(id, request, status, fields, or(own.created_at, received))
        };
        head.extensions.http_version = self.response.http_version.and_then(version);
        let reason = self.response.status_text.filter(|text| !text.is_empty());
        head.extensions.reason = reason.map(String::into_bytes);
        head.extensions.other = own.response_extensions;
        let Text { source: text, base64, missing, .. } = text;
        let body = Body { head: head.clone(), text, base64, digest: BodyDigest::new(), missing };
        Ok((head, body))
    }
}

/// The body as it stands in the file.
struct Text {
    source: Source,
    base64: bool,
    /// Its length once it is no base64 any more.
    length: u64,
    missing: bool,
}

/// Where the text of a body comes from.
enum Source {
    Memory(Bytes),
    File { file: LongText, left: u64 },
}

impl Source {
    fn of(text: ContentText, texts: Vec<LongText>) -> Result<Self, Refusal> {
        match text {
            ContentText::Here(text) => Ok(Source::Memory(text.into())),
            ContentText::Apart(number) => {
                let file = texts.into_iter().nth(number);
                let file = file.ok_or_else(|| refusal("no_content", "its content is no text"))?;
                if let Some(why) = file.damage {
                    let cause = Some(Error::codec(why));
                    return Err(Refusal {
                        cause,
                        ..refusal("no_content", "its content is no text")
                    });
                }
                Ok(Source::File { left: file.bytes, file })
            }
        }
    }

    fn is_ascii(&self) -> bool {
        match self {
            Source::Memory(text) => text.is_ascii(),
            Source::File { file, .. } => file.is_ascii,
        }
    }

    /// How many bytes of text there are; and how many `=` they end with.
    fn length(&self) -> (u64, u64) {
        match self {
            Source::Memory(text) => {
                let padding = text.iter().rev().take_while(|c| **c == b'=').count();
                (text.len() as u64, padding as u64)
            }
            Source::File { file, left } => (*left, file.padding),
        }
    }

    /// The next piece. Groups of four characters stay together.
    fn next(&mut self) -> Result<Bytes> {
        match self {
            Source::Memory(text) => Ok(text.split_to(text.len().min(MAX_CHUNK))),
            Source::File { file, left } => {
                let mut piece = vec![0; (*left).min(MAX_CHUNK as u64) as usize];
                file.file.read_exact(&mut piece).map_err(|e| {
                    Error::new(ErrorKind::LocalFile, "cannot read a temporary file").because(e)
                })?;
                *left -= piece.len() as u64;
                Ok(piece.into())
            }
        }
    }
}

/// Finds the body of an entry; one that is not there though it should is refused.
fn body_text(
    method: &Method,
    status: u16,
    form: &str,
    content: Content,
    texts: Vec<LongText>,
) -> Result<Text, Refusal> {
    let base64 = match content.encoding.as_deref() {
        None | Some("") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case("base64") => true,
        Some(_) => return Err(refusal("no_content", "its content has an unknown encoding")),
    };
    let size = content.size.unwrap_or(0.0);
    if form == parts::NONE {
        let length = if size > 0.0 { size as u64 } else { 0 };
        let source = Source::Memory(Bytes::new());
        return Ok(Text { source, base64, length, missing: length > 0 });
    }
    let bodiless = *method == Method::HEAD || matches!(status, 100..200 | 204 | 304);
    let source = match content.text {
        Some(text) => Source::of(text, texts)?,
        None if bodiless || size <= 0.0 => Source::Memory(Bytes::new()),
        None => return Err(refusal("no_content", "its content was not exported")),
    };
    let (bytes, padding) = source.length();
    let length = match base64 {
        true => decoded_length(bytes, padding)
            .ok_or_else(|| refusal("body_damaged", "its content is not base64"))?,
        false => bytes,
    };
    Ok(Text { source, base64, length, missing: false })
}

impl Text {
    /// Makes the header true of the body.
    fn agree(&self, headers: &mut Headers, form: &str) {
        strip_connection(headers);
        match form {
            parts::WIRE | parts::NONE => {}
            _ if self.length == 0 => {}
            _ if is_coded(headers) => as_decoded(headers, self.length),
            _ => with_length(headers, self.length),
        }
        // What others write as text has been decoded from whatever charset it had.
        let is_others = form.is_empty() && !self.base64;
        if is_others && !self.source.is_ascii() {
            set_charset(headers);
        }
    }
}

/// Names UTF-8 in `Content-Type`, if it names another charset.
fn set_charset(headers: &mut Headers) {
    let Some(value) = headers.get_text("content-type") else { return };
    let is_charset = |part: &&str| {
        part.trim().get(..8).is_some_and(|name| name.eq_ignore_ascii_case("charset="))
    };
    if !value.split(';').any(|part| is_charset(&part)) {
        return;
    }
    let mut kept: Vec<&str> = value.split(';').filter(|part| !is_charset(part)).collect();
    kept.push(" charset=utf-8");
    let value = kept.join(";");
    headers.set("Content-Type", value);
}

/// Header fields without what is none.
fn headers(pairs: Vec<Pair>) -> Headers {
    let mut headers = Headers::with_capacity(pairs.len(), 1024);
    for Pair { name, value } in &pairs {
        if !is_token(name.as_bytes()) {
            continue;
        }
        for line in value.split('\n').map(|line| line.trim_matches(['\r', ' ', '\t'])) {
            if !line.contains(['\0', '\r']) {
                headers.push(name, line);
            }
        }
    }
    headers
}

fn version(text: String) -> Option<Cow<'static, str>> {
    let name = match text.to_ascii_lowercase().as_str() {
        "" | parts::UNKNOWN => return None,
        "h2" | "http/2" | "http/2.0" => "HTTP/2",
        "h3" | "http/3" | "http/3.0" => "HTTP/3",
        "http/1.1" => "HTTP/1.1",
        "http/1.0" => "HTTP/1.0",
        _ => return Some(Cow::Owned(text)),
    };
    Some(known_version(Cow::Borrowed(name)))
}

impl Body {
    fn next(&mut self) -> Result<Option<Bytes>> {
        let id = &self.head.id;
        if std::mem::take(&mut self.missing) {
            let error = Error::codec(format!("the HAR was written without the body of {id}"));
            return Err(error.coded("body_missing"));
        }
        let piece = self.text.next()?;
        if piece.is_empty() {
            let facts = self.digest.clone().finish();
            return match verdict(&self.head, &facts) {
                None => Ok(None),
                Some(how) => Err(damaged(id, how)),
            };
        }
        let bytes = match self.base64 {
            false => piece,
            true => LENIENT
                .decode(&piece)
                .map_err(|e| damaged(id, "it is not base64").because(e))?
                .into(),
        };
        self.digest.update(&bytes);
        Ok((!bytes.is_empty()).then_some(bytes))
    }
}

impl Reader for HarReader {
    fn next(&mut self) -> Result<Option<EntryHead>> {
        self.body = None;
        if self.finished {
            return Ok(None);
        }
        let found = self.entries.next().inspect_err(|_| self.finished = true)?;
        let head = match found {
            Found::Entry(entry) => self.entry(entry).map(Some),
            Found::TooLong => {
                self.waste.note(MAX_CHUNK).inspect_err(|_| self.finished = true)?;
                Err(Error::codec(format!("log.entries[{}]: it is too large", self.index)))
            }
            Found::End => {
                self.finished = true;
                return Ok(None);
            }
        };
        self.index += 1;
        head
    }

    fn chunk(&mut self) -> Result<Option<Bytes>> {
        let Some(body) = &mut self.body else { return Ok(None) };
        match body.next() {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            ended => {
                self.body = None;
                ended
            }
        }
    }
}
