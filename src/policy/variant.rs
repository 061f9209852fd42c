//! Which stored responses fit a request (RFC 9111 section 4.1).

use std::cmp::Reverse;

use sha2::{Digest, Sha256};

use crate::model::{EntryHead, Headers, Method, Secrets, Selecting, Selection, Timestamp};

use super::Settings;
use super::date::DateField;
use super::fields::{list, members, split_outside_quotes, trim};
use super::freshness::is_from_the_future;

/// The field names that `Vary` lists, in lower case, sorted, each once.
pub(crate) fn varying_fields(headers: &Headers) -> Vec<String> {
    let mut names: Vec<String> = list(headers, "vary")
        .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The selecting fields of a request for a response with these headers: one for each
/// field that `Vary` names, with its normalised value. Credentials become digests,
/// which is enough for comparing.
pub fn selection(response: &Headers, request: &Headers) -> Selection {
    varying_fields(response)
        .into_iter()
        .map(|name| Selecting { value: normalised(&name, request), name })
        .collect()
}

/// How one selecting field of a stored response compares with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaryCheck {
    /// Field name in lower case.
    pub name: String,
    /// The stored normalised value.
    pub stored: Option<Vec<u8>>,
    /// The request's normalised value.
    pub request: Option<Vec<u8>>,
    /// Whether they count as equal.
    pub matches: bool,
}

/// Compares every selecting field of an entry with a request; the closest of its
/// selections is shown. Empty without `Vary`.
pub fn vary_checks(head: &EntryHead, request: &Headers, settings: &Settings) -> Vec<VaryCheck> {
    let known = selections(head);
    known
        .iter()
        .map(|stored| compare(stored, head, request, settings))
        .min_by_key(|checks| checks.iter().filter(|c| !c.matches).count())
        .unwrap_or_default()
}

/// Whether an entry is the answer to a GET, which alone may answer later requests (RFC 9111
/// section 4). Other clients keep those to HEAD and POST under the same key.
pub(crate) fn answers_get(head: &EntryHead) -> bool {
    head.request.method == Method::GET
}

/// Whether the entry's method and `Vary` let it answer a request with these fields.
pub(crate) fn matches(head: &EntryHead, request: &Headers, settings: &Settings) -> bool {
    if !answers_get(head) {
        return false;
    }
    if !head.headers.contains("vary") {
        return true;
    }
    let known = selections(head);
    // An entry that varies by what nobody recorded fits no request.
    let varies = list(&head.headers, "vary").next().is_some();
    if known.is_empty() {
        return !varies;
    }
    known.iter().any(|stored| compare(stored, head, request, settings).iter().all(|c| c.matches))
}

/// The entry's selections; derived from its request fields where a foreign store kept
/// those and nothing else.
fn selections(head: &EntryHead) -> std::borrow::Cow<'_, [Selection]> {
    if head.selections.is_empty() && !head.request.headers.is_empty() {
        let derived = selection(&head.headers, &head.request.headers);
        return if derived.is_empty() { vec![].into() } else { vec![derived].into() };
    }
    (&head.selections[..]).into()
}

fn compare(
    stored: &Selection,
    head: &EntryHead,
    request: &Headers,
    settings: &Settings,
) -> Vec<VaryCheck> {
    let mut checks: Vec<VaryCheck> = stored
        .iter()
        .map(|field| {
            let value = normalised(&field.name, request);
            VaryCheck {
                name: field.name.clone(),
                stored: field.value.clone(),
                matches: field.name != "*" && field.value == value,
                request: value,
            }
        })
        .collect();
    let mut unequal = checks.iter_mut().filter(|c| !c.matches);
    if let (Some(one), None) = (unequal.next(), unequal.next())
        && one.name == "accept-language"
        && settings.match_content_language
    {
        one.matches = prefers_language_of(&head.headers, request);
    }
    checks
}

/// Request fields whose grammar is a list with parameters, so that blanks around members and
/// empty members mean nothing (RFC 9110, RFC 7239, RFC 7240).
const LISTS: [&str; 9] = [
    "accept",
    "cache-control",
    "connection",
    "expect",
    "forwarded",
    "prefer",
    "te",
    "upgrade",
    "via",
];

/// The value of a request field for comparing (rule V2): lines joined, and trimmed at the ends. Of
/// lists members are trimmed; of `Accept-*` they are in lower case and in order of preference.
/// Of any other field nobody knows what blanks mean. `None` when absent.
fn normalised(name: &str, request: &Headers) -> Option<Vec<u8>> {
    let lines = || request.get_all(name);
    lines().next()?;
    if Secrets::built_in().is_secret_header(name) {
        let mut hasher = Sha256::new();
        for line in lines() {
            hasher.update(line);
            hasher.update(b"\n");
        }
        let digest = crate::model::Sha256Digest(hasher.finalize().into());
        return Some(format!("sha256:{digest}").into_bytes());
    }
    let mut values: Vec<Vec<u8>> = match name {
        "accept-language" | "accept-encoding" | "accept-charset" => {
            let mut ranked: Vec<_> = lines().flat_map(members).map(Preference::of).collect();
            ranked.sort_by(|a, b| (Reverse(a.rank), &a.text).cmp(&(Reverse(b.rank), &b.text)));
            ranked.into_iter().map(|p| p.text).collect()
        }
        name if LISTS.contains(&name) => {
            lines().flat_map(members).map(without_optional_space).collect()
        }
        _ => lines().map(|line| trim(line).to_owned()).collect(),
    };
    let mut joined = if values.is_empty() { Vec::new() } else { std::mem::take(&mut values[0]) };
    for value in values.iter().skip(1) {
        joined.push(b',');
        joined.extend_from_slice(value);
    }
    Some(joined)
}

/// Spaces around `;` say nothing.
fn without_optional_space(member: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(member.len());
    for (i, part) in split_outside_quotes(member, b';').enumerate() {
        if i > 0 {
            out.push(b';');
        }
        out.extend_from_slice(trim(part));
    }
    out
}

/// One member of `Accept-Language` and its kin.
struct Preference {
    /// In lower case, with the weight unless that is 1.
    text: Vec<u8>,
    /// The weight in thousandths.
    rank: u32,
}

impl Preference {
    fn of(member: &[u8]) -> Self {
        let mut rank = 1000;
        let mut text = Vec::with_capacity(member.len());
        for (i, part) in split_outside_quotes(member, b';').map(trim).enumerate() {
            let part = part.to_ascii_lowercase();
            if i > 0 {
                if let Some(weight) = part.strip_prefix(b"q=").and_then(weight) {
                    rank = weight;
                    if rank == 1000 {
                        continue;
                    }
                }
                text.push(b';');
            }
            text.extend_from_slice(&part);
        }
        Preference { text, rank }
    }

    fn name(&self) -> &[u8] {
        self.text.split(|&c| c == b';').next().unwrap_or_default()
    }
}

/// A weight between 0 and 1 with at most three decimals, in thousandths.
fn weight(text: &[u8]) -> Option<u32> {
    let (whole, decimals) = match text {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut thousandths = u32::from(whole - b'0');
    for i in 0..3 {
        let digit = decimals.get(i).copied().unwrap_or(b'0');
        thousandths = thousandths * 10 + digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
    }
    (thousandths <= 1000).then_some(thousandths)
}

/// Whether the response is in the one language that the request prefers over all others.
fn prefers_language_of(response: &Headers, request: &Headers) -> bool {
    let mut languages = list(response, "content-language");
    let (Some(language), None) = (languages.next(), languages.next()) else { return false };
    let wanted: Vec<_> = list(request, "accept-language").map(Preference::of).collect();
    let Some(best) = wanted.iter().map(|p| p.rank).max().filter(|&rank| rank > 0) else {
        return false;
    };
    let mut favourites = wanted.iter().filter(|p| p.rank == best);
    match (favourites.next(), favourites.next()) {
        (Some(one), None) => one.name().eq_ignore_ascii_case(language),
        _ => false,
    }
}

/// What orders entries that fit the same request: the latest `Date`, then the latest
/// received, is the one to use (section 4).
pub fn recency(head: &EntryHead) -> (Timestamp, Timestamp, Timestamp) {
    let date = DateField::of(&head.headers, "date", head.received_at).time();
    (date.unwrap_or(head.received_at), head.received_at, head.created_at)
}

/// Among the entries at these places the one to use. One that claims to come from the future is
/// the last choice.
pub(crate) fn latest(
    candidates: &[EntryHead],
    places: impl IntoIterator<Item = usize>,
    now: Timestamp,
) -> Option<usize> {
    places.into_iter().max_by_key(|&i| {
        let head = &candidates[i];
        (!is_from_the_future(head, now), recency(head), Reverse(&head.id))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(name: &str, value: &str) -> String {
        let headers = Headers::new().with(name, value);
        String::from_utf8(normalised(name, &headers).unwrap()).unwrap()
    }

    #[test]
    fn v2_values_are_normalised_before_comparing() {
        for (name, value, normal) in [
            ("accept-encoding", "gzip , BR;q=0.5", "gzip,br;q=0.5"),
            ("accept-encoding", "br;q=0.5,gzip;q=1", "gzip,br;q=0.5"),
            ("accept-language", "de;q=0.8, EN", "en,de;q=0.8"),
            ("accept-language", "en;q=1.000,de ; q=0.8", "en,de;q=0.8"),
            ("accept-language", "en;q=x", "en;q=x"),
            ("accept", "text/html ; level=1,  a/b", "text/html;level=1,a/b"),
            ("accept", "a/b,, c/d,", "a/b,c/d"),
            ("x-thing", " A,  b ", "A,  b"),
            ("x-thing", "a,,b", "a,,b"),
            ("x-thing", "a,b,", "a,b,"),
            ("x-thing", "\"a , b\"", "\"a , b\""),
            ("x-thing", "", ""),
        ] {
            assert_eq!(norm(name, value), normal, "{name}: {value}");
        }
    }

    #[test]
    fn s5_credentials_are_kept_as_digests() {
        let shown = norm("authorization", "Bearer secret");
        assert!(shown.starts_with("sha256:") && !shown.contains("secret"));
        assert_ne!(shown, norm("authorization", "Bearer other"));
    }
}
