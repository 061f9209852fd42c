//! Putting an entry in its record, while its body comes in bit by bit.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use crate::error::Result;
use crate::model::{BodyDigest, EntryHead, Stamp};
use crate::serializer::{Place, Recorded};
use crate::storage::{Found, Outcome, Over, Put};

use super::super::INLINE_LIMIT;
use super::super::record::name_of;
use super::Inner;
use super::body::Incoming;

/// An entry on its way into the bucket.
pub(super) struct S3Put {
    inner: Arc<Inner>,
    head: EntryHead,
    digest: BodyDigest,
    small: BytesMut,
    large: Option<Incoming>,
}

impl S3Put {
    pub(super) fn begin(inner: &Arc<Inner>, head: EntryHead) -> Self {
        S3Put {
            inner: Arc::clone(inner),
            head,
            digest: BodyDigest::new(),
            small: BytesMut::new(),
            large: None,
        }
    }
}

#[async_trait]
impl Put for S3Put {
    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.digest.update(&chunk);
        if self.large.is_none() {
            if self.small.len() + chunk.len() <= INLINE_LIMIT {
                self.small.extend_from_slice(&chunk);
                return Ok(());
            }
            let nonce = &Stamp::fresh().to_string()[..16];
            let body = format!("{}.{nonce}", name_of(&self.head.id.key));
            let bucket = Arc::clone(&self.inner.bucket);
            let large = self.large.insert(Incoming::new(bucket, self.inner.body_key(&body)));
            large.write(&std::mem::take(&mut self.small)).await?;
        }
        match &mut self.large {
            Some(large) => large.write(&chunk).await,
            None => Ok(()),
        }
    }

    async fn commit_over(mut self: Box<Self>, over: Over) -> Result<Outcome<Found>> {
        let inner = Arc::clone(&self.inner);
        let place = match &mut self.large {
            Some(large) => {
                large.finish().await?;
                let bodies = inner.body_key("");
                Place::Beside(large.key.trim_start_matches(&*bodies).to_owned())
            }
            None => Place::Inline(0),
        };
        let inline = self.large.is_none().then(|| std::mem::take(&mut self.small).freeze());
        let head = EntryHead { body: self.digest.clone().finish(), ..self.head.clone() };
        let entry = Recorded { head, stamp: Stamp::fresh(), place };
        let mut outcome = inner.place_over(&entry, &inline, over).await?;
        // One whose body is gone counts as absent, here as for readers.
        if over == Over::Nothing
            && outcome == Outcome::Changed
            && !inner.shows(&entry.head.id).await?
        {
            outcome = inner.place_over(&entry, &inline, Over::Anything).await?;
        }
        let replaced = match outcome {
            Outcome::Done(replaced) => replaced,
            // What has come in goes again when this is dropped.
            Outcome::Absent => return Ok(Outcome::Absent),
            Outcome::Changed => return Ok(Outcome::Changed),
        };
        if let Some(large) = self.large.take() {
            large.keep();
        }
        if let Some(old) = replaced.filter(|old| *old != entry.place) {
            inner.drop_body(&old).await;
        }
        inner.recent.note(&entry);
        // What it takes beside other variants is known when it is read.
        let stored_bytes =
            inner.codec.dumps(std::slice::from_ref(&entry))?.len() as u64 + entry.head.body.bytes;
        Ok(Outcome::Done(Found::whole(entry.head, entry.stamp, inline, stored_bytes)))
    }
}
