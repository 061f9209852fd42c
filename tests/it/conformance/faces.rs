//! The seed's verbs, on both faces of every backend.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cachectl::{
    AsyncFileStorage, AsyncInMemoryStorage, AsyncRedisStorage, AsyncS3Storage, AsyncSqliteStorage,
    AsyncStorage, ErrorKind, FileStorage, InMemoryStorage, Metadata, RedisStorage, Request,
    Response, S3Storage, SqliteStorage, Storage,
};

use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{BUCKET, Bucket};

fn request(language: &str) -> Request {
    Request::get("https://example.org/a").expect("a URL").with_header("Accept-Language", language)
}

fn response(body: &str) -> Response {
    Response::new(200)
        .with_header("Vary", "Accept-Language")
        .with_header("X-Twice", "1")
        .with_header("x-twice", b"caf\xe9")
        .with_body(body.to_owned())
}

/// The story that every store tells, once for each colour; the first word says whether it
/// records uses.
macro_rules! story {
    ($counts:expr, $store:expr, $ttl_store:expr, $close:ident $(, $wait:ident)?) => {{
        let store = $store;
        assert!(store.retrieve("k")$(.$wait)?.expect("no error").is_none(), "absent is none");

        store.store("k", &response("de"), &request("de"), None)$(.$wait)?.expect("stored");
        let (back, asked, metadata) = store.retrieve("k")$(.$wait)?.expect("no error").expect("there");
        assert_eq!((back.status, &back.headers, &back.body[..]), (200, &response("").headers, &b"de"[..]));
        assert_eq!(asked, request("de"), "the whole request is kept");
        assert_eq!((&*metadata.cache_key, metadata.number_of_uses), ("k", 0));
        assert_eq!(metadata.expires_at, None);

        // Equal selecting fields: replaced. Others: a variant beside it.
        store.store("k", &response("de2"), &request("de"), None)$(.$wait)?.expect("stored");
        let later = Metadata {
            created_at: SystemTime::now() + Duration::from_secs(5),
            number_of_uses: 7,
            tags: vec!["t".into()],
            ..Metadata::new("k")
        };
        let en = response("en").with_header("Date", "Sun, 22 Nov 2099 12:00:00 GMT");
        store.store("k", &en, &request("en"), Some(later))$(.$wait)?.expect("stored");
        let (newest, _, metadata) = store.retrieve("k")$(.$wait)?.expect("no error").expect("there");
        assert_eq!(newest.body, "en", "of several the latest Date");
        assert_eq!((metadata.number_of_uses, metadata.tags), (7, vec!["t".to_owned()]));

        // New metadata, same body.
        let mut changed = newest.clone();
        changed.status = 203;
        let new = Metadata { number_of_uses: 9, ..Metadata::new("k") };
        store.update_metadata("k", &changed, &request("en"), new)$(.$wait)?.expect("updated");
        let (after, _, metadata) = store.retrieve("k")$(.$wait)?.expect("no error").expect("there");
        assert_eq!((after.status, &after.body[..]), (203, &b"en"[..]));
        assert_eq!(metadata.number_of_uses, 9);
        store.update_metadata("absent", &changed, &request("en"), Metadata::new("absent"))
            $(.$wait)?.expect("absent is no error");
        assert!(store.retrieve("absent")$(.$wait)?.expect("no error").is_none());

        // By response: that one only. By key: all.
        store.remove((&after).into())$(.$wait)?.expect("removed");
        assert_eq!(store.retrieve("k")$(.$wait)?.expect("no error").expect("there").0.body, "de2");
        let stranger = store.remove((&response("x")).into())$(.$wait)?.expect_err("never retrieved");
        assert_eq!(stranger.kind(), ErrorKind::Usage);
        store.store("k", &en, &request("en"), None)$(.$wait)?.expect("stored");
        store.remove("k".into())$(.$wait)?.expect("removed");
        assert!(store.retrieve("k")$(.$wait)?.expect("no error").is_none());
        store.remove("k".into())$(.$wait)?.expect("absent is no error");

        // Uses are counted, at most once a minute where they are written down.
        store.store("u", &response("x"), &request("de"), None)$(.$wait)?.expect("stored");
        store.retrieve("u")$(.$wait)?.expect("no error");
        let (_, _, metadata) = store.retrieve("u")$(.$wait)?.expect("no error").expect("there");
        assert_eq!(metadata.number_of_uses, u64::from($counts));
        assert_eq!(metadata.last_used_at.is_some(), $counts);
        store.$close()$(.$wait)?.expect("closed");

        // A TTL of the store, and one that is over.
        let store = $ttl_store;
        store.store("k", &response("x"), &request("de"), None)$(.$wait)?.expect("stored");
        let (_, _, metadata) = store.retrieve("k")$(.$wait)?.expect("no error").expect("there");
        let left = metadata.expires_at.expect("a TTL").duration_since(SystemTime::now());
        assert!(left.is_ok_and(|left| left > Duration::from_secs(3500)));
        let over = Metadata {
            expires_at: Some(SystemTime::now() - Duration::from_secs(1)),
            ..Metadata::new("k")
        };
        store.store("k", &response("x"), &request("de"), Some(over))$(.$wait)?.expect("stored");
        assert!(store.retrieve("k")$(.$wait)?.expect("no error").is_none(), "expired is absent");
    }};
}

const HOUR: Duration = Duration::from_secs(3600);

fn place() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(path: &Path) -> FileStorage {
    FileStorage::builder().base_path(path).build().expect("a store")
}

#[test]
fn file_blocking() {
    let (a, b) = (place(), place());
    story!(
        true,
        file(a.path()),
        {
            let store: FileStorage =
                FileStorage::builder().base_path(b.path()).ttl(HOUR).build().expect("a store");
            store
        },
        close
    );
}

#[tokio::test]
async fn file_async() {
    let (a, b) = (place(), place());
    let builder = || AsyncFileStorage::builder();
    story!(
        true,
        builder().base_path(a.path()).build().expect("a store"),
        builder().base_path(b.path()).ttl(HOUR).build().expect("a store"),
        aclose,
        await
    );
}

#[test]
fn sqlite_blocking_in_memory_by_default() {
    story!(
        true,
        SqliteStorage::builder().build().expect("a store"),
        SqliteStorage::builder().ttl(HOUR).build().expect("a store"),
        close
    );
}

#[tokio::test]
async fn sqlite_async() {
    let (a, b) = (place(), place());
    let builder = || AsyncSqliteStorage::builder();
    story!(
        true,
        builder().path(a.path().join("c.db")).build().expect("a store"),
        builder()
            .path(b.path().join("c.db"))
            .ttl(HOUR)
            .table_name("http \"cache\"")
            .build()
            .expect("a store"),
        aclose,
        await
    );
}

#[test]
fn memory_blocking() {
    story!(
        true,
        InMemoryStorage::new(),
        InMemoryStorage::builder().ttl(HOUR).build().expect("a store"),
        close
    );
}

#[tokio::test]
async fn memory_async() {
    let builder = || AsyncInMemoryStorage::builder();
    story!(
        true,
        builder().build().expect("a store"),
        builder().ttl(HOUR).build().expect("a store"),
        aclose,
        await
    );
}

#[test]
fn redis_blocking() {
    let folder = place();
    let server = RedisServer::start(folder.path());
    let client = redis::Client::open(server.address()).expect("a client");
    let builder = || RedisStorage::builder().client(client.clone());
    story!(
        true,
        builder().build().expect("a store"),
        builder().ttl(HOUR).namespace("myapp_cache").build().expect("a store"),
        close
    );
}

#[tokio::test]
async fn redis_async() {
    let folder = place();
    let server = RedisServer::start(folder.path());
    let builder = || AsyncRedisStorage::builder().url(&server.address());
    story!(
        true,
        builder().build().expect("a store"),
        builder().ttl(HOUR).namespace("myapp_cache").build().expect("a store"),
        aclose,
        await
    );
}

#[test]
fn s3_blocking() {
    let folder = place();
    let bucket = Bucket::start(folder.path());
    let builder = || S3Storage::builder(BUCKET).client(bucket.client());
    story!(
        false,
        builder().build().expect("a store"),
        builder().ttl(HOUR).key_prefix("http/cache/").build().expect("a store"),
        close
    );
}

#[tokio::test]
async fn s3_async() {
    let folder = place();
    let bucket = tokio::task::spawn_blocking(move || (Bucket::start(folder.path()), folder));
    let (bucket, _folder) = bucket.await.expect("a server");
    let builder = || AsyncS3Storage::builder(BUCKET).client(bucket.client());
    story!(
        false,
        builder().build().expect("a store"),
        builder().ttl(HOUR).key_prefix("http/cache/").build().expect("a store"),
        aclose,
        await
    );
}

#[tokio::test]
async fn a_blocking_face_works_inside_a_runtime() {
    let folder = place();
    let store = file(folder.path());
    store.store("k", &response("x"), &request("de"), None).expect("stored");
    assert!(Storage::retrieve(&store, "k").expect("no error").is_some());
    let bridged = cachectl::Blocking::shared(Arc::new(store)).expect("a runtime");
    assert!(Storage::retrieve(&bridged, "k").expect("no error").is_some());
}

#[test]
fn an_async_face_without_a_runtime_says_so() {
    let store: AsyncInMemoryStorage = AsyncInMemoryStorage::builder().build().expect("a store");
    let error = cachectl::block_on(store.retrieve("k")).expect_err("no runtime");
    assert_eq!(error.kind(), ErrorKind::Usage);
}
