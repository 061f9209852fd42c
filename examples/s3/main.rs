//! A small S3 server on loopback, for trying things out and for the scripts. Its
//! credentials are `testak` and `testsecret`.
//!
//! ```text
//! cargo run --release --example s3 -- FOLDER BUCKET [--port N] [--fail-every N]
//!     [--break-after BYTES] [--delay MS] [--hang] [--no-if-match] [--no-conditions]
//!     [--log FILE] [--deny KEY] [--refuse STATUS:CODE:MESSAGE] [--refuse-writes STATUS:CODE:MESSAGE]
//! ```

mod server;

use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use server::{Refusal, S3Server, Switches};

#[tokio::main]
async fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = || io::Error::other("FOLDER BUCKET [--port N] [--fail-every N] …");
    let folder: PathBuf = words.next().ok_or_else(usage)?.into();
    let bucket = words.next().ok_or_else(usage)?;
    let mut switches = Switches::default();
    let mut port = 0;
    let mut denied = Vec::new();
    let mut log = None;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(usage);
        match word.as_str() {
            "--port" => port = number(&value()?)?,
            "--fail-every" => switches.fail_every = Some(number(&value()?)?),
            "--break-after" => switches.break_after = Some(number(&value()?)?),
            "--delay" => switches.delay = Duration::from_millis(number(&value()?)?),
            "--hang" => switches.hangs = true,
            "--no-if-match" => switches.no_if_match = true,
            "--no-conditions" => switches.no_conditions = true,
            "--log" => log = Some(std::fs::File::create(value()?)?),
            "--deny" => denied.push(value()?),
            "--refuse" => switches.refuses = Some(refusal(&value()?)?),
            "--refuse-writes" => switches.refuses_writes = Some(refusal(&value()?)?),
            _ => return Err(usage()),
        }
    }
    let server = S3Server::start(&folder, &[&bucket], port, switches).await?;
    server.denied.lock().map_err(|_| usage())?.extend(denied);
    let mut out = io::stdout();
    writeln!(out, "s3://{bucket}?endpoint=http://{}", server.address)?;
    out.flush()?;
    // One line a request: method and path.
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let lines = std::mem::take(&mut *server.log.lock().map_err(|_| usage())?);
        if let Some(log) = &mut log {
            for line in lines {
                writeln!(log, "{line}")?;
            }
        }
    }
}

fn number<T: FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is not a number")))
}

fn refusal(text: &str) -> io::Result<Refusal> {
    let mut parts = text.splitn(3, ':');
    let mut part = || parts.next().unwrap_or_default();
    Ok(Refusal::new(number(part())?, part(), part()))
}
