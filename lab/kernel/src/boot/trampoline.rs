//! From a start-up IPI's real mode to the entry code that all processors share.

#![expect(unsafe_code, reason = "the start-up code is assembly")]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::base::address;
use crate::memory::paging;
use crate::processor::per_processor::PROCESSOR_LIMIT;
use crate::processor::{self, apic};

/// Physical address that the code is copied to. A start-up IPI names it by page, so it lies
/// below 1 MiB.
const PLACE: u64 = 0x8000;

/// Where each application processor finds its stack, by local APIC identifier.
/// Those that find none stop at once.
pub(super) static STACKS: [AtomicU64; PROCESSOR_LIMIT] =
    [const { AtomicU64::new(0) }; PROCESSOR_LIMIT];

/// Physical address of the page tables that application processors are to use.
pub(super) static TABLES: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    /// First byte of the code.
    safe static trampoline_start: u8;
    /// One past its last byte.
    safe static trampoline_end: u8;
}

global_asm!(
    // Copied to PLACE; real mode with CS = PLACE / 16.
    ".pushsection .text.boot, \"ax\"",
    ".code16",
    ".global trampoline_start",
    "trampoline_start:",
    "cli",
    "cld",
    "movw %cs, %ax",
    "movw %ax, %ds",
    "lgdtl trampoline_gdt_pointer - trampoline_start",
    "movl $1, %eax",
    "movl %eax, %cr0",
    "ljmpl $0x20, $(trampoline_32 - trampoline_start + {place})",
    ".code32",
    "trampoline_32:",
    "movl $0x28, %eax",
    "movl %eax, %ds",
    "movl %eax, %es",
    "movl %eax, %ss",
    // No start information: this is how the shared path knows an application processor.
    "xorl %ebx, %ebx",
    "movl $enter_long_mode_physical, %eax",
    "jmp *%eax",
    ".balign 8",
    "trampoline_gdt_pointer: .short 47; .long boot_gdt_physical",
    ".global trampoline_end",
    "trampoline_end:",
    ".code64",
    ".popsection",
    place = const PLACE,
    options(att_syntax)
);

/// Sends all other processors to the code, each with its stack.
pub(super) fn start_others() {
    let code = &raw const trampoline_start;
    let length = (&raw const trampoline_end).addr() - code.addr();
    // SAFETY: the page at PLACE is memory below 1 MiB, which nothing else uses,
    // and the symbols enclose the code.
    unsafe {
        address::physical_pointer::<u8>(PLACE).copy_from_nonoverlapping(code, length);
    };
    TABLES.store(paging::root(), Ordering::SeqCst);
    for (stack, processor) in STACKS.iter().zip(processor::all()).skip(1) {
        stack.store(processor.thread_stack, Ordering::SeqCst);
    }
    apic::start_others(PLACE);
}
