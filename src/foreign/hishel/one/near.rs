//! Stores on what this process reaches itself: a folder, a database.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Address, Backend, BlockingBackend, BodyStream, ByteRange, Capabilities, Cursor, Found,
    Identity, Items, Outcome, Over, Parcel, Part, Piece, Placed, Position, Put, Query, Rules,
    Upkeep, Usage,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::{
    Lying, New, Settings, damaged, discardable, found, limit, nothing_beside, removable, updated,
};

/// What becomes of a value.
#[derive(Debug)]
pub(in super::super) enum Change {
    Keep,
    Write(New),
    Remove,
}

/// A value under its key, as a walk brings it, and its place where keys do not tell it.
pub(in super::super) type Walked = Result<(String, Lying, Option<Position>)>;

/// What values lie on.
pub(in super::super) trait Shelf: fmt::Debug + Send + Sync + 'static {
    /// The kind of backend.
    const KIND: &'static str;

    /// Whether any text can be a key.
    const ANY_KEY: bool;

    /// How many values are best put together.
    const BATCH: usize;

    /// The value under a key.
    fn get(&self, key: &str) -> Result<Option<Lying>>;

    /// Lets `decide` say what becomes of the value under a key, and does that, with nobody
    /// of ours in between.
    fn change<T>(
        &self,
        key: &str,
        decide: impl FnOnce(Option<Lying>) -> Result<(Change, T)>,
    ) -> Result<T>;

    /// The same for many keys, together where that is cheaper; `decide` is told which.
    fn change_all<T>(
        &self,
        keys: &[&str],
        mut decide: impl FnMut(usize, Option<Lying>) -> Result<(Change, T)>,
    ) -> Result<Vec<Result<T>>> {
        let change = |(i, key): (usize, &&str)| self.change(key, |lying| decide(i, lying));
        Ok(keys.iter().enumerate().map(change).collect())
    }

    /// The keys behind this one in the shelf's order, with their values if they are wanted.
    fn walk(
        self: Arc<Self>,
        after: Option<&Cursor>,
        values: bool,
    ) -> Box<dyn Iterator<Item = Walked> + Send>;

    /// What lies there and is no value.
    fn leftovers(self: Arc<Self>, before: Timestamp) -> Items<Piece>;

    /// Removes a leftover of this name.
    fn discard(&self, name: &str) -> Result<Outcome<u64>>;

    /// How many values there are, and how long they are in all.
    fn usage(&self) -> Result<(u64, u64)>;

    /// Where a key lies, for people.
    fn location(&self, key: &str) -> String;

    /// See [`Backend::identity`].
    fn identity(&self) -> Result<Identity>;

    /// See [`Backend::sync`].
    fn sync(&self) -> Result<()>;

    /// Ends the use of it.
    fn close(&self) {}
}

/// A store over a shelf.
pub(in super::super) struct OneValue<S> {
    shelf: Arc<S>,
    settings: Settings,
}

impl<S: Shelf> OneValue<S> {
    /// A store at an address.
    pub(in super::super) fn open(shelf: S, address: &Address) -> Result<Self> {
        Ok(OneValue { shelf: Arc::new(shelf), settings: Settings::of(address)? })
    }
}

impl<S: Shelf> fmt::Debug for OneValue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hishel-0 {:?}", self.shelf)
    }
}

impl<S: Shelf> OneValue<S> {
    fn found(&self, key: &str, lying: &Lying) -> Result<Found> {
        found(key, lying, self.settings.ttl)
            .map_err(|e| damaged(key, lying, &self.shelf.location(key), &e))
    }

    fn lookup(&self, key: &str) -> Result<Option<Found>> {
        let lying = self.shelf.get(key)?;
        lying.map(|lying| self.found(key, &lying)).transpose()
    }
}

#[async_trait]
impl<S: Shelf> Backend for OneValue<S> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full(S::KIND);
        limit(&mut can, &self.settings);
        can.any_key = S::ANY_KEY;
        can.batch = S::BATCH;
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        Ok(self.lookup(key)?.into_iter().collect())
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let changed = || Error::changed(&id.key);
        let lying = self.shelf.get(&id.key)?.ok_or_else(changed)?;
        if lying.stamp() != seen {
            return Err(changed());
        }
        let found = self.found(&id.key, &lying)?;
        Ok(BodyStream::part(&found.inline.unwrap_or_default(), range))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        let (shelf, settings) = (Arc::clone(&self.shelf), self.settings);
        Ok(Box::new(OnePut { shelf, settings, head, body: BytesMut::new() }))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        let keys: Vec<String> =
            entries.iter().map(|entry| entry.head().id.key.to_string()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut entries: Vec<Option<Parcel>> = entries.into_iter().map(Some).collect();
        self.shelf.change_all(&keys, |i, lying| {
            let Some(entry) = entries[i].take() else { return Ok((Change::Keep, Outcome::Absent)) };
            let (head, body, over) = entry.into_parts();
            let new = New::of(&head, body, &self.settings)?;
            let found = placed(&head.id.key, &new, lying.as_ref(), over, &self.settings)?;
            let change = if found.is_done() { Change::Write(new) } else { Change::Keep };
            Ok((change, found.map(|found| found.stamp)))
        })
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        self.shelf.change(&id.key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            let there = self.found(&id.key, &lying)?;
            Ok(match updated(id, (&lying, there), head, seen, &self.settings)? {
                Outcome::Done(new) => {
                    let stamp = new.lying().stamp();
                    (Change::Write(new), Outcome::Done(stamp))
                }
                Outcome::Absent => (Change::Keep, Outcome::Absent),
                Outcome::Changed => (Change::Keep, Outcome::Changed),
            })
        })
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        self.shelf.change(&id.key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            Ok(match removable(id, &lying, seen) {
                Outcome::Done(()) => (Change::Remove, Outcome::Done(())),
                other => (Change::Keep, other),
            })
        })
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let wants_values = query.detail > Detail::Key;
        let (shelf, ttl) = (Arc::clone(&self.shelf), self.settings.ttl);
        let walk = Arc::clone(&shelf).walk(query.after.as_ref(), wants_values);
        let found = walk.filter_map(move |walked| {
            let (key, lying, position) = match walked {
                Ok(walked) => walked,
                Err(e) => return Some(Err(e)),
            };
            if query.key_prefix.as_ref().is_some_and(|prefix| !key.starts_with(prefix)) {
                return None;
            }
            if !wants_values {
                return Some(Ok(Found { position, ..Found::named(key) }));
            }
            let found = found(&key, &lying, ttl)
                .map_err(|e| damaged(&key, &lying, &shelf.location(&key), &e));
            Some(found.map(|mut found| {
                // Bodies hold on to the memory of their values.
                found.inline.take_if(|_| query.detail < Detail::Body);
                found.position = position;
                found
            }))
        });
        stream::iter(found).boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        self.shelf.identity()
    }

    async fn sync(&self) -> Result<()> {
        self.shelf.sync()
    }

    async fn close(&self) -> Result<()> {
        self.shelf.close();
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl<S: Shelf> Rules for OneValue<S> {
    fn key_of(&self, request: &Request, _: &str) -> String {
        self.settings.key_of(request)
    }

    fn project(&self, head: EntryHead) -> EntryHead {
        self.settings.kept(head)
    }

    fn location(&self, id: &EntryId) -> String {
        self.shelf.location(&id.key)
    }
}

#[async_trait]
impl<S: Shelf> Upkeep for OneValue<S> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::iter(Arc::clone(&self.shelf).leftovers(before)).boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let Some(key) = &piece.key else { return self.shelf.discard(&piece.name) };
        self.shelf.change(key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            Ok(match discardable(piece, &lying) {
                Outcome::Done(bytes) => (Change::Remove, Outcome::Done(bytes)),
                other => (Change::Keep, other),
            })
        })
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let key = match &part {
            Part::Record(id) => &id.key,
            Part::Piece(name) => name,
            // A value is all there is of an entry.
            Part::Beside(piece) => return Err(nothing_beside(piece)),
        };
        let lying = self
            .shelf
            .get(key)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no value {key}")))?;
        Ok(BodyStream::whole(lying.bytes))
    }

    async fn usage(&self) -> Result<Usage> {
        let (entries, stored_bytes) = self.shelf.usage()?;
        Ok(Usage { entries, stored_bytes, disk_bytes: None })
    }
}

impl<S: Shelf> BlockingBackend for OneValue<S> {}

/// A value on its way; it has to be whole before it can be written.
struct OnePut<S> {
    shelf: Arc<S>,
    settings: Settings,
    head: EntryHead,
    body: BytesMut,
}

#[async_trait]
impl<S: Shelf> Put for OnePut<S> {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let OnePut { shelf, settings, head, body } = *self;
        let new = New::of(&head, body.freeze(), &settings)?;
        shelf.change(&head.id.key, |lying| {
            let found = placed(&head.id.key, &new, lying.as_ref(), over, &settings)?;
            let change = if found.is_done() { Change::Write(new) } else { Change::Keep };
            Ok((change, found))
        })
    }
}

/// What will stand under a key once a value is there, if it may take the place of what is.
fn placed(
    key: &str,
    new: &New,
    lying: Option<&Lying>,
    over: Over,
    settings: &Settings,
) -> Result<Outcome<Found>> {
    Ok(match over.check(lying.map(Lying::stamp)) {
        Outcome::Done(()) => Outcome::Done(found(key, &new.lying(), settings.ttl)?),
        Outcome::Absent => Outcome::Absent,
        Outcome::Changed => Outcome::Changed,
    })
}
