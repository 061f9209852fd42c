//! What lies in a store's place without being a whole entry: damage, and leftovers.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::model::{EntryId, Stamp};

/// What is wrong with a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// A record, or a part of one, that cannot be decoded.
    Undecodable,
    /// A body whose checksum is not that of its head.
    DigestMismatch,
    /// A body that is shorter or longer than its head says.
    LengthMismatch,
    /// A native key that is not the one of the request behind it.
    KeyMismatch,
    /// An entry whose large body is gone; it counts as absent.
    OrphanIndex,
    /// A large body that no record names.
    OrphanBody,
    /// What an interrupted write has left.
    Unfinished,
    /// What its own client has removed, and not yet cleaned away.
    Removed,
    /// A record that only another build of this program reads: its version is newer, or its
    /// serializer was not built in.
    Unsupported,
    /// Something that cannot be got at: no permission, or no file in the place of one.
    Unreadable,
}

impl Problem {
    /// The name in reports: `undecodable`, `digest-mismatch`, …
    pub fn name(self) -> &'static str {
        match self {
            Problem::Undecodable => "undecodable",
            Problem::DigestMismatch => "digest-mismatch",
            Problem::LengthMismatch => "length-mismatch",
            Problem::KeyMismatch => "key-mismatch",
            Problem::OrphanIndex => "orphan-index",
            Problem::OrphanBody => "orphan-body",
            Problem::Unfinished => "unfinished",
            Problem::Removed => "removed",
            Problem::Unsupported => "unsupported",
            Problem::Unreadable => "unreadable",
        }
    }

    /// Whether the piece may be as whole as ever, for somebody else: it is told, counted as a
    /// failure, and left alone.
    pub fn is_unknown(self) -> bool {
        matches!(self, Problem::Unsupported | Problem::Unreadable)
    }

    /// Whether the piece is merely in the way: nothing of an entry is lost with it.
    pub fn is_leftover(self) -> bool {
        matches!(
            self,
            Problem::OrphanIndex | Problem::OrphanBody | Problem::Unfinished | Problem::Removed
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something in a store's place that is no whole entry. It is the source of the errors that a
/// scan gives about one record among many, so that whoever meets one can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What is wrong with it.
    pub problem: Problem,
    /// The store's own name for it: a path below the folder, a row, a key.
    pub name: String,
    /// The entry it belongs to, and the state of that, where they are known.
    pub entry: Option<(EntryId, Stamp)>,
    /// The key it belongs to, where that is known.
    pub key: Option<String>,
    /// How many bytes it takes.
    pub bytes: u64,
    /// What exactly is wrong, in words.
    pub detail: String,
}

impl Piece {
    /// A piece about which nothing but its name, its length and its trouble is known.
    pub fn new(problem: Problem, name: impl Into<String>, bytes: u64) -> Self {
        Piece { problem, name: name.into(), entry: None, key: None, bytes, detail: String::new() }
    }

    /// The same piece, of this key.
    #[must_use]
    pub fn of_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same piece, of this entry in this state.
    #[must_use]
    pub fn of_entry(mut self, id: EntryId, stamp: Stamp) -> Self {
        self.key = Some(id.key.clone());
        self.entry = Some((id, stamp));
        self
    }

    /// The same piece, with what exactly is wrong.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The piece that an error is about.
    pub fn of(error: &Error) -> Option<&Piece> {
        std::error::Error::source(error)?.downcast_ref()
    }

    /// The error of a scan or a lookup that met this piece; `error` says what was found.
    #[must_use]
    pub fn met(self, what: String, error: &Error) -> Error {
        let causes = error.causes();
        let detail = match causes.is_empty() {
            true => error.message().to_owned(),
            false => format!("{}: {causes}", error.message()),
        };
        let wrapped = Error::new(error.kind(), what).coded(error.code());
        let wrapped = match error.hint() {
            Some(hint) => wrapped.try_this(hint.to_owned()),
            None => wrapped,
        };
        wrapped.because(self.because(detail))
    }
}

/// What is wrong, in words: the cause of the error that carries the piece.
impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Piece {}

/// Whether an error is about one record or body among many, so that work goes on behind it:
/// damage, or something that only this program, or this user, cannot read.
pub fn is_about_one(error: &Error) -> bool {
    error.kind() == ErrorKind::Codec || Piece::of(error).is_some()
}

/// Whether an error tells of a damaged record or body: it is lost for everybody, so it may be
/// replaced and repaired. This is the one place that says so.
pub fn is_damage(error: &Error) -> bool {
    let of_others = matches!(error.code(), "version_too_new" | "serializer_not_built");
    error.kind() == ErrorKind::Codec && !of_others
}

/// Stored bytes, as they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The record of an entry.
    Record(EntryId),
    /// A piece, by its name.
    Piece(String),
    /// What lies beside a piece and goes with it when it is discarded: all bytes of a large
    /// body that are there, whatever is wrong with them.
    Beside(Piece),
}

impl Part {
    /// The record that a piece is about, or the piece itself.
    pub fn own(piece: &Piece) -> Part {
        match &piece.entry {
            Some((id, _)) => Part::Record(id.clone()),
            None => Part::Piece(piece.name.clone()),
        }
    }

    /// Everything that goes when a piece is discarded. Not each of it need be there.
    pub fn all_of(piece: &Piece) -> [Part; 2] {
        [Part::own(piece), Part::Beside(piece.clone())]
    }
}

/// When to give back the space that removed entries took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compact {
    /// When a good part of the place is unused.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}
