//! Events that VMRUN delivers, and events whose delivery an exit interrupted.

use bitfield_struct::bitfield;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// An event to inject (`EVENTINJ`), or one whose delivery an exit interrupted (`EXITINTINFO`).
///
/// Source: APM volume 2, sections 15.7.2 and 15.20.
#[bitfield(u64)]
#[derive(Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq)]
pub struct Event {
    /// Vector.
    #[bits(8)]
    pub vector: u8,
    /// 0 external interrupt, 2 NMI, 3 exception, 4 software interrupt.
    #[bits(3)]
    pub kind: u8,
    /// `error_code` counts.
    pub error_code_valid: bool,
    #[bits(19)]
    __: u32,
    /// There is an event.
    pub valid: bool,
    /// The error code that the exception pushes.
    #[bits(32)]
    pub error_code: u32,
}
