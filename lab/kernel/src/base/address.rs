//! Addresses: which part of the address space holds what, and pointers to it.
//!
//! The kernel half follows Windows in what a driver can notice: images lie
//! around `0xFFFF_F80x_xxxx_xxxx`, pool elsewhere, nothing in the user half.

/// Bytes in a page.
pub(crate) const PAGE_SIZE: u64 = 4096;

/// Physical memory, in large pages, writable and not executable.
pub(crate) const PHYSICAL_MAP: u64 = 0xFFFF_8000_0000_0000;

/// Registers of the interrupt controllers.
pub(crate) const DEVICES: u64 = 0xFFFF_8100_0000_0000;

/// Stacks of the processors.
pub(crate) const STACKS: Area = Area {
    start: 0xFFFF_9000_0000_0000,
    end: 0xFFFF_9100_0000_0000,
};

/// Nonpaged pool, and what the lab allocates on a driver's behalf.
pub(crate) const NONPAGED_POOL: Area = Area {
    start: 0xFFFF_A000_0000_0000,
    end: 0xFFFF_B000_0000_0000,
};

/// Paged pool. The lab never pages it out; it lies apart so that the address
/// tells that it might be.
pub(crate) const PAGED_POOL: Area = Area {
    start: 0xFFFF_B000_0000_0000,
    end: 0xFFFF_C000_0000_0000,
};

/// Contiguous memory and mapped memory descriptor lists.
pub(crate) const SYSTEM_PTES: Area = Area {
    start: 0xFFFF_C000_0000_0000,
    end: 0xFFFF_D000_0000_0000,
};

/// Driver images.
pub(crate) const IMAGES: Area = Area {
    start: 0xFFFF_F804_0000_0000,
    end: 0xFFFF_F80F_0000_0000,
};

/// Processor control regions, which GS points to.
pub(crate) const PROCESSOR_CONTROL: Area = Area {
    start: 0xFFFF_F800_0000_0000,
    end: 0xFFFF_F803_0000_0000,
};

/// Where the kernel itself is linked.
pub(crate) const KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000;

/// A range of virtual addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    /// First address.
    pub start: u64,
    /// One past the last.
    pub end: u64,
}

impl Area {
    /// Whether an address lies in the area.
    pub(crate) const fn contains(self, address: u64) -> bool {
        self.start <= address && address < self.end
    }
}

/// Index of an address's entry in the level 4 page table.
pub(crate) const fn level_4_index(address: u64) -> u64 {
    address >> 39 & 0x1FF
}

/// The start of the page that holds an address.
pub(crate) const fn page_of(address: u64) -> u64 {
    address & !(PAGE_SIZE - 1)
}

/// Pages that hold so many bytes.
pub(crate) const fn pages(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_SIZE)
}

/// A pointer to any kernel address.
pub(crate) fn pointer<T>(address: u64) -> *mut T {
    core::ptr::with_exposed_provenance_mut(to_usize(address))
}

/// Where the physical map shows a physical address.
pub(crate) fn physical_pointer<T>(physical: u64) -> *mut T {
    pointer(PHYSICAL_MAP + physical)
}

/// An address or size as `usize`, which has 64 bits here.
pub(crate) fn to_usize(value: u64) -> usize {
    usize::try_from(value).expect("a 64-bit kernel")
}
