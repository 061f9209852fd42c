//! HTTP dates: three forms are read, one is written (RFC 9110 section 5.6.7).

use super::time::{Civil, Timestamp};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Reads a date in any of the three forms. Widths and separators are exact, names
/// ignore case, the zone is `GMT`; the weekday must be one but need not fit the date.
/// `now` decides the century of a two-digit year.
pub fn parse(text: &[u8], now: Timestamp) -> Option<Timestamp> {
    let civil = match text {
        [_, _, _, b',', ..] => imf(text),
        [_, _, _, b' ', ..] => asctime(text),
        _ => rfc850(text, now),
    };
    civil?.to_secs().map(Timestamp::from_secs)
}

/// The one form that is produced, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn format(time: Timestamp) -> String {
    let c = time.civil();
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &DAYS[c.weekday()][..3],
        c.day,
        MONTHS[c.month as usize - 1],
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf(text: &[u8]) -> Option<Civil> {
    let [w1, w2, w3, b',', b' ', d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', rest @ ..] =
        text
    else {
        return None;
    };
    weekday(&[*w1, *w2, *w3], 3)?;
    let (hour, minute, second) = time(rest.strip_suffix_ignoring_case(b" GMT")?)?;
    Some(Civil {
        year: i64::from(number(&[*y1, *y2, *y3, *y4])?),
        month: month(&[*m1, *m2, *m3])?,
        day: number(&[*d1, *d2])?,
        hour,
        minute,
        second,
    })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &[u8], now: Timestamp) -> Option<Civil> {
    let comma = text.iter().position(|&c| c == b',')?;
    weekday(&text[..comma], usize::MAX)?;
    let [b' ', d1, d2, b'-', m1, m2, m3, b'-', y1, y2, b' ', rest @ ..] = &text[comma + 1..] else {
        return None;
    };
    let (hour, minute, second) = time(rest.strip_suffix_ignoring_case(b" GMT")?)?;
    let this_year = now.civil().year;
    let mut civil = Civil {
        year: this_year - this_year.rem_euclid(100) + i64::from(number(&[*y1, *y2])?),
        month: month(&[*m1, *m2, *m3])?,
        day: number(&[*d1, *d2])?,
        hour,
        minute,
        second,
    };
    // More than 50 years ahead means the same two digits, one century back.
    let limit = Civil { year: this_year + 50, ..now.civil() };
    let as_tuple = |c: Civil| (c.year, c.month, c.day, c.hour, c.minute, c.second);
    if as_tuple(civil) > as_tuple(limit) {
        civil.year -= 100;
    }
    Some(civil)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<Civil> {
    let [w1, w2, w3, b' ', m1, m2, m3, b' ', d1, d2, b' ', rest @ ..] = text else { return None };
    weekday(&[*w1, *w2, *w3], 3)?;
    let (clock, year) = rest.split_at_checked(8)?;
    let (hour, minute, second) = time(clock)?;
    let day = if *d1 == b' ' { number(&[*d2])? } else { number(&[*d1, *d2])? };
    let year = year.strip_prefix(b" ").filter(|y| y.len() == 4)?;
    Some(Civil {
        year: i64::from(number(year)?),
        month: month(&[*m1, *m2, *m3])?,
        day,
        hour,
        minute,
        second,
    })
}

fn time(text: &[u8]) -> Option<(u32, u32, u32)> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    Some((number(&[*h1, *h2])?, number(&[*m1, *m2])?, number(&[*s1, *s2])?))
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + u32::from(c - b'0')))
}

fn month(name: &[u8]) -> Option<u32> {
    MONTHS.iter().position(|m| m.as_bytes().eq_ignore_ascii_case(name)).map(|i| i as u32 + 1)
}

/// `width` letters of a weekday's name, or all of them.
fn weekday(name: &[u8], width: usize) -> Option<()> {
    DAYS.iter().any(|d| d.as_bytes()[..width.min(d.len())].eq_ignore_ascii_case(name)).then_some(())
}

trait StripSuffix {
    fn strip_suffix_ignoring_case(&self, suffix: &[u8]) -> Option<&[u8]>;
}

impl StripSuffix for [u8] {
    fn strip_suffix_ignoring_case(&self, suffix: &[u8]) -> Option<&[u8]> {
        let (head, tail) = self.split_at_checked(self.len().checked_sub(suffix.len())?)?;
        tail.eq_ignore_ascii_case(suffix).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-22T12:00:00Z").unwrap()
    }

    fn read(text: &str) -> Option<String> {
        parse(text.as_bytes(), now()).map(|t| t.to_string())
    }

    #[test]
    fn p8_three_forms_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 nov 1994 08:49:37 gmt",
            "SUNDAY, 06-NOV-94 08:49:37 gmt",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text).as_deref(), Some("1994-11-06T08:49:37.000Z"), "{text}");
        }
        assert_eq!(read("Sun Nov 16 08:49:37 1994").as_deref(), Some("1994-11-16T08:49:37.000Z"));
    }

    #[test]
    fn p8_what_is_not_exact_is_refused() {
        for text in [
            "",
            "0",
            "-1",
            "garbage",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Xyz 1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sund, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn p8_two_digit_years_are_at_most_fifty_years_ahead() {
        for (text, year) in [
            ("Sunday, 06-Nov-76 00:00:00 GMT", "2076"),
            ("Sunday, 23-Nov-76 00:00:00 GMT", "1976"),
            ("Sunday, 06-Nov-77 00:00:00 GMT", "1977"),
            ("Sunday, 06-Nov-26 00:00:00 GMT", "2026"),
        ] {
            assert_eq!(&read(text).unwrap()[..4], year, "{text}");
        }
    }

    #[test]
    fn b2_dates_are_written_as_imf_fixdate() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            assert_eq!(format(parse(text.as_bytes(), now()).unwrap()), text);
        }
    }
}
