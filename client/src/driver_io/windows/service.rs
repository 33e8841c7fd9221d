//! The driver as the service control manager knows it: installed, or not.

#![expect(unsafe_code, reason = "the service functions take raw pointers")]

use std::{io, ptr};

use windows_sys::Win32::Foundation::ERROR_SERVICE_DOES_NOT_EXIST;
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, OpenSCManagerW, OpenServiceW, SC_HANDLE, SC_MANAGER_CONNECT,
    SERVICE_QUERY_STATUS,
};
use windows_sys::w;

use crate::model::DeviceError;

/// Why the driver's device is not there.
pub(super) fn why_absent() -> DeviceError {
    // SAFETY: null names stand for this machine and its active database.
    let manager = unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT) };
    let Some(manager) = Handle::of(manager) else {
        return DeviceError::NotFound;
    };
    // SAFETY: the handle is open, and the name is a constant that ends with a zero.
    let service = unsafe { OpenServiceW(manager.0, w!("svmsave"), SERVICE_QUERY_STATUS) };
    // Taken at once: closing a handle may overwrite it.
    let error = io::Error::last_os_error().raw_os_error();
    match Handle::of(service) {
        Some(_) => DeviceError::NotStarted,
        None if error.map(i32::cast_unsigned) == Some(ERROR_SERVICE_DOES_NOT_EXIST) => {
            DeviceError::NotInstalled
        }
        None => DeviceError::NotFound,
    }
}

/// An open handle of the service control manager.
struct Handle(SC_HANDLE);

impl Handle {
    fn of(handle: SC_HANDLE) -> Option<Self> {
        (!handle.is_null()).then_some(Self(handle))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used after this.
        unsafe { CloseServiceHandle(self.0) };
    }
}
