//! The way in: bytes that nobody vouches for, compressed or not, and lines of them.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, ErrorKind, Result};

use super::truncated;

const BUFFER: usize = 64 * 1024;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// The longest line that is held: a head of 4 MiB and 1 MiB of body in base64.
pub(super) const MAX_LINE: usize = (4 << 20) + (1 << 20) * 4 / 3 + 1024;

/// How many bytes that mean nothing an input may hold.
///
/// A compressed input may well be a thousand times as long as its file: a body of zeros
/// is. Since deflate cannot do better than 1032 to 1, the ratio does not tell a bomb; that
/// it expands to nothing useful does.
const MAX_WASTE: usize = 64 << 20;

/// What a senseless piece counts at least: each costs an error, however short it is.
const LEAST_WASTE: usize = 4096;

/// A stream without its compression.
pub(super) type Input = Box<dyn BufReadSend>;

/// [`BufRead`] that can move between threads.
pub(super) trait BufReadSend: BufRead + Send {}

impl<R: BufRead + Send> BufReadSend for R {}

/// Opens a stream; gzip is undone, one layer of it.
pub(super) fn open(from: Box<dyn Read + Send>) -> Result<Input> {
    let mut from = BufReader::with_capacity(BUFFER, from);
    // A pipe may give one byte first, and the buffer does not fill up behind it.
    let mut start = Vec::with_capacity(GZIP.len());
    from.by_ref().take(GZIP.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
    let is_gzip = start == GZIP;
    if start.len() == 1 && GZIP.starts_with(&start) {
        return Err(truncated("import"));
    }
    let whole = io::Cursor::new(start).chain(from);
    Ok(match is_gzip {
        true => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(whole))),
        false => Box::new(whole),
    })
}

/// A text in UTF-16, told by the mark that it begins with, as UTF-8; any other as it is.
pub(super) fn as_utf8(mut from: Input) -> io::Result<Input> {
    let mut start = Vec::with_capacity(2);
    from.by_ref().take(2).read_to_end(&mut start)?;
    let order = match start[..] {
        [0xff, 0xfe] => u16::from_le_bytes as fn([u8; 2]) -> u16,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return Ok(Box::new(io::Cursor::new(start).chain(from))),
    };
    Ok(Box::new(BufReader::new(Utf16 { from, order, high: None, ready: Vec::new() })))
}

/// Text in UTF-16, read as UTF-8.
struct Utf16 {
    from: Input,
    order: fn([u8; 2]) -> u16,
    /// The first half of a character whose second half has not come.
    high: Option<u16>,
    /// What was decoded and not taken yet, in reverse.
    ready: Vec<u8>,
}

impl Read for Utf16 {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            if let Some(byte) = self.ready.pop() {
                out[filled] = byte;
                filled += 1;
                continue;
            }
            // Nobody waits for more than there is.
            if filled > 0 && out[filled - 1] == b'\n' {
                break;
            }
            let mut unit = Vec::with_capacity(2);
            self.from.by_ref().take(2).read_to_end(&mut unit)?;
            let unit = match unit[..] {
                [] if self.high.is_none() => break,
                [a, b] => Some((self.order)([a, b])),
                _ => None,
            };
            let units = self.high.take().into_iter().chain(unit);
            let mut chars = char::decode_utf16(units.collect::<Vec<_>>()).peekable();
            if let (Some(unit), Some(Err(_))) = (unit, chars.peek())
                && (0xd800..0xdc00).contains(&unit)
            {
                self.high = Some(unit);
                continue;
            }
            let text: String = match unit {
                Some(_) => chars.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
                None => char::REPLACEMENT_CHARACTER.to_string(),
            };
            self.ready.extend(text.bytes().rev());
        }
        Ok(filled)
    }
}

/// The error of an input that cannot be read.
pub(super) fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => truncated("import").because(error),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::codec("the compressed import is damaged").because(error)
        }
        _ => Error::new(ErrorKind::LocalFile, "cannot read the import").because(error),
    }
}

/// Reads line by line, and counts what was of no use.
pub(super) struct Lines {
    from: Input,
    line: Vec<u8>,
    number: u64,
    waste: Waste,
}

/// Counts what was of no use.
#[derive(Default)]
pub(super) struct Waste(usize);

impl Waste {
    /// Notes a piece; an error of code `bomb` when there have been too many.
    pub(super) fn note(&mut self, bytes: usize) -> Result<()> {
        self.0 += bytes.max(LEAST_WASTE);
        if self.0 <= MAX_WASTE {
            return Ok(());
        }
        Err(Error::codec("too much of the import means nothing; it is not read any further")
            .coded("bomb"))
    }
}

/// What came.
pub(super) enum Came {
    /// A line.
    Line,
    /// The input is over.
    End,
    /// The last line has no end.
    CutOff,
    /// The line is longer than any that is written.
    TooLong,
}

impl Lines {
    pub(super) fn new(from: Input) -> Self {
        Lines { from, line: Vec::new(), number: 0, waste: Waste::default() }
    }

    /// The number of the last line.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, without its end.
    pub(super) fn advance(&mut self) -> Result<Came> {
        self.line.clear();
        self.number += 1;
        let limit = MAX_LINE as u64 + 1;
        let read = self.from.by_ref().take(limit).read_until(b'\n', &mut self.line);
        let read = read.map_err(unreadable)?;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
            return Ok(Came::Line);
        }
        if read > MAX_LINE {
            self.line = Vec::new();
            self.skip_line(read)?;
            return Ok(Came::TooLong);
        }
        Ok(if read == 0 { Came::End } else { Came::CutOff })
    }

    /// The line, or what there is of one that was cut off.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Notes that the line was of no use.
    pub(super) fn waste_line(&mut self) -> Result<()> {
        self.waste.note(self.line.len())
    }

    fn skip_line(&mut self, already: usize) -> Result<()> {
        self.waste.note(already)?;
        loop {
            let buffer = self.from.fill_buf().map_err(unreadable)?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|&c| c == b'\n');
            let used = end.map_or(buffer.len(), |at| at + 1);
            self.from.consume(used);
            self.waste.note(used)?;
            if end.is_some() {
                return Ok(());
            }
        }
    }
}
