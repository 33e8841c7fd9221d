//! The import slots of a loaded image.

#![expect(unsafe_code, reason = "memory that the loader mapped")]

use wdk_sys::{HANDLE, NT_SUCCESS, NTSTATUS, PAGE_READWRITE, PVOID};

use crate::image::Image;
use crate::routines::{LENT, THIS_PROCESS};

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "system" {
    /// Wine's kernel exports it, as Windows' does; the WDK has it in no header and no library.
    fn ZwProtectVirtualMemory(
        process: HANDLE,
        address: *mut PVOID,
        length: *mut u64,
        protection: u32,
        previous: *mut u32,
    ) -> NTSTATUS;
}

/// Puts the routines that are lent into the import slots of their names.
///
/// # Safety
///
/// `image` is what is mapped at `base`, and nothing executes it yet.
pub(crate) unsafe fn lend(base: *mut u8, image: &Image<'_>) {
    // A table that ends in the middle has had its slots filled up to there.
    let _ = image.each_import(|name, slot| {
        if let Some((_, routine)) = LENT.iter().find(|(lent, _)| *lent == name) {
            // SAFETY: the slot is inside the image.
            let slot = unsafe { base.add(slot) };
            // SAFETY: a slot of the import table, aligned by the linker.
            unsafe { write_slot(slot.cast(), routine()) };
        }
    });
}

/// Writes to a slot, which the loader has made read-only.
///
/// # Safety
///
/// The slot is mapped and nothing calls through it yet.
unsafe fn write_slot(slot: *mut usize, routine: usize) {
    let mut page = slot.cast();
    let mut length = size_of::<usize>() as u64;
    let mut protection = 0;
    // SAFETY: only the protection of the slot's own page changes.
    let status = unsafe {
        ZwProtectVirtualMemory(
            THIS_PROCESS,
            &raw mut page,
            &raw mut length,
            PAGE_READWRITE,
            &raw mut protection,
        )
    };
    if !NT_SUCCESS(status) {
        return;
    }
    // SAFETY: the caller vouches for the slot.
    unsafe { slot.write(routine) };
    // SAFETY: the page is the one whose protection was changed, and this is how it was.
    let _ = unsafe {
        ZwProtectVirtualMemory(
            THIS_PROCESS,
            &raw mut page,
            &raw mut length,
            protection,
            &raw mut protection,
        )
    };
}
