//! The report: one page of HTML with everything in it, to look at rather than to read.
//!
//! The page takes nothing from elsewhere: `templates/report.html` has its styles and its script.

use std::collections::BTreeMap;

use askama::Template;

use super::words;
use crate::{
    checks::{Evidence, Finding, check},
    model::{
        Capture, Error, Snapshot,
        field::{self, Field, Kind},
        fold,
    },
};

/// The page, as it is filled in.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    snapshot: &'a Snapshot,
    driver: String,
    findings: Vec<Finding>,
    columns: Vec<Column>,
}

impl Page<'_> {
    /// The value that a finding rests on, as people read it.
    fn evidence(evidence: &Evidence) -> String {
        match field::named(evidence.field) {
            Some(field) => field.print(evidence.value),
            None => Self::hex(&evidence.value),
        }
    }

    fn places(evidence: &Evidence) -> String {
        fold::processors(evidence.processors.iter().copied())
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the template hands everything over by reference"
    )]
    fn hex(value: &u64) -> String {
        format!("{value:#x}")
    }
}

/// A column of the grid: a field.
struct Column {
    field: &'static Field,
    /// Whether the next column is of another segment or another group of registers.
    ends_block: bool,
    /// Every value that occurs: most are seen on many processors.
    values: BTreeMap<u64, Cell>,
}

/// A value, wherever it is seen.
struct Cell {
    text: String,
    /// How the value stands to the others of its column: a class of the style sheet.
    class: &'static str,
    /// What is told on hover and focus; empty if there is nothing to add.
    details: String,
}

impl Snapshot {
    /// The report: a page of HTML, complete, without anything from the network.
    ///
    /// # Errors
    ///
    /// [`Error::Page`], if memory is short.
    pub fn to_html(&self) -> Result<String, Error> {
        let mut columns: Vec<Column> = field::all()
            .map(|field| Column::new(field, self))
            .filter(|column| !column.values.is_empty())
            .collect();
        let mut next_block = None;
        for column in columns.iter_mut().rev() {
            column.ends_block = next_block != Some(column.field.block);
            next_block = Some(column.field.block);
        }
        let page = Page {
            snapshot: self,
            driver: self
                .driver
                .map_or("VMCB pages".to_owned(), |driver| driver.to_string()),
            findings: check(self),
            columns,
        };
        Ok(page.render()?)
    }
}

impl Column {
    fn new(field: &'static Field, snapshot: &Snapshot) -> Self {
        let values = snapshot
            .captures()
            .filter_map(|(id, capture)| Some((field.of(capture)?, id)));
        let folded = fold::by_value(values);
        let usual = fold::majority(&folded).copied();
        let class = |value, count: usize| match field.kind {
            Kind::Shared if Some(value) == usual => "same",
            Kind::Shared => "odd",
            Kind::Own if count > 1 => "odd",
            Kind::Own => "own",
            Kind::Passing | Kind::Clock => "",
        };
        let cells = folded.iter().map(|(value, ids)| {
            let attributes = field.attributes(*value).map(words::explain);
            let details = attributes.or_else(|| field.place(*value, snapshot));
            let cell = Cell {
                text: field.number(*value),
                class: class(*value, ids.len()),
                details: details.unwrap_or_default(),
            };
            (*value, cell)
        });
        Self {
            field,
            ends_block: false,
            values: cells.collect(),
        }
    }

    fn cell(&self, capture: &Capture) -> Option<&Cell> {
        self.values.get(&self.field.of(capture)?)
    }
}
