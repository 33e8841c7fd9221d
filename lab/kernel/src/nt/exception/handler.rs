//! Handlers of exceptions, and calling them.

#![expect(unsafe_code, reason = "handlers are called by address")]

use windows_sys::Win32::System::Diagnostics::Debug::DISPATCHER_CONTEXT;

use super::context::{Context, ExceptionRecord};
use super::frame::Frame;
use crate::base::address;

/// `EXCEPTION_RECORD.ExceptionFlags`.
pub(super) mod flag {
    /// `EXCEPTION_UNWINDING`.
    pub(crate) const UNWINDING: u32 = 0x2;
    /// `EXCEPTION_TARGET_UNWIND`.
    pub(crate) const TARGET_UNWIND: u32 = 0x20;
}

/// `EXCEPTION_DISPOSITION`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(transparent)]
pub(crate) struct Disposition(i32);

impl Disposition {
    /// `ExceptionContinueExecution`.
    pub(crate) const CONTINUE_EXECUTION: Self = Self(0);
    /// `ExceptionContinueSearch`.
    pub(crate) const CONTINUE_SEARCH: Self = Self(1);
}

/// `EXCEPTION_ROUTINE`: a language's handler.
type Handler = unsafe extern "win64" fn(
    *mut ExceptionRecord,
    u64,
    *mut Context,
    *mut DISPATCHER_CONTEXT,
) -> Disposition;

/// An exception on its way.
pub(super) struct Exception<'a> {
    /// What handlers get to know of it.
    pub record: &'a mut ExceptionRecord,
    /// While a handler is looked for: the registers at the exception. While frames
    /// are left: those of the frame that is being left.
    pub context: Context,
}

impl Exception<'_> {
    /// Calls the handler of a frame, if it has one.
    pub(super) fn call_handler(
        &mut self,
        frame: &Frame,
        caller: &mut Context,
        target: u64,
    ) -> Disposition {
        let (Some(handler), Some(function)) = (frame.handler, frame.function) else {
            return Disposition::CONTINUE_SEARCH;
        };
        let mut dispatcher = DISPATCHER_CONTEXT {
            ControlPc: frame.control,
            ImageBase: frame.tables.base(),
            FunctionEntry: address::pointer(frame.tables.entry_address(function)),
            EstablisherFrame: frame.establisher,
            TargetIp: target,
            ContextRecord: &raw mut caller.0,
            HandlerData: address::pointer(handler.data),
            ..DISPATCHER_CONTEXT::default()
        };
        let routine = address::pointer::<()>(handler.address);
        // SAFETY: the tables name it as a handler, which has this type.
        let routine = unsafe { core::mem::transmute::<*mut (), Handler>(routine) };
        // SAFETY: all structures live until the handler returns, or for ever.
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
