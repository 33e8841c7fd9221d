//! Whether the run is being ended: the state that locks, handlers and the crash report share.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// No processor is ending the run.
const NONE: u32 = u32::MAX;

/// Number of the processor that ends the run.
static STOPPING: AtomicU32 = AtomicU32::new(NONE);

static ALONE: AtomicBool = AtomicBool::new(false);

/// Whether some processor is ending the run.
pub(crate) fn is_stopping() -> bool {
    STOPPING.load(Ordering::SeqCst) != NONE
}

/// Whether the stopping processor has stopped all others, so that no other processor will ever
/// release a lock.
pub(crate) fn is_alone() -> bool {
    ALONE.load(Ordering::SeqCst)
}

/// Makes a processor the one that ends the run; the error is the number of the one that does
/// so already.
pub(crate) fn begin(processor: u32) -> Result<(), u32> {
    STOPPING
        .compare_exchange(NONE, processor, Ordering::SeqCst, Ordering::SeqCst)
        .map(drop)
}

/// All other processors have been stopped.
pub(crate) fn set_alone() {
    ALONE.store(true, Ordering::SeqCst);
}
