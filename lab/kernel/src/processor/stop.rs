//! Stopping all other processors for good.

use core::hint;

use super::apic;
use crate::base::this_processor;

/// How long to wait for each processor, in turns of a spin loop.
const LIMIT_SPINS: u32 = 1 << 22;

/// Stops all other processors by an NMI, and waits until each has noted where it was.
pub(crate) fn stop_others() {
    if super::count() < 2 {
        return;
    }
    apic::interrupt_others_by_nmi();
    let here = this_processor::number();
    for other in super::all().iter().filter(|other| other.index != here) {
        let mut spins = LIMIT_SPINS;
        while !other.stopped_at.is_recorded() && spins > 0 {
            spins -= 1;
            hint::spin_loop();
        }
    }
}
