//! Header fields that hold a date.

use crate::model::http_date::parse;
use crate::model::{Headers, Timestamp};

use super::fields::single;

/// A date field that is there: its value, or `Invalid` when it cannot be read or its
/// lines differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateField {
    Absent,
    Invalid,
    At(Timestamp),
}

impl DateField {
    pub(crate) fn of(headers: &Headers, name: &str, now: Timestamp) -> Self {
        match single(headers, name) {
            Ok(None) => DateField::Absent,
            Ok(Some(value)) => parse(value, now).map_or(DateField::Invalid, DateField::At),
            Err(_) => DateField::Invalid,
        }
    }

    pub(crate) fn time(self) -> Option<Timestamp> {
        match self {
            DateField::At(time) => Some(time),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p9_several_lines_that_differ_are_an_invalid_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let same = Headers::new().with("Date", date).with("date", date);
        assert!(DateField::of(&same, "date", Timestamp::EPOCH).time().is_some());
        let differ = same.with("date", "Sun, 06 Nov 1994 08:49:38 GMT");
        assert_eq!(DateField::of(&differ, "date", Timestamp::EPOCH), DateField::Invalid);
        assert_eq!(DateField::of(&Headers::new(), "date", Timestamp::EPOCH), DateField::Absent);
    }
}
