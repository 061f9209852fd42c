//! Measuring peak memory, which is a process's: such a test runs again in a process of
//! its own. Works under every test runner.

use std::process::Command;

const MARK: &str = "CACHECTL_TEST_ALONE";

/// Whether nothing else runs in this process.
pub fn is_child() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Runs the test that is calling in a process of its own, and fails if it fails there.
pub fn run_here() {
    let name = std::thread::current().name().expect("tests run on named threads").to_owned();
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("run the test alone");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Measures how far peak memory grows.
pub struct Meter {
    before: u64,
}

impl Meter {
    /// From now on; what was allocated and given back before does not count.
    pub fn start() -> Self {
        std::fs::write("/proc/self/clear_refs", "5").expect("clear the peak");
        Meter { before: peak() }
    }

    /// Fails if the peak grew by more than this many bytes.
    pub fn assert_below(self, most: u64) {
        let grown = peak().saturating_sub(self.before);
        assert!(grown <= most, "peak memory grew by {grown} bytes, {most} are allowed");
    }
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("read the process's status");
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).expect("a peak");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib * 1024
}
