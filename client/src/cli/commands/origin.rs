//! Where a snapshot comes from, and what it tells of the machine as a whole.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::advice;
use crate::cli::command_line::Source;
use crate::cli::exit::Exit;
use crate::cli::run::Answer;
use crate::driver_io::{Device, Timed};
use crate::input;
use crate::model::processor::AboutProcessor;
use crate::model::processor_list::{self, Item, Owner};
use crate::model::{DeviceError, Error, Format, ProcessorId, Snapshot, Status, Unavailable, fold};

/// The driver, or a file.
pub(crate) enum Origin<'device> {
    Device(Box<dyn Device + 'device>),
    File {
        path: PathBuf,
        /// What it is taken for.
        format: Option<Format>,
        /// What standard input had, which can be read but once.
        piped: Option<Box<Snapshot>>,
        /// What is good to know about what was read.
        notes: Vec<String>,
    },
}

impl<'device> Origin<'device> {
    /// The file if there is one, otherwise the driver.
    pub(super) fn of(
        source: &Source,
        open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    ) -> Result<Self, Error> {
        Ok(match &source.from {
            Some(path) => Self::of_file(path.clone(), source.format),
            None => Self::Device(open()?),
        })
    }

    pub(super) fn of_file(path: PathBuf, format: Option<Format>) -> Self {
        Self::File {
            path,
            format,
            piped: None,
            notes: Vec::new(),
        }
    }

    /// Whose processors the command line names.
    pub(super) fn owner(&self) -> Owner {
        match self {
            Self::Device(_) => Owner::Machine,
            Self::File { .. } => Owner::Snapshot,
        }
    }

    /// A snapshot of all processors.
    pub(super) fn whole(&mut self) -> Result<(Snapshot, Machine), Error> {
        let snapshot = match self {
            Self::Device(device) => Snapshot::take(device.as_mut())?,
            Self::File {
                piped: Some(snapshot),
                ..
            } => Snapshot::clone(snapshot),
            Self::File {
                path,
                format,
                piped,
                notes,
            } => {
                let reading = input::open(path, *format)?;
                *notes = reading.notes;
                let snapshot = reading.snapshot;
                if path.as_os_str() == input::STANDARD_INPUT {
                    *piped = Some(Box::new(snapshot.clone()));
                }
                snapshot
            }
        };
        let machine = Machine::of(&snapshot.processors, self.owner());
        Ok((snapshot, machine))
    }

    /// A snapshot of these processors, or of all if there is none in the list.
    pub(super) fn snapshot(&mut self, list: &[Item]) -> Result<(Snapshot, Machine), Error> {
        let (mut snapshot, machine) = self.whole()?;
        processor_list::narrow(&mut snapshot.processors, list, self.owner())?;
        Ok((snapshot, machine))
    }

    /// The same without what the system tells beside it, and with the time from the request until
    /// the driver's reply; none from a file.
    pub(super) fn timed_snapshot(
        &mut self,
        list: &[Item],
    ) -> Result<(Snapshot, Machine, Option<Duration>), Error> {
        let Self::Device(device) = self else {
            let (snapshot, machine) = self.snapshot(list)?;
            return Ok((snapshot, machine, None));
        };
        let mut timed = Timed::new(device.as_mut());
        let mut snapshot = Snapshot::take(&mut timed)?;
        let took = timed.latest();
        let machine = Machine::of(&snapshot.processors, Owner::Machine);
        processor_list::narrow(&mut snapshot.processors, list, Owner::Machine)?;
        Ok((snapshot, machine, Some(took)))
    }

    /// What is good to know about the file that was read, a line each.
    pub(super) fn notes(&self) -> &[String] {
        match self {
            Self::Device(_) => &[],
            Self::File { notes, .. } => notes,
        }
    }

    /// The status of all processors, as far as it is known.
    pub(super) fn status(&mut self) -> Result<Status, Error> {
        match self {
            Self::Device(device) => Status::query(device.as_mut()),
            Self::File { .. } => Ok(Status::recorded(&self.whole()?.0)),
        }
    }

    /// The hypervisor's name. A snapshot doesn't tell it. Without an answer advice is vaguer.
    pub(super) fn hypervisor(&mut self) -> Option<String> {
        let status = match self {
            Self::Device(device) => Status::query(device.as_mut()).ok()?,
            Self::File { .. } => return None,
        };
        status.hypervisor().map(str::to_owned)
    }
}

/// What matters about all processors, whichever of them the user picks.
pub(super) struct Machine {
    pub(super) processors: usize,
    ids: Vec<ProcessorId>,
    owner: Owner,
    /// Every processor was reached, and every one refused.
    pub(super) refuses: bool,
}

impl Machine {
    pub(super) fn of(processors: &[impl AboutProcessor], owner: Owner) -> Self {
        let refuses = |reason: Unavailable| {
            matches!(
                reason.known(),
                Unavailable::Refused(_) | Unavailable::Unknown
            )
        };
        Self {
            processors: processors.len(),
            ids: processors.iter().map(AboutProcessor::id).collect(),
            owner,
            refuses: processors
                .iter()
                .all(|one| one.unavailable().is_some_and(refuses)),
        }
    }

    /// The processors that a list names, or all if it is empty.
    pub(super) fn select(&self, list: &[Item]) -> Result<Vec<ProcessorId>, Error> {
        let mut ids = self.ids.clone();
        processor_list::narrow(&mut ids, list, self.owner)?;
        Ok(ids)
    }

    /// The same, and what the machine does not have of the list, in words.
    pub(super) fn select_some(&self, list: &[Item]) -> (Vec<ProcessorId>, Option<String>) {
        match self.select(list) {
            Ok(ids) => (ids, None),
            Err(error) => {
                let mut ids = self.ids.clone();
                processor_list::keep(&mut ids, list);
                (ids, Some(error.to_string()))
            }
        }
    }

    /// Puts the output together with a complaint for each reason.
    pub(super) fn answer(
        &self,
        output: String,
        reasons: Vec<(Unavailable, Vec<ProcessorId>)>,
        hypervisor: Option<&str>,
    ) -> Answer {
        let exit = match (reasons.is_empty(), self.refuses) {
            (true, _) => Exit::Done,
            (false, true) => Exit::Unavailable,
            (false, false) => Exit::Failed,
        };
        let everywhere = self.refuses && reasons.len() == 1;
        let complaints = reasons.into_iter().map(|(reason, ids)| {
            let place = if everywhere {
                match self.owner {
                    Owner::Machine => "this machine".to_owned(),
                    Owner::Snapshot => "the snapshot's machine".to_owned(),
                }
            } else {
                fold::processors(ids)
            };
            let advice = advice::about_unavailable(&reason, hypervisor);
            format!("VMSAVE is not available on {place}: {reason}; {advice}")
        });
        Answer {
            complaints: complaints.collect(),
            exit,
            ..Answer::text(output)
        }
    }
}
