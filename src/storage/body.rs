//! Bodies on their way out of a store: chunks, never the whole.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, ErrorKind, Result};
use crate::model::BodyFacts;

use super::backend::ByteRange;

/// How much of a file is read at once.
const FILE_CHUNK: usize = 256 * 1024;

/// A body as an iterator of chunks. Its digest is checked at the end: the last item of a damaged
/// body is an error of kind `Codec`.
#[cfg_attr(
    not(all(feature = "file", feature = "sqlite")),
    allow(dead_code, reason = "for stores on this machine")
)]
pub struct BodyReader {
    source: Source,
    bytes: u64,
}

#[cfg_attr(
    not(all(feature = "file", feature = "sqlite")),
    allow(dead_code, reason = "for stores on this machine")
)]
enum Source {
    Whole(Option<Bytes>),
    File(Box<FileReading>),
    Chunks(Box<dyn Iterator<Item = Result<Bytes>> + Send>),
}

/// A file that is being read.
struct FileReading {
    part: FilePart,
    buffer: BytesMut,
    read: u64,
    hash: Xxh3,
}

/// A body that lies in a file as it is, for callers that can move it without copying.
#[derive(Debug)]
pub struct FilePart {
    /// The file, opened for reading.
    pub file: File,
    /// Where the body begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// The checksum of exactly these bytes, if one is known: whoever takes the part out
    /// of the reader has to check it.
    pub xxh3: Option<u64>,
    /// What to call the entry in an error.
    pub name: String,
}

#[cfg_attr(
    not(all(feature = "file", feature = "sqlite")),
    allow(dead_code, reason = "for stores on this machine")
)]
impl BodyReader {
    /// A body in hand, already checked.
    pub fn whole(body: Bytes) -> Self {
        let bytes = body.len() as u64;
        BodyReader { source: Source::Whole(Some(body)), bytes }
    }

    /// A body in a file.
    ///
    /// # Errors
    /// When the file cannot be positioned.
    pub fn file(mut part: FilePart) -> io::Result<Self> {
        if part.offset > 0 {
            part.file.seek(SeekFrom::Start(part.offset))?;
        }
        let bytes = part.bytes;
        let reading = FileReading { part, buffer: BytesMut::new(), read: 0, hash: Xxh3::new() };
        Ok(BodyReader { source: Source::File(Box::new(reading)), bytes })
    }

    /// A part of a body in hand.
    pub fn part(body: &Bytes, range: ByteRange) -> Self {
        let (first, length) = range.within(body.len() as u64);
        // Within the body, which is in memory, so both fit.
        let (first, length) = (first as usize, length as usize);
        Self::whole(body.slice(first..first + length))
    }

    /// A body of this length out of chunks; `facts` are checked when it has been read to
    /// its end, `name` is what an error calls the entry.
    pub fn chunks(
        chunks: impl Iterator<Item = Result<Bytes>> + Send + 'static,
        facts: BodyFacts,
        name: String,
    ) -> Self {
        let chunks = Checked { chunks, seen: 0, hash: Xxh3::new(), facts, name, done: false };
        Self::unchecked(chunks, facts.bytes)
    }

    /// A part of a body, or one whose digest is checked elsewhere.
    pub fn unchecked(
        chunks: impl Iterator<Item = Result<Bytes>> + Send + 'static,
        bytes: u64,
    ) -> Self {
        BodyReader { source: Source::Chunks(Box::new(chunks)), bytes }
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// The file behind the body, if there is one and nothing has been read yet.
    ///
    /// # Errors
    /// Gives the reader back when it has to be read chunk by chunk.
    pub fn into_file(self) -> Result<FilePart, Self> {
        match self.source {
            Source::File(reading) if reading.read == 0 => Ok(reading.part),
            source => Err(BodyReader { source, ..self }),
        }
    }
}

impl FileReading {
    fn next(&mut self) -> Result<Option<Bytes>> {
        let part = &mut self.part;
        let left = part.bytes - self.read;
        if left == 0 {
            // All bytes are given out first: somebody may want them, right or wrong.
            return match part.xxh3.take() {
                Some(wanted) if self.hash.digest() != wanted => {
                    Err(damaged(&part.name, "its checksum is wrong"))
                }
                _ => Ok(None),
            };
        }
        let want = usize::try_from(left).unwrap_or(FILE_CHUNK).min(FILE_CHUNK);
        self.buffer.resize(want, 0);
        let got = loop {
            match part.file.read(&mut self.buffer[..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let got = got.map_err(|e| {
            Error::store(format!("cannot read the body of {}", part.name)).because(e)
        })?;
        if got == 0 {
            return Err(
                damaged(&part.name, "it is shorter than its head says").coded("body_length")
            );
        }
        let chunk = self.buffer.split_to(got).freeze();
        self.read += got as u64;
        if part.xxh3.is_some() {
            self.hash.update(&chunk);
        }
        Ok(Some(chunk))
    }
}

/// The error of a body that is not what its head says.
pub(crate) fn damaged(name: &str, how: &str) -> Error {
    Error::codec(format!("the body of {name} is damaged: {how}")).coded("body_damaged")
}

impl Iterator for BodyReader {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Whole(body) => body.take().filter(|b| !b.is_empty()).map(Ok),
            Source::Chunks(chunks) => chunks.next(),
            Source::File(reading) => {
                let next = reading.next();
                if next.is_err() {
                    self.source = Source::Whole(None);
                }
                next.transpose()
            }
        }
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyReader").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Ends with an error when length or checksum are not those of the head.
struct Checked<I> {
    chunks: I,
    seen: u64,
    hash: Xxh3,
    facts: BodyFacts,
    name: String,
    done: bool,
}

impl<I: Iterator<Item = Result<Bytes>>> Iterator for Checked<I> {
    type Item = Result<Bytes>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.chunks.next() {
            Some(Ok(chunk)) => {
                self.seen += chunk.len() as u64;
                self.hash.update(&chunk);
                Some(Ok(chunk))
            }
            Some(Err(e)) => {
                self.done = true;
                Some(Err(e))
            }
            None => {
                self.done = true;
                self.verdict().map(Err)
            }
        }
    }
}

impl<I> Checked<I> {
    fn verdict(&self) -> Option<Error> {
        if self.seen != self.facts.bytes {
            let how = format!("{} bytes instead of {}", self.seen, self.facts.bytes);
            return Some(damaged(&self.name, &how).coded("body_length"));
        }
        let wrong = self.facts.xxh3.is_some_and(|wanted| wanted != self.hash.digest());
        wrong.then(|| damaged(&self.name, "its checksum is wrong"))
    }
}

/// A body as a source of chunks. Its digest is checked at the end: a damaged body ends with an
/// error of kind `Codec`.
pub struct BodyStream {
    source: AsyncSource,
    bytes: u64,
}

enum AsyncSource {
    /// Each chunk is read where the caller runs.
    InPlace(BodyReader),
    /// Each chunk is read on the worker pool; `None` while one is being read.
    Pooled(Option<BodyReader>),
    Stream(BoxStream<'static, Result<Bytes>>),
}

impl BodyStream {
    fn of(source: AsyncSource, bytes: u64) -> Self {
        BodyStream { source, bytes }
    }

    /// A body in hand.
    pub fn whole(body: Bytes) -> Self {
        Self::in_place(BodyReader::whole(body))
    }

    /// A part of a body in hand.
    pub fn part(body: &Bytes, range: ByteRange) -> Self {
        Self::in_place(BodyReader::part(body, range))
    }

    /// A stream of chunks, `bytes` long, that checks itself.
    pub fn new(chunks: impl Stream<Item = Result<Bytes>> + Send + 'static, bytes: u64) -> Self {
        Self::of(AsyncSource::Stream(chunks.boxed()), bytes)
    }

    /// A stream of chunks whose `facts` are checked when it has been read to its end.
    pub fn checked(
        chunks: impl Stream<Item = Result<Bytes>> + Send + Unpin + 'static,
        facts: BodyFacts,
        name: String,
    ) -> Self {
        let state = (chunks, Xxh3::new(), 0u64, false);
        let checked = stream::unfold(state, move |(mut chunks, mut hash, mut seen, done)| {
            let name = name.clone();
            async move {
                if done {
                    return None;
                }
                match chunks.next().await {
                    Some(Ok(chunk)) => {
                        hash.update(&chunk);
                        seen += chunk.len() as u64;
                        Some((Ok(chunk), (chunks, hash, seen, false)))
                    }
                    Some(Err(e)) => Some((Err(e), (chunks, hash, seen, true))),
                    None => {
                        let ends = std::iter::empty::<Result<Bytes>>();
                        let checked =
                            Checked { chunks: ends, seen, hash: hash.clone(), facts, name, done };
                        checked.verdict().map(|e| (Err(e), (chunks, hash, seen, true)))
                    }
                }
            }
        });
        Self::new(checked, facts.bytes)
    }

    pub(crate) fn in_place(reader: BodyReader) -> Self {
        let bytes = reader.length();
        Self::of(AsyncSource::InPlace(reader), bytes)
    }

    /// The same, read on the worker pool where it would be read in place.
    pub(crate) fn pooled(self) -> Self {
        let source = match self.source {
            AsyncSource::InPlace(reader) => AsyncSource::Pooled(Some(reader)),
            source => source,
        };
        BodyStream { source, ..self }
    }

    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// `Changed` when the entry was replaced and its old body is gone, `Codec` when the
    /// body is damaged, `Store` when it cannot be read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        match &mut self.source {
            AsyncSource::InPlace(reader) => reader.next().transpose(),
            AsyncSource::Stream(chunks) => chunks.next().await.transpose(),
            AsyncSource::Pooled(slot) => {
                // Empty only if an earlier call was dropped half-way.
                let Some(mut reader) = slot.take() else {
                    return Err(Error::new(
                        ErrorKind::Internal,
                        "a body was read after a cancelled read",
                    ));
                };
                let (chunk, reader) =
                    super::bridge::on_pool(move || (reader.next(), reader)).await?;
                *slot = Some(reader);
                chunk.transpose()
            }
        }
    }

    /// The file behind the body, if there is one and nothing has been read yet.
    ///
    /// # Errors
    /// Gives the stream back when it has to be read chunk by chunk.
    pub fn into_file(self) -> Result<FilePart, Self> {
        let bytes = self.bytes;
        match self.source {
            AsyncSource::InPlace(reader) => reader.into_file().map_err(Self::in_place),
            AsyncSource::Pooled(Some(reader)) => {
                reader.into_file().map_err(|reader| Self::in_place(reader).pooled())
            }
            source => Err(Self::of(source, bytes)),
        }
    }

    /// The same chunks as a `Stream`.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes>> + Send + 'static {
        stream::unfold(Some(self), |body| async move {
            let mut body = body?;
            match body.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(body))),
                Ok(None) => None,
                Err(e) => Some((Err(e), None)),
            }
        })
    }

    /// Everything at once.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn collect_bytes(mut self) -> Result<Bytes> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

impl fmt::Debug for BodyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyStream").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}
