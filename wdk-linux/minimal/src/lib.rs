//! The smallest WDM driver that shows what the cross build can do: it allocates, prints to the
//! debugger, and can be unloaded.

#![no_std]

extern crate alloc;

use alloc::format;

// The panic handler: a bug check that names the source line.
use wdk_panic as _;
use wdk_sys::{
    DRIVER_OBJECT, NTSTATUS, PCUNICODE_STRING, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;

/// Called by the system when the driver is loaded. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the system, once, with the driver object of this driver.
#[expect(unsafe_code, reason = "the entry point that the system looks for")]
// SAFETY: no other symbol of this name is linked, and the system expects this one.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: *mut DRIVER_OBJECT,
    _registry_path: PCUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: the system passes a driver object, and does not use it during this call.
    let Some(driver) = (unsafe { driver.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    driver.DriverUnload = Some(unload);
    let greeting = format!("built by Rust {}", env!("CARGO_PKG_RUST_VERSION"));
    wdk::println!("minimal driver: {greeting}");
    STATUS_SUCCESS
}

/// Called by the system when the driver is unloaded. `IRQL == PASSIVE_LEVEL`.
extern "C" fn unload(_driver: *mut DRIVER_OBJECT) {
    wdk::println!("minimal driver: unloaded");
}
