//! `show` and `decode`: a snapshot in one of its many layouts.

use super::{Origin, answer};
use crate::{
    cli::{
        Terminal,
        command_line::{GroupBy, Layout},
        run::Answer,
    },
    model::{Error, Snapshot, field, processor_list::Item},
    render::{
        self,
        json::{self, Detail},
        text,
    },
};

pub(super) fn show(
    mut origin: Origin,
    processors: &[Item],
    layout: &Layout,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let fields = match layout.field {
        Some(field) => vec![field],
        None => field::chosen(&layout.columns),
    };
    let (snapshot, machine) = origin.snapshot(processors)?;
    let output = print(&snapshot, machine.processors, layout, &fields, terminal)?;
    Ok(answer(output, &machine, &snapshot, &mut origin))
}

fn print(
    snapshot: &Snapshot,
    processors: usize,
    layout: &Layout,
    fields: &[&'static field::Field],
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
