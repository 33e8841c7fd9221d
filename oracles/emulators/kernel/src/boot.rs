//! From a processor's reset, or its start-up IPI, to 32-bit code; [`crate::arch`] goes on.

#![expect(unsafe_code, reason = "the entry code is assembly")]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

/// As many processors as there are stacks for.
pub(crate) const PROCESSOR_LIMIT: usize = 4;

const STACK_SIZE: usize = 0x10000;

unsafe extern "C" {
    safe static expected_processors: AtomicU32;
    safe static spared: AtomicU32;
}

/// The number of processors that the host put into the image's eighth to eleventh byte.
pub(crate) fn expected() -> usize {
    expected_processors.load(Ordering::Relaxed) as usize
}

/// Whether the host wants to be spared what ends its emulator: it says so in the image's sixteenth
/// byte.
pub(crate) fn spares() -> bool {
    spared.load(Ordering::Relaxed) != 0
}

global_asm!(
    ".pushsection .boot.start, \"awx\"",
    ".code16",
    ".global image_start",
    "image_start:",
    "jmp 2f",
    ".balign 8",
    ".global expected_processors",
    "expected_processors: .long 1",
    "started_processors: .long 0",
    ".global spared",
    "spared: .long 0",
    "2:",
    "cli",
    "cld",
    "movw %cs, %ax",
    "movw %ax, %ds",
    "lgdtl boot_gdt_pointer - image_start",
    // Protected mode, caches on.
    "movl $0x11, %eax",
    "movl %eax, %cr0",
    "ljmpl $0x08, $flat_entry",
    ".balign 8",
    "boot_gdt: .quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x00209B0000000000",
    "boot_gdt_pointer: .short 31; .long boot_gdt",
    ".code32",
    "flat_entry:",
    "movl $0x10, %eax",
    "movl %eax, %ds",
    "movl %eax, %es",
    "movl %eax, %ss",
    "movl $1, %esi",
    "lock xaddl %esi, started_processors",
    "cmpl ${limit}, %esi",
    "jae 4f",
    "leal 1(%esi), %eax",
    "imull ${stack_size}, %eax",
    "leal stacks(%eax), %esp",
    "testl %esi, %esi",
    "jnz 3f",
    "call build_page_tables",
    // The number of this processor is in ESI.
    "3: jmp enter_paging",
    "4: hlt",
    "jmp 4b",
    ".popsection",
    ".pushsection .bss",
    ".balign 4096",
    "stacks: .skip {limit} * {stack_size}",
    ".popsection",
    limit = const PROCESSOR_LIMIT,
    stack_size = const STACK_SIZE,
    options(att_syntax)
);

// The assembler goes on with what follows in other files, which is code of this width again.
#[cfg(target_arch = "x86_64")]
global_asm!(".code64", options(att_syntax));
