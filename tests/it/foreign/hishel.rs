//! Samples written by hishel itself, of every generation.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cachectl::{
    Access, Backend, Detail, Found, Headers, Query, Store, Timestamp, open_existing, open_s3_with,
    open_with,
};
use futures_util::{StreamExt, TryStreamExt};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::testkit::program::Desk;
use crate::testkit::program::copy_tree;
use crate::testkit::redis::RedisServer;
use crate::testkit::s3;

/// One test for each sample.
macro_rules! samples {
    ($($name:ident: $path:literal, $address:literal;)*) => {
        $(
            #[test]
            fn $name() {
                Sample::new($path).comes_out($address);
            }
        )*
    };
}

samples! {
    v0_0_33_file_json: "hishel-0.0.33/file-json", "file:{}/cache";
    v0_0_33_file_pickle: "hishel-0.0.33/file-pickle", "file:{}/cache";
    v0_0_33_sqlite_json: "hishel-0.0.33/sqlite-json", "sqlite:{}/cache.sqlite";
    v0_1_5_file_json: "hishel-0.1.5/file-json", "file:{}/cache";
    v0_1_5_file_yaml: "hishel-0.1.5/file-yaml", "file:{}/cache";
    v0_1_5_file_pickle: "hishel-0.1.5/file-pickle", "file:{}/cache";
    v0_1_5_sqlite_json: "hishel-0.1.5/sqlite-json", "sqlite:{}/cache.sqlite";
    v0_1_5_sqlite_json_ttl: "hishel-0.1.5/sqlite-json-ttl", "sqlite:{}/cache.sqlite";
    v0_1_5_sqlite_yaml: "hishel-0.1.5/sqlite-yaml", "sqlite:{}/cache.sqlite";
    v0_1_5_sqlite_pickle: "hishel-0.1.5/sqlite-pickle", "sqlite:{}/cache.sqlite";
    beta_sqlite: "hishel-0.1.5-beta/sqlite-msgpack", "sqlite:{}/hishel_cache.db";
    v1_0_0_sqlite: "hishel-1.0.0/sqlite-msgpack", "sqlite:{}/hishel_cache.db";
    v1_1_10_sqlite: "hishel-1.1.10/sqlite-msgpack", "sqlite:{}/hishel_cache.db";
    v1_4_0_sqlite: "hishel-1.4.0/sqlite-msgpack", "sqlite:{}/hishel_cache.db";
    v1_4_0_sqlite_requests: "hishel-1.4.0/sqlite-msgpack-requests", "sqlite:{}/hishel_cache.db";
    v2_0_0_sqlite_rfc: "hishel-2.0.0/sqlite-msgpack-rfc", "sqlite:{}/hishel_cache_v2.db";
    v2_0_0_sqlite_norfc: "hishel-2.0.0/sqlite-msgpack-norfc", "sqlite:{}/hishel_cache_v2.db";
}

/// The same for samples that lie in a server.
macro_rules! dumps {
    ($($name:ident: $path:literal, $rest:literal;)*) => {
        $(
            #[test]
            fn $name() {
                Sample::new($path).comes_out_of_redis($rest);
            }
        )*
    };
}

dumps! {
    v0_1_5_redis_json: "hishel-0.1.5/redis-json", "?layout=hishel-0";
    v0_1_5_redis_yaml: "hishel-0.1.5/redis-yaml", "?layout=hishel-0";
    v0_1_5_redis_pickle_ttl: "hishel-0.1.5/redis-pickle-ttl", "?layout=hishel-0";
    v1_2_1_redis: "hishel-1.2.1/redis-msgpack", "?layout=hishel-1&ttl=3650d";
    v1_4_0_redis: "hishel-1.4.0/redis-msgpack", "?layout=hishel-1&ttl=3650d";
    v2_0_0_redis_rfc: "hishel-2.0.0/redis-msgpack-rfc", "?layout=hishel-2&rfc=true";
    v2_0_0_redis_norfc: "hishel-2.0.0/redis-msgpack-norfc", "?layout=hishel-2";
}

/// The same for samples that lie in a bucket.
macro_rules! buckets {
    ($($name:ident: $path:literal, $rest:literal;)*) => {
        $(
            #[test]
            fn $name() {
                Sample::new($path).comes_out_of_a_bucket($rest);
            }
        )*
    };
}

buckets! {
    v0_1_5_s3_json: "hishel-0.1.5/s3-json", "";
    v0_1_5_s3_yaml: "hishel-0.1.5/s3-yaml", "";
    v0_1_5_s3_pickle_ttl_prefix: "hishel-0.1.5/s3-pickle-ttl-prefix", "&prefix=team/cache-&ttl=3650d";
}

/// A copy of a sample.
struct Sample {
    folder: TempDir,
    manifest: Value,
}

/// Every file below a folder with its content and the time of its last change.
fn content(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(content(&path));
        } else {
            let changed = entry.metadata().and_then(|meta| meta.modified()).expect("a time");
            files.insert(path.clone(), (fs::read(&path).expect("read"), changed));
        }
    }
    files
}

pub(super) fn open(address: &str) -> InPlaceStore {
    let address = address.parse().expect("an address");
    let store: Store = open_with(&address, Access::Existing).expect("it is recognised");
    store.in_place()
}

pub(super) type InPlaceStore = std::sync::Arc<dyn Backend>;

fn all(store: &InPlaceStore) -> Vec<Found> {
    block_on(store.scan(Query::with_detail(Detail::Body)).try_collect()).expect("all can be read")
}

impl Sample {
    fn new(path: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
        let folder = tempfile::tempdir().expect("a folder");
        copy_tree(&from, folder.path());
        let manifest = fs::read(from.join("manifest.json")).expect("a manifest");
        Sample { folder, manifest: serde_json::from_slice(&manifest).expect("JSON") }
    }

    fn address(&self, pattern: &str) -> String {
        pattern.replace("{}", &self.folder.path().display().to_string())
    }

    /// What readers of this cache are shown.
    fn wanted(&self) -> Vec<&Value> {
        let entries = self.manifest["entries"].as_array().expect("entries");
        let is_shown = |entry: &&Value| matches!(entry["state"].as_str(), Some("live" | "expired"));
        entries.iter().filter(is_shown).collect()
    }

    fn comes_out(&self, pattern: &str) {
        let before = content(self.folder.path());
        let store = open(&self.address(pattern));
        self.comes_out_of(&store, &|_| false);
        assert_eq!(content(self.folder.path()), before, "reading changes nothing");
    }

    /// Out of a server that holds the dump.
    fn comes_out_of_redis(&self, rest: &str) {
        let place = tempfile::tempdir().expect("a folder");
        let _server = RedisServer::start(place.path());
        let url = format!("redis+unix://{}/redis.sock", place.path().display());
        let client = redis::Client::open(url.clone()).expect("a client");
        let mut connection = client.get_connection().expect("a connection");
        let dump = fs::read(self.folder.path().join("dump.json")).expect("a dump");
        let dump: Value = serde_json::from_slice(&dump).expect("JSON");
        for key in dump["keys"].as_array().expect("keys") {
            restore(&mut connection, key);
        }
        let digest = |connection: &mut redis::Connection| {
            redis::cmd("DEBUG").arg("DIGEST").query::<String>(connection).unwrap_or_default()
        };
        let before = digest(&mut connection);
        // What is over a server does not show, also if that came since the dump was made.
        let is_over = |entry: &Value| {
            let own = entry["request"]["extra"]["hishel_ttl"].as_f64();
            entry["state"] == "expired" || own.is_some_and(|ttl| ttl < 86_400.0)
        };
        let ttl = rest.split('&').find(|param| param.starts_with("ttl="));
        self.is_recognised_on(&ttl.map_or(url.clone(), |ttl| format!("{url}?{ttl}")));
        self.comes_out_of(&open(&format!("{url}{rest}")), &is_over);
        assert_eq!(digest(&mut connection), before, "reading changes nothing");
    }

    /// Nobody has to say what lies in a server.
    fn is_recognised_on(&self, address: &str) {
        let address = address.parse().expect("an address");
        let store =
            block_on(open_existing(&address, Access::Existing)).expect("a store").in_place();
        let layout = match self.manifest["generation"].as_str() {
            Some("0.x") => "hishel-0",
            Some("1.x") => "hishel-1",
            _ => "hishel-2",
        };
        assert_eq!(store.capabilities().layout, layout);
        // Its keys are made as those that lie there.
        let found = all(&store);
        let is_usual =
            |found: &Found| store.rules().key_of(&found.head.request, "") == found.head.id.key;
        assert!(found.iter().any(is_usual), "{address}");
    }

    /// Out of a bucket with these objects, and one that belongs to somebody else.
    fn comes_out_of_a_bucket(&self, rest: &str) {
        let place = tempfile::tempdir().expect("a folder");
        let bucket = s3::Bucket::start(place.path());
        let client = bucket.client();
        let list = fs::read(self.folder.path().join("objects.json")).expect("a list");
        let list: Value = serde_json::from_slice(&list).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let put = async |key: &str, bytes: Vec<u8>, notes: &[(String, String)]| {
            let mut request = client.put_object().bucket(s3::BUCKET).key(key).body(bytes.into());
            for (name, value) in notes {
                request = request.metadata(name, value);
            }
            request.send().await.expect("stored");
        };
        block_on(async {
            for object in list.as_array().expect("objects") {
                let key = text(&object["key"]);
                let bytes = fs::read(self.folder.path().join("objects").join(&key)).expect("read");
                let notes = object["metadata"].as_object().expect("metadata").iter();
                let notes: Vec<_> = notes.map(|(name, v)| (name.clone(), text(v))).collect();
                put(&key, bytes, &notes).await;
            }
            for prefix in ["hishel-", "team/cache-"] {
                put(&format!("{prefix}notes.txt"), b"{\"not\": \"hishel's\"}".to_vec(), &[]).await;
            }
        });
        let state = || {
            let listing = client.list_objects_v2().bucket(s3::BUCKET).send();
            let objects = block_on(listing).expect("a listing").contents.unwrap_or_default();
            objects
                .into_iter()
                .map(|object| (object.key, object.e_tag, object.last_modified))
                .collect::<Vec<_>>()
        };
        let before = state();
        let address = format!("s3://{}?layout=hishel-0{rest}", s3::BUCKET);
        let address = address.parse().expect("an address");
        let store = open_s3_with(&address, client.clone()).expect("a store").in_place();
        self.comes_out_of(&store, &|_| false);
        // Nobody has to say what lies there.
        let environment = s3::environment().into_iter();
        let desk = environment.fold(Desk::new(), |desk, (name, value)| desk.env(name, value));
        let unsaid = format!("{}{rest}", bucket.address());
        let listed = desk.ok(&["list", "--keys", "--backend", &unsaid]);
        assert_eq!(listed.lines().count(), self.wanted().len(), "{listed}");
        assert_eq!(state(), before, "reading changes nothing");
    }

    fn comes_out_of(&self, store: &InPlaceStore, is_over: &dyn Fn(&Value) -> bool) {
        let found = all(store);
        let mut missing: Vec<&Value> = self.wanted();
        missing.retain(|entry| !is_over(entry));
        assert_eq!(found.len(), missing.len(), "{:?}", store.capabilities());
        for found in &found {
            let same = missing.iter().position(|wanted| self.is(store, found, wanted));
            let same = same.unwrap_or_else(|| {
                let key = Value::from(found.head.id.key.clone());
                let near: Vec<_> = missing.iter().filter(|w| w["key"] == key).collect();
                panic!("nobody wants {:?}: {:?}\nbut {near:#?}", found.head.id, found.head)
            });
            missing.remove(same);
            // A lookup says the same as the list.
            let alone = block_on(store.candidates(&found.head.id.key)).expect("an answer");
            assert!(alone.iter().any(|alone| alone.stamp == found.stamp));
        }
        block_on(store.close()).expect("closed");
    }

    fn is(&self, store: &InPlaceStore, found: &Found, wanted: &Value) -> bool {
        let head = &found.head;
        let generation = self.manifest["generation"].as_str().expect("a generation");
        let is_first = generation == "0.x";
        let (request, response) = (&wanted["request"], &wanted["response"]);
        let key_fits = match wanted["key"].as_str() {
            Some(key) => key == head.id.key,
            None => true,
        };
        if !key_fits
            || request["method"] != head.request.method.as_str()
            || request["url"] != head.request.url.as_str()
            || response["status"] != head.status
            || texts(&request["headers"], is_first) != fields(&head.request.headers)
            || texts(&response["headers"], is_first) != fields(&head.headers)
        {
            return false;
        }
        let body = block_on(async {
            store
                .body(&head.id, found.stamp, cachectl::ByteRange::WHOLE)
                .await?
                .collect_bytes()
                .await
        })
        .expect("the body");
        if let Some(inline) = &found.inline {
            assert_eq!(*inline, body);
        }
        assert_eq!(head.body.bytes, body.len() as u64);
        let digest: String =
            Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
        if response["body_sha256"] != digest {
            return false;
        }
        let text = |name: &str| wanted[name].as_str();
        if is_first {
            let extensions = &response["extensions"];
            assert_eq!(
                extensions["http_version"].as_str(),
                head.extensions.http_version.as_deref()
            );
            let reason = head.extensions.reason.as_deref().map(String::from_utf8_lossy);
            assert_eq!(extensions["reason_phrase"].as_str(), reason.as_deref());
            assert_eq!(wanted["uses"], head.uses);
            let kept: BTreeMap<String, Value> = request["extensions"]
                .as_object()
                .map(|map| map.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
                .unwrap_or_default();
            assert_eq!(head.request.extensions.other, kept);
        }
        if let Some(created) = text("created_at") {
            let wanted = Timestamp::parse_rfc3339(created).expect("a time");
            return wanted.micros().abs_diff(head.created_at.micros()) <= 1;
        }
        true
    }
}

/// Puts one key of a dump into a server.
fn restore(connection: &mut redis::Connection, key: &Value) {
    let bytes = |text: &Value| STANDARD.decode(text.as_str().expect("text")).expect("base64");
    let name = bytes(&key["key_b64"]);
    let list = |member: &str| key[member].as_array().cloned().unwrap_or_default();
    let mut command = match key["type"].as_str().expect("a type") {
        "string" => redis::cmd("SET").arg(&name).arg(bytes(&key["value_b64"])).clone(),
        "list" => {
            let items: Vec<_> = list("items_b64").iter().map(bytes).collect();
            redis::cmd("RPUSH").arg(&name).arg(items).clone()
        }
        "set" => {
            let members: Vec<_> = list("members_b64").iter().map(bytes).collect();
            redis::cmd("SADD").arg(&name).arg(members).clone()
        }
        "zset" => {
            let mut command = redis::cmd("ZADD");
            command.arg(&name);
            for pair in list("members_b64") {
                command.arg(pair[1].as_str().expect("a score")).arg(bytes(&pair[0]));
            }
            command
        }
        other => panic!("{other} in a dump"),
    };
    command.exec(connection).expect("restored");
    if let Some(left) = key["pttl_ms"].as_i64() {
        command = redis::cmd("PEXPIRE").arg(&name).arg(left).clone();
        command.exec(connection).expect("a TTL");
    }
}

/// A runtime for stores that need one, for all tests.
pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"));
    runtime.block_on(future)
}

/// Fields of a manifest: in generation 0 each character is a byte, later all is UTF-8.
fn texts(pairs: &Value, is_latin: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let bytes = |text: &Value| {
        let text = text.as_str().expect("a text");
        match is_latin {
            true => text.chars().map(|c| u8::try_from(c).expect("a byte")).collect(),
            false => text.as_bytes().to_vec(),
        }
    };
    let pairs = pairs.as_array().expect("pairs").iter();
    pairs.map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
}

fn fields(headers: &Headers) -> Vec<(Vec<u8>, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn base64(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

/// A folder with this one value in it.
pub(super) fn folder_with(values: &[Vec<u8>]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let usual = base64(MINIMAL);
    fs::write(folder.path().join("0".repeat(32)), usual).expect("written");
    for (i, value) in values.iter().enumerate() {
        fs::write(folder.path().join(format!("{:032x}", i + 1)), value).expect("written");
    }
    folder
}

/// A GET of `https://example.com/` with the body `hi`, as Python 3.11 pickles it.
const MINIMAL: &str = "gASVFAIAAAAAAACMCGh0dHBjb3JllIwIUmVzcG9uc2WUk5QpgZR9lCiMBnN0YXR1c5RLyIwH\
    aGVhZGVyc5RdlEMERGF0ZZRDHVR1ZSwgMDIgSmFuIDIwMjQgMDM6MDQ6MDUgR01UlIaUYYwGc3RyZWFtlIwQaHR0\
    cGNvcmUuX21vZGVsc5SMCkJ5dGVTdHJlYW2Uk5QpgZR9lIwIX2NvbnRlbnSUQwJoaZRzYowKZXh0ZW5zaW9uc5R9\
    lCiMDGh0dHBfdmVyc2lvbpRDCEhUVFAvMS4xlIwNcmVhc29uX3BocmFzZZRDAk9LlHWMEF9zdHJlYW1fY29uc3Vt\
    ZWSUiXViaACMB1JlcXVlc3SUk5QpgZR9lCiMBm1ldGhvZJRDA0dFVJSMA3VybJRoAIwDVVJMlJOUKYGUfZQojAZz\
    Y2hlbWWUQwVodHRwc5SMBGhvc3SUQwtleGFtcGxlLmNvbZSMBHBvcnSUTowGdGFyZ2V0lEMBL5R1YmgGXZRoC2gO\
    KYGUfZRoEUMAlHNiaBN9lHVifZQojAljYWNoZV9rZXmUjAFrlIwObnVtYmVyX29mX3VzZXOUSwCMCmNyZWF0ZWRf\
    YXSUjAhkYXRldGltZZSMCGRhdGV0aW1llJOUQwoH6AECAwQFClv1lGg2jAh0aW1lem9uZZSTlGg2jAl0aW1lZGVs\
    dGGUk5RLAEsASwCHlFKUhZRSlIaUUpR1h5Qu";

#[test]
fn a_hostile_pickle_is_reported_and_does_nothing() {
    let marker = tempfile::tempdir().expect("a folder");
    let target = marker.path().join("ran").display().to_string();
    let mut system = b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c".to_vec();
    let command = format!("touch {target}");
    system.push(u8::try_from(command.len()).expect("short"));
    system.extend(command.as_bytes());
    system.extend(b"\x85R.");
    let mut deep = b"\x80\x04)".to_vec();
    deep.extend([0x85].repeat(150_000));
    deep.push(b'.');
    let mut bomb = b"\x80\x04]\x94".to_vec();
    for i in 0..100u8 {
        bomb.extend([b']', 0x94, b'(', b'h', i, b'h', i, b'h', i, b'e']);
    }
    bomb.push(b'.');
    let mut claim = b"\x80\x04\x8e".to_vec();
    claim.extend((1u64 << 60).to_le_bytes());
    let folder = folder_with(&[system, deep, bomb, claim]);
    let store = open(&format!("file:{}", folder.path().display()));
    let found: Vec<_> = block_on(store.scan(Query::default()).collect());
    let bad: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).collect();
    assert_eq!((found.len(), bad.len()), (5, 4), "{bad:?}");
    assert!(bad.iter().all(|error| cachectl::is_damage(error)), "{bad:?}");
    assert!(!marker.path().join("ran").exists());
}

/// What hishel leaves lying is no damage, and is counted.
#[test]
fn verify_tells_what_is_over_removed_and_twice_there() {
    let sample = Sample::new("hishel-1.1.10/sqlite-msgpack");
    let desk = Desk::new();
    let address = sample.address("sqlite:{}/hishel_cache.db");
    let ran = desk.run(&["verify", "--backend", &address]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let wanted = "no damage; for gc to take away: 1 expired, 2 removed, 3 unfinished; 2 behind a \
                  newer one that answers the same";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
}

/// A body with a hole is not given out as a shorter one.
#[test]
fn a_missing_chunk_is_damage() {
    let sample = Sample::new("hishel-1.4.0/sqlite-msgpack");
    let path = sample.folder.path().join("hishel_cache.db");
    let database = rusqlite::Connection::open(&path).expect("a database");
    let sql = "DELETE FROM streams WHERE chunk_number = 1 AND entry_id IN
               (SELECT entry_id FROM streams WHERE chunk_number = 2)";
    assert!(database.execute(sql, []).expect("deleted") > 0);
    drop(database);
    let store = open(&sample.address("sqlite:{}/hishel_cache.db"));
    let found: Vec<_> = block_on(store.scan(Query::default()).collect());
    let bad: Vec<_> = found.iter().filter_map(|found| found.as_ref().err()).collect();
    assert!(!bad.is_empty() && bad.iter().all(|e| cachectl::is_damage(e)), "{bad:?}");
    assert_eq!(found.len(), sample.wanted().len(), "the others come out");
}
