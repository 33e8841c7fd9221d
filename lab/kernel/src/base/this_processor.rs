//! What a processor says of itself, without any table: its number and its task priority.

#![expect(unsafe_code, reason = "CR8 is reached by assembly only")]

use core::arch::asm;
use core::arch::x86_64::__cpuid;

/// The number of this processor: the initial identifier of its local APIC, which is its
/// system-wide index (APM volume 3, appendix E, `Fn0000_0001` EBX).
pub(crate) fn number() -> u32 {
    __cpuid(1).ebx >> 24
}

/// The task priority of this processor, CR8: interrupts of this class and below are held back
/// (APM volume 2, 8.5.2).
pub(crate) fn task_priority() -> u8 {
    let priority: u64;
    // SAFETY: reading CR8 changes nothing.
    unsafe { asm!("mov {}, cr8", out(reg) priority, options(nomem, nostack, preserves_flags)) };
    (priority & 0xF) as u8
}

/// Sets the task priority of this processor. Interrupts that were held back come at once.
pub(crate) fn set_task_priority(priority: u8) {
    let priority = u64::from(priority);
    // SAFETY: the priority only decides which interrupts come; each of them
    // leaves everything as it found it. Memory may be changed by their handlers.
    unsafe { asm!("mov cr8, {}", in(reg) priority, options(nostack, preserves_flags)) };
}
