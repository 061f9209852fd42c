//! The heads of generations 1 and 2: a `MessagePack` map beside the chunks of the body.
//!
//! Field names are in lower case, the values of one name stand together, and all is text;
//! which bytes were meant is not recorded. Read: 0.1.4 to 2.0.0.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::foreign::decode::msgpack::{Pack, Packer};
use crate::model::{
    EntryHead, EntryId, Extensions, Headers, Method, Request, Timestamp, UrlText, Variant,
};
use crate::policy;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// With identity, times and key in the blob.
    First,
    /// With request and response only.
    Second,
}

/// Fields of a message: a name, and its values.
pub(super) type Fields = Vec<(String, Vec<String>)>;

/// What a blob says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blob {
    pub id: [u8; 16],
    pub method: String,
    pub url: String,
    pub request_headers: Fields,
    /// What the application and hishel's own client wanted kept, but for texts as JSON.
    pub request_extra: BTreeMap<String, Json>,
    pub status: u16,
    pub headers: Fields,
    pub response_extra: BTreeMap<String, Json>,
    /// Unix seconds.
    pub created_at: f64,
    pub deleted_at: Option<f64>,
    pub cache_key: Vec<u8>,
}

/// Fields that hishel leaves out of what it stores.
const HOP_BY_HOP: &[&str] = &["connection", "keep-alive", "te", "transfer-encoding", "upgrade"];

/// Under this name 1.4.0 keeps protocol version and reason phrase.
const HTTPX: &str = "hishel_httpx";

/// Under this name a request asks for a TTL of its own, in seconds.
const TTL: &str = "hishel_ttl";

/// The shortest TTL of its own that an entry can have, in seconds; less than that is not read
/// alike by all.
const SHORTEST: f64 = 1e-6;

impl Blob {
    /// # Errors
    /// `Codec` for what is no such map.
    pub(super) fn read(bytes: &[u8], generation: Generation) -> Result<Self> {
        let pack = Pack::read(bytes)?;
        let (request, response) = (pack.member("request"), pack.member("response"));
        let text = |of: &Pack<'_>, name: &str| {
            of.member(name).text().map(str::to_owned).ok_or_else(|| missing(name))
        };
        let status = response.member("status_code").number().ok_or_else(|| missing("status_code"));
        let mut blob = Blob {
            id: [0; 16],
            method: text(request, "method")?,
            url: text(request, "url")?,
            request_headers: fields(request.member("headers"))?,
            request_extra: extra(request.member("extra")),
            status: status? as u16,
            headers: fields(response.member("headers"))?,
            response_extra: extra(response.member("extra")),
            created_at: 0.0,
            deleted_at: None,
            cache_key: Vec::new(),
        };
        if generation == Generation::First {
            let meta = pack.member("meta");
            let id = pack.member("id").bytes().and_then(|id| id.try_into().ok());
            blob.id = id.ok_or_else(|| missing("id"))?;
            blob.created_at = meta.member("created_at").number().ok_or_else(|| missing("meta"))?;
            blob.deleted_at = meta.member("deleted_at").number();
            // The beta keeps none.
            blob.cache_key = pack.member("cache_key").bytes().unwrap_or_default().to_vec();
        }
        Ok(blob)
    }

    pub(super) fn write(&self, generation: Generation) -> Vec<u8> {
        let is_first = generation == Generation::First;
        let mut out = Packer::default();
        out.map(if is_first { 5 } else { 2 });
        if is_first {
            out.text("id");
            out.bytes(&self.id);
        }
        out.text("request");
        out.map(if is_first { 4 } else { 3 });
        out.text("method");
        out.text(&self.method);
        out.text("url");
        out.text(&self.url);
        write_fields(&mut out, &self.request_headers);
        if is_first {
            write_extra(&mut out, &self.request_extra);
        }
        out.text("response");
        out.map(if is_first { 3 } else { 2 });
        out.text("status_code");
        out.int(self.status.into());
        write_fields(&mut out, &self.headers);
        if is_first {
            write_extra(&mut out, &self.response_extra);
            out.text("meta");
            out.map(2);
            out.text("created_at");
            out.float(self.created_at);
            out.text("deleted_at");
            match self.deleted_at {
                Some(at) => out.float(at),
                None => out.nil(),
            }
            out.text("cache_key");
            out.bytes(&self.cache_key);
        }
        out.0
    }

    /// The TTL that an entry has to ask for to end then, in seconds.
    pub(super) fn ttl_until(end: Timestamp, created_at: Timestamp) -> f64 {
        end.since(created_at).as_secs_f64().max(SHORTEST)
    }

    /// The TTL that the entry asks for, in seconds, as it stands there.
    pub(super) fn said_ttl(&self) -> Option<f64> {
        self.request_extra.get(TTL).and_then(Json::as_f64)
    }

    /// The same as it is meant. With zero an entry is over at once to all of hishel's stores but
    /// one: SQLite of 1.x without async takes it for none.
    pub(super) fn own_ttl(&self) -> Option<f64> {
        Some(self.said_ttl()?.max(SHORTEST))
    }

    /// What a blob has to say of a head, whose URL is spelled so.
    pub(super) fn of(head: &EntryHead, url: String, id: [u8; 16], ttl: Option<f64>) -> Self {
        let mut response_extra: BTreeMap<String, Json> = head.extensions.other.clone();
        let mut httpx = serde_json::Map::new();
        if let Some(version) = &head.extensions.http_version {
            httpx.insert("http_version".to_owned(), bytes_json(version.as_bytes()));
        }
        if let Some(reason) = &head.extensions.reason {
            httpx.insert("reason_phrase".to_owned(), bytes_json(reason));
        }
        if !httpx.is_empty() {
            response_extra.insert(HTTPX.to_owned(), Json::Object(httpx));
        }
        let mut request_extra = head.request.extensions.other.clone();
        if let Some(ttl) = ttl {
            request_extra.insert(TTL.to_owned(), ttl.into());
        }
        Blob {
            id,
            method: head.request.method.as_str().to_owned(),
            url,
            request_headers: grouped(&head.request.headers),
            request_extra,
            status: head.status,
            headers: dated(grouped(&head.headers), head.created_at),
            response_extra,
            created_at: head.created_at.micros() as f64 / 1e6,
            deleted_at: None,
            cache_key: head.id.key.as_bytes().to_vec(),
        }
    }

    /// The entry that lies under this key; when it ends, and the length of its body, others
    /// know.
    pub(super) fn into_head(mut self, key: &str, created_at: Timestamp) -> EntryHead {
        let headers = flattened(&self.headers);
        let request_headers = flattened(&self.request_headers);
        let selection = policy::selection(&headers, &request_headers);
        let variant = variant_of(&self.method, &selection);
        let mut request_extra = self.request_extra;
        request_extra.remove(TTL);
        let request = Request {
            method: Method::verbatim(&self.method),
            url: UrlText::verbatim(self.url),
            headers: request_headers,
            extensions: Extensions { other: request_extra, ..Extensions::default() },
        };
        let id = EntryId::new(key, variant);
        let mut head = EntryHead::new(id, request, self.status, headers, created_at);
        if let Some(Json::Object(mut httpx)) = self.response_extra.remove(HTTPX) {
            let mut part = |name: &str| httpx.remove(name).as_ref().and_then(json_bytes);
            let version = part("http_version");
            head.extensions.http_version =
                version.and_then(|v| String::from_utf8(v).ok()).map(Into::into);
            head.extensions.reason = part("reason_phrase");
        }
        head.extensions.other = self.response_extra;
        head.selections = if selection.is_empty() { Vec::new() } else { vec![selection] };
        head.received_at = super::received_at(&head.headers, created_at);
        head.requested_at = head.received_at;
        head.serializer = Some("msgpack".into());
        head
    }
}

/// One key is for all methods, so those other than GET tell entries apart too.
fn variant_of(method: &str, selection: &crate::model::Selection) -> Variant {
    let varying = match selection.is_empty() {
        true => Variant::none(),
        false => Variant::of(selection),
    };
    match (method, varying.as_str()) {
        ("GET", _) => varying,
        (method, "") => Variant::verbatim(method),
        (method, varying) => Variant::verbatim(format!("{method}-{varying}")),
    }
}

/// The fields of a message by name, in the order in which the names come first.
pub(super) fn grouped(headers: &Headers) -> Fields {
    // What is no UTF-8 has a character for each byte. Each value by itself: what was read from
    // here has to stay the same when it is written again beside another.
    let text = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut fields: Fields = Vec::new();
    for (name, value) in headers.iter() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        if HOP_BY_HOP.contains(&&*name) || name.starts_with("proxy-") {
            continue;
        }
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(text(value)),
            None => fields.push((name, vec![text(value)])),
        }
    }
    fields
}

/// With a `Date`, which hishel needs to know an age; when it was stored is near enough.
fn dated(mut fields: Fields, created_at: Timestamp) -> Fields {
    if !fields.iter().any(|(name, _)| name == "date") {
        fields.push(("date".to_owned(), vec![policy::format_date(created_at)]));
    }
    fields
}

fn flattened(fields: &Fields) -> Headers {
    let mut headers = Headers::new();
    for (name, values) in fields {
        for value in values {
            headers.push(name, value);
        }
    }
    headers
}

fn fields(pack: &Pack<'_>) -> Result<Fields> {
    let Pack::Map(pairs) = pack else { return Err(missing("headers")) };
    let field = |(name, values): &(Pack<'_>, Pack<'_>)| {
        let name = name.text()?.to_owned();
        let values = match values {
            Pack::List(values) => {
                values.iter().map(|value| value.text().map(str::to_owned)).collect::<Option<_>>()?
            }
            Pack::Text(value) => vec![(*value).to_owned()],
            _ => return None,
        };
        Some((name, values))
    };
    pairs.iter().map(|pair| field(pair).ok_or_else(|| missing("texts in headers"))).collect()
}

fn write_fields(out: &mut Packer, fields: &Fields) {
    out.text("headers");
    out.map(fields.len());
    for (name, values) in fields {
        out.text(name);
        out.list(values.len());
        values.iter().for_each(|value| out.text(value));
    }
}

fn extra(pack: &Pack<'_>) -> BTreeMap<String, Json> {
    match json(pack) {
        Json::Object(map) => map.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

fn write_extra(out: &mut Packer, extra: &BTreeMap<String, Json>) {
    out.text("extra");
    out.map(extra.len());
    for (name, value) in extra {
        out.text(name);
        write_json(out, value);
    }
}

fn bytes_json(bytes: &[u8]) -> Json {
    serde_json::json!({ "base64": STANDARD.encode(bytes) })
}

fn json_bytes(json: &Json) -> Option<Vec<u8>> {
    match json {
        Json::String(text) => Some(text.clone().into_bytes()),
        Json::Object(map) if map.len() == 1 => STANDARD.decode(map.get("base64")?.as_str()?).ok(),
        _ => None,
    }
}

fn json(pack: &Pack<'_>) -> Json {
    match pack {
        Pack::Nil => Json::Null,
        Pack::Bool(is) => Json::Bool(*is),
        Pack::Int(number) => (*number).into(),
        Pack::Float(number) => (*number).into(),
        Pack::Text(text) => (*text).into(),
        Pack::Bytes(bytes) => bytes_json(bytes),
        Pack::List(items) => items.iter().map(json).collect(),
        Pack::Map(pairs) => {
            let pair =
                |(name, value): &(Pack<'_>, Pack<'_>)| Some((name.text()?.to_owned(), json(value)));
            Json::Object(pairs.iter().filter_map(pair).collect())
        }
    }
}

fn write_json(out: &mut Packer, json: &Json) {
    if let Some(bytes) = Some(json).filter(|json| json.is_object()).and_then(json_bytes) {
        return out.bytes(&bytes);
    }
    match json {
        Json::Null => out.nil(),
        Json::Bool(is) => out.bool(*is),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => out.int(whole),
            None => out.float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => out.text(text),
        Json::Array(items) => {
            out.list(items.len());
            items.iter().for_each(|item| write_json(out, item));
        }
        Json::Object(map) => {
            out.map(map.len());
            for (name, value) in map {
                out.text(name);
                write_json(out, value);
            }
        }
    }
}

fn missing(what: &str) -> Error {
    Error::codec(format!("the head is no entry of hishel's: {what} is missing"))
        .coded("record_damaged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    /// Written by hishel 1.4.0 and 2.0.0.
    const FIRST: &str = "85a26964c41000112233445566778899aabbccddeeffa77265717565737484a66d6574686f64a3474554\
        a375726cb268747470733a2f2f612e6578616d706c652fa76865616465727381a4686f737491a9612e65\
        78616d706c65a5657874726180a8726573706f6e736583ab7374617475735f636f6465ccc8a768656164\
        65727382ac636f6e74656e742d7479706591aa746578742f706c61696ea46c696e6b92a43c2f313ea43c\
        2f323ea5657874726180a46d65746182aa637265617465645f6174cb41d954fc40200000aa64656c6574\
        65645f6174c0a963616368655f6b6579c440626566646534393861343562366338323038346130373730\
        39353438666536666637636164383561653666373661393731616439616661613833663230353935";
    const SECOND: &str = "82a77265717565737483a66d6574686f64a3474554a375726cb268747470733a2f2f612e6578616d706c\
        652fa76865616465727381a4686f737491a9612e6578616d706c65a8726573706f6e736582ab73746174\
        75735f636f6465ccc8a76865616465727382ac636f6e74656e742d7479706591aa746578742f706c6169\
        6ea46c696e6b92a43c2f313ea43c2f323e";

    fn bytes(text: &str) -> Vec<u8> {
        let pair = |i| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(pair).collect()
    }

    #[test]
    fn blobs_of_hishels_are_read_and_written_byte_for_byte() {
        let first = Blob::read(&bytes(FIRST), Generation::First).unwrap();
        assert_eq!(hex(&first.id), "00112233445566778899aabbccddeeff");
        assert_eq!((&*first.method, &*first.url), ("GET", "https://a.example/"));
        assert_eq!(first.created_at, 1_700_000_000.5);
        let links = ("link".to_owned(), vec!["</1>".to_owned(), "</2>".to_owned()]);
        assert_eq!(first.headers[1], links);
        assert_eq!(hex(&first.write(Generation::First)), hex(&bytes(FIRST)));
        let second = Blob::read(&bytes(SECOND), Generation::Second).unwrap();
        assert_eq!(second.headers, first.headers);
        assert_eq!(hex(&second.write(Generation::Second)), hex(&bytes(SECOND)));
    }

    #[test]
    fn a_head_comes_back_but_for_what_has_no_place() {
        let url = UrlText::verbatim("https://a.example/");
        let request = Request::new(Method::GET, url).with_header("Accept", "*/*");
        let headers = Headers::new()
            .with("Vary", "Accept")
            .with("Connection", "close")
            .with("Link", "</1>")
            .with("X-Latin", b"caf\xe9")
            .with("link", "</2>");
        let id = EntryId::new("k", Variant::none());
        let at = Timestamp::from_millis(1_700_000_000_500);
        let mut head = EntryHead::new(id, request, 200, headers, at);
        head.extensions.http_version = Some("HTTP/1.1".into());
        head.extensions.reason = Some(b"OK".to_vec());
        let blob = Blob::of(&head, "https://a.example/".to_owned(), [7; 16], Some(60.0));
        let back = Blob::read(&blob.write(Generation::First), Generation::First).unwrap();
        assert_eq!(back, blob);
        let back = back.into_head("k", at);
        let wanted = Headers::new()
            .with("vary", "Accept")
            .with("link", "</1>")
            .with("link", "</2>")
            .with("x-latin", "café")
            .with("date", "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(back.headers, wanted);
        assert_eq!(back.extensions, head.extensions);
        assert_eq!(back.selections.len(), 1);
    }
}
