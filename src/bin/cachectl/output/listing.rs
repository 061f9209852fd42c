//! Entries on their way out, in each format; all of them stream.

use std::borrow::Cow;
use std::io::{BufWriter, Write};

use anyhow::Result;
use cachectl::{Found, Piece};

use super::columns::{Cell, Row, Shown, View};
use super::entry::EntryObject;
use super::sink::Stream;
use super::table::{Rows, TintedText};
use super::text::{cell, plain_field, shown, write_plain_field};

/// Where listings go.
pub type Out = BufWriter<Stream>;

/// One way of writing entries.
pub trait Writer {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()>;

    /// One that cannot be read.
    fn damaged(&mut self, out: &mut Out, view: &View, piece: &Piece) -> Result<()>;

    fn end(&mut self, _: &mut Out) -> Result<()> {
        Ok(())
    }
}

/// What a piece shows in a listing: its key, or its name where there is none.
fn stand_in(piece: &Piece) -> Found {
    let key = piece.key.as_deref().unwrap_or(&piece.name);
    Found { stored_bytes: piece.bytes, ..Found::named(key) }
}

/// Keys only, each once where its variants lie beside each other.
pub struct Keys {
    pub end: u8,
    /// As they are: only where something that is no line end stands between them.
    pub raw: bool,
    pub last: Option<String>,
}

impl Writer for Keys {
    fn entry(&mut self, out: &mut Out, _: &View, found: &Found) -> Result<()> {
        let key = &found.head.id.key;
        if self.last.as_ref() != Some(key) {
            match self.raw {
                true => out.write_all(key.as_bytes())?,
                false => out.write_all(plain_field(key).as_bytes())?,
            }
            out.write_all(&[self.end])?;
            self.last = Some(key.clone());
        }
        Ok(())
    }

    fn damaged(&mut self, out: &mut Out, view: &View, piece: &Piece) -> Result<()> {
        match &piece.key {
            Some(_) => self.entry(out, view, &stand_in(piece)),
            None => Ok(()),
        }
    }
}

/// Fields separated by TAB, in full.
pub struct Plain {
    pub columns: Vec<&'static Shown>,
    pub header: bool,
    pub line: Vec<u8>,
}

impl Plain {
    fn row(&mut self, out: &mut Out, row: &Row<'_>) -> Result<()> {
        self.line.clear();
        if std::mem::take(&mut self.header) {
            let names: Vec<&str> = self.columns.iter().map(|column| column.json).collect();
            writeln!(self.line, "{}", names.join("\t"))?;
        }
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                self.line.push(b'\t');
            }
            match column.cell(row) {
                Cell::Text(text) => write_plain_field(&mut self.line, &text),
                Cell::Number(number) => write!(self.line, "{number}")?,
                Cell::Time(at) => write!(self.line, "{}", at.whole_millis())?,
                Cell::Missing => self.line.push(b'-'),
            }
        }
        self.line.push(b'\n');
        out.write_all(&self.line)?;
        Ok(())
    }
}

impl Writer for Plain {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()> {
        self.row(out, &Row { found, is_damaged: false, view })
    }

    fn damaged(&mut self, out: &mut Out, view: &View, piece: &Piece) -> Result<()> {
        self.row(out, &Row { found: &stand_in(piece), is_damaged: true, view })
    }
}

/// Comma-separated values (RFC 4180), with a header.
pub struct Csv {
    pub columns: Vec<&'static Shown>,
    pub header: bool,
}

impl Csv {
    fn row(&mut self, out: &mut Out, row: &Row<'_>) -> Result<()> {
        if std::mem::take(&mut self.header) {
            csv_line(out, self.columns.iter().map(|column| column.json.into()))?;
        }
        csv_line(
            out,
            self.columns.iter().map(|column| match column.cell(row) {
                Cell::Text(text) => text,
                Cell::Number(number) => number.to_string().into(),
                Cell::Time(at) => shown(at).into(),
                Cell::Missing => "".into(),
            }),
        )
    }
}

impl Writer for Csv {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()> {
        self.row(out, &Row { found, is_damaged: false, view })
    }

    fn damaged(&mut self, out: &mut Out, view: &View, piece: &Piece) -> Result<()> {
        self.row(out, &Row { found: &stand_in(piece), is_damaged: true, view })
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        if std::mem::take(&mut self.header) {
            csv_line(out, self.columns.iter().map(|column| column.json.into()))?;
        }
        Ok(())
    }
}

/// A line is made in memory: a writer of its own would flush the output for each.
fn csv_line<'a>(out: &mut Out, cells: impl Iterator<Item = Cow<'a, str>>) -> Result<()> {
    let mut line = csv::WriterBuilder::new().buffer_capacity(256).from_writer(Vec::new());
    for text in cells {
        line.write_field(&*cell(text))?;
    }
    line.write_record(None::<&[u8]>)?;
    let line = line.into_inner().map_err(|e| e.into_error())?;
    out.write_all(&line)?;
    Ok(())
}

/// One array of entry objects.
#[derive(Default)]
pub struct Json {
    begun: bool,
}

impl Json {
    fn object(&mut self, out: &mut Out, object: &EntryObject) -> Result<()> {
        out.write_all(if self.begun { b",\n" } else { b"[\n" })?;
        self.begun = true;
        serde_json::to_writer(&mut *out, object)?;
        Ok(())
    }
}

impl Writer for Json {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()> {
        self.object(out, &EntryObject::of(found, view))
    }

    fn damaged(&mut self, out: &mut Out, _: &View, piece: &Piece) -> Result<()> {
        self.object(out, &EntryObject::of_damaged(piece))
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        out.write_all(if self.begun { b"\n]\n" } else { b"[]\n" })?;
        Ok(())
    }
}

/// One entry object a line, as soon as it is found.
pub struct Ndjson;

impl Ndjson {
    fn object(out: &mut Out, object: &EntryObject) -> Result<()> {
        serde_json::to_writer(&mut *out, object)?;
        out.write_all(b"\n")?;
        out.flush()?;
        Ok(())
    }
}

impl Writer for Ndjson {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()> {
        Self::object(out, &EntryObject::of(found, view))
    }

    fn damaged(&mut self, out: &mut Out, _: &View, piece: &Piece) -> Result<()> {
        Self::object(out, &EntryObject::of_damaged(piece))
    }
}

/// Rows laid out at a time; the first few at once, so that something is to be seen.
const FIRST: usize = 50;
const BATCH: usize = 1000;

/// Aligned columns for people.
pub struct Table {
    columns: Vec<&'static Shown>,
    rows: Rows,
    wide: bool,
    batch: Vec<Vec<TintedText>>,
    printed: bool,
}

impl Table {
    pub fn new(columns: Vec<&'static Shown>, wide: bool, header: bool, color: bool) -> Self {
        let headings = columns.iter().map(|column| column.heading()).collect();
        let rows = Rows::new(headings, !wide, color).with_header(header);
        Table { columns, rows, wide, batch: Vec::new(), printed: false }
    }

    fn row(&mut self, out: &mut Out, row: &Row<'_>) -> Result<()> {
        self.batch.push(self.columns.iter().map(|column| column.text(row, self.wide)).collect());
        let enough = if self.printed { BATCH } else { FIRST };
        if self.batch.len() == enough { self.flush(out) } else { Ok(()) }
    }

    fn flush(&mut self, out: &mut Out) -> Result<()> {
        out.write_all(self.rows.layout(std::mem::take(&mut self.batch)).as_bytes())?;
        out.flush()?;
        self.printed = true;
        Ok(())
    }
}

impl Writer for Table {
    fn entry(&mut self, out: &mut Out, view: &View, found: &Found) -> Result<()> {
        self.row(out, &Row { found, is_damaged: false, view })
    }

    fn damaged(&mut self, out: &mut Out, view: &View, piece: &Piece) -> Result<()> {
        self.row(out, &Row { found: &stand_in(piece), is_damaged: true, view })
    }

    fn end(&mut self, out: &mut Out) -> Result<()> {
        if self.batch.is_empty() { Ok(()) } else { self.flush(out) }
    }
}
