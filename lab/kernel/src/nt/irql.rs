//! Interrupt request levels: they are CR8, which the processor itself obeys.

#![expect(unsafe_code, reason = "CR8 is reached by assembly only")]

use core::arch::asm;

use super::rules::Routine;

/// Threads run here.
pub const PASSIVE_LEVEL: u8 = 0;
/// Asynchronous procedure calls are held back.
pub const APC_LEVEL: u8 = 1;
/// DPCs run here, and are held back.
pub const DISPATCH_LEVEL: u8 = 2;
/// The highest level of a device; wdm.h has `CLOCK_LEVEL` above it.
pub const HIGHEST_DIRQL: u8 = 12;
/// Everything is held back.
pub const HIGH_LEVEL: u8 = 15;

/// The IRQL of this processor.
pub fn current() -> u8 {
    let irql: u64;
    // SAFETY: Reading CR8 changes nothing.
    unsafe { asm!("mov {}, cr8", out(reg) irql, options(nomem, nostack, preserves_flags)) };
    (irql & 0xF) as u8
}

/// Sets the IRQL of this processor. Interrupts that were held back come at once.
pub fn set(irql: u8) {
    let irql = u64::from(irql);
    // SAFETY: The priority only decides which interrupts come; each of them
    // leaves everything as it found it. Memory may be changed by their handlers.
    unsafe { asm!("mov cr8, {}", in(reg) irql, options(nostack, preserves_flags)) };
}

/// The name that documentation gives to a level.
pub const fn name(irql: u8) -> &'static str {
    match irql {
        PASSIVE_LEVEL => "PASSIVE_LEVEL",
        APC_LEVEL => "APC_LEVEL",
        DISPATCH_LEVEL => "DISPATCH_LEVEL",
        HIGH_LEVEL => "HIGH_LEVEL",
        _ => "DIRQL",
    }
}

/// `KeGetCurrentIrql`: any level.
pub extern "win64" fn get_current() -> u8 {
    current()
}

/// `KfRaiseIrql`: any level; the new one may not be lower.
pub extern "win64" fn raise(new: u8) -> u8 {
    raise_for(Routine("KfRaiseIrql"), new)
}

/// `KeRaiseIrqlToDpcLevel`: `<= DISPATCH_LEVEL`.
pub extern "win64" fn raise_to_dpc_level() -> u8 {
    raise_for(Routine("KeRaiseIrqlToDpcLevel"), DISPATCH_LEVEL)
}

fn raise_for(routine: Routine, new: u8) -> u8 {
    let old = current();
    routine.require(
        new <= HIGH_LEVEL,
        "level",
        format_args!("IRQL {new} doesn't exist"),
    );
    routine.require(
        old <= new,
        "level",
        format_args!("raises from IRQL {old} to {new}, which is lower"),
    );
    set(new);
    old
}

/// `KeLowerIrql`: the new level may not be higher.
pub extern "win64" fn lower(new: u8) {
    let old = current();
    Routine("KeLowerIrql").require(
        new <= old,
        "level",
        format_args!("lowers from IRQL {old} to {new}, which is higher"),
    );
    set(new);
}
