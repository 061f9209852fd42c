//! `body`: the stored body of one entry, byte for byte.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;
use cachectl::{Access, ByteRange, Error, Manage};
use clap::Args;

use super::selection::find_named;
use super::{CommonArgs, StoreArgs, exit, store};
use crate::config::Config;
use crate::decode;
use crate::output::sink::{PartFile, cannot_write, is_binary, stdout};
use crate::signals;

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
    let open = store::open(&chosen, Access::Existing, common)?;
    let partition = config.http.partition.as_ref().map(|g| g.value.clone()).unwrap_or_default();
    open.run(async {
        let mut found = find_named(&open, &args.target, &partition).await?;
        if found.len() > 1 {
            return Err(Error::usage(format!("{} variants are stored under it", found.len()))
                .try_this(format!(
                    "cachectl inspect {}, then get with its header fields",
                    args.target
                ))
                .into());
        }
        let found = found.swap_remove(0);
        let mut body = open.store.open_body(&found, ByteRange::WHOLE).await?;
        let file = args.output.as_deref().filter(|path| *path != Path::new("-"));
        let (mut out, part) = match file {
            Some(path) => PartFile::create(path).map_err(|e| cannot_write(path, e))?,
            None => (stdout()?, None),
        };
        let guards = args.output.is_none() && io::stdout().is_terminal();
        {
            let codings = decode::codings(&found.head.headers);
            let mut writer: Box<dyn Write + '_> = Box::new(&mut out);
            if args.decode && !codings.is_empty() {
                writer = decode::decoder(&found.head.headers, writer).ok_or_else(|| {
                    Error::usage(format!("the content coding {} is not known", codings.join(", ")))
                        .try_this("without --decode the body comes as it is stored")
                })?;
            }
            let mut is_first = true;
            while let Some(chunk) = body.chunk().await? {
                signals::check()?;
                if guards && is_first && !args.decode && is_binary(&chunk) {
                    return Err(Error::usage(
                        "the body is binary, and standard output is a terminal",
                    )
                    .try_this("-o FILE, or -o - to send it there anyway")
                    .into());
                }
                is_first = false;
                writer.write_all(&chunk)?;
            }
            writer.flush()?;
        }
        part.map_or(Ok(()), PartFile::persist)?;
        Ok(exit::DONE)
    })
}
