//! May a response be stored (RFC 9111 section 3).

use crate::model::{Headers, Method, Request};

use super::directives::{RequestDirectives, ResponseDirectives};
use super::fields::{list, single};
use super::freshness::lifetime;
use super::reason::Reason;
use super::{Received, Settings};

/// Statuses whose responses may be given a lifetime by heuristics (RFC 9110 section 15.1).
pub fn is_heuristically_cacheable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 206 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Statuses whose caching rules this engine knows, for `must-understand`
/// (RFC 9111 section 5.2.2.3).
fn is_understood(status: u16) -> bool {
    matches!(status, 302 | 303 | 307) || is_heuristically_cacheable(status)
}

/// Whether a full response to a validation says that what was validated is outdated
/// (rule S11). Any other status speaks of the client, the moment or the way: of credentials,
/// of the rate, of a time-out, of the law.
pub fn speaks_of_resource(status: u16) -> bool {
    matches!(status, 200..=205 | 207..=303 | 305..=399 | 404 | 410)
}

/// Whether the store may be forced to keep a response of this status against its headers:
/// a failure kept by force would be given to everybody for as long.
pub fn can_be_forced(status: u16) -> bool {
    matches!(status, 200..=205 | 207..=303 | 305..=399)
}

/// Whether the answer to this request may be stored.
///
/// # Errors
/// The reason why not. With `forced` only what cannot be stored at all is refused: another
/// method, an interim or partial response, a credential in shared mode, a body too large. A
/// status that cannot be forced goes by its headers.
pub fn storable(
    request: &Request,
    received: &Received,
    settings: &Settings,
    forced: bool,
) -> Result<(), Reason> {
    let said = ResponseDirectives::of(&received.headers);
    method(request, received, &said)?;
    status_alone(received)?;
    let forced = forced && can_be_forced(received.status);
    if let (Some(most), Some(length)) = (settings.max_body, content_length(&received.headers))
        && length > most
    {
        return Err(Reason::TooLarge { limit: most });
    }
    let authorized = request.headers.contains("authorization");
    if forced {
        let exposed = settings.shared && authorized;
        return if exposed { Err(Reason::Authorization) } else { Ok(()) };
    }
    if RequestDirectives::of(&request.headers).no_store {
        return Err(Reason::NoStoreRequest);
    }
    no_store(received.status, &said)?;
    if settings.shared {
        shared(&said, authorized)?;
    }
    if list(&received.headers, "vary").any(|name| name == b"*") {
        return Err(Reason::VaryStar);
    }
    cacheable(received, &said, settings)?;
    reusable(received, &said, settings)
}

/// S1: GET, or POST that says it is the answer to GET of the same URL (RFC 9110 section 9.3.3).
fn method(request: &Request, received: &Received, said: &ResponseDirectives) -> Result<(), Reason> {
    if request.method == Method::GET {
        return Ok(());
    }
    let explicit =
        said.max_age.is_some() || said.s_maxage.is_some() || received.headers.contains("expires");
    let own_location = || {
        let location = single(&received.headers, "content-location").ok().flatten()?;
        let location = request.url.join(std::str::from_utf8(location).ok()?)?;
        (location == request.url).then_some(())
    };
    if request.method == Method::POST && explicit && own_location().is_some() {
        return Ok(());
    }
    Err(Reason::MethodNotCacheable(request.method.clone()))
}

/// S2: final, and an answer about the URL. The statuses that are not answer a condition (304,
/// 412, 428), a range (206, 416) or an expectation (417) of this request, or they are about its
/// credentials for a proxy (407), its connection (421, 425), its size (431), its rate (429) or
/// the network (511): RFC 9110 section 15, RFC 6585 ("MUST NOT be stored"), RFC 8470.
fn status_alone(received: &Received) -> Result<(), Reason> {
    match received.status {
        status @ (206 | 304 | 407 | 412 | 416 | 417 | 421 | 425 | 428 | 429 | 431 | 511) => {
            Err(Reason::OneRequestOnly(status))
        }
        // A 200 has no parts (RFC 9110 section 14.4), so whoever says so has mixed up something.
        200 if received.headers.contains("content-range") => Err(Reason::OneRequestOnly(200)),
        200..=599 => Ok(()),
        status => Err(Reason::StatusNotCacheable(status)),
    }
}

/// S3: `no-store`, and how `must-understand` lifts it (section 5.2.2.3).
fn no_store(status: u16, said: &ResponseDirectives) -> Result<(), Reason> {
    match (said.must_understand, said.no_store) {
        (true, _) if !is_understood(status) => Err(Reason::MustUnderstand(status)),
        (true, _) | (false, false) => Ok(()),
        (false, true) => Err(Reason::NoStore),
    }
}

/// S4 and S5: `private`, and answers to requests with credentials (section 3.5).
fn shared(said: &ResponseDirectives, authorized: bool) -> Result<(), Reason> {
    if said.private.is_bare() {
        return Err(Reason::PrivateInShared);
    }
    let permitted = said.public || said.must_revalidate || said.s_maxage.is_some();
    if authorized && !permitted { Err(Reason::Authorization) } else { Ok(()) }
}

/// S6: something allows storing at all.
fn cacheable(
    received: &Received,
    said: &ResponseDirectives,
    settings: &Settings,
) -> Result<(), Reason> {
    let status = received.status;
    let selected = settings.cacheable_status.as_ref().is_none_or(|set| set.contains(status));
    let allowed = said.max_age.is_some()
        || received.headers.contains("expires")
        || (settings.shared && said.s_maxage.is_some())
        || said.public
        || (!settings.shared && said.private.is_bare())
        || is_heuristically_cacheable(status);
    if selected && allowed { Ok(()) } else { Err(Reason::StatusNotCacheable(status)) }
}

/// S7: it can be of use later: fresh for a while, with a validator, or allowed stale.
fn reusable(
    received: &Received,
    said: &ResponseDirectives,
    settings: &Settings,
) -> Result<(), Reason> {
    let (secs, _) = lifetime(received.status, &received.headers, received.received_at, settings);
    let has_validator =
        received.headers.contains("etag") || received.headers.contains("last-modified");
    let fresh_once = secs > 0 && !said.no_cache.is_bare();
    if fresh_once || has_validator || forbids_stale(said, settings).is_none() {
        Ok(())
    } else {
        Err(Reason::NoReuse)
    }
}

/// X1: the directive that forbids every stale use, if one does (section 4.2.4).
pub(crate) fn forbids_stale(
    said: &ResponseDirectives,
    settings: &Settings,
) -> Option<&'static str> {
    if said.must_revalidate {
        Some("must-revalidate")
    } else if said.no_cache.is_bare() {
        Some("no-cache")
    } else if settings.shared && said.proxy_revalidate {
        Some("proxy-revalidate")
    } else if settings.shared && said.s_maxage.is_some() {
        Some("s-maxage")
    } else {
        None
    }
}

/// The length that the response announces, if it does.
pub(crate) fn content_length(headers: &Headers) -> Option<u64> {
    std::str::from_utf8(single(headers, "content-length").ok()??).ok()?.parse().ok()
}
