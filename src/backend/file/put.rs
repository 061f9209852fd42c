//! Putting entries in their records: one whose body comes in bit by bit, or many at once.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::error::{Error, Result};
use crate::model::{BodyDigest, EntryHead, Stamp, hex};
use crate::serializer::{Place, Recorded};
use crate::storage::{Found, Outcome, Over, Parcel, Placed, Put};

use super::super::INLINE_LIMIT;
use super::super::folder::Folder;
use super::super::private::store_error;
use super::Inner;
use super::place::{LockedShard, Shard, Spot, StoreFolder};

impl Inner {
    /// Puts an entry in the record of its key, if its place is still as it was seen; the
    /// lock on its shard is held.
    fn place_locked(
        &self,
        shard: &LockedShard,
        spot: &Spot,
        entry: Recorded,
        inline: Option<Bytes>,
        over: Over,
    ) -> Result<Outcome<Stamp>> {
        let mut parts = self.parts(shard, spot)?;
        let old = parts.iter().position(|(e, _)| e.head.id == entry.head.id);
        // One whose body is gone counts as absent, here as for readers.
        let is_whole = |place: &Place| {
            place.beside().is_none_or(|body| !matches!(Self::look_at_body(shard, body), Ok(None)))
        };
        let there = old.map(|at| &parts[at].0).filter(|entry| is_whole(&entry.place));
        match over.check(there.map(|entry| entry.stamp)) {
            Outcome::Done(()) => {}
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        }
        let replaced = old.map(|at| parts.remove(at).0.place);
        let (stamp, expires_at) = (entry.stamp, entry.head.expires_at);
        parts.push((entry, inline));
        self.write(shard, spot, parts)?;
        if let Some(place) = replaced {
            Self::drop_body(shard, &place);
        }
        self.sweeper.expect(&self.folder, expires_at);
        Ok(Outcome::Done(stamp))
    }

    /// See [`Backend::put_many`](crate::Backend::put_many): each shard is locked once.
    pub(super) fn put_many(self: &Arc<Self>, entries: Vec<Parcel>) -> Vec<Placed> {
        let spots: Vec<Spot> =
            entries.iter().map(|entry| StoreFolder::spot(&entry.head().id.key)).collect();
        let mut ready: Vec<Option<Parcel>> = entries.into_iter().map(Some).collect();
        self.under_locks(&spots, |shard, i| {
            let Some(entry) = ready[i].take() else { return Ok(Outcome::Absent) };
            let (head, body, over) = entry.into_parts();
            let (place, inline) = match body.len() <= INLINE_LIMIT {
                true => (Place::Inline(0), Some(body)),
                false => (Place::Beside(self.write_body(shard, &spots[i], &body)?), None),
            };
            let entry = Recorded { head, stamp: Stamp::fresh(), place: place.clone() };
            let placed = self.place_locked(shard, &spots[i], entry, inline, over);
            if !matches!(placed, Ok(Outcome::Done(_))) {
                Self::drop_body(shard, &place);
            }
            placed
        })
    }

    /// Writes a large body that is in hand; gives its name.
    fn write_body(&self, shard: &Shard, spot: &Spot, body: &[u8]) -> Result<String> {
        let mut new = NewBody::begin(shard, spot).map_err(|e| self.no_body(spot, e))?;
        let written = new.file.write_all(body).and_then(|()| new.end(self.sync));
        written.map_err(|e| self.no_body(spot, e))?;
        Ok(new.keep())
    }

    fn no_body(&self, spot: &Spot, error: io::Error) -> Error {
        store_error(format!("cannot store a body of {}", spot.name), error)
    }
}

/// A file for a large body, under a name that was never used. It goes when this is dropped,
/// unless it is kept.
struct NewBody {
    file: io::BufWriter<File>,
    folder: Folder,
    name: String,
    kept: bool,
}

impl NewBody {
    fn begin(shard: &Shard, spot: &Spot) -> io::Result<Self> {
        let nonce = hex(&Stamp::fresh().to_bytes()[..8]);
        let name = format!("{}.{nonce}", spot.name);
        let (folder, file) = shard.make_body(&name)?;
        let file = io::BufWriter::with_capacity(WRITE_BUFFER, file);
        Ok(NewBody { file, folder, name, kept: false })
    }

    /// All of it was written. `sync`: the disk has it when this returns.
    fn end(&mut self, sync: bool) -> io::Result<()> {
        self.file.flush()?;
        if sync { self.file.get_ref().sync_all() } else { Ok(()) }
    }

    /// A record names it from now on. Gives its name.
    fn keep(mut self) -> String {
        self.kept = true;
        std::mem::take(&mut self.name)
    }
}

impl Drop for NewBody {
    fn drop(&mut self) {
        if !self.kept {
            let _ = self.folder.remove(self.name.as_ref());
        }
    }
}

/// An entry on its way into the folder.
pub(super) struct FilePut {
    inner: Arc<Inner>,
    spot: Spot,
    head: EntryHead,
    digest: BodyDigest,
    body: Incoming,
}

enum Incoming {
    /// Small enough for the record, up to now.
    Small(BytesMut),
    /// In a file that nothing names yet.
    Large(NewBody),
}

const WRITE_BUFFER: usize = 256 * 1024;

impl FilePut {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        FilePut {
            inner: Arc::clone(inner),
            spot: StoreFolder::spot(&head.id.key),
            head,
            digest: BodyDigest::new(),
            body: Incoming::Small(BytesMut::new()),
        }
    }

    fn fail(&self, error: io::Error) -> Error {
        store_error(format!("cannot store {}", self.head.id), error)
    }

    /// A file for the body, which has become too large for the record.
    fn outgrow(&self) -> Result<NewBody> {
        let shard = self.inner.folder.shard(&self.spot.shard)?;
        NewBody::begin(&shard, &self.spot).map_err(|e| self.fail(e))
    }
}

#[async_trait]
impl Put for FilePut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        if let Incoming::Small(body) = &mut self.body {
            if body.len() + chunk.len() <= INLINE_LIMIT {
                body.extend_from_slice(&chunk);
                return Ok(());
            }
            let begun = std::mem::take(body);
            let mut new = self.outgrow()?;
            let written = new.file.write_all(&begun);
            self.body = Incoming::Large(new);
            written.map_err(|e| self.fail(e))?;
        }
        let Incoming::Large(new) = &mut self.body else { return Ok(()) };
        let written = new.file.write_all(&chunk);
        written.map_err(|e| self.fail(e))
    }

    /// Nothing stays of what is not committed: a new body goes when it is dropped.
    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let (place, inline) = match &mut self.body {
            Incoming::Small(body) => (Place::Inline(0), Some(std::mem::take(body).freeze())),
            Incoming::Large(new) => {
                let place = Place::Beside(new.name.clone());
                let ended = new.end(self.inner.sync);
                ended.map_err(|e| self.fail(e))?;
                (place, None)
            }
        };
        let head = EntryHead { body: self.digest.clone().finish(), ..self.head.clone() };
        let placed = {
            let shard = self.inner.folder.lock(&self.spot.shard)?;
            let entry = Recorded { head: head.clone(), stamp: Stamp::fresh(), place };
            self.inner.place_locked(&shard, &self.spot, entry, inline.clone(), over)?
        };
        let stamp = match placed {
            Outcome::Done(stamp) => stamp,
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        if let Incoming::Large(new) = self.body {
            new.keep();
        }
        let stored_bytes = head.body.bytes + 1024;
        Ok(Outcome::Done(Found::whole(head, stamp, inline, stored_bytes)))
    }
}
