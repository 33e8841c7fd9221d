//! Blocks of memory with pages of their own: an access outside of a block is noticed.
//!
//! A block ends against an unmapped page, as far as its alignment allows; what
//! is left of its pages before and behind it holds a pattern. Freed blocks are
//! unmapped for good.

#![expect(unsafe_code, reason = "the slack around blocks is raw memory")]

use super::paging::{self, Protection};
use super::region::Region;
use crate::base::address::{self, PAGE_SIZE};

/// Fills what belongs to the pages of a block but not to the block.
const SLACK: u8 = 0xA7;

/// As many bytes of it as are compared at once.
const LINE: usize = 64;

/// A block of memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Block {
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Start of its pages.
    first_page: u64,
    /// How many.
    pages: u64,
}

/// Bytes that were changed around a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Damage {
    /// Address of the first changed byte.
    pub address: u64,
    /// Whether it lies in front of the block.
    pub before: bool,
}

/// Whether a line is as it was filled: the differences of its words are looked at together.
fn is_slack(line: &[u8; LINE]) -> bool {
    const WORD: u64 = u64::from_ne_bytes([SLACK; 8]);
    let (words, _) = line.as_chunks::<8>();
    let changed = words.iter().fold(0, |changed, word| {
        changed | (u64::from_ne_bytes(*word) ^ WORD)
    });
    changed == 0
}

impl Block {
    /// A block at the end of its pages, or at their start if it holds a page or
    /// more. Physically the pages are wherever there was room.
    pub(crate) fn allocate(region: &Region, size: u64, alignment: u64) -> Option<Self> {
        let pages = address::pages(size.max(1));
        let first_page = region.reserve(pages);
        super::back(first_page, pages, Protection::ReadWrite).then(|| {
            let start = if size >= PAGE_SIZE {
                first_page
            } else {
                first_page + (PAGE_SIZE - size) / alignment * alignment
            };
            Self::over(first_page, pages, start, size)
        })
    }

    /// A block over pages that are mapped already; it begins with them.
    pub(crate) fn over_pages(first_page: u64, pages: u64, size: u64) -> Self {
        Self::over(first_page, pages, first_page, size)
    }

    fn over(first_page: u64, pages: u64, start: u64, size: u64) -> Self {
        let block = Self {
            start,
            size,
            first_page,
            pages,
        };
        block.fill(first_page, start, SLACK);
        block.fill(start + size, block.end_of_pages(), SLACK);
        block
    }

    fn end_of_pages(&self) -> u64 {
        self.first_page + self.pages * PAGE_SIZE
    }

    fn fill(&self, start: u64, end: u64, byte: u8) {
        debug_assert!(self.first_page <= start && end <= self.end_of_pages());
        let length = address::to_usize(end - start);
        // SAFETY: the bytes lie in the block's own pages, which are mapped.
        unsafe { address::pointer::<u8>(start).write_bytes(byte, length) };
    }

    /// Sets every byte of the block.
    pub(crate) fn set(&self, byte: u8) {
        self.fill(self.start, self.start + self.size, byte);
    }

    /// Whether an address lies in the block, its slack or its guard pages.
    pub(crate) fn is_near(&self, address: u64) -> bool {
        (self.first_page - PAGE_SIZE..self.end_of_pages() + PAGE_SIZE).contains(&address)
    }

    /// Whether an address lies in the block itself.
    pub(crate) fn contains(&self, address: u64) -> bool {
        (self.start..self.start + self.size).contains(&address)
    }

    /// How many of its pages were written to since [`Self::forget_writes`].
    pub(crate) fn pages_written(&self) -> u64 {
        let pages = (self.first_page..self.end_of_pages()).step_by(4096);
        pages.filter(|page| paging::is_written(*page)).count() as u64
    }

    /// Makes its pages count as not written to, once all processors have forgotten their
    /// mappings.
    pub(crate) fn forget_writes(&self) {
        (self.first_page..self.end_of_pages())
            .step_by(4096)
            .for_each(paging::forget_writes);
    }

    /// Looks for changes of the slack.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let changed = |start: u64, end: u64| {
            let length = address::to_usize(end - start);
            let first = address::pointer::<u8>(start);
            // SAFETY: the bytes lie in the block's own pages, which are mapped.
            let slack = unsafe { core::slice::from_raw_parts(first, length) };
            // Lines of words first: every block that is freed comes here.
            let (lines, _) = slack.as_chunks::<LINE>();
            let intact = lines.iter().take_while(|line| is_slack(line)).count();
            let intact = intact * LINE;
            let offset = slack[intact..].iter().position(|&byte| byte != SLACK)?;
            Some(start + (intact + offset) as u64)
        };
        if let Some(address) = changed(self.first_page, self.start) {
            return Some(Damage {
                address,
                before: true,
            });
        }
        changed(self.start + self.size, self.end_of_pages()).map(|address| Damage {
            address,
            before: false,
        })
    }

    /// Takes the block away, everywhere.
    pub(crate) fn free(self) {
        super::release(self.first_page, self.pages);
    }
}
