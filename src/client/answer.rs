//! What a fetch gives: a head, a body that is stored while it is taken, and what went on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryHead, EntryId, Extensions, Headers, Request, Stamp, Timestamp, UrlText};
use crate::policy::{CacheStatus, Decision, Reason, StaleBecause};
use crate::storage::{Backend, BodyStream, FilePart, Found, Put};

use super::FetchOptions;
use super::locked::Expected;

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// Protocol version and reason phrase.
    pub extensions: Extensions,
    /// Interim responses (1xx) that came before.
    pub interim: Vec<(u16, Headers)>,
    /// The URL that this is the answer for.
    pub url: UrlText,
    /// The key under which it is, or would be, stored.
    pub key: String,
    /// The verdict. `stored` is final once the body has been taken to its end.
    pub cache: CacheStatus,
    /// Age in seconds, for an answer out of the store.
    pub age: Option<u64>,
    /// What was decided, and why.
    pub decision: Option<Decision>,
    /// Why a fetched response was not stored.
    pub not_stored: Option<Reason>,
    /// What the caller should know although it has its answer.
    pub warnings: Vec<Warning>,
    /// The entry behind the answer: at once for one out of the store, after the body's end
    /// for one that was stored.
    pub entry: Option<Box<EntryHead>>,
    /// How many bytes that entry takes in the store.
    pub stored_bytes: Option<u64>,
    pub(super) body: AnswerBody,
    /// The entry to count a use of.
    pub(super) used: Option<Used>,
    /// What may not stay in the store once the body has been taken.
    pub(super) gone: Vec<(EntryId, Stamp)>,
    /// What to validate once the answer has been given.
    pub(super) revalidate: Option<(Request, FetchOptions)>,
}

/// An entry that has answered.
#[derive(Debug)]
pub(super) struct Used {
    pub id: EntryId,
    pub stamp: Stamp,
    /// When it was used before.
    pub last: Option<Timestamp>,
}

/// Something that went wrong, or might mislead, without costing the answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The answer is stale.
    Stale(StaleBecause),
    /// The origin failed, and something stored stands in.
    Origin(Error),
    /// A stored entry could not be decoded, and counts as absent.
    Damaged(Error),
    /// The store failed: the answer may not be stored.
    Store(Error),
}

impl Answer {
    /// The next chunk of the body; `None` at its end, when the entry has been committed.
    ///
    /// # Errors
    /// `Network` when the transfer breaks (nothing is stored then), `Differs` when the
    /// body is not the locked one (the same), `Codec` when a stored
    /// body turns out to be damaged (it is removed then), `Store` when it cannot be read.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if let Some(chunk) = self.body.ahead.pop_front() {
            return Ok(Some(chunk));
        }
        loop {
            let Some(chunk) = self.next_chunk().await? else { return Ok(None) };
            if !self.body.is_muted() && !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
    }

    /// Reads ahead so that a body of up to `most` bytes is complete, and the verdict
    /// final, before its first chunk is taken.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn read_ahead(&mut self, most: usize) -> Result<()> {
        let mut bytes: usize = self.body.ahead.iter().map(Bytes::len).sum();
        while bytes <= most && self.rest().is_none() {
            let Some(chunk) = self.next_chunk().await? else { return Ok(()) };
            if !self.body.is_muted() {
                bytes += chunk.len();
                self.body.ahead.push_back(chunk);
            }
        }
        Ok(())
    }

    /// Takes the rest of the body and forgets it.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn drain(&mut self) -> Result<()> {
        while self.chunk().await?.is_some() {}
        Ok(())
    }

    /// The rest of the body at once.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn collect_body(&mut self) -> Result<Bytes> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.into())
    }

    /// The length of the body, where it is known.
    pub fn body_bytes(&self) -> Option<u64> {
        match &self.body.source {
            Source::Stored(body, _) => Some(body.length()),
            Source::Origin(..) => self.headers.get_text("content-length")?.trim().parse().ok(),
            Source::Done | Source::Held(_) => None,
        }
    }

    /// Whether the body has been taken to its end.
    pub(super) fn is_complete(&self) -> bool {
        self.body.is_done()
    }

    /// Lets the end of the body not commit the entry: [`settle`](Self::settle) does. For callers
    /// who know more of what a good body is.
    pub fn hold(&mut self) {
        self.body.holds = true;
    }

    /// What was [read ahead](Self::read_ahead) and has not been taken yet; `None` unless that is
    /// the rest of the body.
    pub fn rest(&self) -> Option<impl Iterator<Item = &Bytes>> {
        let is_all = matches!(self.body.source, Source::Done | Source::Held(_));
        is_all.then(|| self.body.ahead.iter())
    }

    /// Makes the entry visible whose body was held, once that has come to its end.
    ///
    /// # Errors
    /// `Differs` when the body is not the locked one.
    pub async fn settle(&mut self) -> Result<()> {
        if matches!(self.body.source, Source::Held(_)) { self.commit().await } else { Ok(()) }
    }

    /// Whether something is to be removed once the body has been taken.
    pub(super) fn leaves_something(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Whether the entry behind the answer is removed once the body has been taken.
    pub(super) fn is_about_to_go(&self) -> bool {
        let own = self.entry.as_ref().map(|head| &head.id);
        self.gone.iter().any(|(id, _)| Some(id) == own)
    }

    /// The file in which the body lies, if it is a stored one that can be moved without
    /// going through memory. Whoever takes it checks its digest, and
    /// [condemns](Self::condemn) the entry if that is wrong.
    pub fn take_file(&mut self) -> Option<FilePart> {
        match std::mem::replace(&mut self.body.source, Source::Done) {
            Source::Stored(body, entry) => match body.into_file() {
                Ok(part) => {
                    self.body.taken = Some(entry);
                    return Some(part);
                }
                Err(body) => self.body.source = Source::Stored(body, entry),
            },
            other => self.body.source = other,
        }
        None
    }

    /// Removes the entry behind a body that turned out to be damaged.
    pub async fn condemn(&mut self) {
        if let Some(entry) = self.body.taken.take() {
            entry.condemn().await;
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        match &mut self.body.source {
            Source::Done | Source::Held(_) => Ok(None),
            Source::Stored(body, entry) => match body.chunk().await {
                Ok(None) => {
                    self.body.source = Source::Done;
                    Ok(None)
                }
                Err(error) => {
                    if error.kind() == ErrorKind::Codec {
                        entry.condemn().await;
                    }
                    self.body.source = Source::Done;
                    Err(error)
                }
                chunk => chunk,
            },
            Source::Origin(body, delivering) => match body.chunk().await {
                Ok(Some(chunk)) => {
                    if let Err(failed) = delivering.take(&chunk, &mut self.body.seen).await {
                        match failed {
                            Failed::TooLarge(limit) => {
                                self.cache.ttl = None;
                                self.not_stored = Some(Reason::TooLarge { limit });
                            }
                            Failed::Store(error) => self.warnings.push(Warning::Store(error)),
                        }
                    }
                    Ok(Some(chunk))
                }
                Ok(None) if self.body.holds => {
                    self.body.hold();
                    Ok(None)
                }
                Ok(None) => self.commit().await.map(|()| None),
                Err(error) => {
                    // Dropping what was begun is what keeps a broken transfer out.
                    self.body.source = Source::Done;
                    Err(error)
                }
            },
        }
    }

    /// Makes the entry visible, unless the body is not the one that has to be.
    async fn commit(&mut self) -> Result<()> {
        let mut delivering = match std::mem::replace(&mut self.body.source, Source::Done) {
            Source::Origin(_, delivering) | Source::Held(delivering) => delivering,
            Source::Done | Source::Stored(..) => return Ok(()),
        };
        if let Some(expected) = delivering.expected.take() {
            expected.check()?;
        }
        match delivering.commit().await {
            Ok(Some(found)) => {
                self.cache.stored = true;
                self.stored_bytes = Some(found.stored_bytes);
                self.entry = Some(Box::new(found.head));
            }
            Ok(None) => self.cache.ttl = None,
            Err(error) => {
                self.cache.ttl = None;
                self.warnings.push(Warning::Store(error));
            }
        }
        Ok(())
    }
}

/// Where the body comes from, and what was read of it already.
pub(super) struct AnswerBody {
    source: Source,
    ahead: VecDeque<Bytes>,
    seen: u64,
    /// Whether its end does not commit the entry.
    holds: bool,
    /// The entry whose body was taken out as a file.
    taken: Option<StoredEntry>,
}

/// The entry that a body belongs to.
struct StoredEntry {
    store: Arc<dyn Backend>,
    id: EntryId,
    stamp: Stamp,
}

impl StoredEntry {
    /// Removes a damaged entry, so that the next request does not run into it again.
    async fn condemn(&self) {
        let _ = self.store.remove(&self.id, Some(self.stamp)).await;
    }
}

enum Source {
    Stored(BodyStream, StoredEntry),
    Origin(BodyStream, Delivering),
    /// It has come to its end, and waits for leave to be committed.
    Held(Delivering),
    Done,
}

impl AnswerBody {
    pub(super) fn stored(
        body: BodyStream,
        store: Arc<dyn Backend>,
        id: EntryId,
        stamp: Stamp,
    ) -> Self {
        Self::of(Source::Stored(body, StoredEntry { store, id, stamp }))
    }

    pub(super) fn delivered(body: BodyStream, delivering: Delivering) -> Self {
        Self::of(Source::Origin(body, delivering))
    }

    fn of(source: Source) -> Self {
        AnswerBody { source, ahead: VecDeque::new(), seen: 0, holds: false, taken: None }
    }

    fn hold(&mut self) {
        self.source = match std::mem::replace(&mut self.source, Source::Done) {
            Source::Origin(_, delivering) => Source::Held(delivering),
            other => other,
        };
    }

    fn is_muted(&self) -> bool {
        matches!(&self.source, Source::Origin(_, delivering) if delivering.muted)
    }

    fn is_done(&self) -> bool {
        matches!(self.source, Source::Done)
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.source {
            Source::Stored(..) => "Stored",
            Source::Origin(..) => "Origin",
            Source::Held(_) => "Held",
            Source::Done => "Done",
        };
        f.write_str(name)
    }
}

/// A response that is stored while it passes by.
pub(super) struct Delivering {
    /// `None`: it may not be stored, or storing has failed.
    pub put: Option<Box<dyn Put>>,
    /// Bodies above this are not stored.
    pub limit: Option<u64>,
    /// The caller's own condition makes this a 304 for it: the body is stored only.
    pub muted: bool,
    /// What the body has to be.
    pub expected: Option<Box<Expected>>,
}

enum Failed {
    TooLarge(u64),
    Store(Error),
}

impl Delivering {
    async fn take(&mut self, chunk: &Bytes, seen: &mut u64) -> Result<(), Failed> {
        *seen += chunk.len() as u64;
        if let Some(expected) = &mut self.expected {
            expected.update(chunk);
        }
        let Some(put) = &mut self.put else { return Ok(()) };
        if let Some(limit) = self.limit.filter(|&limit| *seen > limit) {
            self.put = None;
            return Err(Failed::TooLarge(limit));
        }
        if let Err(error) = put.write(chunk.clone()).await {
            self.put = None;
            return Err(Failed::Store(error));
        }
        Ok(())
    }

    async fn commit(self) -> Result<Option<Found>> {
        match self.put {
            Some(put) => put.commit().await.map(Some),
            None => Ok(None),
        }
    }
}
