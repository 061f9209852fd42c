//! How hishel finds an entry: the URL as its HTTP client spells it, hashed.
//!
//! That client is httpx, or requests. They normalise otherwise than the WHATWG rules do, so
//! that a URL parser by those rules makes other keys. Sources: hishel 0.0.33 to 2.0.0 and
//! httpx 0.28, by their behaviour.

mod requests;

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use sha2::Sha256;

use crate::error::Result;
use crate::model::{Request, UrlText, hex};
use crate::storage::{Address, Param};

/// The parts of a URL as httpx has normalised them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpxUrl {
    scheme: String,
    /// User name and password in front of the host, as they were given.
    user: Option<String>,
    /// Without the brackets of an IPv6 address.
    host: String,
    /// `None` for the usual port of the scheme.
    port: Option<String>,
    path: String,
    query: Option<String>,
    fragment: Option<String>,
}

impl HttpxUrl {
    /// Takes a URL apart and normalises it. Text that is no absolute URL gives `None`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, fragment) = split(text, '#');
        let (text, query) = split(text, '?');
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(inside) => {
                let (host, port) = inside.split_once(']')?;
                (host.to_owned(), port.strip_prefix(':'))
            }
            None => {
                let (host, port) = split(place, ':');
                (ascii_host(host)?, port)
            }
        };
        let usual = match scheme.as_str() {
            "http" | "ws" => "80",
            "https" | "wss" => "443",
            _ => "",
        };
        // A number to httpx, without zeros in front.
        let number = |port: &str| port.parse().map_or(port.to_owned(), |p: u32| p.to_string());
        let port = port.filter(|port| !port.is_empty()).map(number).filter(|port| port != usual);
        let user = user.filter(|user| !user.is_empty()).map(str::to_owned);
        Some(HttpxUrl {
            scheme,
            user,
            host,
            port,
            path: quoted(&without_dots(path), |c| matches!(c, '`' | '{' | '}')),
            query: query.map(|query| quoted(query, |_| false)),
            fragment: fragment.map(|fragment| quoted(fragment, |c| c == '`')),
        })
    }

    /// What stands on the request line.
    fn target(&self) -> String {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// As generation 0 hashes and stores it: rebuilt from what goes on the wire, so that an
    /// IPv6 address has no brackets.
    pub(super) fn rebuilt(&self) -> String {
        let port = self.port.as_ref().map_or(String::new(), |port| format!(":{port}"));
        format!("{}://{}{port}{}", self.scheme, self.host, self.target())
    }

    /// As generations 1 and 2 hash and store it: the client's own text.
    pub(super) fn spelled(&self) -> String {
        let user = self.user.as_ref().map_or(String::new(), |user| format!("{user}@"));
        let bracketed = self.host.contains(':');
        let host = if bracketed { format!("[{}]", self.host) } else { self.host.clone() };
        let port = self.port.as_ref().map_or(String::new(), |port| format!(":{port}"));
        let query = self.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
        let end = self.fragment.as_ref().map_or(String::new(), |text| format!("#{text}"));
        format!("{}://{user}{host}{port}{}{query}{end}", self.scheme, self.path)
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// A host name in lower case, letters beyond ASCII in their IDNA form.
fn ascii_host(host: &str) -> Option<String> {
    if host.is_ascii() {
        return Some(host.to_ascii_lowercase());
    }
    // The parser of other URLs knows IDNA.
    let parsed = url::Url::parse(&format!("http://{host}/")).ok()?;
    parsed.host_str().map(str::to_owned)
}

/// A path without `.` and `..`; a final one leaves no slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
            }
            part => kept.push(part),
        }
    }
    kept.join("/")
}

/// Escapes what a URL may not contain, and what `also` says; escapes that are there stay,
/// broken ones too.
fn quoted(text: &str, also: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let plain = matches!(c, '!'..='~') && !matches!(c, '"' | '<' | '>') && !also(c);
        if plain {
            out.push(c);
            continue;
        }
        with_escapes(c, &mut out);
    }
    out
}

fn with_escapes(c: char, out: &mut String) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        out.push_str(&format!("%{byte:02X}"));
    }
}

/// A URL as generation 0 stores it; text that is none stays as it is.
pub(super) fn rebuilt(url: &UrlText) -> String {
    HttpxUrl::parse(url.typed()).map_or_else(|| url.as_str().to_owned(), |url| url.rebuilt())
}

/// Whose client an application of generation 1 or 2 uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Client {
    Httpx,
    Requests,
}

/// The parameter that names it.
pub(super) const CLIENT: Param = Param {
    name: "client",
    default: "httpx",
    about: "httpx or requests: whose spelling of URLs keys are made of",
};

impl Client {
    pub(super) fn of(address: &Address) -> Result<Self> {
        match address.param(CLIENT.name) {
            None | Some("httpx") => Ok(Client::Httpx),
            Some("requests") => Ok(Client::Requests),
            Some(other) => {
                let error = address.refuse(&format!("hishel has no client {other:?}"));
                Err(error.try_this("client=httpx or client=requests"))
            }
        }
    }

    /// A URL as generations 1 and 2 store it; text that is none stays as it is.
    pub(super) fn spelled(self, url: &UrlText) -> String {
        let spelled = match self {
            Client::Httpx => HttpxUrl::parse(url.typed()).map(|url| url.spelled()),
            Client::Requests => requests::spelled(url.typed()),
        };
        spelled.unwrap_or_else(|| url.as_str().to_owned())
    }

    /// The key of generation 1 under which a request is looked up.
    pub(super) fn key_1(self, request: &Request) -> String {
        key_1(&self.spelled(&request.url))
    }

    /// The same of generation 2.
    pub(super) fn key_2(self, request: &Request, rfc: bool) -> String {
        key_2(rfc, request.method.as_str(), &self.spelled(&request.url))
    }
}

/// The key of generation 0: method, URL and request body, hashed to 16 bytes. The body
/// counts for methods other than GET and HEAD only.
pub(super) fn key_0(method: &str, url: &str, body: &[u8]) -> String {
    let mut hash = Blake2b::<U16>::new();
    for part in [method.as_bytes(), url.as_bytes(), body] {
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// The same where Python has no BLAKE2 (FIPS mode, 0.1.2 and later).
pub(super) fn key_0_fips(method: &str, url: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    for part in [method.as_bytes(), url.as_bytes(), body] {
        hash.update(part);
    }
    hex(&hash.finalize())
}

/// The key of generation 1: the URL alone, for all methods.
pub(super) fn key_1(url: &str) -> String {
    hex(&Sha256::digest(url.as_bytes()))
}

/// The key of generation 2: by the rules of RFC 9111, where all methods share it, or as
/// the plain cache that is hishel's default.
pub(super) fn key_2(rfc: bool, method: &str, url: &str) -> String {
    let first = if rfc { "RFC" } else { method };
    hex(&Sha256::digest(format!("{first} {url}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Method, URL as given, URL as hashed, request body, key: computed by hishel 0.1.5.
    const KEYS_0: &[(&str, &str, &str, &str, &str)] = &[
        (
            "GET",
            "https://example.com",
            "https://example.com/",
            "",
            "bd152069787aaad359c85af6f2edbb25",
        ),
        (
            "GET",
            "https://example.com:443/",
            "https://example.com/",
            "",
            "bd152069787aaad359c85af6f2edbb25",
        ),
        (
            "HEAD",
            "https://example.com/",
            "https://example.com/",
            "",
            "425a566485f33a802670cf2395cd6721",
        ),
        (
            "GET",
            "https://example.com/data?x=1#frag",
            "https://example.com/data?x=1",
            "",
            "32dcc2201a2e0a53f8e37ace26c0d7b3",
        ),
        (
            "GET",
            "https://EXAMPLE.com:8443/A%2fb",
            "https://example.com:8443/A%2fb",
            "",
            "84506cade41450fea2ed44f25c788847",
        ),
        (
            "GET",
            "https://bücher.example/ä?ö=ü",
            "https://xn--bcher-kva.example/%C3%A4?%C3%B6=%C3%BC",
            "",
            "497f07a65d4e21f963b0ff1407da3415",
        ),
        (
            "GET",
            "https://example.com/a b?c=d e",
            "https://example.com/a%20b?c=d%20e",
            "",
            "54d359915f3553e0f2123b57ec74d1aa",
        ),
        (
            "GET",
            "https://example.com?",
            "https://example.com/?",
            "",
            "c197a4092126c08f6eadb911fe006890",
        ),
        (
            "GET",
            "https://example.com/a/../b/./c/..",
            "https://example.com/b",
            "",
            "1ac48d8e15f1009a11a416426f05219d",
        ),
        (
            "GET",
            "https://example.com/[x]|y^z`{w}?a=[1]&b='x'&c=\"y\"&d=<z>|^`{}",
            "https://example.com/[x]|y^z%60%7Bw%7D?a=[1]&b='x'&c=%22y%22&d=%3Cz%3E|^`{}",
            "",
            "61db53d71f4b8ed243aca400d4d2ff5a",
        ),
        (
            "GET",
            "http://u:p@example.com/",
            "http://example.com/",
            "",
            "7bd98b24e87d3504c30bb340f6002c45",
        ),
        (
            "GET",
            "http://[::1]:8080/v6",
            "http://::1:8080/v6",
            "",
            "938106b9a811faea7ffbc5b137791a96",
        ),
        (
            "POST",
            "https://example.com/search",
            "https://example.com/search",
            r#"{"q":"tea"}"#,
            "631f1d7fbd9e55a6a45b4b3739e5a3c8",
        ),
        (
            "get",
            "https://example.com/",
            "https://example.com/",
            "",
            "eb1ec3658fda2bfa980cb94b5fcbd26b",
        ),
    ];

    #[test]
    fn keys_of_generation_0_are_hishels() {
        for (method, given, hashed, body, key) in KEYS_0 {
            let url = HttpxUrl::parse(given).unwrap().rebuilt();
            assert_eq!(url, *hashed);
            assert_eq!(key_0(method, &url, body.as_bytes()), *key, "{given}");
        }
        let fips = key_0_fips("GET", "https://example.com/", b"");
        assert_eq!(fips, "ea96dc6995764a0e6cf26bd2550deb01c18f69c0e586aa1fe201683129b8c15a");
    }

    #[test]
    fn keys_of_generations_1_and_2_are_hishels() {
        for (given, key) in [
            (
                "https://example.com",
                "100680ad546ce6a577f42f52df33b4cfdca756859e664b8d7de329b150d09ce9",
            ),
            (
                "https://example.com/",
                "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7",
            ),
            (
                "https://api.example.com:443/data",
                "8fc0a700dbdf8cc053b1bda4d226810050204bf8c10a7942c17a820b7f01a111",
            ),
            (
                "https://example.com/data?x=1#frag",
                "2b85c5106e2340f81f5e60fa19b8c498e124f1a1b26e6076c86f6ccc09663aa6",
            ),
            (
                "http://[::1]:8080/v6",
                "b1c94ed37c3122d7ca79ca89328b31018f6271731a1ab2a7209fa127dc4d3695",
            ),
        ] {
            let url = HttpxUrl::parse(given).unwrap().spelled();
            assert_eq!(key_1(&url), key, "{url}");
        }
        let url = "https://api.example.com/data";
        let rfc = "7f83dd6d929762e2b03ba7a1807b427bb250953526afb787628dceb45a9c66db";
        assert_eq!(key_2(true, "GET", url), rfc);
        let plain = "fba96a9aba994d1e16ed45310d87f92c99ad6082eab7c77f56c9d9dada8b447a";
        assert_eq!(key_2(false, "GET", url), plain);
    }

    #[test]
    fn what_httpx_leaves_alone_stays() {
        for (given, wanted) in [
            ("HTTP://Example.COM./a//b", "http://example.com./a//b"),
            ("http://127.1/%zz%2F%", "http://127.1/%zz%2F%"),
            ("https://x.test/..", "https://x.test/"),
            ("https://x.test/./", "https://x.test/"),
            ("https://x.test/\u{7f}\t", "https://x.test/%7F%09"),
            ("https://user@x.test:8443", "https://x.test:8443/"),
            ("https://x.test:/p", "https://x.test/p"),
        ] {
            assert_eq!(HttpxUrl::parse(given).unwrap().rebuilt(), wanted, "{given}");
        }
        assert_eq!(HttpxUrl::parse("no url"), None);
    }
}
