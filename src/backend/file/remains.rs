//! Cleaning up: many removals at once, damaged records, what nothing needs, what it all takes.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp, Timestamp};
use crate::serializer::{Place, Recorded};
use crate::storage::{
    BlockingPieces, BodyReader, Compact, FilePart, Outcome, Part, Piece, Problem, Removed, Usage,
    is_damage,
};

use super::super::private::store_error;
use super::super::record::name_of;
use super::Inner;
use super::place::{Spot, StoreFolder};
use super::record::{Record, name_below};
use super::scan::record_names;

/// What a file takes on the disk.
#[cfg(unix)]
fn disk_bytes(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(meta) * 512
}

#[cfg(not(unix))]
fn disk_bytes(meta: &Metadata) -> u64 {
    meta.len()
}

fn on_disk(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |meta| disk_bytes(&meta))
}

/// What lies in a folder, and how it is called within the store.
struct Lying {
    name: String,
    path: PathBuf,
    meta: Metadata,
}

fn files_in(folder: &Path) -> impl Iterator<Item = Lying> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let path = entry.path();
        let meta = entry.metadata().ok().filter(Metadata::is_file)?;
        Some(Lying { name: entry.file_name().into_string().ok()?, path, meta })
    })
}

impl Lying {
    fn is_older_than(&self, before: Timestamp) -> bool {
        self.meta.modified().is_ok_and(|at| Timestamp::from(at) < before)
    }

    fn piece(&self, problem: Problem) -> Piece {
        Piece::new(problem, name_below(&self.path), self.meta.len())
    }
}

impl Inner {
    /// Removes entries shard by shard, so that each lock is taken once.
    pub(super) fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Vec<Removed> {
        let spots: Vec<Spot> = entries.iter().map(|(id, _)| StoreFolder::spot(&id.key)).collect();
        self.under_locks(&spots, |i| {
            let (id, stamp) = &entries[i];
            self.remove_locked(&spots[i], id, Some(*stamp))
        })
    }

    /// Does something with each of many entries, a shard at a time under its lock; gives
    /// what came out in their order.
    pub(super) fn under_locks<T>(
        &self,
        spots: &[Spot],
        mut work: impl FnMut(usize) -> Result<Outcome<T>>,
    ) -> Vec<Result<Outcome<T>>> {
        let mut order: Vec<usize> = (0..spots.len()).collect();
        order.sort_by(|&a, &b| spots[a].shard.cmp(&spots[b].shard));
        let mut outcomes: Vec<_> = spots.iter().map(|_| Ok(Outcome::Absent)).collect();
        for places in order.chunk_by(|&a, &b| spots[a].shard == spots[b].shard) {
            let lock = self.folder.lock(&spots[places[0]].shard);
            for &i in places {
                outcomes[i] = match &lock {
                    Ok(_) => work(i),
                    Err(e) => Err(e.again()),
                };
            }
        }
        outcomes
    }

    /// Removes one entry of a shard whose lock is held; gives the bytes that are free now.
    pub(super) fn remove_locked(
        &self,
        spot: &Spot,
        id: &EntryId,
        seen: Option<Stamp>,
    ) -> Result<Outcome<u64>> {
        let path = self.folder.record(spot);
        let mut parts = self.parts(spot)?;
        let Some(at) = parts.iter().position(|(e, _)| e.head.id == *id) else {
            return Ok(Outcome::Absent);
        };
        if seen.is_some_and(|seen| seen != parts[at].0.stamp) {
            return Ok(Outcome::Changed);
        }
        let before = on_disk(&path);
        let (entry, _) = parts.remove(at);
        let body = self.body_path(spot, &entry.place).map_or(0, |body| on_disk(&body));
        let is_last = parts.is_empty();
        self.write(spot, parts)?;
        self.drop_body(spot, &entry.place);
        let after = if is_last { 0 } else { on_disk(&path) };
        Ok(Outcome::Done((before + body).saturating_sub(after)))
    }

    fn body_path(&self, spot: &Spot, place: &Place) -> Option<PathBuf> {
        match place {
            Place::Beside(name) => Some(self.folder.bodies(&spot.shard).join(name)),
            Place::Inline(_) => None,
        }
    }

    /// The file behind a piece's name, if it is one that this store would give.
    fn path_of(&self, name: &str) -> Result<(PathBuf, Spot)> {
        let parts: Vec<&str> = name.split('/').collect();
        match parts[..] {
            [folder @ ("entries" | "bodies"), shard, file]
                if shard.len() == 2 && !file.is_empty() && file != "." && file != ".." =>
            {
                let path = self.folder.base().join(folder).join(shard).join(file);
                let record = file.split('.').next().unwrap_or_default().to_owned();
                Ok((path, Spot { shard: shard.to_owned(), name: record }))
            }
            _ => Err(Error::new(ErrorKind::NotFound, format!("there is no piece {name}"))),
        }
    }

    /// See [`Backend::discard`](crate::Backend::discard).
    pub(super) fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((id, stamp)) = &piece.entry {
            return self.discard_entry(id, *stamp);
        }
        let (path, spot) = self.path_of(&piece.name)?;
        let _lock = self.folder.lock(&spot.shard)?;
        let bytes = on_disk(&path);
        match piece.problem {
            _ if !path.exists() => return Ok(Outcome::Absent),
            Problem::Undecodable if !self.is_damaged(&spot)? => return Ok(Outcome::Changed),
            Problem::OrphanBody if self.names_body(&spot, &path) => return Ok(Outcome::Changed),
            Problem::KeyMismatch if self.is_in_place(&spot)? => return Ok(Outcome::Changed),
            _ => {}
        }
        fs::remove_file(&path)
            .map_err(|e| store_error(format!("cannot remove {}", path.display()), e))?;
        Ok(Outcome::Done(bytes))
    }

    /// Removes an entry whose body is damaged or gone. Writing a record leaves out bodies
    /// that are damaged in it, so this one is not looked for among what is to be written.
    fn discard_entry(&self, id: &EntryId, stamp: Stamp) -> Result<Outcome<u64>> {
        let spot = StoreFolder::spot(&id.key);
        let _lock = self.folder.lock(&spot.shard)?;
        let path = self.folder.record(&spot);
        let Some(record) = self.read(&spot)? else { return Ok(Outcome::Absent) };
        let Some(at) = record.find(id) else { return Ok(Outcome::Absent) };
        if record.entries[at].stamp != stamp {
            return Ok(Outcome::Changed);
        }
        let place = record.entries[at].place.clone();
        let body = self.body_path(&spot, &place).map_or(0, |body| on_disk(&body));
        let before = on_disk(&path);
        let mut parts = record.into_parts();
        parts.retain(|(entry, _)| entry.head.id != *id);
        self.write(&spot, parts)?;
        self.drop_body(&spot, &place);
        Ok(Outcome::Done((before + body).saturating_sub(on_disk(&path))))
    }

    /// Whether a record still cannot be decoded; that it cannot be read is something else.
    fn is_damaged(&self, spot: &Spot) -> Result<bool> {
        match self.read(spot) {
            Ok(_) => Ok(false),
            Err(e) if is_damage(&e) => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Whether something in a record belongs there.
    fn is_in_place(&self, spot: &Spot) -> Result<bool> {
        let belongs = |entry: &Recorded| name_of(&entry.head.id.key) == spot.name;
        let record = self.read(spot)?;
        Ok(record.is_some_and(|record| record.entries.iter().any(belongs)))
    }

    /// Whether the record of a body names it; one that cannot be read might.
    fn names_body(&self, spot: &Spot, body: &Path) -> bool {
        match self.read(spot) {
            Ok(Some(record)) => names(&record, body),
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) fn raw(&self, part: Part) -> Result<BodyReader> {
        let (path, name) = match part {
            Part::Record(id) => (self.folder.record(&StoreFolder::spot(&id.key)), id.to_string()),
            Part::Piece(name) => (self.path_of(&name)?.0, name),
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(Error::new(ErrorKind::NotFound, format!("{name} is not there")));
            }
            Err(e) => return Err(store_error(format!("cannot open {}", path.display()), e)),
        };
        let bytes = file.metadata().map_or(0, |meta| meta.len());
        BodyReader::file(FilePart { file, offset: 0, bytes, xxh3: None, name })
            .map_err(|e| store_error(format!("cannot read {}", path.display()), e))
    }

    /// See [`Backend::usage`](crate::Backend::usage).
    pub(super) fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let mut disk = 0;
        for shard in StoreFolder::shards() {
            for lying in files_in(&self.folder.entries(&shard)) {
                disk += disk_bytes(&lying.meta);
                if !lying.name.starts_with('.') {
                    usage.entries += 1;
                    usage.stored_bytes += lying.meta.len();
                }
            }
            for lying in files_in(&self.folder.bodies(&shard)) {
                disk += disk_bytes(&lying.meta);
                usage.stored_bytes += lying.meta.len();
            }
        }
        Ok(Usage { disk_bytes: Some(disk), ..usage })
    }

    /// Removes folders that hold nothing any more.
    pub(super) fn compact(&self, when: Compact) -> Result<()> {
        if when == Compact::Never {
            return Ok(());
        }
        for shard in StoreFolder::shards() {
            // One that is not empty stays; one that a writer needs is made again.
            let _ = fs::remove_dir(self.folder.bodies(&shard));
            if let Ok(_lock) = self.folder.lock_existing(&shard) {
                let _ = fs::remove_dir(self.folder.entries(&shard));
            }
        }
        Ok(())
    }
}

fn names(record: &Record, body: &Path) -> bool {
    let name = body.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_it = |place: &Place| matches!(place, Place::Beside(beside) if beside == name);
    record.entries.iter().any(|entry| is_it(&entry.place))
}

/// Unfinished files, bodies that no record names, entries whose body is gone.
pub(super) fn leftovers(inner: &Arc<Inner>, before: Timestamp) -> BlockingPieces {
    let inner = Arc::clone(inner);
    Box::new(StoreFolder::shards().flat_map(move |shard| inner.leftovers_in(&shard, before)))
}

impl Inner {
    fn leftovers_in(&self, shard: &str, before: Timestamp) -> Vec<Result<Piece>> {
        let mut pieces = Vec::new();
        let unfinished = files_in(&self.folder.entries(shard))
            .filter(|lying| lying.name.starts_with('.') && lying.is_older_than(before));
        pieces.extend(unfinished.map(|lying| {
            Ok(lying.piece(Problem::Unfinished).because("a write that was interrupted"))
        }));
        for lying in files_in(&self.folder.bodies(shard)) {
            let record = lying.name.split('.').next().unwrap_or_default().to_owned();
            let spot = Spot { shard: shard.to_owned(), name: record };
            if lying.is_older_than(before) && !self.names_body(&spot, &lying.path) {
                pieces.push(Ok(lying.piece(Problem::OrphanBody).because("no record names it")));
            }
        }
        let names = match record_names(&self.folder, shard) {
            Ok(names) => names,
            Err(e) => return vec![Err(e)],
        };
        for name in names {
            let spot = Spot { shard: shard.to_owned(), name };
            if let Ok(Some(record)) = self.read(&spot) {
                pieces.extend(self.bodiless(&spot, &record).into_iter().map(Ok));
            }
        }
        pieces
    }

    /// Entries of a record whose large body is gone.
    fn bodiless(&self, spot: &Spot, record: &Record) -> Vec<Piece> {
        let name = name_below(&self.folder.record(spot));
        let is_gone = |&i: &usize| {
            self.body_path(spot, &record.entries[i].place).is_some_and(|body| !body.exists())
        };
        (0..record.entries.len())
            .filter(is_gone)
            .map(|i| record.damaged(i, Problem::OrphanIndex, &name).because("its body is gone"))
            .collect()
    }
}
