//! Where the bodies of the last looked-up entries lie: after a lookup comes its body, and
//! on a far server each question saved is a round trip.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use crate::model::{BodyFacts, EntryId, Stamp};
use crate::serializer::{Place, Recorded};

const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// The places of large bodies by entry and stamp. A body's name is never used twice, so
/// what is remembered can go, but never be wrong.
pub(super) struct Recent(Mutex<LruCache<(EntryId, Stamp), (String, BodyFacts)>>);

impl Recent {
    pub(super) fn new() -> Self {
        Recent(Mutex::new(LruCache::new(REMEMBERED)))
    }

    pub(super) fn note(&self, entry: &Recorded) {
        if let Place::Beside(name) = &entry.place {
            let key = (entry.head.id.clone(), entry.stamp);
            self.lock().put(key, (name.clone(), entry.head.body));
        }
    }

    pub(super) fn find(&self, id: &EntryId, stamp: Stamp) -> Option<(String, BodyFacts)> {
        self.lock().get(&(id.clone(), stamp)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<(EntryId, Stamp), (String, BodyFacts)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
