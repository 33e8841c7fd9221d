//! Structured exception handling: from a trap in a driver to its handler, through
//! the tables of the driver's own image.
//!
//! | module | what it is |
//! |---|---|
//! | [`tables`] | function table and unwind information |
//! | [`unwind`] | leaving frames |
//! | [`context`] | the registers |
//! | [`scope`] | `__C_specific_handler` |
//! | [`injection`] | making instructions raise exceptions that they don't |

#![expect(unsafe_code, reason = "handlers are called by address")]

pub mod context;
pub mod injection;
pub mod scope;
pub mod tables;
mod unwind;

use windows_sys::Win32::Foundation::{
    NTSTATUS, STATUS_ACCESS_VIOLATION, STATUS_ILLEGAL_INSTRUCTION, STATUS_INTEGER_DIVIDE_BY_ZERO,
    STATUS_PRIVILEGED_INSTRUCTION,
};
use windows_sys::Win32::System::Diagnostics::Debug::DISPATCHER_CONTEXT;
use x86_64::instructions::interrupts;
use x86_64::registers::rflags::RFlags;

use self::context::{Context, ExceptionRecord};
use self::tables::{HandlerKind, Tables};
use self::unwind::Frame;
use super::irql;
use super::rules::Routine;
use crate::image::symbol;
use crate::memory::paging;
use crate::processor::exceptions::{TrapFrame, vector};

/// `EXCEPTION_RECORD.ExceptionFlags`.
mod flag {
    /// `EXCEPTION_UNWINDING`.
    pub const UNWINDING: u32 = 0x2;
    /// `EXCEPTION_TARGET_UNWIND`.
    pub const TARGET_UNWIND: u32 = 0x20;
}

/// `EXCEPTION_DISPOSITION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Disposition(i32);

impl Disposition {
    /// `ExceptionContinueExecution`.
    pub const CONTINUE_EXECUTION: Self = Self(0);
    /// `ExceptionContinueSearch`.
    pub const CONTINUE_SEARCH: Self = Self(1);
}

/// `EXCEPTION_ROUTINE`: a language's handler.
type Handler = unsafe extern "win64" fn(
    *mut ExceptionRecord,
    u64,
    *mut Context,
    *mut DISPATCHER_CONTEXT,
) -> Disposition;

/// An exception on its way.
struct Exception<'a> {
    record: &'a mut ExceptionRecord,
    /// While a handler is looked for: the registers at the exception. While frames
    /// are left: those of the frame that is being left.
    context: Context,
}

impl Exception<'_> {
    /// Calls the handler of a frame, if it has one.
    fn call_handler(&mut self, frame: &Frame, caller: &mut Context, target: u64) -> Disposition {
        let (Some(handler), Some(function)) = (frame.handler, frame.function) else {
            return Disposition::CONTINUE_SEARCH;
        };
        let mut dispatcher = DISPATCHER_CONTEXT {
            ControlPc: frame.control,
            ImageBase: frame.tables.base(),
            FunctionEntry: paging::pointer(frame.tables.entry_address(function)),
            EstablisherFrame: frame.establisher,
            TargetIp: target,
            ContextRecord: &raw mut caller.0,
            HandlerData: paging::pointer(handler.data),
            ..DISPATCHER_CONTEXT::default()
        };
        let routine = paging::pointer::<()>(handler.address);
        // SAFETY: The tables name it as a handler, which has this type.
        let routine = unsafe { core::mem::transmute::<*mut (), Handler>(routine) };
        // SAFETY: All structures live until the handler returns, or for ever.
        unsafe {
            routine(
                &raw mut *self.record,
                frame.establisher,
                &raw mut self.context,
                &raw mut dispatcher,
            )
        }
    }
}

/// Checks the tables of an image that is being loaded.
pub fn check_tables(image: crate::image::Layout) {
    Tables::of(image).check();
}

/// Looks for a handler of an exception in a driver: `KiDispatchException`. Returns
/// if there is none, or if Windows would not look for one.
pub fn dispatch(trap: &TrapFrame, fault_address: u64) {
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
    while let Some(frame) = unwind::leave_frame(&mut caller, HandlerKind::Exception) {
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
    // Nobody handles it. But did the tables tell who was asked?
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
        record.ExceptionInformation[..2].copy_from_slice(&[access, paging::to_usize(address)]);
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
        ExceptionAddress: paging::pointer(trap.rip),
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
