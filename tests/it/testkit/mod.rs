//! What tests of all kinds need: sample entries, measuring, servers.

pub mod alone;
pub mod sample;
