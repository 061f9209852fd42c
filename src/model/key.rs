//! Identity: the key of a lookup, the variant under it, the stamp of a state.

use std::fmt;

use sha2::{Digest, Sha256};

use super::digest::{hex, unhex};
use super::entry::{Method, Selection};
use super::url::UrlText;

/// How keys are made. A key itself is any text; these are the native ones.
#[derive(Debug, Clone, Copy)]
pub struct Key;

/// Length of a native key in hex characters.
const NATIVE_LEN: usize = 32;

/// How much of it all partitions of a URL have in common.
const COMMON_LEN: usize = NATIVE_LEN / 2;

impl Key {
    /// The native key: SHA-256 over `cachectl-key-1`, partition, method and URL, each
    /// ended by a NUL, cut to 128 bits, as 32 lower-case hex characters. The URL counts as it
    /// is when it has been normalised, however another client has spelled it.
    ///
    /// `partition` separates users or tokens that share one store; it is usually empty. The first
    /// half of a key with a partition is that of the key without one, so that all entries of a
    /// URL can be found together: see [`common`](Self::common).
    pub fn native(partition: &str, method: &Method, url: &UrlText) -> String {
        let own = Self::digest(partition, method, url);
        match partition {
            "" => own,
            _ => Self::digest("", method, url)[..COMMON_LEN].to_owned() + &own[COMMON_LEN..],
        }
    }

    /// What native keys for one method and URL begin with, whatever the partition.
    pub fn common(key: &str) -> &str {
        key.get(..COMMON_LEN).filter(|_| Self::is_native(key)).unwrap_or(key)
    }

    fn digest(partition: &str, method: &Method, url: &UrlText) -> String {
        let mut hasher = Sha256::new();
        for part in ["cachectl-key-1", partition, method.as_str(), &url.looked_for()] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        hex(&hasher.finalize()[..NATIVE_LEN / 2])
    }

    /// Whether this text has the form of a native key.
    pub fn is_native(key: &str) -> bool {
        key.len() == NATIVE_LEN && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// Which of the entries under one key: empty without `Vary`, else a digest of the
/// selecting request fields; in foreign layouts whatever tells their entries apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Variant(Box<str>);

impl Variant {
    /// The variant of an entry whose response has no `Vary`.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes the text as it is, for variants that come out of a store.
    pub fn verbatim(text: impl Into<Box<str>>) -> Self {
        Variant(text.into())
    }

    /// The variant that these selecting fields name: 64 bits of SHA-256 in hex.
    pub fn of(selection: &Selection) -> Self {
        if selection.is_empty() {
            return Self::none();
        }
        let mut hasher = Sha256::new();
        for field in selection {
            hasher.update(field.name.as_bytes());
            hasher.update([0]);
            match &field.value {
                Some(value) => {
                    hasher.update([1]);
                    hasher.update((value.len() as u64).to_le_bytes());
                    hasher.update(value);
                }
                None => hasher.update([0]),
            }
        }
        Variant(hex(&hasher.finalize()[..8]).into())
    }

    /// That of an entry which answers the same as one with this variant, and is not given out
    /// while that one is there. Layouts of others have such.
    #[cfg(feature = "foreign")]
    pub(crate) fn behind(&self, number: &str) -> Self {
        Variant(format!("{}{BEHIND}{number}", self.0).into())
    }

    /// Whether the entry stands behind another that answers the same.
    pub fn is_behind(&self) -> bool {
        self.0.contains(BEHIND)
    }

    /// The method of the answered request, where that is part of it; empty for GET.
    fn method(&self) -> &str {
        let end = self.0.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(self.0.len());
        &self.0[..end]
    }

    /// Whether both are of answers to the same method.
    pub(crate) fn is_of_same_method(&self, other: &Variant) -> bool {
        self.method() == other.method()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Between a variant and the number of an entry behind it.
const BEHIND: char = '~';

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Names one entry: a key and the variant under it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The key, any text.
    pub key: String,
    /// The variant, empty without `Vary`.
    pub variant: Variant,
}

impl EntryId {
    /// The entry of this key and variant.
    pub fn new(key: impl Into<String>, variant: Variant) -> Self {
        EntryId { key: key.into(), variant }
    }

    /// Eight bytes that tell entries apart well enough for counting.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        hasher.update(self.key.as_bytes());
        hasher.update(&[0]);
        hasher.update(self.variant.as_str().as_bytes());
        hasher.digest()
    }
}

/// Key, and the variant behind a `#` when there is one.
impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if !self.variant.as_str().is_empty() {
            write!(f, "#{}", self.variant)?;
        }
        Ok(())
    }
}

/// Changes whenever a stored entry changes: a nonce in native layouts, a digest of
/// the stored bytes in foreign ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp(u128);

impl Stamp {
    /// A stamp that no entry has had before.
    ///
    /// 128 bits of SHA-256 over the clock, the process, a counter and the randomness
    /// that the standard library seeds its hash maps with.
    pub fn fresh() -> Self {
        use std::hash::{BuildHasher, RandomState};
        use std::sync::LazyLock;
        use std::sync::atomic::{AtomicU64, Ordering};

        static SEED: LazyLock<[u64; 2]> = LazyLock::new(|| {
            let draw = || RandomState::new().hash_one(std::process::id());
            [draw(), draw()]
        });
        static COUNT: AtomicU64 = AtomicU64::new(0);

        let clock = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_nanos());
        let mut hasher = Sha256::new();
        hasher.update(SEED[0].to_le_bytes());
        hasher.update(SEED[1].to_le_bytes());
        hasher.update(std::process::id().to_le_bytes());
        hasher.update(COUNT.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        hasher.update(clock.to_le_bytes());
        Self::of_digest(&hasher.finalize())
    }

    /// The stamp of an entry that has no nonce: a digest of what is stored.
    pub fn of_bytes(stored: &[u8]) -> Self {
        Stamp(xxhash_rust::xxh3::xxh3_128(stored))
    }

    fn of_digest(digest: &[u8]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Stamp(u128::from_be_bytes(bytes))
    }

    /// The 16 bytes.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From the 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Stamp(u128::from_be_bytes(bytes))
    }

    /// From 32 hex characters.
    pub fn parse(text: &str) -> Option<Self> {
        unhex::<16>(text).map(Self::from_bytes)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Selecting;
    use super::*;

    #[test]
    fn k1_the_native_key_is_frozen() {
        let url = UrlText::parse("https://example.com/x").unwrap();
        // printf 'cachectl-key-1\0\0GET\0https://example.com/x\0' | sha256sum | cut -c1-32
        assert_eq!(Key::native("", &Method::GET, &url), "1e0569c7a1546755e64b7a901a382e1b");
        assert!(Key::is_native(&Key::native("", &Method::GET, &url)));
    }

    #[test]
    fn k1_partition_method_and_url_cannot_run_into_each_other() {
        let url = |text: &str| UrlText::verbatim(text);
        let keys = [
            Key::native("", &Method::GET, &url("https://e.org/")),
            Key::native("", &Method::POST, &url("https://e.org/")),
            Key::native("GET", &Method::GET, &url("https://e.org/")),
            Key::native("GET", &Method::POST, &url("https://e.org/")),
            Key::native("", &Method::GET, &url("https://e.org/?")),
        ];
        assert_eq!(Key::common(&keys[0]), Key::common(&keys[2]));
        assert_eq!(Key::common(&keys[1]), Key::common(&keys[3]));
        assert_ne!(Key::common(&keys[0]), Key::common(&keys[1]));
        assert_eq!(Key::common("any text"), "any text");
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn variants_tell_absent_from_empty() {
        let field = |value: Option<&str>| {
            vec![Selecting { name: "accept".into(), value: value.map(|v| v.as_bytes().to_vec()) }]
        };
        assert_eq!(Variant::of(&vec![]), Variant::none());
        assert_ne!(Variant::of(&field(None)), Variant::of(&field(Some(""))));
        assert_ne!(Variant::of(&field(None)), Variant::none());
    }

    #[test]
    fn fresh_stamps_differ_and_go_through_text() {
        let (a, b) = (Stamp::fresh(), Stamp::fresh());
        assert_ne!(a, b);
        assert_eq!(Stamp::parse(&a.to_string()), Some(a));
        assert_eq!(Stamp::parse("xyz"), None);
    }
}
