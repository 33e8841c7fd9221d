//! What the processor says of an SMI.

use super::IoAccess;

/// An SMI that was intercepted.
///
/// Source: APM volume 2, sections 15.10.3 and 15.13.3.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Smi {
    /// It was asserted from outside of the processor, not caused by a trap of I/O.
    pub external: bool,
    /// It stands for a machine check.
    pub machine_check: bool,
    /// The access to a port during which it was asserted, if it was.
    pub access: Option<SmiAccess>,
}

/// An access to a port during which an SMI was asserted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SmiAccess {
    /// What is accessed, and how.
    pub io: IoAccess,
    /// RFLAGS.TF.
    pub trap_flag: bool,
    /// The breakpoints that the access matches, one bit for each of DR0 to DR3.
    pub breakpoints: u8,
    /// Address of the instruction.
    pub rip: u64,
}

impl Smi {
    pub(super) const fn new(info_1: u64, info_2: u64) -> Self {
        /// The bits that are where those of an access that exits are.
        const ALIKE: u64 = 0xFFFF_03FD;
        const SEGMENT: u64 = 0x1C00;
        let access = info_1 >> 32;
        Self {
            external: info_1 & 1 == 1,
            machine_check: info_1 >> 1 & 1 == 1,
            access: if access >> 1 & 1 == 1 {
                Some(SmiAccess {
                    io: IoAccess::from_bits(access & ALIKE | info_1 & SEGMENT),
                    trap_flag: access >> 11 & 1 == 1,
                    breakpoints: (access >> 12 & 0xF) as u8,
                    rip: info_2,
                })
            } else {
                None
            },
        }
    }
}
