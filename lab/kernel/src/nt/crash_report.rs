//! What a crash report says of an exception and of the processors.

#![expect(unsafe_code, reason = "a report of a fault reads the code at fault")]

use alloc::string::String;
use alloc::vec::Vec;

use lab_wire::{Activity, Fault, ProcessorPosition, StopReason};
use x86_64::registers::rflags::RFlags;

use super::{dispatcher, pool};
use crate::base::address;
use crate::base::this_processor;
use crate::base::trap_frame::TrapFrame;
use crate::image::symbol;
use crate::memory;
use crate::processor::activity::Kind;
use crate::processor::exceptions::vector;
use crate::processor::{self, Processor};

/// Bytes of code that a fault report shows.
const CODE_BYTES: u64 = 16;

/// An exception that has no handler.
pub(crate) fn fault(frame: &TrapFrame, fault_address: u64) -> StopReason {
    let vector = u8::try_from(frame.vector).expect("the stubs push their number");
    let has_address = matches!(vector, vector::PAGE_FAULT | vector::DOUBLE_FAULT);
    StopReason::Fault(Fault {
        vector,
        error_code: frame.error_code,
        cr2: fault_address,
        at: symbol::name(frame.rip),
        address: if has_address {
            describe(fault_address)
        } else {
            String::new()
        },
        registers: frame.registers(),
        code: code_at(frame.rip),
    })
}

/// What lies at a data address.
fn describe(address: u64) -> String {
    if address::STACKS.contains(address) {
        return String::from("a stack or its guard page");
    }
    pool::describe(address).unwrap_or_else(|| symbol::name(address))
}

fn code_at(rip: u64) -> Vec<u8> {
    (rip..rip.saturating_add(CODE_BYTES))
        .map_while(|address| {
            memory::is_mapped(address, 1, false).then(|| {
                // SAFETY: the byte was just found to be mapped.
                unsafe { address::pointer::<u8>(address).read_volatile() }
            })
        })
        .collect()
}

/// What a processor does.
pub(crate) fn activity(processor: &Processor) -> Activity {
    let subject = processor.activity.subject();
    match processor.activity.kind() {
        Kind::Idle => Activity::Idle,
        Kind::Thread => Activity::Thread,
        Kind::Waiting => Activity::Waiting {
            object: subject,
            kind: dispatcher::describe(subject),
            caller: symbol::name(processor.activity.caller()),
        },
        Kind::Dpc => Activity::Dpc {
            routine: symbol::name(subject),
        },
    }
}

/// Where the other processors were stopped, but for those that are idle.
pub(crate) fn other_positions() -> Vec<ProcessorPosition> {
    let here = this_processor::number();
    processor::all()
        .iter()
        .filter(|other| other.index != here)
        .filter(|other| other.activity.kind() != Kind::Idle)
        .map(|other| ProcessorPosition {
            processor: other.index,
            irql: other.stopped_at.task_priority(),
            interrupts: other.stopped_at.rflags() & RFlags::INTERRUPT_FLAG.bits() != 0,
            at: symbol::name(other.stopped_at.rip()),
            activity: activity(other),
        })
        .collect()
}
