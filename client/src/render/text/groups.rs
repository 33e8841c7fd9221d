//! A snapshot folded: each value of each field once, with the processors that have it.

use super::colour::{Paint, Palette};
use super::columns::{self, Alignment, Cell, Column};
use super::snapshot::title;
use crate::model::field::Kind;
use crate::model::{Field, Snapshot, fold};
use crate::render::value;

/// These fields of a snapshot that may have been narrowed; nothing if it has no captures.
/// `processors` is how many the machine has.
pub(crate) fn groups(
    snapshot: &Snapshot,
    fields: &[Field],
    processors: usize,
    palette: Palette,
) -> String {
    let mut names = Vec::new();
    let mut places = Vec::new();
    let mut values = Vec::new();
    for field in fields {
        // A value that is hidden has its place, too.
        let read = snapshot.captures().filter_map(|(id, capture)| {
            let value = snapshot.value(*field, capture);
            (value.is_some() || snapshot.hides(*field, capture)).then_some((value, id))
        });
        let folded = fold::by_value(read);
        let usual = fold::majority(&folded).copied().flatten();
        for (row, (value, ids)) in folded.into_iter().enumerate() {
            let name = if row == 0 { field.heading() } else { "" };
            names.push(Cell::from(name.to_owned()));
            places.push(Cell::from(format!("{}:", fold::processors(ids))));
            let is_outlier = field.kind() == Kind::Shared
                && usual.is_some()
                && value.is_some_and(|_| value != usual);
            values.push(Cell {
                text: value.map_or("hidden".to_owned(), |value| {
                    value::describe(*field, value, snapshot)
                }),
                paint: if is_outlier { Paint::Bad } else { Paint::Plain },
            });
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let column = |heading, cells| Column {
        heading,
        alignment: Alignment::Left,
        cells,
    };
    let table = columns::blocks(
        &[column("field", names), column("where", places)],
        &[vec![column("value", values)]],
        usize::MAX,
        palette,
    );
    format!("{}\n{table}", title(snapshot, processors))
}
