//! The JSON and YAML forms: one tree of maps and lists.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

use crate::error::{Error, Result, unquoted};
use crate::model::{Headers, Timestamp};
use crate::policy;

use super::{Room, Value};

/// Texts are taken as they stand: YAML 1.1 and 1.2 disagree on which plain words are
/// numbers, and what hishel's writer left without quotes was text to it.
#[derive(Debug, Serialize, Deserialize)]
struct Tree {
    response: ResponseTree,
    request: RequestTree,
    metadata: MetadataTree,
}

#[derive(Debug, Serialize, Deserialize)]
struct ResponseTree {
    status: u16,
    #[serde(deserialize_with = "bounded")]
    headers: Vec<(String, String)>,
    content: String,
    extensions: ResponseExtensions,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct ResponseExtensions {
    #[serde(skip_serializing_if = "Option::is_none")]
    http_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_phrase: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RequestTree {
    method: String,
    url: String,
    #[serde(deserialize_with = "bounded")]
    headers: Vec<(String, String)>,
    extensions: RequestExtensions,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct RequestExtensions {
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<BTreeMap<String, Limit>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sni_hostname: Option<String>,
}

/// Seconds to wait; whatever else an application has put there is no limit.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Limit(Option<f64>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Read<Self, D::Error> {
        from.deserialize_any(LimitVisitor)
    }
}

struct LimitVisitor;

type Read<T, E> = std::result::Result<T, E>;

impl<'de> Visitor<'de> for LimitVisitor {
    type Value = Limit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seconds")
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Read<Limit, E> {
        Ok(Limit(Some(seconds).filter(|seconds| seconds.is_finite())))
    }

    fn visit_u64<E: de::Error>(self, seconds: u64) -> Read<Limit, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Read<Limit, E> {
        self.visit_f64(seconds as f64)
    }

    fn visit_bool<E: de::Error>(self, seconds: bool) -> Read<Limit, E> {
        self.visit_f64(f64::from(u8::from(seconds)))
    }

    fn visit_unit<E>(self) -> Read<Limit, E> {
        Ok(Limit(None))
    }

    fn visit_str<E>(self, _: &str) -> Read<Limit, E> {
        Ok(Limit(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Read<Limit, A::Error> {
        // In YAML a short name may stand for anything: it is passed over unread.
        while from.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Limit(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Read<Limit, A::Error> {
        while from.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Limit(None))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct MetadataTree {
    cache_key: String,
    number_of_uses: u64,
    created_at: String,
}

/// Header fields up to their limit: in YAML a short name may stand for a long text.
fn bounded<'de, D: Deserializer<'de>>(from: D) -> Read<Vec<(String, String)>, D::Error> {
    struct Fields;
    impl<'de> Visitor<'de> for Fields {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of header fields")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Read<Self::Value, A::Error> {
            let mut fields: Self::Value = Vec::new();
            let mut room = Room::default();
            while let Some((name, value)) = from.next_element::<(String, String)>()? {
                room.take(&name, &value).map_err(|e| A::Error::custom(e.message()))?;
                fields.push((name, value));
            }
            Ok(fields)
        }
    }
    from.deserialize_seq(Fields)
}

pub(super) fn from_json(bytes: &[u8]) -> Result<Value> {
    // To the end: something behind it is what another writer has left there.
    let tree = serde_json::from_slice(bytes).or_else(|e| match without_infinities(bytes) {
        Some(bytes) => serde_json::from_slice(&bytes),
        None => Err(e),
    });
    let tree: Tree = tree.map_err(|e| torn("JSON", e))?;
    tree.into_value()
}

/// JSON without the three words that Python's `json` writes for numbers that JSON has not.
/// They stand for a timeout that never comes, and so does `null`.
fn without_infinities(json: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len());
    let (mut rest, mut in_text, mut any) = (json, false, false);
    while let Some((byte, behind)) = rest.split_first() {
        let word = [&b"-Infinity"[..], b"Infinity", b"NaN"];
        let word = word.into_iter().find(|word| !in_text && rest.starts_with(word));
        if let Some(word) = word {
            any = true;
            out.extend_from_slice(b"null");
            rest = &rest[word.len()..];
            continue;
        }
        let length = if in_text && *byte == b'\\' { 2.min(rest.len()) } else { 1 };
        in_text ^= *byte == b'"';
        out.extend_from_slice(&rest[..length]);
        rest = if length == 2 { &rest[2..] } else { behind };
    }
    any.then_some(out)
}

pub(super) fn from_yaml(bytes: &[u8]) -> Result<Value> {
    let tree: Tree = serde_yaml::from_slice(bytes).map_err(|e| torn("YAML", e))?;
    tree.into_value()
}

/// Indented by four, in ASCII, as Python's `json` writes it.
pub(super) fn to_json(value: &Value) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(value.body.len() / 3 * 4 + 2048);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    Tree::of(value).serialize(&mut serializer).map_err(unwritable)?;
    Ok(in_ascii(out, |c, out| {
        c.encode_utf16(&mut [0; 2])
            .iter()
            .for_each(|unit| escape(out, format_args!("u{unit:04x}")));
    }))
}

/// The same tree with the outermost names in YAML's own style, so that the value is known
/// for what it is. All texts stand in JSON's quotes, which YAML has too: plain words such as
/// `no` or `12:30:45` would not be text to every reader.
pub(super) fn to_yaml(value: &Value) -> Result<Vec<u8>> {
    let Tree { response, request, metadata } = Tree::of(value);
    let mut out = Vec::with_capacity(value.body.len() / 3 * 4 + 2048);
    write_part(&mut out, "response", &response)?;
    write_part(&mut out, "request", &request)?;
    write_part(&mut out, "metadata", &metadata)?;
    // Halves of a pair are no characters to YAML.
    Ok(in_ascii(out, |c, out| escape(out, format_args!("U{:08x}", u32::from(c)))))
}

fn write_part<T: Serialize>(out: &mut Vec<u8>, name: &str, part: &T) -> Result<()> {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    serde_json::to_writer(&mut *out, part).map_err(unwritable)?;
    out.push(b'\n');
    Ok(())
}

fn escape(out: &mut String, how: fmt::Arguments<'_>) {
    // Writing into a text cannot fail.
    let _ = write!(out, "\\{how}");
}

/// JSON with everything escaped that is not plain ASCII.
fn in_ascii(json: Vec<u8>, escaped: impl Fn(char, &mut String)) -> Vec<u8> {
    // YAML refuses the last of the control characters too.
    let is_plain = |byte: &u8| byte.is_ascii() && *byte != 0x7f;
    if json.iter().all(is_plain) {
        return json;
    }
    let text = String::from_utf8_lossy(&json);
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        match c.is_ascii() && c != '\u{7f}' {
            true => out.push(c),
            false => escaped(c, &mut out),
        }
    }
    out.into_bytes()
}

impl Tree {
    fn of(value: &Value) -> Self {
        let timeout = value.request_extensions.get("timeout").and_then(Json::as_object);
        let sni = value.request_extensions.get("sni_hostname").and_then(Json::as_str);
        let numbers = |map: &serde_json::Map<String, Json>| {
            map.iter().map(|(name, number)| (name.clone(), Limit(number.as_f64()))).collect()
        };
        Tree {
            response: ResponseTree {
                status: value.status,
                headers: pairs(&value.headers),
                content: STANDARD.encode(&value.body),
                extensions: ResponseExtensions {
                    http_version: value.http_version.clone(),
                    reason_phrase: value.reason.as_deref().map(latin),
                },
            },
            request: RequestTree {
                method: value.method.clone(),
                url: value.url.clone(),
                headers: pairs(&value.request_headers),
                extensions: RequestExtensions {
                    timeout: timeout.map(numbers),
                    sni_hostname: sni.map(str::to_owned),
                },
            },
            metadata: MetadataTree {
                cache_key: value.cache_key.clone(),
                number_of_uses: value.uses,
                created_at: policy::format_date(value.created_at),
            },
        }
    }

    fn into_value(self) -> Result<Value> {
        let Tree { response, request, metadata } = self;
        let mut extensions = BTreeMap::new();
        if let Some(timeout) = request.extensions.timeout {
            let limits = timeout.into_iter().map(|(name, limit)| (name, limit.0.into()));
            extensions.insert("timeout".to_owned(), Json::Object(limits.collect()));
        }
        if let Some(name) = request.extensions.sni_hostname {
            extensions.insert("sni_hostname".to_owned(), name.into());
        }
        let body = STANDARD
            .decode(response.content.as_bytes())
            .map_err(|e| damaged("the body is no base64").because(e))?;
        let reason = response.extensions.reason_phrase;
        Ok(Value {
            status: response.status,
            headers: headers(response.headers)?,
            body: body.into(),
            http_version: response.extensions.http_version,
            reason: reason.map(|reason| bytes(&reason)).transpose()?,
            method: request.method,
            url: request.url,
            request_headers: headers(request.headers)?,
            request_extensions: extensions,
            cache_key: metadata.cache_key,
            uses: metadata.number_of_uses,
            created_at: time(&metadata.created_at)?,
        })
    }
}

/// Each byte of a header field is one character.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    let byte = |c: char| {
        u8::try_from(c).map_err(|_| damaged(&format!("{c:?} stands in a field, but is no byte")))
    };
    text.chars().map(byte).collect()
}

fn pairs(headers: &Headers) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (latin(name), latin(value))).collect()
}

fn headers(pairs: Vec<(String, String)>) -> Result<Headers> {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.push(bytes(&name)?, bytes(&value)?);
    }
    Ok(headers)
}

/// `Sun, 22 Nov 2026 14:55:18 GMT`; the weekday is whatever the writer's locale calls it.
fn time(text: &str) -> Result<Timestamp> {
    let rest = text.split_once(", ").map_or(text, |(_, rest)| rest);
    policy::parse_date(format!("Mon, {rest}").as_bytes(), Timestamp::EPOCH)
        .ok_or_else(|| damaged("its created_at is no time"))
}

fn unwritable(error: serde_json::Error) -> Error {
    damaged("the value cannot be written").because(error)
}

fn torn(form: &str, error: impl Display) -> Error {
    Error::codec(format!("the {form} value is torn")).because(unquoted(error))
}

fn damaged(how: &str) -> Error {
    Error::codec(how.to_owned())
}
