//! Protected mode, with paging of two levels.

#![expect(
    unsafe_code,
    reason = "entry code, stack frames and gates are assembly"
)]

use core::arch::global_asm;

/// Flags of a code descriptor: D and G.
pub(crate) const CODE_FLAGS: u64 = 0xC;
/// Whether a base of FS or GS can be longer than its descriptor's.
pub(crate) const LONG_BASES: bool = false;
/// What one entry of the page directory covers, in bytes.
pub(crate) const LARGE_PAGE: usize = 0x40_0000;
/// A gate's length in 8-byte words.
pub(crate) const GATE_WORDS: usize = 1;
/// The first words of a task state segment, behind the link, that hold the stack for ring 0.
pub(crate) const fn task_stack(stack: u32) -> [u32; 2] {
    [stack, crate::descriptors::DATA as u32]
}
/// What a called function finds on its stack.
pub(crate) const fn user_frame(return_address: usize, argument: usize) -> [usize; 2] {
    [return_address, argument]
}

global_asm!(
    ".pushsection .boot, \"awx\"",
    ".code32",
    "build_page_tables:",
    "movl $page_directory, %edi",
    "movl $0x87, %eax",
    "movl $1024, %ecx",
    "2: movl %eax, (%edi)",
    "addl $0x400000, %eax",
    "addl $4, %edi",
    "loop 2b",
    "ret",
    "enter_paging:",
    // Large pages; SSE registers, which this target's code uses.
    "movl %cr4, %eax",
    "orl $0x610, %eax",
    "movl %eax, %cr4",
    "movl $page_directory, %eax",
    "movl %eax, %cr3",
    "movl %cr0, %eax",
    "orl $0x80010002, %eax",
    "movl %eax, %cr0",
    "subl $12, %esp",
    "pushl %esi",
    "call {main}",
    "ud2",
    ".popsection",

    ".pushsection .bss",
    ".balign 4096",
    ".global page_directory",
    "page_directory: .skip 4096",
    ".popsection",

    ".pushsection .text",
    // One stub for each vector, 16 bytes apart. Those without an error code push a zero.
    ".balign 16",
    ".global exception_stubs",
    "exception_stubs:",
    ".set vector, 0",
    ".rept 32",
    ".balign 16",
    ".if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && \
        vector != 29 && vector != 30",
    "pushl $0",
    ".endif",
    "pushl $vector",
    "jmp 2f",
    ".set vector, vector + 1",
    ".endr",
    "2: cld",
    "movl %esp, %eax",
    "andl $-16, %esp",
    "subl $12, %esp",
    "pushl %eax",
    "call {exception}",
    "ud2",

    ".global interrupt_stub",
    "interrupt_stub:",
    "lock incl {interrupts}",
    "movl $0, 0xFEE000B0",
    "iretl",

    // fn(function, argument, save: &mut stack pointer) -> 0, or what `guard_return` says.
    ".global guard_call",
    "guard_call:",
    "pushl %ebx",
    "pushl %esi",
    "pushl %edi",
    "pushl %ebp",
    "movl 20(%esp), %eax",
    "movl 24(%esp), %ecx",
    "movl 28(%esp), %edx",
    "movl %esp, (%edx)",
    "subl $8, %esp",
    "pushl %ecx",
    "call *%eax",
    "addl $12, %esp",
    "xorl %eax, %eax",
    "3: popl %ebp",
    "popl %edi",
    "popl %esi",
    "popl %ebx",
    "ret",

    // fn(saved stack pointer, result) -> !
    ".global guard_return",
    "guard_return:",
    "movl 8(%esp), %eax",
    "movl 4(%esp), %esp",
    "jmp 3b",

    // fn(function, argument, save, stack): the function on ring 3; ends by an exception.
    ".global guard_call_user",
    "guard_call_user:",
    "pushl %ebx",
    "pushl %esi",
    "pushl %edi",
    "pushl %ebp",
    "movl 20(%esp), %eax",
    "movl 28(%esp), %edx",
    "movl 32(%esp), %ecx",
    "movl %esp, (%edx)",
    "pushl ${user_data}",
    "pushl %ecx",
    "pushl $2",
    "pushl ${user_code}",
    "pushl %eax",
    "iretl",

    ".global user_done",
    "user_done:",
    "int3",

    // The memory routines that the compiler calls: this target expects them from a C library.
    ".global memcpy",
    "memcpy:",
    "pushl %esi",
    "pushl %edi",
    "movl 12(%esp), %edi",
    "movl 16(%esp), %esi",
    "movl 20(%esp), %ecx",
    "movl %edi, %eax",
    "rep movsb",
    "popl %edi",
    "popl %esi",
    "ret",
    ".global memmove",
    "memmove:",
    "movl 4(%esp), %eax",
    "cmpl 8(%esp), %eax",
    "jbe memcpy",
    "pushl %esi",
    "pushl %edi",
    "movl 16(%esp), %esi",
    "movl 20(%esp), %ecx",
    "leal -1(%eax, %ecx), %edi",
    "leal -1(%esi, %ecx), %esi",
    "std",
    "rep movsb",
    "cld",
    "popl %edi",
    "popl %esi",
    "ret",
    ".global memset",
    "memset:",
    "pushl %edi",
    "movl 8(%esp), %edi",
    "movl 12(%esp), %eax",
    "movl 16(%esp), %ecx",
    "rep stosb",
    "movl 8(%esp), %eax",
    "popl %edi",
    "ret",
    ".global memcmp",
    ".global bcmp",
    "memcmp:",
    "bcmp:",
    "pushl %esi",
    "pushl %edi",
    "movl 12(%esp), %esi",
    "movl 16(%esp), %edi",
    "movl 20(%esp), %ecx",
    "xorl %eax, %eax",
    "xorl %edx, %edx",
    // With a length of 0 the flags are those of the line above: equal.
    "repe cmpsb",
    "seta %al",
    "setb %dl",
    "subl %edx, %eax",
    "popl %edi",
    "popl %esi",
    "ret",
    ".popsection",
    main = sym crate::processor_main,
    exception = sym crate::trap::exception,
    interrupts = sym crate::trap::INTERRUPTS,
    user_data = const crate::descriptors::USER_DATA,
    user_code = const crate::descriptors::USER_CODE,
    options(att_syntax)
);

/// Unwinding information of the target's core library names it; nothing here unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
