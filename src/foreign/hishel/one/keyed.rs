//! What values lie on: a folder, a table, a server's keys, a bucket. It knows how a value is got
//! at and swapped, and nothing of the contract.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
#[cfg(any(feature = "redis", feature = "s3"))]
use futures_util::stream;
use futures_util::stream::{BoxStream, StreamExt};

use crate::error::Result;
use crate::storage::{Capabilities, Identity, Outcome, Piece, Position, Query};
#[cfg(any(feature = "redis", feature = "s3"))]
use crate::{filter::Detail, storage::Cursor};

#[cfg(any(feature = "redis", feature = "s3"))]
use super::super::value::Form;
use super::{Lying, New};
use crate::model::Timestamp;

/// A value under its key, as a walk brings it, and its place where keys do not tell it.
pub(in super::super) type Walked = Result<(String, Lying, Option<Position>)>;

/// What has to lie under a key for it to be changed.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Expected<'a> {
    Anything,
    Nothing,
    Value(&'a Lying),
}

impl Expected<'_> {
    /// Whether what lies there is what was seen.
    pub fn check(self, there: Option<&Lying>) -> Outcome<()> {
        match (self, there) {
            (Expected::Anything, _) | (Expected::Nothing, None) => Outcome::Done(()),
            (Expected::Value(seen), Some(there)) if seen.stamp() == there.stamp() => {
                Outcome::Done(())
            }
            (Expected::Value(_), None) => Outcome::Absent,
            (Expected::Nothing | Expected::Value(_), Some(_)) => Outcome::Changed,
        }
    }
}

/// A value to be put under a key, over what was seen there.
#[derive(Debug)]
pub(in super::super) struct Swap<'a> {
    pub key: &'a str,
    pub expected: Expected<'a>,
    pub new: &'a New,
}

/// Values under keys.
#[async_trait]
pub(in super::super) trait Keyed: fmt::Debug + Send + Sync + 'static {
    /// The kind of backend.
    const KIND: &'static str;

    /// Whether the server forgets values by itself; else the TTL is counted from when a value
    /// was laid down.
    const FORGETS: bool = false;

    /// What else it can do, and cannot.
    fn limit(&self, can: &mut Capabilities);

    /// The values under some keys.
    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Lying>>>;

    /// Writes or removes a value, if what lies there is still what was seen, with nobody of ours
    /// in between.
    async fn change(
        &self,
        key: &str,
        expected: Expected<'_>,
        new: Option<&New>,
    ) -> Result<Outcome<()>>;

    /// Writes many, together where that is cheaper.
    async fn change_all(&self, swaps: &[Swap<'_>]) -> Result<Vec<Result<Outcome<()>>>> {
        let mut outcomes = Vec::with_capacity(swaps.len());
        for swap in swaps {
            outcomes.push(self.change(swap.key, swap.expected, Some(swap.new)).await);
        }
        Ok(outcomes)
    }

    /// The values that a query asks for, without more of them than it needs; it may bring more.
    fn walk(self: Arc<Self>, query: &Query) -> BoxStream<'static, Walked>;

    /// What lies there and is no value. Default: whatever else lies there belongs to others.
    fn leftovers(self: Arc<Self>, before: Timestamp) -> BoxStream<'static, Result<Piece>> {
        let _ = before;
        futures_util::stream::empty().boxed()
    }

    /// Removes a leftover of this name.
    async fn discard(&self, name: &str) -> Result<Outcome<u64>> {
        let _ = name;
        Ok(Outcome::Absent)
    }

    /// How many values there are, and how long they are in all.
    async fn usage(&self) -> Result<(u64, u64)>;

    /// Where a key lies, for people.
    fn location(&self, key: &str) -> String;

    /// See [`Backend::identity`](crate::Backend::identity).
    async fn identity(&self) -> Result<Identity>;

    /// See [`Backend::sync`](crate::Backend::sync). Default: a server keeps what it has
    /// acknowledged by its own settings.
    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// Ends the use of it.
    async fn close(&self) {}
}

/// Values on this machine: nothing of [`Keyed`] waits.
pub(in super::super) trait Local {}

/// Values that are asked for at once, if they are not longer than this in all.
#[cfg(any(feature = "redis", feature = "s3"))]
const AT_ONCE: usize = 64;
#[cfg(any(feature = "redis", feature = "s3"))]
const BYTES_AT_ONCE: u64 = 8 << 20;

/// One step over the keys of a server.
#[cfg(any(feature = "redis", feature = "s3"))]
#[derive(Debug)]
pub(in super::super) struct Page<P> {
    /// Keys under which values lie, as far as their names or what lies there tell, and how long
    /// those are.
    pub keys: Vec<(String, u64)>,
    /// What a cursor keeps of the place of this page, where keys alone do not say it.
    pub position: Option<Position>,
    /// Where to go on; `None` at the end.
    pub next: Option<P>,
}

/// Keys that a server gives page by page.
#[cfg(any(feature = "redis", feature = "s3"))]
#[async_trait]
pub(in super::super) trait Paged: Keyed {
    /// A place in a walk over all keys.
    type Place: Clone + Send + Sync + 'static;

    /// Where a walk begins, or goes on behind an entry.
    fn begin(&self, after: Option<&Cursor>) -> Self::Place;

    /// The keys from a place on.
    async fn page(&self, place: &Self::Place) -> Result<Page<Self::Place>>;
}

/// A walk over all pages.
#[cfg(any(feature = "redis", feature = "s3"))]
pub(in super::super) fn walk_pages<M: Paged>(
    medium: Arc<M>,
    query: &Query,
) -> BoxStream<'static, Walked> {
    let begin = medium.begin(query.after.as_ref());
    let query = query.clone();
    let pages = stream::unfold(Some(begin), move |place| {
        let (medium, query) = (Arc::clone(&medium), query.clone());
        async move {
            Some(match medium.page(&place?).await {
                Ok(page) => {
                    let next = page.next.clone();
                    (values_of(medium, page, query), next)
                }
                Err(e) => (stream::iter([Err(e)]).boxed(), None),
            })
        }
    });
    pages.flatten().boxed()
}

/// The values of one step, brought as they are taken.
#[cfg(any(feature = "redis", feature = "s3"))]
fn values_of<M: Paged>(
    medium: Arc<M>,
    page: Page<M::Place>,
    query: Query,
) -> BoxStream<'static, Walked> {
    let Page { mut keys, position, .. } = page;
    if let Some(after) = query.after.as_ref().filter(|after| after.position == position)
        && let Some(last) = keys.iter().position(|(key, _)| *key == after.id.key)
    {
        keys.drain(..=last);
    }
    keys.retain(|(key, _)| query.key_prefix.as_ref().is_none_or(|p| key.starts_with(p)));
    if query.detail == Detail::Key {
        let named = move |(key, _)| Ok((key, Lying::default(), position));
        return stream::iter(keys).map(named).boxed();
    }
    let found = stream::iter(batches(keys)).then(move |keys| {
        let medium = Arc::clone(&medium);
        async move {
            let values = match medium.get_all(&keys).await {
                Ok(values) => values,
                Err(e) => return vec![Err(e)],
            };
            // A value that begins like none of hishel's is somebody else's.
            let ours = |lying: &Lying| Form::is_signed(&lying.bytes);
            let values = keys.into_iter().zip(values);
            let walked = |(key, lying): (String, Option<Lying>)| {
                Some(Ok((key, lying.filter(ours)?, position)))
            };
            values.filter_map(walked).collect()
        }
    });
    found.flat_map(stream::iter).boxed()
}

/// Keys whose values are brought together.
#[cfg(any(feature = "redis", feature = "s3"))]
fn batches(keys: Vec<(String, u64)>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for (key, bytes) in keys {
        match batches.last_mut().filter(|batch| batch.len() < AT_ONCE && bytes <= room) {
            Some(batch) => {
                batch.push(key);
                room -= bytes;
            }
            None => {
                batches.push(vec![key]);
                room = BYTES_AT_ONCE.saturating_sub(bytes);
            }
        }
    }
    batches
}
