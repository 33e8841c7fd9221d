//! Whether the processor supports VMSAVE: asked in an order in which no question can fault without
//! being answered.

use core::fmt;

use crate::msr::{Msr, VmCr};
use crate::{Fault, Processor, cpuid};

/// Why VMSAVE is not possible on a processor, or was not completed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refusal {
    /// The processor's vendor does not make processors with SVM.
    NotAmd,
    /// CPUID does not report SVM.
    NoSvm {
        /// A hypervisor is present, which may hide what the hardware has.
        hypervisor: bool,
    },
    /// `VM_CR.SVMDIS` is set: firmware, or a hypervisor, switched SVM off.
    Disabled {
        /// `VM_CR.LOCK` is set: only firmware can switch it on again.
        locked: bool,
    },
    /// `EFER.SVME` was set without a fault, and reads back clear.
    SvmeDoesNotStick,
    /// An instruction raised an exception.
    Fault {
        /// The instruction.
        step: Step,
        /// The exception.
        fault: Fault,
    },
}

/// The instructions of a capture that may fault.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Step {
    /// `RDMSR` of a register.
    Read(Msr),
    /// `WRMSR` of `EFER`, to set SVME.
    SetSvme,
    /// `RDMSR` of `EFER`, to see whether SVME is set.
    ConfirmSvme,
    /// `VMSAVE`.
    Vmsave,
    /// `WRMSR` of `EFER`, to put back what was found.
    RestoreEfer,
    /// `RDMSR` of `EFER`, to see whether it is as it was found.
    ConfirmEfer,
}

/// The token that a processor supports VMSAVE: only [`check`] gives it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Supported {
    cycles: u32,
}

impl Supported {
    /// What the check took, in cycles of the time-stamp counter.
    #[must_use]
    pub fn cycles(&self) -> u32 {
        self.cycles
    }
}

/// Asks whether a processor supports VMSAVE, and changes nothing.
///
/// The order matters: an MSR is read only once CPUID has vouched for it (APM volume 2, sections
/// 15.4 and 15.30.1). What is asked does not change from one moment to the next, so interrupts may
/// be on, and time may pass between the check and a [capture](crate::capture::capture()).
///
/// # Errors
///
/// The first answer that speaks against VMSAVE.
#[expect(
    clippy::inline_always,
    reason = "the answer would go through memory, in every capture"
)]
#[inline(always)]
pub fn check(processor: &mut impl Processor) -> Result<Supported, Refusal> {
    let begun = processor.cycles();
    if !cpuid::has_svm_vendor(processor) {
        return Err(Refusal::NotAmd);
    }
    if !cpuid::has_svm(processor) {
        return Err(Refusal::NoSvm {
            hypervisor: cpuid::hypervisor(processor).is_some(),
        });
    }
    let vm_cr = VmCr::from(read(processor, Msr::VmCr)?);
    if vm_cr.svm_disable() {
        return Err(Refusal::Disabled {
            locked: vm_cr.lock(),
        });
    }
    Ok(Supported {
        cycles: processor.cycles().wrapping_sub(begun),
    })
}

/// Reads a register, and names it if that faults.
pub(crate) fn read(processor: &mut impl Processor, msr: Msr) -> Result<u64, Refusal> {
    processor.read_msr(msr).map_err(|fault| Refusal::Fault {
        step: Step::Read(msr),
        fault,
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAmd => f.write_str("the processor is not made by AMD or Hygon"),
            Self::NoSvm { hypervisor: false } => f.write_str("the processor does not have SVM"),
            Self::NoSvm { hypervisor: true } => {
                f.write_str("the processor does not report SVM, and a hypervisor may hide it")
            }
            Self::Disabled { locked: false } => f.write_str("SVM is disabled (VM_CR.SVMDIS)"),
            Self::Disabled { locked: true } => {
                f.write_str("SVM is disabled by firmware and locked (VM_CR.SVMDIS, VM_CR.LOCK)")
            }
            Self::SvmeDoesNotStick => {
                f.write_str("EFER.SVME reads back clear after it was set: a hypervisor refuses it")
            }
            Self::Fault { step, fault } => write!(f, "{step} raised {fault}"),
        }
    }
}

impl core::error::Error for Refusal {}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(msr) => write!(f, "reading {msr}"),
            Self::SetSvme => f.write_str("setting EFER.SVME"),
            Self::ConfirmSvme => f.write_str("reading EFER back"),
            Self::Vmsave => f.write_str("VMSAVE"),
            Self::RestoreEfer => f.write_str("restoring EFER"),
            Self::ConfirmEfer => f.write_str("reading EFER after it was restored"),
        }
    }
}
