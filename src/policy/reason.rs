//! Why the engine decided as it did: a code for machines, a sentence for people.

use std::fmt;

use crate::model::Method;

use super::decide::StaleBecause;

/// One reason. `code()` is stable; the text may change in any release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Nothing is stored under the key.
    UriMiss,
    /// Entries are stored under the key, for other requests.
    VaryMiss {
        /// How many there are.
        variants: usize,
        /// A field that kept one of them from matching.
        field: String,
    },
    /// What is stored has outlived the store's TTL.
    StoreTtlOver,
    /// The method is not answered from a cache.
    Method(Method),
    /// The request has a precondition that only the origin can judge.
    Precondition(&'static str),
    /// The request asks for a part that is not served from the store.
    Range,
    /// The request says `no-store`.
    NoStoreRequest,
    /// The request says `no-cache`.
    RequestNoCache,
    /// The caller asked for validation.
    Revalidate,
    /// The caller asked for a new copy.
    Refresh,
    /// The entry was stored by a machine whose clock is ahead: nobody knows its age.
    FromTheFuture,
    /// The request accepts no answer of this age.
    RequestMaxAge {
        /// Age of the entry in seconds, a started one counted in full.
        age: u64,
        /// Most that is accepted.
        most: u64,
    },
    /// The request wants the answer fresh for longer.
    RequestMinFresh {
        /// Seconds that are left.
        left: i64,
        /// Seconds that are wanted.
        wanted: u64,
    },
    /// The response says `no-cache`: validate before every use.
    ResponseNoCache,
    /// An unsafe request or a HEAD made the entry unusable without validation.
    Invalidated,
    /// Fresh.
    Fresh {
        /// Lifetime in seconds.
        lifetime: u64,
        /// Age in seconds.
        age: u64,
        /// What gives the lifetime.
        source: &'static str,
    },
    /// Stale.
    Stale {
        /// Lifetime in seconds.
        lifetime: u64,
        /// Age in seconds.
        age: u64,
        /// What gives the lifetime.
        source: &'static str,
    },
    /// Fresh and `immutable`: asking again is pointless.
    Immutable,
    /// Stored by force: its headers are not asked.
    Forced,
    /// Used although stale.
    StaleUse(StaleBecause),
    /// Not used stale, because this directive forbids it.
    StaleForbidden(&'static str),
    /// The request wants an answer from the store only, and there is none.
    OnlyIfCached,
    /// No connection may be opened, and nothing is stored.
    Offline,
    /// Nothing to validate with.
    NoValidator,
    /// The response says `no-store`.
    NoStore,
    /// The status is not cacheable, or not without explicit freshness.
    StatusNotCacheable(u16),
    /// The answer is about a condition, a part or an expectation of this one request, or about
    /// whoever sends it and how fast; it says nothing about the URL.
    OneRequestOnly(u16),
    /// The caller does not want answers of this status.
    StatusNotAccepted(u16),
    /// The response wants a cache that understands this status.
    MustUnderstand(u16),
    /// The answer to this method is not stored.
    MethodNotCacheable(Method),
    /// `Vary: *`: no later request could ever select it.
    VaryStar,
    /// A shared cache may not store the answer to a request with credentials.
    Authorization,
    /// A shared cache may not store a `private` response.
    PrivateInShared,
    /// The body is above the configured limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It could never be used again.
    NoReuse,
    /// Its credentials were hidden when it was recorded: nobody can tell for whom it is.
    CredentialsHidden,
    /// The store has no place for what says for whom it is.
    NotKeptApart,
    /// The store's own client takes whatever lies there for a success.
    OnlySuccess,
}

impl Reason {
    /// The stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::UriMiss => "uri-miss",
            Reason::VaryMiss { .. } => "vary-miss",
            Reason::StoreTtlOver => "store-ttl-over",
            Reason::Method(_) => "method",
            Reason::Precondition(_) => "precondition",
            Reason::Range => "range",
            Reason::NoStoreRequest => "no-store-request",
            Reason::RequestNoCache => "request-no-cache",
            Reason::Revalidate => "revalidate",
            Reason::Refresh => "refresh",
            Reason::FromTheFuture => "from-the-future",
            Reason::RequestMaxAge { .. } => "request-max-age",
            Reason::RequestMinFresh { .. } => "request-min-fresh",
            Reason::ResponseNoCache => "response-no-cache",
            Reason::Invalidated => "invalidated",
            Reason::Fresh { .. } => "fresh",
            Reason::Stale { .. } => "stale",
            Reason::Immutable => "immutable",
            Reason::Forced => "forced",
            Reason::StaleUse(because) => because.name(),
            Reason::StaleForbidden(_) => "stale-forbidden",
            Reason::OnlyIfCached => "only-if-cached",
            Reason::Offline => "offline",
            Reason::NoValidator => "no-validator",
            Reason::NoStore => "no-store",
            Reason::StatusNotCacheable(_) => "status-not-cacheable",
            Reason::OneRequestOnly(_) => "one-request-only",
            Reason::StatusNotAccepted(_) => "status-not-accepted",
            Reason::MustUnderstand(_) => "must-understand",
            Reason::MethodNotCacheable(_) => "method-not-cacheable",
            Reason::VaryStar => "vary-star",
            Reason::Authorization => "authorization",
            Reason::PrivateInShared => "private-in-shared",
            Reason::TooLarge { .. } => "too-large",
            Reason::NoReuse => "no-reuse",
            Reason::CredentialsHidden => "credentials-hidden",
            Reason::NotKeptApart => "not-kept-apart",
            Reason::OnlySuccess => "only-success",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::UriMiss => f.write_str("nothing is stored under this key"),
            Reason::VaryMiss { variants: 1, field } => {
                write!(f, "one entry is stored, for a request with another {field}")
            }
            Reason::VaryMiss { variants, field } => {
                write!(f, "{variants} entries are stored, for requests with other fields ({field})")
            }
            Reason::StoreTtlOver => f.write_str("the store's TTL of the entry is over"),
            Reason::Method(method) => write!(f, "{method} is not answered from a cache"),
            Reason::Precondition(name) => write!(f, "only the origin can judge {name}"),
            Reason::Range => f.write_str("a part of something not stored whole is asked for"),
            Reason::NoStoreRequest => f.write_str("the request says Cache-Control: no-store"),
            Reason::RequestNoCache => f.write_str("the request says Cache-Control: no-cache"),
            Reason::Revalidate => f.write_str("validation was asked for"),
            Reason::Refresh => f.write_str("a new copy was asked for"),
            Reason::FromTheFuture => f.write_str(
                "it was stored by a machine whose clock is ahead, so its age is unknown",
            ),
            Reason::RequestMaxAge { age, most } => {
                write!(f, "the request accepts an age of {most}s, the entry is {age}s old")
            }
            Reason::RequestMinFresh { left, wanted } => {
                write!(f, "the request wants {wanted}s of freshness, {left}s are left")
            }
            Reason::ResponseNoCache => {
                f.write_str("Cache-Control: no-cache demands validation before every use")
            }
            Reason::Invalidated => {
                f.write_str("a later request showed that the entry may be out of date")
            }
            Reason::Fresh { lifetime, age, source } => {
                write!(f, "fresh: lifetime {lifetime}s ({source}), age {age}s")
            }
            Reason::Stale { lifetime, age, source: "none" } => {
                write!(f, "stale: nothing gives a lifetime (it counts as {lifetime}s), age {age}s")
            }
            Reason::Stale { lifetime, age, source } => {
                write!(f, "stale: lifetime {lifetime}s ({source}), age {age}s")
            }
            Reason::Immutable => f.write_str("Cache-Control: immutable, and still fresh"),
            Reason::Forced => f.write_str("stored by force, until the store's TTL ends"),
            Reason::StaleUse(because) => write!(f, "used although stale: {because}"),
            Reason::StaleForbidden(directive) => {
                write!(f, "Cache-Control: {directive} forbids using it stale")
            }
            Reason::OnlyIfCached => {
                f.write_str("the request says only-if-cached, and the store has no answer for it")
            }
            Reason::Offline => f.write_str("offline, and the store has no answer"),
            Reason::NoValidator => f.write_str("neither ETag nor Last-Modified to validate with"),
            Reason::NoStore => f.write_str("the response says Cache-Control: no-store"),
            Reason::StatusNotCacheable(status) => {
                write!(f, "status {status} is not stored without explicit freshness")
            }
            Reason::OneRequestOnly(status) => {
                write!(f, "this {status} answers one request only, and says nothing about the URL")
            }
            Reason::StatusNotAccepted(status) => write!(f, "status {status} is not accepted"),
            Reason::MustUnderstand(status) => {
                write!(f, "must-understand, and status {status} is not understood")
            }
            Reason::MethodNotCacheable(method) => write!(f, "the answer to {method} is not stored"),
            Reason::VaryStar => f.write_str("Vary: * lets no later request select it"),
            Reason::Authorization => {
                f.write_str("the request had credentials, and the cache is shared")
            }
            Reason::PrivateInShared => {
                f.write_str("Cache-Control: private, and the cache is shared")
            }
            Reason::TooLarge { limit } => write!(f, "the body is larger than {limit} bytes"),
            Reason::NoReuse => f.write_str("it could never be used again"),
            Reason::CredentialsHidden => {
                f.write_str("its credentials were hidden, so nobody can tell for whom it is")
            }
            Reason::NotKeptApart => {
                f.write_str("it depends on credentials, which this store cannot tell apart")
            }
            Reason::OnlySuccess => {
                f.write_str("in this store only answers of success are told from others")
            }
        }
    }
}
