//! Entries in a bucket of S3, or of a server that speaks its protocol.
//!
//! ```text
//! PREFIX cachectl.json         marker and layout version
//! PREFIX entries/NAME          all variants of a key: heads and small bodies
//! PREFIX bodies/NAME.NONCE     one large body, under a name that is never used twice
//! ```
//!
//! A record is replaced by a conditional request where the server knows those, and else
//! after looking that it is still the one that was read. Its large body was there before.
//! A bucket records no uses, and what has expired stays until it is removed.

mod address;
mod body;
mod bucket;
mod put;
mod remains;
mod scan;
mod swap;
mod trouble;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::BoxStream;

use crate::error::{Error, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};
use crate::serializer::{Codec, Place, Recorded, Serializer};
use crate::storage::{
    AsyncBackend, Backend, Blocking, BodyStream, ByteRange, Capabilities, Found, Identity, Outcome,
    Over, Part, Piece, Problem, Put, Query, Removed, Rules, Upkeep, Usage, is_damage,
};

use super::marker;
use super::recent::Recent;
use super::record::{MAX_RECORD, Record, encode, is_body_of, name_of, named, too_long};
#[cfg(not(feature = "foreign"))]
use bucket::Bucket;
use bucket::Object;
use bucket::Settings;
pub(crate) use bucket::{Begin, Condition};
use put::S3Put;

pub(super) use address::DRIVER;
pub(crate) use address::open_through;
#[cfg(feature = "foreign")]
pub(crate) use {address::bucket, bucket::Bucket, bucket::Content, bucket::Listed};

const DEFAULT_PREFIX: &str = "hishel/";
const MARKER: &str = "cachectl.json";

/// No marker is longer.
const MAX_MARKER: u64 = 4096;

const ENTRIES: &str = "entries/";
const BODIES: &str = "bodies/";

/// How often a record that others write too is read and written again.
const TRIES: u32 = 20;

/// Keeps entries in an S3 bucket, for async callers. Any number of processes may share it.
///
/// Credentials, region and endpoint come from the usual AWS chain, which is looked at by
/// the first call. Clones share one store.
#[derive(Clone)]
pub struct AsyncS3Storage {
    inner: Arc<Inner>,
}

/// [`AsyncS3Storage`] for blocking callers.
pub type S3Storage = Blocking<AsyncS3Storage>;

struct Inner {
    bucket: Arc<Bucket>,
    prefix: String,
    codec: Codec,
    ttl: Option<Duration>,
    recent: Recent,
    /// Whether the layout was looked at, and written where it was missing.
    marked: AtomicBool,
    keeps_to_absent: tokio::sync::OnceCell<bool>,
}

/// Sets up an S3 store: `bucket_name` (required), `client` (the usual AWS chain),
/// `key_prefix` (`hishel/`), `serializer` (JSON), `ttl` (none).
pub struct S3StorageBuilder<S = S3Storage> {
    bucket: String,
    client: Option<Client>,
    settings: Settings,
    prefix: String,
    codec: Codec,
    ttl: Option<Duration>,
    built: PhantomData<fn() -> S>,
}

impl S3Storage {
    /// Sets up a store in this bucket.
    pub fn builder(bucket_name: impl Into<String>) -> S3StorageBuilder {
        S3StorageBuilder::new(bucket_name.into())
    }
}

impl AsyncS3Storage {
    /// Sets up a store in this bucket.
    pub fn builder(bucket_name: impl Into<String>) -> S3StorageBuilder<Self> {
        S3StorageBuilder::new(bucket_name.into())
    }
}

impl S3StorageBuilder<S3Storage> {
    /// Makes the store; the first call connects.
    ///
    /// # Errors
    /// `Usage` without a bucket, `Internal` when the system gives no thread.
    pub fn build(self) -> Result<S3Storage> {
        Blocking::new(self.into_async()?)
    }
}

impl S3StorageBuilder<AsyncS3Storage> {
    /// Makes the store; the first call connects.
    ///
    /// # Errors
    /// `Usage` without a bucket.
    pub fn build(self) -> Result<AsyncS3Storage> {
        self.into_async()
    }
}

impl<S> S3StorageBuilder<S> {
    fn new(bucket: String) -> Self {
        S3StorageBuilder {
            bucket,
            client: None,
            settings: Settings::default(),
            prefix: DEFAULT_PREFIX.to_owned(),
            codec: Codec::default(),
            ttl: None,
            built: PhantomData,
        }
    }

    /// A client of `aws-sdk-s3`. Default: one by the usual AWS chain.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// The URL of a server that speaks S3's protocol. Default: that of the chain, else AWS.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.endpoint = Some(url.into());
        self
    }

    /// The region. Default: that of the chain, else `us-east-1`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = Some(region.into());
        self
    }

    /// What all keys begin with, literally; may be empty. Default: `hishel/`.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How heads are written. Default: JSON.
    #[must_use]
    pub fn serializer(mut self, serializer: impl Serializer + 'static) -> Self {
        self.codec = Codec::new(Arc::new(serializer));
        self
    }

    /// How long stored entries may stay. Default: no limit.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    fn into_async(self) -> Result<AsyncS3Storage> {
        if self.bucket.is_empty() {
            return Err(Error::usage("an S3 store needs a bucket").try_this("s3://BUCKET"));
        }
        let inner = Inner {
            bucket: Arc::new(Bucket::new(self.bucket, self.settings, self.client)),
            prefix: self.prefix,
            codec: self.codec,
            ttl: self.ttl,
            recent: Recent::new(),
            marked: AtomicBool::new(false),
            keeps_to_absent: tokio::sync::OnceCell::new(),
        };
        Ok(AsyncS3Storage { inner: Arc::new(inner) })
    }
}

impl<S> fmt::Debug for S3StorageBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3StorageBuilder(s3://{}/{})", self.bucket, self.prefix)
    }
}

/// A record as it was read, and its entity tag.
struct Read {
    record: Record,
    etag: Option<String>,
}

/// What a change makes of a record.
enum Change<T> {
    /// It stays as it is.
    Stop(Outcome<T>),
    /// These parts, and what is then to be told.
    Write(Vec<(Recorded, Option<Bytes>)>, T),
    /// The record goes, and the body of its last entry with it.
    Remove(Place, T),
}

impl Inner {
    fn record_key(&self, name: &str) -> String {
        format!("{}{ENTRIES}{name}", self.prefix)
    }

    fn body_key(&self, body: &str) -> String {
        format!("{}{BODIES}{body}", self.prefix)
    }

    fn place(&self, object: &str) -> String {
        format!("s3://{}/{object}", self.bucket.name)
    }

    async fn read(&self, name: &str) -> Result<Option<Read>> {
        let key = self.record_key(name);
        let Some(object) = self.bucket.get(&key, MAX_RECORD).await? else { return Ok(None) };
        let record = self.parse(&key, &object)?;
        Ok(Some(Read { record, etag: object.etag }))
    }

    fn parse(&self, key: &str, object: &Object) -> Result<Record> {
        let name = key.strip_prefix(&*self.record_key("")).unwrap_or(key);
        let record = match object.length > MAX_RECORD {
            true => Err(too_long(object.length)),
            false => Record::parse(&object.bytes, &self.codec, 0, |body| is_body_of(name, body)),
        };
        record.map_err(|e| named(&self.place(key), key, object.length, &e))
    }

    /// What the store shows of a record's entries: those whose large body is there.
    async fn found(
        &self,
        name: &str,
        record: &Record,
        there: &scan::Bodies,
    ) -> Result<Vec<Result<Found>>> {
        let length = (0..record.entries.len()).map(async |i| {
            let entry = &record.entries[i];
            let Place::Beside(body) = &entry.place else { return Ok(Some(entry.head.body.bytes)) };
            match there.length(body) {
                Some(bytes) => Ok(Some(bytes)),
                None => self.bucket.length(&self.body_key(body)).await,
            }
        });
        // What is gone is absent; what has another length is damaged.
        let lengths: Vec<Option<u64>> = try_join_all(length).await?;
        let found = record.in_order().into_iter().filter(|&i| lengths[i].is_some()).map(|i| {
            let entry = &record.entries[i];
            self.recent.note(entry);
            let wanted = entry.head.body.bytes;
            if lengths[i] != Some(wanted) {
                let bytes = lengths[i].unwrap_or_default();
                let error = Error::codec(format!("{bytes} bytes instead of {wanted}"));
                let piece = record.damaged(i, Problem::LengthMismatch, &self.record_key(name));
                let what = format!("cannot read the body of {}", entry.head.id);
                return Err(piece.met(what, &error.coded("body_length")));
            }
            let name = self.record_key(name);
            match record.misplaced(i, name.rsplit('/').next().unwrap_or_default(), &name) {
                Some(error) => Err(error),
                None => record.found(i, &name),
            }
        });
        Ok(found.collect())
    }

    /// Changes the record of a key: reads it, lets `change` say what to make of it, and
    /// writes that if nobody else wrote meanwhile; else once more.
    async fn change<T>(
        &self,
        key: &str,
        heals: bool,
        mut change: impl FnMut(Vec<(Recorded, Option<Bytes>)>) -> Change<T> + Send,
    ) -> Result<Outcome<T>> {
        let name = name_of(key);
        let object = self.record_key(&name);
        let _turn = self.bucket.turn(&name).await;
        for _ in 0..TRIES {
            let (parts, seen) = match self.read(&name).await {
                Ok(Some(read)) => (read.record.into_parts(), Some(read.etag)),
                Ok(None) => (Vec::new(), None),
                Err(e) if heals && is_damage(&e) => {
                    tracing::warn!("a damaged record gives way to a new one: {e:#}");
                    (Vec::new(), Some(None))
                }
                Err(e) => return Err(e),
            };
            let (parts, told) = match change(parts) {
                Change::Stop(outcome) => return Ok(outcome),
                Change::Write(parts, told) => (parts, told),
                Change::Remove(place, told) => {
                    let mut objects = vec![object];
                    if let Place::Beside(body) = place {
                        objects.push(self.body_key(&body));
                    }
                    self.bucket.remove(&objects).await?;
                    return Ok(Outcome::Done(told));
                }
            };
            let content = Bytes::from(encode(parts, &self.codec)?.0).into();
            let is_written = match seen {
                None => self.bucket.create(&object, content).await?,
                Some(tag) => self.bucket.replace(&object, content, tag.as_deref()).await?,
            };
            if is_written {
                return Ok(Outcome::Done(told));
            }
        }
        Err(Error::store(format!("{} is written by too many at once", self.place(&object)))
            .coded("store_busy")
            .passing()
            .try_this("a little later"))
    }

    /// Whether an entry is there for readers.
    async fn shows(&self, id: &EntryId) -> Result<bool> {
        let name = name_of(&id.key);
        let Some(read) = self.read(&name).await? else { return Ok(false) };
        let found = self.found(&name, &read.record, &scan::Bodies::unknown()).await?;
        Ok(found.iter().any(|found| found.as_ref().map_or(true, |f| f.head.id == *id)))
    }

    /// Whether the server refuses to write over what is there, where it is asked to: some
    /// know no conditions, or do not say so. The marker is there and may be written again.
    async fn keeps_to_absent(&self) -> bool {
        let keeps = self.keeps_to_absent.get_or_init(async || {
            let marker = format!("{}{MARKER}", self.prefix);
            // The same, in case the server writes it after all.
            let Ok(Some(there)) = self.bucket.get(&marker, MAX_MARKER).await else { return false };
            matches!(self.bucket.put(&marker, there.bytes, Condition::Absent).await, Ok(false))
        });
        *keeps.await
    }

    /// Writes a record with one entry where there is none, without a look before; `false`
    /// when that needs a look.
    async fn place_first(&self, entry: &Recorded, inline: &Option<Bytes>) -> Result<bool> {
        if !self.keeps_to_absent().await {
            return Ok(false);
        }
        let name = name_of(&entry.head.id.key);
        let object = self.record_key(&name);
        let bytes = encode(vec![(entry.clone(), inline.clone())], &self.codec)?.0;
        let _turn = self.bucket.turn(&name).await;
        self.bucket.put(&object, Bytes::from(bytes), Condition::Absent).await
    }

    /// Names an entry in its record, over what may be there; gives the place that the one
    /// before it had.
    async fn place_over(
        &self,
        entry: &Recorded,
        inline: &Option<Bytes>,
        over: Over,
    ) -> Result<Outcome<Option<Place>>> {
        if over == Over::Nothing && self.place_first(entry, inline).await? {
            return Ok(Outcome::Done(None));
        }
        let change = |mut parts: Vec<(Recorded, Option<Bytes>)>| {
            let at = parts.iter().position(|(e, _)| e.head.id == entry.head.id);
            // A write whose answer was lost has taken its place already.
            let there = at.map(|at| parts[at].0.stamp).filter(|there| *there != entry.stamp);
            let is_ours = there.is_none() && at.is_some();
            match over.check(there) {
                Outcome::Done(()) => {}
                _ if is_ours => {}
                other => return Change::Stop(other.map(|()| None)),
            }
            let replaced = at.map(|at| parts.remove(at).0.place);
            parts.push((entry.clone(), inline.clone()));
            Change::Write(parts, replaced)
        };
        self.change(&entry.head.id.key, true, change).await
    }

    /// Removes a large body that no record names any more. What cannot be removed is an
    /// orphan, which the clean-up finds.
    async fn drop_body(&self, place: &Place) {
        if let Place::Beside(body) = place {
            let _ = self.bucket.remove(&[self.body_key(body)]).await;
        }
    }

    /// Looks at the layout, and marks a place that is empty as ours.
    async fn mark(&self) -> Result<()> {
        if self.marked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let key = format!("{}{MARKER}", self.prefix);
        match self.bucket.get(&key, MAX_MARKER).await? {
            Some(marker) => self.check_marker(&marker.bytes)?,
            None => {
                self.check_that_empty().await?;
                // When another process was faster, it wrote the same.
                self.bucket.create(&key, Bytes::from(marker::of("s3")).into()).await?;
            }
        }
        self.marked.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Looks at the layout without marking anything: whether there is a mark.
    async fn is_marked(&self) -> Result<bool> {
        if self.marked.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let Some(marker) = self.bucket.get(&format!("{}{MARKER}", self.prefix), MAX_MARKER).await?
        else {
            return Ok(false);
        };
        self.check_marker(&marker.bytes)?;
        self.marked.store(true, Ordering::Relaxed);
        Ok(true)
    }

    /// The bucket as it was addressed; and the mark in it, with the time of its writing, which a
    /// copy of the store does not share.
    async fn identity(&self) -> Result<Identity> {
        let mut names = vec![format!("{} prefix {}", self.bucket.addressed(), self.prefix)];
        if let Some(marker) =
            self.bucket.get(&format!("{}{MARKER}", self.prefix), MAX_MARKER).await?
            && let Some((id, at)) = marker::identity(&marker.bytes).zip(marker.modified)
        {
            names.push(format!("s3 store {id} marked at {}", at.secs()));
        }
        Ok(Identity::new(names))
    }

    fn check_marker(&self, mark: &[u8]) -> Result<()> {
        let place = self.place(&format!("{}{MARKER}", self.prefix));
        marker::check(mark, &place, "another prefix=")
    }

    async fn check_that_empty(&self) -> Result<()> {
        let (objects, _) = self.bucket.list(&self.prefix, Begin::Start, 10).await?;
        let is_ours = |key: &str| {
            key.strip_prefix(&*self.prefix).is_some_and(|rest| {
                rest.is_empty()
                    || rest == MARKER
                    || rest.starts_with(ENTRIES)
                    || rest.starts_with(BODIES)
            })
        };
        match objects.iter().map(|object| &object.key).find(|key| !is_ours(key)) {
            None => Ok(()),
            Some(key) => {
                let place = self.place(&self.prefix);
                Err(Error::store(format!("{place} holds something else than an S3 store"))
                    .because(format!("there is {key}, but no {MARKER}"))
                    .coded("not_a_store")
                    .try_this("another prefix=; nothing was changed here"))
            }
        }
    }
}

impl fmt::Debug for AsyncS3Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Storage({})", self.inner.place(&self.inner.prefix))
    }
}

#[async_trait]
impl Backend for AsyncS3Storage {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("s3");
        can.atomic_stamps = false;
        can.notes_uses_every = None;
        can.sweeps = false;
        can.remote = true;
        can.ttl = self.inner.ttl;
        can.serializer = self.inner.codec.name();
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let name = name_of(key);
        let Some(read) = self.inner.read(&name).await? else { return Ok(Vec::new()) };
        let found = self.inner.found(&name, &read.record, &scan::Bodies::unknown()).await?;
        let is_it = |found: &Result<Found>| found.as_ref().map_or(true, |f| f.head.id.key == key);
        found.into_iter().filter(is_it).collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let inner = &self.inner;
        let changed = || Error::changed(&id.key);
        let (body, facts) = match inner.recent.find(id, seen) {
            Some(known) => known,
            None => {
                let record = inner.read(&name_of(&id.key)).await?.ok_or_else(changed)?.record;
                let index = record.find(id).filter(|&i| record.entries[i].stamp == seen);
                let index = index.ok_or_else(changed)?;
                if let Some(body) = record.inline(index)? {
                    return Ok(BodyStream::part(&body, range));
                }
                match &record.entries[index].place {
                    Place::Beside(body) => (body.clone(), record.entries[index].head.body),
                    Place::Inline(_) => return Err(changed()),
                }
            }
        };
        body::stream(Arc::clone(&inner.bucket), inner.body_key(&body), id, facts, range).await
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        self.inner.mark().await?;
        Ok(Box::new(S3Put::begin(&self.inner, head)))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let stamp = Stamp::fresh();
        let change = |mut parts: Vec<(Recorded, Option<Bytes>)>| {
            let Some(at) = parts.iter().position(|(e, _)| e.head.id == *id) else {
                return Change::Stop(Outcome::Absent);
            };
            if parts[at].0.stamp != seen {
                return Change::Stop(Outcome::Changed);
            }
            // The one that was written last stands last, and its serializer writes the record.
            let (mut entry, body) = parts.remove(at);
            entry.head = EntryHead { id: id.clone(), body: entry.head.body, ..head.clone() };
            entry.stamp = stamp;
            parts.push((entry, body));
            Change::Write(parts, stamp)
        };
        self.inner.change(&id.key, false, change).await
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        Ok(self.inner.remove(id, seen).await?.map(drop))
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        scan::scan(Arc::clone(&self.inner), query)
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        self.inner.remove_many(entries).await
    }

    async fn identity(&self) -> Result<Identity> {
        self.inner.identity().await
    }

    /// The server keeps what it has acknowledged.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.inner.bucket.cleanups.finish().await;
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for AsyncS3Storage {
    fn location(&self, id: &EntryId) -> String {
        self.inner.place(&self.inner.record_key(&name_of(&id.key)))
    }
}

#[async_trait]
impl Upkeep for AsyncS3Storage {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        remains::leftovers(Arc::clone(&self.inner), before)
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.inner.discard(piece).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.inner.raw(part).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.inner.usage().await
    }
}

impl AsyncBackend for AsyncS3Storage {}
