//! Entries as files in a folder.
//!
//! ```text
//! cachectl.json             marker and layout version
//! entries/ab/<key>          all variants of a key: heads, small bodies, tallies of use
//! bodies/ab/<key>.<nonce>   one large body, under a name that is never used twice
//! locks/ab                  held while a shard is written
//! sweep                     which shard was swept last, and when
//! ```
//!
//! A record is replaced by renaming; that is the commit. Its large body was there before,
//! and the old one goes after. Readers take no lock: what they have opened stays readable.

mod place;
mod put;
mod record;
mod remains;
mod scan;
mod sweep;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};
use crate::serializer::{Codec, Place, Recorded, Serializer};
use crate::storage::{
    Access, Address, Backend, BlockingBackend, BodyReader, BodyStream, ByteRange, Capabilities,
    Compact, Driver, FilePart, Found, Identity, Opened, Outcome, Param, Parcel, Part, Piece,
    Placed, Pooled, Problem, Put, Query, Reach, Removed, Rules, Upkeep, Usage, is_damage,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use self::record::{Record, encode, tally, trouble_with};
use super::folder::{Folder, Seen};
use super::private::{place_of, store_error, write_at};
use place::{LockedShard, Shard, Spot, StoreFolder, body_name};
use put::FilePut;
use sweep::Sweeper;

const DEFAULT_PATH: &str = ".hishel_cache";
const DEFAULT_CHECK: Duration = Duration::from_secs(60);

/// Entries that are put together, at most: those of a shard share its lock.
const BATCH: usize = 64;

/// Keeps entries as files in a folder. Processes may share the folder.
///
/// Clones share one store.
#[derive(Clone)]
pub struct FileStorage {
    inner: Arc<Inner>,
}

/// [`FileStorage`] for async callers.
pub type AsyncFileStorage = Pooled<FileStorage>;

struct Inner {
    folder: StoreFolder,
    codec: Codec,
    ttl: Option<Duration>,
    sync: bool,
    sweeper: Sweeper,
}

/// Sets up a file store: `base_path` (`.hishel_cache`), `serializer` (JSON), `ttl` (none),
/// `check_ttl_every` (60 seconds), `sync` (off).
#[derive(Debug)]
pub struct FileStorageBuilder<S = FileStorage> {
    base_path: PathBuf,
    codec: Codec,
    ttl: Option<Duration>,
    check_ttl_every: Duration,
    sync: bool,
    create: bool,
    built: PhantomData<fn() -> S>,
}

impl FileStorage {
    /// Sets up a store.
    pub fn builder() -> FileStorageBuilder {
        FileStorageBuilder::default()
    }
}

impl AsyncFileStorage {
    /// Sets up a store.
    pub fn builder() -> FileStorageBuilder<Self> {
        FileStorageBuilder::default()
    }
}

impl<S> Default for FileStorageBuilder<S> {
    fn default() -> Self {
        FileStorageBuilder {
            base_path: DEFAULT_PATH.into(),
            codec: Codec::default(),
            ttl: None,
            check_ttl_every: DEFAULT_CHECK,
            sync: false,
            create: true,
            built: PhantomData,
        }
    }
}

impl<S: From<FileStorage>> FileStorageBuilder<S> {
    /// The folder. Default: `.hishel_cache` in the working directory.
    #[must_use]
    pub fn base_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.base_path = path.into();
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

    /// How often, at most, a part of the store is searched for expired entries.
    /// Default: 60 seconds.
    #[must_use]
    pub fn check_ttl_every(mut self, interval: Duration) -> Self {
        self.check_ttl_every = interval;
        self
    }

    /// Whether each commit waits until the disk has it. Default: false, as in other
    /// caches: a power failure may cost the last entries, never the store.
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }

    /// Opens the store. A folder that is missing or empty becomes one.
    ///
    /// # Errors
    /// `Store` when the folder cannot be used, holds something else, or has a layout that
    /// is newer than this build.
    pub fn build(self) -> Result<S> {
        let inner = Inner {
            folder: StoreFolder::open(self.base_path, self.create)?,
            codec: self.codec,
            ttl: self.ttl,
            sync: self.sync,
            sweeper: Sweeper::new(self.check_ttl_every),
        };
        Ok(FileStorage { inner: Arc::new(inner) }.into())
    }
}

impl Inner {
    fn read(&self, shard: &Shard, spot: &Spot) -> Result<Option<Record>> {
        let path = self.folder.path(spot);
        let file = shard.entries().and_then(|entries| match entries {
            Some(entries) => entries.read(spot.name.as_ref()),
            None => Ok(None),
        });
        match file {
            Ok(Some(file)) => Record::read(file, spot, &path, &self.codec).map(Some),
            Ok(None) => Ok(None),
            Err(e) => Err(trouble_with(&path.display().to_string(), &spot.record_name(), e)),
        }
    }

    /// The parts of a record that is about to be written anew. A damaged one gives way, for
    /// what it held is lost already; one that others may read does not.
    fn parts(&self, shard: &LockedShard, spot: &Spot) -> Result<Vec<(Recorded, Option<Bytes>)>> {
        match self.read(shard, spot) {
            Ok(record) => Ok(record.map(Record::into_parts).unwrap_or_default()),
            Err(e) if is_damage(&e) => {
                tracing::warn!("a damaged record gives way to a new one: {e:#}");
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        }
    }

    /// Writes the record of a key, or removes it when no entry is left.
    fn write(
        &self,
        shard: &LockedShard,
        spot: &Spot,
        parts: Vec<(Recorded, Option<Bytes>)>,
    ) -> Result<()> {
        let fail = |e| store_error(format!("cannot write {}", self.folder.path(spot).display()), e);
        if parts.is_empty() {
            let entries = shard.entries().map_err(fail)?;
            let remove = |entries: &Folder| entries.remove(spot.name.as_ref());
            return entries.map_or(Ok(false), remove).map(drop).map_err(fail);
        }
        let bytes = encode(parts, &self.codec)?;
        let write = || shard.made_entries()?.replace(&spot.name, &bytes, self.sync);
        write().map_err(fail)
    }

    /// Removes a large body that no record names any more. What cannot be removed is an
    /// orphan, which the clean-up finds.
    fn drop_body(shard: &Shard, place: &Place) {
        if let (Some(body), Ok(Some(bodies))) = (place.beside(), shard.bodies()) {
            let _ = bodies.remove(body.as_ref());
        }
    }

    fn identity(&self) -> Result<Identity> {
        let fail = |e| store_error(format!("cannot look at {}", self.folder.base().display()), e);
        let folder = self.folder.folder().map_err(fail)?;
        let known = folder.map_or(Ok(None), |folder| folder.identity()).map_err(fail)?;
        Ok(Identity::new(known.map(|(device, file)| format!("file {device}:{file}"))))
    }

    /// Waits for the disk with everything that was written to the folder.
    fn sync_all(&self) -> Result<()> {
        let base = self.folder.base().display();
        let fail = |e| store_error(format!("cannot wait for the disk with {base}"), e);
        let folder = self.folder.folder().map_err(fail)?;
        folder.map_or(Ok(()), |folder| folder.sync_all()).map_err(fail)
    }

    /// What has the place of a large body; `None` when nothing has.
    fn look_at_body(shard: &Shard, body: &str) -> io::Result<Option<Seen>> {
        shard.bodies()?.map_or(Ok(None), |bodies| bodies.look_at(body.as_ref()))
    }

    /// What the store shows of an entry; `None` when its large body is gone.
    fn found(
        &self,
        shard: &Shard,
        spot: &Spot,
        record: &Record,
        index: usize,
    ) -> Result<Option<Found>> {
        let entry = &record.entries[index];
        let name = spot.record_name();
        if let Some(error) = record.misplaced(index, &spot.name, &name) {
            return Err(error);
        }
        if let Some(body) = entry.place.beside() {
            let met = |problem, error: Error| {
                let path = self.folder.body_path(shard.name(), body);
                let piece = record.damaged(index, problem, &name);
                piece.met(format!("cannot read the body {}", path.display()), &error)
            };
            let unreadable =
                |why: String| met(Problem::Unreadable, Error::store(why).coded("unreadable"));
            match Self::look_at_body(shard, body) {
                Ok(Some(Seen { instead: Some(instead), .. })) => {
                    return Err(unreadable(format!("it is {instead}, not a file")));
                }
                Ok(Some(seen)) if seen.bytes == entry.head.body.bytes => {}
                Ok(Some(seen)) => {
                    let how = format!("{} bytes instead of {}", seen.bytes, entry.head.body.bytes);
                    let error = Error::codec(how).coded("body_damaged");
                    return Err(met(Problem::LengthMismatch, error));
                }
                Ok(None) => return Ok(None),
                Err(e) => return Err(unreadable(e.to_string())),
            }
        }
        record.found(index, &name).map(Some)
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileStorage({})", self.inner.folder.base().display())
    }
}

#[async_trait]
impl Backend for FileStorage {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("file");
        can.batch = BATCH;
        can.ttl = self.inner.ttl;
        can.serializer = self.inner.codec.name();
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let inner = &self.inner;
        let spot = StoreFolder::spot(key);
        let shard = inner.folder.shard(&spot.shard)?;
        let Some(record) = inner.read(&shard, &spot)? else { return Ok(Vec::new()) };
        (0..record.entries.len())
            .filter(|&i| record.entries[i].head.id.key == key)
            .filter_map(|i| inner.found(&shard, &spot, &record, i).transpose())
            .collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let spot = StoreFolder::spot(&id.key);
        let shard = self.inner.folder.shard(&spot.shard)?;
        let changed = || Error::changed(&id.key);
        let record = self.inner.read(&shard, &spot)?.ok_or_else(changed)?;
        let index = record.find(id).filter(|&i| record.entries[i].stamp == seen);
        let index = index.ok_or_else(changed)?;
        let entry = &record.entries[index];
        if let Some(body) = record.inline(index)? {
            return Ok(BodyStream::part(&body, range));
        }
        let body = entry.place.beside().ok_or_else(changed)?;
        let path = self.inner.folder.body_path(&spot.shard, body);
        let file = shard.bodies().and_then(|bodies| match bodies {
            Some(bodies) => bodies.read(body.as_ref()),
            None => Ok(None),
        });
        let file = file.map_err(|e| {
            let name = body_name(&spot.shard, body);
            trouble_with(&path.display().to_string(), &name, e)
        })?;
        let file = file.ok_or_else(changed)?;
        let (offset, bytes) = range.within(entry.head.body.bytes);
        let whole = range.covers(entry.head.body.bytes);
        let xxh3 = entry.head.body.xxh3.filter(|_| whole);
        BodyReader::file(FilePart { file, offset, bytes, xxh3, name: id.to_string() })
            .map(BodyStream::in_place)
            .map_err(|e| store_error(format!("cannot read {}", path.display()), e))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        Ok(Box::new(FilePut::begin(&self.inner, head)))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        Ok(self.inner.put_many(entries))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let inner = &self.inner;
        let spot = StoreFolder::spot(&id.key);
        let shard = inner.folder.lock(&spot.shard)?;
        let mut parts = inner.parts(&shard, &spot)?;
        let Some(at) = parts.iter().position(|(e, _)| e.head.id == *id) else {
            return Ok(Outcome::Absent);
        };
        if parts[at].0.stamp != seen {
            return Ok(Outcome::Changed);
        }
        // The one that was written last stands last, and its serializer writes the record.
        let (mut entry, body) = parts.remove(at);
        entry.head = EntryHead { id: id.clone(), body: entry.head.body, ..head };
        entry.stamp = Stamp::fresh();
        let stamp = entry.stamp;
        inner.sweeper.expect(&inner.folder, entry.head.expires_at);
        parts.push((entry, body));
        inner.write(&shard, &spot, parts)?;
        Ok(Outcome::Done(stamp))
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let spot = StoreFolder::spot(&id.key);
        let shard = self.inner.folder.lock(&spot.shard)?;
        Ok(self.inner.remove_locked(&shard, &spot, id, seen)?.map(drop))
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        stream::iter(scan::scan(&self.inner, query)).boxed()
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        Ok(self.inner.remove_many(entries))
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let spot = StoreFolder::spot(&id.key);
        let path = self.inner.folder.path(&spot);
        let fail = |e| store_error(format!("cannot note a use in {}", path.display()), e);
        let shard = self.inner.folder.shard(&spot.shard)?;
        let Some(entries) = shard.entries().map_err(fail)? else { return Ok(()) };
        let Some(file) = entries.change(&spot.name).map_err(fail)? else { return Ok(()) };
        let reader = file.try_clone().map_err(fail)?;
        let record = Record::read(reader, &spot, &path, &self.inner.codec)?;
        let Some(index) = record.find(id) else { return Ok(()) };
        let entry = &record.entries[index];
        if entry.stamp == seen {
            // The record that was opened is the one that is written, also when another
            // takes its name meanwhile: a lost count is allowed, a wrong one is not.
            let tally = tally(entry.head.uses + 1, Some(at));
            write_at(&file, &tally, record.tally_offset(index)).map_err(fail)?;
        }
        Ok(())
    }

    async fn identity(&self) -> Result<Identity> {
        self.inner.identity()
    }

    async fn sync(&self) -> Result<()> {
        self.inner.sync_all()
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for FileStorage {
    fn location(&self, id: &EntryId) -> String {
        self.inner.folder.path(&StoreFolder::spot(&id.key)).display().to_string()
    }
}

#[async_trait]
impl Upkeep for FileStorage {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::iter(remains::leftovers(&self.inner, before)).boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.inner.discard(piece)
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.inner.raw(part).map(BodyStream::in_place)
    }

    async fn usage(&self) -> Result<Usage> {
        self.inner.usage()
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        self.inner.compact(when)
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        self.inner.sweeper.run(&self.inner, now)
    }
}

impl BlockingBackend for FileStorage {}

pub(super) const DRIVER: Driver = Driver {
    kind: "file",
    reach: Reach::Path,
    default: "file:.hishel_cache",
    shares_files: false,
    takes_password: false,
    schemes: &["file"],
    about: "a folder of files; the default",
    forms: "file:PATH, file:///abs/path",
    params: &[Param {
        name: "check_ttl_every",
        default: "60s",
        about: "how often, at most, to look for expired entries",
    }],
    open: Some(open),
    open_marked: None,
};

fn open(address: &Address, access: Access) -> Result<Opened> {
    let path = place_of(address, DEFAULT_PATH)?;
    let mut builder: FileStorageBuilder = FileStorage::builder().base_path(path);
    builder.codec = super::codec_of(address)?;
    builder.ttl = address.duration("ttl")?;
    builder.check_ttl_every = address.duration("check_ttl_every")?.unwrap_or(DEFAULT_CHECK);
    builder.create = access == Access::Create;
    Ok(Opened::Blocking(Arc::new(builder.build()?)))
}
