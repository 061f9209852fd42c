//! Cleaning up: many removals at once, damaged records, what nothing needs, what it all takes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp, Timestamp};
use crate::serializer::{Place, Recorded};
use crate::storage::{
    BodyReader, Compact, FilePart, Items, Outcome, Part, Piece, Problem, Removed, Usage, is_damage,
};

use super::super::folder::{Folder, Seen};
use super::super::private::store_error;
use super::super::record::{is_name, name_of, record_of};
use super::Inner;
use super::place::{LockedShard, Shard, Spot, StoreFolder, body_name, shard_of};
use super::record::{Record, trouble_with};
use super::scan::record_names;

/// The regular files of a folder whose names are meant, with what is known of them.
fn files_in(
    folder: io::Result<Option<&Folder>>,
    is_meant: impl Fn(&str) -> bool,
) -> io::Result<Vec<(String, Seen)>> {
    let Some(folder) = folder? else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for name in folder.names()? {
        let Some(name) = name.into_string().ok().filter(|name| is_meant(name)) else { continue };
        // What is removed meanwhile is not there.
        if let Some(seen) = folder.look_at(name.as_ref())?.filter(|seen| seen.instead.is_none()) {
            files.push((name, seen));
        }
    }
    Ok(files)
}

/// Whether a name is one that an unfinished write has.
fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

/// What a record takes on the disk.
fn record_on_disk(shard: &Shard, spot: &Spot) -> u64 {
    let seen = shard.entries().ok().flatten().map(|folder| folder.look_at(spot.name.as_ref()));
    seen.and_then(Result::ok).flatten().map_or(0, |seen| seen.disk_bytes)
}

/// What a large body takes on the disk.
fn body_on_disk(shard: &Shard, place: &Place) -> u64 {
    let seen = place.beside().map(|body| Inner::look_at_body(shard, body));
    seen.and_then(Result::ok).flatten().map_or(0, |seen| seen.disk_bytes)
}

/// A file of the store, by the name that the store has for it.
enum Named {
    Record(Spot),
    Unfinished { shard: String, file: String },
    Body { record: Spot, body: String },
}

impl Named {
    /// What a piece's name stands for; `None` when this store would not give it.
    fn of(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let [folder, shard, file] = parts[..] else { return None };
        let spot = |record: &str| {
            let is_ours = is_name(record) && shard_of(record) == shard;
            is_ours.then(|| Spot { shard: shard.to_owned(), name: record.to_owned() })
        };
        let is_shard = StoreFolder::shards().any(|known| known == shard);
        match folder {
            "entries" if is_shard && is_unfinished(file) => {
                Some(Named::Unfinished { shard: shard.to_owned(), file: file.to_owned() })
            }
            "entries" => spot(file).map(Named::Record),
            "bodies" => {
                Some(Named::Body { record: spot(record_of(file)?)?, body: file.to_owned() })
            }
            _ => None,
        }
    }

    fn shard(&self) -> &str {
        match self {
            Named::Record(spot) | Named::Body { record: spot, .. } => &spot.shard,
            Named::Unfinished { shard, .. } => shard,
        }
    }

    /// The folder that it lies in.
    fn folder<'a>(&self, shard: &'a Shard) -> io::Result<Option<&'a Folder>> {
        match self {
            Named::Body { .. } => shard.bodies(),
            Named::Record(_) | Named::Unfinished { .. } => shard.entries(),
        }
    }

    fn file(&self) -> &str {
        match self {
            Named::Record(spot) => &spot.name,
            Named::Unfinished { file, .. } | Named::Body { body: file, .. } => file,
        }
    }
}

impl Inner {
    /// Removes entries shard by shard, so that each lock is taken once.
    pub(super) fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Vec<Removed> {
        let spots: Vec<Spot> = entries.iter().map(|(id, _)| StoreFolder::spot(&id.key)).collect();
        self.under_locks(&spots, |shard, i| {
            let (id, stamp) = &entries[i];
            self.remove_locked(shard, &spots[i], id, Some(*stamp))
        })
    }

    /// Does something with each of many entries, a shard at a time under its lock; gives
    /// what came out in their order.
    pub(super) fn under_locks<T>(
        &self,
        spots: &[Spot],
        mut work: impl FnMut(&LockedShard, usize) -> Result<Outcome<T>>,
    ) -> Vec<Result<Outcome<T>>> {
        let mut order: Vec<usize> = (0..spots.len()).collect();
        order.sort_by(|&a, &b| spots[a].shard.cmp(&spots[b].shard));
        let mut outcomes: Vec<_> = spots.iter().map(|_| Ok(Outcome::Absent)).collect();
        for places in order.chunk_by(|&a, &b| spots[a].shard == spots[b].shard) {
            let shard = self.folder.lock(&spots[places[0]].shard);
            for &i in places {
                outcomes[i] = match &shard {
                    Ok(shard) => work(shard, i),
                    Err(e) => Err(e.again()),
                };
            }
        }
        outcomes
    }

    /// Removes one entry of a shard; gives the bytes that are free now.
    pub(super) fn remove_locked(
        &self,
        shard: &LockedShard,
        spot: &Spot,
        id: &EntryId,
        seen: Option<Stamp>,
    ) -> Result<Outcome<u64>> {
        let mut parts = self.parts(shard, spot)?;
        let Some(at) = parts.iter().position(|(e, _)| e.head.id == *id) else {
            return Ok(Outcome::Absent);
        };
        if seen.is_some_and(|seen| seen != parts[at].0.stamp) {
            return Ok(Outcome::Changed);
        }
        let (entry, _) = parts.remove(at);
        self.write_without(shard, spot, parts, &entry.place).map(Outcome::Done)
    }

    /// Writes a record that an entry has left, and removes the body of that; gives the bytes
    /// that are free now.
    fn write_without(
        &self,
        shard: &LockedShard,
        spot: &Spot,
        parts: Vec<(Recorded, Option<bytes::Bytes>)>,
        place: &Place,
    ) -> Result<u64> {
        let before = record_on_disk(shard, spot) + body_on_disk(shard, place);
        self.write(shard, spot, parts)?;
        Self::drop_body(shard, place);
        Ok(before.saturating_sub(record_on_disk(shard, spot)))
    }

    /// See [`Backend::discard`](crate::Backend::discard).
    pub(super) fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((id, stamp)) = &piece.entry {
            return self.discard_entry(id, *stamp);
        }
        let named = Named::of(&piece.name).ok_or_else(|| no_piece(&piece.name))?;
        let shard = self.folder.lock(named.shard())?;
        let fail = |e| store_error(format!("cannot remove {}", piece.name), e);
        let Some(folder) = named.folder(&shard).map_err(fail)? else { return Ok(Outcome::Absent) };
        let seen = folder.look_at(named.file().as_ref()).map_err(fail)?;
        let Some(seen) = seen else { return Ok(Outcome::Absent) };
        let is_still = match &named {
            _ if seen.instead.is_some() || piece.problem.is_unknown() => false,
            Named::Unfinished { .. } => true,
            Named::Record(spot) if piece.problem == Problem::KeyMismatch => {
                !self.is_in_place(&shard, spot)?
            }
            Named::Record(spot) => self.is_damaged(&shard, spot)?,
            Named::Body { record, body } => !self.names_body(&shard, record, body),
        };
        if !is_still {
            return Ok(Outcome::Changed);
        }
        folder.remove(named.file().as_ref()).map_err(fail)?;
        Ok(Outcome::Done(seen.disk_bytes))
    }

    /// Removes an entry whose body is damaged or gone. Writing a record leaves out bodies
    /// that are damaged in it, so this one is not looked for among what is to be written.
    fn discard_entry(&self, id: &EntryId, stamp: Stamp) -> Result<Outcome<u64>> {
        let spot = StoreFolder::spot(&id.key);
        let shard = self.folder.lock(&spot.shard)?;
        let Some(record) = self.read(&shard, &spot)? else { return Ok(Outcome::Absent) };
        let Some(at) = record.find(id) else { return Ok(Outcome::Absent) };
        if record.entries[at].stamp != stamp {
            return Ok(Outcome::Changed);
        }
        let place = record.entries[at].place.clone();
        let mut parts = record.into_parts();
        parts.retain(|(entry, _)| entry.head.id != *id);
        self.write_without(&shard, &spot, parts, &place).map(Outcome::Done)
    }

    /// Whether a record still cannot be decoded; that it cannot be read is something else.
    fn is_damaged(&self, shard: &Shard, spot: &Spot) -> Result<bool> {
        match self.read(shard, spot) {
            Ok(_) => Ok(false),
            Err(e) if is_damage(&e) => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Whether something in a record belongs there.
    fn is_in_place(&self, shard: &Shard, spot: &Spot) -> Result<bool> {
        let belongs = |entry: &Recorded| name_of(&entry.head.id.key) == spot.name;
        let record = self.read(shard, spot)?;
        Ok(record.is_some_and(|record| record.entries.iter().any(belongs)))
    }

    /// Whether the record of a body names it; one that cannot be read might.
    fn names_body(&self, shard: &Shard, spot: &Spot, body: &str) -> bool {
        match self.read(shard, spot) {
            Ok(Some(record)) => record.entries.iter().any(|e| e.place.beside() == Some(body)),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) fn raw(&self, part: Part) -> Result<BodyReader> {
        let (named, name) = match part {
            Part::Record(id) => (Named::Record(StoreFolder::spot(&id.key)), id.to_string()),
            Part::Piece(name) => (Named::of(&name).ok_or_else(|| no_piece(&name))?, name),
            Part::Beside(piece) => {
                let body = self.body_beside(&piece)?.ok_or_else(|| no_piece(&piece.name))?;
                (body, piece.name)
            }
        };
        self.raw_of(&named, name)
    }

    /// The large body of the entry that a piece is about.
    fn body_beside(&self, piece: &Piece) -> Result<Option<Named>> {
        let Some((id, stamp)) = &piece.entry else { return Ok(None) };
        let spot = StoreFolder::spot(&id.key);
        let Some(record) = self.read(&self.folder.shard(&spot.shard)?, &spot)? else {
            return Ok(None);
        };
        let entry = record.find(id).map(|at| &record.entries[at]);
        let entry = entry.filter(|entry| entry.stamp == *stamp);
        let body = entry.and_then(|entry| entry.place.beside());
        Ok(body.map(|body| Named::Body { record: spot, body: body.to_owned() }))
    }

    /// The bytes of a file as they are, damaged or not.
    fn raw_of(&self, named: &Named, name: String) -> Result<BodyReader> {
        let shard = self.folder.shard(named.shard())?;
        let file = named.folder(&shard).and_then(|folder| match folder {
            Some(folder) => folder.read(named.file().as_ref()),
            None => Ok(None),
        });
        let file = file.map_err(|e| trouble_with(&name, &name, e))?;
        let absent = || Error::new(ErrorKind::NotFound, format!("{name} is not there"));
        let file = file.ok_or_else(absent)?;
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        BodyReader::file(FilePart { file, offset: 0, bytes, xxh3: None, name: name.clone() })
            .map_err(|e| store_error(format!("cannot read {name}"), e))
    }

    /// See [`Backend::usage`](crate::Backend::usage).
    pub(super) fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let mut disk = 0;
        for name in StoreFolder::shards() {
            let shard = self.folder.shard(&name)?;
            let fail = |e| store_error(format!("cannot look into the shard {name}"), e);
            let is_ours = |file: &str| is_name(file) || is_unfinished(file);
            for (file, seen) in files_in(shard.entries(), is_ours).map_err(fail)? {
                disk += seen.disk_bytes;
                if is_name(&file) {
                    usage.entries += 1;
                    usage.stored_bytes += seen.bytes;
                }
            }
            let is_body = |file: &str| record_of(file).is_some();
            for (_, seen) in files_in(shard.bodies(), is_body).map_err(fail)? {
                disk += seen.disk_bytes;
                usage.stored_bytes += seen.bytes;
            }
        }
        Ok(Usage { disk_bytes: Some(disk), ..usage })
    }

    /// Removes folders that hold nothing any more.
    pub(super) fn compact(&self, when: Compact) -> Result<()> {
        if when == Compact::Never {
            return Ok(());
        }
        for name in StoreFolder::shards() {
            // One that is not empty stays; one that a writer needs is made again.
            if let Some(shard) = self.folder.lock_existing(&name) {
                shard.remove_empty_bodies();
                shard.remove_empty_entries();
            }
        }
        Ok(())
    }
}

fn no_piece(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no piece {name}"))
}

/// Unfinished files, bodies that no record names, entries whose body is gone.
pub(super) fn leftovers(inner: &Arc<Inner>, before: Timestamp) -> Items<Piece> {
    let inner = Arc::clone(inner);
    Box::new(
        StoreFolder::shards().flat_map(move |shard| {
            inner.leftovers_in(&shard, before).unwrap_or_else(|e| vec![Err(e)])
        }),
    )
}

impl Inner {
    fn leftovers_in(&self, name: &str, before: Timestamp) -> Result<Vec<Result<Piece>>> {
        let shard = self.folder.shard(name)?;
        let path: PathBuf = self.folder.base().join("entries").join(name);
        let fail = |e| store_error(format!("cannot look into {}", path.display()), e);
        let is_old = |seen: &Seen| seen.modified < before.micros().div_euclid(1_000_000);
        let mut pieces = Vec::new();
        for (file, seen) in files_in(shard.entries(), is_unfinished).map_err(fail)? {
            if is_old(&seen) {
                let name = format!("entries/{name}/{file}");
                let piece = Piece::new(Problem::Unfinished, name, seen.bytes);
                pieces.push(Ok(piece.because("a write that was interrupted")));
            }
        }
        let is_ours = |file: &str| record_of(file).is_some_and(|record| shard_of(record) == name);
        for (file, seen) in files_in(shard.bodies(), is_ours).map_err(fail)? {
            let Some(record) = record_of(&file) else { continue };
            let spot = Spot { shard: name.to_owned(), name: record.to_owned() };
            if is_old(&seen) && !self.names_body(&shard, &spot, &file) {
                let piece = Piece::new(Problem::OrphanBody, body_name(name, &file), seen.bytes);
                pieces.push(Ok(piece.because("no record names it")));
            }
        }
        for record in record_names(&self.folder, &shard)? {
            let spot = Spot { shard: name.to_owned(), name: record };
            // One that cannot be read is what a scan shows.
            if let Ok(Some(record)) = self.read(&shard, &spot) {
                pieces.extend(bodiless(&shard, &spot, &record).map(Ok));
            }
        }
        Ok(pieces)
    }
}

/// Entries of a record whose large body is gone.
fn bodiless<'a>(
    shard: &'a Shard,
    spot: &Spot,
    record: &'a Record,
) -> impl Iterator<Item = Piece> + use<'a> {
    let name = spot.record_name();
    let is_gone = |i: &usize| {
        let body = record.entries[*i].place.beside();
        body.is_some_and(|body| matches!(Inner::look_at_body(shard, body), Ok(None)))
    };
    (0..record.entries.len())
        .filter(is_gone)
        .map(move |i| record.damaged(i, Problem::OrphanIndex, &name).because("its body is gone"))
}
