//! `explain`: why a request would be a hit or a miss, and what `get` would do. Offline.

use std::fmt::Write as _;

use anyhow::Result;
use async_trait::async_trait;
use cachectl::interchange::urls::is_url;
use cachectl::policy::{self, Decision, Forward, Freshness, Fwd, LifetimeSource, Plan, VaryCheck};
use cachectl::{
    Access, CacheStatus, Client, Detail, EntryHead, Error, ErrorKind, Found, Incoming, Method,
    Outgoing, Query, Request, RequestOptions, Secrets, Settings, Timestamp, Transport, UrlText,
    is_about_one,
};
use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::options::Format;
use super::selection::find_named;
use super::store::OpenStore;
use super::{CommonArgs, OutputArgs, StoreArgs, exit, fetch, store};
use crate::config::Config;
use crate::output::columns::View;
use crate::output::entry::EntryObject;
use crate::output::sink;
use crate::output::talk;
use crate::output::text::{escaped, size};

/// Say why a request would be a hit or a miss.
///
/// Nothing is asked of the network and nothing is changed. The verdict is that of the next
/// get with the same options.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A URL, or the key of an entry, whose own request is then taken
    #[arg(value_name = "KEY|URL")]
    target: String,

    /// As if the request had this method
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,

    /// As if the request had this header field
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// How many near misses are shown, and how many entries are looked at for them: a listing
/// of a far store costs.
const MOST_CLOSEST: usize = 3;
const MOST_SCANNED: usize = 200_000;
const MOST_SCANNED_FAR: usize = 5_000;

/// The way to an origin that leads nowhere: explaining opens no connection.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Outgoing) -> cachectl::Result<Incoming> {
        Err(Error::new(ErrorKind::Internal, "explain was about to open a connection"))
    }

    async fn pause(&self, _: std::time::Duration) {}
}

/// Explains; gives the exit code.
pub fn run(args: &ExplainArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    let settings = config.settings();
    let partition = config.partition();
    let explained = open.run(async {
        let client = Client::new(open.store.clone(), Nowhere)
            .with_settings(settings.clone())
            .with_partition(partition.clone());
        let (request, key) = args.request(&config, &open, &client, &partition).await?;
        // What cannot be read is a miss, for get too.
        let (found, trouble) = match open.store.candidates(&key).await {
            Err(e) if is_about_one(&e) => (Vec::new(), Some(e)),
            found => (found?, None),
        };
        let heads: Vec<EntryHead> = found.iter().map(|f| f.head.clone()).collect();
        let now = Timestamp::now();
        let options = RequestOptions::default();
        let decision = policy::plan(&request, &heads, now, &settings, &options);
        let closest = match &decision.plan {
            Plan::Forward(Forward { why: Fwd::UriMiss, .. }) => closest(&open, &request).await?,
            _ => Vec::new(),
        };
        let secrets = config.secrets(common);
        let explained =
            Explained { request, key, heads, decision, closest, now, settings, secrets };
        Ok((explained, trouble))
    })?;
    let (explained, trouble) = explained;
    match args.output.wanted() {
        Some(Format::Json) => {
            sink::print(&format!("{}\n", serde_json::to_string_pretty(&explained.object())?))?;
        }
        Some(Format::Ndjson) => {
            sink::print(&format!("{}\n", serde_json::to_string(&explained.object())?))?;
        }
        _ => sink::print(&explained.text())?,
    }
    let Some(trouble) = trouble else { return Ok(exit::DONE) };
    talk::warning(trouble.message(), &trouble.causes());
    Ok(exit::PARTIAL)
}

impl ExplainArgs {
    /// The request in question, and the key under which its answer is looked for.
    async fn request(
        &self,
        config: &Config,
        open: &OpenStore,
        client: &Client,
        partition: &str,
    ) -> Result<(Request, String)> {
        let method = self.method.as_deref().map(Method::parse).transpose()?;
        if is_url(&self.target) {
            let method = method.unwrap_or(Method::GET);
            let request = fetch::request_for(
                method,
                &self.target,
                &fetch::headers_of(&self.headers)?,
                false,
                config,
            )?;
            let key = client.key_of(&request).0;
            return Ok((request, key));
        }
        let found =
            find_named(open, &self.target, &Method::GET, partition).await?.swap_remove(0)?;
        let mut request = found.head.request;
        if let Some(method) = method {
            request.method = method;
        }
        fetch::add_said(&mut request, &fetch::headers_of(&self.headers)?);
        Ok((request, found.head.id.key))
    }
}

/// Entries that were perhaps meant: the same host and path with another query first, then
/// those that a slip of the hand makes of them.
async fn closest(open: &OpenStore, request: &Request) -> Result<Vec<Found>> {
    let far = open.store.capabilities().remote;
    let most = if far { MOST_SCANNED_FAR } else { MOST_SCANNED };
    let mut scan = open.store.scan(Query::with_detail(Detail::Columns)).take(most);
    let (mut same, mut alike) = (Vec::new(), Vec::new());
    let asked = request.url.clone();
    while let Some(item) = scan.next().await {
        crate::signals::check()?;
        let found = match item {
            Err(e) if is_about_one(&e) => continue,
            found => found?,
        };
        let url = &found.head.request.url;
        if (url.host(), url.path()) == (asked.host(), asked.path()) {
            same.push(found);
            if same.len() == MOST_CLOSEST {
                break;
            }
        } else if alike.len() < MOST_CLOSEST && likeness(url) == likeness(&asked) {
            alike.push(found);
        }
    }
    same.extend(alike);
    same.truncate(MOST_CLOSEST);
    Ok(same)
}

/// What stays of a URL when what is easily mistaken goes: letter case, names of this machine,
/// `www`, a slash or an ending at the end.
fn likeness(url: &UrlText) -> (String, String) {
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    let host = match host.as_str() {
        "127.0.0.1" | "[::1]" => "localhost",
        host => host.strip_prefix("www.").unwrap_or(host),
    };
    let path = url.path().to_ascii_lowercase();
    let path = path.trim_end_matches('/');
    let path = match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') && ending.len() <= 5 => stem,
        _ => path,
    };
    let path = path.strip_suffix("/index").unwrap_or(path);
    (host.to_owned(), path.to_owned())
}

struct Explained {
    request: Request,
    key: String,
    heads: Vec<EntryHead>,
    decision: Decision,
    closest: Vec<Found>,
    now: Timestamp,
    settings: Settings,
    secrets: Secrets,
}

/// What a verdict is made of, for machines.
#[derive(Serialize)]
struct Object {
    verdict: &'static str,
    fwd: Option<&'static str>,
    key: String,
    lifetime_s: Option<u64>,
    lifetime_source: Option<&'static str>,
    age_s: Option<u64>,
    remaining_s: Option<i64>,
    vary: Vec<VaryObject>,
    validators: Vec<[String; 2]>,
    reasons: Vec<ReasonObject>,
    closest: Vec<EntryObject>,
    cache_status: String,
}

#[derive(Serialize)]
struct VaryObject {
    name: String,
    stored: Option<String>,
    request: Option<String>,
    #[serde(rename = "match")]
    matches: bool,
}

#[derive(Serialize)]
struct ReasonObject {
    code: &'static str,
    text: String,
}

impl Explained {
    /// The entry that the decision is about: the one selected, or the one that comes nearest.
    fn head(&self) -> Option<&EntryHead> {
        self.decision.selected.map(|i| &self.heads[i]).or(self.heads.first())
    }

    fn forward(&self) -> Option<&Forward> {
        match &self.decision.plan {
            Plan::Forward(forward) => Some(forward),
            _ => None,
        }
    }

    fn status(&self) -> CacheStatus {
        let detail = match &self.decision.plan {
            Plan::Answer(answer) => answer.stale.map(|because| because.name()),
            _ => None,
        };
        CacheStatus {
            fwd: self.forward().map(|forward| forward.why),
            ttl: self.decision.freshness.map(|f| f.ttl_secs()),
            detail,
            key: Some(self.key.clone()),
            ..CacheStatus::default()
        }
    }

    /// `hit`, `stale`, `miss` or `bypass`.
    fn verdict(&self) -> &'static str {
        match &self.decision.plan {
            Plan::Answer(answer) if answer.stale.is_some() => "stale",
            Plan::Answer(_) => "hit",
            Plan::Forward(Forward { why: Fwd::Bypass | Fwd::Method, .. }) => "bypass",
            Plan::Forward(Forward {
                why: Fwd::Stale | Fwd::Request, selected: Some(_), ..
            }) => "stale",
            Plan::Forward(_) | Plan::Refuse => "miss",
        }
    }

    fn vary(&self) -> Vec<VaryCheck> {
        let checks = |head| policy::vary_checks(head, &self.request.headers, &self.settings);
        self.head().map(checks).unwrap_or_default()
    }

    fn validators(&self) -> Vec<[String; 2]> {
        let Some(head) = self.head() else { return Vec::new() };
        let field = |name: &str| {
            let value = head.headers.get_text(name)?.into_owned();
            Some([name.to_owned(), value])
        };
        ["ETag", "Last-Modified"].into_iter().filter_map(field).collect()
    }

    fn url(&self) -> String {
        self.secrets.url(self.request.url.as_str()).into_owned()
    }

    /// A value of a request or response field, hidden where it is a credential.
    fn shown(&self, name: &str, value: Option<&[u8]>) -> Option<String> {
        value.map(|value| self.secrets.header_value(name, value).into_owned())
    }

    fn object(&self) -> Object {
        let freshness = self.decision.freshness.as_ref();
        let view =
            View { now: self.now, settings: self.settings.clone(), secrets: self.secrets.clone() };
        let entry = |found: &Found| EntryObject::of(found, &view);
        let vary = self.vary().into_iter().map(|check| VaryObject {
            stored: self.shown(&check.name, check.stored.as_deref()),
            request: self.shown(&check.name, check.request.as_deref()),
            name: check.name,
            matches: check.matches,
        });
        let reasons = self.decision.reasons.iter();
        Object {
            verdict: self.verdict(),
            fwd: self.forward().map(|forward| forward.why.token()),
            key: self.key.clone(),
            lifetime_s: freshness.map(|f| f.lifetime.as_secs()),
            lifetime_source: freshness.map(|f| f.source.name()),
            age_s: freshness.map(|f| f.age().as_secs()),
            remaining_s: freshness.map(Freshness::ttl_secs),
            vary: vary.collect(),
            validators: self.validators(),
            reasons: reasons
                .map(|reason| ReasonObject { code: reason.code(), text: reason.to_string() })
                .collect(),
            closest: self.closest.iter().map(entry).collect(),
            cache_status: self.status().to_string(),
        }
    }

    fn text(&self) -> String {
        let key: String = self.key.chars().take(12).collect();
        let verdict = self.verdict().to_ascii_uppercase();
        let method = &self.request.method;
        let mut text =
            format!("{verdict:<6} {method} {}   {}\n", escaped(&self.url()), escaped(&key));
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<12} {}", escaped(value));
        };
        for reason in &self.decision.reasons {
            let (code, said) = (reason.code(), reason.to_string());
            let repeats = said.starts_with(code);
            line("reason", &if repeats { said } else { format!("{code}: {said}") });
        }
        if let (Some(freshness), Some(head)) = (&self.decision.freshness, self.head()) {
            line("lifetime", &lifetime(freshness, head));
            let (initial, resident) = (freshness.initial_age, freshness.resident);
            let age = freshness.age().as_secs();
            let parts =
                format!("{}s when it came, {}s here", initial.as_secs(), resident.as_secs());
            line("age", &format!("{:<8} {parts}", format!("{age}s")));
            line("remaining", &format!("{}s", freshness.ttl_secs()));
        }
        for check in self.vary() {
            let value = |value: Option<&[u8]>| {
                let shown = self.shown(&check.name, value);
                shown.map_or("nothing".to_owned(), |text| format!("{text:?}"))
            };
            let word = if check.matches { "match" } else { "no match" };
            let (stored, asked) = (value(check.stored.as_deref()), value(check.request.as_deref()));
            line("vary", &format!("{}: stored {stored}, request {asked}, {word}", check.name));
        }
        for [name, value] in self.validators() {
            line("validator", &format!("{name} {value}"));
        }
        for found in &self.closest {
            let url = self.secrets.url(found.head.request.url.as_str()).into_owned();
            let state = cachectl::State::of(&found.head, self.now, &self.settings);
            line("closest", &format!("{url}   {state}  {}", size(found.head.body.bytes)));
        }
        line("next get", &self.next());
        text
    }

    /// What `get` would do.
    fn next(&self) -> String {
        let forward = match &self.decision.plan {
            Plan::Answer(answer) if answer.revalidate => {
                return "answers from the store, then asks the origin".to_owned();
            }
            Plan::Answer(_) => return "answers from the store".to_owned(),
            Plan::Refuse => return "is refused: neither store nor origin may answer".to_owned(),
            Plan::Forward(forward) => forward,
        };
        let conditions: Vec<String> = ["If-None-Match", "If-Modified-Since"]
            .into_iter()
            .filter(|name| forward.headers.contains(name) && !self.request.headers.contains(name))
            .filter_map(|name| Some(format!("{name}: {}", forward.headers.get_text(name)?)))
            .collect();
        let how = if conditions.is_empty() {
            "a plain request".to_owned()
        } else {
            format!("{}; a 304 keeps the body", conditions.join(", "))
        };
        let storing = if forward.store { "" } else { "; the answer is not stored" };
        format!("fwd={}: {how}{storing}", forward.why.token())
    }
}

/// The lifetime, and the field that gives it.
fn lifetime(freshness: &Freshness, head: &EntryHead) -> String {
    let field = |name: &str| {
        head.headers.get_text(name).map_or(String::new(), |value| format!("{name}: {value}"))
    };
    let source = match freshness.source {
        LifetimeSource::SMaxage | LifetimeSource::MaxAge => field("Cache-Control"),
        LifetimeSource::Expires => field("Expires"),
        LifetimeSource::Heuristic => {
            format!("a share of the time since {}", field("Last-Modified"))
        }
        LifetimeSource::StoreTtl => "stored by force, for as long as the store's TTL".to_owned(),
        LifetimeSource::None => "no field gives one".to_owned(),
    };
    format!("{:<8} {source}", format!("{}s", freshness.lifetime.as_secs()))
}
