//! `diff`: compare two stores.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use cachectl::transfer::{Tally, as_held, differences, is_behind};
use cachectl::{BodyDigest, Detail, EntryHead, Error, Found, Manage, Query, is_damage};
use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::options::Format;
use super::plan::WorkArgs;
use super::selection::{Selection, SelectionArgs};
use super::{CommonArgs, OutputArgs, exit, store};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::entry::EntryObject;
use crate::output::listing::Out;
use crate::output::progress::Progress;
use crate::output::table::{Column, Rows, Tint};
use crate::output::text::{count, escaped, plain_field};
use crate::output::{sink, talk};
use crate::signals;

/// Compare two stores.
///
/// Entries are the same when times, status, header fields, TTLs, tags and lengths are; how
/// often they were used does not count. Exit code 1 when something differs.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// One store
    #[arg(value_name = "A")]
    a: String,

    /// The other one
    #[arg(value_name = "B")]
    b: String,

    /// Compare the bodies too, byte for byte
    #[arg(long)]
    content: bool,

    /// Show entries that are the same too
    #[arg(long)]
    show_same: bool,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Compares; gives the exit code.
pub fn run(args: &DiffArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let place = |name: &str, text: &str| super::failure::Where(format!("{name} {text}"));
    let a = store::resolve(&args.a, place("A", &args.a), &config)?;
    let b = store::resolve(&args.b, place("B", &args.b), &config)?;
    let selection = args.selection.resolve(&[], &config)?;
    let pair = store::open_existing_pair(&a, &b, common)?;
    signals::listen();
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let mut reporter = Reporter::new(args, view, common)?;
    pair.run(compare(args, &pair, &selection, &mut reporter))?;
    reporter.end()?;
    let Counts { same, differs, only_a, only_b } = reporter.counts;
    talk::note(&format!(
        "{} the same, {differs} differ, {only_a} only in {}, {only_b} only in {}",
        count(same, "entry"),
        a.name,
        b.name
    ));
    Ok(if differs + only_a + only_b > 0 { exit::NO } else { exit::DONE })
}

async fn compare(
    args: &DiffArgs,
    pair: &store::Pair,
    selection: &Selection,
    reporter: &mut Reporter,
) -> Result<()> {
    let (a, b) = (&pair.source, &pair.destination);
    let jobs = args.work.jobs as usize;
    let mut progress = Progress::start(args.work.progress, "compared", None);
    // The way back does not lead everywhere: what a layout has no place for, keys may hang on.
    let mut compared_ids = (!store::are_alike(a, b)).then(HashSet::new);
    let mut compared = selection
        .plain_entries(a, Detail::Head)
        .map(|item| async move {
            let found = item?;
            // As the other store would have it: what its layout has no place for is no
            // difference.
            let held = as_held(&*a.store, &*b.store, found.head.clone());
            let other = b.store.find(&held.id).await?;
            let differs = match &other {
                Some(other) => differs(args, pair, &held, &found, other).await?,
                None => Vec::new(),
            };
            Ok::<_, Error>((found, held.id.fingerprint(), other, differs))
        })
        .buffered(jobs);
    while let Some(item) = compared.next().await {
        signals::check()?;
        match item {
            // Nobody is given what stands behind another.
            Ok((found, ..)) if is_behind(&*a.store, &found.head.id) => {}
            Ok((found, held, other, differs)) => {
                if let Some(ids) = &mut compared_ids {
                    ids.insert(held);
                }
                progress.advance(Tally { entries: 1, bytes: found.head.body.bytes });
                reporter.row(Some(&found), other.as_ref(), &differs)?;
            }
            Err(e) if is_damage(&e) => talk::warning(e.message(), &e.causes()),
            Err(e) => return Err(e.into()),
        }
    }
    drop(compared);
    let compared_ids = &compared_ids;
    let mut repeats = b.store.capabilities().scan_repeats.then(HashSet::new);
    let query = Query::of(&selection.filter, selection.moment()).and_detail(Detail::Columns);
    let mut surplus = b
        .store
        .scan(query)
        .map(|item| async move {
            let found = item?;
            let id = &found.head.id;
            let is_known = |ids: &HashSet<u64>| ids.contains(&id.fingerprint());
            if !found.is_meant_by(&selection.filter, selection.moment())
                || is_behind(&*b.store, id)
                || compared_ids.as_ref().is_some_and(is_known)
            {
                return Ok(None);
            }
            let held = as_held(&*b.store, &*a.store, found.head.clone());
            let is_there = match a.store.find(&held.id).await {
                Err(e) if is_damage(&e) => true,
                other => other?.is_some(),
            };
            Ok::<_, Error>(Some(found).filter(|_| !is_there))
        })
        .buffered(jobs);
    while let Some(item) = surplus.next().await {
        signals::check()?;
        match item {
            Ok(None) => {}
            Ok(Some(found)) => {
                let id = found.head.id.fingerprint();
                if repeats.as_mut().is_none_or(|seen| seen.insert(id)) {
                    reporter.row(None, Some(&found), &[])?;
                }
            }
            Err(e) if is_damage(&e) => talk::warning(e.message(), &e.causes()),
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// In what two entries differ.
async fn differs(
    args: &DiffArgs,
    pair: &store::Pair,
    held: &EntryHead,
    a: &Found,
    b: &Found,
) -> cachectl::Result<Vec<&'static str>> {
    let mut fields = differences(held, &b.head);
    if args.content && !fields.contains(&"body") && !fields.contains(&"body_bytes") {
        let (a, b) = (digest(&pair.source, a).await?, digest(&pair.destination, b).await?);
        if a != b {
            fields.push("body");
        }
    }
    Ok(fields)
}

/// The digest of a body as it lies there now.
async fn digest(open: &store::OpenStore, found: &Found) -> cachectl::Result<cachectl::BodyFacts> {
    let mut digest = BodyDigest::new();
    let mut body = open.store.open_body(found, cachectl::ByteRange::WHOLE).await?;
    while let Some(chunk) = body.chunk().await? {
        digest.update(&chunk);
    }
    Ok(digest.finish())
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    same: u64,
    differs: u64,
    only_a: u64,
    only_b: u64,
}

#[derive(Serialize)]
struct DiffObject<'a> {
    sign: char,
    a: Option<EntryObject>,
    b: Option<EntryObject>,
    differs: &'a [&'static str],
}

struct Reporter {
    out: Out,
    format: Format,
    rows: Rows,
    view: View,
    show_same: bool,
    begun: bool,
    counts: Counts,
}

impl Reporter {
    fn new(args: &DiffArgs, view: View, common: &CommonArgs) -> Result<Self> {
        let usual = if args.output.is_table() { Format::Table } else { Format::Plain };
        let format = args.output.wanted().unwrap_or(usual);
        let columns = vec![
            Column::left(" "),
            Column::left("KEY"),
            Column::left("DIFFERS"),
            Column { name: "URL", right: false, cut: true },
        ];
        let color = talk::wants_color(common, &io::stdout());
        let rows = Rows::new(columns, format == Format::Table, color);
        let out = BufWriter::new(sink::stdout()?);
        let counts = Counts::default();
        Ok(Reporter { out, format, rows, view, show_same: args.show_same, begun: false, counts })
    }

    fn row(
        &mut self,
        a: Option<&Found>,
        b: Option<&Found>,
        differs: &[&'static str],
    ) -> Result<()> {
        let (sign, tint) = match (a, b) {
            (Some(_), None) => {
                self.counts.only_a += 1;
                ('-', Tint::Bad)
            }
            (None, _) => {
                self.counts.only_b += 1;
                ('+', Tint::Good)
            }
            _ if differs.is_empty() => {
                self.counts.same += 1;
                ('=', Tint::Plain)
            }
            _ => {
                self.counts.differs += 1;
                ('*', Tint::Middling)
            }
        };
        let Some(found) = a.or(b).filter(|_| sign != '=' || self.show_same) else { return Ok(()) };
        let url = self.view.secrets.url(found.head.request.url.as_str()).into_owned();
        let key = &found.head.id.key;
        let out = &mut self.out;
        match self.format {
            Format::Json | Format::Ndjson => {
                let object = |found: Option<&Found>| found.map(|f| EntryObject::of(f, &self.view));
                let object = DiffObject { sign, a: object(a), b: object(b), differs };
                if self.format == Format::Json {
                    out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
                }
                serde_json::to_writer(&mut *out, &object)?;
                if self.format == Format::Ndjson {
                    out.write_all(b"\n")?;
                }
            }
            Format::Plain | Format::Csv => {
                writeln!(out, "{sign}\t{}\t{}", plain_field(key), plain_field(&url))?;
            }
            Format::Table | Format::Wide => {
                let key: String = key.chars().take(12).collect();
                let row = vec![
                    (sign.to_string(), tint),
                    (escaped(&key).into_owned(), Tint::Plain),
                    (differs.join(" "), Tint::Plain),
                    (escaped(&url).into_owned(), Tint::Plain),
                ];
                out.write_all(self.rows.layout(vec![row]).as_bytes())?;
            }
        }
        self.begun = true;
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
