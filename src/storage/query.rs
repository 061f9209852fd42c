//! What a scan shall bring.

use crate::filter::{Bound, Detail, Filter, Moment};
use crate::model::EntryId;

/// What a sorted scan goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Bytes as stored.
    Stored,
    /// Bytes of the body.
    Size,
    /// When it was stored.
    Created,
    /// When the store's TTL ends.
    Expires,
    /// How often it was used.
    Uses,
    /// When it was last used.
    Used,
    /// The status code.
    Status,
    /// The key.
    Key,
    /// The URL.
    Url,
    /// The host.
    Host,
}

/// The order of a scan, and after how many entries it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: Order,
    /// The largest first.
    pub descending: bool,
    /// How many entries are wanted; for a store that sorts it is a promise that no more
    /// will be read.
    pub limit: usize,
}

/// What a scan shall bring. The default is everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Query {
    /// Only entries whose key begins with this text.
    pub key_prefix: Option<String>,
    /// How much of each entry is needed at least.
    pub detail: Detail,
    /// What every wanted entry fulfils. A store that can tell leaves the others out; one
    /// that cannot brings them, so whoever asked has to look again.
    pub bounds: Vec<Bound>,
    /// In which order, for a store whose capabilities say that it sorts. The others come
    /// in their own.
    pub sort: Option<Sort>,
    /// Only entries behind this one in the store's own order. One that is gone meanwhile
    /// still has its place.
    pub after: Option<Cursor>,
}

/// A place in a store's own order: behind an entry that a scan has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The entry.
    pub id: EntryId,
    /// Where the store found it, if that is more than its identity says.
    pub position: Option<Position>,
}

/// Where a scan stood when it found an entry; each store has its own use for the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position(pub u64, pub u64);

impl Query {
    /// Everything under keys that begin with this text.
    pub fn with_key_prefix(prefix: impl Into<String>) -> Self {
        Query { key_prefix: Some(prefix.into()), ..Query::default() }
    }

    /// What a filter lets a store look for. The entries have to be matched again.
    pub fn of(filter: &Filter, moment: Moment<'_>) -> Self {
        Query {
            key_prefix: filter.key_prefix(),
            bounds: filter.bounds(moment.now),
            detail: filter.needs(moment.settings),
            ..Query::default()
        }
    }

    /// Everything, with this much of each entry.
    pub fn with_detail(detail: Detail) -> Self {
        Query { detail, ..Query::default() }
    }

    /// The same query with at least this much of each entry.
    #[must_use]
    pub fn and_detail(mut self, detail: Detail) -> Self {
        self.detail = self.detail.max(detail);
        self
    }

    /// Whether an entry belongs to the answer, as far as its identity goes.
    pub fn admits(&self, id: &EntryId) -> bool {
        self.key_prefix.as_ref().is_none_or(|prefix| id.key.starts_with(prefix.as_str()))
    }
}
