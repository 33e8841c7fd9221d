//! What each layer does where a lower one calls up.

use crate::agent::{channel, fuzz};
use crate::base::hooks::Hooks;
use crate::memory;
use crate::nt::exception::dispatch;
use crate::nt::{crash_report, dpc};
use crate::processor::stop;

/// The table of [`crate::base::hooks`].
pub(super) const HOOKS: Hooks = Hooks {
    exception: dispatch::handle,
    dispatch_interrupt: dpc::interrupt,
    clock_interrupt: dpc::request_delayed,
    serial_interrupt: channel::receive,
    enter_reserve: memory::enter_reserve,
    stop_others: stop::stop_others,
    other_positions: crash_report::other_positions,
    call_positions: fuzz::positions,
};
