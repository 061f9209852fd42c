//! Entries for tests.

use bytes::Bytes;
use cachectl::{
    EntryHead, EntryId, Headers, Key, Method, Request, Selecting, Timestamp, UrlText, Variant,
};

/// A fixed point in time, in whole milliseconds.
pub fn noon() -> Timestamp {
    Timestamp::parse_rfc3339("2026-11-22T12:00:00.123Z").expect("a time")
}

/// A point in time that no test will see.
pub fn never() -> Timestamp {
    Timestamp::parse_rfc3339("2226-11-22T12:00:00Z").expect("a time")
}

/// A head for this URL, without `Vary`.
pub fn head(url: &str) -> EntryHead {
    let url = UrlText::parse(url).expect("a URL");
    let key = Key::native("", &Method::GET, &url);
    head_of(&key, Variant::none(), url)
}

/// A head under this key, whatever it is.
pub fn head_under(key: &str) -> EntryHead {
    head_of(key, Variant::none(), UrlText::parse("https://example.org/").expect("a URL"))
}

/// A head for this URL and this value of `Accept-Language`.
pub fn variant_head(url: &str, language: &str) -> EntryHead {
    let selection = vec![Selecting {
        name: "accept-language".into(),
        value: Some(language.as_bytes().to_vec()),
    }];
    let url = UrlText::parse(url).expect("a URL");
    let key = Key::native("", &Method::GET, &url);
    let mut head = head_of(&key, Variant::of(&selection), url);
    head.headers.push("Vary", "Accept-Language");
    head.request.headers.push("Accept-Language", language);
    head.selections = vec![selection];
    head
}

fn head_of(key: &str, variant: Variant, url: UrlText) -> EntryHead {
    let request = Request::new(Method::GET, url).with_header("Accept", "*/*");
    let headers = Headers::new()
        .with("Date", "Sun, 22 Nov 2026 12:00:00 GMT")
        .with("Content-Type", "text/plain")
        .with("Cache-Control", "max-age=3600")
        .with("Set-Cookie", "a=1")
        .with("set-cookie", "b=2");
    let mut head = EntryHead::new(EntryId::new(key, variant), request, 200, headers, noon());
    head.extensions.http_version = Some("HTTP/1.1".into());
    head.extensions.reason = Some(b"OK".to_vec());
    head.tags = vec!["one".into(), "two words".into()];
    head
}

/// Bytes that look random, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes.into()
}
