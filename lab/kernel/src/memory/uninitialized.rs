//! Memory whose content is undefined for a driver: the byte that fills it, so that it is
//! recognised where it comes out.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// Bytes of stack that are filled: more than the frames of a driver take, and less than there is
/// room for.
const STACK_DEPTH: usize = 0x2000;

static BYTE: AtomicU8 = AtomicU8::new(0xCB);

static FILLING_STACKS: AtomicBool = AtomicBool::new(false);

/// The byte that fills memory whose content is undefined.
pub(crate) fn byte() -> u8 {
    BYTE.load(Ordering::Relaxed)
}

/// Chooses that byte, and has stacks filled with it too.
pub(crate) fn choose(byte: u8) {
    BYTE.store(byte, Ordering::Relaxed);
    FILLING_STACKS.store(true, Ordering::Relaxed);
}

/// Fills the stack below the caller, where a driver's frames come to be, if a test chose the
/// byte.
pub(crate) fn fill_stack() {
    if FILLING_STACKS.load(Ordering::Relaxed) {
        overwrite(byte());
    }
}

#[inline(never)]
fn overwrite(byte: u8) {
    black_box(&mut [byte; STACK_DEPTH]);
}
