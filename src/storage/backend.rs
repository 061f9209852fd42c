//! The contract. Every sentence on these traits is a promise with a conformance case.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Detail, Filter, Moment};
use crate::model::{
    BodyDigest, EntryHead, EntryId, Headers, Key, Method, Request, Stamp, Timestamp, UrlText,
    Variant, expected,
};
use crate::policy::{self, Settings, State};

use super::body::BodyStream;
use super::piece::{Compact, Part, Piece};
use super::query::{Cursor, Position, Query};

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
    /// How much of the head is there: less than all of it only where a query asked for less.
    pub detail: Detail,
    /// Until when the entry may be used by the usual rules of a private cache, where the
    /// store knows that without the head; the inner `None`: not at all.
    pub usable_until: Option<Option<Timestamp>>,
    /// Where a scan found it, for stores whose order is not that of names.
    pub position: Option<Position>,
}

impl Found {
    /// An entry with its whole head.
    pub fn whole(head: EntryHead, stamp: Stamp, inline: Option<Bytes>, stored_bytes: u64) -> Self {
        let detail = Detail::Head;
        Found { head, stamp, inline, stored_bytes, detail, usable_until: None, position: None }
    }

    /// An entry of which only the key is known.
    pub fn named(key: impl Into<String>) -> Self {
        let request = Request::new(Method::GET, UrlText::verbatim(""));
        let id = EntryId::new(key, Variant::none());
        let head = EntryHead::new(id, request, 0, Headers::new(), Timestamp::EPOCH);
        let stamp = Stamp::from_bytes([0; 16]);
        Found { detail: Detail::Key, ..Found::whole(head, stamp, None, 0) }
    }

    /// Where to go on behind this entry.
    pub fn cursor(&self) -> Cursor {
        Cursor { id: self.head.id.clone(), position: self.position }
    }

    /// In which state the entry is.
    pub fn state(&self, now: Timestamp, settings: &Settings) -> State {
        match self.usable_until {
            Some(usable) if settings.is_usual() => {
                let usable = usable.filter(|_| !self.head.created_at.is_ahead_of(now));
                State::until(self.head.expires_at, usable, now)
            }
            _ => State::of(&self.head, now, settings),
        }
    }

    /// Whether the entry is for those with certain credentials only. Where the columns of a
    /// database are all that is there, its key tells.
    pub fn is_for_credentials(&self) -> bool {
        let head = &self.head;
        let Request { method, url, headers, .. } = &head.request;
        if self.detail < Detail::Head && head.partition.is_empty() {
            return Key::is_native(&head.id.key) && head.id.key != Key::native("", method, url);
        }
        policy::has_credentials(&policy::partition(&head.partition, headers, &Settings::default()))
    }

    /// Whether a filter means the entry.
    pub fn is_meant_by(&self, filter: &Filter, moment: Moment<'_>) -> bool {
        match self.usable_until {
            None => filter.matches(&self.head, self.stored_bytes, moment),
            Some(_) => {
                let state = self.state(moment.now, moment.settings);
                filter.matches_in_state(&self.head, self.stored_bytes, state, moment)
            }
        }
    }
}

/// How the removal of one among many entries ended: with the bytes that it gave back.
pub type Removed = Result<Outcome<u64>>;

/// How the storing of one among many entries ended: with the state that it shows.
pub type Placed = Result<Outcome<Stamp>>;

/// An entry with its body in hand, and what it may take the place of.
#[derive(Debug, Clone)]
pub struct Parcel {
    head: EntryHead,
    body: Bytes,
    over: Over,
}

impl Parcel {
    /// Puts them together. Length and digests of the head become those of the body.
    pub fn new(head: EntryHead, body: Bytes, over: Over) -> Self {
        let mut digest = BodyDigest::new();
        digest.update(&body);
        Parcel { head: EntryHead { body: digest.finish(), ..head }, body, over }
    }

    /// The head, as it is to be stored.
    pub fn head(&self) -> &EntryHead {
        &self.head
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the entry may take the place of.
    pub fn over(&self) -> Over {
        self.over
    }

    /// The parts.
    pub fn into_parts(self) -> (EntryHead, Bytes, Over) {
        (self.head, self.body, self.over)
    }
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
    /// Whether the change was made.
    pub fn is_done(&self) -> bool {
        matches!(self, Outcome::Done(_))
    }

    /// What came out, if the change was made.
    pub fn done(self) -> Option<T> {
        match self {
            Outcome::Done(value) => Some(value),
            _ => None,
        }
    }

    /// The same, with something else that came out.
    pub fn map<U>(self, made: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Done(value) => Outcome::Done(made(value)),
            Outcome::Absent => Outcome::Absent,
            Outcome::Changed => Outcome::Changed,
        }
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

/// By what the system or a server knows the place of a store, however its address is spelled.
/// There may be several names for one place, or none where nothing tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity(BTreeSet<String>);

impl Identity {
    /// A place by these names.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Identity(names.into_iter().map(Into::into).collect())
    }

    /// Whether both are known to be one place.
    pub fn is_same(&self, other: &Identity) -> bool {
        !self.0.is_disjoint(&other.0)
    }
}

/// What a store can do, so that callers never guess.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The kind of backend: `file`, `sqlite`, …
    pub kind: &'static str,
    /// How entries lie: `native`, or another client's way.
    pub layout: &'static str,
    /// Heads come back as they were put, with nothing left out.
    pub lossless: bool,
    /// Keys are made by the native rule, of partition, method and URL, so that an entry has the
    /// same identity in every such store.
    pub native_keys: bool,
    /// Every writing call is refused.
    pub read_only: bool,
    /// Entries outlive the process.
    pub persistent: bool,
    /// Several variants under one key. Else whatever lies under a key stands in the place of
    /// what is put there, and the latest stays.
    pub variants: bool,
    /// Any text can be a key; else some are refused.
    pub any_key: bool,
    /// Heads know the digests of their bodies.
    pub digests: bool,
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
    /// `usage` is cheap and knows what the place takes.
    pub counts_itself: bool,
    /// A scan comes in the order that its query asks for, if that also has a limit.
    pub sorts: bool,
    /// How many entries at a time are best for `put_many` and `find_many`; 1 where they
    /// gain nothing.
    pub batch: usize,
    /// The TTL of entries that are stored without one of their own.
    pub ttl: Option<Duration>,
    /// The serializer of entries that ask for none.
    pub serializer: &'static str,
    /// All serializers that an entry may ask for.
    pub serializers: &'static [&'static str],
    /// Its own client gives out whatever lies there, without a look at it, so that only
    /// complete answers with a status of success belong there.
    pub only_success: bool,
}

/// The name of our own layout.
pub const NATIVE: &str = "native";

impl Capabilities {
    /// Looks whether a store can write heads by this serializer.
    ///
    /// # Errors
    /// `Usage` when it cannot.
    pub fn check_serializer(&self, name: &str) -> Result<()> {
        if self.serializers.contains(&name) {
            return Ok(());
        }
        let (kind, layout) = (self.kind, self.layout);
        let whose = match self.lossless {
            true => kind.to_owned(),
            false => format!("{layout} {kind}"),
        };
        Err(Error::usage(format!("{name:?} is not a serializer of a {whose} store"))
            .because(expected(name, self.serializers.iter().copied())))
    }

    /// A local, persistent store that can do everything the contract asks for.
    pub fn full(kind: &'static str) -> Self {
        Capabilities {
            kind,
            layout: NATIVE,
            lossless: true,
            native_keys: true,
            read_only: false,
            persistent: true,
            variants: true,
            any_key: true,
            digests: true,
            streams_bodies: true,
            atomic_stamps: true,
            server_ttl: false,
            sweeps: true,
            notes_uses_every: Some(Duration::from_secs(60)),
            scan_repeats: false,
            capacity: None,
            remote: false,
            counts_itself: false,
            sorts: false,
            batch: 1,
            ttl: None,
            serializer: "json",
            serializers: &["json", "yaml", "bincode"],
            only_success: false,
        }
    }

    /// Why an answer would be given out wrongly by a store that keeps so much of its head.
    pub(crate) fn unfit(&self, meant: &EntryHead, kept: &EntryHead) -> Option<Unfit> {
        let is_success = (200..300).contains(&meant.status) && meant.status != 206;
        if !meant.stays_apart(kept) {
            Some(Unfit::NotKeptApart)
        } else if self.only_success && !is_success {
            Some(Unfit::NoSuccess)
        } else {
            None
        }
    }
}

/// Why an answer does not belong into a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It depends on credentials, which the store cannot tell apart.
    NotKeptApart,
    /// Its status is none of success, and the store's own client does not look at that.
    NoSuccess,
}

/// Of the entries of a key the one with this identity; without variants, else any that answers
/// the same method.
pub(super) fn meant(candidates: Vec<Found>, id: &EntryId, variants: bool) -> Option<Found> {
    let alike = |found: &Found| !variants && found.head.id.variant.is_of_same_method(&id.variant);
    let exact = candidates.iter().position(|found| found.head.id == *id);
    let place = exact.or_else(|| candidates.iter().position(alike))?;
    candidates.into_iter().nth(place)
}

/// A store. A backend of this machine does its work in place and never waits, which
/// [`BlockingBackend`] says of it; one on a server waits. Expired entries are shown like all others: whether the
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

    /// Stores many entries whose bodies are in hand.
    ///
    /// - Each as by `put` and `commit_over`; one outcome for each, in order.
    /// - Those that succeed may become visible together.
    /// - Trouble with one does not keep the others. Trouble with the store ends it all, and
    ///   says nothing of any: each may have been stored or not.
    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries {
            outcomes.push(place(self, entry).await);
        }
        Ok(outcomes)
    }

    /// Looks for many entries by identity.
    ///
    /// - As `candidates` shows them; one answer for each, in order. In a store without
    ///   variants, whatever lies under the key and answers the same method.
    /// - Trouble with one does not keep the others; trouble with the store ends it all.
    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let variants = self.capabilities().variants;
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let found = self.candidates(&id.key).await;
            answers.push(found.map(|found| meant(found, id, variants)));
        }
        Ok(answers)
    }

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

    /// Removes many entries.
    ///
    /// - Each only if its stamp is still the one seen; one outcome for each, in order.
    /// - Trouble with one does not keep the others; trouble with the store ends it all.
    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let mut outcomes = Vec::with_capacity(entries.len());
        for (id, stamp) in entries {
            outcomes.push(self.remove(id, Some(*stamp)).await.map(|outcome| outcome.map(|()| 0)));
        }
        Ok(outcomes)
    }

    /// Notes a use. Never rewrites a record or a body. Callers keep to
    /// [`Capabilities::notes_uses_every`], so that a hot entry is only read.
    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let _ = (id, seen, at);
        Ok(())
    }

    /// By what the place of the store is known.
    ///
    /// - Two stores at one place have a name in common, and two at different places none. Without
    ///   any name (the default) nothing tells, and whoever has to know tries it out.
    /// - Nothing is changed by asking.
    async fn identity(&self) -> Result<Identity> {
        Ok(Identity::default())
    }

    /// Waits until what was committed before is on the disk, where that is this side's to see
    /// to. A server keeps what it has acknowledged by its own rules.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Ends the use of the store; what was committed is safe without it.
    async fn close(&self) -> Result<()> {
        Ok(())
    }

    /// The rules by which it names and keeps entries. Default: those of native stores.
    fn rules(&self) -> &dyn Rules {
        &NativeRules
    }

    /// What cleans, counts and repairs it; `None` for a store that cannot, which `gc`, `verify`
    /// and `stats` then say.
    fn upkeep(&self) -> Option<&dyn Upkeep> {
        None
    }
}

/// What can be said of entries without a look at the store.
pub trait Rules: Send + Sync {
    /// The key under which this store looks for the answer to a request.
    fn key_of(&self, request: &Request, partition: &str) -> String {
        Key::native(partition, &request.method, &request.url)
    }

    /// What the store keeps of a head: the one that it will show. Layouts of other clients
    /// have no place for some of it.
    fn project(&self, head: EntryHead) -> EntryHead {
        head
    }

    /// Where the entry lies, for people: a path, a table and row, a key.
    fn location(&self, id: &EntryId) -> String {
        format!("the key {id}")
    }
}

/// The rules of native stores.
struct NativeRules;

impl Rules for NativeRules {}

/// What keeps a store clean: it sees what is there beside whole entries.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// What lies in the store's place, is no damaged entry (those a scan shows) and is
    /// needed by nobody, though it was last written before this moment: bodies that no
    /// record names, records whose body is gone, unfinished writes.
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>>;

    /// Removes a piece that was met before, if it is still what it was; gives the bytes
    /// that are free now. What others can read of a damaged record stays.
    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>>;

    /// The stored bytes themselves, as they lie: nothing is checked.
    ///
    /// - What is not there is an error of kind `NotFound`.
    /// - What `discard` removes is what [`Part::all_of`] its piece gives.
    async fn raw(&self, part: Part) -> Result<BodyStream>;

    /// What the store holds, by its own count; no record is read for it. Where several
    /// variants of a key share a record they count once.
    async fn usage(&self) -> Result<Usage>;

    /// Gives back the space that removed entries took, where that does not happen by itself.
    async fn compact(&self, when: Compact) -> Result<()> {
        let _ = when;
        Ok(())
    }

    /// Does the small upkeep that is due, such as sweeping a part of what has expired.
    async fn tidy(&self, now: Timestamp) -> Result<()> {
        let _ = now;
        Ok(())
    }
}

/// Stores one entry whose body is in hand.
async fn place<B: Backend + ?Sized>(store: &B, entry: Parcel) -> Placed {
    let (head, body, over) = entry.into_parts();
    let mut put = store.put(head).await?;
    if !body.is_empty() {
        put.write(body).await?;
    }
    Ok(put.commit_over(over).await?.map(|found| found.stamp))
}

/// An entry on its way into a store. Dropping it leaves nothing visible.
#[async_trait]
pub trait Put: Send {
    /// Takes the next bytes of the body.
    async fn write(&mut self, chunk: Bytes) -> Result<()>;

    /// Makes the entry visible, and gives its final head and stamp.
    async fn commit(self: Box<Self>) -> Result<Found> {
        placed(self.commit_over(Over::Anything).await?)
    }

    /// The same, if what is in its place is what the caller has seen there: else `Changed`,
    /// or `Absent` when it is gone, and nothing has changed.
    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>>;
}

/// What an entry may take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Whatever is there, damaged or not.
    Anything,
    /// Nothing: there is none of its identity.
    Nothing,
    /// The entry in this state.
    State(Stamp),
}

impl Over {
    /// Whether this may be replaced: the state of what is there, if something is.
    pub fn check(self, there: Option<Stamp>) -> Outcome<()> {
        match (self, there) {
            (Over::Anything, _) | (Over::Nothing, None) => Outcome::Done(()),
            (Over::State(seen), Some(stamp)) if seen == stamp => Outcome::Done(()),
            (Over::State(_), None) => Outcome::Absent,
            (Over::Nothing | Over::State(_), Some(_)) => Outcome::Changed,
        }
    }
}

/// What was put over anything is in its place.
fn placed(outcome: Outcome<Found>) -> Result<Found> {
    outcome.done().ok_or_else(|| Error::new(ErrorKind::Internal, "an entry was not put"))
}

/// A backend that does its work on the caller's thread: each future, and each item of a stream,
/// is ready when it is first polled. Such a backend needs no runtime, and has the verbs of
/// [`Storage`](crate::Storage). In an async program [`Pooled`](crate::Pooled) moves its work to
/// other threads.
pub trait BlockingBackend: Backend {}

/// A backend that waits, or hands its work to others; it has the verbs of
/// [`AsyncStorage`](crate::AsyncStorage), and is used inside a tokio runtime.
pub trait AsyncBackend: Backend {}

/// Whatever it is, it may have to wait.
impl AsyncBackend for dyn Backend + '_ {}

/// What the scan of a store of this machine goes through.
#[cfg_attr(not(feature = "file"), allow(dead_code, reason = "for stores on this machine"))]
pub(crate) type Items<T> = Box<dyn Iterator<Item = Result<T>> + Send>;

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
