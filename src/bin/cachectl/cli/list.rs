//! `list`: what is in a store.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Result;
use cachectl::{Access, Error, ErrorKind, Found, Method, Secrets, Settings, State, Timestamp};
use clap::Args;
use futures_util::StreamExt;

use super::options::Format;
use super::selection::{Selection, SelectionArgs};
use super::{CommonArgs, OutputArgs, StoreArgs, exit, store};
use crate::config::Config;
use crate::output::entry::EntryObject;
use crate::output::table::{Column, Rows, Tint, TintedText};
use crate::output::text::{age, escaped, plain_field, size};
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

    /// Show at most this many; 0 is no limit [default: 100 for a table on a terminal]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Print keys only
    #[arg(long, conflicts_with_all = ["format", "json"])]
    keys: bool,

    /// End keys with NUL instead of a line end
    #[arg(short = '0', long = "null", requires = "keys")]
    null: bool,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Rows laid out at a time.
const BATCH: usize = 100;

/// Lists; gives the exit code.
pub fn run(args: ListArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Existing, common)?;
    let is_terminal = io::stdout().is_terminal();
    let format =
        args.output.wanted().unwrap_or(if is_terminal { Format::Table } else { Format::Plain });
    let short = is_terminal && format == Format::Table && !args.keys;
    let limit = args.limit.unwrap_or(if short { 100 } else { 0 });
    let writer: Box<dyn Writer> = match format {
        _ if args.keys => Box::new(Keys { end: if args.null { b'\0' } else { b'\n' } }),
        Format::Table | Format::Wide => Box::new(TableWriter::new(format, common)),
        Format::Plain => Box::new(Plain),
        Format::Json => Box::new(Json { begun: false }),
        Format::Ndjson => Box::new(Ndjson),
    };
    let selection = args.selection.resolve(&args.targets, &config)?;
    if common.verbose > 0 {
        talk::note(&format!("filter: {}", selection.filter));
    }
    let mut listing = Listing {
        out: BufWriter::with_capacity(256 * 1024, sink::stdout()?),
        writer,
        context: Context {
            now: selection.now,
            settings: selection.settings.clone(),
            secrets: config.secrets(common),
        },
        totals: Totals::default(),
    };
    let damaged = open.run(listing.run(&open, &selection, limit))?;
    listing.finish()?;
    if is_terminal && short {
        listing.totals.footer(limit);
    }
    Ok(if damaged > 0 { exit::PARTIAL } else { exit::DONE })
}

/// What entries are judged and shown by.
struct Context {
    now: Timestamp,
    settings: Settings,
    secrets: Secrets,
}

struct Listing {
    out: BufWriter<File>,
    writer: Box<dyn Writer>,
    context: Context,
    totals: Totals,
}

impl Listing {
    /// Gives the number of entries that could not be read.
    async fn run(
        &mut self,
        open: &store::OpenStore,
        selection: &Selection,
        limit: u64,
    ) -> Result<u64> {
        let mut scan = std::pin::pin!(selection.entries(open));
        let mut damaged = 0;
        let mut shown = 0;
        while let Some(item) = scan.next().await {
            crate::signals::check()?;
            match item {
                Ok(_) if limit > 0 && shown == limit => {
                    self.totals.more = true;
                    break;
                }
                Ok(found) => {
                    shown += 1;
                    self.totals.count(&found, &self.context);
                    self.writer.entry(&mut self.out, &self.context, &found)?;
                }
                // A damaged entry is one among many; anything else is the store's trouble.
                Err(failure) => match failure.downcast_ref::<Error>() {
                    Some(error) if error.kind() == ErrorKind::Codec => {
                        damaged += 1;
                        talk::warning(error.message(), &error.causes());
                    }
                    _ => return Err(failure),
                },
            }
        }
        Ok(damaged)
    }

    fn finish(&mut self) -> Result<()> {
        self.writer.end(&mut self.out)?;
        self.out.flush()?;
        Ok(())
    }
}

/// Counts for the footer.
#[derive(Default)]
struct Totals {
    entries: u64,
    bytes: u64,
    states: [u64; 4],
    more: bool,
}

impl Totals {
    fn count(&mut self, found: &Found, context: &Context) {
        self.entries += 1;
        self.bytes += found.head.body.bytes;
        let state = State::of(&found.head, context.now, &context.settings);
        if let Some(place) = State::ALL.iter().position(|s| *s == state) {
            self.states[place] += 1;
        }
    }

    fn footer(&self, limit: u64) {
        if self.more {
            return talk::note(&format!("{limit} shown, more match (--limit 0 shows all)"));
        }
        let states: Vec<String> = State::ALL
            .iter()
            .zip(self.states)
            .filter(|(_, count)| *count > 0)
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        let states =
            if states.is_empty() { String::new() } else { format!(" ({})", states.join(", ")) };
        let noun = if self.entries == 1 { "entry" } else { "entries" };
        talk::note(&format!("{} {noun}, {}{states}", self.entries, size(self.bytes)));
    }
}

/// One way of writing entries; streams.
trait Writer {
    fn entry(&mut self, out: &mut BufWriter<File>, context: &Context, found: &Found) -> Result<()>;

    fn end(&mut self, _: &mut BufWriter<File>) -> Result<()> {
        Ok(())
    }
}

struct Keys {
    end: u8,
}

impl Writer for Keys {
    fn entry(&mut self, out: &mut BufWriter<File>, _: &Context, found: &Found) -> Result<()> {
        out.write_all(found.head.id.key.as_bytes())?;
        out.write_all(&[self.end])?;
        Ok(())
    }
}

struct Plain;

impl Writer for Plain {
    fn entry(&mut self, out: &mut BufWriter<File>, context: &Context, found: &Found) -> Result<()> {
        let head = &found.head;
        let url = context.secrets.url(head.request.url.as_str());
        writeln!(
            out,
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            plain_field(&head.id.key),
            State::of(head, context.now, &context.settings),
            head.status,
            head.body.bytes,
            head.created_at,
            plain_field(head.request.method.as_str()),
            plain_field(&url),
        )?;
        Ok(())
    }
}

struct Json {
    begun: bool,
}

impl Writer for Json {
    fn entry(&mut self, out: &mut BufWriter<File>, context: &Context, found: &Found) -> Result<()> {
        out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
        self.begun = true;
        serde_json::to_writer(&mut *out, &context.object(found))?;
        Ok(())
    }

    fn end(&mut self, out: &mut BufWriter<File>) -> Result<()> {
        out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        Ok(())
    }
}

struct Ndjson;

impl Writer for Ndjson {
    fn entry(&mut self, out: &mut BufWriter<File>, context: &Context, found: &Found) -> Result<()> {
        serde_json::to_writer(&mut *out, &context.object(found))?;
        out.write_all(b"\n")?;
        out.flush()?;
        Ok(())
    }
}

impl Context {
    fn object(&self, found: &Found) -> EntryObject {
        EntryObject::of_found(found, self.now, &self.settings, &self.secrets)
    }
}

struct TableWriter {
    rows: Rows,
    wide: bool,
    batch: Vec<Vec<TintedText>>,
    printed: bool,
}

impl TableWriter {
    fn new(format: Format, common: &CommonArgs) -> Self {
        let column = |name, right| Column { name, right };
        let wide = format == Format::Wide;
        let mut columns = vec![
            column("KEY", false),
            column("STATE", false),
            column("STATUS", true),
            column("SIZE", true),
            column("AGE", true),
        ];
        if wide {
            columns.extend([
                column("STORED", true),
                column("CREATED", false),
                column("EXPIRES", false),
                column("FRESH-UNTIL", false),
                column("TYPE", false),
                column("SERIALIZER", false),
                column("USES", true),
                column("USED", false),
                column("TAGS", false),
            ]);
        }
        columns.push(column("URL", false));
        let color = talk::wants_color(common, &io::stdout());
        TableWriter {
            rows: Rows::new(columns, !wide, color),
            wide,
            batch: Vec::new(),
            printed: false,
        }
    }

    fn row(&self, context: &Context, found: &Found) -> Vec<TintedText> {
        let head = &found.head;
        let plain = |text: String| (text, Tint::Plain);
        let text = |text: &str| (escaped(text).into_owned(), Tint::Plain);
        let state = State::of(head, context.now, &context.settings);
        let tint = match state {
            State::Fresh => Tint::Good,
            State::Stale => Tint::Middling,
            State::Expired | State::Corrupt => Tint::Bad,
        };
        let status = if head.status >= 400 { Tint::Bad } else { Tint::Plain };
        let key =
            if self.wide { head.id.to_string() } else { head.id.key.chars().take(12).collect() };
        let mut row = vec![
            text(&key),
            (state.name().to_owned(), tint),
            (head.status.to_string(), status),
            plain(size(head.body.bytes)),
            plain(age(context.now.since(head.created_at))),
        ];
        if self.wide {
            let object = context.object(found);
            let optional = |value: Option<String>| text(&value.unwrap_or_else(|| "-".to_owned()));
            row.extend([
                plain(size(found.stored_bytes)),
                plain(object.created_at),
                optional(object.expires_at),
                optional(object.fresh_until),
                optional(object.content_type),
                optional(object.serializer),
                plain(object.uses.to_string()),
                optional(object.last_used_at),
                text(&object.tags.join(",")),
            ]);
        }
        let url = context.secrets.url(head.request.url.as_str());
        let method = &head.request.method;
        row.push(text(&if *method == Method::GET {
            url.into_owned()
        } else {
            format!("{method} {url}")
        }));
        row
    }

    fn flush(&mut self, out: &mut BufWriter<File>) -> Result<()> {
        out.write_all(self.rows.layout(std::mem::take(&mut self.batch)).as_bytes())?;
        out.flush()?;
        self.printed = true;
        Ok(())
    }
}

impl Writer for TableWriter {
    fn entry(&mut self, out: &mut BufWriter<File>, context: &Context, found: &Found) -> Result<()> {
        self.batch.push(self.row(context, found));
        if self.batch.len() == BATCH { self.flush(out) } else { Ok(()) }
    }

    fn end(&mut self, out: &mut BufWriter<File>) -> Result<()> {
        if self.batch.is_empty() { Ok(()) } else { self.flush(out) }
    }
}
