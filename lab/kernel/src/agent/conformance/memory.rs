//! Conformance of pool, contiguous memory, and the nodes that it is of.

#![expect(
    unsafe_code,
    reason = "the content of allocated memory is looked at, and unions"
)]

use core::ffi::c_void;
use core::slice;

use super::ensure::{Checked, NON_PAGED, TAG, ensure};
use crate::base::address::PAGE_SIZE;
use crate::memory::uninitialized;
use crate::nt::structures::{
    PROCESSOR_NUMBER, RelationNumaNode, SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX,
};
use crate::nt::{contiguous, nodes, pool, processor_routines, processors, status};

/// `POOL_FLAG_UNINITIALIZED`, `POOL_FLAG_CACHE_ALIGNED`.
const KEEP_CONTENT: u64 = 0x2;
const CACHE_ALIGNED: u64 = 0x8;

/// `PAGE_READWRITE`, `MM_ANY_NODE_OK`.
const READ_WRITE: u32 = 0x04;
const ANY_NODE: u32 = 0x8000_0000;

/// Whether a block holds nothing but one byte.
fn holds(block: *mut c_void, size: usize, byte: u8) -> bool {
    // SAFETY: the caller has just allocated this many bytes.
    let content = unsafe { slice::from_raw_parts(block.cast::<u8>(), size) };
    content.iter().all(|&found| found == byte)
}

pub(super) fn pool() -> Checked {
    for size in [1, 15, 16, 17, 4095, 4096, 4097, 12288] {
        let zeroed = pool::allocate_pool_2(NON_PAGED, size, TAG);
        let kept = pool::allocate_pool_2(NON_PAGED | KEEP_CONTENT, size, TAG);
        let aligned = pool::allocate_pool_2(NON_PAGED | CACHE_ALIGNED, size, TAG);
        ensure!(holds(zeroed, size, 0), "{size} bytes are not zeroed");
        ensure!(
            holds(kept, size, uninitialized::byte()),
            "{size} uninitialised bytes hold no pattern"
        );
        let alignment = if size < 4096 { 16 } else { 4096 };
        ensure!(
            zeroed.addr().is_multiple_of(alignment),
            "{size} bytes are not aligned to {alignment}"
        );
        ensure!(
            aligned.addr().is_multiple_of(64),
            "{size} bytes are not cache aligned"
        );
        for block in [zeroed, kept, aligned] {
            pool::free_pool_with_tag(block, TAG);
        }
    }
    Ok(())
}

pub(super) fn contiguous() -> Checked {
    const SIZE: usize = 5 * 4096 + 1;
    const BOUNDARY: u64 = 0x10_0000;
    let whole = contiguous::allocate_node_memory(SIZE, 0, u64::MAX, BOUNDARY, READ_WRITE, ANY_NODE);
    ensure!(!whole.is_null(), "no contiguous memory");
    ensure!(
        holds(whole, SIZE, uninitialized::byte()),
        "contiguous memory holds no pattern"
    );
    let first = contiguous::get_physical_address(whole);
    for page in 0..6 {
        let address = whole.wrapping_byte_add(page * 4096);
        let physical = contiguous::get_physical_address(address);
        let expected = first + page as u64 * PAGE_SIZE;
        ensure!(
            physical == expected,
            "page {page} is at {physical:#x}, not {expected:#x}"
        );
    }
    ensure!(
        first / BOUNDARY == (first + SIZE as u64 - 1) / BOUNDARY,
        "{first:#x} crosses a boundary"
    );
    contiguous::free_memory(whole);

    let low = contiguous::allocate_node_memory(SIZE, 0, 0xFFFF, 0, READ_WRITE, ANY_NODE);
    ensure!(low.is_null(), "memory where there is none to give");
    Ok(())
}

/// Asks for the node of a processor, with room for so many bytes.
fn ask_node(index: u32, room: u32) -> (u32, SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, u32) {
    let mut number = PROCESSOR_NUMBER::default();
    processor_routines::get_number_from_index(index, &raw mut number);
    let mut information = SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX::default();
    let mut length = room;
    let status = nodes::query_relationship(
        &raw const number,
        RelationNumaNode,
        &raw mut information,
        &raw mut length,
    );
    (status, information, length)
}

pub(super) fn nodes() -> Checked {
    for index in 0..processors::active() {
        let (status, _, needed) = ask_node(index, 0);
        ensure!(
            status == status::INFO_LENGTH_MISMATCH,
            "no room and status {status:#x}"
        );
        let (status, information, length) = ask_node(index, needed);
        ensure!(status == status::SUCCESS, "no node of {index}: {status:#x}");
        ensure!(
            length == needed && information.Size == needed,
            "{length} bytes, {needed} needed"
        );
        // SAFETY: this member of the union was asked for.
        let node = unsafe { information.Anonymous.NumaNode };
        // SAFETY: the masks are one here.
        let mask = unsafe { node.Anonymous.GroupMask };
        let place = processors::number(index).expect("an active processor");
        ensure!(
            mask.Group == place.0 && mask.Mask >> place.1 & 1 == 1,
            "processor {index} is not in its node"
        );
        let own = nodes::memory(node.NodeNumber).expect("a node of the machine");
        let node = node.NodeNumber;
        let page = contiguous::allocate_node_memory(1, 0, u64::MAX, 0, READ_WRITE, node);
        let physical = contiguous::get_physical_address(page);
        ensure!(
            own.contains(&physical),
            "{physical:#x} is not of node {node}"
        );
        contiguous::free_memory(page);
        let beyond = contiguous::allocate_node_memory(1, own.end, u64::MAX, 0, READ_WRITE, node);
        ensure!(beyond.is_null(), "memory that is not of node {node}");
    }
    Ok(())
}
