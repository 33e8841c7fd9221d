//! Model-specific registers: the numbers that a capture reads, and the layouts that it decides by.

use bitfield_struct::bitfield;

/// The registers that this crate's algorithms may read: a closed set, so that no caller can turn
/// an index of his own into an `RDMSR`.
///
/// Source: APM volume 2, appendix A.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum Msr {
    /// Extended feature enable register, see [`Efer`].
    Efer = 0xC000_0080,
    /// Virtual machine control, see [`VmCr`].
    VmCr = 0xC001_0114,
}

impl Msr {
    /// The register's number, as `RDMSR` takes it in ECX.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

/// `EFER`, the extended feature enable register.
///
/// Source: APM volume 2, section 3.1.7.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct Efer {
    /// SCE: `SYSCALL` and `SYSRET` are enabled.
    pub system_call: bool,
    #[bits(7)]
    __: u8,
    /// LME: long mode is enabled.
    pub long_mode_enable: bool,
    __: bool,
    /// LMA: long mode is active.
    pub long_mode_active: bool,
    /// NXE: no-execute pages are enabled.
    pub no_execute: bool,
    /// SVME: the SVM instructions are enabled.
    pub svme: bool,
    /// Features that a capture leaves alone.
    #[bits(51)]
    pub other: u64,
}

/// `VM_CR`, which firmware uses to switch SVM off.
///
/// Source: APM volume 2, section 15.30.1.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct VmCr {
    /// DPD: external debug interfaces are disabled.
    pub debug_port_disable: bool,
    /// `R_INIT`: INIT signals are converted into `#SX`.
    pub redirect_init: bool,
    /// DISA20M: A20 masking is disabled.
    pub a20_masking_disable: bool,
    /// LOCK: this register cannot be changed until a reset, or until a key is presented.
    pub lock: bool,
    /// SVMDIS: `EFER.SVME` cannot be set.
    pub svm_disable: bool,
    #[bits(59)]
    __: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn svme_is_bit_12_of_efer_and_a_change_of_it_leaves_every_other_bit() {
        assert_eq!(u64::from(Efer::from(0).with_svme(true)), 1 << 12);
        assert_eq!(u64::from(Efer::from(u64::MAX).with_svme(false)), !(1 << 12));
    }

    #[test]
    fn vm_cr_has_lock_in_bit_3_and_svmdis_in_bit_4() {
        assert!(VmCr::from(1 << 3).lock());
        assert!(VmCr::from(1 << 4).svm_disable());
        assert!(!VmCr::from(!(1 << 4)).svm_disable());
    }
}
