//! One test binary: one link.

mod cli;
mod conformance;
mod policy;
mod testkit;
