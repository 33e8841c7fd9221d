//! Physical memory, address space and the kernel's heap. Knows nothing of
//! Windows.

#![expect(unsafe_code, reason = "the heap is given its memory here")]

pub(crate) mod frames;
pub(crate) mod guarded;
mod heap;
pub(crate) mod paging;
pub(crate) mod processors;
pub(crate) mod quarantine;
pub(crate) mod region;
pub(crate) mod uninitialized;

use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

pub(crate) use heap::enter_reserve;
use paging::Protection;

use crate::base::address::{self, PAGE_SIZE};
use crate::processor::translations;

/// Part of memory that becomes the kernel's heap.
const HEAP_SHARE: u64 = 4;

/// The boot page tables reach no further.
const LIMIT: u64 = 1 << 32;

static MEMORY_END: AtomicU64 = AtomicU64::new(0);

/// Takes possession of the largest range of free physical memory.
///
/// # Safety
///
/// The boot page tables must be active, and nothing in `free` be in use.
pub(crate) unsafe fn initialize(free: Range<u64>) {
    let free = free.start..free.end.min(LIMIT);
    MEMORY_END.store(free.end, Ordering::Relaxed);
    let heap_size = (free.end - free.start) / HEAP_SHARE;
    let heap = free.start..free.start + heap_size;
    // SAFETY: the boot tables map the physical map, and nothing else gets this part.
    unsafe {
        heap::initialize(
            address::physical_pointer(heap.start),
            address::to_usize(heap_size),
        );
    };
    frames::initialize(heap.end..free.end);
    paging::initialize(free.end);
    paging::activate();
}

/// One past the last byte of physical memory.
pub(crate) fn end_of_memory() -> u64 {
    MEMORY_END.load(Ordering::Relaxed)
}

/// Maps fresh frames, one by one and so not contiguous, at `start`.
///
/// Returns false, with nothing mapped, when memory is short.
pub(crate) fn back(start: u64, pages: u64, protection: Protection) -> bool {
    for index in 0..pages {
        let Some(frame) = quarantine::with_reclaim(frames::allocate) else {
            release(start, index);
            return false;
        };
        paging::map(start + index * PAGE_SIZE, frame, protection);
    }
    true
}

/// Unmaps pages everywhere and gives their frames back.
pub(crate) fn release(start: u64, pages: u64) {
    let unmapped: Vec<u64> = (0..pages)
        .map(|index| paging::unmap(start + index * PAGE_SIZE).expect("a page that was mapped"))
        .collect();
    let generation = translations::flush(start..start + pages * PAGE_SIZE);
    quarantine::add(generation, unmapped.into_iter());
}

/// Whether all of a range is mapped, and writable if asked.
pub(crate) fn is_mapped(start: u64, length: u64, writable: bool) -> bool {
    let Some(last) = start.checked_add(length.max(1) - 1) else {
        return false;
    };
    let mut address = address::page_of(start);
    loop {
        match paging::translate(address) {
            Some(mapping) if mapping.writable || !writable => {}
            _ => return false,
        }
        address = match address.checked_add(PAGE_SIZE) {
            Some(next) if next <= last => next,
            _ => return true,
        };
    }
}
