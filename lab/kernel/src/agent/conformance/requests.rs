//! Conformance of the I/O manager.

#![expect(unsafe_code, reason = "a driver gets its structures as raw pointers")]

use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use lab_wire::{Access, Token};
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, IO_STACK_LOCATION, IRP, KDPC};

use super::ensure::{Checked, allocate, ensure, free};
use crate::agent::test_driver::{self, complete, succeed};
use crate::memory::uninitialized;
use crate::nt::io::{buffers, file};
use crate::nt::{dpc, processor_routines, status};
use crate::processor;

/// `METHOD_BUFFERED` and `METHOD_OUT_DIRECT` for any access, `METHOD_BUFFERED` for
/// writing.
const BUFFERED: u32 = 0x0022_2000;
const DIRECT: u32 = 0x0022_2002;
const BUFFERED_WRITE: u32 = 0x0022_A000;

/// `SL_PENDING_RETURNED`.
const PENDING_RETURNED: u8 = 1;

const PATTERN: [u8; 5] = [5, 4, 3, 2, 1];

static IRP: AtomicPtr<IRP> = AtomicPtr::new(ptr::null_mut());
static DPC: AtomicPtr<KDPC> = AtomicPtr::new(ptr::null_mut());
static NAME_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// The request's stack location.
fn location(irp: *mut IRP) -> *mut IO_STACK_LOCATION {
    // SAFETY: the request is the one that the dispatch routine was called with.
    let request = unsafe { &*irp };
    // SAFETY: requests that are sent to a driver use this member.
    let overlay = unsafe { request.Tail.Overlay };
    // SAFETY: the stack location of a request that is sent to a driver is this member.
    unsafe { overlay.Anonymous2.Anonymous.CurrentStackLocation }
}

/// Keeps the request; a DPC on the last processor completes it.
unsafe extern "win64" fn keep(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    // SAFETY: the location is the request's own.
    let location = unsafe { &mut *location(irp) };
    location.Control |= PENDING_RETURNED;
    IRP.store(irp, Ordering::SeqCst);
    dpc::insert_queue(DPC.load(Ordering::SeqCst), ptr::null_mut(), ptr::null_mut());
    status::PENDING
}

extern "win64" fn complete_kept(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    complete(IRP.load(Ordering::SeqCst), status::SUCCESS, 0);
}

pub(super) fn pending() -> Checked {
    use windows_sys::Win32::System::Kernel::PROCESSOR_NUMBER;
    let dpc = allocate::<KDPC>();
    dpc::initialize(dpc, Some(complete_kept), ptr::null_mut());
    let mut last = PROCESSOR_NUMBER::default();
    processor_routines::get_number_from_index(processor::count() - 1, &raw mut last);
    dpc::set_target_processor(dpc, &raw const last);
    dpc::set_importance(dpc, 2);
    DPC.store(dpc, Ordering::SeqCst);

    test_driver::install(succeed, keep);
    let handle = file::open(test_driver::PATH, Access::READ, Token::Administrator)
        .expect("the device is there");
    let reply = file::control(handle, BUFFERED, &[], 0);
    file::close(handle);
    test_driver::remove();
    dpc::flush_queued();
    free(dpc);
    ensure!(
        reply.status == status::SUCCESS,
        "ended with {:#x}",
        reply.status
    );
    Ok(())
}

/// Writes a pattern, and then the first input byte, to the mapped output.
unsafe extern "win64" fn write_direct(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    // SAFETY: the request is the one that the dispatch routine was called with.
    let request = unsafe { &*irp };
    let mapped = buffers::map_locked_pages(request.MdlAddress, 0, 1, ptr::null_mut(), 0, 0);
    // SAFETY: requests with a control code use this member.
    let input = unsafe { request.AssociatedIrp.SystemBuffer };
    let output = mapped.cast::<u8>();
    // SAFETY: the output is large enough for the pattern and a byte.
    unsafe { output.copy_from_nonoverlapping(PATTERN.as_ptr(), PATTERN.len()) };
    let last = output.wrapping_add(PATTERN.len());
    // SAFETY: the output has room for a byte behind the pattern, and the input holds one.
    unsafe { last.copy_from_nonoverlapping(input.cast(), 1) };
    complete(irp, status::SUCCESS, PATTERN.len() + 1)
}

pub(super) fn direct_transfer() -> Checked {
    test_driver::install(succeed, write_direct);
    let handle = file::open(test_driver::PATH, Access::READ, Token::Administrator)
        .expect("the device is there");
    for length in [6, 5000] {
        let reply = file::control(handle, DIRECT, &[0x77], length);
        let expected: Vec<u8> = PATTERN.into_iter().chain([0x77]).collect();
        ensure!(
            reply.output == expected,
            "{:x?} came back through {length} bytes",
            reply.output
        );
    }
    file::close(handle);
    test_driver::remove();
    Ok(())
}

/// Notes how long the name behind the device's is.
unsafe extern "win64" fn note_name(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    // SAFETY: the location is the request's own.
    let location = unsafe { &*location(irp) };
    // SAFETY: a request to open has a file object.
    let file = unsafe { &*location.FileObject };
    NAME_LENGTH.store(file.FileName.Length.into(), Ordering::SeqCst);
    complete(irp, status::ACCESS_DENIED, 0)
}

pub(super) fn path_behind_device() -> Checked {
    test_driver::install(note_name, succeed);
    let path = [test_driver::PATH, r"\behind\it"].concat();
    let opened = file::open(&path, Access::READ, Token::Administrator);
    test_driver::remove();
    let length = NAME_LENGTH.load(Ordering::SeqCst);
    ensure!(
        opened == Err(status::ACCESS_DENIED),
        "opening returned {opened:x?}"
    );
    let expected = r"\behind\it".len() * 2;
    ensure!(
        length == expected,
        "the name had {length} bytes, not {expected}"
    );
    Ok(())
}

pub(super) fn access_denied() -> Checked {
    test_driver::install(succeed, succeed);
    let reader = file::open(test_driver::PATH, Access::READ, Token::Administrator)
        .expect("the device is there");
    let writer = file::open(test_driver::PATH, Access::READ_WRITE, Token::Administrator)
        .expect("the device is there");
    let denied = file::control(reader, BUFFERED_WRITE, &[], 0).status;
    let granted = file::control(writer, BUFFERED_WRITE, &[], 0).status;
    file::close(reader);
    file::close(writer);
    test_driver::remove();
    ensure!(denied == status::ACCESS_DENIED, "reader: {denied:#x}");
    ensure!(granted == status::SUCCESS, "writer: {granted:#x}");
    Ok(())
}

/// Claims eight bytes of output, and writes none.
unsafe extern "win64" fn claim(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> u32 {
    complete(irp, status::SUCCESS, UNWRITTEN)
}

const UNWRITTEN: usize = 8;

pub(super) fn unwritten_output() -> Checked {
    test_driver::install(succeed, claim);
    let handle = file::open(test_driver::PATH, Access::READ, Token::Administrator)
        .expect("the device is there");
    let replies = [BUFFERED, DIRECT].map(|code| file::control(handle, code, &[], 16).output);
    file::close(handle);
    test_driver::remove();
    for output in replies {
        ensure!(
            output == [uninitialized::byte(); UNWRITTEN],
            "{output:x?} came back"
        );
    }
    Ok(())
}
