//! What the steps of one run share: the machine, the open device, and the snapshots.

use std::time::Duration;

use super::machine::{Machine, Opener};
use super::outcome::Stop;
use crate::driver_io::{Device, Timed};
use crate::model::cost::{Figures, Samples};
use crate::model::{DeviceError, Snapshot, Status};

/// Snapshots of a whole run, and of a quick one.
const SNAPSHOTS: [usize; 2] = [100, 10];
/// Random requests.
const REQUESTS: [u32; 2] = [100_000, 1000];
/// Stops and starts of the driver.
const RESTARTS: [u32; 2] = [20, 2];

/// A run.
pub(crate) struct Session<'a, 'device> {
    pub(crate) machine: &'a mut dyn Machine,
    /// The device, or why it was not opened.
    device: Result<Box<dyn Device + 'device>, String>,
    /// Why the run was begun without the device, if it was.
    without: Option<String>,
    quick: bool,
    /// Where random requests begin.
    pub(crate) seed: u32,
    taken: Option<Result<Taken, Stop>>,
    /// Active processors when the driver was first asked.
    pub(crate) active_at_first: Option<usize>,
}

/// The snapshots of a run, which several steps judge.
#[derive(Clone)]
pub(crate) struct Taken {
    /// At least one.
    pub(crate) snapshots: Vec<Snapshot>,
    /// What they cost, if the driver tells.
    pub(crate) figures: Option<Figures>,
}

impl<'a, 'device> Session<'a, 'device> {
    pub(crate) fn new(
        machine: &'a mut dyn Machine,
        device: Result<Box<dyn Device + 'device>, String>,
        quick: bool,
        seed: u32,
    ) -> Self {
        Self {
            machine,
            without: device.as_ref().err().cloned(),
            device,
            quick,
            seed,
            taken: None,
            active_at_first: None,
        }
    }

    pub(crate) fn requests(&self) -> u32 {
        REQUESTS[usize::from(self.quick)]
    }

    pub(crate) fn restarts(&self) -> u32 {
        RESTARTS[usize::from(self.quick)]
    }

    /// The device that the run was begun with.
    pub(crate) fn device(&mut self) -> Result<&mut (dyn Device + 'device), Stop> {
        match &mut self.device {
            Ok(device) => Ok(device.as_mut()),
            Err(why) => Err(Stop::not_done(why.clone())),
        }
    }

    /// Whether the run was begun with the device: a driver that could not be asked is not stopped.
    pub(crate) fn must_have_begun_with_device(&self) -> Result<(), Stop> {
        match &self.without {
            None => Ok(()),
            Some(why) => Err(Stop::not_done(why.clone())),
        }
    }

    /// Closes the device, which keeps the driver from being stopped.
    pub(crate) fn close(&mut self, why: &str) {
        if self.device.is_ok() {
            self.device = Err(why.to_owned());
        }
    }

    /// Asks the driver about every processor.
    pub(crate) fn status(&mut self) -> Result<Status, Stop> {
        let status = Status::query(self.device()?)?;
        self.active_at_first.get_or_insert(status.processors.len());
        Ok(status)
    }

    /// The snapshots, which are taken when they are first asked for.
    pub(crate) fn snapshots(&mut self) -> Result<&Taken, Stop> {
        let taken = match self.taken.take() {
            Some(taken) => taken,
            None => self.take(),
        };
        self.taken.insert(taken).as_ref().map_err(Clone::clone)
    }

    fn take(&mut self) -> Result<Taken, Stop> {
        let count = SNAPSHOTS[usize::from(self.quick)];
        let mut timed = Timed::new(self.device()?);
        let first = Snapshot::take(&mut timed)?;
        if first.captures().next().is_none() {
            let reason = first
                .processors
                .iter()
                .find_map(|one| one.result.as_ref().err());
            let reason = reason.map_or(String::new(), ToString::to_string);
            return Err(Stop::not_done(format!(
                "VMSAVE is not possible here: {reason}"
            )));
        }
        let mut samples = Samples::default();
        samples.add(&first, Some(timed.latest()));
        let mut snapshots = vec![first];
        while snapshots.len() < count {
            let next = Snapshot::take(&mut timed)?;
            samples.add(&next, Some(timed.latest()));
            snapshots.push(next);
        }
        let figures = snapshots.last().and_then(|last| samples.sum_up(last));
        Ok(Taken { snapshots, figures })
    }

    /// Opens the device in another way; [`Stop::NotDone`] where that can't be tried.
    pub(crate) fn open(
        &mut self,
        opener: Opener,
    ) -> Result<Result<Box<dyn Device>, DeviceError>, Stop> {
        // Without a driver every way is refused, and nothing is shown by that.
        self.device()?;
        self.machine.open(opener)
    }
}

/// A time in milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
