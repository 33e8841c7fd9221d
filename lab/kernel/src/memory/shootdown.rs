//! Making every processor forget mappings that were taken away.
//!
//! Each change of the page tables starts a new generation. A processor that is
//! about to run something catches up by itself; only those that are running are
//! interrupted. Nobody waits for them: a frame that was unmapped is not used
//! again until no processor can remember where it was.

use alloc::collections::VecDeque;
use core::hint;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::memory::{frames, paging};
use crate::processor::{self, Processor, apic};
use crate::sync::Lock;

/// Frames in quarantine that are worth a look at all processors.
const QUARANTINE_SIZE: usize = 256;

/// How often to look for frames when memory is short, in turns of a spin loop.
const PATIENCE: u32 = 1 << 20;

static GENERATION: AtomicU64 = AtomicU64::new(0);

/// Frames that were unmapped, with the generation that unmapped them.
static QUARANTINE: Lock<VecDeque<(u64, u64)>> = Lock::new(VecDeque::new());

/// Starts a new generation and tells the running processors.
pub fn flush() -> u64 {
    let generation = GENERATION.fetch_add(1, Ordering::SeqCst) + 1;
    let Some(here) = processor::try_current() else {
        return generation;
    };
    catch_up(here);
    for other in processor::all() {
        let stale = other.running.load(Ordering::SeqCst)
            && other.translations.load(Ordering::SeqCst) < generation;
        if stale && !other.flush_requested.swap(true, Ordering::SeqCst) {
            apic::interrupt(other, apic::Vector::Wake);
        }
    }
    generation
}

/// Forgets this processor's mappings if any was taken away since it last did.
pub fn catch_up(here: &Processor) {
    here.flush_requested.store(false, Ordering::SeqCst);
    let generation = GENERATION.load(Ordering::SeqCst);
    if here.translations.load(Ordering::SeqCst) < generation {
        paging::activate();
        here.translations.store(generation, Ordering::SeqCst);
    }
}

/// Takes frames that the latest generation unmapped.
pub fn quarantine(generation: u64, unmapped: impl Iterator<Item = u64>) {
    let full = {
        let mut quarantine = QUARANTINE.lock();
        quarantine.extend(unmapped.map(|frame| (generation, frame)));
        quarantine.len() > QUARANTINE_SIZE
    };
    if full {
        reclaim();
    }
}

/// Frees the frames that no processor can remember; returns whether there were any.
fn reclaim() -> bool {
    let oldest = processor::all()
        .iter()
        .filter(|processor| processor.running.load(Ordering::SeqCst))
        .map(|processor| processor.translations.load(Ordering::SeqCst))
        .min()
        .unwrap_or(u64::MAX);
    let mut quarantine = QUARANTINE.lock();
    let count = quarantine.partition_point(|&(generation, _)| generation <= oldest);
    for (_, frame) in quarantine.drain(..count) {
        frames::free(frame);
    }
    count > 0
}

/// Tries something that takes frames again and again as long as the quarantine
/// can give any.
pub fn with_reclaim<R>(mut take: impl FnMut() -> Option<R>) -> Option<R> {
    let mut patience = PATIENCE;
    loop {
        if let Some(taken) = take() {
            return Some(taken);
        }
        if QUARANTINE.lock().is_empty() {
            return None;
        }
        while !reclaim() {
            patience = patience.checked_sub(1)?;
            hint::spin_loop();
        }
    }
}
