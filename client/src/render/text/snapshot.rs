//! A snapshot as text: a row for each processor, the fields in blocks that fit the terminal.

use super::{
    colour::{Paint, Palette},
    columns::{self, Alignment, Cell, Column},
};
use crate::{
    model::{
        Capture, ProcessorId, Snapshot,
        field::{Field, Kind},
        fold,
    },
    render::count,
};

pub(super) type Row<'a> = (ProcessorId, &'a Capture);

/// These fields of a snapshot that may have been narrowed; nothing if it has no captures.
/// `processors` is how many the machine has.
pub(crate) fn snapshot(
    snapshot: &Snapshot,
    fields: &[&'static Field],
    processors: usize,
    width: usize,
    palette: Palette,
) -> String {
    let rows: Vec<Row> = snapshot.captures().collect();
    if rows.is_empty() {
        return String::new();
    }
    let blocks = columns::blocks(&labels(&rows), &groups(&rows, fields), width, palette);
    let places = places(snapshot, &rows, fields);
    let skew = skew(snapshot, fields);
    let findings = findings(&rows);
    let title = title(snapshot, processors);
    format!("{title}\n{blocks}{skew}{places}{findings}")
}

/// The bare value of one field, a line for each capture.
pub(crate) fn bare(snapshot: &Snapshot, field: &Field) -> String {
    let mut text = String::new();
    for (_, capture) in snapshot.captures() {
        if let Some(value) = field.of(capture) {
            text += &field.number(value);
            text.push('\n');
        }
    }
    text
}

/// Who took how many captures, and what they do not show.
pub(super) fn title(snapshot: &Snapshot, processors: usize) -> String {
    let count = count::shown(snapshot.captures().count(), processors);
    let hidden = if snapshot.redacted.is_empty() {
        ""
    } else {
        "addresses are hidden and read as zero: SeDebugPrivilege is not held\n"
    };
    match snapshot.driver {
        Some(driver) => format!("{driver}: VMSAVE on {count}\n{hidden}"),
        None => format!("VMCB pages: VMSAVE on {count}\n{hidden}"),
    }
}

/// Where the entry points lie, behind an empty line; nothing if the modules are not known.
fn places(snapshot: &Snapshot, rows: &[Row], fields: &[&'static Field]) -> String {
    let lines: Vec<String> = fields
        .iter()
        .flat_map(|field| {
            let values = rows
                .iter()
                .filter_map(|(id, capture)| Some((field.of(capture)?, *id)));
            let places = fold::by_value(values).into_iter();
            places.filter_map(|(value, ids)| {
                let place = field.place(value, snapshot)?;
                let processors = fold::processors(ids);
                Some(format!("{} is {place} on {processors}", field.heading))
            })
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n", lines.join("\n"))
}

/// How far apart the captures are, behind an empty line; nothing if the table does not show when
/// they were made.
fn skew(snapshot: &Snapshot, fields: &[&'static Field]) -> String {
    let shown = fields.iter().any(|field| field.kind == Kind::Clock);
    match snapshot.skew().filter(|_| shown) {
        Some(cycles) => format!("\nskew in cycles, if the counters agree: {cycles}\n"),
        None => String::new(),
    }
}

/// A line for each value in which VMSAVE contradicts what was read without it, behind an empty
/// line; nothing if there is none.
fn findings(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().flat_map(findings_about).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n", lines.join("\n"))
}

fn findings_about((id, capture): &Row) -> impl Iterator<Item = String> + use<> {
    let processor = fold::processors([*id]);
    let unread = capture
        .witness
        .and_then(Result::err)
        .map(|obstacle| format!("{processor}: not compared with the registers: {obstacle}"));
    let contradictions = capture.disagreements().map(move |found| {
        format!(
            "{processor}: {} is {:#x} by VMSAVE and {:#x} without it",
            found.field, found.vmsave, found.witness
        )
    });
    unread.into_iter().chain(contradictions)
}

/// The index is enough where there is but one group.
fn labels(rows: &[Row]) -> Vec<Column> {
    let label = |heading, name: fn(&ProcessorId) -> String| Column {
        heading,
        alignment: Alignment::Right,
        cells: rows.iter().map(|(id, _)| name(id).into()).collect(),
    };
    let mut labels = vec![label("CPU", |id| id.index.to_string())];
    if rows.iter().any(|(id, _)| id.group != 0) {
        labels.push(label("group", |id| format!("{}:{}", id.group, id.number)));
    }
    labels
}

/// A column for each field that any capture has; what belongs together is one group.
fn groups(rows: &[Row], fields: &[&'static Field]) -> Vec<Vec<Column>> {
    fields
        .chunk_by(|one, next| one.block == next.block)
        .map(|block| {
            block
                .iter()
                .filter_map(|field| column(rows, field))
                .collect()
        })
        .collect()
}

fn column(rows: &[Row], field: &Field) -> Option<Column> {
    let values: Vec<Option<u64>> = rows.iter().map(|(_, capture)| field.of(capture)).collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let usual = usual(rows, field);
    let cells = values.into_iter().map(|value| {
        let Some(value) = value else {
            return Cell::from(String::new());
        };
        Cell {
            text: field.print(value),
            paint: match usual {
                Some(usual) if usual != value => Paint::Bad,
                _ => Paint::Plain,
            },
        }
    });
    Some(Column {
        heading: field.heading,
        alignment: Alignment::Left,
        cells: cells.collect(),
    })
}

/// The value that the others are measured by, where all should be the same.
fn usual(rows: &[Row], field: &Field) -> Option<u64> {
    if field.kind != Kind::Shared {
        return None;
    }
    let values = rows
        .iter()
        .filter_map(|(id, capture)| Some((field.of(capture)?, *id)));
    fold::majority(&fold::by_value(values)).copied()
}
