//! Loading and unloading.

#![expect(unsafe_code, reason = "the entry point that the system looks for")]

use wdk_sys::{
    DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use crate::{control_device, dispatch};

/// Called by the system when the driver is loaded. `IRQL == PASSIVE_LEVEL`.
///
/// If that fails, a line to the debugger says at which step.
///
/// # Safety
///
/// Called by the system, once, with the driver object of this driver.
// SAFETY: no other symbol of this name is linked, and the system expects this one.
#[unsafe(export_name = "DriverEntry")]
pub(crate) unsafe extern "system" fn driver_entry(
    driver: *mut DRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    wdk::paged_code!();
    // SAFETY: the system passes a driver object, and does not use it during this call.
    let Some(driver) = (unsafe { driver.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    driver.DriverUnload = Some(unload);
    dispatch::register(driver);
    match control_device::create(driver) {
        Ok(()) => STATUS_SUCCESS,
        Err(error) => {
            wdk::println!("svmsave is not loaded: {error}");
            error.status()
        }
    }
}

/// Called by the system when the driver is unloaded. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the system, once, when no handle to the device is left.
unsafe extern "C" fn unload(driver: *mut DRIVER_OBJECT) {
    wdk::paged_code!();
    // SAFETY: the system passes the driver object that the driver was loaded with.
    if let Some(driver) = unsafe { driver.as_ref() } {
        control_device::delete(driver);
    }
}
