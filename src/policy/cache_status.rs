//! The verdict in the words of RFC 9211.

use std::fmt;

use super::decide::Fwd;

/// What became of a request, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answered from the store, fresh.
    Hit,
    /// Fetched.
    Miss,
    /// Answered from the store after the origin confirmed it.
    Revalidated,
    /// Answered from the store although stale.
    Stale,
    /// Passed by the cache.
    Bypass,
}

impl Verdict {
    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Hit => "hit",
            Verdict::Miss => "miss",
            Verdict::Revalidated => "revalidated",
            Verdict::Stale => "stale",
            Verdict::Bypass => "bypass",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One member of a `Cache-Status` field. `hit` is the absence of `fwd`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheStatus {
    /// Why the request was forwarded; `None` for a hit.
    pub fwd: Option<Fwd>,
    /// The status that the origin gave.
    pub fwd_status: Option<u16>,
    /// Lifetime minus age in seconds; negative when stale.
    pub ttl: Option<i64>,
    /// Whether the response was written to the store.
    pub stored: bool,
    /// Why something stale was used.
    pub detail: Option<&'static str>,
    /// The key.
    pub key: Option<String>,
}

impl CacheStatus {
    /// What became of the request, in one word.
    pub fn verdict(&self) -> Verdict {
        match (self.fwd, self.fwd_status) {
            (None, _) if self.detail.is_some() => Verdict::Stale,
            (None, _) => Verdict::Hit,
            (Some(_), _) if self.detail.is_some() => Verdict::Stale,
            (Some(Fwd::Bypass | Fwd::Method), _) => Verdict::Bypass,
            (Some(_), Some(304)) => Verdict::Revalidated,
            (Some(_), _) => Verdict::Miss,
        }
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cachectl; ")?;
        match self.fwd {
            None => f.write_str("hit")?,
            Some(fwd) => write!(f, "fwd={}", fwd.token())?,
        }
        if let Some(status) = self.fwd_status {
            write!(f, "; fwd-status={status}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, "; ttl={ttl}")?;
        }
        if self.stored {
            f.write_str("; stored")?;
        }
        if let Some(detail) = self.detail {
            write!(f, "; detail={detail}")?;
        }
        if let Some(key) = &self.key {
            f.write_str("; key=\"")?;
            for c in key.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    ' '..='~' => write!(f, "{c}")?,
                    _ => f.write_str("?")?,
                }
            }
            f.write_str("\"")?;
        }
        Ok(())
    }
}
