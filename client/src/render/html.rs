//! The report: one page of HTML with everything in it, to look at rather than to read. Its colours
//! are those of the verdict.
//!
//! The page takes nothing from elsewhere: `templates/report.html` has its styles and its script.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;

use super::verdict::Selected;
use super::{text, value, verdict, words};
use crate::checks::{self, Evidence, Extent, Severity, Verdict};
use crate::model::{Error, Field, ProcessorId, ProcessorSnapshot, Snapshot, Unavailable, fold};

/// The page, as it is filled in.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    snapshot: &'a Snapshot,
    driver: String,
    selected: Selected<'a>,
    summary: String,
    /// How good the news is: a class of the style sheet.
    tone: &'static str,
    coverage: Vec<String>,
    columns: Vec<Column>,
    rows: Vec<Row<'a>>,
}

impl Page<'_> {
    /// The value that a finding rests on, as people read it.
    fn evidence(evidence: &Evidence) -> String {
        value::print(evidence.field, evidence.value)
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
    field: Field,
    /// Whether the next column is of another segment or another group of registers.
    ends_block: bool,
    /// How many different values there are.
    values: usize,
}

/// A row of the grid: a processor.
struct Row<'a> {
    id: ProcessorId,
    result: Result<Vec<Cell<'a>>, &'a Unavailable>,
}

/// A value in its place.
#[derive(Default)]
struct Cell<'a> {
    text: &'a str,
    /// What the verdict says of it: a class of the style sheet.
    class: &'static str,
    /// The findings that name it, by their names.
    findings: &'a str,
    /// What is told on hover and focus; empty if there is nothing to add.
    details: &'a str,
}

/// A value of a column as it is written wherever it is seen.
struct Written {
    text: String,
    details: String,
}

impl Snapshot {
    /// The report: a page of HTML, complete, without anything from the network.
    ///
    /// # Errors
    ///
    /// [`Error::Page`], if memory is short.
    pub fn to_html(&self) -> Result<String, Error> {
        let ids: Vec<_> = self.processors.iter().map(|one| one.id).collect();
        html(self, &checks::check(self), &ids)
    }
}

/// The report of a machine with the rows of these processors.
pub(crate) fn html(
    snapshot: &Snapshot,
    verdict: &Verdict,
    shown: &[ProcessorId],
) -> Result<String, Error> {
    let mut columns: Vec<(Column, BTreeMap<u64, Written>)> = Field::all()
        .filter_map(|field| column(snapshot, field))
        .collect();
    let mut next_block = None;
    for (column, _) in columns.iter_mut().rev() {
        column.ends_block = next_block != Some(column.field.block());
        next_block = Some(column.field.block());
    }
    let marks = Marks::new(snapshot, verdict);
    let rows = shown.iter().filter_map(|id| {
        let at = snapshot
            .processors
            .binary_search_by_key(&id.index, |one| one.id.index)
            .ok()?;
        Some(row(snapshot, at, &columns, &marks))
    });
    let rows = rows.collect();
    let selected = Selected::new(verdict, shown);
    let page = Page {
        snapshot,
        driver: snapshot.driver.map_or_else(
            || text::snapshot::sources(snapshot),
            |driver| driver.to_string(),
        ),
        summary: verdict::summary(verdict, &selected),
        tone: if verdict.has(Severity::Warning) {
            "bad"
        } else if verdict.is_complete() {
            "good"
        } else {
            "partial"
        },
        selected,
        coverage: verdict::coverage_lines(verdict),
        rows,
        columns: columns
            .iter()
            .map(|(column, _)| Column { ..*column })
            .collect(),
    };
    Ok(page.render()?)
}

/// A field's column and its values; none if no capture has the field.
fn column(snapshot: &Snapshot, field: Field) -> Option<(Column, BTreeMap<u64, Written>)> {
    let mut written = BTreeMap::new();
    for (_, capture) in snapshot.captures() {
        if let Some(number) = field.of(capture) {
            written.entry(number).or_insert_with(|| {
                let attributes = field.attributes(number).map(words::explain);
                let details = attributes.or_else(|| field.place(number, snapshot));
                Written {
                    text: value::number(field, number),
                    details: details.unwrap_or_default(),
                }
            });
        }
    }
    let column = Column {
        field,
        ends_block: false,
        values: written.len(),
    };
    (!written.is_empty()).then_some((column, written))
}

fn row<'a>(
    snapshot: &'a Snapshot,
    at: usize,
    columns: &'a [(Column, BTreeMap<u64, Written>)],
    marks: &'a Marks,
) -> Row<'a> {
    let ProcessorSnapshot { id, result } = &snapshot.processors[at];
    let cell = |(column, written): &'a (Column, BTreeMap<u64, Written>)| {
        let Ok(capture) = result else {
            return Cell::default();
        };
        let number = column.field.of(capture);
        let Some(written) = number.and_then(|number| written.get(&number)) else {
            return Cell::default();
        };
        if snapshot.hides(column.field, capture) {
            return Cell {
                text: "hidden",
                class: "hidden",
                ..Cell::default()
            };
        }
        Cell {
            text: &written.text,
            class: marks.class(column.field, at),
            findings: marks
                .names
                .get(&(column.field, at))
                .map_or("", String::as_str),
            details: &written.details,
        }
    };
    Row {
        id: *id,
        result: match result {
            Ok(_) => Ok(columns.iter().map(cell).collect()),
            Err(reason) => Err(reason),
        },
    }
}

type Place = (Field, usize);

/// What the verdict says of each value, by field and by the processor's place in the snapshot.
struct Marks {
    /// The worst finding that names the value.
    severities: BTreeMap<Place, Severity>,
    /// The names of the findings that name the value.
    names: BTreeMap<Place, String>,
    /// Values that a finding compares others with.
    compared: BTreeSet<Place>,
    /// How far the rules that look at a field were judged, by place; none if no rule does.
    judged: BTreeMap<Field, Vec<Option<Judged>>>,
}

/// How far all rules that look at a value were judged.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Judged {
    Not,
    Partly,
    Fully,
}

impl Marks {
    fn new(snapshot: &Snapshot, verdict: &Verdict) -> Self {
        let ids = snapshot.processors.iter().map(|one| one.id.index);
        let places: BTreeMap<u32, usize> = ids.zip(0..).collect();
        let mut marks = Self {
            severities: BTreeMap::new(),
            names: BTreeMap::new(),
            compared: BTreeSet::new(),
            judged: BTreeMap::new(),
        };
        for finding in &verdict.findings {
            for place in cells(&places, &finding.values) {
                let worst = marks.severities.entry(place).or_insert(finding.severity);
                *worst = finding.severity.min(*worst);
                let names = marks.names.entry(place).or_default();
                if !names.is_empty() {
                    names.push(' ');
                }
                names.push_str(finding.id.name());
            }
            marks.compared.extend(cells(&places, &finding.others));
        }
        let swapped: BTreeSet<usize> = (0..)
            .zip(&snapshot.processors)
            .filter(|(_, processor)| {
                let capture = processor.result.as_ref();
                capture.is_ok_and(|capture| checks::has_swapped(snapshot, capture))
            })
            .map(|(at, _)| at)
            .collect();
        for coverage in &verdict.coverage {
            let one = match coverage.extent {
                Extent::Judged => Judged::Fully,
                Extent::Weakly(_) => Judged::Partly,
                Extent::Not(_) => Judged::Not,
            };
            let at = coverage.processors.iter();
            let (after, before): (Vec<usize>, Vec<usize>) = at
                .filter_map(|id| places.get(&id.index).copied())
                .partition(|at| swapped.contains(at));
            marks.judge(coverage.rule.looks_at(false), &before, one, places.len());
            marks.judge(coverage.rule.looks_at(true), &after, one, places.len());
        }
        marks
    }

    /// Notes how far a rule that looks at these fields was judged at these places.
    fn judge(
        &mut self,
        fields: impl Iterator<Item = Field>,
        places: &[usize],
        one: Judged,
        processors: usize,
    ) {
        if places.is_empty() {
            return;
        }
        for field in fields {
            let all = self.judged.entry(field);
            let all = all.or_insert_with(|| vec![None; processors]);
            for at in places {
                if let Some(judged) = all.get_mut(*at) {
                    *judged = Some(match judged {
                        Some(before) if *before != one => Judged::Partly,
                        _ => one,
                    });
                }
            }
        }
    }

    fn class(&self, field: Field, at: usize) -> &'static str {
        match self.severities.get(&(field, at)) {
            Some(Severity::Alarm) => return "alarm",
            Some(Severity::Warning) => return "warning",
            Some(Severity::Notice) => return "notice",
            None if self.compared.contains(&(field, at)) => return "",
            None => {}
        }
        match self.judged.get(&field).and_then(|all| all.get(at)) {
            Some(Some(Judged::Fully)) => "ok",
            Some(Some(Judged::Partly)) => "partly",
            Some(Some(Judged::Not)) => "unjudged",
            Some(None) | None => "",
        }
    }
}

/// The places of the values that a finding rests on.
fn cells<'e>(
    places: &'e BTreeMap<u32, usize>,
    evidence: &'e [Evidence],
) -> impl Iterator<Item = Place> + 'e {
    evidence.iter().flat_map(move |one| {
        let at = one.processors.iter().filter_map(|id| places.get(&id.index));
        at.map(|at| (one.field, *at))
    })
}
