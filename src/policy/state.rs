//! The state of an entry in one word, for listings and filters.

use std::fmt;

use crate::model::{EntryHead, Timestamp};

use super::Settings;
use super::directives::ResponseDirectives;
use super::freshness::{freshness, is_from_the_future};

/// Until when an entry answers without asking the origin; `None` when it never did, or
/// no longer may. A request with demands of its own may still ask.
pub fn usable_until(head: &EntryHead, settings: &Settings) -> Option<Timestamp> {
    if head.invalidated {
        return None;
    }
    if head.forced && head.expires_at.is_some() {
        return head.expires_at;
    }
    if !head.forced && ResponseDirectives::of(&head.headers).no_cache.is_bare() {
        return None;
    }
    freshness(head, head.received_at, settings, None).fresh_until(head.received_at)
}

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
        let usable = usable_until(head, settings).filter(|_| !is_from_the_future(head, now));
        Self::until(head.expires_at, usable, now)
    }

    /// The state of an entry whose store TTL ends at one time, and which may be used
    /// without asking up to another one.
    pub fn until(
        expires_at: Option<Timestamp>,
        usable_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        if expires_at.is_some_and(|end| end <= now) {
            State::Expired
        } else if usable_until.is_some_and(|end| now < end) {
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
