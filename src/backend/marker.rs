//! The mark by which a place is known as a store: its kind and the version of its layout.

use crate::error::{Error, Result};
use crate::model::Stamp;

/// The layout that this build writes, and the newest that it reads.
const LAYOUT: u64 = 1;

/// The mark of a new store of this kind. No two stores are made with the same identity.
pub(super) fn of(kind: &str) -> String {
    let id = &Stamp::fresh().to_string()[..16];
    format!("{{\"cachectl\":\"{kind} store\",\"layout\":{LAYOUT},\"id\":\"{id}\"}}\n")
}

/// The identity with which a store was made; a copy of the store has the same.
#[cfg(feature = "s3")]
pub(super) fn identity(mark: &[u8]) -> Option<String> {
    let mark: serde_json::Value = serde_json::from_slice(mark).ok()?;
    mark.get("id")?.as_str().map(ToOwned::to_owned)
}

/// Whether this build can read the store with this mark. `place` is where the mark was
/// found, for people; `instead` what to try when it is none.
///
/// # Errors
/// `Store` when it is no mark, or the layout is from the future.
pub(super) fn check(mark: &[u8], place: &str, instead: &str) -> Result<()> {
    let mark: Option<serde_json::Value> = serde_json::from_slice(mark).ok();
    match mark.as_ref().and_then(|mark| mark.get("layout")?.as_u64()) {
        Some(1..=LAYOUT) => Ok(()),
        Some(newer) => Err(Error::store(format!(
            "the store marked by {place} has layout {newer}, this build reads up to {LAYOUT}"
        ))
        .coded("version_too_new")
        .try_this("a newer cachectl")),
        None => Err(Error::store(format!("{place} is not a store's marker"))
            .coded("not_a_store")
            .try_this(instead.to_owned())),
    }
}
