//! What lies on a stack below the frames in use, where a driver's frames come to be.

use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::memory::guarded;

/// More than the frames of a driver take, and less than there is room for.
const DEPTH: usize = 0x2000;

static FILLING: AtomicBool = AtomicBool::new(false);

/// From now on [`fill`] has an effect.
pub fn begin_filling() {
    FILLING.store(true, Ordering::Relaxed);
}

/// Fills the stack below the caller as memory whose content is not promised, if a test
/// asked for it.
pub fn fill() {
    if FILLING.load(Ordering::Relaxed) {
        overwrite(guarded::uninitialized());
    }
}

#[inline(never)]
fn overwrite(byte: u8) {
    black_box(&mut [byte; DEPTH]);
}
