//! How a run ends early: once, with a report, from any state.
//!
//! The first processor that stops halts the others with an NMI, reports what happened and where
//! the others were, and ends QEMU. The report relies on nothing that could be broken: it takes
//! any lock whose owner was stopped, and allocates from the heap's reserve.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::panic::PanicInfo;

use lab_wire::{Message, Stop, StopReason};
use x86_64::instructions::interrupts;

use super::hooks::hooks;
use super::{qemu, serial, stopping, this_processor};

/// Ends the run. The reason is made when all other processors are stopped.
pub(crate) fn stop(reason: impl FnOnce() -> StopReason) -> ! {
    interrupts::disable();
    let processor = this_processor::number();
    if let Err(stopping) = stopping::begin(processor) {
        if stopping == processor {
            // The report itself failed; the host sees what was sent of it.
            qemu::exit(lab_wire::EXIT_STOP);
        }
        qemu::halt();
    }
    let hooks = hooks();
    (hooks.enter_reserve)();
    (hooks.stop_others)();
    stopping::set_alone();
    let stop = Stop {
        reason: reason(),
        processor,
        irql: this_processor::task_priority(),
        others: (hooks.other_positions)(),
        calls: (hooks.call_positions)(),
    };
    serial::send_last(&Message::Stop(Box::new(stop)));
    qemu::exit(lab_wire::EXIT_STOP)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    stop(|| StopReason::Panic {
        message: info.to_string(),
    })
}
