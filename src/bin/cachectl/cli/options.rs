//! Options that several commands share, in groups: a command takes the groups it can
//! honour, so none is accepted and ignored.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use cachectl::parse_duration;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct CommonArgs {
    /// Read this configuration file and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read no configuration file
    #[arg(long, global = true, conflicts_with = "config")]
    pub no_config: bool,

    /// Say more; repeat for requests and store calls (-vv), and everything (-vvv)
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Say less; repeat to silence warnings too
    #[arg(short, long, short_alias = 's', global = true, action = ArgAction::Count)]
    pub quiet: u8,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub color: Option<When>,

    /// How standard error is written; json is one object a line
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,

    /// Show credentials instead of [redacted]
    #[arg(long, global = true)]
    pub show_secrets: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Which store.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct StoreArgs {
    /// The store: a kind (file, sqlite, …), an address such as sqlite:cache.db, or a named
    /// store of the configuration [default: file]
    #[arg(short, long, visible_alias = "store", value_name = "ADDR")]
    pub backend: Option<String>,

    /// Change nothing in the store, not even the count of uses
    #[arg(long)]
    pub readonly: bool,
}

/// How a store is written to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct WriteArgs {
    /// How the heads of entries are written: json, yaml or bincode
    #[arg(long, value_name = "NAME")]
    pub serializer: Option<String>,

    /// How long what is stored now may stay, such as 90s, 2h, 7d; none lifts the store's
    #[arg(long, value_name = "DUR", value_parser = ttl)]
    pub ttl: Option<Ttl>,
}

/// How listings are written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct ListingArgs {
    /// How results are written [default: table on a terminal, else plain]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<Format>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,

    /// Which columns of table, plain and csv, in which order: key, state, status, size, age,
    /// url, stored, created, expires, fresh_until, method, host, type, encoding, serializer,
    /// uses, used, etag, last_modified, vary, tags, variant
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Leave the names of the columns out
    #[arg(long, overrides_with = "header")]
    pub no_header: bool,

    /// Put the names of the columns first, also in plain
    #[arg(long)]
    pub header: bool,
}

impl ListingArgs {
    /// The format that was asked for.
    pub fn wanted(&self) -> Option<Format> {
        if self.json { Some(Format::Json) } else { self.format }
    }
}

/// How results are written.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How results are written [default: table on a terminal, else plain]
    #[arg(long, value_name = "FORMAT", value_parser = format_without_csv())]
    pub format: Option<Format>,

    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl OutputArgs {
    /// Whether people are going to read it.
    pub fn is_table(&self) -> bool {
        match self.wanted() {
            Some(format) => matches!(format, Format::Table | Format::Wide),
            None => std::io::stdout().is_terminal(),
        }
    }

    /// The format that was asked for.
    pub fn wanted(&self) -> Option<Format> {
        if self.json { Some(Format::Json) } else { self.format }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, cut to the terminal
    Table,
    /// For people, everything
    Wide,
    /// One record a line, fields separated by TAB
    Plain,
    /// One JSON document
    Json,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated values with a header
    Csv,
}

/// The formats of commands that do not list entries.
fn format_without_csv() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["table", "wide", "plain", "json", "ndjson"])
        .try_map(|name| Format::from_str(&name, false))
}

/// A TTL as given on the command line: a span, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(pub Option<Duration>);

pub fn ttl(text: &str) -> Result<Ttl, String> {
    parse_duration(text).map(Ttl).map_err(|e| with_hint(&e))
}

/// A span of time that cannot be `none`.
pub fn span(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Some(span)) => Ok(span),
        Ok(None) => Err("none is not possible here".to_owned()),
        Err(e) => Err(with_hint(&e)),
    }
}

/// A span of time; `none` is no limit.
pub fn limit(text: &str) -> Result<Limit, String> {
    parse_duration(text).map(Limit).map_err(|e| with_hint(&e))
}

/// A time limit, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

fn with_hint(error: &cachectl::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error}; try {hint}"),
        None => error.to_string(),
    }
}
