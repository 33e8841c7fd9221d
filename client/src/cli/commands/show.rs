//! `show` and `decode`: a snapshot in one of its many layouts.

use super::{Machine, Origin, answer, many, reasons};
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
    if !layout.is_for_programs() && !layout.json && layout.group_by.is_none() {
        put_in_heading(&mut answer);
    }
    answer.notes.extend(absences(&snapshot, &fields, layout));
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

/// Each file below its name; as comma-separated values or lines, all of them as one table.
fn show_many(command: &ShowCommand, streams: &mut Streams) -> Result<Answer, Error> {
    let ShowOptions { source, layout } = &command.options;
    if layout.json {
        return Err(Error::OneSnapshot);
    }
    let input = many::Input {
        files: &command.files,
        format: source.format,
        jsonl: layout.jsonl,
        anonymous: layout.anonymous,
    };
    // The columns of a table are the same whatever comes first, and is not known yet.
    let columns = (layout.csv || layout.jsonl).then(|| match layout.columns.as_slice() {
        [] => Field::all().collect(),
        list => field::listed(list),
    });
    let mut head = match &columns {
        Some(columns) if layout.csv => rows::csv_head(columns, true),
        _ => String::new(),
    };
    let mut exit = Exit::Done;
    let read = many::each(input, streams, |name, mut snapshot, streams| {
        let machine = Machine::of(&snapshot.processors, Owner::Snapshot);
        let wanted = &source.processors;
        processor_list::narrow(&mut snapshot.processors, wanted, Owner::Snapshot)?;
        let whose = Whose::new(Some(name), &snapshot);
        let of_one = one_of_many(
            &whose,
            &snapshot,
            &machine,
            layout,
            columns.as_deref(),
            streams,
        )?;
        exit = exit.worse(of_one.exit);
        many::write(&(std::mem::take(&mut head) + &of_one.output), streams)
    })?;
    if read.unread > 0 {
        exit = exit.worse(Exit::BadFile);
    }
    Ok(Answer {
        exit,
        ..Answer::text("")
    })
}

/// One of many snapshots. What is in its way stands below the heading, and where programs read the
/// output, on standard error.
fn one_of_many(
    whose: &Whose,
    snapshot: &Snapshot,
    machine: &Machine,
    layout: &Layout,
    columns: Option<&[Field]>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let terminal = streams.terminal;
    let fields = match columns {
        Some(columns) => columns.to_vec(),
        None => chosen(layout, snapshot),
    };
    let output = print(
        whose,
        snapshot,
        machine.processors,
        layout,
        &fields,
        terminal,
    )?;
    let mut answer = machine.answer(output, reasons(&snapshot.processors), None);
    let mut lines = std::mem::take(&mut answer.complaints);
    if columns.is_none() && !streams.quiet {
        lines.extend(absences(snapshot, &fields, layout));
    }
    if layout.is_for_programs() {
        let name = whose.file.as_deref().unwrap_or_default();
        for line in lines.drain(..) {
            many::tell(&format!("{name}: {line}"), streams);
        }
    }
    if columns.is_none() {
        let heading = terminal.palette().paint(Paint::Heading, whose);
        let lines = lines.iter().map(|line| format!("{line}\n"));
        answer.output = format!(
            "{heading}\n{}{}\n",
            answer.output,
            lines.collect::<String>()
        );
    }
    Ok(answer)
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
    let (mut snapshot, machine) = origin.snapshot(&options.processors)?;
    // What is refused tells no address, and is judged while all of the page is there.
    let refused = options.vmrun.then(|| {
        let text = text::vmrun(&snapshot, terminal.palette());
        (text, vmrun_exit(&snapshot))
    });
    if layout.anonymous {
        snapshot.make_anonymous();
    }
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
        output += &text::pages(&snapshot, terminal.columns(), terminal.palette());
        if let Some((text, _)) = &refused {
            output += text;
        }
    }
    let mut answer = answer(output, &machine, &snapshot, &mut origin);
    if !layout.json {
        put_in_heading(&mut answer);
    }
    if let (Some((_, exit)), Exit::Done) = (refused, answer.exit) {
        answer.exit = exit;
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

/// A line for the values that are hidden, where programs read the output, in which they are empty;
/// and for those that were asked for by name and are not there.
fn absences(snapshot: &Snapshot, fields: &[Field], layout: &Layout) -> Vec<String> {
    let places = |is_absent: &dyn Fn(Field, &Capture) -> bool| -> Vec<(Field, Vec<ProcessorId>)> {
        fields
            .iter()
            .map(|field| {
                let captures = snapshot.captures();
                let absent = captures.filter(|(_, capture)| is_absent(*field, capture));
                (*field, absent.map(|(id, _)| id).collect())
            })
            .filter(|(_, ids): &(Field, Vec<ProcessorId>)| !ids.is_empty())
            .collect()
    };
    let mut lines = Vec::new();
    let left_empty = if layout.is_for_programs() {
        let hidden = fold_names(places(&|field, capture| snapshot.hides(field, capture)));
        lines.extend(hidden.into_iter().map(|(ids, fields)| {
            format!(
                "hidden, because SeDebugPrivilege was not held, and left empty on {}: {}",
                fold::processors(ids),
                names(&fields)
            )
        }));
        ", and left empty,"
    } else {
        ""
    };
    if layout.names_fields() {
        let absent = fold_names(places(&|field, capture| field.of(capture).is_none()));
        lines.extend(absent.into_iter().map(|(ids, fields)| {
            let verb = if fields.len() == 1 { "is" } else { "are" };
            format!(
                "{} {verb} not recorded{left_empty} on {}{}",
                names(&fields),
                fold::processors(ids),
                others_meant(snapshot, &fields)
            )
        }));
    }
    lines
}

/// For each field that is not recorded, the first that is and whose name begins like it.
fn others_meant(snapshot: &Snapshot, absent: &[Field]) -> String {
    let is_recorded = |field: &Field| {
        let mut captures = snapshot.captures();
        captures.any(|(_, capture)| field.of(capture).is_some())
    };
    let near = |absent: &Field| {
        let begins = |field: &Field| {
            let rest = field.name().strip_prefix(absent.name());
            rest.is_some_and(|rest| rest.starts_with('_'))
        };
        Field::all().find(|field| begins(field) && is_recorded(field))
    };
    let meant: Vec<Field> = absent.iter().filter_map(near).collect();
    if meant.is_empty() {
        return String::new();
    }
    format!("; recorded, and perhaps meant: {}", names(&meant))
}

fn names(fields: &[Field]) -> String {
    let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
    names.join(", ")
}

/// Fields of the same processors together.
fn fold_names(places: Vec<(Field, Vec<ProcessorId>)>) -> Vec<(Vec<ProcessorId>, Vec<Field>)> {
    let mut folded: Vec<(Vec<ProcessorId>, Vec<Field>)> = Vec::new();
    for (field, ids) in places {
        match folded.iter_mut().find(|(known, _)| *known == ids) {
            Some((_, fields)) => fields.push(field),
            None => folded.push((ids, vec![field])),
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
