//! The files in `completions/` and `man/` are what the program makes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::testkit::program::Desk;

/// Set to write the files instead of comparing them.
const UPDATE: &str = "CACHECTL_UPDATE_GENERATED";

fn checked_in(folder: &str) -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("text"))
        })
        .collect()
}

fn compare(folder: &str, made: BTreeMap<String, String>) {
    if std::env::var_os(UPDATE).is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("made");
        for (name, text) in &made {
            fs::write(path.join(name), text).expect("written");
        }
    }
    let there = checked_in(folder);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    let way_out = format!("run the tests once with {UPDATE}=1");
    assert_eq!(names(&there), names(&made), "{way_out}");
    for (name, text) in made {
        assert!(there[&name] == text, "{folder}/{name} is stale: {way_out}");
    }
}

#[test]
fn completions_are_up_to_date() {
    let desk = Desk::new();
    let made = [
        ("bash", "cachectl.bash"),
        ("zsh", "_cachectl"),
        ("fish", "cachectl.fish"),
        ("powershell", "_cachectl.ps1"),
        ("elvish", "cachectl.elv"),
    ]
    .into_iter()
    .map(|(shell, file)| (file.to_owned(), desk.ok(&["completions", shell])))
    .collect();
    compare("completions", made);
}

#[test]
fn the_manual_is_up_to_date() {
    let desk = Desk::new();
    fs::create_dir(desk.file("man")).expect("made");
    desk.ok(&["man", "--dir", "man"]);
    let made = fs::read_dir(desk.file("man"))
        .expect("a folder")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("text"))
        })
        .collect();
    compare("man", made);
    assert!(desk.ok(&["man"]).contains("cachectl"));
}

#[test]
fn help_is_led_by_examples_and_fits_the_line() {
    let desk = Desk::new();
    for args in
        [&["--help"][..], &["-h"], &["get", "--help"], &["list", "-h"], &["config", "--help"], &[]]
    {
        let text = desk.ok(args);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{args:?}\n{text}");
        if args.len() < 2 {
            assert!(text.starts_with("Examples:"), "{text}");
        }
    }
}
