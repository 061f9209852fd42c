//! Stores of cached HTTP responses: one contract, several backends, and fetching through
//! them by the rules of RFC 9111.
//!
//! The command `cachectl` is built on this crate and uses nothing that is not public here.
//!
//! # A store in five lines
//!
//! Blocking:
//!
//! ```
//! use cachectl::{Request, Response, SqliteStorage, Storage};
//!
//! # fn main() -> cachectl::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! let store: SqliteStorage = SqliteStorage::builder().path(folder.path().join("cache.db")).build()?;
//!
//! let request = Request::get("https://example.org/data")?;
//! let response = Response::new(200).with_header("ETag", "\"v1\"").with_body("hello");
//! store.store("my-key", &response, &request, None)?;
//!
//! let (response, _request, metadata) = store.retrieve("my-key")?.expect("it is there");
//! assert_eq!(response.body, "hello");
//! assert_eq!(metadata.number_of_uses, 0);
//!
//! store.remove((&response).into())?; // or by its key: store.remove("my-key".into())
//! store.close()
//! # }
//! ```
//!
//! Async, on a tokio runtime:
//!
//! ```
//! use cachectl::{AsyncSqliteStorage, AsyncStorage, Request, Response};
//!
//! # #[tokio::main]
//! # async fn main() -> cachectl::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! let store: AsyncSqliteStorage =
//!     AsyncSqliteStorage::builder().path(folder.path().join("cache.db")).build()?;
//!
//! let request = Request::get("https://example.org/data")?;
//! let response = Response::new(200).with_body("hello");
//! store.store("my-key", &response, &request, None).await?;
//! assert!(store.retrieve("my-key").await?.is_some());
//! store.aclose().await
//! # }
//! ```
//!
//! Which store it is can be left to whoever runs the program, as an [`Address`]:
//!
//! ```
//! use cachectl::{Storage, open_blocking};
//!
//! # fn main() -> cachectl::Result<()> {
//! let store = open_blocking("memory:?capacity=1000&ttl=30m")?;
//! assert!(store.retrieve("nothing")?.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! | backend | blocking | async | feature |
//! |---|---|---|---|
//! | a folder of files | [`FileStorage`] | [`AsyncFileStorage`] | `file` |
//! | an SQLite database | [`SqliteStorage`] | [`AsyncSqliteStorage`] | `sqlite` |
//! | Redis or Valkey, a cluster, sentinels | [`RedisStorage`] | [`AsyncRedisStorage`] | `redis`, `redis-cluster` |
//! | a bucket of S3, or of a server like it | [`S3Storage`] | [`AsyncS3Storage`] | `s3` |
//! | memory, least recently used out first | [`InMemoryStorage`] | [`AsyncInMemoryStorage`] | |
//!
//! Redis and S3 connect with the first call:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use cachectl::{RedisStorage, S3Storage, Storage};
//!
//! # fn main() -> cachectl::Result<()> {
//! let redis = RedisStorage::builder()
//!     .url("redis://cache.example.com:6380/1")
//!     .namespace("myapp_cache")
//!     .ttl(Duration::from_secs(7200))
//!     .build()?;
//! let s3 = S3Storage::builder("my-cache-bucket").key_prefix("production/cache/").build()?;
//! assert!(redis.retrieve("nothing")?.is_none() && s3.retrieve("nothing")?.is_none());
//! # Ok(())
//! # }
//! ```
//!
//! # Fetching through a store
//!
//! With the feature `fetch`, [`Client`] looks a request up, asks the origin where RFC 9111
//! demands it, and stores what may be stored while the caller reads it. [`policy`] makes
//! its decisions; it is pure, and can be used without any of the rest.
//!
//! # Layers
//!
//! Left may use right, never the other way round:
//!
//! ```text
//! open -> backend -> storage -> policy -> model -> error
//! foreign -> backend
//!                    client  -> policy, storage
//!                    filter  -> policy
//!                    serializer -> model
//!                    interchange -> model, decode
//! ```
//!
//! With the feature `foreign`, caches of other clients open by address like any store; see
//! [`foreign`].
//!
//! - [`policy`] knows no store, no clock and no socket.
//! - [`storage`] knows no particular backend; backends do not know each other.
//! - Nothing here prints, ends the process or reads the environment, and nothing is unsafe.
//!
//! Bodies are bytes as they were transferred, content coding intact. The verbs of
//! [`Storage`] carry them in hand; [`Backend`] streams them, so that no body need fit into
//! memory.

pub mod backend;
#[cfg(feature = "fetch")]
pub mod client;
#[cfg(feature = "interchange")]
pub mod decode;
pub mod error;
pub mod filter;
#[cfg(feature = "foreign")]
pub mod foreign;
#[cfg(feature = "interchange")]
pub mod interchange;
pub mod model;
pub mod open;
pub mod policy;
pub mod serializer;
pub mod storage;
pub mod transfer;

#[cfg(feature = "file")]
pub use backend::{AsyncFileStorage, FileStorage, FileStorageBuilder};
pub use backend::{AsyncInMemoryStorage, InMemoryStorage, InMemoryStorageBuilder};
#[cfg(feature = "redis")]
pub use backend::{AsyncRedisStorage, RedisStorage, RedisStorageBuilder};
#[cfg(feature = "s3")]
pub use backend::{AsyncS3Storage, S3Storage, S3StorageBuilder};
#[cfg(feature = "sqlite")]
pub use backend::{AsyncSqliteStorage, SqliteStorage, SqliteStorageBuilder};
#[cfg(feature = "fetch")]
pub use client::{
    Answer, Client, FetchOptions, FollowOptions, HttpOptions, HttpTransport, Incoming, Outgoing,
    Proxies, Transport, Warning,
};
pub use error::{Error, ErrorKind, Result};
pub use filter::{Bound, Column, Detail, Filter, FilterError, Moment, SortBy, glob_matches};
pub use model::{
    ALL_SERIALIZERS, BodyDigest, BodyFacts, Credentials, EntryHead, EntryId, Extensions, Headers,
    Key, Lock, Locked, Metadata, Method, Request, Response, Secrets, Selecting, Selection,
    Sha256Digest, Stamp, StatusSet, Stored, Timestamp, UrlText, Variant, expected, format_duration,
    nearest, parse_duration, parse_size,
};
#[cfg(feature = "s3")]
pub use open::open_s3_with;
pub use open::{Store, open, open_blocking, open_existing, open_with};
pub use policy::{
    CacheStatus, Decision, MaxStale, Reason, RequestOptions, Settings, State, Verdict, freshness,
    usable_until,
};
#[cfg(feature = "bincode")]
pub use serializer::BincodeSerializer;
#[cfg(feature = "yaml")]
pub use serializer::YamlSerializer;
pub use serializer::{
    JsonSerializer, Place, Recorded, SERIALIZER_NAMES, SERIALIZERS, Serializer, serializer,
};
pub use storage::{
    Access, Address, AsyncBackend, AsyncStorage, Backend, Blocking, BlockingBackend, BodyStream,
    ByteRange, Capabilities, Compact, Cursor, Driver, FilePart, Found, Identity, Manage, Observed,
    Opened, Order, Outcome, Over, Param, Parcel, Part, Piece, Placed, Pooled, Position, Problem,
    Put, Query, Reach, ReadOnly, RemoveTarget, Removed, Rules, Sort, Storage, Upkeep, Usage,
    block_on, is_about_one, is_damage,
};

/// The examples of the README are compiled and run with the others.
#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
