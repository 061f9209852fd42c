//! Files that somebody names: read with a limit, as nobody knows what is behind a name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use cachectl::{Error, ErrorKind};

/// The longest text that is read whole: a configuration, a list of header fields.
const MOST_TEXT: u64 = 1 << 20;

/// The longest line of a list.
const MOST_LINE: u64 = 64 << 10;

/// Reads a text whole. `what` says what it is, for errors.
///
/// # Errors
/// `LocalFile` when it cannot be read, is not UTF-8 or is longer than a megabyte.
pub fn text(path: &Path, what: &str) -> io::Result<String> {
    text_of(open(path)?, what)
}

/// The same of a regular file and nothing else: somebody else chose what lies there, and
/// nobody waits for the other end of a pipe.
///
/// # Errors
/// As [`text`].
pub fn text_of_file(path: &Path, what: &str) -> io::Result<String> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other(format!("{what} has to be a file")));
    }
    text(path, what)
}

fn text_of(from: impl Read, what: &str) -> io::Result<String> {
    let mut text = String::new();
    from.take(MOST_TEXT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MOST_TEXT {
        return Err(io::Error::other(format!("it is longer than {what} can be (1 MiB)")));
    }
    Ok(text)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    Ok(match path.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path)?),
    })
}

/// The lines of a list, as often as they are wanted and however many there are: they wait in
/// a temporary file.
#[derive(Debug)]
pub struct Lines(Arc<File>);

/// A look into the file that does not disturb others.
struct Look {
    file: Arc<File>,
    at: u64,
}

impl Read for Look {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(out, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Lines {
    /// Reads a list: blank lines and `#` comments are left out. `-` is standard input.
    ///
    /// # Errors
    /// `LocalFile` when it cannot be read, or a line is no line of a list.
    pub fn read(path: &Path, what: &str) -> Result<Self> {
        let fail = |e: io::Error| {
            let told = format!("cannot read {what} in {}", path.display());
            Error::new(ErrorKind::LocalFile, told).because(e)
        };
        let mut from = BufReader::new(open(path).map_err(fail)?);
        let mut kept = BufWriter::new(tempfile::tempfile().map_err(no_room)?);
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let read = (&mut from).take(MOST_LINE + 1).read_until(b'\n', &mut line);
            if read.map_err(fail)? == 0 {
                break;
            }
            if line.len() as u64 > MOST_LINE {
                let why = format!("line {number} is longer than 64 KiB");
                return Err(fail(io::Error::other(why)).into());
            }
            let text = std::str::from_utf8(&line)
                .map_err(|_| fail(io::Error::other(format!("line {number} is not UTF-8"))))?;
            let text = text.trim();
            if !text.is_empty() && !text.starts_with('#') {
                writeln!(kept, "{text}").map_err(no_room)?;
            }
        }
        let file = kept.into_inner().map_err(|e| no_room(e.into_error()))?;
        Ok(Lines(Arc::new(file)))
    }

    /// The lines in their order, from the first one on.
    pub fn iter(&self) -> impl Iterator<Item = Result<String>> + use<> {
        let look = Look { file: Arc::clone(&self.0), at: 0 };
        BufReader::new(look).lines().map(|line| Ok(line.map_err(no_room)?))
    }
}

fn no_room(error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, "cannot use a temporary file")
        .because(error)
        .coded("temporary_file")
        .try_this("more space in the folder for temporary files, or another one in TMPDIR")
}
