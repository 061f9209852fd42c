//! Listing: `SCAN` on each node, and the records of a page fetched together.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue, cmd};
use futures_util::stream::{self, BoxStream, StreamExt};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::error::Result;
use crate::filter::Detail;
use crate::model::Key;
use crate::storage::{Found, Position, Query};

use super::super::record::{admits_name, is_entry_behind};
use super::{Inner, Kept};

/// Records fetched together: enough to forget the round trip, few enough to hold with
/// their small bodies.
const FETCH: usize = 64;

/// The part of a position that counts the nodes left; the rest tells the names of a page.
const NODES: u64 = 0xffff;

/// Where a scan stands.
struct Scan {
    inner: Arc<Inner>,
    query: Query,
    /// The nodes not yet asked, the current one last.
    nodes: Option<Vec<Node>>,
    cursor: u64,
    names: VecDeque<Name>,
}

/// A record that was named by the server, and where the scan stood then.
struct Name {
    record: String,
    at: Position,
}

/// One node of a cluster; without an address the one server there is.
pub(super) type Node = Option<(String, u16)>;

/// Everything that a query asks for. An entry that moves while the scan runs may come twice.
pub(super) fn scan(inner: Arc<Inner>, query: Query) -> BoxStream<'static, Result<Found>> {
    let scan = Scan { inner, query, nodes: None, cursor: 0, names: VecDeque::new() };
    stream::unfold(Some(scan), |scan| async move {
        let mut scan = scan?;
        match scan.next().await {
            Ok(Some(found)) => Some((found, Some(scan))),
            Ok(None) => None,
            Err(e) => Some((vec![Err(e)], None)),
        }
    })
    .flat_map(stream::iter)
    .boxed()
}

impl Scan {
    /// The next entries; `None` when there are no more.
    async fn next(&mut self) -> Result<Option<Vec<Result<Found>>>> {
        while self.names.len() < FETCH {
            if !self.next_page().await? {
                break;
            }
        }
        if self.names.is_empty() {
            return Ok(None);
        }
        let mut names: Vec<Name> = self.names.drain(..self.names.len().min(FETCH)).collect();
        if self.query.detail == Detail::Key
            && let Some(known) = self.known_keys(&names)
        {
            return Ok(Some(known));
        }
        let records: Vec<String> = names.iter().map(|name| name.record.clone()).collect();
        let hashes = self.inner.hashes(&records).await?;
        for name in names.drain(hashes.len()..).rev() {
            self.names.push_front(name);
        }
        let mut kept = Vec::new();
        let mut places = HashMap::new();
        for (name, fields) in names.iter().zip(hashes) {
            let entries = match fields {
                Ok(fields) => self.inner.all_kept(&name.record, fields),
                Err(e) => vec![Err(self.inner.unreadable(&name.record, e))],
            };
            kept.extend(entries.into_iter().map(|entry| (name.record.clone(), entry)));
            places.insert(&*name.record, name.at);
        }
        let kept = self.inner.whole(kept).await?.into_iter();
        let found = kept.map(|kept| kept.map(Kept::into_found)).map(|found| {
            found.map(|found| {
                let record = self.inner.names.record(&found.head.id.key);
                Found { position: places.get(&*record).copied(), ..found }
            })
        });
        let is_wanted = |found: &Result<Found>| {
            found.as_ref().map_or(true, |found| {
                let id = &found.head.id;
                self.query.admits(id) && is_entry_behind(self.query.after.as_ref(), id)
            })
        };
        let mut found: Vec<_> = found.filter(is_wanted).collect();
        if self.query.detail == Detail::Key {
            found.dedup_by(|a, b| match (a, b) {
                (Ok(a), Ok(b)) => a.head.id.key == b.head.id.key,
                _ => false,
            });
        }
        Ok(Some(found))
    }

    /// Entries of which the names say all that is asked for; `None` when a name hides its key.
    fn known_keys(&self, names: &[Name]) -> Option<Vec<Result<Found>>> {
        let after = self.query.after.as_ref().map(|after| &*after.id.key);
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let key = self.inner.names.inner(&name.record).filter(|key| Key::is_native(key))?;
            if after != Some(key) {
                found.push(Ok(Found { position: Some(name.at), ..Found::named(key) }));
            }
        }
        Some(found)
    }

    /// One step of `SCAN`; `false` at the end.
    async fn next_page(&mut self) -> Result<bool> {
        if self.nodes.is_none() {
            self.inner.is_marked().await?;
            let mut nodes = self.inner.nodes().await?;
            let begin = self.query.after.as_ref().and_then(|after| after.position);
            if let Some(Position(cursor, left)) = begin {
                nodes.truncate((left & NODES) as usize);
                self.cursor = cursor;
            }
            self.nodes = Some(nodes);
        }
        let left = self.nodes.as_ref().map_or(0, Vec::len) as u64;
        let Some(node) = self.nodes.as_ref().and_then(|nodes| nodes.last()) else {
            return Ok(false);
        };
        let mut command = cmd("SCAN");
        command.arg(self.cursor).arg("MATCH").arg(self.inner.names.pattern());
        command.arg("COUNT").arg(self.inner.batch).arg("TYPE").arg("hash");
        let (cursor, names): (u64, Vec<Vec<u8>>) = self.inner.ask_node(&command, node).await?;
        let names = names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        let mut records: Vec<String> = names
            .filter(|name| {
                let inner = self.inner.names.inner(name);
                inner.is_some_and(|inner| admits_name(&self.query, inner))
            })
            .collect();
        let page = sort(&mut records);
        let at = Position(self.cursor, left | (page & !NODES));
        self.skip_shown(at, &mut records);
        self.names.extend(records.into_iter().map(|record| Name { record, at }));
        self.cursor = cursor;
        if cursor == 0 {
            self.nodes.as_mut().map(Vec::pop);
        }
        Ok(true)
    }
}

/// Brings the names of a page into an order that the server has no say in. Gives a number by
/// which the page is known again.
pub(crate) fn sort(names: &mut [String]) -> u64 {
    names.sort_unstable();
    names.iter().fold(0, |hash, name| xxh3_64_with_seed(name.as_bytes(), hash))
}

impl Scan {
    /// Leaves out of the page where an earlier scan has ended what that one has shown. A
    /// server that has moved its keys since may give other names at the same place; then
    /// all of them are shown, some once more.
    fn skip_shown(&self, at: Position, records: &mut Vec<String>) {
        let Some(after) = self.query.after.as_ref().filter(|after| after.position == Some(at))
        else {
            return;
        };
        let last = self.inner.names.record(&after.id.key);
        if let Some(shown) = records.iter().position(|record| *record == last) {
            records.drain(..shown);
        }
    }
}

impl Inner {
    /// The nodes that hold keys.
    pub(super) async fn nodes(&self) -> Result<Vec<Node>> {
        #[cfg(feature = "redis-cluster")]
        if self.link.is_cluster() {
            return self.masters().await;
        }
        Ok(vec![None])
    }

    #[cfg(feature = "redis-cluster")]
    async fn masters(&self) -> Result<Vec<Node>> {
        use ::redis::Value;
        let mut command = cmd("CLUSTER");
        command.arg("SLOTS");
        let ranges: Vec<Vec<Value>> = self.link.ask(&command).await?;
        let mut masters: Vec<Node> = ranges
            .into_iter()
            .filter_map(|mut range| {
                let master: Vec<Value> = Vec::from_redis_value(range.swap_remove(2)).ok()?;
                let mut parts = master.into_iter();
                let host = String::from_redis_value(parts.next()?).ok()?;
                let port = u16::from_redis_value(parts.next()?).ok()?;
                Some(Some((host, port)))
            })
            .collect();
        masters.sort();
        masters.dedup();
        Ok(masters)
    }

    /// Sends a command to one node.
    pub(super) async fn ask_node<T: FromRedisValue>(
        &self,
        command: &Cmd,
        node: &Node,
    ) -> Result<T> {
        #[cfg(feature = "redis-cluster")]
        if let Some(node) = node {
            return self.link.ask_node(command, node).await;
        }
        let _ = node;
        self.link.ask(command).await
    }
}
