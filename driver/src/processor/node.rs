//! Which memory is near to a processor: the nodes of a machine with non-uniform memory access.

#![expect(
    unsafe_code,
    reason = "a routine that writes to a structure with a union"
)]

use core::ptr;

use wdk_sys::ntddk::KeQueryLogicalProcessorRelationship;
use wdk_sys::{
    _LOGICAL_PROCESSOR_RELATIONSHIP, NODE_REQUIREMENT, NUMA_NODE_RELATIONSHIP, PROCESSOR_NUMBER,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
};

use crate::wdm::status::check;

/// `SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX` of a node, as far as that goes: its union has no name
/// in C, so that bindgen makes one up.
#[repr(C)]
struct NodeInformation {
    relationship: i32,
    size: u32,
    node: NUMA_NODE_RELATIONSHIP,
}

const _: () =
    assert!(size_of::<NodeInformation>() <= size_of::<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX>());

/// The node of a processor, if the system tells. `IRQL <= DISPATCH_LEVEL`.
///
/// Nodes may have processors in more than one group since Windows Server 2022, so the processor is
/// asked for its node, and not each node for its processors. Source: "NUMA Support" of Microsoft's
/// documentation.
pub(crate) fn of(processor: &mut PROCESSOR_NUMBER) -> Option<NODE_REQUIREMENT> {
    let mut information = SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX::default();
    let mut length = SIZE;
    // SAFETY: the routine reads the number, and writes to the structure no more than its length,
    // and to that.
    let status = unsafe {
        KeQueryLogicalProcessorRelationship(
            ptr::from_mut(processor),
            _LOGICAL_PROCESSOR_RELATIONSHIP::RelationNumaNode,
            &raw mut information,
            &raw mut length,
        )
    };
    check(status).ok()?;
    let information = (&raw const information).cast::<NodeInformation>();
    // SAFETY: a node was asked for, and all of it is plain numbers.
    Some(unsafe { (*information).node.NodeNumber })
}

#[expect(clippy::cast_possible_truncation, reason = "80 bytes")]
const SIZE: u32 = size_of::<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX>() as u32;
