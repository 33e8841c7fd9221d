//! Lists that the system tells, whose length is not known before.

#![expect(unsafe_code, reason = "NtQuerySystemInformation takes raw pointers")]

use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS,
};
use windows_sys::Win32::Foundation::{NTSTATUS, STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS};

/// More than any list of any system, in bytes.
const LARGEST_LIST: u32 = 4 << 20;

/// The bytes that the system writes for a class of information.
///
/// # Errors
///
/// The status with which it refuses.
pub(crate) fn query(class: SYSTEM_INFORMATION_CLASS) -> Result<Vec<u8>, NTSTATUS> {
    // What is added between two calls makes the list longer.
    let mut length: u32 = 64 << 10;
    loop {
        let mut buffer = vec![0_u8; length as usize];
        let mut returned = 0;
        // SAFETY: the pointers are those of a buffer of this length and of `returned`, and both
        // outlive the call.
        let status = unsafe {
            NtQuerySystemInformation(class, buffer.as_mut_ptr().cast(), length, &raw mut returned)
        };
        match status {
            STATUS_SUCCESS => return Ok(buffer),
            STATUS_INFO_LENGTH_MISMATCH if length < LARGEST_LIST => length *= 2,
            refusal => return Err(refusal),
        }
    }
}
