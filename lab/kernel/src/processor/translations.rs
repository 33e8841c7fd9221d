//! Making every processor forget mappings that were taken away.
//!
//! Each change of the page tables starts a new generation. A processor that is
//! about to run something catches up by itself; only those that are running are
//! interrupted, and not waited for. What it forgets is what was taken away, as
//! long as that is little: to forget everything costs more than all that is done
//! between two changes.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;
use x86_64::instructions::tlb;

use super::apic::{self, Vector};
use super::{Processor, all, try_current};
use crate::base::address::{self, PAGE_SIZE};
use crate::base::lock::Lock;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// How many generations are known page by page. A processor that is further behind forgets everything.
const KNOWN: usize = 32;

/// As many pages are worth being forgotten one by one.
const PAGES_AT_MOST: u64 = 8;

/// Addresses that the latest generations took away, by their numbers' remainders.
static CHANGES: Lock<[Range<u64>; KNOWN]> = Lock::new([const { 0..0 }; KNOWN]);

/// Starts a new generation, for a change of pages at these addresses, and tells the running processors;
/// returns its number.
pub(crate) fn flush(addresses: Range<u64>) -> u64 {
    let generation = {
        let mut changes = CHANGES.lock();
        let generation = GENERATION.load(Ordering::SeqCst) + 1;
        changes[place(generation)] = addresses;
        GENERATION.store(generation, Ordering::SeqCst);
        generation
    };
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

/// The same for changes anywhere.
pub(crate) fn flush_all() -> u64 {
    flush(0..u64::MAX)
}

fn place(generation: u64) -> usize {
    address::to_usize(generation % KNOWN as u64)
}

/// Forgets this processor's mappings of what was taken away since it last did.
pub(crate) fn catch_up(here: &Processor) {
    here.flush_requested.store(false, Ordering::SeqCst);
    let known = here.translations.load(Ordering::SeqCst);
    if known == GENERATION.load(Ordering::SeqCst) {
        return;
    }
    let changes = CHANGES.lock();
    let generation = GENERATION.load(Ordering::SeqCst);
    let is_known = generation - known <= KNOWN as u64;
    if !is_known || !(known + 1..=generation).all(|one| forget(&changes[place(one)])) {
        tlb::flush_all();
    }
    here.translations.store(generation, Ordering::SeqCst);
}

/// Forgets the pages at some addresses, unless there are too many.
fn forget(addresses: &Range<u64>) -> bool {
    if addresses.end - addresses.start > PAGES_AT_MOST * PAGE_SIZE {
        return false;
    }
    for page in addresses.clone().step_by(address::to_usize(PAGE_SIZE)) {
        tlb::flush(VirtAddr::new(page));
    }
    true
}

/// The oldest generation of mappings that a running processor may still remember.
pub(crate) fn oldest_remembered() -> u64 {
    all()
        .iter()
        .filter(|processor| processor.running.load(Ordering::SeqCst))
        .map(|processor| processor.translations.load(Ordering::SeqCst))
        .min()
        .unwrap_or(u64::MAX)
}
