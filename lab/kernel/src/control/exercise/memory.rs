//! Promises of pool and contiguous memory.
#![expect(unsafe_code, reason = "the content of allocated memory is looked at")]

use core::ffi::c_void;
use core::slice;

use super::{NON_PAGED, Outcome, TAG, promise};
use crate::memory::guarded::uninitialized;
use crate::memory::layout::PAGE_SIZE;
use crate::nt::{contiguous, pool};

/// `POOL_FLAG_UNINITIALIZED`, `POOL_FLAG_CACHE_ALIGNED`.
const KEEP_CONTENT: u64 = 0x2;
const CACHE_ALIGNED: u64 = 0x8;

/// `PAGE_READWRITE`, `MM_ANY_NODE_OK`.
const READ_WRITE: u32 = 0x04;
const ANY_NODE: u32 = 0x8000_0000;

/// Whether a block holds nothing but one byte.
fn holds(block: *mut c_void, size: usize, byte: u8) -> bool {
    // SAFETY: The caller has just allocated this many bytes.
    let content = unsafe { slice::from_raw_parts(block.cast::<u8>(), size) };
    content.iter().all(|&found| found == byte)
}

pub fn pool() -> Outcome {
    for size in [1, 15, 16, 17, 4095, 4096, 4097, 12288] {
        let zeroed = pool::allocate_pool_2(NON_PAGED, size, TAG);
        let kept = pool::allocate_pool_2(NON_PAGED | KEEP_CONTENT, size, TAG);
        let aligned = pool::allocate_pool_2(NON_PAGED | CACHE_ALIGNED, size, TAG);
        promise!(holds(zeroed, size, 0), "{size} bytes are not zeroed");
        promise!(
            holds(kept, size, uninitialized()),
            "{size} uninitialised bytes hold no pattern"
        );
        let alignment = if size < 4096 { 16 } else { 4096 };
        promise!(
            zeroed.addr().is_multiple_of(alignment),
            "{size} bytes are not aligned to {alignment}"
        );
        promise!(
            aligned.addr().is_multiple_of(64),
            "{size} bytes are not cache aligned"
        );
        for block in [zeroed, kept, aligned] {
            pool::free_pool_with_tag(block, TAG);
        }
    }
    Ok(())
}

pub fn contiguous() -> Outcome {
    const SIZE: usize = 5 * 4096 + 1;
    const BOUNDARY: u64 = 0x10_0000;
    let whole = contiguous::allocate_node_memory(SIZE, 0, u64::MAX, BOUNDARY, READ_WRITE, ANY_NODE);
    promise!(!whole.is_null(), "no contiguous memory");
    promise!(
        holds(whole, SIZE, uninitialized()),
        "contiguous memory holds no pattern"
    );
    let first = contiguous::get_physical_address(whole);
    for page in 0..6 {
        let address = whole.wrapping_byte_add(page * 4096);
        let physical = contiguous::get_physical_address(address);
        let expected = first + page as u64 * PAGE_SIZE;
        promise!(
            physical == expected,
            "page {page} is at {physical:#x}, not {expected:#x}"
        );
    }
    promise!(
        first / BOUNDARY == (first + SIZE as u64 - 1) / BOUNDARY,
        "{first:#x} crosses a boundary"
    );
    contiguous::free_memory(whole);

    let low = contiguous::allocate_node_memory(SIZE, 0, 0xFFFF, 0, READ_WRITE, ANY_NODE);
    promise!(low.is_null(), "memory where there is none to give");
    let elsewhere = contiguous::allocate_node_memory(SIZE, 0, u64::MAX, 0, READ_WRITE, 1);
    promise!(elsewhere.is_null(), "memory of a node that doesn't exist");
    Ok(())
}
