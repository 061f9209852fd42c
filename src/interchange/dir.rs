//! A folder of bodies, one file each, for people who want the files.
//!
//! ```text
//! OUT/HOST[_PORT]/PATH[@QUERY]     a body; its content codings are undone, if asked
//! OUT/SHA256SUMS                   for `sha256sum -c`
//! OUT/index.ndjson                 the entries, as in an archive, each with its `path`
//! ```
//!
//! The folder is made beside its place and gets its name when it is complete. URLs come
//! from anywhere, so every name is made safe (`names`), and no two bodies get one place,
//! also not where letter case does not count (`tree`).

mod names;
mod reader;
mod tree;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, BodyFacts, EntryHead};

use super::archive::{index_opening, verdict};
use super::line::{Closing, EntryLine, put};
use super::message::{Look, as_decoded, copy_decoded, is_coded};
use super::output::unwritable;
use super::redact::Redactor;
use super::{Format, Target, Wanted, WriteOptions, Writer, Written, damaged, misfit, out_of_order};

pub(super) const FORMAT: Format = Format {
    name: "dir",
    endings: &[],
    about: "a folder of bodies by host and path, with index.ndjson and SHA256SUMS",
    imports: true,
    is_folder: true,
    is_recording: false,
    write: |to, options| Ok(Box::new(DirWriter::new(to, options)?)),
    read: Some(|from| Ok(Box::new(reader::DirReader::new(from)?))),
};

/// The entries.
pub(super) const INDEX: &str = "index.ndjson";
/// The digests of the files.
const SUMS: &str = "SHA256SUMS";

struct DirWriter {
    target: PathBuf,
    /// Where everything is made; it goes away if it is not finished.
    folder: TempDir,
    tree: tree::Tree,
    /// Path, digest and line of each entry. A file may have to move as long as others
    /// come, so the index is made at the end.
    entries: BufWriter<File>,
    options: WriteOptions,
    redactor: Redactor,
    begun: Option<Begun>,
    line: Vec<u8>,
    written: Written,
}

struct Begun {
    head: EntryHead,
    carries: bool,
    body: Option<Growing>,
}

/// A file that is being written.
struct Growing {
    /// Its path below the folder, with slashes.
    path: String,
    file: BufWriter<File>,
    digest: BodyDigest,
}

impl DirWriter {
    fn new(to: Target, options: WriteOptions) -> Result<Self> {
        let Target::Folder(target) = to else {
            return Err(misfit(FORMAT.name, "a folder, not a file"));
        };
        if is_taken(&target) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("{} is there already", target.display()),
            )
            .coded("exists")
            .try_this("name a folder that is empty, or not there yet"));
        }
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let make = || {
            let folder = private_folder(parent)?;
            Ok((folder, BufWriter::new(tempfile::tempfile()?)))
        };
        let (folder, entries) = make().map_err(unwritable)?;
        Ok(DirWriter {
            target,
            tree: tree::Tree::new(folder.path()),
            folder,
            entries,
            redactor: Redactor::new(&options),
            options,
            begun: None,
            line: Vec::new(),
            written: Written::default(),
        })
    }

    fn complete(&mut self, begun: Begun) -> Result<()> {
        let Begun { mut head, carries, body } = begun;
        let path = match body {
            None => String::new(),
            Some(body) => {
                let facts = body.digest.clone().finish();
                if let Some(how) = verdict(&head, &facts) {
                    self.discard(body);
                    return Err(damaged(&head.id, how));
                }
                head.body = facts;
                self.settle(body, &mut head).map_err(unwritable)?
            }
        };
        let digest = head.body.sha256;
        let shown = digest.map_or_else(|| "-".to_owned(), |digest| digest.to_string());
        put(&mut self.line, &EntryLine::of(&head, None, digest))?;
        write!(self.entries, "{path}\n{shown}\n").map_err(unwritable)?;
        self.entries.write_all(&self.line).map_err(unwritable)?;
        self.written.entries += 1;
        self.written.with_credentials += u64::from(carries);
        if !path.is_empty() {
            self.written.body_bytes += head.body.bytes;
        }
        Ok(())
    }

    /// Closes a file, decoded if that is asked and works.
    fn settle(&mut self, body: Growing, head: &mut EntryHead) -> io::Result<String> {
        let mut file = body.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let coded = self.options.decode && is_coded(&head.headers);
        if coded && let Some((decoded, facts)) = self.decoded(&mut file, head)? {
            file = decoded.persist(self.folder.path().join(&body.path)).map_err(|e| e.error)?;
            as_decoded(&mut head.headers, facts.bytes);
            head.body = facts;
            *self.written.lost.entry("content coding").or_default() += 1;
        }
        // A convenience; some file systems cannot.
        let _ = file.set_modified(head.received_at.into());
        Ok(body.path)
    }

    fn decoded(
        &self,
        file: &mut File,
        head: &EntryHead,
    ) -> io::Result<Option<(NamedTempFile, BodyFacts)>> {
        let part = NamedTempFile::new_in(self.folder.path())?;
        let mut both = Both { file: BufWriter::new(part), look: Look::new() };
        // What cannot be decoded is kept as it was transferred.
        if copy_decoded(file, &head.headers, &mut both).is_err() {
            return Ok(None);
        }
        let part = both.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Some((part, both.look.finish().0)))
    }

    /// Takes a file away again, and the folders that were made for it.
    fn discard(&self, body: Growing) {
        drop(body.file);
        let path = self.folder.path().join(&body.path);
        let _ = fs::remove_file(&path);
        for folder in path.ancestors().skip(1).take_while(|f| *f != self.folder.path()) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }

    fn write_index(&mut self) -> io::Result<()> {
        self.entries.flush()?;
        let mut entries = self.entries.get_ref().try_clone()?;
        entries.rewind()?;
        let mut entries = BufReader::new(entries);
        let create = |name: &str| -> io::Result<BufWriter<File>> {
            Ok(BufWriter::new(File::create_new(self.folder.path().join(name))?))
        };
        let (mut index, mut sums) = (create(INDEX)?, create(SUMS)?);
        put(&mut self.line, &index_opening(&self.options)).map_err(io::Error::other)?;
        index.write_all(&self.line)?;
        let (mut path, mut digest) = (String::new(), String::new());
        loop {
            path.clear();
            digest.clear();
            self.line.clear();
            if entries.read_line(&mut path)? == 0 {
                break;
            }
            entries.read_line(&mut digest)?;
            entries.read_until(b'\n', &mut self.line)?;
            let path = self.tree.final_path(path.trim_end());
            match path {
                "" => write!(index, "{{\"path\":null,")?,
                // Safe names need no escapes.
                path => {
                    write!(index, "{{\"path\":\"{path}\",")?;
                    writeln!(sums, "{}  {path}", digest.trim_end())?;
                }
            }
            index.write_all(&self.line[1..])?;
        }
        let Written { entries, body_bytes, .. } = self.written;
        put(&mut self.line, &Closing { end: true, entries, body_bytes })
            .map_err(io::Error::other)?;
        index.write_all(&self.line)?;
        index.flush()?;
        sums.flush()
    }
}

impl Writer for DirWriter {
    fn begin(&mut self, head: &EntryHead, _stored_bytes: u64) -> Result<Wanted> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        let (shown, carries) = self.redactor.apply(head);
        let head = shown.into_owned();
        let body = match self.options.bodies {
            false => None,
            true => {
                let names = names::of(&head.request.url, &head.headers);
                let (path, file) = self.tree.create(&names).map_err(unwritable)?;
                let file = BufWriter::new(file);
                Some(Growing { path, file, digest: BodyDigest::new() })
            }
        };
        let wanted = if body.is_some() { Wanted::Body } else { Wanted::NoBody };
        self.begun = Some(Begun { head, carries, body });
        Ok(wanted)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let begun = self.begun.as_mut().ok_or_else(out_of_order)?;
        let body = begun.body.as_mut().ok_or_else(out_of_order)?;
        body.digest.update(bytes);
        if body.digest.bytes() > begun.head.body.bytes {
            return Ok(());
        }
        body.file.write_all(bytes).map_err(unwritable)
    }

    fn end(&mut self) -> Result<()> {
        let begun = self.begun.take().ok_or_else(out_of_order)?;
        self.complete(begun)
    }

    fn abandon(&mut self) -> Result<()> {
        let begun = self.begun.take().ok_or_else(out_of_order)?;
        if let Some(body) = begun.body {
            self.discard(body);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Written> {
        if self.begun.is_some() {
            return Err(out_of_order());
        }
        self.write_index().map_err(unwritable)?;
        // An empty folder may stand in its place; one that was filled meanwhile stays.
        let _ = fs::remove_dir(&self.target);
        fs::rename(self.folder.path(), &self.target).map_err(unwritable)?;
        // It has another name now, so there is nothing to remove.
        let _ = self.folder.keep();
        Ok(self.written)
    }
}

/// Whether there is something at the target that must not be touched.
fn is_taken(target: &Path) -> bool {
    match fs::read_dir(target) {
        Ok(mut inside) => inside.next().is_some(),
        Err(e) => e.kind() != io::ErrorKind::NotFound,
    }
}

/// Writes to a file and looks at what is written.
struct Both {
    file: BufWriter<NamedTempFile>,
    look: Look,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.look.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A new folder that only its owner can look into: it may hold credentials.
fn private_folder(parent: &Path) -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix(".cachectl-").tempdir_in(parent)
}
