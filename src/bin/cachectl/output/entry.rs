//! The entry object: one shape for every command's JSON.

use cachectl::{EntryHead, Found, Secrets, Settings, State, Timestamp, freshness};
use serde::Serialize;

/// An entry as JSON shows it. Unknown is null; names are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct EntryObject {
    pub key: String,
    pub stored_bytes: Option<u64>,
    pub created_at: String,
    pub expires_at: Option<String>,
    pub state: &'static str,
    pub fresh_until: Option<String>,
    pub status: u16,
    pub method: String,
    pub url: String,
    pub host: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub body_bytes: u64,
    pub serializer: Option<String>,
    pub uses: u64,
    pub last_used_at: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub vary: Vec<String>,
    pub tags: Vec<String>,
    pub redacted: bool,
}

impl EntryObject {
    pub fn of(
        head: &EntryHead,
        stored_bytes: Option<u64>,
        now: Timestamp,
        settings: &Settings,
        secrets: &Secrets,
    ) -> Self {
        let field = |name: &str| head.headers.get_text(name).map(std::borrow::Cow::into_owned);
        let fresh = freshness(head, now, settings, None);
        let url = secrets.url(head.request.url.as_str());
        EntryObject {
            key: head.id.key.clone(),
            stored_bytes,
            created_at: head.created_at.to_string(),
            expires_at: head.expires_at.map(|t| t.to_string()),
            state: State::of(head, now, settings).name(),
            fresh_until: fresh.fresh_until(head.received_at).map(|t| t.to_string()),
            status: head.status,
            method: head.request.method.to_string(),
            redacted: url != head.request.url.as_str(),
            url: url.into_owned(),
            host: head.request.url.host().map(ToOwned::to_owned),
            content_type: field("content-type"),
            content_encoding: field("content-encoding"),
            body_bytes: head.body.bytes,
            serializer: head.serializer.as_deref().map(ToOwned::to_owned),
            uses: head.uses,
            last_used_at: head.last_used_at.map(|t| t.to_string()),
            etag: field("etag"),
            last_modified: field("last-modified"),
            vary: head
                .headers
                .get_all("vary")
                .flat_map(|line| {
                    let line = String::from_utf8_lossy(line).into_owned();
                    line.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()
                })
                .filter(|name| !name.is_empty())
                .collect(),
            tags: head.tags.clone(),
        }
    }

    pub fn of_found(found: &Found, now: Timestamp, settings: &Settings, secrets: &Secrets) -> Self {
        Self::of(&found.head, Some(found.stored_bytes), now, settings, secrets)
    }
}
