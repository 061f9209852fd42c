//! Files that somebody names: read with a limit, as nobody knows what is behind a name.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use cachectl::interchange::urls::{Item, ListItems};
use cachectl::{Error, ErrorKind};

use crate::output::text::unescaped;

/// The longest text that is read whole: a configuration, a list of header fields.
const MOST_TEXT: u64 = 1 << 20;

/// Reads bytes whole. `what` says what they are, for errors.
///
/// # Errors
/// `LocalFile` when they cannot be read or are longer than a megabyte.
pub fn bytes(path: &Path, what: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(MOST_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_TEXT {
        return Err(io::Error::other(format!("it is longer than {what} can be (1 MiB)")));
    }
    Ok(bytes)
}

/// Reads a text whole. `what` says what it is, for errors.
///
/// # Errors
/// `LocalFile` when it cannot be read, is not UTF-8 or is longer than a megabyte.
pub fn text(path: &Path, what: &str) -> io::Result<String> {
    String::from_utf8(bytes(path, what)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
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

fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    Ok(match path.as_os_str() == "-" {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(path)?),
    })
}

/// The keys and URLs of a list, as often as they are wanted and however many there are: they wait
/// in a temporary file, a NUL behind each.
#[derive(Debug)]
pub struct Names(Arc<File>);

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

impl Names {
    /// Reads a list; `-` is standard input. Of an object the key counts, or else the URL.
    ///
    /// # Errors
    /// `LocalFile` when it cannot be read, or a line is no line of a list.
    pub fn read(path: &Path, what: &str) -> Result<Self> {
        let told = || format!("cannot read {what} in {}", path.display());
        let fail = |e: io::Error| Error::new(ErrorKind::LocalFile, told()).because(e);
        let items = ListItems::open(open(path).map_err(fail)?, &path.display().to_string())?;
        let mut kept = BufWriter::new(tempfile::tempfile().map_err(no_room)?);
        for item in items {
            let item = item.map_err(|e| {
                let code = e.code();
                let error = Error::new(ErrorKind::LocalFile, told()).coded(code);
                match e.hint() {
                    Some(hint) => error.try_this(hint.to_owned()).because(e),
                    None => error.because(e),
                }
            })?;
            let name = match item {
                Item::Url(url) => url,
                Item::Entry { key, url, .. } => key.or(url).unwrap_or_default(),
                Item::Key(key, false) => key,
                // As `list --keys` writes it.
                Item::Key(line, true) => unescaped(&line).into_owned(),
            };
            kept.write_all(name.as_bytes()).map_err(no_room)?;
            kept.write_all(&[0]).map_err(no_room)?;
        }
        let file = kept.into_inner().map_err(|e| no_room(e.into_error()))?;
        Ok(Names(Arc::new(file)))
    }

    /// The names in their order, from the first one on.
    pub fn iter(&self) -> impl Iterator<Item = Result<String>> + use<> {
        let look = Look { file: Arc::clone(&self.0), at: 0 };
        BufReader::new(look).split(0).map(|name| {
            let name = name.map_err(no_room)?;
            Ok(String::from_utf8_lossy(&name).into_owned())
        })
    }
}

fn no_room(error: io::Error) -> Error {
    Error::new(ErrorKind::LocalFile, "cannot use a temporary file")
        .because(error)
        .coded("temporary_file")
        .try_this("more space in the folder for temporary files, or another one in TMPDIR")
}
