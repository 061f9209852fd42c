//! SIGINT and SIGTERM: the first asks the work to end, the second ends the program.

use std::fmt;
use std::sync::Once;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::exit;
use crate::output::talk;

static ASKED: AtomicI32 = AtomicI32::new(0);

/// How long work in flight may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// The user has asked to stop; not an error, but it ends the command.
#[derive(Debug, Clone, Copy)]
pub struct Stopped(i32);

impl Stopped {
    pub fn exit_code(self) -> u8 {
        if self.0 == SIGTERM { exit::TERMINATED } else { exit::INTERRUPTED }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

/// Starts to listen. Work that is over in milliseconds need not: a signal then ends it,
/// and a store bears that at any moment.
#[allow(clippy::exit, reason = "a second signal, or one that nobody heeds, ends the program")]
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
        let watch = move || {
            for signal in &mut signals {
                if ASKED.swap(signal, Ordering::SeqCst) != 0 {
                    std::process::exit(i32::from(Stopped(signal).exit_code()));
                }
                talk::note("stopping (press again to stop at once)");
                thread::spawn(move || {
                    thread::sleep(GRACE);
                    std::process::exit(i32::from(Stopped(signal).exit_code()));
                });
            }
        };
        let _ = thread::Builder::new().name("signals".into()).spawn(watch);
    });
}

/// Ends the work if that was asked for.
pub fn check() -> Result<(), Stopped> {
    match ASKED.load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Stopped(signal)),
    }
}
