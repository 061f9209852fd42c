//! The members of a HAR entry that are small enough to be values.

use serde_json::{Map, Value, json};

use crate::model::wire::selection_parts;
use crate::model::{EntryHead, Headers, percent_decode};

use super::super::line::sha256_of;
use super::{Content, or_null};

/// How the body stands in the file: as transferred, or with its codings undone.
pub(super) const WIRE: &str = "wire";
pub(super) const DECODED: &str = "decoded";
pub(super) const NONE: &str = "none";

/// The version of a message of unknown version.
pub(super) const UNKNOWN: &str = "unknown";

pub(super) fn request(head: &EntryHead) -> Value {
    let request = &head.request;
    json!({
        "method": request.method.as_str(),
        "url": url(request.url.as_str()),
        "httpVersion": head.extensions.http_version.as_deref().unwrap_or(UNKNOWN),
        "cookies": request_cookies(&request.headers),
        "headers": fields(&request.headers),
        "queryString": query(request.url.query()),
        "headersSize": -1,
        "bodySize": -1,
    })
}

/// All but `content`.
pub(super) fn response(head: &EntryHead, headers: &Headers, wire: bool) -> Value {
    let reason = head.extensions.reason.as_deref().unwrap_or_default();
    let size = i64::try_from(head.body.bytes).unwrap_or(-1);
    json!({
        "status": head.status,
        "statusText": String::from_utf8_lossy(reason),
        "httpVersion": head.extensions.http_version.as_deref().unwrap_or(UNKNOWN),
        "cookies": response_cookies(headers),
        "headers": fields(headers),
        "redirectURL": text(headers.get("location").unwrap_or_default()),
        "headersSize": -1,
        "bodySize": if wire { size } else { -1 },
    })
}

/// What is said of the body, but its text.
pub(super) fn content(head: &EntryHead, content: Option<&Content>) -> Value {
    let mut about = Map::new();
    let plain = !super::is_coded(&head.headers);
    let size = match content {
        Some(content) => Some(content.facts.bytes),
        None if plain => Some(head.body.bytes),
        None => None,
    };
    about.insert("size".into(), size.map_or(json!(-1), |size| json!(size)));
    if let Some(content) = content
        && content.decoded
    {
        let saved = content.facts.bytes as i64 - head.body.bytes as i64;
        about.insert("compression".into(), json!(saved));
    }
    let mime = head.headers.get_text("content-type").unwrap_or("x-unknown".into());
    about.insert("mimeType".into(), json!(mime));
    Value::Object(about)
}

/// What HAR has no place for.
pub(super) fn own(head: &EntryHead, content: Option<&Content>) -> Value {
    let form = match content {
        None => NONE,
        Some(content) if content.decoded => DECODED,
        Some(_) => WIRE,
    };
    let facts = content.map_or(&head.body, |content| &content.facts);
    let selections: Vec<_> = head.selections.iter().map(selection_parts).collect();
    json!({
        "key": head.id.key,
        "variant": head.id.variant.as_str(),
        "partition": head.partition,
        "created_at": head.created_at.to_string(),
        "requested_at": head.requested_at.to_string(),
        "received_at": head.received_at.to_string(),
        "expires_at": or_null(head.expires_at.map(|t| t.to_string())),
        "last_used_at": or_null(head.last_used_at.map(|t| t.to_string())),
        "uses": head.uses,
        "tags": head.tags,
        "forced": head.forced,
        "invalidated": head.invalidated,
        "serializer": or_null(head.serializer.as_deref()),
        "vary": selections,
        "request_extensions": head.request.extensions.other,
        "response_extensions": head.extensions.other,
        "body_form": form,
        "body_sha256": sha256_of(facts),
    })
}

/// Brackets in an authority are those of an IPv6 address, and readers insist on it.
fn url(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    match url[start..end].rsplit_once('@') {
        Some((user, host)) => {
            let user = user.replace('[', "%5B").replace(']', "%5D");
            format!("{}{user}@{host}{}", &url[..start], &url[end..])
        }
        None => url.to_owned(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pair(name: &[u8], value: &[u8]) -> Value {
    json!({ "name": text(name), "value": text(value) })
}

fn fields(headers: &Headers) -> Vec<Value> {
    headers.iter().map(|(name, value)| pair(name, value)).collect()
}

fn query(query: Option<&str>) -> Vec<Value> {
    let decode = |part: &str| percent_decode(part.replace('+', " ").as_bytes());
    let parts = query.unwrap_or_default().split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            pair(&decode(name), &decode(value))
        })
        .collect()
}

/// Cookies out of fields that may be hidden already; a hidden field shows none.
fn request_cookies(headers: &Headers) -> Vec<Value> {
    let lines: Vec<String> = headers.get_all("cookie").map(text).collect();
    let cookies = lines.iter().flat_map(|line| line.split(';'));
    cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .map(|(name, value)| pair(name.as_bytes(), value.as_bytes()))
        .collect()
}

fn response_cookies(headers: &Headers) -> Vec<Value> {
    headers.get_all("set-cookie").filter_map(|line| response_cookie(&text(line))).collect()
}

fn response_cookie(line: &str) -> Option<Value> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Map::new();
    cookie.insert("name".into(), json!(name));
    cookie.insert("value".into(), json!(value));
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.to_ascii_lowercase().as_str() {
            "path" => drop(cookie.insert("path".into(), json!(value))),
            "domain" => drop(cookie.insert("domain".into(), json!(value))),
            "httponly" => drop(cookie.insert("httpOnly".into(), json!(true))),
            "secure" => drop(cookie.insert("secure".into(), json!(true))),
            _ => {}
        }
    }
    Some(Value::Object(cookie))
}

/// Whether a body of this type is text to people.
pub(super) fn is_textual(headers: &Headers) -> bool {
    let Some(value) = headers.get_text("content-type") else { return false };
    let mime = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    mime.starts_with("text/")
        || mime.ends_with("+json")
        || mime.ends_with("+xml")
        || [
            "application/json",
            "application/xml",
            "application/javascript",
            "application/x-javascript",
            "application/ecmascript",
            "application/x-www-form-urlencoded",
            "application/x-ndjson",
            "application/graphql",
        ]
        .contains(&mime.as_str())
}
