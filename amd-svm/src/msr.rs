//! Model-specific registers: the numbers that a capture reads, and the layouts that it decides by.
//!
//! The type of a register's value knows the register's number, and [`Msr`] is the closed set of
//! those that this crate's algorithms read.

use core::fmt;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// The registers that this crate's algorithms may read: a closed set, so that no caller can turn
/// an arbitrary index into an `RDMSR`.
///
/// Source: APM volume 2, appendix A.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u32)]
pub enum Msr {
    /// `SYSENTER_CS`.
    SysenterCs = 0x174,
    /// `SYSENTER_ESP`.
    SysenterEsp = 0x175,
    /// `SYSENTER_EIP`.
    SysenterEip = 0x176,
    /// Extended feature enable register, see [`Efer`].
    Efer = Efer::NUMBER,
    /// `STAR`.
    Star = Star::NUMBER,
    /// `LSTAR`.
    Lstar = 0xC000_0082,
    /// `CSTAR`.
    Cstar = 0xC000_0083,
    /// `SFMASK`.
    Sfmask = 0xC000_0084,
    /// `FS.base`.
    FsBase = 0xC000_0100,
    /// `GS.base`.
    GsBase = 0xC000_0101,
    /// `KernelGsBase`.
    KernelGsBase = 0xC000_0102,
    /// Virtual machine control, see [`VmCr`].
    VmCr = VmCr::NUMBER,
}

impl Msr {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::SysenterCs,
        Self::SysenterEsp,
        Self::SysenterEip,
        Self::Efer,
        Self::Star,
        Self::Lstar,
        Self::Cstar,
        Self::Sfmask,
        Self::FsBase,
        Self::GsBase,
        Self::KernelGsBase,
        Self::VmCr,
    ];

    /// The register's number, as `RDMSR` takes it in ECX.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

impl fmt::Display for Msr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SysenterCs => "SYSENTER_CS",
            Self::SysenterEsp => "SYSENTER_ESP",
            Self::SysenterEip => "SYSENTER_EIP",
            Self::Efer => "EFER",
            Self::Star => "STAR",
            Self::Lstar => "LSTAR",
            Self::Cstar => "CSTAR",
            Self::Sfmask => "SFMASK",
            Self::FsBase => "FS.base",
            Self::GsBase => "GS.base",
            Self::KernelGsBase => "KernelGsBase",
            Self::VmCr => "VM_CR",
        })
    }
}

/// `EFER`, the extended feature enable register.
///
/// Source: APM volume 2, section 3.1.7.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
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
    /// LMSLE: segment limits are enforced in long mode.
    pub long_mode_segment_limit: bool,
    /// FFXSR: `FXSAVE` and `FXRSTOR` leave the XMM registers out.
    pub fast_fxsave: bool,
    /// TCE: flushes of a translation keep unrelated upper levels.
    pub translation_cache_extension: bool,
    __: bool,
    /// MCOMMIT: that instruction is enabled.
    pub mcommit: bool,
    /// INTWB: `WBINVD` can be interrupted.
    pub interruptible_wbinvd: bool,
    __: bool,
    /// UAIE: upper address bits are ignored.
    pub upper_address_ignore: bool,
    /// AIBRSE: indirect branches are restricted automatically.
    pub automatic_ibrs: bool,
    #[bits(42)]
    __: u64,
}

impl Efer {
    /// The register's number.
    pub const NUMBER: u32 = 0xC000_0080;
}

/// `STAR`: where SYSCALL and SYSRET take their selectors from.
///
/// `LSTAR`, `CSTAR`, `SYSENTER_ESP`, `SYSENTER_EIP` and `KernelGsBase` are plain addresses, `SFMASK`
/// a mask of RFLAGS, `SYSENTER_CS` a selector. Source: APM volume 2, section 6.1.1.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Star {
    /// Where SYSCALL enters from 32-bit code in legacy mode.
    pub legacy_entry: u32,
    /// SYSCALL loads CS from it, and SS from the selector behind.
    pub syscall_selector: u16,
    /// SYSRET loads CS and SS from the selectors behind it.
    pub sysret_selector: u16,
}

impl Star {
    /// The register's number.
    pub const NUMBER: u32 = 0xC000_0081;
}

/// `PAT`, the page attribute table: the eight memory types that page tables choose from.
///
/// Source: APM volume 2, section 7.8.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Pat {
    /// Type 0, the one of a table entry with PAT, PCD and PWT clear; and so on in binary.
    pub pa0: u8,
    /// Type 1.
    pub pa1: u8,
    /// Type 2.
    pub pa2: u8,
    /// Type 3.
    pub pa3: u8,
    /// Type 4.
    pub pa4: u8,
    /// Type 5.
    pub pa5: u8,
    /// Type 6.
    pub pa6: u8,
    /// Type 7.
    pub pa7: u8,
}

/// A memory type as [`Pat`] encodes it.
///
/// Source: APM volume 2, section 7.8.1, table 7-10.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum MemoryType {
    /// UC.
    Uncacheable = 0,
    /// WC.
    WriteCombining = 1,
    /// WT.
    WriteThrough = 4,
    /// WP.
    WriteProtect = 5,
    /// WB.
    WriteBack = 6,
    /// UC-, which memory type range registers may turn into WC.
    UncacheableMinus = 7,
}

impl MemoryType {
    /// The type of an encoding; `None` for one that is reserved.
    #[must_use]
    pub const fn new(encoding: u8) -> Option<Self> {
        Some(match encoding {
            0 => Self::Uncacheable,
            1 => Self::WriteCombining,
            4 => Self::WriteThrough,
            5 => Self::WriteProtect,
            6 => Self::WriteBack,
            7 => Self::UncacheableMinus,
            _ => return None,
        })
    }
}

impl Pat {
    /// The register's number.
    pub const NUMBER: u32 = 0x277;

    /// What the register holds after a reset: WB, WT, UC-, UC, and the same again.
    pub const AFTER_RESET: Self = Self::from_bits(0x0007_0406_0007_0406);

    /// The encodings, from type 0 to type 7.
    #[must_use]
    pub const fn encodings(self) -> [u8; 8] {
        self.into_bits().to_le_bytes()
    }

    /// Whether each encoding is a memory type: VMRUN refuses another under nested paging.
    ///
    /// ```
    /// use amd_svm::msr::Pat;
    ///
    /// assert!(Pat::AFTER_RESET.is_valid());
    /// assert!(!Pat::AFTER_RESET.with_pa3(2).is_valid());
    /// ```
    #[must_use]
    pub fn is_valid(self) -> bool {
        let mut types = self.encodings().into_iter().map(MemoryType::new);
        types.all(|memory_type| memory_type.is_some())
    }
}

/// `DebugCtl`: recording of branches, and what traps.
///
/// Source: APM volume 2, section 13.1.1.6.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct DebugControl {
    /// LBR: the last branch and the last exception are recorded.
    pub last_branch_record: bool,
    /// BTF: a single step is from branch to branch.
    pub branch_single_step: bool,
    /// BLCKDB: a bus lock raises `#DB`, where that is supported.
    pub bus_lock_trap: bool,
    #[bits(61)]
    __: u64,
}

impl DebugControl {
    /// The register's number.
    pub const NUMBER: u32 = 0x1D9;
}

/// `VM_HSAVE_PA`, the page that VMRUN saves the host's state in: a physical address, of which the
/// lowest 12 bits are zero.
///
/// Source: APM volume 2, section 15.30.4.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct VmHsavePa(u64);

impl VmHsavePa {
    /// The register's number.
    pub const NUMBER: u32 = 0xC001_0117;

    /// The register's value for a page; `None` if the address is not a page's.
    ///
    /// ```
    /// use amd_svm::msr::VmHsavePa;
    ///
    /// assert_eq!(VmHsavePa::new(0x5000).map(VmHsavePa::value), Some(0x5000));
    /// assert_eq!(VmHsavePa::new(0x5008), None);
    /// ```
    #[must_use]
    pub const fn new(page: u64) -> Option<Self> {
        if page.is_multiple_of(crate::vmcb::VMCB_SIZE as u64) {
            Some(Self(page))
        } else {
            None
        }
    }

    /// The physical address.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
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

impl VmCr {
    /// The register's number.
    pub const NUMBER: u32 = 0xC001_0114;
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
    fn star_of_windows_has_its_selectors_in_the_upper_half() {
        let star = Star::from(0x0023_0010_0000_0000);
        assert_eq!(star.syscall_selector(), 0x10);
        assert_eq!(star.sysret_selector(), 0x23);
        assert_eq!(star.legacy_entry(), 0);
    }

    #[test]
    fn vm_cr_has_lock_in_bit_3_and_svmdis_in_bit_4() {
        assert!(VmCr::from(1 << 3).lock());
        assert!(VmCr::from(1 << 4).svm_disable());
        assert!(!VmCr::from(!(1 << 4)).svm_disable());
    }
}
