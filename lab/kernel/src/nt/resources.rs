//! Low resources: which call of those that may fail is to fail.

use core::sync::atomic::{AtomicU64, Ordering};

/// Calls that could have failed, since boot.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// The number of the call that fails, zero for none.
static FAILING: AtomicU64 = AtomicU64::new(0);

/// How many calls could have failed since boot.
pub(crate) fn calls() -> u64 {
    CALLS.load(Ordering::SeqCst)
}

/// Makes the n-th call from now on fail; zero takes that back.
pub(crate) fn fail(nth: u64) {
    let number = if nth == 0 { 0 } else { calls() + nth };
    FAILING.store(number, Ordering::SeqCst);
}

/// Counts a call, and tells whether it is the one that is to fail. Asked once in
/// each routine that may run out of something, after all its rules.
pub(crate) fn are_exhausted() -> bool {
    let number = CALLS.fetch_add(1, Ordering::SeqCst) + 1;
    number == FAILING.load(Ordering::SeqCst)
}
