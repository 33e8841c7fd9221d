//! Conformance of the report: it lists everything that a driver leaves behind.

use alloc::boxed::Box;
use core::ffi::c_void;
use core::ptr;

use lab_wire::{Access, Report, Token};
use windows_sys::Wdk::Foundation::KDPC;

use super::ensure::{Checked, allocate, ensure, free};
use crate::agent::test_driver::{self, succeed};
use crate::base::address;
use crate::nt::io::{device, file};
use crate::nt::security::handle;
use crate::nt::{contiguous, dpc, irql_routines, report};

/// `PAGE_READWRITE`, `MM_ANY_NODE_OK`, `OBJ_KERNEL_HANDLE`, `READ_CONTROL`.
const READ_WRITE: u32 = 0x04;
const ANY_NODE: u32 = 0x8000_0000;
const KERNEL_HANDLE: u32 = 0x200;
const READ_CONTROL: u32 = 0x0002_0000;

extern "win64" fn nothing(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {}

/// Fails unless exactly one thing is in the report.
fn expect_one(what: &str, report: &Report, found: bool) -> Checked {
    let left = report.left_over();
    ensure!(found && left == 1, "{what}: {left} things in the report");
    Ok(())
}

pub(super) fn reported() -> Checked {
    ensure!(report::make().is_clean(), "something is left already");
    memory()?;
    queued_dpc()?;
    names_and_handles()?;
    ensure!(
        report::make().is_clean(),
        "something is in the report that is gone"
    );
    Ok(())
}

fn memory() -> Checked {
    let block = allocate::<u64>();
    let report = report::make();
    expect_one("pool", &report, report.allocations.len() == 1)?;
    free(block);
    let page = contiguous::allocate_node_memory(64, 0, u64::MAX, 0, READ_WRITE, ANY_NODE);
    let report = report::make();
    expect_one("contiguous memory", &report, report.allocations.len() == 1)?;
    contiguous::free_memory(page);
    Ok(())
}

fn queued_dpc() -> Checked {
    let mut object = Box::new(KDPC::default());
    let dpc = &raw mut *object;
    dpc::initialize(dpc, Some(nothing), ptr::null_mut());
    let old = irql_routines::raise_to_dpc_level();
    dpc::insert_queue(dpc, ptr::null_mut(), ptr::null_mut());
    let report = report::make();
    irql_routines::lower(old);
    dpc::flush_queued();
    expect_one("a queued DPC", &report, report.queued_dpcs == 1)
}

fn names_and_handles() -> Checked {
    test_driver::install(succeed, succeed);
    let before = report::make();
    let named = (before.devices.len(), before.links.len(), before.left_over());
    let opened = file::open(test_driver::PATH, Access::READ, Token::Administrator);
    let opened = opened.expect("the device is there");
    let open = report::make();
    file::close(opened);
    let device = device::by_name(test_driver::OBJECT_NAME).expect("the device is there");
    let mut kernel = ptr::null_mut();
    let none = ptr::null_mut();
    let device = address::pointer(device);
    let result = &raw mut kernel;
    handle::open_object_by_pointer(device, KERNEL_HANDLE, none, READ_CONTROL, none, 0, result);
    let kernel_open = report::make();
    handle::close(kernel);
    test_driver::remove();
    ensure!(named == (1, 1, 2), "a device and a link: {named:?}");
    let handles = (open.handles, open.left_over());
    ensure!(handles == (1, 3), "a handle: {handles:?}");
    let handles = (kernel_open.kernel_handles, kernel_open.left_over());
    ensure!(handles == (1, 3), "a handle of the kernel's: {handles:?}");
    Ok(())
}
