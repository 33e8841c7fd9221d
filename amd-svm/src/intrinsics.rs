//! The SVM instructions as functions: the only inline assembly of this crate.

#![expect(
    unsafe_code,
    reason = "an instruction that writes memory by physical address"
)]

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use core::arch::asm;

/// Stores a subset of the processor's state into the VMCB at a physical address: `VMSAVE rAX`.
///
/// Equal to MSVC's `void __svm_vmsave(size_t VmcbPhysicalAddress)`. Writes FS, GS, LDTR and TR
/// with their hidden parts, `STAR`, `LSTAR`, `CSTAR`, `SFMASK`, `KernelGsBase` and
/// `SYSENTER_CS/ESP/EIP`: 128 bytes of the page, at the offsets of [`crate::vmcb::SaveArea`].
/// No register and no flag changes. Source: APM volume 3, "VMSAVE"; volume 2, section 15.5.
///
/// # Faults
///
/// | condition | exception |
/// |---|---|
/// | `EFER.SVME` is clear, or the processor is not in protected mode | `#UD` |
/// | the current privilege level is not 0 | `#GP(0)` |
/// | the address is not a multiple of 4096, or beyond the physical address width | `#GP(0)` |
///
/// # Safety
///
/// * `vmcb_physical_address` is the address of 4096 bytes of ordinary memory that nothing else
///   reads or writes during the call, and of which Rust holds no reference. Nothing checks this:
///   the instruction ignores page tables.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#[inline]
pub unsafe fn svm_vmsave(vmcb_physical_address: usize) {
    // SAFETY: the caller vouches for the address and for the faults. The instruction reads rAX,
    // and writes memory, which is why `nomem` is absent; it touches neither stack nor flags.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("vmsave rax", in("rax") vmcb_physical_address, options(nostack, preserves_flags));
        #[cfg(target_arch = "x86")]
        asm!("vmsave eax", in("eax") vmcb_physical_address, options(nostack, preserves_flags));
    }
}
