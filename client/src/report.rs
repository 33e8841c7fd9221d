//! The report: one page of HTML with everything in it, to look at rather than to read.
//!
//! The page takes nothing from elsewhere: `templates/report.html` has its styles and its script.

use askama::Template;

use crate::{
    Capture, Error, Evidence, Finding, ProcessorId, Snapshot, check,
    fields::{self, Field, Kind},
    fold,
};

/// The page, as it is filled in.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    snapshot: &'a Snapshot,
    driver: String,
    findings: Vec<Finding>,
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Page<'_> {
    /// The value that a finding rests on, as people read it.
    fn evidence(evidence: &Evidence) -> String {
        match fields::named(evidence.field) {
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
    /// How many values there are.
    values: usize,
}

/// A row of the grid: a processor.
struct Row {
    id: ProcessorId,
    /// Why there are no cells.
    obstacle: Option<String>,
    cells: Vec<Cell>,
}

/// A value of a processor.
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
        Ok(page(self).render()?)
    }
}

fn page(snapshot: &Snapshot) -> Page<'_> {
    let captures: Vec<(ProcessorId, &Capture)> = snapshot.captures().collect();
    let fields: Vec<&'static Field> = fields::all()
        .filter(|field| {
            captures
                .iter()
                .any(|(_, capture)| field.of(capture).is_some())
        })
        .collect();
    let judged: Vec<Judged> = fields
        .iter()
        .map(|field| Judged::new(field, &captures))
        .collect();
    let columns = fields.iter().zip(&judged).enumerate();
    let columns = columns
        .map(|(at, (field, judged))| Column {
            field,
            ends_block: fields
                .get(at + 1)
                .is_none_or(|next| next.block != field.block),
            values: judged.classes.len(),
        })
        .collect();
    let rows = snapshot.processors.iter().map(|processor| Row {
        id: processor.id,
        obstacle: processor.result.err().map(|obstacle| obstacle.to_string()),
        cells: match &processor.result {
            Ok(capture) => fields
                .iter()
                .zip(&judged)
                .map(|(field, judged)| judged.cell(field, capture, snapshot))
                .collect(),
            Err(_) => Vec::new(),
        },
    });
    Page {
        snapshot,
        driver: snapshot
            .driver
            .map_or("VMCB pages".to_owned(), |driver| driver.to_string()),
        findings: check(snapshot),
        columns,
        rows: rows.collect(),
    }
}

/// A column's values, each with its class.
struct Judged {
    classes: std::collections::BTreeMap<u64, &'static str>,
}

impl Judged {
    fn new(field: &Field, captures: &[(ProcessorId, &Capture)]) -> Self {
        let values = captures
            .iter()
            .filter_map(|(id, capture)| Some((field.of(capture)?, *id)));
        let folded = fold::by_value(values);
        let usual = fold::majority(&folded).copied();
        let class = |value, count: usize| match field.kind {
            Kind::Shared if Some(value) == usual => "same",
            Kind::Shared => "odd",
            Kind::Own if count > 1 => "odd",
            Kind::Own => "own",
            Kind::Passing | Kind::Clock => "",
        };
        Self {
            classes: folded
                .iter()
                .map(|(value, ids)| (*value, class(*value, ids.len())))
                .collect(),
        }
    }

    fn cell(&self, field: &Field, capture: &Capture, snapshot: &Snapshot) -> Cell {
        let Some(value) = field.of(capture) else {
            return Cell {
                text: String::new(),
                class: "",
                details: String::new(),
            };
        };
        let attributes = field.attributes(value).map(crate::words::explain);
        let details = attributes.or_else(|| field.place(value, snapshot));
        Cell {
            text: field.number(value),
            class: self.classes.get(&value).copied().unwrap_or_default(),
            details: details.unwrap_or_default(),
        }
    }
}
