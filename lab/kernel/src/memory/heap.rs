//! The kernel's own heap, and a reserve for its crash report.
//!
//! A run may end inside the allocator. From then on allocations come from a
//! reserve that is only ever used up, without any lock.

#![expect(unsafe_code, reason = "the heap hands out raw memory")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use linked_list_allocator::Heap;

use crate::base::lock::Lock;

const RESERVE_SIZE: usize = 1 << 20;

#[repr(C, align(16))]
struct Reserve(UnsafeCell<[u8; RESERVE_SIZE]>);

// SAFETY: the bytes are only reached through allocations, which don't overlap.
unsafe impl Sync for Reserve {}

struct KernelHeap {
    heap: Lock<Heap>,
    reserve: Reserve,
    reserve_used: AtomicUsize,
    stopping: AtomicBool,
}

#[global_allocator]
static HEAP: KernelHeap = KernelHeap {
    heap: Lock::new(Heap::empty()),
    reserve: Reserve(UnsafeCell::new([0; RESERVE_SIZE])),
    reserve_used: AtomicUsize::new(0),
    stopping: AtomicBool::new(false),
};

/// Gives the heap its memory.
///
/// # Safety
///
/// The memory must be mapped, unused, and never be used for anything else.
pub(super) unsafe fn initialize(start: *mut u8, size: usize) {
    // SAFETY: the caller hands over the memory.
    unsafe { HEAP.heap.lock().init(start, size) };
}

/// Turns to the reserve, for good.
pub(crate) fn enter_reserve() {
    HEAP.stopping.store(true, Ordering::SeqCst);
}

impl KernelHeap {
    fn allocate_reserve(&self, layout: Layout) -> *mut u8 {
        let start = self.reserve.0.get().cast::<u8>();
        let size = layout.size() + layout.align();
        let used = self.reserve_used.fetch_add(size, Ordering::Relaxed);
        if used + size > RESERVE_SIZE {
            return ptr::null_mut();
        }
        let allocated = start.wrapping_add(used);
        allocated.wrapping_add(allocated.align_offset(layout.align()))
    }
}

// SAFETY: memory comes from the heap, which keeps track of it, or from ever new
// parts of the reserve.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.stopping.load(Ordering::Relaxed) {
            return self.allocate_reserve(layout);
        }
        self.heap
            .lock()
            .allocate_first_fit(layout)
            .map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if self.stopping.load(Ordering::Relaxed) {
            return;
        }
        if let Some(pointer) = NonNull::new(pointer) {
            // SAFETY: the caller got the pointer from `alloc` with this layout.
            unsafe { self.heap.lock().deallocate(pointer, layout) };
        }
    }
}
