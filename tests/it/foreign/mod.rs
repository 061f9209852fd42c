//! Caches that other clients have left: each sample comes out as its manifest says, and is
//! not changed by that.

mod hishel;
mod moving;
mod mutations;
mod neighbours;
mod sharing;
mod together;
