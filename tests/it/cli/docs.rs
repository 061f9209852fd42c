//! What the README and the pages in `docs/` show is run: each console block prints what it says,
//! and each command of a script block is one that cachectl understands.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::testkit::origin::{Origin, Step};
use crate::testkit::program::Desk;

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

/// What a console block shows below each command.
fn shown(block: &Block) -> Vec<(String, Vec<String>)> {
    let mut shown: Vec<(String, Vec<String>)> = Vec::new();
    for line in &block.lines {
        match (line.strip_prefix("$ "), shown.last_mut()) {
            (Some(command), _) => shown.push((command.to_owned(), Vec::new())),
            (None, Some((_, output))) => output.push(line.clone()),
            (None, None) => {}
        }
    }
    shown
}

/// Runs a line of a shell with the program in the path; gives both outputs together.
fn shell(desk: &Desk, line: &str) -> String {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_cachectl"));
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .current_dir(desk.path())
        .env_clear()
        .env("HOME", desk.path())
        .env("PATH", format!("{}:{path}", program.parent().expect("a folder").display()))
        // As on a terminal, where tables and summaries are shown.
        .env("CACHECTL_FORMAT", "table")
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The five minutes of the README, word for word: against an origin like that of the example.
#[test]
fn the_first_five_minutes_go_as_the_readme_says() {
    let desk = Desk::new();
    let origin = Origin::start(|seen| {
        let body = format!("this is {}\n", seen.path());
        // In the order of the example.
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"{length}\"\r\n\
             Cache-Control: max-age=3600\r\nContent-Length: {length}\r\n\r\n"
        );
        vec![Step::Send(format!("{head}{body}").into_bytes()), Step::Close]
    });
    let base = origin.url("");
    let base = base.trim_end_matches('/');
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    let page = blocks("README.md");
    let five = page.iter().filter(|block| block.language == "console").skip(1).take(3);
    for block in five {
        for (command, output) in shown(block) {
            let line = command.replace("http://127.0.0.1:8080", base);
            let line = match line.as_str() {
                "echo $?" => continue,
                line => line.to_owned(),
            };
            let printed = shell(&desk, &line).replace(base, "http://127.0.0.1:8080");
            let lines = |text: &str| -> Vec<String> {
                text.lines().map(steady).filter(|line| !line.is_empty()).collect()
            };
            let wanted = lines(&output.join("\n"));
            let place = format!("README.md line {}: {command}", block.line);
            assert_eq!(lines(&printed), wanted, "{place}:\n{printed}");
            *ran.entry(command).or_default() += 1;
        }
    }
    assert!(ran.len() >= 5, "{ran:?}");
}
