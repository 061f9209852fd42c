//! Following redirects, hop by hop: every hop is looked up and stored under its own URL.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Headers, Method, Request, Secrets};

use super::answer::Answer;
use super::{Client, FetchOptions, basic};

/// How far to follow.
#[derive(Debug, Clone, Copy)]
pub struct FollowOptions {
    /// The most redirects that are followed. Default: 10.
    pub most: u32,
}

impl Default for FollowOptions {
    fn default() -> Self {
        FollowOptions { most: 10 }
    }
}

impl Client {
    /// Answers a request and follows redirects up to the final answer; `on_hop` sees each
    /// answer that is a redirect on the way.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); `Network` when there are too many redirects.
    pub async fn fetch_following(
        &self,
        request: &Request,
        options: &FetchOptions,
        follow: FollowOptions,
        mut on_hop: impl FnMut(&Answer),
    ) -> Result<Answer> {
        let mut options = Cow::Borrowed(options);
        let mut way = Way::new(request, follow);
        loop {
            let mut answer = self.fetch(&way.request, &options).await?;
            match way.goes_on(&answer) {
                Ok(true) => {}
                Ok(false) => return Ok(answer),
                Err(_) if way.may_be_outdated(&options) => {
                    way = Way::new(request, follow);
                    options.to_mut().policy.refresh = true;
                    continue;
                }
                Err(e) => return Err(e),
            }
            // Its body is stored while it is drained.
            answer.drain().await?;
            on_hop(&answer);
            self.finish(&mut answer).await;
        }
    }

    /// The same, but nothing of the way is committed: for a caller who keeps a redirect
    /// only if what it leads to is worth keeping.
    pub(super) async fn fetch_holding(
        &self,
        request: &Request,
        options: &FetchOptions,
        follow: FollowOptions,
    ) -> Result<(Vec<Answer>, Answer)> {
        let mut options = Cow::Borrowed(options);
        let mut way = Way::new(request, follow);
        let mut hops = Vec::new();
        loop {
            let mut answer = self.fetch(&way.request, &options).await?;
            match way.goes_on(&answer) {
                Ok(true) => {}
                Ok(false) => return Ok((hops, answer)),
                Err(_) if way.may_be_outdated(&options) => {
                    way = Way::new(request, follow);
                    hops.clear();
                    options.to_mut().policy.refresh = true;
                    continue;
                }
                Err(e) => return Err(e),
            }
            answer.hold();
            answer.drain().await?;
            hops.push(answer);
        }
    }
}

/// The way from a request to its final answer.
struct Way {
    request: Request,
    hops: u32,
    most: u32,
    /// How many of the redirects came out of the store.
    stored: u32,
}

impl Way {
    fn new(request: &Request, follow: FollowOptions) -> Self {
        Way { request: request.clone(), hops: 0, most: follow.most, stored: 0 }
    }

    /// Takes the next step, if the answer is a redirect.
    fn goes_on(&mut self, answer: &Answer) -> Result<bool> {
        if !is_redirecting(answer.status) {
            return Ok(false);
        }
        let next = next_hop(&self.request, answer).ok_or_else(|| leads_nowhere(answer))?;
        if self.hops == self.most {
            let url = Secrets::built_in().url(answer.url.as_str()).into_owned();
            return Err(Error::new(
                ErrorKind::Network,
                format!("more than {} redirects, the last one from {url}", self.most),
            )
            .coded("too_many_redirects")
            .try_this("--max-redirs N follows more"));
        }
        self.hops += 1;
        self.stored += u32::from(answer.cache.fwd.is_none());
        self.request = next;
        Ok(true)
    }

    /// Whether stored redirects may be what leads in a circle: each was right when it was stored,
    /// and together they may never have been.
    fn may_be_outdated(&self, options: &FetchOptions) -> bool {
        self.hops == self.most
            && self.stored > 0
            && !options.policy.refresh
            && !options.policy.offline
    }
}

/// Whether an answer of this status is no answer, but says where one is.
fn is_redirecting(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Whether an answer with this head points elsewhere.
pub(super) fn is_redirect(status: u16, headers: &Headers) -> bool {
    is_redirecting(status) && headers.contains("location")
}

/// The error of a redirect that cannot be followed: what it brings along is not what was asked
/// for.
fn leads_nowhere(answer: &Answer) -> Error {
    let secrets = Secrets::built_in();
    let url = secrets.url(answer.url.as_str()).into_owned();
    let error = Error::new(ErrorKind::Network, format!("{url} redirects, and not to a URL"));
    let why = match answer.headers.get_text("location") {
        Some(location) => format!("its Location is {:?}", secrets.url(&location)),
        None => "it names no Location".to_owned(),
    };
    error.because(why).coded("bad_redirect")
}

/// The request for the target of a redirect; `None` when that is no URL that can be fetched.
fn next_hop(request: &Request, answer: &Answer) -> Option<Request> {
    let location = answer.headers.get("location")?;
    let reference = percent_encoded(location);
    let (url, credentials) = request.url.join_with_credentials(&reference)?;
    let mut next = request.clone();
    // RFC 9110 section 15.4: only 307 and 308 promise to keep the method.
    let becomes_get = match answer.status {
        303 => request.method != Method::HEAD,
        301 | 302 => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
    }
    if url.origin() != request.url.origin() {
        // Credentials were meant for the one who asked for them.
        let secrets = Secrets::built_in();
        next.headers.retain(|name, _| !secrets.is_secret_header(&String::from_utf8_lossy(name)));
        next.headers.remove("host");
    }
    if let Some(credentials) = credentials {
        next.headers.set("Authorization", basic(&credentials));
    }
    next.url = url;
    Some(next)
}

/// Origins send raw bytes; as text they are percent-encoded.
fn percent_encoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes
            .iter()
            .map(|&c| if c.is_ascii() { char::from(c).to_string() } else { format!("%{c:02X}") })
            .collect(),
    }
}
