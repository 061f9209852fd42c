//! The decision: answer, forward or refuse (rules D1 to D9).

use std::fmt;
use std::time::Duration;

use crate::model::{EntryHead, Headers, Method, Request, Timestamp};

use super::Settings;
use super::demands::{Demands, RequestOptions};
use super::directives::ResponseDirectives;
use super::freshness::{Freshness, freshness, is_from_the_future};
use super::reason::Reason;
use super::storable::forbids_stale;
use super::validation;
use super::variant::{answers_get, latest, matches, vary_checks};

/// Why a request goes to the origin, in the words of RFC 9211 section 2.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the RFC's tokens")]
pub enum Fwd {
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    Request,
    Stale,
    Partial,
}

impl Fwd {
    /// The token.
    pub fn token(self) -> &'static str {
        match self {
            Fwd::Bypass => "bypass",
            Fwd::Method => "method",
            Fwd::UriMiss => "uri-miss",
            Fwd::VaryMiss => "vary-miss",
            Fwd::Request => "request",
            Fwd::Stale => "stale",
            Fwd::Partial => "partial",
        }
    }
}

/// What lets a stale entry be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StaleBecause {
    /// The request accepts it.
    MaxStale,
    /// The response allows it while a validation is under way (RFC 5861 section 3).
    StaleWhileRevalidate,
    /// The origin answered with an error, and request or response allow it (RFC 5861 section 4).
    StaleIfError,
    /// The origin cannot be reached.
    Unreachable,
    /// No connection may be opened.
    Offline,
}

impl StaleBecause {
    /// The word in `Cache-Status` and in reasons.
    pub fn name(self) -> &'static str {
        match self {
            StaleBecause::MaxStale => "max-stale",
            StaleBecause::StaleWhileRevalidate => "stale-while-revalidate",
            StaleBecause::StaleIfError => "stale-if-error",
            StaleBecause::Unreachable => "unreachable",
            StaleBecause::Offline => "offline",
        }
    }
}

impl fmt::Display for StaleBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StaleBecause::MaxStale => "the request says max-stale",
            StaleBecause::StaleWhileRevalidate => {
                "Cache-Control: stale-while-revalidate allows it while it is validated"
            }
            StaleBecause::StaleIfError => "the origin failed, and stale-if-error allows it",
            StaleBecause::Unreachable => "the origin cannot be reached",
            StaleBecause::Offline => "offline",
        })
    }
}

/// Answer from the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which candidate.
    pub index: usize,
    /// What allows it, if it is stale.
    pub stale: Option<StaleBecause>,
    /// Validate it once the answer has been given.
    pub revalidate: bool,
}

/// Ask the origin.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    /// Why.
    pub why: Fwd,
    /// The header fields to send: the request's, with our conditions and directives.
    pub headers: Headers,
    /// The candidate that the answer validates or replaces.
    pub selected: Option<usize>,
    /// The candidates whose validators went along.
    pub offered: Vec<usize>,
    /// Whether the answer may be stored at all.
    pub store: bool,
}

/// What to do with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Answer from the store.
    Answer(Answer),
    /// Ask the origin.
    Forward(Forward),
    /// Neither is allowed: 504 (Gateway Timeout).
    Refuse,
}

/// A plan, and what led to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What to do.
    pub plan: Plan,
    /// The candidate that fits the request, if one does.
    pub selected: Option<usize>,
    /// Its freshness.
    pub freshness: Option<Freshness>,
    /// Why, in the order in which it was found.
    pub reasons: Vec<Reason>,
}

/// Decides about a request, given the heads that the store holds under its key.
pub fn plan(
    request: &Request,
    candidates: &[EntryHead],
    now: Timestamp,
    settings: &Settings,
    options: &RequestOptions,
) -> Decision {
    let demands = Demands::of(&request.headers, options);
    let mut planner = Planner {
        request,
        candidates,
        now,
        settings,
        options,
        demands,
        selected: None,
        freshness: None,
        reasons: Vec::with_capacity(2),
    };
    let plan = planner.plan();
    Decision {
        plan,
        selected: planner.selected,
        freshness: planner.freshness,
        reasons: planner.reasons,
    }
}

struct Planner<'a> {
    request: &'a Request,
    candidates: &'a [EntryHead],
    now: Timestamp,
    settings: &'a Settings,
    options: &'a RequestOptions,
    demands: Demands,
    selected: Option<usize>,
    freshness: Option<Freshness>,
    reasons: Vec<Reason>,
}

impl Planner<'_> {
    fn plan(&mut self) -> Plan {
        if let Some(reason) = self.not_ours() {
            let fwd = if matches!(reason, Reason::Method(_)) { Fwd::Method } else { Fwd::Bypass };
            let store = !matches!(reason, Reason::NoStoreRequest);
            self.reasons.push(reason);
            return self.untouched(fwd, store);
        }
        let Some(index) = self.select() else { return self.miss() };
        let head = &self.candidates[index];
        let fresh = freshness(head, self.now, self.settings, self.demands.force);
        self.selected = Some(index);
        self.freshness = Some(fresh);
        let forced = head.forced || self.demands.force.is_some();
        let said = if forced {
            ResponseDirectives::default()
        } else {
            ResponseDirectives::of(&head.headers)
        };
        if forced {
            self.reasons.push(Reason::Forced);
        }
        if self.demands.offline {
            return self.offline(index, &fresh, &said);
        }
        if let Some((fwd, reason)) = self.must_ask(head, &fresh, &said) {
            self.reasons.push(reason);
            return self.ask(fwd, index);
        }
        self.reasons.push(freshness_reason(&fresh));
        if fresh.is_fresh() {
            return Plan::Answer(Answer { index, stale: None, revalidate: false });
        }
        match self.stale_use(&fresh, &said) {
            Ok(because) => {
                self.reasons.push(Reason::StaleUse(because));
                let revalidate = because == StaleBecause::StaleWhileRevalidate;
                Plan::Answer(Answer { index, stale: Some(because), revalidate })
            }
            Err(forbidden) => {
                self.reasons.extend(forbidden.map(Reason::StaleForbidden));
                self.ask(Fwd::Stale, index)
            }
        }
    }

    /// D1 and D2: what is forwarded without looking.
    fn not_ours(&self) -> Option<Reason> {
        let method = &self.request.method;
        if *method != Method::GET && *method != Method::HEAD {
            return Some(Reason::Method(method.clone()));
        }
        if self.demands.no_store {
            return Some(Reason::NoStoreRequest);
        }
        ["If-Match", "If-Unmodified-Since"]
            .into_iter()
            .find(|name| self.request.headers.contains(name))
            .map(Reason::Precondition)
    }

    fn live(&self) -> impl Iterator<Item = usize> {
        let now = self.now;
        let candidates = self.candidates;
        let is_live = move |head: &EntryHead| answers_get(head) && !head.is_expired(now);
        (0..candidates.len()).filter(move |&i| is_live(&candidates[i]))
    }

    fn select(&self) -> Option<usize> {
        let fitting = self
            .live()
            .filter(|&i| matches(&self.candidates[i], &self.request.headers, self.settings));
        latest(self.candidates, fitting, self.now)
    }

    /// D3: nothing fits.
    fn miss(&mut self) -> Plan {
        let live: Vec<usize> = self.live().collect();
        let (fwd, reason) = match live.first() {
            None if !self.candidates.iter().any(answers_get) => (Fwd::UriMiss, Reason::UriMiss),
            None => (Fwd::UriMiss, Reason::StoreTtlOver),
            Some(_) => (Fwd::VaryMiss, self.vary_miss(&live)),
        };
        self.reasons.push(reason);
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        // L2: one of the variants may fit after all; a 304 tells which.
        let offered = if self.demands.refresh { Vec::new() } else { live };
        self.forward(fwd, None, offered)
    }

    fn vary_miss(&self, live: &[usize]) -> Reason {
        let field = live
            .iter()
            .rev()
            .flat_map(|&i| vary_checks(&self.candidates[i], &self.request.headers, self.settings))
            .find(|check| !check.matches)
            .map_or_else(|| "vary".to_owned(), |check| check.name);
        Reason::VaryMiss { variants: live.len(), field }
    }

    /// D4 and D5: what makes even a fresh entry need the origin.
    fn must_ask(
        &self,
        head: &EntryHead,
        fresh: &Freshness,
        said: &ResponseDirectives,
    ) -> Option<(Fwd, Reason)> {
        let demands = &self.demands;
        let fresh_or_stale = if fresh.is_fresh() { Fwd::Request } else { Fwd::Stale };
        if demands.refresh {
            return Some((Fwd::Request, Reason::Refresh));
        }
        if demands.no_cache {
            return Some((Fwd::Request, Reason::RequestNoCache));
        }
        if demands.revalidate && !(said.immutable && fresh.is_fresh()) {
            return Some((fresh_or_stale, Reason::Revalidate));
        }
        if head.invalidated {
            return Some((Fwd::Stale, Reason::Invalidated));
        }
        if said.no_cache.is_bare() {
            return Some((Fwd::Stale, Reason::ResponseNoCache));
        }
        if is_from_the_future(head, self.now) {
            return Some((Fwd::Stale, Reason::FromTheFuture));
        }
        // Compared with its fraction: a limit is never stretched.
        let is_too_old = |most: &u64| fresh.age() > Duration::from_secs(*most);
        if let Some(most) = demands.max_age.filter(is_too_old) {
            let age = whole_secs_up(fresh.age());
            return Some((fresh_or_stale, Reason::RequestMaxAge { age, most }));
        }
        let min_fresh = demands.min_fresh;
        if let Some(wanted) = min_fresh.filter(|&w| !fresh.is_fresh_for(Duration::from_secs(w))) {
            let left = fresh.ttl_secs();
            return Some((fresh_or_stale, Reason::RequestMinFresh { left, wanted }));
        }
        None
    }

    /// D7 and X1: what allows a stale answer now, or which directive forbids it.
    fn stale_use(
        &self,
        fresh: &Freshness,
        said: &ResponseDirectives,
    ) -> Result<StaleBecause, Option<&'static str>> {
        if let Some(directive) = forbids_stale(said, self.settings) {
            return Err(Some(directive));
        }
        let stale_for = whole_secs_up(fresh.stale_for());
        if self.demands.max_stale.is_some_and(|most| most.covers(stale_for)) {
            return Ok(StaleBecause::MaxStale);
        }
        // A caller that limits staleness itself has said what it accepts.
        let limited = self.demands.max_age.is_some() || self.demands.min_fresh.is_some();
        match said.stale_while_revalidate {
            Some(window) if stale_for <= window && !limited && !self.demands.only_if_cached => {
                Ok(StaleBecause::StaleWhileRevalidate)
            }
            _ => Err(None),
        }
    }

    /// Any stored answer will do, also one that must not be used stale.
    fn offline(&mut self, index: usize, fresh: &Freshness, said: &ResponseDirectives) -> Plan {
        self.reasons.push(freshness_reason(fresh));
        let needs_asking = said.no_cache.is_bare() || self.candidates[index].invalidated;
        let stale = (!fresh.is_fresh() || needs_asking).then_some(StaleBecause::Offline);
        self.reasons.extend(stale.map(Reason::StaleUse));
        Plan::Answer(Answer { index, stale, revalidate: false })
    }

    /// D8: whether asking is out of the question.
    fn refusal(&mut self) -> Option<Plan> {
        if self.demands.offline {
            self.reasons.push(Reason::Offline);
        } else if self.demands.only_if_cached {
            self.reasons.push(Reason::OnlyIfCached);
        } else {
            return None;
        }
        Some(Plan::Refuse)
    }

    /// D9: ask about the selected entry.
    fn ask(&mut self, why: Fwd, index: usize) -> Plan {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        // A HEAD goes out as it is: its 200 tells enough about the entry (rule E2).
        let conditional = !self.demands.refresh && self.request.method == Method::GET;
        let offered = if conditional { vec![index] } else { Vec::new() };
        if conditional && !validation::has_validator(&self.candidates[index]) {
            self.reasons.push(Reason::NoValidator);
        }
        self.forward(why, Some(index), offered)
    }

    fn forward(&mut self, why: Fwd, selected: Option<usize>, mut offered: Vec<usize>) -> Plan {
        let wants_part =
            self.request.method == Method::GET && self.request.headers.contains("range");
        if wants_part && selected.is_none() {
            // Only the origin can cut what is not here; nothing is asked about variants.
            self.reasons.push(Reason::Range);
            offered.clear();
        }
        let mut headers = self.request.headers.clone();
        validation::strip_conditions(&mut headers);
        offered.retain(|&i| validation::has_validator(&self.candidates[i]));
        if self.request.method != Method::GET {
            offered.clear();
        }
        validation::add_conditions(&mut headers, self.candidates, selected, &offered);
        if !offered.is_empty() {
            headers.remove("range");
            headers.remove("if-range");
        }
        self.add_directives(&mut headers);
        Plan::Forward(Forward { why, headers, selected, offered, store: true })
    }

    /// A request that passes by the cache goes out as it came.
    fn untouched(&mut self, why: Fwd, store: bool) -> Plan {
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        let mut headers = self.request.headers.clone();
        self.add_directives(&mut headers);
        Plan::Forward(Forward { why, headers, selected: None, offered: Vec::new(), store })
    }

    fn add_directives(&self, headers: &mut Headers) {
        if let Some(directives) = Demands::as_directives(self.options) {
            headers.push("Cache-Control", directives);
        }
    }
}

fn freshness_reason(fresh: &Freshness) -> Reason {
    let (lifetime, age) = (fresh.lifetime.as_secs(), fresh.age().as_secs());
    let source = fresh.source.name();
    if fresh.is_fresh() {
        Reason::Fresh { lifetime, age, source }
    } else {
        Reason::Stale { lifetime, age, source }
    }
}

/// Seconds, a started one counted in full: limits are never stretched.
fn whole_secs_up(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

/// X2 and X3: whether the entry that a forwarded request was about may stand in for the
/// origin: unreachable (`status` is `None`), or failing with this status.
pub fn unreachable(
    decision: &Decision,
    candidates: &[EntryHead],
    settings: &Settings,
    demands: &Demands,
    status: Option<u16>,
) -> Option<(usize, StaleBecause)> {
    if !matches!(status, None | Some(500 | 502 | 503 | 504)) {
        return None;
    }
    let (index, fresh) = (decision.selected?, decision.freshness?);
    let head = &candidates[index];
    let said = if head.forced {
        ResponseDirectives::default()
    } else {
        ResponseDirectives::of(&head.headers)
    };
    let forbidden =
        said.no_cache.is_bare() || (!fresh.is_fresh() && forbids_stale(&said, settings).is_some());
    if forbidden || head.invalidated || demands.no_cache {
        return None;
    }
    let stale_for = whole_secs_up(fresh.stale_for());
    let allowed = demands.stale_if_error.is_some_and(|most| most.covers(stale_for))
        || said.stale_if_error.is_some_and(|window| stale_for <= window);
    match status {
        None if allowed || settings.stale_if_unreachable => {
            Some((index, StaleBecause::Unreachable))
        }
        Some(_) if allowed => Some((index, StaleBecause::StaleIfError)),
        _ => None,
    }
}
