//! What the README and the pages in `docs/` show is run: each console block prints what it says,
//! and each command of a script block is one that cachectl understands.

mod running;

use std::fs;
use std::path::Path;

use crate::testkit::program::Desk;
use crate::testkit::shelf::{DAY, HOUR, assortment, item};
use running::Scene;

/// The pages, from the top of the repository.
const PAGES: [&str; 9] = [
    "README.md",
    "docs/archive.md",
    "docs/ci.md",
    "docs/hishel.md",
    "docs/moving.md",
    "docs/policy.md",
    "docs/shared-caches.md",
    "docs/upkeep.md",
    "CONTRIBUTING.md",
];

/// A fenced block: its language, the line that it begins at, and its lines.
struct Block {
    language: String,
    line: usize,
    lines: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{page}: {e}"));
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => {
                let language = language.trim().to_owned();
                open = Some(Block { language, line: number + 1, lines: Vec::new() });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block never ends");
    blocks
}

/// The commands of a script: lines, joined where a backslash ends them, up to pipes and comments.
fn commands(block: &Block) -> Vec<String> {
    let mut commands = Vec::new();
    let mut whole = String::new();
    for line in &block.lines {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        match line.strip_suffix('\\') {
            Some(start) => whole.push_str(start),
            None => {
                whole.push_str(line);
                commands.push(std::mem::take(&mut whole));
            }
        }
    }
    commands
}

/// The words of each call of cachectl in a command of a shell, quotes undone.
fn calls(command: &str) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let (mut quote, mut is_word) = (None, false);
    let mut chars = command.chars().peekable();
    let end_of = |words: &mut Vec<String>, calls: &mut Vec<Vec<String>>| {
        let start = words.iter().position(|word| word == "cachectl");
        // Nothing but variables may stand before it.
        if let Some(start) = start
            .filter(|&at| words[..at].iter().all(|w| w.contains('=') || w == "xargs" || w == "-0"))
        {
            calls.push(words[start + 1..].to_vec());
        }
        words.clear();
    };
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => (quote, is_word) = (Some(c), true),
            ('\\', None) => word.extend(chars.next()),
            ('#', None) if !is_word => break,
            (' ' | '\t', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
            }
            ('|' | ';' | '&' | '(' | ')', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
                end_of(&mut words, &mut calls);
            }
            ('>', None) => {
                if is_word {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
                // What it goes to is no word of the command.
                for rest in chars.by_ref() {
                    if matches!(rest, '|' | ';' | '&') {
                        break;
                    }
                }
            }
            (c, _) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    end_of(&mut words, &mut calls);
    calls
}

#[test]
fn every_command_of_the_pages_is_understood() {
    let mut seen = 0;
    for page in PAGES {
        for block in blocks(page) {
            if !matches!(&*block.language, "sh" | "console") {
                continue;
            }
            for command in commands(&block) {
                if block.language == "console"
                    && !block.lines.iter().any(|l| l == &format!("$ {command}"))
                {
                    continue;
                }
                for call in calls(&command) {
                    // With help asked for, a command is read and not run; a word that it does
                    // not know is an error all the same where it stands before that.
                    let call: Vec<&str> =
                        call.iter().map(String::as_str).filter(|w| *w != "…").collect();
                    let desk = Desk::new();
                    let ran = desk.run(&[&call[..], &["--nosuch-option-of-the-test"]].concat());
                    let place = format!("{page} line {}: {command}", block.line);
                    assert_eq!(ran.code, 2, "{place}: {}", ran.stderr);
                    let is_read = ran.stderr.contains("--nosuch-option-of-the-test");
                    assert!(is_read, "{place}: {}", ran.stderr);
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 60, "only {seen} commands were found");
}

/// Numbers that differ from run to run: sizes of records, times, digests, keys, temporary names.
fn steady(line: &str) -> String {
    if line.trim_start().starts_with("Date: ") {
        return "Date: DATE".to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let bare = word.trim_matches(|c: char| "(),;:\"".contains(c));
        let is_time = bare.len() >= 20 && bare.contains('T') && bare.ends_with('Z');
        let is_hex = bare.len() >= 12 && bare.bytes().all(|c| c.is_ascii_hexdigit());
        let number = bare.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_span = number != bare
            && !number.is_empty()
            && number.bytes().all(|c| c.is_ascii_digit() || c == b'.')
            && matches!(&bare[number.len()..], "s" | "ms" | "m" | "h");
        let is_clock = bare.len() == 8 && bare.matches(':').count() == 2;
        words.push(match () {
            () if is_time => "TIME".into(),
            () if is_hex || word.contains("/entries/") => "HEX".into(),
            () if is_span => "SPAN".into(),
            () if is_clock => "CLOCK".into(),
            // The length of a record, which holds the port.
            () if word.len() == 3 && word.bytes().all(|c| c.is_ascii_digit()) => "N".into(),
            () => word.to_owned(),
        });
    }
    words.join(" ")
}

#[test]
fn every_configuration_of_the_pages_is_one() {
    let mut seen = 0;
    for page in PAGES {
        for block in blocks(page).iter().filter(|block| block.language == "toml") {
            let text = block.lines.join("\n");
            if text.starts_with("[dependencies]") {
                continue;
            }
            let desk = Desk::new();
            desk.write(".config/cachectl/config.toml", &text);
            let ran = desk.run(&["config", "check"]);
            assert_eq!(ran.code, 0, "{page} line {}: {}", block.line, ran.stderr);
            seen += 1;
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn what_is_said_not_to_run_stands_in_a_page() {
    let lines: Vec<String> =
        PAGES.iter().flat_map(|page| blocks(page)).flat_map(|block| block.lines).collect();
    for (part, why) in running::NOT_RUN {
        assert!(lines.iter().any(|line| line.contains(part)), "{part} ({why}) is in no page");
    }
}

/// Before `stats`: what has expired, and something large.
fn before_stats(scene: &mut Scene) {
    scene.given("cachectl get -q -o /dev/null http://127.0.0.1:8080/bytes/1048576");
    scene.given("cachectl get -q -o /dev/null http://127.0.0.1:8080/old");
    scene.given("cachectl touch -q --ttl 0s http://127.0.0.1:8080/old");
}

#[test]
fn what_the_readme_shows_is_so() {
    let mut scene = Scene::new();
    scene.run("README.md", |scene, first| match first {
        line if line.starts_with("cachectl list --host") => {
            scene.given("cachectl get -q -o /dev/null https://example.org/logo.png");
        }
        line if line.starts_with("$ cachectl explain") => {
            scene.given("cachectl get -q -o /dev/null 'http://127.0.0.1:8080/list?page=2'");
        }
        line if line.starts_with("$ cachectl stats") => before_stats(scene),
        line if line.starts_with("cachectl migrate sqlite:cache.db") => {
            scene.shelve("sqlite:cache.db", &assortment());
            scene.given("cachectl gc -q --yes --backend sqlite:cache.db");
        }
        line if line.starts_with("cachectl warm --from ci/urls.txt") => {
            let list = scene.translated("https://api.example.com/v1/items\n");
            scene.desk.write("ci/urls.txt", list);
            scene.given("cachectl warm -q --from ci/urls.txt --lock ci/urls.lock --backend file:c");
        }
        line if line.starts_with("cachectl list --backend file:.cache/hishel") => {
            scene.desk.put_sample("hishel-0.1.5/file-json/cache", ".cache/hishel");
        }
        _ => {}
    });
}

#[test]
fn what_the_page_on_ci_shows_is_so() {
    let mut scene = Scene::new();
    let page = blocks("docs/ci.md");
    let list = page[0].lines[1..].join("\n");
    let list = scene.translated(&list);
    scene.desk.write("ci/urls.txt", list);
    scene.run("docs/ci.md", |scene, first| {
        let is_later = first.contains("--locked");
        if is_later {
            scene.given("cachectl purge -q --all --yes");
        }
        scene.has_changed.store(is_later, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn what_the_page_on_moving_shows_is_so() {
    let mut scene = Scene::new();
    scene.shelve("sqlite:cache.db", &assortment());
    // Two are missing there, one is older, one newer, and one the same.
    scene.given("cachectl migrate -q sqlite:cache.db s3://team-cache/http");
    let there = "--yes --backend s3://team-cache/http";
    scene.given(&format!("cachectl purge -q --where 'size > 1Ki' {there}"));
    scene.shelve("sqlite:cache.db", &[item("https://www.example.com/gone", HOUR)]);
    scene.shelve("sqlite:cache.db", &[item("https://api.example.org/v1/users", 90 * DAY)]);
    scene.shelve("file:prod", &assortment());
    scene
        .desk
        .write(".config/cachectl/config.toml", "[backends.prod]\naddress = \"file:~/prod\"\n");
    scene.run("docs/moving.md", |scene, first| {
        if first.contains("--shard") {
            scene.given("cachectl migrate -q file:prod redis://old:6379");
        }
    });
}

#[test]
fn what_the_page_on_shared_caches_shows_is_so() {
    let mut scene = Scene::new();
    scene.run("docs/shared-caches.md", |_, _| {});
}

#[test]
fn what_the_page_on_upkeep_shows_is_so() {
    let mut scene = Scene::new();
    scene.shelve("file:.hishel_cache", &assortment());
    scene.run("docs/upkeep.md", |_, _| {});
}

#[test]
fn what_the_page_on_hishel_shows_is_so() {
    let mut scene = Scene::new();
    scene.desk.put_sample("hishel-0.1.5/file-json/cache", ".cache/hishel");
    let place = ".cache/hishel/hishel_cache.db";
    scene.desk.put_sample("hishel-1.4.0/sqlite-msgpack/hishel_cache.db", place);
    scene.given("cachectl get -q --backend file:.cache/hishel https://api.example.com/data");
    let list = scene.translated("https://api.example.com/data\n");
    scene.desk.write("urls.txt", list);
    scene.run("docs/hishel.md", |_, _| {});
}

#[test]
fn what_the_page_on_archives_shows_is_so() {
    let mut scene = Scene::new();
    scene.shelve("file:.hishel_cache", &assortment());
    scene.given("cachectl export -q -o cache.ndjson");
    scene.run("docs/archive.md", |_, _| {});
}
