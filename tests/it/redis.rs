//! What is special about Redis: servers that restart, forget, refuse, or have no room.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachectl::{
    Access, Backend, ByteRange, ErrorKind, Manage, Outcome, Part, Piece, Problem, Query, block_on,
    open_with,
};
use futures_util::{StreamExt, TryStreamExt};

use crate::testkit::origin::{Origin, Step, head_only, response};
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::sample::{head, noise};

const URL: &str = "https://example.org/a";

fn open(server: &RedisServer, params: &str) -> Arc<dyn Backend> {
    let address = format!("{}{params}", server.address()).parse().expect("an address");
    open_with(&address, Access::Create).expect("a store").pooled()
}

fn with_server<F: Future<Output = ()>>(args: &[&str], test: impl FnOnce(RedisServer) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = RedisServer::with(folder.path(), args);
    runtime().block_on(test(server));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn a_store_keeps_to_its_namespace() {
    with_server(&[], |server| async move {
        let (a, b) = (open(&server, "?namespace=a*b"), open(&server, "?namespace="));
        for store in [&a, &b] {
            store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
            store.put_whole(head("https://e.org/large"), noise(1, 50_000)).await.expect("stored");
        }
        server.ask::<()>(&["SET", "other", "x"]);
        server.ask::<()>(&["HSET", "a-b:{no}", "field", "x"]);
        let names: Vec<String> = server.ask(&["KEYS", "*"]);
        let ours =
            |name: &String| name.starts_with("a*b:") || name.starts_with('{') || name == "cachectl";
        let mut foreign: Vec<&String> = names.iter().filter(|name| !ours(name)).collect();
        foreign.sort();
        assert_eq!(foreign, ["a-b:{no}", "other"]);
        for store in [&a, &b] {
            let found: Vec<_> = store.scan(Query::default()).collect().await;
            assert_eq!(found.iter().filter(|f| f.is_ok()).count(), 2, "{found:?}");
        }
    });
}

/// A server that grows moves its keys about; a scan that goes on behind an entry shows all
/// that were not shown before it.
#[test]
fn a_scan_goes_on_behind_keys_that_were_moved() {
    let layouts = ["", "?layout=hishel-0", "?layout=hishel-1", "?layout=hishel-2"];
    for layout in layouts {
        with_server(&[], |server| async move {
            let store = open(&server, layout);
            for n in 0..40 {
                let head = head(&format!("https://example.org/{n}"));
                store.put_whole(head, noise(n, 10)).await.expect("stored");
            }
            let all = store.scan(Query::default()).try_collect::<Vec<_>>().await;
            let all = all.expect("a listing");
            assert_eq!(all.len(), 40, "{layout}");
            for n in 0..5000 {
                server.ask::<()>(&["SET", &format!("other{n}"), "x"]);
            }
            for shown in 1..all.len() {
                let after = Some(all[shown - 1].cursor());
                let mut query = Query::default();
                query.after = after;
                let rest = store.scan(query);
                let rest = rest.try_collect::<Vec<_>>().await.expect("the rest");
                for one in &all[shown..] {
                    let comes = rest.iter().any(|found| found.head.id == one.head.id);
                    assert!(comes, "{layout}: {} behind {shown}", one.head.id);
                }
            }
        });
    }
}

#[test]
fn the_server_knows_when_entries_end() {
    with_server(&[], |server| async move {
        let store = open(&server, "?namespace=n");
        let mut short = head(URL);
        short.expires_at = Some(cachectl::Timestamp::now() + Duration::from_secs(100));
        store.put_whole(short.clone(), noise(1, 50_000)).await.expect("stored");
        let names: Vec<String> = server.ask(&["KEYS", "n:{*"]);
        assert_eq!(names.len(), 2, "a record and a body");
        for name in names {
            let left: i64 = server.ask(&["PTTL", &name]);
            let spare = if name.ends_with('}') { 0 } else { 180_000 };
            assert!((90_000 + spare..=100_000 + spare).contains(&left), "{name} {left}");
        }
        // A later end, by an update that leaves the body alone.
        let found = store.find(&short.id).await.expect("an answer").expect("the entry");
        let mut longer = found.head.clone();
        longer.expires_at = None;
        let outcome = store.update(&longer.id.clone(), longer, found.stamp).await.expect("done");
        assert!(matches!(outcome, Outcome::Done(_)));
        for name in server.ask::<Vec<String>>(&["KEYS", "n:{*"]) {
            assert_eq!(server.ask::<i64>(&["PTTL", &name]), -1, "{name}");
        }
    });
}

#[test]
fn a_replaced_body_stays_for_its_readers() {
    with_server(&[], |server| async move {
        let store = open(&server, "");
        let old = noise(1, 6 << 20);
        let found = store.put_whole(head(URL), old.clone()).await.expect("stored");
        let mut reading =
            store.body(&found.head.id, found.stamp, ByteRange::WHOLE).await.expect("a body");
        let mut seen = reading.chunk().await.expect("a chunk").expect("bytes").to_vec();
        store.put_whole(head(URL), noise(2, 100)).await.expect("stored");
        while let Some(chunk) = reading.chunk().await.expect("the old bytes to the end") {
            seen.extend_from_slice(&chunk);
        }
        assert_eq!(seen, old);
    });
}

#[test]
fn a_restart_goes_unnoticed() {
    let args = ["--appendonly", "yes", "--appendfsync", "always"];
    with_server(&args, |mut server| async move {
        let store = open(&server, "");
        store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
        server.stop();
        let asking = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.candidates(&head(URL).id.key).await }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.start_again();
        let found = asking.await.expect("no panic").expect("waited for");
        assert_eq!(found[0].inline.as_deref(), Some(&noise(1, 100)[..]));
        // In the middle of a body.
        let mut put = store.put(head("https://e.org/large")).await.expect("a put");
        let body = noise(3, 5 << 20);
        put.write(body.slice(..3 << 20)).await.expect("written");
        server.restart();
        put.write(body.slice(3 << 20..)).await.expect("written");
        let found = put.commit().await.expect("committed");
        assert_eq!(store.body_of(&found).await.expect("the body"), body);
    });
}

#[test]
fn a_body_that_was_forgotten_half_way_is_not_committed() {
    with_server(&[], |mut server| async move {
        let store = open(&server, "");
        let mut put = store.put(head(URL)).await.expect("a put");
        put.write(noise(1, 3 << 20)).await.expect("written");
        server.restart();
        put.write(noise(1, 1 << 20)).await.expect("written");
        let error = put.commit().await.expect_err("a part is gone");
        assert_eq!((error.code(), error.is_transient()), ("body_lost", true), "{error:?}");
        assert!(store.candidates(&head(URL).id.key).await.expect("an answer").is_empty());
    });
}

#[test]
fn without_room_the_error_says_so_and_nothing_is_half_there() {
    with_server(&["--maxmemory", "6mb", "--maxmemory-policy", "noeviction"], |server| async move {
        let store = open(&server, "");
        store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
        let error = store.put_whole(head("https://e.org/large"), noise(1, 12 << 20)).await;
        let error = error.expect_err("no room");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Store, "no_space"), "{error:?}");
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found.len(), 1, "{found:?}");
        // What was sent of the body goes, so that there is room again.
        let started = Instant::now();
        while server.ask::<Vec<String>>(&["KEYS", "hishel:{*}:*"]) != Vec::<String>::new() {
            assert!(started.elapsed() < Duration::from_secs(10), "the part stays");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn what_the_server_evicts_is_a_miss() {
    let args = ["--maxmemory", "12mb", "--maxmemory-policy", "allkeys-lru"];
    with_server(&args, |server| async move {
        let store = open(&server, "");
        for i in 0..40 {
            let url = format!("https://example.org/{i}");
            // The server looks at a few keys only, and may choose the body that is coming in.
            if let Err(error) = store.put_whole(head(&url), noise(i, 1 << 20)).await {
                assert_eq!((error.code(), error.is_transient()), ("body_lost", true), "{error:?}");
            }
        }
        let mut whole = 0;
        for i in 0..40 {
            let key = head(&format!("https://example.org/{i}")).id.key;
            for found in store.candidates(&key).await.expect("no error") {
                assert_eq!(store.body_of(&found).await.expect("whole"), noise(i, 1 << 20));
                whole += 1;
            }
        }
        assert!((1..40).contains(&whole), "some are left, some are gone: {whole}");
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    });
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    with_server(&[], |server| async move {
        let store = open(&server, "");
        let key = head(URL).id.key;
        let name = format!("hishel:{{{key}}}");
        server.ask::<()>(&["SET", &name, "mine"]);
        for error in [
            store.candidates(&key).await.expect_err("not ours"),
            store.put_whole(head(URL), "x".into()).await.expect_err("not ours"),
        ] {
            assert_eq!((error.kind(), error.code()), (ErrorKind::Store, "unreadable"));
            assert!(cachectl::is_about_one(&error), "the others can be used: {error:?}");
        }
        assert_eq!(server.ask::<String>(&["GET", &name]), "mine");

        server.ask::<()>(&[
            "SET",
            "hishel:cachectl",
            "{\"cachectl\":\"redis store\",\"layout\":9}",
        ]);
        let store = open(&server, "");
        let error = store.put(head("https://e.org/")).await.err().expect("from the future");
        assert_eq!(error.code(), "version_too_new");
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found[0].as_ref().expect_err("from the future").code(), "version_too_new");
    });
}

#[test]
fn outside_a_runtime_the_async_store_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = RedisServer::start(folder.path());
    let error = block_on(open(&server, "").candidates("k")).expect_err("no runtime");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
}

/// A server, an origin, and the address to use.
struct Scene {
    desk: Desk,
    server: RedisServer,
    origin: Origin,
}

impl Scene {
    fn new(args: &[&str]) -> Self {
        let desk = Desk::new();
        let server = RedisServer::with(desk.path(), args);
        let origin = Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", "hello"));
        Scene { desk, server, origin }
    }

    fn get(&self, backend: &str) -> crate::testkit::program::Ran {
        self.desk.run(&["get", "--backend", backend, &self.origin.url("/a")])
    }
}

#[test]
fn get_misses_then_hits_in_a_second_process() {
    let scene = Scene::new(&[]);
    for (params, serializer) in [("?namespace=a", "json"), ("?namespace=b&serializer=yaml", "yaml")]
    {
        let address = format!("{}{params}", scene.server.address());
        let url = scene.origin.url("/a");
        assert_eq!(scene.desk.verdict(&["--backend", &address, &url]), "miss");
        assert_eq!(scene.desk.verdict(&["--backend", &address, &url]), "hit");
        let listed = scene.desk.ok(&["list", "--json", "--backend", &address]);
        assert!(listed.contains(&format!("\"serializer\":\"{serializer}\"")), "{listed}");
        let seen = scene.desk.ok(&["inspect", "--backend", &address, &url]);
        assert!(seen.contains("location    ") && seen.contains("redis.sock"), "{seen}");
    }
}

#[test]
fn a_transfer_that_breaks_off_leaves_no_body() {
    let scene = Scene::new(&[]);
    let origin = Origin::start(|_| {
        vec![
            Step::Send(head_only("200 OK", "Cache-Control: max-age=60\nContent-Length: 4000000")),
            Step::Fill { pattern: vec![b'x'; 1000], bytes: 2_000_000 },
            Step::Close,
        ]
    });
    let address = scene.server.address();
    let ran = scene.desk.run(&["get", "-o", "out", "--backend", &address, &origin.url("/")]);
    ran.failed(6, &["broke off"]);
    assert_eq!(scene.server.ask::<Vec<String>>(&["KEYS", "*"]), ["hishel:cachectl"]);
}

#[test]
fn a_private_answer_is_for_its_credential_only() {
    let scene = Scene::new(&[]);
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: private, max-age=60", "x"));
    let (address, url) = (scene.server.address(), origin.url("/"));
    let verdict = |more: &[&str]| {
        let mut args = vec!["--backend", &address, &url];
        args.extend(more);
        scene.desk.verdict(&args)
    };
    assert_eq!(verdict(&["-H", "Authorization: Bearer a"]), "miss");
    assert_eq!(verdict(&["-H", "Authorization: Bearer a"]), "hit");
    assert_eq!(verdict(&["-H", "Authorization: Bearer b"]), "miss");
    assert_eq!(verdict(&[]), "miss");
}

#[test]
fn a_server_that_refuses_is_an_error_with_a_way_out() {
    let scene = Scene::new(&[]);
    let rules = ["on", ">geheim", "~hishel:*", "+@read", "+@connection"];
    scene.server.ask::<()>(&[&["ACL", "SETUSER", "reader"][..], &rules[..]].concat());
    scene.server.ask::<()>(&["CONFIG", "SET", "requirepass", "geheim"]);
    let socket = scene.desk.file("redis.sock");
    let with = |user: &str| format!("redis+unix://{user}{}", socket.display());
    scene.get(&with("")).failed(3, &["access denied", "password"]);
    scene.get(&with(":falsch@")).failed(3, &["access denied", "try:"]);
    assert!(!scene.get(&with(":falsch@")).stderr.contains("falsch"), "no password is shown");
    let may_read = scene.get(&with("reader:geheim@"));
    may_read.failed(5, &["not stored", "not allowed", "NOPERM", "+eval"]);
    assert_eq!(may_read.text(), "hello", "what was fetched is delivered");
    scene.get(&format!("{}?db=99", with(":geheim@"))).failed(3, &["no such database", "db="]);
    scene.get("redis+unix:///nowhere/x.sock").failed(3, &["nothing answers", "try:"]);
    scene.get("redis://127.0.0.1:1").failed(3, &["nothing answers at redis://127.0.0.1:1"]);
    scene.get("redis://nowhere.invalid").failed(3, &["cannot be reached"]);
    assert_eq!(scene.origin.hits(), 1, "the store is looked at first");
    let best = ["get", "--best-effort", "--backend", "redis://127.0.0.1:1", &scene.origin.url("/")];
    assert_eq!(scene.desk.ok(&best), "hello");
}

#[test]
fn a_password_comes_from_elsewhere_than_the_address() {
    let scene = Scene::new(&["--requirepass", "geheim"]);
    let address = scene.server.address();
    scene.desk.write("password", "geheim\n");
    let file = format!("{address}?password_file=password");
    assert_eq!(scene.get(&file).text(), "hello");
    let desk = Desk::new().env("CACHECTL_REDIS_PASSWORD", "geheim");
    assert_eq!(desk.ok(&["get", "--backend", &address, &scene.origin.url("/a")]), "hello");

    let config = format!(
        "[backends.r]\naddress = \"{address}\"\npassword_command = [\"echo\", \"geheim\"]\n"
    );
    scene.desk.write("c.toml", &config);
    let url = scene.origin.url("/a");
    assert_eq!(scene.desk.verdict(&["--config", "c.toml", "--backend", "r", &url]), "hit");
    let checked = scene.desk.ok(&["--config", "c.toml", "config", "check", "--connect"]);
    assert!(checked.contains("r\tredis\t"), "{checked}");

    // No project runs commands, and no stranger's sends anything to a host.
    scene.desk.write(".cachectl.toml", &config);
    scene.get("r").failed(2, &["project's file may not name commands"]);
    let named = format!("backend = \"r\"\n[backends.r]\naddress = \"{address}\"\n");
    for file in [named, format!("backend = \"{address}\"\n")] {
        let desk = Desk::new().env("CACHECTL_REDIS_PASSWORD", "geheim");
        desk.write(".cachectl.toml", file);
        desk.run(&["get", &url]).failed(2, &["may not name the store", "trusted_projects"]);
        let trusted = format!("trusted_projects = [{:?}]", desk.path());
        desk.write(".config/cachectl/config.toml", trusted);
        assert_eq!(desk.ok(&["get", &url]), "hello");
    }
}

#[test]
fn a_server_that_hangs_is_given_up() {
    let desk = Desk::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("redis://:x@{}", silent.local_addr().expect("an address"));
    let started = Instant::now();
    desk.run(&["list", "--backend", &address]).failed(3, &["no answer from", "try:"]);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn tls_is_trusted_by_its_authority_only() {
    let desk = Desk::new();
    let openssl = |args: &[&str]| {
        let ran =
            std::process::Command::new("openssl").args(args).current_dir(desk.path()).output();
        let ran = ran.expect("openssl: apt-get install openssl");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        "2",
        "-subj",
        "/CN=test authority",
    ]);
    openssl(&[
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        "s.key",
        "-out",
        "s.csr",
        "-subj",
        "/CN=localhost",
    ]);
    desk.write("ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    openssl(&[
        "x509",
        "-req",
        "-in",
        "s.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-out",
        "s.crt",
        "-days",
        "2",
        "-extfile",
        "ext",
    ]);
    let port = free_port().to_string();
    let file = |name: &str| desk.file(name).display().to_string();
    let (cert, key, ca) = (file("s.crt"), file("s.key"), file("ca.crt"));
    let _server = RedisServer::with(
        desk.path(),
        &[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &cert,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
            "--tls-auth-clients",
            "no",
        ],
    );
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", "hello"));
    let address = format!("rediss://localhost:{port}");
    let untrusted = desk.run(&["get", "--backend", &address, &origin.url("/")]);
    untrusted.failed(3, &["certificate", "not trusted", "ca=FILE"]);
    let trusted = format!("{address}?ca=ca.crt");
    assert_eq!(desk.verdict(&["--backend", &trusted, &origin.url("/")]), "miss");
    assert_eq!(desk.verdict(&["--backend", &trusted, &origin.url("/")]), "hit");
    let by_name = Desk::new().env("SSL_CERT_FILE", &ca);
    assert_eq!(by_name.verdict(&["--backend", &address, &origin.url("/")]), "hit");
    // What is wrong with a secure connection to an origin is told in words.
    let https = format!("https://localhost:{port}/");
    desk.run(&["get", &https]).failed(6, &["authority that is not known", "SSL_CERT_FILE=ca.pem"]);
    // As servers of plain HTTP answer what is no HTTP.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let plain = format!("https://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        }
    });
    desk.run(&["get", &plain]).failed(6, &["does not answer with TLS", "http://"]);
}

#[test]
fn one_server_is_neither_a_cluster_nor_a_sentinel() {
    let desk = Desk::new();
    let port = free_port();
    let _server = RedisServer::with(desk.path(), &["--port", &port.to_string()]);
    for (parameter, said, hint) in [
        ("cluster=true", "one server, and no cluster", "without ?cluster=true"),
        ("sentinel=mymaster", "no sentinel", "without ?sentinel="),
    ] {
        let address = format!("redis://127.0.0.1:{port}?{parameter}");
        let ran = desk.run(&["list", "--backend", &address]);
        ran.failed(3, &[said, hint]);
        assert!(!ran.stderr.contains("InvalidClientConfig"), "{}", ran.stderr);
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[test]
fn sentinels_name_the_master() {
    let desk = Desk::new();
    let (redis, sentinel) = (free_port(), free_port());
    let _server = RedisServer::with(desk.path(), &["--port", &redis.to_string()]);
    let watch = desk.path().join("watch");
    std::fs::create_dir(&watch).expect("made");
    let config = format!("port {sentinel}\nsentinel monitor main 127.0.0.1 {redis} 1\n");
    std::fs::write(watch.join("s.conf"), config).expect("written");
    let _sentinel = RedisServer::with_config(&watch, Path::new("s.conf"));
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", "hello"));
    let address = format!("redis://127.0.0.1:{sentinel}?sentinel=main");
    assert_eq!(desk.verdict(&["--backend", &address, &origin.url("/")]), "miss");
    assert_eq!(desk.verdict(&["--backend", &address, &origin.url("/")]), "hit");
    let other = format!("redis://127.0.0.1:{sentinel}?sentinel=other");
    let unknown = desk.run(&["list", "--backend", &other]);
    unknown.failed(3, &["sentinels do not know"]);
}

#[test]
fn an_entry_under_another_key_is_damage_that_can_be_removed() {
    with_server(&[], |server| async move {
        let store = open(&server, "?namespace=n");
        store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
        store.put_whole(head("https://e.org/other"), noise(1, 100)).await.expect("stored");
        let own = format!("n:{{{}}}", head(URL).id.key);
        let strange = "n:{ffffffffffffffffffffffffffffffff}";
        server.ask::<()>(&["RENAME", &own, strange]);
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found.iter().filter(|f| f.is_ok()).count(), 1);
        let error = found.into_iter().find_map(Result::err).expect("damage");
        let piece = Piece::of(&error).expect("the piece").clone();
        assert_eq!(piece.problem, Problem::KeyMismatch, "{piece:?}");
        let outcome =
            store.needed_upkeep().expect("it has one").discard(&piece).await.expect("no trouble");
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        assert_eq!(server.ask::<u64>(&["EXISTS", strange]), 0);
        assert_eq!(
            store.needed_upkeep().expect("it has one").usage().await.expect("usage").entries,
            1
        );
    });
}

#[test]
fn a_body_without_a_record_is_left_over() {
    with_server(&[], |server| async move {
        let store = open(&server, "?namespace=n");
        store.put_whole(head(URL), noise(1, 50_000)).await.expect("stored");
        store.put_whole(head("https://e.org/other"), noise(2, 50_000)).await.expect("stored");
        server.ask::<()>(&["DEL", &format!("n:{{{}}}", head(URL).id.key)]);
        let pieces: Vec<_> = store
            .needed_upkeep()
            .expect("it has one")
            .leftovers(cachectl::Timestamp::now())
            .collect()
            .await;
        let pieces: Vec<Piece> = pieces.into_iter().map(|p| p.expect("a piece")).collect();
        let [piece] = &pieces[..] else { panic!("{pieces:?}") };
        assert_eq!(piece.problem, Problem::OrphanBody);
        let raw = store
            .needed_upkeep()
            .expect("it has one")
            .raw(Part::Piece(piece.name.clone()))
            .await
            .expect("its bytes");
        assert_eq!(raw.collect_bytes().await.expect("its bytes"), noise(1, 50_000));
        let outcome =
            store.needed_upkeep().expect("it has one").discard(piece).await.expect("no trouble");
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found.iter().filter(|f| f.is_ok()).count(), 1);
    });
}
