//! The commands: get what is asked for, narrow it to what the user wants, print, judge.

mod bench;
mod diff;
mod files;
mod origin;
mod show;
mod status;
mod watch;

use self::origin::Machine;
pub(crate) use self::origin::Origin;
use super::{
    command_line::{Command, ExplainOptions, Options},
    exit::Exit,
    run::{Answer, Streams},
};
use crate::{
    checks::{Finding, check},
    driver_io::Device,
    model::{DeviceError, Error, Obstacle, ProcessorId, Snapshot, fold, processor::AboutProcessor},
    render::{json, text},
};

/// Does what the user wants done; `open` is called by the commands that need the driver.
pub(crate) fn carry_out<'device>(
    command: Command,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let terminal = streams.terminal;
    match command {
        Command::Show(options) => {
            let origin = Origin::of(options.source.from, open)?;
            show::show(
                origin,
                &options.source.processors,
                &options.layout,
                terminal,
            )
        }
        Command::Decode(options) => {
            let origin = Origin::File(options.file);
            show::show(origin, &options.processors, &options.layout, terminal)
        }
        Command::Status(options) => {
            let origin = Origin::of(options.source.from.clone(), open)?;
            status::status(&options, origin, terminal)
        }
        Command::Check(options) => {
            let origin = Origin::of(options.source.from.clone(), open)?;
            judge(&options, origin, streams)
        }
        Command::Explain(options) => Ok(explain(&options, streams)),
        Command::Save(options) => {
            files::save(&options, Origin::of(options.source.from.clone(), open)?)
        }
        Command::Report(options) => {
            files::report(&options, Origin::of(options.source.from.clone(), open)?)
        }
        Command::Bench(options) => {
            let origin = Origin::of(options.options.source.from.clone(), open)?;
            bench::bench(&options, origin)
        }
        Command::Diff(options) => diff::diff(options, open, terminal),
        Command::Watch(options) => {
            let origin = Origin::of(options.source.from.clone(), open)?;
            watch::watch(&options, origin, streams)
        }
    }
}

fn judge(options: &Options, mut origin: Origin, streams: &Streams) -> Result<Answer, Error> {
    #[derive(serde::Serialize)]
    struct Findings<'a> {
        findings: &'a [Finding],
    }
    let (snapshot, machine) = origin.snapshot(&options.source.processors)?;
    let findings = check(&snapshot);
    let output = if options.json {
        json::document(&Findings {
            findings: &findings,
        })?
    } else {
        let palette = streams.terminal.palette();
        text::findings(&findings, &snapshot, machine.processors, palette)
    };
    // Processors without a capture are findings. A machine without any is no machine to judge.
    if machine.refuses {
        let hypervisor = origin.hypervisor();
        let obstacles = obstacles(&snapshot.processors);
        return Ok(machine.answer(String::new(), obstacles, hypervisor.as_deref()));
    }
    Ok(Answer {
        exit: if findings.is_empty() {
            Exit::Done
        } else {
            Exit::Found
        },
        ..Answer::text(output)
    })
}

fn explain(options: &ExplainOptions, streams: &Streams) -> Answer {
    let palette = streams.terminal.palette();
    Answer::text(match options.id {
        Some(id) => text::explanation(id, palette),
        None => text::kinds(palette),
    })
}

/// The output, with complaints about what was in the way of the snapshot that it shows.
fn answer(output: String, machine: &Machine, snapshot: &Snapshot, origin: &mut Origin) -> Answer {
    let obstacles = obstacles(&snapshot.processors);
    let hypervisor = if obstacles.is_empty() {
        None
    } else {
        origin.hypervisor()
    };
    machine.answer(output, obstacles, hypervisor.as_deref())
}

/// The obstacles that the user is going to hear of, each with the processors that it is met on.
fn obstacles(processors: &[impl AboutProcessor]) -> Vec<(Obstacle, Vec<ProcessorId>)> {
    let met = processors
        .iter()
        .filter_map(|one| Some((one.obstacle()?, one.id())));
    fold::by_key(met, Obstacle::to_string)
}
