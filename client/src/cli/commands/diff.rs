//! `diff`: two snapshots, or one and now.

use super::Origin;
use crate::checks::{Comparison, Diff};
use crate::cli::Terminal;
use crate::cli::command_line::DiffOptions;
use crate::cli::exit::Exit;
use crate::cli::run::Answer;
use crate::driver_io::Device;
use crate::model::{DeviceError, Error, field};
use crate::render::{json, text};

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
