//! `inspect`: everything known about entries.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::Result;
use cachectl::{
    Access, BodyDigest, ByteRange, Detail, Error, ErrorKind, Found, Headers, Manage, Part, Piece,
    Sha256Digest, State, freshness, is_about_one,
};
use clap::Args;
use futures_util::TryStreamExt;
use serde::Serialize;

use super::options::Format;
use super::selection::{Selected, Selection, SelectionArgs};
use super::store::OpenStore;
use super::{CommonArgs, OutputArgs, StoreArgs, exit, failure, store};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::entry::EntryObject;
use crate::output::text::{age, escaped, size};
use crate::output::{sink, talk};

/// Show everything known about entries: request, response, both clocks, and where they lie.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A key, the first 6 or more characters of one, or a URL (every stored variant)
    #[arg(value_name = "KEY|URL")]
    targets: Vec<String>,

    /// The stored record of one entry as it lies, byte for byte
    #[arg(long, conflicts_with_all = ["format", "json"])]
    raw: bool,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// Shows; gives the exit code.
pub fn run(args: InspectArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let selection = args.selection.resolve(&args.targets, &config)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    if selection.scans && selection.filter.is_everything() {
        return Err(Error::usage("which entries?")
            .try_this("a key, a URL, or a selection such as --host 'api.*'")
            .into());
    }
    let view = View {
        now: selection.now,
        settings: selection.settings.clone(),
        secrets: config.secrets(common),
    };
    let shown = Shown { view };
    if args.raw {
        return open.run(raw(&open, &selection));
    }
    open.run(print_all(&open, &selection, &shown, args.output.wanted()))
}

/// Prints entries as they are found; gives the exit code.
async fn print_all(
    open: &OpenStore,
    selection: &Selection,
    shown: &Shown,
    format: Option<Format>,
) -> Result<u8> {
    let mut out = io::BufWriter::new(sink::stdout()?);
    let mut entries = selection.entries(open, Detail::Head);
    let mut count = 0;
    let mut code = exit::DONE;
    while let Some(selected) = entries.try_next().await? {
        crate::signals::check()?;
        let found = match selected {
            Selected::Entry(found) => found,
            Selected::Unread(error) => {
                talk::warning(error.message(), &error.causes());
                code = exit::PARTIAL;
                continue;
            }
            Selected::Missing(error) => {
                failure::tell(&error);
                code = code.max(exit::NOT_CACHED);
                continue;
            }
        };
        match format {
            Some(format @ (Format::Json | Format::Ndjson)) => {
                let (object, trouble) = shown.object(open, &found).await?;
                if format == Format::Json {
                    out.write_all(if count == 0 { b"[\n" } else { b",\n" })?;
                    serde_json::to_writer_pretty(&mut out, &object)?;
                } else {
                    serde_json::to_writer(&mut out, &object)?;
                    out.write_all(b"\n")?;
                }
                if let Some(error) = trouble {
                    talk::warning(error.message(), &error.causes());
                    code = exit::PARTIAL;
                }
            }
            _ => {
                let gap = if count > 0 { "\n" } else { "" };
                out.write_all(format!("{gap}{}", shown.text(open, &found)).as_bytes())?;
            }
        }
        count += 1;
    }
    if format == Some(Format::Json) {
        out.write_all(if count == 0 { b"[]\n" } else { b"\n]\n" })?;
    }
    out.flush()?;
    Ok(code)
}

/// Prints a record as it lies, damaged or not.
async fn raw(open: &OpenStore, selection: &Selection) -> Result<u8> {
    let selected: Vec<Selected> =
        selection.some(open, Detail::Columns, Some(2)).try_collect().await?;
    let part = match <[Selected; 1]>::try_from(selected) {
        Ok([Selected::Entry(found)]) => Part::Record(found.head.id),
        Ok([Selected::Unread(error)]) => match Piece::of(&error) {
            Some(piece) => Part::own(piece),
            None => return Err(error.into()),
        },
        Ok([Selected::Missing(error)]) => return Err(error.into()),
        Err(_) => {
            return Err(Error::usage("several entries are meant, --raw shows one")
                .try_this("the whole key")
                .into());
        }
    };
    let mut record = open.store.needed_upkeep()?.raw(part).await?;
    let mut out = sink::stdout()?;
    while let Some(chunk) = record.chunk().await? {
        out.write_all(&chunk)?;
    }
    Ok(exit::DONE)
}

struct Shown {
    view: View,
}

/// The digest of a body that its store has none of.
async fn digest(open: &OpenStore, found: &Found) -> cachectl::Result<Option<Sha256Digest>> {
    let mut body = open.store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await?;
    let mut digest = BodyDigest::new();
    while let Some(chunk) = body.chunk().await? {
        digest.update(&chunk);
    }
    Ok(digest.finish().sha256)
}

/// The entry object, and what only `inspect` shows.
#[derive(Serialize)]
struct Object {
    #[serde(flatten)]
    entry: EntryObject,
    request: MessageObject,
    response: MessageObject,
    body_sha256: Option<String>,
    location: String,
}

#[derive(Serialize)]
struct MessageObject {
    headers: Vec<(String, String)>,
    http_version: Option<String>,
    reason: Option<String>,
}

impl Shown {
    /// The object of an entry, and what is wrong with the body, should that have to be read.
    async fn object(&self, open: &OpenStore, found: &Found) -> Result<(Object, Option<Error>)> {
        let head = &found.head;
        let mut entry = EntryObject::of(found, &self.view);
        let is_hidden = |headers: &Headers| {
            headers
                .iter()
                .any(|(name, _)| self.view.secrets.is_secret_header(&String::from_utf8_lossy(name)))
        };
        entry.redacted |= is_hidden(&head.headers) || is_hidden(&head.request.headers);
        let sha256 = match head.body.sha256 {
            Some(digest) => Ok(Some(digest)),
            None => digest(open, found).await,
        };
        let (sha256, trouble) = match sha256 {
            Ok(digest) => (digest, None),
            Err(e) if is_about_one(&e) || e.kind() == ErrorKind::Changed => (None, Some(e)),
            Err(e) => return Err(e.into()),
        };
        let object = Object {
            entry,
            request: MessageObject {
                headers: self.pairs(&head.request.headers),
                http_version: None,
                reason: None,
            },
            response: MessageObject {
                headers: self.pairs(&head.headers),
                http_version: head.extensions.http_version.as_deref().map(ToOwned::to_owned),
                reason: head
                    .extensions
                    .reason
                    .as_deref()
                    .map(|r| String::from_utf8_lossy(r).into_owned()),
            },
            body_sha256: sha256.map(|digest| digest.to_string()),
            location: open.store.rules().location(&head.id),
        };
        Ok((object, trouble))
    }

    fn pairs(&self, headers: &Headers) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| {
                let name = String::from_utf8_lossy(name).into_owned();
                let value = self.view.secrets.header_value(&name, value).into_owned();
                (name, value)
            })
            .collect()
    }

    fn text(&self, open: &OpenStore, found: &Found) -> String {
        let head = &found.head;
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<11} {}", escaped(value));
        };
        line("key", &head.id.key);
        if !head.id.variant.as_str().is_empty() {
            line("variant", head.id.variant.as_str());
        }
        let url = self.view.secrets.url(head.request.url.as_str());
        line("request", &format!("{} {url}", head.request.method));
        if found.is_for_credentials() {
            line("for", "requests with the same credentials only");
        }
        let fields = |line: &mut dyn FnMut(&str, &str), headers: &Headers| {
            for (name, value) in self.pairs(headers) {
                line("", &format!("  {name}: {value}"));
            }
        };
        fields(&mut line, &head.request.headers);
        line("response", &self.response_line(found));
        fields(&mut line, &head.headers);
        for selecting in head.selections.iter().flatten() {
            let shown = |value| self.view.secrets.header_value(&selecting.name, value);
            let value = selecting.value.as_deref().map(shown);
            let value = value.map_or("absent".to_owned(), |value| format!("{value:?}"));
            line("varies by", &format!("{}: {value}", selecting.name));
        }
        line("stored", &self.stored_line(found));
        line("freshness", &self.freshness_line(found));
        line("store ttl", &self.ttl_line(found));
        if !head.tags.is_empty() {
            line("tags", &head.tags.join(", "));
        }
        if let Some(digest) = head.body.sha256 {
            line("sha256", &digest.to_string());
        }
        line("location", &open.store.rules().location(&head.id));
        text
    }

    fn response_line(&self, found: &Found) -> String {
        let head = &found.head;
        let reason =
            head.extensions.reason.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        let version = head.extensions.http_version.as_deref().unwrap_or("unknown version");
        let kind = head.headers.get_text("content-type").unwrap_or("(no content type)".into());
        format!("{} {reason}, {version}, {} {kind}", head.status, size(head.body.bytes))
    }

    fn stored_line(&self, found: &Found) -> String {
        let head = &found.head;
        let mut text = format!(
            "{} ({} ago), {}, {}",
            head.created_at,
            age(self.view.now.since(head.created_at)),
            head.serializer.as_deref().unwrap_or("as is"),
            size(found.stored_bytes),
        );
        match (head.uses, head.last_used_at) {
            (0, _) => text.push_str(", never used"),
            (uses, last) => {
                let times = if uses == 1 { "once".to_owned() } else { format!("{uses} times") };
                let _ = write!(text, ", used {times}");
                if let Some(last) = last {
                    let _ = write!(text, ", last {} ago", age(self.view.now.since(last)));
                }
            }
        }
        text
    }

    fn freshness_line(&self, found: &Found) -> String {
        let head = &found.head;
        let fresh = freshness(head, self.view.now, &self.view.settings, None);
        let from = format!(
            "lifetime {}s ({}), age {}s when stored",
            fresh.lifetime.as_secs(),
            fresh.source.name(),
            fresh.initial_age.as_secs()
        );
        let state = State::of(head, self.view.now, &self.view.settings);
        match fresh.fresh_until(head.received_at) {
            _ if head.invalidated => {
                format!("must be validated: a later request changed it ({from})")
            }
            Some(until) if state == State::Fresh => format!("fresh until {until} ({from})"),
            Some(until) if fresh.is_fresh() => {
                format!("until {until}, but not without asking ({from})")
            }
            Some(until) => format!("stale since {until} ({from})"),
            None => format!("stale from the start ({from})"),
        }
    }

    fn ttl_line(&self, found: &Found) -> String {
        match found.head.expires_at {
            None => "none".to_owned(),
            Some(end) if found.head.is_expired(self.view.now) => format!("over since {end}"),
            Some(end) => format!("until {end}"),
        }
    }
}
