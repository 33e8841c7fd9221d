//! What VMRUN keeps and drops of what the processor has cached.

use core::fmt;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// What VMRUN flushes from the translation buffer: an open enumeration.
///
/// Source: APM volume 2, section 15.16.2.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct TlbControl(pub u8);

impl TlbControl {
    /// Nothing.
    pub const NOTHING: Self = Self(0);
    /// Everything, of all address spaces.
    pub const ALL: Self = Self(1);
    /// This guest's translations; needs [`flush_by_asid`](crate::cpuid::SvmFeatures).
    pub const GUEST: Self = Self(3);
    /// This guest's translations that are not global; needs the same.
    pub const GUEST_NON_GLOBAL: Self = Self(7);

    /// Whether the manual defines the value.
    #[must_use]
    pub const fn is_defined(self) -> bool {
        matches!(self.0, 0 | 1 | 3 | 7)
    }
}

impl fmt::Display for TlbControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::NOTHING => "nothing is flushed",
            Self::ALL => "all address spaces are flushed",
            Self::GUEST => "the guest's translations are flushed",
            Self::GUEST_NON_GLOBAL => "the guest's translations that are not global are flushed",
            Self(other) => return write!(f, "reserved value {other:#x}"),
        })
    }
}

/// The return address predictor of a guest: the byte behind `TLB_CONTROL`.
///
/// Source: APM volume 2, appendix B, table B-1, offset 058h, bits 40 and 41.
#[bitfield(u8)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct ReturnPredictor {
    /// `ALLOW_LARGER_RAP`: the guest has all entries, not 32.
    pub larger: bool,
    /// `CLEAR_RAP`: VMRUN clears it.
    pub clear: bool,
    #[bits(6)]
    __: u8,
}

/// What is unchanged since the last run of this VMCB on this processor and may come from a cache.
///
/// Source: APM volume 2, section 15.15.3.
#[bitfield(u32)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct CleanBits {
    /// Intercepts, TSC offset, pause filter.
    pub intercepts: bool,
    /// Addresses of the permission maps.
    pub permission_maps: bool,
    /// Address space identifier.
    pub asid: bool,
    /// Virtual interrupt.
    pub virtual_interrupt: bool,
    /// Nested paging: `N_CR3`, PAT.
    pub nested_paging: bool,
    /// CR0, CR3, CR4, `EFER`.
    pub control_registers: bool,
    /// DR6, DR7.
    pub debug_registers: bool,
    /// GDTR and IDTR.
    pub descriptor_tables: bool,
    /// ES, CS, SS, DS and the current privilege level.
    pub segments: bool,
    /// CR2.
    pub cr2: bool,
    /// The last branch record.
    pub last_branch_record: bool,
    /// The virtual interrupt controller.
    pub avic: bool,
    /// Shadow stacks.
    pub cet: bool,
    #[bits(19)]
    __: u32,
}

impl CleanBits {
    /// Nothing may come from a cache: what a VMCB has to say before its first run on a processor.
    pub const NOTHING: Self = Self::new();
}
