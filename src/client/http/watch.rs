//! Watches a connection: keeps the header sections as they came, and whether the
//! connection broke.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Extensions, Headers};

/// More lines than this are no header section (rule B5).
const MAX_LINES: usize = 100;

thread_local! {
    /// What the exchange that runs on this thread has seen. An exchange runs on one thread
    /// up to its header section, so there is never another's.
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };

    /// How many watched connections are waiting inside each other: below one through a
    /// proxy lies the one to the proxy, and only the outer sees what the origin says.
    static DEPTH: Cell<usize> = const { Cell::new(0) };

    /// Whether the exchange on this thread has met a connection from earlier that was gone.
    static WAS_GONE: Cell<bool> = const { Cell::new(false) };
}

/// What came before a body.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub interim: Vec<(u16, Headers)>,
    section: Vec<u8>,
    pub watch: Watch,
}

/// Tells later whether the connection broke.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<AtomicBool>);

/// A header section, read.
#[derive(Debug)]
pub(super) struct Head {
    pub status: u16,
    pub headers: Headers,
    pub extensions: Extensions,
}

/// Forgets what an earlier exchange on this thread has seen.
pub(super) fn forget() {
    SEEN.with(|seen| seen.borrow_mut().take());
    WAS_GONE.set(false);
}

/// Whether the exchange on this thread has failed because the origin had closed a connection that
/// was kept from an earlier exchange. It has sent nothing back then, and another connection may
/// be tried (RFC 9112, section 9.3.1).
pub(super) fn was_gone() -> bool {
    WAS_GONE.get()
}

/// What the exchange on this thread has seen.
pub(super) fn take() -> Option<Seen> {
    SEEN.with(|seen| seen.borrow_mut().take())
}

impl Watch {
    pub(super) fn is_broken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Seen {
    /// The final header section.
    pub(super) fn head(&self, name: &str) -> Result<Head> {
        parse(&self.section).ok_or_else(|| {
            Error::new(ErrorKind::Network, format!("the answer from {name} is not proper HTTP"))
                .because(format!(
                    "its header section is malformed, or longer than {MAX_LINES} lines"
                ))
                .coded("http")
        })
    }
}

/// The last link of the connector chain: sees plain text, whatever lies below.
#[derive(Debug)]
pub(super) struct Watcher;

impl<In: Transport> Connector<In> for Watcher {
    type Out = Watched<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| Watched {
            inner,
            in_head: true,
            waiting: 0,
            is_noted: false,
            is_kept: false,
            watch: Watch::default(),
        }))
    }
}

/// A connection that is watched.
#[derive(Debug)]
pub(super) struct Watched<T> {
    inner: T,
    in_head: bool,
    /// How much input there was at the last look.
    waiting: usize,
    /// What the input begins with was noted.
    is_noted: bool,
    /// An earlier exchange has had its answer.
    is_kept: bool,
    watch: Watch,
}

/// Does something with a connection that is not to look for itself.
fn below<T>(work: impl FnOnce() -> T) -> T {
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let done = work();
    DEPTH.with(|depth| depth.set(depth.get() - 1));
    done
}

impl<T: Transport> Watched<T> {
    /// Notes a header section that is complete at the beginning of the input: each once, though
    /// one packet may bring several. Input becomes less only when what was noted is taken out.
    fn look(&mut self) {
        if !self.in_head || DEPTH.with(Cell::get) > 0 {
            return;
        }
        let input = below(|| self.inner.buffers().input());
        self.is_noted &= input.len() >= self.waiting;
        self.waiting = input.len();
        if self.is_noted {
            return;
        }
        let Some(section) = first_section(input) else { return };
        self.is_noted = true;
        let interim =
            parse(section).filter(|head| (100..200).contains(&head.status) && head.status != 101);
        self.in_head = interim.is_some();
        self.is_kept |= !self.in_head;
        let section = section.to_vec();
        SEEN.with(|seen| {
            let mut seen = seen.borrow_mut();
            let seen = seen.get_or_insert_default();
            match interim {
                Some(head) => seen.interim.push((head.status, head.headers)),
                None => {
                    seen.section = section;
                    seen.watch = self.watch.clone();
                }
            }
        });
    }

    fn waiting(
        &mut self,
        wait: impl FnOnce(&mut T) -> Result<bool, ureq::Error>,
    ) -> Result<bool, ureq::Error> {
        self.look();
        let waited = below(|| wait(&mut self.inner));
        let is_end = match &waited {
            Ok(has_input) => !has_input,
            Err(e) => is_break_of(e),
        };
        self.note_gone(is_end);
        match &waited {
            Ok(_) => self.look(),
            // Some of these count as the end of a body further up.
            Err(e) if is_break_of(e) => self.watch.0.store(true, Ordering::Relaxed),
            Err(_) => {}
        }
        waited
    }

    /// Notes that the connection has ended, if nothing has come since the request was sent.
    fn note_gone(&self, is_end: bool) {
        if is_end && self.is_kept && self.in_head && self.waiting == 0 {
            WAS_GONE.set(true);
        }
    }
}

fn is_break_of(error: &ureq::Error) -> bool {
    let ureq::Error::Io(e) = error else { return false };
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
    )
}

impl<T: Transport> Transport for Watched<T> {
    /// Whoever is about to take input out comes here first.
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.look();
        below(|| self.inner.buffers())
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        // Whoever sends begins a new exchange.
        (self.in_head, self.is_noted, self.waiting) = (true, false, 0);
        let sent = self.inner.transmit_output(amount, timeout);
        self.note_gone(sent.as_ref().is_err_and(is_break_of));
        sent
    }

    fn maybe_await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.waiting(|inner| inner.maybe_await_input(timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.waiting(|inner| inner.await_input(timeout))
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// A complete header section at the start of the input, its empty line included.
fn first_section(input: &[u8]) -> Option<&[u8]> {
    let mut line_start = 0;
    for (at, &c) in input.iter().enumerate() {
        if c != b'\n' {
            continue;
        }
        let line = &input[line_start..at];
        if line_start > 0 && (line.is_empty() || line == b"\r") {
            return Some(&input[..=at]);
        }
        line_start = at + 1;
    }
    None
}

fn parse(section: &[u8]) -> Option<Head> {
    let mut lines = section.split(|&c| c == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let status_line = lines.next()?;
    let (version, rest) = split_at_space(status_line);
    let (status, reason) = split_at_space(rest);
    let mut headers = Headers::with_capacity(24, section.len());
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|&c| c == b':')?;
        headers.push(&line[..colon], line[colon + 1..].trim_ascii());
        if headers.len() > MAX_LINES {
            return None;
        }
    }
    let extensions = Extensions {
        http_version: match version {
            b"HTTP/1.1" => Some("HTTP/1.1".into()),
            b"HTTP/1.0" => Some("HTTP/1.0".into()),
            _ => None,
        },
        reason: Some(reason.to_vec()),
        ..Extensions::default()
    };
    Some(Head { status: std::str::from_utf8(status).ok()?.parse().ok()?, headers, extensions })
}

fn split_at_space(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&c| c == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_section_is_kept_as_it_came() {
        let input =
            b"HTTP/1.1 200 All is  well\r\nX-B: 1\r\nx-a:2 \r\nX-B:  \xe9\r\n\r\nbody\r\n\r\n";
        let section = first_section(input).unwrap();
        let head = parse(section).unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.extensions.reason.as_deref(), Some(&b"All is  well"[..]));
        let fields: Vec<_> = head.headers.iter().collect();
        assert_eq!(fields, [(&b"X-B"[..], &b"1"[..]), (b"x-a", b"2"), (b"X-B", b"\xe9")]);
    }

    #[test]
    fn an_incomplete_section_is_none_yet() {
        for input in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n", "\r\n"] {
            assert_eq!(first_section(input.as_bytes()), None, "{input:?}");
        }
        assert!(first_section(b"HTTP/1.1 200\n\n").is_some());
    }

    #[test]
    fn b5_a_hundred_lines_are_the_limit() {
        let section = |lines: usize| {
            let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
            text.extend((0..lines).map(|i| format!("x-{i}: y\r\n")));
            parse(format!("{text}\r\n").as_bytes())
        };
        assert!(section(100).is_some());
        assert!(section(101).is_none());
    }
}
