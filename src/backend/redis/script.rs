//! Changes that the server makes in one step.
//!
//! Each is a script about one record, `KEYS[1]`; the body beside it has a name in the same
//! slot. Scripts are sent whole: the server knows them by their text, and one that was
//! restarted learns them again by itself.

use std::sync::OnceLock;

use ::redis::{Cmd, cmd};

use crate::model::{Stamp, Timestamp};
use crate::storage::Over;

/// How long a replaced body stays for those who still read it, in milliseconds.
pub(super) const REPLACED_MS: u64 = 3 * 60 * 1000;

/// What stands for no stamp: shorter than any.
const NONE: &str = "-";

/// What a script gives for a key of ours under which something else lies.
pub(super) const NOT_OURS: i64 = -9;

/// `part` gives a body its end, `forget` a record: when the last of its entries expires. `mark`
/// gives nil for none, and an error where something else lies under the key.
const PRELUDE: &str = r"
local key, variant = KEYS[1], ARGV[1]
local function mark()
  local m = redis.pcall('HGET', key, 'm' .. variant)
  if type(m) == 'table' then return nil, m end
  return m
end
local function marks(m)
  if not m then return nil end
  local expires, body = string.match(string.sub(m, 17), '^|(%d*)|(%x*)')
  return string.sub(m, 1, 16), expires, body
end
local function part(body)
  if body and body ~= '' then redis.call('PEXPIRE', key .. ':' .. body, REPLACED) end
end
local function forget()
  local latest = '0'
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 1) == 'm' then
      local _, expires = marks(redis.call('HGET', key, field))
      if not expires or expires == '' then redis.call('PERSIST', key) return end
      if tonumber(expires) > tonumber(latest) then latest = expires end
    end
  end
  redis.call('PEXPIREAT', key, latest)
end
";

/// For scripts about one entry.
const ONE: &str = r"
local m, wrong = mark()
if wrong then return wrong end
local stamp, _, body = marks(m)
";

/// Writes entries, eight arguments for each key. Gives for each 0 absent, 1 changed, 2 done,
/// 3 its body is gone, or that the key is not ours.
const WRITE: &str = r"
local function write(record, new, expires, new_body, chunks, seen, tally)
local m, wrong = mark()
if wrong then return NOT_OURS end
local stamp, _, body = marks(m)
if seen ~= '' and stamp ~= new then
  -- One whose body was evicted counts as absent, here as for readers.
  if (body or '') ~= '' and redis.call('EXISTS', key .. ':' .. body) == 0 then stamp = nil end
  if seen == NONE then
    if stamp then return 1 end
  elseif not stamp then return 0
  elseif stamp ~= seen then return 1 end
end
if new_body ~= '' then
  local name = key .. ':' .. new_body
  if redis.call('HLEN', name) ~= tonumber(chunks) then return 3 end
  if expires == '' then redis.call('PERSIST', name)
  else redis.call('PEXPIREAT', name, string.format('%.0f', tonumber(expires) + REPLACED)) end
end
if body ~= new_body then part(body) end
redis.call('HSET', key, 'e' .. variant, record, 'm' .. variant, new .. '|' .. expires .. '|' .. new_body)
if tally == '' then redis.call('HDEL', key, 'u' .. variant)
else redis.call('HSET', key, 'u' .. variant, tally) end
forget()
return 2
end
local outcomes = {}
for i = 1, #KEYS do
  local first = 8 * (i - 1) + 1
  key, variant = KEYS[i], ARGV[first]
  outcomes[i] = write(unpack(ARGV, first + 1, first + 7))
end
return outcomes
";

const REMOVE: &str = r"
local seen = ARGV[2]
if not stamp then return 0 end
if seen ~= '' and stamp ~= seen then return 1 end
part(body)
redis.call('HDEL', key, 'e' .. variant, 'm' .. variant, 'u' .. variant)
if redis.call('EXISTS', key) == 1 then forget() end
return 2
";

/// Removes many entries, a pair of arguments for each key: variant and stamp. Gives for
/// each the bytes that are free now, -1 absent, -2 changed, or that the key is not ours. Whoever is reading such a body
/// is told so, for this is how room is made.
const REMOVE_MANY: &str = r"
local function takes(name)
  local bytes = redis.pcall('MEMORY', 'USAGE', name)
  return type(bytes) == 'number' and bytes or 0
end
local outcomes = {}
for i = 1, #KEYS do
  key, variant = KEYS[i], ARGV[2 * i - 1]
  local m, wrong = mark()
  local stamp, _, body = marks(m)
  if wrong then outcomes[i] = NOT_OURS
  elseif not stamp then outcomes[i] = -1
  elseif stamp ~= ARGV[2 * i] then outcomes[i] = -2
  else
    local freed = takes(key)
    if body ~= '' then
      freed = freed + takes(key .. ':' .. body)
      redis.call('UNLINK', key .. ':' .. body)
    end
    redis.call('HDEL', key, 'e' .. variant, 'm' .. variant, 'u' .. variant)
    if redis.call('EXISTS', key) == 1 then
      forget()
      freed = freed - takes(key)
    end
    outcomes[i] = freed
  end
end
return outcomes
";

const USE: &str = r"
if stamp == ARGV[2] then
  local uses = string.match(redis.call('HGET', key, 'u' .. variant) or '', '^%d+') or '0'
  redis.call('HSET', key, 'u' .. variant, string.format('%.0f', tonumber(uses) + 1) .. ' ' .. ARGV[3])
end
return 2
";

fn with_prelude(cell: &'static OnceLock<String>, parts: &[&str]) -> &'static str {
    cell.get_or_init(|| {
        let script = PRELUDE.to_owned() + &parts.concat();
        script
            .replace("REPLACED", &REPLACED_MS.to_string())
            .replace("NONE", &format!("'{NONE}'"))
            .replace("NOT_OURS", &NOT_OURS.to_string())
    })
}

fn eval(script: &str, record: &str, variant: &str) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script).arg(1).arg(record).arg(variant);
    command
}

fn seen_bytes(seen: Option<Stamp>) -> Vec<u8> {
    seen.map(|stamp| stamp.to_bytes().to_vec()).unwrap_or_default()
}

/// What [`write`] needs.
pub(super) struct Writing<'a> {
    pub record: &'a [u8],
    pub stamp: Stamp,
    pub expires_at: Option<Timestamp>,
    /// Name of the body beside it, and how many chunks it has.
    pub body: Option<(&'a str, u64)>,
    /// What it may take the place of.
    pub over: Over,
    pub uses: u64,
    pub last_used_at: Option<Timestamp>,
}

/// Writes entries, given by record and variant.
pub(super) fn write<'a>(entries: &[(&str, &str, Writing<'a>)]) -> Cmd {
    static TEXT: OnceLock<String> = OnceLock::new();
    let mut command = cmd("EVAL");
    command.arg(with_prelude(&TEXT, &[WRITE])).arg(entries.len());
    for (record, _, _) in entries {
        command.arg(record);
    }
    for (_, variant, writing) in entries {
        add_writing(&mut command, variant, writing);
    }
    command
}

fn add_writing(command: &mut Cmd, variant: &str, writing: &Writing<'_>) {
    let expires = writing.expires_at.map_or(String::new(), |at| at.millis().max(1).to_string());
    let (body, chunks) = writing.body.unwrap_or_default();
    let tally = match (writing.uses, writing.last_used_at) {
        (0, None) => String::new(),
        (uses, last) => tally(uses, last),
    };
    command
        .arg(variant)
        .arg(writing.record)
        .arg(&writing.stamp.to_bytes()[..])
        .arg(expires)
        .arg(body)
        .arg(chunks)
        .arg(match writing.over {
            Over::Anything => Vec::new(),
            Over::Nothing => NONE.as_bytes().to_vec(),
            Over::State(stamp) => stamp.to_bytes().to_vec(),
        })
        .arg(tally);
}

pub(super) fn remove(key: &str, variant: &str, seen: Option<Stamp>) -> Cmd {
    static TEXT: OnceLock<String> = OnceLock::new();
    let mut command = eval(with_prelude(&TEXT, &[ONE, REMOVE]), key, variant);
    command.arg(seen_bytes(seen));
    command
}

/// Removes entries, given by record, variant and stamp.
pub(super) fn remove_many(entries: &[(String, &str, Stamp)]) -> Cmd {
    static TEXT: OnceLock<String> = OnceLock::new();
    let mut command = cmd("EVAL");
    command.arg(with_prelude(&TEXT, &[REMOVE_MANY])).arg(entries.len());
    for (record, _, _) in entries {
        command.arg(record);
    }
    for (_, variant, stamp) in entries {
        command.arg(*variant).arg(&stamp.to_bytes()[..]);
    }
    command
}

/// The stamp of an entry and the body that it names, out of the marks beside its record.
pub(super) fn marks_of(field: &[u8]) -> Option<(Stamp, &str)> {
    let (stamp, rest) = field.split_at_checked(16)?;
    let body = std::str::from_utf8(rest).ok()?.rsplit_once('|')?.1;
    Some((Stamp::from_bytes(stamp.try_into().ok()?), body))
}

pub(super) fn note_use(key: &str, variant: &str, seen: Stamp, at: Timestamp) -> Cmd {
    static TEXT: OnceLock<String> = OnceLock::new();
    let mut command = eval(with_prelude(&TEXT, &[ONE, USE]), key, variant);
    command.arg(&seen.to_bytes()[..]).arg(at.micros());
    command
}

/// Uses and the last of them in microseconds, as they stand in a field.
fn tally(uses: u64, last: Option<Timestamp>) -> String {
    format!("{uses} {}", last.map_or(0, Timestamp::micros))
}

/// Reads a tally; anything else counts as no use.
pub(super) fn tally_of(field: &[u8]) -> (u64, Option<Timestamp>) {
    let text = std::str::from_utf8(field).unwrap_or_default();
    let (uses, last) = text.split_once(' ').unwrap_or_default();
    let last = last.parse().ok().filter(|&micros: &i64| micros != 0);
    (uses.parse().unwrap_or(0), last.map(Timestamp::from_micros))
}
