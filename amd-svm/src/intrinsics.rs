//! The SVM instructions as functions, and the two other instructions that code around them needs, CPUID
//! and RDTSC. All inline assembly of this crate is here, and the one sequence in `guest`.
//!
//! One function for each of MSVC's `__svm_*` intrinsics, with the same operands. Nothing is
//! checked, nothing is returned: the instruction is all there is. Exceptions are the caller's,
//! who runs on ring 0 and has set `EFER.SVME` ([`crate::support`] asks whether that is possible).
//!
//! | function | MSVC | instruction | bytes |
//! |---|---|---|---|
//! | [`svm_vmrun`] | `__svm_vmrun` | `VMRUN rAX` | `0F 01 D8` |
//! | [`svm_vmload`] | `__svm_vmload` | `VMLOAD rAX` | `0F 01 DA` |
//! | [`svm_vmsave`] | `__svm_vmsave` | `VMSAVE rAX` | `0F 01 DB` |
//! | [`svm_stgi`] | `__svm_stgi` | `STGI` | `0F 01 DC` |
//! | [`svm_clgi`] | `__svm_clgi` | `CLGI` | `0F 01 DD` |
//! | [`svm_skinit`] | `__svm_skinit` | `SKINIT EAX` | `0F 01 DE` |
//! | [`svm_invlpga`] | `__svm_invlpga` | `INVLPGA rAX, ECX` | `0F 01 DF` |
//! | [`cpuid`] | `__cpuidex` | `CPUID` | `0F A2` |
//! | [`rdtsc`] | `__rdtsc` | `RDTSC` | `0F 31` |
//!
//! rAX is EAX in 32-bit code and RAX in 64-bit code. None of the SVM instructions is valid in real
//! or virtual-8086 mode.

#![cfg(any(target_arch = "x86", target_arch = "x86_64"))]
#![expect(
    unsafe_code,
    reason = "instructions that change memory and processor behind the compiler's back"
)]

#[cfg(target_arch = "x86")]
use core::arch::x86 as arch;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64 as arch;

use core::arch::asm;

use crate::cpuid::CpuidResult;

/// Asks the processor what it is: `CPUID` with EAX = `leaf` and ECX = `subleaf`.
///
/// Equal to MSVC's `void __cpuidex(int cpuInfo[4], int function_id, int subfunction_id)`. A leaf that
/// the processor does not have is answered with zeros, or with another leaf. A hypervisor may
/// intercept it at any privilege level. Source: APM volume 3, "CPUID".
#[inline]
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> CpuidResult {
    let registers = arch::__cpuid_count(leaf, subleaf);
    CpuidResult {
        eax: registers.eax,
        ebx: registers.ebx,
        ecx: registers.ecx,
        edx: registers.edx,
    }
}

/// Cycles of the time-stamp counter: `RDTSC`.
///
/// Equal to MSVC's `unsigned __int64 __rdtsc(void)`. It is not ordered with the instructions around
/// it. `CR4.TSD` reserves it for privilege level 0; elsewhere it raises `#GP(0)` then. Source: APM
/// volume 3, "RDTSC".
#[inline]
#[must_use]
pub fn rdtsc() -> u64 {
    // SAFETY: every processor with SVM has the instruction, and it changes no memory; a fault ends
    // the program.
    unsafe { arch::_rdtsc() }
}

/// The lower half of [`rdtsc`], for lengths below 2^32 cycles: it costs no instruction to put the
/// halves together.
#[inline]
#[must_use]
pub fn rdtsc_lower() -> u32 {
    let lower: u32;
    // SAFETY: as for [`rdtsc`], every processor with SVM has the instruction; it writes the two
    // registers that are named, and no memory.
    unsafe {
        asm!("rdtsc", out("eax") lower, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    lower
}

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

/// Loads a subset of the processor's state from the VMCB at a physical address: `VMLOAD rAX`.
///
/// Equal to MSVC's `void __svm_vmload(size_t VmcbPhysicalAddress)`. Reads from the page what
/// [`svm_vmsave`] writes to it, and replaces FS, GS, LDTR and TR with their hidden parts, `STAR`,
/// `LSTAR`, `CSTAR`, `SFMASK`, `KernelGsBase` and `SYSENTER_CS/ESP/EIP`. No descriptor table is
/// consulted. No other register and no flag changes. Source: APM volume 3, "VMLOAD"; volume 2,
/// section 15.5.
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
/// * `vmcb_physical_address` is the address of 4096 bytes of ordinary memory that hold a state
///   which this processor can go on with: what reads through FS or GS (thread-local storage, a
///   kernel's per-processor data), the system-call entry and the task state segment are those of
///   the page from here on.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[inline]
pub unsafe fn svm_vmload(vmcb_physical_address: usize) {
    // SAFETY: the caller vouches for the address, the state and the faults. The instruction reads
    // rAX and memory, whose writes must have happened, which is why `nomem` is absent; it touches
    // neither stack nor flags.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("vmload rax", in("rax") vmcb_physical_address, options(nostack, preserves_flags));
        #[cfg(target_arch = "x86")]
        asm!("vmload eax", in("eax") vmcb_physical_address, options(nostack, preserves_flags));
    }
}

/// Runs the guest of the VMCB at a physical address until it exits: `VMRUN rAX`.
///
/// Equal to MSVC's `void __svm_vmrun(size_t VmcbPhysicalAddress)`. Saves the host's state (ES, CS,
/// SS, DS, GDTR, IDTR, `EFER`, CR0, CR3, CR4, RFLAGS, RIP, RSP, RAX) in the page that
/// `VM_HSAVE_PA` names, loads the guest's from the VMCB's save area, and sets the global interrupt
/// flag. A `#VMEXIT` does the reverse, writes the exit code into the control area and clears the
/// global interrupt flag; execution goes on behind the call. A VMCB that is not valid exits at
/// once with [`INVALID`](crate::vmcb::ExitCode::INVALID). Source: APM volume 3, "VMRUN"; volume 2,
/// sections 15.5 and 15.6.
///
/// Of the general registers, VMRUN exchanges RAX and RSP alone. The others, and the x87, SSE and
/// AVX registers, pass from host to guest as the compiler left them, and are lost to the host: the
/// call declares all of them that the calling convention knows as overwritten. A hypervisor whose
/// guest has registers of its own wraps the instruction in assembly that exchanges them. Debug
/// registers, CR2 and extended control registers that the guest changes stay changed.
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
/// * `vmcb_physical_address` is the address of a VMCB in ordinary memory, of which Rust holds no
///   reference during the call, and `VM_HSAVE_PA` names another such page, which nothing else
///   uses.
/// * The guest, as the VMCB confines it, does nothing that the host cannot go on after. What it
///   can reach, it can change; without nested paging or with the host's tables that is everything.
/// * What the guest changes and `#VMEXIT` does not restore is restored by the caller, FS, GS, TR
///   and the system-call registers by [`svm_vmsave`] before and [`svm_vmload`] after; the code
///   between does not rely on them.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[inline]
pub unsafe fn svm_vmrun(vmcb_physical_address: usize) {
    // SAFETY: the caller vouches for the VMCB, the guest and the faults. The guest leaves any
    // value in any general register but RAX and RSP: those that cannot be named as overwritten
    // are kept on the stack, whose pointer `#VMEXIT` restores, the others are named.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "push rbx",
            "push rbp",
            "vmrun rax",
            "pop rbp",
            "pop rbx",
            inout("rax") vmcb_physical_address => _,
            out("r12") _,
            out("r13") _,
            out("r14") _,
            out("r15") _,
            clobber_abi("sysv64"),
        );
        #[cfg(target_arch = "x86")]
        asm!(
            "push ebx",
            "push esi",
            "push edi",
            "push ebp",
            "vmrun eax",
            "pop ebp",
            "pop edi",
            "pop esi",
            "pop ebx",
            inout("eax") vmcb_physical_address => _,
            clobber_abi("C"),
        );
    }
}

/// Clears the global interrupt flag: `CLGI`.
///
/// Equal to MSVC's `void __svm_clgi(void)`. Until [`svm_stgi`], interrupts, NMIs, SMIs, INIT and
/// debug traps are held back (table 15-10 of the APM says which, and which are lost). No register
/// and no bit of RFLAGS changes. Source: APM volume 3, "CLGI"; volume 2, section 15.17.
///
/// # Faults
///
/// | condition | exception |
/// |---|---|
/// | `EFER.SVME` is clear, or the processor is not in protected mode | `#UD` |
/// | the current privilege level is not 0 | `#GP(0)` |
///
/// # Safety
///
/// * The caller can be without interrupts, NMIs among them, until the flag is set again, and sees
///   to it that it is.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[inline]
pub unsafe fn svm_clgi() {
    // SAFETY: the caller vouches for being uninterrupted and for the faults. The instruction
    // touches neither stack nor flags; memory accesses must not move across it.
    unsafe { asm!("clgi", options(nostack, preserves_flags)) };
}

/// Sets the global interrupt flag: `STGI`.
///
/// Equal to MSVC's `void __svm_stgi(void)`. What [`svm_clgi`] or a `#VMEXIT` held back is
/// delivered, maskable interrupts if RFLAGS.IF allows them. No register and no bit of RFLAGS
/// changes. Source: APM volume 3, "STGI"; volume 2, section 15.17.
///
/// # Faults
///
/// | condition | exception |
/// |---|---|
/// | `EFER.SVME` is clear and neither SVM lock nor SKINIT is available, or the processor is not in protected mode | `#UD` |
/// | the current privilege level is not 0 | `#GP(0)` |
///
/// # Safety
///
/// * The caller can be interrupted, by NMIs too, from here on.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[inline]
pub unsafe fn svm_stgi() {
    // SAFETY: the caller vouches for being ready for interrupts and for the faults. The
    // instruction touches neither stack nor flags; memory accesses must not move across it.
    unsafe { asm!("stgi", options(nostack, preserves_flags)) };
}

/// Drops the translation of a virtual address in an address space: `INVLPGA rAX, ECX`.
///
/// Equal to MSVC's `void __svm_invlpga(void* VirtualAddress, int AddressSpaceId)`. The translation
/// of the page that holds `virtual_address` is dropped from this processor's translation buffer
/// for the address space `asid`, whether global or not; 0 is the host's own. No other processor's
/// buffer, no register and no flag changes. Source: APM volume 3, "INVLPGA"; volume 2, section
/// 15.16.
///
/// # Faults
///
/// | condition | exception |
/// |---|---|
/// | `EFER.SVME` is clear, or the processor is not in protected mode | `#UD` |
/// | the current privilege level is not 0 | `#GP(0)` |
///
/// An address that is not canonical drops nothing and raises nothing; the reach of `asid` is not
/// checked.
///
/// # Safety
///
/// * What the page tables say of the address by now is what the caller wants to be used.
/// * A fault of the table above does not occur, or the caller's exception handling can resume
///   from this instruction.
#[inline]
pub unsafe fn svm_invlpga(virtual_address: usize, asid: u32) {
    // SAFETY: the caller vouches for the page tables and for the faults. Accesses by the old
    // translation must have happened, which is why `nomem` is absent; the instruction touches
    // neither stack nor flags.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "invlpga rax, ecx",
            in("rax") virtual_address,
            in("ecx") asid,
            options(nostack, preserves_flags)
        );
        #[cfg(target_arch = "x86")]
        asm!(
            "invlpga eax, ecx",
            in("eax") virtual_address,
            in("ecx") asid,
            options(nostack, preserves_flags)
        );
    }
}

/// Starts over with a measured secure loader: `SKINIT EAX`.
///
/// Equal to MSVC's `void __svm_skinit(int BlockPhysicalAddress)`. The processor reinitialises
/// itself as by INIT, protects the 64 KiB block at the physical address from other bus masters,
/// has the platform's TPM measure the loader that is in it, clears the general registers, and
/// enters the loader at its entry point, in flat 32-bit protected mode and with the global
/// interrupt flag clear. What was running does not go on: that is why this function does not
/// return, where MSVC's is `void`. Source: APM volume 3, "SKINIT"; volume 2, section 15.27.
///
/// # Faults
///
/// | condition | exception |
/// |---|---|
/// | `EFER.SVME` is clear or CPUID reports no SKINIT, or the processor is not in protected mode | `#UD` |
/// | the current privilege level is not 0 | `#GP(0)` |
///
/// # Safety
///
/// * Nothing that runs on this machine is needed any more, the other processors wait in INIT, and
///   a loader of the layout that the APM asks for stands in the block.
/// * A fault of the table above does not occur, or the caller's exception handling does not go on
///   behind this instruction; `UD2` follows it.
#[inline]
pub unsafe fn svm_skinit(block_physical_address: u32) -> ! {
    // SAFETY: the caller vouches for the machine, the loader and the faults. The instruction
    // leaves for the loader; a processor that went on all the same meets UD2.
    unsafe {
        asm!(
            "skinit eax",
            "ud2",
            in("eax") block_physical_address,
            options(noreturn, nostack)
        )
    }
}
