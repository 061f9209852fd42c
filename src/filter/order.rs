//! The order of a listing: `size:desc`, by any field that can be asked about.

use crate::error::{Error, Result};
use crate::model::{EntryHead, expected};
use crate::policy::{Settings, State};

use super::bounds::Detail;
use super::{FIELDS, Facts, Field, Moment, Value};

/// An order of entries, by one field or several. Entries without a value come last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SortBy(Vec<(Field, bool)>);

impl SortBy {
    /// Reads `FIELD`, `FIELD:asc` or `FIELD:desc`, one for each field of the order.
    ///
    /// # Errors
    /// `Usage` for an unknown field.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        texts.into_iter().map(field_and_way).collect::<Result<_>>().map(SortBy)
    }

    /// Whether there is no order.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// The one field that it goes by, and whether the largest comes first.
    pub fn only(&self) -> Option<(&'static str, bool)> {
        let [(field, descending)] = &self.0[..] else { return None };
        let named = FIELDS.iter().find(|(_, known)| known == field);
        named.map(|(name, _)| (*name, *descending))
    }

    /// How much of an entry has to be there.
    pub fn needs(&self, settings: &Settings) -> Detail {
        self.0.iter().map(|(field, _)| field.needs(settings)).max().unwrap_or(Detail::Key)
    }

    /// Bytes that stand to those of other entries as the entries do to each other. `state`
    /// is told where it does not come from the head.
    pub fn key(
        &self,
        head: &EntryHead,
        stored_bytes: u64,
        state: Option<State>,
        moment: Moment<'_>,
    ) -> Vec<u8> {
        let facts = Facts { head: Some(head), key: &head.id.key, stored_bytes, state, moment };
        let mut key = Vec::new();
        for (field, descending) in &self.0 {
            match facts.values(field).first() {
                None => key.push(1),
                Some(value) => {
                    key.push(0);
                    let start = key.len();
                    put(&mut key, value, moment);
                    if *descending {
                        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
                    }
                }
            }
        }
        key
    }
}

fn field_and_way(text: &str) -> Result<(Field, bool)> {
    let (name, descending) = match text.rsplit_once(':') {
        Some((name, "desc")) => (name, true),
        Some((name, "asc")) => (name, false),
        _ => (text, false),
    };
    let known = FIELDS.iter().find(|(known, _)| *known == name);
    known.map(|(_, field)| (field.clone(), descending)).ok_or_else(|| {
        Error::usage(format!("there is no field {name:?} to sort by"))
            .because(expected(name, FIELDS.iter().map(|(name, _)| *name)))
            .coded("bad_sort")
    })
}

/// A value in bytes that compare as the values do, none the beginning of another.
fn put(key: &mut Vec<u8>, value: &Value, moment: Moment<'_>) {
    match value {
        Value::Text(text) => {
            key.extend(text.bytes().map(|byte| byte.max(1)));
            key.push(0);
        }
        Value::Number(number) => key.extend((number ^ i128::MIN).to_be_bytes()),
        Value::At(at) => key.extend((at.micros() ^ i64::MIN).to_be_bytes()),
        Value::Ago(span) => key.extend(((moment.now - *span).micros() ^ i64::MIN).to_be_bytes()),
        Value::State(state) => key.push(*state as u8),
    }
}
