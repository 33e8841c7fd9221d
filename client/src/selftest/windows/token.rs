//! This process with fewer rights, for a while.

#![expect(unsafe_code, reason = "the token functions take raw pointers")]

use std::marker::PhantomData;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::{process, ptr};

use windows_sys::Win32::Security::{
    CREATE_RESTRICTED_TOKEN_FLAGS, CreateRestrictedToken, CreateWellKnownSid,
    DISABLE_MAX_PRIVILEGE, ImpersonateLoggedOnUser, RevertToSelf, SECURITY_MAX_SID_SIZE,
    SID_AND_ATTRIBUTES, TOKEN_DUPLICATE, TOKEN_QUERY, WELL_KNOWN_SID_TYPE,
    WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::setup::failure::Failure;

/// What is taken away.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Restriction {
    /// All privileges but the one to pass through folders.
    NoPrivileges,
    /// Those, and membership: SYSTEM and administrators count for what is denied alone.
    NoAdministrator,
}

/// A time in which this thread has another token. It ends where it is dropped, on that thread.
pub(super) struct Impersonation(PhantomData<*const ()>);

impl Impersonation {
    /// Has this thread act with a copy of the process' token that can do less.
    pub(super) fn begin(restriction: Restriction) -> Result<Self, Failure> {
        let token = restricted(&process_token()?, restriction)?;
        // SAFETY: the token is open for queries and for being copied; the thread gets its own copy.
        if unsafe { ImpersonateLoggedOnUser(token.as_raw_handle()) } == 0 {
            return Err(Failure::of_last_error("ImpersonateLoggedOnUser"));
        }
        Ok(Self(PhantomData))
    }
}

impl Drop for Impersonation {
    fn drop(&mut self) {
        // SAFETY: the function takes nothing.
        if unsafe { RevertToSelf() } == 0 {
            // As its documentation demands: nothing may go on as another user.
            process::abort();
        }
    }
}

fn process_token() -> Result<OwnedHandle, Failure> {
    // SAFETY: a handle that stands for this process; it need not be closed.
    let process = unsafe { GetCurrentProcess() };
    let mut token = ptr::null_mut();
    // SAFETY: the handle is written to `token`.
    if unsafe { OpenProcessToken(process, TOKEN_DUPLICATE | TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(Failure::of_last_error("OpenProcessToken"));
    }
    // SAFETY: the handle is open, and owned by nothing else.
    Ok(unsafe { OwnedHandle::from_raw_handle(token) })
}

fn restricted(token: &OwnedHandle, restriction: Restriction) -> Result<OwnedHandle, Failure> {
    const FLAGS: CREATE_RESTRICTED_TOKEN_FLAGS = DISABLE_MAX_PRIVILEGE;
    let mut sids = [
        Sid::new(WinBuiltinAdministratorsSid)?,
        Sid::new(WinLocalSystemSid)?,
    ];
    let disabled = sids.each_mut().map(|sid| SID_AND_ATTRIBUTES {
        Sid: sid.0.as_mut_ptr().cast(),
        Attributes: 0,
    });
    let count = match restriction {
        Restriction::NoPrivileges => 0,
        Restriction::NoAdministrator => 2,
    };
    let mut made = ptr::null_mut();
    // SAFETY: the token is open for being copied; at most the two identifiers of `disabled` are read,
    // which outlive the call as those do that they point to; the handle is written to `made`.
    let created = unsafe {
        CreateRestrictedToken(
            token.as_raw_handle(),
            FLAGS,
            count,
            disabled.as_ptr(),
            0,
            ptr::null(),
            0,
            ptr::null(),
            &raw mut made,
        )
    };
    if created == 0 {
        return Err(Failure::of_last_error("CreateRestrictedToken"));
    }
    // SAFETY: the handle is open, and owned by nothing else.
    Ok(unsafe { OwnedHandle::from_raw_handle(made) })
}

/// A security identifier, aligned as one is.
struct Sid([u32; SECURITY_MAX_SID_SIZE as usize / 4]);

impl Sid {
    fn new(kind: WELL_KNOWN_SID_TYPE) -> Result<Self, Failure> {
        let mut sid = [0; SECURITY_MAX_SID_SIZE as usize / 4];
        let mut length = SECURITY_MAX_SID_SIZE;
        // SAFETY: the buffer has the length that is passed, and no domain is named.
        let made = unsafe {
            CreateWellKnownSid(
                kind,
                ptr::null_mut(),
                sid.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if made == 0 {
            return Err(Failure::of_last_error("CreateWellKnownSid"));
        }
        Ok(Self(sid))
    }
}
