//! Reading records and chunks without more of them than a record or a chunk can have: whoever
//! may write to the server may have put anything there.
//!
//! Scripts look at the lengths before they give anything away. A user who may run none reads
//! with plain commands, whatever they bring.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ::redis::{Cmd, FromRedisValue, ToRedisArgs, Value, cmd};
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt};

use crate::error::{Error, Result};
use crate::model::EntryId;
use crate::serializer::{MAX_DOCUMENT, MAX_ENTRIES};
use crate::storage::BodyStream;

use super::super::INLINE_LIMIT;
use super::{Fields, Inner, OneEntry, script, trouble};

/// No field of a record is longer: a document and a small body.
pub(super) const MOST_RECORD: usize = MAX_DOCUMENT + INLINE_LIMIT;

/// Bytes of the records that are brought together, but for the last.
const PAGE_BYTES: usize = 4 << 20;

/// A record has so many fields at most.
const MOST_FIELDS: usize = 3 * MAX_ENTRIES;

/// What a script gives for a record with more fields.
const TOO_MANY: i64 = -8;

/// Gives the fields and values of the first of some hashes; of what is too long for a record the
/// field alone.
const HASHES: &str = r"
local out, sum = {}, 0
for i, key in ipairs(KEYS) do
  local fields = redis.pcall('HKEYS', key)
  if fields.err then out[i] = NOT_OURS
  elseif #fields > MOST_FIELDS then out[i] = TOO_MANY
  else
    local got = {}
    for _, field in ipairs(fields) do
      local value = ''
      if redis.call('HSTRLEN', key, field) <= MOST_RECORD then
        value = redis.call('HGET', key, field)
      end
      sum = sum + #value
      got[#got + 1], got[#got + 2] = field, value
    end
    if sum > PAGE_BYTES and i > 1 then return out end
    out[i] = got
  end
end
return out
";

/// Gives record and tally of an entry of each hash.
const ENTRIES: &str = r"
local out = {}
for i, key in ipairs(KEYS) do
  local record = 'e' .. ARGV[i]
  local length = redis.pcall('HSTRLEN', key, record)
  if type(length) == 'table' then out[i] = NOT_OURS
  elseif length > MOST_RECORD then out[i] = {'', false}
  else out[i] = redis.call('HMGET', key, record, 'u' .. ARGV[i]) end
end
return out
";

/// Gives a field, or an empty text for one that is too long.
const FIELD: &str = r"
if redis.call('HSTRLEN', KEYS[1], ARGV[1]) > tonumber(ARGV[2]) then return '' end
return redis.call('HGET', KEYS[1], ARGV[1])
";

/// Gives a part of a field.
const PART: &str = r"
local value = redis.call('HGET', KEYS[1], ARGV[1])
return value and string.sub(value, ARGV[2] + 1, ARGV[2] + ARGV[3])
";

/// Bytes of a field that are brought at a time.
const PART_BYTES: usize = 8 << 20;

/// Whether this user may run scripts, as far as that is known.
#[derive(Debug, Default)]
pub(super) struct MayScript {
    may_not: AtomicBool,
}

fn text(cell: &'static OnceLock<String>, script: &str) -> &'static str {
    cell.get_or_init(|| {
        script
            .replace("NOT_OURS", &script::NOT_OURS.to_string())
            .replace("TOO_MANY", &TOO_MANY.to_string())
            .replace("MOST_FIELDS", &MOST_FIELDS.to_string())
            .replace("MOST_RECORD", &MOST_RECORD.to_string())
            .replace("PAGE_BYTES", &PAGE_BYTES.to_string())
    })
}

impl Inner {
    /// Runs a script; `None` when this user may run none.
    async fn run_script<T: FromRedisValue>(&self, command: &Cmd) -> Result<Option<T>> {
        if self.scripts.may_not.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match self.link.ask(command).await {
            Err(e) if e.code() == "store_denied" => {
                self.scripts.may_not.store(true, Ordering::Relaxed);
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// The fields of the first of some records, as many as make a page, and of one at least.
    /// What is wrong with one is an error in its place.
    pub(super) async fn hashes(&self, names: &[String]) -> Result<Vec<Result<Fields>>> {
        static TEXT: OnceLock<String> = OnceLock::new();
        let command = |names: &[String]| {
            let mut command = cmd("EVAL");
            command.arg(text(&TEXT, HASHES)).arg(names.len()).arg(names);
            command
        };
        if names.is_empty() {
            return Ok(Vec::new());
        }
        // In a cluster a script is about one key.
        let commands: Vec<Cmd> = match self.link.is_cluster() {
            true => names.chunks(1).map(command).collect(),
            false => vec![command(names)],
        };
        let answers = commands.iter().map(|command| self.run_script::<Vec<Value>>(command));
        let answers: Option<Vec<Vec<Value>>> = try_join_all(answers).await?.into_iter().collect();
        match answers {
            Some(answers) => {
                let answers = answers.into_iter().flatten().zip(names);
                Ok(answers.map(|(answer, name)| self.fields_of(name, answer)).collect())
            }
            None => {
                let all = names.iter().map(|name| {
                    let mut command = cmd("HGETALL");
                    command.arg(name);
                    command
                });
                self.ask_each(all).await
            }
        }
    }

    fn fields_of(&self, name: &str, answer: Value) -> Result<Fields> {
        match answer {
            Value::Int(script::NOT_OURS) => Err(self.something_else_at(name)),
            Value::Int(_) => {
                let told = format!("it has more than {MOST_FIELDS} fields");
                Err(self.damaged(name, "", 0, &Error::codec(told).coded("record_damaged")))
            }
            answer => Fields::from_redis_value(answer)
                .map_err(|e| trouble::explain(e.into(), self.link.name())),
        }
    }

    /// Record and tally of entries, given by the names of their records.
    pub(super) async fn entries(
        &self,
        names: &[String],
        ids: &[EntryId],
    ) -> Result<Vec<Result<OneEntry>>> {
        static TEXT: OnceLock<String> = OnceLock::new();
        let mut all = Vec::with_capacity(ids.len());
        let together = if self.link.is_cluster() { 1 } else { ids.len().max(1) };
        for (names, ids) in names.chunks(together).zip(ids.chunks(together)) {
            let mut command = cmd("EVAL");
            command.arg(text(&TEXT, ENTRIES)).arg(names.len()).arg(names);
            command.arg(ids.iter().map(|id| id.variant.as_str()).collect::<Vec<_>>());
            match self.run_script::<Vec<Value>>(&command).await? {
                Some(answers) => {
                    all.extend(answers.into_iter().zip(names).map(|(answer, name)| {
                        match answer {
                            Value::Int(_) => Err(self.something_else_at(name)),
                            answer => OneEntry::from_redis_value(answer)
                                .map_err(|e| trouble::explain(e.into(), self.link.name())),
                        }
                    }));
                }
                None => {
                    let plain = names.iter().zip(ids).map(|(name, id)| {
                        let variant = id.variant.as_str();
                        let mut command = cmd("HMGET");
                        command.arg(name).arg(format!("e{variant}")).arg(format!("u{variant}"));
                        command
                    });
                    let plain = self.ask_each(plain).await?;
                    let apart = plain.into_iter().zip(names);
                    all.extend(apart.map(|(one, name)| one.map_err(|e| self.unreadable(name, e))));
                }
            }
        }
        Ok(all)
    }

    /// A field of a hash; one with more bytes than this is empty.
    pub(super) async fn field(
        &self,
        name: &str,
        field: impl ToRedisArgs,
        most: usize,
    ) -> Result<Option<Vec<u8>>> {
        let mut script = cmd("EVAL");
        script.arg(FIELD).arg(1).arg(name).arg(&field).arg(most);
        match self.run_script(&script).await? {
            Some(value) => Ok(value),
            None => {
                let mut command = cmd("HGET");
                command.arg(name).arg(field);
                self.link.ask(&command).await
            }
        }
    }

    /// The bytes of a field of any length; `None` when it is not there.
    pub(super) async fn raw_field(
        self: &Arc<Self>,
        name: &str,
        field: String,
    ) -> Result<Option<BodyStream>> {
        let mut length = cmd("HSTRLEN");
        length.arg(name).arg(&field);
        let bytes: u64 = self.link.ask(&length).await?;
        if bytes == 0 || self.scripts.may_not.load(Ordering::Relaxed) {
            let value = self.field(name, field, MOST_RECORD).await?;
            return Ok(value.map(|value| BodyStream::whole(value.into())));
        }
        let (inner, name) = (Arc::clone(self), name.to_owned());
        let parts = stream::iter((0..bytes).step_by(PART_BYTES)).then(move |at| {
            let (inner, mut script) = (Arc::clone(&inner), cmd("EVAL"));
            script.arg(PART).arg(1).arg(&name).arg(&field).arg(at).arg(PART_BYTES);
            async move {
                let part: Option<Vec<u8>> = inner.link.ask(&script).await?;
                Ok(Bytes::from(part.unwrap_or_default()))
            }
        });
        Ok(Some(BodyStream::new(parts, bytes)))
    }
}
