//! The requests that the store makes, and the client that makes them: configured when the
//! first one goes out, so that nobody waits for credentials that are not needed.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::ConnectorError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use aws_smithy_http_client::tls;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::storage::current_runtime;

use super::super::cleanup::Cleanups;
use super::swap::Swaps;
use super::trouble::{self, Asked};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the first byte of an answer may take.
const READ_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a request is sent before its failure counts.
const ATTEMPTS: u32 = 5;

/// How many objects are removed at the same time, where each takes a request.
const REMOVALS: usize = 16;

const FIRST_PAUSE: Duration = Duration::from_millis(150);

/// What the address says; everything else comes from the usual AWS chain.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub path_style: Option<bool>,
    pub profile: Option<String>,
    /// Checksums only where a request needs one: what S3-compatible servers understand.
    pub plain_checksums: Option<bool>,
}

/// One bucket.
pub(crate) struct Bucket {
    pub(crate) name: String,
    settings: Settings,
    client: OnceCell<Client>,
    pub(in crate::backend) cleanups: Cleanups,
    pub(super) swaps: Swaps,
    /// The server does not remove several objects with one request.
    removes_singly: AtomicBool,
}

/// What is to be written: the bytes, and a note beside them, a name and a value.
#[derive(Debug, Clone)]
pub(crate) struct Content<'a> {
    pub(crate) bytes: Bytes,
    pub(crate) note: Option<(&'a str, &'a str)>,
}

impl From<Bytes> for Content<'_> {
    fn from(bytes: Bytes) -> Self {
        Content { bytes, note: None }
    }
}

/// An object as read at once.
pub(crate) struct Object {
    /// Nothing of one that is longer than was asked for.
    pub(crate) bytes: Bytes,
    pub(crate) length: u64,
    pub(crate) etag: Option<String>,
    /// When it was written, by the server's clock.
    pub(crate) modified: Option<Timestamp>,
    /// What its writer noted beside it; names in lower case.
    #[cfg_attr(not(feature = "foreign"), allow(dead_code, reason = "for other layouts"))]
    pub(crate) notes: HashMap<String, String>,
}

/// An object in a listing.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    pub(crate) modified: Option<Timestamp>,
}

/// Where a page of a listing begins.
#[derive(Debug, Clone)]
pub(crate) enum Begin {
    Start,
    /// Behind this key.
    Behind(String),
    /// Where another page has ended.
    Page(String),
}

/// What has to hold for an object to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Condition<'a> {
    Always,
    Absent,
    Is(&'a str),
}

impl Bucket {
    pub(super) fn new(name: String, settings: Settings, client: Option<Client>) -> Self {
        Bucket {
            name,
            settings,
            client: OnceCell::new_with(client),
            cleanups: Cleanups::default(),
            swaps: Swaps::default(),
            removes_singly: AtomicBool::new(false),
        }
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        self.settings.endpoint.as_deref()
    }

    /// The bucket as it was addressed. Several addresses may lead to it.
    pub(crate) fn addressed(&self) -> String {
        let endpoint = self.endpoint().unwrap_or("the usual endpoint").trim_end_matches('/');
        format!("s3 {} bucket {}", endpoint.to_ascii_lowercase(), self.name)
    }

    pub(super) async fn client(&self) -> Result<&Client> {
        current_runtime()?;
        Ok(self.client.get_or_init(|| self.settings.client()).await)
    }

    /// What is asked for, for errors about it.
    pub(super) fn asked<'a>(&'a self, action: &'static str, key: &'a str) -> Asked<'a> {
        Asked { action, bucket: &self.name, key, endpoint: self.endpoint() }
    }

    /// Reads an object of at most so many bytes; `None` when it is not there.
    pub(crate) async fn get(&self, key: &str, most: u64) -> Result<Option<Object>> {
        let asked = self.asked("s3:GetObject", key);
        let client = self.client().await?;
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let output = match client.get_object().bucket(&self.name).key(key).send().await {
                Ok(output) => output,
                Err(e) if trouble::is_absent(&e) => return Ok(None),
                Err(e) => return Err(trouble::explain(e, &asked)),
            };
            let (etag, notes) = (output.e_tag, output.metadata.unwrap_or_default());
            let modified = output.last_modified.map(|at| Timestamp::from_secs(at.secs()));
            let length = output.content_length.unwrap_or(0).max(0).unsigned_abs();
            if length > most {
                let bytes = Bytes::new();
                return Ok(Some(Object { bytes, length, etag, modified, notes }));
            }
            match output.body.collect().await {
                Ok(body) => {
                    let bytes = body.into_bytes();
                    let length = bytes.len() as u64;
                    return Ok(Some(Object { bytes, length, etag, modified, notes }));
                }
                // The SDK tries requests again, but not bodies that break off.
                Err(e) if left > 0 => tracing::debug!("{key} broke off and is read again: {e}"),
                Err(e) => return Err(trouble::broken(e, &asked)),
            }
        }
    }

    /// The length of an object; `None` when it is not there.
    pub(super) async fn length(&self, key: &str) -> Result<Option<u64>> {
        Ok(self.look(key).await?.map(|(bytes, _)| bytes))
    }

    /// The length of an object and its entity tag; `None` when it is not there.
    pub(crate) async fn look(&self, key: &str) -> Result<Option<(u64, Option<String>)>> {
        let request = self.client().await?.head_object().bucket(&self.name).key(key);
        match request.send().await {
            Ok(output) => {
                let bytes = output.content_length.unwrap_or(0).max(0).unsigned_abs();
                Ok(Some((bytes, output.e_tag)))
            }
            Err(e) if trouble::is_absent(&e) => Ok(None),
            // An answer to HEAD has no body to say why; asking for the object does.
            Err(e) => match self.get_first_byte(key).await {
                Err(explained) => Err(explained),
                Ok(()) => Err(trouble::explain(e, &self.asked("s3:GetObject", key))),
            },
        }
    }

    /// The first bytes of an object, at most so many; it may be empty or gone.
    #[cfg(feature = "foreign")]
    pub(crate) async fn begin_of(&self, key: &str, bytes: u64) -> Result<Bytes> {
        self.part_of(key, format!("bytes=0-{}", bytes.saturating_sub(1))).await
    }

    /// The last bytes of an object, at most so many.
    #[cfg(feature = "foreign")]
    pub(crate) async fn end_of(&self, key: &str, bytes: u64) -> Result<Bytes> {
        self.part_of(key, format!("bytes=-{bytes}")).await
    }

    #[cfg(feature = "foreign")]
    async fn part_of(&self, key: &str, range: String) -> Result<Bytes> {
        let asked = self.asked("s3:GetObject", key);
        let request = self.client().await?.get_object().bucket(&self.name).key(key);
        match request.range(range).send().await {
            Ok(output) => match output.body.collect().await {
                Ok(body) => Ok(body.into_bytes()),
                Err(e) => Err(trouble::broken(e, &asked)),
            },
            Err(e) if trouble::is_absent(&e) || trouble::is_beyond(&e) => Ok(Bytes::new()),
            Err(e) => Err(trouble::explain(e, &asked)),
        }
    }

    async fn get_first_byte(&self, key: &str) -> Result<()> {
        let request = self.client().await?.get_object().bucket(&self.name).key(key);
        match request.range("bytes=0-0").send().await {
            Ok(_) => Ok(()),
            Err(e) => Err(trouble::explain(e, &self.asked("s3:GetObject", key))),
        }
    }

    /// Writes an object; `false` when the condition does not hold.
    pub(crate) async fn put(
        &self,
        key: &str,
        content: impl Into<Content<'_>>,
        condition: Condition<'_>,
    ) -> Result<bool> {
        let Content { bytes, note } = content.into();
        let request = self.client().await?.put_object().bucket(&self.name).key(key);
        let request = match note {
            None => request,
            Some((name, value)) => request.metadata(name, value),
        };
        let request = match condition {
            Condition::Always => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Is(etag) => request.if_match(etag),
        };
        match request.body(ByteStream::from(bytes)).send().await {
            Ok(_) => Ok(true),
            Err(e) if trouble::is_unmet(&e) => Ok(false),
            Err(e) => Err(trouble::explain(e, &self.asked("s3:PutObject", key))),
        }
    }

    /// Removes objects, up to a thousand of them in one request. Absent ones are fine. A server
    /// that does not know such requests, or wants something else in them, gets one for each.
    pub(crate) async fn remove(&self, keys: &[String]) -> Result<()> {
        if keys.len() > 1 && !self.removes_singly.load(Ordering::Relaxed) {
            match self.remove_together(keys).await {
                Err(e) if e.code() == "not_implemented" => {
                    self.removes_singly.store(true, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        let removals: Vec<_> = keys.iter().map(|key| self.remove_one(key)).collect();
        stream::iter(removals).buffer_unordered(REMOVALS).try_collect().await
    }

    async fn remove_one(&self, key: &str) -> Result<()> {
        let request = self.client().await?.delete_object().bucket(&self.name).key(key);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(e) if trouble::is_absent(&e) => Ok(()),
            Err(e) => Err(trouble::explain(e, &self.asked("s3:DeleteObject", key))),
        }
    }

    async fn remove_together(&self, keys: &[String]) -> Result<()> {
        let client = self.client().await?;
        for keys in keys.chunks(1000) {
            let asked = self.asked("s3:DeleteObject", &keys[0]);
            let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
            let delete = objects
                .collect::<Result<Vec<_>, _>>()
                .and_then(|objects| {
                    Delete::builder().set_objects(Some(objects)).quiet(true).build()
                })
                .map_err(|e| Error::usage("nothing to remove").because(e))?;
            let request = client.delete_objects().bucket(&self.name).delete(delete);
            let output = request.send().await.map_err(|e| match trouble::is_unsupported(&e) {
                true => trouble::by_code("NotImplemented", "", &asked),
                false => trouble::explain(e, &asked),
            })?;
            if let Some(error) = output.errors().first() {
                let key = error.key().unwrap_or_default();
                let asked = self.asked("s3:DeleteObject", key);
                return Err(trouble::by_code(
                    error.code().unwrap_or_default(),
                    error.message().unwrap_or_default(),
                    &asked,
                ));
            }
        }
        Ok(())
    }

    /// One page of a listing, in the order of the keys: what lies there, and where the
    /// next page begins.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        from: Begin,
        most: i32,
    ) -> Result<(Vec<Listed>, Option<String>)> {
        let request = self.client().await?.list_objects_v2().bucket(&self.name).prefix(prefix);
        let request = request.max_keys(most);
        let request = match from {
            Begin::Start => request,
            Begin::Behind(key) => request.start_after(key),
            Begin::Page(token) => request.continuation_token(token),
        };
        let output = request
            .send()
            .await
            .map_err(|e| trouble::explain(e, &self.asked("s3:ListBucket", prefix)))?;
        let next = output.next_continuation_token.clone();
        let objects = output.contents.unwrap_or_default().into_iter();
        let objects = objects.filter_map(|object| {
            Some(Listed {
                key: object.key?,
                bytes: object.size.unwrap_or(0).max(0).unsigned_abs(),
                modified: object.last_modified.map(|at| Timestamp::from_secs(at.secs())),
            })
        });
        Ok((objects.collect(), next.filter(|_| output.is_truncated.unwrap_or(false))))
    }
}

impl Bucket {
    /// Uploads under a prefix that were begun and never finished: key, number, and when
    /// they began. At most a thousand.
    pub(super) async fn uploads(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, String, Option<Timestamp>)>> {
        let request = self.client().await?.list_multipart_uploads().bucket(&self.name);
        let output = request.prefix(prefix).send().await.map_err(|e| {
            trouble::explain(e, &self.asked("s3:ListBucketMultipartUploads", prefix))
        })?;
        let uploads = output.uploads.unwrap_or_default().into_iter().filter_map(|upload| {
            let at = upload.initiated.map(|at| Timestamp::from_secs(at.secs()));
            Some((upload.key?, upload.upload_id?, at))
        });
        Ok(uploads.collect())
    }

    /// Gives an upload up.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<()> {
        let request = self.client().await?.abort_multipart_upload().bucket(&self.name);
        match request.key(key).upload_id(upload).send().await {
            Ok(_) => Ok(()),
            Err(e) if trouble::is_absent(&e) => Ok(()),
            Err(e) => Err(trouble::explain(e, &self.asked("s3:AbortMultipartUpload", key))),
        }
    }
}

impl Settings {
    async fn client(&self) -> Client {
        let tls = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build();
        let retries =
            RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_PAUSE);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(profile) = &self.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        let shared = loader.load().await;
        let mut config = aws_sdk_s3::config::Builder::from(&shared).retry_classifier(Again);
        if shared.region().is_none() {
            config = config.region(Region::from_static("us-east-1"));
        }
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(endpoint);
        }
        let is_elsewhere = self.endpoint.is_some() || shared.endpoint_url().is_some();
        if self.plain_checksums.unwrap_or(is_elsewhere) {
            config = config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        Client::from_conf(config.force_path_style(self.path_style.unwrap_or(is_elsewhere)).build())
    }
}

/// What the SDK does not say about sending again. A request that has run into a time-out has
/// taken its time: once is enough. And 429 is what overloaded servers of others answer.
#[derive(Debug)]
struct Again;

impl ClassifyRetry for Again {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let timed_out = match context.output_or_error() {
            Some(Err(error)) => {
                error.is_timeout_error()
                    || error.as_connector_error().is_some_and(ConnectorError::is_timeout)
            }
            _ => false,
        };
        let is_slowed = context.response().is_some_and(|answer| answer.status().as_u16() == 429);
        match (timed_out, is_slowed) {
            (true, _) => RetryAction::RetryForbidden,
            (false, true) => RetryAction::throttling_error(),
            (false, false) => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "time-outs are final, and 429 is none"
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.name)
    }
}
