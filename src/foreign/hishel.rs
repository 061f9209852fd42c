//! Caches of the Python library hishel.
//!
//! | layout | versions | lies in |
//! |---|---|---|
//! | `hishel-0` | 0.0.23 to 0.1.5 | a folder, SQLite, Redis, S3: one value a key |
//! | `hishel-1` | 1.0.0 to 1.4.0 | SQLite, Redis: an entry and its chunks |
//! | `hishel-2` | 2.0.0 | SQLite, Redis: the same with fewer facts and an end for each entry |

mod blob;
mod file;
mod key;
mod one;
#[cfg(feature = "redis")]
mod redis0;
#[cfg(feature = "redis")]
mod redis12;
mod rows;
#[cfg(feature = "s3")]
mod s3;
mod several;
mod table;
mod value;

use std::time::Duration;

use crate::model::{Headers, Timestamp};
use crate::policy;
use crate::storage::Param;

use super::Layout;

#[cfg(feature = "s3")]
pub(super) use s3::open_through;

/// Every layout of hishel's.
pub(super) const LAYOUTS: &[Layout] = &[
    file::LAYOUT,
    #[cfg(feature = "redis")]
    redis0::LAYOUT,
    #[cfg(feature = "s3")]
    s3::LAYOUT,
    #[cfg(feature = "redis")]
    redis12::LAYOUT_2,
    #[cfg(feature = "redis")]
    redis12::LAYOUT_1,
    rows::LAYOUT_2,
    rows::LAYOUT_1,
    rows::LAYOUT_BETA,
    table::LAYOUT,
];

/// Parameters of generation 0.
const PARAMS_0: &[Param] = &[FIPS];

const FIPS: Param = Param {
    name: "fips",
    default: "false",
    about: "keys as Python makes them where it has no BLAKE2",
};

/// Steps of a listing in which a server shows whether its names are hishel's.
#[cfg(feature = "redis")]
const STEPS_OF_A_LOOK: usize = 20;

/// When the response came in, as far as that can be known: when the entry was stored, or,
/// where a 304 has brought newer fields since, at their `Date`.
fn received_at(headers: &Headers, created_at: Timestamp) -> Timestamp {
    let date = headers.get("date").and_then(|date| policy::parse_date(date, created_at));
    date.filter(|date| *date > created_at).unwrap_or(created_at)
}

/// A span in seconds as Python writes one, to the microsecond: what is read is what was
/// written, and stays that when it is written again.
fn span(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()?;
    Some(Duration::from_micros((seconds * 1e6).round() as u64))
}
