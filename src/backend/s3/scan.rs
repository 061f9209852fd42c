//! Listing: the records in the order of their names, and beside them the bodies, which
//! have the same order; so that whether a body is there needs no request of its own.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::Result;
use crate::storage::{Found, Query};

use super::super::record::admits_name;
use super::{Inner, Record, named};

/// Keys of a page; S3 gives no more.
const PAGE: i32 = 1000;

/// Records that are fetched at the same time.
const AT_ONCE: usize = 32;

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
struct Pages {
    prefix: String,
    next: Option<Option<String>>,
    ready: VecDeque<(String, u64)>,
}

impl Pages {
    fn new(prefix: String) -> Self {
        Pages { prefix, next: Some(None), ready: VecDeque::new() }
    }

    /// Fetches a page if nothing is at hand; `false` at the end.
    async fn fill(&mut self, inner: &Inner) -> Result<bool> {
        while self.ready.is_empty() {
            let Some(from) = self.next.take() else { return Ok(false) };
            let (page, next) = inner.bucket.list(&self.prefix, from, PAGE).await?;
            let names = page.into_iter().filter_map(|(key, bytes)| {
                Some((key.strip_prefix(&*self.prefix)?.to_owned(), bytes))
            });
            self.ready.extend(names);
            self.next = next.map(Some);
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
    let scan = Scan {
        records: Pages::new(inner.record_key("")),
        bodies: Pages::new(inner.body_key("")),
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
        Ok((names, bodies)) => {
            let (inner, bodies) = (Arc::clone(&inner), Arc::new(bodies));
            let read = move |name: String| read(Arc::clone(&inner), name, Arc::clone(&bodies));
            stream::iter(names).map(read).buffered(AT_ONCE).flat_map(stream::iter).boxed()
        }
    });
    found
        .filter(move |found| {
            let admitted = found.as_ref().map_or(true, |f| query.admits(&f.head.id));
            async move { admitted }
        })
        .boxed()
}

async fn read(inner: Arc<Inner>, name: String, bodies: Arc<Bodies>) -> Vec<Result<Found>> {
    let key = inner.record_key(&name);
    let record = match inner.bucket.get(&key).await {
        Ok(Some(object)) => Record::parse(&object.bytes, &inner.codec, 0),
        // Removed since it was listed.
        Ok(None) => return Vec::new(),
        Err(e) => return vec![Err(e)],
    };
    match record {
        Ok(record) => inner.found(&record, &bodies).await.unwrap_or_else(|e| vec![Err(e)]),
        Err(e) => vec![Err(named(&inner.place(&key), e))],
    }
}

impl Scan {
    /// The names of some records, and what is known of their bodies.
    async fn next_batch(&mut self) -> Result<Option<(Vec<String>, Bodies)>> {
        if !self.begun {
            self.inner.check_layout().await?;
            self.begun = true;
        }
        let mut names = Vec::new();
        while names.is_empty() {
            if !self.records.fill(&self.inner).await? {
                return Ok(None);
            }
            let some = self.records.ready.len().min(4 * AT_ONCE);
            let some = self.records.ready.drain(..some).map(|(name, _)| name);
            names.extend(some.filter(|name| admits_name(&self.query, name)));
        }
        let bodies = self.bodies_up_to(&names[names.len() - 1]).await?;
        Ok(Some((names, bodies)))
    }

    /// The bodies of all records up to this one: those that begin with its name too.
    async fn bodies_up_to(&mut self, last: &str) -> Result<Bodies> {
        let mut known = Bodies::default();
        while self.bodies.fill(&self.inner).await? {
            let Some((body, _)) = self.bodies.ready.front() else { break };
            if body.split('.').next().unwrap_or_default() > last {
                break;
            }
            known.0.extend(self.bodies.ready.pop_front());
        }
        Ok(known)
    }
}
