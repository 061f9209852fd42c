//! Generation 0 in a folder: a file for each key, and its modification time for when it was
//! stored. hishel writes in place and takes no lock, so that a file may be found torn.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::backend::folder::{Folder, Seen};
use crate::backend::private::{
    create_dir_all, is_about_the_process, new_file, place_of, store_error,
};
use crate::error::{Error, Result};
use crate::filter::Detail;
use crate::model::Timestamp;
use crate::storage::{
    Access, Address, Capabilities, Identity, Opened, Outcome, Piece, Problem, Query,
};
use async_trait::async_trait;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::super::{Layout, Sign};
use super::PARAMS_0;
use super::one::{Expected, Keyed, Local, Lying, New, OneValue, Settings, Walked, is_usual_key};
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
const MOST_BYTES: u64 = 1 << 30;

/// A value under a key of a program's own choice is read to its end to know that it is one,
/// if it is not longer than this.
const LONGEST_LOOK: u64 = 16 << 20;

fn folder_of(address: &Address) -> Result<PathBuf> {
    place_of(address, LAYOUT.place)
}

/// Some file has a name and a beginning like hishel's.
fn lies_at(address: &Address) -> Result<bool> {
    let path = folder_of(address)?;
    let fail = |e| store_error(format!("cannot look into {}", path.display()), e);
    let folder = match Folder::open(&path) {
        Ok(folder) => folder,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(e) => return Err(fail(e)),
    };
    let names = folder.names().map_err(fail)?.into_iter();
    let keys = names.filter_map(|name| name.into_string().ok()).filter(|name| is_usual_key(name));
    let like_a_value = |key: String| {
        let file = folder.read(key.as_ref()).ok().flatten();
        file.is_some_and(|mut file| begin_of(&mut file).is_ok_and(|start| Form::is_signed(&start)))
    };
    Ok(keys.take(8).any(like_a_value))
}

/// The first bytes of a file, as many as tell whose it is.
fn begin_of(file: &mut File) -> io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(Form::SIGN);
    file.take(Form::SIGN as u64).read_to_end(&mut start)?;
    Ok(start)
}

/// Whether the end of a file that begins so may be that of a value.
fn may_be_whole(mut file: &File, meta: &Metadata, start: &[u8]) -> io::Result<bool> {
    let at = file.stream_position()?;
    let mut end = [0; 16];
    file.seek(SeekFrom::Start(meta.len().saturating_sub(end.len() as u64)))?;
    file.read_exact(&mut end)?;
    file.seek(SeekFrom::Start(at))?;
    Ok(Form::of(start).is_some_and(|form| form.may_end_with(&end)))
}

/// Whether a file of this name begins as a value does: under a key that hishel makes like any of
/// its forms, else as hishel itself begins one.
fn begins_as(key: &str, start: &[u8]) -> bool {
    if is_usual_key(key) { Form::of(start).is_some() } else { Form::is_signed(start) }
}

fn open(address: &Address, access: Access) -> Result<Opened> {
    let folder = folder_of(address)?;
    if !folder.is_dir() {
        if access != Access::Create {
            let place = folder.display();
            return Err(Error::store(format!("there is no folder {place}")).coded("store_missing"));
        }
        create(&folder)
            .map_err(|e| store_error(format!("cannot create {}", folder.display()), e))?;
    }
    Ok(Opened::Blocking(Arc::new(OneValue::new(Files::new(folder), Settings::of(address)?))))
}

fn create(folder: &Path) -> io::Result<()> {
    create_dir_all(folder)?;
    match new_file().open(folder.join(".gitignore")) {
        Ok(mut file) => file.write_all(GITIGNORE.as_bytes()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// The files of a folder that are values. Everything else in it is somebody else's, such as the
/// databases that later generations keep in the same place.
struct Files {
    path: PathBuf,
    /// The folder around it, where it really lies.
    outside: PathBuf,
    /// What files of ours beside it begin with until they are whole.
    aside: String,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// Whether a file can have the name of a key. hishel joins whatever the application calls a
/// key to the folder; what would lead elsewhere, or be hidden, is none here.
fn can_be_key(key: &str) -> bool {
    !key.is_empty() && !key.starts_with('.') && !key.contains(['/', '\\', '\0'])
}

impl Files {
    fn new(path: PathBuf) -> Self {
        let real = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        // A root has nothing around it.
        let outside = real.parent().unwrap_or(&real).to_owned();
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name.chars().take(40).collect();
        Files { path, outside, aside: format!("{ASIDE}{name}-") }
    }

    fn folder(&self) -> Result<Folder> {
        Folder::open(&self.path)
            .map_err(|e| store_error(format!("cannot look into {}", self.path.display()), e))
    }

    /// The error of one file that cannot be got at.
    fn trouble(&self, key: &str, error: io::Error) -> Error {
        let path = self.path.join(key);
        if is_about_the_process(&error) {
            return store_error(format!("cannot read {}", path.display()), error);
        }
        let told = Error::store(error.to_string()).coded("unreadable");
        let piece = Piece::new(Problem::Unreadable, key, 0).of_key(key);
        piece.met(format!("cannot read the value {}", path.display()), &told)
    }

    /// The value in a file; `None` where there is none, or what is there is nobody's value.
    fn read(&self, folder: &Folder, key: &str) -> Result<Option<Lying>> {
        let fail = |e| self.trouble(key, e);
        let Some(mut file) = folder.read(key.as_ref()).map_err(fail)? else { return Ok(None) };
        let mut bytes = begin_of(&mut file).map_err(fail)?;
        if !begins_as(key, &bytes) {
            return Ok(None);
        }
        let meta = file.metadata().map_err(fail)?;
        // A file that is cut off, or was never filled, is not read to find that out.
        let is_cut =
            meta.len() > LONGEST_LOOK && !may_be_whole(&file, &meta, &bytes).map_err(fail)?;
        if is_cut || meta.len() > MOST_BYTES {
            let why = if is_cut { "it is cut off" } else { "it is too long for an entry" };
            let told = Error::codec(why).coded("record_damaged");
            let piece = Piece::new(Problem::Undecodable, key, meta.len()).of_key(key);
            let what = format!("cannot read the value {}", self.path.join(key).display());
            return Err(piece.met(what, &told));
        }
        let is_odd = !is_usual_key(key);
        if is_odd && meta.len() > LONGEST_LOOK {
            return Ok(None);
        }
        bytes.reserve(meta.len() as usize);
        file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(fail)?;
        if is_odd && value::loads(&bytes).is_err() {
            return Ok(None);
        }
        let stored_at = meta.modified().ok().map(Timestamp::from);
        Ok(Some(Lying { bytes: bytes.into(), stored_at, ..Lying::default() }))
    }

    /// Reads a value, again when somebody seems to be writing it.
    fn read_patiently(&self, folder: &Folder, key: &str) -> Result<Option<Lying>> {
        let mut lying = self.read(folder, key)?;
        for _ in 0..2 {
            let is_new = |lying: &Lying| {
                lying.stored_at.is_some_and(|at| Timestamp::now().since(at) < IN_THE_MAKING)
            };
            match &lying {
                Some(there) if is_new(there) && value::loads(&there.bytes).is_err() => {
                    std::thread::sleep(LOOK_AGAIN_AFTER);
                    lying = self.read(folder, key)?;
                }
                _ => break,
            }
        }
        Ok(lying)
    }

    /// Whether a file beside the folder is one of ours for it.
    fn is_aside(&self, name: &str) -> bool {
        let rest = name.strip_prefix(&self.aside).and_then(|rest| rest.strip_suffix(".tmp"));
        rest.is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_alphanumeric()))
    }

    /// Writes beside the folder and renames: a sweep of hishel's removes whatever it finds
    /// inside, and readers must not see half a file.
    fn write(
        &self,
        folder: &Folder,
        key: &str,
        bytes: &[u8],
        stored_at: Timestamp,
    ) -> io::Result<()> {
        let old = folder.read(key.as_ref())?.map(|file| file.metadata()).transpose()?;
        let like = old.clone().map_or_else(|| fs::metadata(&self.path), Ok)?;
        let aside = |aside: &Path| self.write_by(aside, key, &like, bytes, stored_at);
        // The folder may be a mount, a link, or all that one may write to or that has room.
        match aside(&self.outside).or_else(|_| aside(&self.path)) {
            Err(e) if e.kind() == ErrorKind::PermissionDenied && old.is_some() => {
                write_in_place(folder, key, bytes, stored_at)
            }
            done => done,
        }
    }

    fn write_by(
        &self,
        aside: &Path,
        key: &str,
        like: &Metadata,
        bytes: &[u8],
        stored_at: Timestamp,
    ) -> io::Result<()> {
        let mut file =
            tempfile::Builder::new().prefix(&self.aside).suffix(".tmp").tempfile_in(aside)?;
        file.write_all(bytes)?;
        give_like(file.as_file(), like)?;
        file.as_file().set_modified(SystemTime::from(stored_at))?;
        file.persist(self.path.join(key)).map(drop).map_err(|e| e.error)
    }

    /// One writer of ours at a time; released when the folder is closed.
    fn lock(&self) -> io::Result<File> {
        let folder = File::open(&self.path)?;
        folder.lock()?;
        Ok(folder)
    }

    /// Names that keys can have behind this one, sorted; only those of one part of a large
    /// folder.
    fn names(&self, after: Option<&str>, part: Option<u8>) -> Result<(Vec<String>, bool)> {
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(fail)? {
            let Ok(name) = entry.map_err(fail)?.file_name().into_string() else { continue };
            let is_meant = part.is_none_or(|part| name.as_bytes().first() == Some(&part));
            if !is_meant || !can_be_key(&name) || after.is_some_and(|after| *name <= *after) {
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

    /// What a walk brings of a name: nothing where no value of ours is.
    fn walked(&self, folder: &Folder, key: String, wants_value: bool) -> Option<Walked> {
        // A folder, or what else is no file, is nobody's value, but in the place of one.
        let is_file = |seen: Option<Seen>| seen.is_some_and(|seen| seen.instead.is_none());
        if !is_usual_key(&key) && !folder.look_at(key.as_ref()).is_ok_and(is_file) {
            return None;
        }
        match self.read_patiently(folder, &key) {
            Ok(None) => None,
            Ok(Some(lying)) if wants_value => Some(Ok((key, lying, None))),
            Ok(Some(_)) => Some(Ok((key, Lying::default(), None))),
            Err(e) => Some(Err(e)),
        }
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
fn write_in_place(
    folder: &Folder,
    key: &str,
    bytes: &[u8],
    stored_at: Timestamp,
) -> io::Result<()> {
    let mut file = folder.change(key)?.ok_or(ErrorKind::NotFound)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    // Only its owner may say when it was written.
    let _ = file.set_modified(SystemTime::from(stored_at));
    Ok(())
}

impl Local for Files {}

#[async_trait]
impl Keyed for Files {
    const KIND: &'static str = "file";

    fn limit(&self, can: &mut Capabilities) {
        can.any_key = false;
    }

    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Lying>>> {
        let get = |key: &String| match can_be_key(key) {
            true => self.read_patiently(&self.folder()?, key),
            false => Ok(None),
        };
        keys.iter().map(get).collect()
    }

    async fn change(
        &self,
        key: &str,
        expected: Expected<'_>,
        new: Option<&New>,
    ) -> Result<Outcome<()>> {
        if !can_be_key(key) {
            return Err(Error::usage(format!("{key:?} cannot be the name of a file")));
        }
        let path = self.path.join(key);
        let fail = |e| store_error(format!("cannot write {}", path.display()), e);
        let folder = self.folder()?;
        let _lock = self.lock().map_err(fail)?;
        let lying = self.read_patiently(&folder, key)?;
        let is_free = lying.is_some() || is_usual_key(key);
        let outcome = expected.check(lying.as_ref());
        if !outcome.is_done() {
            return Ok(outcome);
        }
        match new {
            // Under a key that hishel makes nobody else keeps anything: what was there was torn.
            Some(_) if !is_free && folder.look_at(key.as_ref()).map_err(fail)?.is_some() => {
                Err(Error::store(format!("{} is no value of hishel's", path.display()))
                    .coded("not_ours"))
            }
            Some(new) => {
                self.write(&folder, key, &new.bytes, new.stored_at).map_err(fail)?;
                Ok(outcome)
            }
            None => {
                folder.remove(key.as_ref()).map_err(fail)?;
                Ok(outcome)
            }
        }
    }

    fn walk(self: Arc<Self>, query: &Query) -> BoxStream<'static, Walked> {
        let values = query.detail > Detail::Key;
        let after = query.after.as_ref().map(|after| after.id.key.clone());
        let folder = match self.folder() {
            Ok(folder) => folder,
            Err(e) => return stream::iter([Err(e)]).boxed(),
        };
        let parts: Vec<Option<u8>> = match self.names(after.as_deref(), None) {
            Ok((_, true)) => vec![None],
            Ok((_, false)) => (0..=u8::MAX).map(Some).collect(),
            Err(e) => return stream::iter([Err(e)]).boxed(),
        };
        let files = Arc::clone(&self);
        let names =
            parts.into_iter().flat_map(move |part| match files.names(after.as_deref(), part) {
                Ok((names, _)) => names.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(e) => vec![Err(e)],
            });
        let walked = names.filter_map(move |name| match name {
            Ok(name) => self.walked(&folder, name, values),
            Err(e) => Some(Err(e)),
        });
        stream::iter(walked).boxed()
    }

    /// Empty files under keys that hishel makes, which it takes for nothing, and what a writer
    /// of ours has left, in the folder or beside it.
    fn leftovers(self: Arc<Self>, before: Timestamp) -> BoxStream<'static, Result<Piece>> {
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) => return stream::iter([Err(fail(e))]).boxed(),
        };
        let beside = fs::read_dir(&self.outside).into_iter().flatten();
        let entries = entries.map(|entry| (entry, "")).chain(beside.map(|entry| (entry, "../")));
        let pieces = entries.filter_map(move |(entry, at)| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let is_unfinished = match at {
                "" => name.starts_with(ASIDE),
                _ => self.is_aside(&name),
            };
            if !is_unfinished && (!at.is_empty() || !is_usual_key(&name)) {
                return None;
            }
            let meta = entry.metadata().ok()?;
            let is_old = meta.modified().is_ok_and(|at| Timestamp::from(at) < before);
            let is_over = meta.is_file() && (is_unfinished || meta.len() == 0);
            let piece = || Piece::new(Problem::Unfinished, format!("{at}{name}"), meta.len());
            (is_old && is_over).then(|| Ok(piece()))
        });
        stream::iter(pieces).boxed()
    }

    async fn discard(&self, name: &str) -> Result<Outcome<u64>> {
        let (path, name) = match name.strip_prefix("../") {
            Some(name) if self.is_aside(name) => (&self.outside, name),
            _ => (&self.path, name),
        };
        let fail = |e| store_error(format!("cannot remove {}", path.join(name).display()), e);
        let folder = Folder::open(path).map_err(fail)?;
        let Some(seen) = folder.look_at(name.as_ref()).map_err(fail)? else {
            return Ok(Outcome::Absent);
        };
        let is_empty = is_usual_key(name) && seen.bytes == 0;
        if seen.instead.is_some() || !(name.starts_with(ASIDE) || is_empty) {
            return Ok(Outcome::Changed);
        }
        folder.remove(name.as_ref()).map_err(fail)?;
        Ok(Outcome::Done(seen.bytes))
    }

    async fn usage(&self) -> Result<(u64, u64)> {
        let folder = self.folder()?;
        let fail = |e| store_error(format!("cannot look into {}", self.path.display()), e);
        let (mut entries, mut bytes) = (0, 0);
        for name in folder.names().map_err(fail)? {
            let Some(key) = name.to_str().filter(|name| can_be_key(name)) else { continue };
            let is_value = match is_usual_key(key) {
                true => {
                    let file = folder.read(key.as_ref()).ok().flatten();
                    let start = file.and_then(|mut file| begin_of(&mut file).ok());
                    start.is_some_and(|start| begins_as(key, &start))
                }
                false => self.read(&folder, key).is_ok_and(|lying| lying.is_some()),
            };
            if is_value && let Ok(Some(seen)) = folder.look_at(key.as_ref()) {
                entries += 1;
                bytes += seen.bytes;
            }
        }
        Ok((entries, bytes))
    }

    fn location(&self, key: &str) -> String {
        self.path.join(key).display().to_string()
    }

    async fn identity(&self) -> Result<Identity> {
        let known = self.folder()?.identity();
        let known =
            known.map_err(|e| store_error(format!("cannot look at {}", self.path.display()), e))?;
        Ok(Identity::new(known.map(|(device, file)| format!("file {device}:{file}"))))
    }

    async fn sync(&self) -> Result<()> {
        let path = self.path.display();
        let fail = |e| store_error(format!("cannot wait for the disk with {path}"), e);
        self.folder()?.sync_all().map_err(fail)
    }
}
