//! The way out of a stream, compressed or not.

use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, ErrorKind};

type Inner = BufWriter<Box<dyn Write + Send>>;

/// A buffered stream. Compressed bytes carry no time, so that the same entries give the
/// same file.
pub(super) enum Output {
    Plain(Inner),
    Gzip(Box<GzEncoder<Inner>>),
}

impl Output {
    pub(super) fn new(to: Box<dyn Write + Send>, gzip: bool) -> Self {
        let to = BufWriter::with_capacity(64 * 1024, to);
        match gzip {
            true => Output::Gzip(Box::new(GzEncoder::new(to, Compression::default()))),
            false => Output::Plain(to),
        }
    }

    /// Writes what is still held back.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Output::Plain(mut to) => to.flush(),
            Output::Gzip(encoder) => encoder.finish()?.flush(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Plain(to) => to.write(bytes),
            Output::Gzip(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Plain(to) => to.flush(),
            Output::Gzip(to) => to.flush(),
        }
    }
}

/// The error of an export that cannot be written.
pub(super) fn unwritable(error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, "cannot write the export").because(error)
}
