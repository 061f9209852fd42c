//! Listing: shard by shard, in the order of the names.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use crate::error::{Error, Result};
use crate::filter::Detail;
use crate::model::Key;
use crate::storage::{Found, Items, Query};

use super::super::record::{admits_name, is_entry_behind, is_name};
use super::Inner;
use super::place::{Shard, Spot, StoreFolder, shard_of};
use super::record::trouble_with;

/// With more records than this still to come, several threads read them.
const WORTH_THREADS: usize = 512;

/// The most threads that read records.
const MOST_THREADS: usize = 4;

/// Entries that a thread hands over at a time, and how often it may before they are taken.
const BATCH: usize = 64;
const AHEAD: usize = 4;

/// The names of the records in a shard, in order. Whatever else lies there is not ours.
pub(super) fn record_names(folder: &StoreFolder, shard: &Shard) -> Result<Vec<String>> {
    let names = shard.entries().and_then(|entries| match entries {
        Some(entries) => entries.names(),
        None => Ok(Vec::new()),
    });
    let names = names.map_err(|e| trouble_with_shard(folder, shard, e))?;
    let mut records: Vec<String> = names
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| is_name(name) && shard_of(name) == shard.name())
        .collect();
    records.sort_unstable();
    Ok(records)
}

/// The error of a shard that cannot be looked into, which is one among many.
fn trouble_with_shard(folder: &StoreFolder, shard: &Shard, error: io::Error) -> Error {
    let name = format!("entries/{}", shard.name());
    trouble_with(&folder.base().join(&name).display().to_string(), &name, error)
}

/// Everything that a query asks for.
pub(super) fn scan(inner: &Arc<Inner>, query: Query) -> Items<Found> {
    let reading = Reading { inner: Arc::clone(inner), query: Arc::new(query) };
    let mut shards = StoreFolder::shards();
    let (mut first, mut records) = (Vec::new(), 0);
    while records <= WORTH_THREADS
        && let Some(shard) = shards.next()
    {
        let names = inner.folder.shard(&shard).and_then(|shard| reading.names(&shard));
        records += names.map_or(0, |names| names.len());
        first.push(shard);
    }
    let alone = reading.clone();
    let first = first.into_iter().flat_map(move |shard| alone.shard(&shard));
    // The first shards are read on this thread, so that small stores cost no thread and
    // the first rows of large ones wait for nobody.
    let rest: Vec<String> = shards.collect();
    let rest = std::iter::once_with(move || reading.in_parallel(rest)).flatten();
    Box::new(first.chain(rest))
}

/// Reading for one scan.
#[derive(Clone)]
struct Reading {
    inner: Arc<Inner>,
    query: Arc<Query>,
}

impl Reading {
    fn names(&self, shard: &Shard) -> Result<Vec<String>> {
        let mut names = record_names(&self.inner.folder, shard)?;
        names.retain(|name| admits_name(&self.query, name));
        // The order is that of shards, and of names within them.
        if let Some(after) = &self.query.after {
            let last = StoreFolder::spot(&after.id.key);
            names.retain(|name| (shard.name(), &**name) >= (&*last.shard, &*last.name));
        }
        Ok(names)
    }

    /// What a shard holds, record by record.
    fn shard(&self, shard: &str) -> impl Iterator<Item = Result<Found>> + use<> {
        let reading = self.clone();
        // A shard that cannot be looked into is no empty one.
        let opened = self.inner.folder.shard(shard);
        let looked = opened.and_then(|shard| self.names(&shard).map(|names| (shard, names)));
        let (records, trouble) = match looked {
            Ok(records) => (Some(records), None),
            Err(e) => (None, Some(Err(e))),
        };
        let records = records.into_iter().flat_map(move |(shard, names)| {
            let reading = reading.clone();
            names.into_iter().flat_map(move |name| reading.record(&shard, name))
        });
        trouble.into_iter().chain(records)
    }

    fn record(&self, shard: &Shard, name: String) -> Vec<Result<Found>> {
        if self.query.detail == Detail::Key && Key::is_native(&name) {
            let is_new = self.query.after.as_ref().is_none_or(|after| after.id.key != name);
            return is_new.then(|| Ok(Found::named(name))).into_iter().collect();
        }
        let spot = Spot { shard: shard.name().to_owned(), name };
        let wanted = |found: &Result<Found>| {
            found.as_ref().map_or(true, |found| {
                let id = &found.head.id;
                self.query.admits(id) && is_entry_behind(self.query.after.as_ref(), id)
            })
        };
        let mut found: Vec<Result<Found>> = match self.inner.read(shard, &spot) {
            Ok(Some(record)) => record
                .in_order()
                .into_iter()
                .filter_map(|i| self.inner.found(shard, &spot, &record, i).transpose())
                .filter(wanted)
                // Bodies hold on to the memory of their records.
                .map(|found| {
                    found.map(|mut found| {
                        found.inline.take_if(|_| self.query.detail < Detail::Body);
                        found
                    })
                })
                .collect(),
            Ok(None) => Vec::new(),
            Err(e) => vec![Err(e)],
        };
        if self.query.detail == Detail::Key {
            let shown = self.query.after.as_ref().map(|after| &after.id.key);
            found.truncate(1);
            found.retain(|found| !matches!(found, Ok(f) if Some(&f.head.id.key) == shown));
        }
        found
    }

    /// The shards in their order, read by several threads.
    fn in_parallel(self, shards: Vec<String>) -> Box<dyn Iterator<Item = Result<Found>> + Send> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        if threads == 1 || shards.is_empty() || self.query.detail == Detail::Key {
            return Box::new(shards.into_iter().flat_map(move |shard| self.shard(&shard)));
        }
        let mut receivers = Vec::with_capacity(threads);
        for thread in 0..threads {
            let (sender, receiver) = mpsc::sync_channel(AHEAD);
            receivers.push(receiver);
            let reading = self.clone();
            let mine: Vec<String> = shards.iter().skip(thread).step_by(threads).cloned().collect();
            thread::spawn(move || {
                for shard in mine {
                    let mut found = reading.shard(&shard);
                    loop {
                        let batch: Vec<_> = found.by_ref().take(BATCH).collect();
                        let is_last = batch.len() < BATCH;
                        // A reader that has gone away ends the scan.
                        if sender.send((batch, is_last)).is_err() {
                            return;
                        }
                        if is_last {
                            break;
                        }
                    }
                }
            });
        }
        let mut shard = 0;
        let batches = std::iter::from_fn(move || {
            if shard == shards.len() {
                return None;
            }
            let (batch, is_last) = receivers[shard % receivers.len()].recv().ok()?;
            shard += usize::from(is_last);
            Some(batch)
        });
        Box::new(batches.flatten())
    }
}
