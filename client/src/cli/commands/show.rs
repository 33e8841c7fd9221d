//! `show` and `decode`: a snapshot in one of its many layouts.

use super::{Machine, Origin, answer, many};
use crate::checks::Vmrun;
use crate::cli::Terminal;
use crate::cli::command_line::{DecodeOptions, GroupBy, Layout, ShowCommand, ShowOptions};
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::driver_io::Device;
use crate::model::processor_list::{self, Item, Owner};
use crate::model::{Capture, DeviceError, Error, Field, ProcessorId, Snapshot, field, fold};
use crate::render::json::{self, Detail};
use crate::render::rows;
use crate::render::text::{self, Paint};
use crate::render::whose::Whose;

pub(super) fn command<'device>(
    command: &ShowCommand,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let ShowOptions { source, layout } = &command.options;
    if let Some(path) = many::single(&command.files) {
        let origin = Origin::of_file(path.clone(), source.format);
        show(origin, &source.processors, layout, streams.terminal)
    } else if command.files.paths.is_empty() {
        let origin = Origin::of(source, open)?;
        show(origin, &source.processors, layout, streams.terminal)
    } else {
        show_many(command, streams)
    }
}

fn show(
    mut origin: Origin,
    processors: &[Item],
    layout: &Layout,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.snapshot(processors)?;
    if layout.anonymous {
        snapshot.make_anonymous();
    }
    let whose = Whose::new(None, &snapshot);
    let fields = chosen(layout, &snapshot);
    let mut output = if layout.csv {
        rows::csv_head(&fields, false)
    } else {
        String::new()
    };
    output += &print(
        &whose,
        &snapshot,
        machine.processors,
        layout,
        &fields,
        terminal,
    )?;
    let mut answer = answer(output, &machine, &snapshot, &mut origin);
    if layout.is_for_programs() {
        answer.notes.extend(absences(&snapshot, &fields));
    } else if !layout.json && layout.group_by.is_none() {
        put_in_heading(&mut answer);
    }
    Ok(answer)
}

/// Moves what is good to know about the source behind the first line of a text.
fn put_in_heading(answer: &mut Answer) {
    let notes = std::mem::take(&mut answer.notes);
    if let Some(end) = answer.output.find('\n') {
        for note in notes.iter().rev() {
            answer.output.insert_str(end, &format!("\n{note}"));
        }
    }
}

/// Each file below its name; as values or lines, all of them as one table.
fn show_many(command: &ShowCommand, streams: &mut Streams) -> Result<Answer, Error> {
    let ShowOptions { source, layout } = &command.options;
    if layout.json {
        return Err(Error::OneSnapshot);
    }
    // Every line of a table has the columns of the first.
    let mut columns = None;
    let input = many::Input {
        files: &command.files,
        format: source.format,
        jsonl: layout.jsonl,
    };
    let unread = many::each(input, streams, |path, mut snapshot, streams| {
        if layout.anonymous {
            snapshot.make_anonymous();
        }
        let machine = Machine::of(&snapshot.processors, Owner::Snapshot);
        let wanted = &source.processors;
        processor_list::narrow(&mut snapshot.processors, wanted, Owner::Snapshot)?;
        let whose = Whose::new(Some(path.display().to_string()), &snapshot);
        let is_table = layout.csv || layout.jsonl;
        let fields = match &columns {
            Some(columns) if is_table => Vec::clone(columns),
            _ => chosen(layout, &snapshot),
        };
        let heading = match (is_table, &columns) {
            (false, _) => format!(
                "{}\n",
                streams.terminal.palette().paint(Paint::Heading, &whose)
            ),
            (true, None) if layout.csv => rows::csv_head(&fields, true),
            (true, _) => String::new(),
        };
        let processors = machine.processors;
        let output = print(
            &whose,
            &snapshot,
            processors,
            layout,
            &fields,
            streams.terminal,
        )?;
        columns = Some(fields);
        let end = if is_table { "" } else { "\n" };
        many::write(&format!("{heading}{output}{end}"), streams)
    })?;
    Ok(Answer {
        exit: if unread == 0 {
            Exit::Done
        } else {
            Exit::BadFile
        },
        ..Answer::text("")
    })
}

fn chosen(layout: &Layout, snapshot: &Snapshot) -> Vec<Field> {
    match layout.field {
        Some(field) => vec![field],
        None => field::chosen(&layout.columns, snapshot),
    }
}

/// The same of a file, with the whole of its pages.
pub(super) fn decode(
    options: &DecodeOptions,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let layout = &options.layout;
    let is_table = layout.csv
        || layout.jsonl
        || layout.wide
        || layout.group_by.is_some()
        || layout.field.is_some();
    if is_table || !layout.columns.is_empty() {
        return show(origin, &options.processors, layout, terminal);
    }
    let (snapshot, machine) = origin.snapshot(&options.processors)?;
    let fields = field::chosen(&[], &snapshot);
    let whose = Whose::new(None, &snapshot);
    let mut output = print(
        &whose,
        &snapshot,
        machine.processors,
        layout,
        &fields,
        terminal,
    )?;
    if !layout.json {
        let palette = terminal.palette();
        output += &text::pages(&snapshot, terminal.columns(), palette);
        if options.vmrun {
            output += &text::vmrun(&snapshot, palette);
        }
    }
    let mut answer = answer(output, &machine, &snapshot, &mut origin);
    if !layout.json {
        put_in_heading(&mut answer);
    }
    if options.vmrun && answer.exit == Exit::Done {
        answer.exit = vmrun_exit(&snapshot);
    }
    Ok(answer)
}

fn vmrun_exit(snapshot: &Snapshot) -> Exit {
    let judged = snapshot
        .captures()
        .map(|(_, capture)| Vmrun::of(capture.pages.as_ref()?));
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
    whose: &Whose,
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
        return Ok(rows::csv(whose.among_many(), snapshot, fields));
    }
    if layout.jsonl {
        return rows::json_lines(whose, snapshot, fields);
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
