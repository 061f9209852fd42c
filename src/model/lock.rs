//! Lock files: what a set of URLs has answered, in a form that reads well in a diff.
//!
//! ```text
//! # cachectl lock 1
//! https://example.org/a.json  200  "a91f"  sha256:9f86d081…
//! https://example.org/old     301  -       sha256:e3b0c442…
//! ```
//!
//! One line an answer, sorted by URL: the URL, the status, the `ETag` or `-`, and the
//! digest of the body as it was transferred, separated by TAB. A URL that answers
//! differently to different requests has several lines. Bytes of an `ETag` outside of
//! printable ASCII, and the backslash, are written as `\xHH`.
//!
//! Lock files are made to be shown around, so credentials in a URL are hidden in them, and a
//! URL is looked up as it is without its credentials: a token that is renewed every day
//! changes nothing.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::io::{self, BufRead, Read, Write};

use crate::error::{Error, ErrorKind, Result};

use super::digest::Sha256Digest;
use super::entry::EntryHead;
use super::headers::Headers;
use super::secrets::{REDACTED, Secrets};
use super::url::UrlText;

/// What the first line begins with; the version follows.
const MARK: &str = "# cachectl lock ";
const VERSION: u32 = 1;

/// Longer lines than this are none of ours.
const MAX_LINE: u64 = 1 << 20;

/// One answer that is locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locked {
    /// The URL.
    pub url: UrlText,
    /// What it answered.
    pub answer: LockedAnswer,
}

/// What is held fast of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedAnswer {
    /// The status code.
    pub status: u16,
    /// The `ETag`, as it stands in the file.
    pub etag: Option<String>,
    /// The digest of the body.
    pub sha256: Sha256Digest,
}

/// A lock file.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// By the URL without credentials.
    answers: BTreeMap<UrlText, Vec<LockedAnswer>>,
    secrets: Secrets,
}

impl Locked {
    /// The line that holds an entry fast; `None` where the digest of its body is not known.
    pub fn of(head: &EntryHead) -> Option<Self> {
        let sha256 = head.body.sha256?;
        let answer = LockedAnswer { status: head.status, etag: etag_of(&head.headers), sha256 };
        Some(Locked { url: head.request.url.clone(), answer })
    }

    /// Whether credentials in the URL are hidden, so that it cannot be fetched.
    pub fn is_hidden(&self) -> bool {
        self.url.as_str().contains(REDACTED)
    }
}

impl Lock {
    /// An empty one. `secrets` tells what of a URL is a credential.
    pub fn new(secrets: Secrets) -> Self {
        Lock { answers: BTreeMap::new(), secrets }
    }

    /// Whether this text begins like a lock file.
    pub fn is_meant_by(start: &[u8]) -> bool {
        start.starts_with(MARK.as_bytes())
    }

    /// Reads one; `name` is what an error calls the file.
    ///
    /// # Errors
    /// `LocalFile` when it cannot be read, is none, or is newer than this program.
    pub fn read(from: impl BufRead, name: &str, secrets: Secrets) -> Result<Self> {
        let mut lock = Lock::new(secrets);
        for locked in LockLines::new(from, name) {
            lock.add(locked?);
        }
        Ok(lock)
    }

    /// Adds a line, unless it is there already.
    pub fn add(&mut self, locked: Locked) {
        match self.answers.entry(self.hidden(&locked.url)) {
            Entry::Vacant(free) => {
                free.insert(vec![locked.answer]);
            }
            Entry::Occupied(mut there) => {
                if !there.get().contains(&locked.answer) {
                    there.get_mut().push(locked.answer);
                }
            }
        }
    }

    /// How many lines it has.
    pub fn len(&self) -> usize {
        self.answers.values().map(Vec::len).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// What a URL may answer; empty when it is not named.
    pub fn answers(&self, url: &UrlText) -> &[LockedAnswer] {
        self.answers.get(&self.hidden(url)).map_or(&[], Vec::as_slice)
    }

    fn hidden(&self, url: &UrlText) -> UrlText {
        UrlText::verbatim(&*self.secrets.url(url.as_str()))
    }

    /// Whether an entry is what is locked.
    pub fn fits(&self, head: &EntryHead) -> bool {
        Locked::of(head).is_some_and(|it| self.answers(&it.url).contains(&it.answer))
    }

    /// Writes it, sorted.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "{MARK}{VERSION}")?;
        for (url, answers) in &self.answers {
            let mut sorted: Vec<&LockedAnswer> = answers.iter().collect();
            sorted.sort_by_key(|answer| (answer.status, answer.sha256.0));
            for answer in sorted {
                let etag = answer.etag.as_deref().unwrap_or("-");
                writeln!(to, "{url}\t{}\t{etag}\tsha256:{}", answer.status, answer.sha256)?;
            }
        }
        to.flush()
    }
}

impl LockedAnswer {
    /// Whether a head with this status and these fields may be its own.
    pub fn may_be(&self, status: u16, headers: &Headers) -> bool {
        self.status == status && self.etag == etag_of(headers)
    }
}

/// The lines of a lock file, one by one. Errors are those of [`Lock::read`]; nothing comes
/// behind one.
#[derive(Debug)]
pub struct LockLines<R> {
    from: R,
    name: String,
    number: u64,
    over: bool,
}

impl<R: BufRead> LockLines<R> {
    /// Of this file; `name` is what an error calls it.
    pub fn new(from: R, name: &str) -> Self {
        LockLines { from, name: name.to_owned(), number: 0, over: false }
    }

    fn read(&mut self) -> Result<Option<Locked>> {
        let name = &self.name;
        loop {
            let mut line = String::new();
            self.number += 1;
            let read = (&mut self.from).take(MAX_LINE).read_line(&mut line);
            let read = read.map_err(|e| {
                Error::new(ErrorKind::LocalFile, format!("cannot read {name}")).because(e)
            })?;
            let text = line.trim_end_matches(['\n', '\r']);
            match (read, self.number) {
                (0, 1) => return Err(refused(name, 1, "it is empty")),
                (0, _) => return Ok(None),
                (_, 1) => check_version(text, name)?,
                _ if text.is_empty() || text.starts_with('#') => {}
                (_, number) => {
                    let locked = parse(text);
                    let none = || refused(name, number, "it is no line of a lock");
                    return locked.ok_or_else(none).map(Some);
                }
            }
        }
    }
}

impl<R: BufRead> Iterator for LockLines<R> {
    type Item = Result<Locked>;

    fn next(&mut self) -> Option<Result<Locked>> {
        if self.over {
            return None;
        }
        let next = self.read();
        self.over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn check_version(first: &str, name: &str) -> Result<()> {
    let version = first.strip_prefix(MARK).and_then(|v| v.trim().parse::<u32>().ok());
    match version {
        Some(VERSION) => Ok(()),
        Some(newer) => {
            let told = format!("the lock file {name} has version {newer}");
            let why = format!("this program reads version {VERSION}");
            let error = Error::new(ErrorKind::LocalFile, told).because(why);
            Err(error.coded("version_too_new").try_this("a newer cachectl"))
        }
        None => Err(refused(name, 1, &format!("a lock file begins with \"{MARK}{VERSION}\""))),
    }
}

fn refused(name: &str, line: u64, why: &str) -> Error {
    Error::new(ErrorKind::LocalFile, format!("{name} is no lock file"))
        .because(format!("line {line}: {why}"))
        .coded("bad_lock")
        .try_this("cachectl warm --lock FILE writes one")
}

fn parse(line: &str) -> Option<Locked> {
    let mut fields = line.split('\t');
    let (url, status, etag, digest) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let sha256 = Sha256Digest::parse(digest.strip_prefix("sha256:")?)?;
    let etag = Some(etag).filter(|e| *e != "-").map(ToOwned::to_owned);
    let answer = LockedAnswer { status: status.parse().ok()?, etag, sha256 };
    Some(Locked { url: UrlText::verbatim(url), answer })
}

/// The `ETag` as it stands in the file.
fn etag_of(headers: &Headers) -> Option<String> {
    let raw = headers.get("etag")?;
    let mut text = String::with_capacity(raw.len());
    for &c in raw {
        if matches!(c, 0x21..=0x7e | b' ') && c != b'\\' {
            text.push(char::from(c));
        } else {
            let _ = write!(text, "\\x{c:02x}");
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(url: &str, status: u16, etag: Option<&str>, body: &str) -> Locked {
        let answer = LockedAnswer {
            status,
            etag: etag.map(ToOwned::to_owned),
            sha256: Sha256Digest::of(body.as_bytes()),
        };
        Locked { url: UrlText::verbatim(url), answer }
    }

    fn read(text: &str) -> Result<Lock> {
        Lock::read(text.as_bytes(), "x", Secrets::built_in())
    }

    fn written(lock: &Lock) -> String {
        let mut text = Vec::new();
        lock.write(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_is_written_is_sorted_and_reads_back() {
        let mut lock = Lock::new(Secrets::built_in());
        lock.add(line("https://b.example/", 200, Some("\"x\""), "b"));
        lock.add(line("https://a.example/", 301, None, ""));
        lock.add(line("https://b.example/", 200, Some("\"y\""), "other"));
        lock.add(line("https://b.example/", 200, Some("\"x\""), "b"));
        let text = written(&lock);
        let urls: Vec<&str> = text.lines().skip(1).map(|l| l.split('\t').next().unwrap()).collect();
        assert_eq!(urls, ["https://a.example/", "https://b.example/", "https://b.example/"]);
        let back = read(&text).unwrap();
        assert_eq!(written(&back), text);
        assert_eq!(back.len(), 3);
    }

    #[test]
    fn a_credential_is_hidden_and_may_be_renewed() {
        let mut lock = Lock::new(Secrets::built_in());
        lock.add(line("https://u:pw@e.org/?token=first&a=1", 200, None, "x"));
        let text = written(&lock);
        assert!(!text.contains("first") && !text.contains("pw"), "{text}");
        let back = read(&text).unwrap();
        for (url, known) in [
            ("https://u:pw@e.org/?token=second&a=1", 1),
            ("https://u:pw@e.org/?token=second&a=2", 0),
        ] {
            assert_eq!(back.answers(&UrlText::verbatim(url)).len(), known, "{url}");
        }
        let mut lines = LockLines::new(text.as_bytes(), "x");
        assert!(lines.next().unwrap().unwrap().is_hidden());
        let mut shown = Lock::new(Secrets::shown());
        shown.add(line("https://e.org/?token=first", 200, None, "x"));
        assert!(written(&shown).contains("first"), "it was asked for");
    }

    #[test]
    fn an_etag_of_any_bytes_stays_on_its_line() {
        let headers = Headers::new().with("ETag", b"\"a\\\xe9\t\"");
        assert_eq!(etag_of(&headers).unwrap(), "\"a\\x5c\\xe9\\x09\"");
    }

    #[test]
    fn what_is_none_is_refused_with_its_line() {
        for (text, code) in [
            ("", "bad_lock"),
            ("https://a.example/\n", "bad_lock"),
            ("# cachectl lock 2\n", "version_too_new"),
            ("# cachectl lock 1\nhttps://a.example/ 200\n", "bad_lock"),
            ("# cachectl lock 1\nhttps://a.example/\t200\t-\tsha256:12\n", "bad_lock"),
        ] {
            assert_eq!(read(text).unwrap_err().code(), code, "{text:?}");
        }
        let commented = "# cachectl lock 1\n# reviewed\n\n";
        assert!(read(commented).unwrap().is_empty());
    }
}
