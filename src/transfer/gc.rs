//! What policy says must go.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt;

use crate::error::Result;
use crate::filter::{Detail, Filter, Moment};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};
use crate::storage::{Backend, Found, Piece, Query, is_about_one};

use super::removal::Removals;
use super::report::Action;
use super::spool::{Parts, PutParts, Sorter, Spooled};
use super::spooled;

/// What nothing has written to for so long is nobody's work in progress.
const LEFT_FOR: Duration = Duration::from_secs(3600);

/// Which entries go. The parts add up: an entry that one of them names goes.
#[derive(Debug, Clone, Default)]
pub struct GcPolicy {
    /// Those whose store TTL is over.
    pub expired: bool,
    /// What nothing needs: bodies without a record, unfinished writes.
    pub leftovers: bool,
    /// Those that cannot be read.
    pub corrupt: bool,
    /// Those stored before this.
    pub stored_before: Option<Timestamp>,
    /// Those not used since this, or stored before it and never used.
    pub unused_since: Option<Timestamp>,
    /// The least recently used, until what stays takes no more than this as stored.
    pub max_bytes: Option<u64>,
    /// The least recently used, until no more than this many stay.
    pub max_entries: Option<u64>,
    /// Only these are looked at.
    pub only: Option<Filter>,
    /// These stay, whatever the rest says.
    pub keep: Option<Filter>,
}

impl GcPolicy {
    /// What goes when nothing else is said: the expired, and leftovers.
    pub fn usual() -> Self {
        GcPolicy { expired: true, leftovers: true, ..Self::default() }
    }

    /// Whether entries may go that have not expired, so that somebody should be asked.
    pub fn is_drastic(&self) -> bool {
        self.stored_before.is_some()
            || self.unused_since.is_some()
            || self.max_bytes.is_some()
            || self.max_entries.is_some()
            || self.corrupt
    }

    /// Why an entry goes by itself, without regard to the others.
    fn reason(&self, found: &Found, now: Timestamp) -> Option<Action> {
        let head = &found.head;
        let used = last_used(head, now);
        if self.expired && head.is_expired(now) {
            return Some(Action::Expired);
        }
        if self.stored_before.is_some_and(|before| head.created_at.unless_ahead_of(now) < before) {
            return Some(Action::TooOld);
        }
        self.unused_since.is_some_and(|since| used < since).then_some(Action::Unused)
    }

    fn detail(&self, moment: Moment<'_>) -> Detail {
        let of = |filter: &Option<Filter>| {
            filter.as_ref().map_or(Detail::Key, |filter| filter.needs(moment.settings))
        };
        Detail::Columns.max(of(&self.only)).max(of(&self.keep))
    }
}

/// When an entry was used last, or else stored.
fn last_used(head: &EntryHead, now: Timestamp) -> Timestamp {
    head.last_used_at.unwrap_or(head.created_at).unless_ahead_of(now)
}

/// An entry that may have to go to make room.
struct Candidate {
    id: EntryId,
    stamp: Stamp,
    stored_bytes: u64,
    body_bytes: u64,
}

impl Spooled for Candidate {
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.put_number(self.stored_bytes);
        bytes.put_number(self.body_bytes);
        (self.id.clone(), self.stamp).put(bytes)
    }

    fn take(bytes: &[u8]) -> Result<Self> {
        let mut parts = Parts::of(bytes);
        let (stored_bytes, body_bytes) = (parts.number()?, parts.number()?);
        let (id, stamp) = spooled::entry(&mut parts)?;
        Ok(Candidate { id, stamp, stored_bytes, body_bytes })
    }
}

/// What is looked at while a plan is made.
struct Planning<'a> {
    policy: &'a GcPolicy,
    moment: Moment<'a>,
    plan: Removals,
    /// Those that may go to make room, the least recently used first.
    candidates: Sorter<Candidate>,
    stays_bytes: u64,
    stays_entries: u64,
    unread: u64,
}

/// What a policy says.
#[derive(Debug, Default)]
pub struct GcPlan {
    /// What is to go.
    pub removals: Removals,
    /// Entries that could not be read, so that nobody knows whether they should go.
    pub unread: u64,
}

/// Plans what a policy says. `seen` is told of each entry that was looked at, and may end
/// the work by an error.
///
/// # Errors
/// Those of the scan, but for damaged entries, and of `seen`.
pub async fn plan_gc(
    store: &dyn Backend,
    policy: &GcPolicy,
    moment: Moment<'_>,
    seen: &mut (dyn FnMut(u64) -> Result<()> + Send),
) -> Result<GcPlan> {
    let mut planning = Planning {
        policy,
        moment,
        plan: Removals::new(),
        candidates: Sorter::new(None),
        stays_bytes: 0,
        stays_entries: 0,
        unread: 0,
    };
    let mut query = match &policy.only {
        Some(only) => Query::of(only, moment),
        None => Query::default(),
    };
    query.detail = policy.detail(moment);
    let mut scan = store.scan(query);
    let mut repeats = store.capabilities().scan_repeats.then(HashSet::new);
    while let Some(item) = scan.next().await {
        match item {
            // What comes twice must not be counted twice.
            Ok(found)
                if repeats
                    .as_mut()
                    .is_some_and(|known| !known.insert(found.head.id.fingerprint())) => {}
            Ok(found) => {
                seen(found.stored_bytes)?;
                planning.entry(&found)?;
            }
            Err(error) if is_about_one(&error) => match Piece::of(&error) {
                Some(piece) if policy.corrupt && !piece.problem.is_unknown() => {
                    planning.damaged(piece)?;
                }
                _ => planning.unread += 1,
            },
            Err(error) => return Err(error),
        }
    }
    drop(scan);
    let mut unread = planning.unread;
    let mut removals = planning.make_room()?;
    if let Some(upkeep) = store.upkeep().filter(|_| policy.leftovers) {
        let mut leftovers = upkeep.leftovers(moment.now - LEFT_FOR);
        while let Some(piece) = leftovers.next().await {
            match piece {
                Ok(piece) => removals.piece(Action::Leftover, &piece)?,
                Err(error) if is_about_one(&error) => unread += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(GcPlan { removals, unread })
}

impl Planning<'_> {
    fn entry(&mut self, found: &Found) -> Result<()> {
        let means = |filter: &Option<Filter>| {
            filter.as_ref().map(|filter| found.is_meant_by(filter, self.moment))
        };
        if means(&self.policy.only) == Some(false) {
            return Ok(());
        }
        let is_kept = means(&self.policy.keep) == Some(true);
        if let Some(action) = self.policy.reason(found, self.moment.now).filter(|_| !is_kept) {
            return self.plan.entry(action, found);
        }
        self.stays_bytes += found.stored_bytes;
        self.stays_entries += 1;
        let makes_room = self.policy.max_bytes.is_some() || self.policy.max_entries.is_some();
        if is_kept || !makes_room {
            return Ok(());
        }
        let head = &found.head;
        let used = last_used(head, self.moment.now);
        let candidate = Candidate {
            id: head.id.clone(),
            stamp: found.stamp,
            stored_bytes: found.stored_bytes,
            body_bytes: head.body.bytes,
        };
        self.candidates.push((used.micros() ^ i64::MIN).to_be_bytes().to_vec(), &candidate)
    }

    fn damaged(&mut self, piece: &Piece) -> Result<()> {
        let key = piece.key.as_deref().unwrap_or_default();
        let means = |filter: &Filter| filter.matches_damaged(key, piece.bytes, self.moment);
        // Where nobody can tell, it stays.
        let is_only = self.policy.only.as_ref().is_none_or(|only| means(only) == Some(true));
        let is_kept = self.policy.keep.as_ref().is_some_and(|keep| means(keep) != Some(false));
        if !is_only || is_kept {
            return Ok(());
        }
        self.plan.piece(Action::Corrupt, piece)
    }

    /// Lets the least recently used go until the rest fits.
    fn make_room(self) -> Result<Removals> {
        let Planning { policy, mut plan, candidates, mut stays_bytes, mut stays_entries, .. } =
            self;
        for candidate in candidates.read()? {
            let action = if policy.max_bytes.is_some_and(|most| stays_bytes > most) {
                Action::OverSize
            } else if policy.max_entries.is_some_and(|most| stays_entries > most) {
                Action::OverCount
            } else {
                break;
            };
            let candidate = candidate?;
            plan.stamped(action, &candidate.id, candidate.stamp, candidate.body_bytes)?;
            stays_bytes = stays_bytes.saturating_sub(candidate.stored_bytes);
            stays_entries -= 1;
        }
        Ok(plan)
    }
}
