//! Calling a driver's routines.

use x86_64::instructions::interrupts;

use crate::image::symbol;
use crate::memory::uninitialized;
use crate::nt::rules::Routine;
use crate::nt::{irql, mutex_owners, thread};

/// Calls a driver's routine at `PASSIVE_LEVEL` and checks that it returns as it
/// was called.
pub(super) fn call_driver<R>(kind: Routine, address: u64, call: impl FnOnce() -> R) -> R {
    debug_assert!(irql::current() == irql::PASSIVE_LEVEL && interrupts::are_enabled());
    uninitialized::fill_stack();
    let result = call();
    let irql = irql::current();
    kind.require(
        irql == irql::PASSIVE_LEVEL,
        "irql",
        format_args!(
            "{} returned at IRQL {irql}, it was called at PASSIVE_LEVEL (0)",
            symbol::name(address)
        ),
    );
    kind.require(
        interrupts::are_enabled(),
        "interrupts",
        format_args!(
            "{} returned with interrupts disabled, it was called with interrupts enabled",
            symbol::name(address)
        ),
    );
    kind.require(
        !mutex_owners::owns_any(thread::current()),
        "mutex",
        format_args!(
            "{} returned while its thread owns a mutex",
            symbol::name(address)
        ),
    );
    result
}
