//! How heads become bytes.
//!
//! A record is a *document* and the raw bytes of the small bodies behind it. The document
//! lists every entry of the record with its head, its stamp and the place of its body;
//! a body never passes through a serializer. The first bytes of a document tell which
//! serializer wrote it, a version mark tells which form it has, and a checksum inside
//! tells whether it is whole.
//!
//! A serializer is one file here and one row in [`SERIALIZERS`].

#[cfg(feature = "bincode")]
mod bincode;
mod document;
mod json;
#[cfg(feature = "yaml")]
mod yaml;

use std::fmt;
#[cfg(feature = "_records")]
use std::sync::Arc;

#[cfg(feature = "_records")]
use crate::error::ErrorKind;
use crate::error::{Error, Result, unquoted};
use crate::model::wire::{MAX_PARTS, parts};
use crate::model::{EntryHead, Stamp, expected};

#[cfg(feature = "bincode")]
pub use bincode::BincodeSerializer;
pub use json::JsonSerializer;
#[cfg(feature = "yaml")]
pub use yaml::YamlSerializer;

/// One entry of a record: its head, the state it is in, and where its body lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The head.
    pub head: EntryHead,
    /// The stamp.
    pub stamp: Stamp,
    /// Where the body lies; its length stands in the head.
    pub place: Place,
}

/// Where a body lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the record, this many bytes behind the document.
    Inline(u64),
    /// Beside it, under a name that the backend understands and never uses twice.
    Beside(String),
}

impl Place {
    /// The name of a body that lies beside the record.
    #[cfg(feature = "_records")]
    pub(crate) fn beside(&self) -> Option<&str> {
        match self {
            Place::Beside(name) => Some(name),
            Place::Inline(_) => None,
        }
    }
}

/// Turns the entries of a record into a document and back.
pub trait Serializer: fmt::Debug + Send + Sync {
    /// The name in addresses, listings and options.
    fn name(&self) -> &'static str;

    /// Whether documents are unreadable to people.
    fn is_binary(&self) -> bool;

    /// Whether a document that begins so is one of this serializer's.
    fn recognises(&self, document: &[u8]) -> bool;

    /// Writes the document. The same entries give the same bytes.
    ///
    /// # Errors
    /// `Codec` when an entry is beyond the limits of the format.
    fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>>;

    /// Reads a document and says where it ends, which is where the bodies begin. The bytes
    /// are not trusted: lengths and depths are limited, the checksum is compared.
    ///
    /// # Errors
    /// `Codec` when the bytes are damaged, or of a version that this build cannot read.
    fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)>;
}

impl<S: Serializer + ?Sized> Serializer for &S {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn is_binary(&self) -> bool {
        (**self).is_binary()
    }

    fn recognises(&self, document: &[u8]) -> bool {
        (**self).recognises(document)
    }

    fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>> {
        (**self).dumps(entries)
    }

    fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)> {
        (**self).loads(record)
    }
}

/// No document is longer than this: a thousand heads of four kilobytes.
pub(crate) const MAX_DOCUMENT: usize = 4 << 20;

/// No record holds more entries than this.
pub(crate) const MAX_ENTRIES: usize = 1000;

/// The version of the documents that this build writes; it reads this one and all before.
pub(crate) const VERSION: u32 = 1;

/// Every serializer that this build knows by name.
pub const SERIALIZERS: &[&dyn Serializer] = &[
    &JsonSerializer,
    #[cfg(feature = "yaml")]
    &YamlSerializer,
    #[cfg(feature = "bincode")]
    &BincodeSerializer,
];

/// The names of all serializers, also of those that were not built in.
pub const SERIALIZER_NAMES: &[&str] = &["json", "yaml", "bincode"];

/// The serializer of this name.
///
/// # Errors
/// `Usage` when there is none, or when it was not built in.
pub fn serializer(name: &str) -> Result<&'static dyn Serializer> {
    let known = SERIALIZERS.iter().find(|s| s.name() == name);
    known.copied().ok_or_else(|| {
        if SERIALIZER_NAMES.contains(&name) {
            Error::usage(format!("this build has no {name} serializer"))
                .coded("serializer_not_built")
                .try_this(format!("build with the cargo feature `{name}`"))
        } else {
            Error::usage(format!("{name:?} is not a serializer"))
                .because(expected(name, SERIALIZER_NAMES.iter().copied()))
        }
    })
}

/// The serializers of one store: one that writes unless an entry asks for another, all
/// that read.
#[cfg(feature = "_records")]
#[derive(Debug, Clone)]
pub(crate) struct Codec {
    default: Arc<dyn Serializer>,
}

#[cfg(feature = "_records")]
impl Codec {
    pub(crate) fn new(default: Arc<dyn Serializer>) -> Self {
        Codec { default }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.default.name()
    }

    /// Writes a record's document. The serializer is the one that its newest entry asks
    /// for, else the store's.
    pub(crate) fn dumps(&self, entries: &[Recorded]) -> Result<Vec<u8>> {
        let wanted = entries.last().and_then(|e| e.head.serializer.as_deref());
        let document = match wanted {
            Some(name) if name != self.default.name() => serializer(name)?.dumps(entries),
            _ => self.default.dumps(entries),
        }?;
        // Nobody would read it again.
        if document.len() > MAX_DOCUMENT || entries.len() > MAX_ENTRIES {
            let (heads, bytes) = (entries.len(), document.len());
            let told = format!("{heads} heads under one key have {bytes} bytes");
            return Err(Error::new(ErrorKind::Refused, told)
                .because(format!("a record holds {MAX_ENTRIES} heads and {MAX_DOCUMENT} bytes"))
                .coded("too_large"));
        }
        Ok(document)
    }

    /// Reads a record's document, whoever wrote it.
    pub(crate) fn loads(&self, record: &[u8]) -> Result<(Vec<Recorded>, usize)> {
        let known = || SERIALIZERS.iter().copied();
        let reader = Some(&*self.default)
            .filter(|s| s.recognises(record))
            .or_else(|| known().find(|s| s.recognises(record)))
            .ok_or_else(|| unknown(record))?;
        let (mut entries, end) = reader.loads(record)?;
        for entry in &mut entries {
            entry.head.serializer = Some(reader.name().into());
        }
        Ok((entries, end))
    }
}

#[cfg(feature = "_records")]
impl Default for Codec {
    fn default() -> Self {
        Codec::new(Arc::new(JsonSerializer))
    }
}

/// The error of a record that nobody here reads: perhaps another build does.
#[cfg(feature = "_records")]
fn unknown(record: &[u8]) -> Error {
    let marks: [(&[u8], &str); 2] = [(b"--- # cachectl", "yaml"), (&[0xca, 0x01], "bincode")];
    let left_out = |(mark, name): &&(&[u8], &'static str)| {
        record.starts_with(mark) && !SERIALIZERS.iter().any(|known| known.name() == *name)
    };
    match marks.iter().find(left_out) {
        Some((_, name)) => Error::codec(format!("this build has no {name} serializer"))
            .coded("serializer_not_built")
            .try_this(format!("build with the cargo feature `{name}`")),
        None => Error::codec("the record begins like no known serializer's"),
    }
}

/// The checksum that a document carries over its own content.
fn checksum(content: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(content)
}

/// Refuses a text document that would take far more memory than it has bytes.
fn check_parts(name: &str, content: &[u8]) -> Result<()> {
    if parts(content) > MAX_PARTS {
        return Err(damaged(name, "it has more parts than any head"));
    }
    Ok(())
}

/// The error of a document that is not what it was.
fn damaged(name: &str, how: impl fmt::Display) -> Error {
    Error::codec(format!("the {name} record is damaged: {}", unquoted(how))).coded("record_damaged")
}

/// The error of a document from the future.
fn too_new(name: &str, version: u64) -> Error {
    Error::codec(format!(
        "the {name} record has version {version}, this build reads up to {VERSION}"
    ))
    .coded("version_too_new")
    .try_this("a newer cachectl")
}
