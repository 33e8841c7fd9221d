//! A VMCB that breaks no condition, and for each condition one that breaks it alone.

use std::collections::BTreeSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::cpuid::CpuidResult;
use crate::descriptor::Selector;
use crate::msr::{Efer, Msr, Pat};
use crate::vmcb::{Event, fields};
use crate::{Fault, Processor, Selectors};

/// A machine with 48 bits of physical addresses and all features.
const MACHINE: Capabilities = Capabilities {
    physical_address_bits: 48,
    sev_asids: 15,
    x2avic_extended: false,
    ..Capabilities::ANY
};

/// A 64-bit guest under nested paging.
fn sound() -> Vmcb {
    let mut vmcb = Vmcb::new();
    vmcb.control.asid = 1;
    vmcb.control.intercepts_2.set_vmrun(true);
    vmcb.control.nested_control.set_nested_paging(true);
    vmcb.control.nested_cr3 = 0x1000;
    vmcb.save.guest_pat = Pat::AFTER_RESET;
    vmcb.save.efer = Efer::from(0x1D01);
    vmcb.save.cr0 = 0x8005_0033;
    vmcb.save.cr3 = 0x2000;
    vmcb.save.cr4 = 0x20;
    vmcb.save.cs.attributes = 0x29B.into();
    vmcb.save.dr6 = 0xFFFF_0FF0;
    vmcb.save.dr7 = 0x400;
    vmcb
}

/// Changes of the sound VMCB, and of the machine, that break one condition each.
type Break = fn(&mut Vmcb, &mut Capabilities);

fn breaks() -> Vec<(Condition, Break)> {
    use Condition as C;
    let of_save: [(Condition, Break); 14] = [
        (C::SvmeClear, |vmcb, _| vmcb.save.efer.set_svme(false)),
        (C::NwWithoutCd, |vmcb, _| vmcb.save.cr0 |= 1 << 29),
        (C::Cr0UpperHalf, |vmcb, _| vmcb.save.cr0 |= 1 << 32),
        (C::Cr3Reserved, |vmcb, _| vmcb.save.cr3 |= 1 << 48),
        (C::Cr4Reserved, |vmcb, _| vmcb.save.cr4 |= 1 << 24),
        (C::Dr6UpperHalf, |vmcb, _| vmcb.save.dr6 |= 1 << 63),
        (C::Dr7UpperHalf, |vmcb, _| vmcb.save.dr7 |= 1 << 32),
        (C::EferReserved, |vmcb, _| {
            vmcb.save.efer = Efer::from(u64::from(vmcb.save.efer) | 1 << 40);
        }),
        (C::LongModeWithoutPae, |vmcb, _| vmcb.save.cr4 = 0),
        (C::LongModeWithoutProtection, |vmcb, _| vmcb.save.cr0 &= !1),
        (C::LongAndDefaultBig, |vmcb, _| {
            vmcb.save.cs.attributes.set_default_big(true);
        }),
        (C::SCetReserved, |vmcb, _| vmcb.save.s_cet = 1 << 2),
        (C::CetWithoutWriteProtect, |vmcb, _| {
            vmcb.save.cr4 |= 1 << 23;
            vmcb.save.cr0 &= !(1 << 16);
        }),
        (C::PatReserved, |vmcb, _| vmcb.save.guest_pat.set_pa7(2)),
    ];
    of_save.into_iter().chain(breaks_of_control()).collect()
}

fn breaks_of_control() -> [(Condition, Break); 15] {
    use Condition as C;
    [
        (C::VmrunNotIntercepted, |vmcb, _| {
            vmcb.control.intercepts_2.set_vmrun(false);
        }),
        (C::MsrMapBeyondMemory, |vmcb, _| {
            vmcb.control.msr_permission_map = (1 << 48) - 0x1000;
        }),
        (C::IoMapBeyondMemory, |vmcb, _| {
            vmcb.control.io_permission_map = (1 << 48) - 0x2000;
        }),
        (C::EventKindReserved, |vmcb, _| {
            vmcb.control.event_injection = Event::nmi().with_kind(1);
        }),
        (C::EventNoException, |vmcb, _| {
            vmcb.control.event_injection = Event::nmi().with_kind(3);
        }),
        (C::EventImpossible, |vmcb, _| {
            let event = Event::exception(Exception::BOUND_RANGE, None);
            vmcb.control.event_injection = event.unwrap();
        }),
        (C::AsidZero, |vmcb, _| vmcb.control.asid = 0),
        (C::VirtualNmiWithoutIntercept, |vmcb, _| {
            vmcb.control.virtual_interrupt.set_nmi_enable(true);
        }),
        (C::NestedPagingWithoutPaging, |_, machine| {
            machine.host_paging = false;
        }),
        (C::NestedCr3Reserved, |vmcb, _| {
            vmcb.control.nested_cr3 |= 1 << 51;
        }),
        (C::X2avicWithoutAvic, |vmcb, _| {
            vmcb.control.virtual_interrupt.set_x2avic_enable(true);
        }),
        (C::AvicMaxIndex, |vmcb, _| {
            vmcb.control.virtual_interrupt.set_avic_enable(true);
            vmcb.control.avic_physical_table.set_max_index(0x100);
        }),
        (C::AvicBeyondMemory, |vmcb, _| {
            vmcb.control.virtual_interrupt.set_avic_enable(true);
            vmcb.control.avic_logical_table = 1 << 48;
        }),
        (C::SevWithoutNestedPaging, |vmcb, _| {
            vmcb.control.nested_control.set_sev(true);
            vmcb.control.nested_control.set_nested_paging(false);
        }),
        (C::SevAsid, |vmcb, _| {
            vmcb.control.nested_control.set_sev(true);
            vmcb.control.asid = 16;
        }),
    ]
}

fn found(vmcb: &Vmcb, machine: &Capabilities) -> Vec<Condition> {
    broken(vmcb, machine).collect()
}

#[test]
fn each_condition_is_broken_alone() {
    assert_eq!(found(&sound(), &MACHINE), []);
    let mut tried = BTreeSet::new();
    for (condition, change) in breaks() {
        let (mut vmcb, mut machine) = (sound(), MACHINE);
        change(&mut vmcb, &mut machine);
        assert_eq!(found(&vmcb, &machine), [condition]);
        tried.insert(condition);
    }
    // Without long mode, its bits of EFER are reserved too.
    let mut machine = MACHINE;
    machine.efer.set_long_mode_enable(false);
    machine.efer.set_long_mode_active(false);
    let both = [Condition::EferReserved, Condition::LongModeUnsupported];
    assert_eq!(found(&sound(), &machine), both);
    tried.insert(Condition::LongModeUnsupported);
    assert_eq!(tried.len(), Condition::ALL.len());
}

#[test]
fn what_a_processor_has_not_is_not_refused() {
    let old = Capabilities {
        features: crate::cpuid::SvmFeatures::new(),
        sev_asids: 0,
        cr4: MACHINE.cr4.with_shadow_stacks(false),
        ..MACHINE
    };
    let depend = [
        Condition::VirtualNmiWithoutIntercept,
        Condition::X2avicWithoutAvic,
        Condition::AvicMaxIndex,
        Condition::AvicBeyondMemory,
        Condition::SevWithoutNestedPaging,
        Condition::SevAsid,
        Condition::SCetReserved,
    ];
    for (condition, change) in breaks() {
        if depend.contains(&condition) {
            let (mut vmcb, mut machine) = (sound(), old);
            change(&mut vmcb, &mut machine);
            assert_eq!(found(&vmcb, &machine), [], "{condition}");
            assert!(condition.depends_on().is_some(), "{condition}");
        }
    }
}

#[test]
fn the_save_area_of_an_encrypted_guest_is_not_judged() {
    let mut vmcb = Vmcb::new();
    vmcb.control.nested_control = 0b111.into();
    vmcb.control.event_injection = Event::nmi().with_kind(1);
    let found_of_it = [
        Condition::VmrunNotIntercepted,
        Condition::EventKindReserved,
        Condition::AsidZero,
    ];
    assert_eq!(found(&vmcb, &MACHINE), found_of_it);
    // On a processor without SEV, the bits mean nothing.
    let without = Capabilities {
        sev_asids: 0,
        ..MACHINE
    };
    assert!(found(&vmcb, &without).contains(&Condition::SvmeClear));
}

#[test]
fn what_stands_just_inside_is_accepted() {
    let mut vmcb = sound();
    vmcb.save.cr0 |= 0b11 << 29;
    vmcb.save.cr3 |= 1 << 47;
    vmcb.control.msr_permission_map = (1 << 48) - 0x2000;
    // The lowest bits are ignored.
    vmcb.control.io_permission_map = (1 << 48) - 0x3000 + 0xFFF;
    vmcb.control.intercepts_1.set_nmi(true);
    vmcb.control.virtual_interrupt = (1 << 26 | 0b11 << 30).into();
    vmcb.control.avic_physical_table.set_max_index(0x1FF);
    vmcb.control.event_injection = Event::exception(Exception::PAGE_FAULT, Some(0)).unwrap();
    vmcb.save.s_cet = 0b11;
    assert_eq!(found(&vmcb, &MACHINE), []);
    // An event that is not valid is none, whatever it says.
    vmcb.control.event_injection = Event::new().with_kind(7).with_vector(200);
    assert_eq!(found(&vmcb, &MACHINE), []);
    // Outside long mode, CR3 has other bits, and CS.L no meaning; without PG, LME is but a wish.
    vmcb.save.efer.set_long_mode_enable(false);
    vmcb.save.efer.set_long_mode_active(false);
    vmcb.save.cs.attributes.set_default_big(true);
    vmcb.save.cr3 = u64::MAX;
    vmcb.save.cr4 = 0;
    assert_eq!(found(&vmcb, &MACHINE), []);
    let mut vmcb = sound();
    vmcb.save.cr0 = 0x10;
    vmcb.save.cr4 = 0;
    assert_eq!(found(&vmcb, &MACHINE), []);
    // Paged real mode.
    vmcb.save.cr0 = 0x8000_0010;
    vmcb.save.efer = Efer::from(0x1000);
    assert_eq!(found(&vmcb, &MACHINE), []);
    // What is on the far end of an address space wraps to nothing.
    vmcb.control.msr_permission_map = u64::MAX;
    assert_eq!(found(&vmcb, &MACHINE), [Condition::MsrMapBeyondMemory]);
    assert_eq!(
        found(&vmcb, &Capabilities::ANY),
        [Condition::MsrMapBeyondMemory]
    );
}

#[test]
fn a_condition_names_itself_its_section_and_fields_that_exist() {
    let identifiers: BTreeSet<_> = Condition::ALL.map(Condition::identifier).into();
    assert_eq!(identifiers.len(), Condition::ALL.len());
    for condition in Condition::ALL {
        assert_eq!(Condition::named(condition.identifier()), Some(condition));
        assert!(condition.section().starts_with("15."));
        assert!(!condition.text().ends_with('.'));
        for field in condition.fields() {
            assert!(fields::named(fields::VMCB, field).is_some(), "{field}");
        }
    }
}

/// A processor that answers CPUID from a list.
struct Cpuid(Vec<(u32, CpuidResult)>);

impl Processor for Cpuid {
    fn cpuid(&mut self, leaf: u32, _: u32) -> CpuidResult {
        let mut known = self.0.iter();
        let found = known.find(|(number, _)| *number == leaf);
        found.map_or_else(CpuidResult::default, |(_, result)| *result)
    }
    fn read_msr(&mut self, _: Msr) -> Result<u64, Fault> {
        Err(Fault::Other)
    }
    fn write_efer(&mut self, _: Efer) -> Result<(), Fault> {
        Err(Fault::Other)
    }
    fn vmsave(&mut self) -> Result<(), Fault> {
        Err(Fault::Other)
    }
    fn tsc(&mut self) -> u64 {
        0
    }
    fn selectors(&mut self) -> Selectors {
        let none = Selector(0);
        Selectors {
            fs: none,
            gs: none,
            tr: none,
            ldtr: none,
        }
    }
    fn global_descriptor<const QUADWORDS: usize>(&mut self, _: Selector) -> [u64; QUADWORDS] {
        [0; QUADWORDS]
    }
}

#[test]
fn a_processor_without_extended_leaves_has_nothing_and_one_with_all_has_every_bit() {
    let host = (Cr0::from(0x8000_0001), Efer::from(0x500));
    let none = Capabilities::of(&mut Cpuid(Vec::new()), host.0, host.1);
    assert_eq!(none.physical_address_bits, 36);
    // LMSLE is the one that a bit takes away.
    assert_eq!(u64::from(none.efer), 1 << 13);
    assert_eq!((u64::from(none.cr4), none.sev_asids), (1 << 8, 0));
    let all = CpuidResult {
        eax: u32::MAX,
        ebx: u32::MAX,
        ecx: u32::MAX,
        edx: u32::MAX,
    };
    let leaves = [
        0,
        1,
        7,
        0x8000_0000,
        0x8000_0001,
        0x8000_000A,
        0x8000_001F,
        0x8000_0021,
    ];
    let mut answers: Vec<_> = leaves.map(|leaf| (leaf, all)).into();
    let capacities = CpuidResult {
        eax: 0x3034,
        ebx: !(1 << 20),
        ..all
    };
    answers.push((0x8000_0008, capacities));
    let every = Capabilities::of(&mut Cpuid(answers), host.0, host.1);
    assert_eq!(every, Capabilities::ANY);
    let bare = Capabilities::of(&mut Cpuid(Vec::new()), Cr0::new(), Efer::new());
    assert!(!bare.host_paging && !bare.host_long_mode);
}

proptest! {
    #[test]
    fn any_page_is_judged_and_what_no_condition_rests_on_changes_nothing(
        bytes: [[u8; 32]; 128], noise: [[u8; 32]; 128],
    ) {
        let vmcb = Vmcb::from_page(bytes.as_flattened().try_into().unwrap());
        let mut page: [u8; 4096] = noise.as_flattened().try_into().unwrap();
        let rests: BTreeSet<&str> = Condition::ALL.iter().flat_map(|one| one.fields()).copied().collect();
        for name in rests {
            let field = fields::named(fields::VMCB, name).unwrap();
            field.bytes_mut(&mut page).copy_from_slice(&bytes.as_flattened()[field.range()]);
        }
        prop_assert_eq!(found(&vmcb, &MACHINE), found(&Vmcb::from_page(page), &MACHINE));
    }

    #[test]
    fn a_wider_machine_refuses_no_more(bytes: [[u8; 32]; 128], width in 32_u8..=52) {
        let vmcb = Vmcb::from_page(bytes.as_flattened().try_into().unwrap());
        let narrow = Capabilities { physical_address_bits: width, ..MACHINE };
        let wide = Capabilities { physical_address_bits: 52, ..MACHINE };
        let narrow = found(&vmcb, &narrow);
        prop_assert!(found(&vmcb, &wide).iter().all(|one| narrow.contains(one)));
    }
}
