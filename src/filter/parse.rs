//! From text to the tree of a filter.

use regex_lite::Regex;

use crate::model::{
    ALL_SERIALIZERS, StatusSet, Timestamp, expected, nearest, parse_duration, parse_size,
};
use crate::policy::State;

use super::{Compare, FIELDS, Field, FilterError, Kind, Node, Range, Test, Value};

/// Expressions do not nest deeper.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { text, tokens, at: 0, depth: 0 };
    let node = parser.or()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.expected("\"and\", \"or\" or the end")),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A word, and whether it stood in quotes.
    Word(String, bool),
    Sign(&'static str),
}

/// What a sign can be; longer ones first.
const SIGNS: &[&str] = &["!=", "<=", ">=", "!~", "=~", "=", "<", ">", "~", "(", ")", "[", "]", ","];

/// Tokens with the number of characters before each.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, FilterError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let column = text.chars().count() - rest.chars().count();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        if first == '\'' || first == '"' {
            let (word, length) = quoted(rest, first).ok_or_else(|| FilterError {
                text: text.to_owned(),
                column,
                expected: format!("a closing {first}"),
            })?;
            tokens.push((Token::Word(word, true), column));
            rest = &rest[length..];
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push((Token::Sign(sign), column));
            rest = &rest[sign.len()..];
        } else {
            let length = word_length(rest);
            tokens.push((Token::Word(rest[..length].to_owned(), false), column));
            rest = &rest[length..];
        }
    }
}

/// A word ends before a sign or a space; the `=` of `a..=b` belongs to it.
fn word_length(text: &str) -> usize {
    let mut end = 0;
    for c in text.chars() {
        let is_range = c == '=' && text[..end].ends_with("..");
        let ends = c.is_whitespace() || (!is_range && "()[],'\"=<>~!".contains(c));
        if ends {
            break;
        }
        end += c.len_utf8();
    }
    end
}

/// What stands between quotes, with `\` before one that is meant itself; and the length
/// of the whole.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                (_, c) if c == quote || c == '\\' => word.push(c),
                (_, c) => word.extend(['\\', c]),
            },
            c if c == quote => return Some((word, at + c.len_utf8())),
            c => word.push(c),
        }
    }
    None
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    /// An error at the next token.
    fn expected(&self, what: &str) -> FilterError {
        self.expected_at(self.at, what)
    }

    fn expected_at(&self, at: usize, what: &str) -> FilterError {
        let end = self.text.chars().count();
        let column = self.tokens.get(at).map_or(end, |(_, column)| *column);
        FilterError { text: self.text.to_owned(), column, expected: what.to_owned() }
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(word, false)) if word == wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn takes_sign(&mut self, wanted: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Sign(sign)) if *sign == wanted);
        self.at += usize::from(is_it);
        is_it
    }

    fn needs_sign(&mut self, wanted: &str) -> Result<(), FilterError> {
        if self.takes_sign(wanted) { Ok(()) } else { Err(self.expected(&format!("{wanted:?}"))) }
    }

    fn or(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.and()?];
        while self.takes_word("or") {
            nodes.push(self.and()?);
        }
        Ok(if nodes.len() == 1 { nodes.swap_remove(0) } else { Node::Or(nodes) })
    }

    fn and(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.not()?];
        while self.takes_word("and") {
            nodes.push(self.not()?);
        }
        Ok(if nodes.len() == 1 { nodes.swap_remove(0) } else { Node::And(nodes) })
    }

    fn not(&mut self) -> Result<Node, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("less nesting"));
        }
        let node = if self.takes_word("not") {
            Node::Not(Box::new(self.not()?))
        } else if self.takes_sign("(") {
            let node = self.or()?;
            self.needs_sign(")")?;
            node
        } else {
            self.test()?
        };
        self.depth -= 1;
        Ok(node)
    }

    fn test(&mut self) -> Result<Node, FilterError> {
        if self.takes_word("has") {
            self.needs_sign("(")?;
            let name = self.word("the name of a header field")?;
            self.needs_sign(")")?;
            return Ok(Node::Not(Box::new(Node::Test(Field::Header(name), Test::IsNull))));
        }
        let field = self.field()?;
        if self.takes_word("in") {
            let at = self.at;
            let test = Test::In(self.set(&field)?);
            return match refusal(&field, &test) {
                Some(what) => Err(self.expected_at(at, &what)),
                None => Ok(Node::Test(field, test)),
            };
        }
        if self.takes_word("is") {
            let negated = self.takes_word("not");
            if !self.takes_word("null") {
                return Err(self.expected("\"null\""));
            }
            let node = Node::Test(field, Test::IsNull);
            return Ok(if negated { Node::Not(Box::new(node)) } else { node });
        }
        self.comparison(field)
    }

    fn comparison(&mut self, field: Field) -> Result<Node, FilterError> {
        let test = self.compared(&field)?;
        match refusal(&field, &test) {
            Some(what) => Err(self.expected_at(self.at - 1, &what)),
            None => Ok(Node::Test(field, test)),
        }
    }

    fn compared(&mut self, field: &Field) -> Result<Test, FilterError> {
        let operators = "an operator: = != < <= > >= ~ !~ =~, \"in\" or \"is\"";
        let Some(Token::Sign(sign)) = self.peek() else { return Err(self.expected(operators)) };
        let sign = *sign;
        let is_text = matches!(field.kind(), Kind::Text | Kind::Folded);
        let compare = match sign {
            "=" | "!=" => Some(Compare::Equal),
            "<" => Some(Compare::Less),
            "<=" => Some(Compare::LessOrEqual),
            ">" => Some(Compare::Greater),
            ">=" => Some(Compare::GreaterOrEqual),
            "~" | "!~" | "=~" if is_text => None,
            "~" | "!~" | "=~" => {
                let what = format!("a comparison: {field} is no text");
                return Err(self.expected(&what));
            }
            _ => return Err(self.expected(operators)),
        };
        self.at += 1;
        let test = match compare {
            None if sign == "=~" => {
                let at = self.at;
                let pattern = self.word("a regular expression")?;
                let regex = Regex::new(&pattern)
                    .map_err(|e| self.expected_at(at, &format!("a regular expression ({e})")))?;
                Test::Regex(Box::new(regex))
            }
            None => Test::Glob(self.word("a glob")?),
            // A class of status codes is a set.
            Some(Compare::Equal) if self.next_is_class(field) => Test::In(self.set(field)?),
            Some(compare) => Test::Compare(compare, self.value(field)?),
        };
        Ok(if sign.starts_with('!') { Test::Differs(Box::new(test)) } else { test })
    }

    fn next_is_class(&self, field: &Field) -> bool {
        let is_class = |word: &str| word.ends_with("xx") || word.contains("..");
        *field == Field::Status
            && matches!(self.peek(), Some(Token::Word(word, _)) if is_class(word))
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        let at = self.at;
        let Some(Token::Word(name, false)) = self.peek().cloned() else {
            return Err(self.expected("a field, \"not\", \"has\" or \"(\""));
        };
        self.at += 1;
        if name == "header" || name == "request" {
            self.needs_sign("[")?;
            let inner = self.word("the name of a header field in quotes")?;
            self.needs_sign("]")?;
            return Ok(if name == "header" { Field::Header(inner) } else { Field::Request(inner) });
        }
        let known = FIELDS.iter().find(|(known, _)| *known == name);
        known.map(|(_, field)| field.clone()).ok_or_else(|| {
            let names: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
            let what = match nearest(&name, names.iter().copied()) {
                Some(near) => format!("a field; did you mean {near}?"),
                None => format!("a field: {}, header[…] or request[…]", names.join(", ")),
            };
            self.expected_at(at, &what)
        })
    }

    fn word(&mut self, what: &str) -> Result<String, FilterError> {
        match self.peek().cloned() {
            Some(Token::Word(word, _)) => {
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.expected(what)),
        }
    }

    fn value(&mut self, field: &Field) -> Result<Value, FilterError> {
        let at = self.at;
        let what = expectation(field.kind());
        let word = self.word(what)?;
        value_of(&word, field.kind()).ok_or_else(|| self.expected_at(at, what))
    }

    /// `(a, b)`, or one range or class without brackets.
    fn set(&mut self, field: &Field) -> Result<Vec<Range>, FilterError> {
        if !self.takes_sign("(") {
            return self.ranges(field);
        }
        let mut ranges = self.ranges(field)?;
        while self.takes_sign(",") {
            ranges.extend(self.ranges(field)?);
        }
        self.needs_sign(")")?;
        Ok(ranges)
    }

    fn ranges(&mut self, field: &Field) -> Result<Vec<Range>, FilterError> {
        let at = self.at;
        let what = expectation(field.kind());
        let is_quoted = matches!(self.peek(), Some(Token::Word(_, true)));
        let word = self.word(&format!("{what}, a range a..b, or a list in brackets"))?;
        let fail = |parser: &Self| parser.expected_at(at, &format!("{what}, or a range a..b"));
        if *field == Field::Status {
            let set: StatusSet = word.parse().map_err(|_| fail(self))?;
            let number = |n: u16| Some(Value::Number(n.into()));
            let range = |&(low, high): &(u16, u16)| Range { low: number(low), high: number(high) };
            return Ok(set.ranges().iter().map(range).collect());
        }
        let is_text = matches!(field.kind(), Kind::Text | Kind::Folded | Kind::State);
        let Some((low, high)) = word.split_once("..").filter(|_| !is_quoted && !is_text) else {
            let value = value_of(&word, field.kind()).ok_or_else(|| fail(self))?;
            return Ok(vec![Range { low: Some(value.clone()), high: Some(value) }]);
        };
        let (high, inclusive) = high.strip_prefix('=').map_or((high, false), |high| (high, true));
        let bound = |text: &str| match text {
            "" => Some(None),
            text => value_of(text, field.kind()).map(Some),
        };
        let low = bound(low).ok_or_else(|| fail(self))?;
        let high = bound(high).ok_or_else(|| fail(self))?;
        let high = if inclusive { high } else { high.map(just_below) };
        Ok(vec![Range { low, high }])
    }
}

/// What was expected in place of a value that no entry can have: such a test is a slip, and would
/// quietly select nothing, or everything.
fn refusal(field: &Field, test: &Test) -> Option<String> {
    match test {
        Test::Differs(test) => refusal(field, test),
        Test::Regex(regex) if regex.as_str().is_empty() => {
            Some("a regular expression; an empty one is found in everything".to_owned())
        }
        Test::Glob(pattern) if pattern.is_empty() => {
            Some("a glob; an empty one matches nothing".to_owned())
        }
        Test::Glob(pattern) if has_open_set(pattern) => {
            Some("a glob; its [ is never closed, and \\[ stands for itself".to_owned())
        }
        Test::Glob(pattern) => refused_text(field, pattern, "*?[]!^-\\"),
        Test::Compare(_, Value::Text(text)) => refused_text(field, text, ""),
        Test::Compare(_, value) => refused_number(field, value),
        Test::In(ranges) => ranges.iter().find_map(|Range { low, high }| {
            [low, high].into_iter().flatten().find_map(|value| match value {
                Value::Text(text) => refused_text(field, text, ""),
                // Sets of status codes have their own reader.
                _ => None,
            })
        }),
        Test::Regex(_) | Test::IsNull => None,
    }
}

/// The same of a text, in which these characters stand for others.
fn refused_text(field: &Field, text: &str, wild: &str) -> Option<String> {
    let is_plain = !text.contains(|c| wild.contains(c));
    let has = |odd: &str| text.contains(|c: char| odd.contains(c) && !wild.contains(c));
    let said = match field {
        Field::Query | Field::Type | Field::Header(_) | Field::Request(_) if text.is_empty() => {
            return None;
        }
        _ if text.is_empty() => "a text that is not empty",
        Field::Host if has("/@ \t") => "a host: no scheme, no path, no port",
        Field::Scheme if is_plain && !matches!(text, "http" | "https") => "http or https",
        Field::Method if has(" \t/:,;\"") => "a method, such as GET",
        Field::Type if has("<>@\\(){}") => "a content type, such as image/*",
        Field::Serializer if is_plain && !ALL_SERIALIZERS.contains(&text) => {
            return Some(format!("a serializer; {}", expected(text, ALL_SERIALIZERS)));
        }
        _ => return None,
    };
    Some(said.to_owned())
}

fn refused_number(field: &Field, value: &Value) -> Option<String> {
    let is_odd = |n: &i128| !(100..=999).contains(n);
    match (field, value) {
        (Field::Status, Value::Number(n)) if is_odd(n) => {
            Some("a status code: three digits".to_owned())
        }
        _ => None,
    }
}

/// Whether a set of characters is begun and never closed.
fn has_open_set(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '[' => {
                let rest = chars.as_str();
                let rest = rest.strip_prefix(['!', '^']).unwrap_or(rest);
                // A bracket that comes first is one of the set.
                let from = rest.chars().next().map_or(0, char::len_utf8);
                match rest[from..].find(']') {
                    Some(end) => chars = rest[from + end + 1..].chars(),
                    None => return true,
                }
            }
            _ => {}
        }
    }
    false
}

/// The largest value below one.
fn just_below(value: Value) -> Value {
    match value {
        Value::Number(n) => Value::Number(n - 1),
        Value::At(at) => Value::At(Timestamp::from_micros(at.micros() - 1)),
        Value::Ago(span) => Value::Ago(span + std::time::Duration::from_micros(1)),
        value => value,
    }
}

fn expectation(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Folded => "a text",
        Kind::Number => "a number",
        Kind::Size => "a size such as 500, 10k or 10Mi",
        Kind::Span => "a duration such as 90s, 15m, 2h or 7d",
        Kind::Time => "a time such as 2026-01-31, or a duration ago such as 7d",
        Kind::State => "fresh, stale, expired or corrupt",
    }
}

fn value_of(word: &str, kind: Kind) -> Option<Value> {
    match kind {
        Kind::Text | Kind::Folded => Some(Value::Text(word.to_owned())),
        Kind::Number => word.parse::<u64>().ok().map(|n| Value::Number(n.into())),
        Kind::Size => parse_size(word).ok().map(|n| Value::Number(n.into())),
        Kind::Span => {
            let span = parse_duration(word).ok()??;
            i128::try_from(span.as_micros()).ok().map(Value::Number)
        }
        Kind::Time => {
            let midnight = || Timestamp::parse_rfc3339(&format!("{word}T00:00:00Z"));
            let at = Timestamp::parse_rfc3339(word).or_else(midnight).map(Value::At);
            at.or_else(|| parse_duration(word).ok()?.map(Value::Ago))
        }
        Kind::State => State::ALL.into_iter().find(|state| state.name() == word).map(Value::State),
    }
}
