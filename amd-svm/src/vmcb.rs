//! The virtual machine control block: what VMRUN runs, and where VMSAVE writes.

mod avic;
mod cache;
pub mod consistency;
mod control;
mod debug;
mod event;
mod exception;
mod exit;
mod exit_code;
mod extensions;
pub mod fields;
mod intercepts;
mod interrupt;
mod permission;
mod save;
mod vmsa;

use core::fmt;
use core::ops::Range;

use bytemuck::{Pod, Zeroable};

use crate::segment::Segment;

pub use avic::{AvicLogicalEntry, AvicPhysicalEntry, AvicPhysicalTable};
pub use cache::{CleanBits, ReturnPredictor, TlbControl};
pub use control::ControlArea;
pub use event::{Event, EventError, EventKind};
pub use exception::Exception;
pub use exit::{
    AvicIncompleteIpi, AvicNoAcceleration, Exit, IoAccess, IpiFailure, NestedPageFault,
    PageFaultCode, RegisterAccess, Smi, SmiAccess, TaskSwitch,
};
pub use exit_code::{ExitCode, ExitKind};
pub use extensions::{NestedControl, VirtualizationExtensions};
pub use intercepts::{
    ExceptionIntercepts, Intercepts1, Intercepts2, Intercepts3, RegisterIntercepts,
};
pub use interrupt::{InterruptShadow, VirtualInterrupt};
pub use permission::{Access, IoPermissionMap, MsrPermissionMap, OutsideMsrMap};
pub use save::{Branch, SaveArea};
pub use vmsa::{SevFeatures, VMSA_SIZE, Vmsa};

/// Size and alignment of a VMCB in bytes.
pub const VMCB_SIZE: usize = 4096;

/// Offset of the [`SaveArea`] from the start of the VMCB, in bytes.
pub const SAVE_AREA_OFFSET: usize = 0x400;

/// A virtual machine control block: one page, which belongs to the processor while it executes
/// VMRUN, VMSAVE or VMLOAD.
///
/// Source: APM volume 2, appendix B.
#[repr(C, align(4096))]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct Vmcb {
    /// The control area, which VMSAVE and VMLOAD neither read nor write.
    pub control: ControlArea,
    /// The state save area.
    pub save: SaveArea,
    /// The rest of the page.
    pub rest: [u8; VMCB_SIZE - SAVE_AREA_OFFSET - size_of::<SaveArea>()],
}

/// The model-specific registers that VMSAVE stores, in the order of the save area.
///
/// Source: APM volume 2, sections 6.1 (SYSCALL, SYSENTER) and appendix B.
#[repr(C)]
#[derive(Clone, Copy, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct SystemCallRegisters {
    /// `STAR` (`C000_0081`): selectors of SYSCALL and SYSRET, and the 32-bit entry point.
    pub star: u64,
    /// `LSTAR` (`C000_0082`): where SYSCALL enters from 64-bit code.
    pub lstar: u64,
    /// `CSTAR` (`C000_0083`): where SYSCALL enters from compatibility mode.
    pub cstar: u64,
    /// `SFMASK` (`C000_0084`): the flags that SYSCALL clears.
    pub sfmask: u64,
    /// `KernelGsBase` (`C000_0102`): what SWAPGS exchanges with the GS base.
    pub kernel_gs_base: u64,
    /// `SYSENTER_CS` (`0000_0174`): code selector of SYSENTER.
    pub sysenter_cs: u64,
    /// `SYSENTER_ESP` (`0000_0175`): stack pointer of SYSENTER.
    pub sysenter_esp: u64,
    /// `SYSENTER_EIP` (`0000_0176`): where SYSENTER enters.
    pub sysenter_eip: u64,
}

/// All in hexadecimal.
impl fmt::Debug for SystemCallRegisters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemCallRegisters")
            .field("star", &format_args!("{:#x}", self.star))
            .field("lstar", &format_args!("{:#x}", self.lstar))
            .field("cstar", &format_args!("{:#x}", self.cstar))
            .field("sfmask", &format_args!("{:#x}", self.sfmask))
            .field(
                "kernel_gs_base",
                &format_args!("{:#x}", self.kernel_gs_base),
            )
            .field("sysenter_cs", &format_args!("{:#x}", self.sysenter_cs))
            .field("sysenter_esp", &format_args!("{:#x}", self.sysenter_esp))
            .field("sysenter_eip", &format_args!("{:#x}", self.sysenter_eip))
            .finish()
    }
}

/// What VMSAVE stores, without the gaps between: 128 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct VmsaveState {
    /// FS with its hidden part.
    pub fs: Segment,
    /// GS with its hidden part; the base is the live GS base.
    pub gs: Segment,
    /// LDTR with its hidden part.
    pub ldtr: Segment,
    /// TR with its hidden part.
    pub tr: Segment,
    /// The registers of the system-call instructions.
    pub system_call: SystemCallRegisters,
}

/// Where the bytes of [`VmsaveState`] stand in the VMCB, in order, as offsets from its start.
///
/// VMSAVE writes these 128 bytes and leaves the other 3968.
pub const VMSAVE_RANGES: [Range<usize>; 4] =
    [0x440..0x460, 0x470..0x480, 0x490..0x4A0, 0x600..0x640];

impl Vmcb {
    /// Zeros. VMRUN refuses it as it is: it wants the VMRUN intercept, an address space identifier
    /// that is not 0, and `EFER.SVME` at least; [`consistency`] says what else.
    ///
    /// ```
    /// use amd_svm::vmcb::Vmcb;
    ///
    /// static GUEST: Vmcb = Vmcb::new();
    /// let mut vmcb = GUEST;
    /// vmcb.control.asid = 1;
    /// vmcb.save.efer.set_svme(true);
    /// assert_eq!(format!("{vmcb:?}"), "Vmcb { asid: 0x1, efer: 0x1000 }");
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        bytemuck::zeroed()
    }

    /// The VMCB of a page's bytes: any bytes are one.
    #[must_use]
    pub const fn from_page(page: [u8; VMCB_SIZE]) -> Self {
        bytemuck::must_cast(page)
    }
}

impl Default for Vmcb {
    fn default() -> Self {
        Self::new()
    }
}

/// What is not zero, in hexadecimal, by the names of [`fields::VMCB`].
impl fmt::Debug for Vmcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::page(f, "Vmcb", bytemuck::bytes_of(self), 0, fields::VMCB)
    }
}

impl VmsaveState {
    /// Puts the state back to where VMSAVE stores it in a page, and leaves the rest of the page.
    pub fn write_to(&self, page: &mut [u8; VMCB_SIZE]) {
        let mut state = bytemuck::bytes_of(self);
        for range in VMSAVE_RANGES {
            let (head, tail) = state.split_at(range.len());
            page[range].copy_from_slice(head);
            state = tail;
        }
    }

    /// Takes the state out of a page that VMSAVE wrote to.
    #[must_use]
    pub fn read_from(page: &[u8; VMCB_SIZE]) -> Self {
        let mut state = Self::default();
        let mut bytes = bytemuck::bytes_of_mut(&mut state);
        for range in VMSAVE_RANGES {
            let (head, tail) = bytes.split_at_mut(range.len());
            head.copy_from_slice(&page[range]);
            bytes = tail;
        }
        state
    }
}

// The offset of each field is asserted where [`VmsaveField`](crate::fields::VmsaveField) lists it.
const _: () = {
    assert!(size_of::<Vmcb>() == VMCB_SIZE && align_of::<Vmcb>() == VMCB_SIZE);
    assert!(core::mem::offset_of!(Vmcb, save) == SAVE_AREA_OFFSET);
    assert!(size_of::<VmsaveState>() == 128);
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::boxed::Box;

    use super::*;

    #[test]
    fn the_ranges_hold_exactly_what_vmsave_stores() {
        let length: usize = VMSAVE_RANGES.iter().map(ExactSizeIterator::len).sum();
        assert_eq!(length, size_of::<VmsaveState>());
    }

    proptest! {
        #[test]
        fn a_state_survives_the_way_through_a_page(bytes: [[u8; 32]; 4], filler: u8) {
            let state: VmsaveState = bytemuck::pod_read_unaligned(bytes.as_flattened());
            let mut page = Box::new([filler; VMCB_SIZE]);
            state.write_to(&mut page);
            prop_assert_eq!(VmsaveState::read_from(&page), state);
            let vmcb = Vmcb::from_page(*page);
            prop_assert_eq!(vmcb.save.vmsave_state(), state);
            let untouched = page
                .iter()
                .enumerate()
                .filter(|(at, _)| !VMSAVE_RANGES.iter().any(|range| range.contains(at)));
            prop_assert!(untouched.clone().all(|(_, byte)| *byte == filler));
            prop_assert_eq!(untouched.count(), VMCB_SIZE - 128);
        }
    }
}
