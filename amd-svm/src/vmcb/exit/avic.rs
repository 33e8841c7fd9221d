//! What the virtual interrupt controller says of what it did not do.

use core::fmt;

/// Why an interprocessor interrupt was not delivered: an open enumeration.
///
/// Source: APM volume 2, section 15.29.9.1, table 15-27.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IpiFailure(pub u32);

impl IpiFailure {
    /// The trigger mode is level, or the destination is of a kind that is not accelerated.
    pub const INVALID_TYPE: Self = Self(0);
    /// The target does not run.
    pub const TARGET_NOT_RUNNING: Self = Self(1);
    /// The tables do not cover the target.
    pub const INVALID_TARGET: Self = Self(2);
    /// The target's backing page is at an address that does not exist.
    pub const INVALID_BACKING_PAGE: Self = Self(3);
    /// The vector is below 16.
    pub const INVALID_VECTOR: Self = Self(4);
    /// The destination is not the sender, under secure AVIC.
    pub const NOT_ACCELERATED: Self = Self(5);
}

impl fmt::Display for IpiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::INVALID_TYPE => "invalid interrupt type",
            Self::TARGET_NOT_RUNNING => "target not running",
            Self::INVALID_TARGET => "invalid target",
            Self::INVALID_BACKING_PAGE => "invalid backing page pointer",
            Self::INVALID_VECTOR => "invalid vector",
            Self::NOT_ACCELERATED => "not accelerated",
            Self(other) => return write!(f, "cause {other}"),
        })
    }
}

/// An interprocessor interrupt that the virtual interrupt controller did not deliver.
///
/// Source: APM volume 2, section 15.29.9.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AvicIncompleteIpi {
    /// What was written to the interrupt command register, upper half.
    pub command_high: u32,
    /// What was written to its lower half.
    pub command_low: u32,
    /// The cause.
    pub cause: IpiFailure,
    /// The entry of the logical or physical table, for the causes 1 to 3.
    pub index: u16,
}

impl AvicIncompleteIpi {
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    pub(super) const fn new(info_1: u64, info_2: u64) -> Self {
        Self {
            command_high: (info_1 >> 32) as u32,
            command_low: info_1 as u32,
            cause: IpiFailure((info_2 >> 32) as u32),
            index: (info_2 & 0xFFF) as u16,
        }
    }
}

/// An access to a register that the virtual interrupt controller does not accelerate.
///
/// Source: APM volume 2, section 15.29.9.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct AvicNoAcceleration {
    /// The register's offset in the backing page, in bytes: a multiple of 16.
    pub offset: u16,
    /// It was a write.
    pub write: bool,
    /// The highest vector in service, of a write to the end-of-interrupt register.
    pub vector: u8,
}

impl AvicNoAcceleration {
    pub(super) const fn new(info_1: u64, info_2: u64) -> Self {
        Self {
            offset: (info_1 & 0xFF0) as u16,
            write: info_1 >> 32 & 1 == 1,
            vector: info_2.to_le_bytes()[0],
        }
    }
}
