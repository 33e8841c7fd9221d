//! `diff`: two snapshots, or one and now.

use super::Origin;
use crate::{
    checks::{Comparison, Diff},
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
    let wanted = options.comparison;
    let comparison = Comparison {
        fields: field::listed(&wanted.columns),
        all: wanted.all,
        raw: wanted.raw,
    };
    let source = wanted.options.source;
    let (before, _) = Origin::of_file(options.before).snapshot(&source.processors)?;
    let now = Origin::of(options.after.or(source.from), open);
    let (after, _) = now?.snapshot(&source.processors)?;
    let diff = Diff::compare(&before, &after, &comparison);
    let output = if wanted.options.json {
        json::diff(&diff)?
    } else {
        text::diff(&diff, terminal.palette())
    };
    Ok(Answer {
        exit: if !diff.is_empty() {
            Exit::Found
        } else if diff.is_complete() {
            Exit::Done
        } else {
            Exit::Incomplete
        },
        ..Answer::text(output)
    })
}
