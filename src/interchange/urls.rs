//! Lists of URLs: what is to be fetched, out of files of several kinds.
//!
//! | name | what it is |
//! |---|---|
//! | `lines` | one URL a line, see [`ListItems`] |
//! | `har` | a recording: its GET requests, with their `Accept…` fields and no others |
//! | `sitemap` | a sitemap, or an index of sitemaps, which are opened in turn |
//! | `lock` | a lock file |
//!
//! All may be compressed with gzip, and all are read as a stream.

mod har;
mod lines;
mod sitemap;

use std::io::{BufRead, Read};

use crate::error::{Error, Result};
use crate::model::{Headers, Lock, UrlText, expected};

use super::input::{self, Input};

pub use lines::{Item, ListItems, is_url};

/// One URL of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The URL as it stands there.
    pub url: String,
    /// Fields to send, where the list says so.
    pub headers: Headers,
    /// Where it stands: `urls.txt line 17`.
    pub place: String,
}

/// Opens a sitemap that an index names, by its URL as it stands there.
pub type OpenSitemap<'a> = Box<dyn FnMut(&str) -> Result<Box<dyn Read + Send>> + Send + 'a>;

/// What kind of list it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// One URL a line.
    Lines,
    /// An HTTP Archive.
    Har,
    /// A sitemap or an index of sitemaps.
    Sitemap,
    /// A lock file.
    Lock,
}

impl ListFormat {
    /// Every format and its name.
    pub const ALL: [(&'static str, ListFormat); 4] = [
        ("lines", ListFormat::Lines),
        ("har", ListFormat::Har),
        ("sitemap", ListFormat::Sitemap),
        ("lock", ListFormat::Lock),
    ];

    /// The format of this name.
    ///
    /// # Errors
    /// `Usage` when there is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            Error::usage(format!("{name:?} is not a kind of list"))
                .because(expected(name, Self::ALL.iter().map(|(name, _)| *name)))
                .coded("bad_format")
        })
    }

    /// The format of a list that begins like this.
    fn of_start(start: &[u8]) -> Self {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        if Lock::is_meant_by(text) {
            return ListFormat::Lock;
        }
        match text.first() {
            Some(b'<') => ListFormat::Sitemap,
            Some(b'{') if is_har(text) => ListFormat::Har,
            _ => ListFormat::Lines,
        }
    }
}

/// Whether an object is a HAR rather than a line: its first members are those of one.
fn is_har(text: &[u8]) -> bool {
    let inner = text[1..].trim_ascii_start();
    inner.is_empty() || inner.starts_with(b"\"log\"")
}

/// Whether a field of this name says which variant is wanted, and nothing else.
fn is_accept(name: &str) -> bool {
    name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("accept"))
}

/// A list that is being read. An error is one of a single URL, unless nothing follows it.
pub struct UrlList<'a> {
    items: Box<dyn Items + Send + 'a>,
}

/// One kind of list.
trait Items {
    fn next(&mut self) -> Option<Result<Listed>>;

    /// How many requests were left out, as only GET fills a cache.
    fn left_out(&self) -> u64 {
        0
    }
}

impl<'a> UrlList<'a> {
    /// Looks at the beginning of a list, and reads it. `name` is what errors call it; `base` is
    /// the URL that it was fetched from.
    ///
    /// # Errors
    /// `Codec` when it is not of the format it should be, `LocalFile` when it cannot be read.
    pub fn open(
        from: Box<dyn Read + Send>,
        format: Option<ListFormat>,
        name: &str,
        base: Option<&UrlText>,
        open: OpenSitemap<'a>,
    ) -> Result<Self> {
        let from = undone(from, name)?;
        let (format, from) = match format {
            Some(format) => (format, from),
            None => {
                let (start, from) = looked_at(from).map_err(|e| unreadable(name, e))?;
                (ListFormat::of_start(&start), from)
            }
        };
        let name = name.to_owned();
        let items: Box<dyn Items + Send + 'a> = match format {
            ListFormat::Lines => Box::new(ListItems::new(from, name)),
            ListFormat::Lock => Box::new(lines::Locked::new(from, &name)),
            ListFormat::Har => Box::new(har::Requests::new(from, name)?),
            ListFormat::Sitemap => Box::new(sitemap::Sitemaps::new(from, name, base, open)),
        };
        Ok(UrlList { items })
    }

    /// How many requests were left out up to now, as only GET fills a cache.
    pub fn left_out(&self) -> u64 {
        self.items.left_out()
    }
}

impl Iterator for UrlList<'_> {
    type Item = Result<Listed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.items.next()
    }
}

impl std::fmt::Debug for UrlList<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UrlList").finish_non_exhaustive()
    }
}

/// The first line that is not empty, with what stands before it, and the stream as it was.
/// Nobody is waited for longer than for that line.
fn looked_at(mut from: Input) -> std::io::Result<(Vec<u8>, Input)> {
    const MOST: usize = 4096;
    let mut start = Vec::new();
    loop {
        let room = (MOST - start.len()) as u64;
        let read = from.by_ref().take(room).read_until(b'\n', &mut start)?;
        if read == 0 || !start.trim_ascii().is_empty() {
            let whole = std::io::Cursor::new(start.clone()).chain(from);
            return Ok((start, Box::new(whole)));
        }
    }
}

/// A stream without its compression, as UTF-8.
fn undone(from: Box<dyn Read + Send>, name: &str) -> Result<Input> {
    // A list of one byte is too short to be compressed, and is none.
    let from = input::open(from).map_err(|e| {
        Error::new(crate::ErrorKind::LocalFile, format!("cannot read {name}")).because(e)
    })?;
    input::as_utf8(from).map_err(|e| unreadable(name, e))
}

fn unreadable(name: &str, error: std::io::Error) -> Error {
    let error = input::unreadable(error);
    let told = format!("cannot read {name}");
    Error::new(crate::ErrorKind::LocalFile, told).coded(error.code()).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_told_by_its_beginning() {
        for (start, format) in [
            ("https://example.org/\n", ListFormat::Lines),
            ("# cachectl lock 1\n", ListFormat::Lock),
            ("# mine\nhttps://example.org/", ListFormat::Lines),
            ("\u{feff}<?xml version=\"1.0\"?><urlset>", ListFormat::Sitemap),
            ("  <urlset/>", ListFormat::Sitemap),
            ("{\n \"log\": {", ListFormat::Har),
            ("{\"url\":\"https://example.org/\"}\n", ListFormat::Lines),
            ("", ListFormat::Lines),
        ] {
            assert_eq!(ListFormat::of_start(start.as_bytes()), format, "{start:?}");
        }
    }
}
