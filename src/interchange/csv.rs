//! CSV by RFC 4180, lines ended by a line feed: one row an entry, for spreadsheets. What
//! the columns are is the caller's choice.

use std::io::{self, Write};

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::EntryHead;

use super::output::{Output, unwritable};
use super::redact::Redactor;
use super::{Format, Table, Target, Wanted, WriteOptions, Writer, Written, out_of_order};

pub(super) const FORMAT: Format = Format {
    name: "csv",
    endings: &[".csv", ".csv.gz"],
    about: "one row an entry, without bodies, for spreadsheets",
    imports: false,
    is_folder: false,
    is_recording: false,
    write: |to, options| Ok(Box::new(CsvWriter::new(to, options)?)),
    read: None,
};

struct CsvWriter {
    out: Output,
    redactor: Redactor,
    table: Table,
    /// The row begun.
    row: Option<(Vec<String>, bool)>,
    written: Written,
}

impl CsvWriter {
    fn new(to: Target, mut options: WriteOptions) -> Result<Self> {
        let table = options
            .table
            .take()
            .ok_or_else(|| Error::usage("csv needs to be told its columns").coded("bad_format"))?;
        let mut out = to.stream(FORMAT.name)?;
        write_row(&mut out, table.columns.iter().map(String::as_str)).map_err(unwritable)?;
        let redactor = Redactor::new(&options);
        Ok(CsvWriter { out, redactor, table, row: None, written: Written::default() })
    }
}

impl Writer for CsvWriter {
    fn keeps_keys(&self) -> bool {
        true
    }

    fn begin(&mut self, head: &EntryHead, stored_bytes: u64) -> Result<Wanted> {
        if self.row.is_some() {
            return Err(out_of_order());
        }
        let (shown, carries) = self.redactor.apply(head);
        let mut members = (self.table.describe)(&shown, stored_bytes);
        if let Some(redacted) = members.get_mut("redacted") {
            let differs = shown.request.url != head.request.url || shown.id != head.id;
            *redacted = Value::Bool(differs);
        }
        let row =
            self.table.columns.iter().map(|name| members.get(name).map_or(String::new(), cell));
        self.row = Some((row.collect(), carries));
        Ok(Wanted::NoBody)
    }

    fn chunk(&mut self, _bytes: &[u8]) -> Result<()> {
        Err(out_of_order())
    }

    fn end(&mut self) -> Result<()> {
        let (row, carries) = self.row.take().ok_or_else(out_of_order)?;
        write_row(&mut self.out, row.iter().map(String::as_str)).map_err(unwritable)?;
        self.written.entries += 1;
        self.written.with_credentials += u64::from(carries);
        Ok(())
    }

    fn abandon(&mut self) -> Result<()> {
        self.row.take().map(drop).ok_or_else(out_of_order)
    }

    fn finish(self: Box<Self>) -> Result<Written> {
        if self.row.is_some() {
            return Err(out_of_order());
        }
        self.out.finish().map_err(unwritable)?;
        Ok(self.written)
    }
}

/// A value as a cell: nothing for null, the members of a list with spaces between them.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(members) => members.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A row is made in memory: a writer of its own would flush the output for each.
fn write_row<'a>(out: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut row = ::csv::WriterBuilder::new().buffer_capacity(256).from_writer(Vec::new());
    row.write_record(cells.map(str::as_bytes))?;
    out.write_all(&row.into_inner().map_err(|e| e.into_error())?)
}
