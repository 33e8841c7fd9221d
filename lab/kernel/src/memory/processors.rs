//! The memory that each processor is given: its stacks and its control region.

use super::paging::Protection;
use super::region::Region;
use crate::base::address::{self, PAGE_SIZE};
use crate::base::random;
use crate::processor::ProcessorMemory;

/// Pages of a thread's and of a DPC stack: 24 KiB, as Windows has it, and a page
/// for what the lab itself puts below the driver's frames.
const STACK_PAGES: u64 = 7;
const EXCEPTION_STACK_PAGES: u64 = 4;

/// Pages of a processor control region.
const CONTROL_REGION_PAGES: u64 = 2;

static STACKS: Region = Region::new(address::STACKS);
static CONTROL_REGIONS: Region = Region::new(address::PROCESSOR_CONTROL);

/// Moves the control regions, so that addresses differ between runs.
pub(crate) fn randomize() {
    CONTROL_REGIONS.skip(random::below(1 << 20));
}

/// Memory for one processor.
pub(crate) fn allocate() -> ProcessorMemory {
    ProcessorMemory {
        thread_stack: stack(STACK_PAGES),
        dpc_stack: stack(STACK_PAGES),
        double_fault_stack: stack(EXCEPTION_STACK_PAGES),
        nmi_stack: stack(EXCEPTION_STACK_PAGES),
        control_region: allocate_pages(&CONTROL_REGIONS, CONTROL_REGION_PAGES),
    }
}

/// A stack of so many pages, with guard pages; returns the address of its top.
fn stack(pages: u64) -> u64 {
    allocate_pages(&STACKS, pages) + pages * PAGE_SIZE
}

fn allocate_pages(region: &Region, pages: u64) -> u64 {
    let start = region.reserve(pages);
    assert!(
        super::back(start, pages, Protection::ReadWrite),
        "memory for a processor"
    );
    start
}
