//! Generation 0 in a folder: a file for each key, and its modification time for when it was
//! stored. hishel writes in place and takes no lock, so that a file may be found torn.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::backend::private::{create_dir_all, new_file, store_error};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::storage::{Access, Address, BlockingPieces, Cursor, Opened, Outcome, Piece, Problem};

use super::super::{Layout, Sign};
use super::PARAMS_0;
use super::one::{Change, Lying, OneValue, Shelf, Walked, is_usual_key};
use super::value::{self, Form};

pub(super) const LAYOUT: Layout = Layout {
    name: "hishel-0",
    kind: "file",
    about: "a folder of hishel 0.x",
    place: ".cache/hishel",
    params: PARAMS_0,
    sign: Sign::Place(lies_at),
    open,
};

/// What files of ours begin with until they are whole, here and beside the folder.
const ASIDE: &str = ".cachectl-";

/// What hishel puts into a new folder.
const GITIGNORE: &str = "# Automatically created by Hishel\n*";

/// A file that was written so short a time ago may still be in the making.
const IN_THE_MAKING: Duration = Duration::from_secs(2);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(30);

/// Names that are sorted in memory; larger folders are walked in parts.
const MOST_NAMES: usize = 100_000;

/// Values above this length are refused before they are read: no such entry exists.
const MOST_BYTES: u64 = 4 << 30;

fn folder_of(address: &Address) -> Result<PathBuf> {
    Ok(address.path()?.unwrap_or_else(|| Path::new(LAYOUT.place).to_owned()))
}

/// Some file has a name and a beginning like hishel's.
fn lies_at(address: &Address) -> Result<bool> {
    let folder = folder_of(address)?;
    let names = match fs::read_dir(&folder) {
        Ok(names) => names,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(e) => return Err(store_error(format!("cannot look into {}", folder.display()), e)),
    };
    let like_a_key = |name: &OsStr| name.to_str().is_some_and(is_usual_key);
    let like_a_value = |path: PathBuf| {
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
        read.is_ok() && Form::of(&start).is_some()
    };
    let mut like_ours = names.flatten().filter(|entry| like_a_key(&entry.file_name())).take(8);
    Ok(like_ours.any(|entry| like_a_value(entry.path())))
}

fn open(address: &Address, access: Access) -> Result<Opened> {
    let folder = folder_of(address)?;
    if !folder.is_dir() {
        if access == Access::Existing {
            let place = folder.display();
            return Err(Error::store(format!("there is no folder {place}")).coded("store_missing"));
        }
        create(&folder)
            .map_err(|e| store_error(format!("cannot create {}", folder.display()), e))?;
    }
    Ok(Opened::Blocking(Arc::new(OneValue::open(Folder::new(folder), address)?)))
}

fn create(folder: &Path) -> io::Result<()> {
    create_dir_all(folder)?;
    match new_file().open(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(GITIGNORE.as_bytes()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

struct Folder {
    path: PathBuf,
    /// The folder around it, where it really lies.
    outside: PathBuf,
    /// What files of ours beside it begin with until they are whole.
    aside: String,
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Folder {
    /// The file of a key. hishel joins whatever the application calls a key to the folder;
    /// what would lead elsewhere is refused here.
    fn file(&self, key: &str) -> Result<PathBuf> {
        let leads_away = key.is_empty()
            || matches!(key, "." | "..")
            || key.contains(['/', '\\', '\0'])
            || key.starts_with('.');
        if leads_away {
            return Err(Error::usage(format!("{key:?} cannot be the name of a file")));
        }
        Ok(self.path.join(key))
    }

    fn fail(path: &Path, error: io::Error) -> Error {
        store_error(format!("cannot read {}", path.display()), error)
    }

    fn read(path: &Path) -> Result<Option<Lying>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Self::fail(path, e)),
        };
        let meta = file.metadata().map_err(|e| Self::fail(path, e))?;
        if meta.len() > MOST_BYTES {
            return Err(Error::codec(format!("{} is too long for an entry", path.display())));
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        file.read_to_end(&mut bytes).map_err(|e| Self::fail(path, e))?;
        let stored_at = meta.modified().ok().map(Timestamp::from);
        Ok(Some(Lying { bytes: bytes.into(), stored_at, ..Lying::default() }))
    }

    /// Reads a file, again when somebody seems to be writing it. hishel takes an empty one
    /// for a key without a value, and so does this.
    fn read_patiently(path: &Path) -> Result<Option<Lying>> {
        let mut lying = Self::read(path)?;
        for _ in 0..2 {
            let is_new = |lying: &Lying| {
                lying.stored_at.is_some_and(|at| Timestamp::now().since(at) < IN_THE_MAKING)
            };
            match &lying {
                Some(there) if is_new(there) && value::loads(&there.bytes).is_err() => {
                    std::thread::sleep(LOOK_AGAIN_AFTER);
                    lying = Self::read(path)?;
                }
                _ => break,
            }
        }
        Ok(lying.filter(|lying| !lying.bytes.is_empty()))
    }

    fn new(path: PathBuf) -> Self {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        // A root has nothing around it.
        let outside = real.parent().unwrap_or(&real).to_owned();
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(40).collect();
        Folder { path, outside, aside: format!("{ASIDE}{name}-") }
    }

    /// Whether a file beside the folder is one of ours for it.
    fn is_aside(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.aside).and_then(|rest| rest.strip_suffix(".tmp"));
        rest.is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_alphanumeric()))
    }

    /// Writes beside the folder and renames: a sweep of hishel's removes whatever it finds
    /// inside, and readers must not see half a file.
    fn write(&self, path: &Path, bytes: &[u8], stored_at: Timestamp) -> io::Result<()> {
        let old = fs::metadata(path).ok();
        let like = old.clone().map_or_else(|| fs::metadata(&self.path), Ok)?;
        let aside = |aside: &Path| self.write_by(aside, path, &like, bytes, stored_at);
        // The folder may be a mount, a link, or all that one may write to or that has room.
        match aside(&self.outside).or_else(|_| aside(&self.path)) {
            Err(e) if e.kind() == ErrorKind::PermissionDenied && old.is_some() => {
                write_in_place(path, bytes, stored_at)
            }
            done => done,
        }
    }

    fn write_by(
        &self,
        aside: &Path,
        path: &Path,
        like: &Metadata,
        bytes: &[u8],
        stored_at: Timestamp,
    ) -> io::Result<()> {
        let mut file =
            tempfile::Builder::new().prefix(&self.aside).suffix(".tmp").tempfile_in(aside)?;
        file.write_all(bytes)?;
        give_like(file.as_file(), like)?;
        file.as_file().set_modified(SystemTime::from(stored_at))?;
        file.persist(path).map(drop).map_err(|e| e.error)
    }

    /// One writer of ours at a time; released when the folder is closed.
    fn lock(&self) -> io::Result<File> {
        let folder = File::open(&self.path)?;
        folder.lock()?;
        Ok(folder)
    }

    /// Names of files behind this one, sorted; only those of one part of a large folder.
    fn names(&self, after: Option<&str>, part: Option<u8>) -> Result<(Vec<String>, bool)> {
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(fail)? {
            let Ok(name) = entry.map_err(fail)?.file_name().into_string() else { continue };
            let is_meant = part.is_none_or(|part| name.as_bytes().first() == Some(&part));
            if !is_meant || name.starts_with('.') || after.is_some_and(|after| *name <= *after) {
                continue;
            }
            names.push(name);
            if part.is_none() && names.len() > MOST_NAMES {
                return Ok((Vec::new(), false));
            }
        }
        names.sort_unstable();
        Ok((names, true))
    }
}

/// Gives a new file to whom an old one belongs, or the folder, for hishel writes into files
/// that it has used.
///
/// # Errors
/// When that is not allowed and an old file would change hands.
fn give_like(file: &File, like: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            let given = fchown(file, Some(like.uid()), Some(like.gid()));
            if like.is_file() {
                given?;
            } else if given.is_err() {
                // The group at least, if one is in it.
                let _ = fchown(file, None, Some(like.gid()));
            }
        }
        let most = if like.is_file() { 0o666 } else { 0o664 };
        file.set_permissions(fs::Permissions::from_mode(like.permissions().mode() & most))?;
    }
    #[cfg(not(unix))]
    if like.is_file() {
        file.set_permissions(like.permissions())?;
    }
    Ok(())
}

/// Writes into a file that belongs to somebody else, as hishel does with every file.
fn write_in_place(path: &Path, bytes: &[u8], stored_at: Timestamp) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    // Only its owner may say when it was written.
    let _ = file.set_modified(SystemTime::from(stored_at));
    Ok(())
}

impl Shelf for Folder {
    const KIND: &'static str = "file";
    const ANY_KEY: bool = false;

    fn get(&self, key: &str) -> Result<Option<Lying>> {
        match self.file(key) {
            Ok(path) => Self::read_patiently(&path),
            // Nothing can lie there.
            Err(_) => Ok(None),
        }
    }

    fn change<T>(
        &self,
        key: &str,
        decide: impl FnOnce(Option<Lying>) -> Result<(Change, T)>,
    ) -> Result<T> {
        let path = self.file(key)?;
        let fail = |e| store_error(format!("cannot write {}", path.display()), e);
        let _lock = self.lock().map_err(fail)?;
        let (change, told) = decide(Self::read_patiently(&path)?)?;
        match change {
            Change::Keep => {}
            Change::Write(new) => self.write(&path, &new.bytes, new.stored_at).map_err(fail)?,
            Change::Remove => fs::remove_file(&path).map_err(fail)?,
        }
        Ok(told)
    }

    fn walk(
        self: Arc<Self>,
        after: Option<&Cursor>,
        values: bool,
    ) -> Box<dyn Iterator<Item = Walked> + Send> {
        let after = after.map(|after| after.id.key.clone());
        let parts: Vec<Option<u8>> = match self.names(after.as_deref(), None) {
            Ok((_, true)) => vec![None],
            Ok((_, false)) => (0..=u8::MAX).map(Some).collect(),
            Err(e) => return Box::new(std::iter::once(Err(e))),
        };
        let folder = Arc::clone(&self);
        let names =
            parts.into_iter().flat_map(move |part| match folder.names(after.as_deref(), part) {
                Ok((names, _)) => names.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(e) => vec![Err(e)],
            });
        Box::new(names.filter_map(move |name| {
            let name = match name {
                Ok(name) => name,
                Err(e) => return Some(Err(e)),
            };
            let path = self.path.join(&name);
            if !path.is_file() {
                return None;
            }
            if !values {
                return Some(Ok((name, Lying::default(), None)));
            }
            match Self::read_patiently(&path) {
                Ok(lying) => lying.map(|lying| Ok((name, lying, None))),
                Err(e) => Some(Err(e)),
            }
        }))
    }

    /// Empty files, which hishel takes for nothing, and what a writer of ours has left, in the
    /// folder or beside it.
    fn leftovers(self: Arc<Self>, before: Timestamp) -> BlockingPieces {
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) => return Box::new(std::iter::once(Err(fail(e)))),
        };
        let beside = fs::read_dir(&self.outside).into_iter().flatten();
        let entries = entries.map(|entry| (entry, "")).chain(beside.map(|entry| (entry, "../")));
        Box::new(entries.filter_map(move |(entry, at)| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let is_ours = match at {
                "" => name.starts_with(ASIDE),
                _ => self.is_aside(&name),
            };
            if !is_ours && (!at.is_empty() || name.starts_with('.')) {
                return None;
            }
            let meta = entry.metadata().ok()?;
            let is_old = meta.modified().is_ok_and(|at| Timestamp::from(at) < before);
            let is_over = meta.is_file() && (is_ours || meta.len() == 0);
            let piece = || Piece::new(Problem::Unfinished, format!("{at}{name}"), meta.len());
            (is_old && is_over).then(|| Ok(piece()))
        }))
    }

    fn discard(&self, name: &str) -> Result<Outcome<u64>> {
        let (folder, name) = match name.strip_prefix("../") {
            Some(name) if self.is_aside(name) => (&*self.outside, name),
            _ => (&*self.path, name),
        };
        let path = folder.join(name);
        let fail = |e| store_error(format!("cannot remove {}", path.display()), e);
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_file() => meta,
            Ok(_) => return Ok(Outcome::Changed),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Outcome::Absent),
            Err(e) => return Err(fail(e)),
        };
        if !name.starts_with(ASIDE) && meta.len() > 0 {
            return Ok(Outcome::Changed);
        }
        fs::remove_file(&path).map_err(fail)?;
        Ok(Outcome::Done(meta.len()))
    }

    fn usage(&self) -> Result<(u64, u64)> {
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let (mut entries, mut bytes) = (0, 0);
        for entry in fs::read_dir(&self.path).map_err(fail)?.flatten() {
            let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if let Some(meta) = entry.metadata().ok().filter(|meta| meta.is_file() && !is_hidden) {
                entries += u64::from(meta.len() > 0);
                bytes += meta.len();
            }
        }
        Ok((entries, bytes))
    }

    fn location(&self, key: &str) -> String {
        self.path.join(key).display().to_string()
    }
}
