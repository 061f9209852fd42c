//! `migrate`: copy entries from one store into another.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Result;
use cachectl::transfer::{
    Action, Event, MigrateOptions, NewTtl, Passed, ReceiveOptions, Removals, Report, RunOptions,
    Shard, Tally, as_held, is_behind, is_same, migrate, remove,
};
use cachectl::{
    Access, Compact, Detail, EntryHead, Error, ErrorKind, Found, Manage, Query, Secrets,
    is_about_one,
};
use clap::Args;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde::Serialize;

use super::convert::check_serializer;
use super::import::TransferArgs;
use super::options::{Ttl, ttl};
use super::plan::{PlanArgs, Question, Summary, WorkArgs, actions_table, confirm, end, losses};
use super::purge::refuse_read_only;
use super::selection::{Selection, SelectionArgs};
use super::store::{self, Chosen, OpenStore};
use super::{CommonArgs, OutputArgs, exit};
use crate::config::Config;
use crate::output::progress::Progress;
use crate::output::talk;
use crate::output::text::{count, size};
use crate::signals::{self, Stopped};

/// Copy entries from one store into another.
///
/// The source is only read. Everything that is written is read back and compared. After an
/// interruption the same command looks at both stores again and copies what is missing.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The store to copy from
    #[arg(value_name = "SRC")]
    source: String,

    /// The store to copy into; it is made if it is missing
    #[arg(value_name = "DST")]
    destination: String,

    /// Write heads by this serializer [default: the one in DST's address; else each entry
    /// keeps its own]
    #[arg(long, value_name = "NAME")]
    serializer: Option<String>,

    /// New TTL for all, counted from now; none lifts it [default: each keeps its end]
    #[arg(long, value_name = "DUR", value_parser = ttl)]
    ttl: Option<Ttl>,

    /// Remove from the source what has arrived
    #[arg(long, conflicts_with = "mirror")]
    r#move: bool,

    /// Remove from the destination what the source does not have
    #[arg(long)]
    mirror: bool,

    /// Remove nothing if --move or --mirror would remove more entries than this
    #[arg(long, value_name = "N")]
    max_delete: Option<u64>,

    /// Only one of N parts of all keys, so that several machines can share the work
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,

    /// Write failures with their reasons to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,

    #[command(flatten)]
    transfer: TransferArgs,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Migrates; gives the exit code.
pub fn run(args: &MigrateArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let shard = args.shard.as_deref().map(Shard::parse).transpose()?;
    let selection = args.selection.resolve(&[], &config)?;
    let from = store::resolve(&args.source, failure_where("SRC"), &config)?;
    let to = store::resolve(&args.destination, failure_where("DST"), &config)?;
    let access = if args.r#move { args.plan.access() } else { Access::Read };
    let pair = store::open_pair((&from, access), &to, args.plan.dry_run, common)?;
    // Who names one with the destination will read it with that one.
    let serializer = args.serializer.as_deref().or(to.address.param("serializer"));
    if let Some(name) = serializer {
        check_serializer(&pair.destination, name)?;
    }
    refuse_read_only(&pair.destination, args.plan.dry_run)?;
    if args.r#move {
        refuse_read_only(&pair.source, args.plan.dry_run)?;
        refuse_fleeting(&pair.destination, &to)?;
    }
    signals::listen();
    let loser = match (args.r#move, args.mirror) {
        _ if args.plan.dry_run => None,
        (true, _) => Some(&pair.source),
        (_, true) => Some(&pair.destination),
        _ => None,
    };
    pair.refuse_one_place(&from, &to, loser)?;
    if args.r#move && !args.plan.dry_run {
        let deed = format!("move what is selected from {} to {}", from.name, to.name);
        confirm(&args.plan, &Question::YesNo, &deed)?;
    }
    let secrets = config.secrets(common);
    let job = Job { args, pair: &pair, selection: &selection, serializer, shard, secrets };
    let mut moved = args.r#move.then(Removals::new);
    let report = pair.run(job.copy(&mut moved))?;
    let stopped = signals::check().err();
    let is_done = report.complete && report.ended_by.is_none();
    let summary = Summary {
        source: Some(from.address.to_string()),
        destination: Some(to.address.to_string()),
        dry_run: args.plan.dry_run,
        ..Summary::done("migrate", &report)
    };
    summary.print(&args.output, &job.sentence(&report, &from, &to, common))?;
    if let Some(stopped) = stopped {
        return Ok(Stopped::exit_code(stopped));
    }
    if !is_done || args.plan.dry_run {
        return end(report, "migrated");
    }
    let removed = match (moved, args.mirror) {
        (Some(plan), _) => {
            let plan = match store::are_alike(&pair.source, &pair.destination) {
                true => plan,
                false => pair.run(job.arrived())?,
            };
            // What goes here must be there first, also after a power failure.
            pair.run(async { Ok(pair.destination.store.sync().await?) })?;
            job.remove(plan, &pair.source, &from, false)?
        }
        (None, true) => match pair.run(job.surplus())? {
            Surplus { plan, unread: 0 } => job.remove(plan, &pair.destination, &to, true)?,
            Surplus { unread, .. } => {
                let unread = count(unread, "entry");
                talk::warning(
                    &format!("nothing was removed from {}", to.name),
                    &format!("{unread} could not be read, so what is surplus is not known"),
                );
                exit::PARTIAL
            }
        },
        (None, false) => exit::DONE,
    };
    let code = end(report, "migrated")?;
    Ok(if code == exit::DONE { removed } else { code })
}

/// A store that ends with this process is no place to move anything to.
fn refuse_fleeting(open: &OpenStore, chosen: &Chosen) -> Result<()> {
    if open.store.capabilities().persistent {
        return Ok(());
    }
    Err(Error::usage(format!("{} ends with this process, and what was moved with it", chosen.name))
        .try_this("another destination, or the same without --move")
        .into())
}

/// What the destination has and the source has not.
struct Surplus {
    plan: Removals,
    /// What could not be read in the source, so that nobody knows what it is.
    unread: u64,
}

fn failure_where(name: &str) -> super::failure::Where {
    super::failure::Where(name.to_owned())
}

struct Job<'a> {
    args: &'a MigrateArgs,
    pair: &'a store::Pair,
    selection: &'a Selection,
    serializer: Option<&'a str>,
    shard: Option<Shard>,
    secrets: Secrets,
}

/// A failure as it stands in the file of failures.
#[derive(Serialize)]
struct FailureObject<'a> {
    key: &'a str,
    url: Option<String>,
    error: &'a str,
    code: &'a str,
    cause: String,
}

impl Job<'_> {
    fn entries(&self) -> BoxStream<'_, cachectl::Result<Found>> {
        let entries = self.selection.plain_entries(&self.pair.source, Detail::Body);
        match self.shard {
            None => entries,
            Some(shard) => entries
                .filter(move |item| {
                    let is_ours = item.as_ref().map_or(true, |found| shard.has(&found.head.id.key));
                    async move { is_ours }
                })
                .boxed(),
        }
    }

    /// How much there is to do, where the source knows that at once.
    async fn total(&self) -> Result<Option<Tally>> {
        let source = &self.pair.source.store;
        let selection = self.selection;
        let is_whole =
            selection.is_everything() && selection.most().is_none() && self.shard.is_none();
        if !is_whole || !source.capabilities().counts_itself {
            return Ok(None);
        }
        let usage = source.needed_upkeep()?.usage().await?;
        Ok(Some(Tally { entries: usage.entries, bytes: usage.stored_bytes }))
    }

    async fn copy(&self, moved: &mut Option<Removals>) -> Result<Report> {
        let args = self.args;
        let mut failures = match &args.failed {
            Some(path) => Some(BufWriter::new(File::create(path).map_err(|e| {
                Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display()))
                    .because(e)
            })?)),
            None => None,
        };
        let mut receive = ReceiveOptions::new(self.selection.now);
        receive.on_conflict = args.transfer.on_conflict.into();
        receive.verify = !args.transfer.no_verify;
        receive.include_expired = args.transfer.include_expired;
        receive.serializer = self.serializer.map(str::to_owned);
        // What will be removed from the source is not taken on trust.
        receive.proves_unchanged = args.r#move && receive.verify;
        let total = self.total().await?;
        let mut progress = Progress::start(args.work.progress, "migrated", total);
        let mut trouble = Ok(());
        let report = {
            let mut on = |passed: Passed<'_>| {
                let noted = note(&passed, moved, &mut failures, &self.secrets);
                if trouble.is_ok() {
                    trouble = noted;
                }
                if let Event::Done(tally) = passed.event {
                    progress.advance(tally);
                }
            };
            let options = MigrateOptions {
                receive,
                ttl: NewTtl::of(args.ttl.map(|ttl| ttl.0)),
                jobs: args.work.jobs as usize,
                dry_run: args.plan.dry_run,
                max_errors: args.transfer.max_errors,
                stop: &|| signals::check().is_err(),
                on: &mut on,
            };
            let (source, destination) = (&self.pair.source.store, &self.pair.destination.store);
            migrate(source, destination, self.entries(), options).await
        };
        trouble?;
        if let Some(failures) = &mut failures {
            failures.flush()?;
        }
        Ok(report)
    }

    /// The identities in the destination of all that the source has, where there is no way back
    /// from them: what a layout has no place for, keys may hang on. And how many entries could
    /// not be read.
    async fn brought(&self) -> Result<(HashSet<u64>, u64)> {
        let (mut brought, mut unread) = (HashSet::new(), 0);
        let (source, destination) = (&self.pair.source, &self.pair.destination);
        if store::are_alike(source, destination) {
            return Ok((brought, unread));
        }
        let mut scan = source.store.scan(Query::with_detail(Detail::Head));
        while let Some(found) = scan.next().await {
            signals::check()?;
            match found {
                Ok(found) => {
                    let held = as_held(&*source.store, &*destination.store, found.head);
                    brought.insert(held.id.fingerprint());
                }
                Err(e) if is_about_one(&e) => unread += 1,
                Err(e) => return Err(e.into()),
            }
        }
        Ok((brought, unread))
    }

    /// What has arrived and is still there. Between layouts several entries may have one place,
    /// which the newest has taken; the others stay in the source.
    async fn arrived(&self) -> Result<Removals> {
        let mut plan = Removals::new();
        let (source, destination) = (&self.pair.source.store, &self.pair.destination.store);
        let mut entries = self.entries();
        while let Some(found) = entries.next().await {
            signals::check()?;
            let found = match found {
                Err(e) if is_about_one(&e) || e.kind() == ErrorKind::NotFound => continue,
                found => found?,
            };
            let mut head = found.head.clone();
            if let Some(name) = self.serializer {
                head.serializer = Some(name.to_owned().into());
            }
            let held = as_held(&**source, &**destination, head);
            let there = match destination.find(&held.id).await {
                Err(e) if is_about_one(&e) => None,
                there => there?,
            };
            // When it ends may have been said anew.
            let is_it = |there: &Found| {
                let end = there.head.expires_at;
                is_same(&EntryHead { expires_at: end, ..held.clone() }, &there.head)
            };
            if !is_behind(&**source, &found.head.id) && there.is_some_and(|there| is_it(&there)) {
                plan.entry(Action::Remove, &found)?;
            }
        }
        Ok(plan)
    }

    /// What the destination has and the source has not, as far as it was selected. What cannot
    /// be read in the source may be there all the same.
    async fn surplus(&self) -> Result<Surplus> {
        let (brought, mut unread) = self.brought().await?;
        let mut plan = Removals::new();
        let (source, destination) = (&self.pair.source.store, &self.pair.destination.store);
        let query = Query::of(&self.selection.filter, self.selection.moment());
        let mut scan = destination.scan(query.and_detail(Detail::Columns));
        while let Some(found) = scan.next().await {
            signals::check()?;
            let found = match found {
                Err(e) if is_about_one(&e) => continue,
                found => found?,
            };
            let is_meant = found.is_meant_by(&self.selection.filter, self.selection.moment())
                && self.shard.is_none_or(|shard| shard.has(&found.head.id.key))
                && !brought.contains(&found.head.id.fingerprint());
            if !is_meant {
                continue;
            }
            let there = as_held(&**destination, &**source, found.head.clone()).id;
            match source.find(&there).await {
                Ok(None) => plan.entry(Action::Remove, &found)?,
                Ok(Some(_)) => {}
                Err(e) if is_about_one(&e) => unread += 1,
                Err(e) => return Err(e.into()),
            }
        }
        Ok(Surplus { plan, unread })
    }

    fn remove(&self, plan: Removals, open: &OpenStore, chosen: &Chosen, asks: bool) -> Result<u8> {
        let total: Tally = plan.tallies().total();
        if total.entries == 0 {
            return Ok(exit::DONE);
        }
        if let Some(most) = self.args.max_delete.filter(|most| total.entries > *most) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("this would remove {} from {}", count(total.entries, "entry"), chosen.name),
            )
            .because(format!("--max-delete {most} allows no more"))
            .coded("max_delete")
            .try_this("a larger --max-delete; what was copied is there")
            .into());
        }
        if asks {
            let deed = format!(
                "remove {} ({}) from {}",
                count(total.entries, "entry"),
                size(total.bytes),
                chosen.name
            );
            confirm(&self.args.plan, &Question::YesNo, &deed)?;
        }
        let report = self.pair.run(async {
            let options = RunOptions {
                jobs: self.args.work.jobs as usize,
                compact: Compact::Auto,
                max_errors: None,
                stop: &|| signals::check().is_err(),
                on: &mut |_| {},
            };
            Ok(remove(&*open.store, plan, options).await)
        })?;
        let done = report.tallies.done();
        talk::note(&format!("removed {} from {}", count(done.entries, "entry"), chosen.name));
        end(report, "removed")
    }

    fn sentence(&self, report: &Report, from: &Chosen, to: &Chosen, common: &CommonArgs) -> String {
        if self.args.plan.dry_run {
            let table = actions_table(&report.tallies, common);
            let head = format!("would migrate {} -> {}\n", from.name, to.name);
            return format!("{head}{table}nothing was written (--dry-run)");
        }
        let of = |action| report.tallies.of(action);
        let copied = of(Action::Copy).plus(of(Action::Overwrite));
        let how = if self.args.transfer.no_verify { "copied" } else { "copied and verified" };
        let mut text = format!("{how} {}, {}", count(copied.entries, "entry"), size(copied.bytes));
        for action in [Action::Unchanged, Action::Keep, Action::Skip, Action::Changed] {
            let tally = of(action);
            if tally.entries > 0 {
                text.push_str(&format!(", {} {action}", tally.entries));
            }
        }
        text.push_str(&losses(&report.losses));
        if !report.complete {
            text.push_str("; run the same command again to copy the rest");
        }
        text
    }
}

/// Writes down what has happened to one entry.
fn note(
    passed: &Passed<'_>,
    moved: &mut Option<Removals>,
    failures: &mut Option<BufWriter<File>>,
    secrets: &Secrets,
) -> Result<()> {
    match &passed.event {
        Event::Done(_) => {
            if let (Some(moved), Some(found)) = (moved, passed.arrived) {
                moved.entry(Action::Remove, found)?;
            }
        }
        Event::Failed(failure) => {
            if let Some(file) = failures {
                // The key alone, as --keys-from takes it.
                let key = failure.key.split('#').next().unwrap_or_default();
                let object = FailureObject {
                    key,
                    url: failure.url.as_deref().map(|url| secrets.url(url).into_owned()),
                    error: failure.error.message(),
                    code: failure.error.code(),
                    cause: failure.error.causes(),
                };
                serde_json::to_writer(&mut *file, &object)?;
                file.write_all(b"\n")?;
            }
        }
    }
    Ok(())
}
