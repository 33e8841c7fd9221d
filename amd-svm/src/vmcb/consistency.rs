//! What VMRUN refuses: the conditions under which it ends with `VMEXIT_INVALID` before the guest's
//! first instruction.
//!
//! ```
//! use amd_svm::vmcb::{Vmcb, consistency::{Capabilities, Condition, broken}};
//!
//! let mut vmcb = Vmcb::new();
//! let found: Vec<_> = broken(&vmcb, &Capabilities::ANY).collect();
//! assert_eq!(
//!     found,
//!     [Condition::SvmeClear, Condition::VmrunNotIntercepted, Condition::AsidZero],
//! );
//!
//! vmcb.control.asid = 1;
//! vmcb.control.intercepts_2.set_vmrun(true);
//! vmcb.save.efer.set_svme(true);
//! assert_eq!(broken(&vmcb, &Capabilities::ANY).next(), None);
//! ```
//!
//! Some depend on what the processor has, and two on the host that executes VMRUN: that is what
//! [`Capabilities`] are for. Not judged, because a VMCB does not have it, are `U_CET` in
//! virtual-8086 mode, `HWCR.SmmLock` of an SEV guest, and the save area of an SEV-ES guest: of the
//! conditions that [rest on it](Condition::rests_on_save_area), none counts as broken there. Where
//! clean bits are set, the processor judges what it has cached; here it is what the page says.
//!
//! Source: APM volume 2, section 15.5.1, and the sections that each [`Condition`] names.

mod capabilities;
mod condition;

pub use capabilities::Capabilities;
pub use condition::Condition;

use super::{
    AvicPhysicalTable, ControlArea, EventKind, Exception, IoPermissionMap, MsrPermissionMap,
    SaveArea, Vmcb,
};
use crate::registers::{Cr0, Cr4};

/// The lowest 12 bits of an address, which VMRUN ignores of a map's.
const WITHIN_PAGE: u64 = 0xFFF;

/// Bits of CR3 and of `N_CR3` that no address uses: 52 to 63.
const ABOVE_ADDRESSES: u64 = 0xFFF0_0000_0000_0000;

/// `S_CET` without the two bits that the manual defines.
const S_CET_RESERVED: u64 = !0b11;

/// The conditions that a VMCB breaks on a processor, in the order of [`Condition::ALL`].
///
/// With none, VMRUN enters the guest.
pub fn broken(vmcb: &Vmcb, capabilities: &Capabilities) -> impl Iterator<Item = Condition> {
    Condition::ALL
        .into_iter()
        .filter(|condition| condition.is_broken(vmcb, capabilities))
}

impl Condition {
    /// Whether a VMCB breaks this condition on a processor.
    #[must_use]
    pub fn is_broken(self, vmcb: &Vmcb, capabilities: &Capabilities) -> bool {
        let Vmcb { control, save, .. } = vmcb;
        if is_encrypted(control, capabilities) && self.rests_on_save_area() {
            return false;
        }
        match self {
            Self::SvmeClear => !save.efer.svme(),
            Self::NwWithoutCd => {
                let cr0 = Cr0::from(save.cr0);
                cr0.not_write_through() && !cr0.cache_disable()
            }
            Self::Cr0UpperHalf => save.cr0 >> 32 != 0,
            Self::Cr3Reserved => is_long(save) && capabilities.is_beyond_memory(save.cr3),
            Self::Cr4Reserved => save.cr4 & !u64::from(capabilities.cr4) != 0,
            Self::Dr6UpperHalf => save.dr6 >> 32 != 0,
            Self::Dr7UpperHalf => save.dr7 >> 32 != 0,
            Self::EferReserved => u64::from(save.efer) & !u64::from(capabilities.efer) != 0,
            Self::LongModeUnsupported => {
                let asks = save.efer.long_mode_enable() || save.efer.long_mode_active();
                asks && !capabilities.efer.long_mode_enable()
            }
            Self::LongModeWithoutPae => {
                is_long(save) && !Cr4::from(save.cr4).physical_address_extension()
            }
            Self::LongModeWithoutProtection => is_long(save) && !Cr0::from(save.cr0).protection(),
            Self::LongAndDefaultBig => {
                let cs = save.cs.attributes;
                let paged = Cr4::from(save.cr4).physical_address_extension();
                is_long(save) && paged && cs.long() && cs.default_big()
            }
            Self::CetWithoutWriteProtect => {
                Cr4::from(save.cr4).shadow_stacks() && !Cr0::from(save.cr0).write_protect()
            }
            Self::SCetReserved => {
                capabilities.cr4.shadow_stacks() && save.s_cet & S_CET_RESERVED != 0
            }
            _ => is_broken_in_control(self, control, save, capabilities),
        }
    }
}

/// Whether the guest's save area is elsewhere, and encrypted.
fn is_encrypted(control: &ControlArea, capabilities: &Capabilities) -> bool {
    let nested = control.nested_control;
    capabilities.sev_asids > 0 && nested.sev() && nested.sev_es()
}

/// The conditions that rest on the control area.
fn is_broken_in_control(
    condition: Condition,
    control: &ControlArea,
    save: &SaveArea,
    capabilities: &Capabilities,
) -> bool {
    let nested = control.nested_control;
    let interrupt = control.virtual_interrupt;
    let features = capabilities.features;
    let avic = features.avic() && interrupt.avic_enable();
    match condition {
        Condition::VmrunNotIntercepted => !control.intercepts_2.vmrun(),
        Condition::MsrMapBeyondMemory => {
            capabilities.table_is_beyond_memory(control.msr_permission_map, MsrPermissionMap::SIZE)
        }
        Condition::IoMapBeyondMemory => {
            capabilities.table_is_beyond_memory(control.io_permission_map, IoPermissionMap::SIZE)
        }
        Condition::AsidZero => control.asid == 0,
        Condition::EventKindReserved => {
            control.event_injection.valid() && control.event_injection.event_kind().is_none()
        }
        Condition::EventNoException => injected_exception(control)
            .is_some_and(|vector| vector == 2 || Exception::new(vector).is_none()),
        Condition::EventImpossible => {
            let in_64_bit_code = is_long(save) && save.cs.attributes.long();
            in_64_bit_code && injected_exception(control) == Some(Exception::BOUND_RANGE.vector())
        }
        Condition::NestedPagingWithoutPaging => nested.nested_paging() && !capabilities.host_paging,
        Condition::NestedCr3Reserved => {
            let beyond = capabilities.is_beyond_memory(control.nested_cr3);
            nested.nested_paging() && capabilities.host_long_mode && beyond
        }
        Condition::PatReserved => nested.nested_paging() && !save.guest_pat.is_valid(),
        Condition::VirtualNmiWithoutIntercept => {
            features.virtual_nmi() && interrupt.nmi_enable() && !control.intercepts_1.nmi()
        }
        Condition::X2avicWithoutAvic => {
            features.x2avic() && interrupt.x2avic_enable() && !interrupt.avic_enable()
        }
        Condition::AvicMaxIndex => {
            let last = last_avic_index(control, capabilities);
            avic && control.avic_physical_table.max_index() > last
        }
        Condition::AvicBeyondMemory => {
            avic && avic_addresses(control).any(|address| capabilities.is_beyond_memory(address))
        }
        Condition::SevWithoutNestedPaging => {
            capabilities.sev_asids > 0 && nested.sev() && !nested.nested_paging()
        }
        Condition::SevAsid => {
            let sev = capabilities.sev_asids > 0 && nested.sev();
            sev && control.asid > capabilities.sev_asids
        }
        _ => false,
    }
}

/// The highest index of the table of physical identifiers.
fn last_avic_index(control: &ControlArea, capabilities: &Capabilities) -> u16 {
    if !control.virtual_interrupt.x2avic_enable() {
        0xFF
    } else if capabilities.x2avic_extended {
        0xFFF
    } else {
        0x1FF
    }
}

/// The addresses that AVIC uses, without the bits that are none.
fn avic_addresses(control: &ControlArea) -> impl Iterator<Item = u64> {
    let physical: AvicPhysicalTable = control.avic_physical_table;
    [
        control.avic_backing_page,
        control.avic_logical_table,
        u64::from(physical) & !WITHIN_PAGE,
    ]
    .into_iter()
}

/// Whether VMRUN would activate long mode.
fn is_long(save: &SaveArea) -> bool {
    save.efer.long_mode_enable() && Cr0::from(save.cr0).paging()
}

/// The vector of an exception that is injected.
fn injected_exception(control: &ControlArea) -> Option<u8> {
    let event = control.event_injection;
    let is_exception = event.valid() && event.event_kind() == Some(EventKind::Exception);
    is_exception.then(|| event.vector())
}

impl Capabilities {
    /// Whether an address has a bit that no physical address has.
    fn is_beyond_memory(&self, address: u64) -> bool {
        let beyond = u64::MAX.checked_shl(self.physical_address_bits.into());
        address & (beyond.unwrap_or(0) | ABOVE_ADDRESSES) != 0
    }

    /// Whether the last byte of a table lies beyond the physical addresses.
    fn table_is_beyond_memory(&self, address: u64, size: usize) -> bool {
        let start = address & !WITHIN_PAGE;
        start
            .checked_add(size as u64 - 1)
            .is_none_or(|last| self.is_beyond_memory(last))
    }
}

#[cfg(test)]
mod tests;
