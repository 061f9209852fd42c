//! A store of generation 0: one value a key, whatever it lies on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Address, BlockingBackend, BlockingPieces, BlockingPut, BlockingScan, BodyReader, ByteRange,
    Capabilities, Found, Outcome, Over, Part, Piece, Problem, Query, Usage,
};

use super::key::{key_0, key_0_fips, rebuilt};
use super::value::{self, Form, Value};

/// A value as it lies, and when it was stored.
#[derive(Debug, Clone)]
pub(super) struct Lying {
    pub bytes: Bytes,
    pub stored_at: Option<Timestamp>,
}

/// A value to be laid down.
#[derive(Debug)]
pub(super) struct New {
    pub bytes: Vec<u8>,
    pub is_text: bool,
    pub stored_at: Timestamp,
}

/// What becomes of a value.
#[derive(Debug)]
pub(super) enum Change {
    Keep,
    Write(New),
    Remove,
}

/// A value under its key, as a walk brings it.
pub(super) type Walked = Result<(String, Lying)>;

/// What values lie on.
pub(super) trait Shelf: fmt::Debug + Send + Sync + 'static {
    /// The kind of backend.
    const KIND: &'static str;

    /// Whether any text can be a key.
    const ANY_KEY: bool;

    /// The value under a key.
    fn get(&self, key: &str) -> Result<Option<Lying>>;

    /// Lets `decide` say what becomes of the value under a key, and does that, with nobody
    /// of ours in between.
    fn change<T>(
        &self,
        key: &str,
        decide: impl FnOnce(Option<Lying>) -> Result<(Change, T)>,
    ) -> Result<T>;

    /// The keys behind this one in the shelf's order, with their values if they are wanted.
    fn walk(
        self: Arc<Self>,
        after: Option<String>,
        values: bool,
    ) -> Box<dyn Iterator<Item = Walked> + Send>;

    /// What lies there and is no value.
    fn leftovers(self: Arc<Self>, before: Timestamp) -> BlockingPieces;

    /// Removes a leftover of this name.
    fn discard(&self, name: &str) -> Result<Outcome<u64>>;

    /// How many values there are, and how long they are in all.
    fn usage(&self) -> Result<(u64, u64)>;

    /// Where a key lies, for people.
    fn location(&self, key: &str) -> String;

    /// Ends the use of it.
    fn close(&self) {}
}

/// What an address says about a store of generation 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub form: Form,
    pub ttl: Option<Duration>,
    /// Keys are made without BLAKE2.
    pub fips: bool,
}

impl Settings {
    pub(super) fn of(address: &Address) -> Result<Self> {
        let form = match address.param("serializer") {
            None => Form::Json,
            Some(name) => Form::named(name).ok_or_else(|| {
                Error::usage(format!("hishel 0.x has no serializer {name:?}"))
                    .try_this("json, yaml or pickle")
            })?,
        };
        let fips = address.flag("fips")?.unwrap_or(false);
        Ok(Settings { form, ttl: address.duration("ttl")?, fips })
    }

    /// The serializer that a head asks for, if hishel has it.
    pub(super) fn form_of(&self, head: &EntryHead) -> Form {
        head.serializer.as_deref().and_then(Form::named).unwrap_or(self.form)
    }

    /// The key under which hishel 0.x looks for the answer to a request without a body.
    pub(super) fn key_of(&self, request: &Request) -> String {
        let key = if self.fips { key_0_fips } else { key_0 };
        key(request.method.as_str(), &rebuilt(&request.url), b"")
    }

    /// What a value keeps of a head.
    pub(super) fn kept(&self, head: EntryHead) -> EntryHead {
        let form = self.form_of(&head);
        let (key, facts) = (head.id.key.clone(), head.body);
        let mut value = Value::of(&head, Bytes::new());
        value.created_at = form.keeps_of(value.created_at);
        let stored_at = value.created_at;
        let (mut head, _) = value.into_entry(&key, form);
        head.body = facts;
        head.expires_at = self.ttl.map(|ttl| stored_at + ttl);
        head
    }
}

/// What every store of generation 0 can do less.
pub(super) fn limit(can: &mut Capabilities, settings: &Settings) {
    can.layout = "hishel-0";
    can.variants = false;
    can.streams_bodies = false;
    can.sweeps = false;
    can.notes_uses_every = None;
    can.ttl = settings.ttl;
    can.serializer = settings.form.name();
    can.serializers = &["json", "yaml", "pickle"];
}

/// Whether a name looks like a key that hishel makes.
pub(super) fn is_usual_key(name: &str) -> bool {
    let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    matches!(name.len(), 32 | 64) && name.bytes().all(is_hex)
}

/// Whether a value may be removed as this entry, in the state that was seen.
pub(super) fn removable(id: &EntryId, lying: &Lying, seen: Option<Stamp>) -> Outcome<()> {
    let is_same = seen.is_none_or(|seen| seen == Stamp::of_bytes(&lying.bytes));
    // What cannot be read belongs to whoever asks for its key.
    let is_ours = found(&id.key, lying, None).map_or(true, |found| found.head.id == *id);
    match (is_ours, is_same) {
        (false, _) => Outcome::Absent,
        (true, false) => Outcome::Changed,
        (true, true) => Outcome::Done(()),
    }
}

/// Whether a value is still the piece that was met; its length.
pub(super) fn discardable(piece: &Piece, lying: &Lying) -> Outcome<u64> {
    let bytes = lying.bytes.len() as u64;
    let is_met = |seen: Stamp| seen == Stamp::of_bytes(&lying.bytes);
    match &piece.entry {
        Some((_, seen)) if is_met(*seen) => Outcome::Done(bytes),
        _ if value::loads(&lying.bytes).is_ok() => Outcome::Changed,
        _ => Outcome::Done(bytes),
    }
}

/// A store over a shelf.
pub(super) struct OneValue<S> {
    shelf: Arc<S>,
    settings: Settings,
}

impl<S: Shelf> OneValue<S> {
    /// A store at an address.
    pub(super) fn open(shelf: S, address: &Address) -> Result<Self> {
        Ok(OneValue { shelf: Arc::new(shelf), settings: Settings::of(address)? })
    }
}

impl<S: Shelf> fmt::Debug for OneValue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hishel-0 {:?}", self.shelf)
    }
}

/// The head and body of a value, and what a store shows of them.
pub(super) fn found(key: &str, lying: &Lying, ttl: Option<Duration>) -> Result<Found> {
    let (form, value) = value::loads(&lying.bytes)?;
    let (mut head, body) = value.into_entry(key, form);
    // Generation 0 has one TTL for all, counted from when the value was laid down.
    head.expires_at = ttl.zip(lying.stored_at).map(|(ttl, at)| at + ttl);
    let stamp = Stamp::of_bytes(&lying.bytes);
    Ok(Found::whole(head, stamp, Some(body), lying.bytes.len() as u64))
}

/// The error of a value that cannot be read.
pub(super) fn damaged(key: &str, lying: &Lying, location: &str, error: &Error) -> Error {
    Piece::new(Problem::Undecodable, key, lying.bytes.len() as u64)
        .of_key(key)
        .met(format!("cannot read the value {location}"), error)
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

impl<S: Shelf> BlockingBackend for OneValue<S> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full(S::KIND);
        limit(&mut can, &self.settings);
        can.any_key = S::ANY_KEY;
        can
    }

    fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        Ok(self.lookup(key)?.into_iter().collect())
    }

    fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyReader> {
        let changed = || Error::changed(&id.key);
        let lying = self.shelf.get(&id.key)?.ok_or_else(changed)?;
        if Stamp::of_bytes(&lying.bytes) != seen {
            return Err(changed());
        }
        let found = self.found(&id.key, &lying)?;
        Ok(BodyReader::part(&found.inline.unwrap_or_default(), range))
    }

    fn put(&self, head: EntryHead) -> Result<Box<dyn BlockingPut>> {
        let (shelf, settings) = (Arc::clone(&self.shelf), self.settings);
        Ok(Box::new(OnePut { shelf, settings, head, body: BytesMut::new() }))
    }

    fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        self.shelf.change(&id.key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            let there = self.found(&id.key, &lying)?;
            if there.head.id != *id {
                return Ok((Change::Keep, Outcome::Absent));
            }
            if there.stamp != seen {
                return Ok((Change::Keep, Outcome::Changed));
            }
            let form = self.settings.form_of(&head);
            let head = EntryHead { id: id.clone(), ..head };
            let value = Value::of(&head, there.inline.unwrap_or_default());
            let bytes = value::dumps(&value, form)?;
            let stamp = Stamp::of_bytes(&bytes);
            let stored_at = lying.stored_at.unwrap_or(head.created_at);
            let new = New { bytes, is_text: form.is_text(), stored_at };
            Ok((Change::Write(new), Outcome::Done(stamp)))
        })
    }

    fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        self.shelf.change(&id.key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            Ok(match removable(id, &lying, seen) {
                Outcome::Done(()) => (Change::Remove, Outcome::Done(())),
                other => (Change::Keep, other),
            })
        })
    }

    fn scan(&self, query: Query) -> BlockingScan {
        let wants_values = query.detail > Detail::Key;
        let after = query.after.as_ref().map(|after| after.id.key.clone());
        let (shelf, ttl) = (Arc::clone(&self.shelf), self.settings.ttl);
        let walk = Arc::clone(&shelf).walk(after, wants_values);
        let found = walk.filter_map(move |walked| {
            let (key, lying) = match walked {
                Ok(walked) => walked,
                Err(e) => return Some(Err(e)),
            };
            if query.key_prefix.as_ref().is_some_and(|prefix| !key.starts_with(prefix)) {
                return None;
            }
            if !wants_values {
                return Some(Ok(Found::named(key)));
            }
            let found = found(&key, &lying, ttl)
                .map_err(|e| damaged(&key, &lying, &shelf.location(&key), &e));
            Some(found.map(|mut found| {
                // Bodies hold on to the memory of their values.
                found.inline.take_if(|_| query.detail < Detail::Body);
                found
            }))
        });
        Box::new(found)
    }

    fn leftovers(&self, before: Timestamp) -> BlockingPieces {
        Arc::clone(&self.shelf).leftovers(before)
    }

    fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let Some(key) = &piece.key else { return self.shelf.discard(&piece.name) };
        self.shelf.change(key, |lying| {
            let Some(lying) = lying else { return Ok((Change::Keep, Outcome::Absent)) };
            Ok(match discardable(piece, &lying) {
                Outcome::Done(bytes) => (Change::Remove, Outcome::Done(bytes)),
                other => (Change::Keep, other),
            })
        })
    }

    fn raw(&self, part: Part) -> Result<BodyReader> {
        let key = match &part {
            Part::Record(id) => &id.key,
            Part::Piece(name) => name,
        };
        let lying = self
            .shelf
            .get(key)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no value {key}")))?;
        Ok(BodyReader::whole(lying.bytes))
    }

    fn usage(&self) -> Result<Usage> {
        let (entries, stored_bytes) = self.shelf.usage()?;
        Ok(Usage { entries, stored_bytes, disk_bytes: None })
    }

    fn key_of(&self, request: &Request, _: &str) -> String {
        self.settings.key_of(request)
    }

    fn kept(&self, head: EntryHead) -> EntryHead {
        self.settings.kept(head)
    }

    fn location(&self, id: &EntryId) -> String {
        self.shelf.location(&id.key)
    }

    fn close(&self) -> Result<()> {
        self.shelf.close();
        Ok(())
    }
}

/// A value on its way; it has to be whole before it can be written.
struct OnePut<S> {
    shelf: Arc<S>,
    settings: Settings,
    head: EntryHead,
    body: BytesMut,
}

impl<S: Shelf> BlockingPut for OnePut<S> {
    fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let OnePut { shelf, settings, head, body } = *self;
        let form = settings.form_of(&head);
        let value = Value::of(&head, body.freeze());
        let bytes = value::dumps(&value, form)?;
        let key = head.id.key;
        let new = New { bytes, is_text: form.is_text(), stored_at: head.created_at };
        shelf.change(&key, |lying| {
            let there = lying.map(|lying| Stamp::of_bytes(&lying.bytes));
            match over.check(there) {
                Outcome::Done(()) => {}
                Outcome::Absent => return Ok((Change::Keep, Outcome::Absent)),
                Outcome::Changed => return Ok((Change::Keep, Outcome::Changed)),
            }
            // What will be read, not what was meant.
            let written =
                Lying { bytes: Bytes::copy_from_slice(&new.bytes), stored_at: Some(new.stored_at) };
            let found = found(&key, &written, settings.ttl)?;
            Ok((Change::Write(new), Outcome::Done(found)))
        })
    }
}
