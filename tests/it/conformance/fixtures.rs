//! One row for each backend, bridge and wrapper: how to open it, how to hurt it.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::redis::cluster::ClusterClient;
use ::redis::{Client, Cmd, FromRedisValue, TlsCertificates, cmd};
use async_trait::async_trait;
use cachectl::{
    Access, Address, AsyncFileStorage, AsyncInMemoryStorage, AsyncS3Storage, AsyncSqliteStorage,
    Backend, BincodeSerializer, Blocking, BlockingBackend, BodyStream, ByteRange, Capabilities,
    Compact, EntryHead, EntryId, FileStorage, Found, Identity, InMemoryStorage, Observed, Outcome,
    Parcel, Part, Piece, Placed, Put, Query, ReadOnly, Removed, Result, Rules, SqliteStorage,
    Stamp, Store, Timestamp, Upkeep, Usage, YamlSerializer, open_s3_with, open_with,
};
use futures_util::stream::BoxStream;
use rusqlite::{Connection, ToSql};
use tempfile::TempDir;

use crate::testkit::redis::{self, RedisServer};
use crate::testkit::s3;

#[derive(Clone, Copy)]
pub struct Fixture {
    /// Starts the server that the store is on, if it is on one.
    serve: fn(&Path) -> Option<Box<dyn Any>>,
    open: Open,
    wounds: Option<&'static dyn Wounds>,
    bodies: Option<&'static dyn BodyWounds>,
}

#[derive(Clone, Copy)]
enum Open {
    /// One whose futures may wait.
    Async(fn(&Path) -> Arc<dyn Backend>),
    /// One that says that none does.
    Blocking(fn(&Path) -> Arc<dyn BlockingBackend>),
}

/// A clean place for a store.
pub struct Place {
    fixture: Fixture,
    server: Option<Box<dyn Any>>,
    folder: TempDir,
}

impl Place {
    pub fn new(fixture: Fixture) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Place { fixture, server: (fixture.serve)(folder.path()), folder }
    }

    /// Opens the store in this place; the first time it is made.
    pub fn open(&self) -> Arc<dyn Backend> {
        match self.fixture.open {
            Open::Async(open) => open(self.folder.path()),
            Open::Blocking(open) => open(self.folder.path()),
        }
    }

    /// Whether no future of the store waits.
    pub fn is_blocking(&self) -> bool {
        matches!(self.fixture.open, Open::Blocking(_))
    }

    /// Whether the store's server runs in this process.
    pub fn has_server_inside(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.is::<s3::Bucket>())
    }

    pub fn has_wounds(&self) -> bool {
        self.fixture.wounds.is_some()
    }

    /// How to damage what is stored.
    pub fn wounds(&self) -> (&'static dyn Wounds, &Path) {
        (self.fixture.wounds.expect("this store can be damaged"), self.folder.path())
    }

    /// How to damage large bodies, where those have a place of their own.
    pub fn bodies(&self) -> Option<(&'static dyn BodyWounds, &Path)> {
        self.fixture.bodies.map(|bodies| (bodies, self.folder.path()))
    }
}

/// Damage done behind the store's back.
pub trait Wounds: Sync {
    /// Makes the record of an entry unreadable: from this byte on, in some way.
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize);
}

/// Damage to large bodies that lie beside their records.
pub trait BodyWounds: Sync {
    /// Removes the large body of the only entry with one.
    fn lose_large_body(&self, place: &Path);
    /// Flips a byte of the large body.
    fn flip_in_large_body(&self, place: &Path);
    /// How many large bodies lie there, named by a record or not.
    fn large_bodies(&self, place: &Path) -> usize;
}

macro_rules! fixture {
    ($name:ident, $wounds:expr, $bodies:expr, $open:expr) => {
        fixture!($name, $wounds, $bodies, $open, on | _ | None);
    };
    ($name:ident, $wounds:expr, $bodies:expr, $open:expr, on $serve:expr) => {
        #[allow(non_upper_case_globals, reason = "named like the module of its tests")]
        pub const $name: Fixture =
            Fixture { serve: $serve, open: $open, wounds: $wounds, bodies: $bodies };
    };
}

fixture!(
    memory_pooled,
    None,
    None,
    Open::Async(|_| {
        Arc::new(AsyncInMemoryStorage::builder().capacity(20_000).build().expect("a store"))
    })
);
fixture!(
    memory_in_place,
    None,
    None,
    Open::Blocking(|_| {
        let store = InMemoryStorage::builder().capacity(20_000).build().expect("a store");
        Arc::new(store)
    })
);
fixture!(
    file_pooled,
    Some(&Files),
    Some(&Files),
    Open::Async(|place| {
        Arc::new(AsyncFileStorage::builder().base_path(place).build().expect("a store"))
    })
);
fixture!(
    file_in_place,
    Some(&Files),
    Some(&Files),
    Open::Blocking(|place| {
        let store: FileStorage = FileStorage::builder().base_path(place).build().expect("a store");
        Arc::new(store)
    })
);
fixture!(
    file_yaml,
    Some(&Files),
    Some(&Files),
    Open::Async(|place| {
        let builder = AsyncFileStorage::builder().base_path(place).serializer(YamlSerializer);
        Arc::new(builder.build().expect("a store"))
    })
);
fixture!(
    file_over_both_bridges,
    Some(&Files),
    Some(&Files),
    Open::Blocking(|place| {
        let store: AsyncFileStorage =
            AsyncFileStorage::builder().base_path(place).build().expect("a store");
        let blocking = Blocking::new(store).expect("a runtime");
        Arc::new(blocking)
    })
);
fixture!(
    file_observed,
    Some(&Files),
    Some(&Files),
    Open::Async(|place| {
        let store: AsyncFileStorage =
            AsyncFileStorage::builder().base_path(place).build().expect("a store");
        Arc::new(Observed::new(Arc::new(store)))
    })
);
fixture!(
    file_read_only,
    Some(&Files),
    Some(&Files),
    Open::Async(|place| {
        let store: AsyncFileStorage =
            AsyncFileStorage::builder().base_path(place).build().expect("a store");
        let store: Arc<dyn Backend> = Arc::new(store);
        Arc::new(ReadApart { read: ReadOnly::new(Arc::clone(&store)), store })
    })
);
fixture!(
    sqlite_pooled,
    Some(&Tables),
    Some(&Tables),
    Open::Async(|place| {
        Arc::new(AsyncSqliteStorage::builder().path(place.join("c.db")).build().expect("a store"))
    })
);
fixture!(
    sqlite_in_place,
    Some(&Tables),
    Some(&Tables),
    Open::Blocking(|place| {
        let store: SqliteStorage =
            SqliteStorage::builder().path(place.join("c.db")).build().expect("a store");
        Arc::new(store)
    })
);
fixture!(
    sqlite_bincode,
    Some(&Tables),
    Some(&Tables),
    Open::Async(|place| {
        let builder = AsyncSqliteStorage::builder();
        let builder = builder.path(place.join("c.db")).serializer(BincodeSerializer);
        Arc::new(builder.build().expect("a store"))
    })
);
fixture!(
    sqlite_one_connection,
    Some(&Tables),
    Some(&Tables),
    Open::Async(|place| {
        let connection = Connection::open(place.join("c.db")).expect("a database");
        Arc::new(AsyncSqliteStorage::builder().connection(connection).build().expect("a store"))
    })
);

fixture!(redis_async, Some(&Hashes), Some(&Hashes), Open::Async(|place| open_with(&Hashes::address(place), Access::Create).expect("a store").pooled()), on serve_redis);
fixture!(redis_blocking, Some(&Hashes), Some(&Hashes), Open::Blocking(|place| {
        let address = Hashes::address(place).with_param("serializer", "bincode");
        let store = open_with(&address, Access::Create).expect("a store");
        store.blocking().expect("a runtime")
    }), on serve_redis);

fixture!(s3_async, Some(&Objects), Some(&Objects), Open::Async(|place| Objects::store(place, "")), on serve_s3);
fixture!(s3_blocking, Some(&Objects), Some(&Objects), Open::Blocking(|place| {
        let store = Objects::store(place, "&serializer=yaml");
        Arc::new(Blocking::shared(store).expect("a runtime"))
    }), on serve_s3);

fixture!(
    hishel_0_file,
    Some(&ValueFiles),
    None,
    Open::Async(|place| hishel("file", place, "cache?layout=hishel-0").pooled())
);
fixture!(
    hishel_0_file_pickle,
    Some(&ValueFiles),
    None,
    Open::Blocking(|place| {
        hishel("file", place, "cache?layout=hishel-0&serializer=pickle")
            .blocking()
            .expect("a store")
    })
);
fixture!(
    hishel_0_sqlite,
    Some(&ValueRows),
    None,
    Open::Async(|place| {
        hishel("sqlite", place, "c.db?layout=hishel-0&serializer=yaml").pooled()
    })
);
fixture!(
    hishel_1_sqlite,
    Some(&EntryRows),
    None,
    Open::Async(|place| hishel("sqlite", place, "c.db?layout=hishel-1").pooled())
);
fixture!(
    hishel_2_sqlite,
    Some(&EntryRows),
    None,
    Open::Blocking(|place| {
        hishel("sqlite", place, "c.db?layout=hishel-2&rfc=true").blocking().expect("a store")
    })
);

fixture!(hishel_0_redis, Some(&ValueStrings), None, Open::Async(|place| hishel_on_redis(place, "hishel-0")), on serve_own_redis);
fixture!(hishel_1_redis, Some(&EntryStrings), None, Open::Async(|place| hishel_on_redis(place, "hishel-1")), on serve_own_redis);
fixture!(hishel_2_redis, Some(&EntryStrings), None, Open::Async(|place| hishel_on_redis(place, "hishel-2")), on serve_own_redis);

fixture!(hishel_0_s3, Some(&ValueObjects), None, Open::Async(|place| {
        let (bucket, _, prefix) = Objects::place(place);
        let address = format!("s3://{bucket}?layout=hishel-0&ttl=90d&prefix={prefix}");
        let address = address.parse().expect("an address");
        open_s3_with(&address, Objects::client(place)).expect("a store").pooled()
    }), on serve_s3);

fn hishel_on_redis(place: &Path, layout: &str) -> Arc<dyn Backend> {
    let address = format!("redis+unix://{}/redis.sock?layout={layout}", place.display());
    let address = address.parse().expect("an address");
    open_with(&address, Access::Create).expect("a store").pooled()
}

/// Layouts without a namespace have a server of their own, whatever the run names.
fn serve_own_redis(place: &Path) -> Option<Box<dyn Any>> {
    Some(Box::new(RedisServer::start(place)))
}

/// A store in a layout of hishel's.
fn hishel(scheme: &str, place: &Path, rest: &str) -> Store {
    let address = format!("{scheme}:{}/{rest}", place.display());
    open_with(&address.parse().expect("an address"), Access::Create).expect("a store")
}

/// Whose endpoint stands in a file, so that the store can be opened by its place alone.
fn serve_s3(place: &Path) -> Option<Box<dyn Any>> {
    if s3::given().is_some() {
        let bucket = Objects::place(place).0;
        // It is there already when another test was faster.
        let _ = Objects::run(Objects::client(place).create_bucket().bucket(bucket).send());
        return None;
    }
    let bucket = s3::Bucket::start(&place.join("buckets"));
    std::fs::write(place.join("endpoint"), bucket.endpoint()).expect("written");
    Some(Box::new(bucket))
}

fn serve_redis(place: &Path) -> Option<Box<dyn Any>> {
    let own = || Box::new(RedisServer::start(place)) as Box<dyn Any>;
    redis::given().is_none().then(own)
}

struct Files;

impl Files {
    fn below(place: &Path, part: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let shards = std::fs::read_dir(place.join(part)).into_iter().flatten().flatten();
        for shard in shards {
            for file in std::fs::read_dir(shard.path()).into_iter().flatten().flatten() {
                files.push(file.path());
            }
        }
        files
    }

    fn only_body(place: &Path) -> PathBuf {
        let mut bodies = Self::below(place, "bodies");
        assert_eq!(bodies.len(), 1, "one large body");
        bodies.remove(0)
    }
}

fn flip(bytes: &mut [u8], offset: usize) {
    bytes[offset] ^= 1;
}

impl Wounds for Files {
    fn spoil_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let path = Self::below(place, "entries")
            .into_iter()
            .find(|path| path.file_name().is_some_and(|n| n.to_str() == Some(&id.key)))
            .expect("the record");
        let mut bytes = std::fs::read(&path).expect("read the record");
        flip(&mut bytes, offset);
        std::fs::write(path, bytes).expect("write the record");
    }
}

impl BodyWounds for Files {
    fn lose_large_body(&self, place: &Path) {
        std::fs::remove_file(Self::only_body(place)).expect("remove the body");
    }

    fn flip_in_large_body(&self, place: &Path) {
        let path = Self::only_body(place);
        let mut bytes = std::fs::read(&path).expect("read the body");
        let middle = bytes.len() / 2;
        flip(&mut bytes, middle);
        std::fs::write(path, bytes).expect("write the body");
    }

    fn large_bodies(&self, place: &Path) -> usize {
        Self::below(place, "bodies").len()
    }
}

struct Tables;

impl Tables {
    fn database(place: &Path) -> Connection {
        let database = Connection::open(place.join("c.db")).expect("the database");
        database.busy_timeout(std::time::Duration::from_secs(5)).expect("a timeout");
        database
    }
}

impl Wounds for Tables {
    fn spoil_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let database = Self::database(place);
        let (row, mut record): (i64, Vec<u8>) = database
            .query_row(
                "SELECT r.id, r.record FROM cache_record r JOIN cache c USING (id) WHERE c.key = ?1",
                [&id.key],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .expect("the record");
        flip(&mut record, offset);
        let sql = "UPDATE cache_record SET record = ?2 WHERE id = ?1";
        database.execute(sql, (row, record)).expect("write");
    }
}

impl BodyWounds for Tables {
    fn lose_large_body(&self, place: &Path) {
        Self::database(place).execute("DELETE FROM cache_chunk", []).expect("remove the chunks");
    }

    fn flip_in_large_body(&self, place: &Path) {
        let database = Self::database(place);
        let (id, mut data): (i64, Vec<u8>) = database
            .query_row("SELECT id, data FROM cache_chunk ORDER BY id DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .expect("a chunk");
        let middle = data.len() / 2;
        flip(&mut data, middle);
        database
            .execute("UPDATE cache_chunk SET data = ?2 WHERE id = ?1", (id, data))
            .expect("write");
    }

    fn large_bodies(&self, place: &Path) -> usize {
        let count = "SELECT count(*) FROM cache_body";
        let bodies: i64 =
            Self::database(place).query_row(count, [], |r| r.get(0)).expect("a count");
        let chunks = "SELECT count(DISTINCT id >> 20) FROM cache_chunk";
        let chunked: i64 =
            Self::database(place).query_row(chunks, [], |r| r.get(0)).expect("a count");
        bodies.max(chunked) as usize
    }
}

/// Hashes in Redis.
struct Hashes;

impl Hashes {
    /// On the server that the run names, else on the place's own; the namespace is the
    /// place's in any case.
    fn address(place: &Path) -> Address {
        let own = || format!("redis+unix://{}", place.join("redis.sock").display());
        let address = redis::given().unwrap_or_else(|| own().parse().expect("an address"));
        let namespace = place.file_name().expect("a name").to_string_lossy();
        address.with_param("namespace", namespace.trim_start_matches('.'))
    }

    fn ask<T: FromRedisValue>(place: &Path, command: &Cmd) -> T {
        let address = Self::address(place);
        let url = format!("{}:{}", address.scheme(), address.location().expect("a location"));
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: address.param("ca").map(|path| std::fs::read(path).expect("a certificate")),
        };
        if address.param("cluster") == Some("true") {
            let nodes = url.split(',').map(|node| {
                if node.contains("://") { node.to_owned() } else { format!("redis://{node}") }
            });
            let client = ClusterClient::new(nodes).expect("a cluster");
            return command
                .query(&mut client.get_connection().expect("a connection"))
                .expect("an answer");
        }
        let client = if url.starts_with("rediss") {
            Client::build_with_tls(url, certificates).expect("a client")
        } else {
            Client::open(url).expect("a client")
        };
        command.query(&mut client.get_connection().expect("a connection")).expect("an answer")
    }

    fn namespace(place: &Path) -> String {
        Self::address(place).param("namespace").expect("a namespace").to_owned()
    }

    fn bodies(place: &Path) -> Vec<String> {
        let pattern = format!("{}:{{*}}:*", Self::namespace(place));
        Self::ask(place, cmd("KEYS").arg(pattern))
    }
}

impl Wounds for Hashes {
    fn spoil_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let name = format!("{}:{{{}}}", Self::namespace(place), id.key);
        let field = format!("e{}", id.variant.as_str());
        let mut record: Vec<u8> = Self::ask(place, cmd("HGET").arg(&name).arg(&field));
        let offset = offset % record.len();
        flip(&mut record, offset);
        let _: i64 = Self::ask(place, cmd("HSET").arg(&name).arg(&field).arg(record));
    }
}

impl BodyWounds for Hashes {
    fn lose_large_body(&self, place: &Path) {
        for body in Self::bodies(place) {
            let _: i64 = Self::ask(place, cmd("DEL").arg(body));
        }
    }

    fn flip_in_large_body(&self, place: &Path) {
        let body = Self::bodies(place).remove(0);
        let mut chunk: Vec<u8> = Self::ask(place, cmd("HGET").arg(&body).arg(0));
        let middle = chunk.len() / 2;
        flip(&mut chunk, middle);
        let _: i64 = Self::ask(place, cmd("HSET").arg(&body).arg(0).arg(chunk));
    }

    /// Without those that stay three minutes for their readers.
    fn large_bodies(&self, place: &Path) -> usize {
        let bodies = Self::bodies(place).into_iter();
        let stays = |body: &String| {
            let left: i64 = Self::ask(place, cmd("PTTL").arg(body));
            left == -1 || left > 3 * 60 * 1000
        };
        bodies.filter(stays).count()
    }
}

/// Objects in a bucket.
struct Objects;

impl Objects {
    /// Bucket, endpoint and prefix; the prefix is the place's in any case.
    fn place(place: &Path) -> (String, Option<String>, String) {
        let name = place.file_name().expect("a name").to_string_lossy();
        let prefix = format!("{}/", name.trim_start_matches('.'));
        match s3::given() {
            Some(address) => {
                let bucket =
                    address.location().expect("a bucket").trim_start_matches('/').to_owned();
                (bucket, address.param("endpoint").map(str::to_owned), prefix)
            }
            None => {
                let endpoint =
                    std::fs::read_to_string(place.join("endpoint")).expect("an endpoint");
                (s3::BUCKET.to_owned(), Some(endpoint), prefix)
            }
        }
    }

    fn client(place: &Path) -> aws_sdk_s3::Client {
        s3::client(Self::place(place).1.as_deref())
    }

    fn store(place: &Path, params: &str) -> Arc<dyn Backend> {
        let (bucket, _, prefix) = Self::place(place);
        let builder =
            AsyncS3Storage::builder(bucket).client(Self::client(place)).key_prefix(prefix);
        let store = match params {
            "" => builder.build(),
            _ => builder.serializer(YamlSerializer).build(),
        };
        Arc::new(store.expect("a store"))
    }

    /// Runs a request from outside any runtime.
    fn run<T: Send>(work: impl Future<Output = T> + Send) -> T {
        std::thread::scope(|scope| {
            let run = || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime")
                    .block_on(work)
            };
            scope.spawn(run).join().expect("no panic")
        })
    }

    fn keys(place: &Path, part: &str) -> Vec<String> {
        let (bucket, _, prefix) = Self::place(place);
        Self::run(async {
            let request = Self::client(place).list_objects_v2().bucket(bucket);
            let listed = request.prefix(format!("{prefix}{part}")).send().await.expect("a listing");
            listed.contents().iter().filter_map(|o| o.key().map(str::to_owned)).collect()
        })
    }

    fn change(place: &Path, key: &str, change: impl FnOnce(&mut Vec<u8>) + Send) {
        let bucket = Self::place(place).0;
        Self::run(async {
            let client = Self::client(place);
            let object = client.get_object().bucket(&bucket).key(key).send().await.expect("there");
            let mut bytes = object.body.collect().await.expect("whole").to_vec();
            change(&mut bytes);
            let request = client.put_object().bucket(&bucket).key(key).body(bytes.into());
            request.send().await.expect("written");
        });
    }
}

impl Wounds for Objects {
    fn spoil_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let keys = Self::keys(place, "entries/");
        let key = keys.iter().find(|key| key.ends_with(&id.key)).expect("the record");
        Self::change(place, key, |bytes| flip(bytes, offset));
    }
}

impl BodyWounds for Objects {
    fn lose_large_body(&self, place: &Path) {
        let bucket = Self::place(place).0;
        for key in Self::keys(place, "bodies/") {
            Self::run(async {
                let request = Self::client(place).delete_object().bucket(&bucket).key(key);
                request.send().await.expect("removed");
            });
        }
    }

    fn flip_in_large_body(&self, place: &Path) {
        let key = Self::keys(place, "bodies/").remove(0);
        Self::change(place, &key, |bytes| {
            let middle = bytes.len() / 2;
            flip(bytes, middle);
        });
    }

    fn large_bodies(&self, place: &Path) -> usize {
        Self::keys(place, "bodies/").len()
    }
}

/// A value that breaks off sooner the later the byte that is meant: its beginning stays, for by that
/// it is known as one of hishel's.
fn cut_short(value: &mut Vec<u8>, from: usize) {
    let part = match from {
        0..100 => 4,
        100..1000 => 2,
        _ => 3,
    };
    value.truncate(value.len() * (part - 1) / part);
}

/// Values of hishel 0.x in files.
struct ValueFiles;

impl Wounds for ValueFiles {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        let path = place.join("cache").join(&id.key);
        let mut value = std::fs::read(&path).expect("the value");
        cut_short(&mut value, from);
        std::fs::write(path, value).expect("written");
    }
}

/// Rows of a table that has a column with the key, and one with what is to be spoiled.
fn spoil_row(place: &Path, table: &str, key: (&str, &dyn ToSql), from: usize) {
    let database = Tables::database(place);
    let (column, key) = key;
    let sql = format!(
        "SELECT rowid, CAST(data AS BLOB) FROM {table} WHERE {column} = ?1 ORDER BY rowid DESC LIMIT 1"
    );
    let row = database.query_row(&sql, [key], |row| Ok((row.get(0)?, row.get(1)?)));
    let (row, mut value): (i64, Vec<u8>) = row.expect("the row");
    cut_short(&mut value, from);
    let sql = format!("UPDATE {table} SET data = ?2 WHERE rowid = ?1");
    database.execute(&sql, (row, value)).expect("written");
}

/// Values of hishel 0.x in SQLite.
struct ValueRows;

impl Wounds for ValueRows {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        spoil_row(place, "cache", ("key", &&*id.key), from);
    }
}

/// Entries of hishel 1.x and 2.x in SQLite.
struct EntryRows;

impl Wounds for EntryRows {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        spoil_row(place, "entries", ("cache_key", &id.key.as_bytes()), from);
    }
}

fn spoil_string(place: &Path, name: &[u8], from: usize) {
    let mut value: Vec<u8> = ask_own_redis(place, cmd("GET").arg(name));
    cut_short(&mut value, from);
    let _: String = ask_own_redis(place, cmd("SET").arg(name).arg(value).arg("KEEPTTL"));
}

fn ask_own_redis<T: FromRedisValue>(place: &Path, command: &Cmd) -> T {
    let client = Client::open(format!("redis+unix://{}/redis.sock", place.display()));
    let mut connection = client.expect("a client").get_connection().expect("a connection");
    command.query(&mut connection).expect("an answer")
}

/// Values of hishel 0.x in Redis.
struct ValueStrings;

impl Wounds for ValueStrings {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        spoil_string(place, id.key.as_bytes(), from);
    }
}

/// Heads of hishel 1.x and 2.x in Redis.
struct EntryStrings;

impl Wounds for EntryStrings {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        let index = [b"hishel:idx:", id.key.as_bytes()].concat();
        let kind: String = ask_own_redis(place, cmd("TYPE").arg(&index));
        let mut members = cmd(if kind == "zset" { "ZRANGE" } else { "SMEMBERS" });
        members.arg(&index);
        if kind == "zset" {
            members.arg(0).arg(-1);
        }
        let ids: Vec<Vec<u8>> = ask_own_redis(place, &members);
        let is_there = |name: &Vec<u8>| ask_own_redis(place, cmd("EXISTS").arg(name));
        let mut names = ids.iter().map(|id| [b"hishel:entry:", &**id].concat());
        spoil_string(place, &names.find(is_there).expect("a head"), from);
    }
}

/// Values of hishel 0.x in a bucket.
struct ValueObjects;

impl Wounds for ValueObjects {
    fn spoil_record(&self, place: &Path, id: &EntryId, from: usize) {
        let keys = Objects::keys(place, "");
        let key = keys.iter().find(|key| key.ends_with(&id.key)).expect("the value");
        Objects::change(place, key, |value| cut_short(value, from));
    }
}

/// What is written goes to a store, and what is read comes from it through [`ReadOnly`].
#[derive(Debug)]
struct ReadApart {
    store: Arc<dyn Backend>,
    read: ReadOnly,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Backend for ReadApart {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        self.read.candidates(key).await
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        self.read.body(id, seen, range).await
    }

    async fn put(&self, head: EntryHead) -> Result<Box<dyn Put>> {
        refused(self.read.put(head.clone()).await);
        self.store.put(head).await
    }

    async fn put_many(&self, entries: Vec<Parcel>) -> Result<Vec<Placed>> {
        refused(self.read.put_many(Vec::new()).await);
        self.store.put_many(entries).await
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        self.read.find_many(ids).await
    }

    async fn update(&self, id: &EntryId, head: EntryHead, seen: Stamp) -> Result<Outcome<Stamp>> {
        refused(self.read.update(id, head.clone(), seen).await);
        self.store.update(id, head, seen).await
    }

    async fn remove(&self, id: &EntryId, seen: Option<Stamp>) -> Result<Outcome<()>> {
        refused(self.read.remove(id, seen).await);
        self.store.remove(id, seen).await
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        self.read.scan(query)
    }

    async fn remove_many(&self, entries: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        refused(self.read.remove_many(entries).await);
        self.store.remove_many(entries).await
    }

    async fn record_use(&self, id: &EntryId, seen: Stamp, at: Timestamp) -> Result<()> {
        let before = self.store.candidates(&id.key).await;
        self.read.record_use(id, seen, at).await?;
        let after = self.store.candidates(&id.key).await;
        let uses = |found: Result<Vec<Found>>| found.map(|f| f.iter().map(|f| f.head.uses).sum());
        assert_eq!(uses(before).unwrap_or(0), uses(after).unwrap_or(0), "a reader counts no uses");
        self.store.record_use(id, seen, at).await
    }

    async fn identity(&self) -> Result<Identity> {
        self.read.identity().await
    }

    async fn sync(&self) -> Result<()> {
        self.read.sync().await?;
        self.store.sync().await
    }

    async fn close(&self) -> Result<()> {
        self.read.close().await
    }

    fn rules(&self) -> &dyn Rules {
        self.read.rules()
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        Some(self)
    }
}

#[async_trait]
impl Upkeep for ReadApart {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        of(&self.read).leftovers(before)
    }

    async fn discard(&self, piece: &Piece) -> Result<Outcome<u64>> {
        refused(of(&self.read).discard(piece).await);
        of(&*self.store).discard(piece).await
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        of(&self.read).raw(part).await
    }

    async fn usage(&self) -> Result<Usage> {
        of(&self.read).usage().await
    }

    async fn compact(&self, when: Compact) -> Result<()> {
        refused(of(&self.read).compact(when).await);
        of(&*self.store).compact(when).await
    }

    async fn tidy(&self, now: Timestamp) -> Result<()> {
        of(&self.read).tidy(now).await?;
        of(&*self.store).tidy(now).await
    }
}

/// A store that is only read refuses each call that would change it, whatever it is about.
fn refused<T>(outcome: Result<T>) {
    match outcome {
        Ok(_) => panic!("a store that is only read was changed"),
        Err(error) => assert_eq!(error.code(), "read_only"),
    }
}

fn of<B: Backend + ?Sized>(store: &B) -> &dyn Upkeep {
    store.upkeep().expect("it has one")
}
