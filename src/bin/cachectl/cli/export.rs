//! `export`: entries into a file of another kind.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Result;
use cachectl::interchange::{self, FORMATS, Format, Target, WriteOptions, Written};
use cachectl::transfer::{Action, Event, export};
use cachectl::{Access, Detail, Error, ErrorKind, Found, Secrets, Settings, Timestamp};
use clap::Args;

use super::plan::{WorkArgs, end};
use super::selection::SelectionArgs;
use super::{CommonArgs, StoreArgs, exit, store};
use crate::config::Config;
use crate::output::columns::{COLUMNS, View};
use crate::output::entry::EntryObject;
use crate::output::progress::Progress;
use crate::output::sink::{self, PartFile};
use crate::output::talk;
use crate::output::text::{count, size};
use crate::signals::{self, Stopped};

/// Write entries into an archive, a HAR, a table or a folder of files.
///
/// An archive holds everything and can be imported into any store. HAR is for browsers and
/// debuggers, csv for spreadsheets, dir for people who want the files.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// Write to FILE (for dir: a new folder), in one piece or not at all; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// archive, har, csv or dir [default: by the name of the file, else archive]
    #[arg(long = "as", value_name = "FORMAT")]
    form: Option<String>,

    /// Hide credentials, as har and csv do anyway
    #[arg(long, conflicts_with = "show_secrets")]
    redact: bool,

    /// Leave bodies out
    #[arg(long)]
    no_bodies: bool,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// Exports; gives the exit code.
pub fn run(args: &ExportArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let to_file = args.output.as_deref().filter(|path| path.as_os_str() != "-");
    let format = match &args.form {
        Some(name) => Format::named(name)?,
        None => to_file.map_or(Ok(&FORMATS[0]), by_name)?,
    };
    let selection = args.selection.resolve(&args.targets, &config)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    signals::listen();
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let keeps_secrets = matches!(format.name, "archive" | "dir");
    let redact = args.redact || !(keeps_secrets || common.show_secrets);
    let mut options = WriteOptions::new(chosen.address.to_string(), Timestamp::now());
    options.redact = redact;
    // What is written is not shown: --show-secrets does not reach the hiding.
    options.secrets = config.all_secrets();
    options.bodies = !args.no_bodies;
    options.table = Some(table(&view));
    let (target, part) = target(format, to_file)?;
    let writer = interchange::writer(format, target, options)?;
    let mut progress = Progress::start(args.work.progress, "exported", None);
    let outcome = open.run(async {
        let mut on = |event: Event<'_>| {
            if let Event::Done(tally) = event {
                progress.advance(tally);
            }
            signals::check().map_err(|_| Error::new(ErrorKind::Partial, "stopped"))
        };
        let entries = selection.plain_entries(&open, Detail::Body);
        Ok(export(&*open.store, entries, writer, args.work.jobs as usize, &mut on).await?)
    });
    drop(progress);
    if let Err(stopped) = signals::check() {
        talk::note("nothing was exported");
        return Ok(Stopped::exit_code(stopped));
    }
    let (written, report) = outcome?;
    if let Some(part) = part {
        part.persist()?;
    }
    tell(&written, redact);
    let missing = report.tallies.of(Action::Missing).entries;
    if missing > 0 {
        talk::warning(
            &format!("{} were named and are not in the cache", count(missing, "entry")),
            "",
        );
    }
    let code = end(report, "exported")?;
    Ok(if code == exit::DONE && missing > 0 { exit::NOT_CACHED } else { code })
}

/// The format that a file's name says; an ending of something else is not taken for an archive.
fn by_name(path: &Path) -> Result<&'static Format> {
    if let Some(format) = Format::of_path(path) {
        return Ok(format);
    }
    match path.extension() {
        None => Ok(&FORMATS[0]),
        Some(_) => {
            let endings: Vec<&str> = FORMATS.iter().flat_map(|f| f.endings).copied().collect();
            Err(Error::usage(format!("{} ends like no format of an export", path.display()))
                .coded("bad_format")
                .because(format!("known are {}", endings.join(", ")))
                .try_this("--as archive, har, csv or dir, whatever the name is")
                .into())
        }
    }
}

/// Where the export goes, and what gives it its name in the end.
fn target(format: &Format, path: Option<&Path>) -> Result<(Target, Option<PartFile>)> {
    let Some(path) = path else {
        if format.is_folder {
            return Err(Error::usage(format!("{} needs a folder", format.name))
                .try_this("-o FOLDER")
                .into());
        }
        if format.name == "archive" && io::stdout().is_terminal() {
            return Err(Error::usage("an archive is nothing for a terminal")
                .try_this("-o FILE.ndjson, or | jq")
                .into());
        }
        return Ok((Target::Stream { to: Box::new(sink::stdout()?), gzip: false }, None));
    };
    if format.is_folder {
        return Ok((Target::Folder(path.to_owned()), None));
    }
    let (file, part): (File, _) = PartFile::private(path)?;
    let gzip = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    Ok((Target::Stream { to: Box::new(file), gzip }, part))
}

/// The columns of csv are the members of the entry object.
fn table(view: &View) -> interchange::Table {
    let is_member = |name: &str| !matches!(name, "age" | "variant");
    let members = COLUMNS.iter().filter(|c| is_member(c.name)).map(|column| column.json);
    let columns = members.chain(["redacted"]).map(ToOwned::to_owned);
    let (now, settings): (Timestamp, Settings) = (view.now, view.settings.clone());
    let describe = move |head: &cachectl::EntryHead, stored_bytes: u64| {
        // The writer hides what is to be hidden.
        let view = View { now, settings: settings.clone(), secrets: Secrets::shown() };
        let stamp = cachectl::Stamp::from_bytes([0; 16]);
        let found = Found::whole(head.clone(), stamp, None, stored_bytes);
        match serde_json::to_value(EntryObject::of(&found, &view)) {
            Ok(serde_json::Value::Object(members)) => members,
            _ => serde_json::Map::new(),
        }
    };
    interchange::Table { columns: columns.collect(), describe: Box::new(describe) }
}

/// What was written, and what could not be.
fn tell(written: &Written, redacted: bool) {
    let mut text = format!("exported {}", count(written.entries, "entry"));
    if written.body_bytes > 0 {
        text.push_str(&format!(", {}", size(written.body_bytes)));
    }
    let listed = |map: &std::collections::BTreeMap<&'static str, u64>| {
        map.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
    };
    if !written.left_out.is_empty() {
        text.push_str(&format!("; left out: {}", listed(&written.left_out)));
    }
    if !written.lost.is_empty() {
        text.push_str(&format!("; could not carry: {}", listed(&written.lost)));
    }
    if written.with_credentials > 0 {
        let carriers = count(written.with_credentials, "entry");
        let verb = if written.with_credentials == 1 { "carries" } else { "carry" };
        let hidden = if redacted { ", which are hidden" } else { "; --redact hides them" };
        text.push_str(&format!("; {carriers} {verb} credentials{hidden}"));
    }
    talk::note(&text);
}
