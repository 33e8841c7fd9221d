//! Numbers that the command line's seed determines.

use fastrand::Rng;
use spin::Once;

use super::lock::Lock;

static RANDOM: Once<Lock<Rng>> = Once::new();

/// Starts the run's generator.
pub(crate) fn initialize(seed: u64) {
    RANDOM.call_once(|| Lock::new(Rng::with_seed(seed)));
}

/// A number below `bound`.
pub(crate) fn below(bound: u64) -> u64 {
    RANDOM
        .get()
        .expect("the command line was read")
        .lock()
        .u64(0..bound)
}
