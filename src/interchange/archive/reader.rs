//! Reading archives: one line at a time, and nothing in it is trusted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use crate::error::{Error, Result};
use crate::model::{BodyDigest, BodyFacts, EntryHead, EntryId};

use super::super::input::{Came, Lines};
use super::super::line::{Line, VERSION};
use super::super::{MAX_CHUNK, Origin, Reader, damaged, truncated};
use super::{FORMAT, verdict};

pub(super) struct ArchiveReader {
    lines: Lines,
    /// Whether the first line promises bodies.
    bodies: bool,
    /// The body of the last entry, as far as it has not been read.
    body: Body,
    /// A line that was read while looking for chunks is still in the buffer.
    held_back: bool,
    /// The rest of a damaged body follows, and is passed over.
    orphans: bool,
    /// Something was wrong already, so that counting says nothing.
    spoiled: bool,
    finished: bool,
    entries: u64,
    body_bytes: u64,
}

enum Body {
    None,
    /// It was in the entry's line.
    Inline(Bytes),
    /// It follows in lines of its own.
    Chunks(Box<Large>),
    /// It is not in the archive.
    Missing(EntryId),
    /// It cannot be decoded, or is not what its digest says.
    Damaged(Error),
}

/// A body in lines of its own, as far as it has been read.
struct Large {
    head: EntryHead,
    digest: BodyDigest,
}

/// What a line was.
enum Step {
    Entry(Box<EntryHead>),
    Again,
    End,
}

impl ArchiveReader {
    pub(super) fn new(from: Origin) -> Result<Self> {
        let mut lines = Lines::new(from.stream(FORMAT.name)?);
        let bodies = opening(&mut lines, |line| line.cachectl_archive)?;
        Ok(ArchiveReader {
            lines,
            bodies,
            body: Body::None,
            held_back: false,
            orphans: false,
            spoiled: false,
            finished: false,
            entries: 0,
            body_bytes: 0,
        })
    }

    /// Moves to the next line; an input that ends here is cut off.
    fn advance(&mut self) -> Result<()> {
        if std::mem::take(&mut self.held_back) {
            return Ok(());
        }
        let came = self.lines.advance().inspect_err(|_| self.finished = true)?;
        match came {
            Came::Line => Ok(()),
            Came::End => Err(self.cut_off()),
            // The very last line may lack its end and still be whole.
            Came::CutOff if Line::parse(self.lines.line()).is_ok() => Ok(()),
            Came::CutOff => Err(self.cut_off()),
            Came::TooLong => Err(self.unusable("it is too long")),
        }
    }

    fn cut_off(&mut self) -> Error {
        self.finished = true;
        truncated(FORMAT.name)
    }

    /// A line that means nothing. Pieces of a body that follow belong to it and are not
    /// worth an error each.
    fn unusable(&mut self, why: &str) -> Error {
        self.spoiled = true;
        self.orphans = true;
        match self.lines.waste_line() {
            Ok(()) => Error::codec(format!("line {} of the archive: {why}", self.lines.number())),
            Err(bomb) => {
                self.finished = true;
                bomb
            }
        }
    }

    fn entry(&mut self) -> Result<Step> {
        self.advance()?;
        let line = match Line::parse(self.lines.line()) {
            Ok(line) => line,
            Err(e) => return Err(self.unusable("it cannot be read").because(e)),
        };
        if line.end == Some(true) {
            let counts = (line.entries, line.body_bytes);
            return self.close(counts).map(|()| Step::End);
        }
        if line.abandoned.is_some() || line.chunk_base64.is_some() {
            if self.orphans {
                return Ok(Step::Again);
            }
            return Err(self.unusable("a piece of a body belongs to no entry"));
        }
        let mut read = match line.into_entry() {
            Ok(read) => read,
            Err(why) => return Err(self.unusable(why)),
        };
        self.orphans = false;
        self.entries += 1;
        let large = read.head.body.bytes > MAX_CHUNK as u64;
        self.body = match read.body_base64 {
            _ if !self.bodies && read.head.body.bytes == 0 => Body::None,
            _ if !self.bodies => Body::Missing(read.head.id.clone()),
            None if large => {
                let head = read.head.clone();
                Body::Chunks(Box::new(Large { head, digest: BodyDigest::new() }))
            }
            None => return Err(self.unusable("the entry has no body")),
            Some(text) => self.inline(&text, &mut read.head),
        };
        Ok(Step::Entry(Box::new(read.head)))
    }

    /// The body in an entry's line; what is known of it goes into the head.
    fn inline(&mut self, text: &str, head: &mut EntryHead) -> Body {
        let Ok(body) = BASE64.decode(text) else {
            self.spoiled = true;
            return Body::Damaged(damaged(&head.id, "it is not base64"));
        };
        self.body_bytes += body.len() as u64;
        let facts = BodyFacts::of(&body);
        match verdict(head, &facts) {
            Some(how) => Body::Damaged(damaged(&head.id, how)),
            None => {
                head.body = facts;
                Body::Inline(body.into())
            }
        }
    }

    /// The last line has come: it has to agree with what was seen.
    fn close(&mut self, said: (Option<u64>, Option<u64>)) -> Result<()> {
        self.finished = true;
        let seen = (Some(self.entries), Some(self.body_bytes));
        if !self.spoiled && said != seen {
            return Err(Error::codec(format!(
                "the archive is not whole: its last line counts {} entries with {} bytes, \
                 and {} with {} were there",
                said.0.unwrap_or(0),
                said.1.unwrap_or(0),
                self.entries,
                self.body_bytes
            ))
            .coded("miscounted"));
        }
        match self.lines.advance()? {
            Came::End => Ok(()),
            _ => Err(Error::codec("something stands behind the end of the archive")
                .try_this("import archives one by one")),
        }
    }

    /// The next chunk line of a large body.
    fn next_chunk(&mut self, mut large: Box<Large>) -> Result<Bytes> {
        let Large { head, digest } = &mut *large;
        self.advance()?;
        let line = match Line::parse(self.lines.line()) {
            Ok(line) => line,
            Err(e) => {
                let unreadable = self.unusable("it cannot be read").because(e);
                return Err(self.lost(head, "a piece of it is damaged").because(unreadable));
            }
        };
        if line.abandoned.is_some() {
            self.entries -= 1;
            self.body_bytes -= digest.bytes();
            return Err(Error::codec(format!("{} was given up while it was written", head.id))
                .coded("abandoned"));
        }
        let Some(text) = line.chunk_base64 else {
            self.held_back = true;
            return Err(self.lost(head, "its end is missing"));
        };
        let last = line.body_sha256;
        let Ok(bytes) = BASE64.decode(text) else {
            return Err(self.lost(head, "a piece of it is not base64"));
        };
        if bytes.len() > MAX_CHUNK || bytes.is_empty() {
            return Err(self.lost(head, "a piece of it has a wrong length"));
        }
        digest.update(&bytes);
        self.body_bytes += bytes.len() as u64;
        let more = digest.bytes() < head.body.bytes;
        match last {
            None if more => self.body = Body::Chunks(large),
            None => return Err(self.lost(head, "it is longer than its head says")),
            Some(said) => {
                let facts = digest.clone().finish();
                let agrees = facts.sha256.is_some_and(|d| d.0 == said.0);
                match verdict(head, &facts) {
                    None if agrees => self.body = Body::None,
                    how => {
                        return Err(damaged(&head.id, how.unwrap_or("its digest is wrong")));
                    }
                }
            }
        }
        Ok(bytes.into())
    }

    /// A large body whose rest cannot be made out; chunks that still come belong to nothing
    /// and are passed over.
    fn lost(&mut self, head: &EntryHead, how: &str) -> Error {
        self.spoiled = true;
        self.orphans = true;
        damaged(&head.id, how)
    }
}

impl Reader for ArchiveReader {
    fn next(&mut self) -> Result<Option<EntryHead>> {
        while matches!(self.body, Body::Chunks(_)) && !self.finished {
            // Whoever passes over a body does not care what is wrong with it, but for the end.
            if let Err(e) = self.chunk()
                && self.finished
            {
                return Err(e);
            }
        }
        self.body = Body::None;
        if self.finished {
            return Ok(None);
        }
        loop {
            match self.entry()? {
                Step::Again => {}
                Step::Entry(head) => return Ok(Some(*head)),
                Step::End => return Ok(None),
            }
        }
    }

    fn chunk(&mut self) -> Result<Option<Bytes>> {
        match std::mem::replace(&mut self.body, Body::None) {
            Body::None => Ok(None),
            Body::Inline(mut rest) => {
                let piece = rest.split_to(rest.len().min(MAX_CHUNK));
                if !rest.is_empty() {
                    self.body = Body::Inline(rest);
                }
                Ok((!piece.is_empty()).then_some(piece))
            }
            Body::Damaged(error) => Err(error),
            Body::Missing(id) => Err(Error::codec(format!(
                "the archive was written without bodies, so {id} has none"
            ))
            .coded("body_missing")),
            Body::Chunks(large) => self.next_chunk(large).map(Some),
        }
    }
}

/// Reads the first line; tells whether bodies were written.
pub(in super::super) fn opening(
    lines: &mut Lines,
    version: impl Fn(&Line<'_>) -> Option<u64>,
) -> Result<bool> {
    const START: &[u8] = b"{\"cachectl_";
    let foreign = || Error::codec("this is not what cachectl exports").coded("bad_format");
    let came = lines.advance()?;
    let text = lines.line();
    let line = match (Line::parse(text), came) {
        (Ok(line), _) => line,
        (Err(_), Came::End | Came::CutOff)
            if text.starts_with(START) || START.starts_with(text) =>
        {
            return Err(truncated(FORMAT.name));
        }
        (Err(e), _) => return Err(foreign().because(e)),
    };
    match version(&line) {
        None if line.cachectl_index.is_some() => {
            Err(foreign().try_this("import the folder that this is the index of"))
        }
        None => Err(foreign()),
        Some(version) if version > VERSION => Err(Error::codec(format!(
            "the archive has version {version}; this program reads up to {VERSION}"
        ))
        .try_this("a newer cachectl")),
        Some(_) => Ok(line.bodies.unwrap_or(true)),
    }
}
