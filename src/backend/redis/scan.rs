//! Listing: `SCAN` on each node, and the records of a page fetched together.

use std::collections::VecDeque;
use std::sync::Arc;

use ::redis::{Cmd, FromRedisValue, cmd};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::Result;
use crate::storage::{Found, Query};

use super::super::record::admits_name;
use super::{Fields, Inner, Kept};

/// Records fetched together: enough to forget the round trip, few enough to hold with
/// their small bodies.
const FETCH: usize = 64;

/// Where a scan stands.
struct Scan {
    inner: Arc<Inner>,
    query: Query,
    /// The nodes not yet asked, the current one last.
    nodes: Option<Vec<Node>>,
    cursor: u64,
    names: VecDeque<String>,
}

/// One node of a cluster; without an address the one server there is.
type Node = Option<(String, u16)>;

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
        let names: Vec<String> = self.names.drain(..self.names.len().min(FETCH)).collect();
        let hashes: Vec<Fields> = self
            .inner
            .ask_each(names.iter().map(|name| {
                let mut command = cmd("HGETALL");
                command.arg(name);
                command
            }))
            .await?;
        let mut kept = Vec::new();
        for (name, fields) in names.iter().zip(hashes) {
            let entries = self.inner.all_kept(name, fields).into_iter();
            kept.extend(entries.map(|entry| (name.clone(), entry)));
        }
        let kept = self.inner.whole(kept).await?.into_iter();
        let admitted =
            kept.filter(|kept| kept.as_ref().map_or(true, |k| self.query.admits(&k.entry.head.id)));
        Ok(Some(admitted.map(|kept| kept.map(Kept::into_found)).collect()))
    }

    /// One step of `SCAN`; `false` at the end.
    async fn next_page(&mut self) -> Result<bool> {
        if self.nodes.is_none() {
            self.inner.check_layout().await?;
            self.nodes = Some(self.inner.nodes().await?);
        }
        let Some(node) = self.nodes.as_ref().and_then(|nodes| nodes.last()) else {
            return Ok(false);
        };
        let mut command = cmd("SCAN");
        command.arg(self.cursor).arg("MATCH").arg(self.inner.names.pattern());
        command.arg("COUNT").arg(self.inner.batch).arg("TYPE").arg("hash");
        let (cursor, names): (u64, Vec<Vec<u8>>) = self.inner.ask_node(&command, node).await?;
        for name in names.into_iter().filter_map(|name| String::from_utf8(name).ok()) {
            let inner = self.inner.names.inner(&name);
            if inner.is_some_and(|inner| admits_name(&self.query, inner)) {
                self.names.push_back(name);
            }
        }
        self.cursor = cursor;
        if cursor == 0 {
            self.nodes.as_mut().map(Vec::pop);
        }
        Ok(true)
    }
}

impl Inner {
    /// The nodes that hold keys.
    async fn nodes(&self) -> Result<Vec<Node>> {
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
    async fn ask_node<T: FromRedisValue>(&self, command: &Cmd, node: &Node) -> Result<T> {
        #[cfg(feature = "redis-cluster")]
        if let Some(node) = node {
            return self.link.ask_node(command, node).await;
        }
        let _ = node;
        self.link.ask(command).await
    }
}
