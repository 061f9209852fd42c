//! Values as people read them, and what keeps stored bytes from steering a terminal.

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

use cachectl::Timestamp;

/// Text from strangers with its control characters made visible.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\r' => shown.push_str("\\r"),
            c if is_unsafe(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// A time as listings show it: RFC 3339 with milliseconds.
pub fn shown(time: Timestamp) -> String {
    time.whole_millis().to_string()
}

/// Whether a character ends a line somewhere, or steers a terminal.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A field of a `plain` line: control characters and `\` as escapes, everything else as it is.
/// [`unescaped`] is the way back.
pub fn plain_field(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_control(c) || c == '\\') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut field, c| {
        match c {
            '\\' => field.push_str("\\\\"),
            c => push_escaped(&mut field, c),
        }
        field
    }))
}

/// A cell of a table for spreadsheets: control characters as escapes.
pub fn cell(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return text;
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len() + 8), |mut cell, c| {
        push_escaped(&mut cell, c);
        cell
    }))
}

fn push_escaped(to: &mut String, c: char) {
    match c {
        '\t' => to.push_str("\\t"),
        '\n' => to.push_str("\\n"),
        '\r' => to.push_str("\\r"),
        c if is_control(c) => {
            let _ = write!(to, "\\u{{{:x}}}", u32::from(c));
        }
        c => to.push(c),
    }
}

/// A word as a shell takes it for one.
pub fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', "'\\''"))),
    }
}

/// The text that [`plain_field`] has written; what is no escape of it stays as it is.
pub fn unescaped(field: &str) -> Cow<'_, str> {
    if !field.contains('\\') {
        return Cow::Borrowed(field);
    }
    let mut text = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, length) = match rest.as_bytes().get(1) {
            Some(b't') => ('\t', 2),
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b'u') => by_number(rest).unwrap_or(('\\', 1)),
            Some(b'\\') => ('\\', 2),
            _ => ('\\', 1),
        };
        text.push(c);
        rest = &rest[length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character that an escape such as `\u{1b}` stands for, and how long that is.
fn by_number(escape: &str) -> Option<(char, usize)> {
    let (number, _) = escape.strip_prefix("\\u{")?.split_once('}')?;
    let c = char::from_u32(u32::from_str_radix(number, 16).ok()?)?;
    Some((c, number.len() + 4))
}

/// A line of an HTTP message as it can be shown: what ends a line or steers a terminal, and is
/// no part of any such line, as escapes. Bytes beyond ASCII stay what they are.
pub fn push_message_text(to: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'\t' => to.push(b'\t'),
            0..0x20 | 0x7f => to.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            byte => to.push(byte),
        }
    }
}

/// Appends a field of a `plain` line.
pub fn write_plain_field(line: &mut Vec<u8>, text: &str) {
    line.extend_from_slice(plain_field(text).as_bytes());
}

/// `1 entry`, `1204 entries`.
pub fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (number, Some(stem)) => format!("{number} {stem}ies"),
        (number, None) => format!("{number} {noun}s"),
    }
}

/// `184 B`, `48.2 KiB`, `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // Below the step that would be shown as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// How long ago, in one unit: `12s`, `8m`, `3h`, `12d`, `5y`.
pub fn age(span: Duration) -> String {
    let secs = span.as_secs();
    match secs {
        0..100 => format!("{secs}s"),
        100..6000 => format!("{}m", secs / 60),
        6000..172_800 => format!("{}h", secs / 3600),
        172_800..63_072_000 => format!("{}d", secs / 86_400),
        _ => format!("{}y", secs / 31_536_000),
    }
}

/// Cut in the middle to at most `width` characters.
pub fn cut_middle(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width || width < 3 {
        return Cow::Borrowed(text);
    }
    let front = (width - 1) * 2 / 3;
    let back = width - 1 - front;
    let start: String = text.chars().take(front).collect();
    let end: String = text.chars().skip(length - back).collect();
    Cow::Owned(format!("{start}…{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_terminals_are_shown_not_sent() {
        assert_eq!(escaped("a\x1b[31mb\u{202e}c\n"), "a\\u{1b}[31mb\\u{202e}c\\n");
        assert_eq!(escaped("plain ä"), "plain ä");
    }

    #[test]
    fn plain_fields_cannot_split_a_line() {
        assert_eq!(plain_field("a\tb\nc\\d\r"), "a\\tb\\nc\\\\d\\r");
        assert_eq!(plain_field("\x1b]52;c;\u{9b}\u{2028}"), "\\u{1b}]52;c;\\u{9b}\\u{2028}");
        assert_eq!(cell("a\nb\\c".into()), "a\\nb\\c");
    }

    #[test]
    fn a_plain_field_can_be_read_back() {
        for text in
            ["", "a\tb\nc\\d\r", "\\n", "\\\\u{1b}", "\x1b\u{9b}ä\u{2028}", "C:\\x\\", "\\u{"]
        {
            assert_eq!(unescaped(&plain_field(text)), text, "{text:?}");
        }
        assert_eq!(unescaped("C:\\dir\\u{zz}"), "C:\\dir\\u{zz}");
    }

    #[test]
    fn lines_of_a_message_stay_lines() {
        let mut text = Vec::new();
        push_message_text(&mut text, b"OK\r\nX: 1\t\x1b\x7f\xff");
        assert_eq!(text, b"OK\\x0d\\x0aX: 1\t\\x1b\\x7f\xff");
    }

    #[test]
    fn sizes_and_ages_are_short() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (49_357, "48.2 KiB"),
            (1_048_575, "1.0 MiB"),
            (2 << 30, "2.0 GiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
        for (secs, shown) in [
            (0, "0s"),
            (99, "99s"),
            (480, "8m"),
            (4320, "72m"),
            (10_800, "3h"),
            (1_036_800, "12d"),
            (94_608_000, "3y"),
        ] {
            assert_eq!(age(Duration::from_secs(secs)), shown);
        }
    }

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(cut_middle("abcdefghij", 7), "abcd…ij");
        assert_eq!(cut_middle("abc", 3), "abc");
    }
}
