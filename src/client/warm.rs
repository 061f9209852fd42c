//! Filling a store: many URLs through one client, politely.
//!
//! What is fresh is left alone, what is stale is validated, what is missing is fetched;
//! bodies go into the store and nowhere else. Only requests that really go out count
//! against the limits, redirects and retries included, so that entries which are fresh
//! already are passed as fast as the store can look.
//!
//! ```no_run
//! use cachectl::client::warm::{Target, WarmOptions, Warmer};
//! use cachectl::{Client, HttpOptions, HttpTransport, Method, open};
//!
//! # async fn example() -> cachectl::Result<()> {
//! let store = open("sqlite:cache.db").await?;
//! let client = Client::new(store, HttpTransport::new(HttpOptions::default()));
//! let (urls, targets) = tokio::sync::mpsc::channel(64);
//! tokio::spawn(async move {
//!     for url in ["https://example.org/a", "https://example.org/b"] {
//!         let target = Client::request(Method::GET, url).map(Target::new);
//!         let _ = urls.send(target.unwrap_or_else(|e| Target::unusable(url, e))).await;
//!     }
//! });
//! let warmer = Warmer::new(client, WarmOptions::default());
//! let report = warmer.run(targets, &|| false, &mut |_| {}).await;
//! assert!(report.complete);
//! # Ok(())
//! # }
//! ```

mod gate;
mod lanes;
mod visit;

use crate::storage::Manage;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use crate::error::{Error, ErrorKind};
use crate::model::{Headers, Locked, Request, StatusSet, Timestamp};
use crate::policy::Reason;

use super::{Answer, Client, FetchOptions, FollowOptions};
use gate::{Gate, Passage};
use lanes::Lanes;
use visit::{Visited, Work};

/// How a store is filled.
#[derive(Debug, Clone)]
pub struct WarmOptions {
    /// What is wanted of each fetch. Its `retries`, `deadline` and `unused` are set here.
    pub fetch: FetchOptions,
    /// How far redirects are followed.
    pub follow: FollowOptions,
    /// Requests under way at the same time, in all. Default: 8.
    pub jobs: usize,
    /// The same for one host. Default: 2.
    pub per_host: usize,
    /// The least time between two requests to one host. Default: none.
    pub interval: Duration,
    /// How often a passing failure is tried again. Default: 2.
    pub retries: u32,
    /// How long one URL may take, redirects and retries included, waiting for its turn
    /// not. Default: no limit.
    pub max_time: Option<Duration>,
    /// The final statuses that count as success. Default: 200 to 299.
    pub accept: StatusSet,
    /// How long an entry has to stay fresh to be left alone. Default: zero.
    pub min_remaining: Duration,
    /// What may not be stored counts as failed.
    pub strict: bool,
    /// Stop after so many failures.
    pub max_errors: Option<u64>,
    /// Only say what would be done: nothing is sent and nothing is written.
    pub dry_run: bool,
}

impl Default for WarmOptions {
    fn default() -> Self {
        WarmOptions {
            fetch: FetchOptions::default(),
            follow: FollowOptions::default(),
            jobs: 8,
            per_host: 2,
            interval: Duration::ZERO,
            retries: 2,
            max_time: None,
            accept: "2xx".parse().expect("a set of status codes"),
            min_remaining: Duration::ZERO,
            strict: false,
            max_errors: None,
            dry_run: false,
        }
    }
}

/// Something to fetch.
#[derive(Debug)]
pub struct Target(Result<Request, Unusable>);

/// Something that was to be fetched and cannot be.
#[derive(Debug)]
struct Unusable {
    name: String,
    error: Error,
}

impl Target {
    /// This request.
    pub fn new(request: Request) -> Self {
        Target(Ok(request))
    }

    /// Something that is no request; it counts as failed under this name.
    pub fn unusable(name: impl Into<String>, error: Error) -> Self {
        Target(Err(Unusable { name: name.into(), error }))
    }

    /// Tells two requests apart: method, URL and fields.
    fn fingerprint(request: &Request) -> u128 {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for part in [request.method.as_str(), request.url.as_str()] {
            hash.update(part.as_bytes());
            hash.update(&[0]);
        }
        for (name, value) in request.headers.iter() {
            for part in [name, value] {
                hash.update(part);
                hash.update(&[0]);
            }
        }
        hash.digest128()
    }
}

/// What became of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WarmResult {
    /// It was fetched, and is in the store.
    Stored,
    /// The origin has confirmed what was stored.
    Revalidated,
    /// It was in the store, and is fresh.
    Fresh,
    /// It was fetched, and may not be stored.
    Uncacheable,
    /// It is not in the store as it should be.
    Failed,
    /// It would be fetched.
    Fetch,
    /// The origin would be asked whether what is stored still holds.
    Revalidate,
}

impl WarmResult {
    /// Every result, in the order of reports.
    pub const ALL: [WarmResult; 7] = [
        WarmResult::Stored,
        WarmResult::Revalidated,
        WarmResult::Fetch,
        WarmResult::Revalidate,
        WarmResult::Fresh,
        WarmResult::Uncacheable,
        WarmResult::Failed,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            WarmResult::Stored => "stored",
            WarmResult::Revalidated => "revalidated",
            WarmResult::Fresh => "fresh",
            WarmResult::Uncacheable => "uncacheable",
            WarmResult::Failed => "failed",
            WarmResult::Fetch => "fetch",
            WarmResult::Revalidate => "revalidate",
        }
    }
}

/// A URL that was dealt with.
#[derive(Debug)]
pub struct Warmed {
    /// The URL as it was asked for, or the name of what is none.
    pub name: String,
    /// The fields that were asked with; `None` for what is no request.
    pub headers: Option<Headers>,
    /// What became of it.
    pub result: WarmResult,
    /// The final status, where an answer came.
    pub status: Option<u16>,
    /// The key of the final answer.
    pub key: Option<String>,
    /// The length of the final body.
    pub body_bytes: u64,
    /// Why it may not be stored.
    pub reason: Option<Reason>,
    /// Why it failed.
    pub error: Option<Error>,
    /// What a lock file holds of it: the final answer, and the redirects before it.
    pub locked: Vec<Locked>,
    /// How long it took, without waiting for its turn.
    pub duration: Duration,
}

/// How many URLs, and the bytes of their bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub urls: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Sum {
    /// Counts one more.
    pub fn count(&mut self, bytes: u64) {
        self.urls += 1;
        self.bytes += bytes;
    }
}

/// What came out.
#[derive(Debug, Default)]
pub struct WarmReport {
    /// URLs, and bytes of bodies, by result.
    pub results: BTreeMap<WarmResult, Sum>,
    /// How many of the failures are answers other than the locked ones.
    pub differing: u64,
    /// Everything was dealt with.
    pub complete: bool,
    /// What ended the work before its time, if that was trouble with the store.
    pub ended_by: Option<Error>,
    /// How long it took.
    pub duration: Duration,
}

impl WarmReport {
    /// What is counted of one result.
    pub fn of(&self, result: WarmResult) -> Sum {
        self.results.get(&result).copied().unwrap_or_default()
    }

    /// How many URLs there were.
    pub fn urls(&self) -> u64 {
        self.results.values().map(|sum| sum.urls).sum()
    }
}

/// How many URLs wait at most, and how many are under way, most of them waiting for their
/// turn.
const MOST_WAITING: usize = 8192;
const MOST_STARTED: usize = 1024;

/// How long what is under way may take to end once the work is to stop.
const GRACE: Duration = Duration::from_secs(4);

/// How often `stop` is asked.
const TICK: Duration = Duration::from_millis(50);

/// Something that was fetched within the limits, and counts against them until it is dropped.
#[derive(Debug)]
pub struct Fetched {
    /// The answer.
    pub answer: Answer,
    _passage: Arc<Passage>,
}

/// Fills a store.
pub struct Warmer {
    client: Client,
    gate: Arc<Gate>,
    work: Arc<Work>,
}

impl std::fmt::Debug for Warmer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Warmer").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Warmer {
    /// One that fills the store of this client.
    pub fn new(client: Client, options: WarmOptions) -> Self {
        let gate = Arc::new(Gate::new(client.transport.clone(), &options));
        let work = Arc::new(Work::new(client.clone(), Arc::clone(&gate), options));
        Warmer { client, gate, work }
    }

    /// Fetches something else within the same limits, such as a list of URLs: everything up
    /// to its body, which the caller takes.
    ///
    /// # Errors
    /// As [`Client::fetch_following`]; `Network` with the code `not_sent` when this is a dry
    /// run and the store has no answer.
    pub async fn fetch(&self, request: &Request) -> crate::Result<Fetched> {
        self.work.fetch_aside(request).await
    }

    /// Fetches every target that is not in the store already, each once, until all are
    /// dealt with or `stop` says so; `on` is told of each as it ends.
    pub async fn run(
        &self,
        targets: Receiver<Target>,
        stop: &(dyn Fn() -> bool + Sync),
        on: &mut (dyn FnMut(&Warmed) + Send),
    ) -> WarmReport {
        let started = Instant::now();
        let mut warming = Warming {
            work: Arc::clone(&self.work),
            gate: Arc::clone(&self.gate),
            lanes: Lanes::new(self.work.width()),
            tasks: JoinSet::new(),
            seen: HashSet::new(),
            report: WarmReport::default(),
            on,
        };
        let complete = warming.run(targets, stop).await;
        let mut report = warming.report;
        report.complete = complete && report.ended_by.is_none();
        report.duration = started.elapsed();
        if let Err(error) = self.client.store.tidy_up(Timestamp::now()).await {
            tracing::debug!("the store was not tidied: {error:#}");
        }
        report
    }
}

/// A store that is being filled.
struct Warming<'a> {
    work: Arc<Work>,
    gate: Arc<Gate>,
    lanes: Lanes,
    tasks: JoinSet<(String, Visited)>,
    seen: HashSet<u128>,
    report: WarmReport,
    on: &'a mut (dyn FnMut(&Warmed) + Send),
}

impl Warming<'_> {
    /// Works until there is nothing more to do; tells whether everything was dealt with.
    async fn run(
        &mut self,
        mut targets: Receiver<Target>,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> bool {
        let mut tick = tokio::time::interval(TICK);
        let mut more = true;
        loop {
            self.start();
            if !more && self.tasks.is_empty() && self.lanes.waiting() == 0 {
                return true;
            }
            let has_room = self.lanes.waiting() < MOST_WAITING;
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.settle(ended),
                target = targets.recv(), if more && has_room => match target {
                    Some(target) => self.take_in(target),
                    None => more = false,
                },
                _ = tick.tick() => {}
            }
            if stop() || self.is_hopeless() {
                self.wind_up().await;
                return false;
            }
        }
    }

    /// Starts what may be started.
    fn start(&mut self) {
        while self.tasks.len() < MOST_STARTED {
            let Some((host, request)) = self.lanes.next() else { return };
            let work = Arc::clone(&self.work);
            self.tasks.spawn(async move { (host, work.visit(request).await) });
        }
    }

    fn take_in(&mut self, target: Target) {
        match target.0 {
            Ok(request) => {
                if self.seen.insert(Target::fingerprint(&request)) {
                    self.lanes.add(request);
                }
            }
            Err(Unusable { name, error }) => self.note(&Warmed::failed(name, error)),
        }
    }

    fn settle(&mut self, ended: Result<(String, Visited), tokio::task::JoinError>) {
        match ended {
            Ok((host, visited)) => {
                self.lanes.leave(&host);
                match visited {
                    Visited::Done(warmed) => self.note(&warmed),
                    Visited::Ended(error) => self.report.ended_by = Some(error),
                    Visited::Stopped => {}
                }
            }
            Err(e) => {
                let bug = Error::new(ErrorKind::Internal, "a fetch was not finished").because(e);
                self.report.ended_by = Some(bug);
            }
        }
    }

    fn note(&mut self, warmed: &Warmed) {
        self.report.results.entry(warmed.result).or_default().count(warmed.body_bytes);
        if warmed.error.as_ref().is_some_and(|e| e.kind() == ErrorKind::Differs) {
            self.report.differing += 1;
        }
        (self.on)(warmed);
    }

    fn is_hopeless(&self) -> bool {
        let failed = self.report.of(WarmResult::Failed).urls;
        self.report.ended_by.is_some() || self.work.gives_up_after(failed)
    }

    /// Starts nothing more, and lets what is under way come to its end for a while.
    async fn wind_up(&mut self) {
        self.gate.close();
        let over = tokio::time::Instant::now() + GRACE;
        while let Ok(Some(ended)) = tokio::time::timeout_at(over, self.tasks.join_next()).await {
            self.settle(ended);
        }
        // What is dropped half-way leaves nothing in the store.
        self.tasks.shutdown().await;
    }
}

impl Warmed {
    /// Something that failed before anything was looked up.
    fn failed(name: String, error: Error) -> Self {
        Warmed {
            name,
            headers: None,
            result: WarmResult::Failed,
            status: None,
            key: None,
            body_bytes: 0,
            reason: None,
            error: Some(error),
            locked: Vec::new(),
            duration: Duration::ZERO,
        }
    }

    /// One that is about to be tried.
    fn begun(request: &Request) -> Self {
        Warmed {
            headers: Some(request.headers.clone()),
            result: WarmResult::Fresh,
            error: None,
            ..Self::failed(request.url.as_str().to_owned(), Error::usage(""))
        }
    }
}
