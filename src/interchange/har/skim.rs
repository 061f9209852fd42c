//! Finds the entries of a HAR without holding the file: a walk over its tokens that takes
//! out one member of `log.entries` at a time, and of that what its reader wants. A long text
//! goes into a file of its own. So memory stays flat, one damaged entry does not spoil the
//! others, and how long an entry may be is decided here.

use std::fs::File;
use std::io::BufRead;

use crate::error::{Error, Result};

use super::super::input::{Input, unreadable};
use super::super::truncated;
use super::text::TextFile;

/// The longest entry that is held, as JSON, but for its long text.
const MAX_ENTRY: usize = 4 << 20;
const MAX_NAME: usize = 1024;

/// The longest text that is held.
const LONG: usize = 256 << 10;

/// What of a value is wanted.
pub(in super::super) enum Shape {
    /// All of it.
    Whole,
    /// A string of any length.
    Text,
    /// These members of an object.
    Members(&'static [(&'static str, Shape)]),
}

pub(in super::super) struct Skimmer {
    from: Input,
    shape: &'static Shape,
    over: bool,
}

/// One member of `log.entries`.
pub(in super::super) enum Found {
    /// What is wanted of it.
    Entry(Entry),
    /// It is longer than may be held, and was passed over.
    TooLong,
    /// There are no more.
    End,
}

/// An entry: JSON in which a number stands for each long text.
pub(in super::super) struct Entry {
    pub json: Vec<u8>,
    pub texts: Vec<LongText>,
}

/// A text of an entry, without its escapes.
pub(in super::super) struct LongText {
    /// At its beginning.
    pub file: File,
    pub bytes: u64,
    pub is_ascii: bool,
    /// How many `=` it ends with.
    pub padding: u64,
    /// Why it is none.
    pub damage: Option<&'static str>,
}

/// Where the bytes of a value go.
trait Sink {
    fn push(&mut self, bytes: &[u8]) -> Result<()>;
}

/// Into a buffer, until it is over its limit.
struct Keep {
    text: Vec<u8>,
    limit: usize,
    over: bool,
}

impl Keep {
    fn up_to(limit: usize) -> Self {
        Keep { text: Vec::new(), limit, over: false }
    }

    fn nothing() -> Self {
        Keep::up_to(0)
    }
}

impl Sink for Keep {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        if self.text.len() + bytes.len() > self.limit {
            self.over = true;
            self.text = Vec::new();
        }
        if !self.over {
            self.text.extend_from_slice(bytes);
        }
        Ok(())
    }
}

/// Into a buffer, and into a file once it is too long for that.
#[derive(Default)]
struct Spill {
    short: Vec<u8>,
    file: Option<TextFile>,
}

impl Sink for Spill {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.file {
            Some(file) => file.push(bytes),
            None if self.short.len() + bytes.len() <= LONG => {
                self.short.extend_from_slice(bytes);
                Ok(())
            }
            None => {
                let mut file = TextFile::new()?;
                file.push(&std::mem::take(&mut self.short))?;
                file.push(bytes)?;
                self.file = Some(file);
                Ok(())
            }
        }
    }
}

fn foreign(why: &str) -> Error {
    Error::codec(format!("this is not a HAR: {why}")).coded("bad_format")
}

impl Skimmer {
    /// Walks to the first entry; `shape` is what is wanted of each.
    pub(in super::super) fn new(from: Input, shape: &'static Shape) -> Result<Self> {
        let mut skimmer = Skimmer { from, shape, over: false };
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
        if self.over {
            return Ok(Found::End);
        }
        if self.token()? == b',' {
            self.take()?;
        }
        if self.token()? == b']' {
            self.over = true;
            self.take()?;
            return self.rest().map(|()| Found::End);
        }
        let (mut keep, mut texts) = (Keep::up_to(MAX_ENTRY), Vec::new());
        self.wanted(self.shape, &mut keep, &mut texts)?;
        Ok(match keep.over {
            true => Found::TooLong,
            false => Found::Entry(Entry { json: keep.text, texts }),
        })
    }

    /// Walks to the end of the file's object, which has to be there.
    fn rest(&mut self) -> Result<()> {
        let more_entries = self.leave("entries")?;
        let more_logs = self.leave("log")?;
        if more_entries || more_logs {
            let what = if more_entries { "log.entries" } else { "log" };
            return Err(Error::codec(format!("the HAR has a second {what}, which was not read"))
                .coded("repeated"));
        }
        Ok(())
    }

    /// Walks to the end of the object that was entered; tells whether a member has this name.
    fn leave(&mut self, name: &str) -> Result<bool> {
        let mut there = false;
        loop {
            match self.token()? {
                b'"' => {
                    let named = self.name()?;
                    there |= is_name(&named, name);
                }
                b'{' | b'[' => self.value(&mut Keep::nothing())?,
                b'}' | b']' => {
                    self.take()?;
                    return Ok(there);
                }
                _ => drop(self.take()?),
            }
        }
    }

    /// Walks to the value of this member of the object that was entered.
    fn find(&mut self, wanted: &str) -> Result<()> {
        loop {
            match self.token()? {
                b',' => drop(self.take()?),
                b'"' => {
                    let name = self.name()?;
                    self.enter(b':', "a member has no value")?;
                    if is_name(&name, wanted) {
                        return Ok(());
                    }
                    self.value(&mut Keep::nothing())?;
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

    /// Walks over one value, and keeps what is wanted of it. One that is no JSON is kept as it
    /// is, so that its reader finds that out.
    fn wanted(&mut self, shape: &Shape, keep: &mut Keep, texts: &mut Vec<LongText>) -> Result<()> {
        let members = match (shape, self.token()?) {
            (Shape::Members(members), b'{') => *members,
            (Shape::Text, b'"') => return self.text(keep, texts),
            _ => return self.value(keep),
        };
        keep.push(&[self.take()?])?;
        let mut is_first = true;
        loop {
            match self.token()? {
                b',' => drop(self.take()?),
                b'"' => {
                    let name = self.name()?;
                    if self.token()? != b':' {
                        keep.push(&name)?;
                        continue;
                    }
                    self.take()?;
                    match members.iter().find(|(wanted, _)| is_name(&name, wanted)) {
                        None => self.value(&mut Keep::nothing())?,
                        Some((_, shape)) => {
                            keep.push(if is_first { b"" } else { b"," })?;
                            keep.push(&name)?;
                            keep.push(b":")?;
                            self.wanted(shape, keep, texts)?;
                            is_first = false;
                        }
                    }
                }
                b'{' | b'[' => self.value(keep)?,
                b'}' | b']' => return keep.push(&[self.take()?]),
                _ => keep.push(&[self.take()?])?,
            }
        }
    }

    /// Walks over a string that may be long.
    fn text(&mut self, keep: &mut Keep, texts: &mut Vec<LongText>) -> Result<()> {
        let mut spill = Spill::default();
        self.string(&mut spill)?;
        match spill.file {
            None => keep.push(&spill.short),
            Some(file) => {
                keep.push(texts.len().to_string().as_bytes())?;
                texts.push(file.finish()?);
                Ok(())
            }
        }
    }

    /// Walks over the name of a member, with its quotes.
    fn name(&mut self) -> Result<Vec<u8>> {
        let mut name = Keep::up_to(MAX_NAME);
        self.string(&mut name)?;
        Ok(name.text)
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
                    keep.push(&[self.take()?])?;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    keep.push(&[self.take()?])?;
                }
                b'}' | b']' | b',' if depth == 0 && scalar => return Ok(()),
                b'}' | b']' | b',' if depth == 0 => return Err(foreign("a value is missing")),
                _ => {
                    scalar = scalar || depth == 0;
                    keep.push(&[self.take()?])?;
                    continue;
                }
            }
            if depth == 0 && !scalar {
                return Ok(());
            }
        }
    }

    /// Walks over a string, with its quotes.
    fn string(&mut self, to: &mut impl Sink) -> Result<()> {
        to.push(&[self.take()?])?;
        loop {
            let buffer = self.from.fill_buf().map_err(unreadable)?;
            if buffer.is_empty() {
                return Err(truncated("HAR"));
            }
            let plain = buffer.iter().position(|c| matches!(c, b'"' | b'\\'));
            let length = plain.unwrap_or(buffer.len());
            to.push(&buffer[..length])?;
            self.from.consume(length);
            match plain.map(|_| self.take()).transpose()? {
                Some(b'"') => return to.push(b"\""),
                Some(escape) => to.push(&[escape, self.take()?])?,
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

/// Whether a string, with its quotes, is this name.
fn is_name(string: &[u8], name: &str) -> bool {
    string.len() == name.len() + 2 && string[1..].starts_with(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn entries(text: &str) -> Result<Vec<String>> {
        shaped(text, &Shape::Whole)
    }

    fn shaped(text: &str, shape: &'static Shape) -> Result<Vec<String>> {
        let mut skimmer = Skimmer::new(Box::new(Cursor::new(text.as_bytes().to_vec())), shape)?;
        let mut all = Vec::new();
        while let Found::Entry(entry) = skimmer.next()? {
            all.push(String::from_utf8(entry.json).unwrap());
        }
        Ok(all)
    }

    fn one(entry: &str, shape: &'static Shape) -> String {
        let text = format!("{{\"log\":{{\"entries\":[{entry}, 7]}}}}");
        let all = shaped(&text, shape).unwrap();
        assert_eq!(all.len(), 2, "the walk is at the next entry: {all:?}");
        all[0].clone()
    }

    #[test]
    fn only_what_is_wanted_is_kept() {
        const SHAPE: Shape =
            Shape::Members(&[("a", Shape::Whole), ("b", Shape::Members(&[("c", Shape::Text)]))]);
        for (entry, kept) in [
            (r#"{"x":{"a":1},"a":[1,{"z":2}],"y":"}"}"#, r#"{"a":[1,{"z":2}]}"#),
            (r#"{"b":{"a":1,"c":"t","d":[]}, "x":1}"#, r#"{"b":{"c":"t"}}"#),
            (r#"{"b":{"c":5},"a":true}"#, r#"{"b":{"c":5},"a":true}"#),
            (r#"{"b":[{"c":5}]}"#, r#"{"b":[{"c":5}]}"#),
            (r#"[{"a":1}]"#, r#"[{"a":1}]"#),
        ] {
            assert_eq!(one(entry, &SHAPE), kept, "{entry}");
        }
        for broken in [r#"{"a" 1}"#, r#"{a:1}"#, r#"{{"a":1}}"#, r#"{"a":1]"#, r#"{["a"],"a":1}"#] {
            let kept = one(broken, &SHAPE);
            assert!(serde_json::from_str::<serde_json::Value>(&kept).is_err(), "{broken}: {kept}");
        }
    }

    #[test]
    fn what_stands_there_twice_is_said() {
        for (text, what) in [
            (r#"{"log":{"entries":[1],"x":{"entries":[]},"entries":[2]}}"#, "second log.entries"),
            (r#"{"log":{"entries":[1]},"log":{"entries":[2]}}"#, "second log,"),
        ] {
            let mut skimmer =
                Skimmer::new(Box::new(Cursor::new(text.as_bytes())), &Shape::Whole).unwrap();
            assert!(matches!(skimmer.next(), Ok(Found::Entry(_))));
            let Err(error) = skimmer.next() else { panic!("{text}") };
            assert!(error.message().contains(what), "{error}");
            assert!(matches!(skimmer.next(), Ok(Found::End)));
        }
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
