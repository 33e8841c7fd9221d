//! Where the thread environment blocks of the processors' threads would lie in the user half:
//! nothing is mapped there, but FS and `KernelGsBase` point to them.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::base::random;

/// Bytes from the blocks of one processor to those of the next.
const SIZE: u32 = 0x4000;

/// The 32-bit block lies behind the 64-bit one.
const COMPATIBILITY_OFFSET: u32 = 0x2000;

/// Address of the blocks of processor 0.
static FIRST: AtomicU32 = AtomicU32::new(0);

/// Moves the blocks, so that addresses differ between runs.
pub(crate) fn randomize() {
    let page = u32::try_from(random::below(1 << 15)).expect("15 bits");
    FIRST.store(0x0020_0000 + page * 0x1000, Ordering::Relaxed);
}

/// Address of a processor's 64-bit block.
pub(crate) fn block(index: u32) -> u32 {
    FIRST.load(Ordering::Relaxed) + index * SIZE
}

/// Address of a processor's 32-bit block.
pub(crate) fn compatibility_block(index: u32) -> u32 {
    block(index) + COMPATIBILITY_OFFSET
}
