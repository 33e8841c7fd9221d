//! The processor's registers, as far as trials need them, for both widths.

#![expect(unsafe_code, reason = "registers are read and written by assembly")]

use core::arch::asm;

/// Local APIC registers, at their address after reset.
const APIC: usize = 0xFEE0_0000;
/// Identifier, in the top byte.
const APIC_IDENTIFIER: usize = 0x20;
/// Spurious-interrupt vector, with the enable bit.
const APIC_SPURIOUS: usize = 0xF0;
/// Interrupt command, lower half.
const APIC_COMMAND: usize = 0x300;

/// INIT to all others, asserted.
pub(crate) const INIT_OTHERS: u32 = 0x000C_4500;
/// Start-up of all others, at page 8.
pub(crate) const START_OTHERS: u32 = 0x000C_4608;
/// A fixed interrupt to this processor; the vector goes into the low byte.
pub(crate) const INTERRUPT_SELF: u32 = 0x0004_4000;

/// `OUT`: what this kernel writes to harms no memory.
pub(crate) fn out(port: u16, value: u8) {
    // SAFETY: the debug console and the exits of the emulators.
    unsafe { asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack)) };
}

/// Waits for good.
pub(crate) fn halt() -> ! {
    loop {
        // SAFETY: with interrupts off, nothing happens any more.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

/// `RDMSR`.
pub(crate) fn read_msr(number: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: reading the registers that trials ask for has no side effect.
    unsafe {
        asm!("rdmsr", in("ecx") number, out("eax") low, out("edx") high,
            options(nomem, nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// `WRMSR`.
#[expect(clippy::cast_possible_truncation, reason = "two halves")]
pub(crate) fn write_msr(number: u32, value: u64) {
    // SAFETY: trials write EFER.SVME, the host save area, and registers that this kernel has no
    // use for itself: system-call entries and the bases of FS and GS.
    unsafe {
        asm!("wrmsr", in("ecx") number, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

/// Defines functions that read a control register.
macro_rules! control_registers {
    ($($name:ident = $register:literal;)+) => {
        $(
            #[doc = concat!("Reads `", $register, "`.")]
            pub(crate) fn $name() -> usize {
                let value;
                // SAFETY: reading has no side effect.
                unsafe {
                    asm!(concat!("mov {}, ", $register), out(reg) value,
                        options(nomem, nostack, preserves_flags));
                }
                value
            }
        )+
    };
}

control_registers! {
    cr0 = "cr0";
    cr3 = "cr3";
    cr4 = "cr4";
}

/// Defines functions that read a selector.
macro_rules! selectors {
    ($($name:ident = $instruction:literal;)+) => {
        $(
            #[doc = concat!("Reads by `", $instruction, "`.")]
            pub(crate) fn $name() -> u16 {
                let value;
                // SAFETY: reading has no side effect.
                unsafe { asm!($instruction, out(reg) value, options(nomem, nostack, preserves_flags)) };
                value
            }
        )+
    };
}

selectors! {
    fs = "mov {0:x}, fs";
    gs = "mov {0:x}, gs";
    tr = "str {0:x}";
    ldtr = "sldt {0:x}";
}

/// Lets maskable interrupts in, or keeps them out.
pub(crate) fn set_interrupts(enabled: bool) {
    if enabled {
        // SAFETY: the only interrupt that is ever sent has a handler.
        unsafe { asm!("sti", options(nostack)) };
    } else {
        // SAFETY: nothing here waits for an interrupt.
        unsafe { asm!("cli", options(nostack)) };
    }
}

fn apic(register: usize) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(APIC + register)
}

/// The identifier of this processor's local APIC.
pub(crate) fn apic_identifier() -> usize {
    // SAFETY: the local APIC is there and mapped.
    let register = unsafe { apic(APIC_IDENTIFIER).read_volatile() };
    (register >> 24) as usize
}

/// Lets the local APIC take interrupts.
pub(crate) fn enable_apic() {
    // SAFETY: the local APIC is there and mapped; the spurious vector has a gate.
    unsafe { apic(APIC_SPURIOUS).write_volatile(0x141) };
}

/// Sends an interprocessor interrupt.
pub(crate) fn send_interrupt(command: u32) {
    // SAFETY: the local APIC is there and mapped; what is sent starts other processors at our first
    // byte, or is handled.
    unsafe { apic(APIC_COMMAND).write_volatile(command) };
}

/// Waits for about a hundred thousand turns of a loop.
pub(crate) fn pause() {
    for _ in 0..100_000 {
        core::hint::spin_loop();
    }
}
