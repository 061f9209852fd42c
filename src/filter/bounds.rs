//! What a store can look for itself: bounds on single columns that every matching entry
//! keeps to. They may let others pass; whoever asked matches again.

use crate::model::Timestamp;
use crate::policy::Settings;

use super::{Compare, Field, Filter, Kind, Node, Range, Test, Value};

/// What a store may have a column for. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The status code.
    Status,
    /// Bytes of the body.
    Size,
    /// Bytes as stored.
    Stored,
    /// When it was stored.
    Created,
    /// When the store's TTL ends.
    Expires,
    /// When it was last used.
    Used,
    /// How often it was used.
    Uses,
    /// The host; upper and lower case are the same.
    Host,
    /// The URL, as it is.
    Url,
}

/// How much of each entry is needed, or there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Detail {
    /// The key, and each key once, however many variants it has. Everything else may be
    /// missing.
    Key,
    /// What a database has in columns: key, variant and stamp; method and URL, status,
    /// content type; lengths, times, uses, serializer, and until when the entry may be
    /// used. Header fields may be missing.
    Columns,
    /// The whole head.
    #[default]
    Head,
    /// The head, and the body where it is small and lies with it.
    Body,
}

/// A bound on one column. An entry that has nothing there keeps to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// Between these, both included.
    Between(Column, Option<i64>, Option<i64>),
    /// Exactly this text.
    Is(Column, String),
}

impl Filter {
    /// What every matching entry keeps to, for a look at `now`.
    pub fn bounds(&self, now: Timestamp) -> Vec<Bound> {
        let mut bounds = Vec::new();
        self.0.bounds(now, &mut bounds);
        bounds
    }

    /// How much of an entry has to be there for the filter to be asked.
    pub fn needs(&self, settings: &Settings) -> Detail {
        if self.0.any_test(&|field, _| field.needs(settings) == Detail::Head) {
            Detail::Head
        } else if self.0.any_test(&|field, _| field.needs(settings) == Detail::Columns) {
            Detail::Columns
        } else {
            Detail::Key
        }
    }
}

impl Field {
    pub(super) fn needs(&self, settings: &Settings) -> Detail {
        match self {
            Field::Key => Detail::Key,
            Field::FreshUntil | Field::Tag | Field::Header(_) | Field::Request(_) => Detail::Head,
            Field::State if !settings.is_usual() => Detail::Head,
            _ => Detail::Columns,
        }
    }

    fn column(&self) -> Option<Column> {
        Some(match self {
            Field::Status => Column::Status,
            Field::Size => Column::Size,
            Field::Stored => Column::Stored,
            Field::Created | Field::Age => Column::Created,
            Field::Expires => Column::Expires,
            Field::Used => Column::Used,
            Field::Uses => Column::Uses,
            Field::Host => Column::Host,
            Field::Url => Column::Url,
            _ => return None,
        })
    }
}

impl Node {
    fn bounds(&self, now: Timestamp, into: &mut Vec<Bound>) {
        match self {
            Node::And(nodes) => nodes.iter().for_each(|node| node.bounds(now, into)),
            Node::Test(field, test) => into.extend(field.column().and_then(|column| {
                let span = field.kind() == Kind::Span;
                bound(column, span, test, now)
            })),
            _ => {}
        }
    }
}

/// The bound that a test puts on a column; a span since a time turns the order round.
fn bound(column: Column, is_span: bool, test: &Test, now: Timestamp) -> Option<Bound> {
    let one = |low: Option<&Value>, high: Option<&Value>| {
        vec![Range { low: low.cloned(), high: high.cloned() }]
    };
    let ranges = match test {
        Test::Compare(Compare::Equal, Value::Text(text)) => {
            return Some(Bound::Is(column, text.clone()));
        }
        Test::Compare(compare, value) => match compare {
            Compare::Equal => one(Some(value), Some(value)),
            Compare::Less | Compare::LessOrEqual => one(None, Some(value)),
            Compare::Greater | Compare::GreaterOrEqual => one(Some(value), None),
        },
        Test::In(ranges) => ranges.clone(),
        Test::Glob(_) | Test::Regex(_) | Test::IsNull | Test::Differs(_) => return None,
    };
    let (mut lows, mut highs) = (Vec::new(), Vec::new());
    for range in &ranges {
        let (low, high) =
            if is_span { (&range.high, &range.low) } else { (&range.low, &range.high) };
        for (end, ends) in [(low, &mut lows), (high, &mut highs)] {
            // What no column can be compared with bounds nothing.
            ends.push(match end {
                Some(value) => Some(number(value, is_span, now)?),
                None => None,
            });
        }
    }
    // One range around all of them, open where one of them is.
    let low = lows.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
    let high = highs.into_iter().collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
    // What claims to come from the future counts as the oldest.
    let high = high.filter(|_| !is_span);
    if (low, high) == (None, None) {
        return None;
    }
    Some(Bound::Between(column, low, high))
}

/// A value as a column has it; times, and spans back from now, in milliseconds rounded down.
fn number(value: &Value, is_span: bool, now: Timestamp) -> Option<i64> {
    match value {
        Value::Number(micros) if is_span => {
            let at = i128::from(now.micros()) - micros;
            i64::try_from(at.div_euclid(1000)).ok()
        }
        Value::Number(number) => i64::try_from(*number).ok(),
        Value::At(at) => Some(at.millis()),
        Value::Ago(span) => Some((now - *span).millis()),
        Value::Text(_) | Value::State(_) => None,
    }
}
