//! The folder of a file store: its marker, its shards, its names.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::hex;

use super::super::marker;
use super::super::private::{create_dir_all, new_file, store_error};
use super::super::record::name_of;

const MARKER: &str = "cachectl.json";
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is an HTTP cache of cachectl; backups may leave it out.\n";

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

    fn has_marker(&self) -> Result<bool> {
        let path = self.base.join(MARKER);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e)
                if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
            {
                return Ok(false);
            }
            Err(e) => return Err(store_error(format!("cannot read {}", path.display()), e)),
        };
        marker::check(&text, &path.display().to_string(), "another folder")?;
        Ok(true)
    }

    /// Nothing there, or nothing but what another process creating the store has made.
    fn check_that_empty(&self) -> Result<()> {
        let base = self.base.display();
        let entries = match fs::read_dir(&self.base) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
                return Err(
                    Error::store(format!("{base} is a file, not a folder")).coded("not_a_store")
                );
            }
            Err(e) => return Err(store_error(format!("cannot look into {base}"), e)),
        };
        for entry in entries {
            let entry = entry.map_err(|e| store_error(format!("cannot look into {base}"), e))?;
            let name = entry.file_name();
            let ours = name.to_str().is_some_and(|n| n.starts_with(".cachectl-"));
            if !ours {
                // Another process may have finished creating the store just now.
                if self.has_marker()? {
                    return Ok(());
                }
                let whose = self.whose();
                return Err(Error::store(format!("{base} is {whose}"))
                    .because(format!("it holds {}, but no {MARKER}", name.display()))
                    .coded("not_a_store")
                    .try_this("another folder; nothing was changed here"));
            }
        }
        Ok(())
    }

    /// Whom a folder belongs to that is not ours.
    fn whose(&self) -> &'static str {
        let is_record = |name: &str| {
            matches!(name.len(), 32 | 64)
                && name.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        };
        let begins_like_hishel = |path: PathBuf| {
            use io::Read;
            let mut start = Vec::new();
            let _ = File::open(path).map(|file| file.take(16).read_to_end(&mut start));
            start.starts_with(b"{") || start.starts_with(b"response:") || start.starts_with(&[0x80])
        };
        let names = fs::read_dir(&self.base).into_iter().flatten().flatten();
        let is_hishel = names
            .filter(|entry| entry.file_name().to_str().is_some_and(is_record))
            .take(8)
            .any(|entry| begins_like_hishel(entry.path()));
        if is_hishel { "a cache of hishel 0.x" } else { "something else than a file store" }
    }

    /// The marker comes first and at once, so that nobody sees a folder without it.
    fn create(&self) -> io::Result<()> {
        create_dir_all(&self.base)?;
        let mut marker = tempfile::Builder::new().prefix(".cachectl-").tempfile_in(&self.base)?;
        marker.write_all(marker::of("file").as_bytes())?;
        marker.persist(self.base.join(MARKER)).map_err(|e| e.error)?;
        for (name, content) in [(".gitignore", "*\n"), ("CACHEDIR.TAG", CACHEDIR_TAG)] {
            match new_file().open(self.base.join(name)) {
                Ok(mut file) => file.write_all(content.as_bytes())?,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        for part in ["entries", "bodies", "locks"] {
            create_dir_all(&self.base.join(part))?;
        }
        Ok(())
    }

    /// Where a key lies: the shard is the beginning of its name's hexadecimal part.
    pub(super) fn spot(key: &str) -> Spot {
        let name = name_of(key);
        Spot { shard: name.trim_start_matches('x')[..2].to_owned(), name }
    }

    pub(super) fn entries(&self, shard: &str) -> PathBuf {
        self.under("entries", shard)
    }

    pub(super) fn bodies(&self, shard: &str) -> PathBuf {
        self.under("bodies", shard)
    }

    pub(super) fn record(&self, spot: &Spot) -> PathBuf {
        let mut path = self.entries(&spot.shard);
        path.push(&spot.name);
        path
    }

    fn under(&self, part: &str, shard: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.base.as_os_str().len() + 64);
        path.push(&self.base);
        path.push(part);
        path.push(shard);
        path
    }

    /// Waits for the lock on a shard; it is released when the file is dropped, also by the
    /// kernel when the process dies.
    pub(super) fn lock(&self, shard: &str) -> Result<File> {
        let path = self.under("locks", shard);
        let open = || {
            let mut options = new_file();
            options.create_new(false).create(true).read(true);
            options.open(&path)
        };
        let locked = with_parent(&path, open).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|e| store_error(format!("cannot lock {}", path.display()), e))
    }

    /// The same for a shard that was written to before.
    pub(super) fn lock_existing(&self, shard: &str) -> io::Result<File> {
        let file = File::options().write(true).open(self.under("locks", shard))?;
        file.lock().map(|()| file)
    }

    /// The shards in order, as they exist now.
    pub(super) fn shards() -> impl Iterator<Item = String> + Send {
        (0..=u8::MAX).map(|byte| hex(&[byte]))
    }
}

/// Does something in a folder, which is made when it is missing.
pub(super) fn with_parent<T>(path: &Path, work: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match work() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            work()
        }
        done => done,
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
