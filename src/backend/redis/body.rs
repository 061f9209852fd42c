//! Large bodies as hashes of chunks: one name, so that a body is evicted as a whole or
//! not at all, and expires as a whole.

use std::sync::Arc;

use ::redis::{cmd, pipe};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};

use crate::error::{Error, Result};
use crate::model::{BodyFacts, EntryId, Stamp};
use crate::storage::{BodyStream, ByteRange};

use super::Inner;

/// Bytes of a chunk; all chunks of a body but the last have this length.
pub(super) const CHUNK: usize = 256 * 1024;

/// Chunks asked for before the first of them was taken.
const AHEAD: usize = 2;

/// A body that nobody goes on writing is forgotten after this time.
const UNFINISHED_SECONDS: u64 = 60 * 60;

/// How many chunks a body of this length has.
pub(super) fn chunks_of(bytes: u64) -> u64 {
    bytes.div_ceil(CHUNK as u64)
}

/// A body on its way to the server, under a name that nothing mentions yet.
pub(super) struct Incoming {
    inner: Arc<Inner>,
    name: String,
    nonce: String,
    next: u64,
    pending: BytesMut,
    kept: bool,
}

impl Incoming {
    pub(super) fn new(inner: Arc<Inner>, record: &str) -> Self {
        let mut nonce = Stamp::fresh().to_string();
        nonce.truncate(16);
        let name = format!("{record}:{nonce}");
        Incoming { inner, name, nonce, next: 0, pending: BytesMut::new(), kept: false }
    }

    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(CHUNK - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = rest;
            if self.pending.len() == CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Sends what is left; gives the name of the body within its record.
    pub(super) async fn finish(&mut self) -> Result<String> {
        if !self.pending.is_empty() {
            self.flush().await?;
        }
        Ok(self.nonce.clone())
    }

    async fn flush(&mut self) -> Result<()> {
        let mut pipeline = pipe();
        pipeline.cmd("HSET").arg(&self.name).arg(self.next).arg(&self.pending[..]);
        pipeline.cmd("EXPIRE").arg(&self.name).arg(UNFINISHED_SECONDS);
        self.inner.link.ask_all(&pipeline).await?;
        self.next += 1;
        self.pending.clear();
        Ok(())
    }

    /// A record names it now.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

/// What was not committed goes at once where that is possible, else when its time is over.
impl Drop for Incoming {
    fn drop(&mut self) {
        if self.kept || self.next == 0 {
            return;
        }
        let inner = Arc::clone(&self.inner);
        let mut command = cmd("UNLINK");
        command.arg(std::mem::take(&mut self.name));
        self.inner.cleanups.start(async move {
            let _ = inner.link.ask::<i64>(&command).await;
        });
    }
}

/// Reads a body, or a part of it. That it is there is known before anything was used.
pub(super) async fn stream(
    inner: Arc<Inner>,
    name: String,
    id: &EntryId,
    facts: BodyFacts,
    range: ByteRange,
) -> Result<BodyStream> {
    let (start, length) = range.within(facts.bytes);
    if length == 0 {
        return Ok(BodyStream::whole(Bytes::new()));
    }
    let wanted = start / CHUNK as u64..chunks_of(start + length);
    let mut left = length;
    let mut skip = (start % CHUNK as u64) as usize;
    let key = id.key.clone();
    let mut cut = move |chunk: Bytes| {
        let mut chunk = chunk.slice(skip.min(chunk.len())..);
        skip = 0;
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= chunk.len() as u64;
        chunk
    };
    let fetch = move |number: u64| {
        let (inner, name, key) = (Arc::clone(&inner), name.clone(), key.clone());
        async move {
            let chunk = inner.field(&name, number, CHUNK).await?;
            chunk.map(Bytes::from).ok_or_else(|| Error::changed(&key))
        }
    };
    let first = cut(fetch(wanted.start).await?);
    let rest = stream::iter(wanted.start + 1..wanted.end).map(fetch).buffered(AHEAD);
    let rest = rest.map(move |chunk| chunk.map(&mut cut));
    let chunks = stream::iter([Ok(first)]).chain(rest).boxed();
    Ok(if range.covers(facts.bytes) {
        BodyStream::checked(chunks, facts, id.to_string())
    } else {
        BodyStream::new(chunks, length)
    })
}
