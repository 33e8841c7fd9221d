//! What VMSAVE writes, and what VMLOAD loads.

use core::fmt;

use amd_svm::msr::Msr;
use amd_svm::vmcb::{VMCB_SIZE, VmsaveState};
use amd_svm::witness::{REGISTERS, Witness};

use super::saw;
use crate::instruction::Instruction::{Vmload, Vmsave};
use crate::page::Page;
use crate::registers;
use crate::this_processor::ThisProcessor;
use crate::trap::Trap;

static PAGE: Page = Page::new();
static SECOND: Page = Page::new();

/// The trials of this module.
pub(super) fn run() {
    report("vmsave-writes", written());
    report("vmload-unchanged", unchanged());
    report("vmload-changed", changed());
}

fn report(trial: &str, outcome: Result<impl fmt::Display, Trap>) {
    match outcome {
        Ok(what) => saw(trial, what),
        Err(trap) => saw(trial, trap),
    }
}

/// Which bytes VMSAVE writes: those that differ from one of two fillings.
fn written() -> Result<Ranges, Trap> {
    let mut pages = [[0; VMCB_SIZE]; 2];
    for (filling, page) in [0x55, 0xAA].into_iter().zip(&mut pages) {
        PAGE.fill(filling);
        Vmsave.attempt(PAGE.address())?;
        *page = PAGE.read();
    }
    let [first, second] = &pages;
    let mut written = [false; VMCB_SIZE];
    for ((place, first), second) in written.iter_mut().zip(first).zip(second) {
        *place = *first != 0x55 || *second != 0xAA;
    }
    Ok(Ranges(written))
}

/// Runs of bytes, by their offsets.
struct Ranges([bool; VMCB_SIZE]);

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut offset = 0;
        for run in self.0.chunk_by(|one, next| one == next) {
            let end = offset + run.len();
            if run[0] {
                write!(f, "{offset:x}..{end:x} ")?;
            }
            offset = end;
        }
        let bytes = self.0.iter().filter(|written| **written).count();
        write!(f, "{bytes} bytes")
    }
}

/// VMLOAD of what VMSAVE saved.
fn unchanged() -> Result<&'static str, Trap> {
    PAGE.fill(0);
    SECOND.fill(0);
    let before = witness();
    Vmsave.attempt(PAGE.address())?;
    Vmload.attempt(PAGE.address())?;
    Vmsave.attempt(SECOND.address())?;
    Ok(if PAGE.state() != SECOND.state() {
        "VMSAVE saves something else"
    } else if before.is_none() || before != witness() {
        "registers changed"
    } else {
        "nothing changed"
    })
}

fn witness() -> Option<Witness> {
    let mut witness = Witness::default();
    witness.read(&mut ThisProcessor(&PAGE)).ok()?;
    Some(witness)
}

/// VMLOAD of changed values, seen by RDMSR and MOV.
fn changed() -> Result<Differences, Trap> {
    PAGE.fill(0);
    Vmsave.attempt(PAGE.address())?;
    let original = PAGE.state();
    let wanted = altered(original);
    SECOND.fill(0);
    SECOND.set_state(&wanted);
    Vmload.attempt(SECOND.address())?;
    let seen = seen();
    let selectors = (registers::fs(), registers::gs());
    Vmload.attempt(PAGE.address())?;
    let expected = values(&wanted);
    let mut names = [None; REGISTERS.len()];
    for (index, name) in names.iter_mut().enumerate() {
        if seen[index] != expected[index] {
            *name = Some(REGISTERS[index]);
        }
    }
    Ok(Differences {
        names,
        selectors: selectors == (wanted.fs.selector, wanted.gs.selector),
    })
}

fn seen() -> [u64; REGISTERS.len()] {
    REGISTERS.map(|register| registers::read_msr(register.number()))
}

/// The values of [`REGISTERS`] in a state.
fn values(state: &VmsaveState) -> [u64; REGISTERS.len()] {
    let system_call = &state.system_call;
    [
        system_call.star,
        system_call.lstar,
        system_call.cstar,
        system_call.sfmask,
        system_call.kernel_gs_base,
        system_call.sysenter_cs,
        system_call.sysenter_esp,
        system_call.sysenter_eip,
        state.fs.base,
        state.gs.base,
    ]
}

/// Another value in each place, valid wherever one can be invalid.
fn altered(mut state: VmsaveState) -> VmsaveState {
    let system_call = &mut state.system_call;
    for (number, place) in (1..).zip([
        &mut system_call.star,
        &mut system_call.lstar,
        &mut system_call.cstar,
        &mut system_call.sfmask,
        &mut system_call.kernel_gs_base,
        &mut system_call.sysenter_cs,
        &mut system_call.sysenter_esp,
        &mut system_call.sysenter_eip,
        &mut state.fs.base,
        &mut state.gs.base,
    ]) {
        *place ^= number << 4;
    }
    core::mem::swap(&mut state.fs.selector, &mut state.gs.selector);
    state
}

/// The registers that do not read as they were loaded.
struct Differences {
    names: [Option<Msr>; REGISTERS.len()],
    selectors: bool,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let right = self.names.iter().filter(|name| name.is_none()).count();
        write!(f, "{right} registers as loaded")?;
        for name in self.names.iter().flatten() {
            write!(f, ", not {name}")?;
        }
        write!(f, "; selectors as loaded: {}", self.selectors)
    }
}
