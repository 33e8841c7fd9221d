//! What VMRUN refuses: a VMCB for each condition, and fuzzed ones, each run for its exit code.
//!
//! The host makes the same VMCBs from the page that is printed first, and judges.

#![expect(unsafe_code, reason = "memory beyond the kernel is written")]

use core::fmt;

use amd_svm::msr::Efer;
use amd_svm::registers::Cr0;
use amd_svm::vmcb::consistency::{Capabilities, Condition};
use amd_svm::vmcb::{ExceptionIntercepts, VMCB_SIZE, Vmcb};

use super::captures::Hexadecimal;
use super::guest;
use crate::boot;
use crate::console::say;
use crate::page::Page;
use crate::registers;
use crate::this_processor::ThisProcessor;
use crate::trap::Trap;

/// Eight large pages of two megabytes: the ninth entry of the page directory, read as one of a page.
const STRAYED: usize = 0x100_0000;
/// An instruction of one byte that raises `#BP`.
const INT3: u8 = 0xCC;

static PAGE: Page = Page::new();

/// Runs all of them.
pub(super) fn run() {
    let cr0 = Cr0::from(registers::cr0() as u64);
    let efer = Efer::from(registers::read_msr(Efer::NUMBER));
    let machine = Capabilities::of(&mut ThisProcessor(&PAGE), cr0, efer);
    fill_strayed();
    say!("machine {}", Machine(&machine));
    let sound = match sound() {
        Ok(vmcb) => vmcb,
        Err(trap) => return say!("refusals {trap}"),
    };
    say!("sound {}", Hexadecimal(bytemuck::bytes_of(&sound)));
    say!("enters {}", Outcome(&sound));
    let mut tried = sound;
    svm_cases::nest(&mut tried);
    say!("enters {}", Outcome(&tried));
    let spare = boot::spares();
    for condition in Condition::ALL {
        tried.clone_from(&sound);
        if spare && condition == Condition::LongModeWithoutProtection {
            continue;
        }
        if svm_cases::breaks(condition, &mut tried, &machine) {
            say!("breaking {condition} {}", Outcome(&tried));
        }
    }
    for number in 0..svm_cases::FUZZED {
        tried.clone_from(&sound);
        svm_cases::fuzz(number, &mut tried, &machine, spare);
        say!("fuzzed {number} {}", Outcome(&tried));
    }
}

/// Fills the page where a guest's first instruction is by page tables that are read with other levels
/// than they were made for: whatever is executed there exits.
fn fill_strayed() {
    let page = core::ptr::with_exposed_provenance_mut::<[u8; VMCB_SIZE]>(STRAYED);
    // SAFETY: memory that the machine has, and that nothing else uses.
    unsafe { page.write_volatile([INT3; VMCB_SIZE]) };
}

/// A guest that exits by its first instruction, or by an exception before it: there is no interrupt
/// table, and every exception exits.
fn sound() -> Result<Vmcb, Trap> {
    let mut vmcb = guest::saved()?;
    guest::fill(&mut vmcb);
    vmcb.control.exceptions = ExceptionIntercepts::ALL;
    vmcb.control.intercepts_1.set_interrupt(true);
    vmcb.control.intercepts_1.set_nmi(true);
    vmcb.control.intercepts_1.set_shutdown(true);
    vmcb.save.idtr.limit = 0;
    vmcb.save.idtr.base = 0;
    Ok(vmcb)
}

/// The exit code of a VMCB, or the exception that VMRUN raised.
struct Outcome<'a>(&'a Vmcb);

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match guest::enter(self.0) {
            Ok(()) => write!(f, "{:x}", guest::exit_code().0),
            Err(trap) => write!(f, "{trap}"),
        }
    }
}

/// The fields of [`Capabilities`], in hexadecimal.
struct Machine<'a>(&'a Capabilities);

impl fmt::Display for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(machine) = self;
        write!(
            f,
            "{:x} {:x} {:x} {:x} {:x} {:x} {:x} {:x}",
            machine.physical_address_bits,
            u64::from(machine.efer),
            u64::from(machine.cr4),
            u32::from(machine.features),
            u8::from(machine.x2avic_extended),
            machine.sev_asids,
            u8::from(machine.host_paging),
            u8::from(machine.host_long_mode),
        )
    }
}
