//! Reading HAR, ours and that of others.
//!
//! Bodies in HAR are decoded, so the header is made true of them. An entry that has no
//! content although it should is an error of its own (code `no_content`): many programs
//! export heads alone. Chrome joins repeated fields with line feeds; HTTP/2's
//! pseudo-fields are no fields.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result, unquoted};
use crate::model::wire::{Hex, SelectionParts, Time, known_version, selection_of};
use crate::model::{
    BodyDigest, BodyFacts, EntryHead, EntryId, Headers, Key, Method, Request, Sha256Digest,
    Timestamp, UrlText, Variant,
};

use super::super::archive::verdict;
use super::super::input::Waste;
use super::super::message::{as_decoded, is_coded, strip_connection, with_length};
use super::super::{MAX_CHUNK, Origin, Reader, damaged};
use super::skim::{Found, Skimmer};
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

struct Body {
    head: EntryHead,
    text: Bytes,
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
    text: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
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
        let entries = Skimmer::new(from.stream(FORMAT.name)?)?;
        Ok(HarReader { entries, index: 0, finished: false, waste: Waste::default(), body: None })
    }

    fn entry(&mut self, text: Vec<u8>) -> Result<EntryHead> {
        let refuse = |why: &str| Error::codec(format!("log.entries[{}]: {why}", self.index));
        let entry: Entry<'_> = match serde_json::from_slice(&text) {
            Ok(entry) => entry,
            Err(e) => {
                self.waste.note(text.len()).inspect_err(|_| self.finished = true)?;
                return Err(refuse("it cannot be read as an entry").because(unquoted(e)));
            }
        };
        let (head, body) = entry.into_parts().map_err(|refusal| {
            let error = refuse(refusal.why).coded(refusal.code);
            match refusal.cause {
                Some(cause) => error.because(cause),
                None => error,
            }
        })?;
        drop(text);
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
    fn into_parts(self) -> Result<(EntryHead, Body), Refusal> {
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
        let text = body_text(&request.method, status, &own.body_form, self.response.content)?;
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
        let Text { text, base64, missing, .. } = text;
        let body = Body { head: head.clone(), text, base64, digest: BodyDigest::new(), missing };
        Ok((head, body))
    }
}

/// The body as it stands in the file.
struct Text {
    text: Bytes,
    base64: bool,
    /// Its length once it is no base64 any more.
    length: u64,
    missing: bool,
}

/// Finds the body of an entry; one that is not there though it should is refused.
fn body_text(method: &Method, status: u16, form: &str, content: Content) -> Result<Text, Refusal> {
    let base64 = match content.encoding.as_deref() {
        None | Some("") => false,
        Some(encoding) if encoding.eq_ignore_ascii_case("base64") => true,
        Some(_) => return Err(refusal("no_content", "its content has an unknown encoding")),
    };
    let size = content.size.unwrap_or(0.0);
    if form == parts::NONE {
        let length = if size > 0.0 { size as u64 } else { 0 };
        return Ok(Text { text: Bytes::new(), base64, length, missing: length > 0 });
    }
    let bodiless = *method == Method::HEAD || matches!(status, 100..200 | 204 | 304);
    let text = match content.text {
        Some(text) => Bytes::from(text),
        None if bodiless || size <= 0.0 => Bytes::new(),
        None => return Err(refusal("no_content", "its content was not exported")),
    };
    let length = match base64 {
        true => decoded_length(&text)
            .ok_or_else(|| refusal("body_damaged", "its content is not base64"))?,
        false => text.len() as u64,
    };
    Ok(Text { text, base64, length, missing: false })
}

fn decoded_length(text: &[u8]) -> Option<u64> {
    let padding = text.iter().rev().take_while(|c| **c == b'=').count();
    let length = (text.len() - padding) as u64;
    let rest = match length % 4 {
        0 => 0,
        1 => return None,
        rest => rest - 1,
    };
    Some(length / 4 * 3 + rest)
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
        if is_others && !self.text.is_ascii() {
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
        if Method::parse(name).is_err() {
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
        if self.text.is_empty() {
            let facts = self.digest.clone().finish();
            return match verdict(&self.head, &facts) {
                None => Ok(None),
                Some(how) => Err(damaged(id, how)),
            };
        }
        // Groups of four characters stay together.
        let piece = self.text.split_to(self.text.len().min(MAX_CHUNK));
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
            Found::Entry(text) => self.entry(text).map(Some),
            Found::TooLong => {
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
