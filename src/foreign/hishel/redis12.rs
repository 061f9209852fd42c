//! Generations 1 and 2 in Redis: a head, a list of chunks and a mark for each entry, and an
//! index of them for each key.
//!
//! | | generation 1 | generation 2 |
//! |---|---|---|
//! | `P:entry:ID` | the head | the head |
//! | `P:stream:ID` | chunks and an empty one | chunks |
//! | `P:stream_done:ID` | `1` | number of chunks, ends, key |
//! | `P:idx:KEY` | a set of IDs | a sorted set, by the time at which each ends |

mod change;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use redis::{FromRedisValue, Value as Answer, cmd, pipe};

use crate::backend::redis::{Link, link, sort};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::foreign::decode::msgpack::Pack;
use crate::model::{BodyFacts, EntryHead, EntryId, Request, Stamp, Timestamp, unhex};
use crate::policy;
use crate::storage::{
    Access, Address, Backend, BodyStream, ByteRange, Capabilities, Found, Identity, OpenMarked,
    Opened, Outcome, Param, Part, Piece, Position, Problem, Put, Query, Rules, Upkeep, Usage,
};

use super::super::{Layout, Sign};
use super::blob::{Blob, Generation};
use super::key::{CLIENT, Client, key_2};
use super::several::{Beside, GivesOut, distinguish};
use super::span;
use change::{REMOVED_MS, StreamPut};

pub(super) const LAYOUT_1: Layout = Layout {
    name: "hishel-1",
    kind: "redis",
    about: "a Redis database of hishel 1.x",
    place: "",
    params: &[CLIENT],
    sign: Sign::Server(|address| open_found(address, Generation::First)),
    open: |address, access| open(address, access, Generation::First),
};

pub(super) const LAYOUT_2: Layout = Layout {
    name: "hishel-2",
    kind: "redis",
    about: "a Redis database of hishel 2.x",
    place: "",
    params: &[CLIENT, RFC],
    sign: Sign::Server(|address| open_found(address, Generation::Second)),
    open: |address, access| open(address, access, Generation::Second),
};

const RFC: Param = Param {
    name: "rfc",
    default: "what lies there, where that is asked, else false",
    about: "keys of the RFC 9111 mode",
};

/// Names that one step of a listing looks at.
const BATCH: usize = 500;

/// Keys that are looked at together.
const AT_ONCE: usize = 32;

/// Bodies up to this length come along with their heads.
const INLINE: u64 = 16 * 1024;

/// How long hishel 1.x keeps what asks for no TTL of its own.
const USUAL_TTL: Duration = Duration::from_secs(3600);

/// What a key shows: for each entry number, head, mark, bytes of the body, chunks, and when it
/// ends: in generation 1 the moment in milliseconds at which the server forgets it. The chunks
/// of generation 2 have one length, but for the last one.
const LOOK: &str = r"
local prefix, kind = ARGV[1], ARGV[2]
-- What is longer than a head is none, and what is no text is not there.
local function get(name)
  local length = redis.pcall('STRLEN', name)
  if type(length) ~= 'number' then return nil end
  if length > MOST_DATA then return '' end
  return redis.call('GET', name)
end
local function length(stream, chunks)
  local whole = chunks > 1 and #redis.call('LINDEX', stream, 0) or 0
  if kind == 'zset' and whole == 131072 then
    return (chunks - 1) * whole + #redis.call('LINDEX', stream, -1)
  end
  local bytes = 0
  for first = 0, chunks - 1, 64 do
    for _, chunk in ipairs(redis.call('LRANGE', stream, first, first + 63)) do
      bytes = bytes + #chunk
    end
  end
  return bytes
end
local function forgotten(name)
  local at = redis.pcall('PEXPIRETIME', name)
  if type(at) == 'number' then return at end
  local left, now = redis.call('PTTL', name), redis.call('TIME')
  return left < 0 and left or now[1] * 1000 + math.floor(now[2] / 1000) + left
end
local out = {}
if redis.call('TYPE', KEYS[1]).ok ~= kind then return out end
local members = kind == 'zset' and redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
  or redis.call('SMEMBERS', KEYS[1])
for i = 1, #members, kind == 'zset' and 2 or 1 do
  local id = members[i]
  local data = get(prefix .. ':entry:' .. id)
  local mark = get(prefix .. ':stream_done:' .. id)
  if data and mark then
    local stream = prefix .. ':stream:' .. id
    local chunks = redis.pcall('LLEN', stream)
    if type(chunks) ~= 'number' then chunks = 0 end
    local ends = kind == 'zset' and members[i + 1] or forgotten(prefix .. ':entry:' .. id)
    out[#out + 1] = {id, data, mark, length(stream, chunks), chunks, tostring(ends)}
  end
end
return out
";

/// Gives the length of a chunk and a part of it; nil for one that is not there.
const CHUNK: &str = r"
local chunk = redis.call('LINDEX', KEYS[1], ARGV[1])
return chunk and {#chunk, string.sub(chunk, ARGV[2] + 1, ARGV[2] + ARGV[3])}
";

/// Bytes of a chunk, or of a value, that are brought at a time.
const PART: u64 = 8 << 20;

/// No head is longer.
const MOST_DATA: usize = 4 << 20;

/// Opens it if entries lie behind an index. Their keys tell the mode, unless it is said.
fn open_found(address: &Address, generation: Generation) -> OpenMarked {
    let inner = Inner::of(address, generation);
    let mode = address.flag("rfc");
    Box::pin(async move {
        let (mut inner, mode) = (inner?, mode?);
        if inner.link.is_cluster() {
            return Ok(None);
        }
        let sample = inner.sample().await?;
        if sample.is_empty() {
            return Ok(None);
        }
        let is_rfc = |(key, blob): &(String, Blob)| *key == key_2(true, &blob.method, &blob.url);
        inner.rfc = mode.unwrap_or_else(|| sample.iter().any(is_rfc));
        Ok(Some(Opened::Async(Arc::new(Streams { inner: Arc::new(inner) }))))
    })
}

fn open(address: &Address, _: Access, generation: Generation) -> Result<Opened> {
    let inner = Inner::of(address, generation)?;
    if inner.link.is_cluster() {
        return Err(address.refuse("hishel knows no cluster"));
    }
    Ok(Opened::Async(Arc::new(Streams { inner: Arc::new(inner) })))
}

struct Streams {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    prefix: String,
    generation: Generation,
    ttl: Option<Duration>,
    rfc: bool,
    client: Client,
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.inner.layout(), self.inner.link)
    }
}

/// What stands beside a head.
#[derive(Debug, Clone)]
struct Row {
    /// Among those of its key, in the order of the index.
    place: i64,
    id: String,
    data: Vec<u8>,
    ttl_deadline: Option<f64>,
}

impl Beside for Row {
    fn own_id(&self) -> [u8; 16] {
        unhex(&self.id).unwrap_or_default()
    }

    fn came_at(&self) -> i64 {
        0
    }

    fn place(&self) -> i64 {
        self.place
    }
}

impl Row {
    fn stamp(&self) -> Stamp {
        let mut bytes = self.id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.ttl_deadline.map_or([0; 8], f64::to_be_bytes));
        bytes.extend_from_slice(&self.data);
        Stamp::of_bytes(&bytes)
    }
}

fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_micros((seconds * 1e6).round() as i64)
}

/// What lies under a key.
#[derive(Default)]
struct Group {
    entries: Vec<(Found, Row)>,
    damaged: Vec<Error>,
    /// All numbers in the index that have a head, sorted.
    ids: Vec<String>,
    /// Those among them that cannot be read.
    unreadable: Vec<String>,
}

impl Inner {
    fn of(address: &Address, generation: Generation) -> Result<Self> {
        Ok(Inner {
            link: link(address)?,
            prefix: address.param("namespace").unwrap_or("hishel").to_owned(),
            generation,
            ttl: address.duration("ttl")?,
            rfc: address.flag("rfc")?.unwrap_or(false),
            client: Client::of(address)?,
        })
    }

    /// The heads behind the first keys behind which something lies, also of what is over.
    async fn sample(&self) -> Result<Vec<(String, Blob)>> {
        let mut cursor = 0;
        for _ in 0..super::STEPS_OF_A_LOOK {
            let (next, keys) = self.keys(cursor).await?;
            for keys in keys.chunks(AT_ONCE) {
                let looks = self.look(keys).await?;
                let rows = keys.iter().zip(&looks).flat_map(|(key, rows)| {
                    rows.iter().filter_map(|row| Some((key.clone(), row.get(1)?)))
                });
                let blobs = rows.filter_map(|(key, data)| {
                    let data = Vec::<u8>::from_redis_value_ref(data).ok()?;
                    Some((key, Blob::read(&data, self.generation).ok()?))
                });
                let blobs: Vec<_> = blobs.collect();
                if !blobs.is_empty() {
                    return Ok(blobs);
                }
            }
            if next == 0 {
                break;
            }
            cursor = next;
        }
        Ok(Vec::new())
    }

    fn layout(&self) -> &'static str {
        match self.generation {
            Generation::First => LAYOUT_1.name,
            Generation::Second => LAYOUT_2.name,
        }
    }

    /// Whether several answers may stand under a key: in its plain mode generation 2 gives
    /// out the first of them, whatever it varies by.
    fn has_variants(&self) -> bool {
        self.generation == Generation::First || self.rfc
    }

    fn gives_out(&self) -> GivesOut {
        if self.has_variants() { GivesOut::Newest } else { GivesOut::First }
    }

    /// The type of an index.
    fn kind(&self) -> &'static str {
        match self.generation {
            Generation::First => "set",
            Generation::Second => "zset",
        }
    }

    fn index(&self, key: &str) -> String {
        format!("{}:idx:{key}", self.prefix)
    }

    fn name(&self, part: &str, id: &str) -> String {
        format!("{}:{part}:{id}", self.prefix)
    }

    /// What [`LOOK`] gives for some keys.
    async fn look(&self, keys: &[String]) -> Result<Vec<Vec<Vec<Answer>>>> {
        static TEXT: OnceLock<String> = OnceLock::new();
        let text = TEXT.get_or_init(|| LOOK.replace("MOST_DATA", &MOST_DATA.to_string()));
        let mut pipeline = pipe();
        for key in keys {
            let look = pipeline.cmd("EVAL").arg(text).arg(1).arg(self.index(key));
            look.arg(&self.prefix).arg(self.kind());
        }
        let answers = self.link.ask_all(&pipeline).await?;
        let rows = |answer| Vec::<Vec<Answer>>::from_redis_value(answer).unwrap_or_default();
        Ok(answers.into_iter().map(rows).collect())
    }

    /// What lies under some keys, with small bodies if they are wanted.
    async fn groups(&self, keys: &[String], bodies: bool) -> Result<Vec<Group>> {
        let looks = self.look(keys).await?;
        let groups = keys.iter().zip(looks).map(|(key, rows)| self.group(key, rows));
        let mut groups: Vec<Group> = groups.collect();
        if bodies {
            for group in &mut groups {
                self.bring_bodies(group).await?;
            }
        }
        Ok(groups)
    }

    async fn group_of(&self, key: &str, bodies: bool) -> Result<Group> {
        Ok(self.groups(&[key.to_owned()], bodies).await?.pop().unwrap_or_default())
    }

    fn group(&self, key: &str, rows: Vec<Vec<Answer>>) -> Group {
        let mut group = Group::default();
        for (place, row) in (0..).zip(rows) {
            let [id, data, mark, bytes, chunks, end] = &row[..] else { continue };
            let text = |value| String::from_redis_value_ref(value).unwrap_or_default();
            let raw = |value| Vec::<u8>::from_redis_value_ref(value).unwrap_or_default();
            let number = |value| u64::from_redis_value_ref(value).unwrap_or_default();
            let mut row = Row { place, id: text(id), data: raw(data), ttl_deadline: None };
            group.ids.push(row.id.clone());
            let found =
                self.found(key, &mut row, &raw(mark), (number(bytes), number(chunks)), &text(end));
            match found {
                Ok(Some(found)) => group.entries.push((found, row)),
                Ok(None) => {}
                Err(e) => {
                    group.unreadable.push(row.id.clone());
                    let piece = Piece::new(
                        Problem::Undecodable,
                        self.name("entry", &row.id),
                        number(bytes),
                    );
                    let what = format!("cannot read {} in {}", piece.name, self.link.name());
                    group.damaged.push(piece.of_key(key).met(what, &e));
                }
            }
        }
        group.ids.sort();
        distinguish(&mut group.entries, self.gives_out());
        group
    }

    /// What one entry shows; `None` when it is removed, over, or not whole.
    fn found(
        &self,
        key: &str,
        row: &mut Row,
        mark: &[u8],
        (bytes, chunks): (u64, u64),
        end: &str,
    ) -> Result<Option<Found>> {
        let blob = Blob::read(&row.data, self.generation)?;
        let now = Timestamp::now();
        let (created_at, expires_at) = match self.generation {
            Generation::First if blob.deleted_at.is_some() => return Ok(None),
            // Even that of an empty body ends with a chunk: the server has dropped it.
            Generation::First if chunks == 0 => return Ok(None),
            Generation::First => {
                let created_at = timestamp(blob.created_at);
                let said = blob.own_ttl().and_then(span).or(self.ttl).map(|ttl| created_at + ttl);
                // Else the application has said it when it opened its store.
                let forgotten = end.parse::<f64>().ok().filter(|at| *at >= 0.0);
                let kept_for = Duration::from_millis(REMOVED_MS);
                let seen = forgotten.map(|at| Timestamp::from_millis(at as i64) - kept_for);
                (created_at, said.or(seen))
            }
            Generation::Second => {
                let mark = Pack::read(mark)?;
                let Pack::List(facts) = &mark else { return Err(unmarked()) };
                let [Pack::Int(count), deadline, ..] = &facts[..] else { return Err(unmarked()) };
                if u64::try_from(*count) != Ok(chunks) {
                    return Ok(None);
                }
                row.ttl_deadline = deadline.number();
                let end: f64 = end.parse().unwrap_or(f64::INFINITY);
                let expires_at = end.is_finite().then(|| timestamp(end));
                let date = blob.headers.iter().find(|(name, _)| name == "date");
                let date = date.and_then(|(_, v)| policy::parse_date(v.first()?.as_bytes(), now));
                (date.unwrap_or(now), expires_at)
            }
        };
        // The server forgets it a little later.
        if expires_at.is_some_and(|end| end <= now) {
            return Ok(None);
        }
        let mut head = blob.into_head(key, created_at);
        head.expires_at = expires_at;
        head.body = BodyFacts { bytes, xxh3: None, sha256: None };
        let stored_bytes = row.data.len() as u64 + bytes;
        Ok(Some(Found::whole(head, row.stamp(), None, stored_bytes)))
    }

    /// How long an entry of generation 1 lives.
    fn life(&self, own: Option<f64>) -> Duration {
        let own = own.and_then(span);
        own.or(self.ttl).unwrap_or(USUAL_TTL)
    }

    async fn bring_bodies(&self, group: &mut Group) -> Result<()> {
        let small = |found: &Found| found.head.body.bytes <= INLINE;
        let mut pipeline = pipe();
        for (_, row) in group.entries.iter().filter(|(found, _)| small(found)) {
            pipeline.cmd("LRANGE").arg(self.name("stream", &row.id)).arg(0).arg(-1);
        }
        let bodies = self.link.ask_all(&pipeline).await?;
        let entries = group.entries.iter_mut().filter(|(found, _)| small(found));
        for ((found, _), chunks) in entries.zip(bodies) {
            let chunks = Vec::<Vec<u8>>::from_redis_value(chunks).unwrap_or_default();
            let body = chunks.concat();
            // It may have been forgotten in between.
            found.inline = (body.len() as u64 == found.head.body.bytes).then(|| body.into());
        }
        Ok(())
    }

    /// One step over the indexes: their keys, and where to go on; `0` at the end.
    async fn keys(&self, cursor: u64) -> Result<(u64, Vec<String>)> {
        let begin = self.index("");
        let escaped: String = begin
            .chars()
            .flat_map(|c| {
                let special = matches!(c, '*' | '?' | '[' | ']' | '\\' | '^');
                special.then_some('\\').into_iter().chain([c])
            })
            .collect();
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(escaped + "*");
        command.arg("COUNT").arg(BATCH).arg("TYPE").arg(self.kind());
        let (next, names): (u64, Vec<Vec<u8>>) = self.link.ask(&command).await?;
        let key =
            |name: Vec<u8>| Some(String::from_utf8(name).ok()?.strip_prefix(&begin)?.to_owned());
        Ok((next, names.into_iter().filter_map(key).collect()))
    }

    async fn page(&self, cursor: u64, query: &Query) -> Result<(u64, Vec<Result<Found>>)> {
        let (next, mut keys) = self.keys(cursor).await?;
        let position = Some(Position(cursor, sort(&mut keys)));
        let after = query.after.as_ref().filter(|after| after.position == position);
        if let Some(after) = after
            && let Some(last) = keys.iter().position(|key| *key == after.id.key)
        {
            keys.drain(..last);
        }
        keys.retain(|key| query.key_prefix.as_ref().is_none_or(|prefix| key.starts_with(prefix)));
        let mut page = Vec::new();
        for some in keys.chunks(AT_ONCE) {
            for group in self.groups(some, query.detail >= Detail::Body).await? {
                let mut entries = group.entries.into_iter();
                let shown = entries.by_ref().filter(|(found, _)| match after {
                    Some(after) if after.id.key == found.head.id.key => {
                        query.detail > Detail::Key && found.head.id > after.id
                    }
                    _ => true,
                });
                let most = if query.detail == Detail::Key { 1 } else { usize::MAX };
                page.extend(shown.take(most).map(|(found, _)| Ok(Found { position, ..found })));
                page.extend(group.damaged.into_iter().map(Err));
            }
        }
        Ok((next, page))
    }
}

impl Inner {
    /// The name of the chunks that go with a piece.
    async fn stream_beside(&self, piece: &Piece) -> Result<Option<String>> {
        let id = match &piece.entry {
            Some((id, _)) => {
                let group = self.group_of(&id.key, false).await?;
                let entry = group.entries.into_iter().find(|(found, _)| found.head.id == *id);
                entry.map(|(_, row)| row.id)
            }
            None => piece.name.strip_prefix(&*self.name("entry", "")).map(ToOwned::to_owned),
        };
        Ok(id.map(|id| self.name("stream", &id)))
    }

    /// All chunks of a body that are there.
    fn raw_stream(self: &Arc<Self>, name: String) -> BodyStream {
        let chunks = stream::try_unfold(Chunks::new(self, name), |mut chunks| async move {
            let part = chunks.next(0).await?;
            Ok::<_, Error>(part.map(|part| (part, chunks)))
        });
        BodyStream::new(chunks, 0)
    }

    /// The bytes of a value of any length; `None` when it is not there.
    async fn raw_value(self: &Arc<Self>, name: &str) -> Result<Option<BodyStream>> {
        let bytes: u64 = self.link.ask(cmd("STRLEN").arg(name)).await?;
        if bytes == 0 {
            return Ok(None);
        }
        let (inner, name) = (Arc::clone(self), name.to_owned());
        let parts = stream::iter((0..bytes).step_by(PART as usize)).then(move |at| {
            let (inner, mut command) = (Arc::clone(&inner), cmd("GETRANGE"));
            command.arg(&name).arg(at).arg(at + PART - 1);
            async move { Ok(Bytes::from(inner.link.ask::<Vec<u8>>(&command).await?)) }
        });
        Ok(Some(BodyStream::new(parts, bytes)))
    }
}

/// The chunks of a body one by one, and a long one part by part.
struct Chunks {
    inner: Arc<Inner>,
    name: String,
    chunk: u64,
    at: u64,
}

impl Chunks {
    fn new(inner: &Arc<Inner>, name: String) -> Self {
        Chunks { inner: Arc::clone(inner), name, chunk: 0, at: 0 }
    }

    /// The next part behind so many bytes; `None` behind the last chunk.
    async fn next(&mut self, mut skip: u64) -> Result<Option<Bytes>> {
        loop {
            let mut command = cmd("EVAL");
            command.arg(CHUNK).arg(1).arg(&self.name).arg(self.chunk);
            command.arg(self.at + skip).arg(PART);
            let part: Option<(u64, Vec<u8>)> = self.inner.link.ask(&command).await?;
            let Some((length, part)) = part else { return Ok(None) };
            let begin = self.at + skip;
            if begin >= length {
                (skip, self.chunk, self.at) = (begin - length, self.chunk + 1, 0);
                continue;
            }
            self.at = begin + part.len() as u64;
            if self.at >= length {
                (self.chunk, self.at) = (self.chunk + 1, 0);
            }
            return Ok(Some(part.into()));
        }
    }
}

fn unmarked() -> Error {
    Error::codec("the mark behind its chunks is none").coded("record_damaged")
}

#[async_trait]
impl Backend for Streams {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("redis");
        can.layout = self.inner.layout();
        can.lossless = false;
        can.native_keys = false;
        can.digests = false;
        can.variants = self.inner.has_variants();
        can.only_success = !can.variants;
        can.sweeps = false;
        can.server_ttl = true;
        can.scan_repeats = true;
        can.remote = true;
        can.notes_uses_every = None;
        can.ttl = self.inner.ttl;
        can.serializer = "msgpack";
        can.serializers = &["msgpack"];
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let mut group = self.inner.group_of(key, true).await?;
        match group.damaged.is_empty() {
            true => Ok(group.entries.into_iter().map(|(found, _)| found).collect()),
            false => Err(group.damaged.swap_remove(0)),
        }
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let group = self.inner.group_of(&id.key, false).await?;
        let entry = group.entries.into_iter().find(|(found, _)| found.stamp == seen);
        let (found, row) = entry.ok_or_else(|| Error::changed(&id.key))?;
        let facts = found.head.body;
        let (first, length) = range.within(facts.bytes);
        let chunks = Chunks::new(&self.inner, self.inner.name("stream", &row.id));
        let state = (chunks, id.key.clone(), first, length);
        let chunks = stream::try_unfold(state, |(mut chunks, key, skip, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let part = chunks.next(skip).await?;
            let mut part = part.ok_or_else(|| Error::changed(&key))?;
            part.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - part.len() as u64;
            Ok(Some((part, (chunks, key, 0, left))))
        });
        Ok(match range.covers(facts.bytes) {
            true => BodyStream::checked(chunks.boxed(), facts, id.to_string()),
            false => BodyStream::new(chunks, length),
        })
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        Ok(Box::new(StreamPut::begin(&self.inner, head)))
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        self.inner.update(id, head, seen).await
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        self.inner.remove(id, seen).await
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        let inner = Arc::clone(&self.inner);
        let begin = query.after.as_ref().and_then(|after| after.position);
        let begin = begin.map_or(0, |position| position.0);
        let pages = stream::unfold(Some(begin), move |cursor| {
            let (inner, query) = (Arc::clone(&inner), query.clone());
            async move {
                Some(match inner.page(cursor?, &query).await {
                    Ok((0, found)) => (found, None),
                    Ok((next, found)) => (found, Some(next)),
                    Err(e) => (vec![Err(e)], None),
                })
            }
        });
        pages.flat_map(stream::iter).boxed()
    }

    async fn identity(&self) -> Result<Identity> {
        let Inner { prefix, .. } = &*self.inner;
        let (servers, layout) = (self.inner.link.servers().await?, self.inner.layout());
        let names = servers.into_iter().map(|server| format!("{server} {layout} {prefix}"));
        Ok(Identity::new(names))
    }

    /// The server keeps what it has acknowledged by its own settings.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.inner.link.close().await;
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for Streams {
    fn key_of(&self, request: &Request, _: &str) -> String {
        let Inner { client, rfc, .. } = *self.inner;
        match self.inner.generation {
            Generation::First => client.key_1(request),
            Generation::Second => client.key_2(request, rfc),
        }
    }

    fn project(&self, head: EntryHead) -> EntryHead {
        self.inner.kept(head)
    }

    fn location(&self, id: &EntryId) -> String {
        format!("{} at {}", self.inner.index(&id.key), self.inner.link.name())
    }
}

#[async_trait]
impl Upkeep for Streams {
    /// Whatever else lies there belongs to others.
    fn leftovers(&self, _: Timestamp) -> BoxStream<'_, Result<Piece>> {
        stream::empty().boxed()
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.inner.discard(piece).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        let missing =
            |name: &str| Error::new(ErrorKind::NotFound, format!("there is no {name} in {self:?}"));
        let data = match &part {
            Part::Record(id) => {
                let group = self.inner.group_of(&id.key, false).await?;
                let row = group.entries.into_iter().find(|(found, _)| found.head.id == *id);
                row.ok_or_else(|| missing(&id.to_string()))?.1.data
            }
            Part::Piece(name) => {
                let value = self.inner.raw_value(name).await?;
                return value.ok_or_else(|| missing(name));
            }
            Part::Beside(piece) => {
                let stream = self.inner.stream_beside(piece).await?;
                return Ok(self.inner.raw_stream(stream.ok_or_else(|| missing(&piece.name))?));
            }
        };
        Ok(BodyStream::whole(data.into()))
    }

    async fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let mut scan = self.scan(Query::with_detail(Detail::Columns));
        while let Some(found) = scan.next().await {
            match found {
                Ok(found) => {
                    usage.entries += 1;
                    usage.stored_bytes += found.stored_bytes;
                }
                Err(e) if e.kind() == ErrorKind::Codec => {}
                Err(e) => return Err(e),
            }
        }
        Ok(usage)
    }
}
