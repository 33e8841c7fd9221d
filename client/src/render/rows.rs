//! A snapshot as rows that each say all that is needed to read them alone: whose they are, which
//! processor, its values with their places. Spreadsheets read them as comma-separated values, query
//! engines as lines of JSON.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::whose::Whose;
use super::{json, value};
use crate::model::kernel_module::printable;
use crate::model::{Error, Field, ProcessorSnapshot, Snapshot, Unavailable};

/// What stands under a key.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Cell {
    Absent,
    Number(u32),
    Text(String),
}

/// What stands above a column, and before a value in a line: the processor, its values, and why
/// there are none; among many machines the places of entry points, and whose it is.
pub(crate) fn keys(fields: &[Field], among_many: bool) -> Vec<String> {
    let processor = ["index", "group", "number"].map(str::to_owned).into_iter();
    let values = fields.iter().map(Field::to_string);
    let mut keys: Vec<String> = processor.chain(values).collect();
    keys.push("error".to_owned());
    if among_many {
        let places = fields.iter().filter(|field| field.has_place());
        keys.extend(places.map(|field| format!("{field}_place")));
        keys.extend(["file", "host", "os", "os_build", "taken_at"].map(str::to_owned));
    }
    keys
}

/// The row of a processor, in the order of the keys. A value that the driver hid, or that is not
/// there, is absent.
fn row(
    whose: Option<&Whose>,
    snapshot: &Snapshot,
    processor: &ProcessorSnapshot,
    fields: &[Field],
) -> Vec<Cell> {
    let id = processor.id;
    let capture = processor.result.as_ref().ok();
    let value = |field: Field| capture.and_then(|capture| snapshot.value(field, capture));
    let text = |text: Option<String>| text.map_or(Cell::Absent, Cell::Text);
    let mut cells = [id.index, id.group.into(), id.number.into()]
        .map(Cell::Number)
        .to_vec();
    cells.extend(
        fields
            .iter()
            .map(|&field| text(value(field).map(|value| value::number(field, value)))),
    );
    let error = processor.result.as_ref().err().map(Unavailable::code);
    cells.push(text(error.map(str::to_owned)));
    if let Some(whose) = whose {
        for &field in fields.iter().filter(|field| field.has_place()) {
            cells.push(text(
                value(field).and_then(|value| field.place(value, snapshot)),
            ));
        }
        cells.extend(of(whose));
    }
    cells
}

fn of(whose: &Whose) -> [Cell; 5] {
    let Whose {
        file,
        host,
        os,
        os_build,
        taken_at,
    } = whose;
    [file, host, os, os_build, taken_at].map(|part| part.clone().map_or(Cell::Absent, Cell::Text))
}

/// The heads of the columns as comma-separated values.
pub(crate) fn csv_head(fields: &[Field], among_many: bool) -> String {
    csv_lines([keys(fields, among_many)])
}

/// A line of comma-separated values for each processor; what is absent is empty.
pub(crate) fn csv(whose: Option<&Whose>, snapshot: &Snapshot, fields: &[Field]) -> String {
    let rows = snapshot.processors.iter().map(|processor| {
        let cells = row(whose, snapshot, processor, fields).into_iter();
        cells.map(|cell| match cell {
            Cell::Absent => String::new(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => printable(&text),
        })
    });
    csv_lines(rows)
}

/// Rows of at least two cells as lines. A cell with a comma, a quotation mark or the end of a line
/// stands in quotation marks, and those in it twice: RFC 4180.
fn csv_lines(rows: impl IntoIterator<Item = impl IntoIterator<Item = String>>) -> String {
    let mut lines = String::new();
    for row in rows {
        for (place, cell) in row.into_iter().enumerate() {
            if place > 0 {
                lines.push(',');
            }
            if cell.contains([',', '"', '\n', '\r']) {
                lines.push('"');
                lines += &cell.replace('"', "\"\"");
                lines.push('"');
            } else {
                lines += &cell;
            }
        }
        lines.push('\n');
    }
    lines
}

/// A line of JSON for each processor, each with every key; what is absent is null, so that every
/// line has the same columns.
pub(crate) fn json_lines(
    whose: &Whose,
    snapshot: &Snapshot,
    fields: &[Field],
) -> Result<String, Error> {
    let keys = keys(fields, true);
    let mut lines = String::new();
    for processor in &snapshot.processors {
        let cells = row(Some(whose), snapshot, processor, fields);
        lines += &json::line(&Line {
            keys: &keys,
            cells: &cells,
        })?;
    }
    Ok(lines)
}

struct Line<'a> {
    keys: &'a [String],
    cells: &'a [Cell],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.keys.len()))?;
        for (key, cell) in self.keys.iter().zip(self.cells) {
            match cell {
                Cell::Absent => map.serialize_entry(key, &None::<&str>)?,
                Cell::Number(number) => map.serialize_entry(key, number)?,
                Cell::Text(text) => map.serialize_entry(key, text)?,
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_are_quoted_as_the_csv_crate_quotes_them(
            rows in prop::collection::vec(
                prop::collection::vec("[a,\"\r\n; \\\\ä]{0,6}", 3),
                0..4,
            )
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let expected = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(csv_lines(rows), expected);
        }
    }
}
