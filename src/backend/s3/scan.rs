//! Listing: the records in the order of their names, and beside them the bodies, which
//! have the same order; so that whether a body is there needs no request of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::Result;
use crate::filter::Detail;
use crate::model::Key;
use crate::storage::{Found, Query};

use super::super::record::{MAX_RECORD, admits_name, is_entry_behind, is_name, name_of, record_of};
use super::Inner;
use super::bucket::{Begin, Listed};

/// Keys of a page; S3 gives no more.
const PAGE: i32 = 1000;

/// Records that are fetched at the same time.
const AT_ONCE: usize = 32;

/// A batch ends with the record that makes it as long as this many bytes.
const BATCH_BYTES: u64 = 8 << 20;

/// The large bodies that are known to be there.
#[derive(Default)]
pub(super) struct Bodies(HashMap<String, u64>);

impl Bodies {
    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Bodies::default()
    }

    /// The length of a body that was listed; `None` when it was not, and has to be asked for.
    pub(super) fn length(&self, body: &str) -> Option<u64> {
        self.0.get(body).copied()
    }
}

/// A listing that is read page by page.
pub(super) struct Pages {
    prefix: String,
    is_ours: fn(&str) -> bool,
    next: Option<Begin>,
    pub ready: VecDeque<Listed>,
}

impl Pages {
    /// The records of a store, in the order of their names.
    pub(super) fn of_records(inner: &Inner, from: Begin) -> Self {
        Self::new(inner.record_key(""), is_name, from)
    }

    /// The large bodies of a store, in the order of their names.
    pub(super) fn of_bodies(inner: &Inner, from: Begin) -> Self {
        Self::new(inner.body_key(""), |name| record_of(name).is_some(), from)
    }

    /// What is ours under a prefix, its key cut to what follows that. Objects of other names
    /// are somebody else's.
    fn new(prefix: String, is_ours: fn(&str) -> bool, from: Begin) -> Self {
        Pages { prefix, is_ours, next: Some(from), ready: VecDeque::new() }
    }

    /// Fetches a page if nothing is at hand; `false` at the end.
    pub(super) async fn fill(&mut self, inner: &Inner) -> Result<bool> {
        while self.ready.is_empty() {
            let Some(from) = self.next.take() else { return Ok(false) };
            let (page, next) = inner.bucket.list(&self.prefix, from, PAGE).await?;
            let names = page.into_iter().filter_map(|object| {
                let key = object.key.strip_prefix(&*self.prefix)?.to_owned();
                (self.is_ours)(&key).then_some(Listed { key, ..object })
            });
            self.ready.extend(names);
            self.next = next.map(Begin::Page);
        }
        Ok(true)
    }
}

struct Scan {
    inner: Arc<Inner>,
    query: Query,
    begun: bool,
    records: Pages,
    bodies: Pages,
}

/// Everything that a query asks for.
pub(super) fn scan(inner: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Found>> {
    // The last record that was shown is read again, for the variants behind the cursor.
    let from = |key: &dyn Fn(&str) -> String| match &query.after {
        Some(after) => Begin::Behind(just_before(&key(&name_of(&after.id.key)))),
        None => Begin::Start,
    };
    let scan = Scan {
        records: Pages::of_records(&inner, from(&|name| inner.record_key(name))),
        bodies: Pages::of_bodies(&inner, from(&|name| inner.body_key(name))),
        inner: Arc::clone(&inner),
        query: query.clone(),
        begun: false,
    };
    let batches = stream::unfold(Some(scan), |scan| async move {
        let mut scan = scan?;
        match scan.next_batch().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(scan))),
            Ok(None) => None,
            Err(e) => Some((Err(e), None)),
        }
    });
    let found = batches.flat_map(move |batch| match batch {
        Err(e) => stream::iter([Err(e)]).boxed(),
        Ok(Batch::Keys(keys)) => stream::iter(keys).map(|key| Ok(Found::named(key))).boxed(),
        Ok(Batch::Records(names, bodies)) => {
            let (inner, bodies) = (Arc::clone(&inner), Arc::new(bodies));
            let read = move |name: String| read(Arc::clone(&inner), name, Arc::clone(&bodies));
            stream::iter(names).map(read).buffered(AT_ONCE).flat_map(stream::iter).boxed()
        }
    });
    found
        .filter(move |found| {
            let admitted = found.as_ref().map_or(true, |found| {
                let id = &found.head.id;
                query.admits(id) && is_entry_behind(query.after.as_ref(), id)
            });
            async move { admitted }
        })
        .boxed()
}

/// A text below this one, and above all that are below it in any listing of names.
fn just_before(key: &str) -> String {
    let mut bytes = key.as_bytes().to_vec();
    // Names end in an ASCII character above the first one.
    if let Some(last) = bytes.last_mut() {
        *last -= 1;
    }
    bytes.push(b'~');
    String::from_utf8(bytes).unwrap_or_default()
}

/// What a step of a scan gives.
enum Batch {
    /// Keys, where nothing else is wanted and the names tell them.
    Keys(Vec<String>),
    /// The names of some records, and what is known of their bodies.
    Records(Vec<String>, Bodies),
}

async fn read(inner: Arc<Inner>, name: String, bodies: Arc<Bodies>) -> Vec<Result<Found>> {
    let key = inner.record_key(&name);
    let record = match inner.bucket.get(&key, MAX_RECORD).await {
        Ok(Some(object)) => inner.parse(&key, &object),
        // Removed since it was listed.
        Ok(None) => return Vec::new(),
        Err(e) => return vec![Err(e)],
    };
    match record {
        Ok(record) => inner.found(&name, &record, &bodies).await.unwrap_or_else(|e| vec![Err(e)]),
        Err(e) => vec![Err(e)],
    }
}

impl Scan {
    /// What comes next, if anything.
    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        if !self.begun {
            self.inner.is_marked().await?;
            self.begun = true;
        }
        let mut names = Vec::new();
        while names.is_empty() {
            if !self.records.fill(&self.inner).await? {
                return Ok(None);
            }
            let mut bytes = 0;
            while bytes < BATCH_BYTES && names.len() < 4 * AT_ONCE {
                let Some(object) = self.records.ready.pop_front() else { break };
                if admits_name(&self.query, &object.key) {
                    // What is longer than a record is not read.
                    bytes += if object.bytes > MAX_RECORD { 0 } else { object.bytes };
                    names.push(object.key);
                }
            }
        }
        if self.query.detail == Detail::Key && names.iter().all(|name| Key::is_native(name)) {
            let after = self.query.after.as_ref().map(|after| &*after.id.key);
            names.retain(|name| Some(&**name) != after);
            return Ok(Some(Batch::Keys(names)));
        }
        let bodies = self.bodies_up_to(&names[names.len() - 1]).await?;
        Ok(Some(Batch::Records(names, bodies)))
    }

    /// The bodies of all records up to this one: those that begin with its name too.
    async fn bodies_up_to(&mut self, last: &str) -> Result<Bodies> {
        let mut known = Bodies::default();
        while self.bodies.fill(&self.inner).await? {
            let Some(body) = self.bodies.ready.front() else { break };
            if body.key.split('.').next().unwrap_or_default() > last {
                break;
            }
            known.0.extend(self.bodies.ready.pop_front().map(|body| (body.key, body.bytes)));
        }
        Ok(known)
    }
}
