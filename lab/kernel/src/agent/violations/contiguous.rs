//! Violations of the rules of contiguous memory.

use core::ptr;

use lab_wire::Violation;

use super::objects::{block, write};
use crate::nt::contiguous;

/// `PAGE_READWRITE` and `PAGE_EXECUTE_READWRITE`.
const READ_WRITE: u32 = 0x04;
const EXECUTE_READ_WRITE: u32 = 0x40;

/// `MM_ANY_NODE_OK`.
const ANY_NODE: u32 = 0x8000_0000;

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    const SIZE: usize = 100;
    let allocate =
        |protection| contiguous::allocate_node_memory(SIZE, 0, u64::MAX, 0, protection, ANY_NODE);
    match kind {
        Violation::ContiguousWithoutProtection => {
            allocate(0);
        }
        Violation::ContiguousOfNoNode => {
            contiguous::allocate_node_memory(SIZE, 0, u64::MAX, 0, READ_WRITE, 1);
        }
        Violation::ContiguousExecutable => {
            allocate(EXECUTE_READ_WRITE);
        }
        Violation::FreeContiguousPool => contiguous::free_memory(block(SIZE)),
        Violation::WriteBehindContiguous => {
            let block = allocate(READ_WRITE);
            write(block.cast::<u8>().wrapping_add(SIZE));
            contiguous::free_memory(block);
        }
        _ => {
            contiguous::get_physical_address(ptr::null());
        }
    }
}
