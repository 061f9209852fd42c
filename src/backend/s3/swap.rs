//! Writing in place of a state that was seen: on servers that compare and write in one step,
//! and on those that know no conditions, or know them wrongly.

use std::array;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Result;

use super::bucket::{Bucket, Condition, Content};
use super::trouble;

/// What a bucket needs for it.
pub(super) struct Swaps {
    /// Whether the server refuses `If-Match` with the right tag, as some do.
    no_if_match: AtomicBool,
    turns: [Mutex<()>; 64],
}

impl Default for Swaps {
    fn default() -> Self {
        Swaps { no_if_match: AtomicBool::new(false), turns: array::from_fn(|_| Mutex::new(())) }
    }
}

impl Bucket {
    /// Waits for one's turn with a name: one writer at a time, as far as this process goes,
    /// for a server that does not compare and write in one step would lose the change of one
    /// of two.
    pub(crate) async fn turn(&self, name: &str) -> MutexGuard<'_, ()> {
        let turns = &self.swaps.turns;
        turns[xxh3_64(name.as_bytes()) as usize % turns.len()].lock().await
    }

    /// Writes an object where there is none; `false` when there is one. Where the server
    /// knows no conditions, it is written in any case.
    pub(crate) async fn create(&self, key: &str, content: Content<'_>) -> Result<bool> {
        match self.put(key, content.clone(), Condition::Absent).await {
            Err(e) if trouble::is_unknown(&e) => self.put(key, content, Condition::Always).await,
            other => other,
        }
    }

    /// Writes an object in place of the one that was seen with this entity tag; `false` when
    /// somebody else was faster. Without a tag it is written in any case.
    pub(crate) async fn replace(
        &self,
        key: &str,
        content: Content<'_>,
        seen: Option<&str>,
    ) -> Result<bool> {
        let seen = seen.filter(|_| !self.swaps.no_if_match.load(Ordering::Relaxed));
        let Some(tag) = seen else { return self.put(key, content, Condition::Always).await };
        let is_refused = match self.put(key, content.clone(), Condition::Is(tag)).await {
            Ok(true) => return Ok(true),
            // Some servers refuse every condition of this kind, also the right one.
            Ok(false) => self.tag(key).await?.flatten().as_deref() == Some(tag),
            Err(e) if trouble::is_unknown(&e) => true,
            Err(e) => return Err(e),
        };
        if !is_refused {
            return Ok(false);
        }
        self.swaps.no_if_match.store(true, Ordering::Relaxed);
        self.put(key, content, Condition::Always).await
    }

    /// The entity tag of what lies there now, if the server gives one; `None` when nothing
    /// does.
    pub(crate) async fn tag(&self, key: &str) -> Result<Option<Option<String>>> {
        Ok(self.look(key).await?.map(|(_, tag)| tag))
    }
}
