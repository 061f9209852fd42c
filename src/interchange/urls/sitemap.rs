//! Sitemaps as sitemaps.org defines them: lists of URLs, and indexes of such lists.
//!
//! Elements count by their place (`urlset/url/loc`, `sitemapindex/sitemap/loc`) in the
//! namespace of their parent, so that `image:loc` and its like are none. Files that some
//! stranger serves are read with limits: how long one is, how deep indexes lie in each
//! other, and how much may come without a URL in it.

use std::collections::{HashSet, VecDeque};
use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

use crate::error::{Error, Result};
use crate::model::{Headers, Secrets, UrlText};

use super::super::input::Input;
use super::{
    Items, ListFormat, ListItems, Listed, OpenSitemap, is_url, looked_at, undone, unreadable,
};

/// The longest sitemap, compression undone. The format allows 50 MiB.
const MAX_BYTES: u64 = 128 << 20;

/// How much may come without a URL in it.
const MAX_BARREN: u64 = 1 << 20;

/// How deep indexes may lie in each other; the format allows one.
const MAX_DEPTH: usize = 4;

/// How many sitemaps may wait to be opened; the format allows 50,000 in an index.
const MAX_WAITING: usize = 100_000;

/// The longest URL.
const MAX_URL: usize = 64 * 1024;

/// A sitemap and, if it is an index, those below it.
pub(super) struct Sitemaps<'a> {
    open: OpenSitemap<'a>,
    current: Option<Below>,
    /// URLs of sitemaps that were named, and how deep they lie.
    waiting: VecDeque<(String, usize)>,
    known: HashSet<String>,
}

/// What an index may name.
enum Below {
    Xml(Box<Sitemap>),
    /// One URL a line.
    Text(Box<ListItems>),
}

impl<'a> Sitemaps<'a> {
    pub(super) fn new(
        from: Input,
        name: String,
        base: Option<&UrlText>,
        open: OpenSitemap<'a>,
    ) -> Self {
        let sitemap = Sitemap::new(from, name, base.cloned(), 0);
        let current = Some(Below::Xml(Box::new(sitemap)));
        Sitemaps { open, current, waiting: VecDeque::new(), known: HashSet::new() }
    }

    /// Opens the next sitemap that was named; `None` when there is none.
    fn open_next(&mut self) -> Option<Result<()>> {
        let (url, depth) = self.waiting.pop_front()?;
        let shown = Secrets::built_in().url(&url).into_owned();
        let opened = (self.open)(&url).and_then(|from| {
            let from = undone(from, &shown)?;
            let (start, from) = looked_at(from).map_err(|e| unreadable(&shown, e))?;
            Ok(match ListFormat::of_start(&start) {
                ListFormat::Sitemap => {
                    let base = UrlText::parse(&url).ok();
                    Below::Xml(Box::new(Sitemap::new(from, shown, base, depth)))
                }
                _ => Below::Text(Box::new(ListItems::new(from, shown))),
            })
        });
        Some(opened.map(|below| self.current = Some(below)))
    }

    fn name(&mut self, url: String, depth: usize, index: &str) -> Result<()> {
        if depth > MAX_DEPTH {
            let told = format!("{index} is not read: indexes lie too deep in each other");
            return Err(Error::codec(told).coded("bomb"));
        }
        if self.waiting.len() >= MAX_WAITING {
            let told = format!("{index} names too many sitemaps");
            return Err(Error::codec(told).coded("bomb"));
        }
        if self.known.insert(url.clone()) {
            self.waiting.push_back((url, depth));
        }
        Ok(())
    }
}

impl Items for Sitemaps<'_> {
    fn next(&mut self) -> Option<Result<Listed>> {
        loop {
            let Some(current) = &mut self.current else {
                match self.open_next()? {
                    Ok(()) => continue,
                    Err(e) => return Some(Err(e)),
                }
            };
            let current = match current {
                Below::Xml(sitemap) => sitemap,
                Below::Text(items) => match Items::next(&mut **items) {
                    Some(listed) => return Some(listed),
                    None => {
                        self.current = None;
                        continue;
                    }
                },
            };
            match current.next() {
                Ok(Some(Loc::Unreadable(error))) => return Some(Err(error)),
                Ok(Some(Loc::Page(url))) => {
                    let place = current.name.clone();
                    return Some(Ok(Listed { url, headers: Headers::new(), place }));
                }
                Ok(Some(Loc::Sitemap(url))) => {
                    let (depth, name) = (current.depth + 1, current.name.clone());
                    if let Err(e) = self.name(url, depth, &name) {
                        self.current = None;
                        return Some(Err(e));
                    }
                }
                Ok(None) => self.current = None,
                Err(e) => {
                    self.current = None;
                    return Some(Err(e));
                }
            }
        }
    }
}

/// What an element `loc` names.
enum Loc {
    Page(String),
    Sitemap(String),
    /// One that cannot be read; the others can.
    Unreadable(Error),
}

/// One file.
struct Sitemap {
    xml: Reader<Limited>,
    buffer: Vec<u8>,
    /// The elements around, outermost first.
    around: Vec<Element>,
    name: String,
    /// The URL that it was fetched from.
    base: Option<UrlText>,
    depth: usize,
    has_root: bool,
    is_over: bool,
}

/// A name, taken apart.
#[derive(PartialEq, Eq)]
struct Element {
    prefix: Vec<u8>,
    local: Vec<u8>,
}

impl Sitemap {
    fn new(from: Input, name: String, base: Option<UrlText>, depth: usize) -> Self {
        let mut xml = Reader::from_reader(Limited { from, read: 0, barren: 0 });
        // Many write `&` in a URL or a title as it is.
        xml.config_mut().allow_dangling_amp = true;
        let around = Vec::new();
        let buffer = Vec::new();
        Sitemap { xml, buffer, around, name, base, depth, has_root: false, is_over: false }
    }

    /// The next place that is named; `None` at the end.
    fn next(&mut self) -> Result<Option<Loc>> {
        let mut text = None;
        // What is wrong with the text of the place; nobody needs any other text.
        let mut wrong = None;
        while !self.is_over {
            self.buffer.clear();
            let position = self.xml.buffer_position();
            let event = self
                .xml
                .read_event_into(&mut self.buffer)
                .map_err(|e| broken(&self.name, position, e))?;
            match event {
                Event::Start(tag) => {
                    let element = Element {
                        prefix: tag.name().prefix().map_or(Vec::new(), |p| p.as_ref().to_vec()),
                        local: tag.local_name().as_ref().to_vec(),
                    };
                    self.around.push(element);
                    check_root(&self.around[0].local, &self.name)?;
                    self.has_root = true;
                    text = is_loc(&self.around).then(String::new);
                    wrong = None;
                }
                Event::Empty(tag) if self.around.is_empty() => {
                    check_root(tag.local_name().as_ref(), &self.name)?;
                    self.has_root = true;
                }
                Event::Text(part) if text.is_some() => match part.decode() {
                    Ok(part) => append(&mut text, &part),
                    Err(e) => wrong = Some(broken(&self.name, position, e.into())),
                },
                Event::CData(part) if text.is_some() => match part.decode() {
                    Ok(part) => append(&mut text, &part),
                    Err(e) => wrong = Some(broken(&self.name, position, e.into())),
                },
                Event::GeneralRef(entity) if text.is_some() => match meaning(&entity) {
                    Some(meant) => append(&mut text, meant.encode_utf8(&mut [0; 4])),
                    None => wrong = Some(self_made(&self.name, position, &entity)),
                },
                Event::End(_) => {
                    let is_index = self.around.get(1).is_some_and(|e| e.local == b"sitemap");
                    self.around.pop();
                    if let Some(url) = text.take() {
                        self.xml.get_mut().barren = 0;
                        if let Some(error) = wrong {
                            return Ok(Some(Loc::Unreadable(error)));
                        }
                        let url = self.absolute(url.trim());
                        return Ok(Some(if is_index { Loc::Sitemap(url) } else { Loc::Page(url) }));
                    }
                }
                Event::Eof => {
                    self.is_over = true;
                    if !self.around.is_empty() || !self.has_root {
                        let told = format!("{} is cut off: its end is missing", self.name);
                        return Err(Error::codec(told).coded("truncated"));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Sitemap {
    /// A place as a URL: the format wants whole ones, and many write less.
    fn absolute(&self, place: &str) -> String {
        let joined = || self.base.as_ref()?.join(place);
        match place.is_empty() || is_url(place) {
            true => place.to_owned(),
            false => joined().map_or_else(|| place.to_owned(), |url| url.as_str().to_owned()),
        }
    }
}

/// Longer text than any URL is not kept; it is no URL.
fn append(text: &mut Option<String>, part: &str) {
    if let Some(text) = text.as_mut().filter(|text| text.len() < MAX_URL) {
        text.push_str(part);
    }
}

/// Whether what was opened last is a place: third from the root, in its parent's namespace.
fn is_loc(around: &[Element]) -> bool {
    let [root, parent, own] = around else { return false };
    let is_child = matches!(
        (&root.local[..], &parent.local[..]),
        (b"urlset", b"url") | (b"sitemapindex", b"sitemap")
    );
    is_child && own.local == b"loc" && own.prefix == parent.prefix
}

fn check_root(local: &[u8], name: &str) -> Result<()> {
    if matches!(local, b"urlset" | b"sitemapindex") {
        return Ok(());
    }
    let local = String::from_utf8_lossy(local).into_owned();
    Err(Error::codec(format!("{name} is no sitemap"))
        .because(format!("its root is {local:?} instead of urlset or sitemapindex"))
        .coded("bad_format"))
}

/// What a reference stands for; only those that XML itself defines stand for anything.
fn meaning(entity: &BytesRef<'_>) -> Option<char> {
    if let Some(c) = entity.resolve_char_ref().ok()? {
        return Some(c);
    }
    match &**entity {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"apos" => Some('\''),
        b"quot" => Some('"'),
        _ => None,
    }
}

fn self_made(name: &str, position: u64, entity: &BytesRef<'_>) -> Error {
    let entity = String::from_utf8_lossy(entity).into_owned();
    Error::codec(format!("{name} cannot be read as XML"))
        .because(format!("byte {position}: the entity &{entity}; is none of XML's own"))
        .coded("bad_xml")
}

fn broken(name: &str, position: u64, error: quick_xml::Error) -> Error {
    if let quick_xml::Error::Io(e) = &error {
        if let Some(limit) = e.get_ref().and_then(|inner| inner.downcast_ref::<OverLimit>()) {
            return Error::codec(format!("{name} is not read any further"))
                .because(limit.0)
                .coded("bomb");
        }
        return unreadable(name, io::Error::new(e.kind(), e.to_string()));
    }
    Error::codec(format!("{name} cannot be read as XML"))
        .because(format!("byte {position}: {error}"))
        .coded("bad_xml")
}

/// A stream that ends with an error where it means nothing any more.
struct Limited {
    from: Input,
    read: u64,
    /// Bytes since the last URL.
    barren: u64,
}

#[derive(Debug)]
struct OverLimit(&'static str);

impl std::fmt::Display for OverLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for OverLimit {}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(buffer)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Limited {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read > MAX_BYTES {
            return Err(io::Error::other(OverLimit("a sitemap has at most 128 MiB")));
        }
        if self.barren > MAX_BARREN {
            return Err(io::Error::other(OverLimit("a mebibyte of it names no URL")));
        }
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount as u64;
        self.barren += amount as u64;
        self.from.consume(amount);
    }
}
