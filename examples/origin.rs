//! A small HTTP origin on loopback, for trying things out and for the scripts.
//!
//! ```text
//! cargo run --release --example origin -- 8080 [--delay MS] [--log FILE]
//! ```
//!
//! `--delay` waits before each answer; `--log` writes a line a request: its path, when it
//! came and when it was answered, in microseconds since the start.
//!
//! | path | answer |
//! |---|---|
//! | `/bytes/N` | N bytes that depend on the path only, fresh for a year |
//! | `/bytes/N?s=K` | other bytes |
//! | `/slow/N/MS` | N bytes, a pause of MS milliseconds after every 64 KiB |
//! | `/count` | how many requests came, without counting this one |
//! | anything else | a short text with an `ETag`, fresh for an hour |

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Twelve fields of about a kilobyte, as a usual answer has them.
const FIELDS: &str = "Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n\
Content-Type: application/octet-stream\r\n\
Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n\
Cache-Control: public, max-age=31536000\r\n\
Vary: Accept-Encoding\r\n\
Server: example/1.0\r\n\
Strict-Transport-Security: max-age=31536000; includeSubDomains; preload\r\n\
Content-Security-Policy: default-src 'self'; script-src 'self' https://cdn.example.org https://static.example.org; style-src 'self' 'unsafe-inline' https://cdn.example.org; img-src 'self' data: https://images.example.org https://cdn.example.org; font-src 'self' https://fonts.example.org; connect-src 'self' https://api.example.org wss://live.example.org; frame-ancestors 'none'; base-uri 'self'; form-action 'self'; report-uri https://report.example.org/csp\r\n\
X-Request-Id: 5be7c0d4-1f22-79c0-a1e4-be8d50617f3a\r\n\
Link: <https://example.org/next>; rel=\"next\"\r\n";

/// What all connections share.
struct Shared {
    requests: AtomicU64,
    delay: Duration,
    log: Option<Mutex<BufWriter<File>>>,
    started: Instant,
}

fn main() -> std::io::Result<()> {
    let mut port = "8080".to_owned();
    let mut shared = Shared {
        requests: AtomicU64::new(0),
        delay: Duration::ZERO,
        log: None,
        started: Instant::now(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--delay" => {
                let millis = words.next().and_then(|w| w.parse().ok()).unwrap_or(0);
                shared.delay = Duration::from_millis(millis);
            }
            "--log" => {
                let file = File::create(words.next().unwrap_or_default())?;
                shared.log = Some(Mutex::new(BufWriter::new(file)));
            }
            _ => port = word,
        }
    }
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    out.flush()?;
    let shared = Arc::new(shared);
    for stream in listener.incoming() {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || serve(stream?, &shared));
    }
    Ok(())
}

fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if input.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let came = shared.started.elapsed();
        let mut words = first.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
        let mut line = String::new();
        while input.read_line(&mut line)? > 2 {
            line.clear();
        }
        if target != "/count" {
            shared.requests.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(shared.delay);
        }
        // Noted before the other side can know that it is over.
        if let Some(Ok(mut log)) = shared.log.as_ref().map(Mutex::lock) {
            let answered = shared.started.elapsed();
            writeln!(log, "{target} {} {}", came.as_micros(), answered.as_micros())?;
            log.flush()?;
        }
        answer(&mut out, method == "HEAD", target, &shared.requests)?;
    }
}

fn answer(
    out: &mut TcpStream,
    head: bool,
    target: &str,
    requests: &AtomicU64,
) -> std::io::Result<()> {
    let parts: Vec<&str> = target.split(['/', '?']).skip(1).collect();
    let number = |i: usize| parts.get(i).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let (bytes, pause) = match parts.first() {
        Some(&"bytes") => (number(1), None),
        Some(&"slow") => (number(1), Some(Duration::from_millis(number(2)))),
        Some(&"count") => {
            return text(out, head, &requests.load(Ordering::Relaxed).to_string(), "no-store");
        }
        _ => return text(out, head, &format!("this is {target}\n"), "max-age=3600"),
    };
    let tag = target
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |h, c| (h ^ u64::from(c)).wrapping_mul(0x0100_0000_01b3));
    write!(
        out,
        "HTTP/1.1 200 OK\r\n{FIELDS}ETag: \"{tag:016x}\"\r\nContent-Length: {bytes}\r\n\r\n"
    )?;
    if head {
        return Ok(());
    }
    let mut state = tag | 1;
    let mut chunk = vec![0u8; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        for word in chunk.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let part = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&chunk[..part])?;
        left -= part as u64;
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    Ok(())
}

fn text(out: &mut TcpStream, head: bool, body: &str, control: &str) -> std::io::Result<()> {
    let length = body.len();
    let shown = if head { "" } else { body };
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"{length}\"\r\nCache-Control: {control}\r\nContent-Length: {length}\r\n\r\n{shown}"
    )
}
