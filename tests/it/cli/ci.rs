//! What the repository offers for CI: the script is run, and what it says is true.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::testkit::origin::{Origin, response};
use crate::testkit::program::{Desk, Ran};
use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{Bucket, environment};

/// The script, with the program in the path.
fn script(desk: &Desk, store: &str, args: &[&str]) -> Ran {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_cachectl"));
    let folder = program.parent().expect("a folder").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .arg("-eu")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/ci/http-cache.sh"))
        .args(args)
        .current_dir(desk.path())
        .env_clear()
        .env("HOME", desk.path())
        .env("PATH", format!("{folder}:{path}"))
        .env("CACHECTL_BACKEND", store)
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn one_job_fills_and_the_others_run_offline() {
    for store in ["file:.http-cache", "sqlite:http.db"] {
        let desk = Desk::new();
        let changed = Arc::new(AtomicBool::new(false));
        let is_changed = Arc::clone(&changed);
        let origin = Origin::start(move |_| {
            let body = if is_changed.load(Ordering::SeqCst) { "new" } else { "old" };
            response("200 OK", "Cache-Control: max-age=60", body)
        });
        let url = origin.url("/fixture");
        desk.write("ci/urls.txt", format!("# fixtures\n{url}\n"));
        let run = |args: &[&str]| script(&desk, store, args);
        let get = ["run", "cachectl", "get", url.as_str()];
        assert_eq!(run(&["fill"]).code, 0);
        assert_eq!(run(&["update"]).code, 0);
        assert_eq!(run(&["fill"]).code, 0);
        assert_eq!(run(&get).text(), "old");
        // Also from another folder, though the store's address is relative.
        let below = format!("mkdir -p sub && cd sub && cachectl get {url}");
        assert_eq!(run(&["run", "bash", "-c", &below]).text(), "old", "{store}");
        run(&["run"]).failed(2, &["which command?"]);
        // Somebody changes the fixture: told, and without effect.
        changed.store(true, Ordering::SeqCst);
        desk.ok(&["touch", "--stale", "--backend", store, &url]);
        run(&["fill"]).failed(1, &["its body is another", &url]);
        assert_eq!(run(&get).text(), "old");
        // Meant: the lock changes, and so does what the jobs see.
        let before = std::fs::read(desk.file("ci/urls.lock")).expect("the lock");
        assert_eq!(run(&["update"]).code, 0);
        assert_ne!(std::fs::read(desk.file("ci/urls.lock")).expect("the lock"), before);
        origin.stop();
        assert_eq!(run(&get).text(), "new");
        let other = origin.url("/unlisted");
        run(&["run", "cachectl", "get", &other]).failed(1, &["not in the lock file"]);
        run(&["nonsense"]).failed(2, &["http-cache.sh fill"]);
    }
}

#[test]
fn forty_processes_run_offline_from_one_store() {
    let origin = Origin::start(|seen| {
        response("200 OK", "Cache-Control: max-age=3600", format!("body of {}", seen.target))
    });
    let folder = tempfile::tempdir().expect("a folder");
    let redis = RedisServer::start(folder.path());
    let bucket = Bucket::start(folder.path());
    let desk =
        environment().into_iter().fold(Desk::new(), |desk, (name, value)| desk.env(name, value));
    let list: String = (0..40).map(|i| format!("{}\n", origin.url(&format!("/{i}")))).collect();
    desk.write("urls.txt", list);
    let stores = ["file:f?readonly=true".to_owned(), redis.address(), bucket.address()];
    for store in &stores {
        let writable = store.trim_end_matches("?readonly=true");
        desk.ok(&["warm", "--from", "urls.txt", "--backend", writable]);
    }
    let asked = origin.hits();
    origin.stop();
    for store in &stores {
        let children: Vec<_> = (0..40)
            .map(|i| {
                let url = origin.url(&format!("/{i}"));
                let mut command = desk.command(&["get", "--offline", "--backend", store, &url]);
                command.stdout(Stdio::piped()).spawn().expect("it runs")
            })
            .collect();
        for (i, child) in children.into_iter().enumerate() {
            let output = child.wait_with_output().expect("it ends");
            assert_eq!(String::from_utf8_lossy(&output.stdout), format!("body of /{i}"), "{store}");
        }
    }
    assert_eq!(origin.hits(), asked);
}
