//! The interrupt descriptor table and the hardware interrupts' way in.
//!
//! A handler runs on the stack that it interrupted, with interrupts disabled;
//! but DPCs have a stack of their own, run with interrupts enabled, and must not
//! disturb the floating-point registers of what they interrupted. What an upper layer does about
//! an interrupt is in [`crate::base::hooks`].

#![expect(unsafe_code, reason = "the entry stubs are assembly")]

use core::arch::naked_asm;
use core::mem::offset_of;

use spin::Once;
use x86_64::VirtAddr;
use x86_64::structures::idt::InterruptDescriptorTable;

use super::apic::{self, Vector};
use super::{Processor, count_one, current, exceptions, timer, translations};
use crate::base::hooks::hooks;

/// The table of the boot, whose exceptions stay on the stack that they happened on.
static BOOT_TABLE: Once<InterruptDescriptorTable> = Once::new();
static TABLE: Once<InterruptDescriptorTable> = Once::new();

/// Loads a table that reports exceptions before there are task state segments.
pub(crate) fn load_boot_table() {
    BOOT_TABLE
        .call_once(|| {
            let mut idt = InterruptDescriptorTable::new();
            exceptions::install(&mut idt, false);
            idt
        })
        .load();
}

/// Loads the table on a processor that has its task state segment.
pub(crate) fn load() {
    TABLE
        .call_once(|| {
            let mut idt = InterruptDescriptorTable::new();
            exceptions::install(&mut idt, true);
            for (vector, entry) in [
                (Vector::Dispatch, dispatch_entry as *const ()),
                (Vector::Serial, serial_entry as *const ()),
                (Vector::Clock, clock_entry as *const ()),
                (Vector::Wake, wake_entry as *const ()),
                (Vector::Spurious, spurious_entry as *const ()),
            ] {
                let address = VirtAddr::new(entry.addr() as u64);
                // SAFETY: the entries save what they change and end with IRETQ.
                unsafe { idt[vector as u8].set_handler_addr(address) };
            }
            idt
        })
        .load();
}

macro_rules! entry {
    ($(#[$doc:meta])* $name:ident, $handler:path) => {
        $(#[$doc])*
        #[unsafe(naked)]
        extern "C" fn $name() {
            naked_asm!(
                "push rax", "push rcx", "push rdx", "push rsi", "push rdi",
                "push r8", "push r9", "push r10", "push r11", "push rbp",
                "mov rbp, rsp",
                "and rsp, -16",
                "cld",
                "call {handler}",
                "mov rsp, rbp",
                "pop rbp", "pop r11", "pop r10", "pop r9", "pop r8",
                "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rax",
                "iretq",
                handler = sym $handler,
            )
        }
    };
}

entry!(
    /// [`Vector::Serial`].
    serial_entry,
    serial
);
entry!(
    /// [`Vector::Clock`].
    clock_entry,
    clock
);
entry!(
    /// [`Vector::Wake`].
    wake_entry,
    wake
);
entry!(
    /// [`Vector::Spurious`].
    spurious_entry,
    spurious
);

/// [`Vector::Dispatch`]: changes to the DPC stack, which SGDT leads to, and
/// keeps the floating-point state there.
#[unsafe(naked)]
extern "C" fn dispatch_entry() {
    naked_asm!(
        "push rax", "push rcx", "push rdx", "push rsi", "push rdi",
        "push r8", "push r9", "push r10", "push r11", "push rbp",
        "mov rbp, rsp",
        "sub rsp, 16",
        "sgdt [rsp]",
        "mov rax, [rsp + 2]",
        "mov rsp, [rax + {dpc_stack}]",
        "sub rsp, 528",
        "fxsave64 [rsp]",
        "mov dword ptr [rsp + 512], {default_mxcsr}",
        "ldmxcsr [rsp + 512]",
        "cld",
        "call {handler}",
        "fxrstor64 [rsp]",
        "mov rsp, rbp",
        "pop rbp", "pop r11", "pop r10", "pop r9", "pop r8",
        "pop rdi", "pop rsi", "pop rdx", "pop rcx", "pop rax",
        "iretq",
        dpc_stack = const offset_of!(Processor, dpc_stack),
        default_mxcsr = const 0x1F80,
        handler = sym dispatch,
    )
}

extern "C" fn dispatch() {
    let here = current();
    count_one(&here.counters.dpc_interrupts);
    apic::end_of_interrupt();
    (hooks().dispatch_interrupt)();
}

extern "C" fn serial() {
    (hooks().serial_interrupt)();
    apic::end_of_interrupt();
}

extern "C" fn clock() {
    timer::count_tick();
    (hooks().clock_interrupt)();
    apic::end_of_interrupt();
}

extern "C" fn wake() {
    let here = current();
    count_one(&here.counters.wake_interrupts);
    translations::catch_up(here);
    apic::end_of_interrupt();
}

extern "C" fn spurious() {}
