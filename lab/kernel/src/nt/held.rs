//! Which threads hold which mutexes, so that none is forgotten.

use alloc::vec::Vec;

use super::rules::Routine;
use crate::sync::Lock;

/// Mutexes that are held, and the threads that hold them.
static HELD: Lock<Vec<(u64, usize)>> = Lock::new(Vec::new());

/// A thread holds a mutex from now on.
pub fn note(mutex: u64, thread: *mut isize) {
    HELD.lock().push((mutex, thread.addr()));
}

/// Nobody holds a mutex any more.
pub fn forget(mutex: u64) {
    HELD.lock().retain(|&(held, _)| held != mutex);
}

/// Whether a thread holds a mutex.
pub fn any_by(thread: *mut isize) -> bool {
    let held = HELD.lock();
    held.iter().any(|&(_, holder)| holder == thread.addr())
}

/// Ends the run if a held mutex lies in memory that is about to go away.
pub fn forbid_in(routine: Routine, start: u64, end: u64) {
    let held = HELD.lock();
    if let Some((mutex, thread)) = held.iter().find(|held| (start..end).contains(&held.0)) {
        routine.violated(
            "held-mutex",
            format_args!("the memory holds the mutex {mutex:#x}, which thread {thread:#x} holds"),
        );
    }
}
