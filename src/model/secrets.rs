//! What must not be shown: which header fields and query parameters carry
//! credentials, and how they look once hidden.

use std::borrow::Cow;

use super::url::percent_decode;

/// What stands in place of a hidden value.
pub(crate) const REDACTED: &str = "[redacted]";

const HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
    "x-amz-security-token",
];

const WITH_URLS: &[&str] =
    &["location", "content-location", "referer", "link", "refresh", "alt-svc", "origin"];

const HEADER_ENDINGS: &[&str] = &["-token", "-secret", "-api-key"];

const QUERY: &[&str] = &[
    "token",
    "access_token",
    "refresh_token",
    "id_token",
    "api_key",
    "apikey",
    "key",
    "secret",
    "password",
    "sig",
    "signature",
    "code",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
];

/// Knows which values are credentials, and hides them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    headers: Vec<String>,
    query: Vec<String>,
    shown: bool,
}

impl Secrets {
    /// The built-in lists.
    pub const fn built_in() -> Self {
        Secrets { headers: Vec::new(), query: Vec::new(), shown: false }
    }

    /// Hides nothing, because the user asked for it.
    pub const fn shown() -> Self {
        Secrets { headers: Vec::new(), query: Vec::new(), shown: true }
    }

    /// The built-in lists and these names more.
    pub fn with_names(headers: Vec<String>, query: Vec<String>) -> Self {
        Secrets { headers, query, shown: false }
    }

    /// Whether a header field of this name is a credential.
    pub fn is_secret_header(&self, name: &str) -> bool {
        if self.shown {
            return false;
        }
        let ends_with = |ending: &str| {
            name.len() >= ending.len()
                && name.as_bytes()[name.len() - ending.len()..]
                    .eq_ignore_ascii_case(ending.as_bytes())
        };
        HEADERS.iter().any(|h| h.eq_ignore_ascii_case(name))
            || HEADER_ENDINGS.iter().any(|e| ends_with(e))
            || self.headers.iter().any(|h| h.eq_ignore_ascii_case(name))
    }

    fn is_secret_query(&self, name: &str) -> bool {
        QUERY.iter().any(|q| q.eq_ignore_ascii_case(name))
            || self.query.iter().any(|q| q.eq_ignore_ascii_case(name))
    }

    /// The value of a header field as it may be shown; the scheme word of an
    /// `Authorization` stays, and URLs are shown as URLs are.
    pub fn header_value<'a>(&self, name: &str, value: &'a [u8]) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(value);
        if !self.is_secret_header(name) {
            let has_urls = WITH_URLS.iter().any(|known| known.eq_ignore_ascii_case(name));
            return match has_urls.then(|| self.url(&text).into_owned()) {
                Some(shown) if shown != text => Cow::Owned(shown),
                _ => text,
            };
        }
        let scheme = text.split_once(' ').map(|(scheme, _)| scheme).filter(|_| {
            name.eq_ignore_ascii_case("authorization")
                || name.eq_ignore_ascii_case("proxy-authorization")
        });
        match scheme {
            Some(scheme) => Cow::Owned(format!("{scheme} {REDACTED}")),
            None => Cow::Borrowed(REDACTED),
        }
    }

    /// The URL as it may be shown: without a password, and without the values of
    /// query parameters that carry credentials.
    pub fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        if self.shown {
            return Cow::Borrowed(url);
        }
        let url = self.without_password(url);
        let Some(start) = url.find('?') else { return url };
        let end = url[start..].find('#').map_or(url.len(), |i| start + i);
        let hides = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                !value.is_empty()
                    && self
                        .is_secret_query(&String::from_utf8_lossy(&percent_decode(name.as_bytes())))
            })
        };
        if !url[start + 1..end].split('&').any(hides) {
            return url;
        }
        let mut shown = url[..=start].to_owned();
        for (i, pair) in url[start + 1..end].split('&').enumerate() {
            if i > 0 {
                shown.push('&');
            }
            match pair.split_once('=') {
                Some((name, _)) if hides(pair) => {
                    shown.push_str(name);
                    shown.push('=');
                    shown.push_str(REDACTED);
                }
                _ => shown.push_str(pair),
            }
        }
        shown.push_str(&url[end..]);
        Cow::Owned(shown)
    }

    /// A text in which URLs and addresses of stores may stand, as it may be shown.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.shown || !text.contains("://") {
            return Cow::Borrowed(text);
        }
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '(' | ')' | '<' | '>');
        let mut shown = String::with_capacity(text.len());
        for word in text.split_inclusive(ends) {
            let (word, end) = match word.char_indices().next_back() {
                Some((at, c)) if ends(c) => word.split_at(at),
                _ => (word, ""),
            };
            shown.push_str(&self.url(word));
            shown.push_str(end);
        }
        Cow::Owned(shown)
    }

    fn without_password<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let Some(start) = url.find("://").map(|i| i + 3) else { return Cow::Borrowed(url) };
        let is_web = url[..start].to_ascii_lowercase().starts_with("http");
        if is_web {
            let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |i| start + i);
            return without_login(url, start, end);
        }
        // In the address of a store a password may have been typed as it is, slashes and all.
        let Some(colon) = port_that_is_none(&url[start..]).map(|i| start + i) else {
            let end = url[start..].find('?').map_or(url.len(), |i| start + i);
            return without_login(url, start, end);
        };
        let shown = match url[colon..].contains('@') {
            true => url,
            false => {
                let end = url[colon..].find(['/', '?', '#']).map_or(url.len(), |i| colon + i);
                &format!("{}:{REDACTED}{}", &url[..colon], &url[end..])
            }
        };
        Cow::Owned(without_login(shown, start, shown.len()).into_owned())
    }
}

/// A URL without the password of the login that ends at the last `@` before `end`.
fn without_login(url: &str, start: usize, end: usize) -> Cow<'_, str> {
    let at = url[start..end].rfind('@').map(|i| start + i);
    match at.and_then(|at| Some((at, start + url[start..at].find(':')?))) {
        Some((at, colon)) => Cow::Owned(format!("{}:{REDACTED}{}", &url[..colon], &url[at..])),
        None => Cow::Borrowed(url),
    }
}

/// Where, in the address of a store behind its `://`, a colon stands with no port behind it:
/// what follows may be a password that ends at a `/`, `?` or `#` of its own, or lacks its `@`.
pub(crate) fn port_that_is_none(rest: &str) -> Option<usize> {
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let mut start = authority.rfind('@').map_or(0, |at| at + 1);
    for host in authority[start..].split(',') {
        let bracket = host.rfind(']').unwrap_or(0);
        if let Some(colon) = host[bracket..].find(':').map(|at| bracket + at)
            && !host[colon + 1..].bytes().all(|b| b.is_ascii_digit())
        {
            return Some(start + colon);
        }
        start += host.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_hidden() {
        let secrets = Secrets::with_names(vec![], vec!["sid".into()]);
        for (given, shown) in [
            ("https://e.org/?a=1", "https://e.org/?a=1"),
            ("https://u:p@e.org/", "https://u:[redacted]@e.org/"),
            ("redis://:p@h:1/0", "redis://:[redacted]@h:1/0"),
            ("https://u@e.org/x:y@z", "https://u@e.org/x:y@z"),
            ("redis://u:a/b@c@h:1/0?x=1", "redis://u:[redacted]@h:1/0?x=1"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("redis://:SE/CR@ET@h:x/", "redis://:[redacted]@h:x/"),
            ("redis://:SE@CRET@h:x/", "redis://:[redacted]@h:[redacted]/"),
            ("redis://:[redacted]@h:[redacted]/", "redis://:[redacted]@h:[redacted]/"),
            ("redis://u:SE?CR=ET@h/0", "redis://u:[redacted]@h/0"),
            ("redis://u:SE#CRET@h", "redis://u:[redacted]@h"),
            ("redis://h:SECRET", "redis://h:[redacted]"),
            ("redis://h:1,g:SECRET/0", "redis://h:1,g:[redacted]/0"),
            ("redis://[::1]:1/0", "redis://[::1]:1/0"),
            ("https://e.org/?token=x&b=2#f", "https://e.org/?token=[redacted]&b=2#f"),
            (
                "https://e.org/?b=2&X-Amz-Signature=x",
                "https://e.org/?b=2&X-Amz-Signature=[redacted]",
            ),
            ("https://e.org/?%74oken=x", "https://e.org/?%74oken=[redacted]"),
            ("https://e.org/?token=", "https://e.org/?token="),
            ("https://e.org/?sid=9", "https://e.org/?sid=[redacted]"),
        ] {
            assert_eq!(secrets.url(given), shown);
        }
        assert_eq!(Secrets::shown().url("https://u:p@e.org/"), "https://u:p@e.org/");
        assert_eq!(
            secrets.text("cannot use 'redis://:a/b@h': see (https://e.org/?token=x)\nor u@h"),
            "cannot use 'redis://:[redacted]@h': see (https://e.org/?token=[redacted])\nor u@h"
        );
    }

    #[test]
    fn credentials_in_headers_are_hidden_and_the_scheme_stays() {
        let secrets = Secrets::with_names(vec!["X-Internal-Id".into()], vec![]);
        for (name, value, shown) in [
            ("Authorization", "Basic dTpw", "Basic [redacted]"),
            ("authorization", "opaque", "[redacted]"),
            ("Set-Cookie", "a b", "[redacted]"),
            ("X-GitHub-Token", "x", "[redacted]"),
            ("x-internal-id", "x", "[redacted]"),
            ("Accept", "*/*", "*/*"),
        ] {
            assert_eq!(secrets.header_value(name, value.as_bytes()), shown, "{name}");
        }
    }
}
