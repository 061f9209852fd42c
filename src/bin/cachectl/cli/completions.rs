//! `completions`: a script for a shell, made from the definition.

use anyhow::Result;
use clap::Args;
use clap_complete::Shell;

use super::{definition, exit};
use crate::output::sink;

/// Print a completion script for a shell.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints; gives the exit code.
pub fn run(args: &CompletionsArgs) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut definition(), "cachectl", &mut script);
    sink::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::DONE)
}
