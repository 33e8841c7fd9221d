//! `diff`: two snapshots, or one and now.

use std::path::Path;

use super::Origin;
use crate::checks::{Comparison, Diff};
use crate::cli::command_line::{DiffOptions, Source};
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::driver_io::Device;
use crate::input;
use crate::model::{DeviceError, Error, FileError, ProcessorId, field, processor_list};
use crate::render::{json, text};

pub(super) fn diff<'device>(
    options: DiffOptions,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &Streams,
) -> Result<Answer, Error> {
    let wanted = options.comparison;
    let comparison = Comparison {
        fields: field::listed(&wanted.columns),
        all: wanted.all,
        raw: wanted.raw,
    };
    let source = wanted.options.source;
    let after = Source {
        from: options.after.or(source.from),
        ..source
    };
    let is_piped = |path: &Path| path.as_os_str() == input::STANDARD_INPUT;
    if is_piped(&options.before) && after.from.as_deref().is_some_and(is_piped) {
        return Err(Error::file(&options.before, FileError::ReadTwice));
    }
    let (before, _) = Origin::of_file(options.before, after.format).whole()?;
    let mut origin = Origin::of(&after, open)?;
    let (latest, _) = origin.whole()?;
    let mut diff = Diff::compare(&before, &latest, &comparison);
    let exit = if !diff.is_empty() {
        Exit::Found
    } else if diff.is_complete() {
        Exit::Done
    } else {
        Exit::Incomplete
    };
    let mut shown: Vec<ProcessorId> = [&before, &latest]
        .into_iter()
        .flat_map(|one| one.processors.iter().map(|processor| processor.id))
        .collect();
    processor_list::narrow(&mut shown, &after.processors, origin.owner())?;
    let elsewhere = if after.processors.is_empty() {
        0
    } else {
        diff.narrow(&shown)
    };
    let output = if wanted.options.json {
        json::diff(&diff, elsewhere)?
    } else if streams.quiet {
        text::differences(&diff, streams.terminal.palette())
    } else {
        text::diff(&diff, elsewhere, streams.terminal.palette())
    };
    Ok(Answer {
        exit,
        ..Answer::text(output)
    })
}
