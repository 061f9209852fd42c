//! Stores: the contract that a backend keeps, and the faces that callers use.
//!
//! A backend author writes one small trait in the backend's own colour, [`Backend`]
//! (async) or [`BlockingBackend`]; the bridges give it the other colour, and the faces
//! [`AsyncStorage`] and [`Storage`] stand on every backend by themselves.
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
pub(crate) use backend::Unfit;
pub use backend::{
    Backend, BlockingBackend, BlockingPieces, BlockingPut, BlockingScan, ByteRange, Capabilities,
    Found, Identity, Outcome, Over, Parcel, Placed, Put, Removed, Usage,
};
pub use body::{BodyReader, BodyStream, FilePart};
pub(crate) use bridge::current_runtime;
#[cfg(feature = "fetch")]
pub(crate) use bridge::on_pool;
pub use bridge::{Blocking, InPlace, Pooled, block_on};
pub use driver::{Access, Driver, OpenMarked, Opened, Param};
pub use faces::{AsyncStorage, Manage, RemoveTarget, Storage};
pub use observed::Observed;
pub use piece::{Compact, Part, Piece, Problem, is_about_one, is_damage};
pub use query::{Cursor, Order, Position, Query, Sort};
pub use read_only::ReadOnly;
