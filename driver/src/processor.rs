//! What happens on one processor: its memory and its DPC, and the instructions of a capture.

#![expect(unsafe_code, reason = "queries of the system")]

pub(crate) mod capture;
pub(crate) mod context;
mod guarded;
mod node;
mod this_processor;
mod vmcb_page;

use wdk_sys::ntddk::{KeQueryActiveProcessorCountEx, KeQueryMaximumProcessorCountEx};
use wdk_sys::{ALL_PROCESSOR_GROUPS, USHORT};

/// `ALL_PROCESSOR_GROUPS`, as wide as the routines take it.
#[expect(clippy::cast_possible_truncation, reason = "it is 0xFFFF")]
const ALL_GROUPS: USHORT = ALL_PROCESSOR_GROUPS as USHORT;

/// Logical processors that are active, in all groups. Any IRQL.
pub(crate) fn active_count() -> u32 {
    // SAFETY: a query without an effect.
    unsafe { KeQueryActiveProcessorCountEx(ALL_GROUPS) }
}

/// Logical processors that the system can have, in all groups. Any IRQL.
pub(crate) fn maximum_count() -> u32 {
    // SAFETY: a query without an effect.
    unsafe { KeQueryMaximumProcessorCountEx(ALL_GROUPS) }
}
