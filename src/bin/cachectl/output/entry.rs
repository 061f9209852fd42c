//! The entry object: one shape for every command's JSON.

use cachectl::{EntryHead, Found, Piece, State, freshness, policy};
use serde::Serialize;

use super::columns::View;
use super::text::shown;

/// An entry as JSON shows it. Unknown is null; names are only ever added.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntryObject {
    pub key: String,
    pub stored_bytes: Option<u64>,
    pub created_at: Option<String>,
    pub expires_at: Option<String>,
    pub state: &'static str,
    pub fresh_until: Option<String>,
    pub status: Option<u16>,
    pub method: Option<String>,
    pub url: Option<String>,
    pub host: Option<String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub body_bytes: Option<u64>,
    pub serializer: Option<String>,
    pub uses: Option<u64>,
    pub last_used_at: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    pub vary: Vec<String>,
    pub tags: Vec<String>,
    pub redacted: bool,
    /// It answers only requests with the credentials that it was fetched with.
    pub credentials: bool,
}

impl EntryObject {
    pub fn of(found: &Found, view: &View) -> Self {
        let stored_bytes = Some(found.stored_bytes);
        let state = found.state(view.now, &view.settings);
        let credentials = found.is_for_credentials();
        let head = Self::of_head(&found.head, view);
        EntryObject { stored_bytes, state: state.name(), credentials, ..head }
    }

    /// Of an entry that cannot be read.
    pub fn of_damaged(piece: &Piece) -> Self {
        EntryObject {
            key: piece.key.clone().unwrap_or_else(|| piece.name.clone()),
            stored_bytes: Some(piece.bytes),
            state: State::Corrupt.name(),
            ..Self::default()
        }
    }

    /// Of an entry that need not be in a store.
    pub fn of_head(head: &EntryHead, view: &View) -> Self {
        let field = |name: &str| head.headers.get_text(name).map(std::borrow::Cow::into_owned);
        let fresh = freshness(head, view.now, &view.settings, None);
        let url = view.secrets.url(head.request.url.as_str());
        EntryObject {
            key: head.id.key.clone(),
            stored_bytes: None,
            created_at: Some(shown(head.created_at)),
            expires_at: head.expires_at.map(shown),
            state: State::of(head, view.now, &view.settings).name(),
            fresh_until: fresh.fresh_until(head.received_at).map(shown),
            status: Some(head.status),
            method: Some(head.request.method.to_string()),
            redacted: url != head.request.url.as_str(),
            url: Some(url.into_owned()),
            host: head.request.url.host().map(ToOwned::to_owned),
            content_type: field("content-type"),
            content_encoding: field("content-encoding"),
            body_bytes: Some(head.body.bytes),
            serializer: head.serializer.as_deref().map(ToOwned::to_owned),
            uses: Some(head.uses),
            last_used_at: head.last_used_at.map(shown),
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
            credentials: policy::has_credentials(&head.partition),
        }
    }
}
