//! How far a long job has come, in a file: the same command goes on from there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use cachectl::{Cursor, EntryId, Error, ErrorKind, Position, Sha256Digest, Variant};
use serde::{Deserialize, Serialize};

use crate::environment;

/// How often a job that is under way is written down.
const EVERY: Duration = Duration::from_secs(5);

/// What stands in the file.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Written {
    checkpoint: u32,
    job: String,
    after: Option<After>,
    entries: u64,
    bytes: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
struct After {
    key: String,
    variant: String,
    position: Option<(u64, u64)>,
}

/// The checkpoint of one job.
pub struct Checkpoint {
    path: PathBuf,
    written: Written,
    saved: Instant,
    /// Behind a failure nothing is passed: the job has to come by again.
    holds: bool,
}

impl Checkpoint {
    /// The one of a job that these words describe, in the file that was given or in the
    /// usual place; `None` where there is no place for it.
    pub fn open(job: &[&str], path: Option<&Path>, restart: bool) -> Result<Option<Self>> {
        let job = job.join("\n");
        let path = match path {
            Some(path) => path.to_owned(),
            None => match environment::state_folder() {
                Some(folder) => {
                    let digest = Sha256Digest::of(job.as_bytes()).to_string();
                    folder.join(format!("{}.json", &digest[..24]))
                }
                None => return Ok(None),
            },
        };
        let fresh = Written { checkpoint: 1, job: job.clone(), after: None, entries: 0, bytes: 0 };
        let known = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let written = match known {
            Some(Written { checkpoint: 1, job: known, after, entries, bytes })
                if known == job && !restart =>
            {
                Written { checkpoint: 1, job, after, entries, bytes }
            }
            Some(Written { job: known, .. }) if known != job && !restart => {
                return Err(Error::usage(format!("{} is of another job", path.display()))
                    .try_this("another --checkpoint, or --restart")
                    .into());
            }
            _ => fresh,
        };
        Ok(Some(Checkpoint { path, written, saved: Instant::now(), holds: false }))
    }

    /// Where an earlier run has ended.
    pub fn after(&self) -> Option<Cursor> {
        let after = self.written.after.as_ref()?;
        Some(Cursor {
            id: EntryId::new(&*after.key, Variant::verbatim(&*after.variant)),
            position: after.position.map(|(a, b)| Position(a, b)),
        })
    }

    /// How much earlier runs have done.
    pub fn done_before(&self) -> u64 {
        self.written.entries
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything up to here is done.
    pub fn pass(&mut self, cursor: Option<Cursor>, bytes: u64) -> Result<()> {
        let Some(cursor) = cursor.filter(|_| !self.holds) else { return Ok(()) };
        self.written.entries += 1;
        self.written.bytes += bytes;
        self.written.after = Some(After {
            key: cursor.id.key,
            variant: cursor.id.variant.as_str().to_owned(),
            position: cursor.position.map(|at| (at.0, at.1)),
        });
        if self.saved.elapsed() >= EVERY { self.save() } else { Ok(()) }
    }

    /// Something before this place has to be tried again.
    pub fn hold(&mut self) {
        self.holds = true;
    }

    /// Writes it down, in one piece or not at all.
    pub fn save(&mut self) -> Result<()> {
        self.saved = Instant::now();
        let fail = |e: std::io::Error| {
            Error::new(
                ErrorKind::LocalFile,
                format!("cannot write the checkpoint {}", self.path.display()),
            )
            .because(e)
            .try_this("another place with --checkpoint")
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(folder)?;
            let part = self.path.with_extension("part");
            let mut file = fs::File::create(&part)?;
            file.write_all(&serde_json::to_vec(&self.written)?)?;
            fs::rename(part, &self.path)
        };
        write().map_err(fail)?;
        Ok(())
    }

    /// The job is done: nothing is left to go on with.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}
