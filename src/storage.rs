//! Stores: the contract that a backend keeps, and the faces that callers use.
//!
//! A backend author writes one trait, [`Backend`], and says with a marker whether its futures
//! wait ([`AsyncBackend`]) or are ready at once ([`BlockingBackend`]). The bridges make one of the
//! other; [`AsyncStorage`] and [`Storage`] have the verbs of callers.
//!
//! Nothing here knows a particular backend.

mod address;
mod backend;
mod body;
mod bridge;
mod driver;
mod faces;
mod observed;
mod piece;
mod query;
mod read_only;

pub use address::Address;
#[cfg(feature = "redis")]
pub(crate) use address::bytes_to_path;
#[cfg_attr(
    not(feature = "file"),
    allow(unused_imports, reason = "for stores on this machine")
)]
pub(crate) use backend::Items;
pub(crate) use backend::Unfit;
pub use backend::{
    AsyncBackend, Backend, BlockingBackend, ByteRange, Capabilities, Found, Identity, NATIVE,
    Outcome, Over, Parcel, Placed, Put, Removed, Rules, Upkeep, Usage,
};
#[cfg_attr(
    not(feature = "file"),
    allow(unused_imports, reason = "for stores on this machine")
)]
pub(crate) use body::BodyReader;
pub use body::{BodyStream, FilePart};
pub(crate) use bridge::current_runtime;
#[cfg(feature = "fetch")]
pub(crate) use bridge::on_pool;
pub use bridge::{Blocking, Pooled, block_on};
pub use driver::{Access, Driver, OpenMarked, Opened, Param, Reach};
pub use faces::{AsyncStorage, Manage, RemoveTarget, Storage};
pub use observed::Observed;
pub use piece::{Compact, Part, Piece, Problem, is_about_one, is_damage};
pub use query::{Cursor, Order, Position, Query, Sort};
pub use read_only::ReadOnly;
