//! Moving and removing entries by the million: plan, run, report.
//!
//! A *plan* says what is to be done and why. It is made by pure rules over a stream of
//! entries and lies in a temporary file once it is long, so that what was shown is what
//! is done and memory does not grow with the number of entries. Running it acts on each
//! entry only if that is still the one that was planned for; the *report* counts what
//! came out. Trouble with one entry does not stop the others.

mod copier;
#[cfg(feature = "interchange")]
mod export;
mod gc;
mod held;
#[cfg(feature = "interchange")]
mod import;
mod migrate;
mod place;
mod receive;
mod removal;
mod report;
mod sorted;
#[cfg(feature = "interchange")]
mod sound;
mod spool;
mod spooled;
mod verify;

#[cfg(feature = "interchange")]
pub use export::export;
pub use gc::{GcPlan, GcPolicy, plan_gc};
pub use held::{Losses, as_held, is_behind, lost};
#[cfg(feature = "interchange")]
pub use import::{ImportOptions, LeftOut, import};
pub use migrate::{
    Conversions, Converted, MigrateOptions, NewTtl, Passed, Shard, convert_one, differences,
    migrate,
};
pub use place::{is_one_place, shows_entries_of};
pub use receive::{Conflict, Incoming, ReceiveOptions, decide, is_same, receive};
pub use removal::{Removals, RunOptions, remove};
pub use report::{Action, Event, Failure, Report, Tallies, Tally};
pub use sorted::sorted;
pub use spool::{Parts, PutParts, Sorter, Spool, Spooled};
pub use verify::check;
