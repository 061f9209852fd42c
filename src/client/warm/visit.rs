//! One URL: looked for, fetched where that is needed, and judged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, Locked, Request, Secrets, Timestamp};
use crate::policy::Reason;

use super::super::answer::{Answer, Warning};
use super::super::retry::{Backoff, is_passing_status, retry_after};
use super::super::{Client, FetchOptions};
use super::gate::{Gate, NOT_SENT, Passage, STOPPED};
use super::{Fetched, WarmOptions, WarmResult, Warmed};

/// What every visit needs.
pub(super) struct Work {
    client: Client,
    gate: Arc<Gate>,
    fetch: FetchOptions,
    options: WarmOptions,
}

/// How a visit has ended.
pub(super) enum Visited {
    Done(Box<Warmed>),
    /// With trouble that is everybody's.
    Ended(Error),
    /// Before it had begun.
    Stopped,
}

/// How much of a body that is not wanted is read, so that its connection can be used again.
const MOST_TO_SKIP: usize = 64 * 1024;

impl Work {
    pub(super) fn new(client: Client, gate: Arc<Gate>, options: WarmOptions) -> Self {
        let mut fetch = options.fetch.clone();
        fetch.retries = 0;
        fetch.deadline = None;
        fetch.unused = true;
        fetch.accept = Some(options.accept.clone());
        fetch.policy.min_fresh = Some(options.min_remaining);
        Work { client, gate, fetch, options }
    }

    /// How many of one host may be looked for and fetched at the same time.
    pub(super) fn width(&self) -> usize {
        self.options.jobs + self.options.per_host
    }

    /// Whether so many failures are too many.
    pub(super) fn gives_up_after(&self, failed: u64) -> bool {
        self.options.max_errors.is_some_and(|most| failed >= most)
    }

    /// Fetches something that is none of the targets.
    pub(super) async fn fetch_aside(&self, request: &Request) -> Result<Fetched> {
        let max_time = self.options.max_time;
        let entered = Passage::enter(&self.gate, max_time, self.options.dry_run).await;
        let passage = Arc::new(entered?);
        let client = self.client.through(passage.clone());
        let plain = FetchOptions { lock: None, accept: None, ..self.fetch.clone() };
        let fetch = FetchOptions { retries: self.options.retries, ..plain };
        let answer = client.fetch_following(request, &fetch, self.options.follow, |_| {}).await?;
        Ok(Fetched { answer, _passage: passage })
    }

    /// Brings one URL into the store.
    pub(super) async fn visit(&self, request: Request) -> Visited {
        let max_time = self.options.max_time;
        let entered = Passage::enter(&self.gate, max_time, self.options.dry_run).await;
        let Ok(passage) = entered.map(Arc::new) else { return Visited::Stopped };
        let begun = Instant::now();
        let client = self.client.through(passage.clone());
        let mut warmed = Warmed::begun(&request);
        let outcome = self.try_often(&client, &request, &passage, &mut warmed).await;
        warmed.duration = begun.elapsed().saturating_sub(passage.waited());
        match outcome {
            Ok(()) => {}
            Err(e) if e.code() == STOPPED => return Visited::Stopped,
            Err(e) if e.code() == NOT_SENT => {
                warmed.result = passage.would().unwrap_or(WarmResult::Fetch);
                warmed.status = None;
            }
            Err(e) if e.kind() != ErrorKind::Network && e.is_about_all() => {
                return Visited::Ended(e);
            }
            Err(e) => {
                warmed.result = WarmResult::Failed;
                warmed.error = Some(e);
            }
        }
        Visited::Done(Box::new(warmed))
    }

    async fn try_often(
        &self,
        client: &Client,
        request: &Request,
        passage: &Passage,
        warmed: &mut Warmed,
    ) -> Result<()> {
        use super::super::transport::Transport;
        let mut backoff = Backoff::new(self.options.retries);
        loop {
            let tried = self.try_once(client, request, warmed).await;
            let wait = match &tried {
                Ok(Some(refused)) if is_passing_status(refused.status) => {
                    backoff.next(refused.wait)
                }
                Err(e) if e.is_transient() => backoff.next(None),
                _ => None,
            };
            let Some(wait) = wait else {
                return tried.and_then(|refused| refused.map_or(Ok(()), |r| Err(r.error(request))));
            };
            let url = Secrets::built_in().url(request.url.as_str()).into_owned();
            tracing::info!("trying {url} again in {wait:?}");
            passage.pause(wait).await;
        }
    }

    /// One attempt; what is given is an answer that is not accepted.
    async fn try_once(
        &self,
        client: &Client,
        request: &Request,
        warmed: &mut Warmed,
    ) -> Result<Option<Refused>> {
        let mut course = Course { strict: self.options.strict, ..Course::default() };
        let follow = self.options.follow;
        let (hops, mut answer) = client.fetch_holding(request, &self.fetch, follow).await?;
        warmed.status = Some(answer.status);
        warmed.key = Some(answer.key.clone());
        if !self.options.accept.contains(answer.status) {
            let wait = retry_after(&answer.headers, Timestamp::now());
            // A redirect to nowhere might be stored at its end.
            if !(300..400).contains(&answer.status) {
                let _ = answer.read_ahead(MOST_TO_SKIP).await;
            }
            return Ok(Some(Refused { status: answer.status, wait }));
        }
        let bytes = take(&mut answer).await?;
        for mut hop in hops {
            hop.settle().await?;
            course.pass(&hop, 0);
            client.finish(&mut hop).await;
        }
        course.pass(&answer, bytes);
        if answer.leaves_something() {
            client.finish(&mut answer).await;
        }
        course.end(warmed).map(|()| None)
    }
}

/// Takes the body, where it has to go into the store or where its digest is not known yet;
/// gives its length.
async fn take(answer: &mut Answer) -> Result<u64> {
    match answer.entry.as_ref().map(|head| head.body) {
        Some(body) if body.sha256.is_some() && !answer.leaves_something() => Ok(body.bytes),
        Some(body) if body.sha256.is_some() => answer.drain().await.map(|()| body.bytes),
        Some(_) => {
            let mut digest = BodyDigest::new();
            while let Some(chunk) = answer.chunk().await? {
                digest.update(&chunk);
            }
            let facts = digest.finish();
            if let Some(head) = &mut answer.entry {
                head.body.sha256 = facts.sha256;
            }
            Ok(facts.bytes)
        }
        None => {
            let mut bytes = 0;
            while let Some(chunk) = answer.chunk().await? {
                bytes += chunk.len() as u64;
            }
            Ok(bytes)
        }
    }
}

/// A final answer that is not accepted.
struct Refused {
    status: u16,
    wait: Option<Duration>,
}

impl Refused {
    fn error(&self, request: &Request) -> Error {
        let url = Secrets::built_in().url(request.url.as_str()).into_owned();
        let error = Error::new(ErrorKind::Network, format!("{url} answered {}", self.status));
        let error = error.coded("status");
        match self.wait.filter(|_| is_passing_status(self.status)) {
            Some(wait) => error.because(format!("it asks to wait for {}s", wait.as_secs())),
            None => error,
        }
    }
}

/// What has happened on the way from the URL to its final answer.
#[derive(Default)]
struct Course {
    strict: bool,
    body_bytes: u64,
    was_stored: bool,
    was_validated: bool,
    /// Why one of the answers may not be stored, so that the way cannot be gone offline.
    not_stored: Option<Reason>,
    trouble: Option<Error>,
    locked: Vec<Locked>,
}

impl Course {
    /// Notes an answer whose body has been taken.
    fn pass(&mut self, answer: &Answer, bytes: u64) {
        self.body_bytes = bytes;
        for warning in &answer.warnings {
            match warning {
                Warning::Store(e) | Warning::Origin(e) => self.trouble = Some(e.again()),
                Warning::Stale(_) | Warning::Damaged(_) => {}
            }
        }
        self.was_stored |= answer.cache.stored;
        self.was_validated |= answer.cache.fwd_status == Some(304);
        match answer.entry.as_deref().filter(|_| !answer.is_about_to_go()) {
            Some(head) => self.locked.extend(Locked::of(head)),
            None => {
                let reason = answer.why_not_stored().cloned();
                self.not_stored = reason.or(Some(Reason::NoStore));
            }
        }
    }

    /// What it comes to.
    fn end(self, warmed: &mut Warmed) -> Result<()> {
        if let Some(error) = self.trouble {
            return Err(error);
        }
        warmed.body_bytes = self.body_bytes;
        warmed.locked = self.locked;
        warmed.result = match (&self.not_stored, self.was_stored, self.was_validated) {
            (Some(_), ..) => WarmResult::Uncacheable,
            (None, true, _) => WarmResult::Stored,
            (None, false, true) => WarmResult::Revalidated,
            (None, false, false) => WarmResult::Fresh,
        };
        let Some(reason) = self.not_stored else { return Ok(()) };
        if self.strict {
            let told = format!("{} may not be stored", Secrets::built_in().url(&warmed.name));
            let code = reason.code();
            return Err(Error::new(ErrorKind::Partial, told)
                .because(reason.to_string())
                .coded(code));
        }
        warmed.reason = Some(reason);
        Ok(())
    }
}
