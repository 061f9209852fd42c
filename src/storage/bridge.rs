//! The bridges: [`Pooled`] moves the work of a blocking store to a pool of threads, [`Blocking`]
//! waits for an async store on the caller's thread.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::runtime;
use tokio::sync::{mpsc as async_mpsc, oneshot};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};

use super::backend::{
    AsyncBackend, Backend, BlockingBackend, ByteRange, Capabilities, Found, Identity, Outcome,
    Over, Parcel, Placed, Put, Removed, Rules, Upkeep, Usage,
};
use super::body::{BodyReader, BodyStream};
use super::piece::{Compact, Part, Piece};
use super::query::Query;

/// How many found entries wait between a scan and whoever reads it.
const SCAN_BATCH: usize = 64;
const SCAN_BATCHES: usize = 4;

/// Runs a future to its end on this thread, asleep while there is nothing to do.
///
/// Unlike a runtime's own it may be called anywhere, also inside another one.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    // Inside somebody's task the budget for cooperation would never be filled up again.
    let mut future = pin!(tokio::task::unconstrained(future));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Runs blocking work on tokio's pool of worker threads.
pub(crate) async fn on_pool<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    current_runtime()?.spawn_blocking(work).await.map_err(|e| {
        Error::new(ErrorKind::Internal, "a worker thread did not finish its work").because(e)
    })
}

/// The runtime of the caller; that there is none is a mistake of theirs.
pub(crate) fn current_runtime() -> Result<runtime::Handle> {
    runtime::Handle::try_current().map_err(|e| {
        Error::usage("an async store was used outside a tokio runtime")
            .because(e)
            .try_this("the blocking face of the same store, or tokio::runtime::Runtime::block_on")
    })
}

/// The upkeep of a store that said that it has one.
pub(super) fn upkeep<B: Backend + ?Sized>(store: &B) -> Result<&dyn Upkeep> {
    store.upkeep().ok_or_else(|| {
        let kind = store.capabilities().kind;
        Error::usage(format!("the {kind} store does not clean, count or repair itself"))
            .coded("no_upkeep")
    })
}

pub(super) fn leftovers<B: Backend + ?Sized>(
    store: &B,
    before: Timestamp,
) -> BoxStream<'_, Result<Piece>> {
    match upkeep(store) {
        Ok(upkeep) => upkeep.leftovers(before),
        Err(e) => stream::iter([Err(e)]).boxed(),
    }
}

/// A blocking store made async: each call runs on tokio's worker pool.
pub struct Pooled<B: ?Sized>(Arc<B>);

impl<B> Pooled<B> {
    /// Over this store.
    pub fn new(store: B) -> Self {
        Pooled(Arc::new(store))
    }
}

impl<B: ?Sized> Pooled<B> {
    /// Over a store that others hold too.
    pub fn shared(store: Arc<B>) -> Self {
        Pooled(store)
    }

    /// The blocking store below.
    pub fn blocking(&self) -> &B {
        &self.0
    }
}

impl<B> From<B> for Pooled<B> {
    fn from(store: B) -> Self {
        Pooled::new(store)
    }
}

impl<B: ?Sized> Clone for Pooled<B> {
    fn clone(&self) -> Self {
        Pooled(Arc::clone(&self.0))
    }
}

impl<B: fmt::Debug + ?Sized> fmt::Debug for Pooled<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pooled").field(&&*self.0).finish()
    }
}

impl<B: BlockingBackend + ?Sized + 'static> Pooled<B> {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&B) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.0);
        on_pool(move || work(&store)).await?
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: BlockingBackend + ?Sized + 'static> Backend for Pooled<B> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let key = key.to_owned();
        self.run(move |store| block_on(store.candidates(&key))).await
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let id = id.clone();
        self.run(move |store| block_on(store.body(&id, seen, range))).await.map(BodyStream::pooled)
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        let put = self.run(move |store| block_on(store.put(head))).await?;
        Ok(Box::new(PooledPut(Some(put))))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.run(move |store| block_on(store.put_many(entries))).await
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let ids = ids.to_vec();
        self.run(move |store| block_on(store.find_many(&ids))).await
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let id = id.clone();
        self.run(move |store| block_on(store.update(&id, head, seen))).await
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let id = id.clone();
        self.run(move |store| block_on(store.remove(&id, seen))).await
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        pooled(&self.0, move |store| store.scan(query))
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let entries = entries.to_vec();
        self.run(move |store| block_on(store.remove_many(&entries))).await
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let id = id.clone();
        self.run(move |store| block_on(store.record_use(&id, seen, at))).await
    }

    async fn identity(&self) -> Result<Identity> {
        self.run(|store| block_on(store.identity())).await
    }

    async fn sync(&self) -> Result<()> {
        self.run(|store| block_on(store.sync())).await
    }

    async fn close(&self) -> Result<()> {
        self.run(|store| block_on(store.close())).await
    }

    fn rules(&self) -> &dyn Rules {
        self.0.rules()
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        self.0.upkeep().map(|_| self as &dyn Upkeep)
    }
}

#[async_trait]
impl<B: BlockingBackend + ?Sized + 'static> Upkeep for Pooled<B> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        pooled(&self.0, move |store| leftovers(store, before))
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let piece = piece.clone();
        self.run(move |store| block_on(upkeep(store)?.discard(&piece))).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.run(move |store| block_on(upkeep(store)?.raw(part))).await.map(BodyStream::pooled)
    }

    async fn usage(&self) -> Result<Usage> {
        self.run(|store| block_on(upkeep(store)?.usage())).await
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        self.run(move |store| block_on(upkeep(store)?.compact(when))).await
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        self.run(move |store| block_on(upkeep(store)?.tidy(now))).await
    }
}

impl<B: BlockingBackend + ?Sized + 'static> AsyncBackend for Pooled<B> {}

/// A stream of the store that is read on the worker pool. Nothing starts before it is read here,
/// so it can be made anywhere.
fn pooled<'a, B, T>(
    store: &Arc<B>,
    begin: impl FnOnce(&B) -> BoxStream<'_, Result<T>> + Send + 'static,
) -> BoxStream<'a, Result<T>>
where
    B: BlockingBackend + ?Sized + 'static,
    T: Send + 'static,
{
    let store = Arc::clone(store);
    let started = async move {
        let pool = match current_runtime() {
            Ok(pool) => pool,
            Err(e) => return stream::iter([Err(e)]).boxed(),
        };
        let (sender, receiver) = async_mpsc::channel(SCAN_BATCHES);
        pool.spawn_blocking(move || {
            let mut batches = begin(&store).ready_chunks(SCAN_BATCH);
            while let Some(batch) = block_on(batches.next()) {
                // A reader that has gone away ends the work.
                if sender.blocking_send(batch).is_err() {
                    return;
                }
            }
        });
        unbatched(receiver)
    };
    stream::once(started).flatten().boxed()
}

fn unbatched<T: Send + 'static>(receiver: async_mpsc::Receiver<Vec<T>>) -> BoxStream<'static, T> {
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|batch| (stream::iter(batch), receiver))
    })
    .flatten()
    .boxed()
}

/// `None` only while a call is under way, or after one was dropped half-way.
struct PooledPut(Option<Box<dyn Put>>);

#[async_trait]
impl Put for PooledPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let mut put = self.0.take().ok_or_else(cancelled)?;
        let (result, put) = on_pool(move || (block_on(put.write(chunk)), put)).await?;
        self.0 = Some(put);
        result
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let put = self.0.take().ok_or_else(cancelled)?;
        on_pool(move || block_on(put.commit_over(over))).await?
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Internal, "an entry was written to after a cancelled write")
}

/// An async store made blocking. Its futures run on a runtime of their own, on a thread
/// of its own, so that a call works anywhere, also inside somebody's runtime.
pub struct Blocking<B: ?Sized> {
    runtime: Arc<RuntimeThread>,
    store: Arc<B>,
}

impl<B> Blocking<B> {
    /// Over this store.
    ///
    /// # Errors
    /// `Internal` when the system gives no thread.
    pub fn new(store: B) -> Result<Self> {
        Self::shared(Arc::new(store))
    }
}

impl<B: ?Sized> Blocking<B> {
    /// Over a store that others hold too.
    ///
    /// # Errors
    /// `Internal` when the system gives no thread.
    pub fn shared(store: Arc<B>) -> Result<Self> {
        Ok(Blocking { runtime: Arc::new(RuntimeThread::start()?), store })
    }
}

impl<B: fmt::Debug + ?Sized> fmt::Debug for Blocking<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Blocking").field(&&*self.store).finish()
    }
}

/// A single-threaded runtime that lives until this is dropped.
struct RuntimeThread {
    handle: runtime::Handle,
    /// Dropping the sender ends the runtime.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RuntimeThread {
    fn start() -> Result<Self> {
        let no_thread = |e: std::io::Error| {
            Error::new(ErrorKind::Internal, "cannot start a runtime thread").because(e)
        };
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new()
            .name("cachectl-store".into())
            .spawn(move || {
                let _ = runtime.block_on(stopped);
            })
            .map_err(no_thread)?;
        Ok(RuntimeThread { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs a future over there while this thread sleeps.
    fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Internal, "the store's runtime did not finish its work"))
        })
    }
}

impl Drop for RuntimeThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A store may be dropped on its own runtime's thread, which cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl<B: Backend + ?Sized + 'static> Blocking<B> {
    fn run<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<B>) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.runtime.run(work(Arc::clone(&self.store)))
    }

    /// Bytes that are fetched over there, chunk by chunk.
    fn read<F>(&self, work: impl FnOnce(Arc<B>) -> F) -> Result<BodyStream>
    where
        F: Future<Output = Result<BodyStream>> + Send + 'static,
    {
        let body = self.run(work)?;
        let bytes = body.length();
        let runtime = Arc::clone(&self.runtime);
        let mut slot = Some(body);
        let chunks = std::iter::from_fn(move || {
            let mut body = slot.take()?;
            let next = runtime.run(async move {
                let chunk = body.chunk().await?;
                Ok((chunk, body))
            });
            match next {
                Ok((chunk, body)) => {
                    slot = Some(body);
                    chunk.map(Ok)
                }
                Err(e) => Some(Err(e)),
            }
        });
        Ok(BodyStream::in_place(BodyReader::unchecked(chunks, bytes)))
    }

    /// The items of a stream that runs over there. The iterator keeps the runtime alive
    /// for as long as it is read.
    fn items<T: Send + 'static>(
        &self,
        begin: impl FnOnce(&B) -> BoxStream<'_, Result<T>> + Send + 'static,
    ) -> impl Iterator<Item = Result<T>> + Send + 'static {
        let (sender, mut receiver) = async_mpsc::channel(SCAN_BATCHES);
        let store = Arc::clone(&self.store);
        self.runtime.handle.spawn(async move {
            let mut batches = begin(&store).ready_chunks(SCAN_BATCH);
            while let Some(batch) = batches.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        });
        let runtime = Arc::clone(&self.runtime);
        let batches = std::iter::from_fn(move || {
            let _alive = &runtime;
            block_on(receiver.recv())
        });
        batches.flatten()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: Backend + ?Sized + 'static> Backend for Blocking<B> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let key = key.to_owned();
        self.run(|store| async move { store.candidates(&key).await })
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let id = id.clone();
        self.read(|store| async move { store.body(&id, seen, range).await })
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        let put = self.run(|store| async move { store.put(head).await })?;
        Ok(Box::new(PutOverThere { runtime: Arc::clone(&self.runtime), put: Some(put) }))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.run(|store| async move { store.put_many(entries).await })
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let ids = ids.to_vec();
        self.run(|store| async move { store.find_many(&ids).await })
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let id = id.clone();
        self.run(|store| async move { store.update(&id, head, seen).await })
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let id = id.clone();
        self.run(|store| async move { store.remove(&id, seen).await })
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        stream::iter(self.items(move |store| store.scan(query))).boxed()
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let entries = entries.to_vec();
        self.run(|store| async move { store.remove_many(&entries).await })
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let id = id.clone();
        self.run(|store| async move { store.record_use(&id, seen, at).await })
    }

    async fn identity(&self) -> Result<Identity> {
        self.run(|store| async move { store.identity().await })
    }

    async fn sync(&self) -> Result<()> {
        self.run(|store| async move { store.sync().await })
    }

    async fn close(&self) -> Result<()> {
        self.run(|store| async move { store.close().await })
    }

    fn rules(&self) -> &dyn Rules {
        self.store.rules()
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        self.store.upkeep().map(|_| self as &dyn Upkeep)
    }
}

#[async_trait]
impl<B: Backend + ?Sized + 'static> Upkeep for Blocking<B> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::iter(self.items(move |store| leftovers(store, before))).boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let piece = piece.clone();
        self.run(|store| async move { upkeep(&*store)?.discard(&piece).await })
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.read(|store| async move { upkeep(&*store)?.raw(part).await })
    }

    async fn usage(&self) -> Result<Usage> {
        self.run(|store| async move { upkeep(&*store)?.usage().await })
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        self.run(|store| async move { upkeep(&*store)?.compact(when).await })
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        self.run(|store| async move { upkeep(&*store)?.tidy(now).await })
    }
}

impl<B: Backend + ?Sized + 'static> BlockingBackend for Blocking<B> {}

struct PutOverThere {
    runtime: Arc<RuntimeThread>,
    put: Option<Box<dyn Put>>,
}

#[async_trait]
impl Put for PutOverThere {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        let mut put = self.put.take().ok_or_else(cancelled)?;
        let (result, put) = self.runtime.run(async move { Ok((put.write(chunk).await, put)) })?;
        self.put = Some(put);
        result
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let put = self.put.take().ok_or_else(cancelled)?;
        self.runtime.run(put.commit_over(over))
    }
}

/// Whoever abandons an entry does so where its clean-up can reach the store.
impl Drop for PutOverThere {
    fn drop(&mut self) {
        if let Some(put) = self.put.take() {
            self.runtime.handle.spawn(async move { drop(put) });
        }
    }
}
