//! What the algorithms of this crate ask of the logical processor that they run on.

use core::fmt;

use crate::cpuid::CpuidResult;
use crate::descriptor::Selector;
use crate::msr::{Efer, Msr};

/// The selectors of the segment registers that VMSAVE stores.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Selectors {
    /// By `MOV`.
    pub fs: Selector,
    /// By `MOV`.
    pub gs: Selector,
    /// By `STR`.
    pub tr: Selector,
    /// By `SLDT`.
    pub ldtr: Selector,
}

/// An exception that a guarded instruction raised instead of completing.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fault {
    /// `#UD`, vector 6.
    InvalidOpcode,
    /// `#GP`, vector 13.
    GeneralProtection,
    /// Any other exception.
    Other,
}

/// An exception of the pair of instructions that writes `EFER` and reads it back.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum EferFault {
    /// Of `WRMSR`: the register is as it was.
    Write(Fault),
    /// Of `RDMSR`: the register was written.
    Read(Fault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidOpcode => "#UD",
            Self::GeneralProtection => "#GP",
            Self::Other => "an unexpected exception",
        })
    }
}

/// The logical processor that the caller runs on, with a VMCB page of its own.
///
/// All methods act on one and the same processor: the caller does not migrate between two of them,
/// and is not interrupted where an algorithm asks for that. What an instruction could break is out
/// of reach: the registers that can be read are a closed set, the only one that can be written is
/// `EFER`, and the page that VMSAVE writes belongs to the implementation.
pub trait Processor {
    /// Executes `CPUID` with EAX = `leaf` and ECX = `subleaf`.
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult;

    /// Executes `RDMSR`.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn read_msr(&mut self, msr: Msr) -> Result<u64, Fault>;

    /// Executes `RDMSR` of several registers, in order. An implementation that can do so faster
    /// than one by one provides its own.
    ///
    /// # Errors
    ///
    /// The first register whose reading raised an exception, and which.
    fn read_msrs<const COUNT: usize>(
        &mut self,
        msrs: &[Msr; COUNT],
        values: &mut [u64; COUNT],
    ) -> Result<(), (Msr, Fault)> {
        for (value, &msr) in values.iter_mut().zip(msrs) {
            *value = self.read_msr(msr).map_err(|fault| (msr, fault))?;
        }
        Ok(())
    }

    /// Executes `WRMSR` of `EFER`.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn write_efer(&mut self, value: Efer) -> Result<(), Fault>;

    /// Executes `WRMSR` of `EFER`, and `RDMSR` of it: what it holds now. An implementation that can
    /// do so faster than one by one provides its own.
    ///
    /// # Errors
    ///
    /// Which of the two raised an exception.
    fn write_and_read_efer(&mut self, value: Efer) -> Result<Efer, EferFault> {
        self.write_efer(value).map_err(EferFault::Write)?;
        self.read_msr(Msr::Efer)
            .map(Efer::from)
            .map_err(EferFault::Read)
    }

    /// Executes `VMSAVE` into the page that belongs to this processor.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn vmsave(&mut self) -> Result<(), Fault>;

    /// Executes `RDTSC`: cycles of the time-stamp counter.
    fn tsc(&mut self) -> u64;

    /// The same, but its lower half alone: enough to see how long a capture takes. An
    /// implementation that need not put the halves together first provides its own.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    fn cycles(&mut self) -> u32 {
        self.tsc() as u32
    }

    /// The selectors of FS, GS, TR and LDTR.
    fn selectors(&mut self) -> Selectors;

    /// The one or two quadwords of the descriptor that a selector selects in the global descriptor
    /// table; zeros where there is none, as [`Selector::global_quadword`] tells.
    fn global_descriptor<const QUADWORDS: usize>(&mut self, selector: Selector)
    -> [u64; QUADWORDS];
}
