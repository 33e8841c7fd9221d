//! Differences as text: a line for each change, equal changes of several processors together.

use super::colour::{Paint, Palette};
use crate::checks::{Diff, NotCompared, ProcessorChange};
use crate::model::{ProcessorId, fold, sort};
use crate::render::{count, value};

/// Fields that are named of those that were not compared: more than VMSAVE stores.
const MOST_NAMED: usize = 32;

/// All that differs, what was not compared, and a closing line that counts the lines of changes, and
/// those that are left out because they are about other processors.
pub(crate) fn diff(diff: &Diff, elsewhere: usize, palette: Palette) -> String {
    let mut lines = change_lines(diff, palette);
    let notes = notes(diff).into_iter();
    lines.extend(notes.map(|note| palette.paint(Paint::Faint, note).to_string()));
    let (paint, closing) = match (diff.count(), elsewhere) {
        (0, 0) if diff.is_complete() => (Paint::Good, "no difference".to_owned()),
        (0, 0) => {
            let closing = "no difference in what was compared";
            (Paint::Doubtful, closing.to_owned())
        }
        (some, 0) => (Paint::Bad, count::plural(some, "difference")),
        (some, elsewhere) => {
            let here = match some {
                0 => "no difference there".to_owned(),
                some => count::plural(some, "difference"),
            };
            let elsewhere = count::plural(elsewhere, "difference");
            (
                Paint::Bad,
                format!("{here}; {elsewhere} about other processors"),
            )
        }
    };
    lines.push(palette.paint(paint, closing).to_string());
    lines.join("\n") + "\n"
}

/// All that differs, and nothing else.
pub(crate) fn differences(diff: &Diff, palette: Palette) -> String {
    let lines = change_lines(diff, palette).into_iter();
    lines.map(|line| line + "\n").collect()
}

/// What was compared in another way than by numbers, and what was not compared.
fn notes(diff: &Diff) -> Vec<String> {
    let place = |ids: &[ProcessorId]| fold::processors(ids.iter().copied());
    let mut notes = Vec::new();
    if diff.is_relocated {
        let note = "the kernel was loaded elsewhere: addresses are compared by place and shape";
        notes.push(note.to_owned());
    }
    let forms: Vec<String> = diff
        .same_in_canonical_form
        .iter()
        .map(|form| format!("{} on {}", form.field, place(&form.processors)))
        .collect();
    if !forms.is_empty() {
        notes.push(format!("the same in canonical form: {}", forms.join(", ")));
    }
    if diff.lacks_modules {
        let note = "one snapshot has no module list: entry points are compared by number alone";
        notes.push(note.to_owned());
    }
    notes.extend(lack_lines(diff));
    notes
}

/// A line for each reason for which something was not compared.
pub(crate) fn lack_lines(diff: &Diff) -> Vec<String> {
    let mut lacks: Vec<_> = diff.not_compared.iter().collect();
    sort::by_number(&mut lacks, |lack| lack.lack as u64);
    let groups = lacks.chunk_by(|one, next| one.lack == next.lack);
    let line = |group: &[&NotCompared]| {
        let mut fields: Vec<_> = group
            .iter()
            .map(|lack| {
                let place = fold::processors(lack.processors.iter().copied());
                match lack.field {
                    Some(field) => format!("{field} on {place}"),
                    None => format!("{}{place}", lack.lack.subject()),
                }
            })
            .collect();
        if let Some(more) = fields
            .len()
            .checked_sub(MOST_NAMED)
            .filter(|more| *more > 1)
        {
            fields.truncate(MOST_NAMED);
            fields.push(format!("{more} more fields; --json has them"));
        }
        let reason = group.first()?.lack;
        Some(format!(
            "not compared, because {reason}: {}",
            fields.join(", ")
        ))
    };
    groups.filter_map(line).collect()
}

/// A line for each change.
pub(crate) fn change_lines(diff: &Diff, palette: Palette) -> Vec<String> {
    let arrow = |before: &str, after: &str| {
        format!(
            "{} -> {}",
            palette.paint(Paint::Doubtful, before),
            palette.paint(Paint::Bad, after)
        )
    };
    let kernel = diff
        .kernel
        .iter()
        .map(|[before, after]| format!("another kernel: {}", arrow(before, after)));
    let told = |what: &str, change: &ProcessorChange| {
        let place = fold::processors(change.processors.iter().copied());
        format!("{what}{place}: {}", arrow(&change.before, &change.after))
    };
    let processors = diff.processors.iter().map(|change| told("", change));
    let what = "contradictions of VMSAVE on ";
    let contradictions = diff.contradictions.iter().map(|change| told(what, change));
    let processors = processors.chain(contradictions);
    let fields = diff.changes.iter().map(|change| {
        let print = |number, place: &Option<String>| {
            value::with_place(change.field, number, place.as_deref())
        };
        let place = fold::processors(change.processors.iter().copied());
        let values = arrow(
            &print(change.before, &change.before_place),
            &print(change.after, &change.after_place),
        );
        format!("{} on {place}: {values}", change.field)
    });
    kernel.chain(processors).chain(fields).collect()
}
