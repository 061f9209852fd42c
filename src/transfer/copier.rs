//! The copies of a migration: entries one by one, or many small ones at a time where the
//! destination gains from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::Semaphore;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyFacts, EntryHead, EntryId, Stamp};
use crate::storage::{
    Backend, BodyStream, ByteRange, Found, Manage, Outcome, Over, Parcel, current_runtime,
    is_about_one,
};

use super::held::{as_held, is_behind, lost, unfit};
use super::migrate::{MigrateOptions, NewTtl};
use super::receive::{
    Incoming, ReceiveOptions, decide, decide_against, is_same_body, receive, stays_out, verify,
};
use super::report::Action;
use super::verify::check;

/// Bytes of bodies that may be under way at the same time, and what one body counts at most:
/// a part that fills, one that goes out, and what the source has read ahead.
const IN_FLIGHT: usize = 64 << 20;
const MOST_FOR_ONE: u64 = 24 << 20;
/// Permits are counted in units of this many bytes.
const UNIT: u64 = 64 << 10;

/// Bytes of the bodies that go together, and of the largest that is held in memory whole.
const LOT_BYTES: u64 = 1 << 20;
const LOT_BODY: u64 = 1 << 20;

/// How often an entry is tried when the trouble may pass, and how long the first pause is.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Entries in lots, in their order: so many of them, of not too many bytes. A failure, and
/// an entry with a large body, is a lot of its own. Ends when somebody wants to stop.
pub(super) fn lots<'a>(
    entries: &'a mut BoxStream<'_, Result<Found>>,
    most: usize,
    stop: &'a (dyn Fn() -> bool + Sync),
) -> impl Stream<Item = Result<Vec<Found>>> + 'a {
    stream::unfold((entries, None), move |(entries, mut held)| async move {
        let mut lot = Vec::new();
        let mut room = LOT_BYTES;
        while lot.len() < most {
            let item = match held.take() {
                Some(item) => item,
                None => entries.next().await,
            };
            if stop() {
                return None;
            }
            match item {
                Some(Ok(found)) if lot.is_empty() || goes_along(&found, room) => {
                    let bytes = found.head.body.bytes;
                    room = if bytes > LOT_BODY { 0 } else { room.saturating_sub(bytes) };
                    lot.push(found);
                }
                Some(Err(error)) if lot.is_empty() => return Some((Err(error), (entries, None))),
                other => {
                    held = Some(other);
                    break;
                }
            }
        }
        if lot.is_empty() { None } else { Some((Ok(lot), (entries, held))) }
    })
}

/// Whether an entry still goes into a lot with this much room.
fn goes_along(found: &Found, room: u64) -> bool {
    found.head.body.bytes <= room.min(LOT_BODY) && room > 0
}

/// An entry that was tried.
pub(super) struct Tried {
    pub found: Found,
    pub outcome: Result<Action>,
    /// What of it the destination does not hold.
    pub lost: Vec<&'static str>,
}

/// What every copy needs.
pub(super) struct Copier {
    source: Arc<dyn Backend>,
    destination: Arc<dyn Backend>,
    receive: ReceiveOptions,
    ttl: NewTtl,
    dry_run: bool,
    in_flight: Semaphore,
    /// What was copied last met nothing in its place, so most likely nothing is there: the
    /// store is asked while it writes, not before.
    meets_nothing: AtomicBool,
}

impl Copier {
    pub(super) fn new(
        source: &Arc<dyn Backend>,
        destination: &Arc<dyn Backend>,
        options: &MigrateOptions<'_>,
    ) -> Self {
        Copier {
            source: Arc::clone(source),
            destination: Arc::clone(destination),
            receive: options.receive.clone(),
            ttl: options.ttl,
            dry_run: options.dry_run,
            in_flight: Semaphore::new(IN_FLIGHT / UNIT as usize),
            meets_nothing: AtomicBool::new(true),
        }
    }

    /// How many entries shall come in one lot.
    pub(super) fn most_at_a_time(&self) -> usize {
        self.destination.capabilities().batch.max(1)
    }

    /// Copies a lot on another thread where the runtime has several.
    pub(super) async fn in_background(self: Arc<Self>, lot: Vec<Found>) -> Result<Vec<Tried>> {
        let runtime = current_runtime()?;
        let work = async move { self.copy_lot(lot).await };
        runtime.spawn(work).await.map_err(|e| {
            Error::new(ErrorKind::Internal, "the copy of an entry was not finished").because(e)
        })
    }

    async fn copy_lot(&self, lot: Vec<Found>) -> Vec<Tried> {
        let weigh = |found: &Found| (found.head.body.bytes.min(MOST_FOR_ONE) / UNIT + 1) as u32;
        let weight: u32 = lot.iter().map(weigh).sum();
        // Never closed, so there is always a permit to wait for.
        let _permit = self.in_flight.acquire_many(weight).await;
        let actions = self.together(&lot).await;
        let mut tried = Vec::with_capacity(lot.len());
        for (found, action) in lot.into_iter().zip(actions) {
            let outcome = match action {
                Some(action) => Ok(action),
                None => self.try_often(&found).await,
            };
            let lost = match &outcome {
                Ok(Action::Copy | Action::Overwrite) => self.lost(&found),
                _ => Vec::new(),
            };
            tried.push(Tried { found, outcome, lost });
        }
        tried
    }

    /// Copies what goes without trouble, many at once; `None` for whatever is better looked
    /// at alone, there to succeed or to fail.
    async fn together(&self, lot: &[Found]) -> Vec<Option<Action>> {
        let heads: Vec<EntryHead> = lot.iter().map(|found| self.head_of(found)).collect();
        let mut plans = self.plan(&heads).await;
        for ((plan, found), head) in plans.iter_mut().zip(lot).zip(&heads) {
            plan.take_if(|_| unfit(&found.head, head, &*self.destination).is_some());
            if let Some(action) = self.without_asking(found) {
                *plan = Some((action, Over::Anything));
            }
            if let Some((Action::Unchanged, _)) = plan
                && !self.holds(head).await.unwrap_or(false)
            {
                *plan = None;
            }
        }
        if self.dry_run {
            return plans.into_iter().map(|plan| plan.map(|(action, _)| action)).collect();
        }
        let mut parcels = Vec::new();
        let mut places = Vec::new();
        for (place, (found, head)) in lot.iter().zip(heads).enumerate() {
            let Some((Action::Copy | Action::Overwrite, over)) = plans[place] else { continue };
            match self.parcel(found, head, over).await {
                Some(parcel) => {
                    parcels.push(parcel);
                    places.push(place);
                }
                None => plans[place] = None,
            }
        }
        let wanted: Vec<EntryHead> = match self.receive.verify {
            true => parcels.iter().map(|parcel| parcel.head().clone()).collect(),
            false => Vec::new(),
        };
        let count = parcels.len();
        let placed = match self.destination.put_many(parcels).await {
            Ok(placed) => placed,
            // Alone each says what is the matter, and is tried again where that helps.
            Err(_) => (0..count).map(|_| Ok(Outcome::Changed)).collect(),
        };
        let mut written = Vec::with_capacity(count);
        for (place, placed) in places.iter().zip(placed) {
            let stamp = placed.ok().and_then(Outcome::done);
            if stamp.is_none() {
                plans[*place] = None;
                self.meets_nothing.store(false, Ordering::Relaxed);
            }
            written.push(stamp);
        }
        if self.receive.verify {
            for (index, is_right) in self.are_right(&wanted, &written).await.into_iter().enumerate()
            {
                if !is_right {
                    plans[places[index]] = None;
                }
            }
        }
        plans.into_iter().map(|plan| plan.map(|(action, _)| action)).collect()
    }

    /// What becomes of an entry that is not for the destination, whatever lies there.
    fn without_asking(&self, found: &Found) -> Option<Action> {
        if is_behind(&*self.source, &found.head.id) {
            return Some(Action::Keep);
        }
        let end = self.ttl.apply(found.head.expires_at, self.receive.now);
        stays_out(&*self.destination, end, &self.receive).then_some(Action::Skip)
    }

    /// The head as it shall be in the destination.
    fn meant(&self, found: &Found) -> EntryHead {
        let mut head = found.head.clone();
        head.expires_at = self.ttl.apply(head.expires_at, self.receive.now);
        self.receive.as_written(head)
    }

    /// The head as it can be there.
    fn head_of(&self, found: &Found) -> EntryHead {
        as_held(&*self.source, &*self.destination, self.meant(found))
    }

    /// The difference.
    fn lost(&self, found: &Found) -> Vec<&'static str> {
        if self.destination.capabilities().lossless {
            return Vec::new();
        }
        lost(&self.meant(found), &self.head_of(found))
    }

    /// What is to be done with each; `None` where there is trouble.
    async fn plan(&self, heads: &[EntryHead]) -> Vec<Option<(Action, Over)>> {
        if self.meets_nothing.load(Ordering::Relaxed) && !self.dry_run {
            return heads.iter().map(|_| Some((Action::Copy, Over::Nothing))).collect();
        }
        let ids: Vec<EntryId> = heads.iter().map(|head| head.id.clone()).collect();
        let Ok(there) = self.destination.find_many(&ids).await else {
            return vec![None; heads.len()];
        };
        let is_empty = there.iter().all(|there| matches!(there, Ok(None)));
        self.meets_nothing.store(is_empty, Ordering::Relaxed);
        let both = heads.iter().zip(there);
        both.map(|(head, there)| decide_against(there, head, &self.receive).ok()).collect()
    }

    /// Whether the destination holds an entry to its last byte; where that is not asked for, it
    /// is taken on trust.
    async fn holds(&self, head: &EntryHead) -> Result<bool> {
        if !self.receive.proves_unchanged {
            return Ok(true);
        }
        match self.destination.find(&head.id).await {
            Ok(Some(there)) => Ok(check(&*self.destination, &there).await?.is_none()),
            Ok(None) => Ok(false),
            Err(e) if is_about_one(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// An entry with its body; `None` when there is trouble with that.
    async fn parcel(&self, found: &Found, head: EntryHead, over: Over) -> Option<Parcel> {
        let told: BodyFacts = head.body;
        let body = match &found.inline {
            Some(body) => body.clone(),
            None if told.bytes <= LOT_BODY => {
                self.source.body_of(found).await.ok().filter(|b| b.len() as u64 == told.bytes)?
            }
            None => return None,
        };
        let parcel = Parcel::new(head, body, over);
        is_same_body(&parcel.head().body, &told).then_some(parcel)
    }

    /// Which of these come back as they were written.
    async fn are_right(&self, heads: &[EntryHead], written: &[Option<Stamp>]) -> Vec<bool> {
        let ids: Vec<EntryId> = heads.iter().map(|head| head.id.clone()).collect();
        let Ok(back) = self.destination.find_many(&ids).await else {
            return vec![false; heads.len()];
        };
        let mut right = Vec::with_capacity(heads.len());
        for ((head, stamp), back) in heads.iter().zip(written).zip(back) {
            right.push(match (stamp, back) {
                (Some(stamp), Ok(back)) => {
                    verify(&*self.destination, head, *stamp, back).await.is_ok()
                }
                _ => false,
            });
        }
        right
    }

    async fn try_often(&self, found: &Found) -> Result<Action> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match self.copy(found).await {
                Err(e) if e.is_transient() && attempt < TRIES => {
                    tracing::debug!("{} again in {pause:?}: {e:#}", found.head.id);
                    // Those that failed together shall not come again together.
                    let jitter = found.head.id.fingerprint() % 100;
                    tokio::time::sleep(pause + pause * jitter as u32 / 100).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        Err(Error::new(ErrorKind::Internal, "an entry was not tried"))
    }

    async fn copy(&self, found: &Found) -> Result<Action> {
        if let Some(action) = self.without_asking(found) {
            return Ok(action);
        }
        let head = self.head_of(found);
        if let Some(error) = unfit(&found.head, &head, &*self.destination) {
            return Err(error);
        }
        let (mut action, over) = decide(&*self.destination, &head, &self.receive).await?;
        if action == Action::Unchanged && !self.holds(&head).await? {
            action = Action::Copy;
        }
        if self.dry_run || !matches!(action, Action::Copy | Action::Overwrite) {
            return Ok(action);
        }
        let mut body = match self.source.open_body(found, ByteRange::WHOLE).await {
            Ok(body) => FromStore { body, is_gone: false },
            // Replaced or removed since it was found.
            Err(e) if e.kind() == ErrorKind::Changed => return Ok(Action::Changed),
            Err(e) => return Err(e),
        };
        match receive(&*self.destination, head, over, &mut body, &self.receive).await {
            Ok(_) => Ok(action),
            // Its body is gone in the source: it was replaced since it was found.
            Err(e) if e.kind() == ErrorKind::Changed && body.is_gone => Ok(Action::Changed),
            // Somebody has stored another one in the destination: decide anew.
            Err(e) if e.kind() == ErrorKind::Changed => Err(e.passing()),
            Err(e) => Err(e),
        }
    }
}

struct FromStore {
    body: BodyStream,
    is_gone: bool,
}

impl Incoming for FromStore {
    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let chunk = self.body.chunk().await;
        self.is_gone = chunk.as_ref().is_err_and(|e| e.kind() == ErrorKind::Changed);
        chunk
    }
}
