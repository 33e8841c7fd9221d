//! `bench`: what snapshots cost on this machine.

use super::{Origin, answer};
use crate::cli::Terminal;
use crate::cli::command_line::BenchOptions;
use crate::cli::run::Answer;
use crate::model::Error;
use crate::model::cost::Samples;
use crate::render::{json, text};

pub(super) fn bench(
    options: &BenchOptions,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let processors = &options.options.source.processors;
    let mut samples = Samples::default();
    let (mut last, mut machine, round_trip) = origin.timed_snapshot(processors)?;
    samples.add(&last, round_trip);
    // A file says the same every time.
    let more = if round_trip.is_some() {
        options.rounds - 1
    } else {
        0
    };
    for _ in 0..more {
        let (next, its_machine, round_trip) = origin.timed_snapshot(processors)?;
        samples.add(&next, round_trip);
        (last, machine) = (next, its_machine);
    }
    let output = match samples.sum_up(&last) {
        Some(figures) if options.options.json => json::cost(&figures)?,
        Some(figures) => text::bench(&figures, machine.processors, terminal.palette()),
        None if last.captures().next().is_some() => return Err(Error::NoCycles),
        None => String::new(),
    };
    Ok(answer(output, &machine, &last, &mut origin))
}
