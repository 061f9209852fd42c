//! `list`: what is in a store.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cachectl::{Access, Cursor, Detail, EntryId, Error, Found, Piece, Position, State, Variant};
use clap::Args;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::options::{Format, ListingArgs};
use super::selection::{Selected, Selection, SelectionArgs};
use super::{CommonArgs, StoreArgs, exit, failure, store};
use crate::config::Config;
use crate::output::columns::{self, COLUMNS, Shown, View};
use crate::output::listing::{Csv, Json, Keys, Ndjson, Out, Plain, Table, Writer};
use crate::output::text::{count, size};
use crate::output::{sink, talk};

/// List entries.
///
/// On a terminal the first 100 as a table; elsewhere all of them, one a line: key, state,
/// status, body bytes, creation time, method, URL, separated by TAB.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// Print keys only
    #[arg(long, conflicts_with_all = ["format", "json", "columns"])]
    keys: bool,

    /// End keys with NUL instead of a line end
    #[arg(short = '0', long = "null", requires = "keys")]
    null: bool,

    /// Go on behind the entry where another listing has ended
    #[arg(long, value_name = "CURSOR", conflicts_with = "sort")]
    after: Option<String>,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: ListingArgs,
}

/// What `plain` shows; scripts rely on these seven.
const PLAIN: &[&str] = &["key", "state", "status", "size", "created", "method", "url"];
const TABLE: &[&str] = &["key", "state", "status", "size", "age", "url"];
const WIDE: &[&str] = &[
    "key",
    "state",
    "status",
    "size",
    "age",
    "stored",
    "created",
    "expires",
    "fresh_until",
    "type",
    "serializer",
    "uses",
    "used",
    "tags",
    "url",
];

/// How many a table on a terminal shows when nothing is said.
const SHORT: u64 = 100;

/// Lists; gives the exit code.
pub fn run(args: &ListArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let is_terminal = io::stdout().is_terminal();
    let format =
        args.output.wanted().unwrap_or(if is_terminal { Format::Table } else { Format::Plain });
    let is_short = is_terminal && format == Format::Table && !args.keys;
    let mut selection = args.selection.resolve(&args.targets, &config)?;
    selection.after = args.after.as_deref().map(cursor).transpose()?;
    if is_short && selection.limit.is_none() {
        selection.limit = Some(SHORT);
    }
    if common.verbose > 0 {
        talk::note(&format!("filter: {}", selection.filter));
    }
    let (writer, detail) = writer(args, format, &selection, common)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    let mut listing = Listing {
        out: BufWriter::with_capacity(256 * 1024, sink::stdout()?),
        writer,
        view: View {
            now: selection.now,
            settings: selection.settings.clone(),
            secrets: config.secrets(common),
        },
        totals: Totals::default(),
        counts_states: is_short,
    };
    let (unread, missing) = open.run(listing.run(&open, &selection, detail))?;
    listing.writer.end(&mut listing.out)?;
    listing.out.flush()?;
    listing.totals.footer(is_short, is_terminal);
    let asked_for = selection.filter.asks_for_damaged();
    Ok(match (unread, missing) {
        (1.., _) if !asked_for => exit::PARTIAL,
        (_, 1..) => exit::NOT_CACHED,
        _ => exit::DONE,
    })
}

/// What writes this format, and how much of each entry it needs.
fn writer(
    args: &ListArgs,
    format: Format,
    selection: &Selection,
    common: &CommonArgs,
) -> Result<(Box<dyn Writer>, Detail)> {
    let chosen = |usual: &[&str]| -> Result<Vec<&'static Shown>> {
        let names: Vec<&str> = args.output.columns.iter().map(String::as_str).collect();
        columns::named(if names.is_empty() { usual } else { &names })
    };
    let needs = |columns: &[&'static Shown]| {
        let each = columns.iter().map(|column| column.needs(&selection.settings));
        each.max().unwrap_or(Detail::Key)
    };
    if args.keys {
        let end = if args.null { b'\0' } else { b'\n' };
        let raw = args.null && !io::stdout().is_terminal();
        return Ok((Box::new(Keys { end, raw, last: None }), Detail::Key));
    }
    if matches!(format, Format::Json | Format::Ndjson) {
        if !args.output.columns.is_empty() {
            return Err(Error::usage("--columns is for table, wide, plain and csv")
                .try_this("--format plain, or jq")
                .into());
        }
        let writer: Box<dyn Writer> =
            if format == Format::Json { Box::new(Json::default()) } else { Box::new(Ndjson) };
        return Ok((writer, Detail::Head));
    }
    let columns = match format {
        Format::Csv => {
            let is_entry_member = |column: &&Shown| !matches!(column.name, "age" | "variant");
            let all: Vec<&str> =
                COLUMNS.iter().filter(is_entry_member).map(|column| column.name).collect();
            chosen(&all)?
        }
        Format::Wide => chosen(WIDE)?,
        Format::Plain => chosen(PLAIN)?,
        _ => chosen(TABLE)?,
    };
    let detail = needs(&columns);
    let header = match format {
        Format::Plain => args.output.header,
        _ => !args.output.no_header,
    };
    let writer: Box<dyn Writer> = match format {
        Format::Plain => Box::new(Plain { columns, header, line: Vec::new() }),
        Format::Csv => Box::new(Csv { columns, header }),
        _ => {
            let color = talk::wants_color(common, &io::stdout());
            Box::new(Table::new(columns, format == Format::Wide, header, color))
        }
    };
    Ok((writer, detail))
}

struct Listing {
    out: Out,
    writer: Box<dyn Writer>,
    view: View,
    totals: Totals,
    counts_states: bool,
}

impl Listing {
    /// Gives how many entries could not be read, and how many that were named are not there.
    async fn run(
        &mut self,
        open: &store::OpenStore,
        selection: &Selection,
        detail: Detail,
    ) -> Result<(u64, u64)> {
        // One more than is shown tells whether there are more.
        let most = selection.most();
        let ask = most.and_then(|most| usize::try_from(most.saturating_add(1)).ok());
        let mut entries = selection.some(open, detail, ask);
        let (mut unread, mut missing) = (0, 0);
        while let Some(item) = entries.next().await {
            crate::signals::check()?;
            // What cannot be read is listed too, and counts.
            let is_full = most.is_some_and(|most| self.totals.entries + unread >= most);
            match item? {
                Selected::Entry(_) | Selected::Unread(_) if is_full => {
                    self.totals.more = true;
                    break;
                }
                Selected::Entry(found) => {
                    self.totals.count(&found, &self.view, self.counts_states);
                    self.writer.entry(&mut self.out, &self.view, &found)?;
                    if selection.sort.is_any() {
                        self.totals.last = Some(found.cursor());
                    }
                }
                Selected::Unread(error) => {
                    unread += 1;
                    self.totals.unread = unread;
                    if let Some(piece) = Piece::of(&error) {
                        self.writer.damaged(&mut self.out, &self.view, piece)?;
                    }
                    if !selection.filter.asks_for_damaged() {
                        talk::warning(error.message(), &error.causes());
                    }
                }
                Selected::Missing(error) => {
                    missing += 1;
                    failure::tell(&error);
                }
            }
        }
        Ok((unread, missing))
    }
}

/// Counts for the footer.
#[derive(Default)]
struct Totals {
    entries: u64,
    unread: u64,
    bytes: u64,
    states: [u64; 4],
    more: bool,
    last: Option<Cursor>,
}

impl Totals {
    fn count(&mut self, found: &Found, view: &View, counts_states: bool) {
        self.entries += 1;
        self.bytes += found.head.body.bytes;
        if !counts_states {
            return;
        }
        let state = found.state(view.now, &view.settings);
        if let Some(place) = State::ALL.iter().position(|s| *s == state) {
            self.states[place] += 1;
        }
    }

    /// What else there is to say: on a terminal, and wherever a limit has cut something.
    fn footer(&self, is_short: bool, is_terminal: bool) {
        if self.more {
            let shown = format!("{} shown, more match", self.entries + self.unread);
            return talk::note(&match &self.last {
                Some(last) => format!("{shown}; go on with --after {}", text_of(last)),
                None => shown,
            });
        }
        if !(is_short && is_terminal) {
            return;
        }
        let states: Vec<String> = State::ALL
            .iter()
            .zip(self.states)
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let states =
            if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
        talk::note(&format!("{}, {}{states}", count(self.entries, "entry"), size(self.bytes)));
    }
}

/// A cursor as text, which nobody need understand.
#[derive(Serialize, Deserialize)]
struct CursorText {
    k: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    v: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<(u64, u64)>,
}

fn text_of(cursor: &Cursor) -> String {
    let text = CursorText {
        k: cursor.id.key.clone(),
        v: cursor.id.variant.as_str().to_owned(),
        p: cursor.position.map(|at| (at.0, at.1)),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&text).unwrap_or_default())
}

fn cursor(text: &str) -> Result<Cursor> {
    let read = || -> Option<CursorText> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    };
    let text = read().ok_or_else(|| {
        Error::usage(format!("{text:?} is not a cursor"))
            .try_this("the one that the listing before has printed")
    })?;
    Ok(Cursor {
        id: EntryId::new(text.k, Variant::verbatim(text.v)),
        position: text.p.map(|(a, b)| Position(a, b)),
    })
}
