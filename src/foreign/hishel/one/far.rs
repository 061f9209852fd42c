//! Stores on a server.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Backend, BodyStream, ByteRange, Capabilities, Cursor, Found, Identity, Outcome, Over, Part,
    Piece, Position, Put, Query, Rules, Upkeep, Usage,
};

use super::super::value::Form;
use super::{
    Lying, New, Settings, damaged, discardable, found, limit, nothing_beside, removable, updated,
};

/// Values that are asked for at once, if they are not longer than this in all.
const AT_ONCE: usize = 64;
const BYTES_AT_ONCE: u64 = 8 << 20;

/// What has to lie under a key for it to be changed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Seen<'a> {
    Anything,
    Nothing,
    Value(&'a Lying),
}

/// One step over the keys.
#[derive(Debug)]
pub(in super::super) struct Page<P> {
    /// Keys under which values lie, as far as their names or what lies there tell, and how long
    /// those are.
    pub keys: Vec<(String, u64)>,
    /// What a cursor keeps of the place of this page, where keys alone do not say it.
    pub position: Option<Position>,
    /// Where to go on; `None` at the end.
    pub next: Option<P>,
}

/// What values lie on.
#[async_trait]
pub(in super::super) trait FarShelf: fmt::Debug + Send + Sync + 'static {
    /// The kind of backend.
    const KIND: &'static str;

    /// Whether the server forgets values by itself; else the TTL is counted from when a
    /// value was laid down.
    const FORGETS: bool;

    /// A place in a walk over all keys.
    type Place: Clone + Send + Sync + 'static;

    /// What else it cannot do.
    fn limit(&self, can: &mut Capabilities);

    /// The values under some keys.
    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Lying>>>;

    /// Writes or removes a value, if what lies there is still what was seen.
    async fn change(&self, key: &str, seen: Seen<'_>, new: Option<&New>) -> Result<Outcome<()>>;

    /// Where a walk begins, or goes on behind an entry.
    fn begin(&self, after: Option<&Cursor>) -> Self::Place;

    /// The keys from a place on.
    async fn page(&self, place: &Self::Place) -> Result<Page<Self::Place>>;

    /// How many values there are, and how long they are in all.
    async fn usage(&self) -> Result<(u64, u64)>;

    /// Where a key lies, for people.
    fn location(&self, key: &str) -> String;

    /// See [`Backend::identity`].
    async fn identity(&self) -> Result<Identity>;

    /// Ends the use of it.
    async fn close(&self) {}
}

/// A store over a shelf.
pub(in super::super) struct FarOneValue<S> {
    inner: Arc<Inner<S>>,
}

struct Inner<S> {
    shelf: S,
    settings: Settings,
}

impl<S: FarShelf> FarOneValue<S> {
    pub(in super::super) fn new(shelf: S, settings: Settings) -> Self {
        FarOneValue { inner: Arc::new(Inner { shelf, settings }) }
    }
}

impl<S: FarShelf> fmt::Debug for FarOneValue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hishel-0 {:?}", self.inner.shelf)
    }
}

impl<S: FarShelf> Inner<S> {
    async fn get(&self, key: &str) -> Result<Option<Lying>> {
        Ok(self.shelf.get_all(&[key.to_owned()]).await?.pop().flatten())
    }

    fn found(&self, key: &str, lying: &Lying) -> Result<Found> {
        let ttl = self.settings.ttl.filter(|_| !S::FORGETS);
        found(key, lying, ttl).map_err(|e| damaged(key, lying, &self.shelf.location(key), &e))
    }

    /// A head and its body as a value; and when it ends, if the server is to see to that.
    fn new_value(&self, head: &EntryHead, body: Bytes) -> Result<New> {
        let new = New::of(head, body, &self.settings)?;
        Ok(New { forgotten_at: forgotten_at::<S>(head), ..new })
    }

    /// The entries of one step, brought as they are taken.
    fn entries(
        self: Arc<Self>,
        page: Page<S::Place>,
        query: Query,
    ) -> BoxStream<'static, Result<Found>> {
        let Page { mut keys, position, .. } = page;
        if let Some(after) = query.after.as_ref().filter(|after| after.position == position)
            && let Some(last) = keys.iter().position(|(key, _)| *key == after.id.key)
        {
            keys.drain(..=last);
        }
        keys.retain(|(key, _)| query.key_prefix.as_ref().is_none_or(|p| key.starts_with(p)));
        if query.detail == Detail::Key {
            let named = move |(key, _)| Ok(Found { position, ..Found::named(key) });
            return stream::iter(keys).map(named).boxed();
        }
        let found = stream::iter(lots(keys)).then(move |keys| {
            let inner = Arc::clone(&self);
            async move { inner.lot(&keys, query.detail, position).await }
        });
        found.flat_map(stream::iter).boxed()
    }

    async fn lot(
        &self,
        keys: &[String],
        detail: Detail,
        position: Option<Position>,
    ) -> Vec<Result<Found>> {
        let values = match self.shelf.get_all(keys).await {
            Ok(values) => values,
            Err(e) => return vec![Err(e)],
        };
        // A value that begins like none of hishel's is somebody else's.
        let ours = |lying: &Lying| Form::is_signed(&lying.bytes);
        let values = keys.iter().zip(values);
        let values = values.filter_map(|(key, lying)| Some((key, lying.filter(ours)?)));
        let found = values.map(|(key, lying)| {
            self.found(key, &lying).map(|mut found| {
                found.inline.take_if(|_| detail < Detail::Body);
                found.position = position;
                found
            })
        });
        found.collect()
    }
}

/// Keys whose values are brought together.
fn lots(keys: Vec<(String, u64)>) -> Vec<Vec<String>> {
    let mut lots: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for (key, bytes) in keys {
        match lots.last_mut().filter(|lot| lot.len() < AT_ONCE && bytes <= room) {
            Some(lot) => {
                lot.push(key);
                room -= bytes;
            }
            None => {
                lots.push(vec![key]);
                room = BYTES_AT_ONCE.saturating_sub(bytes);
            }
        }
    }
    lots
}

/// When a server that forgets by itself is to forget an entry: it knows milliseconds.
fn forgotten_at<S: FarShelf>(head: &EntryHead) -> Option<Timestamp> {
    head.expires_at.filter(|_| S::FORGETS).map(|end| Timestamp::from_millis(end.millis()))
}

#[async_trait]
impl<S: FarShelf> Backend for FarOneValue<S> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full(S::KIND);
        limit(&mut can, &self.inner.settings);
        can.server_ttl = S::FORGETS;
        can.remote = true;
        self.inner.shelf.limit(&mut can);
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
        Ok(Box::new(FarPut { inner: Arc::clone(&self.inner), head, body: BytesMut::new() }))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let Inner { shelf, settings } = &*self.inner;
        let Some(lying) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
        let there = self.inner.found(&id.key, &lying)?;
        let forgotten_at = forgotten_at::<S>(&head);
        let new = match updated(id, (&lying, there), head, seen, settings)? {
            Outcome::Done(new) => New { forgotten_at, ..new },
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        let outcome = shelf.change(&id.key, Seen::Value(&lying), Some(&new)).await?;
        Ok(outcome.map(|()| new.lying().stamp()))
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let Some(lying) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
        match removable(id, &lying, seen) {
            Outcome::Done(()) => self.inner.shelf.change(&id.key, Seen::Value(&lying), None).await,
            other => Ok(other),
        }
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let begin = self.inner.shelf.begin(query.after.as_ref());
        let inner = Arc::clone(&self.inner);
        let pages = stream::unfold(Some(begin), move |place| {
            let (inner, query) = (Arc::clone(&inner), query.clone());
            async move {
                Some(match inner.shelf.page(&place?).await {
                    Ok(page) => {
                        let next = page.next.clone();
                        (inner.entries(page, query), next)
                    }
                    Err(e) => (stream::iter([Err(e)]).boxed(), None),
                })
            }
        });
        pages.flatten().boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        self.inner.shelf.identity().await
    }

    /// The server keeps what it has acknowledged by its own settings.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.inner.shelf.close().await;
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl<S: FarShelf> Rules for FarOneValue<S> {
    fn key_of(&self, request: &Request, _: &str) -> String {
        self.inner.settings.key_of(request)
    }

    fn project(&self, head: EntryHead) -> EntryHead {
        let end = forgotten_at::<S>(&head);
        let kept = self.inner.settings.kept(head);
        if S::FORGETS { EntryHead { expires_at: end, ..kept } } else { kept }
    }

    fn location(&self, id: &EntryId) -> String {
        self.inner.shelf.location(&id.key)
    }
}

#[async_trait]
impl<S: FarShelf> Upkeep for FarOneValue<S> {
    /// Whatever else lies there belongs to others.
    fn leftovers(&self, _: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::empty().boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let key = piece.key.as_ref().unwrap_or(&piece.name);
        let Some(lying) = self.inner.get(key).await? else { return Ok(Outcome::Absent) };
        match discardable(piece, &lying) {
            Outcome::Done(bytes) => {
                let outcome = self.inner.shelf.change(key, Seen::Value(&lying), None).await?;
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
        let (entries, stored_bytes) = self.inner.shelf.usage().await?;
        Ok(Usage { entries, stored_bytes, disk_bytes: None })
    }
}

/// A value on its way; it has to be whole before it can be written.
struct FarPut<S> {
    inner: Arc<Inner<S>>,
    head: EntryHead,
    body: BytesMut,
}

#[async_trait]
impl<S: FarShelf> Put for FarPut<S> {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let FarPut { inner, head, body } = *self;
        let key = &head.id.key;
        let new = inner.new_value(&head, body.freeze())?;
        let there;
        let seen = match over {
            Over::Anything => Seen::Anything,
            Over::Nothing => Seen::Nothing,
            Over::State(stamp) => {
                there = inner.get(key).await?;
                match &there {
                    None => return Ok(Outcome::Absent),
                    Some(lying) if lying.stamp() != stamp => return Ok(Outcome::Changed),
                    Some(lying) => Seen::Value(lying),
                }
            }
        };
        // What will be read, not what was meant; and it has to be.
        let found = inner.found(key, &new.lying())?;
        let outcome = inner.shelf.change(key, seen, Some(&new)).await?;
        Ok(outcome.map(|()| found))
    }
}
