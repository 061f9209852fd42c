//! Where bodies go: standard output, a file that appears whole, standard error, nowhere.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::Result;
use bytes::Bytes;
use cachectl::{
    Answer, BodyStream, EntryHead, Error, ErrorKind, FilePart, Headers, Secrets, decode,
};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};
use xxhash_rust::xxh3::Xxh3;

use crate::signals;

/// What is to become of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Standard output; a terminal gets text only, unless asked for.
    Stdout { even_binary: bool },
    /// The named file, in one piece or not at all.
    File,
    /// Standard error, if it is short and text: the page of a failure.
    Complaint,
    /// The head goes to standard output, and there is no body.
    HeadOnly,
    /// It is fetched and stored only.
    Nowhere,
}

/// How a body is delivered.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Undo `Content-Encoding`.
    pub decode: bool,
}

/// Where a body comes from.
pub trait Source {
    /// The header fields that tell its coding.
    fn headers(&self) -> &Headers;

    /// The next chunk; `None` at the end.
    async fn chunk(&mut self) -> cachectl::Result<Option<Bytes>>;

    /// The file behind it, if there is one and nothing has been read yet.
    fn take_file(&mut self) -> Option<FilePart>;

    /// The file behind it turned out to be damaged.
    async fn condemn(&mut self);

    /// The error of a body whose coding cannot be undone.
    fn undecodable(&self, why: io::Error) -> Error;
}

impl Source for Answer {
    fn headers(&self) -> &Headers {
        &self.headers
    }

    async fn chunk(&mut self) -> cachectl::Result<Option<Bytes>> {
        Answer::chunk(self).await
    }

    fn take_file(&mut self) -> Option<FilePart> {
        Answer::take_file(self)
    }

    async fn condemn(&mut self) {
        Answer::condemn(self).await;
    }

    fn undecodable(&self, why: io::Error) -> Error {
        let url = Secrets::built_in().url(self.url.as_str()).into_owned();
        Error::new(ErrorKind::Network, format!("the body from {url} cannot be decoded"))
            .because(why)
            .coded("bad_coding")
            .try_this("without --compressed the body passes as it came")
    }
}

/// A stored body, and the head of its entry.
pub struct StoredBody {
    head: EntryHead,
    body: Option<BodyStream>,
}

impl StoredBody {
    pub fn new(head: EntryHead, body: BodyStream) -> Self {
        StoredBody { head, body: Some(body) }
    }
}

impl Source for StoredBody {
    fn headers(&self) -> &Headers {
        &self.head.headers
    }

    async fn chunk(&mut self) -> cachectl::Result<Option<Bytes>> {
        match &mut self.body {
            Some(body) => body.chunk().await,
            None => Ok(None),
        }
    }

    fn take_file(&mut self) -> Option<FilePart> {
        match self.body.take()?.into_file() {
            Ok(part) => Some(part),
            Err(body) => {
                self.body = Some(body);
                None
            }
        }
    }

    /// Who only looks removes nothing.
    async fn condemn(&mut self) {}

    fn undecodable(&self, why: io::Error) -> Error {
        let url = Secrets::built_in().url(self.head.request.url.as_str()).into_owned();
        Error::codec(format!("the body of {url} cannot be decoded"))
            .because(why)
            .coded("bad_coding")
            .try_this("without --decode the body passes as it was stored")
    }
}

/// The page of a failure is shown up to this length.
const COMPLAINT_BYTES: usize = 4 * 1024;

/// An open destination.
pub struct Sink {
    target: Target,
    out: Option<File>,
    part: Option<PartFile>,
    /// Why nothing may be written to the terminal.
    is_terminal: bool,
    complaint: Vec<u8>,
}

impl Sink {
    pub fn open(target: Target, path: Option<&Path>) -> Result<Self> {
        let mut sink =
            Sink { target, out: None, part: None, is_terminal: false, complaint: Vec::new() };
        match (target, path) {
            (Target::Stdout { .. } | Target::HeadOnly, _) => {
                sink.is_terminal = io::stdout().is_terminal();
                sink.out = Some(raw_stdout().map_err(of_output)?);
            }
            (Target::File, Some(path)) => {
                let (file, part) = PartFile::create(path).map_err(|e| cannot_write(path, e))?;
                sink.out = Some(file);
                sink.part = part;
            }
            _ => {}
        }
        Ok(sink)
    }

    /// Writes a header section.
    pub fn head(&mut self, head: &[u8]) -> Result<()> {
        match (&mut self.out, self.target) {
            (Some(out), Target::File) => out.write_all(head).map_err(unwritten)?,
            (Some(out), _) => out.write_all(head).map_err(of_output)?,
            (None, Target::Complaint) => io::stderr().write_all(head)?,
            (None, _) => stdout()?.write_all(head)?,
        }
        Ok(())
    }

    /// Writes a body while it comes; gives its length as transferred.
    pub async fn body(&mut self, source: &mut impl Source, how: Delivery) -> Result<u64> {
        let decodes = how.decode && !decode::codings(source.headers()).is_empty();
        let may_look_away = matches!(self.target, Target::Stdout { .. } | Target::File);
        if may_look_away
            && !decodes
            && !self.is_terminal
            && let (Some(out), Some(part)) = (&self.out, source.take_file())
        {
            let moved = move_file(part, out);
            if let Err(MoveError::Damaged(_)) = &moved {
                source.condemn().await;
            }
            return moved.map_err(Into::into);
        }
        let coded = if decodes { Some(source.headers().clone()) } else { None };
        let mut size = 0;
        let is_output = Cell::new(false);
        let mut writer: Box<dyn Write + '_> = match &mut self.out {
            Some(out) => Box::new(Told { out, failed: &is_output }),
            None if self.target == Target::Complaint => Box::new(&mut self.complaint),
            None => Box::new(io::sink()),
        };
        if let Some(headers) = &coded {
            writer = decode::decoder(headers, writer).ok_or_else(|| {
                let codings = decode::codings(headers).join(", ");
                source.undecodable(io::Error::other(format!("the coding {codings} is not known")))
            })?;
        }
        let guards = self.is_terminal && self.target == Target::Stdout { even_binary: false };
        while let Some(chunk) = source.chunk().await? {
            signals::check()?;
            if guards && coded.is_none() && size == 0 && is_binary(&chunk) {
                return Err(Error::usage("the body is binary, and standard output is a terminal")
                    .try_this("-o FILE, or -o - to send it there anyway")
                    .into());
            }
            size += chunk.len() as u64;
            writer
                .write_all(&chunk)
                .map_err(|e| undone(e, coded.is_none() || is_output.get(), source))?;
        }
        if size > 0 || coded.is_none() {
            writer.flush().map_err(|e| undone(e, coded.is_none() || is_output.get(), source))?;
        }
        Ok(size)
    }

    /// Puts a file in its place; shows the page of a failure.
    pub fn finish(self) -> Result<()> {
        let is_text = std::str::from_utf8(&self.complaint).is_ok();
        if self.complaint.len() <= COMPLAINT_BYTES && is_text && !self.complaint.is_empty() {
            io::stderr().write_all(&self.complaint)?;
        }
        match self.part {
            Some(part) => part.persist().map_err(Into::into),
            None => Ok(()),
        }
    }
}

/// Prints text on standard output.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout()?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

/// Standard output or standard error, without a buffer. The errors of standard output say what
/// they are, through whatever wraps them: an [`OutputTrouble`] is among their sources.
#[derive(Debug)]
pub struct Stream {
    file: File,
    is_output: bool,
}

/// Standard output.
///
/// # Errors
/// When it is closed.
pub fn stdout() -> io::Result<Stream> {
    let file = raw_stdout().map_err(of_output)?;
    Ok(Stream { file, is_output: true })
}

/// Standard error.
///
/// # Errors
/// When it is closed.
pub fn stderr() -> io::Result<Stream> {
    let file = io::stderr().as_fd().try_clone_to_owned()?.into();
    Ok(Stream { file, is_output: false })
}

fn raw_stdout() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|e| if self.is_output { of_output(e) } else { e })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What became of standard output.
#[derive(Debug)]
pub struct OutputTrouble(io::Error);

impl OutputTrouble {
    /// Whether the reader has gone, as in `… | head`: it has got what it wanted.
    pub fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl std::fmt::Display for OutputTrouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for OutputTrouble {}

/// Carries [`OutputTrouble`] as a source: whoever wraps an I/O error hands on its sources only.
#[derive(Debug)]
struct Carrying(OutputTrouble);

impl std::fmt::Display for Carrying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Carrying {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn of_output(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => error,
        kind => io::Error::new(kind, Carrying(OutputTrouble(error))),
    }
}

/// Whether a terminal cannot show a body that begins so.
fn is_binary(chunk: &[u8]) -> bool {
    if chunk.contains(&0) {
        return true;
    }
    // A character may be cut at the end of a chunk.
    match std::str::from_utf8(chunk) {
        Ok(_) => false,
        Err(e) => e.error_len().is_some(),
    }
}

/// The error of a file that cannot be written.
fn cannot_write(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display())).because(error)
}

/// An output that tells whether it has failed, and not the decoder before it.
struct Told<'a, W> {
    out: W,
    failed: &'a Cell<bool>,
}

impl<W: Write> Write for Told<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).inspect_err(|e| {
            self.failed.set(e.kind() != io::ErrorKind::Interrupted);
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|_| self.failed.set(true))
    }
}

/// An error of the output, or of the decoder before it.
fn undone(error: io::Error, is_output: bool, source: &impl Source) -> anyhow::Error {
    if is_output { unwritten(error) } else { source.undecodable(error).into() }
}

fn unwritten(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return of_output(error).into();
    }
    Error::new(ErrorKind::LocalFile, "the body cannot be written").because(error).into()
}

/// Whether the coding of a body that is in hand can be undone.
pub fn decodes<'a>(headers: &Headers, body: impl Iterator<Item = &'a Bytes>) -> bool {
    let Some(mut decoder) = decode::decoder(headers, Box::new(io::sink())) else { return false };
    let mut is_empty = true;
    for chunk in body {
        is_empty &= chunk.is_empty();
        if decoder.write_all(chunk).is_err() {
            return false;
        }
    }
    is_empty || decoder.flush().is_ok()
}

/// A file that gets its name when it is complete.
pub struct PartFile {
    part: PathBuf,
    path: PathBuf,
    done: bool,
}

impl PartFile {
    /// A file that only its owner may read.
    pub fn private(path: &Path) -> Result<(File, Option<Self>)> {
        use std::os::unix::fs::PermissionsExt;
        let (file, part) = Self::create(path).map_err(|e| cannot_write(path, e))?;
        if part.is_some() {
            let mode = fs::Permissions::from_mode(0o600);
            file.set_permissions(mode).map_err(|e| cannot_write(path, e))?;
        }
        Ok((file, part))
    }

    /// The file to write to. A device or pipe is written to directly.
    pub fn create(path: &Path) -> io::Result<(File, Option<Self>)> {
        Self::create_by(path, false)
    }

    /// The same; a new file is its owner's alone.
    pub fn create_private(path: &Path) -> io::Result<(File, Option<Self>)> {
        Self::create_by(path, true)
    }

    fn create_by(path: &Path, private: bool) -> io::Result<(File, Option<Self>)> {
        let existing = fs::metadata(path).ok();
        if existing.as_ref().is_some_and(|meta| !meta.is_file()) {
            return Ok((OpenOptions::new().write(true).open(path)?, None));
        }
        // A link keeps pointing to what it points to, also when that is not there yet.
        let path = behind_links(path);
        path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        // A name of its own: the file's may be as long as names can be.
        let nonce = &cachectl::Stamp::fresh().to_string()[..16];
        let part = path.with_file_name(format!(".cachectl-{nonce}.part"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, if private { 0o600 } else { 0o666 });
        let file = options.open(&part)?;
        if let Some(meta) = existing {
            fs::set_permissions(&part, meta.permissions())?;
        }
        Ok((file, Some(PartFile { part, path, done: false })))
    }

    /// Gives the file its name.
    pub fn persist(mut self) -> Result<(), Error> {
        fs::rename(&self.part, &self.path).map_err(|e| cannot_write(&self.path, e))?;
        self.done = true;
        Ok(())
    }
}

/// Where a path leads: links are followed, also the last one to something that is not there.
fn behind_links(path: &Path) -> PathBuf {
    const MOST: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            // `join` takes an absolute target as it is.
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    path
}

/// What is not complete does not stay.
impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[derive(Debug)]
enum MoveError {
    Damaged(Error),
    Read(Error),
    Write(io::Error),
    Stopped(signals::Stopped),
}

impl From<MoveError> for anyhow::Error {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::Damaged(e) | MoveError::Read(e) => e.into(),
            MoveError::Write(e) => unwritten(e),
            MoveError::Stopped(e) => e.into(),
        }
    }
}

/// How much is hashed, and then moved, at a time: it stays in the processor's cache, and
/// the first use of a larger buffer costs more than the calls it saves.
const STEP: usize = 64 * 1024;

/// Sends a stored body from its file. Every byte is read for its checksum; into a pipe the
/// kernel then moves the pages themselves, so that nothing is copied twice.
fn move_file(mut part: FilePart, out: &File) -> Result<u64, MoveError> {
    let mut into_pipe = part.bytes > STEP as u64 && fcntl_setpipe_size(out, 1 << 20).is_ok();
    let mut buffer = vec![0; STEP.min(usize::try_from(part.bytes).unwrap_or(STEP)).max(1)];
    let mut hash = Xxh3::new();
    let mut offset = part.offset;
    let mut left = part.bytes;
    while left > 0 {
        signals::check().map_err(MoveError::Stopped)?;
        let want = buffer.len().min(usize::try_from(left).unwrap_or(STEP));
        let got = part.file.read(&mut buffer[..want]).map_err(|e| {
            MoveError::Read(
                Error::store(format!("cannot read the body of {}", part.name)).because(e),
            )
        })?;
        if got == 0 {
            return Err(MoveError::Damaged(damaged(&part, "it is shorter than its head says")));
        }
        if part.xxh3.is_some() {
            hash.update(&buffer[..got]);
        }
        let mut sent = 0;
        while into_pipe && sent < got {
            let mut from = offset + sent as u64;
            match splice(&part.file, Some(&mut from), out, None, got - sent, SpliceFlags::empty()) {
                Ok(n) if n > 0 => sent += n,
                Err(e) if e == rustix::io::Errno::INTR => {}
                Err(e) if e == rustix::io::Errno::PIPE => return Err(MoveError::Write(e.into())),
                // This pair of files cannot be joined so; write like everybody.
                _ => into_pipe = false,
            }
        }
        (&*out).write_all(&buffer[sent..got]).map_err(MoveError::Write)?;
        offset += got as u64;
        left -= got as u64;
    }
    if part.xxh3.is_some_and(|wanted| wanted != hash.digest()) {
        return Err(MoveError::Damaged(damaged(&part, "its checksum is wrong")));
    }
    Ok(part.bytes)
}

fn damaged(part: &FilePart, how: &str) -> Error {
    Error::new(ErrorKind::Codec, format!("the body of {} is damaged: {how}", part.name))
        .coded("body_damaged")
}

/// Says of a stored body that turned out damaged what brings a new one.
pub fn advise(failure: anyhow::Error, how: &str) -> anyhow::Error {
    match failure.downcast::<Error>() {
        Ok(error) if error.code() == "body_damaged" => error.try_this(how).into(),
        Ok(error) => error.into(),
        Err(failure) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_is_told_from_text() {
        assert!(is_binary(b"a\0b"));
        assert!(is_binary(b"a\xff\xfeb"));
        assert!(!is_binary("ä".as_bytes()));
        assert!(!is_binary(&"ä".as_bytes()[..1]), "cut at the end of a chunk");
    }
}
