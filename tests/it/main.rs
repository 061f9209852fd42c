//! One test binary: one link.

mod conformance;
mod testkit;
