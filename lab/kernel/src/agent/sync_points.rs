//! Points at which threads wait for each other, so that they get into a certain order: one keeps
//! DPCs from running, others wait for that or for requests to be under way.

use core::hint;
use core::sync::atomic::{AtomicBool, Ordering};

use lab_wire::OperationResult;

use crate::nt::io::irp;
use crate::nt::{dispatcher, irql_routines};

/// Whether some processor keeps its DPCs waiting.
static DPCS_HELD: AtomicBool = AtomicBool::new(false);

fn spin_until(reached: impl Fn() -> bool) -> OperationResult {
    while !reached() {
        hint::spin_loop();
    }
    OperationResult::Done
}

/// Keeps this processor at `DISPATCH_LEVEL` until [`release_dpcs`] is called elsewhere.
pub(super) fn hold_dpcs() -> OperationResult {
    let old = irql_routines::raise_to_dpc_level();
    DPCS_HELD.store(true, Ordering::SeqCst);
    let result = spin_until(|| !DPCS_HELD.load(Ordering::SeqCst));
    irql_routines::lower(old);
    result
}

/// Lets the DPCs run that are held.
pub(super) fn release_dpcs() -> OperationResult {
    DPCS_HELD.store(false, Ordering::SeqCst);
    OperationResult::Done
}

/// Waits until DPCs are held.
pub(super) fn await_held_dpcs() -> OperationResult {
    spin_until(|| DPCS_HELD.load(Ordering::SeqCst))
}

/// Waits until the driver has this many requests that it has not completed.
pub(super) fn await_pending(requests: u32) -> OperationResult {
    spin_until(|| irp::pending() == requests)
}

/// Waits until this many threads wait inside the driver.
pub(super) fn await_waiting(threads: u32) -> OperationResult {
    spin_until(|| dispatcher::waiting() == threads)
}
