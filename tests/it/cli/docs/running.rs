//! The blocks of a page, run one after another by a shell in one folder. What stands in the pages
//! for somebody's own, servers and hosts, is replaced by what the test has started.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Block, blocks, steady};
use crate::testkit::origin::{Origin, Step};
use crate::testkit::program::Desk;
use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{BUCKET, Bucket, environment};
use crate::testkit::shelf::{self, Item};

/// Lines that no test can run, by a part of them, and why.
pub const NOT_RUN: [(&str, &str); 11] = [
    ("cargo run", "builds the program, which the test has"),
    ("rustc ", "builds an origin, which the test has"),
    ("scripts/", "is a script of the repository"),
    (".ci/run", "runs the tests"),
    ("docker run", "wants an engine for containers"),
    ("rediss://", "wants a server with TLS under a name"),
    ("?cluster=true", "wants a cluster under names"),
    ("?sentinel=", "wants sentinels under names"),
    ("AWS_ACCESS_KEY_ID=", "has credentials for a server of one's own"),
    ("'s3://mine?", "goes with the line before it"),
    ("1e05…", "names a key of one's own"),
];

/// Hosts of the pages.
const HOSTS: [&str; 7] = [
    "https://api.example.com",
    "https://api.example.org",
    "https://static.example.com",
    "https://www.example.com",
    "https://example.com",
    "https://example.org",
    "http://127.0.0.1:8080",
];

/// Where a page is run.
pub struct Scene {
    pub desk: Desk,
    origin: Origin,
    /// Whether answers are others than before.
    pub has_changed: Arc<AtomicBool>,
    redis: RedisServer,
    bucket: Bucket,
    /// What stands in the page, and what the test has for it.
    places: Vec<(String, String)>,
    ran: usize,
}

impl Scene {
    pub fn new() -> Self {
        let desk = Desk::new();
        let has_changed = Arc::new(AtomicBool::new(false));
        let changed = Arc::clone(&has_changed);
        let origin = Origin::start(move |seen| answer(seen, changed.load(Ordering::SeqCst)));
        fs::create_dir_all(desk.file("servers/buckets")).expect("made");
        let redis = RedisServer::start(&desk.file("servers"));
        let bucket = Bucket::start(&desk.file("servers/buckets"));
        Scene { desk, origin, has_changed, redis, bucket, places: Vec::new(), ran: 0 }
    }

    /// Runs a command of the test's own.
    pub fn given(&mut self, line: &str) {
        let (code, printed) = self.shell(line, false);
        assert_eq!(code, 0, "{line}: {printed}");
    }

    /// Puts entries of known ages into a store.
    pub fn shelve(&self, address: &str, items: &[Item]) {
        shelf::fill(&self.desk, address, items);
    }

    /// Runs all blocks of a page that can be run; before each, `before` is told its first line.
    pub fn run(&mut self, page: &str, mut before: impl FnMut(&mut Self, &str)) {
        for block in blocks(page) {
            let first = block.lines.first().cloned().unwrap_or_default();
            match &*block.language {
                "sh" => {
                    before(self, &first);
                    self.run_script(page, &block);
                }
                "console" => {
                    before(self, &first);
                    self.run_console(page, &block);
                }
                _ => {}
            }
        }
        assert!(self.ran > 0, "{page} has nothing to run");
    }

    /// A script has to succeed.
    fn run_script(&mut self, page: &str, block: &Block) {
        let joined = block.lines.join("\n").replace("\\\n", " ");
        let lines: Vec<&str> = joined.lines().filter(|line| can_run(line)).collect();
        if lines.is_empty() {
            return;
        }
        let asks = lines.iter().any(|line| line.contains("cachectl purge"));
        let (code, printed) = self.shell(&lines.join("\n"), asks);
        assert_eq!(code, 0, "{page} line {}:\n{}\n{printed}", block.line, lines.join("\n"));
        self.ran += 1;
    }

    /// Each command prints what stands below it.
    fn run_console(&mut self, page: &str, block: &Block) {
        if !block.lines.iter().all(|line| can_run(line)) {
            return;
        }
        let mut script = String::new();
        let mut wanted: Vec<String> = Vec::new();
        for line in &block.lines {
            match line.strip_prefix("$ ") {
                // Behind each its mark; what it ended with is kept for who asks.
                Some(command) => {
                    script.push_str(&format!(
                        "said=$?; echo '$ {}'; (exit $said); {command}\n",
                        command.replace('\'', "'\\''")
                    ));
                    wanted.push(line.clone());
                }
                None => wanted.push(line.clone()),
            }
        }
        let asks = block.lines.iter().any(|line| line.contains("[y/N]"));
        let (_, printed) = self.shell_of(&script, asks, "set +e");
        let wanted: Vec<String> = wanted.iter().map(|line| self.same_hosts(line)).collect();
        let printed: Vec<String> = printed.lines().map(|line| self.same_hosts(line)).collect();
        let lines = |text: &[String]| -> Vec<String> {
            text.iter().map(|line| steady(line)).filter(|line| !line.is_empty()).collect()
        };
        let (wanted, got) = (lines(&wanted), lines(&printed));
        assert!(
            are_alike(&wanted, &got),
            "{page} line {}:\n{wanted:#?}\nis not what was printed:\n{got:#?}\n{}",
            block.line,
            printed.join("\n")
        );
        self.ran += 1;
    }

    fn shell(&mut self, script: &str, asks: bool) -> (i32, String) {
        self.shell_of(script, asks, "set -e")
    }

    /// Gives the exit code and both outputs together. Where something asks, it gets a terminal
    /// and a yes.
    fn shell_of(&mut self, script: &str, asks: bool, mode: &str) -> (i32, String) {
        let script = format!("{mode}\nexec 2>&1\n{}", self.translated(script));
        let file = self.desk.write("servers/block.sh", script);
        let program = PathBuf::from(env!("CARGO_BIN_EXE_cachectl"));
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = match asks {
            false => Command::new("bash"),
            true => {
                let mut command = Command::new("script");
                let run = format!("bash {}", file.display());
                command.args(["-qec", &run, "/dev/null"]).env("SHELL", "/bin/sh");
                command
            }
        };
        if !asks {
            command.arg(&file);
        }
        let child = command
            .current_dir(self.desk.path())
            .env_clear()
            .env("HOME", self.desk.path())
            .env("PATH", format!("{}:{path}", program.parent().expect("a folder").display()))
            .env("NO_COLOR", "1")
            .env("TERM", "xterm")
            // As on a terminal, where tables and summaries are shown.
            .env("CACHECTL_FORMAT", "table")
            .envs(environment())
            .stdin(if asks { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell runs");
        let (code, printed) = answered(child);
        let printed = printed.replace('\r', "");
        let printed = self.places.iter().fold(printed, |text, (said, had)| text.replace(had, said));
        (code, printed)
    }

    /// The script with what the test has in place of somebody's own.
    pub fn translated(&mut self, script: &str) -> String {
        let mut text = script.replace("--backend redis ", "--backend redis://localhost ");
        for host in HOSTS {
            text = text.replace(host, self.origin.url("").trim_end_matches('/'));
        }
        for scheme in ["s3://", "redis://", "redis+unix://"] {
            let mut rest = std::mem::take(&mut text);
            while let Some(start) = rest.find(scheme) {
                let length = rest[start..]
                    .find(|c: char| c.is_whitespace() || "'\")".contains(c))
                    .unwrap_or(rest.len() - start);
                let said = rest[start..start + length].to_owned();
                text.push_str(&rest[..start]);
                text.push_str(&self.place(&said));
                rest = rest.split_off(start + length);
            }
            text.push_str(&rest);
        }
        text
    }

    /// What the test has for a server that a page names.
    fn place(&mut self, said: &str) -> String {
        if let Some((_, had)) = self.places.iter().find(|(known, had)| known == said || had == said)
        {
            return had.clone();
        }
        let (place, query) = said.split_once('?').unwrap_or((said, ""));
        let (scheme, name) = place.split_once("://").expect("an address");
        let kept: Vec<&str> = query
            .split('&')
            .filter(|part| {
                !part.is_empty() && !part.starts_with("endpoint=") && !part.starts_with("db=")
            })
            .collect();
        let base = match scheme {
            // One bucket, so that each of the page's is a prefix.
            "s3" => {
                let name = if name.contains('/') { name.to_owned() } else { format!("{name}/all") };
                format!("s3://{BUCKET}/{name}?endpoint={}", self.bucket.endpoint())
            }
            _ => {
                // Each server of the page is a database of ours.
                let server = |said: &str| said.split(['/', '?']).nth(2).map(str::to_owned);
                let known: Vec<_> = self.places.iter().map(|(known, _)| server(known)).collect();
                let number = known.iter().position(|known| *known == server(said));
                format!("{}?db={}", self.redis.address(), number.unwrap_or(known.len()) % 16)
            }
        };
        let had = kept.iter().fold(base, |base, part| format!("{base}&{part}"));
        self.places.push((said.to_owned(), had.clone()));
        had
    }

    fn same_hosts(&self, line: &str) -> String {
        let base = self.origin.url("");
        let line = line.replace(base.trim_end_matches('/'), "BASE");
        HOSTS.iter().fold(line, |line, host| line.replace(host, "BASE"))
    }
}

fn can_run(line: &str) -> bool {
    !NOT_RUN.iter().any(|(part, _)| line.contains(part))
}

/// Whether these lines are those, where `…` stands for any lines, or for the rest of a word.
fn are_alike(wanted: &[String], got: &[String]) -> bool {
    match (wanted, got) {
        ([], []) => true,
        ([dots, wanted @ ..], _) if dots == "…" => {
            (0..=got.len()).any(|skipped| are_alike(wanted, &got[skipped..]))
        }
        ([line, wanted @ ..], [other, got @ ..]) => {
            let (words, others) = (line.split(' '), other.split(' '));
            let is_word = |(a, b): (&str, &str)| match a.strip_suffix('…') {
                Some(start) => b.starts_with(start),
                None => a == b,
            };
            words.clone().count() == others.clone().count()
                && words.zip(others).all(is_word)
                && are_alike(wanted, got)
        }
        _ => false,
    }
}

/// As the example's origin does, and a site with a sitemap.
fn answer(seen: &crate::testkit::origin::Seen, has_changed: bool) -> Vec<Step> {
    let host = seen.header("Host").unwrap_or_default().to_owned();
    let length = |name: &str| seen.path().strip_prefix(name).and_then(|n| n.parse::<usize>().ok());
    let (kind, body) = if let Some(length) = length("/bytes/") {
        ("application/octet-stream", vec![b'x'; length])
    } else if seen.path().ends_with(".tar.gz") {
        ("application/gzip", vec![b'x'; 14_784_000])
    } else if seen.path() == "/sitemap.xml" {
        let urls: String =
            (1..4).map(|n| format!("<url><loc>http://{host}/page/{n}</loc></url>")).collect();
        ("application/xml", format!("<urlset>{urls}</urlset>").into_bytes())
    } else {
        let more = if has_changed && seen.target.ends_with("page=2") { " anew" } else { "" };
        let text = format!("this is {}{more}\n", seen.target);
        let times = if seen.path().starts_with("/page/") { 500 } else { 1 };
        ("text/plain", text.repeat(times).into_bytes())
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: \"{length}\"\r\n\
         Cache-Control: max-age=3600\r\nContent-Length: {length}\r\n\r\n",
        length = body.len()
    );
    vec![Step::Send(head.into_bytes()), Step::Send(body), Step::Close]
}

/// Says yes to each question as soon as it is asked, as who sits at a terminal does; gives the
/// exit code and what was printed.
fn answered(mut child: Child) -> (i32, String) {
    let mut answers = child.stdin.take();
    let mut printed = Vec::new();
    let mut answered = 0;
    let mut chunk = [0; 4096];
    let mut from = child.stdout.take().expect("piped");
    loop {
        match from.read(&mut chunk).expect("what is printed can be read") {
            0 => break,
            read => printed.extend_from_slice(&chunk[..read]),
        }
        let asked = String::from_utf8_lossy(&printed).matches("[y/N] ").count();
        for _ in answered..asked {
            answers.as_mut().expect("piped").write_all(b"y\n").expect("somebody reads");
        }
        answered = asked;
    }
    let code = child.wait().expect("it ends").code().unwrap_or(-1);
    (code, String::from_utf8_lossy(&printed).into_owned())
}
