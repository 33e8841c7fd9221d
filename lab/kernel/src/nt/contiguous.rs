//! Physically contiguous memory, and physical addresses.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr;

use lab_wire::{Allocation, AllocationKind};

use super::rules::Routine;
use super::{dispatcher, dpc, irql, nodes, resources};
use crate::base::address::{self, PAGE_SIZE};
use crate::base::lock::Lock;
use crate::base::random;
use crate::memory::guarded::Block;
use crate::memory::paging::{self, Protection};
use crate::memory::region::Region;
use crate::memory::{frames, quarantine, uninitialized};
use crate::processor::translations;

/// Page protections, of which exactly one must be given, and their modifiers.
mod protect {
    pub(super) const READWRITE: u32 = 0x04;
    pub(super) const EXECUTE_READWRITE: u32 = 0x40;
    pub(super) const NOCACHE: u32 = 0x200;
    pub(super) const WRITECOMBINE: u32 = 0x400;
    pub(super) const MODIFIERS: u32 = NOCACHE | WRITECOMBINE;
}

/// `MM_ANY_NODE_OK`.
const ANY_NODE: u32 = 0x8000_0000;

static SYSTEM_PTES: Region = Region::new(address::SYSTEM_PTES);
static BLOCKS: Lock<BTreeMap<u64, Block>> = Lock::new(BTreeMap::new());

/// Moves the region, so that addresses differ between runs.
pub(crate) fn initialize() {
    SYSTEM_PTES.skip(random::below(1 << 24));
}

/// Maps frames that belong to another owner; returns the address.
pub(crate) fn map_frames(physical: &[u64]) -> u64 {
    let start = SYSTEM_PTES.reserve(physical.len() as u64);
    for (address, &frame) in (start..).step_by(4096).zip(physical) {
        paging::map(address, frame, Protection::ReadWrite);
    }
    start
}

/// The driver's blocks.
pub(crate) fn report() -> Vec<Allocation> {
    let blocks = BLOCKS.lock();
    let allocations = blocks.values().filter_map(|block| {
        let physical = paging::translate(block.start)?.physical;
        Some(Allocation {
            kind: AllocationKind::Contiguous,
            tag: 0,
            size: block.size,
            virtual_address: block.start,
            physical_address: physical,
            node: nodes::of_memory(physical),
            pages_written: block.pages_written(),
        })
    });
    allocations.collect()
}

/// Forgets what was written to the driver's blocks.
pub(crate) fn forget_writes() {
    BLOCKS.lock().values().for_each(Block::forget_writes);
}

/// `MmAllocateContiguousNodeMemory`: `<= DISPATCH_LEVEL`.
pub(crate) extern "win64" fn allocate_node_memory(
    size: usize,
    lowest: u64,
    highest: u64,
    boundary: u64,
    protection: u32,
    node: u32,
) -> *mut c_void {
    const ROUTINE: Routine = Routine("MmAllocateContiguousNodeMemory");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    check_protection(ROUTINE, protection);
    ROUTINE.require(size > 0, "size", format_args!("no bytes asked for"));
    ROUTINE.require(
        boundary == 0 || boundary.is_power_of_two(),
        "boundary",
        format_args!("boundary {boundary:#x}, the page demands a power of two"),
    );
    let memory = match nodes::memory(node) {
        Some(memory) => memory,
        None if node == ANY_NODE => 0..u64::MAX,
        None => ROUTINE.violated(
            "node",
            format_args!("node {node}, the machine has {}", nodes::count()),
        ),
    };
    if resources::are_exhausted() {
        return ptr::null_mut();
    }
    let size = size as u64;
    let pages = address::pages(size);
    let end = highest.saturating_add(1).min(memory.end);
    let range = lowest.max(memory.start)..end;
    let allocate = || frames::allocate_contiguous(pages, &range, boundary);
    let Some(physical) = quarantine::with_reclaim(allocate) else {
        return ptr::null_mut();
    };
    let frames: Vec<u64> = (0..pages).map(|page| physical + page * PAGE_SIZE).collect();
    let block = Block::over_pages(map_frames(&frames), pages, size);
    block.set(uninitialized::byte());
    BLOCKS.lock().insert(block.start, block);
    address::pointer(block.start)
}

fn check_protection(routine: Routine, protection: u32) {
    let access = protection & !protect::MODIFIERS;
    routine.require(
        access != protect::EXECUTE_READWRITE,
        "executable",
        format_args!("executable memory, which memory integrity forbids"),
    );
    routine.require(
        access == protect::READWRITE && protection & protect::MODIFIERS != protect::MODIFIERS,
        "protect",
        format_args!(
            "protection {protection:#x}, the page demands PAGE_READWRITE or \
             PAGE_EXECUTE_READWRITE, and one cache modifier at most"
        ),
    );
}

/// `MmFreeContiguousMemory`: `<= DISPATCH_LEVEL`, the base address of a block.
pub(crate) extern "win64" fn free_memory(pointer: *mut c_void) {
    const ROUTINE: Routine = Routine("MmFreeContiguousMemory");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    let address = pointer.addr() as u64;
    let Some(block) = BLOCKS.lock().remove(&address) else {
        ROUTINE.violated(
            "block",
            format_args!("{address:#x} is not the base address of contiguous memory"),
        );
    };
    if let Some(damage) = block.damage() {
        ROUTINE.violated(
            "overrun",
            format_args!(
                "the byte at {:#x} was overwritten, behind the {} bytes at {address:#x}",
                damage.address, block.size
            ),
        );
    }
    dpc::forbid_queued_in(ROUTINE, block.start, block.start + block.size);
    dispatcher::forbid_waiters_in(ROUTINE, block.start, block.start + block.size);
    block.free();
}

/// `MmGetPhysicalAddress`: any level; nonpaged or locked memory.
pub(crate) extern "win64" fn get_physical_address(pointer: *const c_void) -> u64 {
    const ROUTINE: Routine = Routine("MmGetPhysicalAddress");
    let address = pointer.addr() as u64;
    ROUTINE.require(
        !address::PAGED_POOL.contains(address),
        "resident",
        format_args!("{address:#x} is in paged pool, which may have no physical address"),
    );
    match paging::translate(address) {
        Some(mapping) => mapping.physical,
        None => ROUTINE.violated(
            "resident",
            format_args!("{address:#x} is mapped to nothing"),
        ),
    }
}

/// Unmaps what [`map_frames`] mapped; the frames stay their owner's.
pub(crate) fn unmap_frames(start: u64, pages: u64) {
    for page in 0..pages {
        paging::unmap(start + page * PAGE_SIZE);
    }
    translations::flush(start..start + pages * PAGE_SIZE);
}
