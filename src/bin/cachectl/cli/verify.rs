//! `verify`: read everything, and tell what is not what it should be.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use cachectl::transfer::{Action, Removals, Tally, check};
use cachectl::{
    Access, BodyStream, Detail, Error, ErrorKind, Found, Manage, Method, Part, Piece, Problem,
    State, Timestamp, is_about_one,
};
use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::options::Format;
use super::plan::{PlanArgs, Question, WorkArgs};
use super::purge::{CompactWhen, Job, RemovalArgs, refuse_read_only};
use super::selection::{Selected, Selection, SelectionArgs};
use super::store::{self, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs, exit, failure};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::listing::Out;
use crate::output::progress::Progress;
use crate::output::table::{Column, Rows, Tint};
use crate::output::text::{count, escaped, plain_field, size};
use crate::output::{sink, talk};
use crate::signals;

/// What nothing has written to for so long is nobody's work in progress.
const LEFT_FOR: Duration = Duration::from_secs(3600);

/// Read every entry and report damage.
///
/// Heads are decoded, bodies compared with their digest and length, keys with the request
/// behind them; bodies without a record and records without a body are found. Exit code 1
/// when anything is wrong.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// Read only this share of the bodies, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=100))]
    sample: Option<u8>,

    /// Remove what is damaged, after saving it
    #[arg(long)]
    repair: bool,

    /// Where --repair saves what it removes
    #[arg(long, value_name = "DIR", default_value = "cachectl-quarantine", requires = "repair")]
    quarantine: PathBuf,

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

/// Verifies; gives the exit code.
pub fn run(args: &VerifyArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    if !args.repair && (args.plan.dry_run || args.plan.yes) {
        return Err(Error::usage("--dry-run and --yes belong to --repair").into());
    }
    let selection = args.selection.resolve(&args.targets, &config)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let access = if args.repair { args.plan.access() } else { Access::Read };
    let open = store::open(&chosen, access, common)?;
    if args.repair {
        refuse_read_only(&open, args.plan.dry_run)?;
    }
    signals::listen();
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let mut checking = Checking {
        report: Reporter::new(&args.output, common)?,
        checked: Tally::default(),
        damaged: Removals::new(),
        saved: Removals::new(),
        unread: 0,
        missing: 0,
        waiting: BTreeMap::new(),
        twins: Twins::default(),
        view: &view,
    };
    let progress = Progress::start(args.work.progress, "checked", None);
    open.run(checking.run(args, &open, &selection, progress))?;
    checking.report.end()?;
    let Checking { checked, damaged, saved, unread, missing, waiting, twins, .. } = checking;
    let found = match (damaged.len(), unread) {
        (0, 0) => "no damage".to_owned(),
        (some, 0) => format!("{some} damaged"),
        (0, some) => format!("{some} could not be read"),
        (some, more) => format!("{some} damaged, {more} could not be read"),
    };
    let otherwise = match (unread, missing) {
        (1.., _) => exit::PARTIAL,
        (_, 1..) => exit::NOT_CACHED,
        _ => exit::DONE,
    };
    let bytes = size(checked.bytes);
    let waiting: Vec<String> =
        waiting.iter().map(|(what, pieces)| format!("{pieces} {what}")).collect();
    let waiting = match waiting.is_empty() {
        true => String::new(),
        false => format!("; for gc to take away: {}", waiting.join(", ")),
    };
    let twins = match twins.older {
        0 => String::new(),
        some => format!("; {some} behind a newer one that answers the same"),
    };
    let entries = count(checked.entries, "entry");
    talk::note(&format!("checked {entries}, {bytes}: {found}{waiting}{twins}"));
    if damaged.is_empty() || !args.repair {
        return Ok(if damaged.is_empty() { otherwise } else { exit::NO });
    }
    let plan = damaged;
    if !args.plan.dry_run {
        super::plan::confirm(
            &args.plan,
            &Question::YesNo,
            &format!("remove {} from {}", count(plan.len(), "damaged piece"), chosen.name),
        )?;
        open.run(quarantine(&open, saved, &args.quarantine))?;
    }
    let removal = RemovalArgs { max_delete: None, compact: CompactWhen::Auto };
    // One document is enough: what was found.
    let is_json = matches!(args.output.wanted(), Some(Format::Json | Format::Ndjson));
    let job = Job {
        command: "verify",
        open: &open,
        chosen: &chosen,
        plan_args: &args.plan,
        work: &args.work,
        removal: &removal,
        output: &args.output,
        is_aside: is_json,
        view: &view,
        common,
    };
    let code = job.carry_out(plan, &Question::None)?;
    Ok(match code {
        // Damage that is still there is damage.
        exit::DONE if args.plan.dry_run => exit::NO,
        exit::DONE => otherwise,
        code => code,
    })
}

struct Checking<'a> {
    report: Reporter,
    checked: Tally,
    /// What --repair would remove, and the same for saving it before.
    damaged: Removals,
    saved: Removals,
    /// What may be as whole as ever, but cannot be read here.
    unread: u64,
    /// What was named and is not there.
    missing: u64,
    /// What is no damage: gc takes it away in its time.
    waiting: BTreeMap<&'static str, u64>,
    twins: Twins,
    view: &'a View,
}

impl Checking<'_> {
    async fn run(
        &mut self,
        args: &VerifyArgs,
        open: &OpenStore,
        selection: &Selection,
        mut progress: Progress,
    ) -> Result<()> {
        let jobs = if open.store.capabilities().remote { args.work.jobs as usize } else { 1 };
        let salt = Timestamp::now().micros().unsigned_abs();
        let sample = args.sample.map(u64::from);
        let entries = selection.entries(open, Detail::Head);
        let mut checked = entries
            .map(|item| async move {
                let found = match item? {
                    Selected::Entry(found) => found,
                    Selected::Unread(error) => return Ok(Checked::Unread(error)),
                    Selected::Missing(error) => return Ok(Checked::Missing(error)),
                };
                let lot = (found.head.id.fingerprint() ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let is_drawn = sample.is_none_or(|percent| (lot >> 32) % 100 < percent);
                if !is_drawn {
                    return Ok(Checked::NotDrawn);
                }
                let piece = check(&*open.store, &found).await?;
                Ok::<_, anyhow::Error>(Checked::Read(Box::new(found), piece))
            })
            .buffered(jobs);
        while let Some(item) = checked.next().await {
            signals::check()?;
            match item? {
                Checked::NotDrawn => {}
                Checked::Read(found, piece) => {
                    let tally = Tally { entries: 1, bytes: found.head.body.bytes };
                    self.checked = self.checked.plus(tally);
                    progress.advance(tally);
                    self.twins.meet(&found);
                    if found.state(self.view.now, &self.view.settings) == State::Expired {
                        *self.waiting.entry(State::Expired.name()).or_default() += 1;
                    }
                    if let Some(piece) = piece {
                        self.tell(&piece, Some(&found))?;
                    }
                }
                Checked::Unread(error) => {
                    self.checked.entries += 1;
                    match Piece::of(&error) {
                        Some(piece) => self.tell(piece, None)?,
                        None => {
                            self.unread += 1;
                            talk::warning(error.message(), &error.causes());
                        }
                    }
                }
                Checked::Missing(error) => {
                    self.missing += 1;
                    failure::tell(&error);
                }
            }
        }
        drop(checked);
        if selection.is_everything() && args.sample.is_none() {
            let Some(upkeep) = open.store.upkeep() else {
                talk::note("this store cannot be searched for leftovers");
                return Ok(());
            };
            let mut leftovers = upkeep.leftovers(selection.now - LEFT_FOR);
            while let Some(piece) = leftovers.next().await {
                let piece = match piece {
                    Err(e) if is_about_one(&e) => {
                        self.unread += 1;
                        talk::warning(e.message(), &e.causes());
                        continue;
                    }
                    piece => piece?,
                };
                match piece.problem {
                    Problem::Unfinished | Problem::Removed => {
                        *self.waiting.entry(piece.problem.name()).or_default() += 1;
                    }
                    _ => self.tell(&piece, None)?,
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, piece: &Piece, found: Option<&Found>) -> Result<()> {
        let url =
            found.map(|found| self.view.secrets.url(found.head.request.url.as_str()).into_owned());
        self.report.row(piece, url)?;
        if piece.problem.is_unknown() {
            self.unread += 1;
            return Ok(());
        }
        let action = if piece.problem.is_leftover() { Action::Leftover } else { Action::Corrupt };
        self.damaged.piece(action, piece)?;
        self.saved.piece(action, piece)?;
        Ok(())
    }
}

/// What came out of looking at one entry.
enum Checked {
    NotDrawn,
    Read(Box<Found>, Option<Piece>),
    Unread(Error),
    Missing(Error),
}

/// Entries that other clients have stored anew without taking the older ones away.
#[derive(Default)]
struct Twins {
    key: String,
    /// What the entries of the key answer; those of one key come together.
    answered: Vec<(Method, Vec<cachectl::Selection>)>,
    older: u64,
}

impl Twins {
    fn meet(&mut self, found: &Found) {
        let head = &found.head;
        if self.key != head.id.key {
            self.key.clone_from(&head.id.key);
            self.answered.clear();
        }
        let answers = (head.request.method.clone(), head.selections.clone());
        if self.answered.contains(&answers) {
            self.older += 1;
        } else {
            self.answered.push(answers);
        }
    }
}

/// A problem as JSON shows it.
#[derive(Serialize)]
struct ProblemObject<'a> {
    key: Option<&'a str>,
    problem: &'static str,
    detail: &'a str,
    url: Option<String>,
    piece: &'a str,
    stored_bytes: u64,
}

/// Writes problems as they are found.
struct Reporter {
    out: Out,
    format: Format,
    rows: Rows,
    begun: bool,
}

impl Reporter {
    fn new(output: &OutputArgs, common: &CommonArgs) -> Result<Self> {
        let usual = if output.is_table() { Format::Table } else { Format::Plain };
        let format = output.wanted().unwrap_or(usual);
        let columns = vec![
            Column::left("KEY"),
            Column::left("PROBLEM"),
            Column { name: "DETAIL", right: false, cut: true },
        ];
        let color = talk::wants_color(common, &io::stdout());
        let rows = Rows::new(columns, format == Format::Table, color);
        Ok(Reporter { out: BufWriter::new(sink::stdout()?), format, rows, begun: false })
    }

    fn row(&mut self, piece: &Piece, url: Option<String>) -> Result<()> {
        let key = piece.key.as_deref();
        let problem = piece.problem.name();
        let object = ProblemObject {
            key,
            problem,
            detail: &piece.detail,
            url,
            piece: &piece.name,
            stored_bytes: piece.bytes,
        };
        let out = &mut self.out;
        match self.format {
            Format::Json => {
                out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
                serde_json::to_writer(&mut *out, &object)?;
            }
            Format::Ndjson => {
                serde_json::to_writer(&mut *out, &object)?;
                out.write_all(b"\n")?;
            }
            Format::Plain | Format::Csv => {
                let (key, detail) = (plain_field(key.unwrap_or("-")), plain_field(&piece.detail));
                writeln!(out, "{key}\t{problem}\t{detail}")?;
            }
            Format::Table | Format::Wide => {
                let name = key.unwrap_or(&piece.name);
                let shown = match self.format {
                    Format::Table if key.is_some() => name.chars().take(12).collect(),
                    _ => name.to_owned(),
                };
                let detail = format!("{} ({})", piece.detail, piece.name);
                let row = vec![
                    (escaped(&shown).into_owned(), Tint::Plain),
                    (problem.to_owned(), Tint::Bad),
                    (escaped(&detail).into_owned(), Tint::Plain),
                ];
                out.write_all(self.rows.layout(vec![row]).as_bytes())?;
            }
        }
        self.begun = true;
        out.flush()?;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        }
        self.out.flush()?;
        Ok(())
    }
}

/// Saves what is damaged, byte for byte.
async fn quarantine(open: &OpenStore, damaged: Removals, folder: &Path) -> Result<()> {
    let fail = |path: &Path, e: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display()))
            .because(e)
            .try_this("another folder with --quarantine; nothing was removed")
    };
    make_private(folder).map_err(|e| fail(folder, e))?;
    for piece in damaged.into_pieces()? {
        let piece = piece?;
        for (part, ending) in Part::all_of(&piece).into_iter().zip(["", ".body"]) {
            // A leftover has nothing to lose: what is not there any more need not be saved.
            match open.store.needed_upkeep()?.raw(part).await {
                Ok(bytes) => save(bytes, &free_name(folder, &piece.name, ending)).await?,
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| fail(folder, e))?;
    talk::note(&format!("saved what is damaged in {}", folder.display()));
    Ok(())
}

/// A folder that only its owner can look into: stored bytes may hold credentials.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Saves bytes as they are. Any trouble is an error, and then nothing is removed.
async fn save(mut bytes: BodyStream, path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |e: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display())).because(e)
    };
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
    while let Some(chunk) = bytes.chunk().await? {
        file.write_all(&chunk).map_err(fail)?;
    }
    file.sync_all().map_err(fail)?;
    Ok(())
}

/// A name in the folder that nothing has yet.
fn free_name(folder: &Path, name: &str, ending: &str) -> PathBuf {
    let safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .collect();
    let safe: String = safe.chars().take(150).collect();
    (1..)
        .map(|n| match n {
            1 => folder.join(format!("{safe}{ending}")),
            n => folder.join(format!("{safe}.{n}{ending}")),
        })
        .find(|path| !path.exists())
        .unwrap_or_else(|| folder.join(safe))
}
