//! What may be stored, what may be reused, and what to ask the origin: RFC 9111.
//!
//! Pure on purpose. A request, the heads that a store holds under its key and `now` go
//! in; a [`Decision`] comes out that says what to do next and why. The caller talks to
//! the origin and hands what came back to [`absorb`], which says what to write. No
//! store, no socket and no clock are known here, so every rule is a table of values in a
//! test. One engine serves fetching, warming, explaining and the proxy.
//!
//! The life of a request:
//!
//! 1. [`plan`] answers from the store, forwards (perhaps with conditions), or refuses.
//! 2. Forwarded: the response goes to [`absorb`]; when the origin cannot be reached,
//!    [`unreachable()`] says whether something stale may stand in.
//! 3. An answer out of the store is given its final status, fields and extent by
//!    [`reply`], which also settles the caller's own conditions and `Range`.
//!
//! Two modes: *private* (one user's cache, the default) and *shared* ([`Settings::shared`]).

mod absorb;
mod cache_status;
mod date;
mod decide;
mod demands;
mod directives;
mod fields;
mod freshness;
mod invalidation;
mod partition;
mod reason;
mod reply;
mod state;
mod storable;
mod validation;
mod variant;

use std::time::Duration;

use crate::model::StatusSet;

pub use crate::model::http_date::{format as format_date, parse as parse_date};
pub use absorb::{Absorbed, Delivery, Exchange, Received, absorb, recorded};
pub use cache_status::{CacheStatus, Verdict};
pub use decide::{Answer, Decision, Forward, Fwd, Plan, StaleBecause, plan, unreachable};
pub use demands::{Demands, RequestOptions};
pub use directives::{MaxStale, Qualified, RequestDirectives, ResponseDirectives};
pub use freshness::{Freshness, LifetimeSource, current_age, freshness};
pub use invalidation::invalidated_by;
#[cfg(feature = "interchange")]
pub(crate) use partition::owner_is_hidden;
pub use partition::{has_credentials, partition};
pub use reason::Reason;

pub use reply::{Extent, Reply, only_for_304, reply, settle_conditions};
pub use state::{State, usable_until};
pub use storable::{can_be_forced, is_heuristically_cacheable, speaks_of_resource, storable};
#[cfg(feature = "fetch")]
pub(crate) use variant::answers_get;
pub use variant::{VaryCheck, recency, selection, vary_checks};

/// How the engine decides where RFC 9111 leaves a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Obey the rules for shared caches (`private`, `s-maxage`, `proxy-revalidate`,
    /// `Authorization`). Default: false.
    pub shared: bool,
    /// Share of the time since `Last-Modified` that a response without explicit
    /// freshness counts as fresh, in percent. Default: 10.
    pub heuristic_percent: u32,
    /// The longest heuristic lifetime. Default: 7 days.
    pub heuristic_most: Duration,
    /// Serve stale when the origin cannot be reached, where nothing forbids it. Default: false.
    pub stale_if_unreachable: bool,
    /// Let a stored `Content-Language` satisfy a request that prefers that language above
    /// all others, although `Accept-Language` differs. Default: true.
    pub match_content_language: bool,
    /// Store only responses with these statuses; narrows what the RFC would store. Default: none.
    pub cacheable_status: Option<StatusSet>,
    /// Keep answers to requests with different API keys (`X-Api-Key`, `*-Token` and the like)
    /// apart, as those with different `Authorization` are. Default: true.
    pub api_keys_apart: bool,
    /// Larger bodies are delivered but not stored, in bytes. Default: none.
    pub max_body: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            shared: false,
            heuristic_percent: 10,
            heuristic_most: Duration::from_secs(7 * 86_400),
            stale_if_unreachable: false,
            match_content_language: true,
            api_keys_apart: true,
            cacheable_status: None,
            max_body: None,
        }
    }
}

impl Settings {
    /// Whether freshness is reckoned as a private cache usually does it.
    pub fn is_usual(&self) -> bool {
        let usual = Settings::default();
        (self.shared, self.heuristic_percent, self.heuristic_most)
            == (usual.shared, usual.heuristic_percent, usual.heuristic_most)
    }
}

/// The most variants kept under one key; the oldest go (rule V5).
pub const MAX_VARIANTS: usize = 32;
