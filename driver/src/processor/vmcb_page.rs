//! A page for VMSAVE to write to: nonpaged, never executable, and with a known physical address.

#![expect(
    unsafe_code,
    reason = "memory that the processor writes to by physical address"
)]

use core::ptr::NonNull;

use amd_svm::vmcb::{VMCB_SIZE, Vmcb, VmsaveState};
use wdk_sys::ntddk::{
    MmAllocateContiguousNodeMemory, MmFreeContiguousMemory, MmGetPhysicalAddress,
};
use wdk_sys::{LARGE_INTEGER, MM_ANY_NODE_OK, NODE_REQUIREMENT, PAGE_READWRITE, PHYSICAL_ADDRESS};

/// How far the memory around a page may be reserved as well, in bytes, where a host has reserved
/// that: a power of two. What firmware reserves for itself at the top of the low memory, SMM's segment,
/// is mostly 1 to 16 MiB.
const NEIGHBOURHOOD: u64 = 16 << 20;

/// Physical addresses that a page may have, the last one included.
type Place = (u64, u64);

const ANYWHERE: Place = (0, u64::MAX);

/// A VMCB of its own for a processor.
pub(crate) struct VmcbPage {
    page: NonNull<Vmcb>,
    physical_address: u64,
}

// SAFETY: it owns the page, which belongs to no thread.
unsafe impl Send for VmcbPage {}

// SAFETY: a reference gives the address, and copies of what the processor of the page stored last.
unsafe impl Sync for VmcbPage {}

impl VmcbPage {
    /// Takes a page and zeroes it, of a node's memory if it has one to give. `IRQL == PASSIVE_LEVEL`.
    pub(crate) fn near(node: Option<NODE_REQUIREMENT>) -> Option<Self> {
        Self::at(ANYWHERE, node)
    }

    /// Takes another page in the same manner, away from this one if that can be had.
    /// `IRQL == PASSIVE_LEVEL`.
    pub(crate) fn away(&self, node: Option<NODE_REQUIREMENT>) -> Option<Self> {
        let first = self.physical_address & !(NEIGHBOURHOOD - 1);
        let above = (first.saturating_add(NEIGHBOURHOOD), u64::MAX);
        let below = (0, first.saturating_sub(1));
        let places = [above, below, ANYWHERE].into_iter();
        let mut places = places.filter(|(lowest, highest)| lowest < highest);
        places.find_map(|place| Self::at(place, node))
    }

    fn at(place: Place, node: Option<NODE_REQUIREMENT>) -> Option<Self> {
        let page = node.and_then(|node| Self::of_node(place, node));
        page.or_else(|| Self::of_node(place, MM_ANY_NODE_OK))
    }

    /// Takes a page of one node's memory, or of any, and zeroes it. `IRQL == PASSIVE_LEVEL`.
    ///
    /// `MmAllocateContiguousNodeMemory` is the one routine for contiguous memory that takes a
    /// protection: the others return memory that can be executed.
    fn of_node((lowest, highest): Place, node: NODE_REQUIREMENT) -> Option<Self> {
        let [lowest, highest] = [lowest, highest].map(|address| LARGE_INTEGER {
            QuadPart: address.cast_signed(),
        });
        // SAFETY: the IRQL is right; a page of ordinary memory is all that is asked for.
        let memory = unsafe {
            MmAllocateContiguousNodeMemory(
                VMCB_SIZE as _,
                lowest,
                highest,
                PHYSICAL_ADDRESS::default(),
                PAGE_READWRITE,
                node,
            )
        };
        let page = NonNull::new(memory.cast::<Vmcb>())?;
        // SAFETY: the memory is new, a page long and aligned to a page.
        unsafe { page.write_bytes(0, 1) };
        // SAFETY: the address is that of resident memory, as contiguous memory is.
        let physical_address = unsafe { MmGetPhysicalAddress(memory) };
        Some(Self {
            page,
            // SAFETY: every 64 bits are a `QuadPart`, the member that the union is named for.
            physical_address: unsafe { physical_address.QuadPart }.cast_unsigned(),
        })
    }

    /// Where the page is, for VMSAVE.
    pub(crate) fn physical_address(&self) -> u64 {
        self.physical_address
    }

    /// Copies what VMSAVE stored last.
    pub(crate) fn copy_vmsave_state(&self, state: &mut VmsaveState) {
        // SAFETY: VMSAVE has ended, and no other writes to the page.
        let save = unsafe { &self.page.as_ref().save };
        state.fs = save.fs;
        state.gs = save.gs;
        state.ldtr = save.ldtr;
        state.tr = save.tr;
        state.system_call = save.system_call;
    }
}

impl Drop for VmcbPage {
    /// `IRQL == PASSIVE_LEVEL`.
    fn drop(&mut self) {
        // SAFETY: `of_node` took the page, and no processor is going to write to it any more.
        unsafe { MmFreeContiguousMemory(self.page.as_ptr().cast()) };
    }
}
