//! What `warm` says: of each URL as it ends, while it runs, and at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use cachectl::client::warm::{Sum, WarmReport, WarmResult, Warmed};
use cachectl::transfer::{Losses, Tally};
use cachectl::{Error, ErrorKind, Headers, Lock, Secrets};
use serde::Serialize;

use super::options::Format;
use super::plan::{Counted, Failed, Summary};
use super::store::Chosen;
use super::{CommonArgs, OutputArgs, exit, failure, lock};
use crate::config::Config;
use crate::output::progress::{self, Progress};
use crate::output::sink::PartFile;
use crate::output::table::{Column, Rows, Tint};
use crate::output::text::{count, escaped, quoted, size};
use crate::output::{sink, talk};
use crate::signals::{self, Stopped};

/// The most failures that are told one by one.
const MOST_TOLD: u64 = 20;

/// What was asked for of the reporting.
pub struct Wishes<'a> {
    pub output: &'a OutputArgs,
    pub progress: Option<progress::Mode>,
    pub dry_run: bool,
    pub failed: Option<&'a Path>,
    /// Where to hold fast what was answered.
    pub lock: Option<&'a Path>,
}

/// Tells what happens.
pub struct Reporter<'a> {
    wishes: Wishes<'a>,
    store: String,
    secrets: Secrets,
    color: bool,
    progress: Progress,
    failures: Option<Failures>,
    lock: Lock,
    counted: BTreeMap<WarmResult, Sum>,
    told: u64,
    /// Lists that could not be read.
    unreadable: u64,
    /// Failures that a second run may not meet.
    passing: u64,
    /// What has gone wrong with telling; nothing more is done then.
    trouble: Option<anyhow::Error>,
    stops: Arc<AtomicBool>,
}

/// A URL as it stands in a report.
#[derive(Serialize)]
struct Line<'a> {
    url: String,
    result: &'static str,
    status: Option<u16>,
    body_bytes: u64,
    key: Option<&'a str>,
    reason: Option<&'static str>,
    error: Option<Trouble>,
    duration_s: f64,
}

#[derive(Serialize)]
struct Trouble {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cause: String,
}

/// A URL that has failed, as the next run takes it.
#[derive(Serialize)]
struct FailedLine<'a> {
    url: &'a str,
    headers: BTreeMap<String, String>,
    status: Option<u16>,
    error: &'static str,
    cause: String,
}

/// The file of failures, which takes its place when all are known: it may be the list.
struct Failures {
    file: BufWriter<File>,
    part: Option<PartFile>,
    path: PathBuf,
}

impl<'a> Reporter<'a> {
    pub fn new(
        wishes: Wishes<'a>,
        chosen: &Chosen,
        config: &Config,
        common: &CommonArgs,
    ) -> Result<Self> {
        let failures = wishes.failed.map(Failures::create).transpose()?;
        let verb = if wishes.dry_run { "looked for" } else { "dealt with" };
        let progress = Progress::start(wishes.progress, verb, None).of("URL");
        Ok(Reporter {
            store: chosen.address.to_string(),
            secrets: config.secrets(common),
            color: talk::wants_color(common, &io::stdout()),
            progress,
            failures,
            lock: Lock::new(config.secrets(common)),
            counted: BTreeMap::new(),
            told: 0,
            unreadable: 0,
            passing: 0,
            trouble: None,
            stops: Arc::default(),
            wishes,
        })
    }

    /// Says whether telling has become impossible.
    pub fn stops(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stops)
    }

    /// Tells what became of a URL.
    pub fn tell(&mut self, warmed: &Warmed) {
        if let Err(e) = self.try_to_tell(warmed) {
            self.trouble.get_or_insert(e);
            self.stops.store(true, Ordering::Relaxed);
        }
    }

    fn try_to_tell(&mut self, warmed: &Warmed) -> Result<()> {
        self.counted.entry(warmed.result).or_default().count(warmed.body_bytes);
        if self.wishes.lock.is_some() {
            warmed.locked.iter().for_each(|locked| self.lock.add(locked.clone()));
        }
        if self.wishes.output.wanted() == Some(Format::Ndjson) {
            sink::print(&format!("{}\n", serde_json::to_string(&self.line(warmed))?))?;
        }
        if warmed.result == WarmResult::Failed {
            self.fail(warmed)?;
        } else if let Some(reason) = &warmed.reason {
            self.say(warmed, reason.code());
        }
        let transferred = matches!(warmed.result, WarmResult::Stored | WarmResult::Uncacheable);
        let bytes = if transferred { warmed.body_bytes } else { 0 };
        let counted = &self.counted;
        self.progress.advance_below(Tally { entries: 1, bytes }, || rows(counted, false));
        Ok(())
    }

    fn line<'w>(&self, warmed: &'w Warmed) -> Line<'w> {
        Line {
            url: self.secrets.url(&warmed.name).into_owned(),
            result: warmed.result.name(),
            status: warmed.status,
            body_bytes: warmed.body_bytes,
            key: warmed.key.as_deref(),
            reason: warmed.reason.as_ref().map(cachectl::Reason::code),
            error: warmed.error.as_ref().map(|error| Trouble {
                code: error.code(),
                message: self.secrets.url(error.message()).into_owned(),
                cause: self.secrets.url(&error.causes()).into_owned(),
            }),
            duration_s: (warmed.duration.as_secs_f64() * 1e4).round() / 1e4,
        }
    }

    fn fail(&mut self, warmed: &Warmed) -> Result<()> {
        let Some(error) = &warmed.error else { return Ok(()) };
        if error.kind() == ErrorKind::LocalFile {
            self.unreadable += 1;
        }
        // What a second run may find otherwise.
        let may_pass = warmed.status.is_none_or(|status| status >= 500 || status == 429);
        if error.kind() == ErrorKind::Network && may_pass {
            self.passing += 1;
        }
        if let (Some(failures), Some(headers)) = (&mut self.failures, &warmed.headers) {
            failures.add(warmed, headers, error)?;
        }
        // These messages name the URL, which stands in the line already.
        let is_about_the_url = matches!(error.kind(), ErrorKind::Network | ErrorKind::Differs);
        let why = match (warmed.status.filter(|_| error.code() == "status"), error.causes()) {
            (Some(status), _) => status.to_string(),
            (None, causes) if causes.is_empty() => error.message().to_owned(),
            (None, causes) if is_about_the_url => causes,
            (None, causes) => format!("{}: {causes}", error.message()),
        };
        let why = self.secrets.url(&why).into_owned();
        self.say(warmed, &why);
        Ok(())
    }

    /// One line of a URL that did not go as it should, as long as they can be read.
    fn say(&mut self, warmed: &Warmed, why: &str) {
        self.told += 1;
        if self.told > MOST_TOLD {
            return;
        }
        let url = self.secrets.url(&warmed.name).into_owned();
        if talk::is_json() {
            talk::warning(&format!("{url}: {}", warmed.result.name()), why);
        } else {
            talk::remark(&format!("{:<11}  {:<16}  {}", warmed.result.name(), why, escaped(&url)));
        }
    }

    /// Says how many requests of recordings were none that fill a cache.
    pub fn left_out(&self, number: u64) {
        if number > 0 {
            talk::note(&format!("left out {}: only GET fills a cache", count(number, "request")));
        }
    }

    /// Tells what came out; gives the exit code.
    pub fn end(self, report: WarmReport) -> Result<u8> {
        let Reporter { mut trouble, progress, failures, .. } = self;
        drop(progress);
        if let Some(failures) = failures {
            // A run that was cut short leaves its list alone, if that is where failures go.
            match report.complete || !failures.path.exists() {
                true => failures.keep()?,
                false => talk::note(&format!("{} is left as it was", failures.path.display())),
            }
        }
        if let Some(e) = trouble.take() {
            return Err(e);
        }
        let this = Closing {
            wishes: self.wishes,
            store: self.store,
            color: self.color,
            told: self.told,
            unreadable: self.unreadable,
            passing: self.passing,
        };
        this.summary(&report)?;
        let failed = report.of(WarmResult::Failed).urls;
        let is_whole = report.complete && failed == 0;
        if let Some(path) = this.wishes.lock {
            match is_whole {
                true => {
                    lock::write(&self.lock, path)?;
                    talk::note(&format!(
                        "{}: {}",
                        path.display(),
                        count(self.lock.len() as u64, "answer")
                    ));
                }
                false => talk::note(&format!(
                    "{} was not written, as not everything is stored",
                    path.display()
                )),
            }
        }
        this.exit_code(report, failed)
    }
}

/// What is left to say at the end.
struct Closing<'a> {
    wishes: Wishes<'a>,
    store: String,
    color: bool,
    told: u64,
    unreadable: u64,
    passing: u64,
}

impl Closing<'_> {
    fn summary(&self, report: &WarmReport) -> Result<()> {
        let counted = |result: &WarmResult, sum: &Sum| {
            let bytes = if is_transferred(*result) { sum.bytes } else { 0 };
            (result.name(), Counted { entries: sum.urls, bytes })
        };
        let results = report.results.iter().filter(|(result, _)| **result != WarmResult::Failed);
        let summary = Summary {
            command: "warm",
            store: Some(self.store.clone()),
            source: None,
            destination: None,
            dry_run: self.wishes.dry_run,
            complete: report.complete,
            actions: results.map(|(result, sum)| counted(result, sum)).collect(),
            failed: Failed { entries: report.of(WarmResult::Failed).urls },
            lost: Losses::new(),
            reclaimed_bytes: None,
            duration_s: (report.duration.as_millis() as u64 + 500) / 1000,
        };
        let mut text = rows(&report.results, self.color);
        text.push_str(&format!("{} in {}", count(report.urls(), "URL"), seconds(report.duration)));
        if self.wishes.dry_run {
            text.push_str("; nothing was fetched (--dry-run)");
        }
        summary.print(self.wishes.output, &text)
    }

    fn exit_code(&self, report: WarmReport, failed: u64) -> Result<u8> {
        if self.told > MOST_TOLD {
            let more = self.told - MOST_TOLD;
            talk::note(&format!("and {more} more like these; --failed FILE gives all failures"));
        }
        if let Some(error) = report.ended_by {
            return Err(error.into());
        }
        if let Err(stopped) = signals::check() {
            return Ok(Stopped::exit_code(stopped));
        }
        if failed == 0 {
            return Ok(exit::DONE);
        }
        let told = format!(
            "{failed} of {} are not in the store as they should be",
            count(report.urls(), "URL")
        );
        let error = Error::new(ErrorKind::Partial, told);
        let error = match (report.differing, self.wishes.failed) {
            (0, Some(path)) => error
                .try_this(format!("cachectl warm --from {}", quoted(&path.display().to_string()))),
            (0, None) if self.passing > 0 => {
                error.try_this("the same command again: what is stored is not fetched twice")
            }
            (0, None) => error,
            (differing, _) => error
                .because(format!("{} other than the lock file says", count(differing, "answer")))
                .coded("locked_changed")
                .try_this(
                    "if the change is meant: --refresh --lock FILE without --locked, and review it",
                ),
        };
        let mut complaint = failure::complaint(&error, None);
        complaint.exit = match (report.differing, self.unreadable) {
            (1.., _) => exit::NO,
            (0, 1..) => exit::LOCAL_FILE,
            (0, 0) => exit::PARTIAL,
        };
        talk::error(&complaint);
        Ok(complaint.exit)
    }
}

/// Whether bytes of this result came from an origin.
fn is_transferred(result: WarmResult) -> bool {
    matches!(result, WarmResult::Stored | WarmResult::Uncacheable)
}

/// A table of the results, a row each; the usual ones also where there is none.
fn rows(counted: &BTreeMap<WarmResult, Sum>, color: bool) -> String {
    let columns = vec![Column::left("RESULT"), Column::right("URLS"), Column::right("BYTES")];
    let is_plan =
        counted.contains_key(&WarmResult::Fetch) || counted.contains_key(&WarmResult::Revalidate);
    let shown = WarmResult::ALL.into_iter().filter(|result| {
        let is_planned = matches!(result, WarmResult::Fetch | WarmResult::Revalidate);
        let is_usual =
            is_planned == is_plan || *result == WarmResult::Fresh || *result == WarmResult::Failed;
        is_usual || counted.contains_key(result)
    });
    let rows = shown.map(|result| {
        let sum = counted.get(&result).copied().unwrap_or_default();
        let tint = match result {
            WarmResult::Failed if sum.urls > 0 => Tint::Bad,
            WarmResult::Uncacheable if sum.urls > 0 => Tint::Middling,
            _ => Tint::Plain,
        };
        let name = if result == WarmResult::Fresh { "already fresh" } else { result.name() };
        let bytes =
            if is_transferred(result) && sum.urls > 0 { size(sum.bytes) } else { "-".to_owned() };
        vec![(name.to_owned(), tint), (sum.urls.to_string(), tint), (bytes, Tint::Plain)]
    });
    Rows::new(columns, false, color).layout(rows.collect())
}

/// `9.8s`, `12m04s`.
fn seconds(span: Duration) -> String {
    let whole = span.as_secs();
    if whole < 60 {
        return format!("{:.1}s", span.as_secs_f64());
    }
    format!("{}m{:02}s", whole / 60, whole % 60)
}

impl Failures {
    /// A file that only its owner may read: URLs in it may carry credentials.
    fn create(path: &Path) -> Result<Self> {
        let (file, part) = PartFile::private(path)?;
        Ok(Failures { file: BufWriter::new(file), part, path: path.to_owned() })
    }

    /// Written as it is, with the fields that say which variant is wanted: the next run has
    /// to find it.
    fn add(&mut self, warmed: &Warmed, headers: &Headers, error: &Error) -> Result<()> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let accepts = headers.iter().filter(|(name, _)| {
            name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"accept"))
        });
        let line = FailedLine {
            url: &warmed.name,
            headers: accepts.map(|(name, value)| (text(name), text(value))).collect(),
            status: warmed.status,
            error: error.code(),
            cause: error.causes(),
        };
        let line = serde_json::to_string(&line)?;
        writeln!(self.file, "{line}").map_err(|e| unwritable(&self.path, e))?;
        Ok(())
    }

    fn keep(mut self) -> Result<()> {
        self.file.flush().map_err(|e| unwritable(&self.path, e))?;
        match self.part {
            Some(part) => Ok(part.persist()?),
            None => Ok(()),
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, format!("cannot write {}", path.display())).because(error)
}
