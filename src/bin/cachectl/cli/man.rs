//! `man`: the manual, made from the definition.

use std::path::PathBuf;

use anyhow::Result;
use cachectl::{Error, ErrorKind};
use clap::{Args, Command};
use clap_mangen::Man;

use super::{definition, exit};
use crate::output::sink;

/// Print the manual as roff, or write its pages to a folder.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one page for each command into this folder
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints or writes; gives the exit code.
pub fn run(args: &ManArgs) -> Result<u8> {
    let mut command = definition();
    command.build();
    match &args.dir {
        None => sink::print(&String::from_utf8_lossy(&page(&command)?))?,
        Some(dir) => {
            for (name, page) in pages(&command)? {
                let path = dir.join(name);
                std::fs::write(&path, page).map_err(|e| {
                    Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display()))
                        .because(e)
                })?;
            }
        }
    }
    Ok(exit::DONE)
}

/// Every page with its file name: the command's own, and one for each command below it.
fn pages(command: &Command) -> Result<Vec<(String, Vec<u8>)>> {
    let mut all = Vec::new();
    let mut queue = vec![command.clone()];
    while let Some(command) = queue.pop() {
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        all.push((format!("{name}.1"), page(&command)?));
        queue.extend(command.get_subcommands().filter(|c| !c.is_hide_set()).cloned());
    }
    Ok(all)
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    // No date: the page changes when the definition does, and only then.
    Man::new(command.clone()).date("").render(&mut page)?;
    Ok(page)
}
