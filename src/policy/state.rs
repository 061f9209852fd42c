//! The state of an entry in one word, for listings and filters.

use std::fmt;

use crate::model::{EntryHead, Timestamp};

use super::Settings;
use super::directives::ResponseDirectives;
use super::freshness::freshness;

/// The state of an entry at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Answers without asking the origin.
    Fresh,
    /// Must be validated, or may be served stale.
    Stale,
    /// The store's TTL is over: it counts as absent.
    Expired,
    /// It cannot be decoded, or its digest is wrong.
    Corrupt,
}

impl State {
    /// All states.
    pub const ALL: [State; 4] = [State::Fresh, State::Stale, State::Expired, State::Corrupt];

    /// The state of an entry that could be decoded.
    pub fn of(head: &EntryHead, now: Timestamp, settings: &Settings) -> Self {
        if head.is_expired(now) {
            return State::Expired;
        }
        let needs_asking = head.invalidated
            || (!head.forced && ResponseDirectives::of(&head.headers).no_cache.is_bare());
        if !needs_asking && freshness(head, now, settings, None).is_fresh() {
            State::Fresh
        } else {
            State::Stale
        }
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            State::Fresh => "fresh",
            State::Stale => "stale",
            State::Expired => "expired",
            State::Corrupt => "corrupt",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
