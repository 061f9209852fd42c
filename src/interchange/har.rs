//! HAR 1.2: what browsers' developer tools and HTTP debuggers read.
//!
//! HAR holds bodies decoded. The header is made true of what is written: a content coding
//! that was undone moves to `X-Cachectl-Original-Content-Encoding`; one that cannot be
//! undone stays, with the body as stored. What HAR has no place for stands in `_cachectl`.
//! What is not known is written as HAR's own «unknown», never invented.

mod parts;
mod reader;
mod skim;
mod text;

use std::io::{self, Seek, SeekFrom, Write};

use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::SpooledTempFile;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, BodyFacts, EntryHead, Headers, Timestamp};

use super::archive::verdict;
use super::message::{Look, as_decoded, copy_decoded, is_coded, strip_connection, with_length};
use super::output::{Output, unwritable};
use super::redact::Redactor;
use super::{
    Format, MAX_CHUNK, Target, Wanted, WriteOptions, Writer, Written, damaged, out_of_order,
};

pub(super) use skim::{Found, Shape, Skimmer};

pub(super) const FORMAT: Format = Format {
    name: "har",
    endings: &[".har", ".har.gz"],
    about: "HTTP Archive 1.2, for browsers and HTTP debuggers; bodies are decoded",
    imports: true,
    is_folder: false,
    is_recording: true,
    write: |to, options| Ok(Box::new(HarWriter::new(to, &options)?)),
    read: Some(|from| Ok(Box::new(reader::HarReader::new(from)?))),
};

struct HarWriter {
    out: Output,
    redactor: Redactor,
    bodies: bool,
    begun: Option<Begun>,
    written: Written,
}

/// An entry waits for the end of its body: only then is it known how it can be written.
struct Begun {
    head: EntryHead,
    carries: bool,
    started: Timestamp,
    digest: BodyDigest,
    body: SpooledTempFile,
}

/// A body as it will stand in the file.
struct Content {
    facts: BodyFacts,
    /// Content codings were undone.
    decoded: bool,
    /// It can be a JSON string.
    text: bool,
}

impl HarWriter {
    fn new(to: Target, options: &WriteOptions) -> Result<Self> {
        let mut out = to.stream(FORMAT.name)?;
        let creator = json!({ "name": "cachectl", "version": env!("CARGO_PKG_VERSION") });
        let comment = json!(format!("exported from {} at {}", options.source, options.now));
        write!(
            out,
            "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"comment\":{comment},\
             \"entries\":["
        )
        .map_err(unwritable)?;
        Ok(HarWriter {
            out,
            redactor: Redactor::new(options),
            bodies: options.bodies,
            begun: None,
            written: Written::default(),
        })
    }

    fn write_entry(&mut self, begun: &mut Begun) -> io::Result<()> {
        let content = if self.bodies { Some(begun.look()?) } else { None };
        let headers = response_headers(&begun.head, content.as_ref());
        let comma = if self.written.entries == 0 { "\n" } else { ",\n" };
        let time = json!(elapsed(&begun.head).unwrap_or(0.0));
        write!(
            self.out,
            "{comma}{{\"startedDateTime\":\"{}\",\"time\":{time},\"request\":{},\"response\":",
            Timestamp::from_millis(begun.started.millis()),
            parts::request(&begun.head)
        )?;
        // The members of the response but the content, which is streamed in behind them.
        let response =
            parts::response(&begun.head, &headers, is_wire(content.as_ref())).to_string();
        self.out.write_all(&response.as_bytes()[..response.len() - 1])?;
        self.out.write_all(b",\"content\":")?;
        self.write_content(begun, content.as_ref())?;
        let wait = elapsed(&begun.head).unwrap_or(-1.0);
        let timings = json!({ "send": -1, "wait": wait, "receive": -1 });
        let own = parts::own(&begun.head, content.as_ref());
        write!(self.out, "}},\"cache\":{{}},\"timings\":{timings},\"_cachectl\":{own}}}")?;
        self.count(begun, content.as_ref());
        Ok(())
    }

    fn write_content(&mut self, begun: &mut Begun, content: Option<&Content>) -> io::Result<()> {
        let about = parts::content(&begun.head, content).to_string();
        let Some(content) = content else {
            return self.out.write_all(about.as_bytes());
        };
        self.out.write_all(&about.as_bytes()[..about.len() - 1])?;
        if content.text {
            self.out.write_all(b",\"text\":\"")?;
            begun.copy(content.decoded, &mut Escaping(&mut self.out))?;
        } else {
            self.out.write_all(b",\"encoding\":\"base64\",\"text\":\"")?;
            let mut encoder = base64::write::EncoderWriter::new(&mut self.out, &BASE64);
            begun.copy(content.decoded, &mut encoder)?;
            encoder.finish()?;
        }
        self.out.write_all(b"\"}")
    }

    fn count(&mut self, begun: &Begun, content: Option<&Content>) {
        let mut lost = |what| *self.written.lost.entry(what).or_default() += 1;
        if content.is_some_and(|content| content.decoded) {
            lost("content coding");
        }
        let not_text = |headers: &Headers| {
            headers.iter().any(|(_, value)| std::str::from_utf8(value).is_err())
        };
        if not_text(&begun.head.headers) || not_text(&begun.head.request.headers) {
            lost("header values that are not UTF-8");
        }
        self.written.entries += 1;
        self.written.with_credentials += u64::from(begun.carries);
        self.written.body_bytes += content.map_or(0, |content| content.facts.bytes);
    }
}

impl Begun {
    /// Finds out what the body is, once it is all there.
    fn look(&mut self) -> io::Result<Content> {
        let textual = parts::is_textual(&self.head.headers);
        // Nothing has no coding, whatever the header of a reply to HEAD says.
        if is_coded(&self.head.headers) && self.head.body.bytes > 0 {
            let mut look = Look::new();
            if self.copy(true, &mut look).is_ok() {
                let (facts, utf8) = look.finish();
                return Ok(Content { facts, decoded: true, text: utf8 && textual });
            }
        }
        let coded = is_coded(&self.head.headers);
        let mut look = Look::new();
        self.copy(false, &mut look)?;
        let (facts, utf8) = look.finish();
        Ok(Content { facts, decoded: false, text: utf8 && textual && !coded })
    }

    fn copy(&mut self, decode: bool, to: &mut dyn Write) -> io::Result<()> {
        if decode {
            return copy_decoded(&mut self.body, &self.head.headers, to);
        }
        self.body.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.body, to).map(drop)
    }
}

impl Writer for HarWriter {
    fn begin(&mut self, head: &EntryHead, _stored_bytes: u64) -> Result<Wanted> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        let is_absolute = |url: &str| url::Url::parse(url).is_ok_and(|url| url.has_host());
        if !is_absolute(head.request.url.as_str()) {
            return Ok(self.written.leave_out("URL not absolute"));
        }
        let Some(started) = started(head) else {
            return Ok(self.written.leave_out("time unknown"));
        };
        let (shown, carries) = self.redactor.apply(head);
        self.begun = Some(Begun {
            head: shown.into_owned(),
            carries,
            started,
            digest: BodyDigest::new(),
            body: SpooledTempFile::new(MAX_CHUNK),
        });
        Ok(if self.bodies { Wanted::Body } else { Wanted::NoBody })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let begun = self.begun.as_mut().ok_or_else(out_of_order)?;
        begun.digest.update(bytes);
        if begun.digest.bytes() > begun.head.body.bytes {
            return Ok(());
        }
        begun.body.write_all(bytes).map_err(|e| {
            Error::new(ErrorKind::LocalFile, "cannot write a temporary file").because(e)
        })
    }

    fn end(&mut self) -> Result<()> {
        let mut begun = self.begun.take().ok_or_else(out_of_order)?;
        if self.bodies
            && let Some(how) = verdict(&begun.head, &begun.digest.clone().finish())
        {
            return Err(damaged(&begun.head.id, how));
        }
        self.write_entry(&mut begun).map_err(unwritable)
    }

    fn abandon(&mut self) -> Result<()> {
        self.begun.take().map(drop).ok_or_else(out_of_order)
    }

    fn finish(mut self: Box<Self>) -> Result<Written> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        self.out.write_all(b"\n]}}\n").map_err(unwritable)?;
        self.out.finish().map_err(unwritable)?;
        Ok(self.written)
    }
}

/// Whether what is written is what was transferred.
fn is_wire(content: Option<&Content>) -> bool {
    content.is_none_or(|content| !content.decoded)
}

/// The header of a response as it agrees with what is written of the body.
fn response_headers(head: &EntryHead, content: Option<&Content>) -> Headers {
    let mut headers = head.headers.clone();
    strip_connection(&mut headers);
    match content {
        Some(content) if content.decoded => as_decoded(&mut headers, content.facts.bytes),
        // Replies without a body may name the length of another.
        Some(content) if content.facts.bytes > 0 => {
            with_length(&mut headers, content.facts.bytes);
        }
        _ => {}
    }
    headers
}

/// When the exchange began; `None` when no time is known, or none that HAR can write.
fn started(head: &EntryHead) -> Option<Timestamp> {
    [head.requested_at, head.received_at, head.created_at]
        .into_iter()
        .find(|time| *time > Timestamp::EPOCH)
        .filter(|time| time.civil().year < 10_000)
}

/// Milliseconds between request and response, if anything was noted.
fn elapsed(head: &EntryHead) -> Option<f64> {
    let span = head.received_at.since(head.requested_at);
    (!span.is_zero()).then(|| span.as_micros() as f64 / 1000.0)
}

/// Bytes of UTF-8 as the inside of a JSON string.
struct Escaping<'a>(&'a mut Output);

impl Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut plain = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            if byte >= 0x20 && byte != b'"' && byte != b'\\' {
                continue;
            }
            self.0.write_all(&bytes[plain..at])?;
            plain = at + 1;
            match byte {
                b'"' => self.0.write_all(b"\\\"")?,
                b'\\' => self.0.write_all(b"\\\\")?,
                b'\n' => self.0.write_all(b"\\n")?,
                b'\r' => self.0.write_all(b"\\r")?,
                b'\t' => self.0.write_all(b"\\t")?,
                _ => write!(self.0, "\\u{byte:04x}")?,
            }
        }
        self.0.write_all(&bytes[plain..])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value, or null.
fn or_null<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}
