//! URLs as the client requests spells them, which its parser urllib3 normalises more than
//! httpx does. Sources: requests 2.34 and urllib3 2.7, by their behaviour.

use super::{ascii_host, split, with_escapes};

/// The URL of a request that requests has prepared. Text that is no absolute URL gives `None`.
pub(super) fn spelled(text: &str) -> Option<String> {
    let (text, fragment) = split(text.trim_start(), '#');
    let (text, query) = split(text, '?');
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (user, place),
        None => ("", authority),
    };
    let (host, port) = host_and_port(place)?;
    let mut url = format!("{}://", scheme.to_ascii_lowercase());
    if !user.is_empty() {
        url.push_str(&escaped(user, |c| is_common(c) || c == ':'));
        url.push('@');
    }
    url.push_str(&host);
    if let Some(port) = port {
        url.push_str(&format!(":{port}"));
    }
    let path = escaped(&without_dots(path), |c| is_common(c) || matches!(c, ':' | '@' | '/'));
    if !path.starts_with('/') {
        url.push('/');
    }
    url.push_str(&path);
    for (mark, part) in [('?', query), ('#', fragment)] {
        let Some(part) = part.filter(|part| !part.is_empty()) else { continue };
        url.push(mark);
        url.push_str(&escaped(part, |c| is_common(c) || matches!(c, ':' | '@' | '/' | '?')));
    }
    Some(url)
}

/// The host in lower case and the port, which is kept where it is the usual one too.
fn host_and_port(place: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match place.find(']') {
        Some(end) if place.starts_with('[') => {
            let (host, port) = place.split_at(end + 1);
            let (address, zone) = host.split_at(host.find('%').unwrap_or(host.len()));
            (format!("{}{zone}", address.to_ascii_lowercase()), port.strip_prefix(':'))
        }
        _ => {
            let (host, port) = split(place, ':');
            (ascii_host(host)?, port)
        }
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => Some(port.parse().ok()?),
        None => None,
    };
    (!host.is_empty()).then_some((host, port))
}

/// A path without `.` and `..`; a final one leaves a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    if path.starts_with('/') && kept.first().is_none_or(|first| !first.is_empty()) {
        kept.insert(0, "");
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    kept.join("/")
}

/// Characters that no part of a URL escapes.
fn is_common(c: char) -> bool {
    is_unreserved(c) || matches!(c, '!' | '$' | '&'..=',' | ';' | '=')
}

fn is_unreserved(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~')
}

/// Escapes what a part may not contain. Escapes that are there stay, in capitals, but for
/// those of characters that need none; where a `%` begins no escape, each one is text.
fn escaped(part: &str, may: impl Fn(char) -> bool) -> String {
    let escape_at = |at: usize| {
        let digits = part.get(at + 1..at + 3).filter(|d| d.bytes().all(|c| c.is_ascii_hexdigit()));
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    };
    let has_escapes = part.match_indices('%').all(|(at, _)| escape_at(at).is_some());
    let mut out = String::with_capacity(part.len());
    let mut chars = part.char_indices();
    while let Some((at, c)) = chars.next() {
        match escape_at(at).filter(|_| c == '%') {
            Some(byte) => {
                chars.nth(1);
                match char::from(byte) {
                    _ if !has_escapes => out.push_str(&format!("%25{byte:02X}")),
                    c if is_unreserved(c) => out.push(c),
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
            }
            None if may(c) => out.push(c),
            None => with_escapes(c, &mut out),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_spelled_as_by_requests() {
        for (given, wanted) in [
            ("https://example.com", "https://example.com/"),
            ("https://example.com:443/x", "https://example.com:443/x"),
            ("HTTP://EXAMPLE.com:80?a=b", "http://example.com:80/?a=b"),
            ("http://[::1]:8080/v6", "http://[::1]:8080/v6"),
            ("http://[FE80::1%25eN0]/", "http://[fe80::1%25eN0]/"),
            ("https://u:p%40s@ex.com/a b", "https://u:p%40s@ex.com/a%20b"),
            ("https://a@b@ex.com/", "https://a%40b@ex.com/"),
            ("https://u[\u{e4}:p@ex.com/", "https://u%5B%C3%A4:p@ex.com/"),
            ("https://ex.com/?", "https://ex.com/"),
            ("https://ex.com/a?#", "https://ex.com/a"),
            ("https://ex.com/a/../b/./c/..", "https://ex.com/b/"),
            ("https://ex.com/a/.", "https://ex.com/a/"),
            ("https://ex.com/..", "https://ex.com/"),
            ("https://ex.com//a//b", "https://ex.com//a//b"),
            (
                "https://ex.com/[x]|y^z`{w}\\q?a=[1]&b='x'&c=\"y\"&d=<z>|^`{}\\#f r[]|",
                "https://ex.com/%5Bx%5D%7Cy%5Ez%60%7Bw%7D%5Cq?a=%5B1%5D&b='x'&c=%22y%22&d=%3Cz%3E%7C%5E%60%7B%7D%5C#f%20r%5B%5D%7C",
            ),
            ("https://ex.com/%zz%2f%41%7e", "https://ex.com/%25zz%252F%2541%257E"),
            (
                "https://ex.com/%2f%41%7e%c3%a4?q=%20%5b#%41",
                "https://ex.com/%2FA~%C3%A4?q=%20%5B#A",
            ),
            ("https://ex.com/100%", "https://ex.com/100%25"),
            (
                "https://b\u{fc}cher.example/\u{e4}?\u{f6}=\u{fc}#\u{df}",
                "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC#%C3%9F",
            ),
            ("https://ex.com/a;b=c,d:e@f!$&'()*+?/?:@", "https://ex.com/a;b=c,d:e@f!$&'()*+?/?:@"),
            ("  https://ex.com/pad ", "https://ex.com/pad%20"),
            ("https://EX_am.com./", "https://ex_am.com./"),
            ("https://ex.com:0443/", "https://ex.com:443/"),
            ("https://ex.com:/p", "https://ex.com/p"),
            ("https://ex.com\\x", "https://ex.com/%5Cx"),
            ("https://ex.com/\u{7f}\t", "https://ex.com/%7F%09"),
        ] {
            assert_eq!(spelled(given).as_deref(), Some(wanted), "{given}");
        }
        assert_eq!(spelled("no url"), None);
        assert_eq!(spelled("https://ex.com:70000/"), None);
    }
}
