//! What a file from elsewhere may bring into a store.

use std::time::Duration;

use crate::error::Error;
use crate::model::{EntryHead, Headers, MAX_BODY, Timestamp, is_token};

/// How far ahead of this machine's another clock may be.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// Why a head is none that HTTP could have brought; `None` when it could have.
///
/// A store hands out what it holds: what is no field line (RFC 9110 section 5) would become
/// two in somebody's output, and what was stored tomorrow would be newer than everything.
pub(super) fn unsound(head: &EntryHead, now: Timestamp) -> Option<Error> {
    let why = if head.id.key.is_empty() {
        "its key is empty"
    } else if !is_url(head.request.url.as_str()) {
        "its URL is empty, or has a space or a control character in it"
    } else if !is_token(head.request.method.as_str().as_bytes()) {
        "its method is not a token"
    } else if !(100..1000).contains(&head.status) {
        "its status does not have three digits"
    } else if !are_fields(&head.request.headers) || !are_fields(&head.headers) {
        "a header field is not a name and a line of text"
    } else if ![&head.extensions, &head.request.extensions].into_iter().all(|part| {
        part.http_version.as_deref().is_none_or(|version| is_line(version.as_bytes()))
            && part.reason.as_deref().is_none_or(is_line)
    }) {
        "its version or its reason is not a line of text"
    } else if head.body.bytes > MAX_BODY {
        "its body is impossibly long"
    } else if is_ahead(head, now) {
        "it was stored in the future"
    } else {
        return None;
    };
    Some(Error::codec(why).coded("unsound"))
}

/// Another client's URL need not parse; it is one word all the same.
fn is_url(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|c| c <= b' ' || c == 0x7f)
}

fn are_fields(headers: &Headers) -> bool {
    headers.iter().all(|(name, value)| is_token(name) && is_line(value))
}

/// Whether bytes can stand in a line: no control character but the tab.
fn is_line(bytes: &[u8]) -> bool {
    !bytes.iter().any(|&c| (c < b' ' && c != b'\t') || c == 0x7f)
}

fn is_ahead(head: &EntryHead, now: Timestamp) -> bool {
    let times = [head.created_at, head.requested_at, head.received_at];
    times.into_iter().chain(head.last_used_at).any(|time| time > now + AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntryId, Method, Request, UrlText, Variant};

    fn now() -> Timestamp {
        Timestamp::from_secs(1_800_000_000)
    }

    fn head() -> EntryHead {
        let url = UrlText::verbatim("https://e.org/?q=ä");
        let request = Request::new(Method::GET, url).with_header("Accept", "*/*");
        let headers = Headers::new().with("X-Tab", "a\tb").with("X-Obs", [0xff, b'a']);
        let mut head =
            EntryHead::new(EntryId::new("k", Variant::none()), request, 200, headers, now());
        head.extensions.reason = Some(b"OK".to_vec());
        head
    }

    #[test]
    fn what_http_could_have_brought_is_sound() {
        assert!(unsound(&head(), now()).is_none());
    }

    #[test]
    fn what_is_no_head_is_named() {
        type Change = fn(&mut EntryHead);
        let changes: [(&str, Change); 15] = [
            ("body", |h| h.body.bytes = u64::MAX),
            ("key", |h| h.id.key = String::new()),
            ("URL", |h| h.request.url = UrlText::verbatim("")),
            ("URL", |h| h.request.url = UrlText::verbatim("https://e.org/\nX")),
            ("URL", |h| h.request.url = UrlText::verbatim("https://e.org/a b")),
            ("method", |h| h.request.method = Method::verbatim("")),
            ("method", |h| h.request.method = Method::verbatim("GET /\r\n")),
            ("status", |h| h.status = 7),
            ("header", |h| h.headers.push("X", "a\r\nX-Split: 1")),
            ("header", |h| h.headers.push("X-A: b\r\nX", "c")),
            ("header", |h| h.headers.push("X", "\x1b[31m")),
            ("header", |h| h.request.headers.push("", "a")),
            ("reason", |h| h.extensions.reason = Some(b"OK\r\nX: 1".to_vec())),
            ("version", |h| h.extensions.http_version = Some("HTTP/1.1 200\n".into())),
            ("future", |h| h.created_at = now() + Duration::from_secs(2 * 24 * 3600)),
        ];
        for (named, change) in changes {
            let mut head = head();
            change(&mut head);
            let error = unsound(&head, now()).expect(named);
            assert!(error.message().contains(named), "{named}: {error}");
        }
    }
}
