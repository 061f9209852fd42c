//! The final form of an answer from the store (rules R1 to R4, A3, H2, E1, G1, G2).

use std::time::Duration;

use crate::model::{EntryHead, Headers, Method, Request, Timestamp};

use super::date::DateField;
use super::directives::ResponseDirectives;
use super::fields::trim;
use super::validation::{RangeWish, is_same_strong_tag, none_match_hits};

/// How much of the stored body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Nothing: HEAD, 304, 416.
    Nothing,
    /// All of it.
    Whole,
    /// From the first byte up to the last, inclusive.
    Part {
        /// First byte.
        first: u64,
        /// Last byte.
        last: u64,
    },
}

/// Status, fields and extent of an answer from the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// How much of the body.
    pub extent: Extent,
}

/// Fields that a 304 carries (RFC 9110 section 15.4.5); the others describe a body that
/// is not there.
const IN_304: &[&str] = &[
    "etag",
    "date",
    "cache-control",
    "content-location",
    "expires",
    "vary",
    "last-modified",
    "age",
];

/// The answer that this entry gives to this request: the caller's conditions and `Range`
/// settled, `Age` set. `validated` says that the origin has just confirmed the entry; else
/// the fields that `no-cache="…"` names are left out.
pub fn reply(request: &Request, head: &EntryHead, age: Duration, validated: bool) -> Reply {
    let mut headers = head.headers.clone();
    if !validated {
        for name in ResponseDirectives::of(&head.headers).no_cache.fields() {
            headers.remove(name);
        }
    }
    headers.set("Age", age.as_secs().to_string());
    if settle_conditions(request, head.status, &head.headers, head.received_at) {
        return Reply { status: 304, headers: only_for_304(&headers), extent: Extent::Nothing };
    }
    if request.method == Method::HEAD {
        if !headers.contains("content-length") {
            headers.push("Content-Length", head.body.bytes.to_string());
        }
        return Reply { status: head.status, headers, extent: Extent::Nothing };
    }
    match wanted_part(request, head) {
        RangeWish::Whole => Reply { status: head.status, headers, extent: Extent::Whole },
        RangeWish::Part(first, last) => {
            headers.set("Content-Range", format!("bytes {first}-{last}/{}", head.body.bytes));
            headers.set("Content-Length", (last - first + 1).to_string());
            Reply { status: 206, headers, extent: Extent::Part { first, last } }
        }
        RangeWish::Unsatisfiable => {
            headers.retain(|name, _| !is_representation(name));
            headers.set("Content-Range", format!("bytes */{}", head.body.bytes));
            headers.set("Content-Length", "0");
            Reply { status: 416, headers, extent: Extent::Nothing }
        }
    }
}

/// R2 and R4: whether the caller's own conditions make this response a 304
/// (RFC 9110 section 13.2.2; `If-None-Match` beats `If-Modified-Since`).
pub fn settle_conditions(
    request: &Request,
    status: u16,
    headers: &Headers,
    received_at: Timestamp,
) -> bool {
    let asks = request.method == Method::GET || request.method == Method::HEAD;
    if !asks || !matches!(status, 200 | 206) {
        return false;
    }
    if request.headers.contains("if-none-match") {
        return none_match_hits(&request.headers, headers);
    }
    let since = DateField::of(&request.headers, "if-modified-since", received_at).time();
    let modified = ["last-modified", "date"]
        .into_iter()
        .find_map(|name| DateField::of(headers, name, received_at).time())
        .unwrap_or(received_at);
    since.is_some_and(|since| modified.secs() <= since.secs())
}

/// The header section of a 304 made from a full one.
pub fn only_for_304(headers: &Headers) -> Headers {
    headers
        .iter()
        .filter(|(name, _)| IN_304.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(name)))
        .collect()
}

fn wanted_part(request: &Request, head: &EntryHead) -> RangeWish {
    if request.method != Method::GET || head.status != 200 {
        return RangeWish::Whole;
    }
    if let Some(condition) = request.headers.get("if-range") {
        let condition = trim(condition);
        let is_tag = condition.ends_with(b"\"");
        let holds = if is_tag {
            is_same_strong_tag(condition, &head.headers)
        } else {
            head.headers.get("last-modified").is_some_and(|modified| trim(modified) == condition)
        };
        if !holds {
            return RangeWish::Whole;
        }
    }
    RangeWish::of(&request.headers, head.body.bytes)
}

fn is_representation(name: &[u8]) -> bool {
    name.to_ascii_lowercase().starts_with(b"content-")
}
