//! In-process times: a decision, a head through each serializer, a hit and a store on each
//! embedded backend. `cargo bench` prints medians; `scripts/bench.sh` compares processes.

#![allow(elided_lifetimes_in_paths, reason = "divan's own examples leave them out")]
#![allow(clippy::wildcard_imports, reason = "the modules only name groups of benches")]

use bytes::Bytes;
use cachectl::policy::{self, Plan};
use cachectl::{
    Client, EntryHead, EntryId, FetchOptions, FileStorage, Headers, InMemoryStorage, Incoming, Key,
    Manage, Method, Outgoing, Place, Recorded, Request, RequestOptions, SERIALIZER_NAMES,
    Serializer, Settings, SqliteStorage, Stamp, Timestamp, Transport, UrlText, Variant, block_on,
    serializer,
};
use divan::Bencher;
use std::sync::Arc;
use tempfile::TempDir;

fn main() {
    divan::main();
}

const ENTRIES: usize = 1000;
const BODY: usize = 4096;

fn named(name: &str) -> &'static dyn Serializer {
    serializer(name).expect("built in")
}

fn url(i: usize) -> UrlText {
    UrlText::verbatim(format!("https://example.org/path/to/entry/{i}?page=2"))
}

/// Twelve response fields of about a kilobyte, as a usual answer has them.
fn headers() -> Headers {
    Headers::new()
        .with("Date", policy::format_date(Timestamp::now()))
        .with("Content-Type", "application/json; charset=utf-8")
        .with("Content-Length", BODY.to_string())
        .with("ETag", "\"5be7c0d41f2279c0a1e4be8d50617f3a\"")
        .with("Last-Modified", "Sun, 01 Nov 2026 00:00:00 GMT")
        .with("Cache-Control", "public, max-age=31536000")
        .with("Vary", "Accept-Encoding")
        .with("Server", "example/1.0")
        .with("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
        .with(
            "Content-Security-Policy",
            "default-src 'self'; script-src 'self' https://cdn.example.org; ".repeat(5),
        )
        .with("X-Request-Id", "5be7c0d4-1f22-79c0-a1e4-be8d50617f3a")
        .with("Link", "<https://example.org/next>; rel=\"next\"")
}

fn request(i: usize) -> Request {
    let mut request = Request::new(Method::GET, url(i));
    request.headers = Headers::new()
        .with("Accept", "*/*")
        .with("Accept-Encoding", "gzip, br, zstd")
        .with("User-Agent", "bench");
    request
}

fn head(i: usize) -> EntryHead {
    let request = request(i);
    let selection = policy::selection(&headers(), &request.headers);
    let id = EntryId::new(Key::native("", &Method::GET, &request.url), Variant::of(&selection));
    let mut head = EntryHead::new(id, request, 200, headers(), Timestamp::now());
    head.selections = vec![selection];
    head
}

fn body() -> Bytes {
    let mut state = 0x9e37_79b9u32;
    (0..BODY)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}

mod decision {
    use super::*;

    #[divan::bench]
    fn fresh_hit(bencher: Bencher) {
        let (request, candidates) = (request(0), vec![head(0)]);
        let (settings, options) = (Settings::default(), RequestOptions::default());
        let now = Timestamp::now();
        bencher.bench(|| {
            let decision = policy::plan(&request, &candidates, now, &settings, &options);
            assert!(matches!(decision.plan, Plan::Answer(_)));
            decision
        });
    }

    #[divan::bench]
    fn key_of_a_url(bencher: Bencher) {
        let url = url(0);
        bencher.bench(|| Key::native("", &Method::GET, &url));
    }
}

mod serializers {
    use super::*;

    fn entry() -> Vec<Recorded> {
        vec![Recorded { head: head(0), stamp: Stamp::fresh(), place: Place::Inline(0) }]
    }

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn dumps(bencher: Bencher, name: &str) {
        let (serializer, entries) = (named(name), entry());
        bencher.bench(|| serializer.dumps(&entries));
    }

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn loads(bencher: Bencher, name: &str) {
        let serializer = named(name);
        let document = serializer.dumps(&entry()).expect("a document");
        bencher.bench(|| serializer.loads(&document));
    }
}

/// Nothing may go there in these benches.
#[derive(Debug)]
struct NoOrigin;

#[async_trait::async_trait]
impl Transport for NoOrigin {
    async fn send(&self, request: Outgoing) -> cachectl::Result<Incoming> {
        panic!("a hit went to the origin: {:?}", request.url)
    }

    async fn pause(&self, _: std::time::Duration) {}
}

fn filled(store: Arc<dyn cachectl::Backend>) -> Client {
    for i in 0..ENTRIES {
        block_on(store.put_whole(head(i), body())).expect("stored");
    }
    Client::new(store, NoOrigin)
}

fn in_place<B: cachectl::BlockingBackend + 'static>(store: B) -> Arc<dyn cachectl::Backend> {
    Arc::new(store)
}

fn file(folder: &TempDir, serializer: &'static dyn Serializer) -> FileStorage {
    FileStorage::builder().base_path(folder.path()).serializer(serializer).build().expect("a store")
}

fn sqlite(folder: &TempDir, serializer: &'static dyn Serializer) -> SqliteStorage {
    let builder = SqliteStorage::builder().path(folder.path().join("c.db"));
    builder.serializer(serializer).build().expect("a store")
}

fn memory() -> InMemoryStorage {
    InMemoryStorage::builder().capacity(2 * ENTRIES).build().expect("a store")
}

/// A fetch that is answered from the store, its body read to the end, in random order.
fn hits(bencher: Bencher, client: &Client) {
    let requests: Vec<Request> = (0..ENTRIES).map(request).collect();
    let options = FetchOptions::default();
    let mut i = 0usize;
    bencher.bench_local(|| {
        i = (i * 1_103_515_245 + 12_345) % ENTRIES;
        block_on(async {
            let mut answer = client.fetch(&requests[i], &options).await.expect("a hit");
            let body = answer.collect_body().await.expect("a body");
            client.finish(&mut answer).await;
            assert_eq!(body.len(), BODY);
            body
        })
    });
}

/// An entry is stored and its record written, over and over under new keys.
fn stores(bencher: Bencher, store: &Arc<dyn cachectl::Backend>) {
    let body = body();
    let mut i = 0;
    bencher.bench_local(|| {
        i += 1;
        block_on(store.put_whole(head(i), body.clone())).expect("stored")
    });
}

mod hit {
    use super::*;

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn file(bencher: Bencher, name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        hits(bencher, &filled(in_place(super::file(&folder, named(name)))));
    }

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn sqlite(bencher: Bencher, name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        hits(bencher, &filled(in_place(super::sqlite(&folder, named(name)))));
    }

    #[divan::bench]
    fn memory(bencher: Bencher) {
        hits(bencher, &filled(in_place(super::memory())));
    }
}

mod store {
    use super::*;

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn file(bencher: Bencher, name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        stores(bencher, &in_place(super::file(&folder, named(name))));
    }

    #[divan::bench(args = SERIALIZER_NAMES)]
    fn sqlite(bencher: Bencher, name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        stores(bencher, &in_place(super::sqlite(&folder, named(name))));
    }

    #[divan::bench]
    fn memory(bencher: Bencher) {
        stores(bencher, &in_place(super::memory()));
    }
}

/// Redis on a socket of its own: a hit through the library against the bare command.
mod redis_server {
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use cachectl::AsyncRedisStorage;
    use redis::AsyncCommands;
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    struct Server {
        child: Child,
        folder: TempDir,
    }

    impl Server {
        fn start() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let child = Command::new("redis-server")
                .args(["--port", "0", "--save", "", "--unixsocket", "r.sock"])
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .spawn()
                .expect("redis-server: apt-get install redis-server");
            while !folder.path().join("r.sock").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            Server { child, folder }
        }

        fn url(&self) -> String {
            format!("redis+unix://{}", self.folder.path().join("r.sock").display())
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a runtime")
    }

    fn open(server: &Server) -> Arc<dyn cachectl::Backend> {
        Arc::new(AsyncRedisStorage::builder().url(&server.url()).build().expect("a store"))
    }

    #[divan::bench]
    fn hit(bencher: Bencher) {
        let (server, runtime) = (Server::start(), runtime());
        let store = open(&server);
        runtime.block_on(async {
            for i in 0..ENTRIES {
                store.put_whole(head(i), body()).await.expect("stored");
            }
        });
        let client = Client::new(store, NoOrigin);
        let options = FetchOptions::default();
        let mut i = 0usize;
        bencher.bench_local(|| {
            i = (i * 1_103_515_245 + 12_345) % ENTRIES;
            runtime.block_on(async {
                let mut answer = client.fetch(&request(i), &options).await.expect("a hit");
                answer.collect_body().await.expect("a body")
            })
        });
    }

    /// What no client could be faster than: the same record by one `HGET`.
    #[divan::bench]
    fn bare(bencher: Bencher) {
        let (server, runtime) = (Server::start(), runtime());
        let store = open(&server);
        let client = redis::Client::open(server.url()).expect("a client");
        let (mut bare, name, field) = runtime.block_on(async {
            let found = store.put_whole(head(0), body()).await.expect("stored");
            let name = format!("hishel:{{{}}}", found.head.id.key);
            let field = format!("e{}", found.head.id.variant.as_str());
            (client.get_multiplexed_async_connection().await.expect("connected"), name, field)
        });
        bencher.bench_local(|| {
            runtime.block_on(async {
                let record: Vec<u8> = bare.hget(&name, &field).await.expect("an answer");
                assert!(record.len() > BODY);
                record
            })
        });
    }

    #[divan::bench]
    fn store(bencher: Bencher) {
        let (server, runtime) = (Server::start(), runtime());
        let store = open(&server);
        let mut i = 0;
        bencher.bench_local(|| {
            i += 1;
            runtime.block_on(store.put_whole(head(i), body())).expect("stored")
        });
    }
}
