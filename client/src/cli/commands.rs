//! The commands: get what is asked for, narrow it to what the user wants, print, judge.

mod bench;
mod check;
mod diff;
mod files;
mod install;
mod many;
mod origin;
mod selftest;
mod show;
mod status;
mod watch;

use self::origin::Machine;
pub(crate) use self::origin::Origin;
use super::command_line::{Command, ExplainOptions, Topic};
use super::run::{Answer, Streams};
use crate::driver_io::Device;
use crate::model::processor::AboutProcessor;
use crate::model::{DeviceError, Error, ProcessorId, Snapshot, Unavailable, fold};
use crate::render::text;

/// Does what the user wants done; `open` is called by the commands that need the driver.
pub(crate) fn carry_out<'device>(
    command: Command,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let terminal = streams.terminal;
    let may_reset_host = command.may_reset_host();
    let open = || {
        let device = open()?;
        match device.processor_that_resets_hosts() {
            Some(processor) if !may_reset_host => Err(DeviceError::MayResetHost(processor)),
            _ => Ok(device),
        }
    };
    match command {
        Command::Show(command) => show::command(&command, open, streams),
        Command::Decode(options) => {
            let origin = Origin::of_file(options.file(), options.format);
            show::decode(&options, origin, terminal)
        }
        Command::Status(options) => {
            let origin = Origin::of(&options.source, open)?;
            status::status(&options, origin, terminal)
        }
        Command::Check(options) => check::command(&options, open, streams),
        Command::Explain(options) => Ok(explain(&options, streams)),
        Command::Save(options) => {
            files::check_target(&options.file, options.force, files::Kind::Snapshot)?;
            files::save(&options, Origin::of(&options.source, open)?, streams)
        }
        Command::Report(options) => {
            files::check_target(&options.file, options.force, files::Kind::Page)?;
            files::report(&options, Origin::of(&options.source, open)?, streams)
        }
        Command::Bench(options) => {
            let origin = Origin::of(&options.options.source, open)?;
            bench::bench(&options, origin, terminal)
        }
        Command::Install(options) => install::install(options, streams),
        Command::Uninstall(options) => install::uninstall(&options, streams),
        Command::Selftest(options) => selftest::selftest(&options, open, streams),
        Command::Diff(options) => diff::diff(options, open, streams),
        Command::Watch(options) => {
            let origin = Origin::of(&options.source, open)?;
            watch::watch(&options, origin, streams)
        }
    }
}

fn explain(options: &ExplainOptions, streams: &Streams) -> Answer {
    let palette = streams.terminal.palette();
    Answer::text(match options.id {
        Some(Topic::Finding(id)) => text::explanation(id, palette),
        Some(Topic::Condition(condition)) => text::condition(condition, palette),
        None => text::kinds(palette) + "\n" + &text::conditions(palette),
    })
}

/// The output, with complaints about what was in the way of the snapshot that it shows.
fn answer(output: String, machine: &Machine, snapshot: &Snapshot, origin: &mut Origin) -> Answer {
    let reasons = reasons(&snapshot.processors);
    let hypervisor = if reasons.is_empty() {
        None
    } else {
        origin.hypervisor()
    };
    let mut answer = machine.answer(output, reasons, hypervisor.as_deref());
    answer.notes.extend_from_slice(origin.notes());
    answer
}

/// The reasons that the user is going to hear of, each with the processors that it is met on.
fn reasons(processors: &[impl AboutProcessor]) -> Vec<(Unavailable, Vec<ProcessorId>)> {
    let met = processors
        .iter()
        .filter_map(|one| Some((one.unavailable()?, one.id())));
    fold::by_key(met, Unavailable::to_string)
}
