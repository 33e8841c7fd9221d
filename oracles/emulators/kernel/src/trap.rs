//! Exceptions: caught where a trial expects one, the end of the run elsewhere.

#![expect(
    unsafe_code,
    reason = "returning from an exception to another place changes stacks"
)]

use core::fmt;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use amd_svm::Fault;

use crate::arch;
use crate::boot::PROCESSOR_LIMIT;
use crate::console::{power_off, say};
use crate::registers;

/// Interrupts that have arrived.
pub(crate) static INTERRUPTS: AtomicU32 = AtomicU32::new(0);

const USER_STACK_SIZE: usize = 0x1000;

const INVALID_OPCODE: u8 = 6;
const GENERAL_PROTECTION: u8 = 13;
const BREAKPOINT: u8 = 3;

/// An exception that an attempt ended with.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct Trap {
    vector: u8,
    error_code: u32,
    /// The first bytes of the instruction that raised it.
    code: [u8; 3],
}

impl Trap {
    /// In one word, lest it lie on a stack that is given up.
    fn into_word(self) -> u64 {
        let [first, second, third] = self.code;
        let low = u32::from_le_bytes([self.vector, first, second, third]);
        u64::from(self.error_code) << 32 | u64::from(low)
    }

    fn from_word(word: u64) -> Self {
        let [vector, first, second, third, error_code @ ..] = word.to_le_bytes();
        Self {
            vector,
            error_code: u32::from_le_bytes(error_code),
            code: [first, second, third],
        }
    }

    /// The same in the terms of `amd-svm`.
    pub(crate) fn fault(self) -> Fault {
        match self.vector {
            INVALID_OPCODE => Fault::InvalidOpcode,
            GENERAL_PROTECTION => Fault::GeneralProtection,
            _ => Fault::Other,
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            vector,
            error_code,
            code: [first, second, third],
        } = self;
        match *vector {
            INVALID_OPCODE => f.write_str("#UD")?,
            GENERAL_PROTECTION => write!(f, "#GP({error_code:x})")?,
            _ => write!(f, "exception {vector}({error_code:x})")?,
        }
        write!(f, " at {first:02x} {second:02x} {third:02x}")
    }
}

/// What the stubs leave on the stack.
#[repr(C)]
pub(crate) struct TrapFrame {
    vector: usize,
    error_code: usize,
    instruction: usize,
}

/// Where a processor goes on after an exception; 0 if none is expected. By local APIC identifier.
static GUARDS: [AtomicUsize; PROCESSOR_LIMIT] = [const { AtomicUsize::new(0) }; PROCESSOR_LIMIT];

/// The exception that a processor's last attempt ended with, as [`Trap::into_word`] packs it.
static TRAPS: [AtomicU64; PROCESSOR_LIMIT] = [const { AtomicU64::new(0) }; PROCESSOR_LIMIT];

unsafe extern "C" {
    fn guard_call(
        function: extern "C" fn(usize),
        argument: usize,
        save: *const AtomicUsize,
    ) -> usize;
    fn guard_call_user(
        function: extern "C" fn(usize),
        argument: usize,
        save: *const AtomicUsize,
        stack: usize,
    ) -> usize;
    fn guard_return(stack: usize, result: usize) -> !;
    fn user_done();
}

/// What is executed under guard: as it may never return, it owns nothing.
pub(crate) trait Attempt: Fn() + Copy {}

impl<F: Fn() + Copy> Attempt for F {}

extern "C" fn call<F: Attempt>(argument: usize) {
    let function = core::ptr::with_exposed_provenance::<F>(argument);
    // SAFETY: the attempts below pass the address of such a function, which outlives them.
    let function = unsafe { &*function };
    function();
}

fn guard() -> &'static AtomicUsize {
    &GUARDS[registers::apic_identifier()]
}

/// Calls `function`; an exception on the way ends it.
pub(crate) fn attempt<F: Attempt>(function: F) -> Result<(), Trap> {
    let argument = (&raw const function).expose_provenance();
    // SAFETY: `call` fits the argument, and what is left of the function's frames after an
    // exception owns nothing.
    let result = unsafe { guard_call(call::<F>, argument, guard()) };
    outcome(result)
}

/// Calls `function` on ring 3; an exception on the way ends it.
pub(crate) fn attempt_on_ring_3<F: Attempt>(function: F) -> Result<(), Trap> {
    let argument = (&raw const function).expose_provenance();
    let mut stack = [0_usize; USER_STACK_SIZE / size_of::<usize>()];
    let frame = arch::user_frame((user_done as *const ()).addr(), argument);
    let end = stack.as_mut_ptr_range().end.addr() & !15;
    let top = end - 32 - size_of::<usize>();
    for (word, place) in frame.into_iter().zip((top..).step_by(size_of::<usize>())) {
        stack[(place - stack.as_ptr().addr()) / size_of::<usize>()] = word;
    }
    stack.as_mut_ptr().expose_provenance();
    // SAFETY: whatever is called may fault, and returns through the guard; the stack is as a called
    // function expects it, and memory is open to ring 3.
    let result = unsafe { guard_call_user(call::<F>, argument, guard(), top) };
    core::hint::black_box(&stack);
    outcome(result)
}

fn outcome(result: usize) -> Result<(), Trap> {
    let here = registers::apic_identifier();
    GUARDS[here].store(0, Ordering::SeqCst);
    if result == 0 {
        return Ok(());
    }
    let trap = Trap::from_word(TRAPS[here].load(Ordering::SeqCst));
    if trap.vector == BREAKPOINT {
        Ok(())
    } else {
        Err(trap)
    }
}

/// From the stubs, on the stack that the exception was raised on, or ring 0's.
pub(crate) extern "C" fn exception(frame: &TrapFrame) -> ! {
    let instruction = core::ptr::with_exposed_provenance::<[u8; 3]>(frame.instruction);
    let trap = Trap {
        vector: u8::try_from(frame.vector).unwrap_or(u8::MAX),
        error_code: u32::try_from(frame.error_code).unwrap_or(u32::MAX),
        // SAFETY: the processor has just tried to execute it, and memory is mapped.
        code: unsafe { instruction.read() },
    };
    let here = registers::apic_identifier();
    let stack = GUARDS[here].load(Ordering::SeqCst);
    if stack == 0 {
        say!("panic {trap}, at {:#x}", frame.instruction);
        power_off();
    }
    TRAPS[here].store(trap.into_word(), Ordering::SeqCst);
    // SAFETY: the guard is set by the attempt that this exception ended.
    unsafe { guard_return(stack, 1) }
}
