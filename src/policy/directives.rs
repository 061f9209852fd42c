//! Cache-Control of requests and responses (RFC 9111 section 5.2).

use crate::model::Headers;

use super::fields::{delta_seconds, is_unclosed, list, list_has, members, trim, unquote};

/// A directive that may name fields: `no-cache`, `private`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Qualified {
    /// Not there.
    #[default]
    Absent,
    /// There without an argument: it holds for the whole response.
    Bare,
    /// There with field names, in lower case: it holds for these fields only.
    Fields(Vec<String>),
}

impl Qualified {
    /// Whether the directive holds for the whole response.
    pub fn is_bare(&self) -> bool {
        *self == Qualified::Bare
    }

    /// The fields it is limited to.
    pub fn fields(&self) -> &[String] {
        match self {
            Qualified::Fields(names) => names,
            _ => &[],
        }
    }

    fn add(&mut self, argument: Option<&[u8]>) {
        let names: Vec<String> = argument
            .map(|value| {
                members(&unquote(value))
                    .map(|name| String::from_utf8_lossy(name).to_ascii_lowercase())
                    .collect()
            })
            .unwrap_or_default();
        match self {
            Qualified::Bare => {}
            // A list that names nothing limits nothing.
            _ if names.is_empty() => *self = Qualified::Bare,
            Qualified::Absent => *self = Qualified::Fields(names),
            Qualified::Fields(known) => known.extend(names),
        }
    }
}

/// What a response says about its storing and reuse. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are the directives'")]
pub struct ResponseDirectives {
    pub no_store: bool,
    pub no_cache: Qualified,
    pub private: Qualified,
    pub public: bool,
    pub must_revalidate: bool,
    pub proxy_revalidate: bool,
    pub must_understand: bool,
    pub immutable: bool,
    pub max_age: Option<u64>,
    pub s_maxage: Option<u64>,
    pub stale_while_revalidate: Option<u64>,
    pub stale_if_error: Option<u64>,
}

impl ResponseDirectives {
    /// Reads every `Cache-Control` line. `Pragma` means nothing in a response (section 5.4).
    pub fn of(headers: &Headers) -> Self {
        let mut found = Self::default();
        for word in words_of_unclosed(headers) {
            match &*word {
                "no-store" => found.no_store = true,
                "no-cache" => found.no_cache = Qualified::Bare,
                "private" => found.private = Qualified::Bare,
                "must-revalidate" => found.must_revalidate = true,
                "proxy-revalidate" => found.proxy_revalidate = true,
                _ => {}
            }
        }
        for directive in list(headers, "cache-control").map(Directive::of) {
            match &*directive.name {
                "no-store" => found.no_store = true,
                "no-cache" => found.no_cache.add(directive.value),
                "private" => found.private.add(directive.value),
                "public" => found.public = true,
                "must-revalidate" => found.must_revalidate = true,
                "proxy-revalidate" => found.proxy_revalidate = true,
                "must-understand" => found.must_understand = true,
                "immutable" => found.immutable = true,
                "max-age" => directive.shortest(&mut found.max_age),
                "s-maxage" => directive.shortest(&mut found.s_maxage),
                "stale-while-revalidate" => directive.shortest(&mut found.stale_while_revalidate),
                "stale-if-error" => directive.shortest(&mut found.stale_if_error),
                _ => {}
            }
        }
        found
    }
}

/// How much staleness a request accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaxStale {
    /// Up to this many seconds.
    Secs(u64),
    /// Any.
    Any,
}

impl MaxStale {
    /// Whether a response that is stale for this many seconds is accepted.
    pub fn covers(self, stale_for: u64) -> bool {
        match self {
            MaxStale::Any => true,
            MaxStale::Secs(most) => stale_for <= most,
        }
    }
}

/// What a request says about the answers it accepts. Times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the names are the directives'")]
pub struct RequestDirectives {
    pub no_cache: bool,
    pub no_store: bool,
    pub only_if_cached: bool,
    pub max_age: Option<u64>,
    pub min_fresh: Option<u64>,
    pub max_stale: Option<MaxStale>,
    pub stale_if_error: Option<MaxStale>,
}

impl RequestDirectives {
    /// Reads `Cache-Control`, or `Pragma: no-cache` where there is none (section 5.4).
    pub fn of(headers: &Headers) -> Self {
        let mut found = Self::default();
        if !headers.contains("cache-control") {
            found.no_cache = list_has(headers, "pragma", "no-cache");
            return found;
        }
        for word in words_of_unclosed(headers) {
            match &*word {
                "no-cache" => found.no_cache = true,
                "no-store" => found.no_store = true,
                "only-if-cached" => found.only_if_cached = true,
                _ => {}
            }
        }
        for directive in list(headers, "cache-control").map(Directive::of) {
            match &*directive.name {
                "no-cache" => found.no_cache = true,
                "no-store" => found.no_store = true,
                "only-if-cached" => found.only_if_cached = true,
                "max-age" => directive.shortest(&mut found.max_age),
                "min-fresh" => {
                    // An unreadable demand for freshness is the strictest one.
                    let wanted = directive.seconds().unwrap_or(u64::MAX);
                    found.min_fresh = Some(found.min_fresh.map_or(wanted, |m| m.max(wanted)));
                }
                "max-stale" => directive.least_stale(&mut found.max_stale),
                "stale-if-error" => directive.least_stale(&mut found.stale_if_error),
                _ => {}
            }
        }
        found
    }
}

/// The words of lines in which a quoted string never ends, wherever they stand: a directive that
/// forbids counts there too (rule P2).
fn words_of_unclosed(headers: &Headers) -> impl Iterator<Item = String> {
    let lines = headers.get_all("cache-control").filter(|line| is_unclosed(line));
    lines.flat_map(|line| line.split(|&c| matches!(c, b',' | b'"' | b';'))).map(|part| {
        let name = part.split(|&c| c == b'=').next().unwrap_or_default();
        String::from_utf8_lossy(trim(name)).to_ascii_lowercase()
    })
}

/// One member of Cache-Control.
struct Directive<'a> {
    /// In lower case.
    name: String,
    value: Option<&'a [u8]>,
    /// White space around `=` makes the value unreadable, not the directive absent.
    spaced: bool,
}

impl<'a> Directive<'a> {
    fn of(member: &'a [u8]) -> Self {
        let (name, value) = match member.iter().position(|&c| c == b'=') {
            Some(at) => (&member[..at], Some(&member[at + 1..])),
            None => (member, None),
        };
        let trimmed = trim(name);
        let spaced = trimmed.len() < name.len() || value.is_some_and(|v| trim(v).len() < v.len());
        let name = String::from_utf8_lossy(trimmed).to_ascii_lowercase();
        Directive { name, value, spaced }
    }

    fn seconds(&self) -> Option<u64> {
        self.value.filter(|_| !self.spaced).and_then(|v| delta_seconds(&unquote(v)))
    }

    /// Takes the smaller of what is known and this; without a valid value this is 0
    /// (section 4.2.1: stale rather than unlimited).
    fn shortest(&self, known: &mut Option<u64>) {
        let secs = self.seconds().unwrap_or(0);
        *known = Some(known.map_or(secs, |k| k.min(secs)));
    }

    fn least_stale(&self, known: &mut Option<MaxStale>) {
        let this = match self.value {
            None => MaxStale::Any,
            Some(_) => MaxStale::Secs(self.seconds().unwrap_or(0)),
        };
        *known = Some(known.map_or(this, |k| k.min(this)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(value: &str) -> ResponseDirectives {
        ResponseDirectives::of(&Headers::new().with("Cache-Control", value))
    }

    fn request(value: &str) -> RequestDirectives {
        RequestDirectives::of(&Headers::new().with("Cache-Control", value))
    }

    #[test]
    fn p3_names_are_compared_without_case_and_unknown_ones_ignored() {
        let d = response("No-Store, MaX-aGe=5, PRIVATE, x-unknown=1");
        assert!(d.no_store && d.private.is_bare());
        assert_eq!(d.max_age, Some(5));
    }

    #[test]
    fn p4_values_are_tokens_or_quoted_strings() {
        assert_eq!(response("max-age=\"60\"").max_age, Some(60));
        assert_eq!(response("no-cache=set-cookie").no_cache.fields(), ["set-cookie"]);
        assert_eq!(response("private=\"A, b\"").private.fields(), ["a", "b"]);
    }

    #[test]
    fn p6_a_freshness_directive_without_a_valid_value_is_zero() {
        for value in ["-1", "1.5", "'60'", "60s", "", "\"\"", "x", " 60"] {
            assert_eq!(response(&format!("max-age={value}")).max_age, Some(0), "{value:?}");
        }
        assert_eq!(response("max-age").max_age, Some(0));
        assert_eq!(response("max-age =60").max_age, Some(0));
    }

    #[test]
    fn p7_of_repeated_freshness_directives_the_smallest_wins() {
        assert_eq!(response("max-age=60, max-age=5, max-age=90").max_age, Some(5));
        let lines =
            Headers::new().with("cache-control", "max-age=9").with("cache-control", "max-age=8");
        assert_eq!(ResponseDirectives::of(&lines).max_age, Some(8));
    }

    #[test]
    fn p2_in_a_list_that_never_ends_what_forbids_still_counts() {
        let d = response("max-age=3600, foo=\"x, no-store, public, s-maxage=9, private");
        assert!(d.no_store && d.private.is_bare() && !d.public);
        assert_eq!((d.max_age, d.s_maxage), (Some(3600), None));
        assert!(response("foo=\"no-cache").no_cache.is_bare());
        assert!(!response("foo=\"x, no-store\"").no_store);
        assert!(!response("foo=\"x\\\", no-store\"").no_store);
        assert!(request("foo=\", No-Store").no_store);
        let lines =
            Headers::new().with("cache-control", "a=\"").with("cache-control", "b=\"no-store\"");
        assert!(!ResponseDirectives::of(&lines).no_store);
    }

    #[test]
    fn p12_pragma_counts_only_in_requests_without_cache_control() {
        let pragma = Headers::new().with("Pragma", "No-Cache");
        assert!(RequestDirectives::of(&pragma).no_cache);
        let both = pragma.clone().with("Cache-Control", "max-age=9");
        assert!(!RequestDirectives::of(&both).no_cache);
        assert_eq!(ResponseDirectives::of(&pragma), ResponseDirectives::default());
    }

    #[test]
    fn qualified_and_bare_forms_together_are_bare() {
        assert!(response("no-cache=\"a\", no-cache").no_cache.is_bare());
        assert!(response("no-cache, no-cache=\"a\"").no_cache.is_bare());
        assert!(response("private=\"\"").private.is_bare());
    }

    #[test]
    fn of_repeated_request_directives_the_strictest_holds() {
        let d = request("max-stale, max-stale=5, min-fresh=3, min-fresh=9, max-age=7, max-age=8");
        assert_eq!(d.max_stale, Some(MaxStale::Secs(5)));
        assert_eq!((d.min_fresh, d.max_age), (Some(9), Some(7)));
        assert_eq!(request("max-stale=x").max_stale, Some(MaxStale::Secs(0)));
        assert_eq!(request("min-fresh=x").min_fresh, Some(u64::MAX));
    }
}
