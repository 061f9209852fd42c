//! Moving by command: between all kinds of stores, in parts, again after an interruption.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use cachectl::transfer::{
    Action, Incoming, MigrateOptions, NewTtl, ReceiveOptions, decide, migrate, receive,
};
use cachectl::{EntryHead, Manage, Query, SERIALIZERS, block_on};

use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::s3::server::Switches;
use crate::testkit::s3::{Bucket, environment};
use crate::testkit::sample::{head, head_under, noise, variant_head};
use crate::testkit::shelf::{self, assortment};

/// A desk from which a Redis and an S3 server can be reached.
struct Place {
    desk: Desk,
    redis: RedisServer,
    bucket: Bucket,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new(switches: Switches) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let redis = RedisServer::start(folder.path());
        let bucket = Bucket::with(folder.path(), switches);
        let mut desk = Desk::new();
        for (name, value) in environment() {
            desk = desk.env(name, value);
        }
        Place { desk, redis, bucket, _folder: folder }
    }

    /// A store of each kind, under a name of its own.
    fn address(&self, kind: &str, name: &str) -> String {
        match kind {
            "file" | "sqlite" => format!("{kind}:{name}"),
            "redis" => format!("{}?namespace={name}", self.redis.address()),
            _ => format!("{}&prefix={name}/", self.bucket.address()),
        }
    }
}

/// How many entries: few, or as many as the long run asks for.
fn entries() -> u64 {
    let given = std::env::var("CACHECTL_TEST_ENTRIES").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Entries of all kinds: variants, empty and large bodies, bytes that are no text, TTLs,
/// tags, every serializer, keys that are not native.
fn fill(desk: &Desk) {
    let store = shelf::open(desk, "file:origin");
    let put = |head: EntryHead, body: Bytes| {
        block_on(async {
            let mut put = store.put(head).await?;
            put.write(body).await?;
            put.commit().await
        })
        .expect("stored")
    };
    for i in 0..entries() {
        let mut head = match i % 5 {
            0 => variant_head(
                &format!("https://e.org/{}", i / 10),
                ["de", "en"][(i / 5 % 2) as usize],
            ),
            1 => head_under(&format!("any key {i} ä")),
            _ => head(&format!("https://e.org/plain/{i}")),
        };
        head.headers.push("X-Bytes", [0xff, b'a', 0x80]);
        head.uses = i;
        head.last_used_at = (i > 0).then(|| head.created_at + Duration::from_secs(i));
        if i % 7 == 0 {
            head.expires_at = Some(crate::testkit::sample::never());
        }
        head.serializer = Some(SERIALIZERS[(i % 3) as usize].name().into());
        let length = match i {
            3 => 3 << 20,
            113 | 114 | 116 => 20 << 20,
            4 | 8 => 0,
            _ => 100 * (i % 60) as usize,
        };
        put(head, noise(i, length));
    }
    block_on(store.close()).expect("closed");
}

#[test]
fn every_pair_of_stores_says_the_same_afterwards() {
    let place = Place::new(Switches::default());
    let desk = &place.desk;
    fill(desk);
    // A ring through all kinds, and back and forth across it: every ordered pair.
    let kinds = ["file", "sqlite", "redis", "s3"];
    for from in kinds {
        let source = place.address(from, &format!("from-{from}"));
        desk.ok(&["migrate", "file:origin", &source]);
        for to in kinds {
            let target = place.address(to, &format!("{from}-to-{to}"));
            let out = desk.ok(&["migrate", &source, &target]);
            assert!(out.starts_with("copy\t"), "{from} to {to}: {out}");
            let ran = desk.run(&["diff", "--content", "file:origin", &target]);
            assert_eq!(ran.code, 0, "{from} to {to}: {}{}", ran.text(), ran.stderr);
            let again = desk.ok(&["migrate", &source, &target]);
            assert!(!again.contains("copy") && again.contains("unchanged\t"), "{again}");
        }
    }
}

#[test]
fn conflicts_are_decided_as_told() {
    let desk = Desk::new();
    shelf::fill(&desk, "file:a", &assortment());
    desk.ok(&["migrate", "file:a", "sqlite:b.db", "--include-expired"]);
    // Newer here, older there.
    shelf::fill(&desk, "file:a", &[shelf::item("https://www.example.com/gone", shelf::HOUR)]);
    shelf::fill(
        &desk,
        "sqlite:b.db",
        &[shelf::item("https://api.example.org/v1/users", shelf::HOUR)],
    );
    let plan = |mode: &str| {
        desk.run(&[
            "migrate",
            "file:a",
            "sqlite:b.db",
            "--include-expired",
            "-n",
            "--on-conflict",
            mode,
        ])
        .text()
    };
    assert!(plan("newer").contains("keep\t1\t") && plan("newer").contains("overwrite\t1\t"));
    assert!(plan("skip").contains("keep\t2\t"));
    assert!(plan("overwrite").contains("overwrite\t2\t"));
    let ran = desk.run(&[
        "migrate",
        "file:a",
        "sqlite:b.db",
        "--include-expired",
        "--on-conflict",
        "fail",
        "--failed",
        "f.ndjson",
    ]);
    ran.failed(7, &["2 of 6 entries were not migrated"]);
    let failed = fs::read_to_string(desk.file("f.ndjson")).expect("failures");
    assert_eq!(failed.lines().count(), 2);
    assert!(failed.lines().all(|line| line.contains("\"code\":\"conflict\"")), "{failed}");
    desk.ok(&["migrate", "file:a", "sqlite:b.db", "--include-expired"]);
    let diff = desk.run(&["diff", "file:a", "sqlite:b.db"]);
    diff.failed(1, &["1 differ"]);
    assert_eq!(diff.text().lines().count(), 1);
    assert!(diff.text().starts_with("*\t"), "{}", diff.text());
}

#[test]
fn what_somebody_stores_meanwhile_is_not_undone() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let store = runtime.block_on(cachectl::open("memory:")).expect("a store");
    let put = |head: EntryHead, body: &'static str| {
        let store = &store;
        async move {
            let mut put = store.put(head).await.expect("begun");
            put.write(Bytes::from_static(body.as_bytes())).await.expect("written");
            put.commit().await.expect("stored")
        }
    };
    struct Body(Option<Bytes>);
    impl Incoming for Body {
        async fn chunk(&mut self) -> cachectl::Result<Option<Bytes>> {
            Ok(self.0.take())
        }
    }
    let mut ours = head("https://e.org/");
    ours.created_at = ours.created_at + Duration::from_secs(60);
    let options = ReceiveOptions::new(ours.created_at);
    runtime.block_on(async {
        put(head("https://e.org/"), "old").await;
        let (action, over) = decide(&*store, &ours, &options).await.expect("decided");
        assert_eq!(action, Action::Overwrite);
        let mut theirs = head("https://e.org/");
        theirs.created_at = theirs.created_at + Duration::from_secs(3600);
        let theirs = put(theirs, "theirs").await;
        let mut body = Body(Some(Bytes::from_static(b"ours")));
        let error =
            receive(&*store, ours.clone(), over, &mut body, &options).await.expect_err("no");
        assert_eq!(error.kind(), cachectl::ErrorKind::Changed);
        let found = store.find(&ours.id).await.expect("an answer").expect("it is there");
        assert_eq!(found.stamp, theirs.stamp, "theirs stays");
        // Asked again, it is theirs that is newer.
        let (action, _) = decide(&*store, &ours, &options).await.expect("decided");
        assert_eq!(action, Action::Keep);
    });
}

#[test]
fn a_store_in_memory_takes_part_in_a_program() {
    let desk = Desk::new();
    fill(&desk);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let open = |address: &str| runtime.block_on(cachectl::open(address)).expect("a store");
    let memory = open("memory:?capacity=100000");
    for (from, to) in [("file:origin", None), ("", Some("sqlite:back.db"))] {
        let outside = |address: &str| {
            let (kind, name) = address.split_once(':').expect("an address");
            open(&format!("{kind}:{}", desk.file(name).display()))
        };
        let (source, target) = match to {
            None => (outside(from), memory.clone()),
            Some(to) => (memory.clone(), outside(to)),
        };
        let entries = source.scan(Query::default());
        let options = MigrateOptions {
            receive: ReceiveOptions::new(cachectl::Timestamp::now()),
            ttl: NewTtl::Keep,
            jobs: 8,
            dry_run: false,
            max_errors: None,
            stop: &|| false,
            on: &mut |_| {},
        };
        let report = runtime.block_on(migrate(&source, &target, entries, options));
        assert!(report.complete && report.failed == 0, "{report:?}");
        runtime.block_on(source.close()).expect("closed");
    }
    assert_eq!(desk.run(&["diff", "--content", "file:origin", "sqlite:back.db"]).code, 0);
}

#[test]
fn shards_together_are_the_whole() {
    let desk = Desk::new();
    fill(&desk);
    let mut counts = 0;
    for i in 1..=4 {
        let shard = format!("{i}/4");
        let out = desk.ok(&["migrate", "file:origin", "sqlite:s.db", "--shard", &shard]);
        let copied = out.lines().find_map(|line| line.strip_prefix("copy\t")).unwrap_or("0\t");
        counts += copied.split('\t').next().expect("a number").parse::<u64>().expect("a number");
    }
    assert_eq!(desk.run(&["diff", "--content", "file:origin", "sqlite:s.db"]).code, 0);
    assert_eq!(counts, desk.ok(&["list", "--backend", "file:origin"]).lines().count() as u64);
}

#[test]
fn mirrors_and_moves_remove_what_they_say() {
    let desk = Desk::new();
    shelf::fill(&desk, "file:a", &assortment());
    shelf::fill(&desk, "file:b", &[shelf::item("https://only.here/", shelf::DAY)]);
    let mirror = ["migrate", "file:a", "file:b", "--include-expired", "--mirror"];
    desk.run(&mirror).failed(7, &["nobody can be asked"]);
    desk.run(&[&mirror[..], &["--yes", "--max-delete", "0"]].concat()).failed(7, &["max-delete"]);
    assert!(desk.ok(&["list", "--backend", "file:b"]).contains("only.here"));
    desk.ok(&[&mirror[..], &["--yes"]].concat());
    assert_eq!(desk.run(&["diff", "file:a", "file:b"]).code, 0);
    desk.run(&["migrate", "file:b", "sqlite:c.db", "--move", "--host", "www.*"]).failed(7, &[]);
    desk.ok(&[
        "migrate",
        "file:b",
        "sqlite:c.db",
        "--move",
        "--include-expired",
        "--host",
        "www.*",
        "--yes",
    ]);
    assert_eq!(desk.ok(&["list", "--backend", "file:b"]).lines().count(), 3);
    assert_eq!(desk.ok(&["list", "--backend", "sqlite:c.db"]).lines().count(), 3);
    desk.run(&["migrate", "file:a", "file:./a"]).failed(2, &["are one store"]);
}

#[test]
fn damage_in_the_source_is_told_by_key_and_the_rest_arrives() {
    let desk = Desk::new();
    let found = shelf::fill(&desk, "file:f", &assortment());
    let key = &found[2].head.id.key;
    fs::write(desk.file("f/entries").join(&key[..2]).join(key), "garbage").expect("written");
    let ran = desk.run(&[
        "migrate",
        "file:f",
        "sqlite:s.db",
        "--include-expired",
        "--failed",
        "f.ndjson",
    ]);
    ran.failed(5, &["1 of 6 entries were not migrated"]);
    let failed = fs::read_to_string(desk.file("f.ndjson")).expect("failures");
    assert!(failed.contains(key.as_str()), "{failed}");
    assert_eq!(desk.ok(&["list", "--backend", "sqlite:s.db"]).lines().count(), 5);
}

#[test]
fn what_a_server_would_forget_at_once_is_skipped() {
    let place = Place::new(Switches::default());
    shelf::fill(&place.desk, "file:f", &assortment());
    let target = place.address("redis", "r");
    let out = place.desk.ok(&["migrate", "file:f", &target, "--include-expired"]);
    assert!(out.contains("copy\t5\t") && out.contains("skip\t1\t"), "{out}");
}

#[test]
fn what_s3_denies_is_left_and_taken_up_again() {
    let place = Place::new(Switches::default());
    let desk = &place.desk;
    let found = shelf::fill(desk, "file:f", &assortment());
    let denied = [&found[0].head.id.key, &found[2].head.id.key, &found[4].head.id.key];
    let target = place.address("s3", "p");
    for key in denied {
        let mut list = place.bucket.server.denied.lock().expect("the list");
        list.push(format!("p/entries/{key}"));
    }
    let migrate = ["migrate", "file:f", &target, "--include-expired", "--failed", "f.ndjson"];
    desk.run(&migrate).failed(5, &["3 of 6 entries were not migrated"]);
    let failed = fs::read_to_string(desk.file("f.ndjson")).expect("failures");
    let mut keys: Vec<String> = failed
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).expect("JSON");
            object["key"].as_str().expect("a key").to_owned()
        })
        .collect();
    keys.sort();
    let mut expected: Vec<String> = denied.into_iter().cloned().collect();
    expected.sort();
    assert_eq!(keys, expected);
    place.bucket.server.denied.lock().expect("the list").clear();
    desk.write("keys.txt", keys.join("\n"));
    let out =
        desk.ok(&["migrate", "file:f", &target, "--include-expired", "--keys-from", "keys.txt"]);
    assert!(out.starts_with("copy\t3\t"), "{out}");
    assert_eq!(desk.run(&["diff", "file:f", &target]).code, 0);
}

#[test]
fn a_killed_migration_goes_on() {
    let desk = Desk::new();
    fill(&desk);
    for round in 0..6 {
        let mut child = desk
            .command(&["migrate", "file:origin", "sqlite:s.db", "-j", "1"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the program runs");
        std::thread::sleep(Duration::from_millis(20 + 25 * round));
        let _ = child.kill();
        let _ = child.wait();
    }
    desk.ok(&["migrate", "file:origin", "sqlite:s.db"]);
    assert_eq!(desk.run(&["diff", "--content", "file:origin", "sqlite:s.db"]).code, 0);
    desk.ok(&["verify", "--backend", "sqlite:s.db"]);
}

#[test]
fn converting_there_and_back_changes_nothing() {
    let place = Place::new(Switches::default());
    let desk = &place.desk;
    fill(desk);
    for kind in ["file", "sqlite", "redis", "s3"] {
        let store = place.address(kind, kind);
        desk.ok(&["migrate", "file:origin", &store]);
        for to in ["bincode", "yaml", "json"] {
            desk.ok(&["convert", "--to", to, "--backend", &store]);
            let written = desk.ok(&["list", "--columns", "serializer", "--backend", &store]);
            assert!(written.lines().all(|line| line == to), "{kind} {to}");
            let ran = desk.run(&["diff", "--content", "file:origin", &store]);
            assert_eq!(ran.code, 0, "{kind} {to}: {}", ran.text());
        }
        let plan = desk.ok(&["convert", "--to", "json", "--backend", &store]);
        assert!(plan.starts_with("unchanged\t"), "{plan}");
    }
    desk.run(&["convert", "--to", "xml", "--backend", "file:file"]).failed(2, &["xml"]);
}

#[test]
fn touching_changes_what_is_noted_and_nothing_else() {
    for store in ["file:f", "sqlite:s.db"] {
        let desk = Desk::new();
        shelf::fill(&desk, store, &assortment());
        let url = "https://api.example.org/v1/users";
        desk.run(&["touch", "--backend", store]).failed(2, &["which entries"]);
        desk.run(&["touch", url, "--backend", store]).failed(2, &["what is to be changed"]);
        desk.run(&["touch", "https://e.org/absent", "--stale", "--backend", store])
            .failed(4, &["absent"]);
        let of = |column: &str| {
            desk.ok(&["list", url, "--columns", column, "--backend", store]).trim().to_owned()
        };
        assert_eq!(of("state"), "fresh");
        desk.ok(&[
            "touch",
            url,
            "--stale",
            "--add-tag",
            "pinned",
            "--ttl",
            "1h",
            "--backend",
            store,
        ]);
        assert_eq!((of("state"), of("tags")), ("stale".to_owned(), "pinned".to_owned()));
        assert_ne!(of("expires"), "-");
        desk.ok(&[
            "touch",
            "--tag",
            "pinned",
            "--ttl",
            "none",
            "--remove-tag",
            "pinned",
            "--backend",
            store,
        ]);
        assert_eq!((of("expires"), of("tags")), ("-".to_owned(), String::new()));
        assert_eq!(desk.ok(&["body", url, "--backend", store]), "<p>hello</p>");
    }
}

#[test]
fn shards_at_once_equal_one_run() {
    for target in ["sqlite:s.db", "file:s"] {
        let desk = Desk::new();
        fill(&desk);
        let children: Vec<_> = (1..=4)
            .map(|i| {
                let shard = format!("{i}/4");
                desk.command(&["migrate", "-q", "file:origin", target, "--shard", &shard])
                    .stdout(std::process::Stdio::null())
                    .spawn()
                    .expect("the program runs")
            })
            .collect();
        for mut child in children {
            assert!(child.wait().expect("it ends").success());
        }
        assert_eq!(desk.run(&["diff", "--content", "file:origin", target]).code, 0, "{target}");
    }
}

#[test]
fn a_killed_conversion_leaves_every_entry_readable() {
    for store in ["file:origin", "sqlite:s.db"] {
        let desk = Desk::new();
        fill(&desk);
        desk.ok(&["migrate", "file:origin", "sqlite:s.db"]);
        desk.ok(&["migrate", "file:origin", "file:before"]);
        for (round, to) in ["bincode", "yaml", "json", "bincode"].into_iter().enumerate() {
            let mut child = desk
                .command(&["convert", "--to", to, "--backend", store])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .expect("the program runs");
            std::thread::sleep(Duration::from_millis(15 + 15 * round as u64));
            let _ = child.kill();
            let _ = child.wait();
            desk.ok(&["verify", "--backend", store]);
            let ran = desk.run(&["diff", "--content", "file:before", store]);
            assert_eq!(ran.code, 0, "{store}: {}", ran.text());
        }
    }
}

#[test]
fn a_full_destination_ends_the_work_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = ["--maxmemory", "2mb", "--maxmemory-policy", "noeviction"];
    let redis = RedisServer::with(folder.path(), &limits);
    let desk = Desk::new();
    fill(&desk);
    let ran = desk.run(&["migrate", "file:origin", &redis.address()]);
    ran.failed(3, &["error: "]);
    assert!(ran.stderr.contains("memory") || ran.stderr.contains("space"), "{}", ran.stderr);
    assert_eq!(desk.run(&["verify", "--backend", "file:origin"]).code, 0);
}

#[test]
fn a_source_that_is_written_to_meanwhile_arrives_as_it_was_or_is() {
    let desk = Desk::new();
    fill(&desk);
    desk.ok(&["migrate", "file:origin", "sqlite:s.db"]);
    let store = shelf::open(&desk, "sqlite:s.db");
    let mut child = desk
        .command(&["migrate", "-q", "sqlite:s.db", "file:t", "-j", "2"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the program runs");
    for i in 0..40u64 {
        let written = block_on(async {
            let mut put = store.put(head(&format!("https://e.org/plain/{}", i + 1))).await?;
            put.write(noise(1000 + i, 40_000)).await?;
            put.commit().await
        });
        written.expect("a reader does not keep a writer out");
    }
    assert!(child.wait().expect("it ends").success());
    desk.ok(&["verify", "--backend", "file:t"]);
    desk.ok(&["migrate", "-q", "sqlite:s.db", "file:t"]);
    let ran = desk.run(&["diff", "--content", "sqlite:s.db", "file:t"]);
    assert!(ran.text().lines().all(|line| !line.starts_with('-')), "{}", ran.text());
}
