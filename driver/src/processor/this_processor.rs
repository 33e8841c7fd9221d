//! The logical processor that a DPC runs on, as `amd-svm` wants to see it.

#![expect(unsafe_code, reason = "instructions that only the kernel may execute")]

use core::arch::asm;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::{array, hint};

use amd_svm::cpuid::CpuidResult;
use amd_svm::descriptor::Selector;
use amd_svm::msr::{Efer, Msr};
use amd_svm::{EferFault, Fault, Processor, Selectors, intrinsics};

use super::guarded;

/// This processor, and a VMCB page.
pub(crate) struct ThisProcessor {
    vmcb_physical_address: u64,
    descriptors: TableRegister,
    /// It means this processor and no other.
    not_send: PhantomData<*mut ()>,
}

/// Keeps interrupts off on this processor for as long as it lives.
pub(crate) struct InterruptsOff {
    were_on: bool,
    /// It means this processor and no other.
    not_send: PhantomData<*mut ()>,
}

const RFLAGS_INTERRUPT: u64 = 1 << 9;

impl ThisProcessor {
    /// The processor that the caller runs on. `IRQL == DISPATCH_LEVEL`.
    ///
    /// # Safety
    ///
    /// `vmcb_physical_address` is the address of a page that [`guarded::vmsave`] may write to
    /// for as long as the value lives, and the caller stays on this processor for as long.
    pub(crate) unsafe fn with_page(vmcb_physical_address: u64) -> Self {
        Self {
            vmcb_physical_address,
            descriptors: TableRegister::global(),
            not_send: PhantomData,
        }
    }
}

impl InterruptsOff {
    /// Switches interrupts off. `IRQL == DISPATCH_LEVEL`.
    pub(crate) fn begin() -> Self {
        let flags: u64;
        // SAFETY: reads the flags through the stack, which Rust's functions leave free below
        // RSP, and clears the interrupt flag; `drop` puts it back.
        unsafe { asm!("pushfq", "pop {}", "cli", out(reg) flags) };
        Self {
            were_on: flags & RFLAGS_INTERRUPT != 0,
            not_send: PhantomData,
        }
    }
}

impl Drop for InterruptsOff {
    fn drop(&mut self) {
        if self.were_on {
            // SAFETY: they were on when the value was made.
            unsafe { asm!("sti", options(nostack)) };
        }
    }
}

/// What `SGDT` stores. Source: APM volume 2, section 4.6.2.
#[repr(C, packed)]
struct TableRegister {
    limit: u16,
    base: u64,
}

impl TableRegister {
    /// Where the global descriptor table of this processor is. Any IRQL.
    fn global() -> Self {
        let mut register = MaybeUninit::<Self>::uninit();
        let place = register.as_mut_ptr();
        // SAFETY: stores ten bytes to `register`, and changes nothing else.
        unsafe { asm!("sgdt [{}]", in(reg) place, options(nostack, preserves_flags)) };
        // SAFETY: the ten bytes are all of it.
        unsafe { register.assume_init() }
    }

    /// The descriptor that a selector selects; zeros if it selects none, or none that is in the
    /// table whole. Any IRQL.
    #[inline]
    fn descriptor<const QUADWORDS: usize>(&self, selector: Selector) -> [u64; QUADWORDS] {
        let Some(first) = selector.global_quadword(QUADWORDS, self.limit) else {
            hint::cold_path();
            return [0; QUADWORDS];
        };
        let first = (self.base as *const u64).wrapping_add(first);
        array::from_fn(|index| {
            let place = first.wrapping_add(index);
            // SAFETY: the table that the processor uses is mapped and resident up to its limit. The
            // processor itself may set accessed bits, which is why the read is volatile.
            unsafe { place.read_volatile() }
        })
    }
}

impl Processor for ThisProcessor {
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult {
        intrinsics::cpuid(leaf, subleaf)
    }

    fn read_msr(&mut self, msr: Msr) -> Result<u64, Fault> {
        guarded::read_msr(msr)
    }

    fn read_msrs<const COUNT: usize>(
        &mut self,
        msrs: &[Msr; COUNT],
        values: &mut [u64; COUNT],
    ) -> Result<(), (Msr, Fault)> {
        guarded::read_msrs(msrs, values)
    }

    fn write_efer(&mut self, value: Efer) -> Result<(), Fault> {
        // SAFETY: `amd_svm::capture` writes the value found, with and then without SVME, and
        // interrupts are off between the two.
        unsafe { guarded::write_efer(value.into()) }
    }

    fn write_and_read_efer(&mut self, value: Efer) -> Result<Efer, EferFault> {
        // SAFETY: `amd_svm::capture` writes the value found, with and then without SVME, and
        // interrupts are off between the two.
        unsafe { guarded::write_and_read_efer(value.into()) }.map(Efer::from)
    }

    fn vmsave(&mut self) -> Result<(), Fault> {
        // SAFETY: the caller of `with_page` vouched for the address.
        unsafe { guarded::vmsave(self.vmcb_physical_address) }
    }

    fn tsc(&mut self) -> u64 {
        intrinsics::rdtsc()
    }

    fn cycles(&mut self) -> u32 {
        intrinsics::rdtsc_lower()
    }

    fn selectors(&mut self) -> Selectors {
        let (fs, gs, tr, ldtr): (u16, u16, u16, u16);
        // SAFETY: reads a segment register, and nothing else.
        unsafe { asm!("mov {:x}, fs", out(reg) fs, options(nomem, nostack, preserves_flags)) };
        // SAFETY: reads a segment register, and nothing else.
        unsafe { asm!("mov {:x}, gs", out(reg) gs, options(nomem, nostack, preserves_flags)) };
        // SAFETY: reads a segment register, and nothing else.
        unsafe { asm!("str {:x}", out(reg) tr, options(nomem, nostack, preserves_flags)) };
        // SAFETY: reads a segment register, and nothing else.
        unsafe { asm!("sldt {:x}", out(reg) ldtr, options(nomem, nostack, preserves_flags)) };
        Selectors {
            fs: Selector(fs),
            gs: Selector(gs),
            tr: Selector(tr),
            ldtr: Selector(ldtr),
        }
    }

    fn global_descriptor<const QUADWORDS: usize>(
        &mut self,
        selector: Selector,
    ) -> [u64; QUADWORDS] {
        self.descriptors.descriptor(selector)
    }
}
