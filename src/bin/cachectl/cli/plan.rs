//! Plan, show, confirm, act: what the commands that change much have in common.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use cachectl::transfer::{Losses, Report, Tallies};
use cachectl::{Access, EntryId, Error, ErrorKind, Manage, Secrets};
use clap::Args;
use serde::Serialize;

use super::options::{Format, OutputArgs};
use super::store::OpenStore;
use super::{CommonArgs, exit, failure};
use crate::environment;
use crate::output::columns::{self, View};
use crate::output::listing::{Table, Writer};
use crate::output::progress;
use crate::output::table::{Column, Rows, Tint};
use crate::output::text::{count, size};
use crate::output::{sink, talk};
use crate::signals::Stopped;

/// Whether to act, and whether to ask first.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Plan")]
pub struct PlanArgs {
    /// Show what would be done and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Never ask: what would need an answer is refused [default: where nobody can answer]
    #[arg(long)]
    pub no_input: bool,
}

impl PlanArgs {
    /// What the store that is to be changed is opened for.
    pub fn access(&self) -> Access {
        if self.dry_run { Access::Read } else { Access::Existing }
    }
}

/// How work on many entries is done.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Work")]
pub struct WorkArgs {
    /// How many operations are under way at the same time
    #[arg(short, long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=512))]
    pub jobs: u32,

    /// How progress is shown
    #[arg(long, value_name = "MODE", value_enum)]
    pub progress: Option<progress::Mode>,
}

/// What has to be answered before anything is changed.
pub enum Question {
    /// Nothing: the user has named each thing.
    None,
    /// Yes or no.
    YesNo,
    /// This word has to be typed.
    Typed(String),
}

/// Asks, where there is something to ask and somebody to answer. `deed` says what would be
/// done: `remove 318 entries (71.0 MiB) from prod`.
///
/// # Errors
/// `Refused` when the answer is no, or when nobody can be asked.
pub fn confirm(plan: &PlanArgs, question: &Question, deed: &str) -> Result<()> {
    if plan.yes || matches!(question, Question::None) {
        return Ok(());
    }
    let nobody = if plan.no_input {
        Some("--no-input was given")
    } else if environment::is_ci() {
        Some("CI is set")
    } else if !io::stdin().is_terminal() {
        Some("standard input is not a terminal")
    } else {
        None
    };
    if let Some(why) = nobody {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("this would {deed}, and nobody can be asked here"),
        )
        .because(why)
        .coded("needs_confirmation")
        .try_this("the same command with --dry-run to look, then with --yes")
        .into());
    }
    let mut deed = deed.to_owned();
    if let Some(first) = deed.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let is_yes = match question {
        Question::Typed(word) => {
            eprint_now(&format!("{deed}? Type {word} to go on: "));
            answer()? == *word
        }
        _ => {
            eprint_now(&format!("{deed}? [y/N] "));
            matches!(answer()?.to_ascii_lowercase().as_str(), "y" | "yes")
        }
    };
    if is_yes {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Refused, "nothing was changed").coded("declined").into())
}

fn eprint_now(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

fn answer() -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

/// What came out, or would; `json` prints exactly this.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub command: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    pub dry_run: bool,
    pub complete: bool,
    pub actions: BTreeMap<&'static str, Counted>,
    pub failed: Failed,
    /// How many entries lost what, for which the destination has no place.
    #[serde(skip_serializing_if = "Losses::is_empty")]
    pub lost: Losses,
    pub reclaimed_bytes: Option<u64>,
    pub duration_s: u64,
}

#[derive(Debug, Serialize)]
pub struct Counted {
    pub entries: u64,
    pub bytes: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct Failed {
    pub entries: u64,
}

impl Summary {
    /// Of a plan that is only shown.
    pub fn planned(command: &'static str, tallies: &Tallies) -> Self {
        Summary {
            command,
            store: None,
            source: None,
            destination: None,
            dry_run: true,
            complete: true,
            actions: counted(tallies),
            failed: Failed::default(),
            lost: Losses::new(),
            reclaimed_bytes: None,
            duration_s: 0,
        }
    }

    /// Of what was done.
    pub fn done(command: &'static str, report: &Report) -> Self {
        Summary {
            dry_run: false,
            complete: report.complete,
            failed: Failed { entries: report.failed },
            lost: report.losses.clone(),
            reclaimed_bytes: report.reclaimed_bytes,
            duration_s: rounded(report.duration),
            ..Self::planned(command, &report.tallies)
        }
    }

    /// Prints it: `sentence` in tables, the rest as it is. Whoever gets nothing by that, as
    /// nothing was done or standard output cannot be written, is told on standard error.
    pub fn print(&self, output: &OutputArgs, sentence: &str) -> Result<()> {
        let printed = self.print_as_wanted(output, sentence);
        let is_told = printed.as_ref().is_ok_and(|is_told| *is_told);
        if !is_told && !printed.as_ref().is_err_and(failure::is_closed_output) {
            talk::note(sentence.lines().last().unwrap_or_default());
        }
        printed.map(drop)
    }

    /// Tells whether there was anything to print.
    fn print_as_wanted(&self, output: &OutputArgs, sentence: &str) -> Result<bool> {
        let usual = if io::stdout().is_terminal() { Format::Table } else { Format::Plain };
        match output.wanted().unwrap_or(usual) {
            Format::Json => sink::print(&format!("{}\n", serde_json::to_string_pretty(self)?))?,
            Format::Ndjson => sink::print(&format!("{}\n", serde_json::to_string(self)?))?,
            Format::Plain | Format::Csv => {
                let line = |(action, counted): (&&str, &Counted)| {
                    format!("{action}\t{}\t{}\n", counted.entries, counted.bytes)
                };
                sink::print(&self.actions.iter().map(line).collect::<String>())?;
                return Ok(!self.actions.is_empty());
            }
            Format::Table | Format::Wide if talk::is_quiet() => {}
            Format::Table | Format::Wide => sink::print(&format!("{sentence}\n"))?,
        }
        Ok(true)
    }
}

fn counted(tallies: &Tallies) -> BTreeMap<&'static str, Counted> {
    let counted = tallies.iter().map(|(action, tally)| {
        (action.name(), Counted { entries: tally.entries, bytes: tally.bytes })
    });
    counted.collect()
}

fn rounded(span: Duration) -> u64 {
    (span.as_millis() as u64 + 500) / 1000
}

/// What entries have lost, as the end of a sentence; empty where nothing was.
pub fn losses(losses: &Losses) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let listed: Vec<String> =
        losses.iter().map(|(field, entries)| format!("{field} ({entries})")).collect();
    format!("; the destination has no place for {}", listed.join(", "))
}

/// A table of what is to be done, or was: one row an action.
pub fn actions_table(tallies: &Tallies, common: &CommonArgs) -> String {
    let columns = vec![Column::left("ACTION"), Column::right("ENTRIES"), Column::right("BYTES")];
    let rows = tallies.iter().map(|(action, tally)| {
        let plain = |text: String| (text, Tint::Plain);
        vec![
            plain(action.name().to_owned()),
            plain(tally.entries.to_string()),
            plain(size(tally.bytes)),
        ]
    });
    let color = talk::wants_color(common, &io::stdout());
    Rows::new(columns, false, color).layout(rows.collect())
}

/// The first entries of a plan as a table, on standard error or, for `--dry-run`, on
/// standard output.
pub fn show_first(
    open: &OpenStore,
    first: &[EntryId],
    total: u64,
    view: &View,
    common: &CommonArgs,
    to_stdout: bool,
) -> Result<()> {
    if first.is_empty() {
        return Ok(());
    }
    let columns = columns::named(&["key", "state", "status", "size", "age", "url"])?;
    let out = if to_stdout { sink::stdout()? } else { sink::stderr()? };
    let color = match to_stdout {
        true => talk::wants_color(common, &io::stdout()),
        false => talk::wants_color(common, &io::stderr()),
    };
    let mut out = BufWriter::new(out);
    let mut table = Table::new(columns, false, true, color);
    for id in first {
        // One that is gone or damaged is not worth an error here.
        if let Some(found) = open.run(async { Ok(open.store.find(id).await.ok().flatten()) })? {
            table.entry(&mut out, view, &found)?;
        }
    }
    table.end(&mut out)?;
    let more = total.saturating_sub(first.len() as u64);
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    out.flush()?;
    Ok(())
}

/// Says what went wrong with single entries, and gives the exit code of a report.
pub fn end(report: Report, verb: &str) -> Result<u8> {
    for failed in &report.failures {
        let url = failed.url.as_deref().filter(|url| !url.is_empty());
        let name = Secrets::built_in().url(url.unwrap_or(&failed.key));
        let (message, causes) = (failed.error.message(), failed.error.causes());
        // What could not be read has no name, but the error says where it stands.
        match (name.is_empty(), causes.is_empty()) {
            (true, _) => talk::warning(message, &causes),
            (false, true) => talk::warning(&format!("{name} was not {verb}"), message),
            (false, false) => {
                talk::warning(&format!("{name} was not {verb}"), &format!("{message}: {causes}"));
            }
        }
    }
    if let Some(error) = report.ended_by {
        return Err(error.into());
    }
    if let Err(stopped) = crate::signals::check() {
        return Ok(Stopped::exit_code(stopped));
    }
    if report.failed == 0 {
        return Ok(exit::DONE);
    }
    let tried = report.tallies.total().entries + report.failed;
    let kind = report.failures.first().map_or(ErrorKind::Partial, |f| f.error.kind());
    let error = Error::new(
        ErrorKind::Partial,
        format!("{} of {} were not {verb}", report.failed, count(tried, "entry")),
    );
    let error = match report.failures.first().and_then(|f| f.error.hint()) {
        Some(hint) => error.try_this(hint.to_owned()),
        None => error,
    };
    talk::error(&failure::complaint(&error, None));
    Ok(match kind {
        ErrorKind::Refused => exit::REFUSED,
        _ => exit::PARTIAL,
    })
}
