//! What is tried. Each trial prints one line or more: its name, and what happened.

pub(crate) mod captures;
mod faults;
mod guest;
#[cfg(target_arch = "x86_64")]
mod hypervisor;
mod interrupts;
mod refusals;
mod state;
mod translation;

use core::fmt::Display;

use amd_svm::msr::Efer;

use crate::boot;
use crate::console::say;
use crate::instruction::Instruction;
use crate::registers;
use crate::trap::Trap;

/// Runs all but the captures, on the boot processor.
pub(crate) fn run() {
    faults::run_without_svme();
    set_svme(true);
    faults::run();
    state::run();
    interrupts::run();
    translation::run();
    guest::run();
    #[cfg(target_arch = "x86_64")]
    hypervisor::run();
    // VMRUN is the same however many processors there are; long mode needs a host in long mode.
    if cfg!(target_arch = "x86_64") && boot::expected() == 1 {
        refusals::run();
    }
    set_svme(false);
    for instruction in Instruction::ALL {
        if instruction.completed() {
            say!("executed {instruction}");
        }
    }
}

/// Says what a trial saw.
fn saw(trial: &str, what: impl Display) {
    say!("saw {trial}: {what}");
}

/// Says how an instruction ended.
fn ended(trial: &str, instruction: Instruction, outcome: Result<(), Trap>) {
    match outcome {
        Ok(()) => saw(trial, format_args!("{instruction} completes")),
        Err(trap) => saw(trial, format_args!("{instruction} raises {trap}")),
    }
}

fn set_svme(enabled: bool) {
    let efer = Efer::from(registers::read_msr(Efer::NUMBER));
    registers::write_msr(Efer::NUMBER, efer.with_svme(enabled).into());
}
