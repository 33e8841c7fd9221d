//! The control device: a name that user mode can open, and its extension.

#![expect(
    unsafe_code,
    reason = "objects of the I/O manager's, used through their address"
)]

use core::fmt;
use core::ptr::{self, NonNull};

use wdk_sys::ntddk::{IoCreateDevice, IoCreateSymbolicLink, IoDeleteDevice, IoDeleteSymbolicLink};
use wdk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, FILE_DEVICE_SECURE_OPEN, FILE_DEVICE_UNKNOWN, NTSTATUS,
    STATUS_INVALID_PARAMETER,
};

use crate::access;
use crate::device_extension::DeviceExtension;
use crate::wdm::status::check;
use crate::wdm::unicode_string::Utf16;

static DEVICE_NAME: Utf16<{ protocol::DEVICE_NAME.len() }> = Utf16::new(protocol::DEVICE_NAME);
static LINK_NAME: Utf16<{ protocol::LINK_NAME.len() }> = Utf16::new(protocol::LINK_NAME);

/// Why there is no device: the step that failed, and the status that it failed with.
pub(crate) struct CreateError {
    step: Step,
    status: NTSTATUS,
}

/// What it takes to make a device that clients can open.
#[derive(Clone, Copy)]
enum Step {
    CreateDevice,
    RestrictAccess,
    InitializeExtension,
    CreateLink,
}

impl CreateError {
    /// The status for the system.
    pub(crate) fn status(&self) -> NTSTATUS {
        self.status
    }
}

impl fmt::Display for CreateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::CreateDevice => "creating the device",
            Step::RestrictAccess => "restricting access to the device",
            Step::InitializeExtension => "preparing the processors",
            Step::CreateLink => "creating the symbolic link",
        };
        write!(f, "{step} failed with status {:#010x}", self.status)
    }
}

/// Names the step that a status is of.
fn failed_at(step: Step) -> impl FnOnce(NTSTATUS) -> CreateError {
    move |status| CreateError { step, status }
}

/// Creates the device, with its extension, and its link. `IRQL == PASSIVE_LEVEL`.
///
/// # Errors
///
/// The step that failed. Nothing is left behind.
pub(crate) fn create(driver: &mut DRIVER_OBJECT) -> Result<(), CreateError> {
    let device = create_device(driver).map_err(failed_at(Step::CreateDevice))?;
    if let Err(error) = prepare(device) {
        // SAFETY: the device is this driver's, and cannot have been opened: the I/O manager
        // refuses while it is initialising.
        unsafe { IoDeleteDevice(device.as_ptr()) };
        return Err(error);
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
    linked.map_err(failed_at(Step::CreateLink))
}

/// Sets the access to a new device, and writes its extension. `IRQL == PASSIVE_LEVEL`.
fn prepare(device: NonNull<DEVICE_OBJECT>) -> Result<(), CreateError> {
    access::restrict(device).map_err(failed_at(Step::RestrictAccess))?;
    // SAFETY: the extension is nonpaged, aligned for any structure and as long as asked for; it is
    // not in use yet, and it stays until the device is deleted.
    unsafe { DeviceExtension::init(extension_of(device)) }
        .map_err(failed_at(Step::InitializeExtension))
}

/// Deletes the link, the extension and the device. `IRQL == PASSIVE_LEVEL`.
pub(crate) fn delete(driver: &DRIVER_OBJECT) {
    let mut link = LINK_NAME.as_unicode_string();
    // SAFETY: the string is whole, and only read. A link that is gone already is no harm.
    let _ = unsafe { IoDeleteSymbolicLink(&raw mut link) };
    if let Some(device) = NonNull::new(driver.DeviceObject) {
        delete_device(device);
    }
}

/// The extension of a device. Any IRQL.
///
/// # Safety
///
/// The device was made by [`create`] and is not being deleted for as long as the result is used.
pub(crate) unsafe fn extension<'a>(device: *mut DEVICE_OBJECT) -> &'a DeviceExtension {
    // SAFETY: the caller vouches for the device, so that it is not null.
    let device = unsafe { NonNull::new_unchecked(device) };
    // SAFETY: `create` wrote the extension before the device could be opened.
    unsafe { extension_of(device).as_ref() }
}

#[expect(clippy::cast_possible_truncation, reason = "a few hundred bytes")]
const EXTENSION_SIZE: u32 = size_of::<DeviceExtension>() as u32;

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

/// Deletes a device whose extension was written. `IRQL == PASSIVE_LEVEL`.
fn delete_device(device: NonNull<DEVICE_OBJECT>) {
    // SAFETY: the extension was written, and the device is not open: that is when a driver may be
    // unloaded.
    unsafe { DeviceExtension::teardown(extension_of(device)) };
    // SAFETY: the device is this driver's, and nothing uses its extension any more.
    unsafe { IoDeleteDevice(device.as_ptr()) };
}

/// Where the extension of a device of this driver is.
fn extension_of(device: NonNull<DEVICE_OBJECT>) -> NonNull<DeviceExtension> {
    // SAFETY: the device exists; no reference is made.
    let extension = unsafe { (*device.as_ptr()).DeviceExtension };
    // SAFETY: a device that was created with an extension has one.
    unsafe { NonNull::new_unchecked(extension.cast()) }
}
