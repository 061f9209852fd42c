//! Standard output that cannot be written: a reader that has gone ends the program quietly, a full
//! device is told as what it is, and what was done is done.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::Stdio;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{self, HOUR, item};

const URL: &str = "https://e.org/1";

/// Everything that writes to standard output, in each of its formats.
const COMMANDS: [&[&str]; 46] = [
    &["list"],
    &["list", "--json"],
    &["list", "--format", "ndjson"],
    &["list", "--format", "csv"],
    &["list", "--format", "table"],
    &["list", "--keys"],
    &["list", "--keys", "-0"],
    &["list", "--sort", "size"],
    &["inspect", "--key", "*"],
    &["inspect", "--key", "*", "--json"],
    &["inspect", "--key", "*", "--format", "ndjson"],
    &["inspect", URL, "--raw"],
    &["stats"],
    &["stats", "--json"],
    &["stats", "--format", "table"],
    &["explain", URL],
    &["explain", URL, "--json"],
    &["explain", URL, "--format", "ndjson"],
    &["verify", "--json"],
    &["export", "--as", "archive", "-o", "-"],
    &["export", "--as", "har", "-o", "-"],
    &["export", "--as", "csv", "-o", "-"],
    &["get", "--offline", URL],
    &["get", "--offline", "-i", URL],
    &["get", "--offline", "-I", URL],
    &["get", "--offline", "--json", URL],
    &["get", "--offline", "-w", "%{cache}", URL],
    &["get", "--offline", "-o", "out", "-w", "%{cache}", URL],
    &["body", URL],
    &["purge", "--all", "-n"],
    &["purge", "--all", "-n", "--json"],
    &["gc", "--older-than", "1s", "-n"],
    &["touch", URL, "--add-tag", "t"],
    &["convert", "--to", "yaml", "-n"],
    &["migrate", "file:s", "file:t", "-n"],
    &["migrate", "file:s", "file:t", "-n", "--json"],
    &["diff", "file:s", "file:other"],
    &["diff", "file:s", "file:other", "--json"],
    &["diff", "file:s", "file:other", "--format", "ndjson"],
    &["import", "x.ndjson", "-n"],
    &["config", "show"],
    &["config", "show", "--json"],
    &["config", "path"],
    &["completions", "bash"],
    &["--help"],
    &["--version"],
];

fn desk() -> Desk {
    let desk = Desk::new().env("CACHECTL_BACKEND", "file:s");
    // More than a pipe holds.
    let urls: Vec<&'static str> =
        (0..1500).map(|i| &*format!("https://e.org/{i}").leak()).collect();
    let items: Vec<_> = urls.iter().map(|url| item(url, HOUR)).collect();
    shelf::fill(&desk, "file:s", &items);
    shelf::fill(&desk, "file:other", &[item("https://e.org/other", HOUR)]);
    desk.ok(&["export", "-q", "-o", "x.ndjson"]);
    desk
}

/// Runs a command with this as its standard output; gives its exit code and what it says.
fn run(desk: &Desk, args: &[&str], output: Stdio) -> (Option<i32>, String) {
    let ran = desk.command(args).stdout(output).stderr(Stdio::piped()).output().expect("it runs");
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
fn a_full_device_is_named() {
    let desk = desk();
    for args in COMMANDS {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let (code, said) = run(&desk, args, full.into());
        assert_eq!(code, Some(8), "{args:?}: {said}");
        assert!(said.contains("No space left"), "{args:?}: {said}");
        assert!(!said.contains("bug"), "{args:?}: {said}");
    }
}

#[test]
fn a_reader_that_has_gone_is_no_trouble() {
    let desk = desk();
    for args in COMMANDS {
        // At once, and behind the first byte.
        for first in [false, true] {
            let (mut reader, writer) = std::io::pipe().expect("a pipe");
            let mut command = desk.command(args);
            let child = command.stdout(writer).stderr(Stdio::piped());
            if first {
                let mut child = child.spawn().expect("it runs");
                drop(command);
                let _ = reader.read(&mut [0]);
                drop(reader);
                let mut said = String::new();
                child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
                let code = child.wait().expect("it ends").code();
                let wanted = if args[0] == "diff" { [Some(0), Some(1)] } else { [Some(0); 2] };
                assert!(wanted.contains(&code), "{args:?}: {code:?} {said}");
                assert!(!said.contains("error"), "{args:?}: {said}");
            } else {
                drop(reader);
                let ran = child.output().expect("it runs");
                let said = String::from_utf8_lossy(&ran.stderr);
                assert_eq!(ran.status.code(), Some(0), "{args:?}: {said}");
                assert!(!said.contains("error"), "{args:?}: {said}");
            }
        }
    }
}

#[test]
fn what_was_done_is_told_though_the_output_is_full() {
    let desk = desk();
    for (args, told) in [
        (&["purge", URL, "--yes"][..], "removed 1 entry"),
        (&["gc", "--max-entries", "10", "--yes"], "removed 1489 entries"),
        (&["migrate", "file:s", "file:there"], "copied and verified 10 entries"),
        (&["convert", "--to", "yaml"], "converted 10 entries"),
        (&["import", "x.ndjson"], "imported 1490 entries"),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let (code, said) = run(&desk, args, full.into());
        assert_eq!(code, Some(8), "{args:?}: {said}");
        assert!(said.contains(told), "{args:?}: {said}");
    }
    assert_eq!(desk.ok(&["list", "--keys", "--backend", "file:there"]).lines().count(), 10);
}

/// A connection that breaks is trouble with a store, whoever reads the output.
#[test]
fn a_broken_connection_is_no_reader_that_has_gone() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("redis://{}", listener.local_addr().expect("an address"));
    let serving = std::thread::spawn(move || {
        for stream in listener.incoming().take(20).flatten() {
            drop(stream);
        }
    });
    let ran = Desk::new().run(&["list", "--backend", &address]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    drop(serving);
}
