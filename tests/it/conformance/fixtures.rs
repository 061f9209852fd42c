//! One row for each backend, bridge and wrapper: how to open it, how to hurt it.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::redis::cluster::ClusterClient;
use ::redis::{Client, Cmd, FromRedisValue, TlsCertificates, cmd};
use cachectl::{
    Access, Address, AsyncFileStorage, AsyncInMemoryStorage, AsyncS3Storage, AsyncSqliteStorage,
    Backend, BincodeSerializer, Blocking, EntryId, FileStorage, InMemoryStorage, InPlace, Observed,
    SqliteStorage, Store, YamlSerializer, open_s3_with, open_with,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::testkit::redis::{self, RedisServer};
use crate::testkit::s3;

#[derive(Clone, Copy)]
pub struct Fixture {
    /// Starts the server that the store is on, if it is on one.
    serve: fn(&Path) -> Option<Box<dyn Any>>,
    open: fn(&Path) -> Arc<dyn Backend>,
    wounds: Option<&'static dyn Wounds>,
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
        (self.fixture.open)(self.folder.path())
    }

    /// Whether the store's server runs in this process.
    pub fn has_server_inside(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.is::<s3::Bucket>())
    }

    /// How to damage what is stored, where it can be reached.
    pub fn wounds(&self) -> Option<(&'static dyn Wounds, &Path)> {
        self.fixture.wounds.map(|wounds| (wounds, self.folder.path()))
    }
}

/// Damage done behind the store's back.
pub trait Wounds: Sync {
    /// Removes the large body of the only entry with one.
    fn lose_large_body(&self, place: &Path);
    /// Flips a byte of the large body.
    fn flip_in_large_body(&self, place: &Path);
    /// Flips the byte at this offset of the record of an entry.
    fn flip_in_record(&self, place: &Path, id: &EntryId, offset: usize);
    /// How many large bodies lie there, named by a record or not.
    fn large_bodies(&self, place: &Path) -> usize;
}

macro_rules! fixture {
    ($name:ident, $wounds:expr, $open:expr) => {
        #[allow(non_upper_case_globals, reason = "named like the module of its tests")]
        pub const $name: Fixture = Fixture { serve: |_| None, open: $open, wounds: $wounds };
    };
    ($name:ident, $wounds:expr, $open:expr, on $serve:expr) => {
        #[allow(non_upper_case_globals, reason = "named like the module of its tests")]
        pub const $name: Fixture = Fixture { serve: $serve, open: $open, wounds: $wounds };
    };
}

fixture!(memory_pooled, None, |_| {
    Arc::new(AsyncInMemoryStorage::builder().capacity(20_000).build().expect("a store"))
});
fixture!(memory_in_place, None, |_| {
    let store = InMemoryStorage::builder().capacity(20_000).build().expect("a store");
    Arc::new(InPlace(Box::new(store)))
});
fixture!(file_pooled, Some(&Files), |place| {
    Arc::new(AsyncFileStorage::builder().base_path(place).build().expect("a store"))
});
fixture!(file_in_place, Some(&Files), |place| {
    let store: FileStorage = FileStorage::builder().base_path(place).build().expect("a store");
    Arc::new(InPlace(Box::new(store)))
});
fixture!(file_yaml, Some(&Files), |place| {
    let builder = AsyncFileStorage::builder().base_path(place).serializer(YamlSerializer);
    Arc::new(builder.build().expect("a store"))
});
fixture!(file_over_both_bridges, Some(&Files), |place| {
    let store: AsyncFileStorage =
        AsyncFileStorage::builder().base_path(place).build().expect("a store");
    let blocking = Blocking::new(store).expect("a runtime");
    Arc::new(InPlace(Box::new(blocking)))
});
fixture!(file_observed, Some(&Files), |place| {
    let store: AsyncFileStorage =
        AsyncFileStorage::builder().base_path(place).build().expect("a store");
    Arc::new(Observed::new(Arc::new(store)))
});
fixture!(sqlite_pooled, Some(&Tables), |place| {
    Arc::new(AsyncSqliteStorage::builder().path(place.join("c.db")).build().expect("a store"))
});
fixture!(sqlite_in_place, Some(&Tables), |place| {
    let store: SqliteStorage =
        SqliteStorage::builder().path(place.join("c.db")).build().expect("a store");
    Arc::new(InPlace(Box::new(store)))
});
fixture!(sqlite_bincode, Some(&Tables), |place| {
    let builder = AsyncSqliteStorage::builder();
    let builder = builder.path(place.join("c.db")).serializer(BincodeSerializer);
    Arc::new(builder.build().expect("a store"))
});
fixture!(sqlite_one_connection, Some(&Tables), |place| {
    let connection = Connection::open(place.join("c.db")).expect("a database");
    Arc::new(AsyncSqliteStorage::builder().connection(connection).build().expect("a store"))
});

fixture!(
    redis_async,
    Some(&Hashes),
    |place| open_with(&Hashes::address(place), Access::Create).expect("a store").pooled(),
    on serve_redis
);
fixture!(
    redis_blocking,
    Some(&Hashes),
    |place| {
        let address = Hashes::address(place).with_param("serializer", "bincode");
        let store = open_with(&address, Access::Create).expect("a store");
        Arc::new(InPlace(store.blocking().expect("a runtime")))
    },
    on serve_redis
);

fixture!(
    s3_async,
    Some(&Objects),
    |place| Objects::store(place, ""),
    on serve_s3
);
fixture!(
    s3_blocking,
    Some(&Objects),
    |place| {
        let store = Objects::store(place, "&serializer=yaml");
        Arc::new(InPlace(Box::new(Blocking::shared(store).expect("a runtime"))))
    },
    on serve_s3
);

fixture!(hishel_0_file, None, |place| hishel("file", place, "cache?layout=hishel-0").pooled());
fixture!(hishel_0_file_pickle, None, |place| {
    hishel("file", place, "cache?layout=hishel-0&serializer=pickle").in_place()
});
fixture!(hishel_0_sqlite, None, |place| {
    hishel("sqlite", place, "c.db?layout=hishel-0&serializer=yaml").pooled()
});
fixture!(hishel_1_sqlite, None, |place| hishel("sqlite", place, "c.db?layout=hishel-1").pooled());
fixture!(hishel_2_sqlite, None, |place| {
    hishel("sqlite", place, "c.db?layout=hishel-2&rfc=true").in_place()
});

fixture!(hishel_0_redis, None, |place| hishel_on_redis(place, "hishel-0"), on serve_own_redis);
fixture!(hishel_1_redis, None, |place| hishel_on_redis(place, "hishel-1"), on serve_own_redis);
fixture!(hishel_2_redis, None, |place| hishel_on_redis(place, "hishel-2"), on serve_own_redis);

fixture!(
    hishel_0_s3,
    None,
    |place| {
        let (bucket, _, prefix) = Objects::place(place);
        let address = format!("s3://{bucket}?layout=hishel-0&ttl=90d&prefix={prefix}");
        let address = address.parse().expect("an address");
        open_s3_with(&address, Objects::client(place)).expect("a store").pooled()
    },
    on serve_s3
);

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

    fn flip_in_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let path = Self::below(place, "entries")
            .into_iter()
            .find(|path| path.file_name().is_some_and(|n| n.to_str() == Some(&id.key)))
            .expect("the record");
        let mut bytes = std::fs::read(&path).expect("read the record");
        flip(&mut bytes, offset);
        std::fs::write(path, bytes).expect("write the record");
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

    fn flip_in_record(&self, place: &Path, id: &EntryId, offset: usize) {
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

    fn flip_in_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let name = format!("{}:{{{}}}", Self::namespace(place), id.key);
        let field = format!("e{}", id.variant.as_str());
        let mut record: Vec<u8> = Self::ask(place, cmd("HGET").arg(&name).arg(&field));
        let offset = offset % record.len();
        flip(&mut record, offset);
        let _: i64 = Self::ask(place, cmd("HSET").arg(&name).arg(&field).arg(record));
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

    fn flip_in_record(&self, place: &Path, id: &EntryId, offset: usize) {
        let keys = Self::keys(place, "entries/");
        let key = keys.iter().find(|key| key.ends_with(&id.key)).expect("the record");
        Self::change(place, key, |bytes| flip(bytes, offset));
    }

    fn large_bodies(&self, place: &Path) -> usize {
        Self::keys(place, "bodies/").len()
    }
}
