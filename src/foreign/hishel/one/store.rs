//! The contract over values under keys, wherever those lie.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{BoxStream, StreamExt};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Backend, BlockingBackend, BodyStream, ByteRange, Capabilities, Found, Identity, Outcome, Over,
    Parcel, Part, Piece, Placed, Put, Query, Rules, Upkeep, Usage,
};

use super::keyed::{Expected, Keyed, Local, Swap};
use super::{
    Lying, New, Settings, damaged, discardable, found, limit, nothing_beside, removable, updated,
};

/// How often a removal starts over when another writer gets in between.
const ATTEMPTS: usize = 16;

/// A store of one value a key.
pub(in super::super) struct OneValue<M> {
    inner: Arc<Inner<M>>,
}

struct Inner<M> {
    medium: Arc<M>,
    settings: Settings,
}

impl<M: Keyed> OneValue<M> {
    pub(in super::super) fn new(medium: M, settings: Settings) -> Self {
        OneValue { inner: Arc::new(Inner { medium: Arc::new(medium), settings }) }
    }
}

impl<M: Keyed> fmt::Debug for OneValue<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hishel-0 {:?}", self.inner.medium)
    }
}

impl<M: Keyed> Inner<M> {
    async fn get(&self, key: &str) -> Result<Option<Lying>> {
        Ok(self.medium.get_all(&[key.to_owned()]).await?.pop().flatten())
    }

    fn found(&self, key: &str, lying: &Lying) -> Result<Found> {
        let ttl = self.settings.ttl.filter(|_| !M::FORGETS);
        found(key, lying, ttl).map_err(|e| damaged(key, lying, &self.medium.location(key), &e))
    }

    /// A head and its body as a value; and when it ends, if the server is to see to that.
    fn new_value(&self, head: &EntryHead, body: Bytes) -> Result<New> {
        let new = New::of(head, body, &self.settings)?;
        Ok(New { forgotten_at: forgotten_at::<M>(head), ..new })
    }

    /// Makes ready what is to be placed, or tells what is in its way.
    async fn prepare(&self, entry: Parcel) -> Result<Outcome<Prepared>> {
        let (head, body, over) = entry.into_parts();
        let key = head.id.key.clone();
        let new = self.new_value(&head, body)?;
        // What will be read, not what was meant; and it has to be.
        let found = self.found(&key, &new.lying())?;
        let mut there = None;
        if let Over::State(stamp) = over {
            there = match self.get(&key).await? {
                None => return Ok(Outcome::Absent),
                Some(lying) if lying.stamp() != stamp => return Ok(Outcome::Changed),
                there => there,
            };
        }
        Ok(Outcome::Done(Prepared { key, new, found, over, there }))
    }
}

/// An entry that can be placed.
struct Prepared {
    key: String,
    new: New,
    found: Found,
    over: Over,
    /// What it may take the place of, where that is one value.
    there: Option<Lying>,
}

impl Prepared {
    fn without_body(mut self) -> Self {
        self.found.inline = None;
        self
    }

    fn swap(&self) -> Swap<'_> {
        let expected = match (self.over, &self.there) {
            (Over::Anything, _) => Expected::Anything,
            (_, Some(there)) => Expected::Value(there),
            (_, None) => Expected::Nothing,
        };
        Swap { key: &self.key, expected, new: &self.new }
    }
}

/// When a server that forgets by itself is to forget an entry: it knows milliseconds.
fn forgotten_at<M: Keyed>(head: &EntryHead) -> Option<Timestamp> {
    head.expires_at.filter(|_| M::FORGETS).map(|end| Timestamp::from_millis(end.millis()))
}

#[async_trait]
impl<M: Keyed> Backend for OneValue<M> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full(M::KIND);
        limit(&mut can, &self.inner.settings);
        can.server_ttl = M::FORGETS;
        self.inner.medium.limit(&mut can);
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let lying = self.inner.get(key).await?;
        lying.iter().map(|lying| self.inner.found(key, lying)).collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let changed = || Error::changed(&id.key);
        let lying = self.inner.get(&id.key).await?.ok_or_else(changed)?;
        if lying.stamp() != seen {
            return Err(changed());
        }
        let found = self.inner.found(&id.key, &lying)?;
        Ok(BodyStream::part(&found.inline.unwrap_or_default(), range))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        Ok(Box::new(OnePut { inner: Arc::clone(&self.inner), head, body: BytesMut::new() }))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        let mut prepared = Vec::with_capacity(entries.len());
        for entry in entries {
            let outcome = self.inner.prepare(entry).await;
            // Only the stamp is wanted of what will be found.
            prepared.push(outcome.map(|outcome| outcome.map(Prepared::without_body)));
        }
        let ready = prepared.iter().filter_map(|outcome| match outcome {
            Ok(Outcome::Done(prepared)) => Some(prepared.swap()),
            _ => None,
        });
        let swaps: Vec<Swap<'_>> = ready.collect();
        let mut outcomes = self.inner.medium.change_all(&swaps).await?.into_iter();
        drop(swaps);
        let placed = prepared.into_iter().map(|outcome| match outcome? {
            Outcome::Done(Prepared { found, .. }) => {
                let outcome = outcomes.next().unwrap_or(Ok(Outcome::Absent))?;
                Ok(outcome.map(|()| found.stamp))
            }
            Outcome::Absent => Ok(Outcome::Absent),
            Outcome::Changed => Ok(Outcome::Changed),
        });
        Ok(placed.collect())
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let Inner { medium, settings } = &*self.inner;
        let Some(lying) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
        let there = self.inner.found(&id.key, &lying)?;
        let forgotten_at = forgotten_at::<M>(&head);
        let new = match updated(id, (&lying, there), head, seen, settings)? {
            Outcome::Done(new) => New { forgotten_at, ..new },
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        let outcome = medium.change(&id.key, Expected::Value(&lying), Some(&new)).await?;
        Ok(outcome.map(|()| new.lying().stamp()))
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        for _ in 0..ATTEMPTS {
            let Some(lying) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
            let outcome = removable(id, &lying, seen);
            if !outcome.is_done() {
                return Ok(outcome);
            }
            let there = Expected::Value(&lying);
            let outcome = self.inner.medium.change(&id.key, there, None).await?;
            // Whoever named no state means whatever is there, also what came just now.
            if outcome != Outcome::Changed || seen.is_some() {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Changed)
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let inner = Arc::clone(&self.inner);
        let walk = Arc::clone(&inner.medium).walk(&query);
        let found = walk.filter_map(move |walked| {
            let found = found_on_walk(&inner, walked, &query);
            std::future::ready(found)
        });
        found.boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        self.inner.medium.identity().await
    }

    async fn sync(&self) -> Result<()> {
        self.inner.medium.sync().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.medium.close().await;
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

fn found_on_walk<M: Keyed>(
    inner: &Inner<M>,
    walked: super::Walked,
    query: &Query,
) -> Option<Result<Found>> {
    let (key, lying, position) = match walked {
        Ok(walked) => walked,
        Err(e) => return Some(Err(e)),
    };
    if query.key_prefix.as_ref().is_some_and(|prefix| !key.starts_with(prefix)) {
        return None;
    }
    if query.detail == Detail::Key {
        return Some(Ok(Found { position, ..Found::named(key) }));
    }
    Some(inner.found(&key, &lying).map(|mut found| {
        // Bodies hold on to the memory of their values.
        found.inline.take_if(|_| query.detail < Detail::Body);
        found.position = position;
        found
    }))
}

impl<M: Keyed> Rules for OneValue<M> {
    fn key_of(&self, request: &Request, _: &str) -> String {
        self.inner.settings.key_of(request)
    }

    fn project(&self, head: EntryHead) -> EntryHead {
        let end = forgotten_at::<M>(&head);
        let kept = self.inner.settings.kept(head);
        if M::FORGETS { EntryHead { expires_at: end, ..kept } } else { kept }
    }

    fn location(&self, id: &EntryId) -> String {
        self.inner.medium.location(&id.key)
    }
}

#[async_trait]
impl<M: Keyed> Upkeep for OneValue<M> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        Arc::clone(&self.inner.medium).leftovers(before)
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let Some(key) = &piece.key else { return self.inner.medium.discard(&piece.name).await };
        let Some(lying) = self.inner.get(key).await? else { return Ok(Outcome::Absent) };
        match discardable(piece, &lying) {
            Outcome::Done(bytes) => {
                let outcome = self.inner.medium.change(key, Expected::Value(&lying), None).await?;
                Ok(outcome.map(|()| bytes))
            }
            other => Ok(other),
        }
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let key = match &part {
            Part::Record(id) => &id.key,
            Part::Piece(name) => name,
            // A value is all there is of an entry.
            Part::Beside(piece) => return Err(nothing_beside(piece)),
        };
        let absent = || Error::new(ErrorKind::NotFound, format!("there is no value {key}"));
        let lying = self.inner.get(key).await?.ok_or_else(absent)?;
        Ok(BodyStream::whole(lying.bytes))
    }

    async fn usage(&self) -> Result<Usage> {
        let (entries, stored_bytes) = self.inner.medium.usage().await?;
        Ok(Usage { entries, stored_bytes, disk_bytes: None })
    }
}

impl<M: Keyed + Local> BlockingBackend for OneValue<M> {}

/// A value on its way; it has to be whole before it can be written.
struct OnePut<M> {
    inner: Arc<Inner<M>>,
    head: EntryHead,
    body: BytesMut,
}

#[async_trait]
impl<M: Keyed> Put for OnePut<M> {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let OnePut { inner, head, body } = *self;
        let prepared = match inner.prepare(Parcel::new(head, body.freeze(), over)).await? {
            Outcome::Done(prepared) => prepared,
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        let Swap { key, expected, new } = prepared.swap();
        let outcome = inner.medium.change(key, expected, Some(new)).await?;
        Ok(outcome.map(|()| prepared.found))
    }
}
