//! The contract. Every sentence on these traits is a promise with a conformance case.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::Result;
use crate::model::{EntryHead, EntryId, Key, Request, Stamp, Timestamp};

use super::body::{BodyReader, BodyStream};

/// The head of a stored entry, with what the store knows beside it.
#[derive(Debug, Clone)]
pub struct Found {
    /// The head.
    pub head: EntryHead,
    /// The state of the entry that this head shows.
    pub stamp: Stamp,
    /// The body, where it lay in the record and so came along; its digest is checked.
    pub inline: Option<Bytes>,
    /// How many bytes the entry takes as stored: its share of the record, and its body.
    pub stored_bytes: u64,
}

/// Which bytes of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte, inclusive; `None`: up to the end.
    pub last: Option<u64>,
}

impl ByteRange {
    /// The whole body.
    pub const WHOLE: ByteRange = ByteRange { first: 0, last: None };

    /// First byte and length within a body of `bytes` bytes; bounds beyond its end are cut.
    pub fn within(self, bytes: u64) -> (u64, u64) {
        let first = self.first.min(bytes);
        let end = self.last.map_or(bytes, |last| last.saturating_add(1).min(bytes)).max(first);
        (first, end - first)
    }

    /// Whether nothing of a body of `bytes` bytes is left out.
    pub fn covers(self, bytes: u64) -> bool {
        self.within(bytes) == (0, bytes)
    }
}

/// How a change of one entry ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was made.
    Done(T),
    /// There is no such entry.
    Absent,
    /// The entry is not the one that the caller saw; nothing was changed.
    Changed,
}

impl<T> Outcome<T> {
    /// What came out, if the change was made.
    pub fn done(self) -> Option<T> {
        match self {
            Outcome::Done(value) => Some(value),
            _ => None,
        }
    }
}

/// What a scan shall bring. The default is everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Query {
    /// Only entries whose key begins with this text.
    pub key_prefix: Option<String>,
}

impl Query {
    /// Everything under keys that begin with this text.
    pub fn with_key_prefix(prefix: impl Into<String>) -> Self {
        Query { key_prefix: Some(prefix.into()) }
    }

    /// Whether an entry belongs to the answer.
    pub fn admits(&self, id: &EntryId) -> bool {
        self.key_prefix.as_ref().is_none_or(|prefix| id.key.starts_with(prefix.as_str()))
    }
}

/// What a store holds, as it counts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Number of entries.
    pub entries: u64,
    /// Bytes of records and bodies.
    pub stored_bytes: u64,
    /// Bytes that the place takes on disk or in the server; `None` where that is not known.
    pub disk_bytes: Option<u64>,
}

/// What a store can do, so that callers never guess.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The kind of backend: `file`, `sqlite`, …
    pub kind: &'static str,
    /// Every writing call is refused.
    pub read_only: bool,
    /// Entries outlive the process.
    pub persistent: bool,
    /// Several variants under one key.
    pub variants: bool,
    /// Bodies pass through in constant memory.
    pub streams_bodies: bool,
    /// `update` and `remove` compare the stamp and act in one step; else just before.
    pub atomic_stamps: bool,
    /// The server itself forgets what has expired.
    pub server_ttl: bool,
    /// `tidy` removes expired entries, bit by bit.
    pub sweeps: bool,
    /// Uses are recorded, an entry's at most once in this time; `None`: not at all.
    pub notes_uses_every: Option<Duration>,
    /// A scan may bring an entry twice even if nothing is written meanwhile.
    pub scan_repeats: bool,
    /// The oldest entries are dropped when there are more than this.
    pub capacity: Option<usize>,
    /// The store is on another machine or shared by nature.
    pub remote: bool,
    /// The TTL of entries that are stored without one of their own.
    pub ttl: Option<Duration>,
    /// The serializer of entries that ask for none.
    pub serializer: &'static str,
}

impl Capabilities {
    /// A local, persistent store that can do everything the contract asks for.
    pub fn full(kind: &'static str) -> Self {
        Capabilities {
            kind,
            read_only: false,
            persistent: true,
            variants: true,
            streams_bodies: true,
            atomic_stamps: true,
            server_ttl: false,
            sweeps: true,
            notes_uses_every: Some(Duration::from_secs(60)),
            scan_repeats: false,
            capacity: None,
            remote: false,
            ttl: None,
            serializer: "json",
        }
    }
}

/// A store, in the async colour. Expired entries are shown like all others: whether the
/// TTL is over is for the caller to judge, who knows what time it is.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync {
    /// What the store can do. Never touches the store.
    fn capabilities(&self) -> Capabilities;

    /// The heads of all variants under a key, with stamps.
    ///
    /// - An absent key is an empty answer, not an error.
    /// - Small bodies ride along; their digest is checked.
    /// - A damaged record is an error of kind `Codec` that names the key.
    async fn candidates(&self, key: &str) -> Result<Vec<Found>>;

    /// The bytes of the body that belongs to this stamp, or a part of them.
    ///
    /// - Replaced since: the old bytes to the end, or an error of kind `Changed`, at once
    ///   or in the stream; never a mixture, nor the body of another head.
    /// - A record whose large body is gone counts as absent: `Changed` here, and
    ///   `candidates` no longer shows it.
    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream>;

    /// Begins to store an entry; the body follows through the [`Put`].
    ///
    /// - The entry is visible once `commit` has returned, whole or not at all, also after
    ///   a crash or when the `Put` is dropped.
    /// - It replaces the variant with the same identity.
    /// - Length and digests of the head are computed from the body that passes by.
    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>>;

    /// Gives an entry a new head and keeps its body.
    ///
    /// - Only if the stamp is still the one seen; else `Changed`, or `Absent`.
    /// - A large body is not rewritten.
    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>>;

    /// Removes an entry.
    ///
    /// - An absent one is `Absent`, not an error.
    /// - With a stamp: only if it is still the one seen; else `Changed`.
    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>>;

    /// Heads as a stream, in the store's own order and in constant memory.
    ///
    /// - Each present entry comes exactly once if nothing is written meanwhile (but see
    ///   [`Capabilities::scan_repeats`]).
    /// - A damaged record is an error item; the scan goes on behind it.
    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>>;

    /// The key under which this store looks for the answer to a request.
    fn key_of(&self, request: &Request, partition: &str) -> String {
        Key::native(partition, &request.method, &request.url)
    }

    /// Notes a use. Never rewrites a record or a body. Callers keep to
    /// [`Capabilities::notes_uses_every`], so that a hot entry is only read.
    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let _ = (id, seen, at);
        Ok(())
    }

    /// Does the small upkeep that is due, such as sweeping a part of what has expired.
    async fn tidy(&self, now: Timestamp) -> Result<()> {
        let _ = now;
        Ok(())
    }

    /// Where the entry lies, for people: a path, a table and row, a key.
    fn location(&self, id: &EntryId) -> String;

    /// Ends the use of the store; what was committed is safe without it.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// An entry on its way into a store. Dropping it leaves nothing visible.
#[async_trait]
pub trait Put: Send {
    /// Takes the next bytes of the body.
    async fn write(&mut self, chunk: Bytes) -> Result<()>;

    /// Makes the entry visible, and gives its final head and stamp.
    async fn commit(self: Box<Self>) -> Result<Found>;
}

/// A store, in the blocking colour. The promises are those of [`Backend`], word for word.
#[allow(clippy::missing_errors_doc, reason = "the promises stand on `Backend`")]
pub trait BlockingBackend: fmt::Debug + Send + Sync {
    /// See [`Backend::capabilities`].
    fn capabilities(&self) -> Capabilities;
    /// See [`Backend::candidates`].
    fn candidates(&self, key: &str) -> Result<Vec<Found>>;
    /// See [`Backend::body`].
    fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyReader>;
    /// See [`Backend::put`].
    fn put(&self, head: EntryHead) -> Result<Box<dyn BlockingPut>>;
    /// See [`Backend::update`].
    fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>>;
    /// See [`Backend::remove`].
    fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>>;
    /// See [`Backend::scan`]. The iterator stands on its own, so that it can move to
    /// another thread.
    fn scan(&self, query: Query) -> BlockingScan;

    /// See [`Backend::key_of`].
    fn key_of(&self, request: &Request, partition: &str) -> String {
        Key::native(partition, &request.method, &request.url)
    }

    /// See [`Backend::record_use`].
    fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let _ = (id, seen, at);
        Ok(())
    }

    /// See [`Backend::tidy`].
    fn tidy(&self, now: Timestamp) -> Result<()> {
        let _ = now;
        Ok(())
    }

    /// See [`Backend::location`].
    fn location(&self, id: &EntryId) -> String;

    /// See [`Backend::close`].
    fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// What a blocking scan gives.
pub type BlockingScan = Box<dyn Iterator<Item = Result<Found>> + Send>;

/// See [`Put`].
#[allow(clippy::missing_errors_doc, reason = "the promises stand on `Put`")]
pub trait BlockingPut: Send {
    /// See [`Put::write`].
    fn write(&mut self, chunk: Bytes) -> Result<()>;
    /// See [`Put::commit`].
    fn commit(self: Box<Self>) -> Result<Found>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_body() {
        let range = |first, last| ByteRange { first, last };
        assert_eq!(ByteRange::WHOLE.within(10), (0, 10));
        assert_eq!(range(2, Some(4)).within(10), (2, 3));
        assert_eq!(range(2, Some(40)).within(10), (2, 8));
        assert_eq!(range(20, None).within(10), (10, 0));
        assert_eq!(range(0, Some(u64::MAX)).within(0), (0, 0));
        assert!(range(0, Some(9)).covers(10) && !range(1, None).covers(10));
    }
}
