//! What exits: the intercept vectors of a VMCB.

use core::fmt;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

use super::Exception;

/// Which of 16 control or debug registers exit: bit *n* stands for CR*n* or DR*n*.
///
/// Source: APM volume 2, sections 15.8 and 15.9, and appendix B, table B-1.
#[repr(transparent)]
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq, Pod, Zeroable)]
pub struct RegisterIntercepts(pub u16);

impl RegisterIntercepts {
    /// No register.
    pub const NONE: Self = Self(0);
    /// Every register.
    pub const ALL: Self = Self(u16::MAX);

    /// The same, and the register of a number too, of which 0 to 15 exist.
    ///
    /// ```
    /// use amd_svm::vmcb::RegisterIntercepts;
    ///
    /// const WRITES: RegisterIntercepts = RegisterIntercepts::NONE.with(0).with(4);
    /// assert_eq!(WRITES.0, 0b1_0001);
    /// assert!(WRITES.contains(4) && !WRITES.contains(3) && !WRITES.contains(16));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no register of that number: in a constant, when it is compiled.
    #[must_use]
    pub const fn with(self, register: u8) -> Self {
        assert!(register < 16, "registers are numbered 0 to 15");
        Self(self.0 | 1 << register)
    }

    /// The same without the register of a number.
    #[must_use]
    pub const fn without(self, register: u8) -> Self {
        if register < 16 {
            Self(self.0 & !(1 << register))
        } else {
            self
        }
    }

    const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    const fn into_bits(self) -> u16 {
        self.0
    }

    /// Whether the register of a number exits.
    #[must_use]
    pub const fn contains(self, register: u8) -> bool {
        register < 16 && self.0 >> register & 1 == 1
    }
}

impl fmt::Debug for RegisterIntercepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registers = (0_u8..16).filter(|register| self.contains(*register));
        f.debug_set().entries(registers).finish()
    }
}

/// Which exceptions exit: bit *n* stands for vector *n*.
///
/// Source: APM volume 2, section 15.12, and appendix B, table B-1.
#[repr(transparent)]
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq, Pod, Zeroable)]
pub struct ExceptionIntercepts(pub u32);

impl ExceptionIntercepts {
    /// No exception.
    pub const NONE: Self = Self(0);
    /// Every exception.
    pub const ALL: Self = Self(u32::MAX);

    /// The same, and an exception too.
    ///
    /// ```
    /// use amd_svm::vmcb::{Exception, ExceptionIntercepts};
    ///
    /// let faults = ExceptionIntercepts::NONE.with(Exception::PAGE_FAULT);
    /// assert_eq!(faults.0, 1 << 14);
    /// assert!(faults.contains(Exception::PAGE_FAULT));
    /// ```
    #[must_use]
    pub const fn with(self, exception: Exception) -> Self {
        Self(self.0 | 1 << exception.vector())
    }

    /// The same without an exception.
    #[must_use]
    pub const fn without(self, exception: Exception) -> Self {
        Self(self.0 & !(1 << exception.vector()))
    }

    /// Whether an exception exits.
    #[must_use]
    pub const fn contains(self, exception: Exception) -> bool {
        self.0 >> exception.vector() & 1 == 1
    }
}

impl fmt::Debug for ExceptionIntercepts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exceptions = (0..32).filter_map(Exception::new);
        let chosen = exceptions.filter(|exception| self.contains(*exception));
        f.debug_set().entries(chosen).finish()
    }
}

/// What exits, third word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Intercepts1 {
    /// A physical interrupt exits.
    pub interrupt: bool,
    /// An NMI exits.
    pub nmi: bool,
    /// An SMI exits.
    pub smi: bool,
    /// An INIT exits.
    pub init: bool,
    /// Readiness for a virtual interrupt exits.
    pub virtual_interrupt: bool,
    /// A write of CR0 that changes more than TS and MP exits.
    pub cr0_selective_write: bool,
    /// SIDT exits.
    pub idtr_read: bool,
    /// SGDT exits.
    pub gdtr_read: bool,
    /// SLDT exits.
    pub ldtr_read: bool,
    /// STR exits.
    pub tr_read: bool,
    /// LIDT exits.
    pub idtr_write: bool,
    /// LGDT exits.
    pub gdtr_write: bool,
    /// LLDT exits.
    pub ldtr_write: bool,
    /// LTR exits.
    pub tr_write: bool,
    /// RDTSC exits.
    pub rdtsc: bool,
    /// RDPMC exits.
    pub rdpmc: bool,
    /// PUSHF exits.
    pub pushf: bool,
    /// POPF exits.
    pub popf: bool,
    /// CPUID exits.
    pub cpuid: bool,
    /// RSM exits.
    pub rsm: bool,
    /// IRET exits.
    pub iret: bool,
    /// INT n exits.
    pub software_interrupt: bool,
    /// INVD exits.
    pub invd: bool,
    /// PAUSE exits.
    pub pause: bool,
    /// HLT exits.
    pub hlt: bool,
    /// INVLPG exits.
    pub invlpg: bool,
    /// INVLPGA exits.
    pub invlpga: bool,
    /// An access to a port that the I/O permission map marks exits.
    pub io: bool,
    /// An access to a register that the MSR permission map marks exits.
    pub msr: bool,
    /// A task switch exits.
    pub task_switch: bool,
    /// A processor frozen by FERR exits.
    pub ferr_freeze: bool,
    /// A shutdown exits.
    pub shutdown: bool,
}

/// What exits, fourth word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Intercepts2 {
    /// VMRUN exits; VMRUN refuses a VMCB in which this is clear.
    pub vmrun: bool,
    /// VMMCALL exits.
    pub vmmcall: bool,
    /// VMLOAD exits.
    pub vmload: bool,
    /// VMSAVE exits.
    pub vmsave: bool,
    /// STGI exits.
    pub stgi: bool,
    /// CLGI exits.
    pub clgi: bool,
    /// SKINIT exits.
    pub skinit: bool,
    /// RDTSCP exits.
    pub rdtscp: bool,
    /// ICEBP exits.
    pub icebp: bool,
    /// WBINVD and WBNOINVD exits.
    pub wbinvd: bool,
    /// MONITOR and MONITORX exits.
    pub monitor: bool,
    /// MWAIT and MWAITX exits.
    pub mwait: bool,
    /// MWAIT and MWAITX with the monitor armed exits.
    pub mwait_armed: bool,
    /// XSETBV exits.
    pub xsetbv: bool,
    /// RDPRU exits.
    pub rdpru: bool,
    /// A write of `EFER` exits, behind the instruction.
    pub efer_write: bool,
    /// A write of CR*n* exits behind the instruction if bit *n* is set.
    #[bits(16, from = RegisterIntercepts::from_bits, into = RegisterIntercepts::into_bits)]
    pub cr_write_after: RegisterIntercepts,
}

/// What exits, fifth word of the intercept vector.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.9.
#[bitfield(u32)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Intercepts3 {
    /// INVLPGB exits.
    pub invlpgb: bool,
    /// An INVLPGB that is not permitted exits.
    pub invlpgb_illegal: bool,
    /// INVPCID exits.
    pub invpcid: bool,
    /// MCOMMIT exits.
    pub mcommit: bool,
    /// TLBSYNC exits.
    pub tlbsync: bool,
    /// A bus lock beyond the threshold exits.
    pub bus_lock: bool,
    /// HLT with no virtual interrupt pending exits.
    pub idle_hlt: bool,
    #[bits(25)]
    __: u32,
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn what_is_chosen_is_printed_and_can_be_taken_back() {
        let registers = RegisterIntercepts::NONE.with(0).with(8);
        assert_eq!(format!("{registers:?}"), "{0, 8}");
        assert_eq!(registers.without(8).without(16), RegisterIntercepts(1));
        let exceptions = ExceptionIntercepts::NONE.with(Exception::DEBUG);
        let exceptions = exceptions.with(Exception::PAGE_FAULT);
        assert_eq!(format!("{exceptions:?}"), "{#DB, #PF}");
        let without = exceptions.without(Exception::DEBUG);
        assert!(!without.contains(Exception::DEBUG) && without.contains(Exception::PAGE_FAULT));
    }

    #[test]
    fn writes_behind_the_instruction_are_the_upper_half_of_the_fourth_word() {
        let intercepts = Intercepts2::new().with_cr_write_after(RegisterIntercepts::NONE.with(4));
        assert_eq!(u32::from(intercepts), 1 << 20);
        assert!(intercepts.cr_write_after().contains(4));
    }

    #[test]
    #[should_panic(expected = "0 to 15")]
    fn a_register_of_another_number_does_not_exist() {
        let _ = RegisterIntercepts::NONE.with(16);
    }
}
