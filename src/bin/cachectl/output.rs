//! What the commands print: data on standard output, talk on standard error.

pub mod columns;
pub mod entry;
pub mod listing;
pub mod progress;
pub mod sink;
pub mod table;
pub mod talk;
pub mod text;
