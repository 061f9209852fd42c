//! The lists that `warm` reads: opened at once, read on a thread of their own, one after
//! the other, as fast as the URLs are taken.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use cachectl::client::warm::{Fetched, Target, Warmer};
use cachectl::interchange::urls::{ListFormat, Listed, UrlList};
use cachectl::{Error, ErrorKind, Method, Request, Secrets, UrlText, decode};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;

use super::fetch::{Said, request_for};
use crate::config::Config;

/// The most that is kept of a sitemap before it is read.
const MOST_SITEMAP: usize = 129 << 20;

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
    /// Fields that were said for every request.
    pub said: Vec<Said>,
    pub compressed: bool,
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
        let (from, name, format, base) = match list {
            List::Said(urls) => {
                for url in urls {
                    let place = String::new();
                    self.hand_on(Listed { url, headers: cachectl::Headers::new(), place }, None)?;
                }
                return Ok(());
            }
            List::File { from, name, format } => (from, name, format, None),
            List::Sitemap(url) => {
                let name = Secrets::built_in().url(&url).into_owned();
                match self.open(&url, None) {
                    Ok(from) => (from, name, None, UrlText::parse(&url).ok()),
                    Err(e) => return self.give_up(name, e),
                }
            }
        };
        let base = base.as_ref();
        let open = Box::new(|url: &str| self.open(url, base));
        let mut urls = match UrlList::open(from, format, &name, base, open) {
            Ok(urls) => urls,
            Err(e) => return self.give_up(name, e),
        };
        for listed in urls.by_ref() {
            match listed {
                Ok(listed) => self.hand_on(listed, base)?,
                Err(e) => self.give_up(name.clone(), e)?,
            }
        }
        left_out.fetch_add(urls.left_out(), Ordering::Relaxed);
        Ok(())
    }

    fn hand_on(&self, listed: Listed, base: Option<&UrlText>) -> Result<(), Unwanted> {
        let target = match self.request(&listed, base) {
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
    /// Credentials were said for whoever serves `base`, and are for nobody else whom that
    /// names.
    fn request(&self, listed: &Listed, base: Option<&UrlText>) -> Result<Request> {
        let mut request = self.plain_request(&listed.url, self.compressed, base)?;
        let is_said =
            |name: &[u8]| self.said.iter().any(|(n, _)| n.as_bytes().eq_ignore_ascii_case(name));
        for (name, _) in listed.headers.iter().filter(|(name, _)| !is_said(name)) {
            request.headers.remove(&String::from_utf8_lossy(name));
        }
        for (name, value) in listed.headers.iter().filter(|(name, _)| !is_said(name)) {
            request.headers.push(name, value);
        }
        Ok(request)
    }

    fn plain_request(
        &self,
        url: &str,
        compressed: bool,
        base: Option<&UrlText>,
    ) -> Result<Request> {
        let mut request = request_for(Method::GET, url, &self.said, compressed, &self.config)?;
        if base.is_some_and(|base| base.origin() != request.url.origin()) {
            let secrets = Secrets::built_in();
            let is_secret = |name: &[u8]| secrets.is_secret_header(&String::from_utf8_lossy(name));
            request.headers.retain(|name, _| !is_secret(name));
        }
        Ok(request)
    }

    fn give_up(&self, name: String, error: Error) -> Result<(), Unwanted> {
        self.send.blocking_send(Target::unusable(name, error)).map_err(|_| Unwanted)
    }

    /// Fetches a sitemap, through the cache and within the limits. It is taken whole before
    /// its first URL is: the URLs need the very slots that it holds.
    fn open(&self, url: &str, base: Option<&UrlText>) -> cachectl::Result<Box<dyn Read + Send>> {
        let name = Secrets::built_in().url(url).into_owned();
        let request = self.plain_request(url, false, base).map_err(|failure| {
            failure.downcast::<Error>().unwrap_or_else(|other| Error::usage(other.to_string()))
        })?;
        let not_stored = || {
            Error::new(ErrorKind::NotFound, format!("the sitemap {name} is not stored"))
                .because("nothing is fetched in a dry run")
        };
        let fetched = self.runtime.block_on(self.warmer.fetch(&request));
        let fetched = fetched.map_err(|e| if e.code() == "not_sent" { not_stored() } else { e })?;
        let status = fetched.answer.status;
        if !(200..300).contains(&status) {
            let told = format!("the sitemap {name} answered {status}");
            return Err(Error::new(ErrorKind::Network, told).coded("status"));
        }
        self.runtime.block_on(spooled(fetched, &name)).map(|file| Box::new(file) as _)
    }
}

/// The body of an answer as a file without a name, content codings undone.
async fn spooled(mut fetched: Fetched, name: &str) -> cachectl::Result<File> {
    let cannot = |e: io::Error| {
        Error::new(ErrorKind::LocalFile, format!("cannot keep the sitemap {name}")).because(e)
    };
    let file = tempfile::tempfile().map_err(cannot)?;
    let out = Bounded { file: file.try_clone().map_err(cannot)?, left: MOST_SITEMAP };
    let headers = fetched.answer.headers.clone();
    let mut out = decode::decoder(&headers, Box::new(out)).ok_or_else(|| {
        Error::codec(format!("the sitemap {name} has an unknown Content-Encoding"))
    })?;
    while let Some(chunk) = fetched.answer.chunk().await? {
        out.write_all(&chunk).map_err(cannot)?;
    }
    out.flush().map_err(cannot)?;
    drop(out);
    let mut file = file;
    file.rewind().map_err(cannot)?;
    Ok(file)
}

/// A file that may only grow so far.
struct Bounded {
    file: File,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len())
            .ok_or_else(|| io::Error::other(format!("it is longer than {MOST_SITEMAP} bytes")))?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
