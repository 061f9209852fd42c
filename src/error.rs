//! One error type for the whole library.
//!
//! Rules for writing one: the message says what failed and on which object, in
//! lower case and without a full stop; the cause goes into `source`, never into
//! the message; the way out goes into `hint`. No message, source or hint may
//! carry a password. Absence of an entry is not an error.

use std::error::Error as StdError;
use std::fmt;

/// The result of every fallible call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// What kind of trouble an [`Error`] is, for callers that branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that cannot be: a bad address, a bad parameter.
    Usage,
    /// The store cannot be opened, reached, read or written.
    Store,
    /// Something that was named is not there.
    NotFound,
    /// The work was done in part; the rest failed.
    Partial,
    /// The origin, or the way to it, failed.
    Network,
    /// The caller or the store forbids it: read-only, a guard, a lock held by another.
    Refused,
    /// A local file that is not a store cannot be read or written.
    LocalFile,
    /// Stored bytes cannot be decoded, or their digest is wrong.
    Codec,
    /// The entry was replaced since the caller looked at it.
    Changed,
    /// Something is not what it was to be: the answer to a question is no.
    Differs,
    /// A bug in this crate.
    Internal,
}

/// What went wrong: a kind, a sentence that names the object, the cause and a way out.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    hint: Option<String>,
    transient: bool,
    source: Option<Source>,
}

impl Error {
    /// An error of this kind; `message` names what failed and on what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            code: kind.code(),
            message: message.into(),
            hint: None,
            transient: false,
            source: None,
        }))
    }

    /// A mistake of the caller.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// Trouble with the store.
    pub fn store(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Store, message)
    }

    /// Bytes that cannot be decoded.
    pub fn codec(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Codec, message)
    }

    /// The entry is not the one that the caller saw.
    pub fn changed(key: &str) -> Self {
        Self::new(ErrorKind::Changed, format!("entry {key} was replaced meanwhile"))
    }

    /// The same trouble for another one that it befalls; the causes become text.
    #[must_use]
    pub fn again(&self) -> Self {
        let mut error = Error::new(self.kind(), self.message()).coded(self.code());
        error.0.hint.clone_from(&self.0.hint);
        error.0.transient = self.0.transient;
        match self.causes() {
            causes if causes.is_empty() => error,
            causes => error.because(causes),
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Adds the way out: a command or a setting to try next.
    #[must_use]
    pub fn try_this(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Gives the error a more exact machine-readable name than its kind's.
    #[must_use]
    pub fn coded(mut self, code: &'static str) -> Self {
        self.0.code = code;
        self
    }

    /// Says that the same call may succeed a little later.
    #[must_use]
    pub fn passing(mut self) -> Self {
        self.0.transient = true;
        self
    }

    /// The kind, for callers that branch.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// A stable machine-readable name such as `store_unreachable` or `bad_address`.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What failed and on which object, without the cause.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to try next, when there is something.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    /// Whether trouble with one entry is trouble with all of them: the store as a whole
    /// cannot be used, or this crate has a bug.
    pub fn is_about_all(&self) -> bool {
        const WHOLE: &[&str] = &[
            "no_space",
            "store_unreachable",
            "store_untrusted",
            "store_missing",
            "store_read_only",
            "read_only",
            "wrong_region",
            "clock_skew",
        ];
        self.kind() == ErrorKind::Internal || WHOLE.contains(&self.code())
    }

    /// The causes below the message, outermost first, as one line; empty without one.
    pub fn causes(&self) -> String {
        let mut text = String::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let line = without_numbers(&cause.to_string());
            // Wrappers of foreign crates often repeat what they wrap.
            if !text.contains(&line) {
                if !text.is_empty() {
                    text.push_str(": ");
                }
                text.push_str(&line);
            }
            next = cause.source();
        }
        text
    }
}

/// Without the numbers that the system has for its errors: `(os error 2)`.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split(" (os error ");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|c| c.is_ascii_digit()) => {
                kept.push_str(rest);
            }
            _ => {
                kept.push_str(" (os error ");
                kept.push_str(part);
            }
        }
    }
    kept
}

impl ErrorKind {
    /// The machine-readable name that errors of this kind have when no better one is known.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::Usage => "usage",
            ErrorKind::Store => "store",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Partial => "partial",
            ErrorKind::Network => "network",
            ErrorKind::Refused => "refused",
            ErrorKind::LocalFile => "local_file",
            ErrorKind::Codec => "undecodable",
            ErrorKind::Changed => "changed",
            ErrorKind::Differs => "differs",
            ErrorKind::Internal => "internal",
        }
    }
}

/// The message; with `{:#}`, the causes after it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match f.alternate().then(|| self.causes()) {
            Some(causes) if !causes.is_empty() => write!(f, ": {causes}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        let causes = self.causes();
        if !causes.is_empty() {
            write!(f, ": {causes}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

/// What a parser says about its input, without the texts that it quotes: these are another's
/// header values as likely as not, and may be of any length.
#[cfg_attr(not(feature = "_records"), allow(dead_code, reason = "who reads documents says it"))]
pub(crate) fn unquoted(said: impl fmt::Display) -> String {
    const BEFORE: &str = "string \"";
    let said = said.to_string();
    let Some(at) = said.find(BEFORE) else { return said };
    let (begin, rest) = said.split_at(at + BEFORE.len());
    let mut escaped = false;
    let end = rest.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let rest = end.map_or("", |end| &rest[end + 1..]);
    format!("{}{rest}", begin.trim_end_matches([' ', '"']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_parser_quotes_is_not_repeated() {
        let wrong = serde_json::from_str::<u8>(r#""a \"secret\" of mine""#).unwrap_err();
        assert_eq!(unquoted(&wrong), "invalid type: string, expected u8 at line 1 column 22");
        let torn = serde_json::from_str::<u8>("{").unwrap_err();
        assert_eq!(unquoted(&torn), torn.to_string());
    }

    #[test]
    fn causes_are_one_line_without_repeats() {
        let inner = std::io::Error::other("connection refused");
        let middle = Error::store("cannot reach x").because(inner);
        let outer = Error::store("cannot open x").because(middle);
        assert_eq!(outer.causes(), "cannot reach x: connection refused");
    }

    #[test]
    fn causes_have_no_numbers_of_the_system() {
        let absent = std::io::Error::from_raw_os_error(2);
        let error = Error::store("cannot open x").because(absent);
        assert_eq!(error.causes(), "No such file or directory");
        let text = "a (os error 1) b (os error x) (os error";
        assert_eq!(without_numbers(text), "a b (os error x) (os error");
    }

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
