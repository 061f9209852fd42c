//! Entries as files of other kinds: what is exported, and what is imported.
//!
//! A [`Writer`] is given entries one by one, a [`Reader`] hands them out; neither knows a
//! store. Bodies pass in pieces, so that memory stays flat. A format is one file here and
//! one row in [`FORMATS`].
//!
//! | name | written | read | loses |
//! |---|---|---|---|
//! | `archive` | yes | yes | nothing |
//! | `har` | yes | yes | content codings: bodies are decoded |
//! | `csv` | yes | no | all but the columns |
//! | `dir` | yes | yes | content codings, unless asked to keep them |
//!
//! Nothing here decides whether an entry may be stored, or which requests it answers:
//! that is the business of whoever imports.

mod archive;
mod csv;
mod dir;
mod har;
mod input;
mod line;
mod message;
mod output;
mod redact;
pub mod urls;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryHead, Secrets, Timestamp, expected};

/// Bodies pass in pieces of at most this many bytes.
pub const MAX_CHUNK: usize = 1 << 20;

type OpenReader = fn(Origin) -> Result<Box<dyn Reader>>;

/// One format.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name, as in `--as`.
    pub name: &'static str,
    /// The endings of file names that mean this format.
    pub endings: &'static [&'static str],
    /// One line for people.
    pub about: &'static str,
    /// Whether it can be read.
    pub imports: bool,
    /// Whether it is a folder rather than a file.
    pub is_folder: bool,
    /// Whether what it holds was recorded rather than stored: whoever imports it has to
    /// ask whether it may be stored at all, and for which requests it stands.
    pub is_recording: bool,
    write: fn(Target, WriteOptions) -> Result<Box<dyn Writer>>,
    read: Option<OpenReader>,
}

/// Every format; the first is the default.
pub static FORMATS: &[Format] = &[archive::FORMAT, har::FORMAT, csv::FORMAT, dir::FORMAT];

impl Format {
    /// The format of this name.
    ///
    /// # Errors
    /// `Usage` when there is none.
    pub fn named(name: &str) -> Result<&'static Format> {
        FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
            Error::usage(format!("{name:?} is not a format"))
                .because(expected(name, FORMATS.iter().map(|format| format.name)))
                .coded("bad_format")
        })
    }

    /// The format that a file of this name has, by its ending. A folder is recognised by
    /// the index in it.
    pub fn of_path(path: &Path) -> Option<&'static Format> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let by_ending = |format: &&Format| format.endings.iter().any(|end| name.ends_with(end));
        let is_mirror = || path.join(dir::INDEX).is_file();
        FORMATS
            .iter()
            .find(by_ending)
            .or_else(|| FORMATS.iter().find(|format| format.is_folder && is_mirror()))
    }
}

/// How entries are written.
#[derive(Debug)]
pub struct WriteOptions {
    /// Where the entries come from: an address without its password.
    pub source: String,
    /// When the export is made.
    pub now: Timestamp,
    /// What counts as a credential.
    pub secrets: Secrets,
    /// Whether credentials are hidden in what is written.
    pub redact: bool,
    /// Whether bodies are written.
    pub bodies: bool,
    /// Whether content codings are undone where the format leaves the choice (`dir`).
    pub decode: bool,
    /// The columns of `csv`, and how an entry fills them.
    pub table: Option<Table>,
}

impl WriteOptions {
    /// Everything as it is: bodies too, credentials shown, files decoded.
    pub fn new(source: impl Into<String>, now: Timestamp) -> Self {
        WriteOptions {
            source: source.into(),
            now,
            secrets: Secrets::built_in(),
            redact: false,
            bodies: true,
            decode: true,
            table: None,
        }
    }
}

/// Gives the members of an entry's row, by column name; it is given the head as it may be
/// shown, and the length of the entry as stored.
pub type Describe =
    Box<dyn Fn(&EntryHead, u64) -> serde_json::Map<String, serde_json::Value> + Send>;

/// The columns of a table. What a listing says of an entry, such as its freshness, depends
/// on settings that this module does not know; so the caller says how to tell.
pub struct Table {
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// Gives the members of a row. A member `redacted` is set by the writer, for only it
    /// knows what was hidden.
    pub describe: Describe,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What a writer wants of the entry begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Its body, then `end`.
    Body,
    /// No body; `end` at once.
    NoBody,
    /// Nothing: the entry has no place in this format, for this reason. No `end`.
    LeftOut(&'static str),
}

/// One format's writer. Entry by entry: `begin`, `chunk` as often as needed, `end`; at
/// last `finish`.
pub trait Writer: Send {
    /// Whether entries stand under the keys of their store, as in a table for people. Elsewhere they
    /// stand under the native ones, by which every store takes them in.
    fn keeps_keys(&self) -> bool {
        false
    }

    /// Begins an entry; says whether its body is wanted, or why the entry is left out.
    ///
    /// # Errors
    /// `LocalFile` when the output cannot be written; a broken pipe is the error's source.
    fn begin(&mut self, head: &EntryHead, stored_bytes: u64) -> Result<Wanted>;

    /// Takes the next bytes of the body, as stored.
    ///
    /// # Errors
    /// `LocalFile` when the output cannot be written.
    fn chunk(&mut self, bytes: &[u8]) -> Result<()>;

    /// Ends the entry.
    ///
    /// # Errors
    /// `Codec` with the code `body_damaged` when the body was not what its head says; the
    /// entry is given up then, and the next may begin. `LocalFile` when the output cannot
    /// be written.
    fn end(&mut self) -> Result<()>;

    /// Gives up the entry begun, because its body turned out damaged: what was written of
    /// it will not be taken for whole.
    ///
    /// # Errors
    /// `LocalFile` when the output cannot be written.
    fn abandon(&mut self) -> Result<()>;

    /// Completes the output. Without it, the output counts as truncated.
    ///
    /// # Errors
    /// `LocalFile` when the output cannot be written.
    fn finish(self: Box<Self>) -> Result<Written>;
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries.
    pub entries: u64,
    /// Bytes of their bodies, as they stand in the output once its own encoding is undone.
    pub body_bytes: u64,
    /// Entries that were left out, by reason.
    pub left_out: BTreeMap<&'static str, u64>,
    /// Entries that carry credentials, shown or hidden.
    pub with_credentials: u64,
    /// What the format could not carry, by kind: the number of entries that lost it.
    pub lost: BTreeMap<&'static str, u64>,
}

impl Written {
    fn leave_out(&mut self, why: &'static str) -> Wanted {
        *self.left_out.entry(why).or_default() += 1;
        Wanted::LeftOut(why)
    }
}

/// Where an export goes.
pub enum Target {
    /// A file or a pipe.
    Stream {
        /// Takes the bytes.
        to: Box<dyn Write + Send>,
        /// Whether they are compressed.
        gzip: bool,
    },
    /// A folder that is not there yet, or empty.
    Folder(PathBuf),
}

/// Where an import comes from.
pub enum Origin {
    /// A file or a pipe; gzip is recognised by its first bytes.
    Stream(Box<dyn Read + Send>),
    /// A folder.
    Folder(PathBuf),
}

/// One format's reader: entries in the order of the file.
///
/// A head is as complete as the format: where it says nothing of them, `selections` and
/// the variant are empty although the response has `Vary`, the key is the native one
/// without a partition, and the request has all of its header fields. Whoever stores the
/// entry completes it as the client would. Digests are those that the file tells beforehand;
/// the body is checked in any case.
pub trait Reader: Send {
    /// The next entry; what was not read of the body before it is skipped.
    ///
    /// # Errors
    /// `Codec` when one entry is damaged, or cannot be used; reading may go on, and the code
    /// says why where it is usual: `no_content`, `bad_url`, `bad_method`, `bad_status` or
    /// `bad_time` in HAR, `bad_path` in folders. When the input ends too early, the code is
    /// `truncated`, when it is not worth reading on, `bomb`; the next call gives the end.
    /// `LocalFile` when the input cannot be read.
    fn next(&mut self) -> Result<Option<EntryHead>>;

    /// The next bytes of its body, at most [`MAX_CHUNK`]; `None` once its digest has been
    /// checked.
    ///
    /// # Errors
    /// `Codec`: with the code `body_damaged` when it is not the body that was written,
    /// `abandoned` when the writer gave the entry up, `body_missing` when bodies were not
    /// written at all. The entry must not be kept then; reading may go on.
    fn chunk(&mut self) -> Result<Option<Bytes>>;
}

/// A writer of this format.
///
/// # Errors
/// `Usage` when format and target do not fit, `Refused` when the folder is not empty,
/// `LocalFile` when the output cannot be written.
pub fn writer(
    format: &'static Format,
    to: Target,
    options: WriteOptions,
) -> Result<Box<dyn Writer>> {
    (format.write)(to, options)
}

/// A reader of this format; it has looked at the beginning.
///
/// # Errors
/// `Usage` when the format cannot be read, or does not fit the origin; `Codec` when the
/// input is of another format, of a later version, or empty; `LocalFile` when it cannot be read.
pub fn reader(format: &'static Format, from: Origin) -> Result<Box<dyn Reader>> {
    match format.read {
        Some(read) => read(from),
        None => Err(Error::usage(format!("{} can be exported, not imported", format.name))
            .coded("bad_format")),
    }
}

impl Target {
    fn stream(self, format: &str) -> Result<output::Output> {
        match self {
            Target::Stream { to, gzip } => Ok(output::Output::new(to, gzip)),
            Target::Folder(_) => Err(misfit(format, "a file, not a folder")),
        }
    }
}

impl Origin {
    fn stream(self, format: &str) -> Result<input::Input> {
        match self {
            Origin::Stream(from) => input::open(from),
            Origin::Folder(_) => Err(misfit(format, "a file, not a folder")),
        }
    }
}

fn misfit(format: &str, what: &str) -> Error {
    Error::usage(format!("{format} is {what}")).coded("bad_format")
}

/// The error of calls in an order that the contract rules out.
fn out_of_order() -> Error {
    Error::new(ErrorKind::Internal, "an entry was not begun, or not ended")
}

/// The error of a body that is not what its head says.
fn damaged(name: impl fmt::Display, how: &str) -> Error {
    Error::codec(format!("the body of {name} is damaged: {how}")).coded("body_damaged")
}

/// The error of an input that ends too early.
fn truncated(what: &str) -> Error {
    Error::codec(format!("the {what} is cut off: its end is missing")).coded("truncated")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_true() {
        for format in FORMATS {
            assert_eq!(format.imports, format.read.is_some(), "{}", format.name);
            assert!(std::ptr::eq(Format::named(format.name).unwrap(), format));
        }
        assert_eq!(Format::named("hra").unwrap_err().causes(), "did you mean har?");
        for (path, name) in [
            ("x.ndjson", Some("archive")),
            ("a/x.NDJSON.gz", Some("archive")),
            ("x.har", Some("har")),
            ("x.har.gz", Some("har")),
            ("x.csv", Some("csv")),
            ("x", None),
        ] {
            assert_eq!(Format::of_path(Path::new(path)).map(|f| f.name), name, "{path}");
        }
    }
}
