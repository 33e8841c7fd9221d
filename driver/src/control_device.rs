//! The control device: a name that user mode can open, and the survey in its extension.

#![expect(
    unsafe_code,
    reason = "objects of the I/O manager's, used through their address"
)]

use core::ptr::{self, NonNull};

use wdk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, NTSTATUS,
    STATUS_INVALID_PARAMETER,
    ntddk::{IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink},
};

use crate::{access, device_extension::Survey, wdm::status::check, wdm::unicode_string::Wide};

static DEVICE_NAME: Wide<{ protocol::DEVICE_NAME.len() }> = Wide::new(protocol::DEVICE_NAME);
static LINK_NAME: Wide<{ protocol::LINK_NAME.len() }> = Wide::new(protocol::LINK_NAME);

/// Creates the device, with a survey in its extension, and its link. `IRQL == PASSIVE_LEVEL`.
///
/// On an error nothing is left behind.
pub(crate) fn create(driver: &mut DRIVER_OBJECT) -> Result<(), NTSTATUS> {
    let device = create_device(driver)?;
    let prepared = access::restrict(device).and_then(|()| {
        // SAFETY: the extension is nonpaged, aligned for any structure and as long as asked
        // for; nobody has used it, and it stays until the device is deleted.
        unsafe { Survey::convene(extension(device)) }
    });
    if let Err(status) = prepared {
        // SAFETY: the device is this driver's, and nobody can have opened it: the I/O manager
        // refuses while it is initialising.
        unsafe { IoDeleteDevice(device.as_ptr()) };
        return Err(status);
    }
    let (mut link, mut name) = (
        LINK_NAME.as_unicode_string(),
        DEVICE_NAME.as_unicode_string(),
    );
    // SAFETY: both strings are whole, and are only read.
    let linked = check(unsafe { IoCreateSymbolicLink(&raw mut link, &raw mut name) });
    if linked.is_err() {
        delete_device(device);
    }
    linked
}

/// Deletes the link, the survey and the device. `IRQL == PASSIVE_LEVEL`.
pub(crate) fn delete(driver: &DRIVER_OBJECT) {
    let mut link = LINK_NAME.as_unicode_string();
    // SAFETY: the string is whole, and only read. A link that is gone already is no harm.
    let _ = unsafe { IoDeleteSymbolicLink(&raw mut link) };
    if let Some(device) = NonNull::new(driver.DeviceObject) {
        delete_device(device);
    }
}

/// The survey of a device.
///
/// # Safety
///
/// The device was made by [`create`] and is not being deleted for as long as the result is used.
pub(crate) unsafe fn survey<'a>(device: *mut DEVICE_OBJECT) -> &'a Survey {
    // SAFETY: the caller vouches for the device, so that it is not null.
    let device = unsafe { NonNull::new_unchecked(device) };
    // SAFETY: `create` put a survey there before the device could be opened.
    unsafe { extension(device).as_ref() }
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred bytes")]
const EXTENSION_SIZE: u32 = size_of::<Survey>() as u32;

/// Creates the device without its link. `IRQL == PASSIVE_LEVEL`.
fn create_device(driver: &mut DRIVER_OBJECT) -> Result<NonNull<DEVICE_OBJECT>, NTSTATUS> {
    let mut name = DEVICE_NAME.as_unicode_string();
    let mut device = ptr::null_mut();
    // SAFETY: the driver object is the one that the driver was loaded with, the name is whole
    // and only read, and the result is written to `device`.
    check(unsafe {
        IoCreateDevice(
            driver,
            EXTENSION_SIZE,
            &raw mut name,
            FILE_DEVICE_UNKNOWN,
            FILE_DEVICE_SECURE_OPEN,
            0,
            &raw mut device,
        )
    })?;
    NonNull::new(device).ok_or(STATUS_INVALID_PARAMETER)
}

/// Deletes a device that has a survey. `IRQL == PASSIVE_LEVEL`.
fn delete_device(device: NonNull<DEVICE_OBJECT>) {
    // SAFETY: the device has a survey, and is not open: that is when a driver may be unloaded.
    unsafe { Survey::dissolve(extension(device)) };
    // SAFETY: the device is this driver's, and nothing uses its extension any more.
    unsafe { IoDeleteDevice(device.as_ptr()) };
}

/// Where a device of this driver keeps its survey.
fn extension(device: NonNull<DEVICE_OBJECT>) -> NonNull<Survey> {
    // SAFETY: the device exists; no reference is made.
    let extension = unsafe { (*device.as_ptr()).DeviceExtension };
    // SAFETY: a device that was created with an extension has one.
    unsafe { NonNull::new_unchecked(extension.cast()) }
}
