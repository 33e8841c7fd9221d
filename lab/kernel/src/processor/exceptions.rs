//! Processor exceptions: from the vector to the handler of an upper layer.

#![expect(unsafe_code, reason = "the entry stubs are assembly")]

use core::arch::global_asm;

use x86_64::VirtAddr;
use x86_64::registers::control::Cr2;
use x86_64::structures::idt::InterruptDescriptorTable;

use super::{descriptors, try_current};
use crate::base::hooks::hooks;
use crate::base::trap_frame::TrapFrame;
use crate::base::{qemu, stopping};

/// Vectors that the processor reserves for exceptions.
pub(crate) const COUNT: u8 = 32;

/// Bytes between the stubs below.
const STUB_SIZE: u64 = 16;

/// The vectors that mean something to the lab.
pub(crate) mod vector {
    /// `#DE`.
    pub(crate) const DIVIDE_ERROR: u8 = 0;
    /// `#DB`.
    pub(crate) const DEBUG: u8 = 1;
    /// Non-maskable interrupt.
    pub(crate) const NMI: u8 = 2;
    /// `#UD`.
    pub(crate) const INVALID_OPCODE: u8 = 6;
    /// `#DF`.
    pub(crate) const DOUBLE_FAULT: u8 = 8;
    /// `#GP`.
    pub(crate) const GENERAL_PROTECTION: u8 = 13;
    /// `#PF`.
    pub(crate) const PAGE_FAULT: u8 = 14;
}

unsafe extern "C" {
    safe static exception_stubs: u8;
    /// Continues as the frame at the stack pointer says; no function to be called.
    pub(crate) fn exception_resume();
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
/// With `own_stacks`, double faults and NMIs get stacks of their own: a double fault may be
/// the consequence of a stack overflow, an NMI may come at any instruction.
pub(crate) fn install(idt: &mut InterruptDescriptorTable, own_stacks: bool) {
    let stub = |vector: u64| {
        VirtAddr::new((&raw const exception_stubs).addr() as u64 + vector * STUB_SIZE)
    };
    macro_rules! install {
        ($($field:ident = $vector:literal),+ $(,)?) => {
            // SAFETY: the stubs take what the processor pushes for their vector.
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
        // SAFETY: the stub takes what the processor pushes for this vector.
        let options = unsafe { idt.double_fault.set_handler_addr(stub(8)) };
        // SAFETY: every task state segment has this stack, for this vector alone.
        unsafe { options.set_stack_index(descriptors::DOUBLE_FAULT_STACK) };
        // SAFETY: the stub takes what the processor pushes for this vector.
        let options = unsafe { idt.non_maskable_interrupt.set_handler_addr(stub(2)) };
        // SAFETY: every task state segment has this stack, for this vector alone.
        unsafe { options.set_stack_index(descriptors::NMI_STACK) };
    }
}

/// Returns if the interrupted code is to go on. An NMI may be a stopping
/// processor's call to the others; what else happened is for an upper layer to decide.
extern "C" fn exception(frame: &mut TrapFrame) {
    if frame.vector == u64::from(vector::NMI) && stopping::is_stopping() {
        if let Some(here) = try_current() {
            here.stopped_at.record(frame);
        }
        qemu::halt();
    }
    let fault_address = Cr2::read_raw();
    (hooks().exception)(frame, fault_address);
}
