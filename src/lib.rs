//! scratch
pub mod backend;
#[cfg(feature = "fetch")]
pub mod client;
pub mod error;
pub mod model;
pub mod open;
pub mod policy;
pub mod serializer;
pub mod storage;

pub use backend::*;
pub use error::{Error, ErrorKind, Result};
pub use model::*;
pub use open::{open, open_blocking, open_with};
pub use serializer::*;
pub use storage::*;
