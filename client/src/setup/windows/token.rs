//! The rights of this process.

#![expect(unsafe_code, reason = "the token functions take raw pointers")]

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::driver_io::windows::length_of;

/// Whether the process was started with "Run as administrator".
pub(super) fn is_elevated() -> bool {
    // SAFETY: a handle that stands for this process; it need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let mut token = ptr::null_mut();
    // SAFETY: the handle is written to `token`.
    let opened = unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) };
    if opened == 0 {
        return false;
    }
    // SAFETY: the handle is open, and owned by nothing else.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    let mut elevation = TOKEN_ELEVATION { TokenIsElevated: 0 };
    let mut returned = 0;
    // SAFETY: the token is open for queries; the pointers are those of a structure of the class that
    // is asked for, with its length, and of `returned`, and both outlive the call.
    let asked = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenElevation,
            (&raw mut elevation).cast(),
            length_of::<TOKEN_ELEVATION>(),
            &raw mut returned,
        )
    };
    asked != 0 && elevation.TokenIsElevated != 0
}
