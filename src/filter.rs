//! Which entries are meant: expressions such as
//! `host ~ '*.example.com' and status in 500..=599 and age > 7d`.
//!
//! ```text
//! expr  = or ;  or = and { "or" and } ;  and = not { "and" not }
//! not   = "not" not | "(" expr ")" | test
//! test  = field op value | field "in" set | field "is" [ "not" ] "null" | "has" "(" name ")"
//! op    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" (glob) | "!~" | "=~" (regular expression)
//! set   = "(" value,… ")" | a..b | a..=b | 4xx
//! ```
//!
//! A filter is pure: it is asked about a head, with the time as an argument.

mod bounds;
mod glob;
mod order;
mod parse;

use std::fmt;
use std::time::Duration;

use regex_lite::Regex;

use crate::error::{Error, Result};
use crate::model::{EntryHead, Timestamp};
use crate::policy::{Settings, State, freshness};

pub use bounds::{Bound, Column, Detail};
pub use glob::glob_matches;
pub use order::SortBy;

/// A set of entries, by what is known of them.
#[derive(Debug, Clone)]
pub struct Filter(Node);

#[derive(Debug, Clone)]
enum Node {
    Everything,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// One of the field's values fulfils it.
    Test(Field, Test),
}

/// What one value has to fulfil.
#[derive(Debug, Clone)]
enum Test {
    Compare(Compare, Value),
    /// The text is matched, or not.
    Glob(String),
    Regex(Box<Regex>),
    In(Vec<Range>),
    IsNull,
    /// There is a value, and none that fulfils this.
    Differs(Box<Test>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// From `low` to `high`, both inclusive; open where there is none.
#[derive(Debug, Clone)]
struct Range {
    low: Option<Value>,
    high: Option<Value>,
}

/// What can be asked about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Key,
    Url,
    Scheme,
    Host,
    Path,
    Query,
    Method,
    Status,
    Type,
    Size,
    Stored,
    Age,
    Idle,
    Created,
    Used,
    FreshUntil,
    Expires,
    Uses,
    State,
    Serializer,
    Tag,
    /// A field of the response.
    Header(String),
    /// A field of the request.
    Request(String),
}

/// How a field's values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Upper and lower case are the same.
    Folded,
    Number,
    Size,
    Span,
    Time,
    State,
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    /// Numbers, sizes, and spans in microseconds.
    Number(i128),
    At(Timestamp),
    /// So long before the moment at which it is asked.
    Ago(Duration),
    State(State),
}

const FIELDS: &[(&str, Field)] = &[
    ("key", Field::Key),
    ("url", Field::Url),
    ("scheme", Field::Scheme),
    ("host", Field::Host),
    ("path", Field::Path),
    ("query", Field::Query),
    ("method", Field::Method),
    ("status", Field::Status),
    ("type", Field::Type),
    ("size", Field::Size),
    ("stored", Field::Stored),
    ("age", Field::Age),
    ("idle", Field::Idle),
    ("created", Field::Created),
    ("used", Field::Used),
    ("fresh_until", Field::FreshUntil),
    ("expires", Field::Expires),
    ("uses", Field::Uses),
    ("state", Field::State),
    ("serializer", Field::Serializer),
    ("tag", Field::Tag),
];

/// What an entry is judged by beside its head.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// How freshness is reckoned.
    pub settings: &'a Settings,
}

impl Filter {
    /// Every entry.
    pub fn everything() -> Self {
        Filter(Node::Everything)
    }

    /// Reads an expression.
    ///
    /// # Errors
    /// `Usage`, with a [`FilterError`] as its source that names the column.
    pub fn parse(text: &str) -> Result<Self> {
        parse::parse(text).map(Filter).map_err(|e| {
            Error::usage("cannot read the filter")
                .because(e)
                .coded("bad_filter")
                .try_this("host ~ '*.example.com' and status in 5xx and age > 7d")
        })
    }

    /// A test of one field with one operator, as an expression of these three words has it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn test(field: &str, operator: &str, value: &str) -> Result<Self> {
        let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
        Self::parse(&format!("{field} {operator} '{quoted}'"))
    }

    /// What both mean.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        Filter(match (self.0, other.0) {
            (Node::Everything, node) | (node, Node::Everything) => node,
            (Node::And(mut all), Node::And(more)) => {
                all.extend(more);
                Node::And(all)
            }
            (Node::And(mut all), node) => {
                all.push(node);
                Node::And(all)
            }
            (node, other) => Node::And(vec![node, other]),
        })
    }

    /// What any of these means; of none, everything.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Self {
        let mut nodes: Vec<Node> = filters.into_iter().map(|filter| filter.0).collect();
        Filter(match nodes.len() {
            0 => Node::Everything,
            1 => nodes.swap_remove(0),
            _ => Node::Or(nodes),
        })
    }

    /// Whether nothing is asked.
    pub fn is_everything(&self) -> bool {
        matches!(self.0, Node::Everything)
    }

    /// Whether an entry is meant. `stored_bytes` is what it takes in its store. A
    /// comparison with something that the entry does not have is false.
    pub fn matches(&self, head: &EntryHead, stored_bytes: u64, moment: Moment<'_>) -> bool {
        self.0.matches(&Facts {
            head: Some(head),
            key: &head.id.key,
            stored_bytes,
            state: None,
            moment,
        })
    }

    /// The same for an entry of which the store has told the state, because the head is
    /// there in part only.
    pub fn matches_in_state(
        &self,
        head: &EntryHead,
        stored_bytes: u64,
        state: State,
        moment: Moment<'_>,
    ) -> bool {
        let key = &head.id.key;
        self.0.matches(&Facts { head: Some(head), key, stored_bytes, state: Some(state), moment })
    }

    /// Whether an entry is meant that cannot be read: it has a key, perhaps, and the state
    /// `corrupt`, and nothing else.
    ///
    /// `None` says that it cannot be told: what cannot be read may have any host.
    pub fn matches_damaged(&self, key: &str, bytes: u64, moment: Moment<'_>) -> Option<bool> {
        let state = Some(State::Corrupt);
        self.0.judge(&Facts { head: None, key, stored_bytes: bytes, state, moment })
    }

    /// Whether entries that cannot be read are asked for by name: `state = corrupt`.
    pub fn asks_for_damaged(&self) -> bool {
        self.0.any_test(&|field, test| {
            let is_it = |value: &Value| *value == Value::State(State::Corrupt);
            *field == Field::State
                && match test {
                    Test::Compare(_, value) => is_it(value),
                    Test::In(ranges) => ranges.iter().any(|r| r.high.as_ref().is_some_and(is_it)),
                    _ => false,
                }
        })
    }

    /// What the keys of all matching entries begin with: what a store can look for itself.
    pub fn key_prefix(&self) -> Option<String> {
        self.0.key_prefix()
    }
}

impl Node {
    fn matches(&self, facts: &Facts<'_>) -> bool {
        self.judge(facts) == Some(true)
    }

    /// `None` where the entry cannot be read, and so nobody knows.
    fn judge(&self, facts: &Facts<'_>) -> Option<bool> {
        match self {
            Node::Everything => Some(true),
            Node::And(all) => {
                let mut unknown = false;
                for node in all {
                    match node.judge(facts) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => unknown = true,
                    }
                }
                (!unknown).then_some(true)
            }
            Node::Or(any) => {
                let mut unknown = false;
                for node in any {
                    match node.judge(facts) {
                        Some(true) => return Some(true),
                        Some(false) => {}
                        None => unknown = true,
                    }
                }
                (!unknown).then_some(false)
            }
            Node::Not(node) => node.judge(facts).map(|is| !is),
            Node::Test(field, _) if facts.hides(field) => None,
            Node::Test(field, Test::IsNull) => Some(facts.values(field).is_empty()),
            Node::Test(field, Test::Differs(test)) => {
                let values = facts.values(field);
                let holds = |value: &Value| test.holds(field, value, facts.moment.now);
                Some(!values.is_empty() && !values.iter().any(holds))
            }
            Node::Test(field, test) => {
                let values = facts.values(field);
                Some(values.iter().any(|value| test.holds(field, value, facts.moment.now)))
            }
        }
    }

    /// Whether one of the tests is such.
    fn any_test(&self, such: &dyn Fn(&Field, &Test) -> bool) -> bool {
        match self {
            Node::Everything => false,
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().any(|node| node.any_test(such)),
            Node::Not(node) => node.any_test(such),
            Node::Test(field, test) => such(field, test),
        }
    }

    fn key_prefix(&self) -> Option<String> {
        match self {
            Node::And(all) => all.iter().filter_map(Node::key_prefix).max_by_key(String::len),
            Node::Test(Field::Key, Test::Compare(Compare::Equal, Value::Text(key))) => {
                Some(key.clone())
            }
            Node::Test(Field::Key, Test::Glob(pattern)) => {
                let plain = pattern.find(['*', '?', '[', '\\']).unwrap_or(pattern.len());
                (plain > 0).then(|| pattern[..plain].to_owned())
            }
            _ => None,
        }
    }
}

impl Test {
    fn holds(&self, field: &Field, value: &Value, now: Timestamp) -> bool {
        match self {
            Test::Compare(compare, wanted) => {
                order(field, value, wanted, now).is_some_and(|o| match compare {
                    Compare::Equal => o.is_eq(),
                    Compare::Less => o.is_lt(),
                    Compare::LessOrEqual => o.is_le(),
                    Compare::Greater => o.is_gt(),
                    Compare::GreaterOrEqual => o.is_ge(),
                })
            }
            Test::Glob(pattern) => match value {
                Value::Text(text) => glob_matches(pattern, text, field.kind() == Kind::Folded),
                _ => false,
            },
            Test::Regex(regex) => matches!(value, Value::Text(text) if regex.is_match(text)),
            Test::In(ranges) => ranges.iter().any(|range| {
                let above = |low| order(field, value, low, now).is_some_and(|o| o.is_ge());
                let below = |high| order(field, value, high, now).is_some_and(|o| o.is_le());
                range.low.as_ref().is_none_or(above) && range.high.as_ref().is_none_or(below)
            }),
            // Asked about all values together.
            Test::IsNull | Test::Differs(_) => false,
        }
    }
}

/// How a value stands to another one of its kind.
fn order(field: &Field, a: &Value, b: &Value, now: Timestamp) -> Option<std::cmp::Ordering> {
    let at = |value: &Value| match value {
        Value::At(at) => Some(*at),
        Value::Ago(span) => Some(now - *span),
        _ => None,
    };
    match (a, b) {
        (Value::Text(a), Value::Text(b)) if field.kind() == Kind::Folded => {
            Some(a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()))
        }
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::State(a), Value::State(b)) => Some(a.cmp(b)),
        _ => Some(at(a)?.cmp(&at(b)?)),
    }
}

impl Field {
    fn kind(&self) -> Kind {
        match self {
            Field::Host | Field::Scheme | Field::Method | Field::Type => Kind::Folded,
            Field::Status | Field::Uses => Kind::Number,
            Field::Size | Field::Stored => Kind::Size,
            Field::Age | Field::Idle => Kind::Span,
            Field::Created | Field::Used | Field::FreshUntil | Field::Expires => Kind::Time,
            Field::State => Kind::State,
            _ => Kind::Text,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Field::Header(name) => write!(f, "header[{name:?}]"),
            Field::Request(name) => write!(f, "request[{name:?}]"),
            field => {
                let named = FIELDS.iter().find(|(_, known)| known == field);
                f.write_str(named.map_or("", |(name, _)| name))
            }
        }
    }
}

/// What is known of an entry, and the moment at which it is looked at.
struct Facts<'a> {
    /// `None` for one that cannot be read.
    head: Option<&'a EntryHead>,
    key: &'a str,
    stored_bytes: u64,
    /// Where it does not come from the head.
    state: Option<State>,
    moment: Moment<'a>,
}

impl Facts<'_> {
    /// Whether a field cannot be known, because the entry cannot be read.
    fn hides(&self, field: &Field) -> bool {
        self.head.is_none() && !matches!(field, Field::Key | Field::Stored | Field::State)
    }

    /// The values of a field: none where the entry has none, several of a repeated one.
    fn values(&self, field: &Field) -> Vec<Value> {
        let now = self.moment.now;
        match field {
            Field::Key => return vec![Value::Text(self.key.to_owned())],
            Field::Stored => return vec![Value::Number(self.stored_bytes.into())],
            Field::State if self.state.is_some() => {
                return self.state.map(Value::State).into_iter().collect();
            }
            _ => {}
        }
        let Some(head) = self.head else { return Vec::new() };
        let url = &head.request.url;
        let text = |text: &str| vec![Value::Text(text.to_owned())];
        let maybe = |value: Option<&str>| value.map(text).unwrap_or_default();
        let number = |n: u64| vec![Value::Number(n.into())];
        let span = |since: Timestamp| {
            let since = since.unless_ahead_of(now);
            vec![Value::Number(i128::from(now.micros()) - i128::from(since.micros()))]
        };
        let time = |at: Option<Timestamp>| at.map(Value::At).into_iter().collect();
        let lines = |headers: &crate::model::Headers, name: &str| {
            headers
                .get_all(name)
                .map(|line| Value::Text(String::from_utf8_lossy(line).into_owned()))
                .collect()
        };
        match field {
            Field::Key | Field::Stored => Vec::new(),
            Field::Url => text(url.as_str()),
            Field::Scheme => maybe(url.scheme()),
            Field::Host => maybe(url.host()),
            Field::Path => text(url.path()),
            Field::Query => maybe(url.query()),
            Field::Method => text(head.request.method.as_str()),
            Field::Status => number(head.status.into()),
            Field::Type => {
                let whole = head.headers.get_text("content-type");
                maybe(whole.as_deref().and_then(|t| t.split(';').next()).map(str::trim))
            }
            Field::Size => number(head.body.bytes),
            Field::Uses => number(head.uses),
            Field::Age => span(head.created_at),
            Field::Idle => span(head.last_used_at.unwrap_or(head.created_at)),
            Field::Created => time(Some(head.created_at)),
            Field::Used => time(head.last_used_at),
            Field::Expires => time(head.expires_at),
            Field::FreshUntil => {
                let fresh = freshness(head, now, self.moment.settings, None);
                time(fresh.fresh_until(head.received_at))
            }
            Field::State => vec![Value::State(State::of(head, now, self.moment.settings))],
            Field::Serializer => maybe(head.serializer.as_deref()),
            Field::Tag => head.tags.iter().map(|tag| Value::Text(tag.clone())).collect(),
            Field::Header(name) => lines(&head.headers, name),
            Field::Request(name) => lines(&head.request.headers, name),
        }
    }
}

/// The normal form: what was understood, ready to be read again.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(f, 0)
    }
}

impl Node {
    /// `depth` tells what stands around: 0 nothing, 1 `or`, 2 `and`, 3 `not`.
    fn write(&self, f: &mut fmt::Formatter<'_>, around: u8) -> fmt::Result {
        let (own, word, nodes) = match self {
            Node::Everything => return f.write_str("everything"),
            Node::Test(field, test) => return write_test(f, field, test),
            Node::Not(node) => {
                f.write_str("not ")?;
                return node.write(f, 3);
            }
            Node::Or(nodes) => (1, " or ", nodes),
            Node::And(nodes) => (2, " and ", nodes),
        };
        if around > own {
            f.write_str("(")?;
        }
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                f.write_str(word)?;
            }
            node.write(f, own + 1)?;
        }
        if around > own { f.write_str(")") } else { Ok(()) }
    }
}

fn write_test(f: &mut fmt::Formatter<'_>, field: &Field, test: &Test) -> fmt::Result {
    match test {
        Test::Compare(compare, value) => {
            let sign = match compare {
                Compare::Equal => "=",
                Compare::Less => "<",
                Compare::LessOrEqual => "<=",
                Compare::Greater => ">",
                Compare::GreaterOrEqual => ">=",
            };
            write!(f, "{field} {sign} {}", Shown(value, field.kind()))
        }
        Test::Glob(pattern) => write!(f, "{field} ~ {}", quoted(pattern)),
        Test::Differs(test) => match &**test {
            Test::Compare(_, value) => write!(f, "{field} != {}", Shown(value, field.kind())),
            Test::Glob(pattern) => write!(f, "{field} !~ {}", quoted(pattern)),
            test => {
                f.write_str("not ")?;
                write_test(f, field, test)
            }
        },
        Test::Regex(regex) => write!(f, "{field} =~ {}", quoted(regex.as_str())),
        Test::IsNull => write!(f, "{field} is null"),
        Test::In(ranges) => {
            write!(f, "{field} in (")?;
            for (i, range) in ranges.iter().enumerate() {
                let comma = if i > 0 { ", " } else { "" };
                let show = |value: &Option<Value>| {
                    value.as_ref().map_or(String::new(), |v| Shown(v, field.kind()).to_string())
                };
                let (low, high) = (show(&range.low), show(&range.high));
                if low == high {
                    write!(f, "{comma}{low}")?;
                } else if high.is_empty() {
                    write!(f, "{comma}{low}..")?;
                } else {
                    write!(f, "{comma}{low}..={high}")?;
                }
            }
            f.write_str(")")
        }
    }
}

/// A value as it is written in an expression.
struct Shown<'a>(&'a Value, Kind);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Value::Text(text), _) => f.write_str(&quoted(text)),
            (Value::Number(micros), Kind::Span) => write!(f, "{}s", micros / 1_000_000),
            (Value::Number(number), _) => write!(f, "{number}"),
            (Value::At(at), _) => write!(f, "{at}"),
            (Value::Ago(span), _) => write!(f, "{}s", span.as_secs()),
            (Value::State(state), _) => write!(f, "{state}"),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Why an expression cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// The whole expression.
    pub text: String,
    /// How many characters stand before the place.
    pub column: usize,
    /// What was expected there.
    pub expected: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: expected {}", self.column + 1, self.expected)
    }
}

impl std::error::Error for FilterError {}
