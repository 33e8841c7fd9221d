//! Processors, groups and nodes, as the system counts them.

#![expect(unsafe_code, reason = "functions of the system are foreign ones")]

use windows_sys::Win32::System::Threading::{
    ALL_PROCESSOR_GROUPS, GetActiveProcessorCount, GetActiveProcessorGroupCount,
    GetNumaHighestNodeNumber,
};

use crate::selftest::machine::Topology;

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
