//! Bringing a processor into the state in which Windows would run it.

#![expect(unsafe_code, reason = "control registers are written")]

use x86_64::registers::control::{Cr0, Cr0Flags, Cr4, Cr4Flags};

use super::descriptors::Descriptors;
use super::{Processor, apic, interrupts, registers};
use crate::base::this_processor;

/// Loads this processor's tables and registers, at `PASSIVE_LEVEL`; from here on
/// [`super::current`] works on it.
pub(crate) fn bring_up(here: &'static Processor) {
    here.with_descriptors(Descriptors::load);
    interrupts::load();
    enable_floating_point();
    this_processor::set_task_priority(0);
    apic::enable();
    registers::initialize(here);
}

/// Drivers are compiled with SSE; the kernel itself is not.
fn enable_floating_point() {
    let cr0 = (Cr0::read() - Cr0Flags::EMULATE_COPROCESSOR - Cr0Flags::TASK_SWITCHED)
        | Cr0Flags::MONITOR_COPROCESSOR
        | Cr0Flags::NUMERIC_ERROR
        | Cr0Flags::WRITE_PROTECT;
    // SAFETY: paging and protection stay as they are.
    unsafe { Cr0::write(cr0) };
    let cr4 = Cr4::read() | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE;
    // SAFETY: paging stays as it is.
    unsafe { Cr4::write(cr4) };
}
