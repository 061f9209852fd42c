//! Header fields as they came: ordered, repeated, not always UTF-8.

use std::fmt;

use super::secrets::Secrets;

/// An ordered list of header fields. Names keep their letter case and compare
/// without it; values are bytes; repeated fields stay apart.
///
/// All text lies in one buffer, so a list of any length costs two allocations.
#[derive(Clone, Default)]
pub struct Headers {
    text: Vec<u8>,
    fields: Vec<Span>,
}

/// `text[name..value]` is the name, `text[value..end]` the value.
#[derive(Clone, Copy)]
struct Span {
    name: usize,
    value: usize,
    end: usize,
}

impl Headers {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with room for `fields` fields of `bytes` bytes together.
    pub fn with_capacity(fields: usize, bytes: usize) -> Self {
        Headers { text: Vec::with_capacity(bytes), fields: Vec::with_capacity(fields) }
    }

    /// Appends a field behind all others, also when its name is there already.
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let start = self.text.len();
        self.text.extend_from_slice(name.as_ref());
        let middle = self.text.len();
        self.text.extend_from_slice(value.as_ref());
        self.fields.push(Span { name: start, value: middle, end: self.text.len() });
    }

    /// The same list with one more field, for building in one expression.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.push(name, value);
        self
    }

    /// Number of field lines.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Bytes of all names and values together.
    pub fn text_bytes(&self) -> usize {
        self.fields.iter().map(|s| s.end - s.name).sum()
    }

    /// The fields in order, as (name, value).
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> + Clone {
        self.fields.iter().map(|s| (&self.text[s.name..s.value], &self.text[s.value..s.end]))
    }

    /// All values of this field, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The first value of this field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The first value of this field as text, with whatever is not UTF-8 replaced.
    pub fn get_text(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// Whether the field is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All lines of the field as one list (RFC 9110 section 5.3), or nothing when it is absent.
    pub fn joined(&self, name: &str) -> Option<Vec<u8>> {
        let mut lines = self.get_all(name);
        let mut joined = lines.next()?.to_vec();
        for line in lines {
            joined.extend_from_slice(b", ");
            joined.extend_from_slice(line);
        }
        Some(joined)
    }

    /// Keeps only the fields for which `keep(name, value)` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let text = &self.text;
        self.fields.retain(|s| keep(&text[s.name..s.value], &text[s.value..s.end]));
    }

    /// Drops every line of this field; tells whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.len();
        self.retain(|n, _| !n.eq_ignore_ascii_case(name.as_bytes()));
        self.len() < before
    }

    /// Replaces every line of this field by this one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.remove(name);
        self.push(name, value);
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Headers::new();
        headers.extend(fields);
        headers
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }
}

/// Shows names and values; credentials are hidden.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = Secrets::built_in();
        f.debug_map()
            .entries(self.iter().map(|(name, value)| {
                let name = String::from_utf8_lossy(name);
                let value = secrets.header_value(&name, value).into_owned();
                (name, value)
            }))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        Headers::new()
            .with("Set-Cookie", "a=1")
            .with("ETag", "\"x\"")
            .with("set-cookie", "b=2")
            .with("X-Latin", b"caf\xe9")
    }

    #[test]
    fn order_case_and_repeats_are_kept() {
        let names: Vec<_> = sample().iter().map(|(n, _)| n.to_vec()).collect();
        assert_eq!(names, [&b"Set-Cookie"[..], b"ETag", b"set-cookie", b"X-Latin"]);
        assert_eq!(sample().joined("SET-COOKIE").unwrap(), b"a=1, b=2");
        assert_eq!(sample().get("x-latin").unwrap(), b"caf\xe9");
    }

    #[test]
    fn removing_and_setting_touch_every_line_of_a_name() {
        let mut headers = sample();
        headers.set("SET-cookie", "c=3");
        assert_eq!(headers.get_all("set-cookie").collect::<Vec<_>>(), [b"c=3"]);
        assert!(headers.remove("etag"));
        assert!(!headers.remove("etag"));
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn equality_is_by_content_not_by_buffer() {
        let mut shrunk = sample().with("x", "y");
        shrunk.remove("x");
        assert_eq!(shrunk, sample());
        assert_ne!(shrunk, Headers::new());
    }

    #[test]
    fn debug_output_hides_credentials() {
        let shown = format!("{:?}", Headers::new().with("Authorization", "Bearer abc123"));
        assert!(!shown.contains("abc123"), "{shown}");
        assert!(shown.contains("Bearer [redacted]"), "{shown}");
    }
}
