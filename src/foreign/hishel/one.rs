//! A store of generation 0: one value a key, whatever it lies on.

mod keyed;
mod store;

use std::time::Duration;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{Address, Capabilities, Found, Outcome, Piece, Problem};

use super::key::{key_0, key_0_fips, rebuilt};
use super::value::{self, Form, Value};

pub(super) use keyed::{Expected, Keyed, Local, Swap, Walked};
#[cfg(any(feature = "redis", feature = "s3"))]
pub(super) use keyed::{Page, Paged, walk_pages};
pub(super) use store::OneValue;

/// A value as it lies.
#[derive(Debug, Clone, Default)]
pub(super) struct Lying {
    pub bytes: Bytes,
    /// How long it is, where this is only the beginning of what cannot be a value.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "only Redis compares values"))]
    pub cut: Option<u64>,
    /// When it was laid down, where that is kept beside it.
    pub stored_at: Option<Timestamp>,
    /// When the server forgets it.
    pub forgotten_at: Option<Timestamp>,
    /// What the server calls this state of it.
    #[cfg_attr(not(feature = "s3"), allow(dead_code, reason = "only S3 has one"))]
    pub tag: Option<String>,
}

impl Lying {
    /// The state that readers see.
    fn stamp(&self) -> Stamp {
        Stamp::of_bytes(&self.bytes)
    }
}

/// A value to be laid down.
#[derive(Debug)]
pub(super) struct New {
    pub bytes: Bytes,
    pub is_text: bool,
    pub stored_at: Timestamp,
    /// When a server with a TTL of its own is to forget it.
    pub forgotten_at: Option<Timestamp>,
}

impl New {
    /// A head and its body as a value.
    fn of(head: &EntryHead, body: Bytes, settings: &Settings) -> Result<Self> {
        let form = settings.form_of(head);
        Ok(New {
            bytes: value::dumps(&Value::of(head, body), form)?.into(),
            is_text: form.is_text(),
            stored_at: form.keeps_of(head.created_at),
            forgotten_at: None,
        })
    }

    /// What will be read, not what was meant.
    fn lying(&self) -> Lying {
        let (stored_at, forgotten_at) = (Some(self.stored_at), self.forgotten_at);
        Lying { bytes: self.bytes.clone(), stored_at, forgotten_at, ..Lying::default() }
    }
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
fn limit(can: &mut Capabilities, settings: &Settings) {
    can.layout = "hishel-0";
    can.lossless = false;
    can.native_keys = false;
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
fn removable(id: &EntryId, lying: &Lying, seen: Option<Stamp>) -> Outcome<()> {
    let is_same = seen.is_none_or(|seen| seen == lying.stamp());
    // What cannot be read belongs to whoever asks for its key.
    let is_ours = found(&id.key, lying, None).map_or(true, |found| found.head.id == *id);
    match (is_ours, is_same) {
        (false, _) => Outcome::Absent,
        (true, false) => Outcome::Changed,
        (true, true) => Outcome::Done(()),
    }
}

/// Whether a value is still the piece that was met; its length.
fn discardable(piece: &Piece, lying: &Lying) -> Outcome<u64> {
    let bytes = lying.bytes.len() as u64;
    let is_met = |seen: Stamp| seen == lying.stamp();
    match &piece.entry {
        Some((_, seen)) if is_met(*seen) => Outcome::Done(bytes),
        _ if value::loads(&lying.bytes).is_ok() => Outcome::Changed,
        _ => Outcome::Done(bytes),
    }
}

/// The head and body of a value, and what a store shows of them.
fn found(key: &str, lying: &Lying, ttl: Option<Duration>) -> Result<Found> {
    let (form, value) = value::loads(&lying.bytes)?;
    let (mut head, body) = value.into_entry(key, form);
    // Generation 0 has one TTL for all, counted from when the value was laid down.
    let counted = ttl.zip(lying.stored_at).map(|(ttl, at)| at + ttl);
    head.expires_at = lying.forgotten_at.or(counted);
    Ok(Found::whole(head, lying.stamp(), Some(body), lying.bytes.len() as u64))
}

/// The error of a value that cannot be read.
fn damaged(key: &str, lying: &Lying, location: &str, error: &Error) -> Error {
    Piece::new(Problem::Undecodable, key, lying.bytes.len() as u64)
        .of_key(key)
        .met(format!("cannot read the value {location}"), error)
}

fn nothing_beside(piece: &Piece) -> Error {
    Error::new(ErrorKind::NotFound, format!("nothing lies beside {}", piece.name))
}

/// What an update makes of a value: its body stays, and when it was laid down.
fn updated(
    id: &EntryId,
    (lying, there): (&Lying, Found),
    head: EntryHead,
    seen: Stamp,
    settings: &Settings,
) -> Result<Outcome<New>> {
    if there.head.id != *id {
        return Ok(Outcome::Absent);
    }
    if there.stamp != seen {
        return Ok(Outcome::Changed);
    }
    let head = EntryHead { id: id.clone(), ..head };
    let new = New::of(&head, there.inline.unwrap_or_default(), settings)?;
    let stored_at = lying.stored_at.unwrap_or(new.stored_at);
    Ok(Outcome::Done(New { stored_at, ..new }))
}
