//! Making every processor forget mappings that were taken away.
//!
//! Each change of the page tables starts a new generation. A processor that is
//! about to run something catches up by itself; only those that are running are
//! interrupted, and not waited for.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::instructions::tlb;

use super::apic::{self, Vector};
use super::{Processor, all, try_current};

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Starts a new generation and tells the running processors; returns its number.
pub fn flush() -> u64 {
    let generation = GENERATION.fetch_add(1, Ordering::SeqCst) + 1;
    let Some(here) = try_current() else {
        return generation;
    };
    catch_up(here);
    for other in all() {
        let stale = other.running.load(Ordering::SeqCst)
            && other.translations.load(Ordering::SeqCst) < generation;
        if stale && !other.flush_requested.swap(true, Ordering::SeqCst) {
            apic::interrupt(other, Vector::Wake);
        }
    }
    generation
}

/// Forgets this processor's mappings if any was taken away since it last did.
pub fn catch_up(here: &Processor) {
    here.flush_requested.store(false, Ordering::SeqCst);
    let generation = GENERATION.load(Ordering::SeqCst);
    if here.translations.load(Ordering::SeqCst) < generation {
        tlb::flush_all();
        here.translations.store(generation, Ordering::SeqCst);
    }
}

/// The oldest generation of mappings that a running processor may still remember.
pub fn oldest_remembered() -> u64 {
    all()
        .iter()
        .filter(|processor| processor.running.load(Ordering::SeqCst))
        .map(|processor| processor.translations.load(Ordering::SeqCst))
        .min()
        .unwrap_or(u64::MAX)
}
