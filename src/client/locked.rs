//! Holding answers against a lock: by name before anything is sent, by the head when it
//! comes in, by the digest when the body is over.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, Headers, Lock, Secrets, Sha256Digest, UrlText};

/// Whether the lock names a URL at all.
pub(super) fn check_named(lock: &Lock, url: &UrlText) -> Result<()> {
    if !lock.answers(url).is_empty() {
        return Ok(());
    }
    let told = format!("{} is not in the lock file", shown(url));
    Err(Error::new(ErrorKind::Differs, told)
        .coded("not_locked")
        .try_this("cachectl warm with --lock alone writes the file anew"))
}

/// Whether a response with this head may be a locked one.
pub(super) fn check_head(lock: &Lock, url: &UrlText, status: u16, headers: &Headers) -> Result<()> {
    let answers = lock.answers(url);
    if answers.iter().any(|answer| answer.may_be(status, headers)) {
        return Ok(());
    }
    let same_status = answers.iter().any(|answer| answer.status == status);
    Err(changed(url, if same_status { "its ETag".to_owned() } else { format!("status {status}") }))
}

/// What the body of a response has to be.
pub(super) struct Expected {
    digests: Vec<Sha256Digest>,
    seen: BodyDigest,
    url: UrlText,
}

impl Expected {
    pub(super) fn new(lock: &Lock, url: &UrlText, status: u16, headers: &Headers) -> Self {
        let fitting = lock.answers(url).iter().filter(|answer| answer.may_be(status, headers));
        let digests = fitting.map(|answer| answer.sha256).collect();
        Expected { digests, seen: BodyDigest::new(), url: url.clone() }
    }

    pub(super) fn update(&mut self, chunk: &[u8]) {
        self.seen.update(chunk);
    }

    /// Whether it was one of them.
    pub(super) fn check(self) -> Result<()> {
        let came = self.seen.finish().sha256;
        if came.is_some_and(|came| self.digests.contains(&came)) {
            return Ok(());
        }
        Err(changed(&self.url, "its body".to_owned()))
    }
}

fn changed(url: &UrlText, what: String) -> Error {
    Error::new(ErrorKind::Differs, format!("{} is not what the lock file says", shown(url)))
        .because(format!("{what} is another"))
        .coded("locked_changed")
        .try_this("if the change is meant: cachectl warm --refresh --lock FILE, and review it")
}

fn shown(url: &UrlText) -> String {
    Secrets::built_in().url(url.as_str()).into_owned()
}
