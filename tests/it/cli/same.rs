//! One store under several names: whatever removes something from one of a pair, and whatever
//! compares two, knows a store by what it is.

use std::net::TcpListener;
use std::path::Path;

use cachectl::Manage;

use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{Bucket, environment};
use crate::testkit::shelf::{self, assortment};

/// Fails unless every command that works on a pair refuses these two, in either order, and the
/// store is as it was.
fn is_refused(desk: &Desk, one: &str, other: &str) {
    let count = |store: &str| desk.ok(&["list", "--backend", store]).lines().count();
    let before = count(one);
    assert!(before > 0, "{one} has entries");
    for (a, b) in [(one, other), (other, one)] {
        for args in [
            &["migrate", a, b, "--move", "--yes", "--include-expired"][..],
            &["migrate", a, b, "--mirror", "--yes", "--include-expired"],
            &["migrate", a, b, "--move", "--yes", "--host", "*"],
            &["migrate", a, b],
            &["migrate", a, b, "--move", "--dry-run"],
            &["diff", a, b],
        ] {
            let ran = desk.run(args);
            assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.text(), ran.stderr);
            assert!(ran.stderr.contains("are one store"), "{args:?}: {}", ran.stderr);
            assert_eq!(count(one), before, "{args:?}");
        }
    }
}

/// Fails unless two stores are taken for two.
fn are_two(desk: &Desk, one: &str, other: &str) {
    let moved = desk.run(&["migrate", one, other, "--include-expired"]);
    assert_eq!(moved.code, 0, "{one} {other}: {}", moved.stderr);
    let ran = desk.run(&["diff", one, other]);
    assert_eq!(ran.code, 0, "{one} {other}: {}{}", ran.text(), ran.stderr);
}

fn link(desk: &Desk, name: &str, to: impl AsRef<Path>) {
    std::os::unix::fs::symlink(to, desk.file(name)).expect("a link");
}

#[test]
fn folders() {
    let desk = Desk::new();
    shelf::fill(&desk, "file:below/a", &assortment());
    let whole = format!("file:{}", desk.file("below/a").display());
    desk.write(
        ".config/cachectl/config.toml",
        "[backends.mine]\naddress = \"file:~/below/a\"\nserializer = \"yaml\"\n",
    );
    link(&desk, "link", desk.file("below/a"));
    link(&desk, "around", "below");
    for other in [
        "file:./below/a",
        "file:below/a/",
        "file:below//a",
        "file:below/../below/a",
        "file:below/a?layout=native",
        "file:below/a?ttl=1h&check_ttl_every=5m&serializer=bincode",
        "file:%62elow/%61",
        "file:link",
        "file:around/a",
        "file:~/below/a",
        "mine",
        &whole,
    ] {
        is_refused(&desk, "file:below/a", other);
    }
    are_two(&desk, "file:below/a", "file:below/b");
    // A copy is another store, though it has the mark of the first.
    let copied = std::process::Command::new("cp")
        .args(["-r", "below/a", "copy"])
        .current_dir(desk.path())
        .status();
    assert!(copied.expect("cp runs").success());
    are_two(&desk, "file:below/a", "file:copy");
}

#[test]
fn databases() {
    let desk = Desk::new();
    shelf::fill(&desk, "sqlite:a.db", &assortment());
    std::fs::hard_link(desk.file("a.db"), desk.file("hard.db")).expect("a link");
    link(&desk, "soft.db", "a.db");
    for other in [
        "sqlite:./a.db",
        "sqlite:a.db?table=cache",
        "sqlite:a.db?table=CACHE",
        "sqlite:a.db?busy_timeout=9s&layout=native",
        "sqlite:%61.db",
        "sqlite:hard.db",
        "sqlite:soft.db",
    ] {
        is_refused(&desk, "sqlite:a.db", other);
    }
    are_two(&desk, "sqlite:a.db", "sqlite:a.db?table=other");
    are_two(&desk, "sqlite:a.db", "sqlite:b.db");
}

#[test]
fn stores_of_hishel() {
    let desk = Desk::new();
    shelf::fill(&desk, "file:seed", &assortment());
    for (layout, place) in [
        ("hishel-0", "file:h0"),
        ("hishel-0", "sqlite:h0.db"),
        ("hishel-1", "sqlite:h1.db"),
        ("hishel-2", "sqlite:h2.db"),
    ] {
        let (kind, name) = place.split_once(':').expect("an address");
        let store = format!("{place}?layout={layout}");
        // Not everything has a place there.
        desk.run(&["migrate", "file:seed", &store]);
        link(&desk, &format!("link-{name}"), name);
        for other in [
            format!("{kind}:./{name}?layout={layout}"),
            format!("{kind}:link-{name}?layout={layout}"),
            place.to_owned(),
        ] {
            is_refused(&desk, &store, &other);
        }
    }
}

#[test]
fn servers() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        free.local_addr().expect("an address").port().to_string()
    };
    let redis = RedisServer::with(folder.path(), &["--port", &port, "--bind", "127.0.0.1", "-::1"]);
    let desk = Desk::new();
    shelf::fill(&desk, "file:seed", &assortment());
    let store = format!("redis://127.0.0.1:{port}");
    desk.ok(&["migrate", "file:seed", &store]);
    for other in [
        format!("redis://127.0.0.1:{port}/"),
        format!("redis://127.0.0.1:{port}/0"),
        format!("redis://127.0.0.1:{port}?db=0"),
        format!("redis://127.0.0.1:{port}/0?namespace=hishel"),
        format!("redis://localhost:{port}"),
        format!("redis://LOCALHOST:{port}?batch=7"),
        format!("redis://127.0.0.1:{port}?layout=native"),
        redis.address(),
        format!("{}?db=0", redis.address()),
    ] {
        is_refused(&desk, &store, &other);
    }
    are_two(&desk, &store, &format!("redis://127.0.0.1:{port}/1"));
    are_two(&desk, &store, &format!("redis://127.0.0.1:{port}?namespace=other"));
}

#[test]
fn buckets() {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::start(folder.path());
    let mut desk = Desk::new();
    for (name, value) in environment() {
        desk = desk.env(name, value);
    }
    shelf::fill(&desk, "file:seed", &assortment());
    let store = bucket.address();
    desk.ok(&["migrate", "file:seed", &store]);
    let endpoint = bucket.endpoint();
    let by_name = endpoint.replace("127.0.0.1", "localhost");
    for other in [
        format!("{store}&prefix=hishel/"),
        format!("{store}/"),
        format!("{store}&region=eu-west-1"),
        format!("{store}&layout=native"),
        format!("s3://bucket?endpoint={by_name}"),
        format!("s3://bucket?endpoint={by_name}/&prefix=hishel/"),
    ] {
        is_refused(&desk, &store, &other);
    }
    are_two(&desk, &store, &format!("{store}&prefix=other/"));
}

/// A store is tried out with an entry, and whoever does so may be killed.
#[test]
fn what_a_killed_trial_has_left_is_no_entry() {
    let url = cachectl::UrlText::parse("http://cachectl.invalid/is-this-one-store").expect("a URL");
    let request = cachectl::Request::new(cachectl::Method::GET, url);
    let key = cachectl::Key::native("", &request.method, &request.url);
    let id = cachectl::EntryId::new(key, cachectl::Variant::none());
    let now = cachectl::Timestamp::now();
    let mut left = cachectl::EntryHead::new(id, request, 200, cachectl::Headers::new(), now);
    left.expires_at = Some(now + std::time::Duration::from_secs(60));
    for kind in ["file", "sqlite"] {
        for (mode, loser) in [("--move", "a"), ("--mirror", "b")] {
            let (desk, a, b) = (Desk::new(), format!("{kind}:a"), format!("{kind}:b"));
            shelf::fill(&desk, &a, &assortment());
            let count = |store: &str| desk.ok(&["list", "--backend", store]).lines().count();
            let whole = count(&a);
            let address = format!("{kind}:{}", desk.file(loser).display());
            let store = cachectl::open_with(
                &address.parse().expect("an address"),
                cachectl::Access::Create,
            );
            let store = store.expect("a store").blocking().expect("a blocking store");
            cachectl::block_on(store.put_whole(left.clone(), bytes::Bytes::new())).expect("stored");
            drop(store);
            desk.ok(&["migrate", &a, &b, mode, "--yes", "--include-expired"]);
            assert_eq!(count(&a), if mode == "--move" { 0 } else { whole }, "{kind}");
            assert_eq!(count(&b), whole, "{kind}");
        }
    }
}

/// Whoever tries out a store at the same time as others learns what is so.
#[test]
fn trials_at_the_same_time_do_not_confuse_each_other() {
    use cachectl::transfer::shows_entries_of;
    let (desk, one) = (Desk::new(), "link");
    std::fs::create_dir(desk.file("a")).expect("made");
    link(&desk, one, desk.file("a"));
    let open = |name: &str| {
        let address = format!("file:{}", desk.file(name).display()).parse().expect("an address");
        cachectl::open_with(&address, cachectl::Access::Create).expect("a store").pooled()
    };
    let stores = ["a", one, "b"].map(open);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("one");
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (stores, runtime) = (&stores, &runtime);
            scope.spawn(move || {
                for _ in 0..20 {
                    let other = &stores[1 + number % 2];
                    let is_one = runtime.block_on(shows_entries_of(&*stores[0], &**other));
                    assert!(is_one.is_err() || is_one.ok() == Some(number % 2 == 0), "{number}");
                }
            });
        }
    });
}
