//! Loading and unloading, and the notice of an image.

#![expect(unsafe_code, reason = "called by the system with raw pointers")]

use core::slice;

use wdk_sys::ntddk::{PsRemoveLoadImageNotifyRoutine, PsSetLoadImageNotifyRoutine};
use wdk_sys::{
    DRIVER_OBJECT, HANDLE, IMAGE_INFO, NTSTATUS, PCUNICODE_STRING, STATUS_INVALID_PARAMETER,
    UNICODE_STRING,
};

use crate::image::Image;
use crate::{binding, guarded};

/// The end of the path of the one image that is lent anything.
const BORROWER: &str = "\\svmsave.sys";

/// Called by the system when the driver is loaded. `IRQL == PASSIVE_LEVEL`.
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
    // SAFETY: the system passes a driver object, and does not use it during this call.
    let Some(driver) = (unsafe { driver.as_mut() }) else {
        return STATUS_INVALID_PARAMETER;
    };
    driver.DriverUnload = Some(unload);
    // SAFETY: the routine stays until `unload` has removed it.
    unsafe { PsSetLoadImageNotifyRoutine(Some(image_loaded)) }
}

/// Called by the system when the driver is unloaded. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the system, once.
unsafe extern "C" fn unload(_: *mut DRIVER_OBJECT) {
    // SAFETY: it was set when the driver was loaded. That it can be removed is not doubted.
    let _ = unsafe { PsRemoveLoadImageNotifyRoutine(Some(image_loaded)) };
}

/// Called by the system when an image has been loaded and bound. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the system.
unsafe extern "C" fn image_loaded(
    name: *mut UNICODE_STRING,
    _process: HANDLE,
    info: *mut IMAGE_INFO,
) {
    // SAFETY: the system passes the name, if it has one.
    let Some(name) = (unsafe { name.as_ref() }) else {
        return;
    };
    // SAFETY: the system passes what it knows of the image.
    let Some(info) = (unsafe { info.as_ref() }) else {
        return;
    };
    // SAFETY: the string is as long as it says.
    let name = unsafe { slice::from_raw_parts(name.Buffer, usize::from(name.Length) / 2) };
    if !is_borrower(name) {
        return;
    }
    let base = info.ImageBase.cast::<u8>();
    let Ok(length) = usize::try_from(info.ImageSize) else {
        return;
    };
    // SAFETY: the image is mapped, and as long as the system says.
    let image = Image(unsafe { slice::from_raw_parts(base, length) });
    // SAFETY: this is its base, and its entry point is called after this.
    unsafe { binding::lend(base, &image) };
    // SAFETY: likewise; its imports are bound.
    unsafe { guarded::try_all(base, &image) };
}

fn is_borrower(path: &[u16]) -> bool {
    path.len() >= BORROWER.len()
        && path[path.len() - BORROWER.len()..]
            .iter()
            .zip(BORROWER.bytes())
            .all(|(&unit, byte)| {
                u8::try_from(unit).is_ok_and(|unit| unit.eq_ignore_ascii_case(&byte))
            })
}
