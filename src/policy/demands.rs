//! What a request demands: its directives and the caller's options in one value.

use std::time::Duration;

use crate::model::Headers;

use super::directives::{MaxStale, RequestDirectives};

/// What a caller asks for beside the request itself. Each option means the same as the
/// directive of its name; where both are given the stricter one holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestOptions {
    /// Validate even what is fresh.
    pub revalidate: bool,
    /// Fetch anew without conditions, whatever is stored.
    pub refresh: bool,
    /// Look up nothing and store nothing.
    pub no_store: bool,
    /// Accept no answer older than this.
    pub max_age: Option<Duration>,
    /// Accept only answers that stay fresh for so long. Zero: anything fresh, but nothing stale.
    pub min_fresh: Option<Duration>,
    /// Accept stale answers.
    pub max_stale: Option<MaxStale>,
    /// Accept stale answers when the origin fails.
    pub stale_if_error: Option<MaxStale>,
    /// Never open a connection; any stored answer will do.
    pub offline: bool,
    /// Store and serve for this long whatever the headers say.
    pub force: Option<Duration>,
}

/// Directives and options, merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are those of the directives and options")]
pub struct Demands {
    /// `no-cache` that came as a header field: not even `immutable` softens it.
    pub no_cache: bool,
    pub revalidate: bool,
    pub refresh: bool,
    pub no_store: bool,
    pub only_if_cached: bool,
    pub offline: bool,
    pub max_age: Option<u64>,
    pub min_fresh: Option<u64>,
    pub max_stale: Option<MaxStale>,
    pub stale_if_error: Option<MaxStale>,
    pub force: Option<Duration>,
}

impl Demands {
    /// Merges the request's directives with the options.
    pub fn of(headers: &Headers, options: &RequestOptions) -> Self {
        let said = RequestDirectives::of(headers);
        let max_age = options.max_age.map(|d| d.as_secs());
        Demands {
            no_cache: said.no_cache,
            revalidate: options.revalidate,
            refresh: options.refresh,
            no_store: said.no_store || options.no_store,
            only_if_cached: said.only_if_cached,
            offline: options.offline,
            max_age: stricter(said.max_age, max_age),
            min_fresh: said.min_fresh.max(options.min_fresh.map(|d| d.as_secs())),
            max_stale: stricter(said.max_stale, options.max_stale),
            stale_if_error: stricter(said.stale_if_error, options.stale_if_error),
            force: options.force,
        }
    }

    /// The options as directives, for caches on the way to the origin.
    pub(crate) fn as_directives(options: &RequestOptions) -> Option<String> {
        let mut said = Vec::new();
        if options.revalidate || options.refresh {
            said.push("no-cache".to_owned());
        }
        if options.no_store {
            said.push("no-store".to_owned());
        }
        if let Some(age) = options.max_age {
            said.push(format!("max-age={}", age.as_secs()));
        }
        if let Some(left) = options.min_fresh.filter(|left| !left.is_zero()) {
            said.push(format!("min-fresh={}", left.as_secs()));
        }
        let mut with_limit = |name: &str, limit: Option<MaxStale>| match limit {
            Some(MaxStale::Any) => said.push(name.to_owned()),
            Some(MaxStale::Secs(secs)) => said.push(format!("{name}={secs}")),
            None => {}
        };
        with_limit("max-stale", options.max_stale);
        // Without a value `stale-if-error` is not a directive (RFC 5861 section 4).
        with_limit("stale-if-error", options.stale_if_error.filter(|l| *l != MaxStale::Any));
        (!said.is_empty()).then(|| said.join(", "))
    }
}

fn stricter<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
