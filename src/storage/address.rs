//! The one syntax that names every store.
//!
//! ```text
//! ADDR   = KIND | scheme ":" location [ "?" PARAMS ]
//! PARAMS = key "=" value *( "&" key "=" value )
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::{REDACTED, Secrets, parse_duration, percent_decode, port_that_is_none};

/// Where a store is, and how to open it.
///
/// `Display` gives the canonical spelling: parameters sorted, no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    scheme: String,
    location: Option<String>,
    params: BTreeMap<String, String>,
    password: Option<String>,
}

impl Address {
    /// The address of a kind of backend with its defaults.
    pub fn kind(kind: &str) -> Self {
        Address { scheme: kind.to_owned(), location: None, params: BTreeMap::new(), password: None }
    }

    /// The scheme, such as `file` or `rediss`.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands behind the scheme's colon, without the parameters; `None` for a bare kind.
    pub fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// The location as a path in the file system, percent-decoding undone.
    ///
    /// # Errors
    /// `Usage` for `file://host/…` and for an empty path.
    pub fn path(&self) -> Result<Option<PathBuf>> {
        let Some(location) = &self.location else { return Ok(None) };
        let path = match location.strip_prefix("//") {
            Some(rest) if rest.starts_with('/') => rest,
            Some(_) => {
                let scheme = &self.scheme;
                return Err(self
                    .refuse("it names a host, but this store is a local path")
                    .try_this(format!("{scheme}:relative/path or {scheme}:///absolute/path")));
            }
            None => location,
        };
        if path.is_empty() {
            return Err(self.refuse("the path is missing"));
        }
        Ok(Some(bytes_to_path(percent_decode(path.as_bytes()))))
    }

    /// The same address with another path.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        let text = path.to_string_lossy().replace('%', "%25").replace('?', "%3F");
        self.location = Some(if text.starts_with('/') { format!("//{text}") } else { text });
        self
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// All parameters, sorted by name.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The same address with this parameter.
    #[must_use]
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.insert(name.into(), value.into());
        self
    }

    /// The same address without this parameter.
    #[must_use]
    pub fn without_param(mut self, name: &str) -> Self {
        self.params.remove(name);
        self
    }

    /// The same address with a password that was given beside it, and is never shown.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The password that was given beside the address. One may also stand in the location.
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// A parameter that is a span of time; `none` and absent are `None`.
    ///
    /// # Errors
    /// `Usage` when it is not one.
    pub fn duration(&self, name: &str) -> Result<Option<Duration>> {
        self.param(name).map_or(Ok(None), |value| {
            parse_duration(value).map_err(|e| {
                let hint = format!("{name}={}", e.hint().unwrap_or_default());
                self.refuse(&format!("{name} is a duration, not {value:?}")).try_this(hint)
            })
        })
    }

    /// A parameter that is `true` or `false`.
    ///
    /// # Errors
    /// `Usage` when it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        match self.param(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(self.refuse(&format!("{name} is true or false, not {other:?}"))),
        }
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// `Usage` when it is not one, or too large.
    pub fn number(&self, name: &str) -> Result<Option<usize>> {
        self.param(name)
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| self.refuse(&format!("{name} is a number, not {value:?}")))
            })
            .transpose()
    }

    /// An error about this address.
    pub(crate) fn refuse(&self, why: &str) -> Error {
        Error::usage(format!("the address {self} cannot be used: {why}")).coded("bad_address")
    }

    fn parse_params(text: &str) -> Result<BTreeMap<String, String>, String> {
        let mut params = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(format!("parameter {pair:?} has no value"));
            };
            let decode = |text: &str| {
                String::from_utf8(percent_decode(text.as_bytes()))
                    .map_err(|_| format!("parameter {name:?} is not UTF-8"))
            };
            if params.insert(decode(name)?, decode(value)?).is_some() {
                return Err(format!("parameter {name:?} is given twice"));
            }
        }
        Ok(params)
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Reads a bare kind or a URI. Whether the scheme and the parameters exist is for the
    /// drivers to say.
    fn from_str(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            let shown = Secrets::built_in().text(text).into_owned();
            Error::usage(format!("{shown:?} is not the address of a store: {why}"))
                .coded("bad_address")
        };
        if has_text_as_port(text) {
            return Err(refuse("what stands behind a host's colon is no port")
                .try_this("in a password, %2F stands for /, %3F for ?, %23 for # and %40 for @"));
        }
        let (place, params) = match text.split_once('?') {
            Some((place, params)) => {
                (place, Address::parse_params(params).map_err(|why| refuse(&why))?)
            }
            None => (text, BTreeMap::new()),
        };
        let (scheme, location) = match place.split_once(':') {
            Some((scheme, location)) => (scheme, Some(location.to_owned())),
            None => (place, None),
        };
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        if !is_scheme {
            let error = refuse("it has no scheme");
            let is_path = text.starts_with(['.', '/', '~']);
            return Err(if is_path { error.try_this(format!("file:{text}")) } else { error });
        }
        Ok(Address { scheme: scheme.to_ascii_lowercase(), location, params, password: None })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        if let Some(location) = &self.location {
            f.write_str(":")?;
            f.write_str(&without_password(&self.scheme, location))?;
        }
        for (i, (name, value)) in self.params().enumerate() {
            f.write_str(if i == 0 { "?" } else { "&" })?;
            let value = if is_secret(name) { REDACTED } else { value };
            write!(f, "{}={}", escaped(name), escaped(value))?;
        }
        Ok(())
    }
}

/// As `Display`: no password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// Whether a parameter of this name would hold a secret; no store has such a one, but somebody
/// may have typed it.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.ends_with("_file")
        && ["password", "passwd", "secret", "token", "access_key"].iter().any(|s| name.contains(s))
}

/// `//user:pass@host/…` without `:pass`, wherever that ends; a path stays as it is.
fn without_password(scheme: &str, location: &str) -> String {
    let (slashes, rest) = match location.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => return location.to_owned(),
        Some(rest) => ("//", rest),
        None if matches!(scheme, "file" | "sqlite") => return location.to_owned(),
        None => ("", location),
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let has_login = rest[..end].contains('@') || rest[..end].contains(':') || slashes.is_empty();
    match rest.rfind('@').filter(|_| has_login) {
        Some(at) if slashes.is_empty() => format!("{REDACTED}{}", &rest[at..]),
        Some(at) => {
            let user = rest[..at].split([':', '/']).next().unwrap_or_default();
            let at_sign = if user.is_empty() { "" } else { "@" };
            format!("//{user}{at_sign}{}", &rest[at + 1..])
        }
        None => location.to_owned(),
    }
}

/// Whether no number stands where a port should: mostly a password that nothing tells from it.
fn has_text_as_port(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| port_that_is_none(rest).is_some())
}

/// Only what would end or split a parameter is escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '&' => out.push_str("%26"),
            '=' => out.push_str("%3D"),
            '#' => out.push_str("%23"),
            ' ' => out.push_str("%20"),
            c => out.push(c),
        }
    }
    out
}

/// The path that these bytes spell.
#[cfg(unix)]
pub(crate) fn bytes_to_path(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
pub(crate) fn bytes_to_path(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_relative_absolute_and_decoded() {
        for (text, path) in [
            ("file:cache", Some("cache")),
            ("file:./a%3Fb%25c", Some("./a?b%c")),
            ("sqlite:/abs/x.db", Some("/abs/x.db")),
            ("sqlite:///abs/x.db?table=t", Some("/abs/x.db")),
            ("file", None),
        ] {
            assert_eq!(address(text).path().unwrap(), path.map(PathBuf::from), "{text}");
        }
        assert!(address("file://host/x").path().is_err());
        assert!(address("file:").path().is_err());
    }

    #[test]
    fn display_is_canonical_and_without_password() {
        for (text, shown) in [
            ("redis", "redis"),
            ("redis://u:p%40ss@h:1/0?ttl=2h&namespace=x", "redis://u@h:1/0?namespace=x&ttl=2h"),
            ("redis://:secret@h", "redis://h"),
            ("redis://u:12/3@h", "redis://u@h"),
            ("s3://b/a@b", "s3://b/a@b"),
            ("file:a:b@c", "file:a:b@c"),
            ("u:secret@h", "u:[redacted]@h"),
            ("redis://h?password=secret", "redis://h?password=[redacted]"),
            ("redis://h?password_file=x", "redis://h?password_file=x"),
            ("file:a%3Fb", "file:a%3Fb"),
            ("FILE:x", "file:x"),
            ("s3://b/p?prefix=", "s3://b/p?prefix="),
        ] {
            assert_eq!(address(text).to_string(), shown, "{text}");
            assert_eq!(address(shown).to_string(), shown, "reading back changes nothing");
        }
        assert!(!format!("{:?}", address("redis://:secret@h")).contains("secret"));
    }

    #[test]
    fn a_password_that_is_not_escaped_is_refused_and_not_repeated() {
        for text in [
            "redis://:se/cr@et@h:1/0",
            "redis://:se?cr=et@h",
            "redis://u:se#cret@h/0",
            "rediss://h:secret",
            "redis://a:1,b:secret/0",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.code(), "bad_address", "{text}");
            let said = format!("{error} {error:?}");
            assert!(!["se/", "se?", "se#", "cret"].iter().any(|s| said.contains(s)), "{said}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_way_out() {
        assert_eq!("./cache".parse::<Address>().unwrap_err().hint(), Some("file:./cache"));
        for text in ["", "file:x?ttl", "file:x?a=1&a=2", "fi le:x", ":x", "?a=b"] {
            assert_eq!(text.parse::<Address>().unwrap_err().code(), "bad_address", "{text}");
        }
        let error = "redis://:secret@h?x".parse::<Address>().unwrap_err();
        assert!(!error.message().contains("secret"), "{error}");
    }

    #[test]
    fn typed_parameters_are_read_or_refused() {
        let a = address("file:x?ttl=2h&readonly=true&capacity=5&bad=maybe");
        assert_eq!(a.duration("ttl").unwrap(), Some(Duration::from_secs(7200)));
        assert_eq!(a.flag("readonly").unwrap(), Some(true));
        assert_eq!(a.number("capacity").unwrap(), Some(5));
        assert!(a.duration("bad").is_err() && a.flag("bad").is_err() && a.number("bad").is_err());
        assert_eq!(a.param("absent"), None);
    }

    #[test]
    fn with_path_reads_back_as_the_same_path() {
        for path in ["a?b%c", "/abs/x"] {
            let address = address("file:x").with_path(Path::new(path));
            assert_eq!(address.path().unwrap(), Some(PathBuf::from(path)));
        }
    }
}
