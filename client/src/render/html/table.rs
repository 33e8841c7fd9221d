//! The tables: a row for each processor, a column for each field that differs or that a finding is
//! about. A machine may have thousands of rows: they are written by hand, and end tags that HTML lets
//! be left out are.

use std::fmt::Write as _;

use super::columns::{Cell, Column, capture, escaped};
use super::marks::{Marks, Tone};
use crate::model::{ProcessorId, Snapshot};
use crate::render::count;

/// As many columns as a page of 1440 pixels, or a sheet of A4, has room for.
pub(super) const MOST_COLUMNS: usize = 7;

/// A table.
pub(super) struct Table {
    /// What there is of the table in the page's names.
    pub(super) number: usize,
    /// Whether it has nothing but what differs with every thread and moment.
    pub(super) is_folded: bool,
    /// Heading, and how many values there are, of each column.
    pub(super) headings: Vec<(&'static str, String)>,
    /// The rows, in HTML.
    pub(super) rows: String,
}

/// What all tables of a page share.
pub(super) struct Rows<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) marks: &'a Marks,
    /// Places of the processors that are shown.
    pub(super) shown: &'a [usize],
}

impl Rows<'_> {
    /// The tables of these columns. The first has what leads to a processor, and the processors that
    /// have no values.
    pub(super) fn tables(&self, columns: Vec<Column>) -> Vec<Table> {
        let (folded, open): (Vec<_>, Vec<_>) = columns.into_iter().partition(Column::is_passing);
        let has_refused = || {
            let mut shown = self.shown.iter();
            shown.any(|at| self.snapshot.processors[*at].result.is_err())
        };
        let mut tables = Vec::new();
        for (columns, is_folded) in [(open, false), (folded, true)] {
            for columns in columns.chunks(MOST_COLUMNS) {
                tables.push(self.table(columns, tables.len(), is_folded));
            }
            if tables.is_empty() && has_refused() {
                tables.push(self.table(&[], 0, false));
            }
        }
        tables
    }

    fn table(&self, columns: &[Column], number: usize, is_folded: bool) -> Table {
        let headings = columns.iter().map(|column| {
            let values = count::plural(column.values(), "value");
            (column.field.heading(), values)
        });
        let mut rows = String::new();
        for at in self.shown {
            self.row(*at, columns, number == 0, &mut rows);
        }
        Table {
            number,
            is_folded,
            headings: headings.collect(),
            rows,
        }
    }

    fn row(&self, at: usize, columns: &[Column], is_first: bool, html: &mut String) {
        let processor = &self.snapshot.processors[at];
        if !is_first && processor.result.is_err() {
            return;
        }
        let is_odd = matches!(self.marks.tone(at), Tone::Found(_));
        html.push_str("\n<tr");
        if is_first {
            let _ = write!(html, " id=p{}", processor.id.index);
        }
        html.push_str(if is_odd { " class=odd>" } else { ">" });
        let _ = write!(html, "<th>{}", processor.id.index);
        let ProcessorId { group, number, .. } = processor.id;
        if group != 0 {
            let _ = write!(html, " <span class=soft>{group}:{number}</span>");
        }
        match &processor.result {
            Err(reason) => {
                let reason = escaped(&reason.to_string());
                let width = columns.len().max(1);
                let _ = write!(
                    html,
                    "<td class=refused colspan={width}>not captured: {reason}"
                );
            }
            Ok(_) => {
                for column in columns {
                    self.cell(at, column, html);
                }
            }
        }
    }

    fn cell(&self, at: usize, column: &Column, html: &mut String) {
        let Some(capture) = capture(&self.snapshot.processors[at]) else {
            return;
        };
        let value = match column.cell(self.snapshot, capture) {
            Cell::Absent => return html.push_str("<td>"),
            Cell::Hidden => return html.push_str("<td class=hidden>hidden"),
            Cell::Value(value) => value,
        };
        let mark = self.marks.of(column.field, at);
        html.push_str("<td");
        if !mark.class().is_empty() {
            let _ = write!(html, " class={}", mark.class());
        }
        match self.marks.findings(mark) {
            [] => {
                html.push('>');
                html.push_str(&value.number);
            }
            all @ [worst, others @ ..] => {
                let _ = write!(html, " data-f=");
                if others.is_empty() {
                    let _ = write!(html, "{worst}");
                } else {
                    let names: Vec<String> = all.iter().map(usize::to_string).collect();
                    let _ = write!(html, "\"{}\"", names.join(" "));
                }
                let _ = write!(html, "><a href=#f{worst}>{}</a>", value.number);
            }
        }
        if !value.words.is_empty() {
            let _ = write!(html, "<i>{}</i>", value.words);
        }
    }
}
