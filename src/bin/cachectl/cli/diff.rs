//! `diff`: compare two stores.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};

use anyhow::Result;
use cachectl::transfer::{Tally, as_held, differences, is_behind};
use cachectl::{BodyDigest, Detail, EntryHead, Error, Found, Manage, Piece, Query, is_about_one};
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
    let selection = args.selection.resolve(&[], &config)?;
    let place = |name: &str| super::failure::Where(name.to_owned());
    let a = store::resolve(&args.a, place("A"), &config)?;
    let b = store::resolve(&args.b, place("B"), &config)?;
    let pair = store::open_existing_pair(&a, &b, common)?;
    signals::listen();
    pair.refuse_one_place(&a, &b, None)?;
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let mut reporter = Reporter::new(args, view, common)?;
    pair.run(compare(args, &pair, &selection, &mut reporter))?;
    reporter.end()?;
    let Counts { same, differs, only_a, only_b, unread } = reporter.counts;
    let mut text = format!(
        "{} the same, {differs} differ, {only_a} only in {}, {only_b} only in {}",
        count(same, "entry"),
        a.name,
        b.name
    );
    if unread > 0 {
        text.push_str(&format!(", {unread} could not be read"));
    }
    talk::note(&text);
    Ok(match (differs + only_a + only_b, unread) {
        (1.., _) => exit::NO,
        (0, 1..) => exit::PARTIAL,
        (0, 0) => exit::DONE,
    })
}

/// What came out of comparing one entry.
enum Compared {
    /// The entry in A, its identity in B, what B has there, and in what they differ.
    Both(Box<Found>, u64, Option<Box<Found>>, Vec<&'static str>),
    /// Something that cannot be read, in this store; with the entry in A if that is known.
    Unread(Option<Box<Found>>, Side, Error),
}

#[derive(Debug, Clone, Copy)]
enum Side {
    A,
    B,
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
    // B is looked through a second time, and damage in it was told of already.
    let mut unread_keys = HashSet::new();
    let mut compared = selection
        .plain_entries(a, Detail::Head)
        .map(|item| async move {
            let found = match item {
                Err(e) if is_about_one(&e) => return Ok(Compared::Unread(None, Side::A, e)),
                found => found?,
            };
            // As the other store would have it: what its layout has no place for is no
            // difference.
            let held = as_held(&*a.store, &*b.store, found.head.clone());
            let other = match b.store.find(&held.id).await {
                Err(e) if is_about_one(&e) => {
                    return Ok(Compared::Unread(Some(found.into()), Side::B, e));
                }
                other => other?,
            };
            let differs = match &other {
                Some(other) => match differs(args, pair, &held, &found, other).await {
                    Err((side, e)) if is_about_one(&e) => {
                        return Ok(Compared::Unread(Some(found.into()), side, e));
                    }
                    differs => differs.map_err(|(_, e)| e)?,
                },
                None => Vec::new(),
            };
            let (held, other) = (held.id.fingerprint(), other.map(Box::new));
            Ok::<_, Error>(Compared::Both(Box::new(found), held, other, differs))
        })
        .buffered(jobs);
    while let Some(item) = compared.next().await {
        signals::check()?;
        match item? {
            // Nobody is given what stands behind another.
            Compared::Both(found, ..) if is_behind(&*a.store, &found.head.id) => {}
            Compared::Both(found, held, other, differs) => {
                if let Some(ids) = &mut compared_ids {
                    ids.insert(held);
                }
                progress.advance(Tally { entries: 1, bytes: found.head.body.bytes });
                reporter.row(Some(&found), other.as_deref(), &differs)?;
            }
            Compared::Unread(found, side, error) => {
                if let Some(key) = Piece::of(&error).and_then(|piece| piece.key.clone()) {
                    unread_keys.insert(key);
                }
                reporter.unread(found.as_deref(), side, &error)?;
            }
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
            let found = match item {
                Err(e) if is_about_one(&e) => return Ok(Extra::Unread(e)),
                found => found?,
            };
            let id = &found.head.id;
            let is_known = |ids: &HashSet<u64>| ids.contains(&id.fingerprint());
            if !found.is_meant_by(&selection.filter, selection.moment())
                || is_behind(&*b.store, id)
                || compared_ids.as_ref().is_some_and(is_known)
            {
                return Ok(Extra::None);
            }
            let held = as_held(&*b.store, &*a.store, found.head.clone());
            let is_there = match a.store.find(&held.id).await {
                // It was told of already.
                Err(e) if is_about_one(&e) => true,
                other => other?.is_some(),
            };
            Ok::<_, Error>(if is_there { Extra::None } else { Extra::Entry(Box::new(found)) })
        })
        .buffered(jobs);
    while let Some(item) = surplus.next().await {
        signals::check()?;
        match item? {
            Extra::None => {}
            Extra::Entry(found) => {
                let id = found.head.id.fingerprint();
                if repeats.as_mut().is_none_or(|seen| seen.insert(id)) {
                    reporter.row(None, Some(&found), &[])?;
                }
            }
            Extra::Unread(error) => {
                let key = Piece::of(&error).and_then(|piece| piece.key.as_ref());
                if !key.is_some_and(|key| unread_keys.contains(key)) {
                    reporter.unread(None, Side::B, &error)?;
                }
            }
        }
    }
    Ok(())
}

/// What a look at one entry of B brings.
enum Extra {
    None,
    Entry(Box<Found>),
    Unread(Error),
}

/// In what two entries differ.
async fn differs(
    args: &DiffArgs,
    pair: &store::Pair,
    held: &EntryHead,
    a: &Found,
    b: &Found,
) -> Result<Vec<&'static str>, (Side, Error)> {
    let mut fields = differences(held, &b.head);
    if args.content && !fields.contains(&"body") && !fields.contains(&"body_bytes") {
        let a = digest(&pair.source, a).await.map_err(|e| (Side::A, e))?;
        let b = digest(&pair.destination, b).await.map_err(|e| (Side::B, e))?;
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
    unread: u64,
}

#[derive(Serialize)]
struct DiffObject<'a> {
    sign: char,
    key: &'a str,
    a: Option<EntryObject>,
    b: Option<EntryObject>,
    differs: &'a [&'static str],
    /// Why an entry could not be read, and in which store.
    unread: Option<UnreadObject>,
}

#[derive(Serialize)]
struct UnreadObject {
    store: &'static str,
    problem: Option<&'static str>,
    error: String,
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
        let object = |found: Option<&Found>| found.map(|f| EntryObject::of(f, &self.view));
        let (a, b) = match self.is_json() {
            true => (object(a), object(b)),
            false => (None, None),
        };
        self.write(DiffObject { sign, key, a, b, differs, unread: None }, tint, &url)
    }

    /// A row for something that cannot be read; with the entry that it is about if that is known.
    fn unread(&mut self, found: Option<&Found>, side: Side, error: &Error) -> Result<()> {
        self.counts.unread += 1;
        talk::warning(error.message(), &error.causes());
        let piece = Piece::of(error);
        let store = match side {
            Side::A => "a",
            Side::B => "b",
        };
        let key = match found {
            Some(found) => Some(&*found.head.id.key),
            None => piece.and_then(|piece| piece.key.as_deref().or(Some(&piece.name))),
        };
        let url = found.map(|found| self.view.secrets.url(found.head.request.url.as_str()));
        let url = url.map_or("-".to_owned(), |url| url.into_owned());
        let differs = match side {
            Side::A => &["unreadable in A"],
            Side::B => &["unreadable in B"],
        };
        let problem = piece.map(|piece| piece.problem.name());
        let unread = Some(UnreadObject { store, problem, error: error.message().to_owned() });
        let key = key.unwrap_or("-");
        let object = DiffObject { sign: '!', key, a: None, b: None, differs, unread };
        self.write(object, Tint::Bad, &url)
    }

    fn is_json(&self) -> bool {
        matches!(self.format, Format::Json | Format::Ndjson)
    }

    fn write(&mut self, object: DiffObject<'_>, tint: Tint, url: &str) -> Result<()> {
        let out = &mut self.out;
        let DiffObject { sign, key, differs, .. } = object;
        match self.format {
            Format::Json | Format::Ndjson => {
                if self.format == Format::Json {
                    out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
                }
                serde_json::to_writer(&mut *out, &object)?;
                if self.format == Format::Ndjson {
                    out.write_all(b"\n")?;
                }
            }
            Format::Plain | Format::Csv => {
                writeln!(out, "{sign}\t{}\t{}", plain_field(key), plain_field(url))?;
            }
            Format::Table | Format::Wide => {
                let key: String = key.chars().take(12).collect();
                let row = vec![
                    (sign.to_string(), tint),
                    (escaped(&key).into_owned(), Tint::Plain),
                    (differs.join(" "), Tint::Plain),
                    (escaped(url).into_owned(), Tint::Plain),
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
