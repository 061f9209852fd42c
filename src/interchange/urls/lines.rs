//! Lists line by line: URLs and keys as they are, in JSON objects as other commands write them, or
//! in a lock.
//!
//! | in a line | is |
//! |---|---|
//! | nothing, or `#` at its start | left out |
//! | `https://…` | a URL; `#` behind a blank begins a comment, and another blank is an error |
//! | `{…}` | a JSON object with a `key` or a `url`, and perhaps `headers`; one with a `command` is a summary, and left out |
//! | anything else | a key, as it is |
//!
//! Lines end with LF or CR LF. A list in which a NUL comes first has NULs for line ends, and
//! items that are taken as they are.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result, unquoted};
use crate::model::Headers;
use crate::model::lock::LockLines;

use super::super::input::Input;
use super::{Items, Listed, is_accept, undone, unreadable};

/// Longer lines than this hold no URL.
const MAX_LINE: usize = 64 * 1024;

/// How much may come without an item in it, in bytes; each line counts for a few at least.
const MAX_BARREN: usize = 16 << 20;
const LEAST_BARREN: usize = 64;

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A URL.
    Url(String),
    /// What a JSON object says of an entry: one of both at least, and fields to send.
    Entry {
        /// Its key.
        key: Option<String>,
        /// Its URL.
        url: Option<String>,
        /// Fields of the request that select among its variants.
        headers: Headers,
    },
    /// Something else: a key, or a slip of the hand. `true`: its line says so as it is, so that it
    /// may have escapes.
    Key(String, bool),
}

/// The items of a list. An error is one of a single line, unless nothing follows it.
pub struct ListItems {
    from: Input,
    name: String,
    number: u64,
    /// What ends an item; not known yet.
    end: Option<u8>,
    /// Bytes since the last item.
    barren: usize,
    is_over: bool,
}

impl std::fmt::Debug for ListItems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ListItems").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a line in JSON has to have.
#[derive(Deserialize)]
struct Object {
    key: Option<String>,
    url: Option<String>,
    /// Fields to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The last line of a report is its summary.
    command: Option<String>,
}

/// Whether a text is meant as a URL.
pub fn is_url(text: &str) -> bool {
    let text = text.trim_start();
    let begins = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    begins("http://") || begins("https://")
}

impl ListItems {
    /// Reads a list, compressed or not. `name` is what errors call it.
    ///
    /// # Errors
    /// `LocalFile` when it cannot be read.
    pub fn open(from: Box<dyn Read + Send>, name: &str) -> Result<Self> {
        Ok(Self::new(undone(from, name)?, name.to_owned()))
    }

    pub(super) fn new(from: Input, name: String) -> Self {
        ListItems { from, name, number: 0, end: None, barren: 0, is_over: false }
    }

    /// Where the last item stands.
    pub fn place(&self) -> String {
        match self.end {
            Some(0) => format!("{} item {}", self.name, self.number),
            _ => format!("{} line {}", self.name, self.number),
        }
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.number += 1;
        let read = self.read(&mut line).map_err(|e| unreadable(&self.name, e))?;
        if read > MAX_LINE {
            // What follows can no longer be told from lines.
            self.is_over = true;
            return Err(self.refuse("is too long for a URL or a key".to_owned()));
        }
        line.pop_if(|last| Some(*last) == self.end);
        Ok((read > 0).then_some(line))
    }

    /// Reads up to the end of a line and a little more than the longest one has. The first one
    /// tells what ends them all.
    fn read(&mut self, line: &mut Vec<u8>) -> std::io::Result<usize> {
        if let Some(end) = self.end {
            return self.from.by_ref().take(MAX_LINE as u64 + 1).read_until(end, line);
        }
        while line.len() <= MAX_LINE && self.end.is_none() {
            let come = self.from.fill_buf()?;
            let end = come.iter().position(|c| matches!(c, 0 | b'\n'));
            let taken = end.map_or(come.len(), |at| at + 1);
            line.extend_from_slice(&come[..taken]);
            self.end = end.map(|at| come[at]);
            self.from.consume(taken);
            if taken == 0 {
                break;
            }
        }
        Ok(line.len())
    }

    fn refuse(&self, why: String) -> Error {
        let error = Error::codec(format!("{} {why}", self.place())).coded("bad_url");
        error.try_this("a list with one URL or key a line")
    }

    fn item(&self, line: &[u8]) -> Option<Result<Item>> {
        let Ok(text) = std::str::from_utf8(line) else {
            return Some(Err(self.refuse("is not UTF-8".to_owned())));
        };
        if self.end == Some(0) {
            let item = match is_url(text) {
                true => Item::Url(text.to_owned()),
                false => Item::Key(text.to_owned(), false),
            };
            return (!text.is_empty()).then_some(Ok(item));
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        if text.starts_with('{') {
            return self.object(text);
        }
        if !is_url(text) {
            return Some(Ok(Item::Key(text.to_owned(), true)));
        }
        let (url, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim_start();
        Some(match rest.is_empty() || rest.starts_with('#') {
            true => Ok(Item::Url(url.to_owned())),
            false => Err(self
                .refuse("has something behind its URL".to_owned())
                .because("a blank ends a URL; in one it is written %20")),
        })
    }

    fn object(&self, text: &str) -> Option<Result<Item>> {
        let refuse = |why: String| {
            let told = format!("{} is no JSON object with a url or a key", self.place());
            Some(Err(Error::codec(told).because(why).coded("bad_url")))
        };
        match serde_json::from_str::<Object>(text) {
            Ok(Object { key: None, url: None, command: Some(_), .. }) => None,
            Ok(Object { key: None, url: None, .. }) => refuse("it has neither".to_owned()),
            Ok(Object { key, url, headers, .. }) => {
                let headers = headers.into_iter().filter(|(name, _)| is_accept(name)).collect();
                Some(Ok(Item::Entry { key, url, headers }))
            }
            Err(e) => refuse(unquoted(e)),
        }
    }
}

impl Iterator for ListItems {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.line() {
                Ok(Some(line)) => {
                    if let Some(item) = self.item(&line) {
                        self.barren = 0;
                        return Some(item);
                    }
                    self.barren += line.len().max(LEAST_BARREN);
                    if self.barren > MAX_BARREN {
                        self.is_over = true;
                        let why = "is where reading ends: nothing is named any more";
                        return Some(Err(self.refuse(why.to_owned()).coded("bomb")));
                    }
                }
                Ok(None) => self.is_over = true,
                Err(e) => {
                    self.is_over = true;
                    return Some(Err(e));
                }
            }
        }
        None
    }
}

impl Items for ListItems {
    fn next(&mut self) -> Option<Result<Listed>> {
        let item = Iterator::next(self)?;
        Some(item.map(|item| {
            let (url, headers) = match item {
                Item::Url(url) => (url, Headers::new()),
                // Whoever reads a key as a URL says what it lacks.
                Item::Key(text, _) => (text, Headers::new()),
                Item::Entry { key, url, headers } => (url.or(key).unwrap_or_default(), headers),
            };
            Listed { url, headers, place: self.place() }
        }))
    }
}

/// The URLs of a lock file.
pub(super) struct Locked {
    lines: LockLines<Input>,
    name: String,
    last: String,
}

impl Locked {
    pub(super) fn new(from: Input, name: &str) -> Self {
        let lines = LockLines::new(from, name);
        Locked { lines, name: name.to_owned(), last: String::new() }
    }
}

impl Items for Locked {
    fn next(&mut self) -> Option<Result<Listed>> {
        loop {
            let locked = match self.lines.next()? {
                Ok(locked) => locked,
                Err(e) => return Some(Err(e)),
            };
            let url = locked.url.as_str();
            // Several answers to one URL stand side by side.
            if url == self.last {
                continue;
            }
            url.clone_into(&mut self.last);
            if locked.is_hidden() {
                let told = format!("{url} cannot be fetched: the lock file hides its credentials");
                return Some(Err(Error::new(ErrorKind::LocalFile, told)
                    .coded("hidden_credentials")
                    .try_this("the list that the lock file was made from, with --from")));
            }
            let place = self.name.clone();
            return Some(Ok(Listed { url: url.to_owned(), headers: Headers::new(), place }));
        }
    }
}
