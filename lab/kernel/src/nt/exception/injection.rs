//! Making a driver's guarded instructions raise exceptions that QEMU's processor
//! never raises.
//!
//! A breakpoint waits where a function with such instructions begins. From there on the processor
//! goes step by step, until it leaves the function or comes to the instruction that is meant: that
//! trap is turned into the exception. The driver's code stays as it is, and the breakpoints, of
//! which a processor has four, are for functions, however many instructions they guard.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use lab_wire::{GuardedInstruction, Injection};
use x86_64::registers::debug::{DebugAddressRegister, Dr0, Dr1, Dr2, Dr3, Dr7, Dr7Flags, Dr7Value};
use x86_64::registers::rflags::RFlags;

use super::tables::{HandlerKind, Tables};
use crate::base::lock::Lock;
use crate::base::trap_frame::TrapFrame;
use crate::image::symbol;
use crate::nt::rules::Routine;
use crate::processor::exceptions::vector;
use crate::processor::per_processor::{PROCESSOR_LIMIT, PerProcessor};
use crate::processor::{Processor, count_one};

/// The register whose write is watched.
const EFER: u64 = 0xC000_0080;

const RDMSR: &[u8] = &[0x0F, 0x32];
const WRMSR: &[u8] = &[0x0F, 0x30];
const VMSAVE: &[u8] = &[0x0F, 0x01, 0xDB];

/// How many functions the debug registers can watch.
const BREAKPOINTS: usize = 4;

/// An instruction that can be made to raise an exception.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Watched {
    Rdmsr,
    Wrmsr,
    Vmsave,
}

const WATCHED: [(Watched, &[u8]); 3] = [
    (Watched::Rdmsr, RDMSR),
    (Watched::Wrmsr, WRMSR),
    (Watched::Vmsave, VMSAVE),
];

/// A function that guards such instructions.
struct Guarded {
    code: Range<u64>,
    /// By address.
    instructions: Vec<(u64, Watched)>,
}

/// An injection and the functions where it may come about.
struct Armed {
    injection: Injection,
    functions: Vec<Guarded>,
}

/// The injection that each processor waits for.
static ARMED: PerProcessor<Lock<Option<Armed>>> =
    PerProcessor::new([const { Lock::new(None) }; PROCESSOR_LIMIT]);

/// What a debug exception was.
pub(crate) enum Trap {
    /// None of the lab's.
    Unknown,
    /// The instruction runs as it is.
    Pass,
    /// The instruction raises the exception with this vector.
    Raise(u8),
}

/// Makes an instruction of the loaded driver raise an exception on this
/// processor. Takes the place of what was asked for before.
pub(crate) fn arm(here: &Processor, injection: Injection) -> Result<(), String> {
    let Some(image) = symbol::loaded() else {
        return Err(String::from("no driver is loaded"));
    };
    let functions: Vec<_> = guarded_functions(Tables::of(image))
        .filter(|function| {
            let mut instructions = function.instructions.iter();
            instructions.any(|(_, watched)| injection.instruction.may_be(*watched))
        })
        .collect();
    if !(1..=BREAKPOINTS).contains(&functions.len()) {
        return Err(format!(
            "the driver guards such instructions in {} functions, the processor can watch 1 to 4",
            functions.len()
        ));
    }
    set_breakpoints(functions.iter().map(|function| function.code.start));
    *ARMED.of(here).lock() = Some(Armed {
        injection,
        functions,
    });
    Ok(())
}

/// Decides about a debug exception on this processor, and whether the next instruction raises
/// another.
pub(crate) fn trapped(here: &Processor, trap: &mut TrapFrame) -> Trap {
    let stepped = trap.rflags & RFlags::TRAP_FLAG.bits() != 0;
    trap.rflags &= !RFlags::TRAP_FLAG.bits();
    let mut place = ARMED.of(here).lock();
    let Some(armed) = place.as_mut() else {
        return Trap::Unknown;
    };
    let mut functions = armed.functions.iter();
    let Some(function) = functions.find(|function| function.code.contains(&trap.rip)) else {
        return if stepped { Trap::Pass } else { Trap::Unknown };
    };
    let injection = &mut armed.injection;
    let meant = function
        .instructions
        .iter()
        .any(|(address, watched)| *address == trap.rip && injection.instruction.is(*watched, trap));
    if !meant || injection.skip > 0 {
        injection.skip -= u32::from(meant);
        trap.rflags |= RFlags::TRAP_FLAG.bits();
        return Trap::Pass;
    }
    let raised = match injection.exception {
        lab_wire::InjectedException::InvalidOpcode => vector::INVALID_OPCODE,
        lab_wire::InjectedException::GeneralProtection => vector::GENERAL_PROTECTION,
    };
    injection.count = injection.count.saturating_sub(1);
    if injection.count == 0 {
        set_breakpoints([]);
        *place = None;
    }
    count_one(&here.counters.injected_faults);
    Trap::Raise(raised)
}

/// The functions that have a handler, with their instructions. Bytes like an instruction's may also
/// be part of another one: no step ends there.
fn guarded_functions(image: Tables) -> impl Iterator<Item = Guarded> {
    const ROUTINE: Routine = Routine("RtlLookupFunctionEntry");
    let guarded = image
        .functions()
        .filter(move |function| image.handler(*function, HandlerKind::Exception).is_some());
    guarded.map(move |function| {
        let code: Vec<u8> = (function.begin..function.end)
            .map(|offset| image.bytes::<1>(ROUTINE, offset)[0])
            .collect();
        let start = image.base() + u64::from(function.begin);
        let found = (start..).zip(0..code.len()).filter_map(|(address, index)| {
            let rest = &code[index..];
            let known = WATCHED.iter().find(|(_, bytes)| rest.starts_with(bytes));
            known.map(|(watched, _)| (address, *watched))
        });
        Guarded {
            instructions: found.collect(),
            code: start..start + code.len() as u64,
        }
    })
}

/// Sets this processor's breakpoints, as many as there are addresses.
fn set_breakpoints(addresses: impl IntoIterator<Item = u64>) {
    const ENABLE: [Dr7Flags; BREAKPOINTS] = [
        Dr7Flags::GLOBAL_BREAKPOINT_0_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_1_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_2_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_3_ENABLE,
    ];
    const WRITE: [fn(u64); BREAKPOINTS] = [Dr0::write, Dr1::write, Dr2::write, Dr3::write];
    let mut enabled = Dr7Flags::empty();
    for ((address, write), enable) in addresses.into_iter().zip(WRITE).zip(ENABLE) {
        write(address);
        enabled |= enable;
    }
    // Without a condition or a size they stand for execution.
    Dr7::write(Dr7Value::from(enabled));
}

/// Which instructions an injection is about.
trait Match {
    /// Whether it may be such an instruction.
    fn may_be(self, watched: Watched) -> bool;
    /// Whether this one is meant, which is about to be executed with these registers.
    fn is(self, watched: Watched, registers: &TrapFrame) -> bool;
}

impl Match for GuardedInstruction {
    fn may_be(self, watched: Watched) -> bool {
        match self {
            Self::ReadRegister(_) | Self::ReadAny => watched == Watched::Rdmsr,
            Self::WriteEfer => watched == Watched::Wrmsr,
            Self::Vmsave | Self::VmsaveTo { .. } => watched == Watched::Vmsave,
        }
    }

    fn is(self, watched: Watched, registers: &TrapFrame) -> bool {
        let register = registers.rcx & 0xFFFF_FFFF;
        let same_operand = match self {
            Self::ReadRegister(number) => register == u64::from(number),
            Self::WriteEfer => register == EFER,
            Self::VmsaveTo { first, last } => (first..=last).contains(&registers.rax),
            Self::Vmsave | Self::ReadAny => true,
        };
        same_operand && self.may_be(watched)
    }
}
