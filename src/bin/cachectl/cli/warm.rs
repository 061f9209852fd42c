//! `warm`: fetch what is missing or stale into a store, from lists of URLs.

use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use cachectl::client::warm::{Target, WarmOptions, Warmer};
use cachectl::interchange::urls::ListFormat;
use cachectl::{Access, Client, Error, FetchOptions, FollowOptions, HttpOptions, Lock, StatusSet};
use clap::Args;
use tokio::sync::mpsc;

use super::fetch::{FetchArgs, Origin, headers_of};
use super::options::span;
use super::plan::WorkArgs;
use super::purge::refuse_read_only;
use super::store;
use super::warm_lists::{self, List};
use super::warm_report::{Reporter, Wishes};
use super::{CommonArgs, OutputArgs, StoreArgs, WriteArgs, lock};
use crate::config::Config;
use crate::signals;

/// Fetch what is missing or stale into the store, from lists of URLs.
///
/// Fresh entries are left alone, so that running it again costs nothing and goes on where
/// an earlier run was interrupted. Bodies go into the store and nowhere else; only complete
/// answers with an accepted status do.
#[derive(Debug, Args)]
#[command(after_help = EXIT_HELP)]
pub struct WarmArgs {
    /// URLs, http or https
    #[arg(value_name = "URL")]
    urls: Vec<String>,

    /// Read URLs from this file: one a line, a HAR, a sitemap or a lock file, also with
    /// gzip; - is standard input
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,

    /// What the files are: lines, har, sitemap or lock [default: told by their beginning]
    #[arg(long, value_name = "FORMAT")]
    from_format: Option<String>,

    /// Fetch this sitemap, or index of sitemaps, and take its URLs
    #[arg(long, value_name = "URL")]
    sitemap: Vec<String>,

    /// Statuses that count as success; other answers are failures, and are not stored
    #[arg(long, value_name = "SET", default_value = "200..=299")]
    accept: StatusSet,

    /// Also fetch or validate what goes stale within this time
    #[arg(long, value_name = "DUR", value_parser = span, default_value = "0s")]
    min_remaining: Duration,

    /// Requests to one host at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=512))]
    per_host: u32,

    /// Requests to one host in a time, such as 5/s or 100/m [default: no limit]
    #[arg(long, value_name = "N/s", value_parser = rate)]
    rate: Option<Duration>,

    /// Try again so often after passing failures, with growing pauses; obeys Retry-After
    #[arg(long, value_name = "N", default_value_t = 2)]
    retry: u32,

    /// What may not be stored counts as failed
    #[arg(long)]
    strict: bool,

    /// Stop after the first failure
    #[arg(long, conflicts_with = "max_errors")]
    fail_fast: bool,

    /// Stop after so many failures
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_errors: Option<u64>,

    /// Write failures to this file, one JSON object a line; --from takes it
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,

    /// Hold fast what was answered: URL, status, ETag and digest of the body
    #[arg(long, value_name = "FILE")]
    lock: Option<PathBuf>,

    /// Take only what the lock file names; anything else is a failure, and exit 1
    #[arg(long, requires = "lock")]
    locked: bool,

    /// Say what would be done, without any connection to an origin
    #[arg(short = 'n', long)]
    dry_run: bool,

    #[command(flatten)]
    fetch: FetchArgs,

    #[command(flatten)]
    work: WorkArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    write: WriteArgs,

    #[command(flatten)]
    output: OutputArgs,
}

const EXIT_HELP: &str = "\
Exit codes:
  0 everything is in the store    1 not what --locked says    5 some URLs have failed
  3 store cannot be used          8 a list cannot be read     130 interrupted";

/// The longest time between two requests that is of any use.
const LONGEST_PAUSE: Duration = Duration::from_secs(365 * 86_400);

/// The time between two requests: `5/s`, `100/m`, `1/h`; a plain number is one a second.
fn rate(text: &str) -> Result<Duration, String> {
    let refuse = || "a rate is a number in a time, such as 5/s, 0.5/s or 100/m".to_owned();
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let number: f64 = number.trim().parse().map_err(|_| refuse())?;
    let seconds = match unit.trim() {
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(refuse()),
    };
    let is_sensible = number.is_finite() && number > 0.0;
    is_sensible.then_some(()).ok_or_else(refuse)?;
    let span = Duration::try_from_secs_f64(seconds / number).map_err(|_| refuse())?;
    (span <= LONGEST_PAUSE).then_some(span).ok_or_else(refuse)
}

/// Fills the store; gives the exit code.
pub fn run(args: &WarmArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let known = match &args.lock {
        Some(path) if args.locked => Some(Arc::new(lock::read(path, config.all_secrets())?)),
        _ => None,
    };
    let said = headers_of(&args.fetch.headers)?;
    let lists = args.lists()?;
    let chosen = store::choose(&args.store, Some(&args.write), &config)?;
    let open = match args.dry_run {
        false => store::open(&chosen, Access::Create, common)?,
        true => store::open_as_if_made(&chosen, common)?,
    };
    let open = open.without_runtime();
    refuse_read_only(&open, args.dry_run)?;
    let mut reporter = Reporter::new(args.wishes(), &chosen, &config, common)?;
    signals::listen();
    // Never taken down: a list that is still waiting for its next line, or a body that
    // nobody wants any more, must not hold up the end.
    let runtime = ManuallyDrop::new(args.runtime()?);
    let transport = Origin::new(HttpOptions {
        keep_per_host: args.per_host as usize,
        ..args.fetch.http_options(&config, false)
    });
    let client = Client::new(open.store.clone(), transport)
        .with_settings(config.settings())
        .with_partition(config.partition());
    let warmer = Arc::new(Warmer::new(client, args.options(known, &config)));
    let (send, targets) = mpsc::channel::<Target>(64);
    let feeding = warm_lists::Feeding {
        warmer: Arc::clone(&warmer),
        said,
        compressed: args.fetch.compressed,
        config: config.clone(),
        runtime: runtime.handle().clone(),
        send,
    };
    let left_out = feeding.start(lists)?;
    let report = runtime.block_on(async {
        let stops = reporter.stops();
        let stop = || signals::check().is_err() || stops.load(Ordering::Relaxed);
        let report = warmer.run(targets, &stop, &mut |warmed| reporter.tell(warmed)).await;
        let _ = open.store.close().await;
        report
    });
    reporter.left_out(left_out.load(Ordering::Relaxed));
    reporter.end(report)
}

impl WarmArgs {
    /// What is to be read. Nothing at all is a mistake.
    fn lists(&self) -> Result<Vec<List>> {
        let format = self.from_format.as_deref().map(ListFormat::named).transpose()?;
        let mut lists = Vec::new();
        if !self.urls.is_empty() {
            for url in &self.urls {
                // What is typed wrong is told before anything is done.
                Client::request(cachectl::Method::GET, url)?;
            }
            lists.push(List::Said(self.urls.clone()));
        }
        for path in &self.from {
            lists.push(List::open(path, format)?);
        }
        for url in &self.sitemap {
            Client::request(cachectl::Method::GET, url)?;
            lists.push(List::Sitemap(url.clone()));
        }
        if let Some(path) = self.lock.as_deref().filter(|_| lists.is_empty() && self.locked) {
            lists.push(List::open(path, Some(ListFormat::Lock))?);
        }
        if lists.is_empty() {
            return Err(Error::usage("no URL was given")
                .try_this("cachectl warm URL…, --from FILE, --from - or --sitemap URL")
                .into());
        }
        Ok(lists)
    }

    /// Each request waits on a thread of its own; looking and storing need a few more.
    fn runtime(&self) -> Result<tokio::runtime::Runtime> {
        tokio::runtime::Builder::new_multi_thread()
            .max_blocking_threads(self.work.jobs as usize + 16)
            .enable_all()
            .build()
            .context("cannot start the runtime")
    }

    fn options(&self, known: Option<Arc<Lock>>, config: &Config) -> WarmOptions {
        WarmOptions {
            fetch: FetchOptions {
                policy: self.fetch.policy(&self.write),
                ttl: self.write.ttl.map(|ttl| ttl.0),
                tags: self.fetch.tags.clone(),
                lock: known,
                ..FetchOptions::default()
            },
            follow: FollowOptions { most: self.fetch.max_redirs },
            jobs: self.work.jobs as usize,
            per_host: self.per_host as usize,
            interval: self.rate.unwrap_or_default(),
            retries: self.retry,
            max_time: self.fetch.whole(config),
            accept: self.accept.clone(),
            min_remaining: self.min_remaining,
            // What cannot be stored cannot be held fast.
            strict: self.strict || self.lock.is_some(),
            max_errors: if self.fail_fast { Some(1) } else { self.max_errors },
            dry_run: self.dry_run,
        }
    }

    fn wishes(&self) -> Wishes<'_> {
        Wishes {
            output: &self.output,
            progress: self.work.progress,
            dry_run: self.dry_run,
            failed: self.failed.as_deref(),
            lock: self.lock.as_deref().filter(|_| !self.locked && !self.dry_run),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_time_between_two_requests() {
        for (text, millis) in [("5/s", 200), ("0.5/s", 2000), ("120/m", 500), ("2", 500)] {
            assert_eq!(rate(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "0", "-1/s", "x/s", "5/d", "nan", "1e-300/h"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
