//! How long a response is fresh, and how old it is (RFC 9111 section 4.2).

use std::time::Duration;

use crate::model::{EntryHead, Headers, Timestamp};

use super::Settings;
use super::date::DateField;
use super::directives::ResponseDirectives;
use super::fields::{delta_seconds, members};
use super::storable::is_heuristically_cacheable;

/// Where a lifetime comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifetimeSource {
    /// `s-maxage`, in shared mode.
    SMaxage,
    /// `max-age`.
    MaxAge,
    /// `Expires` minus `Date`.
    Expires,
    /// A share of the time since `Last-Modified`.
    Heuristic,
    /// The store's TTL, for entries that were stored by force.
    StoreTtl,
    /// Nothing gives one: the response is stale from the start.
    None,
}

impl LifetimeSource {
    /// The name in machine-readable output.
    pub fn name(self) -> &'static str {
        match self {
            LifetimeSource::SMaxage => "s-maxage",
            LifetimeSource::MaxAge => "max-age",
            LifetimeSource::Expires => "expires",
            LifetimeSource::Heuristic => "heuristic",
            LifetimeSource::StoreTtl => "store-ttl",
            LifetimeSource::None => "none",
        }
    }
}

/// Lifetime and age of an entry at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long the response is fresh, counted from its birth at the origin.
    pub lifetime: Duration,
    /// Where the lifetime comes from.
    pub source: LifetimeSource,
    /// How old the response was when it came in.
    pub initial_age: Duration,
    /// How long it has been here since.
    pub resident: Duration,
}

impl Freshness {
    /// The current age (section 4.2.3).
    pub fn age(&self) -> Duration {
        self.initial_age.saturating_add(self.resident)
    }

    /// Fresh exactly when the lifetime is above the age (section 4.2).
    pub fn is_fresh(&self) -> bool {
        self.lifetime > self.age()
    }

    /// For how long it has been stale; zero while fresh.
    pub fn stale_for(&self) -> Duration {
        self.age().saturating_sub(self.lifetime)
    }

    /// Lifetime minus age, both in whole seconds as headers show them; negative when stale.
    pub fn ttl_secs(&self) -> i64 {
        let secs = |d: Duration| i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        secs(self.lifetime).saturating_sub(secs(self.age()))
    }

    /// Whether it stays fresh for at least this long.
    pub fn is_fresh_for(&self, span: Duration) -> bool {
        self.lifetime >= self.age().saturating_add(span)
    }

    /// When freshness ends, for a response that came in at `received_at`; `None` when it
    /// never began.
    pub fn fresh_until(&self, received_at: Timestamp) -> Option<Timestamp> {
        (self.lifetime > self.initial_age).then(|| received_at + (self.lifetime - self.initial_age))
    }
}

/// Freshness of a stored entry at `now`. With `force` the entry counts as fresh for that
/// long after it was stored, whatever its headers say.
pub fn freshness(
    head: &EntryHead,
    now: Timestamp,
    settings: &Settings,
    force: Option<Duration>,
) -> Freshness {
    let of_store = |lifetime| Freshness {
        lifetime,
        source: LifetimeSource::StoreTtl,
        initial_age: Duration::ZERO,
        resident: now.since(head.created_at),
    };
    if let Some(ttl) = force {
        return of_store(ttl);
    }
    if let (true, Some(end)) = (head.forced, head.expires_at) {
        return of_store(end.since(head.created_at));
    }
    let (lifetime, source) = lifetime(head.status, &head.headers, head.received_at, settings);
    Freshness {
        lifetime: Duration::from_secs(lifetime),
        source,
        initial_age: initial_age(&head.headers, head.requested_at, head.received_at),
        // A clock that went back counts as no time at all.
        resident: now.since(head.received_at),
    }
}

/// Whether an entry claims to come from more than a minute ahead: it was stored by a machine
/// whose clock is ahead, and nobody knows how old it is (rule A1).
pub fn is_from_the_future(head: &EntryHead, now: Timestamp) -> bool {
    head.received_at.is_ahead_of(now) || head.created_at.is_ahead_of(now)
}

/// How old the response is at `now` (section 4.2.3), whatever may keep it fresh.
pub fn current_age(head: &EntryHead, now: Timestamp) -> Duration {
    initial_age(&head.headers, head.requested_at, head.received_at)
        .saturating_add(now.since(head.received_at))
}

/// The freshness lifetime in seconds, and what gave it: the first that applies of
/// `s-maxage`, `max-age`, `Expires`, heuristic (section 4.2.1).
pub(crate) fn lifetime(
    status: u16,
    headers: &Headers,
    received_at: Timestamp,
    settings: &Settings,
) -> (u64, LifetimeSource) {
    let said = ResponseDirectives::of(headers);
    if let (true, Some(secs)) = (settings.shared, said.s_maxage) {
        return (secs, LifetimeSource::SMaxage);
    }
    if let Some(secs) = said.max_age {
        return (secs, LifetimeSource::MaxAge);
    }
    let date = DateField::of(headers, "date", received_at).time().unwrap_or(received_at);
    match DateField::of(headers, "expires", received_at) {
        DateField::At(expires) => {
            return (seconds_between(date, expires), LifetimeSource::Expires);
        }
        DateField::Invalid => return (0, LifetimeSource::Expires),
        DateField::Absent => {}
    }
    heuristic(status, headers, &said, date, received_at, settings)
        .map_or((0, LifetimeSource::None), |secs| (secs, LifetimeSource::Heuristic))
}

/// Section 4.2.2: only for statuses that allow it or with `public`, and only with a
/// valid `Last-Modified`.
fn heuristic(
    status: u16,
    headers: &Headers,
    said: &ResponseDirectives,
    date: Timestamp,
    received_at: Timestamp,
    settings: &Settings,
) -> Option<u64> {
    if !(is_heuristically_cacheable(status) || said.public) {
        return None;
    }
    // A cookie that nobody said may be shared makes guessing too bold.
    if settings.shared && headers.contains("set-cookie") {
        return None;
    }
    // Reproducible builds and empty dates say the beginning of time, which tells nothing.
    let modified = DateField::of(headers, "last-modified", received_at)
        .time()
        .filter(|&modified| modified > Timestamp::EPOCH)?;
    let share = seconds_between(modified, date) * u64::from(settings.heuristic_percent) / 100;
    let secs = share.min(settings.heuristic_most.as_secs());
    (secs > 0).then_some(secs)
}

/// The age of a response when it came in (section 4.2.3).
fn initial_age(headers: &Headers, requested_at: Timestamp, received_at: Timestamp) -> Duration {
    // `Date` has whole seconds only: the fraction of a second is not age.
    let received = Timestamp::from_secs(received_at.secs());
    let apparent = DateField::of(headers, "date", received_at)
        .time()
        .map_or(Duration::ZERO, |date| received.since(date));
    let corrected = Duration::from_secs(age_field(headers).unwrap_or(0))
        .saturating_add(received_at.since(requested_at));
    apparent.max(corrected)
}

/// The first member of the first `Age` line, if it is delta-seconds (section 5.1).
pub(crate) fn age_field(headers: &Headers) -> Option<u64> {
    delta_seconds(members(headers.get("age")?).next()?)
}

fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.secs().saturating_sub(from.secs())).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p10_age_is_the_first_member_if_it_is_delta_seconds() {
        for (value, age) in [
            ("7200", Some(7200)),
            ("7200, 0", Some(7200)),
            ("abc", None),
            ("-1", None),
            ("7200.0", None),
            ("", None),
            ("18446744073709551616", Some(1 << 31)),
        ] {
            assert_eq!(age_field(&Headers::new().with("Age", value)), age, "{value:?}");
        }
        let lines = Headers::new().with("age", "x").with("age", "5");
        assert_eq!(age_field(&lines), None);
    }
}
