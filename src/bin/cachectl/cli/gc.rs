//! `gc`: remove what policy says.

use anyhow::Result;
use cachectl::transfer::{GcPlan, GcPolicy, Tally, plan_gc};
use cachectl::{Error, Filter, Moment, Settings, Timestamp, parse_duration, parse_size};
use clap::Args;

use super::plan::{PlanArgs, Question, Summary, WorkArgs};
use super::purge::{Job, RemovalArgs, open_existing, refuse_read_only};
use super::store::{self, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs, exit};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::progress::Progress;
use crate::output::talk;
use crate::output::text::count;
use crate::signals;

/// Remove what policy says: by default what has expired, and leftovers.
///
/// Policies add up: an entry that meets any of them goes. Leftovers are unfinished files,
/// and bodies or records of which the other part is gone.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Entries whose store TTL is over, and leftovers
    #[arg(long)]
    expired: bool,

    /// Entries stored before this: a duration ago, or a time
    #[arg(long, value_name = "WHEN")]
    older_than: Option<String>,

    /// Entries not used for so long
    #[arg(long, value_name = "DURATION")]
    unused_for: Option<String>,

    /// The least recently used entries, until the rest takes no more than this
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,

    /// The least recently used entries, until no more than this many stay
    #[arg(long, value_name = "N")]
    max_entries: Option<u64>,

    /// Entries that cannot be read
    #[arg(long)]
    corrupt: bool,

    /// Look only at these entries (an expression as for --where)
    #[arg(long, value_name = "EXPR")]
    only: Option<String>,

    /// These entries stay, whatever else is said
    #[arg(long, value_name = "EXPR")]
    keep: Option<String>,

    #[command(flatten)]
    removal: RemovalArgs,

    #[command(flatten)]
    plan: PlanArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Removes; gives the exit code.
pub fn run(args: &GcArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let now = Timestamp::now();
    let policy = args.policy(now)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let Some(open) = open_existing(&chosen, args.plan.access(), common)? else {
        return Ok(exit::DONE);
    };
    refuse_read_only(&open, args.plan.dry_run)?;
    check_uses(&open, &policy)?;
    signals::listen();
    let settings: Settings = config.settings();
    let view = View { now, settings: settings.clone(), secrets: config.secrets(common) };
    let mut progress = Progress::start(args.work.progress, "looked at", None);
    let plan = open.run(async {
        let moment = Moment { now, settings: &settings };
        let mut seen = |bytes| {
            progress.advance(Tally { entries: 1, bytes });
            signals::check().map_err(|e| Error::usage("stopped").because(e.to_string()))
        };
        Ok(plan_gc(&*open.store, &policy, moment, &mut seen).await?)
    });
    drop(progress);
    signals::check()?;
    let GcPlan { removals: plan, unread } = plan?;
    if unread > 0 {
        let unread = count(unread, "entry");
        talk::warning(
            &format!("{unread} could not be read, and stay; cachectl verify says why"),
            "",
        );
    }
    let otherwise = if unread > 0 { exit::PARTIAL } else { exit::DONE };
    if plan.is_empty() {
        let summary = Summary {
            store: Some(chosen.address.to_string()),
            dry_run: args.plan.dry_run,
            ..Summary::planned("gc", plan.tallies())
        };
        summary.print(&args.output, "nothing to remove")?;
        return Ok(otherwise);
    }
    let question = if policy.is_drastic() { Question::YesNo } else { Question::None };
    let job = Job {
        command: "gc",
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
    Ok(if code == exit::DONE { otherwise } else { code })
}

/// A store that records no uses cannot be asked for what is unused.
fn check_uses(open: &OpenStore, policy: &GcPolicy) -> Result<()> {
    let capabilities = open.store.capabilities();
    // Read-only stores note none now, but may have noted some before.
    if capabilities.notes_uses_every.is_some() {
        return Ok(());
    }
    let kind = capabilities.kind;
    if policy.unused_since.is_some() {
        return Err(Error::usage(format!("{kind} stores record no uses"))
            .coded("no_uses")
            .try_this("--older-than, which goes by when an entry was stored")
            .into());
    }
    if policy.max_bytes.is_some() || policy.max_entries.is_some() {
        talk::note(&format!("{kind} stores record no uses: the oldest entries go first"));
    }
    Ok(())
}

impl GcArgs {
    fn policy(&self, now: Timestamp) -> Result<GcPolicy> {
        let filter = |text: &Option<String>| text.as_deref().map(Filter::parse).transpose();
        let mut policy = GcPolicy {
            expired: self.expired,
            leftovers: self.expired,
            corrupt: self.corrupt,
            stored_before: self.older_than.as_deref().map(|text| when(text, now)).transpose()?,
            unused_since: self
                .unused_for
                .as_deref()
                .map(|text| span("--unused-for", text, now))
                .transpose()?,
            max_bytes: self
                .max_size
                .as_deref()
                .map(|text| {
                    parse_size(text).map_err(|e| {
                        Error::usage(format!("--max-size {text} is not a size"))
                            .because(e)
                            .try_this("500M, 5Gi")
                    })
                })
                .transpose()?,
            max_entries: self.max_entries,
            only: filter(&self.only)?,
            keep: filter(&self.keep)?,
        };
        if !(policy.expired || policy.corrupt || policy.is_drastic()) {
            policy.expired = true;
            policy.leftovers = true;
        }
        // Leftovers have nothing by which they could be told apart.
        policy.leftovers &= policy.only.is_none();
        Ok(policy)
    }
}

/// A time, or a span before now.
fn when(text: &str, now: Timestamp) -> Result<Timestamp> {
    let midnight = || Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    match Timestamp::parse_rfc3339(text).or_else(midnight) {
        Some(at) => Ok(at),
        None => span("--older-than", text, now),
    }
}

fn span(flag: &str, text: &str, now: Timestamp) -> Result<Timestamp> {
    match parse_duration(text) {
        Ok(Some(span)) => Ok(now - span),
        _ => Err(Error::usage(format!("{flag} {text} cannot be read"))
            .try_this("7d, 2h, 2026-01-31")
            .into()),
    }
}
