//! The nouns: entry, head, key, variant, stamp, header fields, body facts.
//!
//! Plain values. Nothing here knows a store, a serializer, the policy or a clock
//! (but for [`Timestamp::now`], which only callers at the edge use).

mod digest;
mod entry;
mod headers;
pub(crate) mod http_date;
mod key;
pub mod lock;
mod secrets;
mod status;
mod time;
mod units;
mod url;
pub(crate) mod wire;
mod words;

#[cfg(any(feature = "_records", feature = "interchange"))]
pub(crate) use digest::MAX_BODY;
pub use digest::{BodyDigest, BodyFacts, Sha256Digest};
pub(crate) use digest::{hex, unhex};
#[cfg(any(feature = "fetch", feature = "interchange"))]
pub(crate) use entry::is_token;
pub use entry::{
    ALL_SERIALIZERS, EntryHead, Extensions, Metadata, Method, Request, Response, Selecting,
    Selection, Stored,
};
pub use headers::Headers;
pub use key::{EntryId, Key, Stamp, Variant};
pub use lock::{Lock, Locked};
pub use secrets::Secrets;
pub(crate) use secrets::{REDACTED, port_that_is_none};
pub use status::StatusSet;
pub use time::{Civil, Timestamp};
pub use units::{format_duration, parse_duration, parse_size};
pub(crate) use url::percent_decode;
pub use url::{Credentials, UrlText};
pub use words::{expected, nearest};
