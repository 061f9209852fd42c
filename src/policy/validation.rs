//! Validators: asking with conditions, and what a 304 changes (RFC 9111 sections 4.3.1 to 4.3.4).

use std::borrow::Cow;

use crate::model::{EntryHead, Headers, Timestamp, http_date};

use super::fields::{list, members, split_outside_quotes, trim};
use super::variant::latest;

/// Fields that say something about one connection only (RFC 9111 section 3.1,
/// RFC 9110 section 7.6.1).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
];

/// Fields of the stored body, which a 304 does not replace (section 3.2).
const OF_THE_BODY: &[&str] = &["content-length", "content-range", "content-encoding"];

/// Drops what belongs to the connection: the known fields and those that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut Headers) {
    let named: Vec<Vec<u8>> = list(headers, "connection").map(<[u8]>::to_ascii_lowercase).collect();
    headers.retain(|name, _| {
        let is = |known: &[u8]| known.eq_ignore_ascii_case(name);
        !HOP_BY_HOP.iter().any(|h| is(h.as_bytes())) && !named.iter().any(|n| is(n))
    });
}

/// Whether there is anything to validate with.
pub(crate) fn has_validator(head: &EntryHead) -> bool {
    head.headers.contains("etag") || head.headers.contains("last-modified")
}

/// Takes the caller's own conditions out; they are answered from the result.
pub(crate) fn strip_conditions(headers: &mut Headers) {
    headers.remove("if-none-match");
    headers.remove("if-modified-since");
}

/// Adds our conditions: the entity tags of everything offered in one `If-None-Match`
/// (section 4.3.2), and the `Last-Modified` of the selected entry, verbatim.
pub(crate) fn add_conditions(
    headers: &mut Headers,
    candidates: &[EntryHead],
    selected: Option<usize>,
    offered: &[usize],
) {
    let mut tags: Vec<&[u8]> =
        offered.iter().filter_map(|&i| candidates[i].headers.get("etag")).map(trim).collect();
    tags.sort_unstable();
    tags.dedup();
    if !tags.is_empty() {
        headers.push("If-None-Match", tags.join(&b", "[..]));
    }
    let dated = selected.filter(|i| offered.contains(i)).map(|i| &candidates[i]);
    if let Some(modified) = dated.and_then(|head| head.headers.get("last-modified")) {
        headers.push("If-Modified-Since", modified);
    }
}

/// An entity tag (RFC 9110 section 8.8.3).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    fn of(value: &'a [u8]) -> Self {
        let value = trim(value);
        match value.strip_prefix(b"W/") {
            Some(opaque) => Tag { weak: true, opaque },
            None => Tag { weak: false, opaque: value },
        }
    }
}

fn tag(headers: &Headers) -> Option<Tag<'_>> {
    headers.get("etag").map(Tag::of)
}

/// Weak comparison of a list such as `"a", W/"b"` or `*` with one tag (RFC 9110 section 13.1.2).
pub(crate) fn none_match_hits(condition: &Headers, stored: &Headers) -> bool {
    let stored = tag(stored);
    condition.get_all("if-none-match").flat_map(members).any(|member| {
        member == b"*" || stored.is_some_and(|tag| Tag::of(member).opaque == tag.opaque)
    })
}

/// Strong comparison, for `If-Range` (RFC 9110 section 13.1.5).
pub(crate) fn is_same_strong_tag(value: &[u8], stored: &Headers) -> bool {
    let wanted = Tag::of(value);
    !wanted.weak && tag(stored) == Some(wanted)
}

/// U1: which candidates a 304 speaks of (section 4.3.4); empty when it fits none.
pub(crate) fn spoken_of(
    not_modified: &Headers,
    candidates: &[EntryHead],
    selected: Option<usize>,
    now: Timestamp,
) -> Vec<usize> {
    let all = || 0..candidates.len();
    if let Some(new) = tag(not_modified) {
        if !new.weak {
            let same: Vec<usize> =
                all().filter(|&i| tag(&candidates[i].headers) == Some(new)).collect();
            if !same.is_empty() {
                return same;
            }
        }
        let alike =
            all().filter(|&i| tag(&candidates[i].headers).is_some_and(|t| t.opaque == new.opaque));
        return latest(candidates, alike, now).into_iter().collect();
    }
    if let Some(modified) = not_modified.get("last-modified") {
        let same = |i: usize| candidates[i].headers.get("last-modified") == Some(modified);
        let chosen = selected
            .filter(|&i| same(i))
            .or_else(|| latest(candidates, all().filter(|&i| same(i)), now));
        return chosen.into_iter().collect();
    }
    // Servers leave the validators out; the 304 then answers the question that was asked.
    selected.into_iter().collect()
}

/// U2: the head with the fields of a 304 (or of a HEAD's 200) worked in (section 3.2).
pub(crate) fn updated(
    head: &EntryHead,
    news: &Headers,
    requested_at: Timestamp,
    received_at: Timestamp,
) -> EntryHead {
    let mut news = news.clone();
    strip_hop_by_hop(&mut news);
    news.retain(|name, _| !OF_THE_BODY.iter().any(|b| b.as_bytes().eq_ignore_ascii_case(name)));
    add_date(&mut news, received_at);
    let mut updated = head.clone();
    updated.headers = merged(&head.headers, &news);
    updated.requested_at = requested_at;
    updated.received_at = received_at;
    updated.invalidated = false;
    updated
}

/// Each stored name that has news is replaced where it first stood; new names follow. The
/// stored `Age` goes, for it was the age of another message.
fn merged(stored: &Headers, news: &Headers) -> Headers {
    let is = |a: &[u8], b: &[u8]| a.eq_ignore_ascii_case(b);
    let has = |headers: &Headers, name: &[u8]| headers.iter().any(|(n, _)| is(n, name));
    let mut merged = Headers::with_capacity(stored.len() + news.len(), stored.text_bytes());
    for (name, value) in stored.iter() {
        if !has(news, name) {
            if !is(name, b"age") {
                merged.push(name, value);
            }
        } else if !has(&merged, name) {
            merged.extend(news.iter().filter(|(n, _)| is(n, name)));
        }
    }
    let added: Vec<_> = news.iter().filter(|(name, _)| !has(&merged, name)).collect();
    merged.extend(added);
    merged
}

/// H6: a message without `Date` gets the time it came in (RFC 9110 section 6.6.1).
pub(crate) fn add_date(headers: &mut Headers, received_at: Timestamp) {
    if !headers.contains("date") {
        headers.push("Date", http_date::format(received_at));
    }
}

/// The bytes range that a request asks for, if it is a single one in a form we serve:
/// `a-b`, `a-`, `-n` (RFC 9110 section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeWish {
    /// No `Range`, or one that may be ignored.
    Whole,
    /// First and last byte, inclusive.
    Part(u64, u64),
    /// Nothing of it is there.
    Unsatisfiable,
}

impl RangeWish {
    pub(crate) fn of(request: &Headers, length: u64) -> Self {
        let Some(value) = request.get("range") else { return RangeWish::Whole };
        let value: Cow<'_, str> = String::from_utf8_lossy(trim(value));
        let Some((unit, set)) = value.split_once('=') else { return RangeWish::Whole };
        let mut ranges = split_outside_quotes(set.as_bytes(), b',').map(trim);
        let (Some(range), None) = (ranges.next(), ranges.next()) else { return RangeWish::Whole };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return RangeWish::Whole;
        }
        Self::bounds(&String::from_utf8_lossy(range), length).unwrap_or(RangeWish::Whole)
    }

    /// `None` for what is not a range at all.
    fn bounds(range: &str, length: u64) -> Option<Self> {
        let number = |digits: &str| -> Option<u64> {
            (!digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit()))
                .then(|| digits.parse().unwrap_or(u64::MAX))
        };
        let (first, last) = range.split_once('-')?;
        if first.is_empty() {
            let suffix = number(last)?.min(length);
            return Some(match suffix {
                0 => RangeWish::Unsatisfiable,
                n => RangeWish::Part(length - n, length - 1),
            });
        }
        let first = number(first)?;
        let last = if last.is_empty() { u64::MAX } else { number(last)? };
        if last < first {
            return None;
        }
        Some(if first >= length {
            RangeWish::Unsatisfiable
        } else {
            RangeWish::Part(first, last.min(length - 1))
        })
    }
}
