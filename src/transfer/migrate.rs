//! From one store into another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{BoxStream, StreamExt};

use crate::error::{Error, Result};
use crate::model::{EntryHead, EntryId, Timestamp};
use crate::storage::{Backend, Found, Manage, Outcome, Piece, is_about_one};

use super::copier::{Copier, Tried, lots};
use super::receive::ReceiveOptions;
use super::report::{Action, Event, Failure, Report, Tally};

/// So many failures, and nothing but failures, end the work.
const HOPELESS: u64 = 100;

/// What becomes of TTLs on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NewTtl {
    /// Each entry keeps the time at which it ends.
    #[default]
    Keep,
    /// None has one.
    Lift,
    /// All end so long after now.
    FromNow(Duration),
}

impl NewTtl {
    /// As somebody has asked for it: not at all, `none`, or a span.
    pub fn of(asked: Option<Option<Duration>>) -> Self {
        match asked {
            None => NewTtl::Keep,
            Some(None) => NewTtl::Lift,
            Some(Some(span)) => NewTtl::FromNow(span),
        }
    }

    /// When an entry ends.
    pub fn apply(self, expires_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            NewTtl::Keep => expires_at,
            NewTtl::Lift => None,
            NewTtl::FromNow(span) => Some(now + span),
        }
    }
}

/// One of several parts of the space of keys. Every key is in exactly one of them, so that
/// machines can share a job without talking to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Reads `I/N`, with I from 1 to N.
    ///
    /// # Errors
    /// `Usage` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let read = || -> Option<Shard> {
            let (index, count) = text.split_once('/')?;
            let (index, count) = (index.parse().ok()?, count.parse().ok()?);
            (1..=count).contains(&index).then_some(Shard { index, count })
        };
        read().ok_or_else(|| {
            Error::usage(format!("{text:?} is not one of several parts"))
                .try_this("1/4, 2/4, 3/4 and 4/4")
        })
    }

    /// Whether a key is in this part.
    pub fn has(self, key: &str) -> bool {
        xxhash_rust::xxh3::xxh3_64(key.as_bytes()) % self.count == self.index - 1
    }
}

/// How entries are copied.
pub struct MigrateOptions<'a> {
    /// How they are taken in.
    pub receive: ReceiveOptions,
    /// What becomes of their TTLs.
    pub ttl: NewTtl,
    /// How many are under way at the same time.
    pub jobs: usize,
    /// Only count what would be done.
    pub dry_run: bool,
    /// Stop after so many failures.
    pub max_errors: Option<u64>,
    /// Asked between entries: whether to start nothing more.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told what happens.
    pub on: &'a mut (dyn FnMut(Passed<'_>) + Send),
}

impl std::fmt::Debug for MigrateOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MigrateOptions").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// An entry that was dealt with, in the order of the source.
#[derive(Debug)]
pub struct Passed<'a> {
    /// What happened.
    pub event: Event<'a>,
    /// The entry, in its state in the source, if it is in the destination now.
    pub arrived: Option<&'a Found>,
    /// What was done up to here.
    pub report: &'a Report,
}

/// Copies entries as they come out of the source, several at a time. Each is looked for in
/// the destination first, written, and read back. Trouble with one entry is tried again
/// where it may pass, and then counts as its failure; only trouble with a whole store ends
/// the work.
pub async fn migrate(
    source: &Arc<dyn Backend>,
    destination: &Arc<dyn Backend>,
    mut entries: BoxStream<'_, Result<Found>>,
    options: MigrateOptions<'_>,
) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    let copier = Arc::new(Copier::new(source, destination, &options));
    let stop = options.stop;
    let lots = lots(&mut entries, copier.most_at_a_time(), stop);
    let copied = lots
        .map(|lot| {
            let copier = Arc::clone(&copier);
            async move {
                match lot {
                    Ok(found) => copier.in_background(found).await,
                    Err(error) => Err(error),
                }
            }
        })
        .buffered(options.jobs.max(1));
    let mut copied = std::pin::pin!(copied);
    let ended = loop {
        let Some(lot) = copied.next().await else { break Ok(()) };
        if let Err(error) = settle_all(lot, &mut report, options.on) {
            break Err(error);
        }
        if options.max_errors.is_some_and(|most| report.failed >= most) {
            break Ok(());
        }
        // Where nothing at all succeeds, it is not the entries.
        if report.failed >= HOPELESS && report.tallies.total().entries == 0 {
            break Err(report.failures.swap_remove(0).error);
        }
    };
    let limited = options.max_errors.is_some_and(|most| report.failed >= most);
    report.complete = ended.is_ok() && !stop() && !limited;
    report.ended_by = ended.err();
    report.duration = started.elapsed();
    report
}

/// Counts and tells what came out of a lot.
fn settle_all(
    lot: Result<Vec<Tried>>,
    report: &mut Report,
    on: &mut (dyn FnMut(Passed<'_>) + Send),
) -> Result<()> {
    match lot {
        Ok(tried) => tried.into_iter().try_for_each(|tried| settle(Ok(tried), report, on)),
        Err(error) => settle(Err(error), report, on),
    }
}

fn settle(
    item: Result<Tried>,
    report: &mut Report,
    on: &mut (dyn FnMut(Passed<'_>) + Send),
) -> Result<()> {
    let failure = match item {
        Ok(Tried { found, outcome: Ok(action), lost }) => {
            report.lose(&lost);
            let bytes = found.head.body.bytes;
            report.tallies.count(action, bytes);
            let is_there = matches!(action, Action::Copy | Action::Overwrite | Action::Unchanged);
            let event = Event::Done(Tally { entries: 1, bytes });
            let arrived = Some(&found).filter(|_| is_there);
            on(Passed { event, arrived, report });
            return Ok(());
        }
        Ok(Tried { found, outcome: Err(error), .. }) => {
            if error.is_about_all() {
                return Err(error);
            }
            let url = Some(found.head.request.url.as_str().to_owned());
            Failure { key: found.head.id.to_string(), url, error }
        }
        Err(error) if is_about_one(&error) => {
            let key = Piece::of(&error)
                .map(|piece| piece.key.clone().unwrap_or_else(|| piece.name.clone()));
            Failure { key: key.unwrap_or_default(), url: None, error }
        }
        Err(error) => return Err(error),
    };
    on(Passed { event: Event::Failed(&failure), arrived: None, report });
    report.fail(failure);
    Ok(())
}

/// In what two heads differ, in the words of the entry object; counters never do.
pub fn differences(a: &EntryHead, b: &EntryHead) -> Vec<&'static str> {
    let mut fields = Vec::new();
    let mut note = |name, differs: bool| {
        if differs {
            fields.push(name);
        }
    };
    note("created_at", a.created_at != b.created_at);
    note("expires_at", a.expires_at != b.expires_at);
    note("status", a.status != b.status);
    note("method", a.request.method != b.request.method);
    note("url", a.request.url != b.request.url);
    note("headers", a.headers != b.headers);
    note("request_headers", a.request.headers != b.request.headers);
    note("extensions", a.extensions != b.extensions);
    note("tags", a.tags != b.tags);
    note("vary", a.selections != b.selections);
    note("body_bytes", a.body.bytes != b.body.bytes);
    let digests = a.body.sha256.zip(b.body.sha256);
    note("body", a.body.bytes == b.body.bytes && digests.is_some_and(|(a, b)| a != b));
    note("forced", a.forced != b.forced || a.invalidated != b.invalidated);
    fields
}

/// What a conversion has done to entries of one serializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Converted {
    /// How many.
    pub entries: u64,
    /// What they took before, as stored.
    pub before: u64,
    /// What they take now.
    pub after: u64,
}

/// Conversions by the serializer from which they were made.
pub type Conversions = BTreeMap<String, Converted>;

/// Rewrites the record of an entry by another serializer, and looks whether it still says
/// the same. Its body stays where it is.
///
/// # Errors
/// Those of the store, and `Store` with the code `not_verified` when it does not.
pub async fn convert_one(
    store: &dyn Backend,
    found: &Found,
    serializer: &str,
) -> Result<(Action, u64)> {
    let head = EntryHead { serializer: Some(serializer.to_owned().into()), ..found.head.clone() };
    let id: &EntryId = &found.head.id;
    let stamp = match store.update(id, head, found.stamp).await? {
        Outcome::Done(stamp) => stamp,
        Outcome::Absent => return Ok((Action::Missing, 0)),
        Outcome::Changed => return Ok((Action::Changed, 0)),
    };
    match store.find(id).await? {
        // Somebody else has written meanwhile what is no longer ours to compare.
        Some(back) if back.stamp != stamp || differences(&back.head, &found.head).is_empty() => {
            Ok((Action::Convert, back.stored_bytes))
        }
        // Or removed it.
        None => Ok((Action::Missing, 0)),
        Some(_) => {
            Err(Error::store(format!("{id} does not come back as it was")).coded("not_verified"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_exactly_one_shard() {
        let shards: Vec<Shard> =
            (1..=4).map(|i| Shard::parse(&format!("{i}/4")).unwrap()).collect();
        let mut counts = [0; 4];
        for i in 0..4000 {
            let key = format!("{i:032x}");
            let has: Vec<usize> = (0..4).filter(|&s| shards[s].has(&key)).collect();
            assert_eq!(has.len(), 1, "{key}");
            counts[has[0]] += 1;
        }
        assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
        for text in ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", ""] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
