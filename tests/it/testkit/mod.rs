//! What tests of all kinds need: sample entries, measuring, servers, the program itself.

pub mod alone;
pub mod origin;
pub mod program;
pub mod redis;
pub mod s3;
pub mod sample;
pub mod shelf;
