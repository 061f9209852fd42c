//! Undoing `Content-Encoding` on the way out; what is stored stays as it was transferred.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use cachectl::Headers;

const BUFFER: usize = 64 * 1024;

/// The codings that `--compressed` asks for.
pub const ACCEPTED: &str = "gzip, br, zstd";

/// A writer that undoes the codings of a response, last applied first undone; `None` for
/// one that is not known.
pub fn decoder<'a>(headers: &Headers, out: Box<dyn Write + 'a>) -> Option<Box<dyn Write + 'a>> {
    let codings = codings(headers);
    // The first coding was applied first, so it stands next to the output.
    codings.iter().try_fold(out, |out, coding| -> Option<Box<dyn Write + 'a>> {
        Some(match coding.as_str() {
            "gzip" | "x-gzip" => Box::new(Finishing(Some(flate2::write::MultiGzDecoder::new(out)))),
            "br" => Box::new(DecompressorWriter::new(out, BUFFER)),
            "zstd" => Box::new(zstd::stream::write::Decoder::new(out).ok()?.auto_flush()),
            _ => return None,
        })
    })
}

/// The codings of a response in the order in which they were applied.
pub fn codings(headers: &Headers) -> Vec<String> {
    headers
        .get_all("content-encoding")
        .flat_map(|line| {
            String::from_utf8_lossy(line)
                .split(',')
                .map(|coding| coding.trim().to_ascii_lowercase())
                .collect::<Vec<_>>()
        })
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect()
}

/// Flushing is the last call: the decoder is finished then, and says if something is missing.
struct Finishing<W: Write>(Option<flate2::write::MultiGzDecoder<W>>);

impl<W: Write> Write for Finishing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Some(decoder) => decoder.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.take() {
            Some(decoder) => decoder.finish()?.flush(),
            None => Ok(()),
        }
    }
}
