//! Field values as lists: members, parameters, quoted strings (RFC 9110 section 5.6).

use std::borrow::Cow;

use crate::model::Headers;

/// The members of one field line: split at commas outside quoted strings, trimmed,
/// empty members skipped.
pub(crate) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside_quotes(line, b',').map(trim).filter(|m| !m.is_empty())
}

/// The members of all lines of a field. Lines are split one by one, so that an
/// unpaired quote in one cannot swallow the next.
pub(crate) fn list<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).flat_map(members)
}

/// Whether a quoted string in the line never ends, so that nobody can tell where its members are.
pub(crate) fn is_unclosed(line: &[u8]) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for &c in line {
        match c {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
    }
    quoted
}

/// Whether the field has this member, compared without regard to case.
pub(crate) fn list_has(headers: &Headers, name: &str, member: &str) -> bool {
    list(headers, name).any(|m| m.eq_ignore_ascii_case(member.as_bytes()))
}

/// The pieces between separators that stand outside quoted strings.
pub(crate) fn split_outside_quotes(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let piece = rest?;
        let mut quoted = false;
        let mut escaped = false;
        for (at, &c) in piece.iter().enumerate() {
            match c {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                c if c == separator && !quoted => {
                    rest = Some(&piece[at + 1..]);
                    return Some(&piece[..at]);
                }
                _ => {}
            }
        }
        rest = None;
        Some(piece)
    })
}

/// Without spaces and tabs around.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let is_space = |c: &u8| matches!(c, b' ' | b'\t');
    let start = text.iter().position(|c| !is_space(c)).unwrap_or(text.len());
    let end = text.iter().rposition(|c| !is_space(c)).map_or(start, |i| i + 1);
    &text[start..end]
}

/// The content of a quoted string with its escapes undone; a token as it is.
pub(crate) fn unquote(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")) else {
        return Cow::Borrowed(value);
    };
    if !inner.contains(&b'\\') {
        return Cow::Borrowed(inner);
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for &c in inner {
        if c == b'\\' && !escaped {
            escaped = true;
        } else {
            text.push(c);
            escaped = false;
        }
    }
    Cow::Owned(text)
}

/// One or more digits and nothing else; above 2^31 counts as 2^31 (RFC 9111 section 1.2.2).
pub(crate) fn delta_seconds(text: &[u8]) -> Option<u64> {
    const MOST: u64 = 1 << 31;
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |n, c| (n * 10 + u64::from(c - b'0')).min(MOST)))
}

/// The value of a field that holds one thing: its lines must agree (RFC 9110 section 5.3).
/// `Err` when they differ.
pub(crate) fn single<'a>(headers: &'a Headers, name: &str) -> Result<Option<&'a [u8]>, Differ> {
    let mut lines = headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, v)| trim(v));
    let first = lines.next();
    if lines.any(|line| Some(line) != first) { Err(Differ) } else { Ok(first) }
}

/// Several lines of a field that may have only one, with different values.
#[derive(Debug)]
pub(crate) struct Differ;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        members(line.as_bytes()).map(|m| String::from_utf8_lossy(m).into_owned()).collect()
    }

    #[test]
    fn p2_lists_are_split_outside_quoted_strings() {
        assert_eq!(texts("a, b ,,\tc"), ["a", "b", "c"]);
        assert_eq!(texts(r#"ext="a, no-store", x"#), [r#"ext="a, no-store""#, "x"]);
        assert_eq!(texts(r#"a="x\",y", b"#), [r#"a="x\",y""#, "b"]);
        assert_eq!(texts(r#"a="unpaired, b"#), [r#"a="unpaired, b"#]);
        assert_eq!(texts(""), Vec::<String>::new());
    }

    #[test]
    fn p1_lines_of_one_field_are_one_list() {
        let headers = Headers::new().with("Vary", "A").with("x", "y").with("vary", "b, C");
        let names: Vec<_> = list(&headers, "VARY").collect();
        assert_eq!(names, [&b"A"[..], b"b", b"C"]);
        assert!(list_has(&headers, "vary", "c"));
    }

    #[test]
    fn p5_delta_seconds_are_digits_only_and_saturate() {
        for (text, value) in [
            ("0", Some(0)),
            ("0060", Some(60)),
            ("2147483648", Some(1 << 31)),
            ("999999999999999999999999999999", Some(1 << 31)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("+1", None),
            ("60s", None),
            (" 60", None),
        ] {
            assert_eq!(delta_seconds(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn quoted_strings_are_undone() {
        assert_eq!(&*unquote(br#""a\"b\\c""#), br#"a"b\c"#);
        assert_eq!(&*unquote(b"token"), b"token");
        assert_eq!(&*unquote(b"\""), b"\"");
    }
}
