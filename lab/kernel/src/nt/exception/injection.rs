//! Making a driver's guarded instructions raise exceptions that QEMU's processor
//! never raises: with breakpoints on them, whose traps are turned into exceptions.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use lab_wire::{GuardedInstruction, Injection};
use x86_64::registers::debug::{DebugAddressRegister, Dr0, Dr1, Dr2, Dr3, Dr7, Dr7Flags, Dr7Value};

use super::tables::{HandlerKind, Tables};
use crate::image::symbol;
use crate::nt::rules::Routine;
use crate::processor::exceptions::{TrapFrame, vector};
use crate::processor::{Processor, count_one};
use crate::sync::Lock;

/// The register whose write is told apart.
const EFER: u64 = 0xC000_0080;

const RDMSR: &[u8] = &[0x0F, 0x32];
const WRMSR: &[u8] = &[0x0F, 0x30];
const VMSAVE: &[u8] = &[0x0F, 0x01, 0xDB];

/// How many instructions the debug registers can watch.
const BREAKPOINTS: usize = 4;

/// What a breakpoint watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// An injection and the breakpoints that it takes.
struct Armed {
    injection: Injection,
    breakpoints: Vec<(u64, Watched)>,
}

/// The injection that a processor waits for.
pub struct Injector(Lock<Option<Armed>>);

/// What a debug exception was.
pub enum Trap {
    /// None of the lab's breakpoints.
    Unknown,
    /// An instruction that runs as it is.
    Pass,
    /// An instruction that raises the exception with this vector.
    Raise(u8),
}

impl Injector {
    /// Nothing to inject.
    pub const fn new() -> Self {
        Self(Lock::new(None))
    }
}

/// Makes an instruction of the loaded driver raise an exception on this
/// processor. Takes the place of what was asked for before.
pub fn arm(here: &Processor, injection: Injection) -> Result<(), String> {
    let Some(image) = symbol::loaded() else {
        return Err(String::from("no driver is loaded"));
    };
    let breakpoints: Vec<_> = guarded_instructions(Tables::of(image))
        .filter(|(_, watched)| injection.instruction.may_be(*watched))
        .collect();
    if !(1..=BREAKPOINTS).contains(&breakpoints.len()) {
        return Err(format!(
            "the driver has {} such instructions under guard, the processor can watch 1 to 4",
            breakpoints.len()
        ));
    }
    set_breakpoints(&breakpoints);
    *here.injector.0.lock() = Some(Armed {
        injection,
        breakpoints,
    });
    Ok(())
}

/// Decides about a debug exception on this processor.
pub fn trapped(here: &Processor, trap: &TrapFrame) -> Trap {
    let mut place = here.injector.0.lock();
    let Some(armed) = place.as_mut() else {
        return Trap::Unknown;
    };
    let at = |(address, _): &&(u64, Watched)| *address == trap.rip;
    let Some(&(_, watched)) = armed.breakpoints.iter().find(at) else {
        return Trap::Unknown;
    };
    let injection = &mut armed.injection;
    if !injection.instruction.is(watched, trap.rcx & 0xFFFF_FFFF) {
        return Trap::Pass;
    }
    if injection.skip > 0 {
        injection.skip -= 1;
        return Trap::Pass;
    }
    let raised = match injection.exception {
        lab_wire::InjectedException::InvalidOpcode => vector::INVALID_OPCODE,
        lab_wire::InjectedException::GeneralProtection => vector::GENERAL_PROTECTION,
    };
    injection.count = injection.count.saturating_sub(1);
    if injection.count == 0 {
        set_breakpoints(&[]);
        *place = None;
    }
    count_one(&here.counters.injected_faults);
    Trap::Raise(raised)
}

/// Addresses of the instructions that a handler guards. The bytes may also be
/// part of another instruction; a breakpoint there is never reached.
fn guarded_instructions(image: Tables) -> impl Iterator<Item = (u64, Watched)> {
    const ROUTINE: Routine = Routine("RtlLookupFunctionEntry");
    let guarded = image
        .functions()
        .filter(move |function| image.handler(*function, HandlerKind::Exception).is_some());
    guarded.flat_map(move |function| {
        let code: Vec<u8> = (function.begin..function.end)
            .map(|offset| image.bytes::<1>(ROUTINE, offset)[0])
            .collect();
        let start = image.base() + u64::from(function.begin);
        let found = (start..).zip(0..code.len()).filter_map(|(address, index)| {
            let rest = &code[index..];
            let known = WATCHED.iter().find(|(_, bytes)| rest.starts_with(bytes));
            known.map(|(watched, _)| (address, *watched))
        });
        found.collect::<Vec<_>>()
    })
}

/// Sets this processor's breakpoints, as many as there are addresses.
fn set_breakpoints(breakpoints: &[(u64, Watched)]) {
    const ENABLE: [Dr7Flags; BREAKPOINTS] = [
        Dr7Flags::GLOBAL_BREAKPOINT_0_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_1_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_2_ENABLE,
        Dr7Flags::GLOBAL_BREAKPOINT_3_ENABLE,
    ];
    const WRITE: [fn(u64); BREAKPOINTS] = [Dr0::write, Dr1::write, Dr2::write, Dr3::write];
    let mut enabled = Dr7Flags::empty();
    for ((&(address, _), write), enable) in breakpoints.iter().zip(WRITE).zip(ENABLE) {
        write(address);
        enabled |= enable;
    }
    // Without a condition or a size they stand for execution.
    Dr7::write(Dr7Value::from(enabled));
}

/// Which instructions an injection is about.
trait Match {
    /// Whether a breakpoint is needed on such an instruction.
    fn may_be(self, watched: Watched) -> bool;
    /// Whether this one is meant, which is about to be executed with this in ECX.
    fn is(self, watched: Watched, register: u64) -> bool;
}

impl Match for GuardedInstruction {
    fn may_be(self, watched: Watched) -> bool {
        match self {
            Self::ReadRegister(_) | Self::ReadAny => watched == Watched::Rdmsr,
            Self::WriteEfer => watched == Watched::Wrmsr,
            Self::Vmsave => watched == Watched::Vmsave,
        }
    }

    fn is(self, watched: Watched, register: u64) -> bool {
        let same_register = match self {
            Self::ReadRegister(number) => register == u64::from(number),
            Self::WriteEfer => register == EFER,
            Self::Vmsave | Self::ReadAny => true,
        };
        same_register && self.may_be(watched)
    }
}
