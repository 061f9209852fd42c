//! Reading a folder: what its index names, and nothing outside of it.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, EntryHead, EntryId};

use super::super::archive::{reader::opening, verdict};
use super::super::input::{self, Came, Lines, unreadable};
use super::super::line::Line;
use super::super::{Origin, Reader, damaged, misfit, truncated};
use super::{FORMAT, INDEX};

const CHUNK: usize = 256 * 1024;

pub(super) struct DirReader {
    /// Without symbolic links.
    root: PathBuf,
    lines: Lines,
    entries: u64,
    spoiled: bool,
    finished: bool,
    body: Body,
}

enum Body {
    None,
    File(Box<OpenFile>),
    Missing(EntryId),
}

/// A file, as far as it has been read.
struct OpenFile {
    head: EntryHead,
    file: File,
    digest: BodyDigest,
}

impl DirReader {
    pub(super) fn new(from: Origin) -> Result<Self> {
        let Origin::Folder(folder) = from else {
            return Err(misfit(FORMAT.name, "a folder, not a file"));
        };
        let cannot = |e| {
            Error::new(ErrorKind::LocalFile, format!("cannot read {}", folder.display())).because(e)
        };
        let root = folder.canonicalize().map_err(cannot)?;
        let index = open_below(&root, INDEX).map_err(cannot)?;
        let Some(index) = index else {
            let told = Error::codec(format!("{INDEX} is not a file of the folder"));
            return Err(told.coded("bad_format"));
        };
        let mut lines = Lines::new(input::open(Box::new(index))?);
        opening(&mut lines, |line| line.cachectl_index)?;
        Ok(DirReader { root, lines, entries: 0, spoiled: false, finished: false, body: Body::None })
    }

    fn unusable(&mut self, why: &str) -> Error {
        self.spoiled = true;
        let number = self.lines.number();
        match self.lines.waste_line() {
            Ok(()) => Error::codec(format!("line {number} of {INDEX}: {why}")),
            Err(bomb) => {
                self.finished = true;
                bomb
            }
        }
    }

    fn entry(&mut self) -> Result<Option<EntryHead>> {
        let came = self.lines.advance().inspect_err(|_| self.finished = true)?;
        let parsed = match came {
            Came::TooLong => return Err(self.unusable("it is too long")),
            Came::End => None,
            Came::Line => Some(Line::parse(self.lines.line())),
            Came::CutOff => Some(Line::parse(self.lines.line())).filter(Result::is_ok),
        };
        let Some(parsed) = parsed else {
            self.finished = true;
            return Err(truncated(INDEX));
        };
        let mut line = match parsed {
            Ok(line) => line,
            Err(e) => return Err(self.unusable("it cannot be read").because(e)),
        };
        if line.end == Some(true) {
            self.finished = true;
            return match line.entries {
                Some(said) if said == self.entries || self.spoiled => Ok(None),
                _ => Err(Error::codec(format!(
                    "{INDEX} is not whole: {} entries were there, and its last line counts others",
                    self.entries
                ))
                .coded("miscounted")),
            };
        }
        let path = line.path.take();
        let head = match line.into_entry() {
            Ok(read) => read.head,
            Err(why) => return Err(self.unusable(why)),
        };
        self.entries += 1;
        self.body = match path {
            Some(path) => {
                let file = self.open(&path, &head)?;
                let digest = BodyDigest::new();
                Body::File(Box::new(OpenFile { head: head.clone(), file, digest }))
            }
            None if head.body.bytes == 0 => Body::None,
            None => Body::Missing(head.id.clone()),
        };
        Ok(Some(head))
    }

    /// Opens a file that the index names, if it is one of the folder.
    fn open(&self, path: &str, head: &EntryHead) -> Result<File> {
        let outside = || {
            Error::codec(format!("{INDEX} names {path:?}, which is not a file of the folder"))
                .coded("bad_path")
        };
        let is_plain = Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
        if !is_plain || path.is_empty() || path.contains('\\') {
            return Err(outside());
        }
        let broken = |e| damaged(&head.id, &format!("{path} cannot be opened")).because(e);
        let file = open_below(&self.root, path).map_err(broken)?.ok_or_else(outside)?;
        match file.metadata() {
            Ok(about) if about.len() == head.body.bytes => Ok(file),
            Ok(_) => Err(damaged(&head.id, &format!("{path} has another length"))),
            Err(e) => Err(broken(e)),
        }
    }
}

/// Opens what has this path below a folder; `None` for what is no file, or lies elsewhere.
fn open_below(root: &Path, path: &str) -> std::io::Result<Option<File>> {
    // The way may lead over links, and each could lead elsewhere.
    let real = root.join(path).canonicalize()?;
    // Opening what is no file may block, so it is looked at before.
    if !real.starts_with(root) || !real.is_file() {
        return Ok(None);
    }
    File::open(real).map(Some)
}

impl Reader for DirReader {
    fn next(&mut self) -> Result<Option<EntryHead>> {
        self.body = Body::None;
        if self.finished { Ok(None) } else { self.entry() }
    }

    fn chunk(&mut self) -> Result<Option<Bytes>> {
        match std::mem::replace(&mut self.body, Body::None) {
            Body::None => Ok(None),
            Body::Missing(id) => Err(Error::codec(format!(
                "the folder was written without bodies, so {id} has none"
            ))
            .coded("body_missing")),
            Body::File(mut open) => {
                let OpenFile { head, file, digest } = &mut *open;
                let mut chunk = BytesMut::with_capacity(CHUNK);
                chunk.resize(CHUNK, 0);
                let read = file.read(&mut chunk).map_err(unreadable)?;
                if read == 0 {
                    let facts = digest.clone().finish();
                    return match verdict(head, &facts) {
                        None => Ok(None),
                        Some(how) => Err(damaged(&head.id, how)),
                    };
                }
                chunk.truncate(read);
                digest.update(&chunk);
                self.body = Body::File(open);
                Ok(Some(chunk.freeze()))
            }
        }
    }
}
