//! One test binary: one link.

mod cli;
mod conformance;
mod layers;
mod policy;
mod serializers;
mod testkit;
