//! Nodes of memory: which processors and which part of physical memory belong to each.
//!
//! The emulated machine has no such thing; the command line says which processor has which node,
//! and memory is dealt out in equal parts, in order.

use alloc::vec::Vec;
use core::mem::offset_of;
use core::ops::Range;

use spin::Once;

use super::rules::Routine;
use super::structures::{
    GROUP_AFFINITY, NUMA_NODE_RELATIONSHIP, PROCESSOR_NUMBER, RelationNumaNode,
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
};
use super::{irql, processor_routines, processors, resources, status};
use crate::base::address::PAGE_SIZE;
use crate::memory;

/// Node of each processor, by index.
static NODES: Once<Vec<u16>> = Once::new();

/// Sets the node of each processor.
pub(crate) fn initialize(nodes: Vec<u16>) {
    NODES.call_once(|| nodes);
}

fn nodes() -> &'static [u16] {
    NODES.get().expect("set up at boot")
}

fn of_processor(index: u32) -> u16 {
    nodes()[index as usize]
}

/// How many nodes there are.
pub(crate) fn count() -> u32 {
    nodes().iter().max().map_or(1, |last| u32::from(*last) + 1)
}

/// Bytes of memory of each node.
fn share() -> u64 {
    (memory::end_of_memory() / u64::from(count())).next_multiple_of(PAGE_SIZE)
}

/// The physical memory of a node.
pub(crate) fn memory(node: u32) -> Option<Range<u64>> {
    let start = u64::from(node) * share();
    (node < count()).then(|| start..start + share())
}

/// The node of a physical address.
pub(crate) fn of_memory(physical: u64) -> u16 {
    u16::try_from(physical / share()).expect("a number of a node")
}

/// `SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX` as far as a node needs it.
#[repr(C)]
struct Information {
    relationship: i32,
    size: u32,
    node: NUMA_NODE_RELATIONSHIP,
}

const SIZE: u32 = 48;

const _: () = {
    assert!(size_of::<Information>() == SIZE as usize);
    let node = offset_of!(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, Anonymous.NumaNode);
    assert!(offset_of!(Information, node) == node);
};

impl Information {
    /// The node of a processor, and its active processors in the same group.
    fn of(index: u32) -> Self {
        let node = of_processor(index);
        let (group, _) = processors::number(index).expect("an active processor");
        let members = (0..processors::active()).filter(|other| of_processor(*other) == node);
        let places = members.filter_map(processors::number);
        let mask = places
            .filter(|place| place.0 == group)
            .fold(0, |mask, (_, number)| mask | 1 << number);
        let mut information = Self {
            relationship: RelationNumaNode,
            size: SIZE,
            node: NUMA_NODE_RELATIONSHIP {
                NodeNumber: node.into(),
                GroupCount: 1,
                ..NUMA_NODE_RELATIONSHIP::default()
            },
        };
        information.node.Anonymous.GroupMask = GROUP_AFFINITY {
            Mask: mask,
            Group: group,
            ..GROUP_AFFINITY::default()
        };
        information
    }
}

/// `KeQueryLogicalProcessorRelationship`: `<= DISPATCH_LEVEL`. The lab knows the node of one
/// processor, and no other relationship.
pub(crate) extern "win64" fn query_relationship(
    number: *const PROCESSOR_NUMBER,
    relationship: i32,
    information: *mut SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
    length: *mut u32,
) -> u32 {
    const ROUTINE: Routine = Routine("KeQueryLogicalProcessorRelationship");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    ROUTINE.require(
        relationship == RelationNumaNode,
        "relationship",
        format_args!("relationship {relationship}, the lab knows {RelationNumaNode}"),
    );
    let number = ROUTINE.object("ProcessorNumber", number).read();
    let length = ROUTINE.object("Length", length);
    let index = processor_routines::index_of(number).filter(|_| !resources::are_exhausted());
    let Some(index) = index else {
        return status::INVALID_PARAMETER;
    };
    let room = length.read();
    length.write(SIZE);
    if information.is_null() || room < SIZE {
        return status::INFO_LENGTH_MISMATCH;
    }
    let place = ROUTINE.object("Information", information.cast::<Information>());
    place.write(Information::of(index));
    status::SUCCESS
}
