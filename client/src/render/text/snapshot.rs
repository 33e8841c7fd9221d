//! A snapshot as text: a row for each processor, the fields in blocks that fit the terminal.

use super::colour::{Paint, Palette};
use super::columns::{self, Alignment, Cell, Column};
use crate::checks::Reason;
use crate::model::field::Kind;
use crate::model::{Capture, Field, Format, ProcessorId, Snapshot, fold, sort};
use crate::render::{count, value};

pub(super) type Row<'a> = (ProcessorId, &'a Capture);

/// These fields of a snapshot that may have been narrowed; nothing if it has no captures.
/// `processors` is how many the machine has.
pub(crate) fn snapshot(
    snapshot: &Snapshot,
    fields: &[Field],
    processors: usize,
    width: usize,
    palette: Palette,
) -> String {
    let rows: Vec<Row> = snapshot.captures().collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = groups(snapshot, &rows, fields);
    let blocks = columns::blocks(&labels(&rows), &columns, width, palette);
    let places = places(snapshot, &rows, fields);
    let skew = skew(snapshot, fields);
    let findings = findings(snapshot, &rows);
    let title = title(snapshot, processors);
    format!("{title}\n{blocks}{skew}{places}{findings}")
}

/// The bare value of one field, a line for each processor: empty where it is hidden, not recorded or
/// not captured.
pub(crate) fn bare(snapshot: &Snapshot, field: Field) -> String {
    let mut text = String::new();
    for processor in &snapshot.processors {
        let capture = processor.result.as_ref().ok();
        if let Some(value) = capture.and_then(|capture| snapshot.value(field, capture)) {
            text += &value::number(field, value);
        }
        text.push('\n');
    }
    text
}

/// Who took how many captures, of which machine and when, and what they do not show.
pub(super) fn title(snapshot: &Snapshot, processors: usize) -> String {
    let count = count::shown(snapshot.captures().count(), processors);
    let source = snapshot
        .driver
        .map_or_else(|| sources(snapshot), |driver| driver.to_string());
    let mut lines = vec![format!("{source}: VMSAVE on {count}")];
    lines.extend(whose(snapshot));
    if !snapshot.redacted.is_empty() {
        lines.push("addresses are hidden: SeDebugPrivilege is not held".to_owned());
    }
    if snapshot.anonymous {
        lines.push("addresses are made up, places are not: the snapshot is anonymous".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The machine by its name, and when the snapshot was taken; none without a name.
fn whose(snapshot: &Snapshot) -> Option<String> {
    let host = snapshot.machine.printable_host()?;
    Some(match snapshot.taken_at {
        Some(time) => format!("{host}, {time}"),
        None => host,
    })
}

/// What a snapshot that no driver took was read from.
pub(in crate::render) fn sources(snapshot: &Snapshot) -> String {
    let pages = snapshot
        .captures()
        .filter_map(|(_, capture)| capture.pages.as_deref());
    let titles = sort::few(pages.map(|pages| pages.source.title()));
    if titles.is_empty() {
        return Format::Vmcb.title().to_owned();
    }
    titles.join(" and ")
}

/// Where the entry points lie, behind an empty line; nothing if the modules are not known.
fn places(snapshot: &Snapshot, rows: &[Row], fields: &[Field]) -> String {
    let lines: Vec<String> = fields
        .iter()
        .flat_map(|field| {
            let values = rows
                .iter()
                .filter_map(|(id, capture)| Some((snapshot.value(*field, capture)?, *id)));
            let places = fold::by_value(values).into_iter();
            places.filter_map(|(value, ids)| {
                let place = field.place(value, snapshot)?;
                let processors = fold::processors(ids);
                Some(format!("{} is {place} on {processors}", field.heading()))
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
fn skew(snapshot: &Snapshot, fields: &[Field]) -> String {
    let shown = fields.iter().any(|field| field.kind() == Kind::Clock);
    match snapshot.skew().filter(|_| shown) {
        Some(cycles) => format!("\nskew in cycles, if the counters agree: {cycles}\n"),
        None => String::new(),
    }
}

/// A line for each value in which VMSAVE contradicts what was read without it, behind an empty
/// line; nothing if there is none.
fn findings(snapshot: &Snapshot, rows: &[Row]) -> String {
    let lines: Vec<String> = rows
        .iter()
        .flat_map(|row| findings_about(snapshot, row))
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n", lines.join("\n"))
}

fn findings_about(
    snapshot: &Snapshot,
    (id, capture): &Row,
) -> impl Iterator<Item = String> + use<> {
    let processor = fold::processors([*id]);
    let witness = capture.witness.as_ref();
    let unread = witness
        .and_then(|witness| witness.as_ref().err())
        .map(|reason| format!("{processor}: not compared with the registers: {reason}"));
    let vmsa = capture
        .guest
        .filter(|guest| guest.vmsa)
        .map(|_| format!("{processor}: the page is {}", Reason::Vmsa));
    let disagreements = snapshot.disagreements(*id, capture).unwrap_or_default();
    let contradictions = disagreements.into_iter().map(move |found| {
        let print = |number| value::number(found.field, number);
        format!(
            "{processor}: {} is {} by VMSAVE and {} without it",
            found.field,
            print(found.vmsave),
            print(found.witness)
        )
    });
    vmsa.into_iter().chain(unread).chain(contradictions)
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
fn groups(snapshot: &Snapshot, rows: &[Row], fields: &[Field]) -> Vec<Vec<Column>> {
    fields
        .chunk_by(|one, next| one.block() == next.block())
        .map(|block| {
            block
                .iter()
                .filter_map(|field| column(snapshot, rows, *field))
                .collect()
        })
        .collect()
}

fn column(snapshot: &Snapshot, rows: &[Row], field: Field) -> Option<Column> {
    let cells = rows.iter().map(|(id, capture)| {
        let value = field.of(capture);
        (value, snapshot.hides(field, capture), *id)
    });
    let cells: Vec<(Option<u64>, bool, ProcessorId)> = cells.collect();
    if cells.iter().all(|(value, _, _)| value.is_none()) {
        return None;
    }
    let seen = cells
        .iter()
        .filter(|(_, hidden, _)| !hidden)
        .filter_map(|(value, _, id)| Some(((*value)?, *id)));
    let usual = if field.kind() == Kind::Shared {
        fold::majority(&fold::by_value(seen)).copied()
    } else {
        None
    };
    // Most processors have what their neighbours have.
    let mut printed: Option<(u64, String)> = None;
    let mut print = |value: u64| match &printed {
        Some((known, text)) if *known == value => text.clone(),
        _ => {
            let text = value::print(field, value);
            printed = Some((value, text.clone()));
            text
        }
    };
    let cells = cells.into_iter().map(|(value, hidden, _)| match value {
        None => Cell::from(String::new()),
        Some(_) if hidden => Cell {
            text: "hidden".to_owned(),
            paint: Paint::Faint,
        },
        Some(value) => Cell {
            text: print(value),
            paint: match usual {
                Some(usual) if usual != value => Paint::Bad,
                _ => Paint::Plain,
            },
        },
    });
    Some(Column {
        heading: field.heading(),
        alignment: Alignment::Left,
        cells: cells.collect(),
    })
}
