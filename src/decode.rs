//! Undoing `Content-Encoding` on the way out; what is stored stays as it was transferred.

use std::io::{self, Write};

use brotli_decompressor::DecompressorWriter;
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::{raw, zio};

use crate::model::Headers;

const BUFFER: usize = 64 * 1024;

/// The codings to ask an origin for, as a value of `Accept-Encoding`.
pub const ACCEPTED: &str = "gzip, br, zstd";

/// A writer that undoes the codings of a response, last applied first undone; `None` for
/// one that is not known.
///
/// Flushing is the last call: it fails when the coded bytes end too early.
pub fn decoder<'a>(headers: &Headers, out: Box<dyn Write + 'a>) -> Option<Box<dyn Write + 'a>> {
    let codings = codings(headers);
    // The first coding was applied first, so it stands next to the output.
    codings.iter().try_fold(out, |out, coding| -> Option<Box<dyn Write + 'a>> {
        let decoder = match coding.as_str() {
            "gzip" | "x-gzip" => Decoder::Gzip(MultiGzDecoder::new(out)),
            "deflate" => Decoder::Deflate(Deflate { state: None, ended: false, out }),
            "br" => Decoder::Brotli(Box::new(DecompressorWriter::new(out, BUFFER))),
            "zstd" => Decoder::Zstd(Box::new(zio::Writer::new(out, raw::Decoder::new().ok()?))),
            _ => return None,
        };
        Some(Box::new(Finishing { decoder, finished: false }))
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

/// Whether a request asks for responses in these codings.
pub fn asks_for(request: &Headers, codings: &[String]) -> bool {
    let members: Vec<String> = request
        .get_all("accept-encoding")
        .flat_map(|line| {
            let line = String::from_utf8_lossy(line).to_ascii_lowercase();
            line.split(',').map(|member| member.trim().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let is_asked = |coding: &str| {
        members.iter().any(|member| {
            let (name, weight) = member.split_once(';').unwrap_or((member, ""));
            let weight = weight.trim().trim_start_matches("q=");
            let is_refused = weight.starts_with('0') && weight.bytes().all(|c| b"0.".contains(&c));
            (name.trim() == coding || name.trim() == "*") && !is_refused
        })
    };
    codings.iter().all(|coding| is_asked(coding))
}

enum Decoder<W: Write> {
    Gzip(MultiGzDecoder<W>),
    Deflate(Deflate<W>),
    Brotli(Box<DecompressorWriter<W>>),
    Zstd(Box<zio::Writer<W, raw::Decoder<'static>>>),
}

/// Flushing ends the stream: the decoder is finished then, and says if something is missing.
struct Finishing<W: Write> {
    decoder: Decoder<W>,
    finished: bool,
}

impl<W: Write> Write for Finishing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.finished {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.write(bytes),
            Decoder::Deflate(decoder) => decoder.write(bytes),
            Decoder::Brotli(decoder) => decoder.write(bytes),
            Decoder::Zstd(decoder) => decoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                decoder.try_finish()?;
                decoder.get_mut().flush()
            }
            Decoder::Deflate(decoder) => decoder.finish(),
            Decoder::Brotli(decoder) => {
                decoder.close()?;
                decoder.flush()
            }
            Decoder::Zstd(decoder) => {
                decoder.finish()?;
                decoder.writer_mut().flush()
            }
        }
    }
}

/// `deflate`: zlib by RFC 9110 section 8.4.1.2, and bare as some servers send it.
struct Deflate<W> {
    /// Nothing before the first byte, which tells the two forms apart.
    state: Option<Decompress>,
    ended: bool,
    out: W,
}

impl<W: Write> Deflate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(first) = bytes.first() else { return Ok(0) };
        // Compression method 8 with a window of at most 32 KiB begins a zlib header.
        let zlib = first & 0x0f == 8 && first >> 4 <= 7;
        let state = self.state.get_or_insert_with(|| Decompress::new(zlib));
        let mut rest = bytes;
        let mut buffer = Vec::with_capacity(BUFFER);
        while !self.ended {
            let before = state.total_in();
            let status = state.decompress_vec(rest, &mut buffer, FlushDecompress::None)?;
            rest = &rest[(state.total_in() - before) as usize..];
            self.ended = status == Status::StreamEnd;
            self.out.write_all(&buffer)?;
            if rest.is_empty() && buffer.len() < buffer.capacity() {
                break;
            }
            buffer.clear();
        }
        Ok(bytes.len())
    }

    fn finish(&mut self) -> io::Result<()> {
        if !self.ended {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
        use flate2::Compression;
        let mut out = Vec::new();
        let level = Compression::default();
        match coding {
            "gzip" => flate2::read::GzEncoder::new(body, level).read_to_end(&mut out),
            "deflate" => flate2::read::ZlibEncoder::new(body, level).read_to_end(&mut out),
            "bare" => flate2::read::DeflateEncoder::new(body, level).read_to_end(&mut out),
            _ => {
                out = zstd::encode_all(body, 3).unwrap();
                Ok(0)
            }
        }
        .unwrap();
        out
    }

    fn decoded(coding: &str, coded: &[u8]) -> io::Result<Vec<u8>> {
        let headers = Headers::new().with("Content-Encoding", coding);
        let mut out = Vec::new();
        let mut decoder = decoder(&headers, Box::new(&mut out)).expect("known");
        for piece in coded.chunks(700) {
            decoder.write_all(piece)?;
        }
        decoder.flush()?;
        drop(decoder);
        Ok(out)
    }

    #[test]
    fn every_coding_is_undone_and_a_missing_end_is_noticed() {
        let body: Vec<u8> = (0..300_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for (name, coding) in
            [("gzip", "gzip"), ("deflate", "deflate"), ("bare", "deflate"), ("zstd", "zstd")]
        {
            let coded = coded(name, &body);
            assert!(decoded(coding, &coded).unwrap() == body, "{name}");
            assert!(decoded(coding, &coded[..coded.len() - 9]).is_err(), "{name} is cut off");
        }
        // printf hello | brotli: an uncompressed meta-block.
        let brotli = [0x0f, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03];
        assert_eq!(decoded("br", &brotli).unwrap(), b"hello");
        assert!(decoded("br", &brotli[..brotli.len() - 1]).is_err(), "br is cut off");
    }
}
