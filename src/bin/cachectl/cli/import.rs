//! `import`: entries from a file of another kind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;
use cachectl::interchange::{self, FORMATS, Format, Origin};
use cachectl::transfer::{
    Conflict, Event, ImportOptions, LeftOut, NewTtl, ReceiveOptions, Report, import,
};
use cachectl::{Access, EntryHead, Error, ErrorKind};
use clap::{Args, ValueEnum};

use super::plan::{Summary, actions_table, end, losses};
use super::purge::refuse_read_only;
use super::selection::SelectionArgs;
use super::{CommonArgs, OutputArgs, StoreArgs, WriteArgs, exit, failure, store};
use crate::config::Config;
use crate::output::progress::{self, Progress};
use crate::output::talk;
use crate::output::text::{count, size};
use crate::signals;

/// Take entries from an archive, a HAR or an exported folder into a store.
///
/// What an archive or a folder holds comes in as it was, with its times and TTLs. What a
/// HAR has recorded comes in as far as it may be stored at all; the rest is counted.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file or folder; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// archive, har or dir [default: by the name of the file, else archive]
    #[arg(long = "as", value_name = "FORMAT")]
    form: Option<String>,

    /// Show what would be done and change nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Do not ask, which import never does
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    transfer: TransferArgs,

    #[command(flatten)]
    selection: SelectionArgs,

    /// How progress is shown
    #[arg(long, value_name = "MODE", value_enum)]
    progress: Option<progress::Mode>,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// How entries are taken into a store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transfer")]
pub struct TransferArgs {
    /// What to do with entries that are there already and differ
    #[arg(long, value_name = "MODE", value_enum, default_value = "newer")]
    pub on_conflict: OnConflict,

    /// Do not read back what was written
    #[arg(long)]
    pub no_verify: bool,

    /// Stop after so many failures
    #[arg(long, value_name = "N")]
    pub max_errors: Option<u64>,

    /// Take expired entries too
    #[arg(long)]
    pub include_expired: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// The one that was stored later wins
    Newer,
    /// What is there stays
    Skip,
    /// What comes wins
    Overwrite,
    /// That is a failure
    Fail,
}

impl From<OnConflict> for Conflict {
    fn from(mode: OnConflict) -> Self {
        match mode {
            OnConflict::Newer => Conflict::Newer,
            OnConflict::Skip => Conflict::Skip,
            OnConflict::Overwrite => Conflict::Overwrite,
            OnConflict::Fail => Conflict::Fail,
        }
    }
}

/// Imports; gives the exit code.
pub fn run(args: &ImportArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let format = match &args.form {
        Some(name) => Format::named(name)?,
        None => Format::of_path(&args.file).unwrap_or(&FORMATS[0]),
    };
    let mut reader = interchange::reader(format, origin(format, &args.file)?)
        .map_err(|e| unreadable(e, format, &args.file))?;
    let selection = args.selection.resolve(&[], &config)?;
    let other = [("--keys-from", !selection.scans), ("--sort", !selection.sort.is_any())];
    if let Some((option, _)) = other.into_iter().find(|(_, is_said)| *is_said) {
        return Err(Error::usage(format!("import takes a file in its order, without {option}"))
            .try_this("--key, --url, --where and the like")
            .into());
    }
    let chosen = store::choose(&args.store, Some(&args.write), &config)?;
    let open = match args.dry_run {
        false => store::open(&chosen, Access::Create, common)?,
        true => store::open_as_if_made(&chosen, common)?,
    };
    refuse_read_only(&open, args.dry_run)?;
    signals::listen();
    let mut receive = ReceiveOptions::new(selection.now);
    receive.on_conflict = args.transfer.on_conflict.into();
    receive.verify = !args.transfer.no_verify;
    receive.include_expired = args.transfer.include_expired;
    receive.serializer = args.write.serializer.clone();
    let taken = std::sync::atomic::AtomicU64::new(0);
    let wanted = |head: &EntryHead| {
        let order = std::sync::atomic::Ordering::Relaxed;
        let is_meant = selection.filter.matches(head, head.body.bytes, selection.moment());
        let is_within = || selection.most().is_none_or(|most| taken.fetch_add(1, order) < most);
        is_meant && is_within()
    };
    let settings = selection.settings.clone();
    let partition = config.partition();
    let mut progress = Progress::start(args.progress, "imported", None);
    let (report, left_out) = open.run(async {
        let options = ImportOptions {
            receive,
            recorded: format.is_recording.then_some(&settings),
            partition: &partition,
            ttl: NewTtl::of(args.write.ttl.map(|ttl| ttl.0)),
            dry_run: args.dry_run,
            max_errors: args.transfer.max_errors,
            wanted: &wanted,
            stop: &|| signals::check().is_err(),
            on: &mut |event| {
                if let Event::Done(tally) = event {
                    progress.advance(tally);
                }
            },
        };
        Ok(import(&*open.store, &mut *reader, options).await)
    })?;
    drop(progress);
    let name = args.file.display().to_string();
    let summary = Summary {
        source: Some(name.clone()),
        destination: Some(chosen.address.to_string()),
        dry_run: args.dry_run,
        ..Summary::done("import", &report)
    };
    let text = match args.dry_run {
        true => {
            let table = actions_table(&report.tallies, common);
            format!("{table}nothing was imported (--dry-run)")
        }
        false => sentence(&report),
    };
    summary.print(&args.output, &text)?;
    tell_left_out(&left_out);
    finish(report, &name)
}

/// An input that is something else.
fn unreadable(error: Error, format: &Format, path: &Path) -> Error {
    if error.kind() != ErrorKind::Codec {
        return error;
    }
    let told = format!("cannot read {} as {}", path.display(), format.name);
    let hint = "another format with --as: archive, har, dir";
    Error::new(ErrorKind::LocalFile, told).coded(error.code()).because(error).try_this(hint)
}

fn origin(format: &Format, path: &Path) -> Result<Origin> {
    if path.as_os_str() == "-" {
        return Ok(Origin::Stream(Box::new(io::stdin())));
    }
    if format.is_folder {
        return Ok(Origin::Folder(path.to_owned()));
    }
    let file = File::open(path).map_err(|e| {
        Error::new(ErrorKind::LocalFile, format!("cannot read {}", path.display())).because(e)
    })?;
    Ok(Origin::Stream(Box::new(file)))
}

fn sentence(report: &Report) -> String {
    let of = |action| report.tallies.of(action);
    use cachectl::transfer::Action;
    let taken = of(Action::Copy).plus(of(Action::Overwrite));
    let mut text = format!("imported {}, {}", count(taken.entries, "entry"), size(taken.bytes));
    let others = [
        (Action::Overwrite, "of them newer than before"),
        (Action::Unchanged, "unchanged"),
        (Action::Keep, "kept as they are"),
        (Action::Skip, "left out"),
    ];
    for (action, what) in others {
        let tally = of(action);
        if tally.entries > 0 {
            text.push_str(&format!(", {} {what}", tally.entries));
        }
    }
    text + &losses(&report.losses)
}

fn tell_left_out(left_out: &LeftOut) {
    if left_out.is_empty() {
        return;
    }
    let listed: Vec<String> =
        left_out.iter().map(|(reason, entries)| format!("{entries} {reason}")).collect();
    talk::note(&format!("left out, as they may not be stored: {}", listed.join(", ")));
}

/// An input that ended too early is not the store's trouble: what was whole is kept.
fn finish(mut report: Report, name: &str) -> Result<u8> {
    let is_input = |error: &Error| error.kind() == ErrorKind::Codec;
    match report.ended_by.take() {
        Some(error) if is_input(&error) => {
            let told = Error::new(
                ErrorKind::Partial,
                format!("{name} was not imported to its end; what came before it is kept"),
            )
            .coded(error.code())
            .because(error);
            talk::error(&failure::complaint(&told, None));
            end(report, "imported")?;
            Ok(exit::PARTIAL)
        }
        ended => {
            report.ended_by = ended;
            end(report, "imported")
        }
    }
}
