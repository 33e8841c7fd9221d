//! `show` and `decode`: a snapshot in one of its many layouts.

use super::{Origin, answer};
use crate::cli::Terminal;
use crate::cli::command_line::{GroupBy, Layout};
use crate::cli::run::Answer;
use crate::model::processor_list::Item;
use crate::model::{Capture, Error, Field, ProcessorId, Snapshot, field, fold};
use crate::render::json::{self, Detail};
use crate::render::{self, text};

pub(super) fn show(
    mut origin: Origin,
    processors: &[Item],
    layout: &Layout,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.snapshot(processors)?;
    if layout.anonymous {
        snapshot.make_anonymous();
    }
    let fields = match layout.field {
        Some(field) => vec![field],
        None => field::chosen(&layout.columns, &snapshot),
    };
    let output = print(&snapshot, machine.processors, layout, &fields, terminal)?;
    let mut answer = answer(output, &machine, &snapshot, &mut origin);
    if layout.csv || layout.field.is_some() {
        answer.complaints.extend(absences(&snapshot, &fields));
    }
    Ok(answer)
}

/// A line for the values that are hidden, and, of a single field, for those that are not there: in
/// what programs read both are empty.
fn absences(snapshot: &Snapshot, fields: &[Field]) -> Vec<String> {
    let places = |is_absent: &dyn Fn(Field, &Capture) -> bool| -> Vec<(String, Vec<ProcessorId>)> {
        fields
            .iter()
            .map(|field| {
                let captures = snapshot.captures();
                let absent = captures.filter(|(_, capture)| is_absent(*field, capture));
                (field.to_string(), absent.map(|(id, _)| id).collect())
            })
            .filter(|(_, ids): &(String, Vec<ProcessorId>)| !ids.is_empty())
            .collect()
    };
    let mut lines = Vec::new();
    let hidden = places(&|field, capture| snapshot.hides(field, capture));
    let folded = fold_names(hidden);
    lines.extend(folded.into_iter().map(|(ids, names)| {
        format!(
            "hidden, because SeDebugPrivilege was not held, and left empty on {}: {}",
            fold::processors(ids),
            names.join(", ")
        )
    }));
    if let [field] = fields {
        let absent = places(&|field, capture| field.of(capture).is_none());
        lines.extend(absent.into_iter().map(|(_, ids)| {
            format!(
                "{field} is not recorded, and left empty, on {}",
                fold::processors(ids)
            )
        }));
    }
    lines
}

/// Fields of the same processors together.
fn fold_names(places: Vec<(String, Vec<ProcessorId>)>) -> Vec<(Vec<ProcessorId>, Vec<String>)> {
    let mut folded: Vec<(Vec<ProcessorId>, Vec<String>)> = Vec::new();
    for (name, ids) in places {
        match folded.iter_mut().find(|(known, _)| *known == ids) {
            Some((_, names)) => names.push(name),
            None => folded.push((ids, vec![name])),
        }
    }
    folded
}

fn print(
    snapshot: &Snapshot,
    processors: usize,
    layout: &Layout,
    fields: &[Field],
    terminal: Terminal,
) -> Result<String, Error> {
    let palette = terminal.palette();
    if layout.json {
        let detail = if layout.full {
            Detail::Full
        } else {
            Detail::Brief
        };
        return json::snapshot(snapshot, detail);
    }
    if layout.csv {
        return render::csv(snapshot, fields);
    }
    if layout.group_by == Some(GroupBy::Value) {
        return Ok(text::groups(snapshot, fields, processors, palette));
    }
    if let Some(field) = layout.field {
        return Ok(text::bare(snapshot, field));
    }
    let width = if layout.wide {
        usize::MAX
    } else {
        terminal.columns()
    };
    Ok(text::snapshot(snapshot, fields, processors, width, palette))
}
