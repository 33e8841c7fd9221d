//! Violations of the rules of pool.

#![expect(unsafe_code, reason = "pool is executed")]

use alloc::boxed::Box;
use core::ffi::c_void;
use core::hint;
use core::sync::atomic::{AtomicBool, Ordering};

use lab_wire::Violation;

use super::objects::{NON_PAGED, PAGED, TAG, block, read, write};
use crate::base::address::{self, PAGE_SIZE};
use crate::nt::{irql, irql_routines, pool};
use crate::processor::{self, idle};

/// `POOL_FLAG_NON_PAGED_EXECUTE`.
const EXECUTABLE: u64 = 0x80;

/// Breaks a rule of taking a block.
pub(super) fn violate_allocation(kind: Violation) {
    let (level, flags, size, tag) = match kind {
        Violation::AllocateAboveDispatch => (irql::HIGH_LEVEL, NON_PAGED, 16, TAG),
        Violation::AllocatePagedAtDispatch => (irql::DISPATCH_LEVEL, PAGED, 16, TAG),
        Violation::AllocateNothing => (irql::PASSIVE_LEVEL, NON_PAGED, 0, TAG),
        Violation::AllocateWithoutTag => (irql::PASSIVE_LEVEL, NON_PAGED, 16, 0),
        Violation::AllocateTwoPools => (irql::PASSIVE_LEVEL, NON_PAGED | PAGED, 16, TAG),
        _ => (irql::PASSIVE_LEVEL, EXECUTABLE, 16, TAG),
    };
    irql_routines::raise(level);
    pool::allocate_pool_2(flags, size, tag);
}

/// Breaks a rule of using or freeing a block.
pub(super) fn violate_block(kind: Violation) {
    const SIZE: usize = 24;
    let block = block(SIZE);
    let bytes = block.cast::<u8>();
    let free = || pool::free_pool_with_tag(block, TAG);
    match kind {
        Violation::FreeTwice => {
            free();
            free();
        }
        Violation::FreeMiddle => pool::free_pool(bytes.wrapping_add(8).cast()),
        Violation::FreeWithOtherTag => pool::free_pool_with_tag(block, !TAG),
        Violation::FreeAboveDispatch => {
            irql_routines::raise(irql::HIGH_LEVEL);
            free();
        }
        Violation::WriteBehindPool => {
            write(bytes.wrapping_add(SIZE));
            free();
        }
        Violation::WriteBeforePool => {
            write(bytes.wrapping_sub(1));
            free();
        }
        Violation::ReadPastPool => {
            let page = bytes.addr() as u64 & !(PAGE_SIZE - 1);
            read(address::pointer(page + PAGE_SIZE));
        }
        Violation::ReadBeforePool => {
            let page = bytes.addr() as u64 & !(PAGE_SIZE - 1);
            read(address::pointer(page - 1));
        }
        Violation::ReadFreedPool => {
            free();
            read(bytes);
        }
        Violation::ReadFreedPoolElsewhere => read_elsewhere(block),
        _ => {
            // SAFETY: the call faults at once, which is the point.
            let routine = unsafe { core::mem::transmute::<*mut u8, extern "win64" fn()>(bytes) };
            routine();
        }
    }
}

/// Frees a block while another processor keeps reading it.
fn read_elsewhere(block: *mut c_void) {
    static READING: AtomicBool = AtomicBool::new(false);
    let Some(other) = processor::get(1) else {
        return;
    };
    let address = block.addr() as u64;
    idle::post(
        other,
        Box::new(move || {
            loop {
                read(address::pointer(address));
                READING.store(true, Ordering::SeqCst);
            }
        }),
    );
    while !READING.load(Ordering::SeqCst) {
        hint::spin_loop();
    }
    pool::free_pool_with_tag(block, TAG);
    // The other processor stops the run.
    loop {
        hint::spin_loop();
    }
}
