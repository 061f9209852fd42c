//! Removing what has expired, a shard at a time.
//!
//! The file `sweep` exists once an entry with a TTL was stored. Its content is the shard
//! that was swept last, its modification time says when.

use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use crate::error::Result;
use crate::model::{Timestamp, hex};

use super::Inner;
use super::place::{Spot, StoreFolder};
use super::scan::record_names;

/// The name of that file.
const STATE: &str = "sweep";

#[derive(Debug)]
pub(super) struct Sweeper {
    every: Duration,
    /// When this process need not look before, in microseconds.
    next_look: AtomicI64,
    /// It has noted that there is something to sweep.
    expects: AtomicBool,
}

impl Sweeper {
    pub(super) fn new(every: Duration) -> Self {
        Sweeper { every, next_look: AtomicI64::new(i64::MIN), expects: AtomicBool::new(false) }
    }

    /// Notes that there is something to sweep from now on.
    pub(super) fn expect(&self, folder: &StoreFolder, expires_at: Option<Timestamp>) {
        if expires_at.is_some() && !self.expects.swap(true, Ordering::Relaxed) {
            // There already, or the folder cannot be written: the sweep is a service only.
            let _ = folder.folder().map(|base| base.map(|base| base.make(STATE)));
        }
    }

    /// Sweeps the next shard, if that is due.
    pub(super) fn run(&self, store: &Inner, now: Timestamp) -> Result<()> {
        if now.micros() < self.next_look.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.next_look.store((now + self.every).micros(), Ordering::Relaxed);
        let Ok(Some(base)) = store.folder.folder() else { return Ok(()) };
        let Ok(Some(mut file)) = base.read(STATE.as_ref()) else { return Ok(()) };
        let modified = file.metadata().and_then(|meta| meta.modified());
        let swept_at = modified.map_or(Timestamp::EPOCH, Timestamp::from);
        let mut last = [0];
        let last = file.read_exact(&mut last).ok().map(|()| last[0]);
        // An empty file has just been created: nothing was swept yet.
        if last.is_some() && now.since(swept_at) < self.every && swept_at <= now {
            return Ok(());
        }
        let shard = last.map_or(0, |last| last.wrapping_add(1));
        // Written first, so that other processes leave this shard alone.
        if base.replace(STATE, &[shard], false).is_err() {
            return Ok(());
        }
        store.sweep_shard(&hex(&[shard]), now)
    }
}

impl Inner {
    /// Removes the expired entries of one shard.
    pub(super) fn sweep_shard(&self, name: &str, now: Timestamp) -> Result<()> {
        let shard = self.folder.shard(name)?;
        for record in record_names(&self.folder, &shard)? {
            let spot = Spot { shard: name.to_owned(), name: record };
            let Ok(Some(record)) = self.read(&shard, &spot) else { continue };
            if record.entries.iter().any(|e| e.head.is_expired(now)) {
                self.drop_expired(&spot, now)?;
            }
        }
        Ok(())
    }

    fn drop_expired(&self, spot: &Spot, now: Timestamp) -> Result<()> {
        let shard = self.folder.lock(&spot.shard)?;
        let (expired, kept): (Vec<_>, Vec<_>) =
            self.parts(&shard, spot)?.into_iter().partition(|(e, _)| e.head.is_expired(now));
        if expired.is_empty() {
            return Ok(());
        }
        self.write(&shard, spot, kept)?;
        for (entry, _) in expired {
            Self::drop_body(&shard, &entry.place);
        }
        Ok(())
    }
}
