//! What was done, and what was not.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::error::Error;

use super::held::Losses;

/// What is done with an entry, or why it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// It is new in the destination.
    Copy,
    /// It takes the place of an older one.
    Overwrite,
    /// The destination has the same already.
    Unchanged,
    /// What the destination has stays.
    Keep,
    /// It is left out, as what has expired is.
    Skip,
    /// It is written by another serializer.
    Convert,
    /// It is removed because it was selected.
    Remove,
    /// It is removed because the store's TTL is over.
    Expired,
    /// It is removed because nothing needs it.
    Leftover,
    /// It is removed because it was stored too long ago.
    TooOld,
    /// It is removed because it was not used for too long.
    Unused,
    /// It is removed to make the store smaller.
    OverSize,
    /// It is removed to make the entries fewer.
    OverCount,
    /// It is removed because it cannot be read.
    Corrupt,
    /// It was replaced after the plan was made, and stays.
    Changed,
    /// It was gone already.
    Missing,
}

impl Action {
    /// Every action.
    const ALL: [(Action, &'static str); 16] = [
        (Action::Copy, "copy"),
        (Action::Overwrite, "overwrite"),
        (Action::Unchanged, "unchanged"),
        (Action::Keep, "keep"),
        (Action::Skip, "skip"),
        (Action::Convert, "convert"),
        (Action::Remove, "remove"),
        (Action::Expired, "expired"),
        (Action::Leftover, "leftover"),
        (Action::TooOld, "too-old"),
        (Action::Unused, "unused"),
        (Action::OverSize, "over-size"),
        (Action::OverCount, "over-count"),
        (Action::Corrupt, "corrupt"),
        (Action::Changed, "changed"),
        (Action::Missing, "missing"),
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, name)| name)
    }

    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).map(|(action, _)| *action)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many entries, and their bytes: those of the bodies, for leftovers those that lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub entries: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Tally) -> Tally {
        Tally { entries: self.entries + other.entries, bytes: self.bytes + other.bytes }
    }
}

/// Counts by what is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tallies(BTreeMap<Action, Tally>);

impl Tallies {
    /// Counts one more.
    pub fn count(&mut self, action: Action, bytes: u64) {
        self.0.entry(action).or_default().count(bytes);
    }

    /// What was counted, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Action, Tally)> + '_ {
        self.0.iter().map(|(action, tally)| (*action, *tally))
    }

    /// What was counted of one action.
    pub fn of(&self, action: Action) -> Tally {
        self.0.get(&action).copied().unwrap_or_default()
    }

    /// All together.
    pub fn total(&self) -> Tally {
        self.iter().fold(Tally::default(), |sum, (_, tally)| sum.plus(tally))
    }

    /// What was done, without what was found to be changed or gone.
    pub fn done(&self) -> Tally {
        let is_done = |action: &Action| !matches!(action, Action::Changed | Action::Missing);
        self.iter()
            .filter(|(action, _)| is_done(action))
            .fold(Tally::default(), |sum, (_, tally)| sum.plus(tally))
    }
}

/// An entry with which something went wrong.
#[derive(Debug)]
pub struct Failure {
    /// Its key, or the name of the piece.
    pub key: String,
    /// Its URL, where that is known.
    pub url: Option<String>,
    /// What went wrong.
    pub error: Error,
}

/// The most failures that a report remembers; the rest is counted.
const MOST_FAILURES: usize = 20;

/// What came out.
#[derive(Debug, Default)]
pub struct Report {
    /// What was done.
    pub tallies: Tallies,
    /// The first failures.
    pub failures: Vec<Failure>,
    /// How many there were in all.
    pub failed: u64,
    /// What of the entries has no place in the destination.
    pub losses: Losses,
    /// How much smaller the store is, as measured; `None` where that cannot be told.
    pub reclaimed_bytes: Option<u64>,
    /// Everything that was planned was tried.
    pub complete: bool,
    /// What ended the work before its time, if that was trouble with the store.
    pub ended_by: Option<Error>,
    /// How long it took.
    pub duration: Duration,
}

impl Report {
    /// Notes what of an entry the destination does not hold.
    pub fn lose(&mut self, fields: &[&'static str]) {
        for field in fields {
            *self.losses.entry(field).or_default() += 1;
        }
    }

    /// Notes a failure.
    pub fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push(failure);
        }
    }
}

/// What happens while a plan is run.
#[derive(Debug)]
pub enum Event<'a> {
    /// So many entries more have been dealt with, of so many bytes.
    Done(Tally),
    /// An entry could not be dealt with.
    Failed(&'a Failure),
}
