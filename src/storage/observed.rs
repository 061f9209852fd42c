//! A wrapper that reports every call as a `tracing` event: what, on which entry, how
//! long, how it ended.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tracing::debug;

use crate::error::Result;
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};

use super::backend::{
    AsyncBackend, Backend, BlockingBackend, ByteRange, Capabilities, Found, Identity, Outcome,
    Over, Parcel, Placed, Put, Removed, Rules, Upkeep, Usage,
};
use super::body::BodyStream;
use super::bridge::{leftovers, upkeep};
use super::piece::{Compact, Part, Piece};
use super::query::Query;

/// A store whose calls can be watched (target `cachectl::store`, level debug).
#[derive(Debug)]
pub struct Observed<B: ?Sized = dyn Backend>(Arc<B>);

impl<B: ?Sized> Clone for Observed<B> {
    fn clone(&self) -> Self {
        Observed(Arc::clone(&self.0))
    }
}

impl<B: Backend + ?Sized> Observed<B> {
    /// Over this store.
    pub fn new(store: Arc<B>) -> Self {
        Observed(store)
    }

    async fn watch<T>(
        &self,
        call: &'static str,
        object: &str,
        work: impl Future<Output = Result<T>>,
        outcome: impl FnOnce(&T) -> String,
    ) -> Result<T> {
        let started = Instant::now();
        let result = work.await;
        report(self.0.capabilities().kind, call, object, started, result.as_ref().map(outcome));
        result
    }

    fn watch_items<'a, T: Send + 'a>(
        &self,
        call: &'static str,
        items: BoxStream<'a, Result<T>>,
    ) -> BoxStream<'a, Result<T>> {
        let started = Instant::now();
        let kind = self.0.capabilities().kind;
        stream::unfold((items, 0u64), move |(mut items, count)| async move {
            match items.next().await {
                Some(item) => Some((item, (items, count + 1))),
                None => {
                    report(kind, call, "", started, Ok(format!("{count} found")));
                    None
                }
            }
        })
        .boxed()
    }
}

fn worded<T>(outcome: &Outcome<T>) -> String {
    let word = match outcome {
        Outcome::Done(_) => "done",
        Outcome::Absent => "absent",
        Outcome::Changed => "changed since it was seen",
    };
    word.to_owned()
}

fn report(
    kind: &str,
    call: &str,
    object: &str,
    started: Instant,
    outcome: Result<String, &crate::error::Error>,
) {
    let micros = started.elapsed().as_micros();
    let space = if object.is_empty() { "" } else { " " };
    match outcome {
        Ok(outcome) => {
            debug!(target: "cachectl::store", "{kind} {call}{space}{object}: {outcome} ({micros} us)");
        }
        Err(error) => {
            debug!(target: "cachectl::store", "{kind} {call}{space}{object}: failed, {error:#} ({micros} us)");
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: Backend + ?Sized> Backend for Observed<B> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let work = self.0.candidates(key);
        self.watch("candidates", key, work, |found| format!("{} found", found.len())).await
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let work = self.0.body(id, seen, range);
        self.watch("body", &id.to_string(), work, |b| format!("{} bytes", b.length())).await
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        let object = head.id.to_string();
        let work = self.0.put(head);
        let put = self.watch("put", &object, work, |_| "begun".to_owned()).await?;
        let kind = self.0.capabilities().kind;
        Ok(Box::new(ObservedPut { put, kind, object, bytes: 0, started: Instant::now() }))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        let object = format!("{} entries", entries.len());
        let work = self.0.put_many(entries);
        self.watch("put_many", &object, work, |_| "done".to_owned()).await
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let object = format!("{} entries", ids.len());
        let work = self.0.find_many(ids);
        self.watch("find_many", &object, work, |_| "done".to_owned()).await
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let work = self.0.update(id, head, seen);
        self.watch("update", &id.to_string(), work, worded).await
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let work = self.0.remove(id, seen);
        self.watch("remove", &id.to_string(), work, worded).await
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        self.watch_items("scan", self.0.scan(query))
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let object = format!("{} entries", entries.len());
        let work = self.0.remove_many(entries);
        self.watch("remove_many", &object, work, |_| "done".to_owned()).await
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let work = self.0.record_use(id, seen, at);
        self.watch("record_use", &id.to_string(), work, |()| "done".to_owned()).await
    }

    async fn identity(&self) -> Result<Identity> {
        self.watch("identity", "", self.0.identity(), |_| "done".to_owned()).await
    }

    async fn sync(&self) -> Result<()> {
        self.watch("sync", "", self.0.sync(), |()| "done".to_owned()).await
    }

    async fn close(&self) -> Result<()> {
        self.watch("close", "", self.0.close(), |()| "done".to_owned()).await
    }

    fn rules(&self) -> &dyn Rules {
        self.0.rules()
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        self.0.upkeep().map(|_| self as &dyn Upkeep)
    }
}

#[async_trait]
impl<B: Backend + ?Sized> Upkeep for Observed<B> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        self.watch_items("leftovers", leftovers(&*self.0, before))
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let work = upkeep(&*self.0)?.discard(piece);
        self.watch("discard", &piece.name, work, worded).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let object = match &part {
            Part::Record(id) => id.to_string(),
            Part::Piece(name) => name.clone(),
            Part::Beside(piece) => piece.name.clone(),
        };
        let work = upkeep(&*self.0)?.raw(part);
        self.watch("raw", &object, work, |b| format!("{} bytes", b.length())).await
    }

    async fn usage(&self) -> Result<Usage> {
        let told = |usage: &Usage| format!("{} entries", usage.entries);
        self.watch("usage", "", upkeep(&*self.0)?.usage(), told).await
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        self.watch("compact", "", upkeep(&*self.0)?.compact(when), |()| "done".to_owned()).await
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        self.watch("tidy", "", upkeep(&*self.0)?.tidy(now), |()| "done".to_owned()).await
    }
}

impl<B: AsyncBackend + ?Sized> AsyncBackend for Observed<B> {}

impl<B: BlockingBackend + ?Sized> BlockingBackend for Observed<B> {}

struct ObservedPut {
    put: Box<dyn Put>,
    kind: &'static str,
    object: String,
    bytes: u64,
    started: Instant,
}

#[async_trait]
impl Put for ObservedPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.bytes += chunk.len() as u64;
        self.put.write(chunk).await
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let ObservedPut { put, kind, object, bytes, started } = *self;
        let result = put.commit_over(over).await;
        let outcome = result.as_ref().map(|outcome| match outcome {
            Outcome::Done(_) => format!("committed {bytes} bytes"),
            Outcome::Absent => "absent".to_owned(),
            Outcome::Changed => "changed".to_owned(),
        });
        report(kind, "put", &object, started, outcome);
        result
    }
}
