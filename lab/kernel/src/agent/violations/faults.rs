//! Ends of a run that no routine's rule is about.

#![expect(unsafe_code, reason = "faults are the point")]

use core::arch::asm;
use core::hint::black_box;

use lab_wire::Violation;

use super::objects::write;
use crate::nt::debug;

/// Something for read-only memory.
static READ_ONLY: [u8; 16] = [1; 16];

/// Ends the run.
pub(super) fn violate(kind: Violation) {
    match kind {
        Violation::BugCheck => debug::bug_check(0xE2, 1, 2, 3, 4),
        Violation::WriteReadOnly => write((&raw const READ_ONLY).cast_mut().cast()),
        Violation::InvalidOpcode => {
            // SAFETY: the instruction faults, which is the point.
            unsafe { asm!("ud2") };
        }
        Violation::StackOverflow => {
            black_box(overflow(0));
        }
        _ => panic!("as asked"),
    }
}

/// Goes down until the stack ends.
#[expect(unconditional_recursion, reason = "it ends with the stack")]
fn overflow(depth: u64) -> u64 {
    let page = black_box([depth; 64]);
    overflow(depth + 1) + black_box(page)[0]
}
