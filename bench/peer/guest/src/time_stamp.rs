//! The time-stamp counter, which counts the instructions of all processors here.

#![expect(unsafe_code, reason = "reading the counter is an intrinsic")]

/// How many instructions were executed so far, by all processors together.
pub(crate) fn now() -> u64 {
    // SAFETY: every 64-bit processor has the instruction, and Linux lets every process execute it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
