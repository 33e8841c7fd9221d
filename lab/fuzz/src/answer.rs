//! Answers of the driver, and to which caller.

use alloc::string::String;

use lab_wire::{Access, Token};

/// A difference between an answer and what was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mismatch(pub String);

/// Fails with a message unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err($crate::answer::Mismatch(alloc::format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// The thread that makes a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller {
    /// What the handle was opened for.
    pub access: Access,
    /// The token that it was opened with.
    pub token: Token,
}

/// How a control code was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// `IoStatus.Status`.
    pub status: u32,
    /// `IoStatus.Information`.
    pub information: u64,
    /// What the caller gets.
    pub output: &'a [u8],
    /// Whether the system buffer is as it was, behind what the caller gets.
    pub rest_untouched: bool,
}
