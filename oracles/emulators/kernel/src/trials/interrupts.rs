//! CLGI holds an interrupt back, and STGI releases it.

use core::sync::atomic::Ordering;

use super::saw;
use crate::descriptors::INTERRUPT;
use crate::instruction::Instruction::{Clgi, Stgi};
use crate::registers;
use crate::trap::{INTERRUPTS, Trap};

/// The trial of this module.
pub(super) fn run() {
    match deliveries() {
        Ok([before, held, released]) => saw(
            "global-interrupt-flag",
            format_args!("{before} before CLGI, {held} while clear, {released} after STGI"),
        ),
        Err(trap) => saw("global-interrupt-flag", trap),
    }
}

/// How many interrupts were delivered of one that is sent before CLGI, and one that is sent after.
fn deliveries() -> Result<[u32; 3], Trap> {
    let arrived = || {
        registers::pause();
        INTERRUPTS.load(Ordering::SeqCst)
    };
    let send = || registers::send_interrupt(registers::INTERRUPT_SELF | u32::from(INTERRUPT));
    registers::set_interrupts(true);
    send();
    let before = arrived();
    Clgi.attempt(0)?;
    send();
    let held = arrived();
    Stgi.attempt(0)?;
    let released = arrived();
    registers::set_interrupts(false);
    Ok([before, held, released])
}
