//! Control registers, by their bits.

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// CR0.
///
/// Source: APM volume 2, section 3.1.1.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Cr0 {
    /// PE: protected mode.
    pub protection: bool,
    /// MP: WAIT looks at `task_switched`.
    pub monitor_coprocessor: bool,
    /// EM: there is no x87.
    pub emulation: bool,
    /// TS: floating-point instructions raise `#NM`.
    pub task_switched: bool,
    /// ET: always set.
    pub extension_type: bool,
    /// NE: x87 errors raise `#MF`.
    pub numeric_error: bool,
    #[bits(10)]
    __: u16,
    /// WP: the supervisor may not write to read-only pages.
    pub write_protect: bool,
    __: bool,
    /// AM: alignment is checked, where RFLAGS.AC is set.
    pub alignment_mask: bool,
    #[bits(10)]
    __: u16,
    /// NW: without `cache_disable`, a combination that VMRUN refuses.
    pub not_write_through: bool,
    /// CD: nothing new is cached.
    pub cache_disable: bool,
    /// PG: paging.
    pub paging: bool,
    /// Zero.
    pub upper_half: u32,
}

/// CR4.
///
/// Source: APM volume 2, section 3.1.3.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Cr4 {
    /// VME: virtual-8086 mode extensions.
    pub virtual_8086_extensions: bool,
    /// PVI: virtual interrupts in protected mode.
    pub protected_virtual_interrupts: bool,
    /// TSD: RDTSC is for privilege level 0.
    pub time_stamp_disable: bool,
    /// DE: debugging extensions.
    pub debugging_extensions: bool,
    /// PSE: large pages.
    pub page_size_extensions: bool,
    /// PAE: page table entries of 64 bits.
    pub physical_address_extension: bool,
    /// MCE: machine checks raise `#MC`.
    pub machine_check: bool,
    /// PGE: global pages.
    pub global_pages: bool,
    /// PCE: RDPMC is for every privilege level.
    pub performance_counters: bool,
    /// OSFXSR: FXSAVE and FXRSTOR with XMM registers.
    pub fxsave: bool,
    /// OSXMMEXCPT: SSE errors raise `#XF`.
    pub simd_exceptions: bool,
    /// UMIP: SGDT and others are for privilege level 0.
    pub user_mode_instruction_prevention: bool,
    /// LA57: five levels of page tables.
    pub five_levels: bool,
    #[bits(3)]
    __: u8,
    /// FSGSBASE: RDFSBASE and others.
    pub fs_gs_base: bool,
    /// PCIDE: process context identifiers.
    pub process_context_identifiers: bool,
    /// OSXSAVE: XSAVE.
    pub xsave: bool,
    __: bool,
    /// SMEP: the supervisor may not execute user pages.
    pub supervisor_execution_prevention: bool,
    /// SMAP: the supervisor may not access user pages.
    pub supervisor_access_prevention: bool,
    /// PKE: protection keys.
    pub protection_keys: bool,
    /// CET: shadow stacks.
    pub shadow_stacks: bool,
    #[bits(40)]
    __: u64,
}
