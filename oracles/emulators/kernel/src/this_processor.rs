//! The processor that runs this, as `amd-svm`'s capture asks for it.

#![expect(unsafe_code, reason = "the descriptor table is read where SGDT says")]

use core::arch::asm;

use amd_svm::cpuid::CpuidResult;
use amd_svm::descriptor::Selector;
use amd_svm::msr::{Efer, Msr};
use amd_svm::{Fault, Processor, Selectors, intrinsics};

use crate::instruction::Instruction;
use crate::page::Page;
use crate::registers;
use crate::trap::{Trap, attempt};

/// A processor, and the page that is its own.
pub(crate) struct ThisProcessor<'a>(pub &'a Page);

impl Processor for ThisProcessor<'_> {
    fn cpuid(&mut self, leaf: u32, subleaf: u32) -> CpuidResult {
        intrinsics::cpuid(leaf, subleaf)
    }

    fn read_msr(&mut self, msr: Msr) -> Result<u64, Fault> {
        let value = core::cell::Cell::new(0);
        let place = &value;
        attempt(move || place.set(registers::read_msr(msr.number()))).map_err(Trap::fault)?;
        Ok(value.get())
    }

    fn write_efer(&mut self, value: Efer) -> Result<(), Fault> {
        attempt(move || registers::write_msr(Efer::NUMBER, value.into())).map_err(Trap::fault)
    }

    fn vmsave(&mut self) -> Result<(), Fault> {
        Instruction::Vmsave
            .attempt(self.0.address())
            .map_err(Trap::fault)
    }

    fn tsc(&mut self) -> u64 {
        intrinsics::rdtsc()
    }

    fn selectors(&mut self) -> Selectors {
        Selectors {
            fs: Selector(registers::fs()),
            gs: Selector(registers::gs()),
            tr: Selector(registers::tr()),
            ldtr: Selector(registers::ldtr()),
        }
    }

    fn global_descriptor<const QUADWORDS: usize>(
        &mut self,
        selector: Selector,
    ) -> [u64; QUADWORDS] {
        let (base, limit) = descriptor_table();
        let Some(first) = selector.global_quadword(QUADWORDS, limit) else {
            return [0; QUADWORDS];
        };
        let table = core::ptr::with_exposed_provenance::<u64>(base);
        // SAFETY: within the table, which is this processor's own.
        core::array::from_fn(|index| unsafe { table.wrapping_add(first + index).read_unaligned() })
    }
}

/// The base and the limit of the global descriptor table.
pub(crate) fn descriptor_table() -> (usize, u16) {
    table_register!("sgdt")
}

/// The base and the limit of the interrupt descriptor table.
pub(crate) fn interrupt_table() -> (usize, u16) {
    table_register!("sidt")
}

macro_rules! table_register {
    ($instruction:literal) => {{
        let mut bytes = [0_u8; 2 + size_of::<usize>()];
        // SAFETY: writes limit and base, so many bytes.
        unsafe {
            asm!(concat!($instruction, " [{}]"), in(reg) bytes.as_mut_ptr(),
                options(nostack, preserves_flags));
        }
        let [low, high, base @ ..] = bytes;
        (usize::from_le_bytes(base), u16::from_le_bytes([low, high]))
    }};
}
use table_register;
