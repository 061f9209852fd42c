//! How far long work has come: a bar on a terminal, a line now and then elsewhere, and
//! nothing at all for what is over in a second. On standard error only.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cachectl::transfer::Tally;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::talk;
use super::text::{count, size};
use crate::environment;

/// Work that is over sooner shows nothing.
const QUIET_FOR: Duration = Duration::from_secs(1);

/// How often a bar is drawn.
const FRAME: Duration = Duration::from_millis(120);

/// How often a line is written where there is no bar.
const LINE_EVERY: Duration = Duration::from_secs(10);
const LINE_EVERY_IN_CI: Duration = Duration::from_secs(30);

/// `--progress`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// A bar on a terminal, else lines
    Auto,
    Bar,
    Lines,
    None,
}

/// The bar that is on the screen; what else is said has to go around it.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says something while a bar may be on the screen.
pub fn around_bar(say: impl FnOnce()) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(say),
        None => say(),
    }
}

/// Work that is under way.
pub struct Progress {
    mode: Mode,
    verb: &'static str,
    noun: &'static str,
    done: Tally,
    total: Option<Tally>,
    started: Instant,
    said: Instant,
    every: Duration,
    bar: bool,
}

impl Progress {
    /// Of work that `verb` names (`removing`), with or without a known end.
    pub fn start(mode: Option<Mode>, verb: &'static str, total: Option<Tally>) -> Self {
        let can_draw =
            io::stderr().is_terminal() && !environment::is_dumb_terminal() && !environment::is_ci();
        let mode = match mode.unwrap_or(Mode::Auto) {
            _ if talk::is_quiet() => Mode::None,
            Mode::None => Mode::None,
            _ if talk::is_json() => Mode::Lines,
            Mode::Auto if can_draw => Mode::Bar,
            Mode::Auto => Mode::Lines,
            mode => mode,
        };
        let every = if environment::is_ci() { LINE_EVERY_IN_CI } else { LINE_EVERY };
        let now = Instant::now();
        let done = Tally::default();
        let noun = "entry";
        Progress { mode, verb, noun, done, total, started: now, said: now, every, bar: false }
    }

    /// Counts these instead of entries.
    #[must_use]
    pub fn of(mut self, noun: &'static str) -> Self {
        self.noun = noun;
        self
    }

    /// So much more is done.
    pub fn advance(&mut self, more: Tally) {
        self.advance_below(more, String::new);
    }

    /// The same, with lines that stand above the bar.
    pub fn advance_below(&mut self, more: Tally, above: impl FnOnce() -> String) {
        self.done = self.done.plus(more);
        match self.mode {
            Mode::Bar if self.said.elapsed() >= FRAME && self.started.elapsed() >= QUIET_FOR => {
                self.said = Instant::now();
                self.draw(&above());
            }
            Mode::Lines if self.said.elapsed() >= self.every => {
                self.said = Instant::now();
                talk::progress(&self.line(), self.done.entries, self.done.bytes, self.left());
            }
            _ => {}
        }
    }

    fn draw(&mut self, above: &str) {
        let mut slot = BAR.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = slot.get_or_insert_with(|| {
            let bar = match self.total {
                Some(total) => ProgressBar::new(total.entries),
                None => ProgressBar::new_spinner(),
            };
            let template = match self.total {
                Some(_) => "{msg} {wide_bar} {percent:>3}% {eta} left",
                None => "{msg} {spinner}",
            };
            bar.set_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            bar
        });
        self.bar = true;
        bar.set_message(format!("{above}{}", self.counted()));
        bar.set_position(self.done.entries);
    }

    /// `removing 1204 of 5000 entries, 312.4 MiB`
    fn counted(&self) -> String {
        let done = match self.total {
            Some(total) => format!("{} of {}", self.done.entries, count(total.entries, self.noun)),
            None => count(self.done.entries, self.noun),
        };
        format!("{} {done}, {}", self.verb, size(self.done.bytes))
    }

    /// How many seconds it will take, where the end is known.
    fn left(&self) -> Option<u64> {
        let total = self.total?.entries.checked_sub(self.done.entries)?;
        let rate = self.done.entries as f64 / self.started.elapsed().as_secs_f64();
        (rate > 0.0).then(|| (total as f64 / rate).ceil() as u64)
    }

    fn line(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = self.done.entries as f64 / seconds;
        let left = match self.left() {
            Some(seconds) => format!(", {seconds}s left"),
            None => String::new(),
        };
        let noun = self
            .noun
            .strip_suffix('y')
            .map_or_else(|| format!("{}s", self.noun), |n| format!("{n}ies"));
        format!("{}, {rate:.0} {noun}/s{left}", self.counted())
    }
}

/// The bar goes, and leaves nothing behind.
impl Drop for Progress {
    fn drop(&mut self) {
        if !self.bar {
            return;
        }
        if let Some(bar) = BAR.lock().unwrap_or_else(PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}
