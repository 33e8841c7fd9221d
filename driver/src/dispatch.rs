//! The major functions: what each request means, and what it is answered with.

#![expect(unsafe_code, reason = "called by the I/O manager with raw pointers")]

use core::ptr::NonNull;

use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, Request};
use wdk_sys::{
    DEVICE_OBJECT, DRIVER_OBJECT, IRP, IRP_MJ_CLEANUP, IRP_MJ_CLOSE, IRP_MJ_CREATE,
    IRP_MJ_DEVICE_CONTROL, NTSTATUS, STATUS_INFO_LENGTH_MISMATCH, STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID, STATUS_REVISION_MISMATCH, STATUS_SUCCESS,
};

use crate::device_extension::DeviceExtension;
use crate::wdm::irp::Irp;
use crate::{access, control_device};

/// Fills in the driver's major functions: those that it serves, and a refusal for the others.
pub(crate) fn register(driver: &mut DRIVER_OBJECT) {
    driver.MajorFunction.fill(Some(refuse));
    for (function, routine) in [
        (IRP_MJ_CREATE, create as MajorFunction),
        (IRP_MJ_CLEANUP, succeed),
        (IRP_MJ_CLOSE, succeed),
        (IRP_MJ_DEVICE_CONTROL, device_control),
    ] {
        if let Some(place) = driver.MajorFunction.get_mut(function as usize) {
            *place = Some(routine);
        }
    }
}

type MajorFunction = unsafe extern "C" fn(*mut DEVICE_OBJECT, *mut IRP) -> NTSTATUS;

/// Opening: the device itself, and no path behind it. Its DACL says which accounts may.
/// `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn create(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    wdk::paged_code!();
    let respond = |irp: &mut Irp| {
        if irp.has_path_behind_device() {
            (STATUS_OBJECT_NAME_INVALID, 0)
        } else {
            (STATUS_SUCCESS, 0)
        }
    };
    // SAFETY: the caller is the I/O manager.
    unsafe { answer(irp, respond) }
}

/// Closing takes nothing and leaves nothing. `IRQL == PASSIVE_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn succeed(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    wdk::paged_code!();
    // SAFETY: the caller is the I/O manager.
    unsafe { answer(irp, |_| (STATUS_SUCCESS, 0)) }
}

/// What this driver does not serve. `IRQL <= DISPATCH_LEVEL`.
///
/// # Safety
///
/// Called by the I/O manager.
unsafe extern "C" fn refuse(_: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    // SAFETY: the caller is the I/O manager.
    unsafe { answer(irp, |_| (STATUS_INVALID_DEVICE_REQUEST, 0)) }
}

/// A control code. `IRQL == PASSIVE_LEVEL`: the device is at the top of its stack.
///
/// # Safety
///
/// Called by the I/O manager, with this driver's device.
unsafe extern "C" fn device_control(device: *mut DEVICE_OBJECT, irp: *mut IRP) -> NTSTATUS {
    wdk::paged_code!();
    // SAFETY: the caller passes a device of this driver, which has the one kind of device.
    let extension = unsafe { control_device::extension(device) };
    // SAFETY: the caller is the I/O manager.
    unsafe { answer(irp, |irp| serve(extension, irp)) }
}

/// Completes a packet with what `respond` says: a status, and a number of bytes.
///
/// # Safety
///
/// `irp` comes from the I/O manager, and is passed on to this function alone.
unsafe fn answer(irp: *mut IRP, respond: impl FnOnce(&mut Irp) -> (NTSTATUS, usize)) -> NTSTATUS {
    let Some(irp) = NonNull::new(irp) else {
        return STATUS_INVALID_PARAMETER;
    };
    // SAFETY: the caller vouches for the packet.
    let mut irp = unsafe { Irp::receive(irp) };
    let (status, information) = respond(&mut irp);
    irp.complete(status, information)
}

/// Checks a request before anything is done for it. `IRQL == PASSIVE_LEVEL`.
fn serve(extension: &DeviceExtension, irp: &mut Irp) -> (NTSTATUS, usize) {
    let control = irp.buffered_control();
    if !matches!(control.code, CONTROL_STATUS | CONTROL_SNAPSHOT) {
        return (STATUS_INVALID_DEVICE_REQUEST, 0);
    }
    let mode = irp.requestor_mode();
    let buffer = irp.system_buffer(&control);
    let Some(input) = buffer.get(..control.input_length) else {
        return (STATUS_INVALID_PARAMETER, 0);
    };
    let Ok(request) = bytemuck::try_pod_read_unaligned::<Request>(input) else {
        return (STATUS_INFO_LENGTH_MISMATCH, 0);
    };
    if request.reserved != Request::new().reserved {
        return (STATUS_INVALID_PARAMETER, 0);
    }
    let Some(output) = buffer.get_mut(..control.output_length) else {
        return (STATUS_INVALID_PARAMETER, 0);
    };
    match (control.code, request.version) {
        (CONTROL_STATUS, protocol::VERSION) => extension.probe(output),
        (CONTROL_SNAPSHOT, protocol::VERSION) => {
            extension.capture(access::addresses_for_caller(mode), output)
        }
        (CONTROL_STATUS, 0) => DeviceExtension::handshake(output),
        _ => (STATUS_REVISION_MISMATCH, 0),
    }
}
