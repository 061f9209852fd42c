//! Byte formats that only foreign caches use: bytes in, values out. Nothing here knows a
//! store, runs anything, or takes more memory than its input warrants.

pub(super) mod msgpack;
pub(super) mod pickle;
