//! The interrupt controllers: each processor's local APIC, and the I/O APIC that
//! the serial port is wired to.

#![expect(unsafe_code, reason = "the controllers are memory-mapped hardware")]

use super::Processor;
use crate::base::address::{self, DEVICES, PAGE_SIZE};
use crate::base::lock::InterruptsOff;

/// Interrupt vectors. The upper four bits are the priority class, which is the
/// IRQL that holds the interrupt back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Vector {
    /// Runs DPCs: held back from `DISPATCH_LEVEL` on.
    Dispatch = 0x2F,
    /// Bytes from the host.
    Serial = 0x61,
    /// The clock.
    Clock = 0xD1,
    /// Wakes a processor, which then looks for work and for stale translations.
    Wake = 0xE1,
    /// What the local APIC raises when an interrupt vanished.
    Spurious = 0xFF,
}

const LOCAL_APIC: u64 = 0xFEE0_0000;
const IO_APIC: u64 = 0xFEC0_0000;
const LOCAL: u64 = DEVICES;
const IO: u64 = DEVICES + 2 * PAGE_SIZE;

/// The pages of the controllers' registers: where this module reaches them, and their physical
/// addresses. They have to be mapped, uncached, before any other function here is called.
pub(crate) const REGISTERS: [(u64, u64); 2] = [(LOCAL, LOCAL_APIC), (IO, IO_APIC)];

/// Input of the I/O APIC that COM1's interrupt line arrives at.
const SERIAL_INPUT: u32 = 4;

/// Local APIC registers (APM volume 2, table 16-2).
mod register {
    pub(super) const END_OF_INTERRUPT: u64 = 0xB0;
    pub(super) const SPURIOUS: u64 = 0xF0;
    pub(super) const COMMAND_LOW: u64 = 0x300;
    pub(super) const COMMAND_HIGH: u64 = 0x310;
    pub(super) const TIMER: u64 = 0x320;
    pub(super) const LINE_0: u64 = 0x350;
    pub(super) const TIMER_INITIAL: u64 = 0x380;
    pub(super) const TIMER_DIVIDE: u64 = 0x3E0;
}

const SOFTWARE_ENABLE: u32 = 1 << 8;
const DELIVERY_PENDING: u32 = 1 << 12;
const ASSERT: u32 = 1 << 14;
const ALL_OTHERS: u32 = 0b11 << 18;
const DELIVER_NMI: u32 = 0b100 << 8;
const DELIVER_INIT: u32 = 0b101 << 8;
const DELIVER_STARTUP: u32 = 0b110 << 8;
const DIVIDE_BY_ONE: u32 = 0b1011;
const MASKED: u32 = 1 << 16;

fn read(offset: u64) -> u32 {
    let register = address::pointer::<u32>(LOCAL + offset);
    // SAFETY: the registers were mapped at boot, and reading these changes nothing.
    unsafe { register.read_volatile() }
}

fn write(offset: u64, value: u32) {
    let register = address::pointer::<u32>(LOCAL + offset);
    // SAFETY: the registers were mapped at boot; the callers know what they ask.
    unsafe { register.write_volatile(value) };
}

/// Switches this processor's local APIC on.
pub(crate) fn enable() {
    // Firmware leaves the boot processor's first line to the old interrupt controllers (ExtINT).
    // Those are not programmed: what they send for a tick of their timer is vector 0. A tick may have
    // come already: QEMU forgets it when the APIC is switched on, if the line is masked by then.
    // Otherwise the processor takes an interrupt that has no vector, which is #GP.
    write(register::LINE_0, MASKED);
    write(
        register::SPURIOUS,
        SOFTWARE_ENABLE | Vector::Spurious as u32,
    );
    write(register::TIMER_DIVIDE, DIVIDE_BY_ONE);
    write(register::TIMER, Vector::Clock as u32);
}

/// Ends the interrupt that is being handled.
pub(crate) fn end_of_interrupt() {
    write(register::END_OF_INTERRUPT, 0);
}

fn command(destination: u32, command: u32) {
    while read(register::COMMAND_LOW) & DELIVERY_PENDING != 0 {
        core::hint::spin_loop();
    }
    write(register::COMMAND_HIGH, destination << 24);
    write(register::COMMAND_LOW, command | ASSERT);
}

/// Sends an interrupt to a processor, which may be this one.
pub(crate) fn interrupt(target: &Processor, vector: Vector) {
    // The command register is two registers: no handler may write it in between.
    let _interrupts = InterruptsOff::new();
    command(target.index, vector as u32);
}

/// Sends every other processor through INIT and to the start-up code at
/// `page_address`.
pub(crate) fn start_others(page_address: u64) {
    let page = u32::try_from(page_address / PAGE_SIZE).expect("below 1 MiB");
    command(0, DELIVER_INIT | ALL_OTHERS);
    command(0, DELIVER_STARTUP | ALL_OTHERS | page);
}

/// Sends every other processor a non-maskable interrupt.
pub(crate) fn interrupt_others_by_nmi() {
    command(0, DELIVER_NMI | ALL_OTHERS);
}

/// Asks for one clock interrupt on this processor. QEMU's timers run at 1 GHz.
pub(crate) fn start_timer(nanoseconds: u32) {
    write(register::TIMER_INITIAL, nanoseconds);
}

/// Sends the serial port's interrupts to the boot processor.
pub(crate) fn route_serial() {
    const REDIRECTION: u32 = 0x10;
    let write = |index: u32, value: u32| {
        let select = address::pointer::<u32>(IO);
        let data = address::pointer::<u32>(IO + 0x10);
        // SAFETY: the registers were mapped at boot; selecting one changes nothing else.
        unsafe { select.write_volatile(index) };
        // SAFETY: the registers were mapped at boot; the entry is the serial port's own.
        unsafe { data.write_volatile(value) };
    };
    write(REDIRECTION + 2 * SERIAL_INPUT + 1, 0);
    write(REDIRECTION + 2 * SERIAL_INPUT, Vector::Serial as u32);
}
