//! What is allocated, open and queued at one moment.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Where a block of memory came from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum AllocationKind {
    /// `ExAllocatePool2` with `POOL_FLAG_NON_PAGED`.
    NonPaged,
    /// `ExAllocatePool2` with `POOL_FLAG_PAGED`.
    Paged,
    /// `MmAllocateContiguousNodeMemory`.
    Contiguous,
}

/// A block that the driver has not freed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Allocation {
    /// Where it came from.
    pub kind: AllocationKind,
    /// Pool tag, zero for contiguous memory.
    pub tag: u32,
    /// Bytes asked for.
    pub size: u64,
    /// Virtual address.
    pub virtual_address: u64,
    /// Physical address of the first byte.
    pub physical_address: u64,
    /// The node whose memory that is.
    pub node: u16,
    /// How many of its pages were written to, by their addresses, since
    /// [`crate::Command::ForgetWrites`].
    pub pages_written: u64,
}

/// A device object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Device {
    /// Object name; empty for an unnamed device.
    pub name: String,
    /// Open file objects on it.
    pub references: u32,
    /// Deleted, and kept only by those references.
    pub deleted: bool,
}

/// A symbolic link.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SymbolicLink {
    /// Its own name.
    pub name: String,
    /// What it points to.
    pub target: String,
}

/// What happened on one processor since boot.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessorCounters {
    /// DPC routines run.
    pub dpcs: u64,
    /// Interrupts that asked for DPCs to be run.
    pub dpc_interrupts: u64,
    /// Interrupts that only woke the processor or flushed its translations.
    pub wake_interrupts: u64,
    /// Threads run.
    pub threads: u64,
    /// Faults of [`crate::Command::InjectFault`] that were delivered.
    pub injected_faults: u64,
    /// Ticks of the time-stamp counter that the longest DPC routine took: instructions,
    /// where the counter counts those.
    pub longest_dpc: u64,
}

/// What is allocated, open and queued now, and what happened so far.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Memory that the driver has not freed.
    pub allocations: Vec<Allocation>,
    /// Device objects that exist.
    pub devices: Vec<Device>,
    /// Symbolic links that exist.
    pub links: Vec<SymbolicLink>,
    /// Open handles.
    pub handles: u32,
    /// Handles that the driver has opened for itself.
    pub kernel_handles: u32,
    /// Requests that the driver has not completed.
    pub pending_requests: u32,
    /// DPCs that wait to be run.
    pub queued_dpcs: u32,
    /// Threads inside a wait.
    pub waiting_threads: u32,
    /// Calls since boot that could have failed for want of resources, see
    /// [`crate::Command::FailAllocation`].
    pub failable_calls: u64,
    /// Allocations made since boot.
    pub allocations_made: u64,
    /// By processor index, parked ones too.
    pub processors: Vec<ProcessorCounters>,
    /// Processors that are online.
    pub active_processors: u32,
}

impl Report {
    /// Faults of [`crate::Command::InjectFault`] that were delivered, by all processors.
    #[must_use]
    pub fn injected_faults(&self) -> u64 {
        self.processors.iter().map(|one| one.injected_faults).sum()
    }

    /// Whether the driver has left nothing behind.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left_over() == 0
    }

    /// How many things of all kinds the driver has left behind.
    #[must_use]
    pub fn left_over(&self) -> usize {
        let counts = [
            self.handles,
            self.kernel_handles,
            self.pending_requests,
            self.queued_dpcs,
            self.waiting_threads,
        ];
        let counted: usize = counts.into_iter().map(|count| count as usize).sum();
        counted + self.allocations.len() + self.devices.len() + self.links.len()
    }
}
