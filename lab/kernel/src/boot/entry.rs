//! From PVH's 32-bit entry, and from the [trampoline], to Rust.
//!
//! Both paths share the boot page tables: the first 4 GiB mapped at zero, at
//! the physical map's base, and (its first GiB) at the kernel's own base. They
//! serve only until [`crate::memory`] has built the real ones.

#![expect(unsafe_code, reason = "the entry code is assembly")]

use core::arch::global_asm;

use super::trampoline;
use crate::base::address;

/// Stack of the boot processor until it has a [`crate::processor::Processor`].
const BOOT_STACK_SIZE: usize = 0x10000;

/// Present, writable and, in a level 2 entry, 2 MiB large.
const TABLE: u64 = 0x3;
const LARGE: u64 = 0x83;

global_asm!(
    // The note that tells the loader where to enter: XEN_ELFNOTE_PHYS32_ENTRY.
    ".pushsection .note.pvh, \"a\", @note",
    ".balign 4",
    ".long 4, 8, 18",
    ".asciz \"Xen\"",
    ".quad pvh_entry_physical",
    ".popsection",

    ".pushsection .bss",
    ".balign 4096",
    ".global boot_level_4",
    "boot_level_4: .skip 4096",
    ".global boot_level_3_low",
    "boot_level_3_low: .skip 4096",
    ".global boot_level_3_high",
    "boot_level_3_high: .skip 4096",
    ".global boot_level_2",
    "boot_level_2: .skip 4 * 4096",
    "boot_stack: .skip {stack_size}",
    "boot_stack_top:",
    ".popsection",

    ".pushsection .rodata",
    ".balign 8",
    ".global boot_gdt",
    "boot_gdt: .quad 0, 0, 0x00209B0000000000, 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF",
    ".global boot_gdt_pointer",
    "boot_gdt_pointer: .short 47; .quad boot_gdt_physical",
    "high_gdt_pointer: .short 47; .quad boot_gdt",
    ".popsection",

    ".pushsection .text.boot, \"ax\"",
    ".code32",
    ".global pvh_entry",
    "pvh_entry:",
    "cli",
    "cld",
    // Level 2: 2048 large pages, 4 GiB.
    "movl $boot_level_2_physical, %edi",
    "movl ${large}, %eax",
    "movl $2048, %ecx",
    "2: movl %eax, (%edi)",
    "addl $0x200000, %eax",
    "addl $8, %edi",
    "loop 2b",
    // Level 3 of the low and physical maps: those four tables.
    "movl $boot_level_2_physical + {table}, %eax",
    "movl %eax, boot_level_3_low_physical",
    // Level 3 of the kernel's own 2 GiB: the first GiB.
    "movl %eax, boot_level_3_high_physical + 510 * 8",
    "addl $0x1000, %eax",
    "movl %eax, boot_level_3_low_physical + 8",
    "addl $0x1000, %eax",
    "movl %eax, boot_level_3_low_physical + 16",
    "addl $0x1000, %eax",
    "movl %eax, boot_level_3_low_physical + 24",
    "movl $boot_level_3_low_physical + {table}, %eax",
    "movl %eax, boot_level_4_physical",
    "movl %eax, boot_level_4_physical + {physical_map_index} * 8",
    "movl $boot_level_3_high_physical + {table}, %eax",
    "movl %eax, boot_level_4_physical + 511 * 8",

    // Shared with the other processors: paging with CR4.PAE and EFER.LME | NXE.
    ".global enter_long_mode",
    "enter_long_mode:",
    "movl %cr4, %eax",
    "orl $0x20, %eax",
    "movl %eax, %cr4",
    "movl $boot_level_4_physical, %eax",
    "movl %eax, %cr3",
    "movl %ebx, %esi",
    "movl $0xC0000080, %ecx",
    "rdmsr",
    "orl $0x900, %eax",
    "wrmsr",
    "movl %cr0, %eax",
    "andl $0x9FFFFFFF, %eax",
    "orl $0x80010001, %eax",
    "movl %eax, %cr0",
    "lgdtl boot_gdt_pointer_physical",
    "ljmpl $0x10, $long_mode_entry_physical",

    ".code64",
    ".global long_mode_entry",
    "long_mode_entry:",
    "xorl %eax, %eax",
    "movl %eax, %ss",
    "movl %eax, %ds",
    "movl %eax, %es",
    "movabsq $high_entry, %rax",
    "jmp *%rax",
    "high_entry:",
    // Low addresses are about to go.
    "lgdtq high_gdt_pointer(%rip)",
    "testl %esi, %esi",
    "jz start_application_processor",
    "leaq boot_stack_top(%rip), %rsp",
    "movl %esi, %edi",
    "call {boot_processor}",
    "ud2",

    // The stack depends on the processor: CPUID's initial APIC identifier.
    "start_application_processor:",
    "movl $1, %eax",
    "cpuid",
    "shrl $24, %ebx",
    "movl %ebx, %edi",
    "leaq {stacks}(%rip), %rax",
    "movq (%rax, %rdi, 8), %rsp",
    "testq %rsp, %rsp",
    "jz 3f",
    // The stack is mapped by the real page tables only.
    "movq {tables}(%rip), %rax",
    "movq %rax, %cr3",
    "call {application_processor}",
    "3: cli",
    "hlt",
    "jmp 3b",
    ".popsection",
    stack_size = const BOOT_STACK_SIZE,
    table = const TABLE,
    large = const LARGE,
    physical_map_index = const address::level_4_index(address::PHYSICAL_MAP),
    boot_processor = sym super::boot_processor,
    application_processor = sym super::application_processor,
    stacks = sym trampoline::STACKS,
    tables = sym trampoline::TABLES,
    options(att_syntax)
);
