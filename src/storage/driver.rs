//! A backend's row in the table of backends: everything that help, completions, error
//! messages and `open` need to know of it.

use std::sync::Arc;

use crate::error::{Error, Result};

use super::address::Address;
use super::backend::{Backend, BlockingBackend};

/// One kind of backend.
#[derive(Debug, Clone, Copy)]
pub struct Driver {
    /// The bare word: `file`, `sqlite`, …
    pub kind: &'static str,
    /// The schemes of its addresses; the first is the usual one.
    pub schemes: &'static [&'static str],
    /// One line for people.
    pub about: &'static str,
    /// The forms of its addresses.
    pub forms: &'static str,
    /// Its own parameters; those of every backend stand in `COMMON_PARAMS`.
    pub params: &'static [Param],
    /// Opens a store; `None` where the crate was built without the feature of this name.
    pub open: Option<fn(&Address, Access) -> Result<Opened>>,
}

/// One parameter of an address.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// The default, as text; empty for none.
    pub default: &'static str,
    /// One line for people.
    pub about: &'static str,
}

/// Parameters that every backend has.
pub(crate) const COMMON_PARAMS: &[Param] = &[
    Param { name: "serializer", default: "json", about: "how heads are written" },
    Param { name: "ttl", default: "none", about: "how long what is stored now may stay" },
    Param { name: "readonly", default: "false", about: "refuse every change" },
];

/// Whether opening may create a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A store that is not there is an error of kind `Store`.
    Existing,
    /// A store that is not there is created, at the first write.
    Create,
}

/// A store, in the colour of its backend.
#[derive(Debug, Clone)]
pub enum Opened {
    /// Blocks.
    Blocking(Arc<dyn BlockingBackend>),
    /// Async; needs a tokio runtime.
    Async(Arc<dyn Backend>),
}

impl Driver {
    /// All parameters of an address of this kind.
    pub fn all_params(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().chain(COMMON_PARAMS)
    }

    /// Refuses parameters that this kind of backend does not have.
    ///
    /// # Errors
    /// `Usage`, with the nearest name that exists.
    pub fn check(&self, address: &Address) -> Result<()> {
        let known = |name: &str| self.all_params().any(|p| p.name == name);
        let Some((unknown, _)) = address.params().find(|(name, _)| !known(name)) else {
            return Ok(());
        };
        let kind = self.kind;
        let error = address.refuse(&format!("a {kind} store has no parameter {unknown:?}"));
        let names: Vec<_> = self.all_params().map(|p| p.name).collect();
        Err(match nearest(unknown, names.iter().copied()) {
            Some(name) => error.try_this(name),
            None => error.try_this(names.join(", ")),
        })
    }

    /// Opens the store at this address.
    ///
    /// # Errors
    /// `Usage` for a bad address or a backend that was not built in, `Store` when the
    /// store cannot be opened.
    pub fn open(&self, address: &Address, access: Access) -> Result<Opened> {
        self.check(address)?;
        let open = self.open.ok_or_else(|| {
            Error::usage(format!("this build has no {} backend", self.kind))
                .coded("backend_not_built")
                .try_this(format!("build with the cargo feature `{}`", self.kind))
        })?;
        open(address, access)
    }
}

/// The candidate that a mistyped word most likely means; `None` when none is near.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3 + 1)
        .filter(|(distance, candidate)| *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: insert, delete, replace, swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let kinds = ["file", "sqlite", "redis", "memory", "s3"];
        let near = |word| nearest(word, kinds.into_iter());
        assert_eq!(near("redsi"), Some("redis"));
        assert_eq!(near("sqllite"), Some("sqlite"));
        assert_eq!(near("fiel"), Some("file"));
        assert_eq!(near("s4"), Some("s3"));
        assert_eq!(near("banana"), None);
        assert_eq!(near("x"), None);
    }
}
