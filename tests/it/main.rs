//! One test binary: one link.

mod conformance;
mod policy;
mod testkit;
