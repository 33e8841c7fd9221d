//! How many files are open: while there are any, the driver stays.

use core::sync::atomic::{AtomicU32, Ordering};

/// Files that are open or being opened, those without a handle too.
static FILES: AtomicU32 = AtomicU32::new(0);

/// How many files are open or being opened.
pub(crate) fn count() -> u32 {
    FILES.load(Ordering::SeqCst)
}

/// A file is being opened.
pub(crate) fn add() {
    FILES.fetch_add(1, Ordering::SeqCst);
}

/// A file is gone, or could not be opened.
pub(crate) fn remove() {
    FILES.fetch_sub(1, Ordering::SeqCst);
}
