//! `diff`: two snapshots, or one and now.

use super::Origin;
use crate::{
    checks::{Diff, diff::DiffMembers},
    cli::{Terminal, command_line::DiffOptions, exit::Exit, run::Answer},
    driver_io::Device,
    model::{DeviceError, Error, field},
    render::{json, text},
};

pub(super) fn diff<'device>(
    options: DiffOptions,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let comparison = options.comparison;
    let fields = field::chosen(&comparison.columns);
    let source = comparison.options.source;
    let (before, _) = Origin::File(options.before).snapshot(&source.processors)?;
    let now = Origin::of(options.after.or(source.from), open);
    let (after, _) = now?.snapshot(&source.processors)?;
    let diff = Diff::of_fields(&before, &after, &fields);
    let output = if comparison.options.json {
        json::document(&DiffMembers::from(&diff))?
    } else {
        text::diff(&diff, terminal.palette())
    };
    Ok(Answer {
        exit: if diff.is_empty() {
            Exit::Done
        } else {
            Exit::Found
        },
        ..Answer::text(output)
    })
}
