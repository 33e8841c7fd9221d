//! Differences as text: a line for each change, equal changes of several processors together.

use super::colour::{Paint, Palette};
use crate::{
    checks::Diff,
    model::{field, fold},
};

/// All that differs, and a closing line that counts.
pub(crate) fn diff(diff: &Diff, palette: Palette) -> String {
    let mut lines = change_lines(diff, palette);
    if !diff.hidden.is_empty() {
        let note = format!(
            "not compared, because the driver hid them: {}",
            diff.hidden.join(", ")
        );
        lines.push(palette.paint(Paint::Faint, note).to_string());
    }
    lines.push(match diff.count() {
        0 => palette.paint(Paint::Good, "no difference").to_string(),
        1 => palette.paint(Paint::Bad, "1 difference").to_string(),
        many => palette
            .paint(Paint::Bad, format!("{many} differences"))
            .to_string(),
    });
    lines.join("\n") + "\n"
}

/// A line for each change.
pub(crate) fn change_lines(diff: &Diff, palette: Palette) -> Vec<String> {
    let arrow = |before: String, after: String| {
        format!(
            "{} -> {}",
            palette.paint(Paint::Doubtful, before),
            palette.paint(Paint::Bad, after)
        )
    };
    let processors = diff.processors.iter().map(|change| {
        let place = fold::processors(change.processors.iter().copied());
        format!(
            "{place}: {}",
            arrow(change.before.clone(), change.after.clone())
        )
    });
    let fields = diff.changes.iter().map(|change| {
        let print = |value: Option<u64>| match (value, field::named(change.field)) {
            (None, _) => "none".to_owned(),
            (Some(value), Some(field)) => field.print(value),
            (Some(value), None) => format!("{value:#x}"),
        };
        let place = fold::processors(change.processors.iter().copied());
        let change_ = arrow(print(change.before), print(change.after));
        format!("{} on {place}: {change_}", change.field)
    });
    processors.chain(fields).collect()
}
