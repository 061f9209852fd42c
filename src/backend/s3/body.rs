//! Large bodies as objects of their own: one request up to a part's size, multipart above.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::model::{BodyFacts, EntryId};
use crate::storage::{BodyStream, ByteRange};

use super::bucket::{Bucket, Condition};
use super::trouble;

/// Bytes of a part. S3 wants five MiB at least.
const PART: usize = 8 << 20;

/// S3 takes ten thousand parts: after so many they get four times as large, which makes
/// room for 240 GiB.
const SMALL_PARTS: i32 = 3000;

/// How often a body that breaks off is taken up again where it broke, with less than
/// this many bytes in between.
const RESUMES: u32 = 4;
const PROGRESS: u64 = 256 * 1024;

/// A body on its way to an object that nothing names yet.
pub(super) struct Incoming {
    bucket: Arc<Bucket>,
    pub key: String,
    pending: BytesMut,
    upload: Option<Upload>,
    /// Whether the object is there and not yet named.
    stands: bool,
}

/// A multipart upload. One part is under way while the next one is filled.
struct Upload {
    id: String,
    parts: Vec<CompletedPart>,
    sent: i32,
    under_way: Option<JoinHandle<Result<CompletedPart>>>,
}

impl Incoming {
    pub(super) fn new(bucket: Arc<Bucket>, key: String) -> Self {
        Incoming { bucket, key, pending: BytesMut::new(), upload: None, stands: false }
    }

    fn part_bytes(&self) -> usize {
        let sent = self.upload.as_ref().map_or(0, |upload| upload.sent);
        if sent < SMALL_PARTS { PART } else { 4 * PART }
    }

    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = self.part_bytes() - self.pending.len();
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            self.pending.extend_from_slice(now);
            bytes = rest;
            if self.pending.len() == self.part_bytes() {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<()> {
        let asked = self.bucket.asked("s3:PutObject", &self.key);
        let client = self.bucket.client().await?.clone();
        if self.upload.is_none() {
            let request = client.create_multipart_upload().bucket(&self.bucket.name).key(&self.key);
            let output = request.send().await.map_err(|e| trouble::explain(e, &asked))?;
            let id = output.upload_id.ok_or_else(|| {
                Error::store(format!("an upload of {} has no id", self.key)).coded("store_failed")
            })?;
            self.upload = Some(Upload { id, parts: Vec::new(), sent: 0, under_way: None });
        }
        let Some(upload) = &mut self.upload else { return Ok(()) };
        upload.wait().await?;
        upload.sent += 1;
        let number = upload.sent;
        let request = client
            .upload_part()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&upload.id)
            .part_number(number)
            .body(ByteStream::from(self.pending.split().freeze()));
        let (bucket, key) = (Arc::clone(&self.bucket), self.key.clone());
        upload.under_way = Some(tokio::spawn(async move {
            let output = request
                .send()
                .await
                .map_err(|e| trouble::explain(e, &bucket.asked("s3:PutObject", &key)))?;
            Ok(CompletedPart::builder().part_number(number).set_e_tag(output.e_tag).build())
        }));
        Ok(())
    }

    /// Sends what is left; the object is there when this returns.
    pub(super) async fn finish(&mut self) -> Result<()> {
        if self.upload.is_none() {
            let bytes = self.pending.split().freeze();
            self.bucket.put(&self.key, bytes, Condition::Always).await?;
            self.stands = true;
            return Ok(());
        }
        if !self.pending.is_empty() {
            self.send_part().await?;
        }
        let asked = self.bucket.asked("s3:PutObject", &self.key);
        let client = self.bucket.client().await?;
        let Some(upload) = &mut self.upload else { return Ok(()) };
        upload.wait().await?;
        let parts = std::mem::take(&mut upload.parts);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = client
            .complete_multipart_upload()
            .bucket(&self.bucket.name)
            .key(&self.key)
            .upload_id(&upload.id)
            .multipart_upload(parts);
        request.send().await.map_err(|e| trouble::explain(e, &asked))?;
        self.upload = None;
        self.stands = true;
        Ok(())
    }

    /// A record names it now.
    pub(super) fn keep(mut self) {
        self.stands = false;
    }
}

impl Upload {
    async fn wait(&mut self) -> Result<()> {
        if let Some(under_way) = self.under_way.take() {
            let part =
                under_way.await.map_err(|e| Error::store("an upload ended").because(e))??;
            self.parts.push(part);
        }
        Ok(())
    }
}

/// What was not committed goes: the parts of an upload cost money for ever.
impl Drop for Incoming {
    fn drop(&mut self) {
        let (bucket, key) = (Arc::clone(&self.bucket), std::mem::take(&mut self.key));
        if let Some(upload) = self.upload.take() {
            self.bucket.cleanups.start(async move {
                if let Some(part) = upload.under_way {
                    let _ = part.await;
                }
                let Ok(client) = bucket.client().await else { return };
                let request = client.abort_multipart_upload().bucket(&bucket.name).key(key);
                let _ = request.upload_id(upload.id).send().await;
            });
        } else if self.stands {
            self.bucket.cleanups.start(async move {
                let _ = bucket.remove(&[key]).await;
            });
        }
    }
}

/// Reads a body, or a part of it. That it is there is known before anything was used; a
/// connection that breaks is taken up again behind the last byte that came.
pub(super) async fn stream(
    bucket: Arc<Bucket>,
    key: String,
    id: &EntryId,
    facts: BodyFacts,
    range: ByteRange,
) -> Result<BodyStream> {
    let (start, length) = range.within(facts.bytes);
    if length == 0 {
        return Ok(BodyStream::whole(Bytes::new()));
    }
    let mut reading = Reading {
        bucket,
        key,
        entry: id.key.clone(),
        at: start,
        end: start + length,
        whole: facts.bytes,
        body: None,
        resumes: 0,
        resumed_at: start,
    };
    reading.open().await?;
    let chunks = stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(chunk)) => Some((Ok(chunk), Some(reading))),
            Ok(None) => None,
            Err(e) => Some((Err(e), None)),
        }
    })
    .boxed();
    Ok(if range.covers(facts.bytes) {
        BodyStream::checked(chunks, facts, id.to_string())
    } else {
        BodyStream::new(chunks, length)
    })
}

struct Reading {
    bucket: Arc<Bucket>,
    key: String,
    entry: String,
    at: u64,
    end: u64,
    whole: u64,
    body: Option<ByteStream>,
    resumes: u32,
    resumed_at: u64,
}

impl Reading {
    async fn open(&mut self) -> Result<()> {
        let request = self.bucket.client().await?.get_object().bucket(&self.bucket.name);
        let mut request = request.key(&self.key);
        if (self.at, self.end) != (0, self.whole) {
            request = request.range(format!("bytes={}-{}", self.at, self.end - 1));
        }
        match request.send().await {
            Ok(output) => {
                self.body = Some(output.body);
                Ok(())
            }
            Err(e) if trouble::is_absent(&e) => Err(Error::changed(&self.entry)),
            Err(e) => Err(trouble::explain(e, &self.bucket.asked("s3:GetObject", &self.key))),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.at < self.end {
            let Some(body) = &mut self.body else {
                self.open().await?;
                continue;
            };
            match body.next().await {
                Some(Ok(chunk)) => {
                    self.at += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                // It ended, if properly or not, before everything was there.
                None if self.resumes >= RESUMES => return Ok(None),
                Some(Err(e)) if self.resumes >= RESUMES => {
                    let asked = self.bucket.asked("s3:GetObject", &self.key);
                    return Err(trouble::broken(e, &asked));
                }
                None | Some(Err(_)) => {
                    let has_gone_on = self.at - self.resumed_at >= PROGRESS;
                    self.resumes = if has_gone_on { 1 } else { self.resumes + 1 };
                    self.resumed_at = self.at;
                    self.body = None;
                }
            }
        }
        Ok(None)
    }
}
