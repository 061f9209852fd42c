//! `MessagePack`, as far as data needs it: no extension types. Text and bytes point into the
//! input; nesting is limited, and what a length claims has to be there.

use crate::error::{Error, Result};

/// Values may be nested so deep.
const DEEPEST: usize = 24;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pack<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(Vec<Pack<'a>>),
    Map(Vec<(Pack<'a>, Pack<'a>)>),
}

impl<'a> Pack<'a> {
    /// Reads one value that fills the whole input.
    ///
    /// # Errors
    /// `Codec` for anything else.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader { rest: bytes };
        let value = reader.value(0)?;
        if reader.rest.is_empty() { Ok(value) } else { Err(damaged("something lies behind it")) }
    }

    /// The member of a map under this text; `Nil` where there is none.
    pub(crate) fn member(&self, name: &str) -> &Pack<'a> {
        let Pack::Map(pairs) = self else { return &Pack::Nil };
        let found = pairs.iter().find(|(key, _)| *key == Pack::Text(name));
        found.map_or(&Pack::Nil, |(_, value)| value)
    }

    pub(crate) fn text(&self) -> Option<&'a str> {
        match self {
            Pack::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Pack::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A number, whole or not.
    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Pack::Int(number) => Some(*number as f64),
            Pack::Float(number) => Some(*number),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Pack<'a>> {
        if depth > DEEPEST {
            return Err(damaged("it is nested too deep"));
        }
        let mark = self.take(1)?[0];
        Ok(match mark {
            0x00..=0x7f => Pack::Int(mark.into()),
            0x80..=0x8f => self.map(usize::from(mark & 0x0f), depth)?,
            0x90..=0x9f => self.list(usize::from(mark & 0x0f), depth)?,
            0xa0..=0xbf => self.text(usize::from(mark & 0x1f))?,
            0xc0 => Pack::Nil,
            0xc2 => Pack::Bool(false),
            0xc3 => Pack::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(1 << (mark - 0xc4))?;
                Pack::Bytes(self.take(length)?)
            }
            0xca => Pack::Float(f64::from(f32::from_bits(self.length(4)? as u32))),
            0xcb => Pack::Float(f64::from_bits(self.unsigned(8)?)),
            0xcc..=0xcf => {
                let number = self.unsigned(1 << (mark - 0xcc))?;
                Pack::Int(i64::try_from(number).map_err(|_| damaged("a number is too large"))?)
            }
            0xd0 => Pack::Int(i64::from(self.unsigned(1)? as u8 as i8)),
            0xd1 => Pack::Int(i64::from(self.unsigned(2)? as u16 as i16)),
            0xd2 => Pack::Int(i64::from(self.unsigned(4)? as u32 as i32)),
            0xd3 => Pack::Int(self.unsigned(8)? as i64),
            0xd9..=0xdb => {
                let length = self.length(1 << (mark - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let count = self.length(2 << (mark - 0xdc))?;
                self.list(count, depth)?
            }
            0xde | 0xdf => {
                let count = self.length(2 << (mark - 0xde))?;
                self.map(count, depth)?
            }
            0xe0..=0xff => Pack::Int(i64::from(mark as i8)),
            _ => return Err(damaged("it holds what data does not need")),
        })
    }

    fn list(&mut self, count: usize, depth: usize) -> Result<Pack<'a>> {
        // Each takes a byte at least, so a claim cannot cost more than is there.
        let mut items = Vec::with_capacity(count.min(self.rest.len()).min(64));
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(Pack::List(items))
    }

    fn map(&mut self, count: usize, depth: usize) -> Result<Pack<'a>> {
        let mut pairs = Vec::with_capacity(count.min(self.rest.len()).min(64));
        for _ in 0..count {
            pairs.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(Pack::Map(pairs))
    }

    fn text(&mut self, length: usize) -> Result<Pack<'a>> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes);
        text.map(Pack::Text).map_err(|e| damaged("a text is no UTF-8").because(e))
    }

    fn length(&mut self, width: usize) -> Result<usize> {
        usize::try_from(self.unsigned(width)?).map_err(|_| damaged("it ends too early"))
    }

    fn unsigned(&mut self, width: usize) -> Result<u64> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| damaged("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }
}

fn damaged(how: &str) -> Error {
    Error::codec(format!("the MessagePack value is damaged: {how}"))
}

/// Writes values in their shortest form, as Python's msgpack does.
#[derive(Debug, Default)]
pub(crate) struct Packer(pub Vec<u8>);

impl Packer {
    pub(crate) fn nil(&mut self) {
        self.0.push(0xc0);
    }

    pub(crate) fn bool(&mut self, is: bool) {
        self.0.push(0xc2 + u8::from(is));
    }

    pub(crate) fn float(&mut self, number: f64) {
        self.0.push(0xcb);
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn int(&mut self, number: i64) {
        let bytes = number.to_be_bytes();
        match number {
            -0x20..=0x7f => self.0.push(bytes[7]),
            0x80..=0xff => self.0.extend_from_slice(&[0xcc, bytes[7]]),
            0x100..=0xffff => self.marked(0xcd, &bytes[6..]),
            0x1_0000..=0xffff_ffff => self.marked(0xce, &bytes[4..]),
            0x1_0000_0000.. => self.marked(0xcf, &bytes),
            -0x80..-0x20 => self.0.extend_from_slice(&[0xd0, bytes[7]]),
            -0x8000..-0x80 => self.marked(0xd1, &bytes[6..]),
            -0x8000_0000..-0x8000 => self.marked(0xd2, &bytes[4..]),
            _ => self.marked(0xd3, &bytes),
        }
    }

    pub(crate) fn text(&mut self, text: &str) {
        match text.len() {
            short @ 0..=31 => self.0.push(0xa0 | short as u8),
            length => self.counted([0xd9, 0xda, 0xdb], length),
        }
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.counted([0xc4, 0xc5, 0xc6], bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// So many values follow.
    pub(crate) fn list(&mut self, count: usize) {
        match count {
            few @ 0..=15 => self.0.push(0x90 | few as u8),
            16..=0xffff => self.marked(0xdc, &(count as u16).to_be_bytes()),
            _ => self.marked(0xdd, &(count as u32).to_be_bytes()),
        }
    }

    /// So many pairs follow.
    pub(crate) fn map(&mut self, count: usize) {
        match count {
            few @ 0..=15 => self.0.push(0x80 | few as u8),
            16..=0xffff => self.marked(0xde, &(count as u16).to_be_bytes()),
            _ => self.marked(0xdf, &(count as u32).to_be_bytes()),
        }
    }

    fn counted(&mut self, marks: [u8; 3], length: usize) {
        match length {
            0..=0xff => self.0.extend_from_slice(&[marks[0], length as u8]),
            0x100..=0xffff => self.marked(marks[1], &(length as u16).to_be_bytes()),
            _ => self.marked(marks[2], &(length as u32).to_be_bytes()),
        }
    }

    fn marked(&mut self, mark: u8, rest: &[u8]) {
        self.0.push(mark);
        self.0.extend_from_slice(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_of_every_width_come_back() {
        for number in [
            0,
            127,
            128,
            255,
            256,
            65_535,
            65_536,
            u32::MAX.into(),
            1 << 40,
            i64::MAX,
            -1,
            -32,
            -33,
            -128,
            -129,
            -32_769,
            i64::from(i32::MIN) - 1,
            i64::MIN,
        ] {
            let mut packer = Packer::default();
            packer.int(number);
            assert_eq!(Pack::read(&packer.0).unwrap(), Pack::Int(number));
        }
        for length in [0, 31, 32, 255, 256, 65_535, 65_536] {
            let text = "x".repeat(length);
            let mut packer = Packer::default();
            packer.list(2);
            packer.text(&text);
            packer.bytes(text.as_bytes());
            let wanted = Pack::List(vec![Pack::Text(&text), Pack::Bytes(text.as_bytes())]);
            assert_eq!(Pack::read(&packer.0).unwrap(), wanted);
        }
        for count in [0, 15, 16, 65_536] {
            let mut packer = Packer::default();
            packer.list(count);
            (0..count).for_each(|_| packer.nil());
            assert_eq!(Pack::read(&packer.0).unwrap(), Pack::List(vec![Pack::Nil; count]));
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let deep = [0x91].repeat(100_000);
        for bytes in [
            &b""[..],
            b"\xc1",
            b"\xc4\x05abc",
            b"\xdd\xff\xff\xff\xff",
            b"\xdf\x7f\xff\xff\xff\xa1a",
            b"\xa2\xff\xfe",
            b"\xc0\xc0",
            b"\xc7\x01\x05x",
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            &deep,
        ] {
            assert!(Pack::read(bytes).is_err(), "{bytes:?}");
        }
    }
}
