//! A folder of a store, and the files in it.
//!
//! Whoever filled the folder may be a stranger: it came with a clone, a CI cache, a shared
//! disk. So everything below the folder that the user has named is reached by its plain name
//! from a folder that is held open, never through a link, and only regular files are opened.
//! Anything else in the place of a file is an error that says what it is; nothing waits for it.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::Path;

use crate::model::Stamp;

#[cfg(not(unix))]
use path as sys;
#[cfg(unix)]
use unix as sys;

/// A folder that is held open.
#[derive(Debug)]
pub(crate) struct Folder(sys::Handle);

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Read,
    /// To change bytes of it in place.
    Change,
    /// The same; made if it is missing.
    ChangeOrMake,
    /// It has to be new.
    Make,
}

impl Folder {
    /// The folder at a path that the user has named, links on the way included.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        sys::open(path).map(Folder)
    }

    /// A folder in this one; `None` when there is none.
    pub(crate) fn below(&self, name: &str) -> io::Result<Option<Self>> {
        match sys::below(&self.0, name) {
            Ok(handle) => Ok(Some(Folder(handle))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The same; made for its owner alone if it is missing.
    pub(crate) fn made_below(&self, name: &str) -> io::Result<Self> {
        loop {
            if let Some(folder) = self.below(name)? {
                return Ok(folder);
            }
            match sys::make_below(&self.0, name) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
        }
    }

    /// Opens a file for reading; `None` when there is none.
    pub(crate) fn read(&self, name: &OsStr) -> io::Result<Option<File>> {
        existing(sys::file(&self.0, name, Mode::Read))
    }

    /// Opens a file to change it in place; `None` when there is none.
    pub(crate) fn change(&self, name: &str) -> io::Result<Option<File>> {
        existing(sys::file(&self.0, name.as_ref(), Mode::Change))
    }

    /// The same; made for its owner alone if it is missing.
    pub(crate) fn change_or_make(&self, name: &str) -> io::Result<File> {
        sys::file(&self.0, name.as_ref(), Mode::ChangeOrMake)
    }

    /// Makes a file for its owner alone; one that is there is an error.
    pub(crate) fn make(&self, name: &str) -> io::Result<File> {
        sys::file(&self.0, name.as_ref(), Mode::Make)
    }

    /// Puts a file with this content in the place of what has its name, in one step. Readers
    /// see the one or the other. `sync`: the disk has it when this returns.
    pub(crate) fn replace(&self, name: &str, content: &[u8], sync: bool) -> io::Result<()> {
        let unfinished = format!(".{}.tmp", &Stamp::fresh().to_string()[..12]);
        let mut file = self.make(&unfinished)?;
        let written = file
            .write_all(content)
            .and_then(|()| if sync { file.sync_all() } else { Ok(()) })
            .and_then(|()| sys::rename(&self.0, &unfinished, name))
            .and_then(|()| if sync { sys::sync(&self.0) } else { Ok(()) });
        if written.is_err() {
            let _ = self.remove(unfinished.as_ref());
        }
        written
    }

    /// Removes a file, or a link as such. Nothing there: `false`.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<bool> {
        match sys::remove(&self.0, name) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Removes a folder in this one, if it is empty.
    pub(crate) fn remove_below(&self, name: &str) -> io::Result<()> {
        sys::remove_below(&self.0, name)
    }

    /// What has this name, links not followed; `None` when nothing has.
    pub(crate) fn look_at(&self, name: &OsStr) -> io::Result<Option<Seen>> {
        match sys::look_at(&self.0, name) {
            Ok(seen) => Ok(Some(seen)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The names of all there is, in no order.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        sys::names(&self.0)
    }

    /// Waits until everything that was written below the folder is on the disk.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        sys::sync_all(&self.0)
    }

    /// By what the system knows the folder, whichever path has led to it; `None` where it
    /// does not tell.
    pub(crate) fn identity(&self) -> io::Result<Option<(u64, u64)>> {
        sys::identity(&self.0)
    }
}

fn existing(file: io::Result<File>) -> io::Result<Option<File>> {
    match file {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// What it is: `None` for a regular file.
    pub instead: Option<&'static str>,
    /// Its length.
    pub bytes: u64,
    /// What it takes on the disk.
    pub disk_bytes: u64,
    /// When it was last written to, in seconds since the epoch.
    pub modified: i64,
}

/// The error of something in the place of a file that is none.
fn not_a_file(instead: &str) -> io::Error {
    io::Error::other(format!("it is {instead}, not a file"))
}

/// What a file really is, once it is open; `None` for a regular file.
fn instead_of_file(meta: &Metadata) -> Option<&'static str> {
    let kind = meta.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_symlink() {
        Some("a link")
    } else {
        Some("a device or pipe")
    }
}

#[cfg(unix)]
mod unix {
    //! By the folder's descriptor, so that a name is one name and no path.

    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use rustix::fs::{self, AtFlags, FileType, OFlags};
    use rustix::io::Errno;

    use super::{Mode, Seen, instead_of_file, not_a_file};

    pub(super) type Handle = OwnedFd;

    const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        Ok(fs::open(path, FOLDER, fs::Mode::empty())?)
    }

    pub(super) fn below(folder: &Handle, name: &str) -> io::Result<Handle> {
        match fs::openat(folder, one(name.as_ref())?, FOLDER | OFlags::NOFOLLOW, fs::Mode::empty())
        {
            // A link to a folder, or no folder at all.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                Err(io::Error::other("it is something else than a folder"))
            }
            opened => Ok(opened?),
        }
    }

    pub(super) fn make_below(folder: &Handle, name: &str) -> io::Result<()> {
        Ok(fs::mkdirat(folder, one(name.as_ref())?, fs::Mode::RWXU)?)
    }

    pub(super) fn file(folder: &Handle, name: &OsStr, mode: Mode) -> io::Result<File> {
        let access = match mode {
            Mode::Read => OFlags::RDONLY,
            Mode::Change => OFlags::RDWR,
            Mode::ChangeOrMake => OFlags::RDWR | OFlags::CREATE,
            Mode::Make => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // Opening a pipe must not wait for its other end, nor a terminal become ours.
        let apart = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let private = fs::Mode::RUSR | fs::Mode::WUSR;
        let opened = fs::openat(folder, one(name)?, access | apart, private);
        let file = File::from(match opened {
            Err(Errno::LOOP) => return Err(not_a_file("a link")),
            Err(Errno::ISDIR) => return Err(not_a_file("a folder")),
            // A socket, or a pipe that nobody reads.
            Err(Errno::NXIO) => return Err(not_a_file("a device or pipe")),
            opened => opened?,
        });
        match instead_of_file(&file.metadata()?) {
            None => Ok(file),
            Some(instead) => Err(not_a_file(instead)),
        }
    }

    pub(super) fn rename(folder: &Handle, from: &str, to: &str) -> io::Result<()> {
        Ok(fs::renameat(folder, one(from.as_ref())?, folder, one(to.as_ref())?)?)
    }

    pub(super) fn remove(folder: &Handle, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(folder, one(name)?, AtFlags::empty())?)
    }

    pub(super) fn remove_below(folder: &Handle, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(folder, one(name.as_ref())?, AtFlags::REMOVEDIR)?)
    }

    pub(super) fn look_at(folder: &Handle, name: &OsStr) -> io::Result<Seen> {
        let stat = fs::statat(folder, one(name)?, AtFlags::SYMLINK_NOFOLLOW)?;
        let instead = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => None,
            FileType::Directory => Some("a folder"),
            FileType::Symlink => Some("a link"),
            _ => Some("a device or pipe"),
        };
        #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
        Ok(Seen {
            instead,
            bytes: stat.st_size.max(0) as u64,
            disk_bytes: stat.st_blocks.max(0) as u64 * 512,
            modified: stat.st_mtime as i64,
        })
    }

    pub(super) fn names(folder: &Handle) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(folder)? {
            let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    pub(super) fn sync(folder: &Handle) -> io::Result<()> {
        Ok(fs::fsync(folder)?)
    }

    pub(super) fn sync_all(folder: &Handle) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        fs::syncfs(folder)?;
        #[cfg(not(target_os = "linux"))]
        {
            fs::sync();
            fs::fsync(folder)?;
        }
        Ok(())
    }

    pub(super) fn identity(folder: &Handle) -> io::Result<Option<(u64, u64)>> {
        let stat = fs::fstat(folder)?;
        #[allow(clippy::unnecessary_cast, reason = "the types differ between systems")]
        Ok(Some((stat.st_dev as u64, stat.st_ino as u64)))
    }

    /// A name that cannot lead anywhere else.
    fn one(name: &OsStr) -> io::Result<&OsStr> {
        let bytes = name.as_bytes();
        let leads_away =
            bytes.is_empty() || bytes == b"." || bytes == b".." || bytes.contains(&b'/');
        if leads_away {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a path, not a name"));
        }
        Ok(name)
    }
}

#[cfg(not(unix))]
mod path {
    //! By paths, each of which is looked at before it is used.

    use std::ffi::{OsStr, OsString};
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::path::{Component, Path, PathBuf};
    use std::time::UNIX_EPOCH;

    use super::{Mode, Seen, instead_of_file, not_a_file};

    pub(super) type Handle = PathBuf;

    pub(super) fn open(path: &Path) -> io::Result<Handle> {
        fs::read_dir(path).map(|_| path.to_owned())
    }

    pub(super) fn below(folder: &Handle, name: &str) -> io::Result<Handle> {
        let path = one(folder, name.as_ref())?;
        match fs::symlink_metadata(&path)?.is_dir() {
            true => Ok(path),
            false => Err(io::Error::other("it is something else than a folder")),
        }
    }

    pub(super) fn make_below(folder: &Handle, name: &str) -> io::Result<()> {
        fs::create_dir(one(folder, name.as_ref())?)
    }

    pub(super) fn file(folder: &Handle, name: &OsStr, mode: Mode) -> io::Result<File> {
        let path = one(folder, name)?;
        match fs::symlink_metadata(&path) {
            Ok(meta) => {
                if let Some(instead) = instead_of_file(&meta) {
                    return Err(not_a_file(instead));
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        OpenOptions::new()
            .read(true)
            .write(mode != Mode::Read)
            .create(mode == Mode::ChangeOrMake)
            .create_new(mode == Mode::Make)
            .open(path)
    }

    pub(super) fn rename(folder: &Handle, from: &str, to: &str) -> io::Result<()> {
        fs::rename(one(folder, from.as_ref())?, one(folder, to.as_ref())?)
    }

    pub(super) fn remove(folder: &Handle, name: &OsStr) -> io::Result<()> {
        fs::remove_file(one(folder, name)?)
    }

    pub(super) fn remove_below(folder: &Handle, name: &str) -> io::Result<()> {
        fs::remove_dir(one(folder, name.as_ref())?)
    }

    pub(super) fn look_at(folder: &Handle, name: &OsStr) -> io::Result<Seen> {
        let meta = fs::symlink_metadata(one(folder, name)?)?;
        let since = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Seen {
            instead: instead_of_file(&meta),
            bytes: meta.len(),
            disk_bytes: meta.len(),
            modified: since.as_secs() as i64,
        })
    }

    pub(super) fn names(folder: &Handle) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
    }

    pub(super) fn sync(_: &Handle) -> io::Result<()> {
        Ok(())
    }

    /// File by file, as there is no call for all of them.
    pub(super) fn sync_all(folder: &Handle) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                sync_all(&entry.path())?;
            } else if kind.is_file() {
                OpenOptions::new().write(true).open(entry.path())?.sync_all()?;
            }
        }
        Ok(())
    }

    pub(super) fn identity(_: &Handle) -> io::Result<Option<(u64, u64)>> {
        Ok(None)
    }

    fn one(folder: &Path, name: &OsStr) -> io::Result<PathBuf> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(part)), None) if part == name => Ok(folder.join(name)),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a path, not a name")),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_reached_but_by_its_plain_name() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::write(temp.path().join("outside"), "precious").unwrap();
        std::fs::create_dir(temp.path().join("store")).unwrap();
        symlink("../outside", temp.path().join("store/link")).unwrap();
        symlink("..", temp.path().join("store/up")).unwrap();
        let folder = Folder::open(&temp.path().join("store")).unwrap();
        for name in ["../outside", "/etc/passwd", "", ".", "..", "a/b"] {
            assert!(folder.read(name.as_ref()).is_err(), "{name:?}");
            assert!(folder.make(name).is_err() && folder.remove(name.as_ref()).is_err());
        }
        assert!(folder.read("link".as_ref()).is_err());
        assert!(folder.change("link").is_err() && folder.change_or_make("link").is_err());
        assert!(folder.below("up").is_err());
        // In the place of a link a file is put, and the link itself is what is removed.
        folder.replace("link", b"ours", false).unwrap();
        symlink("../outside", temp.path().join("store/link2")).unwrap();
        assert!(folder.remove("link2".as_ref()).unwrap());
        let outside = std::fs::read(temp.path().join("outside")).unwrap();
        assert_eq!(outside, b"precious");
        let mut text = String::new();
        folder.read("link".as_ref()).unwrap().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "ours");
    }

    #[test]
    fn what_is_no_file_is_said_to_be_none_at_once() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::open(temp.path()).unwrap();
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            temp.path().join("fifo"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(temp.path().join("socket")).unwrap();
        std::fs::create_dir(temp.path().join("folder")).unwrap();
        for (name, what) in [("fifo", "pipe"), ("socket", "pipe"), ("folder", "folder")] {
            let error = folder.read(name.as_ref()).unwrap_err().to_string();
            assert!(error.contains(what), "{name}: {error}");
            assert!(folder.change(name).is_err() && folder.change_or_make(name).is_err());
            assert!(folder.look_at(name.as_ref()).unwrap().unwrap().instead.is_some());
        }
        assert!(folder.read("absent".as_ref()).unwrap().is_none());
        assert!(folder.below("absent").unwrap().is_none());
        assert!(folder.below("fifo").is_err());
        assert!(!folder.remove("absent".as_ref()).unwrap());
    }
}
