//! Where a processor was when it was stopped for good.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::base::this_processor;
use crate::base::trap_frame::TrapFrame;

/// Where the NMI that stops a processor interrupted it.
#[derive(Default)]
pub(crate) struct StopPosition {
    /// Set last.
    recorded: AtomicBool,
    rip: AtomicU64,
    rflags: AtomicU64,
    task_priority: AtomicU8,
}

impl StopPosition {
    /// Notes what the NMI interrupted on this processor.
    pub(crate) fn record(&self, frame: &TrapFrame) {
        let priority = this_processor::task_priority();
        self.rip.store(frame.rip, Ordering::Relaxed);
        self.rflags.store(frame.rflags, Ordering::Relaxed);
        self.task_priority.store(priority, Ordering::Relaxed);
        self.recorded.store(true, Ordering::SeqCst);
    }

    /// Whether the processor was stopped.
    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::SeqCst)
    }

    /// Instruction pointer; zero if the processor was not stopped, as all that follows.
    pub(crate) fn rip(&self) -> u64 {
        self.rip.load(Ordering::Relaxed)
    }

    /// Flags.
    pub(crate) fn rflags(&self) -> u64 {
        self.rflags.load(Ordering::Relaxed)
    }

    /// Task priority, which is the IRQL.
    pub(crate) fn task_priority(&self) -> u8 {
        self.task_priority.load(Ordering::Relaxed)
    }
}
