//! Entries in memory, bounded in number: the least recently used go first.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use lru::LruCache;

use crate::error::{Error, Result};
use crate::filter::Detail;
use crate::model::{BodyDigest, EntryHead, EntryId, Stamp, Timestamp, Variant};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::storage::{
    Access, Address, Backend, BlockingBackend, BodyStream, ByteRange, Capabilities, Driver, Found,
    Identity, Opened, Outcome, Over, Param, Part, Piece, Pooled, Put, Query, Reach, Rules, Upkeep,
    Usage,
};

const DEFAULT_CAPACITY: NonZeroUsize = NonZeroUsize::new(128).expect("not zero");

/// How often, at most, expired entries are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Keeps entries in memory and drops the least recently used ones above `capacity`.
/// It ends with its last handle; clones share one content.
#[derive(Clone)]
pub struct InMemoryStorage {
    shared: Arc<Mutex<State>>,
    capacity: usize,
    ttl: Option<Duration>,
}

/// [`InMemoryStorage`] for async callers.
pub type AsyncInMemoryStorage = Pooled<InMemoryStorage>;

struct State {
    /// In true order of use.
    entries: LruCache<EntryId, Slot>,
    variants: HashMap<String, Vec<Variant>>,
    tidy_after: Option<Timestamp>,
}

#[derive(Clone)]
struct Slot {
    head: EntryHead,
    stamp: Stamp,
    body: Bytes,
}

/// Sets up an in-memory store: `capacity` (128 entries), `ttl` (none).
#[derive(Debug)]
pub struct InMemoryStorageBuilder<S = InMemoryStorage> {
    capacity: usize,
    ttl: Option<Duration>,
    built: PhantomData<fn() -> S>,
}

impl InMemoryStorage {
    /// A store with the defaults.
    pub fn new() -> Self {
        Self::with(DEFAULT_CAPACITY, None)
    }

    /// Sets up a store.
    pub fn builder() -> InMemoryStorageBuilder {
        InMemoryStorageBuilder::default()
    }

    fn with(capacity: NonZeroUsize, ttl: Option<Duration>) -> Self {
        let state =
            State { entries: LruCache::unbounded(), variants: HashMap::new(), tidy_after: None };
        InMemoryStorage { shared: Arc::new(Mutex::new(state)), capacity: capacity.get(), ttl }
    }

    /// A panic elsewhere leaves no half-made change behind, so the lock stays usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InMemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl AsyncInMemoryStorage {
    /// Sets up a store.
    pub fn builder() -> InMemoryStorageBuilder<Self> {
        InMemoryStorageBuilder::default()
    }
}

impl<S> Default for InMemoryStorageBuilder<S> {
    fn default() -> Self {
        InMemoryStorageBuilder { capacity: DEFAULT_CAPACITY.get(), ttl: None, built: PhantomData }
    }
}

impl<S: From<InMemoryStorage>> InMemoryStorageBuilder<S> {
    /// The most entries that are kept. Default: 128.
    #[must_use]
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// How long stored entries may stay. Default: no limit.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// The store.
    ///
    /// # Errors
    /// `Usage` for a capacity of zero.
    pub fn build(self) -> Result<S> {
        let capacity = NonZeroUsize::new(self.capacity)
            .ok_or_else(|| Error::usage("an in-memory store needs a capacity above zero"))?;
        Ok(InMemoryStorage::with(capacity, self.ttl).into())
    }
}

impl State {
    fn insert(&mut self, slot: Slot, capacity: usize) {
        let id = slot.head.id.clone();
        if self.entries.put(id.clone(), slot).is_none() {
            self.variants.entry(id.key).or_default().push(id.variant);
        }
        while self.entries.len() > capacity {
            if let Some((oldest, _)) = self.entries.pop_lru() {
                self.forget(&oldest);
            }
        }
    }

    fn remove(&mut self, id: &EntryId) {
        if self.entries.pop(id).is_some() {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: &EntryId) {
        if let Some(variants) = self.variants.get_mut(&id.key) {
            variants.retain(|v| *v != id.variant);
            if variants.is_empty() {
                self.variants.remove(&id.key);
            }
        }
    }
}

impl Slot {
    fn found(&self) -> Found {
        let head_bytes = self.head.headers.text_bytes() + self.head.request.headers.text_bytes();
        let stored_bytes = (head_bytes + self.body.len()) as u64;
        Found::whole(self.head.clone(), self.stamp, Some(self.body.clone()), stored_bytes)
    }
}

impl fmt::Debug for InMemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InMemoryStorage({} of {} entries)", self.state().entries.len(), self.capacity)
    }
}

#[async_trait]
impl Backend for InMemoryStorage {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("memory");
        can.persistent = false;
        can.streams_bodies = false;
        can.capacity = Some(self.capacity);
        can.notes_uses_every = Some(Duration::ZERO);
        can.ttl = self.ttl;
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let state = self.state();
        let variants = state.variants.get(key).map_or(&[][..], Vec::as_slice);
        let slots = variants
            .iter()
            .filter_map(|variant| state.entries.peek(&EntryId::new(key, variant.clone())));
        Ok(slots.map(Slot::found).collect())
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let state = self.state();
        let slot = state.entries.peek(id).filter(|slot| slot.stamp == seen);
        let body = &slot.ok_or_else(|| Error::changed(&id.key))?.body;
        Ok(BodyStream::part(body, range))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        let store = self.clone();
        Ok(Box::new(MemoryPut { store, head, body: BytesMut::new(), digest: BodyDigest::new() }))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let mut state = self.state();
        let Some(slot) = state.entries.peek_mut(id) else { return Ok(Outcome::Absent) };
        if slot.stamp != seen {
            return Ok(Outcome::Changed);
        }
        let body = slot.head.body;
        slot.head = EntryHead { id: id.clone(), body, ..head };
        slot.stamp = Stamp::fresh();
        Ok(Outcome::Done(slot.stamp))
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let mut state = self.state();
        let Some(slot) = state.entries.peek(id) else { return Ok(Outcome::Absent) };
        if seen.is_some_and(|seen| seen != slot.stamp) {
            return Ok(Outcome::Changed);
        }
        state.remove(id);
        Ok(Outcome::Done(()))
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let after = query.after.as_ref().map(|after| &after.id);
        let is_behind = |id: &&EntryId| after.is_none_or(|after| *id > after);
        let mut ids: Vec<EntryId> = self
            .state()
            .entries
            .iter()
            .map(|(id, _)| id)
            .filter(|id| query.admits(id))
            .filter(is_behind)
            .cloned()
            .collect();
        // A place in this order stays what it is while entries come, go and are used.
        ids.sort_unstable();
        if query.detail == Detail::Key {
            ids.dedup_by(|a, b| a.key == b.key);
            ids.retain(|id| after.is_none_or(|after| id.key != after.key));
        }
        let store = self.clone();
        let found =
            ids.into_iter().filter_map(move |id| store.state().entries.peek(&id).map(Slot::found));
        stream::iter(found.map(Ok)).boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        Ok(Identity::new([format!("memory {}", Arc::as_ptr(&self.shared).addr())]))
    }

    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Moves the entry to the front of the order of use.
    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        if let Some(slot) = self.state().entries.get_mut(id).filter(|slot| slot.stamp == seen) {
            slot.head.uses += 1;
            slot.head.last_used_at = Some(at);
        }
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for InMemoryStorage {
    fn location(&self, id: &EntryId) -> String {
        format!("memory of this process, key {id}")
    }
}

#[async_trait]
impl Upkeep for InMemoryStorage {
    /// Nothing is ever left over in memory.
    fn leftovers(&self, _: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::empty().boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let Some((id, stamp)) = &piece.entry else { return Ok(Outcome::Absent) };
        Ok(self.remove(id, Some(*stamp)).await?.map(|()| piece.bytes))
    }

    async fn raw(&self, _: Part) -> Result<BodyStream> {
        Err(Error::usage("entries in memory have no stored bytes to show"))
    }

    async fn usage(&self) -> Result<Usage> {
        let state = self.state();
        let stored_bytes = state.entries.iter().map(|(_, slot)| slot.found().stored_bytes).sum();
        Ok(Usage { entries: state.entries.len() as u64, stored_bytes, disk_bytes: None })
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        let mut state = self.state();
        if state.tidy_after.is_some_and(|next| now < next) {
            return Ok(());
        }
        state.tidy_after = Some(now + TIDY_EVERY);
        let expired: Vec<EntryId> = state
            .entries
            .iter()
            .filter(|(_, slot)| slot.head.is_expired(now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in expired {
            state.remove(&id);
        }
        Ok(())
    }
}

impl BlockingBackend for InMemoryStorage {}

struct MemoryPut {
    store: InMemoryStorage,
    head: EntryHead,
    body: BytesMut,
    digest: BodyDigest,
}

#[async_trait]
impl Put for MemoryPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let head = EntryHead { body: self.digest.finish(), ..self.head };
        let slot = Slot { head, stamp: Stamp::fresh(), body: self.body.freeze() };
        let found = slot.found();
        let mut state = self.store.state();
        let there = state.entries.peek(&slot.head.id).map(|slot| slot.stamp);
        let outcome = over.check(there).map(|()| found);
        if matches!(outcome, Outcome::Done(_)) {
            state.insert(slot, self.store.capacity);
        }
        Ok(outcome)
    }
}

pub(super) const DRIVER: Driver = Driver {
    kind: "memory",
    reach: Reach::Process,
    default: "memory:",
    shares_files: false,
    takes_password: false,
    schemes: &["memory"],
    about: "this process's memory, least recently used first out",
    forms: "memory:",
    params: &[Param { name: "capacity", default: "128", about: "the most entries that are kept" }],
    open: Some(open),
    open_marked: None,
};

fn open(address: &Address, _: Access) -> Result<Opened> {
    if address.location().is_some_and(|location| !location.is_empty()) {
        return Err(address.refuse("a memory store has no place").try_this("memory:"));
    }
    let store = InMemoryStorage::builder()
        .capacity(address.number("capacity")?.unwrap_or(DEFAULT_CAPACITY.get()))
        .ttl(address.duration("ttl")?)
        .build()?;
    Ok(Opened::Blocking(Arc::new(store)))
}
