//! Passwords that do not stand in the address, where every process list would show them.

use std::process::{Command, Stdio};

use anyhow::Result;
use cachectl::open::driver;
use cachectl::{Address, Error, ErrorKind};

use crate::environment;

/// Where the password of a store comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// `CACHECTL_REDIS_PASSWORD`, if that is set.
    Environment,
    /// What this command prints.
    Command(Vec<String>),
}

impl Password {
    /// Puts the password beside the address of a store that takes one and has none yet.
    pub fn give(&self, address: Address) -> Result<Address> {
        if !driver(&address).is_ok_and(|driver| driver.takes_password) {
            return Ok(address);
        }
        Ok(match self {
            Password::Environment => match environment::text(environment::REDIS_PASSWORD) {
                Some(password) => address.with_password(password),
                None => address,
            },
            Password::Command(words) => address.with_password(printed_by(words)?),
        })
    }
}

fn printed_by(words: &[String]) -> Result<String> {
    let refuse = |why: String| {
        let name = words.first().map_or("", String::as_str);
        Error::new(ErrorKind::LocalFile, format!("the password_command {name} gave no password"))
            .because(why)
            .try_this("run it by hand, or correct it in the configuration")
    };
    let (program, args) =
        words.split_first().ok_or_else(|| refuse("the list is empty".to_owned()))?;
    let run = Command::new(program).args(args).stderr(Stdio::inherit()).output();
    let output = run.map_err(|e| refuse(e.to_string()))?;
    if !output.status.success() {
        return Err(refuse(output.status.to_string()).into());
    }
    let text =
        String::from_utf8(output.stdout).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
