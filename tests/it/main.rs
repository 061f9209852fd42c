//! One test binary: one link.

mod cli;
mod conformance;
mod layers;
mod policy;
mod redis;
mod serializers;
mod testkit;
