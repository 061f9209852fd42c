//! The seed's verbs, in both colours, over every backend; and comforts for managing.

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    EntryHead, EntryId, Metadata, Request, Response, Stamp, Stored, Timestamp, Variant,
};
use crate::policy;

use super::backend::{
    AsyncBackend, Backend, BlockingBackend, ByteRange, Found, Outcome, Upkeep, meant,
};
use super::body::BodyStream;
use super::bridge::{block_on, upkeep};

/// What `remove` takes: a key, or a response that was retrieved from the store.
#[derive(Debug, Clone, Copy)]
pub enum RemoveTarget<'a> {
    /// Every variant under this key.
    Key(&'a str),
    /// The entry that this response was retrieved as.
    Response(&'a Response),
}

impl<'a> From<&'a str> for RemoveTarget<'a> {
    fn from(key: &'a str) -> Self {
        RemoveTarget::Key(key)
    }
}

impl<'a> From<&'a String> for RemoveTarget<'a> {
    fn from(key: &'a String) -> Self {
        RemoveTarget::Key(key)
    }
}

impl<'a> From<&'a Response> for RemoveTarget<'a> {
    fn from(response: &'a Response) -> Self {
        RemoveTarget::Response(response)
    }
}

/// Storing, retrieving and removing whole responses, async. Every [`AsyncBackend`] has it.
///
/// A key may be any text. Bodies are in hand here; for streams use [`Backend`] itself.
#[async_trait]
pub trait AsyncStorage: Send + Sync {
    /// Stores a response under a key. It replaces the one there whose request agrees in
    /// the fields that `Vary` names. Without `metadata`: created now, the store's TTL.
    async fn store(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Option<Metadata>,
    ) -> Result<()>;

    /// The response under a key, with its request and metadata; of several variants the
    /// one with the latest `Date`. Absent or expired is `None`.
    async fn retrieve(&self, key: &str) -> Result<Option<Stored>>;

    /// Removes everything under a key, or the one entry that a response was retrieved as.
    /// Absent is not an error.
    async fn remove<'a>(&self, target: RemoveTarget<'a>) -> Result<()>;

    /// Replaces head and metadata of the entry that request and response select; the
    /// stored body stays. Absent is not an error.
    async fn update_metadata(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Metadata,
    ) -> Result<()>;

    /// Ends the use of the store.
    async fn aclose(&self) -> Result<()>;
}

/// Storing, retrieving and removing whole responses, blocking. Every [`BlockingBackend`]
/// has it; the verbs are those of [`AsyncStorage`].
#[allow(clippy::missing_errors_doc, reason = "the verbs are those of `AsyncStorage`")]
pub trait Storage: Send + Sync {
    /// See [`AsyncStorage::store`].
    fn store(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Option<Metadata>,
    ) -> Result<()>;
    /// See [`AsyncStorage::retrieve`].
    fn retrieve(&self, key: &str) -> Result<Option<Stored>>;
    /// See [`AsyncStorage::remove`].
    fn remove(&self, target: RemoveTarget<'_>) -> Result<()>;
    /// See [`AsyncStorage::update_metadata`].
    fn update_metadata(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Metadata,
    ) -> Result<()>;
    /// See [`AsyncStorage::aclose`].
    fn close(&self) -> Result<()>;
}

/// How often a verb starts over when another writer gets in between.
const ATTEMPTS: usize = 16;

#[async_trait]
impl<B: AsyncBackend + ?Sized> AsyncStorage for B {
    async fn store(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Option<Metadata>,
    ) -> Result<()> {
        store(self, key, response, request, metadata).await
    }

    async fn retrieve(&self, key: &str) -> Result<Option<Stored>> {
        retrieve(self, key).await
    }

    async fn remove<'a>(&self, target: RemoveTarget<'a>) -> Result<()> {
        remove(self, target).await
    }

    async fn update_metadata(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Metadata,
    ) -> Result<()> {
        update_metadata(self, key, response, request, metadata).await
    }

    async fn aclose(&self) -> Result<()> {
        Backend::close(self).await
    }
}

/// The same verbs, waited for: there is nothing to wait for.
impl<B: BlockingBackend + ?Sized> Storage for B {
    fn store(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Option<Metadata>,
    ) -> Result<()> {
        block_on(store(self, key, response, request, metadata))
    }

    fn retrieve(&self, key: &str) -> Result<Option<Stored>> {
        block_on(retrieve(self, key))
    }

    fn remove(&self, target: RemoveTarget<'_>) -> Result<()> {
        block_on(remove(self, target))
    }

    fn update_metadata(
        &self,
        key: &str,
        response: &Response,
        request: &Request,
        metadata: Metadata,
    ) -> Result<()> {
        block_on(update_metadata(self, key, response, request, metadata))
    }

    fn close(&self) -> Result<()> {
        block_on(Backend::close(self))
    }
}

async fn store<B: Backend + ?Sized>(
    backend: &B,
    key: &str,
    response: &Response,
    request: &Request,
    metadata: Option<Metadata>,
) -> Result<()> {
    let now = Timestamp::now();
    let metadata = metadata.unwrap_or_else(|| {
        let ttl = backend.capabilities().ttl;
        Metadata { expires_at: ttl.map(|t| (now + t).into()), ..Metadata::new(key) }
    });
    let head = head_of(key, response, request, &metadata);
    backend.put_whole(head, response.body.clone()).await?;
    backend.tidy_up(now).await
}

async fn retrieve<B: Backend + ?Sized>(backend: &B, key: &str) -> Result<Option<Stored>> {
    for _ in 0..ATTEMPTS {
        let now = Timestamp::now();
        let Some(found) = latest(backend.candidates(key).await?, now) else { return Ok(None) };
        match backend.body_of(&found).await {
            Ok(body) => {
                backend.note_use(&found.head.id, found.stamp, found.head.last_used_at, now).await;
                return Ok(Some(found.head.into_stored(body)));
            }
            Err(e) if e.kind() == ErrorKind::Changed => {}
            Err(e) => return Err(e),
        }
    }
    Err(Error::changed(key).passing())
}

async fn remove<B: Backend + ?Sized>(backend: &B, target: RemoveTarget<'_>) -> Result<()> {
    match target {
        RemoveTarget::Response(response) => {
            let id = response.entry().ok_or_else(|| {
                Error::usage("this response was not retrieved from a store")
                    .try_this("remove it by its key")
            })?;
            backend.remove(id, None).await.map(drop)
        }
        RemoveTarget::Key(key) => {
            for found in backend.candidates(key).await? {
                backend.remove(&found.head.id, None).await?;
            }
            Ok(())
        }
    }
}

async fn update_metadata<B: Backend + ?Sized>(
    backend: &B,
    key: &str,
    response: &Response,
    request: &Request,
    metadata: Metadata,
) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let mut new = head_of(key, response, request, &metadata);
        // A response that was retrieved knows which entry it is.
        if let Some(known) = response.entry().filter(|id| id.key == key) {
            new.id = known.clone();
        }
        let candidates = backend.candidates(key).await?;
        let Some(old) = candidates.into_iter().find(|found| found.head.id == new.id) else {
            return Ok(());
        };
        // What the seed's arguments do not carry stays as it is.
        let head = EntryHead {
            body: old.head.body,
            partition: old.head.partition,
            requested_at: old.head.requested_at,
            received_at: old.head.received_at,
            forced: old.head.forced,
            invalidated: old.head.invalidated,
            serializer: old.head.serializer,
            ..new
        };
        let id = head.id.clone();
        if backend.update(&id, head, old.stamp).await? != Outcome::Changed {
            return Ok(());
        }
    }
    Err(Error::changed(key).passing())
}

/// Comforts that stand on [`Backend`], for callers that manage a store.
#[async_trait]
pub trait Manage: Backend {
    /// Stores an entry whose body is in hand.
    async fn put_whole(&self, head: EntryHead, body: Bytes) -> Result<Found> {
        let mut put = self.put(head).await?;
        if !body.is_empty() {
            put.write(body).await?;
        }
        put.commit().await
    }

    /// The body of a found entry, out of the record or read from its place.
    async fn body_of(&self, found: &Found) -> Result<Bytes> {
        match &found.inline {
            Some(body) => Ok(body.clone()),
            None => self.open_body(found, ByteRange::WHOLE).await?.collect_bytes().await,
        }
    }

    /// The body of a found entry as a stream.
    async fn open_body(&self, found: &Found, range: ByteRange) -> Result<BodyStream> {
        match &found.inline {
            Some(body) => Ok(BodyStream::part(body, range)),
            None => self.body(&found.head.id, found.stamp, range).await,
        }
    }

    /// Notes a use of an entry, last used at `last`, if that is due. A use that cannot be
    /// noted is no reason to fail a hit, so there is no error.
    async fn note_use(&self, id: &EntryId, seen: Stamp, last: Option<Timestamp>, now: Timestamp) {
        let Some(every) = self.capabilities().notes_uses_every else { return };
        if last.is_none_or(|last| now.since(last) >= every)
            && let Err(error) = self.record_use(id, seen, now).await
        {
            tracing::debug!("a use of {id} was not noted: {error:#}");
        }
    }

    /// Does the small upkeep that is due, where a store has any.
    async fn tidy_up(&self, now: Timestamp) -> Result<()> {
        match self.upkeep() {
            Some(upkeep) => upkeep.tidy(now).await,
            None => Ok(()),
        }
    }

    /// What cleans, counts and repairs the store.
    ///
    /// # Errors
    /// `Usage` for a store that cannot.
    fn needed_upkeep(&self) -> Result<&dyn Upkeep> {
        upkeep(self)
    }

    /// The one entry of this identity; else, in a store without variants, whatever else lies
    /// under its key and answers the same method.
    async fn find(&self, id: &EntryId) -> Result<Option<Found>> {
        let candidates = self.candidates(&id.key).await?;
        Ok(meant(candidates, id, self.capabilities().variants))
    }
}

impl<B: Backend + ?Sized> Manage for B {}

/// The head that a response, its request and metadata make.
fn head_of(key: &str, response: &Response, request: &Request, metadata: &Metadata) -> EntryHead {
    let selecting = policy::selection(&response.headers, &request.headers);
    let created_at = whole_millis(metadata.created_at);
    let id = EntryId::new(key, Variant::of(&selecting));
    let status = response.status;
    let mut head =
        EntryHead::new(id, request.clone(), status, response.headers.clone(), created_at);
    head.extensions = response.extensions.clone();
    head.selections = if selecting.is_empty() { Vec::new() } else { vec![selecting] };
    head.expires_at = metadata.expires_at.map(whole_millis);
    head.uses = metadata.number_of_uses;
    head.last_used_at = metadata.last_used_at.map(whole_millis);
    head.tags.clone_from(&metadata.tags);
    head
}

/// Text forms carry milliseconds; a stored time is what comes back.
fn whole_millis(time: SystemTime) -> Timestamp {
    Timestamp::from_millis(Timestamp::from(time).millis())
}

fn latest(candidates: Vec<Found>, now: Timestamp) -> Option<Found> {
    candidates
        .into_iter()
        .filter(|found| !found.head.is_expired(now))
        .max_by_key(|found| policy::recency(&found.head))
}
