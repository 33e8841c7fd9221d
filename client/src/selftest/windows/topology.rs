//! Processors, groups and nodes, as the system counts them.

#![expect(unsafe_code, reason = "functions of the system are foreign ones")]

use windows_sys::Win32::System::Kernel::PROCESSOR_NUMBER;
use windows_sys::Win32::System::Threading::{
    ALL_PROCESSOR_GROUPS, GetActiveProcessorCount, GetActiveProcessorGroupCount,
    GetNumaHighestNodeNumber, GetNumaProcessorNodeEx,
};

use crate::selftest::machine::Topology;
use crate::setup::failure::Failure;

pub(super) fn of_this_machine() -> Topology {
    let mut highest = 0;
    // SAFETY: the number is written to `highest`. If it is not, there is one node.
    unsafe { GetNumaHighestNodeNumber(&raw mut highest) };
    Topology {
        // SAFETY: the function takes nothing.
        groups: unsafe { GetActiveProcessorGroupCount() }.into(),
        // SAFETY: the function takes a number.
        processors: unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) },
        nodes: highest.saturating_add(1),
    }
}

/// The node that a processor belongs to.
pub(super) fn node(group: u16, number: u8) -> Result<u16, Failure> {
    let processor = PROCESSOR_NUMBER {
        Group: group,
        Number: number,
        Reserved: 0,
    };
    let mut node = 0;
    // SAFETY: both pointers are those of values that outlive the call.
    let told = unsafe { GetNumaProcessorNodeEx(&raw const processor, &raw mut node) };
    if told == 0 {
        return Err(Failure::of_last_error("GetNumaProcessorNodeEx"));
    }
    Ok(node)
}
