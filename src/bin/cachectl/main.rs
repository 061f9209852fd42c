//! The command: parse, run, and turn the outcome into an exit code.

mod cli;
mod config;
mod environment;
mod input;
mod output;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::failure::install_panic_hook();
    match cli::run() {
        Ok(code) => ExitCode::from(code),
        Err(failure) => ExitCode::from(cli::failure::report(&failure)),
    }
}
