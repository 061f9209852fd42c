//! Trying again: after which answers and failures, how often, and after which pauses.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::model::{Headers, Timestamp};
use crate::policy;

/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest wait that an origin may ask for before another attempt.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often, and after which pauses, something is tried again.
#[derive(Debug)]
pub(super) struct Backoff {
    left: u32,
    pause: Duration,
}

impl Backoff {
    pub(super) fn new(retries: u32) -> Self {
        Backoff { left: retries, pause: FIRST_PAUSE }
    }

    /// The pause before another attempt, as long as the origin asks for or longer each
    /// time; `None` when there is to be no other.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let own = jittered(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Some(asked.unwrap_or(own)).filter(|wait| *wait <= LONGEST_PAUSE)
    }
}

/// Whether the same request may be answered otherwise a little later.
pub(super) fn is_passing_status(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

/// The wait that an origin asks for, in seconds or until a date (RFC 9110 section 10.2.3).
pub(super) fn retry_after(headers: &Headers, now: Timestamp) -> Option<Duration> {
    let value = headers.get_text("retry-after")?;
    match value.trim().parse() {
        Ok(secs) => Some(Duration::from_secs(secs)),
        Err(_) => policy::parse_date(value.trim().as_bytes(), now).map(|until| until.since(now)),
    }
}

/// Between three quarters of a span and the whole of it: those that failed together shall
/// not come again together.
fn jittered(span: Duration) -> Duration {
    let draw = RandomState::new().hash_one(0) % 256;
    span - span / 4 * u32::try_from(draw).unwrap_or(0) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let mut backoff = Backoff::new(3);
        for most in [500, 1000, 2000] {
            let pause = backoff.next(None).unwrap().as_millis();
            assert!((most * 3 / 4..=most).contains(&pause), "{pause} of {most}");
        }
        assert_eq!(backoff.next(None), None);
        let mut patient = Backoff::new(200);
        assert!((0..200).all(|_| patient.next(None).is_some()), "as often as was asked for");
    }

    #[test]
    fn an_origin_is_not_waited_for_longer_than_a_minute() {
        let mut backoff = Backoff::new(3);
        assert_eq!(backoff.next(Some(Duration::ZERO)), Some(Duration::ZERO));
        assert_eq!(backoff.next(Some(LONGEST_PAUSE)), Some(LONGEST_PAUSE));
        assert_eq!(backoff.next(Some(LONGEST_PAUSE * 2)), None);
    }
}
