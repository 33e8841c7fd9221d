//! What the documentation of routines says, and the lab checks of its own.

use serde::{Deserialize, Serialize};

/// A check that the routines of the lab do what their documentation says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, strum::VariantArray)]
pub enum ConformanceCheck {
    /// A wait ends with `STATUS_TIMEOUT` when its time is over, and not before.
    WaitTimesOut,
    /// A notification event satisfies every waiting thread.
    NotificationEvent,
    /// A synchronization event satisfies one waiting thread each time it is set.
    SynchronizationEvent,
    /// A mutex keeps all processors apart, and lets its owner in again.
    Mutex,
    /// DPCs of each importance run once, on their target, at `DISPATCH_LEVEL`.
    DpcTargets,
    /// A DPC that is queued cannot be queued again; one that runs can.
    DpcQueuedOnce,
    /// DPCs wait while their processor is at `DISPATCH_LEVEL`, urgent ones first.
    DpcOrder,
    /// `KeFlushQueuedDpcs` returns only after all DPCs have run.
    FlushWaits,
    /// Floating-point registers survive a DPC that changes them.
    FloatingPoint,
    /// Pool is zeroed or not, aligned, and physically where it says.
    Pool,
    /// Contiguous memory is contiguous, and inside the bounds asked for.
    Contiguous,
    /// Every processor has a node, and memory of a node is of that node.
    Nodes,
    /// A request that is completed later, by a DPC on another processor.
    PendingRequest,
    /// Direct I/O: the output's pages mapped through their descriptor list.
    DirectTransfer,
    /// A path behind the device's name reaches the driver.
    PathBehindDevice,
    /// Control codes that demand access which the handle lacks.
    AccessDenied,
    /// Output that the driver never wrote is filled as memory whose content is
    /// undefined.
    UnwrittenOutput,
    /// What is allocated, open, queued or pending is in the report.
    ReportComplete,
}

impl ConformanceCheck {
    /// Every variant.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as strum::VariantArray>::VARIANTS
    }
}
