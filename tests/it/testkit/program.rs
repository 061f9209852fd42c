//! Running the program as its user does: given this folder, with these arguments.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A working folder, which is the home folder too, and nothing of the real environment.
pub struct Desk {
    folder: TempDir,
    env: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Desk {
    pub fn new() -> Self {
        Desk { folder: tempfile::tempdir().expect("a folder"), env: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        path
    }

    /// Puts a sample of another client's cache there.
    pub fn put_sample(&self, sample: &str, name: &str) {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let to = self.file(name);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
        copy_tree(&samples.join(sample), &to);
    }

    /// With this variable from now on.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cachectl"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.env.iter().map(|(n, v)| (n, v)))
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().expect("the program runs");
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs what has to succeed; gives standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}\n{}", ran.stderr);
        ran.text()
    }

    /// What `get` says of this URL.
    pub fn verdict(&self, args: &[&str]) -> String {
        let mut all = vec!["get", "-o", "/dev/null", "-w", "%{cache}"];
        all.extend(args);
        self.ok(&all)
    }
}

impl Ran {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails unless it ended so, and said all of this on standard error.
    #[track_caller]
    pub fn failed(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, code, "stderr: {}", self.stderr);
        for part in said {
            assert!(self.stderr.contains(part), "{part:?} is missing in: {}", self.stderr);
        }
    }
}

/// Copies a file, or a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) {
    if !from.is_dir() {
        std::fs::copy(from, to).expect("copied");
        return;
    }
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        copy_tree(&entry.path(), &to.join(entry.file_name()));
    }
}
