//! VMCBs that VMRUN is tried with: one for each condition, and fuzzed ones.
//!
//! The trials' kernel runs them, and the host makes the same ones again from the page that they
//! start from, to hold `amd_svm::vmcb::consistency` against what the emulator did. Each is a change
//! of a guest that runs, and of which every way ends with an exit.

#![no_std]

mod random;

use amd_svm::msr::{Efer, Pat};
use amd_svm::registers::Cr0;
use amd_svm::vmcb::consistency::{Capabilities, Condition};
use amd_svm::vmcb::{Event, Exception, ReturnPredictor, TlbControl, Vmcb};

use random::Random;

/// How many fuzzed VMCBs there are.
pub const FUZZED: u32 = 4000;

/// What the fuzzed VMCBs are made from.
pub const SEED: u64 = 0x5EED_0F56_4D43_4221;

/// Changes a sound VMCB so that it breaks one condition, where the processor has what it depends
/// on. Says whether that is done: not if no change of a VMCB can, but another host or processor.
#[must_use]
pub fn breaks(condition: Condition, vmcb: &mut Vmcb, machine: &Capabilities) -> bool {
    let beyond = 1 << machine.physical_address_bits;
    match condition {
        Condition::NestedCr3Reserved => {
            nest(vmcb);
            vmcb.control.nested_cr3 |= beyond;
        }
        Condition::PatReserved => {
            nest(vmcb);
            vmcb.save.guest_pat.set_pa7(2);
        }
        Condition::AvicMaxIndex => {
            nest(vmcb);
            vmcb.control.virtual_interrupt.set_avic_enable(true);
            vmcb.control.avic_physical_table.set_max_index(0x100);
        }
        Condition::AvicBeyondMemory => {
            nest(vmcb);
            vmcb.control.virtual_interrupt.set_avic_enable(true);
            vmcb.control.avic_backing_page = beyond;
        }
        Condition::SevAsid => {
            nest(vmcb);
            vmcb.control.nested_control.set_sev(true);
            vmcb.control.asid = machine.sev_asids.wrapping_add(1);
        }
        _ => return breaks_without_nesting(condition, vmcb, beyond),
    }
    true
}

fn breaks_without_nesting(condition: Condition, vmcb: &mut Vmcb, beyond: u64) -> bool {
    let Vmcb { control, save, .. } = vmcb;
    match condition {
        Condition::SvmeClear => save.efer.set_svme(false),
        Condition::NwWithoutCd => save.cr0 = save.cr0 & !(1 << 30) | 1 << 29,
        Condition::Cr0UpperHalf => save.cr0 |= 1 << 32,
        Condition::Cr3Reserved => save.cr3 |= beyond,
        Condition::Cr4Reserved => save.cr4 |= 1 << 31,
        Condition::Dr6UpperHalf => save.dr6 |= 1 << 32,
        Condition::Dr7UpperHalf => save.dr7 |= 1 << 32,
        Condition::EferReserved => save.efer = Efer::from(u64::from(save.efer) | 1 << 63),
        Condition::LongModeWithoutPae => save.cr4 &= !(1 << 5),
        Condition::LongModeWithoutProtection => save.cr0 &= !1,
        Condition::LongAndDefaultBig => save.cs.attributes.set_default_big(true),
        Condition::VmrunNotIntercepted => control.intercepts_2.set_vmrun(false),
        Condition::MsrMapBeyondMemory => control.msr_permission_map = beyond - 0x1000,
        Condition::IoMapBeyondMemory => control.io_permission_map = beyond - 0x2000,
        Condition::EventKindReserved => control.event_injection = Event::nmi().with_kind(1),
        Condition::EventNoException => control.event_injection = Event::nmi().with_kind(3),
        Condition::EventImpossible => {
            let event = Event::exception(Exception::BOUND_RANGE, None);
            control.event_injection = event.unwrap_or_default();
        }
        Condition::AsidZero => control.asid = 0,
        Condition::SCetReserved => save.s_cet = 1 << 63,
        Condition::CetWithoutWriteProtect => {
            save.cr4 |= 1 << 23;
            save.cr0 &= !(1 << 16);
        }
        Condition::VirtualNmiWithoutIntercept => {
            control.virtual_interrupt.set_nmi_enable(true);
            control.intercepts_1.set_nmi(false);
        }
        Condition::X2avicWithoutAvic => control.virtual_interrupt.set_x2avic_enable(true),
        Condition::SevWithoutNestedPaging => control.nested_control.set_sev(true),
        _ => return false,
    }
    true
}

/// The same guest under nested paging, by the tables that it has itself: they map all memory one to
/// one, for user mode too.
pub fn nest(vmcb: &mut Vmcb) {
    vmcb.control.nested_control.set_nested_paging(true);
    vmcb.control.nested_cr3 = vmcb.save.cr3;
    vmcb.save.guest_pat = Pat::AFTER_RESET;
}

/// Makes the fuzzed VMCB of a number from a sound one: by one to three random changes of what
/// conditions rest on, and noise in what none does.
///
/// `EFER.LMA` is what the other bits make it: otherwise emulators translate addresses in ways that
/// no processor has. With `spare`, long mode is not without protection, and page tables are not so
/// far beyond the memory: either ends Bochs.
pub fn fuzz(number: u32, vmcb: &mut Vmcb, machine: &Capabilities, spare: bool) {
    let mut random = Random::new(SEED ^ u64::from(number) << 40);
    if random.below(3) == 0 {
        nest(vmcb);
    }
    for _ in 0..=random.below(3) {
        if random.below(2) == 0 {
            change_registers(vmcb, &mut random);
        } else {
            change_control(vmcb, &mut random, machine);
        }
    }
    let long = vmcb.save.efer.long_mode_enable() && Cr0::from(vmcb.save.cr0).paging();
    vmcb.save.efer.set_long_mode_active(long);
    if spare {
        vmcb.save.cr0 |= u64::from(long);
        lower(&mut vmcb.save.cr3, machine);
        lower(&mut vmcb.control.nested_cr3, machine);
    }
    disturb(vmcb, &mut random);
}

/// Makes the bits that no physical address has one, the lowest, and clears those between.
fn lower(address: &mut u64, machine: &Capabilities) {
    let beyond = 1 << machine.physical_address_bits;
    if *address >= beyond {
        *address = *address & 0x7FFF_FFFF | beyond;
    }
}

fn change_registers(vmcb: &mut Vmcb, random: &mut Random) {
    let bit = 1 << random.below(64);
    let save = &mut vmcb.save;
    match random.below(8) {
        0 => save.cr0 ^= bit,
        // Of the tables' own address, only bits that lead beyond the machine's memory.
        1 => save.cr3 ^= bit & 0xFFFF_FFFF_8000_0FFF,
        2 => save.cr4 ^= bit,
        3 => save.efer = Efer::from(u64::from(save.efer) ^ bit),
        4 => save.dr6 ^= bit,
        5 => save.dr7 ^= bit & 0xFFFF_FFFF_0000_0000,
        6 => {
            let attributes = u16::from(save.cs.attributes);
            save.cs.attributes = (attributes ^ 0x200 << random.below(3)).into();
        }
        _ => save.s_cet = random.next(),
    }
}

fn change_control(vmcb: &mut Vmcb, random: &mut Random, machine: &Capabilities) {
    let width = machine.physical_address_bits;
    let control = &mut vmcb.control;
    match random.below(9) {
        0 => control.asid = random.below(3),
        1 => control.intercepts_2.set_vmrun(random.below(2) == 0),
        2 => control.msr_permission_map = near(width, random),
        3 => control.io_permission_map = near(width, random),
        4 => {
            let kind = u8::try_from(random.below(8)).unwrap_or_default();
            let [vector, ..] = random.next().to_le_bytes();
            // Half of them where exceptions are.
            let vector = if random.below(2) == 0 {
                vector % 33
            } else {
                vector
            };
            control.event_injection = Event::new()
                .with_valid(random.below(4) != 0)
                .with_kind(kind)
                .with_vector(vector)
                .with_error_code_valid(random.below(2) == 0)
                .with_error_code(random.below(0x1_0000));
        }
        5 => control.nested_cr3 ^= 1 << (31 + random.below(33)),
        6 => {
            let mut types = vmcb.save.guest_pat.encodings();
            let [encoding, ..] = random.next().to_le_bytes();
            types[random.below(8) as usize] = encoding % 9;
            vmcb.save.guest_pat = Pat::from(u64::from_le_bytes(types));
        }
        7 => {
            let interrupt = &mut control.virtual_interrupt;
            interrupt.set_nmi_enable(random.below(2) == 0);
            interrupt.set_x2avic_enable(random.below(2) == 0);
            control.intercepts_1.set_nmi(random.below(2) == 0);
        }
        _ => control.nested_control.set_nested_paging(false),
    }
}

/// An address about where the physical addresses end, or anywhere.
fn near(width: u8, random: &mut Random) -> u64 {
    let end = 1_u64 << width;
    match random.below(4) {
        0 => end - 0x1000 * u64::from(random.below(5)),
        1 => end + 0x1000 * u64::from(random.below(5)),
        2 => random.next() >> random.below(64),
        _ => end - 0x3000 + u64::from(random.below(0x1000)),
    }
}

/// Changes what no condition rests on.
fn disturb(vmcb: &mut Vmcb, random: &mut Random) {
    let control = &mut vmcb.control;
    control.tsc_offset = random.next();
    control.exit_info_1 = random.next();
    control.exit_info_2 = random.next();
    control.next_rip = random.next();
    control.tlb_control = TlbControl::ALL;
    control.return_predictor = ReturnPredictor::new();
    vmcb.save.rax = random.next();
    vmcb.save.rsp = random.next();
    vmcb.save.cr2 = random.next();
    vmcb.save.system_call.sysenter_cs = random.next();
}

#[cfg(test)]
mod tests {
    use super::*;

    use amd_svm::vmcb::consistency::broken;

    extern crate std;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    const MACHINE: Capabilities = Capabilities::ANY;

    fn sound() -> Vmcb {
        let mut vmcb = Vmcb::new();
        vmcb.control.asid = 1;
        vmcb.control.intercepts_2.set_vmrun(true);
        vmcb.save.efer = Efer::from(0x1500);
        vmcb.save.cr0 = 0x8001_0011;
        vmcb.save.cr3 = 0x1000;
        vmcb.save.cr4 = 0x20;
        vmcb.save.cs.attributes = 0x29B.into();
        vmcb
    }

    #[test]
    fn a_case_breaks_its_condition_alone() {
        let mut machine = MACHINE;
        machine.physical_address_bits = 40;
        machine.sev_asids = 15;
        machine.x2avic_extended = false;
        assert_eq!(broken(&sound(), &machine).next(), None);
        let mut untried = Vec::new();
        for condition in Condition::ALL {
            let mut vmcb = sound();
            if breaks(condition, &mut vmcb, &machine) {
                let found: Vec<_> = broken(&vmcb, &machine).collect();
                assert_eq!(found, [condition]);
            } else {
                untried.push(condition);
            }
        }
        let of_the_host = [
            Condition::LongModeUnsupported,
            Condition::NestedPagingWithoutPaging,
        ];
        assert_eq!(untried, of_the_host);
    }

    #[test]
    fn fuzzed_cases_break_most_conditions_and_many_break_none() {
        let mut machine = MACHINE;
        machine.physical_address_bits = 40;
        let (mut none, mut seen) = (0, BTreeSet::new());
        for number in 0..FUZZED {
            let mut vmcb = sound();
            fuzz(number, &mut vmcb, &machine, false);
            let found: Vec<_> = broken(&vmcb, &machine).collect();
            none += u32::from(found.is_empty());
            seen.extend(found);
        }
        assert!((FUZZED / 4..FUZZED * 3 / 4).contains(&none), "{none}");
        assert!(seen.len() > 20, "{seen:?}");
    }
}
