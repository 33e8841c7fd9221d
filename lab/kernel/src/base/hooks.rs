//! The routines of upper layers that lower layers call: the only calls that go up.
//!
//! [`crate::boot`] fills the table before anything else runs. Whatever is not in it, a lower layer
//! gets as an argument, or does without.

use alloc::vec::Vec;

use lab_wire::{CallPosition, ProcessorPosition};
use spin::Once;

use super::trap_frame::TrapFrame;

/// The routines of upper layers.
pub(crate) struct Hooks {
    /// An exception was raised, with the address of CR2. Returns if the interrupted code is to go
    /// on as the frame says.
    pub exception: fn(frame: &mut TrapFrame, fault_address: u64),
    /// [`Dispatch`](crate::processor::apic::Vector::Dispatch), on the DPC stack, with interrupts
    /// disabled.
    pub dispatch_interrupt: fn(),
    /// A clock tick was counted; with interrupts disabled.
    pub clock_interrupt: fn(),
    /// Bytes arrived from the host; with interrupts disabled.
    pub serial_interrupt: fn(),
    /// From now on memory is allocated from a reserve that takes no lock.
    pub enter_reserve: fn(),
    /// Stops all other processors.
    pub stop_others: fn(),
    /// Where the other processors were stopped, but for those that are idle.
    pub other_positions: fn() -> Vec<ProcessorPosition>,
    /// Where the calls of a fuzzing campaign stand.
    pub call_positions: fn() -> Vec<CallPosition>,
}

static HOOKS: Once<Hooks> = Once::new();

/// Fills the table, once.
pub(crate) fn install(hooks: Hooks) {
    HOOKS.call_once(|| hooks);
}

/// The table.
pub(crate) fn hooks() -> &'static Hooks {
    HOOKS.get().expect("the first step of the boot fills it")
}
