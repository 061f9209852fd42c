//! What a response does to the store (rules U1 to U6, E2, H1 to H6).

use std::borrow::Cow;
use std::time::Duration;

use crate::model::{
    EntryHead, EntryId, Extensions, Headers, Method, Request, Secrets, Selecting, Selection,
    Timestamp, Variant,
};

use super::decide::{Decision, Forward, StaleBecause, unreachable};
use super::demands::Demands;
use super::directives::ResponseDirectives;
use super::partition::{owner_is_hidden, partition};
use super::reason::Reason;
use super::storable::{can_be_forced, content_length, speaks_of_resource, storable};
use super::validation::{add_date, spoken_of, strip_hop_by_hop, updated};
use super::variant::{latest, matches, selection, varying_fields};
use super::{MAX_VARIANTS, Settings};

/// A response as it came in, without its body.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The status code.
    pub status: u16,
    /// The header fields, as they came.
    pub headers: Headers,
    /// Protocol version and reason phrase.
    pub extensions: Extensions,
    /// When the request went out.
    pub requested_at: Timestamp,
    /// When this header section came in.
    pub received_at: Timestamp,
}

/// A forwarded request and everything that was known when it went out.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<'a> {
    /// The caller's request.
    pub request: &'a Request,
    /// The key of GET for its URL.
    pub key: &'a str,
    /// The partition in that key.
    pub partition: &'a str,
    /// What was decided, and why.
    pub decision: &'a Decision,
    /// What was sent.
    pub forward: &'a Forward,
    /// The heads under the key.
    pub candidates: &'a [EntryHead],
    /// How the engine decides.
    pub settings: &'a Settings,
    /// What the caller demands.
    pub demands: &'a Demands,
    /// The TTL of what is stored now.
    pub ttl: Option<Duration>,
}

/// What to do with a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Absorbed {
    /// Pass it on, and write this.
    Deliver(Delivery),
    /// A 304 for what is stored: write the updates, answer from this candidate with this
    /// head, then remove.
    NotModified {
        /// Which candidate's body to send.
        index: usize,
        /// Its head after the update.
        head: Box<EntryHead>,
        /// New heads by place.
        update: Vec<(usize, EntryHead)>,
        /// Candidates that may not stay.
        remove: Vec<usize>,
    },
    /// The origin failed: answer from this candidate although it is stale.
    ServeStale {
        /// Which candidate.
        index: usize,
        /// What allows it.
        because: StaleBecause,
    },
    /// A 304 that fits nothing stored: ask again without conditions.
    AskAgain,
}

/// What a response that is passed on leaves behind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delivery {
    /// The entry to store, body facts still unknown.
    pub store: Option<Box<EntryHead>>,
    /// Why nothing is stored.
    pub not_stored: Option<Reason>,
    /// New heads by place.
    pub update: Vec<(usize, EntryHead)>,
    /// Candidates to remove, once the new entry is there.
    pub remove: Vec<usize>,
}

/// Decides what a response to a forwarded request changes.
pub fn absorb(exchange: &Exchange<'_>, received: &Received) -> Absorbed {
    if received.status == 304 && !exchange.forward.offered.is_empty() {
        return not_modified(exchange, received);
    }
    let failed = unreachable(
        exchange.decision,
        exchange.candidates,
        exchange.settings,
        exchange.demands,
        Some(received.status),
    );
    if let Some((index, because)) = failed {
        return Absorbed::ServeStale { index, because };
    }
    let delivery = if !exchange.forward.store {
        Delivery { not_stored: Some(Reason::NoStoreRequest), ..Delivery::default() }
    } else if exchange.request.method == Method::HEAD {
        head_response(exchange, received)
    } else {
        full_response(exchange, received)
    };
    Absorbed::Deliver(delivery)
}

fn not_modified(exchange: &Exchange<'_>, received: &Received) -> Absorbed {
    let candidates = exchange.candidates;
    let selected = exchange.forward.selected;
    let places = spoken_of(&received.headers, candidates, selected, received.received_at);
    let answer = selected
        .filter(|i| places.contains(i))
        .or_else(|| latest(candidates, places.iter().copied(), received.received_at));
    let Some(index) = answer else { return Absorbed::AskAgain };
    let mut update = Vec::new();
    let mut remove = Vec::new();
    let mut answer = None;
    for place in places {
        let old = &candidates[place];
        let mut head = updated(old, &received.headers, received.requested_at, received.received_at);
        adopt(&mut head, old, exchange.request, place == index, exchange.settings);
        if place == index {
            answer = Some(head.clone());
        }
        // Everything is judged anew: a 304 can bring `no-store`.
        let as_received = Received {
            status: head.status,
            headers: head.headers.clone(),
            extensions: head.extensions.clone(),
            requested_at: head.requested_at,
            received_at: head.received_at,
        };
        let request = Request { method: Method::GET, ..exchange.request.clone() };
        match storable(&request, &as_received, exchange.settings, head.forced) {
            Ok(()) => update.push((place, head)),
            Err(_) => remove.push(place),
        }
    }
    let head = Box::new(answer.expect("the answering candidate is one of the places"));
    Absorbed::NotModified { index, head, update, remove }
}

/// Lets the answering entry learn the selecting fields of the request that it answers
/// (section 4.3.2), and follows a `Vary` that the 304 changed.
fn adopt(
    head: &mut EntryHead,
    old: &EntryHead,
    request: &Request,
    answers: bool,
    settings: &Settings,
) {
    const MOST: usize = 8;
    let varied_otherwise = varying_fields(&old.headers) != varying_fields(&head.headers);
    if varied_otherwise {
        head.selections.clear();
    }
    if !answers || (!varied_otherwise && matches(head, &request.headers, settings)) {
        return;
    }
    let learned = selection(&head.headers, &request.headers);
    if !learned.is_empty() && !head.selections.contains(&learned) {
        head.selections.truncate(MOST - 1);
        head.selections.push(learned);
    }
}

/// E2: the answer to a forwarded HEAD tells whether stored GET responses still hold
/// (section 4.3.5).
fn head_response(exchange: &Exchange<'_>, received: &Received) -> Delivery {
    let not_stored = Some(Reason::MethodNotCacheable(Method::HEAD));
    let gone = matches!(received.status, 404 | 410);
    if received.status != 200 && !gone {
        return Delivery { not_stored, ..Delivery::default() };
    }
    let update = exchange
        .candidates
        .iter()
        .enumerate()
        .filter(|(_, head)| matches(head, &exchange.request.headers, exchange.settings))
        .map(|(place, head)| {
            if !gone && still_holds(head, &received.headers) {
                let news = &received.headers;
                (place, updated(head, news, received.requested_at, received.received_at))
            } else {
                (place, EntryHead { invalidated: true, ..head.clone() })
            }
        })
        .collect();
    Delivery { not_stored, update, ..Delivery::default() }
}

/// Same validators and length, where the HEAD response gives them.
fn still_holds(head: &EntryHead, news: &Headers) -> bool {
    let same = |name: &str| news.get(name).is_none_or(|new| head.headers.get(name) == Some(new));
    same("etag")
        && same("last-modified")
        && content_length(news).is_none_or(|length| length == head.body.bytes)
}

fn full_response(exchange: &Exchange<'_>, received: &Received) -> Delivery {
    let forced = exchange.demands.force.is_some() && can_be_forced(received.status);
    if let Err(reason) = storable(exchange.request, received, exchange.settings, forced) {
        return Delivery {
            not_stored: Some(reason),
            remove: superseded_by_unstorable(exchange, received),
            ..Delivery::default()
        };
    }
    let head = stored_head(exchange, received, forced);
    let mut remove = superseded(exchange, &head.id);
    remove.extend(over_the_limit(exchange, &head.id, &remove));
    Delivery { store: Some(Box::new(head)), remove, ..Delivery::default() }
}

/// S11: what may not be stored leaves an older entry alone, unless it is the full answer
/// to our validation of that one, and speaks of the resource.
fn superseded_by_unstorable(exchange: &Exchange<'_>, received: &Received) -> Vec<usize> {
    let validated = exchange.forward.selected.filter(|i| exchange.forward.offered.contains(i));
    validated.filter(|_| speaks_of_resource(received.status)).into_iter().collect()
}

/// U3: what fitted this request is replaced, also where `Vary` has changed since.
fn superseded(exchange: &Exchange<'_>, new: &EntryId) -> Vec<usize> {
    if exchange.request.method != Method::GET {
        return Vec::new();
    }
    let fits = |head: &EntryHead| matches(head, &exchange.request.headers, exchange.settings);
    let exact = |head: &EntryHead| {
        // A language match is good enough to answer, not to be replaced.
        let strict = Settings { match_content_language: false, ..exchange.settings.clone() };
        matches(head, &exchange.request.headers, &strict)
    };
    (0..exchange.candidates.len())
        .filter(|&i| {
            let head = &exchange.candidates[i];
            head.id != *new && fits(head) && exact(head)
        })
        .collect()
}

/// V5: the oldest variants that have to go for the new one.
fn over_the_limit(exchange: &Exchange<'_>, new: &EntryId, leaving: &[usize]) -> Vec<usize> {
    let mut staying: Vec<usize> = (0..exchange.candidates.len())
        .filter(|i| !leaving.contains(i) && exchange.candidates[*i].id != *new)
        .collect();
    staying.sort_by_key(|&i| exchange.candidates[i].received_at);
    let surplus = (staying.len() + 1).saturating_sub(MAX_VARIANTS);
    staying.truncate(surplus);
    staying
}

/// The entry that a response becomes.
fn stored_head(exchange: &Exchange<'_>, received: &Received, forced: bool) -> EntryHead {
    let mut headers = received.headers.clone();
    strip_hop_by_hop(&mut headers);
    if exchange.settings.shared {
        let said = ResponseDirectives::of(&received.headers);
        for name in said.private.fields() {
            headers.remove(name);
        }
    }
    add_date(&mut headers, received.received_at);
    let selecting = selection(&headers, &exchange.request.headers);
    let variant = Variant::of(&selecting);
    let mut request = Request::new(Method::GET, exchange.request.url.clone());
    request.headers = fields_that_matter(&exchange.request.headers, &headers);
    let id = EntryId::new(exchange.key, variant);
    let mut head = EntryHead::new(id, request, received.status, headers, received.received_at);
    let ttl = exchange.demands.force.filter(|_| forced).or(exchange.ttl);
    head.partition = exchange.partition.to_owned();
    head.extensions = received.extensions.clone();
    head.selections = if selecting.is_empty() { Vec::new() } else { vec![selecting] };
    head.requested_at = received.requested_at;
    head.expires_at = ttl.map(|ttl| received.received_at + ttl);
    head.forced = forced;
    head
}

/// The entry that an exchange becomes which somebody else has recorded, as if it had come
/// in when they say: for those with the same credentials only. Its body, times and key stay.
///
/// # Errors
/// The reason why it may not be stored.
pub fn recorded(head: EntryHead, settings: &Settings) -> Result<EntryHead, Reason> {
    let received = Received {
        status: head.status,
        headers: head.headers.clone(),
        extensions: head.extensions.clone(),
        requested_at: head.requested_at,
        received_at: head.received_at,
    };
    storable(&head.request, &received, settings, false)?;
    if owner_is_hidden(&head.partition, &head.request.headers, settings) {
        return Err(Reason::CredentialsHidden);
    }
    let mut head = head;
    if let Ok(Cow::Owned(request)) = head.request.with_host_in_url() {
        head.request = request;
    }
    head.partition = partition(&head.partition, &head.request.headers, settings);
    strip_hop_by_hop(&mut head.headers);
    add_date(&mut head.headers, head.received_at);
    let selecting = selection(&head.headers, &head.request.headers);
    head.request.headers = fields_that_matter(&head.request.headers, &head.headers);
    head.id.variant = Variant::of(&selecting);
    head.selections = if selecting.is_empty() { Vec::new() } else { vec![selecting] };
    // Whatever was asked for, a body without a coding is also the one for who asks for none.
    if !head.headers.contains("content-encoding")
        && let Some(selecting) = head.selections.first()
    {
        let plain: Selection = selecting
            .iter()
            .map(|field| match &*field.name {
                "accept-encoding" => Selecting { value: None, ..field.clone() },
                _ => field.clone(),
            })
            .collect();
        if plain != *selecting {
            head.selections.push(plain);
        }
    }
    Ok(head)
}

/// S5: of the request's fields `Accept*` and those that `Vary` names are kept, but no
/// credentials.
fn fields_that_matter(request: &Headers, response: &Headers) -> Headers {
    let varying = varying_fields(response);
    let secrets = Secrets::built_in();
    request
        .iter()
        .filter(|(name, _)| {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            (name.starts_with("accept") || varying.contains(&name))
                && !secrets.is_secret_header(&name)
        })
        .collect()
}
