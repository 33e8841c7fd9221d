//! What the processor says of an access to an I/O port.

use bitfield_struct::bitfield;

/// An access to an I/O port: `EXITINFO1` of [`ExitCode::IOIO`](crate::vmcb::ExitCode::IOIO).
///
/// Source: APM volume 2, section 15.10.2, figure 15-2.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct IoAccess {
    /// `IN` or `INS`, not `OUT` or `OUTS`.
    pub is_in: bool,
    __: bool,
    /// `INS` or `OUTS`.
    pub string: bool,
    /// With a `REP` prefix.
    pub repeated: bool,
    size_8: bool,
    size_16: bool,
    size_32: bool,
    /// Addresses have 16 bits.
    pub address_16: bool,
    /// Addresses have 32 bits.
    pub address_32: bool,
    /// Addresses have 64 bits.
    pub address_64: bool,
    /// The segment of `OUTS`, where the processor has decode assists: ES 0, CS 1, SS 2, DS 3, FS 4,
    /// GS 5.
    #[bits(3)]
    pub segment: u8,
    #[bits(3)]
    __: u8,
    /// The port.
    pub port: u16,
    __: u32,
}

impl IoAccess {
    /// How many bytes are moved at once: 1, 2 or 4. 0 if the processor said none of them.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        if self.size_8() {
            1
        } else if self.size_16() {
            2
        } else if self.size_32() {
            4
        } else {
            0
        }
    }
}
