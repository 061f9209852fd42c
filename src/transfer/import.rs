//! From a file of another kind into a store.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::interchange::Reader;
use crate::model::{EntryHead, Key, Variant};
use crate::policy::{Reason, Settings, owner_is_hidden, recorded, selection};
use crate::storage::{Backend, is_damage};

use super::held::{lost, of_its_owner, unfit};
use super::migrate::NewTtl;
use super::receive::{Incoming, ReceiveOptions, decide, receive, stays_out};
use super::report::{Action, Event, Failure, Report, Tally};
use super::sound::unsound;

/// How a file is imported.
pub struct ImportOptions<'a> {
    /// How entries are taken in.
    pub receive: ReceiveOptions,
    /// By which rules it is decided what may be stored of what was merely recorded;
    /// `None` for files that come from a store.
    pub recorded: Option<&'a Settings>,
    /// The configured part of the partitions of what was merely recorded.
    pub partition: &'a str,
    /// What becomes of TTLs.
    pub ttl: NewTtl,
    /// Only count what would be done.
    pub dry_run: bool,
    /// Stop after so many failures.
    pub max_errors: Option<u64>,
    /// Which entries are meant.
    pub wanted: &'a (dyn Fn(&EntryHead) -> bool + Sync),
    /// Asked between entries: whether to start nothing more.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told what happens.
    pub on: &'a mut (dyn FnMut(Event<'_>) + Send),
}

impl std::fmt::Debug for ImportOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImportOptions").field("receive", &self.receive).finish_non_exhaustive()
    }
}

/// What an import has left out, by reason.
pub type LeftOut = BTreeMap<&'static str, u64>;

/// Takes in what a file holds. Damaged entries are failures; an input that ends too early
/// keeps what was whole, and `ended_by` says so.
pub async fn import(
    store: &dyn Backend,
    reader: &mut dyn Reader,
    mut options: ImportOptions<'_>,
) -> (Report, LeftOut) {
    let started = Instant::now();
    let mut report = Report::default();
    let mut left_out = LeftOut::new();
    let ended = run(store, reader, &mut options, &mut report, &mut left_out).await;
    report.complete = matches!(ended, Ok(true));
    report.ended_by = ended.err();
    report.duration = started.elapsed();
    (report, left_out)
}

/// Gives whether everything was tried.
async fn run(
    store: &dyn Backend,
    reader: &mut dyn Reader,
    options: &mut ImportOptions<'_>,
    report: &mut Report,
    left_out: &mut LeftOut,
) -> Result<bool> {
    loop {
        if (options.stop)() || options.max_errors.is_some_and(|most| report.failed >= most) {
            return Ok(false);
        }
        let head = match reader.next() {
            Ok(Some(head)) => head,
            Ok(None) => return Ok(true),
            Err(e) if is_final(&e) || !is_damage(&e) => return Err(e),
            Err(e) => {
                fail(report, options, String::new(), None, e);
                continue;
            }
        };
        if !(options.wanted)(&head) {
            continue;
        }
        if let Some(error) = unsound(&head, options.receive.now) {
            let url = head.request.url.as_str().to_owned();
            fail(report, options, head.id.to_string(), Some(url), error);
            continue;
        }
        let bytes = head.body.bytes;
        let admitted = match options.recorded {
            Some(settings) => {
                let mut head = head;
                if head.partition.is_empty() {
                    options.partition.clone_into(&mut head.partition);
                }
                recorded(head, settings)
            }
            None if is_for_nobody_known(&head) => Err(Reason::CredentialsHidden),
            None => Ok(head),
        };
        let head = match admitted {
            Ok(head) => head,
            Err(reason) => {
                *left_out.entry(reason.code()).or_default() += 1;
                report.tallies.count(Action::Skip, bytes);
                continue;
            }
        };
        // It stood behind another that answers the same, and would take its place.
        if head.id.variant.is_behind() {
            report.tallies.count(Action::Keep, head.body.bytes);
            continue;
        }
        let mut meant = in_its_place(head);
        meant.expires_at = options.ttl.apply(meant.expires_at, options.receive.now);
        if stays_out(store, meant.expires_at, &options.receive) {
            report.tallies.count(Action::Skip, bytes);
            continue;
        }
        let head = store.rules().project(under_its_key(store, meant.clone()));
        let (key, url) = (head.id.to_string(), head.request.url.as_str().to_owned());
        let kept = head.clone();
        if let Some(error) = unfit(&meant, &head, store) {
            fail(report, options, key, Some(url), error);
            continue;
        }
        match take_in(store, reader, head, options).await {
            Ok(action) => {
                if matches!(action, Action::Copy | Action::Overwrite) {
                    report.lose(&lost(&meant, &kept));
                }
                report.tallies.count(action, bytes);
                (options.on)(Event::Done(Tally { entries: 1, bytes }));
            }
            // What its writer has given up was never an entry.
            Err(e) if e.code() == "abandoned" => {
                *left_out.entry("abandoned").or_default() += 1;
            }
            Err(e) if e.is_about_all() || is_final(&e) => return Err(e),
            Err(e) => fail(report, options, key, Some(url), e),
        }
    }
}

/// A native key is the one of the request, whatever the file says: nobody may store an
/// answer under the URL of somebody else. The same goes for the variant.
fn in_its_place(mut head: EntryHead) -> EntryHead {
    of_its_owner(&mut head);
    if Key::is_native(&head.id.key) {
        let request = &head.request;
        head.id.key = Key::native(&head.partition, &request.method, &request.url);
        if head.selections.is_empty() && !request.headers.is_empty() {
            let derived = selection(&head.headers, &request.headers);
            head.selections.extend(Some(derived).filter(|derived| !derived.is_empty()));
        }
        if let Some(selection) = head.selections.first() {
            let known = Variant::of(selection);
            let is_one_of_them =
                head.selections.iter().any(|other| Variant::of(other) == head.id.variant);
            if !is_one_of_them {
                head.id.variant = known;
            }
        }
    }
    head
}

fn is_for_nobody_known(head: &EntryHead) -> bool {
    owner_is_hidden(&head.partition, &head.request.headers, &Settings::default())
}

/// A native key becomes the one by which the store looks for the entry. What the source was
/// serialized with is a fact about the source, and no wish: see [`as_held`](super::as_held).
fn under_its_key(store: &dyn Backend, mut head: EntryHead) -> EntryHead {
    let known = store.capabilities().serializers;
    head.serializer.take_if(|name| !known.contains(&&**name));
    if Key::is_native(&head.id.key) {
        head.id.key = store.rules().key_of(&head.request, &head.partition);
    }
    head
}

/// Whether nothing can come behind this error.
fn is_final(error: &Error) -> bool {
    matches!(error.code(), "truncated" | "bomb")
}

fn fail(
    report: &mut Report,
    options: &mut ImportOptions<'_>,
    key: String,
    url: Option<String>,
    error: Error,
) {
    let failure = Failure { key, url, error };
    (options.on)(Event::Failed(&failure));
    report.fail(failure);
}

async fn take_in(
    store: &dyn Backend,
    reader: &mut dyn Reader,
    head: EntryHead,
    options: &ImportOptions<'_>,
) -> Result<Action> {
    let (action, over) = decide(store, &head, &options.receive).await?;
    if !matches!(action, Action::Copy | Action::Overwrite) || options.dry_run {
        return Ok(action);
    }
    receive(store, head, over, &mut FromReader(reader), &options.receive).await?;
    Ok(action)
}

struct FromReader<'a>(&'a mut dyn Reader);

impl Incoming for FromReader<'_> {
    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.0.chunk()
    }
}
