//! A clock tick where somebody waits for time to pass.
//!
//! Nothing ticks by itself: an idle lab uses no processor time of its host.

use core::sync::atomic::Ordering;

use super::{apic, current};

/// Length of a tick.
pub const TICK_NANOSECONDS: u32 = 1_000_000;

/// Asks for one tick on this processor.
pub fn request_tick() {
    apic::start_timer(TICK_NANOSECONDS);
}

/// The clock interrupt.
pub fn tick() {
    current().ticks.fetch_add(1, Ordering::SeqCst);
    crate::nt::dpc::request_delayed();
}
