//! Putting entries in their records: one whose body comes in bit by bit, or many at once.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::join_all;

use crate::error::{Error, Result};
use crate::model::{BodyDigest, EntryHead, Stamp};
use crate::serializer::{Place, Recorded};
use crate::storage::{Found, Outcome, Over, Parcel, Placed, Put};

use super::super::{INLINE_LIMIT, record};
use super::body::Incoming;
use super::script::{self, Writing};
use super::{BATCH, Inner, Kept};

/// An entry as it is about to be written, with what it may take the place of.
struct Ready {
    name: String,
    record: Vec<u8>,
    kept: Kept,
    over: Over,
}

impl Ready {
    fn of(inner: &Inner, entry: Recorded, inline: Option<Bytes>, over: Over) -> Result<Self> {
        let name = inner.names.record(&entry.head.id.key);
        let beside = if inline.is_some() { 0 } else { entry.head.body.bytes };
        let (record, mut entries) = record::encode(vec![(entry, inline.clone())], &inner.codec)?;
        let entry = entries.pop().ok_or_else(|| record::torn("it holds no entry"))?;
        let kept = Kept { entry, inline, stored_bytes: record.len() as u64 + beside };
        Ok(Ready { name, record, kept, over })
    }

    /// What the script needs.
    fn writing(&self) -> (&str, &str, Writing<'_>) {
        let head = &self.kept.entry.head;
        let writing = Writing {
            record: &self.record,
            stamp: self.kept.entry.stamp,
            expires_at: head.expires_at,
            body: self.kept.beside(),
            over: self.over,
            uses: head.uses,
            last_used_at: head.last_used_at,
        };
        (&self.name, head.id.variant.as_str(), writing)
    }
}

impl Inner {
    /// Writes an entry and its small body.
    pub(super) async fn write(
        &self,
        entry: Recorded,
        inline: Option<Bytes>,
        over: Over,
    ) -> Result<Outcome<Found>> {
        let ready = Ready::of(self, entry, inline, over)?;
        let answers: Vec<i64> = self.link.ask(&script::write(&[ready.writing()])).await?;
        let outcome = self.outcome(answers.first().copied(), &ready.kept)?;
        Ok(outcome.map(|_| ready.kept.into_found()))
    }

    /// What the script says about one entry.
    fn outcome(&self, answer: Option<i64>, kept: &Kept) -> Placed {
        match answer {
            Some(0) => Ok(Outcome::Absent),
            Some(1) => Ok(Outcome::Changed),
            Some(2) => Ok(Outcome::Done(kept.entry.stamp)),
            Some(script::NOT_OURS) => Err(self.something_else(&kept.entry.head.id.key)),
            _ => {
                let id = &kept.entry.head.id;
                Err(Error::store(format!("{} lost the body of {id}", self.link.name()))
                    .because("it was evicted or forgotten while the rest of it came")
                    .coded("body_lost")
                    .passing()
                    .try_this("more memory for the server, or the same command again"))
            }
        }
    }

    /// See [`Backend::put_many`](crate::Backend::put_many): large bodies first, then all
    /// records by one script.
    pub(super) async fn put_many(self: &Arc<Self>, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        // In a cluster the keys of one script have to lie in one slot.
        let batch = if self.link.is_cluster() { 1 } else { BATCH };
        let ready = join_all(entries.into_iter().map(|entry| self.bring_body(entry))).await;
        let ready = ready.into_iter().collect::<Result<Vec<_>>>()?;
        let writings: Vec<_> = ready.iter().map(|(ready, _)| ready.writing()).collect();
        let commands: Vec<_> = writings.chunks(batch).map(script::write).collect();
        let answers: Vec<Result<Vec<i64>>> = self.ask_each(commands.into_iter()).await?;
        let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
        let mut answers = answers.into_iter().flatten();
        let placed = |(ready, large): (Ready, Option<Incoming>)| {
            let outcome = self.outcome(answers.next(), &ready.kept);
            if let Some(large) = large.filter(|_| matches!(outcome, Ok(Outcome::Done(_)))) {
                large.keep();
            }
            outcome
        };
        let mut placed = placed;
        Ok(ready.into_iter().map(&mut placed).collect())
    }

    /// Sends a large body ahead of its record.
    async fn bring_body(self: &Arc<Self>, entry: Parcel) -> Result<(Ready, Option<Incoming>)> {
        let (head, body, over) = entry.into_parts();
        let mut large = None;
        let place = match body.len() <= INLINE_LIMIT {
            true => Place::Inline(0),
            false => {
                let record = self.names.record(&head.id.key);
                let large = large.insert(Incoming::new(Arc::clone(self), &record));
                large.write(&body).await?;
                Place::Beside(large.finish().await?)
            }
        };
        let inline = large.is_none().then_some(body);
        let entry = Recorded { head, stamp: Stamp::fresh(), place };
        Ok((Ready::of(self, entry, inline, over)?, large))
    }
}

/// An entry on its way to the server.
pub(super) struct RedisPut {
    inner: Arc<Inner>,
    head: EntryHead,
    digest: BodyDigest,
    small: BytesMut,
    large: Option<Incoming>,
}

impl RedisPut {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        RedisPut {
            inner: Arc::clone(inner),
            head,
            digest: BodyDigest::new(),
            small: BytesMut::new(),
            large: None,
        }
    }
}

#[async_trait]
impl Put for RedisPut {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        if self.large.is_none() {
            if self.small.len() + chunk.len() <= INLINE_LIMIT {
                self.small.extend_from_slice(&chunk);
                return Ok(());
            }
            let record = self.inner.names.record(&self.head.id.key);
            let large = self.large.insert(Incoming::new(Arc::clone(&self.inner), &record));
            large.write(&std::mem::take(&mut self.small)).await?;
        }
        match &mut self.large {
            Some(large) => large.write(&chunk).await,
            None => Ok(()),
        }
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let place = match &mut self.large {
            Some(large) => Place::Beside(large.finish().await?),
            None => Place::Inline(0),
        };
        let inline = self.large.is_none().then(|| std::mem::take(&mut self.small).freeze());
        let head = EntryHead { body: self.digest.finish(), ..self.head };
        let entry = Recorded { head, stamp: Stamp::fresh(), place };
        let outcome = self.inner.write(entry, inline, over).await?;
        if let Some(large) = self.large.filter(|_| matches!(outcome, Outcome::Done(_))) {
            large.keep();
        }
        Ok(outcome)
    }
}
