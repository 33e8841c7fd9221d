//! Objects to break rules with, and accesses that break them.

#![expect(unsafe_code, reason = "breaking the rules of memory is the point")]

use core::ffi::c_void;
use core::hint::black_box;
use core::ptr;

use windows_sys::Wdk::Foundation::{KEVENT, KMUTANT};

use crate::nt::{dispatcher, pool};

/// `POOL_FLAG_NON_PAGED`.
pub(super) const NON_PAGED: u64 = 0x40;

/// `POOL_FLAG_PAGED`.
pub(super) const PAGED: u64 = 0x100;

/// Pool tag of all objects.
pub(super) const TAG: u32 = u32::from_le_bytes(*b"Viol");

/// A nonpaged block; it is zeroed.
pub(super) fn block(size: usize) -> *mut c_void {
    pool::allocate_pool_2(NON_PAGED, size, TAG)
}

/// A mutex without an owner.
pub(super) fn mutex() -> *mut KMUTANT {
    let mutex = block(size_of::<KMUTANT>()).cast();
    dispatcher::initialize_mutex(mutex, 0);
    mutex
}

/// Waits for an object without a time-out.
pub(super) fn wait(event: *const KEVENT) {
    dispatcher::wait_for_single_object(event, 0, 0, 0, ptr::null());
}

/// Writes a byte.
pub(super) fn write(address: *mut u8) {
    // SAFETY: the byte may be written as far as the processor is concerned; that
    // it may not be, as far as the pool is, is the point.
    unsafe { address.write_volatile(0) };
}

/// Reads a byte.
pub(super) fn read(address: *const u8) {
    // SAFETY: the read faults, which is the point.
    black_box(unsafe { address.read_volatile() });
}
