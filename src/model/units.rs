//! Spans of time and sizes as people write them.

use std::time::Duration;

use crate::error::{Error, Result};

/// The longest span of time in seconds: behind it there are no dates, and clocks overflow.
const LONGEST: u64 = 9999 * 365 * 86_400;

/// Reads a span of time: `90` or `90s`, `15m`, `2h`, `7d`, `4w`, and sums such as `1h30m`.
/// `none` is `None`.
///
/// # Errors
/// `Usage` when the text is none of these, or longer than 9999 years.
pub fn parse_duration(text: &str) -> Result<Option<Duration>> {
    if text == "none" {
        return Ok(None);
    }
    seconds(text)
        .filter(|secs| *secs <= LONGEST)
        .map(|secs| Some(Duration::from_secs(secs)))
        .ok_or_else(|| {
            Error::usage(format!("{text:?} is not a duration"))
                .try_this("90s, 15m, 2h, 7d, 4w, 1h30m or none")
        })
}

fn seconds(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = match rest.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            // A bare number is seconds, but only alone.
            None if digits == text.len() => 1,
            _ => return None,
        };
        rest = rest.get(1..).unwrap_or_default();
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    (!text.is_empty()).then_some(total)
}

/// Writes a span of time so that [`parse_duration`] reads it: the largest unit that
/// divides it, such as `90s` or `2h`.
pub fn format_duration(span: Duration) -> String {
    let secs = span.as_secs();
    let (unit, name) = [(604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m")]
        .into_iter()
        .find(|(unit, _)| secs > 0 && secs.is_multiple_of(*unit))
        .unwrap_or((1, "s"));
    format!("{}{name}", secs / unit)
}

/// Reads a size in bytes: `500`, `10k 10M 10G` (powers of 1000), `10Ki 10Mi 10Gi`
/// (powers of 1024), each with an optional `B`.
///
/// # Errors
/// `Usage` when the text is none of these, or too large to count.
pub fn parse_size(text: &str) -> Result<u64> {
    size(text).ok_or_else(|| {
        Error::usage(format!("{text:?} is not a size"))
            .try_this("500, 10k, 10M, 10G, 10Ki, 10Mi or 10Gi")
    })
}

fn size(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].strip_suffix(['B', 'b']).unwrap_or(&text[digits..]) {
        "" => 1,
        "k" | "K" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, secs) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("2h", 7200),
            ("7d", 604_800),
            ("4w", 2_419_200),
            ("1h30m", 5400),
            ("0", 0),
        ] {
            let span = parse_duration(text).unwrap().unwrap();
            assert_eq!(span.as_secs(), secs, "{text}");
            assert_eq!(parse_duration(&format_duration(span)).unwrap(), Some(span), "{text}");
        }
        assert_eq!(parse_duration("none").unwrap(), None);
        for text in
            ["", "x", "1x", "-1", "1.5h", "1h30", "h", "99999999999999999999", "9999999999999999w"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("500", 500),
            ("500B", 500),
            ("10k", 10_000),
            ("10kB", 10_000),
            ("10Ki", 10_240),
            ("10KiB", 10_240),
            ("2M", 2_000_000),
            ("2MiB", 2 << 20),
            ("3Gi", 3 << 30),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "x", "1X", "-1", "1.5M", "KiB", "99999999999Ti"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
