//! Real Redis servers, on sockets of their own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cachectl::Address;
use redis::{Client, FromRedisValue, cmd};

/// A server that ends with this value.
pub struct RedisServer {
    child: Child,
    folder: PathBuf,
    args: Vec<String>,
}

/// The program to start; that there is none is a failure that says what to install.
fn program() -> String {
    let given = std::env::var("CACHECTL_TEST_REDIS_SERVER").ok();
    let candidates = given.into_iter().chain(["redis-server".into(), "valkey-server".into()]);
    let works = |name: &String| {
        let run = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        run.is_ok_and(|status| status.success())
    };
    candidates.into_iter().find(works).expect("a Redis server: apt-get install redis-server")
}

fn spawn(folder: &Path, args: &[String]) -> Child {
    let program = program();
    // The server goes with the thread that started it, also when that is killed.
    let bound = Path::new("/usr/bin/setpriv").exists();
    let mut command = if bound {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", &program]);
        command
    } else {
        Command::new(program)
    };
    let socket = folder.join("redis.sock");
    let is_sentinel = args.iter().any(|arg| arg == "--sentinel");
    if !is_sentinel {
        command.args(["--port", "0", "--save", "", "--appendonly", "no"]);
    }
    command
        .args(args)
        .arg("--unixsocket")
        .arg(socket)
        .arg("--dir")
        .arg(folder)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a Redis server")
}

impl RedisServer {
    /// A server whose socket is `redis.sock` in this folder.
    pub fn start(folder: &Path) -> Self {
        Self::with(folder, &[])
    }

    /// A server with more arguments.
    pub fn with(folder: &Path, args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let mut server =
            RedisServer { child: spawn(folder, &args), folder: folder.to_owned(), args };
        server.wait();
        server
    }

    /// A sentinel with this configuration.
    pub fn with_config(folder: &Path, config: &Path) -> Self {
        Self::with(folder, &[&config.display().to_string(), "--sentinel"])
    }

    /// Stops and starts it again; what it did not save is gone.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("redis.sock"));
        self.child = spawn(&self.folder, &self.args);
        self.wait();
    }

    /// Ready is who answers, if only with a refusal.
    fn wait(&mut self) {
        let client = Client::open(self.url()).expect("a URL");
        let started = Instant::now();
        loop {
            match client.get_connection().and_then(|mut c| cmd("PING").query::<String>(&mut c)) {
                Ok(_) => return,
                Err(e) if e.code().is_some() && e.code() != Some("LOADING") => return,
                Err(_) => {}
            }
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the Redis server ended: {ended:?}");
            assert!(started.elapsed() < Duration::from_secs(20), "the Redis server is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// As an address of cachectl, and of the client crate but for the `+`.
    pub fn address(&self) -> String {
        format!("redis+unix://{}", self.folder.join("redis.sock").display())
    }

    fn url(&self) -> String {
        self.address()
    }

    /// Asks the server, past the store.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let client = Client::open(self.url()).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let (name, args) = words.split_first().expect("a command");
        cmd(name).arg(args).query(&mut connection).expect("an answer")
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The server that a run names for the conformance cases, such as a cluster; else a place
/// has one of its own.
pub fn given() -> Option<Address> {
    let address = std::env::var("CACHECTL_TEST_REDIS").ok()?;
    Some(address.parse().expect("CACHECTL_TEST_REDIS is an address"))
}
