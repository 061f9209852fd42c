//! `body`: the stored body of one entry, byte for byte.

use std::path::PathBuf;

use anyhow::Result;
use cachectl::{Access, ByteRange, Error, Manage, Method};
use clap::Args;

use super::selection::find_named;
use super::{CommonArgs, StoreArgs, exit, store};
use crate::config::Config;
use crate::output::sink::{self, Delivery, Sink, StoredBody, Target};

/// Print the stored body of an entry.
///
/// The bytes are those that were transferred, content coding intact; nothing is asked of
/// the origin, and it does not count as a use.
#[derive(Debug, Args)]
pub struct BodyArgs {
    /// A key, the first 6 or more characters of one, or a URL
    #[arg(value_name = "KEY|URL")]
    target: String,

    /// Write to FILE, in one piece or not at all; - is standard output, also a terminal
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Undo Content-Encoding
    #[arg(long)]
    decode: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Prints; gives the exit code.
pub fn run(args: &BodyArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let chosen = store::choose(&args.store, None, &config)?;
    let open = store::open(&chosen, Access::Read, common)?;
    let partition = config.partition();
    open.run(async {
        let mut found = find_named(&open, &args.target, &Method::GET, &partition).await?;
        if found.len() > 1 {
            return Err(Error::usage(format!("{} variants are stored under it", found.len()))
                .try_this(format!(
                    "cachectl inspect {}, then get with its header fields",
                    args.target
                ))
                .into());
        }
        let found = found.swap_remove(0)?;
        let body = open.store.open_body(&found, ByteRange::WHOLE).await?;
        let to_file = args.output.as_ref().is_some_and(|path| path.as_os_str() != "-");
        let target = match to_file {
            true => Target::File,
            false => Target::Stdout { even_binary: args.output.is_some() },
        };
        let mut sink = Sink::open(target, args.output.as_deref())?;
        let delivery = Delivery { decode: args.decode };
        let how = "cachectl get URL fetches a new copy";
        let mut stored = StoredBody::new(found.head, body);
        sink.body(&mut stored, delivery).await.map_err(|e| sink::advise(e, how))?;
        sink.finish()?;
        Ok(exit::DONE)
    })
}
