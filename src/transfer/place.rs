//! Whether two stores are one, whatever their addresses say.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    EntryHead, EntryId, Headers, Method, Request, Stamp, Timestamp, UrlText, Variant,
};
use crate::storage::{Backend, Manage};

/// How long an entry lives that is only there to be looked for, should nobody remove it.
const LIFE: Duration = Duration::from_secs(60);

/// What it is an answer to. There is one for a store, so that the next trial replaces and removes
/// what a killed one has left.
const TRIED_OUT: &str = "http://cachectl.invalid/is-this-one-store";

/// How often it is tried out where others try at the same time.
const TRIALS: u32 = 20;

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
    let request = Request::new(Method::GET, UrlText::parse(TRIED_OUT)?);
    let id = EntryId::new(store.rules().key_of(&request, ""), Variant::none());
    let headers = Headers::new().with("Cache-Control", "max-age=60");
    for trial in 0..TRIALS {
        tokio::time::sleep(Duration::from_millis(10) * trial).await;
        let now = Timestamp::now();
        let head = EntryHead::new(id.clone(), request.clone(), 200, headers.clone(), now);
        let head = store.rules().project(EntryHead { expires_at: Some(now + LIFE), ..head });
        let put = store.put(head).await?.commit().await?;
        let seen = there(other, &put.head.id).await;
        // What is still there was there when the other store was asked: it is written once.
        let own = there(store, &put.head.id).await;
        let removed = store.remove(&put.head.id, Some(put.stamp)).await;
        removed.map_err(|e| {
            Error::store("what was put into the store to try it out is still there").because(e)
        })?;
        let (is_seen, is_own) = (seen? == Some(put.stamp), own? == Some(put.stamp));
        if is_seen || is_own {
            return Ok(is_seen);
        }
    }
    let told = "others try out this store at the same time, so that it is not known which it is";
    Err(Error::new(ErrorKind::Refused, told).coded("busy").try_this("the same command again"))
}

async fn there(store: &dyn Backend, id: &EntryId) -> Result<Option<Stamp>> {
    Ok(store.find(id).await?.map(|found| found.stamp))
}
