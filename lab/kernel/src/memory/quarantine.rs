//! Frames that were unmapped, kept back until no processor can remember where they were.

use alloc::collections::VecDeque;
use core::hint;

use super::frames;
use crate::base::lock::Lock;
use crate::processor::translations;

/// As many frames are worth a look at all processors.
const SIZE: usize = 256;

/// How often to look for frames when memory is short, in turns of a spin loop.
const LIMIT_SPINS: u32 = 1 << 20;

/// Frames that were unmapped, with the generation of [`translations`] that unmapped them.
static QUARANTINE: Lock<VecDeque<(u64, u64)>> = Lock::new(VecDeque::new());

/// Takes frames that a generation of [`translations`] unmapped.
pub(crate) fn add(generation: u64, unmapped: impl Iterator<Item = u64>) {
    let full = {
        let mut quarantine = QUARANTINE.lock();
        quarantine.extend(unmapped.map(|frame| (generation, frame)));
        quarantine.len() > SIZE
    };
    if full {
        reclaim();
    }
}

/// Frees the frames that no processor can remember; returns whether there were any.
fn reclaim() -> bool {
    let oldest = translations::oldest_remembered();
    let mut quarantine = QUARANTINE.lock();
    let count = quarantine.partition_point(|&(generation, _)| generation <= oldest);
    for (_, frame) in quarantine.drain(..count) {
        frames::free(frame);
    }
    count > 0
}

/// Tries something that takes frames again and again as long as the quarantine
/// can give any.
pub(crate) fn with_reclaim<R>(mut take: impl FnMut() -> Option<R>) -> Option<R> {
    let mut spins = LIMIT_SPINS;
    loop {
        if let Some(taken) = take() {
            return Some(taken);
        }
        if QUARANTINE.lock().is_empty() {
            return None;
        }
        while !reclaim() {
            spins = spins.checked_sub(1)?;
            hint::spin_loop();
        }
    }
}
