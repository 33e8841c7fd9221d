//! `status`: whether VMSAVE is possible.

use super::{Machine, Origin, reasons};
use crate::cli::Terminal;
use crate::cli::command_line::Options;
use crate::cli::run::Answer;
use crate::model::{Error, processor_list};
use crate::render::{json, text};

pub(super) fn status(
    options: &Options,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let mut status = origin.status()?;
    let machine = Machine::of(&status.processors, origin.owner());
    processor_list::narrow(
        &mut status.processors,
        &options.source.processors,
        origin.owner(),
    )?;
    let output = if options.json {
        json::status(&status)?
    } else {
        text::status(&status, terminal.columns())
    };
    Ok(machine.answer(output, reasons(&status.processors), status.hypervisor()))
}
