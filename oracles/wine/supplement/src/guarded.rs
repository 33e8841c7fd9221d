//! The guarded functions of the image, called where their instructions are sure to fault.
//!
//! They are found as Windows' dispatcher would find them: by the image's table of functions, among
//! those that have an exception handler. What each returns is kept as a value of this driver's
//! registry key. Those that have `RDMSR` alone are left out: Wine emulates it, without an exception.

#![expect(unsafe_code, reason = "code of another image is called by its address")]

use core::arch::asm;

use crate::image::Image;
use crate::registry::keep;

/// The register that the instructions are pointed at.
const EFER: u32 = 0xc000_0080;

/// Instructions, as the processor has them.
const RDMSR: &[u8] = &[0x0f, 0x32];
const WRMSR: &[u8] = &[0x0f, 0x30];
const VMSAVE: &[u8] = &[0x0f, 0x01, 0xdb];

/// Calls the guarded functions, and keeps what they return.
///
/// # Safety
///
/// `image` is what is mapped at `base`, with its imports bound.
pub(crate) unsafe fn try_all(base: *mut u8, image: &Image<'_>) {
    // Where the instructions would not fault, they would do harm.
    if !in_user_mode() {
        return;
    }
    // A table that ends in the middle lacks functions, which a reader of the values misses.
    let _ = image.each_guarded_function(|offset, body| {
        let has = |code: &[u8]| body.windows(code.len()).any(|bytes| bytes == code);
        let name = match (has(VMSAVE), has(WRMSR), has(RDMSR)) {
            (true, false, false) => "vmsave",
            (false, true, false) => "wrmsr",
            (false, true, true) => "wrmsr, rdmsr",
            _ => return,
        };
        // SAFETY: the offset is that of a function inside the image.
        let function = unsafe { base.add(offset) };
        // SAFETY: it is one of the guarded functions, and in user mode its instruction faults.
        keep(name, unsafe { call(function) });
    });
}

/// Calls a guarded function with EFER as the register, and zero as value and as address; returns
/// the exception code, or zero.
///
/// # Safety
///
/// The function takes its operands in RAX, RCX and RDX, and returns its status in R8D, as
/// those of `driver/src/processor/guarded.rs` do; it has no effect but a fault.
unsafe fn call(function: *mut u8) -> u32 {
    let status: u32;
    // SAFETY: the caller vouches for the function; every register that a landing or a call may
    // change is named.
    unsafe {
        asm!(
            "call r11",
            inout("r11") function => _,
            inout("ecx") EFER => _,
            inout("rax") 0_u64 => _,
            inout("rdx") 0_u64 => _,
            lateout("r8d") status,
            out("r9") _,
            out("r10") _,
            out("xmm0") _,
            out("xmm1") _,
            out("xmm2") _,
            out("xmm3") _,
            out("xmm4") _,
            out("xmm5") _,
        );
    }
    status
}

/// Whether this code runs without the privileges of a kernel, as all of Wine does.
fn in_user_mode() -> bool {
    let selector: u16;
    // SAFETY: reads a segment register.
    unsafe { asm!("mov {:x}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 3 == 3
}
