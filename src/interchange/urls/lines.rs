//! URLs line by line: as they are, in JSON objects as failures are written, or in a lock.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result, unquoted};
use crate::model::Headers;
use crate::model::lock::LockLines;

use super::super::input::Input;
use super::{Items, Listed, is_accept, unreadable};

/// Longer lines than this hold no URL.
const MAX_LINE: usize = 64 * 1024;

/// One URL a line.
pub(super) struct Lines {
    from: Input,
    name: String,
    number: u64,
    is_over: bool,
}

/// What a line in JSON has to have.
#[derive(Deserialize)]
struct Object {
    url: Option<String>,
    /// Fields to send.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The last line of a report is its summary.
    command: Option<String>,
}

impl Lines {
    pub(super) fn new(from: Input, name: String) -> Self {
        Lines { from, name, number: 0, is_over: false }
    }

    fn place(&self) -> String {
        format!("{} line {}", self.name, self.number)
    }

    /// The next line; `None` at the end.
    fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.number += 1;
        let most = MAX_LINE as u64 + 1;
        let read = read_line(&mut self.from, most, &mut line);
        let read = read.map_err(|e| unreadable(&self.name, e))?;
        if read > MAX_LINE {
            // What follows can no longer be told from lines.
            self.is_over = true;
            return Err(Error::codec(format!("{} is too long for a URL", self.place()))
                .coded("bad_url")
                .try_this("a list with one URL a line"));
        }
        Ok((read > 0).then_some(line))
    }

    fn listed(&self, line: &[u8]) -> Option<Result<Listed>> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() || text.starts_with('#') {
            return None;
        }
        if !text.starts_with('{') {
            let (url, headers) = (text.to_owned(), Headers::new());
            return Some(Ok(Listed { url, headers, place: self.place() }));
        }
        let refuse = |why: String| {
            let told = format!("{} is no JSON object with a url", self.place());
            Some(Err(Error::codec(told).because(why).coded("bad_url")))
        };
        match serde_json::from_str::<Object>(text) {
            Ok(Object { url: Some(url), headers, .. }) => {
                let headers = headers.into_iter().filter(|(name, _)| is_accept(name)).collect();
                Some(Ok(Listed { url, headers, place: self.place() }))
            }
            Ok(Object { command: Some(_), .. }) => None,
            Ok(_) => refuse("it has none".to_owned()),
            Err(e) => refuse(unquoted(e)),
        }
    }
}

fn read_line(from: &mut Input, most: u64, line: &mut Vec<u8>) -> std::io::Result<usize> {
    use std::io::BufRead;
    from.by_ref().take(most).read_until(b'\n', line)
}

impl Items for Lines {
    fn next(&mut self) -> Option<Result<Listed>> {
        while !self.is_over {
            match self.line() {
                Ok(Some(line)) => {
                    if let Some(listed) = self.listed(&line) {
                        return Some(listed);
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
