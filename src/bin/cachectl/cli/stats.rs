//! `stats`: how much there is, of what.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use anyhow::Result;
use cachectl::transfer::Tally;
use cachectl::{Access, Detail, Error, Found, Manage, Piece, State, Timestamp};
use clap::{Args, ValueEnum};
use futures_util::StreamExt;
use serde::Serialize;

use super::options::{Format, OutputArgs};
use super::selection::{Selected, Selection, SelectionArgs};
use super::store::{self, Chosen, OpenStore};
use super::{CommonArgs, StoreArgs, exit, failure};
use crate::config::Config;
use crate::output::progress::{self, Progress};
use crate::output::table::{Column, Rows, Tint, terminal_columns};
use crate::output::text::{count, escaped, plain_field, shown, size};
use crate::output::{sink, talk};
use crate::signals;

/// Count entries and bytes, in all and by groups.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// Group by this
    #[arg(long, value_name = "FIELD", value_enum)]
    by: Option<By>,

    /// The largest groups to show
    #[arg(long, value_name = "N", default_value_t = 10, requires = "by")]
    top: usize,

    /// Only what the store knows without reading entries: how many records, how many bytes
    #[arg(long, conflicts_with_all = ["by", "top"])]
    fast: bool,

    /// How progress is shown
    #[arg(long, value_name = "MODE", value_enum)]
    progress: Option<progress::Mode>,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Host,
    Status,
    Type,
    State,
    Serializer,
    Method,
    Age,
}

/// Counts; gives the exit code.
pub fn run(args: &StatsArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let selection = args.selection.resolve(&args.targets, &config)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    signals::listen();
    if args.fast {
        if !selection.is_everything() || selection.most().is_some() {
            return Err(Error::usage("--fast counts the whole store")
                .try_this("--fast alone, or the selection without it")
                .into());
        }
        return fast(args, &open, &chosen);
    }
    let mut counts = Counts::default();
    open.run(counts.count_all(args, &open, &selection))?;
    if selection.is_everything() {
        counts.disk_bytes = open.run(async {
            match open.store.upkeep() {
                Some(upkeep) => Ok(upkeep.usage().await?.disk_bytes),
                None => Ok(None),
            }
        })?;
    }
    let object = counts.object(args, &chosen);
    let text = || counts.text(args, &object, common);
    print(&args.output, &object, text)?;
    if counts.unread == 0 || selection.filter.asks_for_damaged() {
        return Ok(if counts.missing == 0 { exit::DONE } else { exit::NOT_CACHED });
    }
    let unread = count(counts.unread, "entry");
    talk::warning(&format!("{unread} could not be read; cachectl verify says why"), "");
    Ok(exit::PARTIAL)
}

fn fast(args: &StatsArgs, open: &OpenStore, chosen: &Chosen) -> Result<u8> {
    #[derive(Serialize)]
    struct Object {
        store: String,
        entries: u64,
        stored_bytes: u64,
        disk_bytes: Option<u64>,
    }
    let usage = open.run(async { Ok(open.store.needed_upkeep()?.usage().await?) })?;
    let object = Object {
        store: chosen.address.to_string(),
        entries: usage.entries,
        stored_bytes: usage.stored_bytes,
        disk_bytes: usage.disk_bytes,
    };
    let text = || {
        let disk =
            object.disk_bytes.map_or(String::new(), |disk| format!("     on disk {}", size(disk)));
        format!(
            "store       {}\nrecords     {}\nstored      {}{disk}\n",
            escaped(&object.store),
            object.entries,
            size(object.stored_bytes)
        )
    };
    print(&args.output, &object, text)?;
    Ok(exit::DONE)
}

/// Prints an object as JSON, or as names and values, or as people read it.
fn print(output: &OutputArgs, object: &impl Serialize, text: impl Fn() -> String) -> Result<()> {
    match output.wanted() {
        Some(Format::Json) => sink::print(&format!("{}\n", serde_json::to_string_pretty(object)?)),
        Some(Format::Ndjson) => sink::print(&format!("{}\n", serde_json::to_string(object)?)),
        _ if output.is_table() => sink::print(&text()),
        _ => {
            let value = serde_json::to_value(object)?;
            let mut lines = String::new();
            flatten("", &value, &mut lines);
            sink::print(&lines)
        }
    }
}

/// `name TAB value` lines; members of members with a dot, groups with their value.
fn flatten(name: &str, value: &serde_json::Value, lines: &mut String) {
    let below = |member: &str| match name {
        "" => member.to_owned(),
        name => format!("{name}.{member}"),
    };
    match value {
        serde_json::Value::Object(members) => {
            for (member, value) in members {
                flatten(&below(member), value, lines);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                let text = |member: &str| match &item[member] {
                    serde_json::Value::String(text) => plain_field(text).into_owned(),
                    other => other.to_string(),
                };
                let (value, entries, bytes) = (text("value"), text("entries"), text("body_bytes"));
                let _ = writeln!(lines, "{name}\t{value}\t{entries}\t{bytes}");
            }
        }
        serde_json::Value::Null => {
            let _ = writeln!(lines, "{name}\t-");
        }
        serde_json::Value::String(text) => {
            let _ = writeln!(lines, "{name}\t{}", plain_field(text));
        }
        other => {
            let _ = writeln!(lines, "{name}\t{other}");
        }
    }
}

/// Everything that is counted.
#[derive(Default)]
struct Counts {
    total: Tally,
    stored_bytes: u64,
    states: BTreeMap<&'static str, Tally>,
    uses: u64,
    never_used: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    groups: BTreeMap<String, Tally>,
    disk_bytes: Option<u64>,
    notes_uses: bool,
    unread: u64,
    /// What was named and is not there.
    missing: u64,
}

#[derive(Serialize)]
struct StatsObject {
    store: String,
    entries: u64,
    body_bytes: u64,
    stored_bytes: u64,
    disk_bytes: Option<u64>,
    states: BTreeMap<&'static str, StateObject>,
    uses: Option<u64>,
    never_used: Option<u64>,
    oldest_at: Option<String>,
    newest_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<Group>>,
}

#[derive(Serialize)]
struct StateObject {
    entries: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Group {
    value: String,
    entries: u64,
    body_bytes: u64,
}

impl Counts {
    async fn count_all(
        &mut self,
        args: &StatsArgs,
        open: &OpenStore,
        selection: &Selection,
    ) -> Result<()> {
        let state_detail =
            if selection.settings.is_usual() { Detail::Columns } else { Detail::Head };
        self.notes_uses = open.store.capabilities().notes_uses_every.is_some();
        let mut progress = Progress::start(args.progress, "counted", None);
        let mut entries = selection.entries(open, state_detail);
        while let Some(item) = entries.next().await {
            signals::check()?;
            match item? {
                Selected::Entry(found) => {
                    progress.advance(Tally { entries: 1, bytes: found.head.body.bytes });
                    self.count(args.by, &found, selection);
                }
                Selected::Unread(error) => {
                    let bytes = Piece::of(&error).map_or(0, |piece| piece.bytes);
                    self.total.entries += 1;
                    self.stored_bytes += bytes;
                    self.states.entry(State::Corrupt.name()).or_default().count(bytes);
                    self.unread += 1;
                }
                Selected::Missing(error) => {
                    self.missing += 1;
                    failure::tell(&error);
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, by: Option<By>, found: &Found, selection: &Selection) {
        let head = &found.head;
        let bytes = head.body.bytes;
        let state = found.state(selection.now, &selection.settings);
        self.total.count(bytes);
        self.stored_bytes += found.stored_bytes;
        self.states.entry(state.name()).or_default().count(bytes);
        self.uses += head.uses;
        self.never_used += u64::from(head.uses == 0);
        self.oldest = Some(self.oldest.map_or(head.created_at, |at| at.min(head.created_at)));
        self.newest = Some(self.newest.map_or(head.created_at, |at| at.max(head.created_at)));
        if let Some(by) = by {
            let value = value_of(by, found, state, selection.now);
            match self.groups.get_mut(&*value) {
                Some(tally) => tally.count(bytes),
                None => self.groups.entry(value.into_owned()).or_default().count(bytes),
            }
        }
    }

    fn object(&self, args: &StatsArgs, chosen: &Chosen) -> StatsObject {
        let states = State::ALL.iter().map(|state| {
            let tally = self.states.get(state.name()).copied().unwrap_or_default();
            (state.name(), StateObject { entries: tally.entries, bytes: tally.bytes })
        });
        StatsObject {
            store: chosen.address.to_string(),
            entries: self.total.entries,
            body_bytes: self.total.bytes,
            stored_bytes: self.stored_bytes,
            disk_bytes: self.disk_bytes,
            states: states.collect(),
            uses: self.notes_uses.then_some(self.uses),
            never_used: self.notes_uses.then_some(self.never_used),
            oldest_at: self.oldest.map(shown),
            newest_at: self.newest.map(shown),
            groups: args.by.map(|_| self.top(args.top)),
        }
    }

    /// The groups with the most bytes.
    fn top(&self, most: usize) -> Vec<Group> {
        let mut groups: Vec<(&String, &Tally)> = self.groups.iter().collect();
        groups.sort_by_key(|(value, tally)| {
            (std::cmp::Reverse((tally.bytes, tally.entries)), value.as_str())
        });
        let group = |(value, tally): (&String, &Tally)| Group {
            value: value.clone(),
            entries: tally.entries,
            body_bytes: tally.bytes,
        };
        groups.into_iter().take(most).map(group).collect()
    }

    fn text(&self, args: &StatsArgs, object: &StatsObject, common: &CommonArgs) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<11} {value}");
        };
        line("store", &escaped(&object.store));
        let states: Vec<String> = State::ALL
            .iter()
            .map(|state| {
                let tally = self.states.get(state.name()).copied().unwrap_or_default();
                format!("{} {state}", tally.entries)
            })
            .collect();
        line("entries", &format!("{:<8} {}", object.entries, states.join(", ")));
        let disk =
            object.disk_bytes.map_or(String::new(), |disk| format!("     on disk {}", size(disk)));
        let stored = size(object.stored_bytes);
        line("bodies", &format!("{}     stored {stored}{disk}", size(object.body_bytes)));
        if let (Some(uses), Some(never)) = (object.uses, object.never_used) {
            let per_entry = uses as f64 / object.entries.max(1) as f64;
            line(
                "uses",
                &format!("{uses} ({per_entry:.1} per entry), {} never used", count(never, "entry")),
            );
        }
        if let (Some(oldest), Some(newest)) = (&object.oldest_at, &object.newest_at) {
            line("oldest", &format!("{oldest}     newest {newest}"));
        }
        let expired = self.states.get(State::Expired.name()).copied().unwrap_or_default();
        if expired.entries > 0 {
            let expired_entries = count(expired.entries, "expired entry");
            let bytes = size(expired.bytes);
            line("gc", &format!("{expired_entries}, {bytes} can go now: cachectl gc"));
        }
        if let (Some(by), Some(groups)) = (args.by, &object.groups) {
            text.push('\n');
            text.push_str(&self.bars(by, groups, common));
        }
        text
    }

    /// The groups as a table with a bar a row, which shows the share of all bytes.
    fn bars(&self, by: By, groups: &[Group], common: &CommonArgs) -> String {
        let name = match by {
            By::Host => "HOST",
            By::Status => "STATUS",
            By::Type => "TYPE",
            By::State => "STATE",
            By::Serializer => "SERIALIZER",
            By::Method => "METHOD",
            By::Age => "AGE",
        };
        let columns = vec![
            Column { name, right: false, cut: true },
            Column::right("ENTRIES"),
            Column::right("BYTES"),
            Column::right("SHARE"),
            Column::left(""),
        ];
        let widest = (terminal_columns() / 4).clamp(10, 40) as f64;
        let rows = groups.iter().map(|group| {
            let share = group.body_bytes as f64 / self.total.bytes.max(1) as f64;
            let plain = |text: String| (text, Tint::Plain);
            vec![
                plain(escaped(&group.value).into_owned()),
                plain(group.entries.to_string()),
                plain(size(group.body_bytes)),
                plain(format!("{:.1} %", share * 100.0)),
                (bar(share * widest), Tint::Good),
            ]
        });
        let color = talk::wants_color(common, &io::stdout());
        let mut text = Rows::new(columns, true, color).layout(rows.collect());
        let others = self.groups.len() - groups.len();
        if others > 0 {
            let _ = writeln!(text, "and {others} more");
        }
        text
    }
}

/// A bar of this many characters, in eighths.
fn bar(length: f64) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (length * 8.0).round().max(1.0) as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(PARTS[eighths % 8]);
    }
    bar
}

/// The group to which an entry belongs.
fn value_of(by: By, found: &Found, state: State, now: Timestamp) -> std::borrow::Cow<'_, str> {
    let head = &found.head;
    match by {
        By::Host => head.request.url.host().unwrap_or("-").into(),
        By::Status => head.status.to_string().into(),
        By::Type => {
            let kind = head.headers.get_text("content-type").unwrap_or("-".into());
            kind.split(';').next().unwrap_or("-").trim().to_owned().into()
        }
        By::State => state.name().into(),
        By::Serializer => head.serializer.as_deref().unwrap_or("-").into(),
        By::Method => head.request.method.as_str().into(),
        By::Age => {
            let hours = now.since(head.created_at).as_secs() / 3600;
            match hours {
                0 => "under 1h",
                1..24 => "1h to 1d",
                24..168 => "1d to 7d",
                168..720 => "7d to 30d",
                720..8760 => "30d to 1y",
                _ => "over 1y",
            }
            .into()
        }
    }
}
