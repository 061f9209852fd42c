//! `get`: one URL through the cache.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use cachectl::{
    Access, Answer, Client, Error, FetchOptions, FollowOptions, InMemoryStorage, MaxStale, Method,
    Request, RequestOptions, Secrets, Settings, Warning, decode,
};
use clap::Args;

use super::fetch::{FetchArgs, Origin};
use super::get_report::{Report, Template};
use super::options::span;
use super::store::{self, OpenStore};
use super::{CommonArgs, StoreArgs, WriteArgs, exit, is_by_variable, said_by_variable};
use crate::config::Config;
use crate::output::sink::{self, Delivery, Sink, Target};
use crate::output::talk;

/// Fetch a URL through the cache; its body goes to standard output.
///
/// The first time the body comes from the origin and is stored while it passes. After that
/// it comes from the store for as long as RFC 9111 allows: fresh entries answer at once,
/// stale ones are validated first.
#[derive(Debug, Args)]
#[command(after_help = EXIT_HELP)]
pub struct GetArgs {
    /// The URL, http or https
    #[arg(value_name = "URL")]
    url: String,

    /// Write the body to FILE, in one piece or not at all; - is standard output, also a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print the status line and the header fields before the body
    #[arg(short, long)]
    include: bool,

    /// Send HEAD; print the header fields only
    #[arg(short = 'I', long, conflicts_with = "request")]
    head: bool,

    /// Use this request method; only GET is stored
    #[arg(short = 'X', long, value_name = "METHOD")]
    request: Option<String>,

    /// Do not follow redirects
    #[arg(long, overrides_with = "location")]
    no_location: bool,

    /// Follow redirects; the default
    #[arg(short = 'L', long, overrides_with = "no_location")]
    location: bool,

    /// Errors are shown anyway; accepted so that the habitual -fsSL works
    #[arg(short = 'S', long)]
    show_error: bool,

    /// After the body print TEXT with %{http_code}, %{content_type}, %{size_download},
    /// %{time_total}, %{url_effective}, %{cache}, %{cache_status}, %{cache_key}, %{age}, %{ttl}
    #[arg(short, long, value_name = "TEXT")]
    write_out: Option<String>,

    /// Try again so often after connection errors, 429 and 502 to 504; obeys Retry-After
    #[arg(long, value_name = "N", default_value_t = 0)]
    retry: u32,

    /// Open no connection: any stored answer will do, stale ones with a warning
    #[arg(long, conflicts_with_all = ["revalidate", "refresh"])]
    offline: bool,

    /// Accept stale answers, up to DUR of staleness
    #[arg(long, value_name = "DUR", num_args = 0..=1, require_equals = true,
          default_missing_value = "any", value_parser = staleness)]
    max_stale: Option<MaxStale>,

    /// Serve a stale answer when the origin fails, up to DUR of staleness
    #[arg(long, value_name = "DUR", num_args = 0..=1, require_equals = true,
          default_missing_value = "any", value_parser = staleness)]
    stale_if_error: Option<MaxStale>,

    /// Look up nothing and store nothing
    #[arg(long, conflicts_with_all = ["force_cache", "offline"])]
    no_store: bool,

    /// Give only what this lock file names; anything else is exit 1
    #[arg(long, value_name = "FILE")]
    locked: Option<PathBuf>,

    /// Trouble with the store is a warning only: the fetch goes on without it
    #[arg(long)]
    best_effort: bool,

    /// Print a status of 400 and above as a failure without its body
    #[arg(short, long)]
    fail: bool,

    /// Print the body of a failure too, also into -o FILE
    #[arg(long, conflicts_with = "fail")]
    fail_with_body: bool,

    /// Treat every status as a success
    #[arg(long, conflicts_with_all = ["fail", "fail_with_body"])]
    no_fail: bool,

    /// Explain the decision on standard error
    #[arg(long)]
    why: bool,

    /// Print a report as JSON; the body goes to -o FILE only
    #[arg(long, conflicts_with_all = ["include", "write_out"])]
    json: bool,

    #[command(flatten)]
    fetch: FetchArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    write: WriteArgs,
}

const EXIT_HELP: &str = "\
Exit codes:
  0 done    1 not what --locked says    4 not in the cache (--offline)    5 delivered, but not stored as it should be
  3 store cannot be used    6 origin cannot be reached    8 output cannot be written
  22 status of 400 or above";

fn staleness(text: &str) -> Result<MaxStale, String> {
    if text == "any" {
        return Ok(MaxStale::Any);
    }
    span(text).map(|span| MaxStale::Secs(span.as_secs()))
}

/// Fetches, delivers, and gives the exit code.
pub fn run(args: GetArgs, common: &CommonArgs) -> Result<u8> {
    let started = Instant::now();
    let config = Config::load(common)?;
    let request = args.request(&config)?;
    let template = args.write_out.as_deref().map(Template::parse).transpose()?;
    let settings = args.settings(&config);
    let open = args.open(&config, common)?;
    let transport = Origin::new(args.fetch.http_options(&config, open.is_in_place()));
    let partition = config.partition();
    let client = Client::new(open.store.clone(), transport)
        .with_settings(settings)
        .with_partition(partition);
    let options = args.fetch_options(&config, started)?;
    let get = Get { args: &args, client: &client, config: &config, common, template, started };
    open.run(get.run(&request, &options))
}

impl GetArgs {
    fn request(&self, config: &Config) -> Result<Request> {
        let method = match &self.request {
            Some(name) => Method::parse(name)?,
            None if self.head => Method::HEAD,
            None => Method::GET,
        };
        self.fetch.request(method, &self.url, config)
    }

    fn settings(&self, config: &Config) -> Settings {
        Settings {
            stale_if_unreachable: self.stale_if_error == Some(MaxStale::Any),
            ..config.settings()
        }
    }

    fn fetch_options(&self, config: &Config, started: Instant) -> Result<FetchOptions> {
        let read = |path| super::lock::read(path, config.all_secrets());
        let lock = self.locked.as_deref().map(read).transpose();
        let lock = lock.map_err(|failure| match said_by_variable("locked") {
            Some(origin) => failure.context(origin),
            None => failure,
        })?;
        Ok(FetchOptions {
            policy: RequestOptions {
                no_store: self.no_store,
                max_stale: self.max_stale,
                stale_if_error: self.stale_if_error,
                offline: self.offline,
                ..self.fetch.policy(&self.write)
            },
            ttl: self.write.ttl.map(|ttl| ttl.0),
            tags: self.fetch.tags.clone(),
            best_effort: self.best_effort,
            retries: self.retry,
            deadline: self.fetch.whole(config).map(|whole| started + whole),
            lock: lock.map(Arc::new),
            ..FetchOptions::default()
        })
    }

    /// Opens the store, before any network use. With `--best-effort` memory stands in for
    /// one that cannot be opened.
    fn open(&self, config: &Config, common: &CommonArgs) -> Result<OpenStore> {
        let chosen = store::choose(&self.store, Some(&self.write), config)?;
        match store::open(&chosen, Access::Create, common) {
            Err(failure) if self.best_effort => {
                let cause = failure.downcast_ref::<Error>().map(Error::causes).unwrap_or_default();
                let what = failure
                    .downcast_ref::<Error>()
                    .map_or_else(String::new, |e| e.message().to_owned());
                talk::warning(&format!("{what}; going on without a store"), &cause);
                Ok(OpenStore::of(Arc::new(InMemoryStorage::new())))
            }
            opened => opened,
        }
    }
}

/// Whether an answer out of the store has a coding that was chosen for another request: whoever
/// asks for none gets the bytes that the origin would have sent.
fn is_coded_for_others(request: &Request, answer: &Answer) -> bool {
    let codings = decode::codings(&answer.headers);
    let Some(entry) = answer.entry.as_ref().filter(|_| answer.cache.fwd_status != Some(200)) else {
        return false;
    };
    !codings.is_empty()
        && answer.status == 200
        && decode::asks_for(&entry.request.headers, &codings)
        && !decode::asks_for(&request.headers, &codings)
}

/// One run of the command.
struct Get<'a> {
    args: &'a GetArgs,
    client: &'a Client,
    config: &'a Config,
    common: &'a CommonArgs,
    template: Option<Template>,
    started: Instant,
}

impl Get<'_> {
    async fn run(&self, request: &Request, options: &FetchOptions) -> Result<u8> {
        let answered = if self.args.no_location {
            self.client.fetch(request, options).await
        } else {
            let follow = FollowOptions { most: self.args.fetch.max_redirs };
            let on_hop = |hop: &Answer| {
                tracing::info!(
                    "{} {}: {}",
                    hop.status,
                    Secrets::built_in().url(hop.url.as_str()),
                    hop.cache
                );
            };
            self.client.fetch_following(request, options, follow, on_hop).await
        };
        let mut answer = answered.map_err(|e| match e.code() {
            "not_cached" if is_by_variable("offline") => match e.hint() {
                Some(hint) if hint.ends_with("--offline") => {
                    e.try_this("the same command with CACHECTL_OFFLINE unset")
                }
                _ => e,
            },
            _ => e,
        })?;
        let decode = self.args.fetch.compressed || is_coded_for_others(request, &answer);
        let delivered = self.deliver(&mut answer, decode).await;
        // Also after trouble with the output: what was stored has its upkeep.
        self.client.finish(&mut answer).await;
        tracing::info!(
            "{} {}: {}",
            answer.status,
            Secrets::built_in().url(answer.url.as_str()),
            answer.cache
        );
        let trouble = self.tell(&answer);
        if self.args.why {
            self.report(&answer, 0).why();
        }
        let size =
            delivered.map_err(|e| sink::advise(e, "the same command again fetches a new copy"))?;
        self.summary(&answer, size)?;
        Ok(self.exit_code(&answer, trouble))
    }

    /// Sends headers and body where they belong; gives the bytes of the body.
    async fn deliver(&self, answer: &mut Answer, decode: bool) -> Result<u64> {
        const SMALL: usize = 64 * 1024;
        let shows_head = self.args.include || self.args.head;
        if decode {
            // What cannot be decoded is not worth keeping.
            answer.hold();
        }
        if shows_head || self.args.json {
            // A small body is stored first, so that the verdict in the head is final.
            answer.read_ahead(SMALL).await?;
            let can_be_decoded =
                answer.rest().is_some_and(|rest| !decode || sink::decodes(&answer.headers, rest));
            if can_be_decoded {
                answer.settle().await?;
            }
        }
        let mut sink = Sink::open(self.target(answer), self.args.output.as_deref())?;
        if shows_head {
            sink.head(&self.report(answer, 0).head())?;
        }
        let size = sink.body(answer, Delivery { decode }).await?;
        answer.settle().await?;
        sink.finish()?;
        Ok(size)
    }

    /// Where the body goes.
    fn target(&self, answer: &Answer) -> Target {
        let failed = answer.status >= 400 && !self.args.no_fail;
        let to_file = self.args.output.as_ref().is_some_and(|path| path.as_os_str() != "-");
        let forced = self.args.output.is_some() && !to_file;
        // No body is another thing than one of no bytes: the file stays as it is.
        let is_bodiless = matches!(answer.status, 204 | 205 | 304);
        match () {
            () if self.args.head => Target::HeadOnly,
            () if is_bodiless && to_file => Target::Nowhere,
            () if failed && self.args.fail => Target::Nowhere,
            () if failed && to_file && !self.args.fail_with_body => Target::Complaint,
            () if to_file => Target::File,
            () if self.args.json => Target::Nowhere,
            () => Target::Stdout { even_binary: forced },
        }
    }

    fn report<'r>(&'r self, answer: &'r Answer, size: u64) -> Report<'r> {
        Report {
            answer,
            size,
            elapsed: self.started.elapsed(),
            settings: self.client.settings(),
            secrets: self.config.secrets(self.common),
        }
    }

    /// Warns of what the caller should know; tells whether the store was the trouble.
    fn tell(&self, answer: &Answer) -> bool {
        let mut trouble = false;
        for warning in &answer.warnings {
            match warning {
                Warning::Stale(because) => {
                    let url = self.config.secrets(self.common);
                    let url = url.url(answer.url.as_str());
                    talk::warning(&format!("{url} is stale"), &because.to_string());
                }
                Warning::Origin(e) => talk::warning(e.message(), &e.causes()),
                Warning::Damaged(e) => {
                    talk::warning(&format!("{}; it counts as absent", e.message()), &e.causes());
                }
                Warning::Store(e) => {
                    trouble = true;
                    let what = if answer.cache.stored { "stored, but" } else { "not stored:" };
                    talk::warning(&format!("{what} {}", e.message()), &e.causes());
                    if let Some(hint) = e.hint() {
                        talk::note(&format!("  try:   {hint}"));
                    }
                }
                _ => {}
            }
        }
        trouble
    }

    fn summary(&self, answer: &Answer, size: u64) -> Result<()> {
        let report = self.report(answer, size);
        if let Some(template) = &self.template {
            crate::output::sink::print(&template.fill(&report))?;
        }
        if self.args.json {
            crate::output::sink::print(&format!("{}\n", report.json()))?;
        }
        Ok(())
    }

    fn exit_code(&self, answer: &Answer, trouble: bool) -> u8 {
        if answer.status >= 400 && !self.args.no_fail {
            if self.args.fail {
                let url = self.config.secrets(self.common).url(answer.url.as_str()).into_owned();
                talk::note(&format!("{url} answered {}", answer.status));
            }
            return exit::HTTP_STATUS;
        }
        if trouble && !self.args.best_effort { exit::PARTIAL } else { exit::DONE }
    }
}
