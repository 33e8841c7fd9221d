//! The guarded functions of the image, called where their instructions are sure to fault.
//!
//! They are found as Windows' dispatcher would find them: by the image's table of functions, among
//! those that have an exception handler. What each returns is kept as a value of this driver's
//! registry key. `RDMSR` is left out: Wine emulates it, without an exception.

#![expect(unsafe_code, reason = "code of another image is called by its address")]

use core::arch::asm;

use wdk_sys::NTSTATUS;

use crate::{image::Image, registry::keep};

/// EFER.
const EFER: u64 = 0xc000_0080;

/// A guarded function takes up to two integers, and returns zero or the exception code.
type Guarded = unsafe extern "system" fn(u64, u64) -> NTSTATUS;

/// Tries two of the guarded functions, and keeps what they return.
///
/// # Safety
///
/// `image` is what is mapped at `base`, with its imports bound.
pub(crate) unsafe fn try_all(base: *mut u8, image: &Image<'_>) {
    // Where the instructions would not fault, they would do harm.
    if !in_user_mode() {
        return;
    }
    for (name, code, first) in [
        ("wrmsr", [0x0f, 0x30].as_slice(), EFER),
        ("vmsave", &[0x0f, 0x01, 0xdb], 0),
    ] {
        let Some(function) = image.guarded_function(code) else {
            continue;
        };
        // SAFETY: the offset is that of a function inside the image.
        let function = unsafe { base.add(function) };
        // SAFETY: the guarded functions have this signature, and no others have a handler.
        let function = unsafe { core::mem::transmute::<*mut u8, Guarded>(function) };
        // SAFETY: in user mode the instruction faults, and has no effect.
        let status = unsafe { function(first, 0) };
        keep(name, status.cast_unsigned());
    }
}

/// Whether this code runs without the privileges of a kernel, as all of Wine does.
fn in_user_mode() -> bool {
    let selector: u16;
    // SAFETY: reads a segment register.
    unsafe { asm!("mov {:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 3 == 3
}
