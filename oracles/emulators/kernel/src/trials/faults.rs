//! The faults that the intrinsics' documentation promises.

use amd_svm::intrinsics::cpuid;

use super::{ended, saw};
use crate::instruction::Instruction;
use crate::page::Page;

static PAGE: Page = Page::new();

/// Capacities of the processor: EAX bits 0 to 7 are the width of physical addresses.
const LEAF_CAPACITIES: u32 = 0x8000_0008;

/// With `EFER.SVME` clear.
pub(super) fn run_without_svme() {
    PAGE.fill(0xA5);
    for instruction in Instruction::ALL {
        let outcome = instruction.attempt(PAGE.address());
        ended("svme-clear", instruction, outcome);
    }
    let untouched = PAGE.read() == [0xA5; _];
    saw("svme-clear", format_args!("page untouched: {untouched}"));
}

/// With `EFER.SVME` set. SKINIT is not tried on ring 0: Bochs ends there, and hardware would too.
pub(super) fn run() {
    PAGE.fill(0xA5);
    for instruction in Instruction::WITH_VMCB {
        for offset in [1, 8, 0x800] {
            let outcome = instruction.attempt(PAGE.address() + offset);
            ended("misaligned", instruction, outcome);
        }
    }
    if let Some(address) = beyond_physical_width() {
        for instruction in Instruction::WITH_VMCB {
            let outcome = instruction.attempt(address);
            ended("beyond-width", instruction, outcome);
        }
    }
    for instruction in Instruction::ALL {
        let outcome = instruction.attempt_on_ring_3(PAGE.address());
        ended("ring-3", instruction, outcome);
    }
    let untouched = PAGE.read() == [0xA5; _];
    saw("faults", format_args!("page untouched: {untouched}"));
}

/// The lowest page that no physical address reaches, if a register can hold its address.
fn beyond_physical_width() -> Option<usize> {
    let width = cpuid(LEAF_CAPACITIES, 0).eax & 0xFF;
    1_usize.checked_shl(width)
}
