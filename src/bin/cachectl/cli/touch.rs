//! `touch`: change what a store notes of entries, without rewriting bodies.

use std::time::Duration;

use anyhow::Result;
use cachectl::transfer::{Action, Failure, NewTtl, Report, Tally};
use cachectl::{EntryHead, Error, ErrorKind, Found, Manage, Outcome, is_about_one};
use clap::Args;

use super::options::{Ttl, ttl};
use super::plan::{PlanArgs, Question, Summary, WorkArgs, confirm, end};
use super::purge::refuse_read_only;
use super::selection::{Selection, SelectionArgs};
use super::store::{self, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs, exit};
use crate::config::Config;
use crate::output::progress::Progress;
use crate::output::talk;
use crate::output::text::count;
use crate::signals::{self, Stopped};

/// Change TTL, tags or freshness of entries; bodies are not rewritten.
#[derive(Debug, Args)]
pub struct TouchArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// A new store TTL, counted from now; none lifts it
    #[arg(long, value_name = "DUR", value_parser = ttl)]
    ttl: Option<Ttl>,

    /// Have them validated before their next use, however fresh they are
    #[arg(long)]
    stale: bool,

    /// Add this tag
    #[arg(long, value_name = "TAG")]
    add_tag: Vec<String>,

    /// Remove this tag
    #[arg(long, value_name = "TAG")]
    remove_tag: Vec<String>,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Touches; gives the exit code.
pub fn run(args: &TouchArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let selection = args.selection.resolve(&args.targets, &config)?;
    if selection.is_everything() && selection.most().is_none() {
        return Err(Error::usage("which entries? nothing was selected")
            .coded("nothing_selected")
            .try_this("a key, a URL, or a selection such as --host 'api.*'")
            .into());
    }
    if args.ttl.is_none() && !args.stale && args.add_tag.is_empty() && args.remove_tag.is_empty() {
        return Err(Error::usage("what is to be changed?")
            .try_this("--ttl, --stale, --add-tag or --remove-tag")
            .into());
    }
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, args.plan.access(), common)?;
    refuse_read_only(&open, args.plan.dry_run)?;
    signals::listen();
    if !args.plan.dry_run {
        confirm(&args.plan, &Question::None, "change entries")?;
    }
    let mut missing = 0;
    let report = open.run(touch_all(args, &open, &selection, &mut missing))?;
    let summary = Summary {
        store: Some(chosen.address.to_string()),
        dry_run: args.plan.dry_run,
        ..Summary::done("touch", &report)
    };
    let done = report.tallies.of(Action::Overwrite);
    let verb = if args.plan.dry_run { "would change" } else { "changed" };
    summary.print(&args.output, &format!("{verb} {}", count(done.entries, "entry")))?;
    if let Err(stopped) = signals::check() {
        return Ok(Stopped::exit_code(stopped));
    }
    let code = end(report, "changed")?;
    Ok(if code == exit::DONE && missing > 0 { exit::NOT_CACHED } else { code })
}

/// What an end may lose where it is kept.
const SECOND: Duration = Duration::from_secs(1);

const HOUR: Duration = Duration::from_secs(3600);

async fn touch_all(
    args: &TouchArgs,
    open: &OpenStore,
    selection: &Selection,
    missing: &mut u64,
) -> Result<Report> {
    let mut report = Report { complete: true, ..Report::default() };
    let mut progress = Progress::start(args.work.progress, "changed", None);
    let names = selection
        .names(open, &mut |error| {
            if error.kind() == ErrorKind::NotFound {
                *missing += 1;
                talk::warning(error.message(), "");
            } else {
                report.fail(Failure { key: String::new(), url: None, error });
            }
            Ok(())
        })
        .await?;
    for name in names.read()? {
        if signals::check().is_err() {
            report.complete = false;
            break;
        }
        let (id, _) = name?;
        let found = match open.store.find(&id).await {
            Ok(Some(found)) => found,
            Ok(None) => {
                report.tallies.count(Action::Missing, 0);
                continue;
            }
            Err(error) if is_about_one(&error) => {
                report.fail(Failure { key: id.to_string(), url: None, error });
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let bytes = found.head.body.bytes;
        let action = match args.plan.dry_run {
            true => args.changed(open, &found.head, selection).map(|_| Action::Overwrite)?,
            false => match touch_one(args, open, found, selection).await {
                Ok(action) => action,
                Err(failure) => match failure.downcast::<Error>() {
                    Ok(error) if is_about_one(&error) => {
                        report.fail(Failure { key: id.to_string(), url: None, error });
                        continue;
                    }
                    Ok(error) => return Err(error.into()),
                    Err(failure) => return Err(failure),
                },
            },
        };
        report.tallies.count(action, bytes);
        progress.advance(Tally { entries: 1, bytes });
    }
    Ok(report)
}

/// Changes one entry; one that is written to meanwhile is looked at again.
async fn touch_one(
    args: &TouchArgs,
    open: &OpenStore,
    mut found: Found,
    selection: &Selection,
) -> Result<Action> {
    for _ in 0..5 {
        let head = args.changed(open, &found.head, selection)?;
        match open.store.update(&found.head.id, head, found.stamp).await? {
            Outcome::Done(_) => return Ok(Action::Overwrite),
            Outcome::Absent => return Ok(Action::Missing),
            Outcome::Changed => match open.store.find(&found.head.id).await? {
                Some(now) => found = now,
                None => return Ok(Action::Missing),
            },
        }
    }
    Ok(Action::Changed)
}

impl TouchArgs {
    /// The head with what is asked for, all of which the store has to have a place for.
    fn changed(
        &self,
        open: &OpenStore,
        old: &EntryHead,
        selection: &Selection,
    ) -> cachectl::Result<EntryHead> {
        let mut head = old.clone();
        let ttl = NewTtl::of(self.ttl.map(|ttl| ttl.0));
        head.expires_at = ttl.apply(head.expires_at, selection.now);
        head.invalidated |= self.stale;
        head.tags.retain(|tag| !self.remove_tag.contains(tag));
        for tag in &self.add_tag {
            if !head.tags.contains(tag) {
                head.tags.push(tag.clone());
            }
        }
        let kept = open.store.rules().project(head.clone());
        let lost = |what: &str| {
            let layout = open.store.capabilities().layout;
            Error::usage(format!("{layout} has no place for {what}"))
        };
        if head.invalidated && !kept.invalidated {
            let error = lost("a mark that an entry is stale");
            return Err(error.try_this("cachectl purge"));
        }
        if head.tags != old.tags && kept.tags == old.tags {
            return Err(lost("tags"));
        }
        // By an end that any layout which has them would keep.
        let end = head.expires_at.unwrap_or(selection.now + HOUR);
        let with_end = EntryHead { expires_at: Some(end), ..head.clone() };
        let kept = open.store.rules().project(with_end).expires_at;
        let is_kept = kept.is_some_and(|kept| kept.max(end).since(kept.min(end)) <= SECOND);
        if head.expires_at != old.expires_at && !is_kept {
            return Err(lost("the TTL of one entry").try_this("?ttl= in the address, for all"));
        }
        Ok(head)
    }
}
