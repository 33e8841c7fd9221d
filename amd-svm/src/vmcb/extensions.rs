//! What a guest has of nested paging, encryption and registers of its own.

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

/// Nested paging and encryption.
///
/// Source: APM volume 2, appendix B, table B-1, and section 15.25.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct NestedControl {
    /// `NP_ENABLE`: guest physical addresses are translated.
    pub nested_paging: bool,
    /// Secure encrypted virtualisation.
    pub sev: bool,
    /// Encrypted state.
    pub sev_es: bool,
    /// Guest mode execution trap.
    pub guest_mode_execute_trap: bool,
    /// Supervisor shadow stacks are restricted.
    pub supervisor_shadow_stack_check: bool,
    /// Virtual transparent encryption.
    pub virtual_transparent_encryption: bool,
    /// Guest page tables may be read-only.
    pub read_only_guest_tables: bool,
    /// The guest may execute INVLPGB and TLBSYNC.
    pub invlpgb_tlbsync: bool,
    #[bits(56)]
    __: u64,
}

/// Instructions and registers that are virtualised without an exit.
///
/// Source: APM volume 2, appendix B, table B-1, and sections 15.23 and 15.33.1.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct VirtualizationExtensions {
    /// The last branch record is the guest's own.
    pub last_branch_record: bool,
    /// VMSAVE and VMLOAD act for the guest without an exit.
    pub vmsave_vmload: bool,
    /// The registers of instruction-based sampling are the guest's own.
    pub instruction_based_sampling: bool,
    /// The performance counters are the guest's own.
    pub performance_counters: bool,
    #[bits(60)]
    __: u64,
}
