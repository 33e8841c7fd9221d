//! `show` and `decode`: a snapshot in one of its many layouts.

use super::{Origin, answer};
use crate::checks::Vmrun;
use crate::cli::Terminal;
use crate::cli::command_line::{DecodeOptions, GroupBy, Layout};
use crate::cli::exit::Exit;
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

/// The same of a file, with the whole of its pages.
pub(super) fn decode(
    options: &DecodeOptions,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let layout = &options.layout;
    let is_table = layout.csv || layout.wide || layout.group_by.is_some() || layout.field.is_some();
    if is_table || !layout.columns.is_empty() {
        return show(origin, &options.processors, layout, terminal);
    }
    let (snapshot, machine) = origin.snapshot(&options.processors)?;
    let fields = field::chosen(&[], &snapshot);
    let mut output = print(&snapshot, machine.processors, layout, &fields, terminal)?;
    if !layout.json {
        let palette = terminal.palette();
        output += &text::pages(&snapshot, terminal.columns(), palette);
        if options.vmrun {
            output += &text::vmrun(&snapshot, palette);
        }
    }
    let mut answer = answer(output, &machine, &snapshot, &mut origin);
    if options.vmrun && answer.exit == Exit::Done {
        answer.exit = vmrun_exit(&snapshot);
    }
    Ok(answer)
}

fn vmrun_exit(snapshot: &Snapshot) -> Exit {
    let judged = snapshot.captures().map(|(_, capture)| {
        let vmcb = capture.pages.as_ref()?.vmcb.as_ref()?;
        Vmrun::of(vmcb)
    });
    let judged: Vec<Option<Vmrun>> = judged.collect();
    let is_refused = |vmrun: &Vmrun| !vmrun.refused.is_empty();
    let is_complete = |vmrun: &Vmrun| vmrun.not_judged.is_empty();
    if judged.iter().flatten().any(is_refused) {
        Exit::Found
    } else if judged
        .iter()
        .all(|one| one.as_ref().is_some_and(is_complete))
    {
        Exit::Done
    } else {
        Exit::Incomplete
    }
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
