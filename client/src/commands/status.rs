//! `status`: whether VMSAVE is possible.

use super::{Machine, Origin, obstacles};
use crate::{Error, Terminal, command_line::Options, json, run::Answer, selection, text};

pub(super) fn status(
    options: &Options,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let mut status = origin.status()?;
    let machine = Machine::of(&status.processors);
    selection::narrow(&mut status.processors, &options.source.processors)?;
    let output = if options.json {
        json::document(&status)?
    } else {
        text::status(&status, terminal.columns())
    };
    Ok(machine.answer(output, obstacles(&status.processors), status.hypervisor()))
}
