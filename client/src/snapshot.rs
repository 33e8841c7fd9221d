//! What VMSAVE stored on every processor.

use amd_svm::{
    msr::Efer,
    vmcb::VmsaveState,
    witness::{self, Comparison, Witness},
};
use protocol::SnapshotRecord;
use serde::Serialize;

use crate::{
    Device, Driver, Error, Obstacle, ProcessorId, exchange, json, processor::AboutProcessor,
};

/// The machine at about one moment: each processor as it was when its own VMSAVE was executed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Snapshot {
    /// The driver that took it.
    pub driver: Driver,
    /// The fields of VMSAVE's state that the driver set to zero, because they hold addresses and
    /// the caller does not hold `SeDebugPrivilege`. Mostly there are none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub redacted: &'static [&'static str],
    /// The processors, by index.
    pub processors: Vec<ProcessorSnapshot>,
}

/// One processor of a [`Snapshot`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct ProcessorSnapshot {
    /// The processor.
    #[serde(flatten)]
    pub id: ProcessorId,
    /// The capture, or why there is none.
    #[serde(flatten, serialize_with = "json::capture_or_error")]
    pub result: Result<Capture, Obstacle>,
}

/// A completed capture.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Capture {
    /// Time-stamp counter right before VMSAVE, in cycles.
    #[serde(serialize_with = "json::hex")]
    pub tsc: u64,
    /// `EFER` as found before the capture.
    #[serde(serialize_with = "json::hex")]
    pub efer_found: Efer,
    /// `EFER` as read after the capture.
    #[serde(serialize_with = "json::hex")]
    pub efer_left: Efer,
    /// What VMSAVE stored.
    #[serde(serialize_with = "json::vmsave_state")]
    pub vmsave: VmsaveState,
    /// The same state, read by the driver without VMSAVE, or why it could not be read.
    ///
    /// In JSON the [disagreements](Capture::disagreements) stand for it.
    #[serde(skip)]
    pub witness: Result<Witness, Obstacle>,
}

impl Capture {
    /// The values in which VMSAVE and the witness contradict each other. Nothing but an emulation
    /// of VMSAVE that is wrong, or a descriptor table that changed after it was loaded, explains
    /// them.
    pub fn disagreements(&self) -> impl Iterator<Item = Comparison> {
        let compared = self
            .witness
            .ok()
            .map(|witness| witness::compare(&self.vmsave, &witness));
        compared
            .into_iter()
            .flatten()
            .filter(|comparison| !comparison.agrees)
    }
}

impl Snapshot {
    /// Has the driver execute VMSAVE on every active processor.
    ///
    /// # Errors
    ///
    /// What kept the driver from being asked or its reply from being understood. A processor on
    /// which VMSAVE is not possible is no error, but a [`ProcessorSnapshot`] that says so.
    pub fn take(device: &mut dyn Device) -> Result<Self, Error> {
        let received = exchange::ask::<SnapshotRecord>(device)?;
        Ok(Self {
            driver: received.driver,
            redacted: if received.header.is_redacted() {
                &SnapshotRecord::REDACTED_FIELDS
            } else {
                &[]
            },
            processors: received.records.iter().map(Into::into).collect(),
        })
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

impl From<&SnapshotRecord> for ProcessorSnapshot {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            id: record.id.into(),
            result: Obstacle::check(record.outcome).map(|()| Capture {
                tsc: record.tsc,
                efer_found: record.efer_found.into(),
                efer_left: record.efer_left.into(),
                vmsave: record.state,
                witness: Obstacle::check(record.witness_outcome).map(|()| record.witness),
            }),
        }
    }
}
