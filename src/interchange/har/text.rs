//! A JSON string on its way into a file, where it stands without quotes and escapes.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use crate::error::{Error, ErrorKind, Result};

use super::skim::LongText;

pub(super) struct TextFile {
    file: BufWriter<File>,
    /// An escape, or a character, as far as it has come.
    begun: Vec<u8>,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    quotes: u8,
    text: Facts,
}

#[derive(Default)]
struct Facts {
    bytes: u64,
    is_not_ascii: bool,
    padding: u64,
    damage: Option<&'static str>,
}

fn fail(error: std::io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, "cannot write a temporary file")
        .coded("temporary_file")
        .because(error)
}

impl TextFile {
    pub(super) fn new() -> Result<Self> {
        let file = BufWriter::with_capacity(64 << 10, tempfile::tempfile().map_err(fail)?);
        Ok(TextFile { file, begun: Vec::new(), high: None, quotes: 0, text: Facts::default() })
    }

    /// Takes more of the string as it stands in the JSON.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        while let Some(&byte) = rest.first() {
            if self.text.damage.is_some() {
                return Ok(());
            }
            if !self.begun.is_empty() || !is_plain(byte) {
                self.odd(byte)?;
                rest = &rest[1..];
                continue;
            }
            let plain = rest.iter().position(|c| !is_plain(*c)).unwrap_or(rest.len());
            self.put(&rest[..plain])?;
            rest = &rest[plain..];
        }
        Ok(())
    }

    /// Takes a byte that is not a character as it is.
    fn odd(&mut self, byte: u8) -> Result<()> {
        if self.begun.is_empty() && byte == b'"' {
            self.quotes += 1;
            return Ok(());
        }
        self.begun.push(byte);
        match self.begun[0] {
            b'\\' => self.escape(),
            0x80.. => match std::str::from_utf8(&self.begun) {
                Ok(_) => {
                    let character = std::mem::take(&mut self.begun);
                    self.text.is_not_ascii = true;
                    self.put(&character)
                }
                Err(e) if e.error_len().is_none() => Ok(()),
                Err(_) => self.spoil("it is not UTF-8"),
            },
            _ => self.spoil("it has a control character in it"),
        }
    }

    fn escape(&mut self) -> Result<()> {
        let character = match self.begun[1..] {
            [] => return Ok(()),
            [c @ (b'"' | b'\\' | b'/')] => char::from(c),
            [b'b'] => '\u{8}',
            [b'f'] => '\u{c}',
            [b'n'] => '\n',
            [b'r'] => '\r',
            [b't'] => '\t',
            [b'u', ref digits @ ..] if digits.len() < 4 => return Ok(()),
            [b'u', ref digits @ ..] => {
                let digits = std::str::from_utf8(digits).unwrap_or_default();
                let is_hex = digits.bytes().all(|c| c.is_ascii_hexdigit());
                let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex);
                let Some(unit) = unit else { return self.spoil("an escape in it is none") };
                self.begun.clear();
                return self.unit(unit);
            }
            _ => return self.spoil("an escape in it is none"),
        };
        self.begun.clear();
        self.character(character)
    }

    /// Takes a unit of UTF-16.
    fn unit(&mut self, unit: u16) -> Result<()> {
        let units = [self.high.take(), Some(unit)].into_iter().flatten();
        let mut decoded = char::decode_utf16(units);
        match (decoded.next(), decoded.next()) {
            (Some(Ok(character)), None) => {
                self.text.is_not_ascii |= !character.is_ascii();
                self.character(character)
            }
            (Some(Err(_)), None) if (0xd800..0xdc00).contains(&unit) => {
                self.high = Some(unit);
                Ok(())
            }
            _ => self.spoil("half a character stands in it"),
        }
    }

    fn character(&mut self, character: char) -> Result<()> {
        self.put(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    fn put(&mut self, text: &[u8]) -> Result<()> {
        if self.high.is_some() {
            return self.spoil("half a character stands in it");
        }
        let padding = text.iter().rev().take_while(|c| **c == b'=').count();
        let goes_on = if padding == text.len() { self.text.padding } else { 0 };
        self.text.padding = goes_on + padding as u64;
        self.text.bytes += text.len() as u64;
        self.file.write_all(text).map_err(fail)
    }

    fn spoil(&mut self, why: &'static str) -> Result<()> {
        self.text.damage = Some(why);
        Ok(())
    }

    /// The text, all of which has come.
    pub(super) fn finish(self) -> Result<LongText> {
        let Facts { bytes, is_not_ascii, padding, damage } = self.text;
        let is_cut = self.high.is_some() || !self.begun.is_empty() || self.quotes != 2;
        let damage = damage.or(is_cut.then_some("half a character stands in it"));
        let mut file = self.file.into_inner().map_err(|e| fail(e.into_error()))?;
        file.rewind().map_err(fail)?;
        Ok(LongText { file, bytes, is_ascii: !is_not_ascii, padding, damage })
    }
}

/// Whether a byte of a JSON string stands for itself, and is not part of a longer character.
fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// What a string comes to, cut into pieces of this length.
    fn read(string: &[u8], piece: usize) -> Result<String, &'static str> {
        let mut file = TextFile::new().unwrap();
        for piece in string.chunks(piece) {
            file.push(piece).unwrap();
        }
        let mut text = file.finish().unwrap();
        let mut all = String::new();
        match text.damage {
            Some(why) => Err(why),
            None => {
                text.file.read_to_string(&mut all).unwrap();
                assert_eq!((all.len() as u64, all.is_ascii()), (text.bytes, text.is_ascii));
                assert_eq!(all.len() - all.trim_end_matches('=').len(), text.padding as usize);
                Ok(all)
            }
        }
    }

    #[test]
    fn a_string_reads_as_serde_json_reads_it() {
        for inside in [
            "",
            "plain",
            r#"\"\\\/\b\f\n\r\t\u0041\u00e4\u20ac\ud83d\ude00"#,
            "ä€😀=",
            "abc=\u{7f}==",
            r"\u0000",
            r"\ud83d",
            r"\ud83dx",
            r"\ud83d\u0041",
            r"\ude00",
            r"\u12g4",
            r"\u+123",
            r"\x",
            r"\u12",
            "a\nb",
            "\t",
        ] {
            let string = format!("\"{inside}\"");
            let wanted = serde_json::from_str::<String>(&string).ok();
            for piece in 1..=string.len() {
                assert_eq!(read(string.as_bytes(), piece).ok(), wanted, "{string} by {piece}");
            }
        }
        for bytes in [&b"\"\xff\""[..], b"\"\xc3\"", b"\"\xed\xa0\x80\""] {
            assert!(read(bytes, 1).is_err(), "{bytes:?}");
        }
    }
}
