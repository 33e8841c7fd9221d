//! `__C_specific_handler`: the handler of C, and of all code with tables in its form.

#![expect(unsafe_code, reason = "filters are called by address")]

use core::mem::transmute;

use windows_sys::Win32::System::Diagnostics::Debug::DISPATCHER_CONTEXT;

use super::context::{Context, ExceptionRecord};
use super::handler::{Disposition, flag};
use super::tables::Tables;
use super::unwind;
use crate::base::address;
use crate::image::symbol;
use crate::nt::rules::Routine;

const ROUTINE: Routine = Routine("__C_specific_handler");

/// In place of a filter: everything is handled.
const ALWAYS: u32 = 1;

/// Bytes of a scope.
const SCOPE_SIZE: u32 = 16;

/// `EXCEPTION_POINTERS`.
#[repr(C)]
struct ExceptionPointers {
    record: *mut ExceptionRecord,
    context: *mut Context,
}

/// `PEXCEPTION_FILTER`: positive to handle, zero to look further, negative to go on.
type Filter = unsafe extern "win64" fn(*mut ExceptionPointers, u64) -> i32;

/// `PTERMINATION_HANDLER`.
type Termination = unsafe extern "win64" fn(u8, u64);

/// A `__try` block: an entry of `SCOPE_TABLE`, by offsets from the image's base.
#[derive(Clone, Copy)]
struct Scope {
    begin: u32,
    end: u32,
    /// The filter, [`ALWAYS`], or the `__finally` block.
    handler: u32,
    /// The `__except` block, zero if there is a `__finally` block instead.
    target: u32,
}

/// `__C_specific_handler`: any level, called only while an exception is dispatched.
pub(crate) unsafe extern "win64" fn c_specific_handler(
    record: *mut ExceptionRecord,
    establisher: u64,
    context: *mut Context,
    dispatcher: *mut DISPATCHER_CONTEXT,
) -> Disposition {
    ROUTINE.object("DispatcherContext", dispatcher);
    ROUTINE.object("ContextRecord", context);
    ROUTINE.object("ExceptionRecord", record);
    // SAFETY: just found to be there; the dispatcher lends it for this call.
    let dispatcher = unsafe { &mut *dispatcher };
    // SAFETY: just found to be there; the dispatcher lends it for this call.
    let record = unsafe { &mut *record };
    let Some(image) = symbol::executing(dispatcher.ControlPc) else {
        ROUTINE.violated("caller", format_args!("no driver was interrupted"));
    };
    let image = Tables::of(image);
    let control = image.offset(dispatcher.ControlPc);
    let scopes = image.offset(dispatcher.HandlerData.addr() as u64);
    let count = image.u32(ROUTINE, scopes);
    for index in dispatcher.ScopeIndex..count {
        let scope = Scope::read(image, scopes + 4 + index * SCOPE_SIZE);
        scope.check(image, control);
        if !(scope.begin..scope.end).contains(&control) {
            continue;
        }
        if record.ExceptionFlags & flag::UNWINDING != 0 {
            let is_target = record.ExceptionFlags & flag::TARGET_UNWIND != 0
                && scope.target != 0
                && image.base() + u64::from(scope.target) == dispatcher.TargetIp;
            if is_target {
                break;
            }
            if scope.target == 0 {
                dispatcher.ScopeIndex = index + 1;
                scope.finish(image, establisher);
            }
        } else if scope.target != 0 {
            match scope.filter(image, record, context, establisher) {
                0 => {}
                ..0 => return Disposition::CONTINUE_EXECUTION,
                1.. => {
                    let target = image.base() + u64::from(scope.target);
                    // SAFETY: found to be there above; the filter has returned.
                    let context = unsafe { &*context };
                    unwind::unwind_to(establisher, target, record, context)
                }
            }
        }
    }
    Disposition::CONTINUE_SEARCH
}

impl Scope {
    fn read(image: Tables, offset: u32) -> Self {
        let field = |index: u32| image.u32(ROUTINE, offset + 4 * index);
        Self {
            begin: field(0),
            end: field(1),
            handler: field(2),
            target: field(3),
        }
    }

    /// A scope covers instructions of the function whose handler this is, and
    /// goes on there.
    fn check(self, image: Tables, control: u32) {
        let function = |offset| image.lookup(offset).map(|part| image.primary(part));
        let own = function(control);
        for (name, offset) in [
            ("begins", self.begin),
            ("ends", self.end.saturating_sub(1)),
            ("goes on", self.target),
        ] {
            let absent = offset == 0 && self.target == 0;
            ROUTINE.require(
                absent || function(offset) == own,
                "scope",
                format_args!("a scope {name} at {offset:#x}, outside of its function"),
            );
        }
        let handler = image.base() + u64::from(self.handler);
        ROUTINE.require(
            self.handler == ALWAYS && self.target != 0 || symbol::executing(handler).is_some(),
            "filter",
            format_args!(
                "a filter is at {:#x}, where the image has no code",
                self.handler
            ),
        );
    }

    fn address(self, image: Tables) -> *mut () {
        address::pointer(image.base() + u64::from(self.handler))
    }

    /// What the filter says.
    fn filter(
        self,
        image: Tables,
        record: &mut ExceptionRecord,
        context: *mut Context,
        establisher: u64,
    ) -> i32 {
        if self.handler == ALWAYS {
            return 1;
        }
        let mut pointers = ExceptionPointers { record, context };
        // SAFETY: the table names it as a filter, and it is code of the image.
        let filter = unsafe { transmute::<*mut (), Filter>(self.address(image)) };
        // SAFETY: record, context and frame stay until the filter returns.
        unsafe { filter(&raw mut pointers, establisher) }
    }

    /// Runs the `__finally` block.
    fn finish(self, image: Tables, establisher: u64) {
        const ABNORMALLY: u8 = 1;
        // SAFETY: the table names it as a termination handler, and it is code of
        // the image.
        let handler = unsafe { transmute::<*mut (), Termination>(self.address(image)) };
        // SAFETY: the frame stays until all its blocks have run.
        unsafe { handler(ABNORMALLY, establisher) };
    }
}
