//! Virtual addresses to hand out, each only once.
//!
//! Every block is followed (and preceded, by its neighbour's) by an unmapped
//! guard page, and a freed block's addresses never come back, so a stale or
//! overrunning pointer always faults.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::base::address::{Area, PAGE_SIZE};

/// A part of the address space that only ever grows.
pub(crate) struct Region {
    next: AtomicU64,
    area: Area,
}

impl Region {
    /// The region over an area.
    pub(crate) const fn new(area: Area) -> Self {
        Self {
            next: AtomicU64::new(area.start + PAGE_SIZE),
            area,
        }
    }

    /// Skips some pages, so that addresses differ between runs.
    pub(crate) fn skip(&self, pages: u64) {
        self.next.fetch_add(pages * PAGE_SIZE, Ordering::Relaxed);
    }

    /// Takes so many pages and a guard page behind them.
    pub(crate) fn reserve(&self, pages: u64) -> u64 {
        let size = (pages + 1) * PAGE_SIZE;
        let start = self.next.fetch_add(size, Ordering::Relaxed);
        assert!(start + size <= self.area.end, "address space used up");
        start
    }
}
