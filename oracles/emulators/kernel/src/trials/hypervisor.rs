//! The crate's example of a hypervisor, booted.
#![expect(unsafe_code, reason = "a guest is run")]

#[path = "../../../../../amd-svm/examples/hypervisor.rs"]
#[expect(unreachable_pub, reason = "compiled alone, the example is a library")]
mod example;

use core::cell::UnsafeCell;

use amd_svm::msr::VmHsavePa;

use self::example::Machine;
use super::saw;
use crate::page::Page;
use crate::registers;

/// The machine, which the boot processor alone uses, once.
struct Once(UnsafeCell<Machine>);

// SAFETY: no other processor runs this trial.
unsafe impl Sync for Once {}

static MACHINE: Once = Once(UnsafeCell::new(Machine::ZEROS));
static HOST_SAVE: Page = Page::new();

/// The trial of this module.
pub(super) fn run() {
    let host_save = VmHsavePa::new(HOST_SAVE.address() as u64).expect("a page");
    registers::write_msr(VmHsavePa::NUMBER, host_save.value());
    // SAFETY: this is the only use of it.
    let machine = unsafe { &mut *MACHINE.0.get() };
    // SAFETY: this kernel runs at privilege level 0 in long mode, and maps all memory one to one; SVME
    // is set for the trials, and the host save area has just been named.
    unsafe { example::run(machine, |told| saw("hypervisor", told)) };
}
