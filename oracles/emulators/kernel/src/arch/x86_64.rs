//! Long mode.

#![expect(
    unsafe_code,
    reason = "entry code, stack frames and gates are assembly"
)]

use core::arch::global_asm;

/// Flags of a code descriptor: L.
pub(crate) const CODE_FLAGS: u64 = 0x2;
/// Whether a base of FS or GS fits into its descriptor.
pub(crate) const LONG_BASES: bool = true;
/// Address that the lowest of the page directories' entries covers, in bytes.
pub(crate) const LARGE_PAGE: usize = 0x20_0000;
/// A gate's length in 8-byte words.
pub(crate) const GATE_WORDS: usize = 2;
/// The first words of a task state segment that hold the stack for ring 0.
pub(crate) const fn task_stack(stack: u32) -> [u32; 2] {
    [stack, 0]
}
/// Bytes between the end of a stack and where a called function finds it, and the words there:
/// return address and argument.
pub(crate) const fn user_frame(return_address: usize, _argument: usize) -> [usize; 1] {
    [return_address]
}

global_asm!(
    ".pushsection .boot, \"awx\"",
    ".code32",
    "build_page_tables:",
    "movl $page_directory, %edi",
    "movl $0x87, %eax",
    "movl $2048, %ecx",
    "2: movl %eax, (%edi)",
    "movl $0, 4(%edi)",
    "addl $0x200000, %eax",
    "addl $8, %edi",
    "loop 2b",
    "movl $page_directory + 7, %eax",
    "movl $level_3, %edi",
    "movl $4, %ecx",
    "3: movl %eax, (%edi)",
    "addl $0x1000, %eax",
    "addl $8, %edi",
    "loop 3b",
    "movl $level_3 + 7, level_4",
    "ret",
    "enter_paging:",
    "movl %cr4, %eax",
    "orl $0x20, %eax",
    "movl %eax, %cr4",
    "movl $level_4, %eax",
    "movl %eax, %cr3",
    "movl $0xC0000080, %ecx",
    "rdmsr",
    "orl $0x100, %eax",
    "wrmsr",
    "movl %cr0, %eax",
    "orl $0x80010000, %eax",
    "movl %eax, %cr0",
    "ljmpl $0x18, $long_entry",
    ".code64",
    "long_entry:",
    "movl %esi, %edi",
    "call {main}",
    "ud2",
    ".popsection",

    ".pushsection .bss",
    ".balign 4096",
    "level_4: .skip 4096",
    "level_3: .skip 4096",
    ".global page_directory",
    "page_directory: .skip 4 * 4096",
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
    "pushq $0",
    ".endif",
    "pushq $vector",
    "jmp 2f",
    ".set vector, vector + 1",
    ".endr",
    "2: cld",
    "movq %rsp, %rdi",
    "andq $-16, %rsp",
    "call {exception}",
    "ud2",

    ".global interrupt_stub",
    "interrupt_stub:",
    "pushq %rax",
    "lock incl {interrupts}(%rip)",
    "movl $0xFEE000B0, %eax",
    "movl $0, (%rax)",
    "popq %rax",
    "iretq",

    // fn(function, argument, save: &mut stack pointer) -> 0, or what `guard_return` says.
    ".global guard_call",
    "guard_call:",
    "pushq %rbx",
    "pushq %rbp",
    "pushq %r12",
    "pushq %r13",
    "pushq %r14",
    "pushq %r15",
    "movq %rsp, (%rdx)",
    "movq %rdi, %rax",
    "movq %rsi, %rdi",
    "subq $8, %rsp",
    "call *%rax",
    "addq $8, %rsp",
    "xorl %eax, %eax",
    "3: popq %r15",
    "popq %r14",
    "popq %r13",
    "popq %r12",
    "popq %rbp",
    "popq %rbx",
    "ret",

    // fn(saved stack pointer, result) -> !
    ".global guard_return",
    "guard_return:",
    "movq %rdi, %rsp",
    "movq %rsi, %rax",
    "jmp 3b",

    // fn(function, argument, save, stack): the function on ring 3; ends by an exception.
    ".global guard_call_user",
    "guard_call_user:",
    "pushq %rbx",
    "pushq %rbp",
    "pushq %r12",
    "pushq %r13",
    "pushq %r14",
    "pushq %r15",
    "movq %rsp, (%rdx)",
    "pushq ${user_data}",
    "pushq %rcx",
    "pushq $2",
    "pushq ${user_code}",
    "pushq %rdi",
    "movq %rsi, %rdi",
    "iretq",

    ".global user_done",
    "user_done:",
    "int3",
    ".popsection",
    main = sym crate::processor_main,
    exception = sym crate::trap::exception,
    interrupts = sym crate::trap::INTERRUPTS,
    user_data = const crate::descriptors::USER_DATA,
    user_code = const crate::descriptors::USER_CODE,
    options(att_syntax)
);
