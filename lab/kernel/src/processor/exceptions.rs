//! Processor exceptions: from the vector to a report.

#![expect(unsafe_code, reason = "the entry stubs are assembly")]

use core::arch::global_asm;
use core::sync::atomic::Ordering;

use lab_wire::Registers;
use x86_64::VirtAddr;
use x86_64::registers::control::Cr2;
use x86_64::registers::rflags::RFlags;
use x86_64::structures::idt::InterruptDescriptorTable;

use super::{descriptors, try_current};
use crate::nt::exception::injection::{self, Trap};
use crate::nt::{exception, irql};
use crate::stop;

/// Vectors that the processor reserves for exceptions.
pub const COUNT: u8 = 32;

/// Bytes between the stubs below.
const STUB_SIZE: u64 = 16;

/// The vectors that mean something to the lab.
pub mod vector {
    /// `#DE`.
    pub const DIVIDE_ERROR: u8 = 0;
    /// `#DB`.
    pub const DEBUG: u8 = 1;
    /// Non-maskable interrupt.
    pub const NMI: u8 = 2;
    /// `#UD`.
    pub const INVALID_OPCODE: u8 = 6;
    /// `#GP`.
    pub const GENERAL_PROTECTION: u8 = 13;
    /// `#PF`.
    pub const PAGE_FAULT: u8 = 14;
}

/// What the stubs save, in the order that it lies in memory.
#[repr(C)]
pub struct TrapFrame {
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rbp: u64,
    pub rdi: u64,
    pub rsi: u64,
    pub rdx: u64,
    pub rcx: u64,
    pub rbx: u64,
    pub rax: u64,
    /// Exception vector.
    pub vector: u64,
    /// Error code, zero where there is none.
    pub error_code: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

unsafe extern "C" {
    safe static exception_stubs: u8;
    /// Goes on as the frame at the stack pointer says; no function to be called.
    pub fn exception_resume();
}

global_asm!(
    ".pushsection .text.exceptions, \"ax\"",
    ".balign 16",
    ".global exception_stubs",
    "exception_stubs:",
    ".set vector, 0",
    ".rept {count}",
    ".balign {stub_size}",
    // These push an error code themselves (APM volume 2, table 8-1).
    ".if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && \
        vector != 29 && vector != 30",
    "pushq $0",
    ".endif",
    "pushq $vector",
    "jmp exception_common",
    ".set vector, vector + 1",
    ".endr",
    "exception_common:",
    "pushq %rax",
    "pushq %rbx",
    "pushq %rcx",
    "pushq %rdx",
    "pushq %rsi",
    "pushq %rdi",
    "pushq %rbp",
    "pushq %r8",
    "pushq %r9",
    "pushq %r10",
    "pushq %r11",
    "pushq %r12",
    "pushq %r13",
    "pushq %r14",
    "pushq %r15",
    "cld",
    "movq %rsp, %rdi",
    "call {handler}",
    ".global exception_resume",
    "exception_resume:",
    "popq %r15",
    "popq %r14",
    "popq %r13",
    "popq %r12",
    "popq %r11",
    "popq %r10",
    "popq %r9",
    "popq %r8",
    "popq %rbp",
    "popq %rdi",
    "popq %rsi",
    "popq %rdx",
    "popq %rcx",
    "popq %rbx",
    "popq %rax",
    "addq $16, %rsp",
    "iretq",
    ".popsection",
    count = const COUNT,
    stub_size = const STUB_SIZE,
    handler = sym exception,
    options(att_syntax)
);

/// Puts the stubs into an interrupt descriptor table.
///
/// With `own_stacks`, double faults and NMIs get stacks of their own: the one may
/// come of an overflowing stack, the other at any instruction.
pub fn install(idt: &mut InterruptDescriptorTable, own_stacks: bool) {
    let stub = |vector: u64| {
        VirtAddr::new((&raw const exception_stubs).addr() as u64 + vector * STUB_SIZE)
    };
    macro_rules! install {
        ($($field:ident = $vector:literal),+ $(,)?) => {
            // SAFETY: The stubs take what the processor pushes for their vector.
            $( unsafe { idt.$field.set_handler_addr(stub($vector)) }; )+
        };
    }
    install! {
        divide_error = 0,
        debug = 1,
        non_maskable_interrupt = 2,
        breakpoint = 3,
        overflow = 4,
        bound_range_exceeded = 5,
        invalid_opcode = 6,
        device_not_available = 7,
        double_fault = 8,
        invalid_tss = 10,
        segment_not_present = 11,
        stack_segment_fault = 12,
        general_protection_fault = 13,
        page_fault = 14,
        x87_floating_point = 16,
        alignment_check = 17,
        machine_check = 18,
        simd_floating_point = 19,
    }
    if own_stacks {
        // SAFETY: As above.
        let options = unsafe { idt.double_fault.set_handler_addr(stub(8)) };
        // SAFETY: Every task state segment has this stack, for this vector alone.
        unsafe { options.set_stack_index(descriptors::DOUBLE_FAULT_STACK) };
        // SAFETY: As above.
        let options = unsafe { idt.non_maskable_interrupt.set_handler_addr(stub(2)) };
        // SAFETY: Every task state segment has this stack, for this vector alone.
        unsafe { options.set_stack_index(descriptors::NMI_STACK) };
    }
}

/// Returns if the interrupted code is to go on. An NMI may be a stopping
/// processor's call to the others, and a breakpoint an injected fault; exceptions of
/// a driver go to its handlers, and without one, as all others, end the run.
extern "C" fn exception(frame: &mut TrapFrame) {
    let number = u8::try_from(frame.vector).expect("the stubs push their number");
    if number == vector::NMI && stop::is_stopping() {
        record_position(frame);
        stop::halt();
    }
    let cr2 = Cr2::read_raw();
    let here = try_current().filter(|_| number == vector::DEBUG);
    match here.map_or(Trap::Unknown, |here| injection::trapped(here, frame)) {
        Trap::Pass => {
            frame.rflags |= RFlags::RESUME_FLAG.bits();
            return;
        }
        Trap::Raise(raised) => frame.vector = raised.into(),
        Trap::Unknown => {}
    }
    exception::dispatch(frame, cr2);
    let number = u8::try_from(frame.vector).expect("a vector");
    stop::fault(number, frame.error_code, cr2, &frame.registers())
}

/// Leaves word of where the stopping kernel caught this processor.
fn record_position(frame: &TrapFrame) {
    let Some(here) = try_current() else { return };
    let caught = &here.caught;
    caught.rip.store(frame.rip, Ordering::Relaxed);
    caught.rflags.store(frame.rflags, Ordering::Relaxed);
    caught.irql.store(irql::current(), Ordering::Relaxed);
    caught.done.store(true, Ordering::SeqCst);
}

impl TrapFrame {
    fn registers(&self) -> Registers {
        Registers {
            rip: self.rip,
            rflags: self.rflags,
            rsp: self.rsp,
            rax: self.rax,
            rbx: self.rbx,
            rcx: self.rcx,
            rdx: self.rdx,
            rsi: self.rsi,
            rdi: self.rdi,
            rbp: self.rbp,
            r8: self.r8,
            r9: self.r9,
            r10: self.r10,
            r11: self.r11,
            r12: self.r12,
            r13: self.r13,
            r14: self.r14,
            r15: self.r15,
        }
    }
}
