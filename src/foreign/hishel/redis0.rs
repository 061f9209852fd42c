//! Generation 0 in Redis: a string for each key, without any prefix, and the server's own TTL.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use redis::{FromRedisValue, Value as Answer, cmd, pipe};

use crate::backend::redis::{Link, NOT_OURS, link, sort};
use crate::error::Result;
use crate::model::Timestamp;
use crate::storage::{
    Access, Address, Capabilities, Cursor, Identity, OpenMarked, Opened, Outcome, Position, Query,
};
use futures_util::stream::BoxStream;

use super::super::{Layout, Sign};
use super::one::{
    Expected, Keyed, Lying, New, OneValue, Page, Paged, Settings, Walked, is_usual_key, walk_pages,
};
use super::value::{self, Form};

pub(super) const LAYOUT: Layout = Layout {
    name: "hishel-0",
    kind: "redis",
    about: "a Redis database of hishel 0.x",
    place: "",
    params: &[super::FIPS],
    sign: Sign::Server(open_found),
    open,
};

/// Names that one step of a listing looks at.
const BATCH: usize = 500;

/// Writes or removes a value, if what lies there is still what was seen. Gives 0 absent,
/// 1 changed, 2 done.
const CHANGE: &str = r"
local there = redis.call('GET', KEYS[1])
if ARGV[1] == 'nothing' then if there then return 1 end
elseif ARGV[1] ~= 'anything' then
  if not there then return 0 end
  if #there ~= tonumber(ARGV[1]) or string.sub(there, 1, #ARGV[2]) ~= ARGV[2] then return 1 end
end
if ARGV[3] == '' then redis.call('DEL', KEYS[1])
elseif ARGV[4] == '' then redis.call('SET', KEYS[1], ARGV[3])
else redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4]) end
return 2
";

/// Values that a look takes at once.
const GLANCE: usize = 8;

/// Longer values under odd names are taken for what they begin like.
const LONGEST_LOOK: u64 = 8 << 20;

/// Opens it if a value lies under some of the names that the server gives first.
fn open_found(address: &Address) -> OpenMarked {
    let parts = link(address).and_then(|link| Ok((link, Settings::of(address)?)));
    Box::pin(async move {
        let (link, settings) = parts?;
        let is_cluster = link.is_cluster();
        let strings = Strings::new(link);
        let lies = !is_cluster && strings.has_values().await?;
        Ok(lies.then(|| strings.opened(settings)))
    })
}

fn open(address: &Address, _: Access) -> Result<Opened> {
    let link = link(address)?;
    if link.is_cluster() {
        return Err(address.refuse("hishel 0.x knows no cluster"));
    }
    Ok(Strings::new(link).opened(Settings::of(address)?))
}

struct Strings {
    link: Link,
    /// The server cannot say when it forgets a key, only in how long (before Redis 7).
    knows_spans_only: AtomicBool,
}

impl fmt::Debug for Strings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.link.fmt(f)
    }
}

impl Strings {
    fn new(link: Link) -> Self {
        Strings { link, knows_spans_only: AtomicBool::new(false) }
    }

    fn opened(self, settings: Settings) -> Opened {
        Opened::Async(Arc::new(OneValue::new(self, settings)))
    }

    async fn has_values(&self) -> Result<bool> {
        let mut cursor = 0;
        for _ in 0..super::STEPS_OF_A_LOOK {
            let (next, names) = self.names(cursor).await?;
            let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
            for names in names.chunks(GLANCE) {
                let lying = self.get_all(names).await?;
                if lying.iter().flatten().any(|lying| value::loads(&lying.bytes).is_ok()) {
                    return Ok(true);
                }
            }
            if next == 0 {
                break;
            }
            cursor = next;
        }
        Ok(false)
    }

    async fn get_with(&self, keys: &[String], end: &str) -> Result<Vec<Option<Lying>>> {
        let mut pipeline = pipe();
        for key in keys {
            pipeline.cmd("STRLEN").arg(key);
            pipeline.cmd("GETRANGE").arg(key).arg(0).arg(LONGEST_LOOK - 1);
            pipeline.cmd(end).arg(key);
        }
        let answers = self.link.ask_apart(&pipeline).await?;
        let begin = if end == "PTTL" { Timestamp::now().millis() } else { 0 };
        let mut all = Vec::with_capacity(keys.len());
        for (key, answers) in keys.iter().zip(answers.as_chunks::<3>().0) {
            let [length, start, end] = answers;
            // Under a name at which something else lies there is no value.
            if length.as_ref().is_err_and(|e| e.code() == NOT_OURS) {
                all.push(None);
                continue;
            }
            let said = |answer: &Result<Answer>| match answer {
                Ok(answer) => Ok(answer.clone()),
                Err(e) => Err(e.again()),
            };
            let length = u64::from_redis_value(said(length)?).unwrap_or_default();
            let start = Vec::<u8>::from_redis_value(said(start)?).unwrap_or_default();
            let end = i64::from_redis_value(said(end)?).ok().filter(|end| *end >= 0);
            let forgotten_at = end.map(|end| Timestamp::from_millis(begin.saturating_add(end)));
            let bytes = self.whole(key, start, length).await?;
            let cut = Some(length).filter(|length| (bytes.len() as u64) < *length);
            let lying = Lying { bytes: bytes.into(), cut, forgotten_at, ..Lying::default() };
            all.push((length > 0).then_some(lying));
        }
        Ok(all)
    }

    /// The rest of a value. One that is so long that it may be damage is read only if its end
    /// may be that of a value.
    async fn whole(&self, key: &str, mut start: Vec<u8>, length: u64) -> Result<Vec<u8>> {
        if start.len() as u64 >= length {
            return Ok(start);
        }
        let end: Vec<u8> = self.link.ask(cmd("GETRANGE").arg(key).arg(-16).arg(-1)).await?;
        if !Form::of(&start).is_some_and(|form| form.may_end_with(&end)) {
            start.truncate(Form::SIGN);
            return Ok(start);
        }
        let rest: Vec<u8> =
            self.link.ask(cmd("GETRANGE").arg(key).arg(start.len()).arg(-1)).await?;
        start.extend_from_slice(&rest);
        Ok(start)
    }

    /// One step over all names: those of values with their lengths, and where to go on; `0` at
    /// the end.
    async fn names(&self, cursor: u64) -> Result<(u64, Vec<(String, u64)>)> {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("COUNT").arg(BATCH).arg("TYPE").arg("string");
        let (next, names): (u64, Vec<Vec<u8>>) = self.link.ask(&command).await?;
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        let names: Vec<String> = names.collect();
        let mut pipeline = pipe();
        for name in &names {
            pipeline.cmd("GETRANGE").arg(name).arg(0).arg(Form::SIGN - 1);
            pipeline.cmd("STRLEN").arg(name);
        }
        let answers = self.link.ask_all(&pipeline).await?;
        let is_signed = |start: &Answer| {
            Vec::<u8>::from_redis_value_ref(start).is_ok_and(|start| Form::is_signed(&start))
        };
        // The database may be shared with others: what begins otherwise is theirs, and under a
        // name of a program's own choice a value counts if it is one to its end.
        let looks = names.into_iter().zip(answers.as_chunks::<2>().0);
        let values = looks.filter(|(_, [start, _])| is_signed(start)).map(|(name, [_, length])| {
            (name, u64::from_redis_value_ref(length).unwrap_or_default())
        });
        let (mut values, odd): (Vec<_>, Vec<_>) = values.partition(|(name, _)| is_usual_key(name));
        for (name, length) in odd {
            let is_value = length > LONGEST_LOOK || {
                let lying = self.get_all(std::slice::from_ref(&name)).await?.pop().flatten();
                lying.is_some_and(|lying| value::loads(&lying.bytes).is_ok())
            };
            if is_value {
                values.push((name, length));
            }
        }
        Ok((next, values))
    }
}

#[async_trait]
impl Keyed for Strings {
    const KIND: &'static str = "redis";
    const FORGETS: bool = true;

    fn limit(&self, can: &mut Capabilities) {
        can.remote = true;
        can.scan_repeats = true;
    }

    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Lying>>> {
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

    async fn change(
        &self,
        key: &str,
        expected: Expected<'_>,
        new: Option<&New>,
    ) -> Result<Outcome<()>> {
        let (over, old): (String, &[u8]) = match expected {
            Expected::Anything => ("anything".to_owned(), b""),
            Expected::Nothing => ("nothing".to_owned(), b""),
            // By its length and its beginning, which is usually all of it.
            Expected::Value(old) => {
                (old.cut.unwrap_or(old.bytes.len() as u64).to_string(), &old.bytes)
            }
        };
        let end = new.and_then(|new| new.forgotten_at);
        let end = end.map_or(String::new(), |end| end.millis().max(1).to_string());
        let bytes: &[u8] = new.map_or(b"", |new| &new.bytes);
        let mut command = cmd("EVAL");
        command.arg(CHANGE).arg(1).arg(key).arg(over).arg(old).arg(bytes).arg(end);
        Ok(match self.link.ask::<i64>(&command).await? {
            0 => Outcome::Absent,
            1 => Outcome::Changed,
            _ => Outcome::Done(()),
        })
    }

    fn walk(self: Arc<Self>, query: &Query) -> BoxStream<'static, Walked> {
        walk_pages(self, query)
    }

    async fn usage(&self) -> Result<(u64, u64)> {
        let (mut entries, mut bytes, mut cursor) = (0, 0, 0);
        loop {
            let (next, names) = self.names(cursor).await?;
            entries += names.len() as u64;
            bytes += names.iter().map(|(_, length)| length).sum::<u64>();
            if next == 0 {
                return Ok((entries, bytes));
            }
            cursor = next;
        }
    }

    async fn identity(&self) -> Result<Identity> {
        let servers = self.link.servers().await?.into_iter();
        Ok(Identity::new(servers.map(|server| format!("{server} hishel-0"))))
    }

    fn location(&self, key: &str) -> String {
        format!("{key} at {}", self.link.name())
    }

    async fn close(&self) {
        self.link.close().await;
    }
}

#[async_trait]
impl Paged for Strings {
    type Place = u64;

    fn begin(&self, after: Option<&Cursor>) -> u64 {
        after.and_then(|after| after.position).map_or(0, |position| position.0)
    }

    async fn page(&self, place: &u64) -> Result<Page<u64>> {
        let (next, names) = self.names(*place).await?;
        let lengths: HashMap<String, u64> = names.into_iter().collect();
        let mut keys: Vec<String> = lengths.keys().cloned().collect();
        let position = Some(Position(*place, sort(&mut keys)));
        let with_length = |key: String| {
            let length = lengths[&key];
            (key, length)
        };
        let keys = keys.into_iter().map(with_length).collect();
        Ok(Page { keys, position, next: (next != 0).then_some(next) })
    }
}
