//! Generation 0 in Redis: a string for each key, without any prefix, and the server's own TTL.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt};
use redis::{FromRedisValue, Value as Answer, cmd, pipe};

use crate::backend::redis::{Link, link};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryHead, EntryId, Request, Stamp, Timestamp};
use crate::storage::{
    Access, Address, Backend, BodyStream, ByteRange, Capabilities, Found, Opened, Outcome, Over,
    Part, Piece, Position, Put, Query, Usage,
};

use super::super::Layout;
use super::one::{self, Lying, Settings};
use super::value::{self, Form, Value};

pub(super) const LAYOUT: Layout = Layout {
    name: "hishel-0",
    kind: "redis",
    about: "a Redis database of hishel 0.x",
    place: "",
    params: &[super::FIPS],
    // Its names say too little to be recognised by: it has to be asked for.
    lies_at: |_| Ok(false),
    open,
};

/// Names that one step of a listing looks at.
const BATCH: usize = 500;

/// Writes or removes a value, if what lies there is still what was seen. Gives 0 absent,
/// 1 changed, 2 done.
const CHANGE: &str = r"
local there = redis.call('GET', KEYS[1])
if ARGV[1] == 'nothing' then if there then return 1 end
elseif ARGV[1] == 'value' then
  if not there then return 0 end
  if there ~= ARGV[2] then return 1 end
end
if ARGV[3] == '' then redis.call('DEL', KEYS[1])
elseif ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
else redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4]) end
return 2
";

fn open(address: &Address, _: Access) -> Result<Opened> {
    let link = link(address)?;
    if link.is_cluster() {
        return Err(address.refuse("hishel 0.x knows no cluster"));
    }
    let settings = Settings::of(address)?;
    let inner = Inner { link, settings, knows_spans_only: AtomicBool::new(false) };
    Ok(Opened::Async(Arc::new(Strings { inner: Arc::new(inner) })))
}

struct Strings {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    settings: Settings,
    /// The server cannot say when it forgets a key, only in how long (before Redis 7).
    knows_spans_only: AtomicBool,
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hishel-0 {:?}", self.inner.link)
    }
}

/// What was seen under a key.
enum Seen<'a> {
    Anything,
    Nothing,
    Value(&'a [u8]),
}

/// A value, and when the server forgets it.
struct Kept {
    lying: Lying,
    expires_at: Option<Timestamp>,
}

impl Inner {
    /// The values under some keys.
    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Kept>>> {
        if !self.knows_spans_only.load(Ordering::Relaxed) {
            match self.get_with(keys, "PEXPIRETIME").await {
                Err(e) if e.causes().contains("unknown command") => {
                    self.knows_spans_only.store(true, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        self.get_with(keys, "PTTL").await
    }

    async fn get_with(&self, keys: &[String], end: &str) -> Result<Vec<Option<Kept>>> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("GET").arg(key);
            pipeline.cmd(end).arg(key);
        }
        let answers = self.link.ask_all(&pipeline).await?;
        let begin = if end == "PTTL" { Timestamp::now().millis() } else { 0 };
        let kept = |pair: &[Answer; 2]| {
            let bytes = Option::<Vec<u8>>::from_redis_value_ref(&pair[0]).ok()??;
            let end = i64::from_redis_value_ref(&pair[1]).ok().filter(|end| *end >= 0);
            let expires_at = end.map(|end| Timestamp::from_millis(begin.saturating_add(end)));
            Some(Kept { lying: Lying { bytes: bytes.into(), stored_at: None }, expires_at })
        };
        Ok(answers.as_chunks::<2>().0.iter().map(kept).collect())
    }

    async fn get(&self, key: &str) -> Result<Option<Kept>> {
        Ok(self.get_all(&[key.to_owned()]).await?.pop().flatten())
    }

    fn found(&self, key: &str, kept: &Kept) -> Result<Found> {
        let mut found = one::found(key, &kept.lying, None)
            .map_err(|e| one::damaged(key, &kept.lying, &self.location(key), &e))?;
        found.head.expires_at = kept.expires_at;
        Ok(found)
    }

    fn location(&self, key: &str) -> String {
        format!("{key} at {}", self.link.name())
    }

    /// Writes a value in place of what was seen; an empty one removes it.
    async fn change(
        &self,
        key: &str,
        seen: Seen<'_>,
        bytes: &[u8],
        expires_at: Option<Timestamp>,
    ) -> Result<Outcome<()>> {
        let (over, old): (&str, &[u8]) = match seen {
            Seen::Anything => ("anything", b""),
            Seen::Nothing => ("nothing", b""),
            Seen::Value(old) => ("value", old),
        };
        let end = expires_at.map_or(String::new(), |end| end.millis().max(1).to_string());
        let mut command = cmd("EVAL");
        command.arg(CHANGE).arg(1).arg(key).arg(over).arg(old).arg(bytes).arg(end);
        Ok(match self.link.ask::<i64>(&command).await? {
            0 => Outcome::Absent,
            1 => Outcome::Changed,
            _ => Outcome::Done(()),
        })
    }

    /// One step over all names: those of values, and where to go on; `0` at the end.
    async fn names(&self, cursor: u64) -> Result<(u64, Vec<String>)> {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("COUNT").arg(BATCH).arg("TYPE").arg("string");
        let (next, names): (u64, Vec<Vec<u8>>) = self.link.ask(&command).await?;
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        // The database may be shared with others: a name of a program's own choice counts
        // where a value lies under it, to its end.
        let (mut usual, odd): (Vec<String>, Vec<String>) =
            names.partition(|name| one::is_usual_key(name));
        if !odd.is_empty() {
            let mut pipeline = pipe();
            for name in &odd {
                pipeline.cmd("GETRANGE").arg(name).arg(0).arg(15);
            }
            let starts = self.link.ask_all(&pipeline).await?;
            let is_like = |start: &Answer| {
                Vec::<u8>::from_redis_value_ref(start).is_ok_and(|s| Form::of(&s).is_some())
            };
            let like = odd.into_iter().zip(&starts).filter(|(_, start)| is_like(start));
            let like: Vec<String> = like.map(|(name, _)| name).collect();
            let kept = self.get_all(&like).await?;
            let is_value = |kept: &Option<Kept>| {
                kept.as_ref().is_some_and(|kept| value::loads(&kept.lying.bytes).is_ok())
            };
            usual.extend(like.into_iter().zip(&kept).filter(|(_, k)| is_value(k)).map(|(n, _)| n));
        }
        Ok((next, usual))
    }
}

#[async_trait]
impl Backend for Strings {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("redis");
        one::limit(&mut can, &self.inner.settings);
        can.server_ttl = true;
        can.scan_repeats = true;
        can.remote = true;
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let kept = self.inner.get(key).await?;
        kept.iter().map(|kept| self.inner.found(key, kept)).collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let changed = || Error::changed(&id.key);
        let kept = self.inner.get(&id.key).await?.ok_or_else(changed)?;
        if Stamp::of_bytes(&kept.lying.bytes) != seen {
            return Err(changed());
        }
        let found = self.inner.found(&id.key, &kept)?;
        Ok(BodyStream::part(&found.inline.unwrap_or_default(), range))
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        Ok(Box::new(StringPut { inner: Arc::clone(&self.inner), head, body: BytesMut::new() }))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let Some(kept) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
        let there = self.inner.found(&id.key, &kept)?;
        if there.head.id != *id {
            return Ok(Outcome::Absent);
        }
        if there.stamp != seen {
            return Ok(Outcome::Changed);
        }
        let head = EntryHead { id: id.clone(), ..head };
        let form = self.inner.settings.form_of(&head);
        let bytes = value::dumps(&Value::of(&head, there.inline.unwrap_or_default()), form)?;
        let seen = Seen::Value(&kept.lying.bytes);
        let outcome = self.inner.change(&id.key, seen, &bytes, head.expires_at).await?;
        Ok(outcome.map(|()| Stamp::of_bytes(&bytes)))
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let Some(kept) = self.inner.get(&id.key).await? else { return Ok(Outcome::Absent) };
        match one::removable(id, &kept.lying, seen) {
            Outcome::Done(()) => {
                self.inner.change(&id.key, Seen::Value(&kept.lying.bytes), b"", None).await
            }
            other => Ok(other),
        }
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let inner = Arc::clone(&self.inner);
        let begin = query.after.as_ref().and_then(|after| after.position);
        let begin = begin.map_or(0, |position| position.0);
        let pages = stream::unfold(Some(begin), move |cursor| {
            let (inner, query) = (Arc::clone(&inner), query.clone());
            async move {
                let page = inner.page(cursor?, &query).await;
                Some(match page {
                    Ok((0, found)) => (found, None),
                    Ok((next, found)) => (found, Some(next)),
                    Err(e) => (vec![Err(e)], None),
                })
            }
        });
        pages.flat_map(stream::iter).boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        let key = piece.key.as_ref().unwrap_or(&piece.name);
        let Some(kept) = self.inner.get(key).await? else { return Ok(Outcome::Absent) };
        match one::discardable(piece, &kept.lying) {
            Outcome::Done(bytes) => {
                let seen = Seen::Value(&kept.lying.bytes);
                Ok(self.inner.change(key, seen, b"", None).await?.map(|()| bytes))
            }
            other => Ok(other),
        }
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let key = match &part {
            Part::Record(id) => &id.key,
            Part::Piece(name) => name,
        };
        let kept =
            self.inner.get(key).await?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("there is no value {key}"))
            })?;
        Ok(BodyStream::whole(kept.lying.bytes))
    }

    async fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let mut cursor = 0;
        loop {
            let (next, names) = self.inner.names(cursor).await?;
            let mut pipeline = pipe();
            for name in &names {
                pipeline.cmd("STRLEN").arg(name);
            }
            if !names.is_empty() {
                for answer in self.inner.link.ask_all(&pipeline).await? {
                    usage.entries += 1;
                    usage.stored_bytes += u64::from_redis_value(answer).unwrap_or_default();
                }
            }
            if next == 0 {
                return Ok(usage);
            }
            cursor = next;
        }
    }

    fn key_of(&self, request: &Request, _: &str) -> String {
        self.inner.settings.key_of(request)
    }

    fn kept(&self, head: EntryHead) -> EntryHead {
        let end = head.expires_at.map(|end| Timestamp::from_millis(end.millis()));
        EntryHead { expires_at: end, ..self.inner.settings.kept(head) }
    }

    fn location(&self, id: &EntryId) -> String {
        self.inner.location(&id.key)
    }

    async fn close(&self) -> Result<()> {
        self.inner.link.close().await;
        Ok(())
    }
}

impl Inner {
    /// The entries of one step, and where to go on.
    async fn page(&self, cursor: u64, query: &Query) -> Result<(u64, Vec<Result<Found>>)> {
        let (next, mut names) = self.names(cursor).await?;
        let position = Some(Position(cursor, 0));
        if let Some(after) = query.after.as_ref().filter(|after| after.position == position)
            && let Some(last) = names.iter().position(|name| *name == after.id.key)
        {
            names.drain(..=last);
        }
        names.retain(|name| query.key_prefix.as_ref().is_none_or(|p| name.starts_with(p)));
        if query.detail == Detail::Key {
            let found = |name| Ok(Found { position, ..Found::named(name) });
            return Ok((next, names.into_iter().map(found).collect()));
        }
        let mut found = Vec::with_capacity(names.len());
        for names in names.chunks(64) {
            for (name, kept) in names.iter().zip(self.get_all(names).await?) {
                // A text that begins like no value of hishel's is somebody else's.
                let Some(kept) = kept.filter(|kept| Form::of(&kept.lying.bytes).is_some()) else {
                    continue;
                };
                found.push(self.found(name, &kept).map(|mut found| {
                    found.inline.take_if(|_| query.detail < Detail::Body);
                    found.position = position;
                    found
                }));
            }
        }
        Ok((next, found))
    }
}

/// A value on its way; it has to be whole before it can be written.
struct StringPut {
    inner: Arc<Inner>,
    head: EntryHead,
    body: BytesMut,
}

#[async_trait]
impl Put for StringPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.body.extend_from_slice(&chunk);
        Ok(())
    }

    async fn commit_over(self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let StringPut { inner, head, body } = *self;
        let value = Value::of(&head, body.freeze());
        let bytes = value::dumps(&value, inner.settings.form_of(&head))?;
        let key = &head.id.key;
        let there;
        let seen = match over {
            Over::Anything => Seen::Anything,
            Over::Nothing => Seen::Nothing,
            Over::State(stamp) => {
                there = inner.get(key).await?;
                match &there {
                    None => return Ok(Outcome::Absent),
                    Some(kept) if Stamp::of_bytes(&kept.lying.bytes) != stamp => {
                        return Ok(Outcome::Changed);
                    }
                    Some(kept) => Seen::Value(&kept.lying.bytes),
                }
            }
        };
        let outcome = inner.change(key, seen, &bytes, head.expires_at).await?;
        let lying = Lying { bytes: bytes.into(), stored_at: None };
        let expires_at = head.expires_at.map(|end| Timestamp::from_millis(end.millis()));
        let found = inner.found(key, &Kept { lying, expires_at })?;
        Ok(outcome.map(|()| found))
    }
}
