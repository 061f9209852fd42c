//! Whether two stores are one, whatever their addresses say.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::{
    EntryHead, EntryId, Headers, Method, Request, Stamp, Timestamp, UrlText, Variant,
};
use crate::storage::{Backend, Manage};

/// How long an entry lives that is only there to be looked for, should nobody remove it.
const LIFE: Duration = Duration::from_secs(60);

/// Whether two stores are known to be one place.
///
/// # Errors
/// `Store` when one of them cannot be asked.
pub async fn is_one_place(a: &dyn Backend, b: &dyn Backend) -> Result<bool> {
    Ok(a.identity().await?.is_same(&b.identity().await?))
}

/// Whether an entry of one store is an entry of the other: it is tried out. A server may be
/// reached by names that nobody connects with each other, and a folder by two mounts; so a
/// store about to lose entries for the sake of another is not known by its names alone.
///
/// # Errors
/// `Store` when one of them cannot be written or asked.
pub async fn shows_entries_of(store: &dyn Backend, other: &dyn Backend) -> Result<bool> {
    let (can, other_can) = (store.capabilities(), other.capabilities());
    if (can.kind, can.layout) != (other_can.kind, other_can.layout) {
        return Ok(false);
    }
    let now = Timestamp::now();
    let url = UrlText::parse(&format!("http://cachectl.invalid/{}", Stamp::fresh()))?;
    let request = Request::new(Method::GET, url);
    let id = EntryId::new(store.key_of(&request, ""), Variant::none());
    let mut headers = Headers::new();
    headers.push("Cache-Control", "max-age=60");
    let head = EntryHead::new(id, request, 200, headers, now);
    let head = store.kept(EntryHead { expires_at: Some(now + LIFE), ..head });
    let put = store.put(head).await?.commit().await?;
    let seen = other.find(&put.head.id).await;
    let removed = store.remove(&put.head.id, Some(put.stamp)).await;
    let is_one = seen?.is_some();
    removed.map(|_| is_one).map_err(|e| {
        Error::store("what was put into the store to try it out is still there").because(e)
    })
}
