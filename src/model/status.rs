//! Sets of status codes as people write them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A set of status codes: `200`, `4xx`, `400..`, `..300`, `500..=599`, and comma lists of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet {
    /// Inclusive ranges.
    ranges: Vec<(u16, u16)>,
}

impl StatusSet {
    /// Whether the status is in the set.
    pub fn contains(&self, status: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| (low..=high).contains(&status))
    }

    /// The inclusive ranges that make up the set.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }
}

impl FromStr for StatusSet {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || {
            Error::usage(format!("{text:?} is not a set of status codes"))
                .try_this("200, 4xx, 400.., ..300, 500..=599, or several with commas")
        };
        let ranges = text
            .split(',')
            .map(|part| range(part.trim()).filter(|(low, high)| low <= high))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(refuse)?;
        Ok(StatusSet { ranges })
    }
}

fn range(part: &str) -> Option<(u16, u16)> {
    let code = |digits: &str| -> Option<u16> {
        (digits.len() == 3 && digits.bytes().all(|c| c.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()
    };
    if let Some(class) = part.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|c| (1..=5).contains(c))?;
        return Some((class * 100, class * 100 + 99));
    }
    if let Some((low, high)) = part.split_once("..=") {
        return Some((if low.is_empty() { 0 } else { code(low)? }, code(high)?));
    }
    if let Some((low, high)) = part.split_once("..") {
        let low = if low.is_empty() { 0 } else { code(low)? };
        let high = if high.is_empty() { u16::MAX } else { code(high)?.checked_sub(1)? };
        return Some((low, high));
    }
    let one = code(part)?;
    Some((one, one))
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (low, high)) in self.ranges.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match (*low, *high) {
                (low, high) if low == high => write!(f, "{low}")?,
                (low, u16::MAX) => write!(f, "{low}..")?,
                (0, high) => write!(f, "..={high}")?,
                (low, high) => write!(f, "{low}..={high}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_documented() {
        for (text, inside, outside) in [
            ("200", 200, 201),
            ("4xx", 499, 500),
            ("400..", 599, 399),
            ("..300", 299, 300),
            ("500..=599", 599, 499),
            ("200, 301,4xx", 301, 302),
        ] {
            let set: StatusSet = text.parse().unwrap();
            assert!(set.contains(inside) && !set.contains(outside), "{text}");
            assert_eq!(set.to_string().parse::<StatusSet>().unwrap(), set, "{text}");
        }
        for text in ["", "20", "x", "0xx", "300..200", "200;300", "2000", "200..=", "+20"] {
            assert!(text.parse::<StatusSet>().is_err(), "{text}");
        }
    }
}
