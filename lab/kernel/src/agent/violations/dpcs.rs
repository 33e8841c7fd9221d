//! Violations of the rules of deferred procedure calls.

use core::ffi::c_void;
use core::ptr;

use lab_wire::Violation;
use windows_sys::Wdk::Foundation::KDPC;
use x86_64::instructions::interrupts;

use super::objects::{TAG, block};
use crate::nt::{dpc, irql, irql_routines, pool};

extern "win64" fn return_at_once(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {}

extern "win64" fn return_raised(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    irql_routines::raise(irql::HIGH_LEVEL);
}

extern "win64" fn return_with_interrupts_off(
    _: *mut KDPC,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) {
    interrupts::disable();
}

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    let dpc = block(size_of::<KDPC>()).cast::<KDPC>();
    let queue = |routine: dpc::DeferredRoutine| {
        dpc::initialize(dpc, Some(routine), ptr::null_mut());
        dpc::insert_queue(dpc, ptr::null_mut(), ptr::null_mut());
    };
    match kind {
        Violation::QueueUninitializedDpc => {
            dpc::insert_queue(dpc, ptr::null_mut(), ptr::null_mut());
        }
        Violation::UnknownImportance => {
            dpc::initialize(dpc, Some(return_at_once), ptr::null_mut());
            dpc::set_importance(dpc, 4);
        }
        Violation::FlushDpcsAtDispatch => {
            irql_routines::raise(irql::DISPATCH_LEVEL);
            dpc::flush_queued();
        }
        Violation::DpcReturnsAtOtherIrql => {
            queue(return_raised);
            dpc::flush_queued();
        }
        Violation::DpcReturnsWithInterruptsOff => {
            queue(return_with_interrupts_off);
            dpc::flush_queued();
        }
        _ => {
            // At DISPATCH_LEVEL it stays in the queue.
            irql_routines::raise(irql::DISPATCH_LEVEL);
            queue(return_at_once);
            if kind == Violation::FreeQueuedDpc {
                pool::free_pool_with_tag(dpc.cast(), TAG);
            } else {
                dpc::initialize(dpc, Some(return_at_once), ptr::null_mut());
            }
        }
    }
}
