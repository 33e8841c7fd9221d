//! The commands: ask the driver, narrow to what the user wants, print, judge.

use crate::{
    Device, Error, Obstacle, ProcessorId, Snapshot, Status, Terminal, advice,
    command_line::{Command, Options},
    exit::Exit,
    json,
    processor::AboutProcessor,
    run::Answer,
    selection, text,
};

pub(crate) fn carry_out(
    command: Command,
    device: &mut dyn Device,
    terminal: Terminal,
) -> Result<Answer, Error> {
    match command {
        Command::Show(options) => show(&options, device, terminal),
        Command::Status(options) => status(&options, device, terminal),
    }
}

fn show(options: &Options, device: &mut dyn Device, terminal: Terminal) -> Result<Answer, Error> {
    let mut snapshot = Snapshot::take(device)?;
    let machine = Machine::of(&snapshot.processors);
    selection::narrow(&mut snapshot.processors, &options.processors)?;
    let output = if options.json {
        json::document(&snapshot)?
    } else {
        text::snapshot(&snapshot, machine.processors, terminal.columns())
    };
    let obstacles = obstacles(&snapshot.processors);
    // A snapshot doesn't name the hypervisor. Without an answer the advice is vaguer.
    let hypervisor = if obstacles.is_empty() {
        None
    } else {
        Status::query(device)
            .ok()
            .as_ref()
            .and_then(Status::hypervisor)
            .map(str::to_owned)
    };
    Ok(machine.answer(output, obstacles, hypervisor.as_deref()))
}

fn status(options: &Options, device: &mut dyn Device, terminal: Terminal) -> Result<Answer, Error> {
    let mut status = Status::query(device)?;
    let machine = Machine::of(&status.processors);
    selection::narrow(&mut status.processors, &options.processors)?;
    let output = if options.json {
        json::document(&status)?
    } else {
        text::status(&status, terminal.columns())
    };
    Ok(machine.answer(output, obstacles(&status.processors), status.hypervisor()))
}

/// The obstacles that the user is going to hear of, each with the processors that it is met on.
fn obstacles(processors: &[impl AboutProcessor]) -> Vec<(Obstacle, Vec<ProcessorId>)> {
    let met = processors.iter();
    text::by_value(met.filter_map(|one| Some((one.obstacle()?, one.id()))))
}

/// What matters about all processors, whichever of them the user picks.
struct Machine {
    processors: usize,
    /// Every processor was reached, and every one refused.
    refuses: bool,
}

impl Machine {
    fn of(processors: &[impl AboutProcessor]) -> Self {
        let refuses = |obstacle| matches!(obstacle, Obstacle::Refused(_) | Obstacle::Unknown);
        Self {
            processors: processors.len(),
            refuses: processors
                .iter()
                .all(|one| one.obstacle().is_some_and(refuses)),
        }
    }

    /// Puts the output together with a complaint for each obstacle.
    fn answer(
        &self,
        output: String,
        obstacles: Vec<(Obstacle, Vec<ProcessorId>)>,
        hypervisor: Option<&str>,
    ) -> Answer {
        let exit = match (obstacles.is_empty(), self.refuses) {
            (true, _) => Exit::Done,
            (false, true) => Exit::Unavailable,
            (false, false) => Exit::Failed,
        };
        let everywhere = self.refuses && obstacles.len() == 1;
        let complaints = obstacles.into_iter().map(|(obstacle, ids)| {
            let place = if everywhere {
                "this machine".to_owned()
            } else {
                text::processors(ids)
            };
            let advice = advice::about_obstacle(obstacle, hypervisor);
            format!("VMSAVE is not available on {place}: {obstacle}; {advice}")
        });
        Answer {
            output,
            complaints: complaints.collect(),
            exit,
        }
    }
}
