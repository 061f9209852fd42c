//! Putting entries in their records: one whose body comes in bit by bit, or many at once.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, Result};
use crate::model::{BodyDigest, EntryHead, Stamp, hex};
use crate::serializer::{Place, Recorded};
use crate::storage::{BlockingPut, Found, Outcome, Over, Parcel, Placed};

use super::super::INLINE_LIMIT;
use super::super::private::{new_file, store_error};
use super::Inner;
use super::place::{Spot, StoreFolder, with_parent};

impl Inner {
    /// Puts an entry in the record of its key, if its place is still as it was seen; the
    /// lock on its shard is held.
    fn place_locked(
        &self,
        spot: &Spot,
        entry: Recorded,
        inline: Option<Bytes>,
        over: Over,
    ) -> Result<Outcome<Stamp>> {
        let mut parts = self.parts(spot)?;
        let old = parts.iter().position(|(e, _)| e.head.id == entry.head.id);
        // One whose body is gone counts as absent, here as for readers.
        let is_whole = |place: &Place| match place {
            Place::Beside(name) => self.folder.bodies(&spot.shard).join(name).exists(),
            Place::Inline(_) => true,
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
        self.write(spot, parts)?;
        if let Some(place) = replaced {
            self.drop_body(spot, &place);
        }
        self.sweeper.expect(&self.folder, expires_at);
        Ok(Outcome::Done(stamp))
    }

    /// See [`Backend::put_many`](crate::Backend::put_many): each shard is locked once.
    pub(super) fn put_many(self: &Arc<Self>, entries: Vec<Parcel>) -> Vec<Placed> {
        let spots: Vec<Spot> =
            entries.iter().map(|entry| StoreFolder::spot(&entry.head().id.key)).collect();
        let mut ready: Vec<Option<Parcel>> = entries.into_iter().map(Some).collect();
        self.under_locks(&spots, |i| {
            let Some(entry) = ready[i].take() else { return Ok(Outcome::Absent) };
            let (head, body, over) = entry.into_parts();
            let (place, inline) = match body.len() <= INLINE_LIMIT {
                true => (Place::Inline(0), Some(body)),
                false => (Place::Beside(self.write_body(&spots[i], &body)?), None),
            };
            let entry = Recorded { head, stamp: Stamp::fresh(), place: place.clone() };
            let placed = self.place_locked(&spots[i], entry, inline, over);
            if !matches!(placed, Ok(Outcome::Done(_))) {
                self.drop_body(&spots[i], &place);
            }
            placed
        })
    }

    /// Writes a large body that is in hand; gives its name.
    fn write_body(&self, spot: &Spot, body: &[u8]) -> Result<String> {
        let (mut file, path, name) = self.new_body(spot).map_err(|e| self.no_body(spot, e))?;
        let written = file.write_all(body).and_then(|()| self.end_body(&file));
        written.map_err(|e| {
            let _ = fs::remove_file(path);
            self.no_body(spot, e)
        })?;
        Ok(name)
    }

    /// A file for a large body, under a name that was never used.
    fn new_body(&self, spot: &Spot) -> io::Result<(File, PathBuf, String)> {
        let nonce = hex(&Stamp::fresh().to_bytes()[..8]);
        let name = format!("{}.{nonce}", spot.name);
        let path = self.folder.bodies(&spot.shard).join(&name);
        let file = with_parent(&path, || new_file().open(&path))?;
        Ok((file, path, name))
    }

    fn end_body(&self, file: &File) -> io::Result<()> {
        if self.sync { file.sync_all() } else { Ok(()) }
    }

    fn no_body(&self, spot: &Spot, error: io::Error) -> Error {
        store_error(format!("cannot store a body of {}", spot.name), error)
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
    Large { file: io::BufWriter<File>, path: PathBuf, name: String },
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

    /// Moves the body out of memory into a file of its own.
    fn outgrow(&self) -> io::Result<(io::BufWriter<File>, PathBuf, String)> {
        let (file, path, name) = self.inner.new_body(&self.spot)?;
        Ok((io::BufWriter::with_capacity(WRITE_BUFFER, file), path, name))
    }
}

impl BlockingPut for FilePut {
    fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        if let Incoming::Small(body) = &mut self.body {
            if body.len() + chunk.len() <= INLINE_LIMIT {
                body.extend_from_slice(&chunk);
                return Ok(());
            }
            let begun = std::mem::take(body);
            let (mut file, path, name) = self.outgrow().map_err(|e| self.fail(e))?;
            let written = file.write_all(&begun);
            self.body = Incoming::Large { file, path, name };
            written.map_err(|e| self.fail(e))?;
        }
        let Incoming::Large { file, .. } = &mut self.body else { return Ok(()) };
        let written = file.write_all(&chunk);
        written.map_err(|e| self.fail(e))
    }

    fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let (place, inline) = match &mut self.body {
            Incoming::Small(body) => (Place::Inline(0), Some(std::mem::take(body).freeze())),
            Incoming::Large { file, name, .. } => {
                let flushed = file.flush().and_then(|()| self.inner.end_body(file.get_ref()));
                let place = Place::Beside(name.clone());
                flushed.map_err(|e| self.fail(e))?;
                (place, None)
            }
        };
        let head = EntryHead { body: self.digest.clone().finish(), ..self.head.clone() };
        let inner = Arc::clone(&self.inner);
        let placed = {
            let _lock = inner.folder.lock(&self.spot.shard)?;
            let entry = Recorded { head: head.clone(), stamp: Stamp::fresh(), place };
            inner.place_locked(&self.spot, entry, inline.clone(), over)?
        };
        let stamp = match placed {
            Outcome::Done(stamp) => stamp,
            // What has come in goes again when this is dropped.
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        // Named by the record now: no longer ours to remove.
        self.body = Incoming::Small(BytesMut::new());
        let stored_bytes = head.body.bytes + 1024;
        Ok(Outcome::Done(Found::whole(head, stamp, inline, stored_bytes)))
    }
}

/// Nothing stays of what was not committed.
impl Drop for FilePut {
    fn drop(&mut self) {
        if let Incoming::Large { path, .. } = &self.body {
            let _ = fs::remove_file(path);
        }
    }
}
