//! Threads, as far as drivers see them: an address that tells them apart.

use crate::processor;

/// Where in the processor control region the running thread's object would be.
const THREAD_OFFSET: u64 = 0x1000;

/// `KeGetCurrentThread`: each processor runs one thread at a time, and a thread
/// never changes its processor.
pub fn current() -> *mut isize {
    crate::memory::paging::pointer(processor::current().control_region + THREAD_OFFSET)
}
