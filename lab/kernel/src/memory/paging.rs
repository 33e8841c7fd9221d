//! The page tables: one set for all processors.

#![expect(unsafe_code, reason = "page tables decide what every address means")]

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::registers::control::{Cr3, Cr3Flags};
use x86_64::structures::paging::mapper::{Mapper, TranslateResult};
use x86_64::structures::paging::{
    OffsetPageTable, Page, PageTable, PageTableFlags, PhysFrame, Size2MiB, Size4KiB, Translate,
};
use x86_64::{PhysAddr, VirtAddr};

use super::frames::{self, TableFrames};
use crate::base::address::{self, PAGE_SIZE, PHYSICAL_MAP};
use crate::base::lock::Lock;

/// What may be done with a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protection {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Reading and executing.
    ReadExecute,
    /// Reading and writing, uncached: device registers.
    Device,
}

impl Protection {
    fn flags(self) -> PageTableFlags {
        let base = PageTableFlags::PRESENT;
        match self {
            Self::Read => base | PageTableFlags::NO_EXECUTE,
            Self::ReadWrite => base | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE,
            Self::ReadExecute => base,
            Self::Device => {
                base | PageTableFlags::WRITABLE
                    | PageTableFlags::NO_EXECUTE
                    | PageTableFlags::NO_CACHE
            }
        }
    }
}

static ROOT: AtomicU64 = AtomicU64::new(0);
static TABLES: Lock<Option<OffsetPageTable<'static>>> = Lock::new(None);

unsafe extern "C" {
    safe static kernel_text_start: u8;
    safe static kernel_rodata_start: u8;
    safe static kernel_data_start: u8;
    safe static kernel_end: u8;
}

/// Builds the tables for `memory` bytes of physical memory; [`activate`] makes a
/// processor use them.
pub(crate) fn initialize(memory: u64) {
    let root = frames::allocate().expect("memory for the first page table");
    ROOT.store(root, Ordering::Relaxed);
    let root = address::physical_pointer::<PageTable>(root);
    // SAFETY: the frame was just taken and the physical map reaches it.
    unsafe { root.write_bytes(0, 1) };
    // SAFETY: a zeroed page is an empty page table, and nothing else refers to it.
    let root = unsafe { &mut *root };
    // SAFETY: the boot tables map all physical memory at the physical map.
    let tables = unsafe { OffsetPageTable::new(root, VirtAddr::new(PHYSICAL_MAP)) };
    *TABLES.lock() = Some(tables);

    map_physical_memory(memory);
    map_kernel();
}

fn map_physical_memory(memory: u64) {
    let flags = PageTableFlags::PRESENT | PageTableFlags::WRITABLE | PageTableFlags::NO_EXECUTE;
    let mut tables = TABLES.lock();
    let tables = tables.as_mut().expect("initialize made them");
    let large = 512 * PAGE_SIZE;
    for address in (0..memory.next_multiple_of(large)).step_by(512 * 4096) {
        let page = Page::<Size2MiB>::containing_address(VirtAddr::new(PHYSICAL_MAP + address));
        let frame = PhysFrame::containing_address(PhysAddr::new(address));
        // SAFETY: the physical map is ours alone to reach all of memory with.
        let mapped = unsafe { tables.map_to(page, frame, flags, &mut TableFrames) };
        mapped.expect("memory for page tables").ignore();
    }
}

fn map_kernel() {
    let [text, rodata, data, end] = [
        &raw const kernel_text_start,
        &raw const kernel_rodata_start,
        &raw const kernel_data_start,
        &raw const kernel_end,
    ]
    .map(|symbol| symbol.addr() as u64);
    for (range, protection) in [
        (text..rodata, Protection::ReadExecute),
        (rodata..data, Protection::Read),
        (data..end, Protection::ReadWrite),
    ] {
        for page in range.step_by(4096) {
            map(page, page - address::KERNEL_BASE, protection);
        }
    }
}

/// Physical address of the tables.
pub(crate) fn root() -> u64 {
    ROOT.load(Ordering::Relaxed)
}

/// Makes this processor use the tables, and forget what it remembers of them.
pub(crate) fn activate() {
    let frame = PhysFrame::containing_address(PhysAddr::new(root()));
    // SAFETY: the tables map the kernel where it runs.
    unsafe { Cr3::write(frame, Cr3Flags::empty()) };
}

fn page(address: u64) -> Page<Size4KiB> {
    Page::containing_address(VirtAddr::new(address))
}

fn with_tables<R>(f: impl FnOnce(&mut OffsetPageTable<'static>) -> R) -> R {
    f(TABLES.lock().as_mut().expect("paging is initialized"))
}

/// Maps the page at `address` to the frame at `physical`.
///
/// The page must not be mapped: a mapping never changes under its user.
pub(crate) fn map(address: u64, physical: u64, protection: Protection) {
    let frame = PhysFrame::containing_address(PhysAddr::new(physical));
    let flags = protection.flags();
    let parents = PageTableFlags::PRESENT | PageTableFlags::WRITABLE;
    with_tables(|tables| {
        // SAFETY: the page was unmapped, so no reference into it exists.
        let mapped = unsafe {
            tables.map_to_with_table_flags(page(address), frame, flags, parents, &mut TableFrames)
        };
        mapped
            .expect("an unmapped page and memory for page tables")
            .ignore();
    });
}

/// Takes the mapping of a page away and returns its frame. Other processors may
/// remember the mapping, see [`crate::processor::translations`].
pub(crate) fn unmap(address: u64) -> Option<u64> {
    with_tables(|tables| {
        let (frame, flush) = tables.unmap(page(address)).ok()?;
        flush.flush();
        Some(frame.start_address().as_u64())
    })
}

/// Changes what may be done with a mapped page; see [`unmap`] on other processors.
pub(crate) fn protect(address: u64, protection: Protection) {
    with_tables(|tables| {
        // SAFETY: the frame stays; code that uses the page against its protection
        // faults, as is wanted.
        let updated = unsafe { tables.update_flags(page(address), protection.flags()) };
        updated.expect("a mapped page").flush();
    });
}

/// A mapped address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    /// Its physical address.
    pub physical: u64,
    /// Whether it may be written.
    pub writable: bool,
}

/// What an address is mapped to; `None` also for addresses that aren't canonical.
pub(crate) fn translate(address: u64) -> Option<Mapping> {
    let address = VirtAddr::try_new(address).ok()?;
    match with_tables(|tables| tables.translate(address)) {
        TranslateResult::Mapped {
            frame,
            offset,
            flags,
        } => Some(Mapping {
            physical: frame.start_address().as_u64() + offset,
            writable: flags.contains(PageTableFlags::WRITABLE),
        }),
        TranslateResult::NotMapped | TranslateResult::InvalidFrameAddress(_) => None,
    }
}

/// Whether the processor wrote to a page by its address since [`forget_writes`], or since it was
/// mapped.
pub(crate) fn is_written(address: u64) -> bool {
    flags(address).contains(PageTableFlags::DIRTY)
}

/// Makes a page count as not written to; see [`unmap`] on other processors.
pub(crate) fn forget_writes(address: u64) {
    let flags = flags(address) - PageTableFlags::DIRTY;
    with_tables(|tables| {
        // SAFETY: nothing changes but what is known of the page.
        let updated = unsafe { tables.update_flags(page(address), flags) };
        updated.expect("a mapped page").flush();
    });
}

fn flags(address: u64) -> PageTableFlags {
    match with_tables(|tables| tables.translate(VirtAddr::new(address))) {
        TranslateResult::Mapped { flags, .. } => flags,
        TranslateResult::NotMapped | TranslateResult::InvalidFrameAddress(_) => {
            PageTableFlags::empty()
        }
    }
}
