//! Leaving all frames up to a target: `RtlUnwindEx`.

use super::context::{self, Context, ExceptionRecord};
use super::frame::leave_frame;
use super::handler::{Disposition, Exception, flag};
use super::tables::HandlerKind;
use crate::nt::rules::Routine;

/// Leaves all frames below `target`, lets the termination handlers on the way
/// run, and continues at an address in the target's function: `RtlUnwindEx`.
pub(super) fn unwind_to(
    target: u64,
    address: u64,
    record: &mut ExceptionRecord,
    context: &Context,
) -> ! {
    const ROUTINE: Routine = Routine("RtlUnwindEx");
    let mut exception = Exception {
        record,
        context: *context,
    };
    exception.record.ExceptionFlags |= flag::UNWINDING;
    loop {
        let mut caller = exception.context;
        let frame = leave_frame(&mut caller, HandlerKind::Unwind);
        let Some(frame) = frame.filter(|frame| frame.establisher <= target) else {
            ROUTINE.violated(
                "frame",
                format_args!("{target:#x} is no frame of the driver"),
            );
        };
        if frame.establisher == target {
            exception.record.ExceptionFlags |= flag::TARGET_UNWIND;
        }
        let disposition = exception.call_handler(&frame, &mut caller, address);
        ROUTINE.require(
            disposition == Disposition::CONTINUE_SEARCH,
            "disposition",
            format_args!("a handler returned {disposition:?} while frames are left"),
        );
        if frame.establisher == target {
            let code = exception.record.ExceptionCode.cast_unsigned();
            exception.context.0.Rip = address;
            exception.context.0.Rax = code.into();
            context::resume(&exception.context);
        }
        exception.context = caller;
    }
}
