//! How a run ends before its time: once, with words, from any state.
//!
//! The first processor that stops catches the others with an NMI, says what
//! happened and where everybody was, and ends QEMU. It trusts nothing: it breaks
//! any lock that is held, and allocates from the heap's reserve.

#![expect(unsafe_code, reason = "a report of a fault reads the code at fault")]

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::hint;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use lab_wire::{Fault, Message, ProcessorPosition, Registers, Stop, StopReason};
use x86_64::instructions::port::PortWriteOnly;
use x86_64::instructions::{hlt, interrupts};

use crate::control::{channel, fuzz};
use crate::image::symbol;
use crate::memory::{self, paging};
use crate::nt::irql;
use crate::processor::{self, apic};

/// Port of QEMU's isa-debug-exit device.
const EXIT_PORT: u16 = 0xF4;

/// How long to wait for the others, in turns of a spin loop.
const PATIENCE: u32 = 1 << 22;

/// Bytes of code that a fault report shows.
const CODE_BYTES: u64 = 16;

const FLAG_INTERRUPT: u64 = 1 << 9;
const DOUBLE_FAULT: u8 = 8;
const PAGE_FAULT: u8 = 14;

static STOPPING: AtomicBool = AtomicBool::new(false);
static ALONE: AtomicBool = AtomicBool::new(false);

/// Whether some processor is ending the run.
pub fn is_stopping() -> bool {
    STOPPING.load(Ordering::SeqCst)
}

/// Whether a stopping processor has caught all others, so that nobody else will
/// ever release a lock.
pub fn is_alone() -> bool {
    ALONE.load(Ordering::SeqCst)
}

/// Ends QEMU. Its exit status is `code << 1 | 1`.
pub fn exit(code: i32) -> ! {
    let mut port = PortWriteOnly::<u32>::new(EXIT_PORT);
    // SAFETY: The device ends QEMU and nothing else.
    unsafe { port.write((code >> 1).cast_unsigned()) };
    halt()
}

/// Does nothing any more.
pub fn halt() -> ! {
    loop {
        interrupts::disable();
        hlt();
    }
}

/// A rule of a kernel routine was broken.
pub fn violation(rule: &str, detail: fmt::Arguments<'_>) -> ! {
    let caller = symbol::caller();
    stop(|| StopReason::Violation {
        rule: rule.to_string(),
        detail: detail.to_string(),
        caller: symbol::name(caller),
    })
}

/// The driver asked for the end of the system.
pub fn bug_check(code: u32, parameters: [u64; 4]) -> ! {
    let caller = symbol::caller();
    stop(|| StopReason::BugCheck {
        code,
        parameters,
        caller: symbol::name(caller),
    })
}

/// An exception that nobody handles.
pub fn fault(vector: u8, error_code: u64, cr2: u64, registers: &Registers) -> ! {
    stop(|| {
        StopReason::Fault(Fault {
            vector,
            error_code,
            cr2,
            at: symbol::name(registers.rip),
            address: if matches!(vector, PAGE_FAULT | DOUBLE_FAULT) {
                symbol::describe(cr2)
            } else {
                String::new()
            },
            registers: *registers,
            code: code_at(registers.rip),
        })
    })
}

/// The host lost its patience.
pub fn hang() -> ! {
    stop(|| StopReason::Hang {
        activity: processor::current().activity.describe(),
    })
}

fn code_at(rip: u64) -> Vec<u8> {
    (rip..rip.saturating_add(CODE_BYTES))
        .map_while(|address| {
            memory::is_mapped(address, 1, false).then(|| {
                // SAFETY: The byte was just found to be mapped.
                unsafe { paging::pointer::<u8>(address).read_volatile() }
            })
        })
        .collect()
}

fn stop(reason: impl FnOnce() -> StopReason) -> ! {
    interrupts::disable();
    if STOPPING.swap(true, Ordering::SeqCst) {
        // Either another processor is at it, or ending the run failed here. The
        // host sees in both cases what there is to see.
        let here = processor::try_current();
        if here.is_some_and(|here| !here.caught.done.swap(true, Ordering::SeqCst)) {
            halt();
        }
        exit(lab_wire::EXIT_STOP);
    }
    let here = processor::try_current();
    if let Some(here) = here {
        here.caught.done.store(true, Ordering::SeqCst);
    }
    memory::enter_reserve();
    catch_others();
    ALONE.store(true, Ordering::SeqCst);
    let stop = Stop {
        reason: reason(),
        processor: here.map_or(0, |here| here.index),
        irql: irql::current(),
        others: positions(here.map(|here| here.index)),
        calls: fuzz::positions(),
    };
    channel::send_last(&Message::Stop(Box::new(stop)));
    exit(lab_wire::EXIT_STOP)
}

fn catch_others() {
    if processor::count() < 2 {
        return;
    }
    apic::catch_others();
    for other in processor::all() {
        let mut patience = PATIENCE;
        while !other.caught.done.load(Ordering::SeqCst) && patience > 0 {
            patience -= 1;
            hint::spin_loop();
        }
    }
}

/// Where the other processors are, but for those that do nothing.
fn positions(here: Option<u32>) -> Vec<ProcessorPosition> {
    processor::all()
        .iter()
        .filter(|other| Some(other.index) != here)
        .filter(|other| other.activity.kind() != processor::activity::Kind::Idle)
        .map(|other| ProcessorPosition {
            processor: other.index,
            irql: other.caught.irql.load(Ordering::Relaxed),
            interrupts: other.caught.rflags.load(Ordering::Relaxed) & FLAG_INTERRUPT != 0,
            at: symbol::name(other.caught.rip.load(Ordering::Relaxed)),
            activity: other.activity.describe(),
        })
        .collect()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    stop(|| StopReason::Panic {
        message: info.to_string(),
    })
}
