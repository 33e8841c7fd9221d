//! From a trap in a driver to its handler: `KiDispatchException`.

use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_ILLEGAL_INSTRUCTION, STATUS_INTEGER_DIVIDE_BY_ZERO,
    STATUS_PRIVILEGED_INSTRUCTION,
};
use x86_64::instructions::interrupts;
use x86_64::registers::rflags::RFlags;

use super::context::{self, Context, ExceptionRecord};
use super::frame::leave_frame;
use super::handler::{Disposition, Exception};
use super::injection::{self, Trap};
use super::tables::{HandlerKind, Tables};
use crate::base::trap_frame::TrapFrame;
use crate::base::{address, crash};
use crate::image::symbol;
use crate::nt::rules::Routine;
use crate::nt::{crash_report, irql};
use crate::processor;
use crate::processor::exceptions::vector;

/// Handles an exception of any code. A breakpoint may be an injected fault; exceptions of a driver
/// go to its handlers, and without one, as all others, end the run. Returns if the interrupted
/// code is to go on.
pub(crate) fn handle(frame: &mut TrapFrame, fault_address: u64) {
    let is_debug = frame.vector == u64::from(vector::DEBUG);
    let here = processor::try_current().filter(|_| is_debug);
    match here.map_or(Trap::Unknown, |here| injection::trapped(here, frame)) {
        Trap::Pass => {
            frame.rflags |= RFlags::RESUME_FLAG.bits();
            return;
        }
        Trap::Raise(raised) => frame.vector = raised.into(),
        Trap::Unknown => {}
    }
    dispatch(frame, fault_address);
    crash::stop(|| crash_report::fault(frame, fault_address))
}

/// Looks for a handler of an exception in a driver: `KiDispatchException`. Returns
/// if there is none, or if Windows would not look for one.
fn dispatch(trap: &TrapFrame, fault_address: u64) {
    const ROUTINE: Routine = Routine("RtlDispatchException");
    let Some(image) = symbol::executing(trap.rip) else {
        return;
    };
    let Some(mut record) = describe(trap, fault_address, Tables::of(image)) else {
        return;
    };
    let mut exception = Exception {
        context: Context::of(trap),
        record: &mut record,
    };
    if trap.rflags & RFlags::INTERRUPT_FLAG.bits() != 0 {
        interrupts::enable();
    }
    let mut caller = exception.context;
    while let Some(frame) = leave_frame(&mut caller, HandlerKind::Exception) {
        match exception.call_handler(&frame, &mut caller, 0) {
            Disposition::CONTINUE_SEARCH => {}
            Disposition::CONTINUE_EXECUTION => context::resume(&exception.context),
            other => ROUTINE.violated(
                "disposition",
                format_args!(
                    "a handler of {} returned {other:?}",
                    symbol::name(frame.control)
                ),
            ),
        }
    }
    interrupts::disable();
    // It has no handler. But did the tables lead to all frames that were asked for one?
    Routine("RtlVirtualUnwind").require(
        symbol::is_return_to_lab(caller.0.Rip),
        "caller",
        format_args!(
            "the driver's frames lead from {} to {}, which called nothing",
            symbol::name(trap.rip),
            symbol::name(caller.0.Rip)
        ),
    );
}

/// The record of an exception, if handlers get to see it.
fn describe(trap: &TrapFrame, fault_address: u64, image: Tables) -> Option<ExceptionRecord> {
    /// Above it, Windows finds nothing to handle: the bug check is
    /// `PAGE_FAULT_IN_NONPAGED_AREA`, or `IRQL_NOT_LESS_OR_EQUAL` at `DISPATCH_LEVEL`.
    const USER_END: u64 = 1 << 47;
    const WRITE: u64 = 1 << 1;
    const FETCH: u64 = 1 << 4;
    let violation = |access: usize, address: u64| {
        let mut record = record(trap, STATUS_ACCESS_VIOLATION);
        record.NumberParameters = 2;
        record.ExceptionInformation[..2].copy_from_slice(&[access, address::to_usize(address)]);
        record
    };
    match u8::try_from(trap.vector).ok()? {
        vector::DIVIDE_ERROR => Some(record(trap, STATUS_INTEGER_DIVIDE_BY_ZERO)),
        vector::INVALID_OPCODE => Some(record(trap, STATUS_ILLEGAL_INSTRUCTION)),
        vector::GENERAL_PROTECTION if is_privileged(image, image.offset(trap.rip)) => {
            Some(record(trap, STATUS_PRIVILEGED_INSTRUCTION))
        }
        vector::GENERAL_PROTECTION => Some(violation(0, u64::MAX)),
        vector::PAGE_FAULT
            if fault_address < USER_END && irql::current() < irql::DISPATCH_LEVEL =>
        {
            let access = match trap.error_code {
                code if code & FETCH != 0 => 8,
                code if code & WRITE != 0 => 1,
                _ => 0,
            };
            Some(violation(access, fault_address))
        }
        _ => None,
    }
}

fn record(trap: &TrapFrame, code: NTSTATUS) -> ExceptionRecord {
    ExceptionRecord {
        ExceptionCode: code,
        ExceptionAddress: address::pointer(trap.rip),
        ..ExceptionRecord::default()
    }
}

/// Whether Windows takes an instruction for a privileged one. It knows HLT, CLTS,
/// INVD, WBINVD, WRMSR, RDMSR and RDPMC, but no instruction of SVM: those raise an
/// access violation.
fn is_privileged(image: Tables, offset: u32) -> bool {
    const ROUTINE: Routine = Routine("KiDispatchException");
    match image.bytes::<2>(ROUTINE, offset) {
        [0xF4, _] => true,
        [0x0F, second] => matches!(second, 0x06 | 0x08 | 0x09 | 0x30 | 0x32 | 0x33),
        _ => false,
    }
}
