//! Violations of the rules of events, mutexes and waits.

use core::ptr;

use lab_wire::Violation;
use windows_sys::Wdk::Foundation::KEVENT;
use x86_64::instructions::interrupts;

use super::objects::{PAGED, TAG, block, mutex, wait};
use crate::nt::{dispatcher, irql, irql_routines, pool};

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    let event = block(size_of::<KEVENT>()).cast::<KEVENT>();
    match kind {
        Violation::WaitOnGarbage => return wait(event),
        Violation::EventInPagedPool => {
            let event = pool::allocate_pool_2(PAGED, size_of::<KEVENT>(), TAG);
            return dispatcher::initialize_event(event.cast(), 0, 0);
        }
        Violation::ReleaseForeignMutex => {
            dispatcher::release_mutex(mutex(), 0);
            return;
        }
        Violation::FreeHeldMutex => {
            let mutex = mutex();
            wait(mutex.cast());
            return pool::free_pool_with_tag(mutex.cast(), TAG);
        }
        Violation::SetNullEvent => {
            dispatcher::set_event(ptr::null_mut(), 0, 0);
            return;
        }
        _ => dispatcher::initialize_event(event, 0, 0),
    }
    match kind {
        Violation::WaitAtDispatch => {
            irql_routines::raise(irql::DISPATCH_LEVEL);
        }
        Violation::SetEventAboveDispatch => {
            irql_routines::raise(irql::HIGH_LEVEL);
            dispatcher::set_event(event, 0, 0);
        }
        Violation::WaitWithInterruptsOff => interrupts::disable(),
        _ => {}
    }
    wait(event);
}
