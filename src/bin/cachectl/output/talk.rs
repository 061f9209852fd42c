//! Everything on standard error: errors, warnings, notes, log lines. As text, or as one
//! JSON object a line.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use anyhow::Result;
use cachectl::{Error, Secrets, Timestamp};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::text::{cut_middle, escaped};
use crate::cli::failure::Where;
use crate::cli::{CommonArgs, LogFormat, When};
use crate::environment;

/// How this run talks.
#[derive(Debug, Clone)]
struct Manner {
    json: bool,
    /// What the flag or its variable says of colour.
    color: Option<When>,
    /// Positive: more; negative: less.
    loudness: i16,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

/// What the configuration says of colour.
static CONFIGURED: OnceLock<When> = OnceLock::new();

/// Sets what holds where no flag says so.
pub fn configure(color: When) {
    let _ = CONFIGURED.set(color);
}

fn manner() -> &'static Manner {
    MANNER.get_or_init(|| Manner { json: false, color: None, loudness: 0 })
}

impl Manner {
    /// What begins and ends a word in this colour on standard error.
    fn tint(&self, code: &'static str) -> (&'static str, &'static str) {
        let is_tinted = !self.json && is_tinted(self.color, &io::stderr());
        if is_tinted { (code, "\x1b[0m") } else { ("", "") }
    }
}

/// Sets how this run talks, and starts logging if anybody wants to hear it.
pub fn start(common: &CommonArgs) -> Result<()> {
    let loudness = i16::from(common.verbose) - i16::from(common.quiet);
    let json = common.log_format == Some(LogFormat::Json);
    let _ = MANNER.set(Manner { json, color: common.color, loudness });
    let filter = match environment::log_filter() {
        Some(filter) => EnvFilter::try_new(&filter).map_err(|e| {
            let error = Error::usage(format!("{filter:?} is no log filter")).because(e);
            let error = error.try_this("RUST_LOG=cachectl=debug");
            anyhow::Error::from(error).context(Where("RUST_LOG".to_owned()))
        })?,
        None if loudness > 0 => {
            let level = ["info", "debug", "trace"][usize::from(common.verbose.min(3)) - 1];
            EnvFilter::new(format!("cachectl={level}"))
        }
        None => {
            if loudness == 0 {
                let _ = tracing::subscriber::set_global_default(Warnings);
            }
            return Ok(());
        }
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .event_format(Line)
        .init();
    Ok(())
}

/// Whether a stream gets colour: the flag says so, else the configuration, else the environment
/// and the stream itself.
pub fn wants_color(common: &CommonArgs, stream: &impl IsTerminal) -> bool {
    is_tinted(common.color, stream)
}

fn is_tinted(said: Option<When>, stream: &impl IsTerminal) -> bool {
    match said.or(CONFIGURED.get().copied()) {
        Some(When::Always) => true,
        Some(When::Never) => false,
        Some(When::Auto) | None => environment::wants_color(stream),
    }
}

/// Whether footers, notes and summaries are wanted.
pub fn is_quiet() -> bool {
    manner().loudness < 0
}

/// Whether standard error is for machines.
pub fn is_json() -> bool {
    manner().json
}

/// An error as it is told.
#[derive(Debug, Clone)]
pub struct Complaint {
    pub code: &'static str,
    pub exit: u8,
    pub message: String,
    /// Empty when there is nothing to say.
    pub cause: String,
    /// A text and the place in it that is meant, in characters from its start.
    pub excerpt: Option<(String, usize)>,
    /// The flag, variable or line that supplied the value.
    pub origin: Option<String>,
    pub hint: Option<String>,
}

/// The longest text of a message: what strangers have written may be of any length.
const LONGEST: usize = 2000;

/// A text as it may be told: no password that somebody has typed, and not too long.
fn told(text: &str) -> String {
    cut_middle(&Secrets::built_in().text(text), LONGEST).into_owned()
}

impl Complaint {
    fn told(&self) -> Self {
        Complaint {
            message: told(&self.message),
            cause: told(&self.cause),
            // The place that is meant would not be where it was.
            excerpt: self.excerpt.clone().filter(|(whole, _)| told(whole) == *whole),
            origin: self.origin.as_deref().map(told),
            hint: self.hint.as_deref().map(told),
            ..*self
        }
    }
}

/// Tells what ended the command.
pub fn error(complaint: &Complaint) {
    let manner = manner();
    let complaint = complaint.told();
    if manner.json {
        return line(&json!({
            "level": "error",
            "event": "error",
            "at": Timestamp::now().to_string(),
            "message": complaint.message,
            "code": complaint.code,
            "exit": complaint.exit,
            "cause": or_null(&complaint.cause),
            "where": complaint.origin,
            "hint": complaint.hint,
        }));
    }
    let (on, off) = manner.tint("\x1b[1;31m");
    let mut text = format!("{on}error:{off} {}\n", escaped(&complaint.message));
    if let Some((whole, column)) = &complaint.excerpt {
        text.push_str(&format!("  {}\n  {:column$}^\n", escaped(whole), ""));
    }
    let mut part = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            text.push_str(&format!("  {name:<6} {}\n", escaped(value)));
        }
    };
    part("cause:", Some(&complaint.cause));
    part("where:", complaint.origin.as_deref());
    part("try:", complaint.hint.as_deref());
    say(&text);
}

/// Tells something that does not cost the result; `-qq` silences it.
pub fn warning(message: &str, cause: &str) {
    let manner = manner();
    if manner.loudness < -1 {
        return;
    }
    let (message, cause) = (told(message), told(cause));
    if manner.json {
        return line(&json!({
            "level": "warning",
            "event": "warning",
            "at": Timestamp::now().to_string(),
            "message": message,
            "cause": or_null(&cause),
        }));
    }
    let (on, off) = manner.tint("\x1b[1;33m");
    let cause = if cause.is_empty() { cause } else { format!(": {}", escaped(&cause)) };
    say(&format!("{on}warning:{off} {}{cause}\n", escaped(&message)));
}

/// Tells something that is good to know; `-q` silences it.
pub fn note(message: &str) {
    if is_quiet() {
        return;
    }
    let message = &told(message);
    if manner().json {
        return line(&json!({
            "level": "info",
            "event": "log",
            "at": Timestamp::now().to_string(),
            "message": message,
        }));
    }
    say(&format!("{}\n", escaped(message)));
}

/// Tells something as a warning without the word; `-qq` silences it.
pub fn remark(message: &str) {
    if manner().loudness >= -1 {
        say(&format!("{}\n", escaped(&told(message))));
    }
}

/// Tells how far long work has come.
pub fn progress(message: &str, entries: u64, bytes: u64, left_s: Option<u64>) {
    if !manner().json {
        return note(message);
    }
    line(&json!({
        "level": "info",
        "event": "progress",
        "at": Timestamp::now().to_string(),
        "message": message,
        "entries": entries,
        "bytes": bytes,
        "left_s": left_s,
    }));
}

fn or_null(text: &str) -> Option<&str> {
    Some(text).filter(|t| !t.is_empty())
}

fn line(value: &serde_json::Value) {
    say(&format!("{value}\n"));
}

/// A standard error that is closed is no reason to fail.
fn say(text: &str) {
    super::progress::around_bar(|| {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    });
}

/// One log line, in the manner of this run; credentials in URLs are hidden.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        let message = told(&message);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        if manner().json {
            let at = Timestamp::now().to_string();
            let line = json!({ "level": level, "event": "log", "at": at, "message": message });
            return writeln!(out, "{line}");
        }
        writeln!(out, "{level}: {}", escaped(&message))
    }
}

/// Tells the warnings of the library when nothing was said of logging. The usual subscriber
/// takes a tenth of a hit's time to set up.
struct Warnings;

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN && metadata.target().starts_with("cachectl")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        struct Message(String);
        impl Visit for Message {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        warning(&message.0, "");
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A line that was asked for, whatever the loudness.
pub fn explain(message: &str) {
    if manner().json {
        let at = Timestamp::now().to_string();
        return line(&json!({ "level": "info", "event": "log", "at": at, "message": message }));
    }
    say(&format!("{message}\n"));
}
