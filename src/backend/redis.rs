//! Entries in Redis, Valkey, or a cluster of them.
//!
//! ```text
//! NS:{NAME}            a hash, all variants of a key; for each variant V
//!                        eV  its record: document and small body
//!                        mV  stamp, expiry and the name of a large body
//!                        uV  uses and the time of the last
//! NS:{NAME}:NONCE      a hash of the chunks of one large body, never used twice
//! NS:cachectl          marker and layout version
//! ```
//!
//! NAME is the key, or its hash where it is not a native one. The braces keep all names
//! of a key on one node of a cluster. A record is changed by a script, in one step; its
//! large body was there before, and a replaced one stays three minutes for its readers.

mod address;
mod body;
mod link;
mod put;
mod read;
mod remains;
mod scan;
mod script;
mod trouble;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::{Client, FromRedisValue, cmd, pipe};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::error::{Error, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};
use crate::serializer::{Codec, Place, Recorded, Serializer};
use crate::storage::{
    AsyncBackend, Backend, Blocking, BodyStream, ByteRange, Capabilities, Found, Identity, Outcome,
    Over, Parcel, Part, Piece, Placed, Problem, Put, Query, Removed, Rules, Upkeep, Usage,
};

use super::cleanup::Cleanups;
use super::marker;
use super::recent::Recent;
use super::record::{Record, is_name, is_nonce, name_of, named, unreadable};
pub(crate) use link::Link;
use link::Target;
use put::RedisPut;
use read::MayScript;
#[cfg(feature = "foreign")]
pub(crate) use {scan::sort, trouble::NOT_OURS};

pub(super) use address::DRIVER;

/// The connection to the server at an address, for other layouts. Nothing is sent yet.
#[cfg(feature = "foreign")]
pub(crate) fn link(address: &crate::storage::Address) -> Result<Link> {
    let (target, name) = address::target(address)?;
    Ok(Link::new(target, name))
}

/// Entries that one script writes or removes: few enough for other clients to get in between.
const BATCH: usize = 64;

const DEFAULT_NAMESPACE: &str = "hishel";
const DEFAULT_SERVER: &str = "redis://localhost:6379/0";
/// How many names a `SCAN` looks at in one step.
const DEFAULT_BATCH: usize = 1000;

/// Keeps entries in Redis, for async callers. Any number of processes may share it.
///
/// The connection is made by the first call. It is made again when it breaks, and a call
/// that was under way is repeated; a server that is restarted is waited for.
///
/// Clones share one store and one connection.
#[derive(Clone)]
pub struct AsyncRedisStorage {
    inner: Arc<Inner>,
}

/// [`AsyncRedisStorage`] for blocking callers.
pub type RedisStorage = Blocking<AsyncRedisStorage>;

struct Inner {
    link: Link,
    names: Names,
    codec: Codec,
    ttl: Option<Duration>,
    batch: usize,
    recent: Recent,
    cleanups: Cleanups,
    scripts: MayScript,
    /// Whether the layout was looked at, and written where it was missing.
    marked: AtomicBool,
}

/// Sets up a Redis store: `client` (`redis://localhost:6379/0`), `namespace` (`hishel`),
/// `serializer` (JSON), `ttl` (none).
pub struct RedisStorageBuilder<S = RedisStorage> {
    target: Option<Result<(Target, String)>>,
    namespace: String,
    codec: Codec,
    ttl: Option<Duration>,
    batch: usize,
    built: PhantomData<fn() -> S>,
}

impl RedisStorage {
    /// Sets up a store.
    pub fn builder() -> RedisStorageBuilder {
        RedisStorageBuilder::new()
    }
}

impl AsyncRedisStorage {
    /// Sets up a store.
    pub fn builder() -> RedisStorageBuilder<Self> {
        RedisStorageBuilder::new()
    }
}

impl RedisStorageBuilder<RedisStorage> {
    /// Makes the store; the first call connects.
    ///
    /// # Errors
    /// `Usage` for a URL that cannot be one, `Internal` when the system gives no thread.
    pub fn build(self) -> Result<RedisStorage> {
        Blocking::new(self.into_async()?)
    }
}

impl RedisStorageBuilder<AsyncRedisStorage> {
    /// Makes the store; the first call connects.
    ///
    /// # Errors
    /// `Usage` for a URL that cannot be one.
    pub fn build(self) -> Result<AsyncRedisStorage> {
        self.into_async()
    }
}

impl<S> RedisStorageBuilder<S> {
    fn new() -> Self {
        RedisStorageBuilder {
            target: None,
            namespace: DEFAULT_NAMESPACE.to_owned(),
            codec: Codec::default(),
            ttl: None,
            batch: DEFAULT_BATCH,
            built: PhantomData,
        }
    }

    /// A client of the `redis` crate. Default: `redis://localhost:6379/0`.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        let name = format!("redis://{}", client.get_connection_info().addr());
        self.target = Some(Ok((Target::Server(client), name)));
        self
    }

    /// The server at a URL: `redis://`, `rediss://` for TLS, or `redis+unix:///path`.
    #[must_use]
    pub fn url(mut self, url: &str) -> Self {
        self.target = Some(url.parse().and_then(|address| address::target(&address)));
        self
    }

    /// A client for a Redis Cluster.
    #[cfg(feature = "redis-cluster")]
    #[must_use]
    pub fn cluster(mut self, client: ::redis::cluster::ClusterClient) -> Self {
        self.target = Some(Ok((Target::Cluster(client), "redis cluster".to_owned())));
        self
    }

    /// A client that asks sentinels for the master.
    #[cfg(feature = "redis-cluster")]
    #[must_use]
    pub fn sentinel(mut self, client: ::redis::sentinel::SentinelClient) -> Self {
        let target = Target::Sentinels(client.into());
        self.target = Some(Ok((target, "redis by sentinel".to_owned())));
        self
    }

    /// What all names begin with; may be empty. Default: `hishel`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How heads are written. Default: JSON.
    #[must_use]
    pub fn serializer(mut self, serializer: impl Serializer + 'static) -> Self {
        self.codec = Codec::new(Arc::new(serializer));
        self
    }

    /// How long stored entries may stay; the server forgets them itself. Default: no limit.
    #[must_use]
    pub fn ttl(mut self, ttl: impl Into<Option<Duration>>) -> Self {
        self.ttl = ttl.into();
        self
    }

    fn into_async(self) -> Result<AsyncRedisStorage> {
        let target = self.target.unwrap_or_else(|| {
            DEFAULT_SERVER.parse().and_then(|address| address::target(&address))
        });
        let (target, name) = target?;
        let inner = Inner {
            link: Link::new(target, name),
            names: Names::new(&self.namespace),
            codec: self.codec,
            ttl: self.ttl,
            batch: self.batch.max(1),
            recent: Recent::new(),
            cleanups: Cleanups::default(),
            scripts: MayScript::default(),
            marked: AtomicBool::new(false),
        };
        Ok(AsyncRedisStorage { inner: Arc::new(inner) })
    }
}

impl<S> fmt::Debug for RedisStorageBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorageBuilder")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// How the store's names are spelled.
#[derive(Debug)]
struct Names {
    /// The namespace and its colon; empty for none.
    prefix: String,
}

impl Names {
    fn new(namespace: &str) -> Self {
        let colon = if namespace.is_empty() { "" } else { ":" };
        Names { prefix: format!("{namespace}{colon}") }
    }

    fn record(&self, key: &str) -> String {
        format!("{}{{{}}}", self.prefix, name_of(key))
    }

    fn marker(&self) -> String {
        format!("{}cachectl", self.prefix)
    }

    /// The prefix, as `SCAN` has to be told of it.
    fn escaped_prefix(&self) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + 4);
        for c in self.prefix.chars() {
            if matches!(c, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern
    }

    /// What `SCAN` has to match to bring all records, and no body.
    fn pattern(&self) -> String {
        self.escaped_prefix() + "{*}"
    }

    /// What `SCAN` has to match to bring all bodies, and no record.
    fn bodies_pattern(&self) -> String {
        self.pattern() + ":*"
    }

    /// The NAME in the name of a record; `None` when it is none of ours.
    fn inner<'a>(&self, record: &'a str) -> Option<&'a str> {
        let name = record.strip_prefix(&*self.prefix)?.strip_prefix('{')?.strip_suffix('}')?;
        is_name(name).then_some(name)
    }

    /// The record and the nonce in the name of a body; `None` when it is none of ours.
    fn body<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let (record, nonce) = name.rsplit_once(':')?;
        (self.inner(record).is_some() && is_nonce(nonce)).then_some((record, nonce))
    }
}

/// One entry as it stands in a record's hash.
struct Kept {
    entry: Recorded,
    inline: Option<Bytes>,
    stored_bytes: u64,
}

impl Kept {
    /// The name of the body beside the record, and how many chunks it has.
    fn beside(&self) -> Option<(&str, u64)> {
        match &self.entry.place {
            Place::Beside(name) => Some((name, body::chunks_of(self.entry.head.body.bytes))),
            Place::Inline(_) => None,
        }
    }

    fn into_found(self) -> Found {
        Found::whole(self.entry.head, self.entry.stamp, self.inline, self.stored_bytes)
    }
}

impl Inner {
    /// Reads one record field, and the tally beside it.
    fn kept(&self, record: Vec<u8>, tally: Option<&[u8]>) -> Result<Kept> {
        let bytes = record.len() as u64;
        let (mut entry, inline) =
            Record::parse(&record.into(), &self.codec, 0, is_nonce)?.into_only()?;
        (entry.head.uses, entry.head.last_used_at) =
            tally.map(script::tally_of).unwrap_or_default();
        let beside = if inline.is_some() { 0 } else { entry.head.body.bytes };
        self.recent.note(&entry);
        Ok(Kept { entry, inline, stored_bytes: bytes + beside })
    }

    /// All entries of a record's hash; a damaged one is an error in its place.
    fn all_kept(&self, name: &str, fields: Fields) -> Vec<Result<Kept>> {
        let mut records = Vec::new();
        let mut tallies = Vec::new();
        for (field, value) in fields {
            match field.split_first() {
                Some((b'e', variant)) => records.push((variant.to_owned(), value)),
                Some((b'u', variant)) => tallies.push((variant.to_owned(), value)),
                _ => {}
            }
        }
        records.sort();
        let read = |(variant, record): (Vec<u8>, Vec<u8>)| {
            let tally = tallies.iter().find(|(v, _)| *v == variant).map(|(_, t)| &**t);
            let bytes = record.len() as u64;
            let variant = String::from_utf8_lossy(&variant).into_owned();
            let kept =
                self.kept(record, tally).map_err(|e| self.damaged(name, &variant, bytes, &e))?;
            if self.names.record(&kept.entry.head.id.key) != name {
                return Err(self.misplaced(name, &variant, &kept));
            }
            Ok(kept)
        };
        records.into_iter().map(read).collect()
    }

    /// The error of an entry that cannot be read.
    fn damaged(&self, name: &str, variant: &str, bytes: u64, error: &Error) -> Error {
        let shown = format!("{name} in {}", self.link.name());
        named(&shown, &remains::record_name(name, variant), bytes, error)
    }

    /// The error of a key under whose name something else lies.
    fn something_else(&self, key: &str) -> Error {
        self.something_else_at(&self.names.record(key))
    }

    fn something_else_at(&self, name: &str) -> Error {
        let shown = format!("{name} in {}", self.link.name());
        unreadable(&shown, name, "something else lies there")
            .try_this("another namespace=, or another db=")
    }

    /// The error of a record that cannot be got at, as something else lies under its name.
    fn unreadable(&self, name: &str, error: Error) -> Error {
        if error.code() != trouble::NOT_OURS {
            return error;
        }
        self.something_else_at(name)
    }

    /// The error of an entry that lies under another key than its own.
    fn misplaced(&self, name: &str, variant: &str, kept: &Kept) -> Error {
        let piece = remains::record_name(name, variant);
        let piece = Piece::new(Problem::KeyMismatch, piece, kept.stored_bytes);
        let error = Error::codec(format!("the record is one of {}", kept.entry.head.id.key));
        piece.met(format!("{name} in {} holds an entry of another key", self.link.name()), &error)
    }

    /// The one entry with this identity.
    async fn only(&self, id: &EntryId) -> Result<Option<Kept>> {
        let name = self.names.record(&id.key);
        let mut fields =
            self.entries(std::slice::from_ref(&name), std::slice::from_ref(id)).await?;
        self.read_only(&name, id, fields.swap_remove(0)?)
    }

    /// Reads what the server has of the one entry with this identity.
    fn read_only(&self, name: &str, id: &EntryId, fields: OneEntry) -> Result<Option<Kept>> {
        let (record, tally) = fields;
        let Some(record) = record else { return Ok(None) };
        let bytes = record.len() as u64;
        let kept = self
            .kept(record, tally.as_deref())
            .map_err(|e| self.damaged(name, id.variant.as_str(), bytes, &e))?;
        Ok(Some(kept).filter(|kept| kept.entry.head.id == *id))
    }

    /// See [`Backend::find_many`].
    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        let names: Vec<String> = ids.iter().map(|id| self.names.record(&id.key)).collect();
        let fields = self.entries(&names, ids).await?;
        let kept: Vec<_> = names
            .iter()
            .zip(ids)
            .zip(fields)
            .map(|((name, id), fields)| self.read_only(name, id, fields?))
            .collect();
        let entries = names.iter().zip(&kept).filter_map(|(name, kept)| {
            let (body, chunks) = kept.as_ref().ok()?.as_ref()?.beside()?;
            Some((format!("{name}:{body}"), chunks))
        });
        let mut there = self.are_there(&entries.collect::<Vec<_>>()).await?.into_iter();
        let found = |kept: Result<Option<Kept>>| {
            let is_whole = |kept: &Kept| kept.beside().is_none() || there.next().unwrap_or(false);
            Ok(kept?.filter(is_whole).map(Kept::into_found))
        };
        let mut found = found;
        Ok(kept.into_iter().map(&mut found).collect())
    }

    /// Which of these bodies are there, whole.
    async fn are_there(&self, bodies: &[(String, u64)]) -> Result<Vec<bool>> {
        let lengths: Vec<Result<u64>> = self
            .ask_each(bodies.iter().map(|(name, _)| {
                let mut command = cmd("HLEN");
                command.arg(name);
                command
            }))
            .await?;
        // What lies there instead, if it is no body, is none.
        let is_there = |(length, wanted): (Result<u64>, u64)| length.is_ok_and(|l| l == wanted);
        Ok(lengths.into_iter().zip(bodies.iter().map(|body| body.1)).map(is_there).collect())
    }

    /// Sends commands together; in a cluster each goes to the node of its key. What is wrong
    /// with one key is an error in its place.
    async fn ask_each<T: FromRedisValue>(
        &self,
        commands: impl ExactSizeIterator<Item = ::redis::Cmd>,
    ) -> Result<Vec<Result<T>>> {
        if commands.len() == 0 {
            return Ok(Vec::new());
        }
        #[cfg(feature = "redis-cluster")]
        if self.link.is_cluster() {
            let commands: Vec<_> = commands.collect();
            let answers = commands.iter().map(|command| self.link.ask(command));
            let answers = futures_util::future::join_all(answers).await.into_iter();
            let apart = answers.map(|answer| match answer {
                Err(e) if e.code() != trouble::NOT_OURS => Err(e),
                answer => Ok(answer),
            });
            return apart.collect();
        }
        let mut pipeline = pipe();
        for command in commands {
            pipeline.add_command(command);
        }
        let values = self.link.ask_apart(&pipeline).await?.into_iter();
        let read = |value: Result<_>| {
            T::from_redis_value(value?).map_err(|e| trouble::explain(e.into(), self.link.name()))
        };
        Ok(values.map(read).collect())
    }

    /// Leaves out entries whose large body is gone: the server may have evicted it.
    async fn whole(&self, entries: Vec<(String, Result<Kept>)>) -> Result<Vec<Result<Kept>>> {
        let bodies: Vec<(String, u64)> = entries
            .iter()
            .filter_map(|(name, kept)| {
                let (body, chunks) = kept.as_ref().ok()?.beside()?;
                Some((format!("{name}:{body}"), chunks))
            })
            .collect();
        let mut there = self.are_there(&bodies).await?.into_iter();
        let is_whole = |kept: &Result<Kept>| match kept {
            Ok(kept) if kept.beside().is_some() => there.next().unwrap_or(false),
            _ => true,
        };
        let mut is_whole = is_whole;
        Ok(entries.into_iter().map(|(_, kept)| kept).filter(|kept| is_whole(kept)).collect())
    }

    /// Looks at the layout, and marks a namespace that has none as ours.
    async fn mark(&self) -> Result<()> {
        if self.marked.load(Ordering::Relaxed) {
            return Ok(());
        }
        let mut pipeline = pipe();
        pipeline.cmd("SETNX").arg(self.names.marker()).arg(marker::of("redis"));
        pipeline.cmd("GET").arg(self.names.marker());
        let mut answers = self.link.ask_all(&pipeline).await?.into_iter();
        let is_new = answers.next().map(bool::from_redis_value);
        let found = answers.next().map(Vec::<u8>::from_redis_value);
        self.check_marker(&found.and_then(Result::ok).unwrap_or_default())?;
        self.marked.store(true, Ordering::Relaxed);
        if is_new.is_some_and(|is_new| is_new.unwrap_or_default())
            && let Some(other) = self.a_name_of_others().await
        {
            tracing::warn!(
                "{} now holds a new store beside keys of another client, such as {other:?}; from \
                 now on its address means the new store, and ?layout= or another ?namespace= the \
                 other keys",
                self.link.name()
            );
        }
        Ok(())
    }

    /// A name in the namespace that is none of ours, if the first names of the server have one.
    async fn a_name_of_others(&self) -> Option<String> {
        if self.names.prefix.is_empty() {
            return None;
        }
        let node = self.nodes().await.ok()?.pop()?;
        let mut command = cmd("SCAN");
        command
            .arg(0)
            .arg("MATCH")
            .arg(self.names.escaped_prefix() + "*")
            .arg("COUNT")
            .arg(self.batch);
        let (_, names): (u64, Vec<Vec<u8>>) = self.ask_node(&command, &node).await.ok()?;
        let mut names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        names.find(|name| {
            let is_ours = self.names.inner(name).is_some() || self.names.body(name).is_some();
            !is_ours && *name != self.names.marker()
        })
    }

    /// Looks at the layout without marking anything: whether there is a mark.
    async fn is_marked(&self) -> Result<bool> {
        if self.marked.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let mut command = cmd("GET");
        command.arg(self.names.marker());
        let Some(marker) = self.link.ask::<Option<Vec<u8>>>(&command).await? else {
            return Ok(false);
        };
        self.check_marker(&marker)?;
        self.marked.store(true, Ordering::Relaxed);
        Ok(true)
    }

    fn check_marker(&self, mark: &[u8]) -> Result<()> {
        let place = format!("{} at {}", self.names.marker(), self.link.name());
        marker::check(mark, &place, "another namespace=")
    }
}

/// Record and tally of one entry.
type OneEntry = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Field names and values of a hash.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

impl fmt::Debug for AsyncRedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStorage({:?} {})", self.inner.link, self.inner.names.prefix)
    }
}

#[async_trait]
impl Backend for AsyncRedisStorage {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::full("redis");
        can.server_ttl = true;
        can.scan_repeats = true;
        can.remote = true;
        can.batch = BATCH;
        can.ttl = self.inner.ttl;
        can.serializer = self.inner.codec.name();
        can
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        let inner = &self.inner;
        let name = inner.names.record(key);
        let mut fields = inner.hashes(std::slice::from_ref(&name)).await?;
        let fields = fields.swap_remove(0).map_err(|e| inner.unreadable(&name, e))?;
        let kept = inner.all_kept(&name, fields).into_iter();
        let kept = inner.whole(kept.map(|kept| (name.clone(), kept)).collect()).await?;
        kept.into_iter()
            .filter(|kept| kept.as_ref().map_or(true, |k| k.entry.head.id.key == key))
            .map(|kept| kept.map(Kept::into_found))
            .collect()
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        let stream = |body: String, facts| {
            let name = format!("{}:{body}", self.inner.names.record(&id.key));
            body::stream(Arc::clone(&self.inner), name, id, facts, range)
        };
        if let Some((body, facts)) = self.inner.recent.find(id, seen) {
            return stream(body, facts).await;
        }
        let kept = self.inner.only(id).await?.filter(|kept| kept.entry.stamp == seen);
        let kept = kept.ok_or_else(|| Error::changed(&id.key))?;
        match (&kept.inline, kept.beside()) {
            (Some(body), _) => Ok(BodyStream::part(body, range)),
            (None, Some((body, _))) => stream(body.to_owned(), kept.entry.head.body).await,
            (None, None) => Err(Error::changed(&id.key)),
        }
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        self.inner.mark().await?;
        Ok(Box::new(RedisPut::begin(&self.inner, head)))
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.inner.mark().await?;
        self.inner.put_many(entries).await
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        self.inner.find_many(ids).await
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        let Some(kept) = self.inner.only(id).await? else { return Ok(Outcome::Absent) };
        if kept.entry.stamp != seen {
            return Ok(Outcome::Changed);
        }
        let Kept { mut entry, inline, .. } = kept;
        entry.head = EntryHead { id: id.clone(), body: entry.head.body, ..head };
        entry.stamp = Stamp::fresh();
        Ok(match self.inner.write(entry, inline, Over::State(seen)).await? {
            Outcome::Done(found) => Outcome::Done(found.stamp),
            Outcome::Absent => Outcome::Absent,
            Outcome::Changed => Outcome::Changed,
        })
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        let name = self.inner.names.record(&id.key);
        let command = script::remove(&name, id.variant.as_str(), seen);
        let answer = self.inner.link.ask::<i64>(&command).await;
        Ok(match answer.map_err(|e| self.inner.unreadable(&name, e))? {
            0 => Outcome::Absent,
            1 => Outcome::Changed,
            _ => Outcome::Done(()),
        })
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        scan::scan(Arc::clone(&self.inner), query)
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        self.inner.remove_many(entries).await
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let name = self.inner.names.record(&id.key);
        let command = script::note_use(&name, id.variant.as_str(), seen, at);
        self.inner.link.ask::<i64>(&command).await.map(drop)
    }

    async fn identity(&self) -> Result<Identity> {
        let servers = self.inner.link.servers().await?;
        let names =
            servers.into_iter().map(|server| format!("{server} {}", self.inner.names.prefix));
        Ok(Identity::new(names))
    }

    /// The server keeps what it has acknowledged by its own settings.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.inner.cleanups.finish().await;
        self.inner.link.close().await;
        Ok(())
    }

    fn rules(&self) -> &dyn Rules {
        self
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

impl Rules for AsyncRedisStorage {
    fn location(&self, id: &EntryId) -> String {
        format!("{} at {}", self.inner.names.record(&id.key), self.inner.link.name())
    }
}

#[async_trait]
impl Upkeep for AsyncRedisStorage {
    fn leftovers(&self, _: Timestamp) -> BoxStream<'_, Result<Piece>> {
        remains::leftovers(Arc::clone(&self.inner))
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        self.inner.discard(piece).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        self.inner.raw(part).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.inner.usage().await
    }
}

impl AsyncBackend for AsyncRedisStorage {}
