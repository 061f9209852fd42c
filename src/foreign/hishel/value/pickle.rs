//! The pickle form: three objects of httpcore's, hishel's metadata, and a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::foreign::decode::pickle::{self, Id, Pickle, Value as Node};
use crate::model::{Civil, Headers, Timestamp};

use super::{Room, Value};

/// The classes that a value may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Response,
    Request,
    Url,
    ByteStream,
    Datetime,
    Timezone,
    Timedelta,
}

impl pickle::Class for Class {
    fn named(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("httpcore" | "httpcore._models", "Response") => Class::Response,
            ("httpcore" | "httpcore._models", "Request") => Class::Request,
            ("httpcore" | "httpcore._models", "URL") => Class::Url,
            ("httpcore._models", "ByteStream") => Class::ByteStream,
            ("datetime", "datetime") => Class::Datetime,
            ("datetime", "timezone") => Class::Timezone,
            ("datetime", "timedelta") => Class::Timedelta,
            _ => return None,
        })
    }

    fn is_called(self) -> bool {
        matches!(self, Class::Datetime | Class::Timezone | Class::Timedelta)
    }
}

pub(super) fn loads(bytes: &[u8]) -> Result<Value> {
    let reader = Reader(Pickle::read(bytes)?);
    let Node::Tuple(parts) = reader.0.root() else { return Err(other("a triple")) };
    let [response, request, metadata] = parts[..] else { return Err(other("a triple")) };
    let response = reader.object(response, Class::Response)?;
    let request = reader.object(request, Class::Request)?;
    let metadata = reader.dict(metadata)?;
    let extensions = reader.dict_in(response, "extensions")?;
    let text = |name| match reader.0.member(extensions, name) {
        None => Ok(None),
        Some(Node::Bytes(bytes)) => Ok(Some(bytes.to_vec())),
        Some(_) => Err(other("bytes in an extension")),
    };
    let version = text("http_version")?.map(|v| String::from_utf8_lossy(&v).into_owned());
    let uses = reader.number(metadata, "number_of_uses")?;
    let status = reader.number(response, "status")?;
    Ok(Value {
        status: u16::try_from(status).map_err(|_| other("a status"))?,
        headers: reader.headers(response)?,
        body: Bytes::copy_from_slice(reader.body(response)?),
        http_version: version,
        reason: text("reason_phrase")?,
        method: reader.latin(request, "method")?,
        url: reader.url(request)?,
        request_headers: reader.headers(request)?,
        request_extensions: reader.request_extensions(request)?,
        cache_key: match reader.member(metadata, "cache_key")? {
            Node::Text(key) => (*key).to_owned(),
            _ => return Err(other("a text as key")),
        },
        uses: u64::try_from(uses).map_err(|_| other("a number of uses"))?,
        created_at: reader.time(reader.member(metadata, "created_at")?)?,
    })
}

type Pairs = [(Id, Id)];

struct Reader<'a>(Pickle<'a, Class>);

impl<'a> Reader<'a> {
    fn dict(&self, id: Id) -> Result<&Pairs> {
        match self.0.get(id) {
            Node::Dict(pairs) => Ok(pairs),
            _ => Err(other("a dictionary")),
        }
    }

    /// The members of an object of this class.
    fn object(&self, id: Id, wanted: Class) -> Result<&Pairs> {
        self.members(self.0.get(id), wanted)
    }

    fn members(&self, node: &Node<'a, Class>, wanted: Class) -> Result<&Pairs> {
        match node {
            Node::Object(class, Some(members)) if *class == wanted => self.dict(*members),
            _ => Err(other(&format!("an object of the class {wanted:?}"))),
        }
    }

    fn member(&self, pairs: &Pairs, name: &str) -> Result<&Node<'a, Class>> {
        self.0.member(pairs, name).ok_or_else(|| other(&format!("the member {name:?}")))
    }

    fn dict_in(&self, pairs: &Pairs, name: &str) -> Result<&Pairs> {
        match self.member(pairs, name)? {
            Node::Dict(pairs) => Ok(pairs),
            _ => Err(other(&format!("a dictionary as {name}"))),
        }
    }

    fn number(&self, pairs: &Pairs, name: &str) -> Result<i64> {
        match self.member(pairs, name)? {
            Node::Int(number) => Ok(*number),
            Node::Bool(is) => Ok(i64::from(*is)),
            _ => Err(other(&format!("a number as {name}"))),
        }
    }

    fn bytes(&self, pairs: &Pairs, name: &str) -> Result<&'a [u8]> {
        match self.member(pairs, name)? {
            Node::Bytes(bytes) => Ok(bytes),
            _ => Err(other(&format!("bytes as {name}"))),
        }
    }

    fn latin(&self, pairs: &Pairs, name: &str) -> Result<String> {
        Ok(self.bytes(pairs, name)?.iter().map(|byte| char::from(*byte)).collect())
    }

    fn body(&self, response: &Pairs) -> Result<&'a [u8]> {
        let stream = self.member(response, "stream")?;
        self.bytes(self.members(stream, Class::ByteStream)?, "_content")
    }

    fn headers(&self, message: &Pairs) -> Result<Headers> {
        let wrong = || other("a list of pairs of bytes as headers");
        let Node::List(fields) = self.member(message, "headers")? else { return Err(wrong()) };
        let mut headers = Headers::new();
        let mut room = Room::default();
        for field in fields {
            let Node::Tuple(pair) = self.0.get(*field) else { return Err(wrong()) };
            let [name, value] = pair[..] else { return Err(wrong()) };
            match (self.0.get(name), self.0.get(value)) {
                (Node::Bytes(name), Node::Bytes(value)) => {
                    room.take(name, value)?;
                    headers.push(name, value);
                }
                _ => return Err(wrong()),
            }
        }
        Ok(headers)
    }

    /// The URL as generation 0 hashes it, put together from its parts.
    fn url(&self, request: &Pairs) -> Result<String> {
        let url = self.members(self.member(request, "url")?, Class::Url)?;
        let (scheme, host) = (self.latin(url, "scheme")?, self.latin(url, "host")?);
        let target = self.latin(url, "target")?;
        let port = match self.member(url, "port")? {
            Node::None => String::new(),
            Node::Int(port) => format!(":{port}"),
            _ => return Err(other("a number as port")),
        };
        Ok(format!("{scheme}://{host}{port}{target}"))
    }

    fn request_extensions(&self, request: &Pairs) -> Result<BTreeMap<String, Json>> {
        let pairs = self.dict_in(request, "extensions")?;
        let mut extensions = BTreeMap::new();
        if let Some(Node::Dict(limits)) = self.0.member(pairs, "timeout") {
            let limit = |(name, value): &(Id, Id)| {
                let Node::Text(name) = self.0.get(*name) else { return None };
                let value = match self.0.get(*value) {
                    Node::Int(number) => Json::from(*number as f64),
                    Node::Float(number) => Json::from(*number),
                    _ => Json::Null,
                };
                Some(((*name).to_owned(), value))
            };
            extensions.insert("timeout".to_owned(), limits.iter().filter_map(limit).collect());
        }
        if let Some(Node::Text(name)) = self.0.member(pairs, "sni_hostname") {
            extensions.insert("sni_hostname".to_owned(), (*name).into());
        }
        Ok(extensions)
    }

    /// `datetime(ten bytes[, timezone])`; without a zone it is UTC.
    fn time(&self, node: &Node<'a, Class>) -> Result<Timestamp> {
        let wrong = || other("a time");
        let arguments = self.called(node, Class::Datetime)?;
        let Some(Node::Bytes(packed)) = arguments.first().map(|id| self.0.get(*id)) else {
            return Err(wrong());
        };
        let [y1, y2, month, day, hour, minute, second, u1, u2, u3] = **packed else {
            return Err(wrong());
        };
        let civil = Civil {
            year: i64::from(u16::from_be_bytes([y1, y2])),
            // The highest bit is a flag for clocks that are put back.
            month: u32::from(month & 0x7f),
            day: day.into(),
            hour: hour.into(),
            minute: minute.into(),
            second: second.into(),
        };
        let micros = i64::from(u32::from_be_bytes([0, u1, u2, u3]));
        let seconds = civil.to_secs().ok_or_else(wrong)?;
        let offset = match arguments.get(1) {
            Some(zone) => self.offset(self.0.get(*zone))?,
            None => 0,
        };
        Ok(Timestamp::from_micros(seconds * 1_000_000 + micros - offset))
    }

    /// How far a time zone is ahead of UTC, in microseconds.
    fn offset(&self, zone: &Node<'a, Class>) -> Result<i64> {
        let wrong = || other("a time zone");
        let [delta, ..] = self.called(zone, Class::Timezone)? else { return Err(wrong()) };
        let mut parts = [0; 3];
        let arguments = self.called(self.0.get(*delta), Class::Timedelta)?;
        for (part, id) in parts.iter_mut().zip(arguments) {
            let Node::Int(number) = self.0.get(*id) else { return Err(wrong()) };
            *part = *number;
        }
        let [days, seconds, micros] = parts;
        // A zone is less than a day ahead or behind.
        let sound = (-1..=1).contains(&days) && (0..86_400).contains(&seconds);
        if !sound || !(0..1_000_000).contains(&micros) {
            return Err(wrong());
        }
        Ok((days * 86_400 + seconds) * 1_000_000 + micros)
    }

    fn called(&self, node: &Node<'a, Class>, wanted: Class) -> Result<&[Id]> {
        match node {
            Node::Called(class, arguments) if *class == wanted => match self.0.get(*arguments) {
                Node::Tuple(arguments) => Ok(arguments),
                _ => Err(other("arguments")),
            },
            _ => Err(other(&format!("{wanted:?}"))),
        }
    }
}

fn other(wanted: &str) -> Error {
    Error::codec(format!("the pickle is no entry: {wanted} is missing"))
}

/// Protocol 4, without a frame and without memory: what Python reads as well.
pub(super) fn dumps(value: &Value) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(value.body.len() + 2048));
    out.0.extend_from_slice(b"\x80\x04");
    out.object("httpcore", "Response", |out| {
        out.text("status");
        out.number(value.status.into());
        out.text("headers");
        out.headers(&value.headers);
        out.text("stream");
        out.stream(&value.body);
        out.text("extensions");
        out.dict(|out| {
            if let Some(version) = &value.http_version {
                out.text("http_version");
                out.bytes(version.as_bytes());
            }
            if let Some(reason) = &value.reason {
                out.text("reason_phrase");
                out.bytes(reason);
            }
        });
        out.text("_stream_consumed");
        out.0.push(0x89);
    });
    out.object("httpcore", "Request", |out| {
        out.text("method");
        out.bytes(value.method.as_bytes());
        out.text("url");
        out.url(&value.url);
        out.text("headers");
        out.headers(&value.request_headers);
        out.text("stream");
        out.stream(b"");
        out.text("extensions");
        out.dict(|out| {
            for (name, extension) in &value.request_extensions {
                out.text(name);
                out.json(extension);
            }
        });
    });
    out.dict(|out| {
        out.text("cache_key");
        out.text(&value.cache_key);
        out.text("number_of_uses");
        out.number(i64::try_from(value.uses).unwrap_or(i64::MAX));
        out.text("created_at");
        out.time(value.created_at);
    });
    out.0.extend_from_slice(b"\x87.");
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn text(&mut self, text: &str) {
        match u8::try_from(text.len()) {
            Ok(length) => self.0.extend_from_slice(&[0x8c, length]),
            Err(_) => {
                self.0.push(b'X');
                self.0.extend_from_slice(&(text.len() as u32).to_le_bytes());
            }
        }
        self.0.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Ok(length) = u8::try_from(bytes.len()) {
            self.0.extend_from_slice(&[b'C', length]);
        } else if let Ok(length) = u32::try_from(bytes.len()) {
            self.0.push(b'B');
            self.0.extend_from_slice(&length.to_le_bytes());
        } else {
            self.0.push(0x8e);
            self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        }
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: i64) {
        match (u8::try_from(number), i32::try_from(number)) {
            (Ok(small), _) => self.0.extend_from_slice(&[b'K', small]),
            (_, Ok(middle)) => {
                self.0.push(b'J');
                self.0.extend_from_slice(&middle.to_le_bytes());
            }
            _ => {
                self.0.extend_from_slice(&[0x8a, 8]);
                self.0.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    fn class(&mut self, module: &str, name: &str) {
        self.text(module);
        self.text(name);
        self.0.push(0x93);
    }

    fn dict(&mut self, members: impl FnOnce(&mut Self)) {
        self.0.extend_from_slice(b"}(");
        members(self);
        self.0.push(b'u');
    }

    fn object(&mut self, module: &str, name: &str, members: impl FnOnce(&mut Self)) {
        self.class(module, name);
        self.0.extend_from_slice(b")\x81");
        self.dict(members);
        self.0.push(b'b');
    }

    fn headers(&mut self, headers: &Headers) {
        self.0.extend_from_slice(b"](");
        for (name, value) in headers.iter() {
            self.bytes(name);
            self.bytes(value);
            self.0.push(0x86);
        }
        self.0.push(b'e');
    }

    fn stream(&mut self, content: &[u8]) {
        self.object("httpcore._models", "ByteStream", |out| {
            out.text("_content");
            out.bytes(content);
        });
    }

    /// Takes the URL apart again. What is none becomes all host, and comes back the same.
    fn url(&mut self, url: &str) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let slash = rest.find(['/', '?']).unwrap_or(rest.len());
        let (place, target) = rest.split_at(slash);
        let numbered = place.rsplit_once(':').and_then(|(host, port)| {
            // The last group of an IPv6 address may look like a port, and does to hishel.
            Some((host, i64::from(port.parse::<u16>().ok()?)))
        });
        let (host, port) = numbered.map_or((place, None), |(host, port)| (host, Some(port)));
        self.object("httpcore", "URL", |out| {
            out.text("scheme");
            out.bytes(scheme.as_bytes());
            out.text("host");
            out.bytes(host.as_bytes());
            out.text("port");
            match port {
                Some(port) => out.number(port),
                None => out.0.push(b'N'),
            }
            out.text("target");
            out.bytes(target.as_bytes());
        });
    }

    /// A time limit, or a text.
    fn json(&mut self, json: &Json) {
        match json {
            Json::String(text) => self.text(text),
            Json::Number(number) => {
                self.0.push(b'G');
                let number = number.as_f64().unwrap_or_default();
                self.0.extend_from_slice(&number.to_be_bytes());
            }
            Json::Object(map) => self.dict(|out| {
                for (name, value) in map {
                    out.text(name);
                    out.json(value);
                }
            }),
            _ => self.0.push(b'N'),
        }
    }

    fn time(&mut self, time: Timestamp) {
        let civil = time.civil();
        let year = u16::try_from(civil.year).unwrap_or(1970).to_be_bytes();
        let [_, u1, u2, u3] = (time.micros().rem_euclid(1_000_000) as u32).to_be_bytes();
        let small = |number: u32| number as u8;
        self.class("datetime", "datetime");
        self.bytes(&[
            year[0],
            year[1],
            small(civil.month),
            small(civil.day),
            small(civil.hour),
            small(civil.minute),
            small(civil.second),
            u1,
            u2,
            u3,
        ]);
        self.class("datetime", "timezone");
        self.class("datetime", "timedelta");
        for _ in 0..3 {
            self.number(0);
        }
        // timedelta(0, 0, 0), timezone(…), datetime(…, …)
        self.0.extend_from_slice(b"\x87R\x85R\x86R");
    }
}
