//! Entries of generations 1 and 2 that answer the same request.

use crate::model::{EntryId, Stamp, Timestamp, hex};
use crate::storage::{Found, Over};

/// An entry beside what its layout knows of it.
pub(super) trait Beside {
    /// Its own number.
    fn own_id(&self) -> [u8; 16];

    /// When it came, as far as the layout knows; what `found` says counts first.
    fn came_at(&self) -> i64;

    /// Its place among those of its key, as hishel finds them.
    fn place(&self) -> i64;
}

/// Which of several entries that answer the same is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GivesOut {
    Newest,
    First,
}

/// Sorts the entries of one key. The one that is given out of those that answer the same has
/// the identity that the request gives; the others get their own number behind it.
pub(super) fn distinguish<T: Beside>(entries: &mut [(Found, T)], gives_out: GivesOut) {
    let now = Timestamp::now();
    let age = |found: &Found, beside: &T| {
        (found.head.created_at.micros(), beside.came_at(), beside.own_id())
    };
    entries.sort_by(|(a, beside), (b, other)| {
        let order = match gives_out {
            GivesOut::Newest => age(b, other).cmp(&age(a, beside)),
            GivesOut::First => beside.place().cmp(&other.place()),
        };
        // What is over is not given out.
        let live_first = a.head.is_expired(now).cmp(&b.head.is_expired(now));
        a.head.id.cmp(&b.head.id).then(live_first).then(order)
    });
    let mut last: Option<EntryId> = None;
    for (found, beside) in entries.iter_mut() {
        let id = found.head.id.clone();
        if last.as_ref() == Some(&id) {
            let number = hex(&beside.own_id()[..6]);
            found.head.id.variant = id.variant.behind(&number);
        } else {
            last = Some(id);
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.head.id.cmp(&b.head.id));
}

/// The state of what an entry is to be written over: that of its own identity, else of one like
/// it; and where one entry of a key may stand for another, the one that was seen.
pub(super) fn standing<T>(
    entries: &[(Found, T)],
    id: &EntryId,
    is_alike: impl Fn(&Found) -> bool,
    over: Over,
    gives_out: GivesOut,
) -> Option<Stamp> {
    let stamp_of = |fits: &dyn Fn(&Found) -> bool| {
        entries.iter().map(|(found, _)| found).find(|found| fits(found)).map(|found| found.stamp)
    };
    let is_seen = |found: &Found| matches!(over, Over::State(seen) if seen == found.stamp);
    let seen = stamp_of(&|found| gives_out == GivesOut::First && is_seen(found));
    seen.or_else(|| stamp_of(&|found| found.head.id == *id)).or_else(|| stamp_of(&is_alike))
}

/// Whether this entry stands behind the other, and would come to light without it.
pub(super) fn is_behind(found: &Found, id: &EntryId) -> bool {
    let rest = found.head.id.variant.as_str().strip_prefix(id.variant.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('~'))
}

/// A random identity, marked as such (RFC 9562, version 4).
pub(super) fn fresh_id() -> [u8; 16] {
    let mut id = Stamp::fresh().to_bytes();
    id[6] = id[6] & 0x0f | 0x40;
    id[8] = id[8] & 0x3f | 0x80;
    id
}
