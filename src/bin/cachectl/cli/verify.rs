//! `verify`: read everything, and tell what is not what it should be.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use cachectl::transfer::{Action, Removals, Tally, check};
use cachectl::{
    Access, BodyStream, ByteRange, Detail, Error, ErrorKind, Found, Method, Part, Piece, Problem,
    State, Timestamp, is_damage,
};
use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::options::Format;
use super::plan::{PlanArgs, Question, WorkArgs};
use super::purge::{CompactWhen, Job, RemovalArgs, refuse_read_only};
use super::selection::{Selection, SelectionArgs};
use super::store::{self, OpenStore};
use super::{CommonArgs, OutputArgs, StoreArgs, exit};
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
    let chosen = store::choose(&args.store, None, &config)?;
    let access = if args.repair { args.plan.access() } else { Access::Read };
    let open = store::open(&chosen, access, common)?;
    if args.repair {
        refuse_read_only(&open, args.plan.dry_run)?;
    } else if args.plan.dry_run || args.plan.yes {
        return Err(Error::usage("--dry-run and --yes belong to --repair").into());
    }
    let selection = args.selection.resolve(&args.targets, &config)?;
    signals::listen();
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let mut checking = Checking {
        report: Reporter::new(&args.output, common)?,
        checked: Tally::default(),
        damaged: Vec::new(),
        waiting: BTreeMap::new(),
        twins: Twins::default(),
        view: &view,
    };
    let progress = Progress::start(args.work.progress, "checked", None);
    open.run(checking.run(args, &open, &selection, progress))?;
    checking.report.end()?;
    let Checking { checked, damaged, waiting, twins, .. } = checking;
    let found = match damaged.len() as u64 {
        0 => "no damage".to_owned(),
        some => format!("{some} damaged"),
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
        return Ok(if damaged.is_empty() { exit::DONE } else { exit::NO });
    }
    let mut plan = Removals::new();
    for piece in &damaged {
        let action = if piece.problem.is_leftover() { Action::Leftover } else { Action::Corrupt };
        plan.piece(action, piece)?;
    }
    if !args.plan.dry_run {
        super::plan::confirm(
            &args.plan,
            &Question::YesNo,
            &format!("remove {} from {}", count(plan.len(), "damaged piece"), chosen.name),
        )?;
        open.run(quarantine(&open, &damaged, &args.quarantine))?;
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
    // Damage that is still there is damage.
    Ok(if code == exit::DONE && args.plan.dry_run { exit::NO } else { code })
}

struct Checking<'a> {
    report: Reporter,
    checked: Tally,
    damaged: Vec<Piece>,
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
                let found = item?;
                let lot = (found.head.id.fingerprint() ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let is_drawn = sample.is_none_or(|percent| (lot >> 32) % 100 < percent);
                if !is_drawn {
                    return Ok(None);
                }
                let piece = check(&*open.store, &found).await?;
                Ok::<_, anyhow::Error>(Some((found, piece)))
            })
            .buffered(jobs);
        while let Some(item) = checked.next().await {
            signals::check()?;
            match item {
                Ok(None) => {}
                Ok(Some((found, piece))) => {
                    let tally = Tally { entries: 1, bytes: found.head.body.bytes };
                    self.checked = self.checked.plus(tally);
                    progress.advance(tally);
                    self.twins.meet(&found);
                    if found.state(self.view.now, &self.view.settings) == State::Expired {
                        *self.waiting.entry(State::Expired.name()).or_default() += 1;
                    }
                    if let Some(piece) = piece {
                        self.tell(piece, Some(&found))?;
                    }
                }
                Err(failure) => match failure.downcast_ref::<Error>() {
                    Some(error) if is_damage(error) => {
                        self.checked.entries += 1;
                        match Piece::of(error) {
                            Some(piece) => self.tell(piece.clone(), None)?,
                            None => talk::warning(error.message(), &error.causes()),
                        }
                    }
                    _ => return Err(failure),
                },
            }
        }
        drop(checked);
        if selection.is_everything() && args.sample.is_none() {
            let mut leftovers = open.store.leftovers(selection.now - LEFT_FOR);
            while let Some(piece) = leftovers.next().await {
                let piece = piece?;
                match piece.problem {
                    Problem::Unfinished | Problem::Removed => {
                        *self.waiting.entry(piece.problem.name()).or_default() += 1;
                    }
                    _ => self.tell(piece, None)?,
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, piece: Piece, found: Option<&Found>) -> Result<()> {
        let url =
            found.map(|found| self.view.secrets.url(found.head.request.url.as_str()).into_owned());
        self.report.row(&piece, url)?;
        self.damaged.push(piece);
        Ok(())
    }
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
async fn quarantine(open: &OpenStore, damaged: &[Piece], folder: &Path) -> Result<()> {
    let fail = |path: &Path, e: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display()))
            .because(e)
            .try_this("another folder with --quarantine; nothing was removed")
    };
    make_private(folder).map_err(|e| fail(folder, e))?;
    for piece in damaged {
        let record = match &piece.entry {
            Some((id, _)) => Part::Record(id.clone()),
            None => Part::Piece(piece.name.clone()),
        };
        let path = free_name(folder, &piece.name, "");
        // A leftover has nothing to lose: what is not there any more need not be saved.
        match open.store.raw(record).await {
            Ok(bytes) => save(bytes, &path).await?,
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e.into()),
        }
        if let Some((id, stamp)) = &piece.entry {
            match open.store.body(id, *stamp, ByteRange::WHOLE).await {
                Ok(body) => save(body, &free_name(folder, &piece.name, ".body")).await?,
                // Gone, or damaged from its first byte on: the record is all there is.
                Err(e) if e.kind() == ErrorKind::Changed || is_damage(&e) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    talk::note(&format!("saved what is damaged in {}", folder.display()));
    Ok(())
}

/// A folder that only its owner can look into: stored bytes may hold credentials.
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Saves what can be read of some bytes: damage ends them, anything else is an error, and
/// then nothing is removed.
async fn save(mut bytes: BodyStream, path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |e: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display())).because(e)
    };
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(fail)?;
    loop {
        match bytes.chunk().await {
            Ok(Some(chunk)) => file.write_all(&chunk).map_err(fail)?,
            Ok(None) => break,
            Err(e) if is_damage(&e) || e.kind() == ErrorKind::Changed => break,
            Err(e) => return Err(e.into()),
        }
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
