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
    Timestamp, UrlText, Variant, http_date, is_token,
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
            ("bodySize", Shape::Whole),
            (
                "content",
                Shape::Members(&[
                    ("size", Shape::Whole),
                    ("encoding", Shape::Whole),
                    ("mimeType", Shape::Whole),
                    ("comment", Shape::Whole),
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
    #[serde(rename = "startedDateTime", default)]
    started: Loose<String>,
    #[serde(default)]
    time: Loose<f64>,
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
    headers: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HarResponse {
    status: Loose<f64>,
    #[serde(default)]
    status_text: Loose<String>,
    #[serde(default)]
    http_version: Loose<String>,
    #[serde(default)]
    headers: Option<Vec<Pair>>,
    #[serde(default)]
    body_size: Loose<f64>,
    #[serde(default)]
    content: Option<Content>,
}

/// A field; one without a name or a value is none.
#[derive(Deserialize)]
struct Pair {
    #[serde(default)]
    name: Loose<String>,
    #[serde(default)]
    value: Loose<FieldValue>,
}

/// A value as recorders write it: some take numbers for numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum FieldValue {
    Text(String),
    Number(serde_json::Number),
    Flag(bool),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    size: Loose<f64>,
    text: Option<ContentText>,
    encoding: Loose<String>,
    mime_type: Loose<String>,
    comment: Loose<String>,
}

/// A member that an entry can do without: absent, null and of another type are the same.
#[derive(Deserialize)]
#[serde(untagged, bound(deserialize = "T: Deserialize<'de>"))]
enum Loose<T> {
    Is(T),
    Other(serde::de::IgnoredAny),
}

impl<T> Default for Loose<T> {
    fn default() -> Self {
        Loose::Other(serde::de::IgnoredAny)
    }
}

impl<T> Loose<T> {
    fn get(self) -> Option<T> {
        match self {
            Loose::Is(value) => Some(value),
            Loose::Other(_) => None,
        }
    }
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
        let mut fields = headers(self.response.headers);
        // The time says when it was stored, and `Date` says nearly the same.
        let started = self.started.get().and_then(|text| recorded_time(&text));
        let started =
            started
                .or_else(|| http_date::parse(fields.get("date")?, Timestamp::now()))
                .ok_or_else(|| refusal("bad_time", "neither startedDateTime nor Date is a time"))?;
        let status = self.response.status.get().filter(|status| (100.0..1000.0).contains(status));
        let status = status.ok_or_else(|| refusal("bad_status", "its response has no status"))?;
        let status = status as u16;
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
        let body_size = self.response.body_size.get();
        let content = self.response.content.unwrap_or_default();
        let text = match &*own.body_form {
            "" => recorded_body(&request.method, status, &fields, body_size, content, texts)?,
            form => own_body(form, content, texts)?,
        };
        strip_connection(&mut fields);
        if !is_bodiless(&request.method, status) {
            text.agree(&mut fields, &own.body_form);
        }
        let span = self.time.get().filter(|ms| ms.is_finite() && *ms > 0.0).unwrap_or(0.0);
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
        head.extensions.http_version = self.response.http_version.get().and_then(version);
        let reason = self.response.status_text.get().filter(|text| !text.is_empty());
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
    /// It was recorded by another program.
    is_others: bool,
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

/// The body that a store of ours has exported.
fn own_body(form: &str, content: Content, texts: Vec<LongText>) -> Result<Text, Refusal> {
    let size = content.size.get().unwrap_or(0.0);
    if form == parts::NONE {
        let length = if size > 0.0 { size as u64 } else { 0 };
        let source = Source::Memory(Bytes::new());
        let (base64, is_others, missing) = (false, false, length > 0);
        return Ok(Text { source, base64, length, missing, is_others });
    }
    let base64 = is_base64(content.encoding.get())?;
    let source = match content.text {
        Some(text) => Source::of(text, texts)?,
        None if size <= 0.0 => Source::Memory(Bytes::new()),
        None => return Err(refusal("no_content", "its content was not exported")),
    };
    Text::of(source, base64, false)
}

/// The body that another program has recorded. What is unknown is not empty: a body counts as one
/// of no bytes only if the recording says so, and nothing else in it says otherwise.
fn recorded_body(
    method: &Method,
    status: u16,
    fields: &Headers,
    body_size: Option<f64>,
    content: Content,
    texts: Vec<LongText>,
) -> Result<Text, Refusal> {
    let missing = |why| Err(refusal("no_content", why));
    let nothing = || Text::of(Source::Memory(Bytes::new()), false, true);
    if is_bodiless(method, status) {
        return nothing();
    }
    // A redirect says all that it says in its head, and browsers never show what else it brings.
    let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308) && fields.contains("location");
    if is_redirect && content.text.is_none() {
        return nothing();
    }
    let said = content.comment.get().unwrap_or_default().to_ascii_lowercase();
    if ["not included", "truncated", "omitted", "too large"].iter().any(|word| said.contains(word))
    {
        return missing("its comment says that the content is not all there");
    }
    let size = content.size.get();
    let length = fields.get_text("content-length").and_then(|text| text.trim().parse::<u64>().ok());
    let base64 = is_base64(content.encoding.get())?;
    let text = match content.text {
        Some(text) => Text::of(Source::of(text, texts)?, base64, true)?,
        None => {
            // Recorders leave the text of an empty body out, and of one that they have not got.
            let is_empty = size == Some(0.0)
                && match length {
                    Some(length) => length == 0,
                    None => body_size == Some(0.0),
                };
            return match is_empty {
                true => nothing(),
                false => missing("its content was not exported"),
            };
        }
    };
    if text.length == 0 {
        // The coded form of nothing has some bytes.
        let is_of_nothing = length.is_none_or(|length| length == 0 || is_coded(fields));
        let is_empty = size.is_none_or(|size| size <= 0.0) && is_of_nothing;
        return if is_empty {
            Ok(text)
        } else {
            missing("its content is empty, and should not be")
        };
    }
    // Bytes can be counted where they are what was sent: not in text that was decoded from
    // another charset. A byte order mark is often left out.
    let mime = content.mime_type.get().unwrap_or_default().to_ascii_lowercase();
    let is_counted = base64 || (text.source.is_ascii() && !mime.contains("utf-16"));
    if is_counted && size.is_some_and(|size| size > text.length as f64 + 3.0) {
        return missing("its content is cut off: it is shorter than its size");
    }
    Ok(text)
}

/// Whether such a response has no body, whatever its head says.
fn is_bodiless(method: &Method, status: u16) -> bool {
    *method == Method::HEAD || matches!(status, 100..200 | 204 | 304)
}

fn is_base64(encoding: Option<String>) -> Result<bool, Refusal> {
    match encoding.as_deref() {
        None | Some("") => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case("base64") => Ok(true),
        Some(encoding) if encoding.to_ascii_lowercase().starts_with("utf") => Ok(false),
        Some(_) => Err(refusal("no_content", "its content has an unknown encoding")),
    }
}

/// A time as recorders write it: RFC 3339, and other forms of ISO 8601. Zones need no colon and no
/// minutes, and without one the time is UTC; the seconds may be missing, the decimals may stand
/// behind a comma, and a blank may stand for the `T`.
fn recorded_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(time) = Timestamp::parse_rfc3339(text) {
        return Some(time);
    }
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let zone_at = rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let time = time.replace(',', ".");
    let time = if time.len() == 5 { format!("{time}:00") } else { time };
    let zone = zone.trim();
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let zone = match (zone, &*digits) {
        ("" | "Z" | "z" | "UTC" | "GMT", _) => "Z".to_owned(),
        (zone, digits) if zone.starts_with(['+', '-']) => match digits.len() {
            2 => format!("{}{digits}:00", &zone[..1]),
            4 => format!("{}{}:{}", &zone[..1], &digits[..2], &digits[2..]),
            _ => return None,
        },
        _ => return None,
    };
    Timestamp::parse_rfc3339(&format!("{date}T{time}{zone}"))
}

impl Text {
    fn of(source: Source, base64: bool, is_others: bool) -> Result<Self, Refusal> {
        let (bytes, padding) = source.length();
        let length = match base64 {
            true => decoded_length(bytes, padding)
                .ok_or_else(|| refusal("body_damaged", "its content is not base64"))?,
            false => bytes,
        };
        Ok(Text { source, base64, length, missing: false, is_others })
    }

    /// Makes the header true of the body.
    fn agree(&self, headers: &mut Headers, form: &str) {
        match form {
            parts::WIRE | parts::NONE => {}
            _ if is_coded(headers) => as_decoded(headers, self.length),
            _ => with_length(headers, self.length),
        }
        // What others write as text has been decoded from whatever charset it had.
        if self.is_others && !self.base64 && !self.source.is_ascii() {
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
fn headers(pairs: Option<Vec<Pair>>) -> Headers {
    let pairs = pairs.unwrap_or_default();
    let mut headers = Headers::with_capacity(pairs.len(), 1024);
    for Pair { name, value } in pairs {
        let (Some(name), Some(value)) = (name.get(), value.get()) else { continue };
        if !is_token(name.as_bytes()) {
            continue;
        }
        let value = match value {
            FieldValue::Text(text) => text,
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Flag(flag) => flag.to_string(),
        };
        for line in value.split('\n').map(|line| line.trim_matches(['\r', ' ', '\t'])) {
            if !line.contains(['\0', '\r']) {
                headers.push(&name, line);
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
