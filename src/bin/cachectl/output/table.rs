//! Tables for people: aligned columns, a long one cut in the middle where the line ends.
//!
//! Rows come in batches. The first decides the widths, so that a million rows line up
//! without being held in memory.

use std::io::{self, IsTerminal};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ColumnConstraint, Table, Width};

use super::text::cut_middle;

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub name: &'static str,
    /// Numbers stand at the right.
    pub right: bool,
    /// Cut in the middle where the line ends.
    pub cut: bool,
}

impl Column {
    /// Of texts.
    pub const fn left(name: &'static str) -> Self {
        Column { name, right: false, cut: false }
    }

    /// Of numbers.
    pub const fn right(name: &'static str) -> Self {
        Column { name, right: true, cut: false }
    }
}

/// How much colour a cell has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Plain,
    Good,
    Middling,
    Bad,
}

/// A cell's text, escaped already.
pub type TintedText = (String, Tint);

/// A table on its way out.
pub struct Rows {
    columns: Vec<Column>,
    widths: Option<Vec<usize>>,
    /// Columns of the terminal; `None`: nothing is cut.
    line: Option<usize>,
    color: bool,
    header: bool,
}

/// Blanks between two columns.
const GAP: usize = 2;

impl Rows {
    /// `fit`: cut to the terminal, or to 80 columns where there is none.
    pub fn new(columns: Vec<Column>, fit: bool, color: bool) -> Self {
        let line = fit.then(terminal_columns);
        Rows { columns, widths: None, line, color, header: true }
    }

    /// With or without the names above.
    #[must_use]
    pub fn with_header(mut self, header: bool) -> Self {
        self.header = header;
        self
    }

    /// Lays out the next rows; the first time with the header above.
    pub fn layout(&mut self, batch: Vec<Vec<TintedText>>) -> String {
        let widths = self
            .widths
            .get_or_insert_with(|| natural_widths(&self.columns, &batch, self.line))
            .clone();
        let mut table = Table::new();
        table.load_style(NOTHING);
        if self.color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if self.header {
            let names = self.columns.iter().map(|c| {
                let cell = Cell::new(c.name).set_alignment(alignment(*c));
                if self.color { cell.add_attribute(Attribute::Dim) } else { cell }
            });
            table.set_header(names);
            self.header = false;
        }
        let last = self.columns.len() - 1;
        for row in batch {
            table.add_row(row.into_iter().enumerate().map(|(i, (text, tint))| {
                let text = if self.columns[i].cut && self.line.is_some() {
                    cut_middle(&text, widths[i]).into_owned()
                } else {
                    text
                };
                let cell = Cell::new(text).set_alignment(alignment(self.columns[i]));
                if self.color { tinted(cell, tint) } else { cell }
            }));
        }
        for (i, width) in widths.iter().enumerate() {
            let Some(column) = table.column_mut(i) else { continue };
            let gap = if i == last { 0 } else { GAP };
            column.set_padding((0, gap as u16));
            if i != last {
                let width = u16::try_from(width + gap).unwrap_or(u16::MAX);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
            }
        }
        let mut text = String::new();
        for line in table.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn alignment(column: Column) -> CellAlignment {
    if column.right { CellAlignment::Right } else { CellAlignment::Left }
}

fn tinted(cell: Cell, tint: Tint) -> Cell {
    match tint {
        Tint::Plain => cell,
        Tint::Good => cell.fg(Color::Green),
        Tint::Middling => cell.fg(Color::Yellow),
        Tint::Bad => cell.fg(Color::Red),
    }
}

/// The widest text of each column; the last one takes what is left of the line.
fn natural_widths(
    columns: &[Column],
    batch: &[Vec<TintedText>],
    line: Option<usize>,
) -> Vec<usize> {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let texts = batch.iter().map(|row| row[i].0.chars().count());
            texts.max().unwrap_or(0).max(column.name.len())
        })
        .collect();
    let cut = columns.iter().position(|column| column.cut);
    if let (Some(line), Some(cut)) = (line, cut) {
        let last = widths.len() - 1;
        let others = widths.iter().enumerate().filter(|(i, _)| *i != cut);
        let taken: usize = others.map(|(_, width)| width + GAP).sum();
        let left = line.saturating_sub(taken).max(16);
        // The last column may take what is left; another one no more than it needs.
        widths[cut] = if cut == last { left } else { widths[cut].min(left) };
    }
    widths
}

/// How wide the terminal is; 80 where there is none.
pub fn terminal_columns() -> usize {
    let size = if io::stdout().is_terminal() {
        rustix::termios::tcgetwinsize(io::stdout()).ok()
    } else {
        None
    };
    size.map(|s| usize::from(s.ws_col)).filter(|&columns| columns > 0).unwrap_or(80)
}
