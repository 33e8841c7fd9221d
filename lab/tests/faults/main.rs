//! Instructions that raise exceptions: the driver's own unwind tables bring each
//! one to the driver's handler, and its records say what happened.

#[path = "../support/image.rs"]
mod image;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/survey.rs"]
mod survey;
#[path = "../support/tally.rs"]
mod tally;
#[path = "../support/unwind_tables.rs"]
mod unwind_tables;

mod capture;
mod frames;
mod tables;

use amd_svm::msr::Msr;
use lab::GuardedInstruction;

/// `RDMSR` of a register.
fn read(msr: Msr) -> GuardedInstruction {
    GuardedInstruction::ReadRegister(msr.number())
}
