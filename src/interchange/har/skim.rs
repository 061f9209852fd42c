//! Finds the entries of a HAR without holding the file: a walk over its tokens that takes
//! out one member of `log.entries` at a time. So memory stays flat, one damaged entry does
//! not spoil the others, and how long an entry may be is decided here.

use std::io::BufRead;

use crate::error::{Error, Result};

use super::super::input::{Input, unreadable};
use super::super::truncated;

/// The longest entry that is held, as JSON.
const MAX_ENTRY: usize = 256 << 20;
const MAX_NAME: usize = 1024;

pub(in super::super) struct Skimmer {
    from: Input,
}

/// One member of `log.entries`.
pub(in super::super) enum Found {
    /// Its text.
    Entry(Vec<u8>),
    /// It is longer than may be held, and was passed over.
    TooLong,
    /// There are no more.
    End,
}

/// Where the bytes of a value go: into a buffer, until it is over its limit.
struct Keep {
    text: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Keep {
    fn up_to(limit: usize) -> Self {
        Keep { text: Vec::new(), limit, over: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        if self.text.len() + bytes.len() > self.limit {
            self.over = true;
            self.text = Vec::new();
        }
        if !self.over {
            self.text.extend_from_slice(bytes);
        }
    }
}

fn foreign(why: &str) -> Error {
    Error::codec(format!("this is not a HAR: {why}")).coded("bad_format")
}

impl Skimmer {
    /// Walks to the first entry.
    pub(in super::super) fn new(from: Input) -> Result<Self> {
        let mut skimmer = Skimmer { from };
        if skimmer.peek()? == 0xef {
            for _ in 0..3 {
                skimmer.take()?;
            }
        }
        skimmer.enter(b'{', "it is not a JSON object")?;
        skimmer.find("log")?;
        skimmer.enter(b'{', "its log is no object")?;
        skimmer.find("entries")?;
        skimmer.enter(b'[', "its log.entries is no list")?;
        Ok(skimmer)
    }

    /// The next entry.
    pub(in super::super) fn next(&mut self) -> Result<Found> {
        if self.token()? == b',' {
            self.take()?;
        }
        if self.token()? == b']' {
            self.rest()?;
            return Ok(Found::End);
        }
        let mut keep = Keep::up_to(MAX_ENTRY);
        self.value(&mut keep)?;
        Ok(if keep.over { Found::TooLong } else { Found::Entry(keep.text) })
    }

    /// Walks to the end of the file's object, which has to be there.
    fn rest(&mut self) -> Result<()> {
        let mut nothing = Keep::up_to(0);
        let mut depth = 3;
        while depth > 0 {
            match self.token()? {
                b'"' => self.string(&mut nothing)?,
                bracket => {
                    self.take()?;
                    match bracket {
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// Walks to the value of this member of the object that was entered.
    fn find(&mut self, wanted: &str) -> Result<()> {
        loop {
            match self.token()? {
                b',' => drop(self.take()?),
                b'"' => {
                    let mut name = Keep::up_to(MAX_NAME);
                    self.string(&mut name)?;
                    self.enter(b':', "a member has no value")?;
                    let name = &name.text;
                    if name.len() == wanted.len() + 2 && name[1..].starts_with(wanted.as_bytes()) {
                        return Ok(());
                    }
                    self.value(&mut Keep::up_to(0))?;
                }
                _ => return Err(foreign(&format!("it has no {wanted:?}"))),
            }
        }
    }

    fn enter(&mut self, wanted: u8, otherwise: &str) -> Result<()> {
        if self.token()? != wanted {
            return Err(foreign(otherwise));
        }
        self.take().map(drop)
    }

    /// Walks over one value.
    fn value(&mut self, keep: &mut Keep) -> Result<()> {
        let mut depth = 0usize;
        let mut scalar = false;
        self.token()?;
        loop {
            let next = self.peek()?;
            match next {
                b'"' => self.string(keep)?,
                b'{' | b'[' => {
                    depth += 1;
                    keep.push(&[self.take()?]);
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    keep.push(&[self.take()?]);
                }
                b'}' | b']' | b',' if depth == 0 && scalar => return Ok(()),
                b'}' | b']' | b',' if depth == 0 => return Err(foreign("a value is missing")),
                _ => {
                    scalar = scalar || depth == 0;
                    keep.push(&[self.take()?]);
                    continue;
                }
            }
            if depth == 0 && !scalar {
                return Ok(());
            }
        }
    }

    /// Walks over a string, with its quotes.
    fn string(&mut self, keep: &mut Keep) -> Result<()> {
        keep.push(&[self.take()?]);
        loop {
            let buffer = self.from.fill_buf().map_err(unreadable)?;
            if buffer.is_empty() {
                return Err(truncated("HAR"));
            }
            let plain = buffer.iter().position(|c| matches!(c, b'"' | b'\\'));
            let length = plain.unwrap_or(buffer.len());
            keep.push(&buffer[..length]);
            self.from.consume(length);
            match plain.map(|_| self.take()).transpose()? {
                Some(b'"') => {
                    keep.push(b"\"");
                    return Ok(());
                }
                Some(escape) => keep.push(&[escape, self.take()?]),
                None => {}
            }
        }
    }

    /// The next byte that is no space, not taken.
    fn token(&mut self) -> Result<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\r' | b'\n' => drop(self.take()?),
                other => return Ok(other),
            }
        }
    }

    fn peek(&mut self) -> Result<u8> {
        let buffer = self.from.fill_buf().map_err(unreadable)?;
        buffer.first().copied().ok_or_else(|| truncated("HAR"))
    }

    fn take(&mut self) -> Result<u8> {
        let byte = self.peek()?;
        self.from.consume(1);
        Ok(byte)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn entries(text: &str) -> Result<Vec<String>> {
        let mut skimmer = Skimmer::new(Box::new(Cursor::new(text.as_bytes().to_vec())))?;
        let mut all = Vec::new();
        while let Found::Entry(entry) = skimmer.next()? {
            all.push(String::from_utf8(entry).unwrap());
        }
        Ok(all)
    }

    #[test]
    fn entries_are_found_among_everything_else() {
        let text = r#"{"x":[{"log":1}],"log":{"a":"\"}]","entries":[ {"b":"]\\"} ,[1,{}],3, "s\"" ]
            ,"pages":[{}]},"y":"}"}"#;
        assert_eq!(entries(text).unwrap(), [r#"{"b":"]\\"}"#, "[1,{}]", "3", r#""s\"""#]);
        assert!(entries("\u{feff}{\"log\":{\"entries\":[]}}").unwrap().is_empty());
    }

    #[test]
    fn every_cut_is_noticed() {
        let text = r#"{"log":{"entries":[{"a":"b\"c"},{}],"z":1}}"#;
        assert_eq!(entries(text).unwrap().len(), 2);
        for end in 0..text.len() {
            assert_eq!(entries(&text[..end]).unwrap_err().code(), "truncated", "at {end}");
        }
    }

    #[test]
    fn other_json_is_no_har() {
        for text in ["[]", "{}", r#"{"log":[]}"#, r#"{"log":{"entries":{}}}"#, "x"] {
            assert_eq!(entries(text).unwrap_err().code(), "bad_format", "{text}");
        }
    }
}
