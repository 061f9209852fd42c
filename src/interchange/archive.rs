//! Archives: everything there is to know, one JSON object a line.
//!
//! ```text
//! {"cachectl_archive":1,"created_at":…,"source":…,"redacted":false}
//! {"key":…,…,"response":{…,"body_bytes":5,"body_base64":"aGVsbG8="},"body_sha256":…}
//! {"key":…,…,"response":{…,"body_bytes":3000000,"body_base64":null},"body_sha256":null}
//! {"chunk_base64":…}
//! {"chunk_base64":…}
//! {"chunk_base64":…,"body_sha256":…}
//! {"end":true,"entries":2,"body_bytes":3000005}
//! ```
//!
//! - A body of at most 1 MiB lies in its entry's line. A larger one follows in lines of
//!   1 MiB, the last one shorter; its digest stands in the last.
//! - `{"abandoned":true}` behind an entry's line or its chunks: the body turned out damaged
//!   while it was written, the entry does not count. A line cannot be taken back on a pipe.
//! - An archive without its last line is truncated.
//! - With `"bodies":false` in the first line no body was written, whatever its length.
//! - Bytes that are not UTF-8 are `{"base64":…}` in place of a string.
//!
//! The same entries give the same bytes, however the store cut their bodies.

pub(super) mod reader;

use std::io::Write;

use crate::error::Result;
use crate::model::wire::{Hex, Time};
use crate::model::{BodyDigest, BodyFacts, EntryHead, Sha256Digest};

use super::input::MAX_LINE;
use super::line::{Base64, ChunkLine, Closing, EntryLine, Opening, VERSION, opening, put};
use super::output::{Output, unwritable};
use super::redact::Redactor;
use super::{
    Format, MAX_CHUNK, Target, Wanted, WriteOptions, Writer, Written, damaged, out_of_order,
};

pub(super) const FORMAT: Format = Format {
    name: "archive",
    endings: &[".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz"],
    about: "everything, one JSON object a line; loses nothing",
    imports: true,
    is_folder: false,
    is_recording: false,
    write: |to, options| Ok(Box::new(ArchiveWriter::new(to, &options)?)),
    read: Some(|from| Ok(Box::new(reader::ArchiveReader::new(from)?))),
};

/// How much of a line a head may take; the rest is for the body.
const MAX_HEAD: usize = MAX_LINE - MAX_CHUNK * 4 / 3 - 1024;

struct ArchiveWriter {
    out: Output,
    redactor: Redactor,
    bodies: bool,
    /// The entry begun.
    begun: Option<Begun>,
    line: Vec<u8>,
    written: Written,
}

struct Begun {
    head: EntryHead,
    carries: bool,
    digest: BodyDigest,
    /// What was not written yet: the whole body of a small one, else the next chunk.
    held: Vec<u8>,
    is_large: bool,
}

impl ArchiveWriter {
    fn new(to: Target, options: &WriteOptions) -> Result<Self> {
        let mut writer = ArchiveWriter {
            out: to.stream(FORMAT.name)?,
            redactor: Redactor::new(options),
            bodies: options.bodies,
            begun: None,
            line: Vec::new(),
            written: Written::default(),
        };
        put(
            &mut writer.line,
            &Opening {
                cachectl_archive: Some(VERSION),
                bodies: (!options.bodies).then_some(false),
                ..opening(options.now, &options.source, options.redact)
            },
        )?;
        writer.write_line()?;
        Ok(writer)
    }

    fn write_line(&mut self) -> Result<()> {
        self.out.write_all(&self.line).map_err(unwritable)
    }

    fn write_chunk(&mut self, bytes: &[u8], sha256: Option<Sha256Digest>) -> Result<()> {
        let body_sha256 = sha256.map(|digest| Hex(digest.0));
        put(&mut self.line, &ChunkLine { chunk_base64: Base64(bytes), body_sha256 })?;
        self.write_line()
    }

    /// Ends an entry whose body is known to be whole, or is not written.
    fn complete(&mut self, begun: &Begun, facts: BodyFacts) -> Result<()> {
        if begun.is_large {
            self.write_chunk(&begun.held, facts.sha256)?;
        } else {
            let body = self.bodies.then_some(&begun.held[..]);
            put(&mut self.line, &EntryLine::of(&begun.head, body, facts.sha256))?;
            self.write_line()?;
        }
        self.written.entries += 1;
        self.written.with_credentials += u64::from(begun.carries);
        if self.bodies {
            self.written.body_bytes += facts.bytes;
        }
        Ok(())
    }

    fn give_up(&mut self, begun: &Begun) -> Result<()> {
        if begun.is_large {
            self.line.clear();
            self.line.extend_from_slice(b"{\"abandoned\":true}\n");
            self.write_line()?;
        }
        Ok(())
    }
}

impl Writer for ArchiveWriter {
    fn begin(&mut self, head: &EntryHead, _stored_bytes: u64) -> Result<Wanted> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        let (shown, carries) = self.redactor.apply(head);
        let is_large = self.bodies && head.body.bytes > MAX_CHUNK as u64;
        // Written for its length too: no reader takes a line without end.
        put(&mut self.line, &EntryLine::of(&shown, None, None))?;
        if self.line.len() > MAX_HEAD {
            return Ok(self.written.leave_out("head too large"));
        }
        if is_large {
            self.out.write_all(&self.line).map_err(unwritable)?;
        }
        let head = shown.into_owned();
        let held = Vec::new();
        self.begun = Some(Begun { head, carries, digest: BodyDigest::new(), held, is_large });
        Ok(if self.bodies { Wanted::Body } else { Wanted::NoBody })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.bodies {
            return Err(out_of_order());
        }
        let mut begun = self.begun.take().ok_or_else(out_of_order)?;
        begun.digest.update(bytes);
        // More than was promised is noticed at the end, and not held until then.
        let fits = begun.digest.bytes() <= begun.head.body.bytes;
        let mut rest = if fits { bytes } else { &[] };
        while !rest.is_empty() {
            if begun.held.len() == MAX_CHUNK {
                self.write_chunk(&begun.held, None)?;
                begun.held.clear();
            }
            let room = (MAX_CHUNK - begun.held.len()).min(rest.len());
            begun.held.extend_from_slice(&rest[..room]);
            rest = &rest[room..];
        }
        self.begun = Some(begun);
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let begun = self.begun.take().ok_or_else(out_of_order)?;
        if !self.bodies {
            return self.complete(&begun, begun.head.body);
        }
        let facts = begun.digest.clone().finish();
        match verdict(&begun.head, &facts) {
            None => self.complete(&begun, facts),
            Some(how) => {
                self.give_up(&begun)?;
                Err(damaged(&begun.head.id, how))
            }
        }
    }

    fn abandon(&mut self) -> Result<()> {
        let begun = self.begun.take().ok_or_else(out_of_order)?;
        self.give_up(&begun)
    }

    fn finish(mut self: Box<Self>) -> Result<Written> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        let Written { entries, body_bytes, .. } = self.written;
        put(&mut self.line, &Closing { end: true, entries, body_bytes })?;
        self.write_line()?;
        self.out.finish().map_err(unwritable)?;
        Ok(self.written)
    }
}

/// What is wrong with a body that has passed, by what its head says.
pub(super) fn verdict(head: &EntryHead, facts: &BodyFacts) -> Option<&'static str> {
    if facts.bytes != head.body.bytes {
        return Some("its length is not that of its head");
    }
    let differs = |wanted: Option<Sha256Digest>| wanted.is_some() && wanted != facts.sha256;
    differs(head.body.sha256).then_some("its digest is wrong")
}

/// The first line of an index, which is an archive without bodies.
pub(super) fn index_opening(options: &WriteOptions) -> Opening<'_> {
    Opening {
        cachectl_index: Some(VERSION),
        created_at: Time(options.now),
        ..opening(options.now, &options.source, options.redact)
    }
}
