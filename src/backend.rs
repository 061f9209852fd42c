//! The kinds of store, in the native layout. One file each, one row in [`DRIVERS`].

#[cfg(any(feature = "redis", feature = "s3"))]
mod cleanup;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "file")]
pub(crate) mod folder;
#[cfg(any(feature = "file", feature = "redis", feature = "s3"))]
mod marker;
mod memory;
#[cfg(any(feature = "file", feature = "sqlite"))]
pub(crate) mod private;
#[cfg(any(feature = "redis", feature = "s3"))]
mod recent;
#[cfg(feature = "_records")]
#[cfg_attr(
    not(all(feature = "file", feature = "redis", feature = "s3")),
    allow(dead_code, reason = "each backend uses its part")
)]
mod record;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(feature = "s3")]
pub(crate) mod s3;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite_file;

#[cfg(feature = "_records")]
use std::sync::Arc;

#[cfg(feature = "_records")]
use crate::error::Result;
#[cfg(feature = "_records")]
use crate::serializer::{Codec, serializer};
#[cfg(feature = "_records")]
use crate::storage::Address;
use crate::storage::Driver;
#[cfg(not(all(feature = "file", feature = "sqlite", feature = "redis", feature = "s3")))]
use crate::storage::Reach;

#[cfg(feature = "file")]
pub use file::{AsyncFileStorage, FileStorage, FileStorageBuilder};
pub use memory::{AsyncInMemoryStorage, InMemoryStorage, InMemoryStorageBuilder};
#[cfg(feature = "redis")]
pub use redis::{AsyncRedisStorage, RedisStorage, RedisStorageBuilder};
#[cfg(feature = "s3")]
pub use s3::{AsyncS3Storage, S3Storage, S3StorageBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{AsyncSqliteStorage, SqliteStorage, SqliteStorageBuilder};

/// Every kind of store, also those that were not built in.
pub const DRIVERS: &[Driver] = &[
    #[cfg(feature = "file")]
    file::DRIVER,
    #[cfg(not(feature = "file"))]
    Driver::not_built("file", Reach::Path, "a folder"),
    #[cfg(feature = "sqlite")]
    sqlite::DRIVER,
    #[cfg(not(feature = "sqlite"))]
    Driver::not_built("sqlite", Reach::Path, "an SQLite database"),
    #[cfg(feature = "redis")]
    redis::DRIVER,
    #[cfg(not(feature = "redis"))]
    Driver::not_built("redis", Reach::Server, "Redis or Valkey"),
    memory::DRIVER,
    #[cfg(feature = "s3")]
    s3::DRIVER,
    #[cfg(not(feature = "s3"))]
    Driver::not_built("s3", Reach::Bucket, "a bucket of S3"),
];

/// The serializers of a store at this address.
#[cfg(feature = "_records")]
fn codec_of(address: &Address) -> Result<Codec> {
    Ok(match address.param("serializer") {
        Some(name) => Codec::new(Arc::new(serializer(name)?)),
        None => Codec::default(),
    })
}

/// Pages of the databases that this crate makes. Larger ones make small inserts and large
/// bodies cheaper (measured), and hardly anybody else uses them.
#[cfg(feature = "sqlite")]
pub(crate) const SQLITE_PAGE_BYTES: u32 = 16 * 1024;

/// Bodies up to this size lie in the record, so that one read brings a whole entry;
/// larger ones lie beside it. Measured: see `ARCHITECTURE.md`.
#[cfg(feature = "_records")]
pub(crate) const INLINE_LIMIT: usize = 16 * 1024;
