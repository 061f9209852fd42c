//! Messages that agree with themselves: what the header says of the body is true of the
//! bytes that are written with it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::decode::{codings, decoder};
use crate::model::{BodyDigest, BodyFacts, Headers};

/// Where the original value of `Content-Encoding` goes once it is no longer true.
pub(super) const ORIGINAL_CODING: &str = "X-Cachectl-Original-Content-Encoding";

/// Fields that speak of one connection; no file is one.
const OF_THE_CONNECTION: &[&str] = &[
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authentication-info",
    "te",
    "trailer",
    "upgrade",
];

/// A body may grow to this size whatever it was before,
const ALWAYS_DECODED: u64 = 64 << 20;
/// and beyond it to this multiple: more is a bomb, and stays as it is.
const MOST_EXPANSION: u64 = 1000;

/// Drops what belongs to a connection.
pub(super) fn strip_connection(headers: &mut Headers) {
    headers.retain(|name, _| {
        !OF_THE_CONNECTION.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(name))
    });
}

/// Makes the header of a response true of a body of this length, its codings undone: a strong
/// validator is none of these bytes (RFC 9110 section 8.8.3.3).
pub(super) fn as_decoded(headers: &mut Headers, bytes: u64) {
    rename(headers, "content-encoding", ORIGINAL_CODING);
    if let Some(tag) = headers.get("etag").filter(|tag| tag.starts_with(b"\"")) {
        let weak = [b"W/", tag].concat();
        headers.set("ETag", weak);
    }
    headers.set("Content-Length", bytes.to_string());
}

/// Makes `Content-Length` true, if there is one.
pub(super) fn with_length(headers: &mut Headers, bytes: u64) {
    let length = bytes.to_string();
    if headers.get_all("content-length").any(|value| value != length.as_bytes()) {
        headers.set("Content-Length", length);
    }
}

fn rename(headers: &mut Headers, old: &str, new: &str) {
    if !headers.contains(old) {
        return;
    }
    *headers = headers
        .iter()
        .map(|(name, value)| match name.eq_ignore_ascii_case(old.as_bytes()) {
            true => (new.as_bytes(), value),
            false => (name, value),
        })
        .collect();
}

/// Whether a content coding was applied to the body of this response.
pub(super) fn is_coded(headers: &Headers) -> bool {
    !codings(headers).is_empty()
}

/// Copies a stored body with its codings undone. Fails without harm when a coding is not
/// known, the bytes are not of it, or they expand without measure; the output has to be
/// thrown away then.
pub(super) fn copy_decoded(
    mut body: impl Read + Seek,
    headers: &Headers,
    to: &mut dyn Write,
) -> io::Result<()> {
    let stored = body.seek(SeekFrom::End(0))?;
    body.rewind()?;
    let limit = ALWAYS_DECODED.max(stored.saturating_mul(MOST_EXPANSION));
    let limited = Limited { to, left: limit };
    let mut decoder = decoder(headers, Box::new(limited))
        .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "unknown content coding"))?;
    io::copy(&mut body, &mut decoder)?;
    // Nothing at all is what some servers send as the coded form of nothing.
    if stored > 0 { decoder.flush() } else { Ok(()) }
}

struct Limited<'a> {
    to: &'a mut dyn Write,
    left: u64,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it expands too much"))?;
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Looks at bytes that pass: their digests, and whether they are UTF-8.
pub(super) struct Look {
    digest: BodyDigest,
    utf8: bool,
    /// The beginning of a character that the last bytes cut.
    cut: Vec<u8>,
}

impl Look {
    pub(super) fn new() -> Self {
        Look { digest: BodyDigest::new(), utf8: true, cut: Vec::new() }
    }

    /// Their facts, and whether they are UTF-8.
    pub(super) fn finish(self) -> (BodyFacts, bool) {
        (self.digest.finish(), self.utf8 && self.cut.is_empty())
    }

    fn check(&mut self, bytes: &[u8]) {
        let mut text = std::mem::take(&mut self.cut);
        text.extend_from_slice(bytes);
        if let Err(e) = std::str::from_utf8(&text) {
            match e.error_len() {
                None => self.cut = text.split_off(e.valid_up_to()),
                Some(_) => self.utf8 = false,
            }
        }
    }
}

impl Write for Look {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        if self.utf8 {
            self.check(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_cut_is_still_a_character() {
        let text = "a€b😀".as_bytes();
        for at in 0..=text.len() {
            let mut look = Look::new();
            look.write_all(&text[..at]).unwrap();
            look.write_all(&text[at..]).unwrap();
            assert!(look.finish().1, "cut at {at}");
        }
        for bad in [&b"a\xe2\x82"[..], b"\xff", b"\xe2\x82a"] {
            let mut look = Look::new();
            bad.iter().for_each(|b| look.write_all(&[*b]).unwrap());
            assert!(!look.finish().1, "{bad:?}");
        }
    }

    #[test]
    fn what_expands_without_measure_is_refused() {
        let zeros = vec![0u8; 100 << 20];
        let coded = zstd::encode_all(&zeros[..], 3).unwrap();
        let headers = Headers::new().with("Content-Encoding", "zstd");
        let mut look = Look::new();
        let error = copy_decoded(io::Cursor::new(coded), &headers, &mut look).unwrap_err();
        assert_eq!(error.to_string(), "it expands too much");
        assert!(look.finish().0.bytes <= ALWAYS_DECODED);
    }
}
