//! Fetching through a store: policy, store and transport at work together.
//!
//! [`Client::fetch`] gives an [`Answer`]: its head at once, its body chunk by chunk. A body
//! that comes from the origin is stored while it passes, and is visible in the store once
//! its last chunk has been taken. [`Client::finish`] does what can wait until the caller
//! has its answer: counting the use, validating what was served stale, small upkeep.

mod answer;
mod http;
mod locked;
mod redirect;
mod retry;
mod transport;
pub mod warm;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::StreamExt;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    Credentials, EntryHead, EntryId, Headers, Lock, Method, Request, Secrets, Stamp, StatusSet,
    Timestamp, UrlText,
};
use crate::policy::{
    self, Absorbed, CacheStatus, Decision, Delivery, Demands, Exchange, Extent, Forward, Fwd, Plan,
    Reason, Received, RequestOptions, Settings, StaleBecause,
};
use crate::storage::{
    Backend, BodyStream, ByteRange, Found, Manage, Outcome, Query, Unfit, is_about_one,
};

pub use answer::{Answer, Warning};
pub use http::{HttpOptions, HttpTransport, Proxies};
pub use redirect::FollowOptions;
pub use transport::{Incoming, Outgoing, Transport};

use answer::{AnswerBody, Delivering, Used};
use locked::Expected;
use redirect::is_redirect;
use retry::{Backoff, is_passing_status, retry_after};

/// Fetches URLs through a store.
#[derive(Debug, Clone)]
pub struct Client {
    store: Arc<dyn Backend>,
    transport: Arc<dyn Transport>,
    settings: Settings,
    partition: String,
    clock: fn() -> Timestamp,
}

/// What a caller wants of one fetch, beside the request.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Directives and their kin.
    pub policy: RequestOptions,
    /// The TTL of what is stored now; `None`: the store's own.
    pub ttl: Option<Option<Duration>>,
    /// The serializer of what is stored now; `None`: the store's own.
    pub serializer: Option<String>,
    /// Labels of what is stored now.
    pub tags: Vec<String>,
    /// Trouble with the store becomes a warning, and the fetch goes on without it.
    pub best_effort: bool,
    /// How often a passing failure of the origin is tried again.
    pub retries: u32,
    /// When everything has to be over.
    pub deadline: Option<Instant>,
    /// The statuses that are worth keeping. Another one is neither answered from the store
    /// nor stored, and leaves alone what is there; redirects are on the way, and are no
    /// such answer. `None`: all.
    pub accept: Option<StatusSet>,
    /// The only answers that are given and stored. Another one is an error of kind
    /// `Differs`, and leaves alone what is there.
    pub lock: Option<Arc<Lock>>,
    /// Nobody uses the answer, so that no use is counted.
    pub unused: bool,
}

/// How long a validation may take after a stale answer was given (rule X4).
const AFTERWARDS: Duration = Duration::from_secs(2);

/// How often a lookup starts over when another process replaces the entry meanwhile.
const ATTEMPTS: usize = 8;

impl Client {
    /// A private cache over this store, with the default settings. In an async program give it a
    /// store that [waits](crate::AsyncBackend), such as the one that `cachectl::open` gives: a
    /// [`BlockingBackend`](crate::BlockingBackend) works on the thread that polls.
    pub fn new(store: Arc<dyn Backend>, transport: impl Transport + 'static) -> Self {
        Client {
            store,
            transport: Arc::new(transport),
            settings: Settings::default(),
            partition: String::new(),
            clock: Timestamp::now,
        }
    }

    /// Decides by these settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Keeps its entries apart from those of other partitions in the same store.
    #[must_use]
    pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = partition.into();
        self
    }

    /// Asks this clock for the time.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// The same client on another way to the origin.
    #[must_use]
    pub fn through(&self, transport: Arc<dyn Transport>) -> Self {
        Client { transport, ..self.clone() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Backend> {
        &self.store
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A request for a URL as a person types it; user name and password in it become an
    /// `Authorization` field, as with other clients.
    ///
    /// # Errors
    /// `Usage` when the text is not an absolute http or https URL.
    pub fn request(method: Method, url: &str) -> Result<Request> {
        let (url, credentials) = UrlText::parse_with_credentials(url)?;
        let mut request = Request::new(method, url);
        if let Some(credentials) = credentials {
            request.headers.push("Authorization", basic(&credentials));
        }
        Ok(request)
    }

    /// The key under which the answer to a request is looked for, and the partition in it.
    ///
    /// In a private cache a request with credentials has a partition of its own (rule K4),
    /// so that nobody without the same credentials is answered from it.
    pub fn key_of(&self, request: &Request) -> (String, String) {
        let request = request.with_host_in_url().unwrap_or(Cow::Borrowed(request)).into_owned();
        let partition = policy::partition(&self.partition, &request.headers, &self.settings);
        let get = Request { method: Method::GET, ..request };
        (self.store.rules().key_of(&get, &partition), partition)
    }

    /// Why the store would give this answer out wrongly.
    fn unfit(&self, head: &EntryHead) -> Option<Reason> {
        let can = self.store.capabilities();
        if can.lossless {
            return None;
        }
        Some(match can.unfit(head, &self.store.rules().project(head.clone()))? {
            Unfit::NotKeptApart => Reason::NotKeptApart,
            Unfit::NoSuccess => Reason::OnlySuccess,
        })
    }

    /// Makes a stored answer unusable without validation; a store that has no place for that
    /// loses it.
    async fn invalidate_one(
        &self,
        id: &EntryId,
        marked: EntryHead,
        seen: Stamp,
    ) -> Result<Outcome<Stamp>> {
        if self.store.rules().project(marked.clone()).invalidated {
            return self.store.update(id, marked, seen).await;
        }
        Ok(self.store.remove(id, Some(seen)).await?.map(|()| seen))
    }

    /// Answers a request, from the store or from the origin. Redirects are answers; for
    /// following them see [`fetch_following`](Self::fetch_following).
    ///
    /// # Errors
    /// `NotFound` when no connection may be opened and the store has no answer, `Network`
    /// when the origin fails and nothing may stand in, `Store` when the store fails and
    /// that is not to be overlooked, `Usage` when the request cannot be sent.
    pub async fn fetch(&self, request: &Request, options: &FetchOptions) -> Result<Answer> {
        refuse_framing(&request.headers)?;
        let (key, partition) = self.key_of(request);
        let target = request.with_host_in_url()?;
        let via = (target.url != request.url).then_some(request);
        let request = &*target;
        let (warnings, differs_from_lock) = (Vec::new(), false);
        let client = self;
        let mut job =
            Job { client, request, via, options, key, partition, warnings, differs_from_lock };
        for _ in 0..ATTEMPTS {
            match job.run().await {
                // Another process has replaced the entry: look again.
                Err(e) if e.kind() == ErrorKind::Changed => {}
                done => return done,
            }
        }
        Err(Error::changed(&job.key).passing())
    }

    /// Does what can wait until the caller has its answer: counts the use, removes what was
    /// replaced, validates what was served stale, tidies. Its failures are warnings.
    pub async fn finish(&self, answer: &mut Answer) {
        let now = (self.clock)();
        if let Some(used) = answer.used.take() {
            self.store.note_use(&used.id, used.stamp, used.last, now).await;
        }
        // A broken transfer leaves what it would have replaced.
        if answer.is_complete() {
            for (id, stamp) in std::mem::take(&mut answer.gone) {
                if let Err(error) = self.store.remove(&id, Some(stamp)).await {
                    answer.warnings.push(Warning::Store(error));
                }
            }
        }
        if let Some((request, options)) = answer.revalidate.take() {
            let mut again = options.clone();
            again.policy = RequestOptions { revalidate: true, ..RequestOptions::default() };
            // Whoever waits for this program to end was promised an answer at once.
            let soon = Instant::now() + AFTERWARDS;
            again.deadline = Some(again.deadline.map_or(soon, |end| end.min(soon)));
            again.retries = 0;
            // Box: finishing may fetch, and fetching ends in finishing.
            let outcome = Box::pin(async {
                let mut fresh = self.fetch(&request, &again).await?;
                fresh.drain().await
            });
            if let Err(error) = outcome.await {
                tracing::info!("validation in the background failed: {error:#}");
            }
        }
        if let Err(error) = self.store.tidy_up(now).await {
            tracing::debug!("the store was not tidied: {error:#}");
        }
    }

    /// Sends a request, again after passing failures where that is safe.
    async fn send(&self, request: Outgoing, retries: u32) -> Result<(Incoming, Timestamp)> {
        let mut backoff = Backoff::new(retries);
        let repeatable = request.method.is_safe() || request.method.as_str() == "PUT";
        loop {
            let requested_at = (self.clock)();
            let sent = self.transport.send(request.clone()).await;
            let wait = match &sent {
                Ok(incoming) if repeatable && is_passing_status(incoming.status) => {
                    backoff.next(retry_after(&incoming.headers, requested_at))
                }
                Err(e) if repeatable && e.is_transient() => backoff.next(None),
                _ => None,
            };
            let Some(wait) = wait else {
                return sent.map(|incoming| (incoming, requested_at));
            };
            let url = Secrets::built_in().url(request.url.as_str()).into_owned();
            tracing::info!("trying {url} again in {wait:?}");
            self.transport.pause(wait).await;
        }
    }

    /// Makes every stored answer for these URLs unusable without validation (section 4.4).
    async fn invalidate(&self, request: &Request, urls: Vec<UrlText>) -> Result<()> {
        let mut damage = Ok(());
        for url in urls {
            let get = Request { method: Method::GET, url, ..request.clone() };
            let keys = [self.key_of(&get).0, self.store.rules().key_of(&get, &self.partition)];
            let keys: &[String] = if keys[0] == keys[1] { &keys[..1] } else { &keys };
            for key in keys {
                for found in self.readable(key, &mut damage).await? {
                    let marked = EntryHead { invalidated: true, ..found.head.clone() };
                    self.invalidate_one(&found.head.id, marked, found.stamp).await?;
                }
            }
        }
        damage
    }

    /// What lies under a key, but for what is damaged.
    async fn readable(&self, key: &str, damage: &mut Result<()>) -> Result<Vec<Found>> {
        match self.store.candidates(key).await {
            Err(e) if is_about_one(&e) => *damage = Err(e),
            all => return all,
        }
        let mut all = self.store.scan(Query::with_key_prefix(key));
        let mut whole = Vec::new();
        while let Some(found) = all.next().await {
            match found {
                Ok(found) if found.head.id.key == key => whole.push(found),
                Err(e) if !is_about_one(&e) => return Err(e),
                _ => {}
            }
        }
        Ok(whole)
    }
}

/// What a `304` answers (RFC 9110 section 15.4.5).
const CONDITIONS: &[&str] = &["if-none-match", "if-modified-since"];

/// Refuses fields that would frame the message otherwise than it is sent (rule B9): a request has
/// no body here.
fn refuse_framing(headers: &Headers) -> Result<()> {
    const FRAMING: [&str; 7] = [
        "Connection",
        "Content-Length",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ];
    match FRAMING.into_iter().find(|name| headers.contains(name)) {
        None => Ok(()),
        Some(name) => Err(Error::usage(format!("{name} cannot be chosen"))
            .because("it frames the message or belongs to the connection, which cachectl does")
            .coded("bad_request")
            .try_this(format!("the same command without -H '{name}: …'"))),
    }
}

/// `Authorization: Basic …` for user information in a URL.
fn basic(credentials: &Credentials) -> String {
    let joined = [&credentials.user[..], b":", &credentials.password[..]].concat();
    format!("Basic {}", BASE64.encode(joined))
}

/// One request on its way through the client.
struct Job<'a> {
    client: &'a Client,
    /// What is asked, about its target URI.
    request: &'a Request,
    /// How it is asked, where that is at another address.
    via: Option<&'a Request>,
    options: &'a FetchOptions,
    key: String,
    partition: String,
    warnings: Vec<Warning>,
    /// Something is stored, and it is not what the lock says.
    differs_from_lock: bool,
}

/// What the store holds under the key. Heads stand apart, as the policy looks at them alone.
struct Known {
    heads: Vec<EntryHead>,
    kept: Vec<Kept>,
    /// Whether the store can be written to, as far as is known.
    usable: bool,
}

/// The rest of what was found.
struct Kept {
    stamp: Stamp,
    inline: Option<Bytes>,
    stored_bytes: u64,
}

impl Known {
    fn of(found: Vec<Found>, usable: bool) -> Self {
        let (heads, kept) = found
            .into_iter()
            .map(|Found { head, stamp, inline, stored_bytes, .. }| {
                (head, Kept { stamp, inline, stored_bytes })
            })
            .unzip();
        Known { heads, kept, usable }
    }

    fn identities(&self, places: &[usize]) -> Vec<(EntryId, Stamp)> {
        if !self.usable {
            return Vec::new();
        }
        places.iter().map(|&i| (self.heads[i].id.clone(), self.kept[i].stamp)).collect()
    }
}

impl Job<'_> {
    async fn run(&mut self) -> Result<Answer> {
        if let Some(lock) = &self.options.lock {
            locked::check_named(lock, &self.request.url)?;
        }
        let known = self.look_up().await?;
        let now = (self.client.clock)();
        let settings = &self.client.settings;
        let decision =
            policy::plan(self.request, &known.heads, now, settings, &self.options.policy);
        match &decision.plan {
            Plan::Refuse => Err(self.refused(&known, &decision)),
            Plan::Answer(answer) => {
                let (index, stale) = (answer.index, answer.stale);
                let revalidate = answer.revalidate;
                let status = CacheStatus {
                    ttl: decision.freshness.map(|f| f.ttl_secs()),
                    detail: stale.map(StaleBecause::name),
                    ..CacheStatus::default()
                };
                let head = known.heads[index].clone();
                let mut answer = self.answer_from(&known, index, head, false, status).await?;
                if let Some(because) = stale {
                    answer.warnings.push(Warning::Stale(because));
                }
                answer.revalidate =
                    revalidate.then(|| (self.request.clone(), self.options.clone()));
                Ok(answer.decided(decision))
            }
            Plan::Forward(forward) => {
                let forward = forward.clone();
                self.forward(known, decision, forward).await
            }
        }
    }

    /// Looks under the key. What cannot be read is a miss and a warning.
    async fn look_up(&mut self) -> Result<Known> {
        let mut damage = Ok(());
        let found = self.client.readable(&self.key, &mut damage).await;
        self.warnings.extend(damage.err().map(Warning::Damaged));
        let (found, usable) = match found {
            Ok(found) => (found, true),
            Err(e) if self.options.best_effort => {
                self.warnings.push(Warning::Store(e));
                (Vec::new(), false)
            }
            Err(e) => return Err(e),
        };
        let usable = usable && !self.client.store.capabilities().read_only;
        let mut found = found;
        let is_locked =
            |head: &EntryHead| self.options.lock.as_ref().is_none_or(|lock| lock.fits(head));
        self.differs_from_lock = found.iter().any(|found| !is_locked(&found.head));
        found.retain(|found| is_locked(&found.head) && self.may_answer(&found.head));
        Ok(Known::of(found, usable))
    }

    /// Whether what is stored is among what the caller wants at all.
    fn may_answer(&self, head: &EntryHead) -> bool {
        policy::answers_get(head)
            && self.accepts(head.status, &head.headers)
            && self.is_for_us(head)
    }

    /// Whether an answer is for who asks with these credentials. Layouts whose keys say
    /// nothing of them keep the fields of the request.
    fn is_for_us(&self, head: &EntryHead) -> bool {
        let (headers, settings) = (&head.request.headers, &self.client.settings);
        policy::partition(&head.partition, headers, settings) == self.partition
    }

    /// Whether an answer with this head is worth keeping.
    fn accepts(&self, status: u16, headers: &Headers) -> bool {
        let Some(accept) = &self.options.accept else { return true };
        accept.contains(status) || is_redirect(status, headers)
    }

    fn refused(&self, known: &Known, decision: &Decision) -> Error {
        let is_ours = !decision.reasons.contains(&Reason::OnlyIfCached);
        let hint = match self.selecting_hint(known, decision) {
            Some(fields) => fields,
            None if is_ours => "the same command without --offline".to_owned(),
            None => "the same request without only-if-cached".to_owned(),
        };
        let why = decision.reasons.last().map_or_else(String::new, ToString::to_string);
        let first = match self.differs_from_lock {
            true => "what is stored is not what the lock file says".to_owned(),
            false => decision.reasons.first().map_or_else(String::new, ToString::to_string),
        };
        let url = crate::model::Secrets::built_in().url(self.request.url.as_str()).into_owned();
        Error::new(ErrorKind::NotFound, format!("{url} is not in the cache"))
            .because(if first == why { why } else { format!("{why}: {first}") })
            .coded("not_cached")
            .try_this(hint)
    }

    /// The fields with which one of the stored variants would have fitted.
    fn selecting_hint(&self, known: &Known, decision: &Decision) -> Option<String> {
        let is_vary_miss = |reason: &Reason| matches!(reason, Reason::VaryMiss { .. });
        decision.reasons.iter().any(is_vary_miss).then_some(())?;
        let (headers, settings) = (&self.request.headers, &self.client.settings);
        let unequal = known.heads.iter().map(|head| {
            let checks = policy::vary_checks(head, headers, settings);
            checks.into_iter().filter(|check| !check.matches).collect::<Vec<_>>()
        });
        let fields = unequal.filter(|checks| !checks.is_empty()).min_by_key(Vec::len)?;
        let secrets = crate::model::Secrets::built_in();
        let hints: Option<Vec<String>> = fields
            .iter()
            .map(|check| {
                let name = &check.name;
                if secrets.is_secret_header(name) || name == "*" {
                    return None;
                }
                Some(match &check.stored {
                    None => format!("-H '{name}:'"),
                    Some(value) => {
                        let value = String::from_utf8(value.clone()).ok()?;
                        if value.contains(['\'', '\n', '\r']) {
                            return None;
                        }
                        format!("-H '{name}: {value}'")
                    }
                })
            })
            .collect();
        Some(format!("the same command with {}", hints?.join(" ")))
    }

    /// An answer out of the store. `validated`: the origin has just confirmed it.
    async fn answer_from(
        &mut self,
        known: &Known,
        index: usize,
        head: EntryHead,
        validated: bool,
        status: CacheStatus,
    ) -> Result<Answer> {
        let client = self.client;
        let kept = &known.kept[index];
        let now = (client.clock)();
        let age = policy::current_age(&head, now);
        let reply = policy::reply(self.request, &head, age, validated);
        let range = match reply.extent {
            Extent::Nothing => None,
            Extent::Whole => Some(ByteRange::WHOLE),
            Extent::Part { first, last } => Some(ByteRange { first, last: Some(last) }),
        };
        let body = match (range, &kept.inline) {
            (None, _) => BodyStream::whole(Bytes::new()),
            (Some(range), Some(inline)) => BodyStream::part(inline, range),
            (Some(range), None) => client.store.body(&head.id, kept.stamp, range).await?,
        };
        Ok(Answer {
            status: reply.status,
            headers: reply.headers,
            extensions: head.extensions.clone(),
            interim: Vec::new(),
            url: self.request.url.clone(),
            key: self.key.clone(),
            cache: CacheStatus { key: Some(self.key.clone()), ..status },
            age: Some(age.as_secs()),
            decision: None,
            not_stored: None,
            warnings: std::mem::take(&mut self.warnings),
            body: AnswerBody::stored(body, client.store.clone(), head.id.clone(), kept.stamp),
            used: (!self.options.unused).then(|| Used {
                id: head.id.clone(),
                stamp: kept.stamp,
                last: head.last_used_at,
            }),
            entry: Some(Box::new(head)),
            stored_bytes: Some(kept.stored_bytes),
            gone: Vec::new(),
            revalidate: None,
        })
    }

    async fn forward(
        &mut self,
        known: Known,
        decision: Decision,
        forward: Forward,
    ) -> Result<Answer> {
        let client = self.client;
        let demands = Demands::of(&self.request.headers, &self.options.policy);
        let mut forward = forward;
        loop {
            let mut outgoing = Outgoing {
                method: self.request.method.clone(),
                url: self.request.url.clone(),
                headers: forward.headers.clone(),
                deadline: self.options.deadline,
            };
            if let Some(via) = self.via {
                outgoing.url.clone_from(&via.url);
                outgoing.headers.push("Host", via.headers.get("host").unwrap_or_default());
            }
            let sent = client.send(outgoing, self.options.retries).await;
            let sent = sent.and_then(|sent| match self.nonsense(&forward, sent.0.status) {
                Some(error) => Err(error),
                None => Ok(sent),
            });
            let (incoming, requested_at) = match sent {
                Ok(sent) => sent,
                Err(error) => return self.stand_in(&known, decision, &demands, error).await,
            };
            let received = Received {
                status: incoming.status,
                headers: incoming.headers.clone(),
                extensions: incoming.extensions.clone(),
                requested_at,
                received_at: (client.clock)(),
            };
            let ttl = self.options.ttl.unwrap_or_else(|| client.store.capabilities().ttl);
            let validated = received.status == 304 && !forward.offered.is_empty();
            // What may pass by itself is refused further down, and then tried again.
            let may_pass = is_passing_status(received.status)
                && !self.accepts(received.status, &received.headers);
            if let Some(lock) = self.options.lock.as_ref().filter(|_| !validated && !may_pass) {
                locked::check_head(lock, &self.request.url, received.status, &received.headers)?;
            }
            if !validated && !self.accepts(received.status, &received.headers) {
                let not_stored = Some(Reason::StatusNotAccepted(received.status));
                let delivery = Delivery { not_stored, ..Delivery::default() };
                return self.deliver(known, decision, &forward, incoming, received, delivery).await;
            }
            let absorbed = policy::absorb(
                &Exchange {
                    request: self.request,
                    key: &self.key,
                    partition: &self.partition,
                    decision: &decision,
                    forward: &forward,
                    candidates: &known.heads,
                    settings: &client.settings,
                    demands: &demands,
                    ttl,
                },
                &received,
            );
            match absorbed {
                Absorbed::AskAgain => {
                    forward = without_conditions(forward, self.request);
                }
                Absorbed::Deliver(delivery) => {
                    return self
                        .deliver(known, decision, &forward, incoming, received, delivery)
                        .await;
                }
                Absorbed::NotModified { index, head, update, remove } => {
                    let status = CacheStatus {
                        fwd: Some(forward.why),
                        fwd_status: Some(304),
                        ttl: Some(self.ttl_of(&head)),
                        ..CacheStatus::default()
                    };
                    let mut answer = self.answer_from(&known, index, *head, true, status).await?;
                    answer.interim = incoming.interim;
                    self.write_back(&known, update, &mut answer).await;
                    answer.gone = known.identities(&remove);
                    return Ok(answer.decided(decision));
                }
                Absorbed::ServeStale { index, because } => {
                    let status = CacheStatus {
                        fwd: Some(forward.why),
                        fwd_status: Some(received.status),
                        detail: Some(because.name()),
                        ..CacheStatus::default()
                    };
                    let head = known.heads[index].clone();
                    let mut answer = self.answer_from(&known, index, head, false, status).await?;
                    answer.warnings.push(Warning::Stale(because));
                    return Ok(answer.decided(decision));
                }
            }
        }
    }

    /// The error of a status that is no answer to what was asked, whatever comes with it.
    fn nonsense(&self, forward: &Forward, status: u16) -> Option<Error> {
        let asks = |names: &[&str]| names.iter().any(|name| forward.headers.contains(name));
        let why = match status {
            ..200 => "it is no final status",
            206 if !asks(&["range"]) => "nobody has asked for a part",
            304 if !asks(CONDITIONS) => "nobody has said what there is already",
            _ => return None,
        };
        let url = crate::model::Secrets::built_in().url(self.request.url.as_str()).into_owned();
        let told = format!("{url} answers {status}, which is no answer to this request");
        Some(Error::new(ErrorKind::Network, told).because(why).coded("bad_answer"))
    }

    /// The origin cannot be reached: something stale may stand in (rule X2).
    async fn stand_in(
        &mut self,
        known: &Known,
        decision: Decision,
        demands: &Demands,
        error: Error,
    ) -> Result<Answer> {
        let settings = &self.client.settings;
        let standing = policy::unreachable(&decision, &known.heads, settings, demands, None);
        let Some((index, because)) = standing.filter(|_| error.kind() == ErrorKind::Network) else {
            return Err(error);
        };
        let Plan::Forward(forward) = &decision.plan else { return Err(error) };
        let status = CacheStatus {
            fwd: Some(forward.why),
            detail: Some(because.name()),
            ..CacheStatus::default()
        };
        let head = known.heads[index].clone();
        let mut answer = self.answer_from(known, index, head, false, status).await?;
        answer.warnings.push(Warning::Origin(error));
        if !decision.freshness.is_some_and(|fresh| fresh.is_fresh()) {
            answer.warnings.push(Warning::Stale(because));
        }
        Ok(answer.decided(decision))
    }

    /// An answer from the origin, stored while it passes by if it may be.
    async fn deliver(
        &mut self,
        known: Known,
        decision: Decision,
        forward: &Forward,
        incoming: Incoming,
        received: Received,
        delivery: Delivery,
    ) -> Result<Answer> {
        let client = self.client;
        let invalidated = policy::invalidated_by(self.request, &received);
        let mut delivery = delivery;
        let mut put = None;
        let mut ttl = None;
        if let Some(reason) = delivery.store.as_ref().and_then(|head| client.unfit(head)) {
            delivery.store = None;
            // What it would have replaced is outdated all the same, unless somebody else asked.
            let is_full =
                policy::speaks_of_resource(received.status) && reason == Reason::OnlySuccess;
            let outdated = forward.selected.filter(|_| is_full);
            let known = &delivery.remove;
            let outdated = outdated.filter(|place| !known.contains(place));
            delivery.remove.extend(outdated);
            delivery.not_stored = Some(reason);
        }
        if let Some(mut head) = delivery.store.take().filter(|_| known.usable) {
            head.serializer = self.options.serializer.clone().map(Into::into);
            head.tags.clone_from(&self.options.tags);
            ttl = Some(self.ttl_of(&head));
            match client.store.put(*head).await {
                Ok(begun) => put = Some(begun),
                Err(e) => self.warnings.push(Warning::Store(e)),
            }
        }
        let settled = forward.store
            && policy::settle_conditions(
                self.request,
                received.status,
                &received.headers,
                received.received_at,
            );
        let gone = known.identities(&delivery.remove);
        let delivering = Delivering {
            put,
            limit: client.settings.max_body.filter(|_| self.options.policy.force.is_none()),
            muted: settled,
            expected: self.options.lock.as_ref().map(|lock| {
                let url = &self.request.url;
                Box::new(Expected::new(lock, url, received.status, &received.headers))
            }),
        };
        let cache = CacheStatus {
            fwd: Some(forward.why),
            fwd_status: Some(received.status),
            ttl,
            key: Some(self.key.clone()),
            ..CacheStatus::default()
        };
        let (status, headers) = if settled {
            (304, policy::only_for_304(&received.headers))
        } else {
            (received.status, received.headers)
        };
        let mut answer = Answer {
            status,
            headers,
            extensions: received.extensions,
            interim: incoming.interim,
            url: self.request.url.clone(),
            key: self.key.clone(),
            cache,
            age: None,
            decision: None,
            not_stored: delivery.not_stored,
            warnings: std::mem::take(&mut self.warnings),
            entry: None,
            stored_bytes: None,
            body: AnswerBody::delivered(incoming.body, delivering),
            used: None,
            gone,
            revalidate: None,
        };
        self.write_back(&known, delivery.update, &mut answer).await;
        if let Err(error) = client.invalidate(self.request, invalidated).await {
            answer.warnings.push(Warning::Store(error));
        }
        Ok(answer.decided(decision))
    }

    /// Writes new heads; failures are warnings.
    async fn write_back(
        &self,
        known: &Known,
        update: Vec<(usize, EntryHead)>,
        answer: &mut Answer,
    ) {
        if !known.usable {
            return;
        }
        let client = self.client;
        for (index, head) in update {
            let (id, stamp) = (head.id.clone(), known.kept[index].stamp);
            let written = match head.invalidated {
                true => client.invalidate_one(&id, head, stamp).await,
                false => client.store.update(&id, head, stamp).await,
            };
            match written {
                Ok(Outcome::Done(new)) => {
                    // The use that is counted later is one of the new state.
                    if let Some(used) = answer.used.as_mut().filter(|u| u.stamp == stamp) {
                        used.stamp = new;
                    }
                }
                // A later validation has won (rule U6).
                Ok(_) => {}
                Err(error) => answer.warnings.push(Warning::Store(error)),
            }
        }
    }

    fn ttl_of(&self, head: &EntryHead) -> i64 {
        let now = (self.client.clock)();
        let force = self.options.policy.force;
        policy::freshness(head, now, &self.client.settings, force).ttl_secs()
    }
}

/// A 304 has fitted nothing: the same request, as the caller made it.
fn without_conditions(forward: Forward, request: &Request) -> Forward {
    let mut headers = forward.headers;
    headers.remove("if-none-match");
    headers.remove("if-modified-since");
    for name in ["range", "if-range"] {
        if let Some(value) = request.headers.get(name) {
            headers.set(name, value);
        }
    }
    Forward { headers, offered: Vec::new(), ..forward }
}

impl Answer {
    fn decided(mut self, decision: Decision) -> Self {
        self.decision = Some(decision);
        self
    }

    /// Whether the request passed by the cache.
    pub fn is_bypass(&self) -> bool {
        matches!(self.cache.fwd, Some(Fwd::Bypass | Fwd::Method))
    }

    /// Why the response was not stored, if it was fetched and not stored.
    pub fn why_not_stored(&self) -> Option<&Reason> {
        self.not_stored.as_ref()
    }
}
