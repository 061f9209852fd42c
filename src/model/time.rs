//! Points in time, to the microsecond, and the calendar under them.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time: microseconds since 1970-01-01T00:00:00Z, negative before; within the years
/// 0 to 9999, which is what RFC 3339 can write.
///
/// Arithmetic saturates, so no header field of a hostile origin can overflow it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

const MICROS: i64 = 1_000_000;

/// The first and the last moment: 0000-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const FIRST: i64 = -62_167_219_200 * MICROS;
const LAST: i64 = 253_402_300_800 * MICROS - 1;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// Now, in whole milliseconds: what every text form can carry.
    pub fn now() -> Self {
        Timestamp::from(SystemTime::now()).whole_millis()
    }

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Timestamp(if micros < FIRST {
            FIRST
        } else if micros > LAST {
            LAST
        } else {
            micros
        })
    }

    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_micros(millis.saturating_mul(1000))
    }

    /// From seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_micros(secs.saturating_mul(MICROS))
    }

    /// The same, without what is beyond whole milliseconds.
    #[must_use]
    pub const fn whole_millis(self) -> Self {
        Self::from_millis(self.millis())
    }

    /// Microseconds since the epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(MICROS)
    }

    /// How much later this is than `earlier`; zero when it is not.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether this lies more than a minute after `now`: it came from a clock that is ahead.
    pub fn is_ahead_of(self, now: Timestamp) -> bool {
        self > now + Duration::from_secs(60)
    }

    /// The same, or the first moment of all if it came from a clock that is ahead of `now`. So
    /// wherever ages are compared, what nobody knows the age of counts as the oldest.
    #[must_use]
    pub fn unless_ahead_of(self, now: Timestamp) -> Self {
        if self.is_ahead_of(now) { Timestamp(FIRST) } else { self }
    }

    /// Reads RFC 3339, such as `2026-03-02T09:14:05.120Z` or `…+01:00`; `None` if it is not.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let b = text.as_bytes();
        let digits = |from: usize, to: usize| -> Option<i64> {
            b.get(from..to)?
                .iter()
                .try_fold(0i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
        };
        let year = digits(0, 4)?;
        let is = |at: usize, wanted: &[u8]| b.get(at).is_some_and(|c| wanted.contains(c));
        if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
            return None;
        }
        let civil = Civil {
            year,
            month: digits(5, 7)? as u32,
            day: digits(8, 10)? as u32,
            hour: digits(11, 13)? as u32,
            minute: digits(14, 16)? as u32,
            second: digits(17, 19)? as u32,
        };
        let mut at = 19;
        let mut micros = 0;
        if is(at, b".,") {
            let fraction = b[at + 1..].iter().take_while(|c| c.is_ascii_digit()).count();
            if fraction == 0 {
                return None;
            }
            for i in 0..6 {
                let digit = if i < fraction { i64::from(b[at + 1 + i] - b'0') } else { 0 };
                micros = micros * 10 + digit;
            }
            at += 1 + fraction;
        }
        let offset = match b.get(at)? {
            b'Z' | b'z' if b.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if b.len() == at + 6 && is(at + 3, b":") => {
                let minutes = digits(at + 1, at + 3)? * 60 + digits(at + 4, at + 6)?;
                if *sign == b'+' { minutes * 60 } else { -minutes * 60 }
            }
            _ => return None,
        };
        let secs = civil.to_secs()? - offset;
        Some(Timestamp::from_micros(secs * MICROS + micros))
    }

    /// Year, month, day and time of day in UTC, without the fraction.
    pub fn civil(self) -> Civil {
        Civil::from_secs(self.secs())
    }
}

/// RFC 3339 in UTC, with milliseconds, or microseconds when there are any.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.civil();
        let micros = self.0.rem_euclid(MICROS).unsigned_abs();
        let year = c.year.max(0).unsigned_abs();
        // Listings write millions of these: digits by hand are four times as fast.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |from: usize, width: usize, mut number: u64| {
            for place in text[from..from + width].iter_mut().rev() {
                *place = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0, 4, year);
        for (from, number) in
            [(5, c.month), (8, c.day), (11, c.hour), (14, c.minute), (17, c.second)]
        {
            put(from, 2, u64::from(number));
        }
        put(20, 6, micros);
        let mut text = &mut text[..];
        if micros.is_multiple_of(1000) {
            text[23] = b'Z';
            text = &mut text[..24];
        }
        f.write_str(std::str::from_utf8(text).unwrap_or_default())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Duration) -> Timestamp {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.0.saturating_add(span))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Duration) -> Timestamp {
        let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.0.saturating_sub(span))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp::from_micros(micros(after)),
            Err(before) => Timestamp::from_micros(-micros(before.duration())),
        }
    }
}

/// Saturates where the platform's clock cannot hold the value.
impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let span = Duration::from_micros(time.0.unsigned_abs());
        let moved =
            if time.0 < 0 { UNIX_EPOCH.checked_sub(span) } else { UNIX_EPOCH.checked_add(span) };
        moved.unwrap_or(UNIX_EPOCH)
    }
}

/// A date and time of day in the proleptic Gregorian calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Year; 1 BC is 0.
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// 0 to 23.
    pub hour: u32,
    /// 0 to 59.
    pub minute: u32,
    /// 0 to 59, or 60 for a leap second, which counts as the next second.
    pub second: u32,
}

impl Civil {
    /// Seconds since the epoch; `None` when a field is out of its range.
    pub fn to_secs(self) -> Option<i64> {
        let in_range = (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second <= 60
            && (-300_000..=300_000).contains(&self.year);
        in_range.then(|| {
            days_from_civil(self.year, self.month, self.day) * 86_400
                + i64::from(self.hour) * 3600
                + i64::from(self.minute) * 60
                + i64::from(self.second)
        })
    }

    fn from_secs(secs: i64) -> Self {
        let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
        let rest = secs.rem_euclid(86_400) as u32;
        Civil { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60 }
    }

    /// Day of the week, 0 for Sunday.
    pub fn weekday(self) -> usize {
        (days_from_civil(self.year, self.month, self.day) + 4).rem_euclid(7) as usize
    }
}

fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01, counting years from March so that the leap day is last.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u32, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_read_and_written() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2026-03-02T09:14:05.120Z", 1_772_442_845_120_000),
            ("2026-03-02T09:14:05.120345Z", 1_772_442_845_120_345),
            ("1969-12-31T23:59:59.999Z", -1000),
            ("2000-02-29T12:00:00.000Z", 951_825_600_000_000),
        ] {
            let parsed = Timestamp::parse_rfc3339(text).unwrap();
            assert_eq!(parsed.micros(), micros, "{text}");
            assert_eq!(parsed.to_string(), text);
        }
        let offset = Timestamp::parse_rfc3339("2026-03-02T10:14:05+01:00").unwrap();
        assert_eq!(offset.to_string(), "2026-03-02T09:14:05.000Z");
    }

    #[test]
    fn every_time_is_shown_as_rfc3339_and_read_again() {
        for (micros, text) in [
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::parse_rfc3339(text), Some(time));
        }
        assert_eq!(Timestamp::from_micros(-1).whole_millis().micros(), -1000);
        let before = Timestamp::parse_rfc3339("0000-01-01T00:00:00+01:00").unwrap();
        assert_eq!(before.to_string(), "0000-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_not_rfc3339_is_refused() {
        for text in [
            "",
            "2026-03-02",
            "2026-13-02T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-03-02T24:00:00Z",
            "2026-03-02T00:00:00",
            "2026-03-02T00:00:00.Z",
            "2026-03-02T00:00:00Zz",
            "2026-03-02T00:00:00+1:00",
            "026-03-02T00:00:00Z",
            "-026-03-02T00:00:00Z",
            "-9999-03-02T00:00:00Z",
            "299999-03-02T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn calendar_goes_there_and_back_for_every_day_of_800_years() {
        for days in -150_000..150_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let far = Timestamp::from_micros(i64::MAX) + Duration::MAX;
        assert_eq!(far, Timestamp::from_micros(i64::MAX));
        assert_eq!(Timestamp::EPOCH.since(far), Duration::ZERO);
        assert!(!far.to_string().is_empty());
        let _ = SystemTime::from(far);
    }
}
