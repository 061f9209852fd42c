//! `purge`: remove what you select.

use anyhow::Result;
use cachectl::transfer::{Action, Event, Removals, RunOptions, Tally, remove};
use cachectl::{Access, Compact, Detail, Error, ErrorKind, Piece};
use clap::{Args, ValueEnum};
use futures_util::StreamExt;

use super::plan::{PlanArgs, Question, Summary, WorkArgs, actions_table, confirm, end, show_first};
use super::selection::{Selected, Selection, SelectionArgs};
use super::store::{self, Chosen, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs, exit, failure, said_by_variable};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::progress::Progress;
use crate::output::text::{count, size};
use crate::output::{sink, talk};
use crate::signals;

/// Remove the entries that you select.
///
/// Keys and URLs that you name go at once; a filter, or --all, shows what it would remove
/// and asks. What is replaced between the plan and the deed stays.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// Remove everything
    #[arg(long)]
    all: bool,

    /// What was named and is not there is fine
    #[arg(long)]
    ignore_missing: bool,

    /// Exit with 1 when nothing matches
    #[arg(long)]
    error_on_empty: bool,

    #[command(flatten)]
    removal: RemovalArgs,

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

/// How removing is done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Work")]
pub struct RemovalArgs {
    /// Remove nothing if it would be more entries than this
    #[arg(long, value_name = "N")]
    pub max_delete: Option<u64>,

    /// Whether to give unused space back at the end; auto: when it is a quarter or more
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    pub compact: CompactWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompactWhen {
    Auto,
    Always,
    Never,
}

impl From<CompactWhen> for Compact {
    fn from(when: CompactWhen) -> Self {
        match when {
            CompactWhen::Auto => Compact::Auto,
            CompactWhen::Always => Compact::Always,
            CompactWhen::Never => Compact::Never,
        }
    }
}

/// Removes; gives the exit code.
pub fn run(args: &PurgeArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let selection = args.selection.resolve(&args.targets, &config)?;
    let is_unbounded = selection.is_everything() && selection.most().is_none();
    if is_unbounded && !args.all {
        return Err(Error::usage("which entries? nothing was selected")
            .coded("nothing_selected")
            .try_this("a key, a URL, a selection such as --host 'api.*', or --all")
            .into());
    }
    if args.all && !is_unbounded {
        return Err(Error::usage("--all and a selection exclude each other")
            .try_this("one of them")
            .into());
    }
    let chosen = store::choose(&args.store, None, &config)?;
    let Some(open) = open_existing(&chosen, args.plan.access(), common)? else {
        return Ok(exit::DONE);
    };
    refuse_read_only(&open, args.plan.dry_run)?;
    signals::listen();
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    if common.verbose > 0 {
        talk::note(&format!("filter: {}", selection.filter));
    }
    let Planned { plan, missing, left } =
        open.run(planned(&open, &selection, &args.work, args.ignore_missing))?;
    if left > 0 {
        talk::note(&format!("{} cannot be read and will be left alone", count(left, "entry")));
    }
    let otherwise = match (left, missing) {
        (1.., _) => Some(exit::PARTIAL),
        (_, 1..) => Some(exit::NOT_CACHED),
        _ => None,
    };
    if plan.is_empty() {
        let summary = Summary {
            store: Some(chosen.address.to_string()),
            dry_run: args.plan.dry_run,
            ..Summary::planned("purge", plan.tallies())
        };
        let nothing = if otherwise.is_none() { "nothing matches" } else { "removed nothing" };
        summary.print(&args.output, nothing)?;
        let empty = if args.error_on_empty { exit::NO } else { exit::DONE };
        return Ok(otherwise.unwrap_or(empty));
    }
    let question = match (args.all, selection.is_named() && args.selection.names_only()) {
        (true, _) if open.store.capabilities().remote => Question::Typed(chosen.short_name()),
        (_, true) => Question::None,
        _ => Question::YesNo,
    };
    let job = Job {
        command: "purge",
        open: &open,
        chosen: &chosen,
        plan_args: &args.plan,
        work: &args.work,
        removal: &args.removal,
        output: &args.output,
        is_aside: false,
        view: &view,
        common,
    };
    let code = job.carry_out(plan, &question)?;
    Ok(otherwise.filter(|_| code == exit::DONE).unwrap_or(code))
}

/// A store that is not there has nothing to remove; that is said, and is fine.
pub fn open_existing(
    chosen: &Chosen,
    access: Access,
    common: &CommonArgs,
) -> Result<Option<OpenStore>> {
    match store::open(chosen, access, common) {
        Ok(open) => Ok(Some(open)),
        Err(failure) => match failure.downcast_ref::<Error>() {
            Some(error) if error.code() == "store_missing" => {
                talk::note(&format!("{}: nothing to remove", error.message()));
                Ok(None)
            }
            _ => Err(failure),
        },
    }
}

/// A store that must not be written to is no place to remove from.
pub fn refuse_read_only(open: &OpenStore, is_dry: bool) -> Result<()> {
    if !open.store.capabilities().read_only || is_dry {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Refused, "the store is opened read-only")
        .coded("read_only")
        .try_this("the same without readonly, or with --dry-run");
    Err(match said_by_variable("readonly") {
        Some(origin) => anyhow::Error::from(error).context(origin),
        None => error.into(),
    })
}

/// What is to be removed, and what cannot be.
#[derive(Default)]
struct Planned {
    plan: Removals,
    /// Named, and not there.
    missing: u64,
    /// Meant, but nothing that this program could tell from somebody else's.
    left: u64,
}

/// Plans the removal of everything that is meant.
async fn planned(
    open: &OpenStore,
    selection: &Selection,
    work: &WorkArgs,
    ignore_missing: bool,
) -> Result<Planned> {
    let mut planned = Planned::default();
    let mut progress = Progress::start(work.progress, "looked at", None);
    let mut entries = selection.entries(open, Detail::Columns);
    while let Some(item) = entries.next().await {
        signals::check()?;
        match item? {
            Selected::Entry(found) => {
                progress.advance(Tally { entries: 1, bytes: found.head.body.bytes });
                planned.plan.entry(Action::Remove, &found)?;
            }
            Selected::Unread(error) => match Piece::of(&error) {
                Some(piece) if !piece.problem.is_unknown() => {
                    planned.plan.piece(Action::Remove, piece)?;
                }
                _ => {
                    planned.left += 1;
                    talk::warning(error.message(), &error.causes());
                }
            },
            Selected::Missing(_) if ignore_missing => {}
            Selected::Missing(error) => {
                planned.missing += 1;
                failure::tell(&error);
            }
        }
    }
    Ok(planned)
}

/// A plan of removals on its way to being carried out.
pub struct Job<'a> {
    pub command: &'static str,
    pub open: &'a OpenStore,
    pub chosen: &'a Chosen,
    pub plan_args: &'a PlanArgs,
    pub work: &'a WorkArgs,
    pub removal: &'a RemovalArgs,
    pub output: &'a OutputArgs,
    /// Standard output has been used already: the summary is talk.
    pub is_aside: bool,
    pub view: &'a View,
    pub common: &'a CommonArgs,
}

impl Job<'_> {
    /// Shows, asks, removes, and tells what came out; gives the exit code.
    pub fn carry_out(&self, plan: Removals, question: &Question) -> Result<u8> {
        let total = plan.tallies().total();
        if let Some(most) = self.removal.max_delete.filter(|most| total.entries > *most) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("this would remove {}", count(total.entries, "entry")),
            )
            .because(format!("--max-delete {most} allows no more"))
            .coded("max_delete")
            .try_this("a narrower selection, or a larger --max-delete")
            .into());
        }
        if self.plan_args.dry_run {
            return self.show(&plan);
        }
        let asks = !matches!(question, Question::None) && !self.plan_args.yes;
        if asks {
            show_first(self.open, plan.first(), plan.len(), self.view, self.common, false)?;
        }
        let deed =
            format!("remove {} ({}) from {}", what(&plan), size(total.bytes), self.chosen.name);
        confirm(self.plan_args, question, &deed)?;
        let mut progress = Progress::start(self.work.progress, "removed", Some(total));
        let report = self.open.run(async {
            let options = RunOptions {
                jobs: self.work.jobs as usize,
                compact: self.removal.compact.into(),
                max_errors: None,
                stop: &|| signals::check().is_err(),
                on: &mut |event| {
                    if let Event::Done(tally) = event {
                        progress.advance(tally);
                    }
                },
            };
            Ok(remove(&*self.open.store, plan, options).await)
        })?;
        drop(progress);
        let summary = Summary {
            store: Some(self.chosen.address.to_string()),
            ..Summary::done(self.command, &report)
        };
        self.tell(&summary, &sentence(&report))?;
        end(report, "removed")
    }

    fn show(&self, plan: &Removals) -> Result<u8> {
        let summary = Summary {
            store: Some(self.chosen.address.to_string()),
            ..Summary::planned(self.command, plan.tallies())
        };
        let is_table = self.output.is_table();
        if is_table && !talk::is_quiet() {
            sink::print(&format!("would remove from {}\n", self.chosen.name))?;
            show_first(self.open, plan.first(), plan.len(), self.view, self.common, true)?;
            sink::print("\n")?;
        }
        let mut text = actions_table(plan.tallies(), self.common);
        text.push_str("nothing was removed (--dry-run)");
        self.tell(&summary, &text)?;
        Ok(exit::DONE)
    }

    fn tell(&self, summary: &Summary, text: &str) -> Result<()> {
        if self.is_aside {
            talk::note(text.lines().last().unwrap_or_default());
            return Ok(());
        }
        summary.print(self.output, text)
    }
}

/// `318 entries`, with what else there is.
fn what(plan: &Removals) -> String {
    let leftovers = plan.tallies().of(Action::Leftover).entries;
    let entries = plan.len() - leftovers;
    match (entries, leftovers) {
        (entries, 0) => count(entries, "entry"),
        (0, leftovers) => count(leftovers, "leftover"),
        (entries, leftovers) => {
            format!("{} and {}", count(entries, "entry"), count(leftovers, "leftover"))
        }
    }
}

/// What came out, for people.
fn sentence(report: &cachectl::transfer::Report) -> String {
    let done = report.tallies.done();
    let mut text = match done.entries {
        0 => "removed nothing".to_owned(),
        entries => format!("removed {}, {}", count(entries, "entry"), size(done.bytes)),
    };
    let reasons: Vec<String> = report
        .tallies
        .iter()
        .filter(|(action, _)| *action != Action::Remove)
        .map(|(action, tally)| format!("{} {action}", tally.entries))
        .collect();
    if !reasons.is_empty() {
        text.push_str(&format!(" ({})", reasons.join(", ")));
    }
    match report.reclaimed_bytes.filter(|_| done.entries > 0) {
        Some(0) => text.push_str("; the space in the store will be used again"),
        Some(bytes) => text.push_str(&format!("; store is {} smaller", size(bytes))),
        None => {}
    }
    if !report.complete {
        text.push_str("; not everything was tried");
    }
    text
}
