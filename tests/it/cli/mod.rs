//! The program itself, run as a process.

mod ci;
mod config;
mod cut_off;
mod damage;
mod docs;
mod explain;
mod generated;
mod get;
mod get_trouble;
mod list;
mod moving;
mod output;
mod reading;
mod recordings;
mod same;
mod selection;
mod snapshots;
mod upkeep;
mod warm;
mod whom;
mod words;
