//! The rules of RFC 9111, as tables of (stored, request, now) -> decision. The numbers in
//! the names are those of `docs/policy.md`.

mod after_response;
mod answering;
mod choosing;
mod decision;
mod freshness;
mod invalidation;
mod robustness;
mod storing;
mod world;
