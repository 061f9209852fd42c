//! What is special about S3: what it costs, what it answers when it refuses, and servers
//! that do only a part of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cachectl::{AsyncS3Storage, Backend, Detail, ErrorKind, Manage, Outcome, Query};
use futures_util::StreamExt;

use crate::testkit::origin::{Origin, Step, head_only, response};
use crate::testkit::program::{Desk, Ran};
use crate::testkit::s3::server::{Refusal, Switches};
use crate::testkit::s3::{BUCKET, Bucket, environment};
use crate::testkit::sample::{head, noise, variant_head};

const URL: &str = "https://example.org/a";

fn store(bucket: &Bucket) -> Arc<dyn Backend> {
    let builder = AsyncS3Storage::builder(BUCKET).client(bucket.client()).key_prefix("p/");
    Arc::new(builder.build().expect("a store"))
}

fn with_bucket<F: Future<Output = ()>>(switches: Switches, test: impl FnOnce(Bucket) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::with(folder.path(), switches);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(test(bucket));
}

fn requests(bucket: &Bucket) -> Vec<String> {
    let mut log = bucket.server.log.lock().expect("the log");
    let short = |line: &String| {
        let (method, path) = line.split_once(' ').expect("two words");
        let path = path.split('?').next().unwrap_or_default();
        let path = path.trim_start_matches(&format!("/{BUCKET}/p/"));
        format!("{method} {}", path.split('/').next().unwrap_or_default())
    };
    let requests = log.iter().map(short).collect();
    log.clear();
    requests
}

#[test]
fn a_lookup_is_one_request() {
    with_bucket(Switches::default(), |bucket| async move {
        let store = store(&bucket);
        store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
        requests(&bucket);
        let found = store.candidates(&head(URL).id.key).await.expect("an answer");
        assert!(found[0].inline.is_some());
        assert_eq!(requests(&bucket), ["GET entries"]);
        assert!(store.candidates("absent").await.expect("an answer").is_empty());
        assert_eq!(requests(&bucket), ["GET entries"]);

        // A large body: the record, whether the body is there, the body.
        let found = store.put_whole(head("https://e.org/l"), noise(1, 99_999)).await;
        let found = found.expect("stored");
        requests(&bucket);
        store.candidates(&found.head.id.key).await.expect("an answer");
        store.body_of(&found).await.expect("the body");
        assert_eq!(requests(&bucket), ["GET entries", "HEAD bodies", "GET bodies"]);
    });
}

#[test]
fn everything_lies_under_the_prefix() {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::start(folder.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = store(&bucket);
        store.put_whole(head(URL), noise(1, 100)).await.expect("stored");
        store.put_whole(head("https://e.org/l"), noise(1, 99_999)).await.expect("stored");
    });
    let top: Vec<_> = std::fs::read_dir(folder.path().join(BUCKET))
        .expect("the bucket")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    assert_eq!(top, ["p"]);
}

#[test]
fn a_place_that_holds_something_else_is_refused() {
    with_bucket(Switches::default(), |bucket| async move {
        let client = bucket.client();
        let request = client.put_object().bucket(BUCKET).key("p/thesis.tex");
        request.body("x".as_bytes().to_vec().into()).send().await.expect("written");
        let error = store(&bucket).put_whole(head(URL), "x".into()).await.expect_err("refused");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Store, "not_a_store"));
        assert!(error.causes().contains("thesis.tex"), "{error:?}");

        let marker = "{\"cachectl\":\"s3 store\",\"layout\":9}";
        let request = client.put_object().bucket(BUCKET).key("p/cachectl.json");
        request.body(marker.as_bytes().to_vec().into()).send().await.expect("written");
        let error = store(&bucket).put_whole(head(URL), "x".into()).await.expect_err("refused");
        assert_eq!(error.code(), "version_too_new");
        let found: Vec<_> = store(&bucket).scan(Query::default()).collect().await;
        assert_eq!(found[0].as_ref().expect_err("refused").code(), "version_too_new");
    });
}

#[test]
fn a_body_in_parts_comes_back_whole() {
    with_bucket(Switches::default(), |bucket| async move {
        let store = store(&bucket);
        for length in [8 << 20, (8 << 20) + 1, (20 << 20) + 5] {
            let body = noise(length as u64, length);
            let found = store.put_whole(head(URL), body.clone()).await.expect("stored");
            assert_eq!(store.body_of(&found).await.expect("the body"), body, "{length}");
        }
        // Parts of an upload that is given up cost money for ever.
        let mut put = store.put(head(URL)).await.expect("a put");
        put.write(noise(3, 20 << 20)).await.expect("written");
        drop(put);
        let started = Instant::now();
        while !requests(&bucket).iter().any(|r| r.starts_with("DELETE bodies")) {
            assert!(started.elapsed() < Duration::from_secs(10), "the upload is not aborted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let switches = Switches { break_after: Some(1_500_000), ..Switches::default() };
    with_bucket(switches, |bucket| async move {
        let store = store(&bucket);
        let body = noise(4, 6 << 20);
        let found = store.put_whole(head(URL), body.clone()).await.expect("stored");
        assert_eq!(store.body_of(&found).await.expect("the body"), body);
    });
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let switches = Switches { fail_every: Some(3), ..Switches::default() };
    with_bucket(switches, |bucket| async move {
        let store = store(&bucket);
        for i in 0..10 {
            let head = head(&format!("https://example.org/{i}"));
            let found = store.put_whole(head.clone(), noise(i, 30_000)).await.expect("stored");
            assert_eq!(store.body_of(&found).await.expect("the body"), noise(i, 30_000));
        }
        let found: Vec<_> = store.scan(Query::default()).collect().await;
        assert_eq!(found.iter().filter(|f| f.is_ok()).count(), 10);
    });
}

#[test]
fn too_many_requests_is_asked_again_too() {
    let refusal = Refusal::new(429, "TooManyRequests", "slow down");
    let switches = Switches { refuses_every: Some((3, refusal)), ..Switches::default() };
    let scene = Scene::new(switches);
    for _ in 0..3 {
        assert_eq!(scene.get().code, 0);
    }
    let listed = scene.desk.ok(&["list", "--backend", &scene.bucket.address()]);
    assert_eq!(listed.lines().count(), 1, "{listed}");
}

#[test]
fn servers_that_do_not_remove_many_at_once_will_do() {
    for (status, code) in [
        (501, "NotImplemented"),
        (405, "MethodNotAllowed"),
        (400, "InvalidRequest"),
        (400, "MissingContentMD5"),
        (411, "MissingContentLength"),
    ] {
        let refuses_bulk =
            Some(Refusal::new(status, code, "Missing required header: Content-Md5."));
        with_bucket(Switches { refuses_bulk, ..Switches::default() }, |bucket| async move {
            let store = store(&bucket);
            let mut wanted = Vec::new();
            for i in 0..20 {
                let head = head(&format!("https://example.org/{i}"));
                // Every other one has a body beside it.
                let length = if i % 2 == 0 { 30_000 } else { 10 };
                let found = store.put_whole(head, noise(i, length)).await.expect("stored");
                wanted.push((found.head.id, found.stamp));
            }
            let removed = store.remove_many(&wanted).await.expect("outcomes");
            let done = removed.iter().filter(|r| matches!(r, Ok(Outcome::Done(_)))).count();
            assert_eq!(done, 20, "{code}: {removed:?}");
            store.close().await.expect("closed");
            let client = bucket.client();
            let left = client.list_objects_v2().bucket(BUCKET).send().await.expect("a listing");
            let left = left.contents().iter().filter_map(|object| object.key());
            let left: Vec<_> =
                left.filter(|key| key.contains("entries/") || key.contains("bodies/")).collect();
            assert_eq!(left, Vec::<&str>::new(), "{code}");
            let log = bucket.server.log.lock().expect("the log");
            let bulk = log.iter().filter(|line| line.contains("?delete")).count();
            assert!(bulk <= 1, "{code}: it is tried once");
        });
    }
    // A refusal that is none of these stays one.
    let denied = Some(Refusal::new(403, "AccessDenied", "no"));
    with_bucket(Switches { refuses_bulk: denied, ..Switches::default() }, |bucket| async move {
        let store = store(&bucket);
        let mut wanted = Vec::new();
        for i in 0..3 {
            let head = head(&format!("https://example.org/{i}"));
            let found = store.put_whole(head, noise(i, 10)).await.expect("stored");
            wanted.push((found.head.id, found.stamp));
        }
        let removed = store.remove_many(&wanted).await.expect("outcomes");
        assert!(removed.iter().all(Result::is_err), "{removed:?}");
    });
}

#[test]
fn servers_without_conditions_will_do() {
    for switches in [
        Switches { no_if_match: true, ..Switches::default() },
        Switches { no_conditions: true, ..Switches::default() },
    ] {
        with_bucket(switches, |bucket| async move {
            let store = store(&bucket);
            let de = store.put_whole(variant_head(URL, "de"), "de".into()).await.expect("stored");
            store.put_whole(variant_head(URL, "en"), "en".into()).await.expect("stored");
            store.put_whole(variant_head(URL, "de"), "de2".into()).await.expect("replaced");
            let found = store.candidates(&de.head.id.key).await.expect("an answer");
            assert_eq!(found.len(), 2);
            let outcome = store.remove(&de.head.id, Some(de.stamp)).await.expect("compared");
            assert_eq!(outcome, cachectl::Outcome::Changed);
            store.remove(&de.head.id, None).await.expect("removed");
            assert_eq!(store.candidates(&de.head.id.key).await.expect("an answer").len(), 1);
        });
    }
}

/// A bucket, an origin, and a program with the bucket's credentials.
struct Scene {
    desk: Desk,
    bucket: Bucket,
    origin: Origin,
}

impl Scene {
    fn new(switches: Switches) -> Self {
        let mut desk = Desk::new();
        for (name, value) in environment() {
            desk = desk.env(name, value);
        }
        let bucket = Bucket::with(&desk.file("buckets"), switches);
        let origin = Origin::start(|_| response("200 OK", "Cache-Control: max-age=60", "hello"));
        Scene { desk, bucket, origin }
    }

    fn refusing(status: u16, code: &str, message: &str) -> Self {
        let refuses = Some(Refusal::new(status, code, message));
        Scene::new(Switches { refuses, ..Switches::default() })
    }

    fn get(&self) -> Ran {
        self.desk.run(&["get", "--backend", &self.bucket.address(), &self.origin.url("/a")])
    }
}

#[test]
fn get_misses_then_hits_in_a_second_process() {
    let scene = Scene::new(Switches::default());
    let endpoint = scene.bucket.endpoint();
    let url = scene.origin.url("/a");
    for address in [
        format!("s3://{BUCKET}?endpoint={endpoint}"),
        format!("s3://{BUCKET}/team/http?endpoint={endpoint}&serializer=bincode"),
    ] {
        assert_eq!(scene.desk.verdict(&["--backend", &address, &url]), "miss");
        assert_eq!(scene.desk.verdict(&["--backend", &address, &url]), "hit");
        let listed = scene.desk.ok(&["list", "--backend", &address]);
        assert!(listed.contains(&url), "{listed}");
        let seen = scene.desk.ok(&["inspect", "--backend", &address, &url]);
        assert!(seen.contains("location    s3://bucket/"), "{seen}");
    }
    assert!(scene.desk.file("buckets/bucket/hishel/entries").is_dir(), "the default prefix");
    assert!(scene.desk.file("buckets/bucket/team/http/entries").is_dir(), "a path is a prefix");
    let whole = format!("s3://{BUCKET}?prefix=&endpoint={endpoint}");
    let ran = scene.desk.run(&["get", "--backend", &whole, &url]);
    ran.failed(5, &["not stored", "something else", "prefix="]);
}

#[test]
fn a_transfer_that_breaks_off_leaves_no_upload() {
    let scene = Scene::new(Switches::default());
    let origin = Origin::start(|_| {
        vec![
            Step::Send(head_only("200 OK", "Cache-Control: max-age=60\nContent-Length: 40000000")),
            Step::Fill { pattern: vec![b'x'; 1000], bytes: 20_000_000 },
            Step::Close,
        ]
    });
    let address = scene.bucket.address();
    let ran = scene.desk.run(&["get", "-o", "out", "--backend", &address, &origin.url("/")]);
    ran.failed(6, &["broke off"]);
    let log = scene.bucket.server.log.lock().expect("the log");
    let has = |method: &str, part: &str| {
        log.iter().any(|line| line.starts_with(method) && line.contains(part))
    };
    assert!(has("POST", "uploads") && has("PUT", "partNumber=2"), "{log:?}");
    assert!(has("DELETE", "uploadId="), "the upload is aborted: {log:?}");
}

#[test]
fn a_private_answer_is_for_its_credential_only() {
    let scene = Scene::new(Switches::default());
    let origin = Origin::start(|_| response("200 OK", "Cache-Control: private, max-age=60", "x"));
    let (address, url) = (scene.bucket.address(), origin.url("/"));
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
fn a_refusal_is_explained_with_a_way_out() {
    let scene = Scene::new(Switches::default());
    let missing = format!("s3://nowhere?endpoint={}", scene.bucket.endpoint());
    let ran = scene.desk.run(&["list", "--backend", &missing]);
    ran.failed(3, &["there is no bucket nowhere", "NoSuchBucket", "try:"]);

    let mut wrong = Scene::new(Switches::default());
    wrong.desk = Desk::new()
        .env("AWS_ACCESS_KEY_ID", "testak")
        .env("AWS_SECRET_ACCESS_KEY", "not-the-secret")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = wrong.get();
    ran.failed(3, &["credentials are not accepted", "SignatureDoesNotMatch", "AWS_SECRET"]);
    assert!(!ran.stderr.contains("not-the-secret"));
    assert_eq!(wrong.origin.hits(), 0, "the store is looked at first");

    let mut none = Scene::new(Switches::default());
    none.desk = Desk::new().env("AWS_EC2_METADATA_DISABLED", "true");
    none.get().failed(3, &["no credentials", "AWS_ACCESS_KEY_ID"]);
    // The same where a machine has a metadata service that gives none.
    let metadata = Origin::start(|_| response("403 Forbidden", "", ""));
    none.desk = Desk::new().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url(""));
    none.get().failed(3, &["no credentials", "AWS_ACCESS_KEY_ID"]);
    assert!(metadata.hits() > 0, "it was asked");

    let expired = "The provided token has expired.";
    Scene::refusing(400, "ExpiredToken", expired).get().failed(3, &["has expired", "log in again"]);
    let skewed = "The difference between the request time and the current time is too large.";
    let scene = Scene::refusing(403, "RequestTimeTooSkewed", skewed);
    scene.get().failed(3, &["clocks", "fifteen minutes"]);
    let denied = Refusal::new(403, "AccessDenied", "Access Denied");
    let scene = Scene::new(Switches { refuses_writes: Some(denied), ..Switches::default() });
    let ran = scene.get();
    ran.failed(5, &["not stored", "s3:PutObject on s3://bucket/hishel/", "permission"]);
    assert_eq!(ran.text(), "hello", "what was fetched is delivered");
    let elsewhere = Refusal {
        region: Some("eu-west-1".to_owned()),
        ..Refusal::new(301, "PermanentRedirect", "Use the other endpoint.")
    };
    let scene = Scene::new(Switches { refuses: Some(elsewhere), ..Switches::default() });
    scene.get().failed(3, &["another region", "eu-west-1", "region="]);
    let scene = Scene::refusing(503, "SlowDown", "Please reduce your request rate.");
    scene.get().failed(3, &["overloaded", "SlowDown", "a little later"]);
}

#[test]
fn an_address_that_cannot_be_is_a_usage_error() {
    let desk = Desk::new();
    for (address, said) in [
        ("s3", "the bucket is missing"),
        ("s3://", "no name of a bucket"),
        ("s3://AKIA:secret@bucket", "credentials do not belong"),
        ("s3://b?endpoint=localhost:9000", "endpoint=https://localhost:9000"),
        ("s3://b/p?prefix=q", "prefix"),
        ("s3://b?checksum=maybe", "when_required"),
    ] {
        let ran = desk.run(&["list", "--backend", address]);
        ran.failed(2, &[said]);
        assert!(!ran.stderr.contains(":secret"), "{}", ran.stderr);
    }
}

#[test]
fn nobody_at_the_endpoint_is_an_error_soon() {
    let mut desk = Desk::new();
    for (name, value) in environment() {
        desk = desk.env(name, value);
    }
    let started = Instant::now();
    let ran = desk.run(&["list", "--backend", "s3://b?endpoint=http://127.0.0.1:1"]);
    ran.failed(3, &["cannot be reached", "refused", "endpoint="]);
    assert!(started.elapsed() < Duration::from_secs(30));
    let scene = Scene::new(Switches { hangs: true, ..Switches::default() });
    let started = Instant::now();
    scene.get().failed(3, &["no answer from", "try:"]);
    assert!(started.elapsed() < Duration::from_secs(60), "once, and not five times");
}

#[test]
fn keys_are_listed_and_many_are_removed_with_few_requests() {
    with_bucket(Switches::default(), |bucket| async move {
        let store = store(&bucket);
        let mut stored = Vec::new();
        for i in 0..40 {
            let head = head(&format!("https://example.org/{i}"));
            let found = store.put_whole(head, "x".into()).await.expect("stored");
            stored.push((found.head.id, found.stamp));
        }
        requests(&bucket);
        let keys: Vec<_> = store.scan(Query::with_detail(Detail::Key)).collect().await;
        assert_eq!(keys.len(), 40);
        let asked = requests(&bucket);
        assert!(!asked.iter().any(|line| line.contains("entries")), "no object is read: {asked:?}");
        store.remove_many(&stored).await.expect("outcomes");
        let asked = requests(&bucket);
        let reads = asked.iter().filter(|line| line.starts_with("GET")).count();
        assert_eq!((reads, asked.len() - reads), (40, 2), "{asked:?}");
        assert_eq!(
            store.needed_upkeep().expect("it has one").usage().await.expect("usage").entries,
            0
        );
    });
}
