//! What the algorithms of this crate ask of the logical processor that they run on.

use core::fmt;

use crate::{
    cpuid::CpuidResult,
    descriptor::{Descriptor, Selector},
    msr::{Efer, Msr},
};

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
/// All methods act on one and the same processor: the caller neither migrates nor is interrupted
/// between two of them. What an instruction could break is out of reach: the registers that can
/// be read are a closed set, the only one that can be written is `EFER`, and the page that
/// VMSAVE writes belongs to the implementation.
pub trait Processor {
    /// Executes `CPUID` with EAX = `leaf` and ECX = `subleaf`.
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult;

    /// Executes `RDMSR`.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn read_msr(&mut self, msr: Msr) -> Result<u64, Fault>;

    /// Executes `WRMSR` of `EFER`.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn write_efer(&mut self, value: Efer) -> Result<(), Fault>;

    /// Executes `VMSAVE` into the page that belongs to this processor.
    ///
    /// # Errors
    ///
    /// The exception that the processor, or a hypervisor beneath, raised.
    fn vmsave(&mut self) -> Result<(), Fault>;

    /// Executes `RDTSC`: cycles of the time-stamp counter.
    fn tsc(&mut self) -> u64;

    /// The selectors of FS, GS, TR and LDTR.
    fn selectors(&mut self) -> Selectors;

    /// The descriptor at a selector's place in the global descriptor table, 16 bytes of it, or
    /// as many as there are: what lies beyond the table reads as zero.
    fn descriptor(&mut self, selector: Selector) -> Descriptor;
}
