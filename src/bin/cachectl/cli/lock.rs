//! Lock files on disk.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use anyhow::Result;
use cachectl::{Error, ErrorKind, Lock, Secrets};

use crate::output::sink::PartFile;

/// Reads one.
pub fn read(path: &Path, secrets: Secrets) -> Result<Lock> {
    let file = File::open(path).map_err(|e| {
        let told = format!("cannot read the lock file {}", path.display());
        Error::new(ErrorKind::LocalFile, told)
            .because(e)
            .try_this("cachectl warm --lock FILE writes one")
    })?;
    Ok(Lock::read(BufReader::new(file), &path.display().to_string(), secrets)?)
}

/// Writes one, in one piece or not at all.
pub fn write(lock: &Lock, path: &Path) -> Result<()> {
    let cannot = |e: std::io::Error| {
        let told = format!("cannot write the lock file {}", path.display());
        Error::new(ErrorKind::LocalFile, told).because(e)
    };
    let (file, part) = PartFile::create_private(path).map_err(cannot)?;
    lock.write(BufWriter::new(file)).map_err(cannot)?;
    if let Some(part) = part {
        part.persist()?;
    }
    Ok(())
}
