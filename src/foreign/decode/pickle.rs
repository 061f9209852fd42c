//! Python pickles as plain data.
//!
//! A pickle is a program for a stack machine that may call anything. This machine builds
//! data and nothing else: it knows the opcodes that data needs, and the classes that its
//! caller lists. Values are shared by number, so what refers to a value a million times
//! costs a million numbers; nothing here recurses, however deep a value is.

use std::collections::HashMap;

use crate::error::{Error, Result};

/// Most values that a pickle may build, stand on the stack, or name for later.
const MOST: usize = 200_000;

/// The number of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u32);

/// A value; those inside it are numbers. Bytes and text point into the pickle.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a, C> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class, not yet made into anything.
    Class(C),
    /// An object made without arguments, and the members it was given.
    Object(C, Option<Id>),
    /// A class called with arguments.
    Called(C, Id),
}

/// A class that may stand in a pickle.
pub(crate) trait Class: Copy + PartialEq {
    /// The class of this module and name, if it may.
    fn named(module: &str, name: &str) -> Option<Self>;

    /// Whether it is called with arguments (`REDUCE`); else it is made without any and
    /// given its members (`NEWOBJ`, `BUILD`).
    fn is_called(self) -> bool;
}

/// What a pickle says.
#[derive(Debug)]
pub(crate) struct Pickle<'a, C> {
    values: Vec<Value<'a, C>>,
    root: Id,
}

impl<'a, C: Class> Pickle<'a, C> {
    /// Reads a pickle of protocol 3 to 5.
    ///
    /// # Errors
    /// `Codec` for anything that is no plain data of these classes.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        let root = machine.run()?;
        // Python ignores what follows, and so does this.
        Ok(Pickle { values: machine.values, root })
    }

    pub(crate) fn root(&self) -> &Value<'a, C> {
        self.get(self.root)
    }

    pub(crate) fn get(&self, id: Id) -> &Value<'a, C> {
        &self.values[id.0 as usize]
    }

    /// The member of a dictionary under this text; the last one counts, as in Python.
    pub(crate) fn member(&self, pairs: &[(Id, Id)], name: &str) -> Option<&Value<'a, C>> {
        let found = pairs.iter().rev().find(|(key, _)| self.get(*key) == &Value::Text(name));
        found.map(|(_, value)| self.get(*value))
    }
}

struct Machine<'a, C> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a, C>>,
    stack: Vec<Id>,
    /// Where marked parts of the stack begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

/// What an opcode does after it was carried out.
enum Next {
    Go,
    Stop,
}

impl<'a, C: Class> Machine<'a, C> {
    fn run(&mut self) -> Result<Id> {
        loop {
            let opcode = self.take(1)?[0];
            let next = self
                .step(opcode)
                .map_err(|e| e.because(format!("opcode {opcode:#04x} before byte {}", self.at)))?;
            if matches!(next, Next::Stop) {
                return self.pop();
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<Next> {
        match opcode {
            // PROTO, FRAME
            0x80 => {
                let version = self.take(1)?[0];
                if !(3..=5).contains(&version) {
                    return Err(refused("its protocol is not one of 3, 4 and 5"));
                }
            }
            0x95 => drop(self.take(8)?),
            b'.' => return Ok(Next::Stop),
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'K' | b'M' | b'J' | 0x8a | b'G' => self.number(opcode)?,
            b'C' | b'B' | 0x8e | 0x8c | b'X' | 0x8d => self.text(opcode)?,
            b']' => self.push(Value::List(Vec::new()))?,
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b')' => self.push(Value::Tuple(Vec::new()))?,
            b'(' => self.mark()?,
            b't' => {
                let items = self.pop_marked()?;
                self.push(Value::Tuple(items))?;
            }
            0x85..=0x87 => {
                let items = self.pop_some(usize::from(opcode - 0x84))?;
                self.push(Value::Tuple(items))?;
            }
            b'a' => {
                let items = self.pop_some(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.pop_marked()?;
                self.append(items)?;
            }
            b's' => {
                let items = self.pop_some(2)?;
                self.set(&items)?;
            }
            b'u' => {
                let items = self.pop_marked()?;
                self.set(&items)?;
            }
            0x94 | b'q' | b'r' => self.remember(opcode)?,
            b'h' | b'j' => self.recall(opcode)?,
            0x93 | b'c' => self.class(opcode)?,
            0x81 => self.make()?,
            b'R' => self.call()?,
            b'b' => self.build()?,
            _ => return Err(refused("it does what data does not need")),
        }
        Ok(Next::Go)
    }

    fn number(&mut self, opcode: u8) -> Result<()> {
        let value = match opcode {
            b'K' => Value::Int(self.length(1)? as i64),
            b'M' => Value::Int(self.length(2)? as i64),
            b'J' => Value::Int(i64::from(self.length(4)? as u32 as i32)),
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            _ => {
                let count = self.length(1)?;
                if count > 8 {
                    return Err(refused("a number has more than 64 bits"));
                }
                let bytes = self.take(count)?;
                let negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
                let mut whole = [if negative { 0xff } else { 0 }; 8];
                whole[..count].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(whole))
            }
        };
        self.push(value)
    }

    fn text(&mut self, opcode: u8) -> Result<()> {
        let width = match opcode {
            b'C' | 0x8c => 1,
            b'B' | b'X' => 4,
            _ => 8,
        };
        let length = self.length(width)?;
        let bytes = self.take(length)?;
        if matches!(opcode, b'C' | b'B' | 0x8e) {
            return self.push(Value::Bytes(bytes));
        }
        let text = std::str::from_utf8(bytes).map_err(|e| refused("a text is no UTF-8").because(e));
        self.push(Value::Text(text?))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        match self.top()? {
            Value::List(list) => list.extend(items),
            _ => return Err(refused("something that is no list is appended to")),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<()> {
        let (pairs, rest) = items.as_chunks::<2>();
        match self.top()? {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            _ => return Err(refused("something that is no dictionary is given members")),
        }
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Result<()> {
        let place = match opcode {
            0x94 => self.memo.len(),
            b'q' => self.length(1)?,
            _ => self.length(4)?,
        };
        let top = *self.stack.last().ok_or_else(short)?;
        self.memo.insert(place as u32, top);
        limited(self.memo.len())
    }

    fn recall(&mut self, opcode: u8) -> Result<()> {
        let place = self.length(if opcode == b'h' { 1 } else { 4 })?;
        let known = self.memo.get(&(place as u32)).copied();
        self.stack.push(known.ok_or_else(|| refused("it recalls what it never named"))?);
        limited(self.stack.len())
    }

    fn class(&mut self, opcode: u8) -> Result<()> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let name = self.pop_text()?;
            (self.pop_text()?, name)
        };
        match C::named(module, name) {
            Some(class) => self.push(Value::Class(class)),
            None => Err(refused("it names a class or function that data does not need")
                .because(format!("{module:?} {name:?}"))),
        }
    }

    /// `NEWOBJ`: an object of a class, made without arguments.
    fn make(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let class = self.pop()?;
        match (self.value(class), self.value(arguments)) {
            (Value::Class(class), Value::Tuple(none)) if none.is_empty() && !class.is_called() => {
                let class = *class;
                self.push(Value::Object(class, None))
            }
            _ => Err(refused("an object is made in another way than data is")),
        }
    }

    fn call(&mut self) -> Result<()> {
        let arguments = self.pop()?;
        let class = self.pop()?;
        match (self.value(class), self.value(arguments)) {
            (Value::Class(class), Value::Tuple(_)) if class.is_called() => {
                let class = *class;
                self.push(Value::Called(class, arguments))
            }
            _ => Err(refused("it calls something")),
        }
    }

    fn build(&mut self) -> Result<()> {
        let members = self.pop()?;
        if !matches!(self.value(members), Value::Dict(_)) {
            return Err(refused("the members of an object are no dictionary"));
        }
        match self.top()? {
            Value::Object(_, slot @ None) => *slot = Some(members),
            _ => return Err(refused("something that is no new object is given members")),
        }
        Ok(())
    }

    fn value(&self, id: Id) -> &Value<'a, C> {
        &self.values[id.0 as usize]
    }

    fn top(&mut self) -> Result<&mut Value<'a, C>> {
        let top = *self.stack.last().ok_or_else(short)?;
        Ok(&mut self.values[top.0 as usize])
    }

    fn push(&mut self, value: Value<'a, C>) -> Result<()> {
        let id = Id(self.values.len() as u32);
        self.values.push(value);
        self.stack.push(id);
        limited(self.values.len().max(self.stack.len()))
    }

    /// Nothing is taken from below a mark but by what belongs to it.
    fn pop(&mut self) -> Result<Id> {
        if self.marks.last().is_some_and(|mark| *mark == self.stack.len()) {
            return Err(short());
        }
        self.stack.pop().ok_or_else(short)
    }

    fn pop_text(&mut self) -> Result<&'a str> {
        let id = self.pop()?;
        match self.value(id) {
            Value::Text(text) => Ok(text),
            _ => Err(refused("a name is no text")),
        }
    }

    fn pop_some(&mut self, count: usize) -> Result<Vec<Id>> {
        let floor = self.marks.last().copied().unwrap_or_default();
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= floor => Ok(self.stack.split_off(from)),
            _ => Err(short()),
        }
    }

    fn mark(&mut self) -> Result<()> {
        self.marks.push(self.stack.len());
        limited(self.marks.len())
    }

    fn pop_marked(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(short)?;
        Ok(self.stack.split_off(mark))
    }

    /// A length or small number of so many bytes, the least first.
    fn length(&mut self, width: usize) -> Result<usize> {
        let mut whole = [0; 8];
        whole[..width].copy_from_slice(self.take(width)?);
        usize::try_from(u64::from_le_bytes(whole)).map_err(|_| torn())
    }

    fn array(&mut self) -> Result<[u8; 8]> {
        let mut array = [0; 8];
        array.copy_from_slice(self.take(8)?);
        Ok(array)
    }

    fn line(&mut self) -> Result<&'a str> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|b| *b == b'\n').ok_or_else(torn)?;
        let line = self.take(end + 1)?;
        std::str::from_utf8(&line[..end]).map_err(|e| refused("a name is no UTF-8").because(e))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or_else(torn)?;
        self.at += count;
        Ok(taken)
    }
}

fn limited(count: usize) -> Result<()> {
    if count > MOST { Err(refused("it builds too much")) } else { Ok(()) }
}

fn refused(how: &str) -> Error {
    Error::codec(format!("the pickle is refused: {how}"))
}

fn short() -> Error {
    refused("it takes what is not there")
}

fn torn() -> Error {
    Error::codec("the pickle is torn: it ends too early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Known {
        Made,
        Called,
    }

    impl Class for Known {
        fn named(module: &str, name: &str) -> Option<Self> {
            match (module, name) {
                ("m", "Made") => Some(Known::Made),
                ("m", "called") => Some(Known::Called),
                _ => None,
            }
        }

        fn is_called(self) -> bool {
            self == Known::Called
        }
    }

    fn read(bytes: &[u8]) -> Result<Pickle<'_, Known>> {
        Pickle::read(bytes)
    }

    #[test]
    fn plain_data_comes_out() {
        // {'a': [1, -2, 300, b'xy', None, True, 1.5], 'b': ('c', 'c')} by Python 3.11.
        let bytes = b"\x80\x04\x95>\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xff\
            M,\x01C\x02xy\x94N\x88G?\xf8\x00\x00\x00\x00\x00\x00e\x8c\x01b\x94\x8c\x01c\x94h\x05\x86\x94u.";
        let pickle = read(bytes).unwrap();
        let Value::Dict(pairs) = pickle.root() else { panic!("{:?}", pickle.root()) };
        let Some(Value::List(list)) = pickle.member(pairs, "a") else { panic!("no list") };
        let list: Vec<_> = list.iter().map(|id| pickle.get(*id).clone()).collect();
        let wanted = [
            Value::Int(1),
            Value::Int(-2),
            Value::Int(300),
            Value::Bytes(b"xy"),
            Value::None,
            Value::Bool(true),
            Value::Float(1.5),
        ];
        assert_eq!(list, wanted);
        let Some(Value::Tuple(pair)) = pickle.member(pairs, "b") else { panic!("no tuple") };
        assert!(pair.iter().all(|id| pickle.get(*id) == &Value::Text("c")));
    }

    #[test]
    fn objects_and_calls_are_data_of_known_classes() {
        let made = b"\x80\x04\x8c\x01m\x8c\x04Made\x93)\x81}\x8c\x01k\x4b\x07sb.";
        let pickle = read(made).unwrap();
        let Value::Object(Known::Made, Some(members)) = pickle.root() else { panic!("no object") };
        let Value::Dict(members) = pickle.get(*members) else { panic!("no members") };
        assert_eq!(pickle.member(members, "k"), Some(&Value::Int(7)));
        let called = read(b"\x80\x03cm\ncalled\nK\x01\x85R.").unwrap();
        assert!(matches!(called.root(), Value::Called(Known::Called, _)));
    }

    #[test]
    fn a_pickle_that_does_anything_is_refused() {
        let cases: [&[u8]; 12] = [
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
            b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
            b"\x80\x04\x8c\x01m\x8c\x04Made\x93)R.",
            b"\x80\x04\x8c\x01m\x8c\x06called\x93)\x81.",
            b"\x80\x04\x8c\x01m\x8c\x04Made\x93)\x81}b}b.",
            b"\x80\x04\x8c\x01m\x8c\x04Made\x93)\x81Nb.",
            b"\x80\x04(i__builtin__\nexec\n.",
            b"\x80\x04Pid\n.",
            b"\x80\x05\x97.",
            b"\x80\x02N.",
            b"\x80\x04h\x07.",
            b"\x80\x04(N.",
        ];
        for bytes in &cases[..11] {
            let error = read(bytes).unwrap_err();
            assert!(error.message().contains("refused"), "{bytes:?}: {error:?}");
        }
        // What is marked and never used is left where it is, as in Python.
        assert!(read(cases[11]).is_ok());
    }

    #[test]
    fn whatever_is_claimed_costs_no_more_than_what_is_there() {
        let claims = b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x10abc.";
        assert!(read(claims).unwrap_err().message().contains("torn"));
        // 150,000 tuples in each other; then lists of the list before, three times each.
        let mut deep = b"\x80\x04)".to_vec();
        deep.extend([0x85].repeat(150_000));
        deep.push(b'.');
        assert!(read(&deep).is_ok(), "nothing recurses");
        let mut bomb = b"\x80\x04)\x94".to_vec();
        for i in 0..200u8 {
            bomb.extend([b'h', i, b'h', i, b'h', i, 0x87, 0x94]);
        }
        bomb.push(b'.');
        assert!(read(&bomb).is_ok(), "what is shared is shared");
        let mut wide = b"\x80\x04(".to_vec();
        wide.extend([b'N'].repeat(1_000_000));
        wide.extend(b"t.");
        assert!(read(&wide).unwrap_err().message().contains("too much"));
        let mut own = b"\x80\x04]\x94h\x00a.".to_vec();
        assert!(read(&own).is_ok());
        own.truncate(own.len() - 1);
        assert!(read(&own).unwrap_err().message().contains("torn"));
    }
}
