//! INVLPGA drops a translation that the page tables no longer support.

#![expect(unsafe_code, reason = "page tables are changed")]

use core::cell::UnsafeCell;

use super::saw;
use crate::arch::LARGE_PAGE;
use crate::instruction::Instruction::Invlpga;
use crate::page::Page;

/// An address that nothing else uses: beyond the machine's memory.
const WINDOW: usize = 0x2000_0000;
/// Present and writable.
const FLAGS: usize = 0b11;

/// A page of entries, as wide as a register in both widths.
#[repr(C, align(4096))]
struct Table(UnsafeCell<[usize; 4096 / size_of::<usize>()]>);

// SAFETY: only the boot processor runs this trial.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; 4096 / size_of::<usize>()]));
static OLD: Page = Page::new();
static NEW: Page = Page::new();

unsafe extern "C" {
    static page_directory: UnsafeCell<usize>;
}

/// The trial of this module.
pub(super) fn run() {
    OLD.fill(1);
    NEW.fill(2);
    let directory = (&raw const page_directory)
        .cast_mut()
        .cast::<usize>()
        .wrapping_add(WINDOW / LARGE_PAGE);
    let table = TABLE.0.get().cast::<usize>();
    // SAFETY: the table has no other user, and its first entry is in it.
    unsafe { table.write_volatile(OLD.address() | FLAGS) };
    // SAFETY: the window's entry of the directory; nothing else uses the window.
    unsafe { directory.write_volatile(table.expose_provenance() | FLAGS) };
    // The large page that was there has never been used, so that no translation is stale yet.
    let first = look();
    // SAFETY: the table has no other user, and its first entry is in it.
    unsafe { table.write_volatile(NEW.address() | FLAGS) };
    let stale = look();
    match Invlpga.attempt(WINDOW) {
        Ok(()) => saw(
            "translation",
            format_args!(
                "{first} mapped, {stale} with the table changed, {} after INVLPGA",
                look()
            ),
        ),
        Err(trap) => saw("translation", trap),
    }
}

fn look() -> u8 {
    let window = core::ptr::with_exposed_provenance::<u8>(WINDOW);
    // SAFETY: the window shows one of two pages.
    unsafe { window.read_volatile() }
}
