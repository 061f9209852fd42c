//! The way to the origin, as the client sees it.

use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Extensions, Headers, Method, UrlText};
use crate::storage::BodyStream;

/// A request as it goes out.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: UrlText,
    /// The header fields.
    pub headers: Headers,
    /// When the whole exchange, body included, has to be over.
    pub deadline: Option<Instant>,
}

/// A response as it comes in.
#[derive(Debug)]
pub struct Incoming {
    /// The final status code.
    pub status: u16,
    /// The header fields, with the names as the origin wrote them.
    pub headers: Headers,
    /// Protocol version and reason phrase.
    pub extensions: Extensions,
    /// Interim responses (1xx) that came before, with their fields.
    pub interim: Vec<(u16, Headers)>,
    /// The body, transfer coding undone, content coding intact. A body that breaks off is
    /// an error at its end, never a short body.
    pub body: BodyStream,
}

/// Sends a request and gives the response, without following redirects, decoding bodies
/// or caching.
#[async_trait]
pub trait Transport: std::fmt::Debug + Send + Sync {
    /// Sends one request.
    ///
    /// # Errors
    /// `Network`; one that may pass by itself says so.
    async fn send(&self, request: Outgoing) -> Result<Incoming>;

    /// Waits, before another attempt.
    async fn pause(&self, span: Duration);
}
