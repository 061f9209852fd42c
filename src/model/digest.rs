//! What is known of a body without reading it: its length and its digests.

use std::fmt;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

/// No body is longer, in bytes (an exbibyte): lengths can be added up without a thought.
#[cfg(any(feature = "_records", feature = "interchange"))]
pub(crate) const MAX_BODY: u64 = 1 << 60;

/// Length and digests of a stored body, as transferred (content coding intact).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyFacts {
    /// Length in bytes.
    pub bytes: u64,
    /// XXH3-64: checked on every read. `None` where a foreign layout has none.
    pub xxh3: Option<u64>,
    /// SHA-256: what `inspect`, archives, `diff` and migration use.
    pub sha256: Option<Sha256Digest>,
}

impl BodyFacts {
    /// The facts of a body in hand.
    pub fn of(body: &[u8]) -> Self {
        let mut digest = BodyDigest::new();
        digest.update(body);
        digest.finish()
    }
}

/// Computes [`BodyFacts`] while a body passes by.
#[derive(Clone)]
pub struct BodyDigest {
    bytes: u64,
    xxh3: Xxh3,
    sha256: Sha256,
}

impl BodyDigest {
    /// Before the first byte.
    pub fn new() -> Self {
        BodyDigest { bytes: 0, xxh3: Xxh3::new(), sha256: Sha256::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, chunk: &[u8]) {
        self.bytes += chunk.len() as u64;
        self.xxh3.update(chunk);
        self.sha256.update(chunk);
    }

    /// Bytes seen up to now.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The facts of everything seen.
    pub fn finish(self) -> BodyFacts {
        BodyFacts {
            bytes: self.bytes,
            xxh3: Some(self.xxh3.digest()),
            sha256: Some(Sha256Digest(self.sha256.finalize().into())),
        }
    }
}

impl Default for BodyDigest {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyDigest").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// A SHA-256 digest; its text form is 64 lower-case hex characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// The digest of bytes in hand.
    pub fn of(bytes: &[u8]) -> Self {
        Sha256Digest(Sha256::digest(bytes).into())
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text).map(Sha256Digest)
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Exactly `N` bytes out of lower- or upper-case hex.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |c: u8| char::from(c).to_digit(16);
        *byte = (nibble(pair[0])? * 16 + nibble(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_published_test_vectors() {
        let facts = BodyFacts::of(b"abc");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(facts.sha256.unwrap().to_string(), sha256);
        assert_eq!(facts.xxh3, Some(0x78af_5f94_892f_3950));
        assert_eq!(facts.bytes, 3);
    }

    #[test]
    fn hex_goes_there_and_back() {
        assert_eq!(unhex::<3>(&hex(&[0, 0xab, 0xff])), Some([0, 0xab, 0xff]));
        assert_eq!(unhex::<1>("a"), None);
        assert_eq!(unhex::<1>("xy"), None);
    }
}
