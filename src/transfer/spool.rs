//! Long lists that do not stay in memory: in the order in which they came, or sorted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;

use crate::error::{Error, ErrorKind, Result};

/// What is kept in memory before it goes into a temporary file.
const IN_MEMORY: usize = 8 << 20;

/// With a limit up to this, nothing goes into a file: only so many are kept.
const FEW: usize = 10_000;

/// Something that can be written to a temporary file and read back.
pub trait Spooled: Sized {
    /// Appends the bytes.
    ///
    /// # Errors
    /// `Codec` when it is beyond the limits of the form.
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()>;

    /// Reads what `put` has written.
    ///
    /// # Errors
    /// `Internal` when it is something else.
    fn take(bytes: &[u8]) -> Result<Self>;
}

fn trouble(error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, "cannot use a temporary file")
        .because(error)
        .coded("temporary_file")
        .try_this("more space in the folder for temporary files, or another one in TMPDIR")
}

/// Writes a length and the bytes behind it.
fn push(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend_from_slice(bytes);
}

fn read_one(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

/// A list that is written once and read once.
#[derive(Debug)]
pub struct Spool<T> {
    memory: Vec<u8>,
    file: Option<BufWriter<File>>,
    scratch: Vec<u8>,
    length: u64,
    of: PhantomData<fn(T) -> T>,
}

impl<T> Default for Spool<T> {
    fn default() -> Self {
        Spool { memory: Vec::new(), file: None, scratch: Vec::new(), length: 0, of: PhantomData }
    }
}

impl<T: Spooled> Spool<T> {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends one.
    ///
    /// # Errors
    /// `LocalFile` when the temporary file cannot be written.
    pub fn push(&mut self, item: &T) -> Result<()> {
        self.scratch.clear();
        item.put(&mut self.scratch)?;
        push(&mut self.memory, &self.scratch);
        self.length += 1;
        if self.memory.len() >= IN_MEMORY {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(BufWriter::new(tempfile::tempfile().map_err(trouble)?)),
            };
            file.write_all(&self.memory).map_err(trouble)?;
            self.memory.clear();
        }
        Ok(())
    }

    /// All of them, in the order in which they came.
    ///
    /// # Errors
    /// `LocalFile` when the temporary file cannot be read.
    pub fn read(self) -> Result<impl Iterator<Item = Result<T>> + Send> {
        let spilled: Box<dyn Read + Send> = match self.file {
            None => Box::new(io::empty()),
            Some(file) => {
                let mut file = file.into_inner().map_err(|e| trouble(e.into_error()))?;
                file.seek(SeekFrom::Start(0)).map_err(trouble)?;
                Box::new(BufReader::with_capacity(256 * 1024, file))
            }
        };
        let mut all = spilled.chain(io::Cursor::new(self.memory));
        Ok(std::iter::from_fn(move || match read_one(&mut all) {
            Ok(bytes) => bytes.map(|bytes| T::take(&bytes)),
            Err(e) => Some(Err(trouble(e))),
        }))
    }
}

/// A key, where it came in the order of coming, and the bytes of an item.
type Row = (Vec<u8>, u64, Vec<u8>);

/// A list that is read in the order of keys; equal ones in that of their coming.
#[derive(Debug)]
pub struct Sorter<T> {
    rows: Vec<Row>,
    bytes: usize,
    runs: Vec<File>,
    count: u64,
    most: Option<usize>,
    of: PhantomData<fn(T) -> T>,
}

impl<T: Spooled> Sorter<T> {
    /// With a limit only the first so many of the order are kept.
    pub fn new(most: Option<usize>) -> Self {
        Sorter { rows: Vec::new(), bytes: 0, runs: Vec::new(), count: 0, most, of: PhantomData }
    }

    /// Takes one.
    ///
    /// # Errors
    /// `LocalFile` when a temporary file cannot be written.
    pub fn push(&mut self, key: Vec<u8>, item: &T) -> Result<()> {
        let mut bytes = Vec::new();
        item.put(&mut bytes)?;
        self.bytes += key.len() + bytes.len() + size_of::<Row>();
        self.rows.push((key, self.count, bytes));
        self.count += 1;
        match self.most.filter(|most| *most <= FEW) {
            Some(most) if self.rows.len() >= 2 * most.max(64) => {
                self.rows.sort_unstable();
                self.rows.truncate(most);
            }
            None if self.bytes >= 2 * IN_MEMORY => self.spill()?,
            _ => {}
        }
        Ok(())
    }

    fn spill(&mut self) -> Result<()> {
        self.rows.sort_unstable();
        let mut run = BufWriter::with_capacity(256 * 1024, tempfile::tempfile().map_err(trouble)?);
        let mut line = Vec::new();
        for (key, count, bytes) in self.rows.drain(..) {
            line.clear();
            push(&mut line, &key);
            line.extend_from_slice(&count.to_le_bytes());
            push(&mut line, &bytes);
            run.write_all(&line).map_err(trouble)?;
        }
        let mut run = run.into_inner().map_err(|e| trouble(e.into_error()))?;
        run.seek(SeekFrom::Start(0)).map_err(trouble)?;
        self.runs.push(run);
        self.bytes = 0;
        Ok(())
    }

    /// All of them, or the first as many as were wanted, in order.
    ///
    /// # Errors
    /// `LocalFile` when a temporary file cannot be read.
    pub fn read(mut self) -> Result<impl Iterator<Item = Result<T>> + Send> {
        self.rows.sort_unstable();
        let most = self.most.unwrap_or(usize::MAX);
        let mut sources: Vec<Source> = self
            .runs
            .into_iter()
            .map(|run| Source::Run(BufReader::with_capacity(64 * 1024, run)))
            .collect();
        sources.push(Source::Memory(self.rows.into_iter()));
        let mut heads = BinaryHeap::new();
        for (i, source) in sources.iter_mut().enumerate() {
            if let Some(row) = source.next()? {
                heads.push(Reverse((row, i)));
            }
        }
        let mut next = move || -> Result<Option<T>> {
            let Some(Reverse(((_, _, bytes), i))) = heads.pop() else { return Ok(None) };
            if let Some(row) = sources[i].next()? {
                heads.push(Reverse((row, i)));
            }
            T::take(&bytes).map(Some)
        };
        Ok(std::iter::from_fn(move || next().transpose()).take(most))
    }
}

/// Where sorted rows come from.
enum Source {
    Memory(std::vec::IntoIter<Row>),
    Run(BufReader<File>),
}

impl Source {
    fn next(&mut self) -> Result<Option<Row>> {
        match self {
            Source::Memory(rows) => Ok(rows.next()),
            Source::Run(run) => {
                let Some(key) = read_one(run).map_err(trouble)? else { return Ok(None) };
                let mut count = [0; 8];
                run.read_exact(&mut count).map_err(trouble)?;
                let bytes = read_one(run).map_err(trouble)?;
                let torn = || trouble(io::ErrorKind::UnexpectedEof.into());
                Ok(Some((key, u64::from_le_bytes(count), bytes.ok_or_else(torn)?)))
            }
        }
    }
}

/// Reads the parts that a [`Spooled`] thing has put.
#[derive(Debug)]
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// Of these bytes.
    pub fn of(bytes: &'a [u8]) -> Self {
        Parts(bytes)
    }

    /// The next so many bytes.
    ///
    /// # Errors
    /// `Internal` when there are fewer.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (now, rest) = self.0.split_first_chunk::<N>().ok_or_else(torn)?;
        self.0 = rest;
        Ok(*now)
    }

    /// A number.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed).
    pub fn number(&mut self) -> Result<u64> {
        self.fixed().map(u64::from_le_bytes)
    }

    /// A number that may be missing.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed).
    pub fn maybe(&mut self) -> Result<Option<u64>> {
        let [there] = self.fixed::<1>()?;
        if there == 0 { Ok(None) } else { self.number().map(Some) }
    }

    /// Bytes with their length before them.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed).
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = u32::from_le_bytes(self.fixed()?) as usize;
        let (now, rest) = self.0.split_at_checked(length).ok_or_else(torn)?;
        self.0 = rest;
        Ok(now)
    }

    /// Everything that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Bytes with their length before them, as text.
    ///
    /// # Errors
    /// As [`fixed`](Self::fixed).
    pub fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?.to_vec()).map_err(|_| torn())
    }
}

/// Puts parts that [`Parts`] reads.
pub trait PutParts {
    /// A number.
    fn put_number(&mut self, number: u64);
    /// A number that may be missing.
    fn put_maybe(&mut self, number: Option<u64>);
    /// Bytes and their length.
    fn put_bytes(&mut self, bytes: &[u8]);
}

impl PutParts for Vec<u8> {
    fn put_number(&mut self, number: u64) {
        self.extend_from_slice(&number.to_le_bytes());
    }

    fn put_maybe(&mut self, number: Option<u64>) {
        self.push(u8::from(number.is_some()));
        if let Some(number) = number {
            self.put_number(number);
        }
    }

    fn put_bytes(&mut self, bytes: &[u8]) {
        push(self, bytes);
    }
}

fn torn() -> Error {
    Error::new(ErrorKind::Internal, "a temporary file is not what was written to it")
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Spooled for String {
        fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
            bytes.put_bytes(self.as_bytes());
            Ok(())
        }

        fn take(bytes: &[u8]) -> Result<Self> {
            Parts::of(bytes).text()
        }
    }

    /// More than stays in memory.
    fn many() -> impl Iterator<Item = String> {
        (0..40_000u64)
            .map(|i| format!("{:020}{}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15), "x".repeat(500)))
    }

    #[test]
    fn a_spool_gives_back_everything_in_order() {
        let mut spool = Spool::default();
        for item in many() {
            spool.push(&item).unwrap();
        }
        assert!(spool.file.is_some() && spool.len() == 40_000);
        let read: Vec<String> = spool.read().unwrap().collect::<Result<_>>().unwrap();
        assert!(read.into_iter().eq(many()));
    }

    #[test]
    fn a_sorter_sorts_what_does_not_fit_into_memory() {
        let mut sorter = Sorter::new(None);
        for item in many() {
            sorter.push(item.clone().into_bytes(), &item).unwrap();
        }
        assert!(!sorter.runs.is_empty());
        let read: Vec<String> = sorter.read().unwrap().collect::<Result<_>>().unwrap();
        let mut expected: Vec<String> = many().collect();
        expected.sort();
        assert_eq!(read.len(), expected.len());
        assert!(read == expected);
    }

    #[test]
    fn a_sorter_with_a_limit_keeps_the_first_and_equal_keys_keep_their_order() {
        let mut sorter = Sorter::new(Some(3));
        for i in 0..1000 {
            sorter.push(vec![u8::from(i >= 500)], &format!("{i}")).unwrap();
        }
        let read: Vec<String> = sorter.read().unwrap().collect::<Result<_>>().unwrap();
        assert_eq!(read, ["0", "1", "2"]);
    }
}
