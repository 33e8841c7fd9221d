//! How the processors come to capture at the same time: each waits until all are there, but not for
//! long.
//!
//! It makes captures close to each other in time and has no other part in their being right: whoever
//! has lost patience goes ahead alone.

use crate::atomic::{AtomicU32, Ordering};

/// How long to wait, in cycles of the time-stamp counter: 15 to 50 microseconds on the processors
/// of today. On a machine that runs nothing else, the last processor comes much earlier; under a
/// hypervisor it may have to be scheduled first, and nobody should wait for that at
/// `DISPATCH_LEVEL`.
const PATIENCE: u64 = 1 << 16;

/// A count of those who have not come yet.
pub(crate) struct Assembly {
    missing: AtomicU32,
}

impl Assembly {
    /// So many are expected.
    pub(crate) fn of(expected: u32) -> Self {
        Self {
            missing: AtomicU32::new(expected),
        }
    }

    /// One of those expected is not going to come. Any IRQL.
    pub(crate) fn excuse(&self) {
        self.missing.fetch_sub(1, Ordering::Relaxed);
    }

    /// One of those expected is there, and waits for the others, `PATIENCE` at most. Any IRQL.
    pub(crate) fn join(&self, now: impl Fn() -> u64) {
        self.missing.fetch_sub(1, Ordering::Relaxed);
        if self.is_complete() {
            return;
        }
        let joined = now();
        while !self.is_complete() && now().wrapping_sub(joined) < PATIENCE {
            core::hint::spin_loop();
        }
    }

    fn is_complete(&self) -> bool {
        self.missing.load(Ordering::Relaxed) == 0
    }
}
