//! Redis and S3 as stores, with their defaults and set up by hand, in both colours.

use std::time::Duration;

use cachectl::{
    AsyncRedisStorage, AsyncS3Storage, AsyncStorage, RedisStorage, Request, Response, Result,
    S3Storage, Storage,
};

const KEY: &str = "https://api.example.com/data";

/// Any store does this.
fn store_and_retrieve(store: &impl Storage) -> Result<()> {
    let request = Request::get(KEY)?;
    let response = Response::new(200).with_header("ETag", "\"v1\"").with_body("hello");
    store.store(KEY, &response, &request, None)?;
    let (back, _, metadata) = store.retrieve(KEY)?.expect("it was just stored");
    assert_eq!(back.body, "hello");
    assert_eq!(metadata.cache_key, KEY);
    store.remove(KEY.into())?;
    assert!(store.retrieve(KEY)?.is_none());
    store.close()
}

/// The same, for callers that await.
async fn store_and_retrieve_async(store: &impl AsyncStorage) -> Result<()> {
    let request = Request::get(KEY)?;
    let response = Response::new(200).with_header("ETag", "\"v1\"").with_body("hello");
    store.store(KEY, &response, &request, None).await?;
    let (back, _, metadata) = store.retrieve(KEY).await?.expect("it was just stored");
    assert_eq!(back.body, "hello");
    assert_eq!(metadata.cache_key, KEY);
    store.remove(KEY.into()).await?;
    assert!(store.retrieve(KEY).await?.is_none());
    store.aclose().await
}

/// Redis on this machine: `redis://localhost:6379/0`, names that begin with `hishel:`.
pub fn redis_by_default() -> Result<()> {
    store_and_retrieve(&RedisStorage::builder().build()?)
}

/// The same for callers that await.
pub async fn redis_by_default_async() -> Result<()> {
    store_and_retrieve_async(&AsyncRedisStorage::builder().build()?).await
}

/// A client of one's own, two hours, another namespace.
pub fn redis_by_hand(client: redis::Client) -> Result<()> {
    let store = RedisStorage::builder()
        .client(client)
        .ttl(Duration::from_secs(7200))
        .namespace("myapp_cache")
        .build()?;
    store_and_retrieve(&store)
}

/// The same for callers that await.
pub async fn redis_by_hand_async(client: redis::Client) -> Result<()> {
    let store = AsyncRedisStorage::builder()
        .client(client)
        .ttl(Duration::from_secs(7200))
        .namespace("myapp_cache")
        .build()?;
    store_and_retrieve_async(&store).await
}

/// A bucket by the usual AWS chain, keys that begin with `hishel/`.
pub fn s3_by_default(bucket: &str) -> Result<()> {
    store_and_retrieve(&S3Storage::builder(bucket).build()?)
}

/// The same for callers that await.
pub async fn s3_by_default_async(bucket: &str) -> Result<()> {
    store_and_retrieve_async(&AsyncS3Storage::builder(bucket).build()?).await
}

/// A client of one's own, four hours, another prefix.
pub fn s3_by_hand(bucket: &str, client: aws_sdk_s3::Client) -> Result<()> {
    let store = S3Storage::builder(bucket)
        .client(client)
        .key_prefix("production/cache/")
        .ttl(Duration::from_secs(14400))
        .build()?;
    store_and_retrieve(&store)
}

/// The same for callers that await.
pub async fn s3_by_hand_async(bucket: &str, client: aws_sdk_s3::Client) -> Result<()> {
    let store = AsyncS3Storage::builder(bucket)
        .client(client)
        .key_prefix("production/cache/")
        .ttl(Duration::from_secs(14400))
        .build()?;
    store_and_retrieve_async(&store).await
}
