//! What VMSAVE stored on every processor.

use amd_svm::{
    msr::Efer,
    vmcb::VmsaveState,
    witness::{self, Comparison, Witness},
};
use serde::{Deserialize, Serialize};

use super::{
    Driver, KernelModule, Obstacle, ProcessorId, kernel_module, processor::AboutProcessor,
};

/// The machine at about one moment: each processor as it was when its own VMSAVE was executed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Snapshot {
    /// The driver that took it; none if it was read from bare VMCB pages.
    pub driver: Option<Driver>,
    /// The fields of VMSAVE's state that the driver set to zero, because they hold addresses and
    /// the caller does not hold `SeDebugPrivilege`. Mostly there are none.
    pub redacted: Vec<String>,
    /// What the system had loaded into the kernel's address space, the kernel itself first;
    /// empty if the system does not tell.
    pub modules: Vec<KernelModule>,
    /// The processors, by index.
    pub processors: Vec<ProcessorSnapshot>,
}

/// One processor of a [`Snapshot`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProcessorSnapshot {
    /// The processor.
    pub id: ProcessorId,
    /// The capture, or why there is none.
    pub result: Result<Capture, Obstacle>,
}

/// A completed capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capture {
    /// What the driver noted around VMSAVE; a bare VMCB page does not tell.
    pub circumstances: Option<Circumstances>,
    /// What VMSAVE stored.
    pub vmsave: VmsaveState,
    /// The same state, read by the driver without VMSAVE, or why it could not be read; none if
    /// the snapshot was saved without it.
    pub witness: Option<Result<Witness, Obstacle>>,
}

/// What the driver noted around VMSAVE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Circumstances {
    /// Time-stamp counter right before VMSAVE, in cycles.
    pub tsc: u64,
    /// `EFER` as found before the capture.
    pub efer_found: Efer,
    /// `EFER` as read after the capture.
    pub efer_left: Efer,
    /// What the parts took; none if the snapshot was saved without it.
    pub cycles: Option<Cycles>,
}

/// What the parts of a processor's work took, in cycles of its time-stamp counter.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Cycles {
    /// Asking whether VMSAVE may be used, and setting `EFER.SVME` if it was clear.
    pub gate: u32,
    /// VMSAVE.
    pub vmsave: u32,
    /// Putting `EFER` back, and reading it.
    pub restore: u32,
    /// Reading the same state without VMSAVE.
    pub witness: u32,
}

impl Capture {
    /// The values in which VMSAVE and the witness contradict each other. Nothing but an emulation
    /// of VMSAVE that is wrong, or a descriptor table that changed after it was loaded, explains
    /// them.
    pub fn disagreements(&self) -> impl Iterator<Item = Comparison> + use<> {
        let compared = self
            .witness
            .and_then(Result::ok)
            .map(|witness| witness::compare(&self.vmsave, &witness));
        compared
            .into_iter()
            .flatten()
            .filter(|comparison| !comparison.agrees)
    }
}

impl Snapshot {
    /// The module that an address lies in, and how far from its start, as
    /// `ntoskrnl.exe+0x1234`; none if no module is known there.
    #[must_use]
    pub fn symbolic(&self, address: u64) -> Option<String> {
        kernel_module::symbolic(&self.modules, address)
    }

    /// The captures that there are.
    pub(crate) fn captures(&self) -> impl Iterator<Item = (ProcessorId, &Capture)> {
        self.processors
            .iter()
            .filter_map(|processor| Some((processor.id, processor.result.as_ref().ok()?)))
    }

    /// How many cycles lie between the first capture and the last, as far as the processors'
    /// time-stamp counters agree; none if there are not two captures that tell.
    #[must_use]
    pub fn skew(&self) -> Option<u64> {
        let noted = || self.captures().filter_map(|(_, one)| one.circumstances);
        let stamps = || noted().map(|noted| noted.tsc);
        let (first, last) = stamps().min().zip(stamps().max())?;
        (stamps().count() > 1).then_some(last - first)
    }

    /// Whether a field's value was taken out by the driver.
    pub(crate) fn hides(&self, field: &str) -> bool {
        self.redacted.iter().any(|name| name == field)
    }
}

impl AboutProcessor for ProcessorSnapshot {
    fn id(&self) -> ProcessorId {
        self.id
    }

    fn obstacle(&self) -> Option<Obstacle> {
        self.result.err()
    }
}
