//! Page frames: which are free.

#![expect(unsafe_code, reason = "page tables rely on the frames that they get")]

use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;

use x86_64::PhysAddr;
use x86_64::structures::paging::{FrameAllocator, PhysFrame, Size4KiB};

use crate::base::address::PAGE_SIZE;
use crate::base::lock::Lock;

static FRAMES: Lock<Frames> = Lock::new(Frames {
    first: 0,
    used: Vec::new(),
    next: 0,
});

/// The frames of one range of physical memory.
struct Frames {
    /// Number of the first frame.
    first: u64,
    /// By frame, whether it is used.
    used: Vec<bool>,
    /// Where the next search begins. Frames go round before they come back, so
    /// that stale data and stale pointers meet late.
    next: usize,
}

/// Makes a range of physical memory available.
pub(crate) fn initialize(range: Range<u64>) {
    let first = range.start.div_ceil(PAGE_SIZE);
    let count = (range.end / PAGE_SIZE).saturating_sub(first);
    let mut frames = FRAMES.lock();
    frames.first = first;
    frames.used = vec![false; usize::try_from(count).expect("64-bit addresses")];
}

/// Takes one frame of whatever content; returns its address.
pub(crate) fn allocate() -> Option<u64> {
    FRAMES.lock().allocate()
}

/// Takes consecutive frames inside `range` that don't cross a multiple of
/// `boundary` (zero for none); returns the address of the first.
pub(crate) fn allocate_contiguous(count: u64, range: &Range<u64>, boundary: u64) -> Option<u64> {
    FRAMES.lock().allocate_contiguous(count, range, boundary)
}

/// Gives a frame back.
pub(crate) fn free(address: u64) {
    let mut frames = FRAMES.lock();
    let index = frames.index(address);
    assert!(frames.used[index], "frame {address:#x} freed while free");
    frames.used[index] = false;
}

impl Frames {
    fn index(&self, address: u64) -> usize {
        usize::try_from(address / PAGE_SIZE - self.first).expect("a frame of this range")
    }

    fn address(&self, index: usize) -> u64 {
        (self.first + index as u64) * PAGE_SIZE
    }

    fn allocate(&mut self) -> Option<u64> {
        let search = (self.next..self.used.len()).chain(0..self.next);
        let index = search.into_iter().find(|&index| !self.used[index])?;
        self.used[index] = true;
        self.next = index + 1;
        Some(self.address(index))
    }

    fn allocate_contiguous(
        &mut self,
        count: u64,
        range: &Range<u64>,
        boundary: u64,
    ) -> Option<u64> {
        let count = usize::try_from(count).ok()?;
        let size = count as u64 * PAGE_SIZE;
        let mut free = 0;
        // From the top down, as far as possible from the single frames.
        for index in (0..self.used.len()).rev() {
            free = if self.used[index] { 0 } else { free + 1 };
            if free < count {
                continue;
            }
            let start = self.address(index);
            let last = start + size - 1;
            let inside = range.start <= start && last < range.end;
            let crosses = boundary != 0 && start / boundary != last / boundary;
            if inside && !crosses {
                self.used[index..index + count].fill(true);
                return Some(start);
            }
        }
        None
    }
}

/// Frames for page tables.
pub(crate) struct TableFrames;

// SAFETY: each frame is handed out once until it is freed.
unsafe impl FrameAllocator<Size4KiB> for TableFrames {
    fn allocate_frame(&mut self) -> Option<PhysFrame> {
        let address = allocate()?;
        Some(PhysFrame::containing_address(PhysAddr::new(address)))
    }
}
