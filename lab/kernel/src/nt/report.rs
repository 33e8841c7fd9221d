//! What there is now, for the host.

use core::sync::atomic::{AtomicU64, Ordering};

use lab_wire::{ProcessorCounters, Report};

use super::io::{device, file, irp, namespace};
use super::security::handle;
use super::{contiguous, dispatcher, dpc, pool, processors, resources};
use crate::processor::{self, translations};

/// Forgets what was written to the driver's memory.
pub(crate) fn forget_writes() {
    pool::forget_writes();
    contiguous::forget_writes();
    translations::flush_all();
}

/// Gathers everything.
pub(crate) fn make() -> Report {
    let mut allocations = pool::report();
    allocations.extend(contiguous::report());
    let all = processor::all();
    Report {
        allocations,
        devices: device::report(),
        links: namespace::links(),
        handles: file::open_handles(),
        kernel_handles: handle::open_handles(),
        pending_requests: irp::pending(),
        queued_dpcs: dpc::queued(),
        waiting_threads: dispatcher::waiting(),
        failable_calls: resources::calls(),
        allocations_made: pool::allocations_made(),
        processors: all
            .iter()
            .map(|here| {
                let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
                ProcessorCounters {
                    dpcs: get(&here.counters.dpcs),
                    dpc_interrupts: get(&here.counters.dpc_interrupts),
                    wake_interrupts: get(&here.counters.wake_interrupts),
                    threads: get(&here.counters.threads),
                    injected_faults: get(&here.counters.injected_faults),
                    longest_dpc: get(&here.counters.longest_dpc),
                }
            })
            .collect(),
        active_processors: processors::active(),
    }
}
