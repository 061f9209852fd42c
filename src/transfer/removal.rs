//! Removing what a plan names.

use std::time::Instant;

use futures_util::stream::{self, StreamExt};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryId, Stamp};
use crate::storage::{Backend, Compact, Found, Manage, Outcome, Piece, Problem, Removed};

use super::report::{Action, Event, Failure, Report, Tallies, Tally};
use super::spool::{Parts, PutParts, Spool, Spooled};
use super::spooled;

/// Entries that a store is told of at a time.
const BATCH: usize = 2048;

/// Entries of a plan that are remembered to be shown.
const SHOWN: usize = 10;

/// What is to be removed: entries in the state in which they were found, and pieces.
#[derive(Debug, Default)]
pub struct Removals {
    steps: Spool<Step>,
    tallies: Tallies,
    first: Vec<EntryId>,
}

#[derive(Debug)]
struct Step {
    action: Action,
    bytes: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Entry(EntryId, Stamp),
    Piece(Piece),
}

impl Spooled for Step {
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.push(self.action.code());
        bytes.put_number(self.bytes);
        match &self.what {
            What::Entry(id, stamp) => {
                bytes.push(0);
                (id.clone(), *stamp).put(bytes)
            }
            What::Piece(piece) => {
                let belongs_to = match (&piece.entry, &piece.key) {
                    (Some(_), _) => 2,
                    (None, Some(_)) => 3,
                    (None, None) => 1,
                };
                bytes.push(belongs_to);
                bytes.push(problem_code(piece.problem)?);
                bytes.put_bytes(piece.name.as_bytes());
                bytes.put_number(piece.bytes);
                match (&piece.entry, &piece.key) {
                    (Some(entry), _) => entry.put(bytes),
                    (None, Some(key)) => {
                        bytes.put_bytes(key.as_bytes());
                        Ok(())
                    }
                    (None, None) => Ok(()),
                }
            }
        }
    }

    fn take(bytes: &[u8]) -> Result<Self> {
        let mut parts = Parts::of(bytes);
        let [action] = parts.fixed()?;
        let bytes = parts.number()?;
        let [kind] = parts.fixed()?;
        let what = if kind == 0 {
            let (id, stamp) = spooled::entry(&mut parts)?;
            What::Entry(id, stamp)
        } else {
            let [problem] = parts.fixed()?;
            let problem = *PROBLEMS.get(usize::from(problem)).ok_or_else(unknown)?;
            let mut piece = Piece::new(problem, parts.text()?, parts.number()?);
            if kind == 2 {
                let (id, stamp) = spooled::entry(&mut parts)?;
                piece = piece.of_entry(id, stamp);
            } else if kind == 3 {
                piece = piece.of_key(parts.text()?);
            }
            What::Piece(piece)
        };
        let action = Action::of_code(action).ok_or_else(unknown)?;
        Ok(Step { action, bytes, what })
    }
}

const PROBLEMS: [Problem; 10] = [
    Problem::Undecodable,
    Problem::DigestMismatch,
    Problem::LengthMismatch,
    Problem::KeyMismatch,
    Problem::OrphanIndex,
    Problem::OrphanBody,
    Problem::Unfinished,
    Problem::Removed,
    Problem::Unsupported,
    Problem::Unreadable,
];

fn problem_code(problem: Problem) -> Result<u8> {
    let place = PROBLEMS.iter().position(|known| *known == problem);
    place.map(|place| place as u8).ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::new(ErrorKind::Internal, "a plan holds something that it cannot hold")
}

impl Removals {
    /// Nothing is to be removed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plans the removal of an entry in this state.
    ///
    /// # Errors
    /// `LocalFile` when the temporary file cannot be written.
    pub fn entry(&mut self, action: Action, found: &Found) -> Result<()> {
        self.stamped(action, &found.head.id, found.stamp, found.head.body.bytes)
    }

    /// The same, of an entry of which no more is known.
    ///
    /// # Errors
    /// As [`entry`](Self::entry).
    pub fn stamped(
        &mut self,
        action: Action,
        id: &EntryId,
        stamp: Stamp,
        bytes: u64,
    ) -> Result<()> {
        self.tallies.count(action, bytes);
        if self.first.len() < SHOWN {
            self.first.push(id.clone());
        }
        self.steps.push(&Step { action, bytes, what: What::Entry(id.clone(), stamp) })
    }

    /// Plans the removal of a piece.
    ///
    /// # Errors
    /// As [`entry`](Self::entry).
    pub fn piece(&mut self, action: Action, piece: &Piece) -> Result<()> {
        self.tallies.count(action, piece.bytes);
        self.steps.push(&Step { action, bytes: piece.bytes, what: What::Piece(piece.clone()) })
    }

    /// The pieces that are planned to be removed.
    ///
    /// # Errors
    /// `LocalFile` when the temporary file cannot be read.
    pub fn into_pieces(self) -> Result<impl Iterator<Item = Result<Piece>> + Send> {
        let piece = |step: Result<Step>| match step {
            Ok(Step { what: What::Piece(piece), .. }) => Some(Ok(piece)),
            Ok(Step { what: What::Entry(..), .. }) => None,
            Err(e) => Some(Err(e)),
        };
        Ok(self.steps.read()?.filter_map(piece))
    }

    /// What is planned, counted.
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// How many removals are planned.
    pub fn len(&self) -> u64 {
        self.steps.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The first entries, to be shown.
    pub fn first(&self) -> &[EntryId] {
        &self.first
    }
}

/// How a plan is run.
pub struct RunOptions<'a> {
    /// How many batches are under way at the same time, where the store is elsewhere.
    pub jobs: usize,
    /// Whether to give back unused space at the end.
    pub compact: Compact,
    /// Stop after so many failures.
    pub max_errors: Option<u64>,
    /// Asked between batches: whether to start nothing more.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told what happens.
    pub on: &'a mut (dyn FnMut(Event<'_>) + Send),
}

impl std::fmt::Debug for RunOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunOptions").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// Removes what a plan names, each entry only if it is still the one that was planned for.
/// Trouble with the store ends the work; the report says how far it came.
pub async fn remove(store: &dyn Backend, plan: Removals, mut options: RunOptions<'_>) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    let before = measured(store).await;
    let mut freed = 0;
    let ended = run(store, plan, &mut options, &mut report, &mut freed).await;
    report.complete = matches!(ended, Ok(true));
    report.ended_by = ended.err();
    // Whoever wants to stop does not wait for that, and without it nothing is wrong.
    if report.complete
        && report.tallies.done().entries > 0
        && let Some(upkeep) = store.upkeep()
        && let Err(e) = upkeep.compact(options.compact).await
    {
        tracing::warn!("the space in the store was not given back: {e:#}");
    }
    report.reclaimed_bytes = match (before, measured(store).await) {
        (Some(before), Some(after)) => Some(before.saturating_sub(after)),
        _ => Some(freed),
    };
    report.duration = started.elapsed();
    report
}

/// What the place takes, if that costs little to know.
async fn measured(store: &dyn Backend) -> Option<u64> {
    if !store.capabilities().counts_itself {
        return None;
    }
    store.upkeep()?.usage().await.ok()?.disk_bytes
}

/// Gives whether everything was tried.
async fn run(
    store: &dyn Backend,
    plan: Removals,
    options: &mut RunOptions<'_>,
    report: &mut Report,
    freed: &mut u64,
) -> Result<bool> {
    let jobs = if store.capabilities().remote { options.jobs.max(1) } else { 1 };
    let mut steps = plan.steps.read()?;
    loop {
        let mut batches = Vec::with_capacity(jobs);
        while batches.len() < jobs {
            let batch: Vec<Step> = steps.by_ref().take(BATCH).collect::<Result<_>>()?;
            if batch.is_empty() {
                break;
            }
            batches.push(batch);
        }
        if batches.is_empty() {
            return Ok(true);
        }
        if (options.stop)() || options.max_errors.is_some_and(|most| report.failed >= most) {
            return Ok(false);
        }
        let done: Vec<_> = stream::iter(batches)
            .map(|batch| async move {
                let outcomes = remove_batch(store, &batch).await;
                (batch, outcomes)
            })
            .buffered(jobs)
            .collect()
            .await;
        let mut trouble = None;
        for (batch, outcomes) in done {
            match outcomes {
                Ok(outcomes) => settle(batch, outcomes, options, report, freed),
                Err(e) => trouble = trouble.or(Some(e)),
            }
        }
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
    }
}

async fn remove_batch(store: &dyn Backend, batch: &[Step]) -> Result<Vec<Removed>> {
    let entries: Vec<(EntryId, Stamp)> = batch
        .iter()
        .filter_map(|step| match &step.what {
            What::Entry(id, stamp) => Some((id.clone(), *stamp)),
            What::Piece(_) => None,
        })
        .collect();
    let mut removed = Vec::new();
    if !entries.is_empty() {
        removed = store.remove_many(&entries).await?;
    }
    let mut removed = removed.into_iter();
    let mut outcomes = Vec::with_capacity(batch.len());
    for step in batch {
        outcomes.push(match &step.what {
            What::Entry(..) => removed.next().unwrap_or(Ok(Outcome::Absent)),
            What::Piece(piece) => match store.needed_upkeep() {
                Ok(upkeep) => upkeep.discard(piece).await,
                Err(e) => Err(e),
            },
        });
    }
    Ok(outcomes)
}

fn settle(
    batch: Vec<Step>,
    outcomes: Vec<Removed>,
    options: &mut RunOptions<'_>,
    report: &mut Report,
    freed: &mut u64,
) {
    let mut tally = Tally::default();
    for (step, outcome) in batch.into_iter().zip(outcomes) {
        tally.count(step.bytes);
        match outcome {
            Ok(Outcome::Done(bytes)) => {
                *freed += bytes;
                report.tallies.count(step.action, step.bytes);
            }
            Ok(Outcome::Changed) => report.tallies.count(Action::Changed, step.bytes),
            Ok(Outcome::Absent) => report.tallies.count(Action::Missing, step.bytes),
            Err(error) => {
                let failure = failure(&step, error);
                (options.on)(Event::Failed(&failure));
                report.fail(failure);
            }
        }
    }
    (options.on)(Event::Done(tally));
}

fn failure(step: &Step, error: Error) -> Failure {
    let key = match &step.what {
        What::Entry(id, _) => id.to_string(),
        What::Piece(piece) => piece.name.clone(),
    };
    Failure { key, url: None, error }
}
