//! A clock tick where a thread waits for time to pass.
//!
//! Nothing ticks by itself: an idle lab uses no processor time of its host.

#![expect(unsafe_code, reason = "the time-stamp counter is read by an intrinsic")]

use core::sync::atomic::Ordering;

use super::{apic, current};

/// Length of a tick.
pub(crate) const TICK_NANOSECONDS: u32 = 1_000_000;

/// Asks for one tick on this processor.
pub(crate) fn request_tick() {
    apic::start_timer(TICK_NANOSECONDS);
}

/// The time-stamp counter, which counts instructions if QEMU was started so.
pub(crate) fn ticks() -> u64 {
    // SAFETY: the instruction is there in every 64-bit mode, and changes nothing.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Counts a tick of this processor.
pub(crate) fn count_tick() {
    current().ticks.fetch_add(1, Ordering::SeqCst);
}
