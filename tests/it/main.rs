//! One test binary: one link.

mod cli;
mod conformance;
mod filter;
mod foreign;
mod forged;
mod interchange;
mod layers;
mod policy;
mod redis;
mod s3;
mod serializers;
mod stories;
mod testkit;
