//! Project files of cloned repositories.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use super::{Forge, Scene, fifo, items, link, shelf};
use crate::testkit::alone;

/// The user's own file.
const OWN: &str = ".config/cachectl/config.toml";

/// What a stranger may not say: the file, and what is said of it.
const REFUSED: &[(&str, &str)] = &[
    ("backend = \"redis://HOST/0\"", "may not name the store"),
    ("backend = \"redis://HOST/0?password_file=/etc/passwd\"", "may not name"),
    (
        "[backends.x]\naddress = \"redis://HOST/0\"\npassword_file = \"/etc/passwd\"",
        "name files to read",
    ),
    ("[backends.x]\naddress = \"rediss://HOST/0\"\nca = \"/etc/passwd\"", "name files to read"),
    ("backend = \"x\"\n[backends.x]\naddress = \"redis://HOST/0\"", "may not name the store"),
    ("backend = \"s3://bucket?endpoint=http://HOST\"", "may not name the store"),
    (
        "backend = \"x\"\n[backends.x]\naddress = \"s3://bucket\"\nendpoint = \"http://HOST\"",
        "may not name the store",
    ),
    (
        "[backends.x]\naddress = \"file:x\"\npassword_command = [\"touch\", \"outside/run\"]",
        "may not name commands",
    ),
    ("backend = \"file:../outside/store\"", "outside of the project"),
    ("backend = \"file:/ELSEWHERE\"", "outside of the project"),
    ("backend = \"file:~/store\"", "outside of the project"),
    ("backend = \"file:a/../../outside\"", "outside of the project"),
    ("backend = \"sqlite:../outside/c.db\"", "outside of the project"),
    ("backend = \"file:link/store\"", "outside of the project"),
    (
        "backend = \"x\"\n[backends.x]\naddress = \"file:../outside/store\"",
        "outside of the project",
    ),
    ("backend = \"own\"", "may not name the store"),
    ("[backends.own]\naddress = \"file:mine\"", "redefine your own store"),
    ("[http]\nheaders = { \"X-Planted\" = \"1\" }", "header fields for all hosts"),
    ("trusted_projects = [\"/\"]", "cannot vouch for itself"),
];

/// A project in a folder of its own, with a listener that nobody should connect to.
fn project(scene: &Scene, file: &str, listener: &TcpListener) {
    let host = listener.local_addr().expect("an address").to_string();
    let elsewhere = scene.desk.file("outside/store");
    let file = file.replace("HOST", &host);
    let file = file.replace("/ELSEWHERE", &elsewhere.display().to_string());
    scene.desk.write("project/.git/HEAD", "x");
    scene.desk.write("project/.cachectl.toml", file);
    link(&scene.desk.file("project/link"), &scene.desk.file("outside/folder"));
}

#[test]
fn a_stranger_may_not_say_that() {
    if !alone::is_child() {
        return alone::run_here();
    }
    for (file, said) in REFUSED {
        let scene = Scene::new();
        scene.desk.write(OWN, "[backends.own]\naddress = \"file:~/own\"\n");
        shelf::fill(&scene.desk, "file:own", &items());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("set");
        project(&scene, file, &listener);
        for args in [
            &["list"][..],
            &["get", "--offline", "https://e.org/"],
            &["gc", "--yes"],
            &["purge", "--all", "--yes"],
            &["config", "check", "--connect"],
        ] {
            let output = scene
                .desk
                .command(args)
                .current_dir(scene.desk.file("project"))
                .env("CACHECTL_REDIS_PASSWORD", "secret")
                .output()
                .expect("the program runs");
            let stderr = String::from_utf8_lossy(&output.stderr);
            let told =
                format!("{file} {args:?}: {stderr}{}", String::from_utf8_lossy(&output.stdout));
            let names_only = file.starts_with("[backends.x]")
                && !file.contains("password_command")
                && !file.contains("password_file")
                && !file.contains("ca =");
            if !names_only && args[0] != "config" {
                assert_eq!(output.status.code(), Some(2), "{told}");
                assert!(stderr.contains(said), "{told}");
            }
            std::thread::sleep(Duration::from_millis(2));
            assert!(listener.accept().is_err(), "{told}: somebody was connected to");
            scene.check_outside(&told);
        }
    }
}

#[test]
fn who_is_trusted_may() {
    let scene = Scene::new();
    scene.desk.write("project/.git/HEAD", "x");
    scene.desk.write("project/.cachectl.toml", "backend = \"file:../elsewhere\"\n");
    let run = |scene: &Scene| {
        let mut command = scene.desk.command(&["config", "show"]);
        let output = command.current_dir(scene.desk.file("project")).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run(&scene).0, Some(2));
    let folder = scene.desk.file("project");
    scene.desk.write(OWN, format!("trusted_projects = [{folder:?}]\n"));
    let (code, shown) = run(&scene);
    assert_eq!(code, Some(0));
    assert!(shown.contains("elsewhere"), "{shown}");
    // A folder that only begins alike is another.
    scene.desk.write(OWN, format!("trusted_projects = [{:?}]\n", scene.desk.file("proj")));
    assert_eq!(run(&scene).0, Some(2));
    scene.desk.write(OWN, "trusted_projects = [\"~/project\"]\n");
    assert_eq!(run(&scene).0, Some(0));
}

#[test]
fn a_project_file_is_a_file() {
    if !alone::is_child() {
        return alone::run_here();
    }
    let cases: [(&str, Forge); 5] = [
        ("a pipe", |s| fifo(&s.desk.file(".cachectl.toml"))),
        ("a device", |s| link(&s.desk.file(".cachectl.toml"), std::path::Path::new("/dev/zero"))),
        ("a folder", |s| fs::create_dir(s.desk.file(".cachectl.toml")).expect("made")),
        ("endless", |s| super::sparse(&s.desk.file(".cachectl.toml"), b"", 4 << 30)),
        ("without a bottom", |s| {
            s.desk.write(".cachectl.toml", format!("backend = {}", "[".repeat(500_000)));
        }),
    ];
    for (what, make) in cases {
        let scene = Scene::new();
        make(&scene);
        let ran = scene.run(&["list"], what);
        assert_ne!(ran.code, 0, "{what}");
        assert_eq!(scene.run(&["--no-config", "list"], what).code, 3, "{what}: there is no store");
    }
}

/// A link where the default store would be leads nowhere.
#[test]
fn the_usual_place_is_no_link() {
    let scene = Scene::new();
    link(&scene.desk.file(".hishel_cache"), &scene.desk.file("outside/folder"));
    for args in [&["list"][..], &["get", "http://127.0.0.1:1/"], &["purge", "--all", "--yes"]] {
        assert_ne!(scene.run(args, "a link for the default store").code, 0, "{args:?}");
    }
    link(&scene.desk.file(".hishel.sqlite"), &scene.precious());
    for args in [&["list"][..], &["get", "http://127.0.0.1:1/"]] {
        let args = [args, &["--backend", "sqlite"]].concat();
        assert_ne!(scene.run(&args, "a link for the default database").code, 0, "{args:?}");
    }
}
