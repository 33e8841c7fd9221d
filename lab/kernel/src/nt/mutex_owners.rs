//! Which threads own which mutexes, so that none is freed or left owned.

use alloc::vec::Vec;

use super::rules::Routine;
use crate::base::lock::Lock;

/// Mutexes that are owned, and the threads that own them.
static OWNERS: Lock<Vec<(u64, usize)>> = Lock::new(Vec::new());

/// A thread owns a mutex from now on.
pub(crate) fn add(mutex: u64, thread: *mut isize) {
    OWNERS.lock().push((mutex, thread.addr()));
}

/// No thread owns a mutex any more.
pub(crate) fn remove(mutex: u64) {
    OWNERS.lock().retain(|&(owned, _)| owned != mutex);
}

/// Whether a thread owns any mutex.
pub(crate) fn owns_any(thread: *mut isize) -> bool {
    let owners = OWNERS.lock();
    owners.iter().any(|&(_, owner)| owner == thread.addr())
}

/// Ends the run if an owned mutex lies in memory that is about to go away.
pub(crate) fn forbid_in(routine: Routine, start: u64, end: u64) {
    let owners = OWNERS.lock();
    if let Some((mutex, thread)) = owners.iter().find(|owner| (start..end).contains(&owner.0)) {
        routine.violated(
            "owned-mutex",
            format_args!("the memory holds the mutex {mutex:#x}, which thread {thread:#x} owns"),
        );
    }
}
