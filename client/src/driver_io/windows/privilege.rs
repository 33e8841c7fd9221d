//! The privilege that lets its holder see addresses of the kernel.

#![expect(unsafe_code, reason = "the token functions take raw pointers")]

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, SE_PRIVILEGE_ENABLED, TOKEN_ADJUST_PRIVILEGES,
    TOKEN_PRIVILEGES,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// `SE_DEBUG_PRIVILEGE` of the WDK. The values of well-known privileges never change.
const SE_DEBUG_PRIVILEGE: LUID = LUID {
    LowPart: 20,
    HighPart: 0,
};

/// Enables `SeDebugPrivilege` for this process, if its token holds it: administrators' tokens
/// do, and have it disabled. Without it the driver takes addresses out of what it tells, and
/// says so.
pub(super) fn enable_debug_privilege() {
    let Some(token) = process_token() else {
        return;
    };
    let privileges = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES {
            Luid: SE_DEBUG_PRIVILEGE,
            Attributes: SE_PRIVILEGE_ENABLED,
        }],
    };
    // SAFETY: the token is open for this, the structure has as many privileges as it says, and
    // the previous state is not asked for. A token without the privilege is left as it is.
    unsafe {
        AdjustTokenPrivileges(
            token.as_raw_handle(),
            0,
            &raw const privileges,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
}

/// The token of this process, open for changing its privileges.
fn process_token() -> Option<OwnedHandle> {
    // SAFETY: a handle that stands for this process; it need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let mut token = ptr::null_mut();
    // SAFETY: the handle is written to `token`.
    let opened = unsafe { OpenProcessToken(process, TOKEN_ADJUST_PRIVILEGES, &raw mut token) };
    // SAFETY: on success the handle is open, and owned by nothing else.
    (opened != 0).then(|| unsafe { OwnedHandle::from_raw_handle(token) })
}
