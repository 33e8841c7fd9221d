//! Waiting for an object of the kernel's dispatcher.

#![expect(
    unsafe_code,
    reason = "dispatcher objects are told apart by the caller"
)]

use core::ptr;

use wdk_sys::ntddk::KeWaitForSingleObject;
use wdk_sys::{_KWAIT_REASON, _MODE, KPROCESSOR_MODE, PVOID};

/// `KernelMode`, as wide as the routines take it.
#[expect(clippy::cast_possible_truncation, reason = "it is zero")]
pub(crate) const KERNEL_MODE: KPROCESSOR_MODE = _MODE::KernelMode as KPROCESSOR_MODE;

/// Waits until the object is signalled. `IRQL <= APC_LEVEL`.
///
/// The wait is of kernel mode, not alertable and without a time-out: it ends when the object is
/// signalled and in no other way, which leaves its status nothing to say.
///
/// # Safety
///
/// `object` is an initialised dispatcher object in nonpaged memory, such as an event or a mutex.
pub(crate) unsafe fn wait_for(object: PVOID) {
    let reason = _KWAIT_REASON::Executive;
    // SAFETY: the caller vouches for the object and the IRQL.
    let _ = unsafe { KeWaitForSingleObject(object, reason, KERNEL_MODE, 0, ptr::null_mut()) };
}
