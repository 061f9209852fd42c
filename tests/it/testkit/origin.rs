//! An origin that does exactly what a test says: odd headers, wrong lengths, slow bodies,
//! connections that break.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// What to do with a connection.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Send this over and over until so many bytes are out.
    Fill {
        pattern: Vec<u8>,
        bytes: u64,
    },
    /// End it properly.
    Close,
    /// Tear it down, so that the other side sees a reset.
    Reset,
}

/// A response in the usual form: status line, these fields, `Content-Length`, body.
pub fn response(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<Step> {
    let body = body.as_ref();
    let head = format!("Content-Length: {}\n{headers}", body.len());
    let mut message = head_only(status, &head);
    message.extend_from_slice(body);
    vec![Step::Send(message)]
}

/// A status line and these fields, ended by an empty line.
pub fn head_only(status: &str, headers: &str) -> Vec<u8> {
    let lines: String = headers
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\r\n"))
        .collect();
    format!("HTTP/1.1 {status}\r\n{lines}\r\n").into_bytes()
}

type Script = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// A running origin; it ends when it is dropped.
pub struct Origin {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Seen>>>,
    stopped: Arc<AtomicBool>,
}

impl Origin {
    /// Starts one that answers each request by this script.
    pub fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let script: Arc<Script> = Arc::new(script);
        let (seen, stop) = (Arc::clone(&log), Arc::clone(&stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (script, log, stop) =
                    (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&stop));
                thread::spawn(move || serve(stream, &*script, &log, &stop));
            }
        });
        Origin { address, log, stopped }
    }

    /// Starts one that gives every path the same body, fresh for an hour.
    pub fn fresh(body: &'static str) -> Self {
        Self::start(move |_| response("200 OK", "Cache-Control: max-age=3600", body))
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests that came up to now.
    pub fn seen(&self) -> Vec<Seen> {
        self.log.lock().expect("the log").clone()
    }

    pub fn hits(&self) -> usize {
        self.seen().len()
    }

    /// Accepts no connection any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections, which then closes the port.
        let _ = TcpStream::connect(self.address);
        for _ in 0..500 {
            if TcpStream::connect(self.address).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        panic!("the origin does not stop");
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, script: &Script, log: &Mutex<Vec<Seen>>, stop: &AtomicBool) {
    let Ok(mut out) = stream.try_clone() else { return };
    let mut input = BufReader::new(stream);
    while let Some(seen) = read_request(&mut input) {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        log.lock().expect("the log").push(seen.clone());
        let is_head = seen.method == "HEAD";
        for step in script(&seen) {
            let done = match step {
                Step::Send(bytes) if is_head => out.write_all(head_of(&bytes)),
                Step::Send(bytes) => out.write_all(&bytes),
                Step::Wait(span) => {
                    thread::sleep(span);
                    Ok(())
                }
                Step::Fill { pattern, bytes } => fill(&mut out, &pattern, bytes),
                Step::Close => return,
                Step::Reset => {
                    reset(&out);
                    return;
                }
            };
            if done.is_err() {
                return;
            }
        }
    }
}

/// The answer to HEAD has no body.
fn head_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").map_or(message.len(), |i| i + 4);
    &message[..end]
}

fn fill(out: &mut TcpStream, pattern: &[u8], bytes: u64) -> std::io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let part = pattern.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&pattern[..part])?;
        left -= part as u64;
    }
    Ok(())
}

/// Closing without lingering sends a reset, also when everything was read.
fn reset(stream: &TcpStream) {
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

fn read_request(input: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    input.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut raw = Vec::new();
        input.read_until(b'\n', &mut raw).ok()?;
        let line = String::from_utf8_lossy(&raw).trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let seen = Seen { method, target, headers };
    let length: u64 = seen.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    std::io::copy(&mut input.by_ref().take(length), &mut std::io::sink()).ok()?;
    Some(seen)
}
