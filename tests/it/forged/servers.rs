//! Servers: what lies under names like those of a store.

use super::{GOOD, Rest, Scene, VICTIM, fill, forge, key};
use crate::testkit::alone;
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{Bucket, environment};

type Case<S> = (&'static str, Rest, fn(&S));

struct Redis {
    server: RedisServer,
}

impl Redis {
    fn ask(&self, words: &[&str]) {
        let _: redis::Value = self.server.ask(words);
    }

    /// The victim's record in the native layout.
    fn record(&self) -> String {
        format!("hishel:{{{}}}", key(VICTIM))
    }

    /// A field of the victim's hash as bytes that need not be text.
    fn set(&self, name: &str, field: &str, value: &[u8]) {
        let client = redis::Client::open(self.server.address()).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let mut command = redis::cmd("HSET");
        command.arg(name).arg(field).arg(value);
        command.query::<i64>(&mut connection).expect("set");
    }

    /// The victim's record, changed.
    fn forge(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let record: Vec<u8> = self.server.ask(&["HGET", &self.record(), "e"]);
        self.set(&self.record(), "e", &forge(&record, change));
    }
}

/// Makes a value of so many bytes on the server.
const LONG: &str = "redis.call('HSET', KEYS[1], ARGV[1], string.rep('x', 80000000))";

const NATIVE: &[Case<Redis>] = &[
    ("a text for a record", Rest::Usable, |r| {
        r.ask(&["DEL", &r.record()]);
        r.ask(&["SET", &r.record(), "x"]);
    }),
    ("a list for a record", Rest::Usable, |r| {
        r.ask(&["DEL", &r.record()]);
        r.ask(&["RPUSH", &r.record(), "x"]);
    }),
    ("a record of many megabytes", Rest::Usable, |r| {
        r.ask(&["EVAL", LONG, "1", &r.record(), "e"]);
    }),
    ("a mark of many megabytes", Rest::Usable, |r| {
        r.ask(&["EVAL", LONG, "1", &r.record(), "m"]);
    }),
    ("a field of many megabytes that means nothing", Rest::Usable, |r| {
        r.ask(&["EVAL", LONG, "1", &r.record(), "z"]);
    }),
    ("a hash of a hundred thousand fields", Rest::Usable, |r| {
        let many = "for i = 1, 100000 do redis.call('HSET', KEYS[1], 'e' .. i, 'x') end";
        r.ask(&["EVAL", many, "1", &r.record()]);
    }),
    ("a body that is another's", Rest::Usable, |r| {
        let good = format!("hishel:{{{}}}", key(GOOD[1]));
        let record: Vec<u8> = r.server.ask(&["HGET", &good, "e"]);
        let end = record.iter().position(|c| *c == b'\n').expect("a line");
        let other: serde_json::Value = serde_json::from_slice(&record[..end]).expect("JSON");
        let body = other["entries"][0]["body"].clone();
        r.forge(|entries| entries[0]["body"] = body);
    }),
    ("a body by another name", Rest::Usable, |r| {
        r.forge(|entries| entries[0]["body"]["in"] = "../precious".into());
    }),
    ("a body that is a text", Rest::Usable, |r| {
        let record: Vec<u8> = r.server.ask(&["HGET", &r.record(), "m"]);
        let body = String::from_utf8_lossy(&record).rsplit('|').next().expect("a part").to_owned();
        let name = format!("{}:{body}", r.record());
        r.ask(&["DEL", &name]);
        r.ask(&["SET", &name, "x"]);
    }),
    ("a chunk of many megabytes", Rest::Usable, |r| {
        let record: Vec<u8> = r.server.ask(&["HGET", &r.record(), "m"]);
        let body = String::from_utf8_lossy(&record).rsplit('|').next().expect("a part").to_owned();
        r.ask(&["EVAL", LONG, "1", &format!("{}:{body}", r.record()), "0"]);
    }),
    ("names that are nearly ours", Rest::Usable, |r| {
        for name in ["hishel:{x}", "hishel:{}", "hishel:{../../x}", "hishel:{a}:b", "hishel:notes"]
        {
            r.ask(&["SET", name, "theirs"]);
            r.ask(&["HSET", &format!("{name}:h"), "e", "theirs"]);
        }
    }),
    ("a list for the mark", Rest::Lost, |r| {
        r.ask(&["DEL", "hishel:cachectl"]);
        r.ask(&["RPUSH", "hishel:cachectl", "x"]);
    }),
];

/// Rows of hishel 2, of which the victim's is the last.
const STREAMS: &[Case<Redis>] = &[
    ("a list for a head", Rest::Usable, |r| {
        replace(r, "entry", |r, name| r.ask(&["RPUSH", name, "x"]));
    }),
    ("a text for the chunks", Rest::Usable, |r| {
        replace(r, "stream", |r, name| r.ask(&["SET", name, "x"]));
    }),
    ("a hash for the mark", Rest::Usable, |r| {
        replace(r, "stream_done", |r, name| r.ask(&["HSET", name, "x", "y"]));
    }),
    ("a head of many megabytes", Rest::Usable, |r| {
        replace(r, "entry", |r, name| {
            r.ask(&["EVAL", "redis.call('SET', KEYS[1], string.rep('x', 80000000))", "1", name]);
        });
    }),
    ("a chunk of many megabytes", Rest::Usable, |r| {
        replace(r, "stream", |r, name| {
            r.ask(&["EVAL", "redis.call('RPUSH', KEYS[1], string.rep('x', 40000000))", "1", name]);
        });
    }),
];

/// Puts something else in the place of a part of the victim, which holds its URL.
fn replace(r: &Redis, part: &str, put: fn(&Redis, &str)) {
    let heads: Vec<String> = r.server.ask(&["KEYS", "hishel:entry:*"]);
    let is_victims = |name: &&String| {
        let head: Vec<u8> = r.server.ask(&["GET", name]);
        head.windows(VICTIM.len()).any(|part| part == VICTIM.as_bytes())
    };
    let head = heads.iter().find(is_victims).expect("the victim's head");
    let name = head.replace(":entry:", &format!(":{part}:"));
    r.ask(&["DEL", &name]);
    put(r, &name);
}

fn try_redis(layout: &str, cases: &[Case<Redis>]) {
    if !alone::is_child() {
        return alone::run_here();
    }
    let folder = tempfile::tempdir().expect("a folder");
    let redis = Redis { server: RedisServer::start(folder.path()) };
    let store = format!("{}?layout={layout}", redis.server.address());
    for (what, rest, forge) in cases {
        redis.ask(&["FLUSHALL"]);
        redis.ask(&["SET", "theirs", "untouched"]);
        let scene = Scene::new();
        fill(&scene, &store);
        forge(&redis);
        scene.try_all(&store, *rest, what);
        assert_eq!(redis.server.ask::<String>(&["GET", "theirs"]), "untouched", "{what}");
        for name in redis.server.ask::<Vec<String>>(&["KEYS", "hishel:*theirs*"]) {
            assert_eq!(redis.server.ask::<String>(&["GET", &name]), "theirs", "{what}");
        }
    }
}

#[test]
fn native_redis() {
    try_redis("native", NATIVE);
}

#[test]
fn redis_of_hishel_2() {
    try_redis("hishel-2", STREAMS);
}

/// Objects in a bucket that lies in a folder.
struct S3 {
    folder: tempfile::TempDir,
}

impl S3 {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("bucket").join(name)
    }

    fn record(&self) -> std::path::PathBuf {
        self.path(&format!("s/entries/{}", key(VICTIM)))
    }

    fn forge(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let record = std::fs::read(self.record()).expect("a record");
        std::fs::write(self.record(), forge(&record, change)).expect("written");
    }
}

const OBJECTS: &[Case<S3>] = &[
    ("a body by a path upwards", Rest::Usable, |s| {
        s.forge(|entries| entries[0]["body"]["in"] = "../../theirs".into());
    }),
    ("a body that is another's", Rest::Usable, |s| {
        let bodies = std::fs::read_dir(s.path("s/bodies")).expect("a folder").flatten();
        let name = bodies.map(|entry| entry.file_name().into_string().expect("a name"));
        let name = name.into_iter().find(|name| name.starts_with(&key(GOOD[1]))).expect("a body");
        s.forge(|entries| entries[0]["body"]["in"] = name.into());
    }),
    ("a record of zeros", Rest::Usable, |s| super::sparse(&s.record(), b"", 100 << 20)),
    ("a record without an end", Rest::Usable, |s| {
        super::sparse(&s.record(), b"{\"cachectl\":1,\"xxh3\":\"", 100 << 20);
    }),
    ("names that are nearly ours", Rest::Usable, |s| {
        for name in ["s/entries/notes.txt", "s/bodies/notes.txt", "s/entries/x", "s/other/y"] {
            std::fs::create_dir_all(s.path(name).parent().expect("a folder")).expect("made");
            std::fs::write(s.path(name), "theirs").expect("written");
        }
    }),
    ("a marker without an end", Rest::Lost, |s| {
        super::sparse(&s.path("s/cachectl.json"), b"{\"cachectl\":", 100 << 20);
    }),
];

#[test]
fn native_buckets() {
    if !alone::is_child() {
        return alone::run_here();
    }
    for (what, rest, forge) in OBJECTS {
        let folder = tempfile::tempdir().expect("a folder");
        let bucket = Bucket::start(folder.path());
        let s3 = S3 { folder };
        std::fs::write(s3.path("theirs"), "untouched").expect("written");
        let mut desk = Desk::new();
        for (name, value) in environment() {
            desk = desk.env(name, value);
        }
        let scene = Scene::with(desk);
        let store = format!("{}&prefix=s/", bucket.address());
        fill(&scene, &store);
        forge(&s3);
        scene.try_all(&store, *rest, what);
        assert_eq!(std::fs::read(s3.path("theirs")).expect("there"), b"untouched", "{what}");
    }
}
