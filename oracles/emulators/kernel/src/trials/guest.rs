//! VMRUN runs a guest of a few instructions from a save area that VMSAVE filled.

#![expect(unsafe_code, reason = "the guest is assembly")]

use core::arch::global_asm;

use amd_svm::Processor as _;
use amd_svm::descriptor::{Descriptor, Selector};
use amd_svm::msr::{Efer, VmHsavePa};
use amd_svm::segment::Segment;
use amd_svm::vmcb::{ExitCode, Intercepts2, Vmcb, fields};

use super::saw;
use crate::descriptors::{CODE, DATA};
use crate::instruction::Instruction::{Clgi, Stgi, Vmload, Vmrun, Vmsave};
use crate::page::Page;
use crate::registers;
use crate::this_processor::{ThisProcessor, descriptor_table, interrupt_table};
use crate::trap::Trap;

/// What the guest starts with in RAX, and what it adds.
const START: u64 = 0x1111;
const ADDED: u32 = 0x2222;

static GUEST: Page = Page::new();
static HOST: Page = Page::new();
static HOST_SAVE: Page = Page::new();

unsafe extern "C" {
    fn guest_entry();
}

global_asm!(
    ".pushsection .text",
    ".global guest_entry",
    "guest_entry:",
    "addl ${added}, %eax",
    "vmmcall",
    "ud2",
    ".popsection",
    added = const ADDED,
    options(att_syntax)
);

/// The trials of this module.
pub(super) fn run() {
    match guest() {
        Ok(vmcb) => {
            let at = vmcb
                .save
                .rip
                .wrapping_sub((guest_entry as *const ()).addr() as u64);
            saw(
                "guest",
                format_args!(
                    "exits with {}, rax {:#x}, entry + {at}",
                    vmcb.control.exit_code, vmcb.save.rax
                ),
            );
        }
        Err(trap) => saw("guest", trap),
    }
    match without_intercept() {
        Ok(vmcb) => saw(
            "guest-invalid",
            // As a number: an emulator may store the lower half of it alone.
            format_args!("exits with {:#x}", vmcb.control.exit_code.0),
        ),
        Err(trap) => saw("guest-invalid", trap),
    }
}

/// The guest as its exit left it.
fn guest() -> Result<Vmcb, Trap> {
    let mut vmcb = saved()?;
    fill(&mut vmcb);
    execute(&vmcb)
}

/// A VMCB that does not intercept VMRUN, which VMRUN refuses.
fn without_intercept() -> Result<Vmcb, Trap> {
    let mut vmcb = saved()?;
    fill(&mut vmcb);
    vmcb.control.intercepts_2.set_vmrun(false);
    execute(&vmcb)
}

/// What VMSAVE saves, in a page of zeros.
pub(super) fn saved() -> Result<Vmcb, Trap> {
    GUEST.fill(0);
    Vmsave.attempt(GUEST.address())?;
    Ok(Vmcb::from_page(GUEST.read()))
}

/// Why the last guest exited.
pub(super) fn exit_code() -> ExitCode {
    let field = fields::named(fields::VMCB, "exit_code").expect("every VMCB has one");
    ExitCode(GUEST.read_u64(field.offset()))
}

/// The guest as its exit leaves it.
fn execute(vmcb: &Vmcb) -> Result<Vmcb, Trap> {
    enter(vmcb)?;
    Ok(Vmcb::from_page(GUEST.read()))
}

/// The sequence of APM volume 2, section 15.5, with the host's own state kept around it.
pub(super) fn enter(vmcb: &Vmcb) -> Result<(), Trap> {
    GUEST.write(bytemuck::must_cast_ref(vmcb));
    let host_save = VmHsavePa::new(HOST_SAVE.address() as u64).expect("a page");
    registers::write_msr(VmHsavePa::NUMBER, host_save.value());
    Clgi.attempt(0)?;
    Vmsave.attempt(HOST.address())?;
    Vmload.attempt(GUEST.address())?;
    let outcome = Vmrun.attempt(GUEST.address());
    Vmload.attempt(HOST.address())?;
    Stgi.attempt(0)?;
    outcome
}

/// What VMSAVE leaves out: this kernel's own segments, tables and control registers.
pub(super) fn fill(vmcb: &mut Vmcb) {
    let mut processor = ThisProcessor(&GUEST);
    let mut segment = |selector| {
        let selector = Selector(selector);
        let [low] = processor.global_descriptor(selector);
        Descriptor { low, high: 0 }.load(selector)
    };
    vmcb.control.asid = 1;
    vmcb.control.intercepts_2 = Intercepts2::new().with_vmrun(true).with_vmmcall(true);
    let save = &mut vmcb.save;
    save.cs = segment(CODE);
    save.ss = segment(DATA);
    save.ds = segment(DATA);
    save.es = segment(DATA);
    let (base, limit) = descriptor_table();
    save.gdtr = Segment::table(base as u64, limit);
    let (base, limit) = interrupt_table();
    save.idtr = Segment::table(base as u64, limit);
    save.efer = Efer::from(registers::read_msr(Efer::NUMBER));
    save.cr0 = registers::cr0() as u64;
    save.cr3 = registers::cr3() as u64;
    save.cr4 = registers::cr4() as u64;
    save.dr6 = 0xFFFF_0FF0;
    save.dr7 = 0x400;
    save.rflags = 2;
    save.rip = (guest_entry as *const ()).addr() as u64;
    save.rax = START;
}
