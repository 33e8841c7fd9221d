//! Instructions that raise exceptions: the driver's own unwind tables bring each
//! one to the driver's handler, and its records say what happened.

mod capture;
mod frames;
mod pages;
mod tables;

use amd_svm::msr::Msr;
use lab::GuardedInstruction;

/// `RDMSR` of a register.
fn read(msr: Msr) -> GuardedInstruction {
    GuardedInstruction::ReadRegister(msr.number())
}
