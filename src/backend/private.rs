//! Files and folders that only their owner may read, and what the system's errors mean.
//! The one place that knows what is special about Unix.

use std::fs;
#[cfg(feature = "file")]
use std::fs::File;
#[cfg(any(feature = "sqlite", feature = "foreign"))]
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::storage::Address;

/// Creates a folder, and its parents, for its owner alone (0700).
pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Options for a new file that only its owner may read (0600).
#[cfg(any(feature = "sqlite", feature = "foreign"))]
pub(crate) fn new_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes the file of a database, and the folders above it, for its owner alone: SQLite would
/// let everybody read it. One that is there already stays as it is.
///
/// # Errors
/// `Store` when it cannot be made.
#[cfg(feature = "sqlite")]
pub(crate) fn create_database_file(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_dir_all(folder)
            .map_err(|e| store_error(format!("cannot create {}", folder.display()), e))?;
    }
    match new_file().open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(store_error(format!("cannot create {}", path.display()), e))
        }
        _ => Ok(()),
    }
}

/// How many bytes this user may still write to the disk that a file lies on; `None` where that
/// is not known.
#[cfg(feature = "sqlite")]
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let disk = rustix::fs::statvfs(path).ok().filter(|disk| disk.f_blocks > 0)?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Whether files cannot be made beside this one.
#[cfg(feature = "sqlite")]
pub(crate) fn is_read_only_place(path: &Path) -> bool {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    #[cfg(unix)]
    return rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err();
    #[cfg(not(unix))]
    return fs::metadata(folder).is_ok_and(|meta| meta.permissions().readonly());
}

/// Whether this user may write to a file that is there.
#[cfg(feature = "sqlite")]
pub(crate) fn is_writable(path: &Path) -> bool {
    #[cfg(unix)]
    return rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    #[cfg(not(unix))]
    return fs::metadata(path).is_ok_and(|meta| !meta.permissions().readonly());
}

/// The place of a store at an address, or the usual one. Where nobody has named it, it is taken
/// for what it is: whoever made the folder around it may have made it a link to something of
/// the user's.
///
/// # Errors
/// `Store` for a usual place that is a link, those of the address.
pub(crate) fn place_of(address: &Address, usual: &str) -> Result<PathBuf> {
    if let Some(path) = address.path()? {
        return Ok(path);
    }
    let path = PathBuf::from(usual);
    match fs::read_link(&path) {
        Err(_) => Ok(path),
        Ok(to) => Err(Error::store(format!("{usual} is a link to {}", to.display()))
            .coded("not_a_store")
            .try_this(format!(
                "--backend {}:{usual}, if you want what it leads to",
                address.scheme()
            ))),
    }
}

/// Whether trouble with a file is trouble of the process, which it would have with any other.
#[cfg(feature = "file")]
pub(crate) fn is_about_the_process(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM))
    }
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::OutOfMemory;
}

/// The error of a store whose files cannot be used, with what helps in that case.
pub(crate) fn store_error(what: String, error: io::Error) -> Error {
    use io::ErrorKind as Io;
    let (code, hint) = match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
            ("no_space", Some("free some space, or choose another place with --backend"))
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            ("permission", Some("another place with --backend, or ?readonly=true to only read"))
        }
        Io::NotFound => ("store_missing", None),
        _ => ("store", None),
    };
    let wrapped = Error::store(what).because(error).coded(code);
    match hint {
        Some(hint) => wrapped.try_this(hint),
        None => wrapped,
    }
}

/// Overwrites bytes in place.
#[cfg(all(unix, feature = "file"))]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(all(not(unix), feature = "file"))]
pub(crate) fn write_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
    io::Write::write_all(&mut file, bytes)
}
