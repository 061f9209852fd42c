//! The columns of listings: what each is called, what it shows, and what of an entry has
//! to be known for it.

use std::borrow::Cow;

use anyhow::Result;
use cachectl::{
    Detail, Error, Found, Method, Secrets, Settings, State, Timestamp, expected, freshness,
};

use super::table::{Column, Tint, TintedText};
use super::text::{age, escaped, shown, size};

/// What entries are judged and shown by.
#[derive(Debug, Clone)]
pub struct View {
    pub now: Timestamp,
    pub settings: Settings,
    pub secrets: Secrets,
}

/// An entry in a listing; one that cannot be read has a key and a state.
pub struct Row<'a> {
    pub found: &'a Found,
    pub is_damaged: bool,
    pub view: &'a View,
}

/// What stands in one place of a listing.
pub enum Cell<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Time(Timestamp),
    Missing,
}

/// How a column is shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Text,
    Key,
    State,
    Status,
    Number,
    Bytes,
    /// A time, as the span since then.
    Age,
    Url,
}

/// One column of a listing.
#[derive(Debug)]
pub struct Shown {
    /// The name in `--columns`, and above a table in capitals.
    pub name: &'static str,
    /// The name in JSON and CSV.
    pub json: &'static str,
    heading: &'static str,
    look: Look,
    detail: Detail,
}

const fn column(
    name: &'static str,
    json: &'static str,
    heading: &'static str,
    look: Look,
    detail: Detail,
) -> Shown {
    Shown { name, json, heading, look, detail }
}

/// Every column there is, in the order of the entry object.
pub const COLUMNS: &[Shown] = &[
    column("key", "key", "KEY", Look::Key, Detail::Key),
    column("stored", "stored_bytes", "STORED", Look::Bytes, Detail::Columns),
    column("created", "created_at", "CREATED", Look::Text, Detail::Columns),
    column("age", "age_s", "AGE", Look::Age, Detail::Columns),
    column("expires", "expires_at", "EXPIRES", Look::Text, Detail::Columns),
    column("state", "state", "STATE", Look::State, Detail::Columns),
    column("fresh_until", "fresh_until", "FRESH-UNTIL", Look::Text, Detail::Head),
    column("status", "status", "STATUS", Look::Status, Detail::Columns),
    column("method", "method", "METHOD", Look::Text, Detail::Columns),
    column("url", "url", "URL", Look::Url, Detail::Columns),
    column("host", "host", "HOST", Look::Text, Detail::Columns),
    column("type", "content_type", "TYPE", Look::Text, Detail::Columns),
    column("encoding", "content_encoding", "ENCODING", Look::Text, Detail::Head),
    column("size", "body_bytes", "SIZE", Look::Bytes, Detail::Columns),
    column("serializer", "serializer", "SERIALIZER", Look::Text, Detail::Columns),
    column("uses", "uses", "USES", Look::Number, Detail::Columns),
    column("used", "last_used_at", "USED", Look::Text, Detail::Columns),
    column("etag", "etag", "ETAG", Look::Text, Detail::Head),
    column("last_modified", "last_modified", "LAST-MODIFIED", Look::Text, Detail::Head),
    column("vary", "vary", "VARY", Look::Text, Detail::Head),
    column("tags", "tags", "TAGS", Look::Text, Detail::Head),
    column("variant", "variant", "VARIANT", Look::Text, Detail::Columns),
    column("credentials", "credentials", "CREDENTIALS", Look::Text, Detail::Columns),
];

/// The columns of these names.
pub fn named(names: &[&str]) -> Result<Vec<&'static Shown>> {
    names.iter().map(|name| one_named(name)).collect()
}

fn one_named(name: &str) -> Result<&'static Shown> {
    let wanted = name.trim().to_ascii_lowercase().replace('-', "_");
    let known = COLUMNS.iter().find(|column| column.name == wanted || column.json == wanted);
    known.ok_or_else(|| {
        Error::usage(format!("there is no column {name:?}"))
            .because(expected(&wanted, COLUMNS.iter().map(|column| column.name)))
            .coded("bad_column")
            .into()
    })
}

impl Shown {
    /// How much of an entry has to be known.
    pub fn needs(&self, settings: &Settings) -> Detail {
        match self.name {
            "state" if !settings.is_usual() => Detail::Head,
            _ => self.detail,
        }
    }

    /// The column of a table.
    pub fn heading(&self) -> Column {
        let right = matches!(self.look, Look::Status | Look::Number | Look::Bytes | Look::Age);
        Column { name: self.heading, right, cut: self.look == Look::Url }
    }

    /// What an entry has there, as it is.
    pub fn cell<'a>(&self, row: &Row<'a>) -> Cell<'a> {
        let (found, view) = (row.found, row.view);
        let head = &found.head;
        let text = |text: &'a str| Cell::Text(Cow::Borrowed(text));
        let maybe = |text: Option<Cow<'a, str>>| text.map_or(Cell::Missing, Cell::Text);
        let time = |at: Option<Timestamp>| at.map_or(Cell::Missing, Cell::Time);
        match self.name {
            "key" => return text(&head.id.key),
            "state" if row.is_damaged => return text(State::Corrupt.name()),
            "stored" => return Cell::Number(found.stored_bytes),
            _ if row.is_damaged => return Cell::Missing,
            _ => {}
        }
        match self.name {
            "created" => Cell::Time(head.created_at),
            "age" => Cell::Number(view.now.since(head.created_at).as_secs()),
            "expires" => time(head.expires_at),
            "state" => text(found.state(view.now, &view.settings).name()),
            "fresh_until" => {
                let fresh = freshness(head, view.now, &view.settings, None);
                time(fresh.fresh_until(head.received_at))
            }
            "status" => Cell::Number(head.status.into()),
            "method" => text(head.request.method.as_str()),
            "url" => Cell::Text(view.secrets.url(head.request.url.as_str())),
            "host" => maybe(head.request.url.host().map(Cow::Borrowed)),
            "type" => maybe(head.headers.get_text("content-type")),
            "encoding" => maybe(head.headers.get_text("content-encoding")),
            "size" => Cell::Number(head.body.bytes),
            "serializer" => maybe(head.serializer.as_deref().map(Cow::Borrowed)),
            "uses" => Cell::Number(head.uses),
            "used" => time(head.last_used_at),
            "etag" => maybe(head.headers.get_text("etag")),
            "last_modified" => maybe(head.headers.get_text("last-modified")),
            "vary" => maybe(head.headers.get_text("vary")),
            "credentials" => text(if found.is_for_credentials() { "yes" } else { "no" }),
            "tags" => Cell::Text(Cow::Owned(head.tags.join(","))),
            _ => text(head.id.variant.as_str()),
        }
    }

    /// What stands in a table; `wide` cuts nothing.
    pub fn text(&self, row: &Row<'_>, wide: bool) -> TintedText {
        let tint = self.tint(row);
        let text = match (self.cell(row), self.look) {
            (Cell::Missing, _) => "-".to_owned(),
            (Cell::Number(bytes), Look::Bytes) => size(bytes),
            (Cell::Number(secs), Look::Age) => age(std::time::Duration::from_secs(secs)),
            (Cell::Number(number), _) => number.to_string(),
            (Cell::Time(at), _) => shown(at),
            (Cell::Text(text), Look::Key) => match wide {
                true => escaped(&row.found.head.id.to_string()).into_owned(),
                false => escaped(&text).chars().take(12).collect(),
            },
            (Cell::Text(url), Look::Url) => {
                let method = &row.found.head.request.method;
                let url = escaped(&url);
                if *method == Method::GET {
                    url.into_owned()
                } else {
                    format!("{} {url}", escaped(method.as_str()))
                }
            }
            // An entry for certain credentials only looks like the one for everybody otherwise.
            (Cell::Text(text), Look::State)
                if !row.is_damaged && row.found.is_for_credentials() =>
            {
                format!("{text} (auth)")
            }
            (Cell::Text(text), _) => escaped(&text).into_owned(),
        };
        (text, tint)
    }

    fn tint(&self, row: &Row<'_>) -> Tint {
        match self.look {
            Look::State if row.is_damaged => Tint::Bad,
            Look::State => match row.found.state(row.view.now, &row.view.settings) {
                State::Fresh => Tint::Good,
                State::Stale => Tint::Middling,
                State::Expired | State::Corrupt => Tint::Bad,
            },
            Look::Status if row.found.head.status >= 400 => Tint::Bad,
            _ => Tint::Plain,
        }
    }
}
