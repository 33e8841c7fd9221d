//! The intrinsics under trial, each executed under guard and remembered if it completed.

#![expect(unsafe_code, reason = "executing the intrinsics is what this is for")]

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use amd_svm::intrinsics::{
    svm_clgi, svm_invlpga, svm_skinit, svm_stgi, svm_vmload, svm_vmrun, svm_vmsave,
};

use crate::trap::{Trap, attempt, attempt_on_ring_3};

/// An intrinsic.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Instruction {
    Vmrun,
    Vmload,
    Vmsave,
    Stgi,
    Clgi,
    Skinit,
    Invlpga,
}

use Instruction::{Clgi, Invlpga, Skinit, Stgi, Vmload, Vmrun, Vmsave};

/// Bits of the instructions that completed.
static COMPLETED: AtomicU32 = AtomicU32::new(0);

impl Instruction {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [Vmrun, Vmload, Vmsave, Stgi, Clgi, Skinit, Invlpga];

    /// Those that take the physical address of a VMCB.
    pub(crate) const WITH_VMCB: [Self; 3] = [Vmrun, Vmload, Vmsave];

    /// Whether it completed at least once.
    pub(crate) fn completed(self) -> bool {
        COMPLETED.load(Ordering::Relaxed) & self.bit() != 0
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }

    /// Executes the intrinsic under guard.
    pub(crate) fn attempt(self, operand: usize) -> Result<(), Trap> {
        attempt(move || self.execute(operand))?;
        COMPLETED.fetch_or(self.bit(), Ordering::Relaxed);
        Ok(())
    }

    /// Executes the intrinsic under guard, on ring 3.
    pub(crate) fn attempt_on_ring_3(self, operand: usize) -> Result<(), Trap> {
        attempt_on_ring_3(move || self.execute(operand))
    }

    /// The operand is the physical address of a page of ours, or one that faults; the virtual
    /// address of a page whose translation is to be dropped; or nothing.
    fn execute(self, operand: usize) {
        match self {
            // SAFETY: the trial has set up a guest and a host save area.
            Vmrun => unsafe { svm_vmrun(operand) },
            // SAFETY: the trial has put a state there that this kernel can go on with.
            Vmload => unsafe { svm_vmload(operand) },
            // SAFETY: the trial's own page.
            Vmsave => unsafe { svm_vmsave(operand) },
            // SAFETY: there is a handler for the only interrupt that is ever sent.
            Stgi => unsafe { svm_stgi() },
            // SAFETY: nothing here needs interrupts.
            Clgi => unsafe { svm_clgi() },
            // SAFETY: neither emulator has the instruction; its exception is what is tried.
            Skinit => unsafe { svm_skinit(0) },
            // SAFETY: the page tables say what they are meant to.
            Invlpga => unsafe { svm_invlpga(operand, 0) },
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Vmrun => "svm_vmrun",
            Vmload => "svm_vmload",
            Vmsave => "svm_vmsave",
            Stgi => "svm_stgi",
            Clgi => "svm_clgi",
            Skinit => "svm_skinit",
            Invlpga => "svm_invlpga",
        })
    }
}
