//! Which entries a command is about: keys, URLs, and what has to hold for them.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::Result;
use cachectl::interchange::urls::is_url;
use cachectl::transfer::{Spool, sorted};
use cachectl::{
    Cursor, Detail, EntryId, Error, ErrorKind, Filter, FilterError, Found, Key, Method, Moment,
    Order, Piece, Query, Request, Secrets, Settings, Sort, SortBy, Stamp, Timestamp, UrlText,
    is_about_one,
};
use clap::Args;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use super::store::OpenStore;
use crate::config::Config;
use crate::input::Names;

/// Different options combine with and; one that is repeated, or a list, with or.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Keys that match this glob
    #[arg(long, value_name = "GLOB")]
    key: Vec<String>,

    /// URLs that match this glob: * any characters, ? one, [a-z]
    #[arg(long, value_name = "GLOB")]
    url: Vec<String>,

    /// Hosts that match this glob
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    host: Vec<String>,

    /// URLs in which this regular expression is found
    #[arg(long, value_name = "RE")]
    url_regex: Vec<String>,

    /// Requests with this method
    #[arg(long, value_name = "METHOD", value_delimiter = ',')]
    method: Vec<String>,

    /// Status codes: 200, 4xx, 400.., ..300, 500..=599, several with commas
    #[arg(long, value_name = "SET")]
    status: Vec<String>,

    /// Content types that match this glob, such as image/*
    #[arg(long = "type", value_name = "GLOB", value_delimiter = ',')]
    content_type: Vec<String>,

    /// fresh, stale, expired or corrupt
    #[arg(long, value_name = "STATE", value_delimiter = ',')]
    state: Vec<String>,

    /// Written by this serializer
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    stored_as: Vec<String>,

    /// With this tag
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,

    /// Stored before this: a duration ago, or a time
    #[arg(long, value_name = "WHEN")]
    older_than: Option<String>,

    /// Stored after this: a duration ago, or a time
    #[arg(long, value_name = "WHEN")]
    newer_than: Option<String>,

    /// Not used for so long
    #[arg(long, value_name = "DURATION")]
    unused_for: Option<String>,

    /// Bodies larger than this
    #[arg(long, value_name = "SIZE")]
    larger_than: Option<String>,

    /// Bodies smaller than this
    #[arg(long, value_name = "SIZE")]
    smaller_than: Option<String>,

    /// An expression, such as "host ~ '*.example.com' and status in 5xx and age > 7d"
    #[arg(long = "where", value_name = "EXPR")]
    expression: Vec<String>,

    /// Keys or URLs, one a line; - is standard input
    #[arg(long, value_name = "FILE")]
    keys_from: Option<PathBuf>,

    /// The order: a field as in --where, with :desc for the largest first; repeat for more
    #[arg(long, value_name = "FIELD[:desc]", value_delimiter = ',')]
    sort: Vec<String>,

    /// At most this many; 0 is no limit
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

/// A selection that was understood.
pub struct Selection {
    /// Keys and URLs that were named; empty for none.
    targets: Vec<String>,
    /// More of them, in a file.
    listed: Option<Names>,
    /// Nothing was named: the whole store is looked through.
    pub scans: bool,
    pub filter: Filter,
    pub sort: SortBy,
    /// How many at most, where that was said; 0 is no limit.
    pub limit: Option<u64>,
    /// Only what lies behind this.
    pub after: Option<Cursor>,
    method: Method,
    partition: String,
    pub now: Timestamp,
    pub settings: Settings,
}

/// What a selection brings, so that nobody forgets what is no entry.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are entries")]
pub enum Selected {
    /// An entry.
    Entry(Found),
    /// One that is meant and cannot be read. The others are none the worse for it; in the end
    /// the exit code says so.
    Unread(Error),
    /// One that was named and is not there.
    Missing(Error),
}

impl Selected {
    /// Trouble with anything else than one entry stays an error.
    fn of(item: Result<Found>) -> Result<Self> {
        match item.map_err(anyhow::Error::downcast::<Error>) {
            Ok(found) => Ok(Selected::Entry(found)),
            Err(Ok(error)) if is_about_one(&error) => Ok(Selected::Unread(error)),
            Err(Ok(error)) if error.kind() == ErrorKind::NotFound => Ok(Selected::Missing(error)),
            Err(Ok(error)) => Err(error.into()),
            Err(Err(failure)) => Err(failure),
        }
    }
}

/// A prefix of a key has to have this many characters.
const SHORTEST_PREFIX: usize = 6;

impl SelectionArgs {
    /// One filter for all options.
    fn filter(&self) -> Result<Filter> {
        let any = |flag: &str, operator: &str, values: &[String]| -> Result<Filter> {
            // The options are called like the fields, all but two.
            let field = match flag {
                "--url-regex" => "url",
                "--stored-as" => "serializer",
                flag => flag.trim_start_matches("--"),
            };
            let test = |value: &String| {
                let test = Filter::test(field, operator, value);
                told_by(flag, test.map_err(|e| not_a_value(flag, value, &e)))
            };
            Ok(Filter::any(values.iter().map(test).collect::<Result<Vec<_>>>()?))
        };
        let one = |flag: &str, field: &str, operator: &str, value: &Option<String>| {
            let Some(value) = value else { return Ok(Filter::everything()) };
            let test = Filter::test(field, operator, value).map_err(|_| {
                let example = if field == "size" { "10k, 5Mi" } else { "7d, 2h, 2026-01-31" };
                Error::usage(format!("{flag} {value} cannot be read")).try_this(example)
            });
            told_by(flag, test)
        };
        let status = |set: &String| {
            let filter = Filter::parse(&format!("status in ({set})"));
            let filter = filter.map_err(|_| {
                Error::usage(format!("--status {set:?} cannot be used"))
                    .because("it is not a set of status codes")
                    .try_this("--status 200, 4xx, 400.., 500..=599, or several with commas")
            });
            told_by("--status", filter)
        };
        let status = self.status.iter().map(status).collect::<Result<Vec<_>>>()?;
        let parsed = self.expression.iter().map(|text| told_by("--where", Filter::parse(text)));
        let mut filter = any("--key", "~", &self.key)?
            .and(any("--url", "~", &self.url)?)
            .and(any("--host", "~", &self.host)?)
            .and(any("--url-regex", "=~", &self.url_regex)?)
            .and(any("--method", "=", &self.method)?)
            .and(Filter::any(status))
            .and(any("--type", "~", &self.content_type)?)
            .and(any("--state", "=", &self.state)?)
            .and(any("--stored-as", "=", &self.stored_as)?)
            .and(any("--tag", "=", &self.tag)?)
            .and(one("--older-than", "created", "<", &self.older_than)?)
            .and(one("--newer-than", "created", ">", &self.newer_than)?)
            .and(one("--unused-for", "idle", ">", &self.unused_for)?)
            .and(one("--larger-than", "size", ">", &self.larger_than)?)
            .and(one("--smaller-than", "size", "<", &self.smaller_than)?);
        for expression in parsed {
            filter = filter.and(expression?);
        }
        Ok(filter)
    }

    /// Whether nothing beside keys and URLs on the command line says which entries.
    pub fn names_only(&self) -> bool {
        self.keys_from.is_none() && self.filter().is_ok_and(|filter| filter.is_everything())
    }

    /// Reads everything that was said; `named` are keys and URLs.
    pub fn resolve(&self, named: &[String], config: &Config) -> Result<Selection> {
        let filter = self.filter()?;
        let listed = self.keys_from.as_deref().map(|path| Names::read(path, "the keys"));
        Ok(Selection {
            // A file without a key in it names nothing, and not everything.
            scans: named.is_empty() && self.keys_from.is_none(),
            targets: named.to_vec(),
            listed: listed.transpose()?,
            filter,
            sort: SortBy::parse(self.sort.iter().map(String::as_str))?,
            limit: self.limit,
            after: None,
            method: match &self.method[..] {
                [method] => Method::parse(&method.to_ascii_uppercase())?,
                _ => Method::GET,
            },
            partition: config.partition(),
            now: Timestamp::now(),
            settings: config.settings(),
        })
    }
}

/// An outcome that an option has led to: its error names the variable that said it.
fn told_by<T>(flag: &str, outcome: cachectl::Result<T>) -> Result<T> {
    outcome.map_err(|error| {
        let failure = anyhow::Error::from(error);
        match super::said_by_variable(flag.trim_start_matches("--")) {
            Some(origin) => failure.context(origin),
            None => failure,
        }
    })
}

/// The error of an option whose value no entry can have, in words about that option.
fn not_a_value(flag: &str, value: &str, error: &Error) -> Error {
    let expected = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<FilterError>())
        .map_or_else(|| error.message().to_owned(), |e| format!("expected {}", e.expected));
    Error::usage(format!("{flag} {value:?} cannot be used")).because(expected).coded("bad_filter")
}

impl Selection {
    /// Whether nothing was said about which entries.
    pub fn is_everything(&self) -> bool {
        self.scans && self.filter.is_everything()
    }

    /// Whether entries were named, one by one, and nothing else was said.
    pub fn is_named(&self) -> bool {
        !self.scans
    }

    pub fn moment(&self) -> Moment<'_> {
        Moment { now: self.now, settings: &self.settings }
    }

    /// How many entries, where there is a limit.
    pub fn most(&self) -> Option<u64> {
        self.limit.filter(|limit| *limit > 0)
    }

    /// Everything that is meant, with at least this much of each, in the order that was
    /// asked for, else as it is found.
    pub fn entries<'a>(
        &'a self,
        open: &'a OpenStore,
        detail: Detail,
    ) -> BoxStream<'a, Result<Selected>> {
        let most = self.most().and_then(|most| usize::try_from(most).ok());
        self.some(open, detail, most)
    }

    /// The same with another limit.
    pub fn some<'a>(
        &'a self,
        open: &'a OpenStore,
        detail: Detail,
        most: Option<usize>,
    ) -> BoxStream<'a, Result<Selected>> {
        self.found(open, detail, most).map(Selected::of).boxed()
    }

    /// The same, with what is no entry as errors.
    fn found<'a>(
        &'a self,
        open: &'a OpenStore,
        detail: Detail,
        most: Option<usize>,
    ) -> BoxStream<'a, Result<Found>> {
        let detail = detail.max(self.sort.needs(&self.settings));
        let named = stream::iter(self.targets()).then(move |target| async move {
            let found = match target {
                Ok(target) => find_named(open, &target, &self.method, &self.partition).await,
                Err(e) => Err(e),
            };
            match found {
                Ok(found) => found.into_iter().map(|found| found.map_err(Into::into)).collect(),
                Err(e) => vec![Err(e)],
            }
        });
        let named = named.flat_map(stream::iter);
        let query = self.query(open, detail, most);
        let is_sorted = query.sort.is_some();
        let scanned =
            self.scans.then(|| open.store.scan(query).map(|item| item.map_err(Into::into)));
        let all = named.chain(stream::iter(scanned).flatten());
        let mut seen = open.store.capabilities().scan_repeats.then(HashSet::new);
        let meant = all.filter(move |item| {
            let mut is_new = |found: &Found| {
                seen.as_mut().is_none_or(|seen| seen.insert(found.head.id.fingerprint()))
            };
            let meant = match item {
                Ok(found) => self.admits(found) && is_new(found),
                Err(failure) => self.admits_failure(failure),
            };
            async move { meant }
        });
        let ordered = match self.sort.is_any() || is_sorted {
            true => meant.boxed(),
            false => sorted(meant.boxed(), &self.sort, most, self.moment()),
        };
        match most {
            Some(most) => first(ordered, most),
            None => ordered,
        }
    }

    /// Everything that was named.
    fn targets(&self) -> impl Iterator<Item = Result<String>> + '_ {
        let listed = self.listed.iter().flat_map(Names::iter);
        self.targets.iter().cloned().map(Ok).chain(listed)
    }

    /// Which entries are meant, without holding on to the store: a scan that stays open
    /// while entries are changed makes a database grow. What cannot be listed is told to
    /// `trouble`.
    pub async fn names(
        &self,
        open: &OpenStore,
        trouble: &mut dyn FnMut(Error) -> Result<()>,
    ) -> Result<Spool<(EntryId, Stamp)>> {
        let mut names = Spool::default();
        let mut entries = self.entries(open, Detail::Columns);
        while let Some(item) = entries.next().await {
            crate::signals::check()?;
            match item? {
                Selected::Entry(found) => names.push(&(found.head.id, found.stamp))?,
                Selected::Unread(error) | Selected::Missing(error) => trouble(error)?,
            }
        }
        Ok(names)
    }

    /// The same for the library's own work.
    pub fn plain_entries<'a>(
        &'a self,
        open: &'a OpenStore,
        detail: Detail,
    ) -> BoxStream<'a, cachectl::Result<Found>> {
        let plain = |failure: anyhow::Error| {
            let internal = |e: anyhow::Error| Error::new(ErrorKind::Internal, e.to_string());
            failure.downcast::<Error>().unwrap_or_else(internal)
        };
        let most = self.most().and_then(|most| usize::try_from(most).ok());
        self.found(open, detail, most).map(move |item| item.map_err(plain)).boxed()
    }

    /// What the store is asked for.
    fn query(&self, open: &OpenStore, detail: Detail, most: Option<usize>) -> Query {
        let mut query = Query::of(&self.filter, self.moment()).and_detail(detail);
        query.after.clone_from(&self.after);
        // A store can only keep to a limit where nothing is left out behind its back.
        if open.store.capabilities().sorts && self.filter.is_everything() {
            let by =
                self.sort.only().and_then(|(name, descending)| Some((order_of(name)?, descending)));
            query.sort = by
                .zip(most.filter(|most| *most <= MOST_SORTED_BY_STORE))
                .map(|((by, descending), limit)| Sort { by, descending, limit });
        }
        query
    }

    fn admits(&self, found: &Found) -> bool {
        found.is_meant_by(&self.filter, self.moment())
    }

    /// Whether an error is about an entry that is meant, or about no entry.
    fn admits_failure(&self, failure: &anyhow::Error) -> bool {
        let piece = failure.downcast_ref::<Error>().and_then(Piece::of);
        piece.is_none_or(|piece| {
            let key = piece.key.as_deref().unwrap_or_default();
            self.filter.matches_damaged(key, piece.bytes, self.moment()) == Some(true)
        })
    }
}

/// A store is asked to sort no more than this.
const MOST_SORTED_BY_STORE: usize = 10_000;

/// What a store calls a field that can be sorted by.
fn order_of(name: &str) -> Option<Order> {
    Some(match name {
        "stored" => Order::Stored,
        "size" => Order::Size,
        "created" => Order::Created,
        "expires" => Order::Expires,
        "uses" => Order::Uses,
        "used" => Order::Used,
        "status" => Order::Status,
        "key" => Order::Key,
        "url" => Order::Url,
        "host" => Order::Host,
        _ => return None,
    })
}

/// The first so many entries; damaged ones among them do not count.
fn first<'a>(entries: BoxStream<'a, Result<Found>>, most: usize) -> BoxStream<'a, Result<Found>> {
    let count = stream::unfold((entries, most), |(mut entries, left)| async move {
        if left == 0 {
            return None;
        }
        let item = entries.next().await?;
        let left = left - usize::from(item.is_ok());
        Some((item, (entries, left)))
    });
    count.boxed()
}

/// Entries that an argument names, and what cannot be read of them; none is an error.
pub async fn find_named(
    open: &OpenStore,
    target: &str,
    method: &Method,
    partition: &str,
) -> Result<Vec<cachectl::Result<Found>>> {
    let found = find(open, target, method, partition).await?;
    if found.is_empty() {
        let shown = Secrets::built_in().url(target).into_owned();
        return Err(Error::new(ErrorKind::NotFound, format!("{shown} is not in the cache"))
            .coded("not_cached")
            .try_this("cachectl list")
            .into());
    }
    Ok(found)
}

/// Entries that an argument names.
async fn find(
    open: &OpenStore,
    target: &str,
    method: &Method,
    partition: &str,
) -> Result<Vec<cachectl::Result<Found>>> {
    if is_url(target) {
        let url = UrlText::parse(target)?;
        let request = Request::new(method.clone(), url);
        let key = open.store.rules().key_of(&request, partition);
        return match open.store.capabilities().native_keys {
            true => of_url(open, &request, &key).await,
            false => under(open, &key).await,
        };
    }
    let exact = under(open, target).await?;
    if !exact.is_empty() || Key::is_native(target) {
        return Ok(exact);
    }
    if target.chars().count() < SHORTEST_PREFIX {
        return Err(Error::usage(format!(
            "{target:?} is too short for the beginning of a key ({SHORTEST_PREFIX} characters)"
        ))
        .try_this("cachectl list --format wide")
        .into());
    }
    let mut scan = open.store.scan(Query::with_key_prefix(target));
    let mut found: Vec<cachectl::Result<Found>> = Vec::new();
    let mut key: Option<String> = None;
    while let Some(item) = scan.next().await {
        let item = match item {
            Err(e) if is_about_one(&e) => {
                // Whose key is not known may be anybody's.
                let is_meant = Piece::of(&e)
                    .and_then(|piece| piece.key.as_deref())
                    .is_some_and(|key| key.starts_with(target));
                found.extend(is_meant.then_some(Err(e)));
                continue;
            }
            item => item?,
        };
        if key.as_deref().is_some_and(|first| first != &*item.head.id.key) {
            return Err(Error::usage(format!("several keys begin with {target:?}"))
                .try_this("more of the key")
                .into());
        }
        key = Some(item.head.id.key.to_string());
        found.push(Ok(item));
    }
    Ok(found)
}

/// All entries of a URL, for whomever they are: somebody who looks for a URL, or removes it, means
/// every one (rule K4). Those of one's own partition come first.
async fn of_url(
    open: &OpenStore,
    request: &Request,
    key: &str,
) -> Result<Vec<cachectl::Result<Found>>> {
    let mut found = under(open, key).await?;
    let common = Key::common(key);
    let mut scan = open.store.scan(Query::with_key_prefix(common));
    while let Some(item) = scan.next().await {
        match item {
            Ok(item) => {
                let head = &item.head;
                let (other, method) = (&head.request.url, &head.request.method);
                let is_meant = *other == request.url && *method == request.method;
                if head.id.key != key && is_meant {
                    found.push(Ok(item));
                }
            }
            Err(e) if is_about_one(&e) => {
                let of = Piece::of(&e).and_then(|piece| piece.key.as_deref());
                let is_other = of.is_some_and(|of| of != key && of.starts_with(common));
                found.extend(is_other.then_some(Err(e)));
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(found)
}

/// What lies under a key: trouble with one entry does not hide the others.
async fn under(open: &OpenStore, key: &str) -> Result<Vec<cachectl::Result<Found>>> {
    let trouble = match open.store.candidates(key).await {
        Ok(found) => return Ok(found.into_iter().map(Ok).collect()),
        Err(e) if is_about_one(&e) => e,
        Err(e) => return Err(e.into()),
    };
    let mut found = vec![Err(trouble)];
    let mut scan = open.store.scan(Query::with_key_prefix(key));
    while let Some(item) = scan.next().await {
        match item {
            Ok(item) if item.head.id.key == key => found.push(Ok(item)),
            Err(e) if !is_about_one(&e) => return Err(e.into()),
            _ => {}
        }
    }
    Ok(found)
}
