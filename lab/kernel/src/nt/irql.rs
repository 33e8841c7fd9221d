//! Interrupt request levels: they are the task priority, which the processor itself obeys.

use crate::base::this_processor;

/// Threads run here.
pub(crate) const PASSIVE_LEVEL: u8 = 0;
/// Asynchronous procedure calls are held back.
pub(crate) const APC_LEVEL: u8 = 1;
/// DPCs run here, and are held back.
pub(crate) const DISPATCH_LEVEL: u8 = 2;
/// The highest level of a device; wdm.h has `CLOCK_LEVEL` above it.
pub(crate) const HIGHEST_DIRQL: u8 = 12;
/// Everything is held back.
pub(crate) const HIGH_LEVEL: u8 = 15;

/// The IRQL of this processor.
pub(crate) fn current() -> u8 {
    this_processor::task_priority()
}

/// Sets the IRQL of this processor. Interrupts that were held back come at once.
pub(crate) fn set(irql: u8) {
    this_processor::set_task_priority(irql);
}

/// The name that documentation gives to a level.
pub(crate) const fn name(irql: u8) -> &'static str {
    match irql {
        PASSIVE_LEVEL => "PASSIVE_LEVEL",
        APC_LEVEL => "APC_LEVEL",
        DISPATCH_LEVEL => "DISPATCH_LEVEL",
        HIGH_LEVEL => "HIGH_LEVEL",
        _ => "DIRQL",
    }
}
