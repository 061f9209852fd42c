//! The folder of a file store: its marker, its shards, its names.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::hex;

use super::super::folder::Folder;
use super::super::marker;
use super::super::private::{create_dir_all, store_error};
use super::super::record::name_of;

const MARKER: &str = "cachectl.json";
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is an HTTP cache of cachectl; backups may leave it out.\n";

/// The parts of a store's folder, each with a folder for each shard.
const ENTRIES: &str = "entries";
const BODIES: &str = "bodies";
const LOCKS: &str = "locks";

/// No marker is longer than this.
const MAX_MARKER: u64 = 4096;

/// A folder that holds a store.
#[derive(Debug, Clone)]
pub(super) struct StoreFolder {
    base: PathBuf,
}

/// Where one key lies.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// The first two characters of the file name's hash.
    pub shard: String,
    /// The file name of the record.
    pub name: String,
}

impl Spot {
    /// What the store calls the record.
    pub(super) fn record_name(&self) -> String {
        format!("{ENTRIES}/{}/{}", self.shard, self.name)
    }
}

/// What the store calls a large body.
pub(super) fn body_name(shard: &str, body: &str) -> String {
    format!("{BODIES}/{shard}/{body}")
}

/// A part of the store that is being worked on.
#[derive(Debug)]
pub(super) struct Shard {
    base: Option<Folder>,
    name: String,
    entries: OnceCell<Folder>,
    bodies: OnceCell<Folder>,
}

/// The same, while nobody else changes it. The kernel releases the lock when this is
/// dropped, also when the process dies.
#[derive(Debug)]
pub(super) struct LockedShard {
    shard: Shard,
    _lock: File,
}

impl Deref for LockedShard {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl Shard {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The folder of its records; `None` when nothing was stored yet.
    pub(super) fn entries(&self) -> io::Result<Option<&Folder>> {
        self.part(ENTRIES, &self.entries)
    }

    /// The folder of its large bodies; `None` when nothing was stored yet.
    pub(super) fn bodies(&self) -> io::Result<Option<&Folder>> {
        self.part(BODIES, &self.bodies)
    }

    fn part<'a>(
        &'a self,
        part: &str,
        cell: &'a OnceCell<Folder>,
    ) -> io::Result<Option<&'a Folder>> {
        if let Some(folder) = cell.get() {
            return Ok(Some(folder));
        }
        let part = self.base.as_ref().map_or(Ok(None), |base| base.below(part))?;
        // One that is not there now may be made in a moment.
        let folder = part.map_or(Ok(None), |part| part.below(&self.name))?;
        Ok(folder.map(|folder| cell.get_or_init(|| folder)))
    }

    /// The folder of its records, made if it is missing.
    pub(super) fn made_entries(&self) -> io::Result<Folder> {
        self.made(ENTRIES)
    }

    /// Makes a file among its large bodies; gives their folder too.
    pub(super) fn make_body(&self, name: &str) -> io::Result<(Folder, File)> {
        loop {
            let folder = self.made(BODIES)?;
            match folder.make(name) {
                // Bodies come in without the shard's lock, so somebody who tidies up may have
                // removed the folder as an empty one in between.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                made => return made.map(|file| (folder, file)),
            }
        }
    }

    fn made(&self, part: &str) -> io::Result<Folder> {
        let base = self.base.as_ref().ok_or(io::ErrorKind::NotFound)?;
        base.made_below(part)?.made_below(&self.name)
    }

    /// Removes the folder of its large bodies, if nothing is in it.
    pub(super) fn remove_empty_bodies(&self) {
        self.remove_empty(BODIES);
    }

    /// Removes the folder of its records, if nothing is in it.
    pub(super) fn remove_empty_entries(&self) {
        self.remove_empty(ENTRIES);
    }

    fn remove_empty(&self, part: &str) {
        if let Some(Ok(Some(part))) = self.base.as_ref().map(|base| base.below(part)) {
            let _ = part.remove_below(&self.name);
        }
    }
}

impl StoreFolder {
    /// Opens the store in this folder; with `create` it is made where the folder is
    /// missing or empty. A folder that holds something else is left as it is.
    pub(super) fn open(base: PathBuf, create: bool) -> Result<Self> {
        let folder = StoreFolder { base };
        if !folder.has_marker()? {
            folder.check_that_empty()?;
            if !create {
                let base = folder.base.display();
                return Err(Error::store(format!("there is no file store at {base}"))
                    .coded("store_missing"));
            }
            folder.create().map_err(|e| {
                store_error(format!("cannot create a file store at {}", folder.base.display()), e)
            })?;
        }
        Ok(folder)
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The folder itself; `None` when it is not there.
    pub(super) fn folder(&self) -> io::Result<Option<Folder>> {
        match Folder::open(&self.base) {
            Ok(folder) => Ok(Some(folder)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn has_marker(&self) -> Result<bool> {
        let path = self.base.join(MARKER);
        let fail = |e| store_error(format!("cannot read {}", path.display()), e);
        let folder = match self.folder() {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Ok(false),
            folder => folder.map_err(fail)?,
        };
        let file = folder.map_or(Ok(None), |folder| folder.read(MARKER.as_ref())).map_err(fail)?;
        let Some(file) = file else { return Ok(false) };
        let mut text = Vec::new();
        file.take(MAX_MARKER).read_to_end(&mut text).map_err(fail)?;
        marker::check(&text, &path.display().to_string(), "another folder")?;
        Ok(true)
    }

    /// Nothing there, or nothing but what another process creating the store has made.
    fn check_that_empty(&self) -> Result<()> {
        let base = self.base.display();
        let fail = |e| store_error(format!("cannot look into {base}"), e);
        let folder = match self.folder() {
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                return Err(
                    Error::store(format!("{base} is a file, not a folder")).coded("not_a_store")
                );
            }
            folder => folder.map_err(fail)?,
        };
        let Some(folder) = folder else { return Ok(()) };
        let is_ours = |name: &&std::ffi::OsString| {
            name.to_str().is_some_and(|n| n.starts_with('.') && n.ends_with(".tmp"))
        };
        let names = folder.names().map_err(fail)?;
        let Some(name) = names.iter().find(|name| !is_ours(name)) else { return Ok(()) };
        // Another process may have finished creating the store just now.
        if self.has_marker()? {
            return Ok(());
        }
        let whose = whose(&folder, &names);
        Err(Error::store(format!("{base} is {whose}"))
            .because(format!("it holds {}, but no {MARKER}", name.display()))
            .coded("not_a_store")
            .try_this("another folder; nothing was changed here"))
    }

    /// The marker comes first and at once, so that nobody sees a folder without it.
    fn create(&self) -> io::Result<()> {
        create_dir_all(&self.base)?;
        let base = Folder::open(&self.base)?;
        base.replace(MARKER, marker::of("file").as_bytes(), false)?;
        for (name, content) in [(".gitignore", "*\n"), ("CACHEDIR.TAG", CACHEDIR_TAG)] {
            match base.make(name) {
                Ok(mut file) => file.write_all(content.as_bytes())?,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        for part in [ENTRIES, BODIES, LOCKS] {
            base.made_below(part)?;
        }
        Ok(())
    }

    /// Where a key lies: the shard is the beginning of its name's hexadecimal part.
    pub(super) fn spot(key: &str) -> Spot {
        let name = name_of(key);
        Spot { shard: shard_of(&name).to_owned(), name }
    }

    /// The path of a record, for people.
    pub(super) fn path(&self, spot: &Spot) -> PathBuf {
        self.base.join(spot.record_name())
    }

    /// The path of a large body, for people.
    pub(super) fn body_path(&self, shard: &str, body: &str) -> PathBuf {
        self.base.join(body_name(shard, body))
    }

    /// A shard, to look at it.
    pub(super) fn shard(&self, name: &str) -> Result<Shard> {
        let base = self
            .folder()
            .map_err(|e| store_error(format!("cannot look into {}", self.base.display()), e))?;
        let (entries, bodies) = (OnceCell::new(), OnceCell::new());
        Ok(Shard { base, name: name.to_owned(), entries, bodies })
    }

    /// A shard, to change it: waits for its lock.
    pub(super) fn lock(&self, name: &str) -> Result<LockedShard> {
        let shard = self.shard(name)?;
        let open = || -> io::Result<File> {
            let base = shard.base.as_ref().ok_or(io::ErrorKind::NotFound)?;
            let file = base.made_below(LOCKS)?.change_or_make(name)?;
            file.lock().map(|()| file)
        };
        match open() {
            Ok(lock) => Ok(LockedShard { shard, _lock: lock }),
            Err(e) => {
                let path = self.base.join(LOCKS).join(name);
                Err(store_error(format!("cannot lock {}", path.display()), e))
            }
        }
    }

    /// The same for a shard that was written to before.
    pub(super) fn lock_existing(&self, name: &str) -> Option<LockedShard> {
        let shard = self.shard(name).ok()?;
        let locks = shard.base.as_ref()?.below(LOCKS).ok()??;
        let lock = locks.change(name).ok()??;
        lock.lock().ok()?;
        Some(LockedShard { shard, _lock: lock })
    }

    /// The shards in order, as they exist now.
    pub(super) fn shards() -> impl Iterator<Item = String> + Send {
        (0..=u8::MAX).map(|byte| hex(&[byte]))
    }
}

/// The shard of the record of this name.
pub(super) fn shard_of(record: &str) -> &str {
    let hash = record.strip_prefix('x').unwrap_or(record);
    hash.get(..2).unwrap_or_default()
}

/// Whom a folder belongs to that is not ours.
fn whose(folder: &Folder, names: &[std::ffi::OsString]) -> &'static str {
    let is_record = |name: &str| {
        matches!(name.len(), 32 | 64)
            && name.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    };
    let begins_like_hishel = |name: &std::ffi::OsString| {
        let mut start = Vec::new();
        if let Ok(Some(file)) = folder.read(name) {
            let _ = file.take(16).read_to_end(&mut start);
        }
        start.starts_with(b"{") || start.starts_with(b"response:") || start.starts_with(&[0x80])
    };
    let named = names.iter().filter(|name| name.to_str().is_some_and(is_record));
    match named.take(8).any(begins_like_hishel) {
        true => "a cache of hishel 0.x",
        false => "something else than a file store",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_native_and_other_keys_cannot_meet() {
        let native = StoreFolder::spot("0123456789abcdef0123456789abcdef");
        assert_eq!(native.name, "0123456789abcdef0123456789abcdef");
        for key in ["", "a/../b", "x", "0123456789ABCDEF0123456789ABCDEF", "ä", "con\0"] {
            let spot = StoreFolder::spot(key);
            assert!(spot.name.starts_with('x') && spot.name.len() == 33, "{key:?}");
            assert_eq!(spot.shard, spot.name[1..3], "{key:?}");
        }
    }
}
