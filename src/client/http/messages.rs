//! Takes the header sections out of a connection's byte stream, and notes whether the connection
//! broke.
//!
//! `ureq` folds header names to lower case, drops interim responses, and accepts 128 lines at
//! most. So this link of its connector chain reads the header sections itself, in whatever packets
//! they come. It keeps the interim and the final ones as they came, settles how the body is framed
//! (RFC 9112, section 6.3), and hands `ureq` a section that says only that.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::model::{Extensions, Headers, is_token};

/// The most field lines that a header section may have (`http-caching` rule B5).
const MAX_LINES: usize = 1000;
/// The longest header section, in bytes.
const MAX_SECTION: usize = 256 * 1024;
/// How long all interim responses to one request may be together, in bytes.
const MAX_INTERIM: usize = 1024 * 1024;

thread_local! {
    /// What the exchange that runs on this thread has seen. An exchange runs on one thread
    /// up to its header section, so there is never another's.
    static SEEN: RefCell<Seen> = RefCell::default();

    /// How many connections of this kind are at work inside each other: below one through a
    /// proxy lies the one to the proxy, and only the outer one sees what the origin says.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// What an exchange has brought so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Interim responses (1xx), in order.
    pub interim: Vec<(u16, Headers)>,
    /// The final header section.
    pub head: Option<Head>,
    /// Why what came is no proper HTTP.
    pub trouble: Option<String>,
    /// Tells later whether the connection broke.
    pub watch: Watch,
    /// The origin had closed a connection that was kept from an earlier exchange. It has sent
    /// nothing back then, and another connection may be tried (RFC 9112, section 9.3.1).
    pub was_gone: bool,
    interim_bytes: usize,
}

/// Tells whether a connection broke.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<AtomicBool>);

/// A header section.
#[derive(Debug, PartialEq)]
pub(super) struct Head {
    pub status: u16,
    pub headers: Headers,
    pub extensions: Extensions,
}

/// Forgets what an earlier exchange on this thread has seen.
pub(super) fn forget() {
    take();
}

/// What the exchange on this thread has seen.
pub(super) fn take() -> Seen {
    SEEN.take()
}

impl Watch {
    pub(super) fn is_broken(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The last link of the connector chain: sees plain text, whatever lies below.
#[derive(Debug)]
pub(super) struct Reader;

impl<In: Transport> Connector<In> for Reader {
    type Out = Connection<In>;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(|inner| Connection {
            inner,
            is_in_head: true,
            is_kept: false,
            section: Vec::new(),
            shown: Shown::default(),
            watch: Watch::default(),
        }))
    }
}

/// A connection whose header sections are read here.
#[derive(Debug)]
pub(super) struct Connection<T> {
    inner: T,
    /// The final header section has not come yet.
    is_in_head: bool,
    /// An earlier exchange has had its answer.
    is_kept: bool,
    /// The section that is coming, as far as it has come.
    section: Vec<u8>,
    shown: Shown,
    watch: Watch,
}

/// The section that `ureq` is shown, and how much of it it has taken.
#[derive(Debug, Default)]
struct Shown {
    text: Vec<u8>,
    taken: usize,
}

/// Does something with a connection that is not to look for itself.
fn below<T>(work: impl FnOnce() -> T) -> T {
    DEPTH.set(DEPTH.get() + 1);
    let done = work();
    DEPTH.set(DEPTH.get() - 1);
    done
}

impl<T: Transport> Connection<T> {
    /// Whether this connection is only a part of another, or is within a body.
    fn passes(&self) -> bool {
        DEPTH.get() > 0 || (!self.is_in_head && self.shown.is_taken())
    }

    /// Takes what has come of header sections, up to the end of the final one. Tells whether
    /// that is complete.
    fn take_sections(&mut self) -> Result<bool, ureq::Error> {
        while self.is_in_head {
            let Some(section) = self.take_section()? else { return Ok(false) };
            let (head, framing) = read(&section).map_err(refuse)?;
            SEEN.with_borrow_mut(|seen| {
                if (100..200).contains(&head.status) && head.status != 101 {
                    seen.interim_bytes += section.len();
                    if seen.interim_bytes > MAX_INTERIM {
                        return Err("interim responses without an end".to_owned());
                    }
                    seen.interim.push((head.status, head.headers));
                    return Ok(());
                }
                self.shown = Shown { text: framing.section(head.status), taken: 0 };
                seen.watch = self.watch.clone();
                seen.head = Some(head);
                (self.is_in_head, self.is_kept) = (false, true);
                Ok(())
            })
            .map_err(refuse)?;
        }
        Ok(true)
    }

    /// The next section, if it has come to its end.
    fn take_section(&mut self) -> Result<Option<Vec<u8>>, ureq::Error> {
        let buffers = below(|| self.inner.buffers());
        let before = self.section.len();
        self.section.extend_from_slice(buffers.input());
        let end = end_of_section(&self.section, before);
        // Empty lines before a message are none of it (RFC 9112, section 2.2).
        let taken = end.unwrap_or(self.section.len());
        self.section.truncate(taken);
        below(|| buffers.input_consume(taken - before));
        if self.section.len() > MAX_SECTION {
            return Err(refuse(format!(
                "its header section is longer than {} KiB",
                MAX_SECTION / 1024
            )));
        }
        Ok(end.map(|_| std::mem::take(&mut self.section)))
    }

    fn wait(
        &mut self,
        wait: impl FnOnce(&mut T) -> Result<bool, ureq::Error>,
    ) -> Result<bool, ureq::Error> {
        if DEPTH.get() > 0 {
            return wait(&mut self.inner);
        }
        if !self.passes() && self.take_sections()? {
            return Ok(true);
        }
        let waited = below(|| wait(&mut self.inner));
        match &waited {
            // Some breaks count as the end of a body further up.
            Err(e) if is_break(e) => self.watch.0.store(true, Ordering::Relaxed),
            Err(_) | Ok(_) => {}
        }
        if self.is_in_head {
            let is_end = waited.as_ref().map_or_else(is_break, |has_input| !has_input);
            self.note_gone(is_end);
            if waited.as_ref().is_ok_and(|has_input| *has_input) {
                self.take_sections()?;
            }
        }
        waited
    }

    /// Notes that a kept connection has ended, if nothing has come since the request was sent.
    fn note_gone(&self, is_end: bool) {
        if is_end && self.is_kept && self.section.is_empty() {
            SEEN.with_borrow_mut(|seen| seen.was_gone |= seen.interim.is_empty());
        }
    }
}

impl<T: Transport> Transport for Connection<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        match self.passes() {
            true => below(|| self.inner.buffers()),
            false => self,
        }
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if DEPTH.get() > 0 {
            return self.inner.transmit_output(amount, timeout);
        }
        // Whoever sends begins a new exchange. Nobody has asked for what lies there already.
        if !self.is_in_head && !below(|| self.inner.buffers()).input().is_empty() {
            self.is_in_head = true;
            self.note_gone(true);
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
        }
        self.is_in_head = true;
        let sent = below(|| self.inner.transmit_output(amount, timeout));
        self.note_gone(sent.as_ref().is_err_and(is_break));
        sent
    }

    fn maybe_await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        match self.passes() {
            true => self.wait(|inner| inner.maybe_await_input(timeout)),
            // What there is of a section was taken, so that more has to come.
            false => self.wait(|inner| inner.await_input(timeout)),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.wait(|inner| inner.await_input(timeout))
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// What `ureq` sees of the input while a header section is coming: the one that it is shown.
impl<T: Transport> Buffers for Connection<T> {
    fn output(&mut self) -> &mut [u8] {
        below(|| self.inner.buffers()).output()
    }

    fn input(&self) -> &[u8] {
        &self.shown.text[self.shown.taken..]
    }

    fn input_append_buf(&mut self) -> &mut [u8] {
        below(|| self.inner.buffers()).input_append_buf()
    }

    fn input_appended(&mut self, amount: usize) {
        below(|| self.inner.buffers()).input_appended(amount);
    }

    fn input_consume(&mut self, amount: usize) {
        self.shown.taken += amount;
    }

    fn tmp_and_output(&mut self) -> (&mut [u8], &mut [u8]) {
        below(|| self.inner.buffers()).tmp_and_output()
    }

    fn can_use_input(&self) -> bool {
        !self.shown.is_taken()
    }
}

impl Shown {
    fn is_taken(&self) -> bool {
        self.taken == self.text.len()
    }
}

/// Refuses what came.
fn refuse(why: String) -> ureq::Error {
    let error = io::Error::new(io::ErrorKind::InvalidData, why.clone());
    SEEN.with_borrow_mut(|seen| seen.trouble = Some(why));
    error.into()
}

fn is_break(error: &ureq::Error) -> bool {
    let ureq::Error::Io(e) = error else { return false };
    matches!(
        e.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::BrokenPipe
    )
}

/// Where a header section ends, its empty line included; what lies before `known` has no end.
fn end_of_section(text: &[u8], known: usize) -> Option<usize> {
    let start = text.iter().position(|c| !matches!(c, b'\r' | b'\n'))?;
    // An end may begin in what is known.
    let from = known.saturating_sub(3).max(start);
    let mut ends = text[from..].iter().enumerate().filter(|&(_, &c)| c == b'\n').map(|(i, _)| i);
    ends.find_map(|at| {
        let rest = &text[from + at + 1..];
        let empty = [&b"\n"[..], b"\r\n"].into_iter().find(|line| rest.starts_with(line))?;
        Some(from + at + 1 + empty.len())
    })
}

/// How the body behind a header section is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Framing {
    extent: Extent,
    /// The connection may be used again.
    is_persistent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    None,
    Bytes(u64),
    Chunked,
    /// Up to the end of the connection.
    Rest,
}

impl Framing {
    /// A header section that says this and nothing else.
    fn section(self, status: u16) -> Vec<u8> {
        let connection = if self.is_persistent { "" } else { "Connection: close\r\n" };
        let extent = match self.extent {
            Extent::None | Extent::Rest => String::new(),
            Extent::Bytes(bytes) => format!("Content-Length: {bytes}\r\n"),
            Extent::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        format!("HTTP/1.1 {status} OK\r\n{connection}{extent}\r\n").into_bytes()
    }
}

/// Reads a header section. What has lost when the framing was settled is not in it (rule B8).
///
/// # Errors
/// What is wrong with it.
fn read(section: &[u8]) -> Result<(Head, Framing), String> {
    let mut lines = section
        .split(|&c| c == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .skip_while(|line| line.is_empty());
    let status_line = lines.next().unwrap_or_default();
    let (version, status, reason) = read_status_line(status_line).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(status_line).chars().take(60).collect();
        format!("it begins with {shown:?}")
    })?;
    let mut headers = read_fields(lines.take_while(|line| !line.is_empty()), section.len())?;
    let framing = settle(version, status, &mut headers)?;
    let extensions = Extensions {
        http_version: match version {
            b"HTTP/1.1" => Some("HTTP/1.1".into()),
            b"HTTP/1.0" => Some("HTTP/1.0".into()),
            _ => None,
        },
        reason: Some(reason.to_vec()),
        ..Extensions::default()
    };
    Ok((Head { status, headers, extensions }, framing))
}

fn read_status_line(line: &[u8]) -> Option<(&[u8], u16, &[u8])> {
    let (version, rest) = split_at_space(line);
    let (status, reason) = split_at_space(rest);
    let is_status = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
    let status = is_status.then(|| std::str::from_utf8(status).ok()?.parse().ok()).flatten()?;
    (version.starts_with(b"HTTP/1.") && status >= 100).then_some((version, status, reason))
}

/// Reads field lines. A line that is folded becomes one (rule B6).
fn read_fields<'a>(lines: impl Iterator<Item = &'a [u8]>, bytes: usize) -> Result<Headers, String> {
    let mut headers = Headers::with_capacity(24, bytes);
    let mut lines = lines.enumerate().peekable();
    let mut folded = Vec::new();
    while let Some((at, line)) = lines.next() {
        if headers.len() == MAX_LINES {
            return Err(format!("its header section has more than {MAX_LINES} lines"));
        }
        let wrong = |how: &str| format!("line {} of its header section {how}", at + 2);
        let colon = line.iter().position(|&c| c == b':').ok_or_else(|| wrong("has no colon"))?;
        // Blanks before the colon go (RFC 9112, section 5.1).
        let name = line[..colon].trim_ascii_end();
        if !is_token(name) {
            return Err(wrong("has no proper name"));
        }
        let mut value = line[colon + 1..].trim_ascii();
        while let Some((_, more)) =
            lines.next_if(|(_, next)| next.starts_with(b" ") || next.starts_with(b"\t"))
        {
            if folded.is_empty() {
                folded.extend_from_slice(value);
            }
            folded.push(b' ');
            folded.extend_from_slice(more.trim_ascii());
        }
        if !folded.is_empty() {
            value = folded.trim_ascii();
        }
        if value.contains(&0) {
            return Err(wrong("has a NUL in it"));
        }
        match value.contains(&b'\r') {
            true => headers.push(
                name,
                value.iter().map(|&c| if c == b'\r' { b' ' } else { c }).collect::<Vec<_>>(),
            ),
            false => headers.push(name, value),
        }
        folded.clear();
    }
    Ok(headers)
}

/// How the body is framed (RFC 9112, section 6.3). Fields that say otherwise go.
fn settle(version: &[u8], status: u16, headers: &mut Headers) -> Result<Framing, String> {
    let connection = headers.joined("connection").unwrap_or_default().to_ascii_lowercase();
    let says = |word: &[u8]| connection.split(|&c| c == b',').any(|part| part.trim_ascii() == word);
    let is_old = version == b"HTTP/1.0";
    let is_persistent = !says(b"close") && (!is_old || says(b"keep-alive"));
    let lengths = headers.joined("content-length");
    let framed = |extent| Framing { extent, is_persistent };
    if status < 200 || matches!(status, 204 | 304) {
        headers.remove("content-length");
        headers.remove("transfer-encoding");
        let is_persistent = is_persistent && status != 101;
        return Ok(Framing { extent: Extent::None, is_persistent });
    }
    if let Some(codings) = headers.joined("transfer-encoding") {
        headers.remove("content-length");
        let codings = codings.to_ascii_lowercase();
        let codings: Vec<&[u8]> = codings
            .split(|&c| c == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty() && *coding != b"identity")
            .collect();
        match codings[..] {
            // Whoever sends both, or HTTP/1.0 with it, may have been led astray by somebody.
            [b"chunked"] => {
                let is_persistent = is_persistent && !is_old && lengths.is_none();
                return Ok(Framing { extent: Extent::Chunked, is_persistent });
            }
            [] if lengths.is_none() => {}
            [] => return Err("it has Content-Length beside Transfer-Encoding: identity".into()),
            _ => {
                let codings = String::from_utf8_lossy(&codings.join(&b", "[..])).into_owned();
                return Err(format!("Transfer-Encoding: {codings} cannot be undone"));
            }
        }
    }
    let Some(lengths) = lengths else { return Ok(framed(Extent::Rest)) };
    let mut lengths = lengths.split(|&c| c == b',').map(<[u8]>::trim_ascii);
    let first = lengths.next().unwrap_or_default();
    if lengths.any(|other| other != first) {
        return Err("it has two Content-Length that differ".into());
    }
    let is_number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
    let bytes = is_number.then(|| std::str::from_utf8(first).ok()?.parse().ok()).flatten();
    let Some(bytes) = bytes else {
        let shown: String = String::from_utf8_lossy(first).chars().take(40).collect();
        return Err(format!("its Content-Length is {shown:?}"));
    };
    if headers.get_all("content-length").count() > 1
        || first.len() < headers.get("content-length").map_or(0, <[u8]>::len)
    {
        let first = first.to_vec();
        headers.set("Content-Length", first);
    }
    Ok(framed(Extent::Bytes(bytes)))
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

    fn head(section: &[u8]) -> Head {
        read(section).unwrap().0
    }

    #[test]
    fn a_header_section_is_kept_as_it_came() {
        let input =
            b"HTTP/1.1 200 All is  well\r\nX-B: 1\r\nx-a:2 \r\nX-B:  \xe9\r\n\r\nbody\r\n\r\n";
        let end = end_of_section(input, 0).unwrap();
        assert_eq!(&input[end..], b"body\r\n\r\n");
        let head = head(&input[..end]);
        assert_eq!(head.status, 200);
        assert_eq!(head.extensions.reason.as_deref(), Some(&b"All is  well"[..]));
        let fields: Vec<_> = head.headers.iter().collect();
        assert_eq!(fields, [(&b"X-B"[..], &b"1"[..]), (b"x-a", b"2"), (b"X-B", b"\xe9")]);
    }

    #[test]
    fn a_section_ends_at_its_empty_line_wherever_the_look_begins() {
        for input in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n", "\r\n", "\r\n\r\n"]
        {
            assert_eq!(end_of_section(input.as_bytes(), 0), None, "{input:?}");
        }
        for input in
            ["HTTP/1.1 200\n\n", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "\r\n\r\nHTTP/1.1 200\r\n\r\n"]
        {
            for known in 0..input.len() {
                let end = end_of_section(input.as_bytes(), known);
                assert_eq!(end, Some(input.len()), "{input:?} from {known}");
            }
        }
    }

    #[test]
    fn b5_the_limits_are_named() {
        let section = |lines: usize| {
            let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
            text.extend((0..lines).map(|i| format!("x-{i}: y\r\n")));
            read(format!("{text}\r\n").as_bytes())
        };
        assert_eq!(section(1000).unwrap().0.headers.len(), 1000);
        assert!(section(1001).unwrap_err().contains("1000 lines"));
    }

    #[test]
    fn b6_a_folded_line_is_one() {
        for fold in ["\r\n ", "\r\n\t", "\r\n  \t ", "\n "] {
            let section = format!(
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=1,{fold}no-store{fold}\r\nX: y\r\n\r\n"
            );
            let head = head(section.as_bytes());
            let fields: Vec<_> = head.headers.iter().collect();
            let expected = [(&b"Cache-Control"[..], &b"max-age=1, no-store"[..]), (b"X", b"y")];
            assert_eq!(fields, expected, "{fold:?}");
        }
        let first = read(b"HTTP/1.1 200 OK\r\n folded\r\n\r\n").unwrap_err();
        assert!(first.contains("line 2"), "{first}");
    }

    #[test]
    fn b8_framing_is_settled_and_what_has_lost_goes() {
        // Status line and fields, how the body is framed, which framing field is kept.
        let cases: [(&str, Extent, bool, Option<&str>); 19] = [
            ("HTTP/1.1 200\nContent-Length: 3", Extent::Bytes(3), true, Some("3")),
            ("HTTP/1.1 200\nContent-Length: 003", Extent::Bytes(3), true, Some("003")),
            (
                "HTTP/1.1 200\nContent-Length: 3\nContent-Length: 3",
                Extent::Bytes(3),
                true,
                Some("3"),
            ),
            ("HTTP/1.1 200\nContent-Length: 3, 3", Extent::Bytes(3), true, Some("3")),
            ("HTTP/1.1 200\nX: y", Extent::Rest, true, None),
            ("HTTP/1.1 200\nTransfer-Encoding: Chunked", Extent::Chunked, true, None),
            ("HTTP/1.1 200\nTransfer-Encoding: identity, chunked", Extent::Chunked, true, None),
            ("HTTP/1.1 200\nTransfer-Encoding: identity", Extent::Rest, true, None),
            (
                "HTTP/1.1 200\nContent-Length: 3\nTransfer-Encoding: chunked",
                Extent::Chunked,
                false,
                None,
            ),
            (
                "HTTP/1.1 200\nTransfer-Encoding: chunked\nContent-Length: x",
                Extent::Chunked,
                false,
                None,
            ),
            ("HTTP/1.0 200\nTransfer-Encoding: chunked", Extent::Chunked, false, None),
            ("HTTP/1.0 200\nContent-Length: 3", Extent::Bytes(3), false, Some("3")),
            (
                "HTTP/1.0 200\nConnection: Keep-Alive\nContent-Length: 3",
                Extent::Bytes(3),
                true,
                Some("3"),
            ),
            (
                "HTTP/1.1 200\nConnection: x, close\nContent-Length: 3",
                Extent::Bytes(3),
                false,
                Some("3"),
            ),
            ("HTTP/1.1 204\nContent-Length: 5", Extent::None, true, None),
            ("HTTP/1.1 204\nTransfer-Encoding: chunked", Extent::None, true, None),
            ("HTTP/1.1 304\nContent-Length: 5", Extent::None, true, None),
            ("HTTP/1.1 101\nUpgrade: x", Extent::None, false, None),
            ("HTTP/1.1 599\nContent-Length: 0", Extent::Bytes(0), true, Some("0")),
        ];
        for (text, extent, is_persistent, length) in cases {
            let section = format!("{}\r\n\r\n", text.replace('\n', "\r\n"));
            let (head, framing) = read(section.as_bytes()).expect(text);
            assert_eq!(framing, Framing { extent, is_persistent }, "{text}");
            let kept: Vec<_> = head.headers.get_all("content-length").collect();
            assert_eq!(kept, length.map(str::as_bytes).into_iter().collect::<Vec<_>>(), "{text}");
            let shown = framing.section(head.status);
            let (again, same) = read(&shown).expect(text);
            assert_eq!((again.status, same), (head.status, framing), "{text}");
        }
    }

    #[test]
    fn what_is_no_section_is_named() {
        let cases = [
            ("GARBAGE", "begins with \"GARBAGE\""),
            ("HTTP/2 200 OK", "begins with"),
            ("HTTP/1.1 20 OK", "begins with"),
            ("HTTP/1.1 099 OK", "begins with"),
            ("HTTP/1.1 200 OK\nno colon", "line 2 of its header section has no colon"),
            ("HTTP/1.1 200 OK\nX: y\n: z", "line 3 of its header section has no proper name"),
            ("HTTP/1.1 200 OK\nX Y: z", "has no proper name"),
            ("HTTP/1.1 200 OK\nX: \0", "has a NUL"),
            ("HTTP/1.1 200 OK\nContent-Length: 3\nContent-Length: 4", "differ"),
            ("HTTP/1.1 200 OK\nContent-Length: 3, 4", "differ"),
            ("HTTP/1.1 200 OK\nContent-Length: -1", "\"-1\""),
            ("HTTP/1.1 200 OK\nContent-Length:", "\"\""),
            ("HTTP/1.1 200 OK\nContent-Length: 99999999999999999999", "Content-Length is"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked", "gzip, chunked cannot be undone"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked, gzip", "cannot be undone"),
            ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked", "cannot be undone"),
        ];
        for (text, named) in cases {
            let section = format!("{}\r\n\r\n", text.replace('\n', "\r\n"));
            let why = read(section.as_bytes()).expect_err(text);
            assert!(why.contains(named), "{text:?}: {why}");
        }
        let spaced = head(b"HTTP/1.1 200 OK\r\nX-A : b\r\nX-B: c\rd\r\n\r\n");
        assert_eq!(spaced.headers.get("x-a"), Some(&b"b"[..]));
        assert_eq!(spaced.headers.get("x-b"), Some(&b"c d"[..]));
    }
}
