//! What the processor says of a page fault, of the guest's tables or of the nested ones.

use bitfield_struct::bitfield;

/// The error code of a page fault: `EXITINFO1` of `#PF` and of [`ExitCode::NPF`](crate::vmcb::ExitCode::NPF).
///
/// Bits from 32 on are of nested faults only. Source: APM volume 2, sections 8.4.2 and 15.25.6.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct PageFaultCode {
    /// The translation exists, and does not permit the access.
    pub present: bool,
    /// The access was a write.
    pub write: bool,
    /// The access was a user's.
    pub user: bool,
    /// A reserved bit of a table is set.
    pub reserved_bit: bool,
    /// The access was the fetch of an instruction.
    pub instruction_fetch: bool,
    /// A protection key does not permit the access.
    pub protection_key: bool,
    /// The access was one to a shadow stack.
    pub shadow_stack: bool,
    #[bits(24)]
    __: u32,
    /// The reverse map does not permit the access.
    pub reverse_map: bool,
    /// The guest physical address is the one that the guest's instruction meant.
    pub final_address: bool,
    /// The guest physical address is one of the guest's own page tables.
    pub guest_page_table: bool,
    /// The guest's page is private.
    pub encrypted: bool,
    /// The sizes of page and reverse map entry differ.
    pub size_mismatch: bool,
    /// The privilege level of the virtual machine does not permit the access.
    pub privilege_level: bool,
    /// The page is no supervisor shadow stack.
    pub supervisor_shadow_stack: bool,
    #[bits(26)]
    __: u32,
}

/// A page fault of the nested tables.
///
/// Source: APM volume 2, section 15.25.6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NestedPageFault {
    /// What was tried, and what stood against it.
    pub code: PageFaultCode,
    /// The guest physical address.
    pub address: u64,
}
