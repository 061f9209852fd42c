//! An entry: one stored exchange, and the values it is made of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::{Error, Result};

use super::digest::BodyFacts;
use super::headers::Headers;
use super::key::EntryId;
use super::time::Timestamp;
use super::url::UrlText;

/// Whether bytes are a token, as methods and field names are (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &[u8]) -> bool {
    let is_part = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.iter().all(is_part)
}

/// A request method. Methods are case-sensitive (RFC 9110 section 9.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(Cow<'static, str>);

impl Method {
    /// `GET`
    pub const GET: Method = Method(Cow::Borrowed("GET"));
    /// `HEAD`
    pub const HEAD: Method = Method(Cow::Borrowed("HEAD"));
    /// `POST`
    pub const POST: Method = Method(Cow::Borrowed("POST"));

    /// The method of this name, as it is; no name is refused, for stores hold all kinds.
    pub fn verbatim(name: &str) -> Self {
        match name {
            "GET" => Self::GET,
            "HEAD" => Self::HEAD,
            "POST" => Self::POST,
            other => Method(Cow::Owned(other.to_owned())),
        }
    }

    /// The method that a person typed.
    ///
    /// # Errors
    /// `Usage` when it is not a token (RFC 9110 section 5.6.2).
    pub fn parse(name: &str) -> Result<Self> {
        if !is_token(name.as_bytes()) {
            return Err(Error::usage(format!("{name:?} is not a request method")));
        }
        Ok(Self::verbatim(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the method is known not to change anything at the origin (RFC 9110 section 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE")
    }

    /// Whether to send the request twice is the same as to send it once (RFC 9110, section 9.2.2).
    pub fn is_idempotent(&self) -> bool {
        self.is_safe() || matches!(&*self.0, "PUT" | "DELETE")
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a message carries beside method or status, header fields and body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extensions {
    /// The protocol version of a response, such as `HTTP/1.1`.
    pub http_version: Option<Cow<'static, str>>,
    /// The reason phrase of a response; may be empty, need not be UTF-8.
    pub reason: Option<Vec<u8>>,
    /// Whatever else a client has stored, by name (hishel: `timeout`, `sni_hostname`, …).
    pub other: BTreeMap<String, serde_json::Value>,
}

/// Every name of a serializer that an entry may show, whatever its layout.
pub const ALL_SERIALIZERS: [&str; 5] = ["json", "yaml", "bincode", "pickle", "msgpack"];

/// The request of an entry. Its body is never stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: UrlText,
    /// The header fields; in a stored request only those that matter.
    pub headers: Headers,
    /// Everything else.
    pub extensions: Extensions,
}

impl Request {
    /// A request of this method without header fields.
    pub fn new(method: Method, url: UrlText) -> Self {
        Request { method, url, headers: Headers::new(), extensions: Extensions::default() }
    }

    /// A GET request for a URL as a person would type it.
    ///
    /// # Errors
    /// `Usage` when the text is not an absolute http or https URL.
    pub fn get(url: &str) -> Result<Self> {
        Ok(Self::new(Method::GET, UrlText::parse(url)?))
    }

    /// The request about its target URI, of which a `Host` field is a part (RFC 9110,
    /// section 7.1): that host is in the URL then, and the field is gone.
    ///
    /// # Errors
    /// `Usage` when the field is no host, or there are several that differ.
    pub fn with_host_in_url(&self) -> Result<Cow<'_, Request>> {
        let mut lines = self.headers.get_all("host");
        let Some(host) = lines.next() else { return Ok(Cow::Borrowed(self)) };
        let text = std::str::from_utf8(host).ok().filter(|_| lines.all(|other| other == host));
        let url = text.and_then(|host| self.url.with_authority(host)).ok_or_else(|| {
            let shown = String::from_utf8_lossy(host);
            Error::usage(format!("Host: {shown} is no host")).try_this("-H 'Host: name:port'")
        })?;
        let mut request = self.clone();
        request.headers.remove("host");
        request.url = url;
        Ok(Cow::Owned(request))
    }

    /// The same request with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, value);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:?}", self.method, self.url, self.headers)
    }
}

/// A response with its body in hand, as the seed's verbs take and give it.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields, ordered, repeats kept.
    pub headers: Headers,
    /// The body as transferred (content coding intact).
    pub body: Bytes,
    /// Protocol version, reason phrase and the rest.
    pub extensions: Extensions,
    /// Which entry this response was retrieved as.
    pub(crate) entry: Option<EntryId>,
}

impl Response {
    /// A response of this status without header fields and body.
    pub fn new(status: u16) -> Self {
        Response {
            status,
            headers: Headers::new(),
            body: Bytes::new(),
            extensions: Extensions::default(),
            entry: None,
        }
    }

    /// The same response with one more header field.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// The same response with this body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Which entry this response was retrieved as; `None` for one that came from elsewhere.
    pub fn entry(&self) -> Option<&EntryId> {
        self.entry.as_ref()
    }
}

/// Shows the head and the length of the body.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} ({} bytes)", self.status, self.headers, self.body.len())
    }
}

/// What a store knows of an entry beside request and response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The key under which the entry lies.
    pub cache_key: String,
    /// When it was stored.
    pub created_at: SystemTime,
    /// How often it was used, a lower bound (uses are noted at most once a minute).
    pub number_of_uses: u64,
    /// When the store's TTL ends; `None` without a TTL.
    pub expires_at: Option<SystemTime>,
    /// When it was last used; `None` if never, or where the backend does not note it.
    pub last_used_at: Option<SystemTime>,
    /// Labels.
    pub tags: Vec<String>,
}

impl Metadata {
    /// The metadata of an entry stored now under this key.
    pub fn new(cache_key: impl Into<String>) -> Self {
        Metadata {
            cache_key: cache_key.into(),
            created_at: Timestamp::now().into(),
            number_of_uses: 0,
            expires_at: None,
            last_used_at: None,
            tags: Vec::new(),
        }
    }
}

/// What `retrieve` gives: the response with its body, the request, the metadata.
pub type Stored = (Response, Request, Metadata);

/// One request field that `Vary` names: its name in lower case and its normalised
/// value. `None` says that the request did not have it, which is a value too.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Selecting {
    /// Field name in lower case.
    pub name: String,
    /// Normalised value; a digest of it for fields that carry credentials.
    pub value: Option<Vec<u8>>,
}

impl fmt::Debug for Selecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().map(String::from_utf8_lossy);
        write!(f, "{}={value:?}", self.name)
    }
}

/// The selecting fields of one request, sorted by name; empty without `Vary`.
pub type Selection = Vec<Selecting>;

/// An entry without its body: a few hundred bytes that say everything else.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryHead {
    /// Key and variant.
    pub id: EntryId,
    /// The partition that went into a native key; usually empty.
    pub partition: String,
    /// The request, with the header fields that matter.
    pub request: Request,
    /// The status code of the response.
    pub status: u16,
    /// The header fields of the response, hop-by-hop fields removed.
    pub headers: Headers,
    /// Protocol version, reason phrase and the rest of the response.
    pub extensions: Extensions,
    /// The requests that this entry answers, as far as `Vary` goes: one, or more once a
    /// 304 has shown that the same response fits another request too (RFC 9111 section 4.3.2).
    /// Empty without `Vary`.
    pub selections: Vec<Selection>,
    /// When the entry was stored; a 304 leaves it.
    pub created_at: Timestamp,
    /// When the request that brought these headers went out.
    pub requested_at: Timestamp,
    /// When their response came in.
    pub received_at: Timestamp,
    /// When the store's TTL ends.
    pub expires_at: Option<Timestamp>,
    /// How often it was used; a lower bound.
    pub uses: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Labels.
    pub tags: Vec<String>,
    /// Stored and served although the headers forbid it, until the store's TTL ends.
    pub forced: bool,
    /// Must be validated before any further use (RFC 9111 section 4.4).
    pub invalidated: bool,
    /// Length and digests of the body.
    pub body: BodyFacts,
    /// The serializer that wrote the record, or that shall write it; `None`: the store's own.
    pub serializer: Option<Cow<'static, str>>,
}

impl EntryHead {
    /// Whether what a store keeps of this head still says for whom the answer is: for which
    /// partition, and for a request with which of the fields that `Vary` names. Where it does
    /// not, others would get what credentials have selected.
    pub fn stays_apart(&self, kept: &EntryHead) -> bool {
        fn fields(head: &EntryHead) -> impl Iterator<Item = &Selecting> {
            head.selections.first().into_iter().flatten()
        }
        let is_kept = |field: &Selecting| {
            let same = fields(kept).find(|there| there.name.eq_ignore_ascii_case(&field.name));
            field.value.is_none() || same.is_some_and(|same| same.value.is_some())
        };
        self.partition == kept.partition && fields(self).all(is_kept)
    }

    /// The head of an exchange that ends at `now`: no uses, no TTL, no tags, body unknown.
    pub fn new(
        id: EntryId,
        request: Request,
        status: u16,
        headers: Headers,
        now: Timestamp,
    ) -> Self {
        EntryHead {
            id,
            partition: String::new(),
            request,
            status,
            headers,
            extensions: Extensions::default(),
            selections: Vec::new(),
            created_at: now,
            requested_at: now,
            received_at: now,
            expires_at: None,
            uses: 0,
            last_used_at: None,
            tags: Vec::new(),
            forced: false,
            invalidated: false,
            body: BodyFacts::default(),
            serializer: None,
        }
    }

    /// Whether the store's TTL is over; such an entry counts as absent.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The metadata as the seed's verbs give it.
    pub fn metadata(&self) -> Metadata {
        Metadata {
            cache_key: self.id.key.clone(),
            created_at: self.created_at.into(),
            number_of_uses: self.uses,
            expires_at: self.expires_at.map(Into::into),
            last_used_at: self.last_used_at.map(Into::into),
            tags: self.tags.clone(),
        }
    }

    /// Splits into what the seed's verbs give, with this body.
    pub fn into_stored(self, body: Bytes) -> Stored {
        let metadata = self.metadata();
        let response = Response {
            status: self.status,
            headers: self.headers,
            body,
            extensions: self.extensions,
            entry: Some(self.id),
        };
        (response, self.request, metadata)
    }
}
