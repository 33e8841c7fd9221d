//! Where an emulator is known to refuse other VMCBs than the manual says.

use amd_svm::registers::Cr0;
use amd_svm::vmcb::consistency::{Capabilities, Condition};
use amd_svm::vmcb::{EventKind, MsrPermissionMap, Vmcb};

use super::super::Emulator;
use crate::version::Version;

/// The versions whose differences are listed here. Those of one emulator do the same.
const KNOWN: &[(Emulator, Version)] = &[
    (Emulator::Qemu, Version::new(7, 2)),
    (Emulator::Qemu, Version::new(10, 0)),
    (Emulator::Bochs, Version::new(2, 7)),
    (Emulator::Bochs, Version::new(3, 0)),
];

/// Whether the differences of an emulator of a version are listed.
pub(super) fn are_known(emulator: Emulator, version: Version) -> bool {
    KNOWN.contains(&(emulator, version))
}

/// The versions of an emulator whose differences are listed, in words.
pub(super) fn known(emulator: Emulator) -> String {
    let known = KNOWN.iter().filter(|(of, _)| *of == emulator);
    let versions: Vec<_> = known.map(|(_, version)| version.to_string()).collect();
    format!("{emulator} {}", versions.join(" and "))
}

/// An emulator's own way.
pub(super) struct Deviation {
    emulator: Emulator,
    /// What it is called.
    pub name: &'static str,
    /// What the emulator does, in words.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the page of the documentation")
    )]
    pub text: &'static str,
    /// The condition whose breach it accepts; `None` if it refuses what no condition does.
    pub accepts: Option<Condition>,
    /// Whether that holds of a VMCB.
    pub applies: fn(&Vmcb, &Capabilities) -> bool,
    /// Whether it holds of some VMCBs only.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for the page of the documentation")
    )]
    pub partly: bool,
}

impl Deviation {
    /// Those of an emulator.
    pub(super) fn of(emulator: Emulator) -> impl Iterator<Item = &'static Self> {
        DEVIATIONS
            .iter()
            .filter(move |deviation| deviation.emulator == emulator)
    }

    /// A condition that the emulator does not have.
    const fn ignores(
        emulator: Emulator,
        condition: Condition,
        name: &'static str,
        text: &'static str,
    ) -> Self {
        Self {
            partly: false,
            ..Self::accepts_some(emulator, condition, name, text, |_, _| true)
        }
    }

    /// A condition that the emulator has for some VMCBs only.
    const fn accepts_some(
        emulator: Emulator,
        condition: Condition,
        name: &'static str,
        text: &'static str,
        applies: fn(&Vmcb, &Capabilities) -> bool,
    ) -> Self {
        Self {
            accepts: Some(condition),
            ..Self::refuses(emulator, name, text, applies)
        }
    }

    /// Something that the emulator alone refuses.
    const fn refuses(
        emulator: Emulator,
        name: &'static str,
        text: &'static str,
        applies: fn(&Vmcb, &Capabilities) -> bool,
    ) -> Self {
        Self {
            emulator,
            name,
            text,
            accepts: None,
            applies,
            partly: true,
        }
    }
}

/// Bits of CR4 that QEMU takes although it does not report them: VME, PVI, PCIDE, PKS.
const CR4_OF_QEMU: u64 = 1 << 0 | 1 << 1 | 1 << 17 | 1 << 24;
/// FFXSR.
const EFER_OF_QEMU: u64 = 1 << 14;

/// All of them.
pub(super) const DEVIATIONS: &[Deviation] = &[
    Deviation::accepts_some(
        Emulator::Qemu,
        Condition::Cr4Reserved,
        "qemu-cr4-unreported",
        "takes CR4.VME, PVI, PCIDE and PKS, which its CPUID does not report",
        |vmcb, machine| vmcb.save.cr4 & !(u64::from(machine.cr4) | CR4_OF_QEMU) == 0,
    ),
    Deviation::accepts_some(
        Emulator::Qemu,
        Condition::EferReserved,
        "qemu-efer-ffxsr",
        "takes `EFER.FFXSR`, which its CPUID does not report",
        |vmcb, machine| u64::from(vmcb.save.efer) & !(u64::from(machine.efer) | EFER_OF_QEMU) == 0,
    ),
    Deviation::ignores(
        Emulator::Qemu,
        Condition::EventImpossible,
        "qemu-event-impossible",
        "delivers `#BR` to 64-bit code",
    ),
    Deviation::ignores(
        Emulator::Qemu,
        Condition::NestedCr3Reserved,
        "qemu-nested-cr3",
        "does not look at `N_CR3`; the guest's first access is a nested page fault",
    ),
    Deviation::ignores(
        Emulator::Qemu,
        Condition::PatReserved,
        "qemu-pat",
        "does not look at the guest's PAT",
    ),
    Deviation::refuses(
        Emulator::Qemu,
        "qemu-efer-lmsle",
        "refuses `EFER.LMSLE`, which its CPUID does not take away",
        |vmcb, machine| vmcb.save.efer.long_mode_segment_limit() && has_lmsle(machine),
    ),
    Deviation::refuses(
        Emulator::Qemu,
        "qemu-msr-map-at-the-end",
        "refuses an MSR permission map whose last byte is the last of the physical addresses",
        |vmcb, machine| {
            let start = vmcb.control.msr_permission_map & !0xFFF;
            start.checked_add(MsrPermissionMap::SIZE as u64)
                == Some(1 << machine.physical_address_bits)
        },
    ),
    Deviation::refuses(
        Emulator::Qemu,
        "qemu-cr3-without-paging",
        "looks at CR3 by `EFER.LME` alone, with CR0.PG clear too",
        |vmcb, machine| {
            let beyond = vmcb.save.cr3 >> machine.physical_address_bits != 0;
            let paging = Cr0::from(vmcb.save.cr0).paging();
            vmcb.save.efer.long_mode_enable() && !paging && beyond
        },
    ),
    Deviation::refuses(
        Emulator::Qemu,
        "qemu-event-vector-31",
        "takes vector 31 for no exception's",
        |vmcb, _| {
            let event = vmcb.control.event_injection;
            let exception = event.event_kind() == Some(EventKind::Exception);
            event.valid() && exception && event.vector() == 31
        },
    ),
    Deviation::ignores(
        Emulator::Bochs,
        Condition::Cr3Reserved,
        "bochs-cr3",
        "does not look at CR3; the guest's first access is a page fault, or ends Bochs",
    ),
    Deviation::accepts_some(
        Emulator::Bochs,
        Condition::MsrMapBeyondMemory,
        "bochs-msr-map-start",
        "looks at the first page of the MSR permission map only",
        |vmcb, machine| starts_within(vmcb.control.msr_permission_map, machine),
    ),
    Deviation::accepts_some(
        Emulator::Bochs,
        Condition::IoMapBeyondMemory,
        "bochs-io-map-start",
        "looks at the first page of the I/O permission map only",
        |vmcb, machine| starts_within(vmcb.control.io_permission_map, machine),
    ),
    Deviation::ignores(
        Emulator::Bochs,
        Condition::EventImpossible,
        "bochs-event-impossible",
        "delivers `#BR` to 64-bit code",
    ),
    Deviation::ignores(
        Emulator::Bochs,
        Condition::SevWithoutNestedPaging,
        "bochs-sev",
        "reports SEV without having it, and takes the bit for that of nested paging",
    ),
    Deviation::ignores(
        Emulator::Bochs,
        Condition::SevAsid,
        "bochs-sev-asid",
        "reports SEV without having it",
    ),
    Deviation::refuses(
        Emulator::Bochs,
        "bochs-efer-lmsle",
        "refuses `EFER.LMSLE`, which its CPUID does not take away",
        |vmcb, machine| vmcb.save.efer.long_mode_segment_limit() && has_lmsle(machine),
    ),
    Deviation::refuses(
        Emulator::Bochs,
        "bochs-efer-tce",
        "refuses `EFER.TCE`, which its CPUID reports",
        |vmcb, machine| {
            let asked = vmcb.save.efer.translation_cache_extension();
            asked && machine.efer.translation_cache_extension()
        },
    ),
    Deviation::refuses(
        Emulator::Bochs,
        "bochs-pae-entries",
        "refuses a guest in PAE mode, without nested paging, whose four upper entries have \
         reserved bits, as those of the trial have",
        |vmcb, _| {
            let cr0 = Cr0::from(vmcb.save.cr0);
            let long = vmcb.save.efer.long_mode_enable();
            let pae = vmcb.save.cr4 & 1 << 5 != 0 && cr0.paging() && cr0.protection() && !long;
            pae && !vmcb.control.nested_control.nested_paging()
        },
    ),
];

fn has_lmsle(machine: &Capabilities) -> bool {
    machine.efer.long_mode_segment_limit()
}

fn starts_within(address: u64, machine: &Capabilities) -> bool {
    (address & !0xFFF) >> machine.physical_address_bits == 0
}
