//! `convert`: rewrite entries with another serializer, in place.

use std::io;

use anyhow::Result;
use cachectl::transfer::{Action, Conversions, Failure, Report, Tally, convert_one};
use cachectl::{Compact, ErrorKind, Found, Manage, Piece, is_about_one};
use clap::Args;
use futures_util::{StreamExt, stream};

use super::plan::{PlanArgs, Question, Summary, WorkArgs, actions_table, confirm, end};
use super::purge::refuse_read_only;
use super::selection::{Selection, SelectionArgs};
use super::store::{self, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs};
use crate::config::Config;
use crate::output::progress::Progress;
use crate::output::table::{Column, Rows, Tint};
use crate::output::talk;
use crate::output::text::{count, size};
use crate::signals::{self, Stopped};

/// Rewrite entries with another serializer, in place.
///
/// One at a time: the record is encoded anew, read back and compared. Times, TTLs and uses
/// are kept, large bodies are not touched. What cannot be read stays as it is.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// json, yaml or bincode
    #[arg(long, value_name = "NAME")]
    to: String,

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

/// Looks whether a store can write heads by a serializer, and whether it was built in.
pub fn check_serializer(open: &OpenStore, name: &str) -> Result<()> {
    let can = open.store.capabilities();
    can.check_serializer(name)?;
    if can.lossless {
        cachectl::serializer(name)?;
    }
    Ok(())
}

/// Converts; gives the exit code.
pub fn run(args: &ConvertArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let selection = args.selection.resolve(&[], &config)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, args.plan.access(), common)?;
    check_serializer(&open, &args.to)?;
    refuse_read_only(&open, args.plan.dry_run)?;
    signals::listen();
    if !args.plan.dry_run {
        let deed = format!("rewrite the selected entries of {} as {}", chosen.name, args.to);
        confirm(&args.plan, &Question::None, &deed)?;
    }
    let before = open.run(disk_bytes(&open))?;
    let mut conversions = Conversions::new();
    let report = open.run(convert(args, &open, &selection, &mut conversions))?;
    let after = open.run(disk_bytes(&open))?;
    let mut summary = Summary {
        store: Some(chosen.address.to_string()),
        dry_run: args.plan.dry_run,
        ..Summary::done("convert", &report)
    };
    if let (Some(before), Some(after)) = (before, after) {
        summary.reclaimed_bytes = Some(before.saturating_sub(after));
    }
    let text = match args.plan.dry_run {
        true => {
            format!("{}nothing was converted (--dry-run)", actions_table(&report.tallies, common))
        }
        false => sentence(&report, &conversions, before.zip(after), common),
    };
    summary.print(&args.output, &text)?;
    if let Err(stopped) = signals::check() {
        return Ok(Stopped::exit_code(stopped));
    }
    end(report, "converted")
}

/// What the store takes, where that is cheap to know.
async fn disk_bytes(open: &OpenStore) -> Result<Option<u64>> {
    match open.store.capabilities().counts_itself {
        true => Ok(open.store.needed_upkeep()?.usage().await?.disk_bytes),
        false => Ok(None),
    }
}

async fn convert(
    args: &ConvertArgs,
    open: &OpenStore,
    selection: &Selection,
    conversions: &mut Conversions,
) -> Result<Report> {
    let started = std::time::Instant::now();
    let mut report = Report::default();
    let mut progress = Progress::start(args.work.progress, "converted", None);
    let jobs = if open.store.capabilities().remote { args.work.jobs as usize } else { 1 };
    let is_dry = args.plan.dry_run;
    let names = selection
        .names(open, &mut |error| {
            let key = Piece::of(&error).and_then(|piece| piece.key.clone());
            report.fail(Failure { key: key.unwrap_or_default(), url: None, error });
            Ok(())
        })
        .await?;
    let mut converted = stream::iter(names.read()?)
        .map(|name| async move {
            let (id, _) = name?;
            let found = open.store.find(&id).await;
            let outcome = match found {
                Ok(Some(found)) => match convert_found(open, &found, &args.to, is_dry).await {
                    Ok((action, after)) => Ok((found, action, after)),
                    Err(e) => Err(e),
                },
                Ok(None) => return Ok((id, None)),
                Err(e) => Err(e),
            };
            Ok::<_, anyhow::Error>((id, Some(outcome)))
        })
        .buffered(jobs);
    report.complete = true;
    while let Some(item) = converted.next().await {
        match item? {
            (_, None) => report.tallies.count(Action::Missing, 0),
            (_, Some(Ok((found, action, after)))) => {
                let bytes = found.head.body.bytes;
                report.tallies.count(action, bytes);
                progress.advance(Tally { entries: 1, bytes });
                if action == Action::Convert {
                    let from = found.head.serializer.as_deref().unwrap_or("unknown").to_owned();
                    let known = conversions.entry(from).or_default();
                    known.entries += 1;
                    known.before += found.stored_bytes;
                    known.after += after;
                }
            }
            (_, Some(Err(error)))
                if error.kind() == ErrorKind::Store
                    && error.code() != "not_verified"
                    && !is_about_one(&error) =>
            {
                return Err(error.into());
            }
            (id, Some(Err(error))) => {
                report.fail(Failure { key: id.to_string(), url: None, error });
            }
        }
        if signals::check().is_err() {
            report.complete = false;
            break;
        }
    }
    drop(converted);
    if let Some(upkeep) = open.store.upkeep().filter(|_| !is_dry) {
        upkeep.compact(Compact::Auto).await?;
    }
    report.duration = started.elapsed();
    Ok(report)
}

async fn convert_found(
    open: &OpenStore,
    found: &Found,
    to: &str,
    is_dry: bool,
) -> cachectl::Result<(Action, u64)> {
    if found.head.serializer.as_deref() == Some(to) {
        return Ok((Action::Unchanged, found.stored_bytes));
    }
    if is_dry {
        return Ok((Action::Convert, found.stored_bytes));
    }
    convert_one(&*open.store, found, to).await
}

fn sentence(
    report: &Report,
    conversions: &Conversions,
    measured: Option<(u64, u64)>,
    common: &CommonArgs,
) -> String {
    let converted = report.tallies.of(Action::Convert);
    let mut text = String::new();
    if !conversions.is_empty() {
        let columns = vec![
            Column::left("FROM"),
            Column::right("ENTRIES"),
            Column::right("BEFORE"),
            Column::right("AFTER"),
        ];
        let rows = conversions.iter().map(|(from, done)| {
            let plain = |text: String| (text, Tint::Plain);
            vec![
                plain(from.clone()),
                plain(done.entries.to_string()),
                plain(size(done.before)),
                plain(size(done.after)),
            ]
        });
        let color = talk::wants_color(common, &io::stdout());
        text = Rows::new(columns, false, color).layout(rows.collect());
    }
    text.push_str(&format!("converted {}", count(converted.entries, "entry")));
    let unchanged = report.tallies.of(Action::Unchanged).entries;
    if unchanged > 0 {
        text.push_str(&format!(", {unchanged} were so already"));
    }
    match measured {
        Some((before, after)) if after < before => {
            text.push_str(&format!("; store is {} smaller", size(before - after)));
        }
        Some((before, after)) if after > before => {
            text.push_str(&format!("; store is {} larger", size(after - before)));
        }
        _ => {}
    }
    text
}
