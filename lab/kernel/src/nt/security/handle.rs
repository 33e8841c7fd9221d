//! Handles of the kernel, which no process sees, and setting an object's security
//! through them.

use alloc::collections::BTreeMap;
use core::ffi::c_void;

use windows_sys::Win32::Security::SECURITY_DESCRIPTOR;

use super::descriptor;
use crate::base::address;
use crate::base::lock::Lock;
use crate::nt::io::{device, driver};
use crate::nt::rules::Routine;
use crate::nt::{irql, resources, status};

/// `OBJ_KERNEL_HANDLE`.
const KERNEL_HANDLE: u32 = 0x200;

/// `WRITE_DAC`.
const WRITE_DAC: u32 = 0x0004_0000;

/// `DACL_SECURITY_INFORMATION` and `PROTECTED_DACL_SECURITY_INFORMATION`.
const DACL_INFORMATION: u32 = 0x4;
const PROTECTED_DACL_INFORMATION: u32 = 0x8000_0000;

/// `KernelMode` of `KPROCESSOR_MODE`.
const KERNEL_MODE: i8 = 0;

/// Handles of the kernel have their upper bits set.
const FIRST: u64 = 0xFFFF_FFFF_8000_0004;
const STEP: u64 = 4;

#[derive(Clone, Copy)]
struct Opened {
    /// Address of the device object.
    device: u64,
    access: u32,
}

struct Handles {
    open: BTreeMap<u64, Opened>,
    next: u64,
}

static HANDLES: Lock<Handles> = Lock::new(Handles {
    open: BTreeMap::new(),
    next: FIRST,
});

/// How many handles are open.
pub(crate) fn open_handles() -> u32 {
    u32::try_from(HANDLES.lock().open.len()).expect("few handles")
}

fn find(routine: Routine, handle: *mut c_void) -> Opened {
    let number = handle.addr() as u64;
    let opened = HANDLES.lock().open.get(&number).copied();
    opened.unwrap_or_else(|| {
        routine.violated(
            "handle",
            format_args!("{number:#x} is no handle that is open"),
        )
    })
}

/// `ObOpenObjectByPointer`: `PASSIVE_LEVEL`. The lab knows devices, for kernel mode.
pub(crate) extern "win64" fn open_object_by_pointer(
    object: *mut c_void,
    attributes: u32,
    _access_state: *mut c_void,
    access: u32,
    _object_type: *mut c_void,
    mode: i8,
    result: *mut *mut c_void,
) -> u32 {
    const ROUTINE: Routine = Routine("ObOpenObjectByPointer");
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let result = ROUTINE.object("Handle", result);
    ROUTINE.require(
        attributes & KERNEL_HANDLE != 0,
        "kernel-handle",
        format_args!("HandleAttributes {attributes:#x}, a process could use the handle"),
    );
    ROUTINE.require(
        mode == KERNEL_MODE,
        "mode",
        format_args!("AccessMode {mode}, the lab opens objects for kernel mode"),
    );
    let device = object.addr() as u64;
    ROUTINE.require(
        device::exists(device),
        "object",
        format_args!("{device:#x} is no device object"),
    );
    if resources::are_exhausted() {
        return status::INSUFFICIENT_RESOURCES;
    }
    device::reference(device);
    let mut handles = HANDLES.lock();
    let handle = handles.next;
    handles.next += STEP;
    handles.open.insert(handle, Opened { device, access });
    result.write(address::pointer(handle));
    status::SUCCESS
}

/// `ZwSetSecurityObject`: `PASSIVE_LEVEL`. The lab knows discretionary lists.
pub(crate) extern "win64" fn set_security_object(
    handle: *mut c_void,
    information: u32,
    descriptor: *const SECURITY_DESCRIPTOR,
) -> u32 {
    const ROUTINE: Routine = Routine("ZwSetSecurityObject");
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let opened = find(ROUTINE, handle);
    ROUTINE.require(
        information & !PROTECTED_DACL_INFORMATION == DACL_INFORMATION,
        "information",
        format_args!("SecurityInformation {information:#x}, the lab knows the DACL only"),
    );
    ROUTINE.require(
        opened.access & WRITE_DAC != 0,
        "access",
        format_args!(
            "the handle was opened for {:#x}, the page demands WRITE_DAC",
            opened.access
        ),
    );
    match descriptor::dacl(ROUTINE, descriptor) {
        Err(status) => status,
        Ok(_) if resources::are_exhausted() => status::INSUFFICIENT_RESOURCES,
        Ok(dacl) => {
            device::set_dacl(opened.device, dacl);
            status::SUCCESS
        }
    }
}

/// `ZwClose`: `PASSIVE_LEVEL`.
pub(crate) extern "win64" fn close(handle: *mut c_void) -> u32 {
    const ROUTINE: Routine = Routine("ZwClose");
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let opened = find(ROUTINE, handle);
    HANDLES.lock().open.remove(&(handle.addr() as u64));
    driver::close_device(opened.device);
    status::SUCCESS
}
