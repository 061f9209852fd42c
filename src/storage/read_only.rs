//! A wrapper that refuses every change.

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{EntryHead, EntryId, Stamp, Timestamp};

use super::backend::{
    AsyncBackend, Backend, BlockingBackend, ByteRange, Capabilities, Found, Identity, Outcome,
    Parcel, Placed, Put, Removed, Rules, Upkeep, Usage,
};
use super::body::BodyStream;
use super::bridge::{leftovers, upkeep};
use super::piece::{Compact, Part, Piece};
use super::query::Query;

/// A store that can only be read. Uses are not counted, and nothing is tidied.
#[derive(Debug)]
pub struct ReadOnly<B: ?Sized = dyn Backend>(Arc<B>);

impl<B: ?Sized> Clone for ReadOnly<B> {
    fn clone(&self) -> Self {
        ReadOnly(Arc::clone(&self.0))
    }
}

impl<B: Backend + ?Sized> ReadOnly<B> {
    /// Over this store.
    pub fn new(store: Arc<B>) -> Self {
        ReadOnly(store)
    }

    fn refuse<T>(&self) -> Result<T> {
        let kind = self.0.capabilities().kind;
        Err(Error::new(ErrorKind::Refused, format!("the {kind} store is opened read-only"))
            .coded("read_only")
            .try_this("the same without readonly"))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<B: Backend + ?Sized> Backend for ReadOnly<B> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { read_only: true, ..self.0.capabilities() }
    }

    async fn candidates(&self, key: &str) -> Result<Vec<Found>> {
        self.0.candidates(key).await
    }

    async fn body(&self, id: &EntryId, seen: Stamp, range: ByteRange) -> Result<BodyStream> {
        self.0.body(id, seen, range).await
    }

    async fn put(&self, _: EntryHead) -> Result<Box<dyn Put>> {
        self.refuse()
    }

    async fn put_many(&self, _: Vec<Parcel>) -> Result<Vec<Placed>> {
        self.refuse()
    }

    async fn find_many(&self, ids: &[EntryId]) -> Result<Vec<Result<Option<Found>>>> {
        self.0.find_many(ids).await
    }

    async fn update(&self, _: &EntryId, _: EntryHead, _: Stamp) -> Result<Outcome<Stamp>> {
        self.refuse()
    }

    async fn remove(&self, _: &EntryId, _: Option<Stamp>) -> Result<Outcome<()>> {
        self.refuse()
    }

    fn scan(&self, query: Query) -> BoxStream<'_, Result<Found>> {
        self.0.scan(query)
    }

    async fn remove_many(&self, _: &[(EntryId, Stamp)]) -> Result<Vec<Removed>> {
        self.refuse()
    }

    async fn record_use(&self, _: &EntryId, _: Stamp, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn identity(&self) -> Result<Identity> {
        self.0.identity().await
    }

    async fn sync(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }

    fn rules(&self) -> &dyn Rules {
        self.0.rules()
    }

    fn upkeep(&self) -> Option<&dyn Upkeep> {
        self.0.upkeep().map(|_| self as &dyn Upkeep)
    }
}

#[async_trait]
impl<B: Backend + ?Sized> Upkeep for ReadOnly<B> {
    fn leftovers(&self, before: Timestamp) -> BoxStream<'_, Result<Piece>> {
        leftovers(&*self.0, before)
    }

    async fn discard(&self, _: &Piece) -> Result<Outcome<u64>> {
        self.refuse()
    }

    async fn raw(&self, part: Part) -> Result<BodyStream> {
        upkeep(&*self.0)?.raw(part).await
    }

    async fn usage(&self) -> Result<Usage> {
        upkeep(&*self.0)?.usage().await
    }

    async fn compact(&self, _: Compact) -> Result<()> {
        self.refuse()
    }

    async fn tidy(&self, _: Timestamp) -> Result<()> {
        Ok(())
    }
}

impl<B: AsyncBackend + ?Sized> AsyncBackend for ReadOnly<B> {}

impl<B: BlockingBackend + ?Sized> BlockingBackend for ReadOnly<B> {}
