//! Changes: putting, giving a new head, removing; each published by one script.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use redis::{Cmd, cmd};

use crate::error::{Error, Result};
use crate::foreign::decode::msgpack::Packer;
use crate::model::{BodyFacts, EntryHead, EntryId, Stamp, Timestamp, Variant, hex};
use crate::storage::{Found, Outcome, Over, Piece, Put};

use super::super::blob::{Blob, Generation};
use super::super::several::{fresh_id, is_behind, standing};
use super::{Group, Inner, Row, timestamp};

/// Bytes of a chunk; all chunks of a body but the last have this length.
const CHUNK: usize = 131_072;

/// Bytes that go to the server at a time.
const WAITING: usize = 8 * CHUNK;

/// How long what was removed stays for those who still read it, in milliseconds. As hishel
/// has it; entries live so much longer in the server, too.
pub(super) const REMOVED_MS: u64 = 180_000;

/// How long chunks stay that nobody goes on writing, in milliseconds.
const GIVEN_UP_MS: u64 = 3_600_000;

/// For entries of generation 1 that shall have no end: its Redis knows none.
const LONG: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How often a change is tried that somebody else was faster with.
const TRIES: usize = 16;

/// Publishes an entry and hides others, if the index still holds what was seen. Gives 1 when
/// it does not, 3 when chunks sent before are gone, else 2. Arguments: prefix, type, numbers seen, numbers to hide (spaced), the
/// number, head, mark, milliseconds until its end (empty: never), its score, how many
/// chunks were sent before, the others.
const PUBLISH: &str = r"
local prefix, kind, seen, hide, id, data, mark, left, score, sent = unpack(ARGV, 1, 10)
local index = KEYS[1]
local members = redis.call('TYPE', index).ok == kind
  and (kind == 'zset' and redis.call('ZRANGE', index, 0, -1) or redis.call('SMEMBERS', index)) or {}
local whole = {}
for _, member in ipairs(members) do
  if redis.call('EXISTS', prefix .. ':entry:' .. member) == 1
    and redis.call('EXISTS', prefix .. ':stream_done:' .. member) == 1 then
    whole[#whole + 1] = member
  end
end
table.sort(whole)
if table.concat(whole, ' ') ~= seen then return 1 end
local stream = prefix .. ':stream:' .. id
if id ~= '' and redis.call('LLEN', stream) ~= tonumber(sent) then return 3 end
for old in string.gmatch(hide, '%S+') do
  redis.call(kind == 'zset' and 'ZREM' or 'SREM', index, old)
  for _, part in ipairs({':entry:', ':stream:', ':stream_done:'}) do
    redis.call('PEXPIRE', prefix .. part .. old, REMOVED)
  end
end
if id == '' then return 2 end
for i = 11, #ARGV do redis.call('RPUSH', stream, ARGV[i]) end
redis.call('SET', prefix .. ':entry:' .. id, data)
redis.call('SET', prefix .. ':stream_done:' .. id, mark)
redis.call('PERSIST', stream)
if left ~= '' then
  for _, part in ipairs({':entry:', ':stream:', ':stream_done:'}) do
    redis.call('PEXPIRE', prefix .. part .. id, left)
  end
end
local longest = redis.call('PTTL', index)
if kind == 'zset' then redis.call('ZADD', index, score, id) else redis.call('SADD', index, id) end
if left == '' then redis.call('PERSIST', index)
elseif longest == -2 or longest >= 0 and tonumber(left) > longest then
  redis.call('PEXPIRE', index, left)
end
return 2
";

/// Writes another head, if it is still the one that was seen, and another end unless that is
/// to stay.
const UPDATE: &str = r"
local prefix, kind, id, old, data, mark, left, score = unpack(ARGV)
local there = redis.call('GET', prefix .. ':entry:' .. id)
if not there or redis.call('TYPE', KEYS[1]).ok ~= kind then return 0 end
-- What was removed stays for a while, for those who still read it.
local listed = kind == 'zset' and redis.call('ZSCORE', KEYS[1], id)
  or kind == 'set' and redis.call('SISMEMBER', KEYS[1], id) == 1
if not listed then return 0 end
if there ~= old then return 1 end
redis.call('SET', prefix .. ':entry:' .. id, data, 'KEEPTTL')
if mark ~= '' then redis.call('SET', prefix .. ':stream_done:' .. id, mark, 'KEEPTTL') end
if score ~= '' then redis.call('ZADD', KEYS[1], 'XX', score, id) end
if left == 'stays' then return 2 end
local longest = redis.call('PTTL', KEYS[1])
for _, name in ipairs({prefix .. ':entry:' .. id, prefix .. ':stream:' .. id,
    prefix .. ':stream_done:' .. id, KEYS[1]}) do
  if left == '' then redis.call('PERSIST', name)
  elseif name ~= KEYS[1] or longest >= 0 and longest < tonumber(left) then
    redis.call('PEXPIRE', name, left)
  end
end
return 2
";

fn seconds(time: Timestamp) -> f64 {
    time.micros() as f64 / 1e6
}

impl Inner {
    /// The TTL that the head of an entry has to ask for, in seconds.
    fn own_ttl(&self, head: &EntryHead) -> Option<f64> {
        if self.generation == Generation::Second {
            return None;
        }
        let end = head.expires_at.unwrap_or(head.created_at + LONG);
        Some(Blob::ttl_until(end, head.created_at))
    }

    /// See [`Backend::kept`](crate::Backend::kept).
    pub(super) fn kept(&self, head: EntryHead) -> EntryHead {
        let own = self.own_ttl(&head);
        let url = self.client.spelled(&head.request.url);
        let mut blob = Blob::of(&head, url, [0; 16], own);
        let mut created_at = head.created_at;
        if self.generation == Generation::Second {
            blob.request_extra.clear();
            blob.response_extra.clear();
            let date = blob.headers.iter().find(|(name, _)| name == "date");
            let date = date.and_then(|(_, values)| {
                crate::policy::parse_date(values.first()?.as_bytes(), head.created_at)
            });
            created_at = date.unwrap_or(created_at);
        }
        let mut kept = blob.into_head(&head.id.key, created_at);
        kept.body = head.body;
        kept.expires_at = match self.generation {
            Generation::First => Some(created_at + self.life(own)),
            Generation::Second => head.expires_at.map(|end| timestamp(seconds(end))),
        };
        kept
    }

    /// The mark of an entry with so many chunks.
    fn mark(&self, chunks: u64, head: &EntryHead) -> Vec<u8> {
        if self.generation == Generation::First {
            return b"1".to_vec();
        }
        let mut mark = Packer::default();
        mark.list(4);
        mark.int(chunks as i64);
        match head.expires_at {
            Some(end) => mark.float(seconds(end)),
            None => mark.nil(),
        }
        mark.nil();
        mark.bytes(head.id.key.as_bytes());
        mark.0
    }

    /// Milliseconds for which the server keeps an entry, and its score.
    fn end_of(&self, head: &EntryHead) -> (String, String) {
        let end = match self.generation {
            Generation::First => Some(head.created_at + self.life(self.own_ttl(head))),
            Generation::Second => head.expires_at,
        };
        let Some(end) = end else { return (String::new(), "inf".to_owned()) };
        let left = end.since(Timestamp::now()).as_millis() as u64 + REMOVED_MS;
        (left.to_string(), format!("{:?}", seconds(end)))
    }

    /// The script that makes an entry of `id`, or of nothing, and hides others.
    fn publish(&self, key: &str, seen: &Group, hide: &[&str]) -> Cmd {
        let script = PUBLISH.replace("REMOVED", &REMOVED_MS.to_string());
        let mut command = cmd("EVAL");
        command.arg(script).arg(1).arg(self.index(key));
        command.arg(&self.prefix).arg(self.kind());
        command.arg(seen.ids.join(" ")).arg(hide.join(" "));
        command
    }

    /// See [`Backend::remove`](crate::Backend::remove).
    pub(super) async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        for _ in 0..TRIES {
            let group = self.group_of(&id.key, false).await?;
            let there = group.entries.iter().find(|(found, _)| found.head.id == *id);
            let Some((found, _)) = there else { return Ok(Outcome::Absent) };
            if seen.is_some_and(|seen| seen != found.stamp) {
                return Ok(Outcome::Changed);
            }
            if self.hide(&id.key, &group, &behind(&group, id)).await? {
                return Ok(Outcome::Done(()));
            }
        }
        Err(self.too_many(id))
    }

    /// See [`Backend::update`](crate::Backend::update).
    pub(super) async fn update(
        &self,
        id: &EntryId,
        head: EntryHead,
        seen: Stamp,
    ) -> Result<Outcome<Stamp>> {
        let group = self.group_of(&id.key, false).await?;
        let there = group.entries.into_iter().find(|(found, _)| found.head.id == *id);
        let Some((found, row)) = there else { return Ok(Outcome::Absent) };
        if found.stamp != seen {
            return Ok(Outcome::Changed);
        }
        let head = EntryHead { id: id.clone(), ..head };
        let own_id = crate::model::unhex(&row.id).unwrap_or_default();
        // Whoever stored it will look for the URL that stands there.
        let url = found.head.request.url.as_str().to_owned();
        // An end that nobody has changed stays as it is said, and moves on with each use.
        let keeps_its_end = head.expires_at == found.head.expires_at;
        let own = match keeps_its_end {
            true => Blob::read(&row.data, self.generation)?.said_ttl(),
            false => self.own_ttl(&head),
        };
        let data = Blob::of(&head, url, own_id, own).write(self.generation);
        let is_second = self.generation == Generation::Second;
        let (left, score, mark) = match keeps_its_end {
            true => ("stays".to_owned(), String::new(), Vec::new()),
            false => {
                let (left, score) = self.end_of(&head);
                let chunks = found.head.body.bytes.div_ceil(CHUNK as u64);
                match is_second {
                    true => (left, score, self.mark(chunks, &head)),
                    false => (left, String::new(), Vec::new()),
                }
            }
        };
        let mut command = cmd("EVAL");
        command.arg(UPDATE).arg(1).arg(self.index(&id.key)).arg(&self.prefix);
        command
            .arg(self.kind())
            .arg(&row.id)
            .arg(&row.data)
            .arg(&data)
            .arg(mark)
            .arg(left)
            .arg(score);
        let deadline = match keeps_its_end {
            true => row.ttl_deadline,
            false => head.expires_at.filter(|_| is_second).map(seconds),
        };
        let row = Row { data, ttl_deadline: deadline, ..row };
        Ok(match self.link.ask::<i64>(&command).await? {
            0 => Outcome::Absent,
            1 => Outcome::Changed,
            _ => Outcome::Done(row.stamp()),
        })
    }

    /// Hides what was met, an entry that cannot be read unless it can be by now; see
    /// [`Backend::discard`](crate::Backend::discard).
    pub(super) async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((id, stamp)) = &piece.entry {
            return Ok(self.remove(id, Some(*stamp)).await?.map(|()| piece.bytes));
        }
        let Some(key) = &piece.key else { return Ok(Outcome::Absent) };
        for _ in 0..TRIES {
            let group = self.group_of(key, false).await?;
            let is_meant = |id: &&String| self.name("entry", id) == piece.name;
            let Some(id) = group.unreadable.iter().find(is_meant) else {
                let is_there = group.ids.iter().any(|id| is_meant(&id));
                return Ok(if is_there { Outcome::Changed } else { Outcome::Absent });
            };
            if self.hide(key, &group, &[id]).await? {
                return Ok(Outcome::Done(piece.bytes));
            }
        }
        Err(self.too_many(&EntryId::new(key, Variant::none())))
    }

    /// Hides entries; `false` when somebody was faster with the key.
    async fn hide(&self, key: &str, group: &Group, hidden: &[&str]) -> Result<bool> {
        let mut command = self.publish(key, group, hidden);
        for _ in 0..5 {
            command.arg("");
        }
        Ok(self.link.ask::<i64>(&command).await? == 2)
    }

    fn dropped(&self, id: &EntryId) -> Error {
        let name = self.link.name();
        Error::store(format!("{name} has dropped what was sent of the body of {id}"))
            .coded("store_busy")
            .passing()
            .try_this("once more; an hour's pause is too long for it")
    }

    fn too_many(&self, id: &EntryId) -> Error {
        Error::store(format!("{id} is written by too many at once")).coded("store_busy").passing()
    }
}

/// The numbers of an entry and of what would come to light behind it.
fn behind<'a>(group: &'a Group, id: &EntryId) -> Vec<&'a str> {
    let entries = group.entries.iter().filter(|(found, _)| is_behind(found, id));
    entries.map(|(_, row)| &*row.id).collect()
}

/// An entry on its way to the server.
pub(super) struct StreamPut {
    inner: Arc<Inner>,
    head: EntryHead,
    id: [u8; 16],
    pending: BytesMut,
    /// Chunks sent.
    sent: u64,
    bytes: u64,
}

impl StreamPut {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        let inner = Arc::clone(inner);
        StreamPut { inner, head, id: fresh_id(), pending: BytesMut::new(), sent: 0, bytes: 0 }
    }

    fn stream(&self) -> String {
        self.inner.name("stream", &hex(&self.id))
    }
}

#[async_trait]
impl Put for StreamPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.pending.extend_from_slice(&chunk);
        self.bytes += chunk.len() as u64;
        if self.pending.len() < WAITING {
            return Ok(());
        }
        let whole = self.pending.len() - self.pending.len() % CHUNK;
        let whole = self.pending.split_to(whole);
        let name = self.stream();
        let mut push = redis::pipe();
        push.cmd("RPUSH").arg(&name);
        whole.chunks(CHUNK).for_each(|chunk| {
            push.arg(chunk);
        });
        push.cmd("PEXPIRE").arg(&name).arg(GIVEN_UP_MS);
        self.inner.link.ask_all(&push).await?;
        self.sent += (whole.len() / CHUNK) as u64;
        Ok(())
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let inner = Arc::clone(&self.inner);
        let rest = self.pending.split();
        let last: Vec<&[u8]> = rest.chunks(CHUNK).collect();
        let chunks = self.sent + last.len() as u64;
        let url = inner.client.spelled(&self.head.request.url);
        let blob = Blob::of(&self.head, url, self.id, inner.own_ttl(&self.head));
        let data = blob.write(inner.generation);
        let method = &self.head.request.method;
        let wanted = inner.kept(self.head.clone()).id;
        let (left, score) = inner.end_of(&self.head);
        let id = hex(&self.id);
        for _ in 0..TRIES {
            let group = inner.group_of(&wanted.key, false).await?;
            // A key of the application's own may be for several methods.
            let gives_way = |there: &Found| {
                let is_alike = there.head.request.method == *method;
                there.head.id == wanted || !inner.has_variants() && is_alike
            };
            let gives_out = inner.gives_out();
            match over.check(standing(&group.entries, &wanted, gives_way, over, gives_out)) {
                Outcome::Done(()) => {}
                Outcome::Absent => return Ok(Outcome::Absent),
                Outcome::Changed => return Ok(Outcome::Changed),
            }
            let leaves = |there: &Found| is_behind(there, &wanted) || gives_way(there);
            let hidden = group.entries.iter().filter(|(found, _)| leaves(found));
            let hidden = hidden.map(|(_, row)| &*row.id);
            let mut hidden: Vec<&str> = hidden.collect();
            // What cannot be read gives way to what can.
            hidden.extend(group.unreadable.iter().map(|id| &**id));
            let mut command = inner.publish(&wanted.key, &group, &hidden);
            command.arg(&id).arg(&data).arg(inner.mark(chunks, &self.head)).arg(&left).arg(&score);
            command.arg(self.sent);
            for chunk in &last {
                command.arg(*chunk);
            }
            if inner.generation == Generation::First {
                command.arg("");
            }
            let answer = inner.link.ask::<i64>(&command).await?;
            if answer == 3 {
                return Err(inner.dropped(&wanted));
            }
            if answer == 2 {
                let is_second = inner.generation == Generation::Second;
                let ttl_deadline = self.head.expires_at.filter(|_| is_second).map(seconds);
                let stored_bytes = data.len() as u64 + self.bytes;
                let row = Row { place: 0, id, data, ttl_deadline };
                let mut head = inner.kept(self.head);
                head.body = BodyFacts { bytes: self.bytes, xxh3: None, sha256: None };
                return Ok(Outcome::Done(Found::whole(head, row.stamp(), None, stored_bytes)));
            }
        }
        Err(inner.too_many(&wanted))
    }
}
