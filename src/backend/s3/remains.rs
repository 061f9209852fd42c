//! Cleaning up: many removals in few requests, damaged records, what nothing needs.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyFacts, EntryId, Stamp, Timestamp, Variant};
use crate::serializer::{Place, Recorded};
use crate::storage::{
    BodyStream, ByteRange, Outcome, Part, Piece, Problem, Removed, Usage, is_damage,
};

use super::bucket::{Begin, Listed};
use super::scan::Pages;
use super::{Change, Inner, MAX_RECORD, Record, body, name_of, trouble};

/// No upload takes longer than this beyond what other leftovers are given.
const LONG_UPLOAD: Duration = Duration::from_secs(24 * 3600);

/// Records that are read at the same time.
const AT_ONCE: usize = 32;

/// What the store calls an upload that was never finished.
fn upload_name(key: &str, upload: &str) -> String {
    format!("upload {upload} of {key}")
}

fn absent(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{name} is not there"))
}

/// What is to be done about the entries of one key.
struct Group<'a> {
    name: String,
    /// Place in the list of what was asked for, identity and stamp.
    entries: Vec<(usize, &'a EntryId, Stamp)>,
}

impl Inner {
    /// Removes an entry; gives the bytes that are free now.
    pub(super) async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<u64>> {
        let change = |mut parts: Vec<(Recorded, Option<Bytes>)>| {
            let Some(at) = parts.iter().position(|(e, _)| e.head.id == *id) else {
                return Change::Stop(Outcome::Absent);
            };
            if seen.is_some_and(|seen| seen != parts[at].0.stamp) {
                return Change::Stop(Outcome::Changed);
            }
            let (entry, _) = parts.remove(at);
            let bytes = entry.head.body.bytes;
            if parts.is_empty() {
                return Change::Remove(entry.place, (None, bytes));
            }
            Change::Write(parts, (Some(entry.place), bytes))
        };
        Ok(match self.change(&id.key, true, change).await? {
            Outcome::Done((left, bytes)) => {
                if let Some(place) = left {
                    self.drop_body(&place).await;
                }
                Outcome::Done(bytes)
            }
            Outcome::Absent => Outcome::Absent,
            Outcome::Changed => Outcome::Changed,
        })
    }

    /// See [`Backend::remove_many`](crate::Backend::remove_many). The records are read
    /// again, many at a time, as nothing else tells whether they are what they were; what
    /// goes as a whole then goes in one request for a thousand.
    pub(super) async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
        for (i, (id, stamp)) in entries.iter().enumerate() {
            let name = name_of(&id.key);
            let group =
                groups.entry(name.clone()).or_insert_with(|| Group { name, entries: Vec::new() });
            group.entries.push((i, id, *stamp));
        }
        let groups: Vec<Group<'_>> = groups.into_values().collect();
        let mut outcomes: Vec<Removed> = entries.iter().map(|_| Ok(Outcome::Absent)).collect();
        // Few at a time: what is compared now is removed at once, before others write to it.
        for some in groups.chunks(AT_ONCE) {
            let mut objects = Vec::new();
            let mut whole = Vec::new();
            for judged in join_all(some.iter().map(|group| self.judge(group))).await {
                outcomes_of(judged.outcomes, &mut outcomes);
                whole.extend(judged.whole);
                objects.extend(judged.objects);
            }
            match self.remove_objects(&objects).await {
                Ok(()) => outcomes_of(whole, &mut outcomes),
                Err(e) => {
                    let failed = whole.into_iter().map(|(i, _)| (i, Err(e.again()))).collect();
                    outcomes_of(failed, &mut outcomes);
                }
            }
        }
        Ok(outcomes)
    }

    async fn remove_objects(&self, objects: &[String]) -> Result<()> {
        if objects.is_empty() { Ok(()) } else { self.bucket.remove(objects).await }
    }

    /// Looks at the record of a group; does what is to be done where it does not go as a whole.
    async fn judge(&self, group: &Group<'_>) -> Judged {
        let mut judged = Judged::default();
        let key = self.record_key(&group.name);
        let (record, bytes) = match self.bucket.get(&key, MAX_RECORD).await {
            Ok(None) => return judged,
            Ok(Some(object)) => match self.parse(&key, &object) {
                Ok(record) => (record, object.length),
                Err(e) => return judged.failed(group, &e),
            },
            Err(e) => return judged.failed(group, &e),
        };
        let mut going = 0;
        let mut todo = Vec::new();
        for &(i, id, stamp) in &group.entries {
            match record.find(id) {
                None => {}
                Some(at) if record.entries[at].stamp != stamp => {
                    judged.outcomes.push((i, Ok(Outcome::Changed)));
                }
                Some(at) => {
                    going += 1;
                    todo.push((i, id, stamp, at));
                }
            }
        }
        if going == record.entries.len() && going > 0 {
            judged.objects.push(key);
            let mut share = bytes;
            for (i, _, _, at) in todo {
                let entry = &record.entries[at];
                let mut freed = std::mem::take(&mut share);
                if let Place::Beside(body) = &entry.place {
                    judged.objects.push(self.body_key(body));
                    freed += entry.head.body.bytes;
                }
                judged.whole.push((i, Ok(Outcome::Done(freed))));
            }
            return judged;
        }
        for (i, id, stamp, _) in todo {
            let outcome = self.remove(id, Some(stamp)).await;
            judged.outcomes.push((i, outcome));
        }
        judged
    }

    /// See [`Backend::discard`](crate::Backend::discard).
    pub(super) async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        if let Some((upload, key)) =
            piece.name.strip_prefix("upload ").and_then(|rest| rest.split_once(" of "))
        {
            self.bucket.abort(key, upload).await?;
            return Ok(Outcome::Done(piece.bytes));
        }
        if let Some((id, stamp)) = &piece.entry {
            return self.discard_entry(id, *stamp, piece.bytes).await;
        }
        let name = self.name_below(&piece.name).ok_or_else(|| absent(&piece.name))?;
        if self.bucket.length(&piece.name).await?.is_none() {
            return Ok(Outcome::Absent);
        }
        let is_needed = match piece.problem {
            Problem::OrphanBody => self.names_body(name).await?,
            Problem::KeyMismatch => match self.read(name).await? {
                Some(read) => {
                    read.record.entries.iter().any(|entry| name_of(&entry.head.id.key) == name)
                }
                None => false,
            },
            _ => !matches!(self.read(name).await, Err(e) if is_damage(&e)),
        };
        if is_needed {
            return Ok(Outcome::Changed);
        }
        self.bucket.remove(std::slice::from_ref(&piece.name)).await?;
        Ok(Outcome::Done(piece.bytes))
    }

    /// Removes an entry whose body is damaged or gone, so that writing leaves it out already.
    async fn discard_entry(&self, id: &EntryId, stamp: Stamp, bytes: u64) -> Result<Outcome<u64>> {
        let Some(read) = self.read(&name_of(&id.key)).await? else { return Ok(Outcome::Absent) };
        let Some(at) = read.record.find(id) else { return Ok(Outcome::Absent) };
        if read.record.entries[at].stamp != stamp {
            return Ok(Outcome::Changed);
        }
        let place = read.record.entries[at].place.clone();
        let change = |mut parts: Vec<(Recorded, Option<Bytes>)>| {
            parts.retain(|(entry, _)| entry.head.id != *id || entry.stamp != stamp);
            match parts.is_empty() {
                true => Change::Remove(place.clone(), ()),
                false => Change::Write(parts, ()),
            }
        };
        let outcome = self.change(&id.key, true, change).await?;
        self.drop_body(&place).await;
        Ok(outcome.map(|()| bytes))
    }

    /// The name of a record or a body behind the whole key of its object.
    fn name_below<'a>(&self, object: &'a str) -> Option<&'a str> {
        let (records, bodies) = (self.record_key(""), self.body_key(""));
        object.strip_prefix(&*records).or_else(|| object.strip_prefix(&*bodies))
    }

    /// Whether the record of a body names it; one that cannot be read might.
    async fn names_body(&self, body: &str) -> Result<bool> {
        let record = body.split('.').next().unwrap_or_default();
        match self.read(record).await {
            Ok(Some(read)) => Ok(names(&read.record, body)),
            Ok(None) => Ok(false),
            Err(e) if is_damage(&e) => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// See [`Backend::raw`](crate::Backend::raw).
    pub(super) async fn raw(&self, part: Part) -> Result<BodyStream> {
        let object = match part {
            Part::Record(id) => self.record_key(&name_of(&id.key)),
            Part::Piece(name) if self.name_below(&name).is_some() => name,
            Part::Piece(name) => return Err(absent(&name)),
            Part::Beside(piece) => {
                let body = self.body_beside(&piece).await?;
                self.body_key(&body.ok_or_else(|| absent(&piece.name))?)
            }
        };
        let bytes = self.bucket.length(&object).await?.ok_or_else(|| absent(&object))?;
        let facts = BodyFacts { bytes, xxh3: None, sha256: None };
        let id = EntryId::new(&*object, Variant::none());
        body::stream(Arc::clone(&self.bucket), object, &id, facts, ByteRange::WHOLE).await
    }

    /// The large body of the entry that a piece is about.
    async fn body_beside(&self, piece: &Piece) -> Result<Option<String>> {
        let Some((id, stamp)) = &piece.entry else { return Ok(None) };
        let Some(read) = self.read(&name_of(&id.key)).await? else { return Ok(None) };
        let entry = read.record.find(id).map(|at| &read.record.entries[at]);
        let entry = entry.filter(|entry| entry.stamp == *stamp);
        Ok(entry.and_then(|entry| entry.place.beside()).map(ToOwned::to_owned))
    }

    /// See [`Backend::usage`](crate::Backend::usage).
    pub(super) async fn usage(&self) -> Result<Usage> {
        let mut usage = Usage::default();
        let (records, bodies) =
            (Pages::of_records(self, Begin::Start), Pages::of_bodies(self, Begin::Start));
        for (mut pages, is_record) in [(records, true), (bodies, false)] {
            while pages.fill(self).await? {
                for object in pages.ready.drain(..) {
                    usage.entries += u64::from(is_record);
                    usage.stored_bytes += object.bytes;
                }
            }
        }
        Ok(Usage { disk_bytes: Some(usage.stored_bytes), ..usage })
    }

    /// Uploads that were never finished.
    async fn unfinished(&self, before: Timestamp) -> Result<Vec<Piece>> {
        // Nothing tells when the last part came: a slow upload is left alone for a day.
        let before = before - LONG_UPLOAD;
        let uploads = match self.bucket.uploads(&self.body_key("")).await {
            Ok(uploads) => uploads,
            // Not every server lists them, and not every user may ask: the rest is cleaned.
            Err(e) if trouble::is_unknown(&e) || trouble::is_denied(&e) => {
                tracing::warn!("interrupted uploads cannot be listed: {e:#}");
                Vec::new()
            }
            Err(e) => return Err(e),
        };
        let old = uploads.into_iter().filter(|(_, _, at)| at.is_some_and(|at| at < before));
        let piece = |(key, upload, _): (String, String, _)| {
            Piece::new(Problem::Unfinished, upload_name(&key, &upload), 0)
                .because("an upload that was interrupted")
        };
        Ok(old.map(piece).collect())
    }
}

/// What has come out for some entries: their places, and the outcomes.
#[derive(Default)]
struct Judged {
    outcomes: Vec<(usize, Removed)>,
    /// Those that are gone once the objects are.
    whole: Vec<(usize, Removed)>,
    objects: Vec<String>,
}

impl Judged {
    fn failed(mut self, group: &Group<'_>, error: &Error) -> Self {
        self.outcomes.extend(group.entries.iter().map(|(i, _, _)| (*i, Err(error.again()))));
        self
    }
}

fn outcomes_of(some: Vec<(usize, Removed)>, outcomes: &mut [Removed]) {
    for (i, outcome) in some {
        outcomes[i] = outcome;
    }
}

fn names(record: &Record, body: &str) -> bool {
    record.entries.iter().any(|e| matches!(&e.place, Place::Beside(beside) if beside == body))
}

/// A walk over records and bodies side by side, both in the order of names.
struct Walk {
    inner: Arc<Inner>,
    before: Timestamp,
    records: Pages,
    bodies: Pages,
    ready: VecDeque<Piece>,
    ended: bool,
}

/// Bodies that no record names, entries whose body is gone, uploads that were never finished.
pub(super) fn leftovers(inner: Arc<Inner>, before: Timestamp) -> BoxStream<'static, Result<Piece>> {
    let walk = Walk {
        records: Pages::of_records(&inner, Begin::Start),
        bodies: Pages::of_bodies(&inner, Begin::Start),
        inner,
        before,
        ready: VecDeque::new(),
        ended: false,
    };
    stream::unfold(Some(walk), |walk| async move {
        let mut walk = walk?;
        loop {
            if let Some(piece) = walk.ready.pop_front() {
                return Some((Ok(piece), Some(walk)));
            }
            if walk.ended {
                return None;
            }
            if let Err(e) = walk.step().await {
                return Some((Err(e), None));
            }
        }
    })
    .boxed()
}

impl Walk {
    /// Looks at some records and at all bodies up to the last of them.
    async fn step(&mut self) -> Result<()> {
        if !self.records.fill(&self.inner).await? {
            while self.bodies.fill(&self.inner).await? {
                for body in std::mem::take(&mut self.bodies.ready) {
                    self.orphan(body);
                }
            }
            self.ready.extend(self.inner.unfinished(self.before).await?);
            self.ended = true;
            return Ok(());
        }
        let some = self.records.ready.len().min(4 * AT_ONCE);
        let records: Vec<Listed> = self.records.ready.drain(..some).collect();
        let last = records.last().map_or(String::new(), |record| record.key.clone());
        let mut bodies = Vec::new();
        while self.bodies.fill(&self.inner).await? {
            let is_beyond = |body: &Listed| *body.key.split('.').next().unwrap_or_default() > *last;
            if self.bodies.ready.front().is_none_or(is_beyond) {
                break;
            }
            bodies.extend(self.bodies.ready.pop_front());
        }
        self.compare(&records, bodies).await
    }

    async fn compare(&mut self, records: &[Listed], bodies: Vec<Listed>) -> Result<()> {
        let inner = &self.inner;
        let mut read = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            read.extend(join_all(some.iter().map(|record| inner.read(&record.key))).await);
        }
        let there: HashSet<String> = bodies.iter().map(|body| body.key.clone()).collect();
        let mut named: HashSet<String> = HashSet::new();
        let mut unread: HashSet<&str> = HashSet::new();
        let mut pieces = Vec::new();
        for (listed, read) in records.iter().zip(read) {
            let record = match read {
                Ok(Some(read)) => read.record,
                Ok(None) => continue,
                Err(e) if is_damage(&e) => {
                    unread.insert(&listed.key);
                    continue;
                }
                Err(e) => return Err(e),
            };
            for (at, entry) in record.entries.iter().enumerate() {
                let Place::Beside(body) = &entry.place else { continue };
                if !there.contains(body)
                    && inner.bucket.length(&inner.body_key(body)).await?.is_none()
                {
                    let name = inner.record_key(&listed.key);
                    let piece = record.damaged(at, Problem::OrphanIndex, &name);
                    pieces.push(piece.because("its body is gone"));
                }
                named.insert(body.clone());
            }
        }
        for body in bodies {
            let record = body.key.split('.').next().unwrap_or_default();
            if !named.contains(&body.key) && !unread.contains(record) {
                self.orphan(body);
            }
        }
        self.ready.extend(pieces);
        Ok(())
    }

    fn orphan(&mut self, body: Listed) {
        if body.modified.is_some_and(|at| at < self.before) {
            let name = self.inner.body_key(&body.key);
            let piece = Piece::new(Problem::OrphanBody, name, body.bytes);
            self.ready.push_back(piece.because("no record names it"));
        }
    }
}
