//! The lists that `warm` reads: opened at once, read on a thread of their own, one after
//! the other, as fast as the URLs are taken.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use bytes::{Buf, Bytes};
use cachectl::client::warm::{Fetched, Target, Warmer};
use cachectl::interchange::urls::{ListFormat, Listed, UrlList};
use cachectl::{Error, ErrorKind, Method, Request, Secrets};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::fetch::FetchArgs;
use crate::config::Config;

/// One source of URLs.
pub enum List {
    /// URLs that were given one by one.
    Said(Vec<String>),
    /// A file, or standard input.
    File { from: Box<dyn Read + Send>, name: String, format: Option<ListFormat> },
    /// A sitemap to fetch.
    Sitemap(String),
}

impl List {
    /// Opens a file.
    pub fn open(path: &Path, format: Option<ListFormat>) -> Result<Self> {
        if path.as_os_str() == "-" {
            let from = Box::new(io::stdin());
            return Ok(List::File { from, name: "standard input".to_owned(), format });
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|e| {
            Error::new(ErrorKind::LocalFile, format!("cannot read {name}")).because(e)
        })?;
        Ok(List::File { from: Box::new(file), name, format })
    }
}

/// Reads lists and hands their URLs on.
pub struct Feeding {
    pub warmer: Arc<Warmer>,
    pub fetch: FetchArgs,
    pub config: Config,
    pub runtime: Handle,
    pub send: Sender<Target>,
}

/// Nobody takes URLs any more.
struct Unwanted;

impl Feeding {
    /// Starts to read; what is given counts what was left out.
    pub fn start(self, lists: Vec<List>) -> Result<Arc<AtomicU64>> {
        let left_out = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&left_out);
        let read = move || {
            for list in lists {
                if self.read(list, &count).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("lists".into())
            .spawn(read)
            .context("cannot start a thread")?;
        Ok(left_out)
    }

    fn read(&self, list: List, left_out: &AtomicU64) -> Result<(), Unwanted> {
        let (from, name, format) = match list {
            List::Said(urls) => {
                for url in urls {
                    let place = String::new();
                    self.hand_on(Listed { url, headers: cachectl::Headers::new(), place })?;
                }
                return Ok(());
            }
            List::File { from, name, format } => (from, name, format),
            List::Sitemap(url) => {
                let name = Secrets::built_in().url(&url).into_owned();
                match self.open(&url) {
                    Ok(from) => (from, name, None),
                    Err(e) => return self.give_up(name, e),
                }
            }
        };
        let open = Box::new(|url: &str| self.open(url));
        let mut urls = match UrlList::open(from, format, &name, open) {
            Ok(urls) => urls,
            Err(e) => return self.give_up(name, e),
        };
        for listed in urls.by_ref() {
            match listed {
                Ok(listed) => self.hand_on(listed)?,
                Err(e) => self.give_up(name.clone(), e)?,
            }
        }
        left_out.fetch_add(urls.left_out(), Ordering::Relaxed);
        Ok(())
    }

    fn hand_on(&self, listed: Listed) -> Result<(), Unwanted> {
        let target = match self.request(&listed) {
            Ok(request) => Target::new(request),
            Err(failure) => {
                let name = Secrets::built_in().url(&listed.url).into_owned();
                let error = match failure.downcast::<Error>() {
                    Ok(error) if listed.place.is_empty() => error,
                    Ok(error) => Error::new(ErrorKind::Usage, error.message())
                        .because(listed.place)
                        .coded(error.code()),
                    Err(other) => Error::usage(other.to_string()),
                };
                Target::unusable(name, error)
            }
        };
        self.send.blocking_send(target).map_err(|_| Unwanted)
    }

    /// Fields of the list stand before the usual ones, and behind those that were said.
    fn request(&self, listed: &Listed) -> Result<Request> {
        let mut request = self.fetch.request(Method::GET, &listed.url, &self.config)?;
        let said = super::fetch::headers_of(&self.fetch.headers)?;
        let is_said =
            |name: &[u8]| said.iter().any(|(n, _)| n.as_bytes().eq_ignore_ascii_case(name));
        for (name, _) in listed.headers.iter().filter(|(name, _)| !is_said(name)) {
            request.headers.remove(&String::from_utf8_lossy(name));
        }
        for (name, value) in listed.headers.iter().filter(|(name, _)| !is_said(name)) {
            request.headers.push(name, value);
        }
        Ok(request)
    }

    fn give_up(&self, name: String, error: Error) -> Result<(), Unwanted> {
        self.send.blocking_send(Target::unusable(name, error)).map_err(|_| Unwanted)
    }

    /// Fetches a sitemap, through the cache and within the limits.
    fn open(&self, url: &str) -> cachectl::Result<Box<dyn Read + Send>> {
        let name = Secrets::built_in().url(url).into_owned();
        let request = self.fetch.request(Method::GET, url, &self.config).map_err(|failure| {
            failure.downcast::<Error>().unwrap_or_else(|other| Error::usage(other.to_string()))
        })?;
        let fetched =
            self.runtime.block_on(self.warmer.fetch(&request)).map_err(|e| match e.code() {
                "not_sent" => {
                    Error::new(ErrorKind::NotFound, format!("the sitemap {name} is not stored"))
                        .because("nothing is fetched in a dry run")
                }
                _ => e,
            })?;
        let status = fetched.answer.status;
        if !(200..300).contains(&status) {
            let told = format!("the sitemap {name} answered {status}");
            return Err(Error::new(ErrorKind::Network, told).coded("status"));
        }
        let runtime = self.runtime.clone();
        Ok(Box::new(FetchedBody { fetched, runtime, chunk: Bytes::new() }))
    }
}

/// The body of an answer, read from a thread outside of the runtime.
struct FetchedBody {
    fetched: Fetched,
    runtime: Handle,
    chunk: Bytes,
}

impl Read for FetchedBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.runtime.block_on(self.fetched.answer.chunk()) {
                Ok(Some(chunk)) => self.chunk = chunk,
                Ok(None) => return Ok(0),
                Err(e) => return Err(io::Error::other(e)),
            }
        }
        let now = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..now]);
        Ok(now)
    }
}
