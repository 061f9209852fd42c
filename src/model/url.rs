//! URLs as text: normalised once when a person types one, byte for byte from then on.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Error, Result};

use super::secrets::Secrets;

/// The URL of an entry, without a fragment and without user information.
///
/// It is text on purpose: two URLs are the same when their bytes are, and what
/// another client has stored need not parse.
#[derive(Clone)]
pub struct UrlText {
    text: Box<str>,
    /// What was typed, without fragment and user information, where that is another text.
    typed: Option<Box<str>>,
}

impl PartialEq for UrlText {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UrlText {}

impl PartialOrd for UrlText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for UrlText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for UrlText {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// User name and password that were typed in front of a host name.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name, percent-decoding undone.
    pub user: Vec<u8>,
    /// The password, percent-decoding undone; empty when none was given.
    pub password: Vec<u8>,
}

impl UrlText {
    /// Takes the text as it is, for URLs that come out of a store.
    pub fn verbatim(text: impl Into<Box<str>>) -> Self {
        UrlText { text: text.into(), typed: None }
    }

    /// Normalises what a person typed by the WHATWG URL rules: scheme and host in
    /// lower case, IDNA, default port, user information and fragment dropped, empty
    /// path `/`, unsafe bytes escaped.
    ///
    /// # Errors
    /// `Usage` when it is not an absolute `http` or `https` URL.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_with_credentials(text).map(|(url, _)| url)
    }

    /// Like [`parse`](Self::parse), and hands out the user information that it drops.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_credentials(text: &str) -> Result<(Self, Option<Credentials>)> {
        let refuse = |why: &str| {
            let error =
                Error::usage(format!("{:?} is not a URL: {why}", Secrets::built_in().url(text)))
                    .coded("bad_url");
            match text {
                text if text.contains("://") => error,
                text if text.starts_with("//") => error.try_this(format!("https:{text}")),
                text => error.try_this(format!("https://{text}")),
            }
        };
        // The URL standard drops these, so that two words would become one.
        if text.trim().contains(['\t', '\n', '\r']) {
            return Err(refuse("it has a tab or a line end in it"));
        }
        let mut url = match url::Url::parse(text) {
            Ok(url) => url,
            Err(url::ParseError::RelativeUrlWithoutBase) => return Err(refuse("it has no scheme")),
            Err(why) => return Err(refuse(&why.to_string())),
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("only http and https can be fetched"));
        }
        let credentials = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let decode = |s: &str| percent_decode(s.as_bytes());
            Credentials {
                user: decode(url.username()),
                password: decode(url.password().unwrap_or_default()),
            }
        });
        url.set_fragment(None);
        // These fail only for URLs without a host, which http does not have.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let normalised = String::from(url);
        let typed = bare(text).filter(|typed| *typed != normalised).map(Into::into);
        Ok((UrlText { text: normalised.into(), typed }, credentials))
    }

    /// The text that a person typed, but for its fragment and user information; the text
    /// itself where nobody typed it. Other clients normalise URLs by other rules.
    pub fn typed(&self) -> &str {
        self.typed.as_deref().unwrap_or(&self.text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text by which a request for this URL is looked up natively: what another client has
    /// stored may have a fragment, or leave out what goes without saying. With user information
    /// it stays as it is, for without it the answer would be for everybody.
    pub(crate) fn looked_for(&self) -> Cow<'_, str> {
        match url::Url::parse(&self.text) {
            Ok(mut url)
                if matches!(url.scheme(), "http" | "https")
                    && url.username().is_empty()
                    && url.password().is_none() =>
            {
                url.set_fragment(None);
                String::from(url).into()
            }
            _ => Cow::Borrowed(&self.text),
        }
    }

    /// `http` or `https`, or whatever stands before `://`.
    pub fn scheme(&self) -> Option<&str> {
        self.text.split_once("://").map(|(scheme, _)| scheme)
    }

    /// Host and port as they stand in the URL.
    pub fn authority(&self) -> Option<&str> {
        let rest = self.text.split_once("://")?.1;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Some(&rest[..end])
    }

    /// The host without the port; brackets of an IPv6 literal stay.
    pub fn host(&self) -> Option<&str> {
        let authority = self.authority()?;
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => Some(name),
            _ => Some(host),
        }
    }

    /// The path, at least `/`.
    pub fn path(&self) -> &str {
        let end = self.path_and_query().find('?').unwrap_or(self.path_and_query().len());
        match &self.path_and_query()[..end] {
            "" => "/",
            path => path,
        }
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// What stands between the authority and the fragment; may be empty in foreign text.
    fn path_and_query(&self) -> &str {
        let Some((_, rest)) = self.text.split_once("://") else { return &self.text };
        let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let end = rest[start..].find('#').map_or(rest.len(), |i| start + i);
        &rest[start..end]
    }

    /// The URL with another host and port; `None` when that text is none.
    pub fn with_authority(&self, authority: &str) -> Option<UrlText> {
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "/?#@\\%".contains(c);
        if authority.is_empty() || authority.contains(is_odd) {
            return None;
        }
        let (scheme, rest) = self.typed().split_once("://")?;
        let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        Self::parse(&format!("{scheme}://{authority}{}", &rest[start..])).ok()
    }

    /// Scheme, host and port: what RFC 6454 calls the origin.
    pub fn origin(&self) -> Option<(&str, &str)> {
        Some((self.scheme()?, self.authority()?))
    }

    /// Resolves a reference such as a `Location` against this URL; `None` when that
    /// gives no http URL.
    pub fn join(&self, reference: &str) -> Option<UrlText> {
        let joined = url::Url::parse(&self.text).ok()?.join(reference).ok()?;
        Self::parse(joined.as_str()).ok()
    }

    /// Like [`join`](Self::join), and hands out the user information that it drops.
    pub fn join_with_credentials(&self, reference: &str) -> Option<(UrlText, Option<Credentials>)> {
        let joined = url::Url::parse(&self.text).ok()?.join(reference).ok()?;
        Self::parse_with_credentials(joined.as_str()).ok()
    }
}

impl fmt::Display for UrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Hides passwords and credentials in the query.
impl fmt::Debug for UrlText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Secrets::built_in().url(&self.text), f)
    }
}

impl AsRef<str> for UrlText {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// A URL without its fragment and its user information.
fn bare(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split_once('#').map_or(text, |(text, _)| text);
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    Some(format!("{scheme}://{place}{rest}"))
}

/// Never shows the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}:[redacted])", String::from_utf8_lossy(&self.user))
    }
}

pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let hex = |c: u8| char::from(c).to_digit(16);
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
            }
            _ => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_typed_urls_are_normalised_once() {
        for (typed, normal) in [
            ("http://example.com", "http://example.com/"),
            ("HTTP://EXAMPLE.com:80/", "http://example.com/"),
            ("https://example.com:443/x", "https://example.com/x"),
            ("https://example.com:8443/x", "https://example.com:8443/x"),
            ("https://example.com/x#frag", "https://example.com/x"),
            ("https://u:p@example.com/", "https://example.com/"),
            ("https://bücher.example/ä?ö=ü", "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC"),
            ("https://example.com/a b?c=d e", "https://example.com/a%20b?c=d%20e"),
            ("https://example.com/a/../b/./c/..", "https://example.com/b/"),
            ("https://example.com/%7euser/%2F", "https://example.com/%7euser/%2F"),
            ("https://example.com/x?", "https://example.com/x?"),
            ("https://example.com/?b=2&a=1&b=2", "https://example.com/?b=2&a=1&b=2"),
            ("https://example.com//x//", "https://example.com//x//"),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://[::0001]:80/", "http://[::1]/"),
            ("https://example.com\\x", "https://example.com/x"),
            (" https://example.com/ ", "https://example.com/"),
            ("https://example.com/'|^", "https://example.com/'|^"),
        ] {
            assert_eq!(UrlText::parse(typed).unwrap().as_str(), normal, "{typed}");
            let again = UrlText::parse(normal).unwrap();
            assert_eq!(again.as_str(), normal, "normalising twice changes nothing");
        }
    }

    #[test]
    fn what_cannot_be_fetched_is_refused_with_a_way_out() {
        for typed in
            ["", "example.com", "/x", "ftp://e.org/", "http://", "http://[::1", "http://a b/"]
        {
            let error = UrlText::parse(typed).unwrap_err();
            assert_eq!(error.code(), "bad_url", "{typed}");
        }
        let hint = UrlText::parse("example.com/x").unwrap_err();
        assert_eq!(hint.hint(), Some("https://example.com/x"));
    }

    #[test]
    fn user_information_is_handed_out_decoded() {
        let (_, credentials) = UrlText::parse_with_credentials("http://a%40b:p%3Aq@h/").unwrap();
        let credentials = credentials.unwrap();
        assert_eq!((&credentials.user[..], &credentials.password[..]), (&b"a@b"[..], &b"p:q"[..]));
    }

    #[test]
    fn parts_of_stored_text_need_no_parsing() {
        for (text, host, path, query) in [
            ("http://h:8/p?q=1", Some("h"), "/p", Some("q=1")),
            ("http://[::1]:8/p", Some("[::1]"), "/p", None),
            ("http://[::1]", Some("[::1]"), "/", None),
            ("http://h?x#?y", Some("h"), "/", Some("x")),
            ("not a url", None, "not a url", None),
        ] {
            let url = UrlText::verbatim(text);
            assert_eq!((url.host(), url.path(), url.query()), (host, path, query), "{text}");
        }
    }

    #[test]
    fn references_are_resolved() {
        let base = UrlText::parse("https://e.org/a/b?c").unwrap();
        for (reference, joined) in [
            ("x", Some("https://e.org/a/x")),
            ("/x#f", Some("https://e.org/x")),
            ("//o.org", Some("https://o.org/")),
            ("?q", Some("https://e.org/a/b?q")),
            ("mailto:x@y", None),
        ] {
            assert_eq!(base.join(reference).as_ref().map(UrlText::as_str), joined, "{reference}");
        }
    }
}
