//! The images in the kernel's address space, as the system lists them.

#![expect(unsafe_code, reason = "NtQuerySystemInformation takes raw pointers")]

use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS,
};
use windows_sys::Win32::Foundation::{STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS};

use crate::model::KernelModule;

/// `SystemModuleInformation`, which the system's headers leave out.
const SYSTEM_MODULE_INFORMATION: SYSTEM_INFORMATION_CLASS = 11;

/// More than the list of any system: 14,000 modules.
const LARGEST_LIST: u32 = 4 << 20;

/// The kernel itself first; nothing if the system does not tell.
pub(super) fn list() -> Vec<KernelModule> {
    // Drivers that are loaded between two calls make the list longer.
    let mut length: u32 = 64 << 10;
    while length <= LARGEST_LIST {
        let mut buffer = vec![0_u8; length as usize];
        let mut returned = 0;
        // SAFETY: the pointers are those of a buffer of this length and of `returned`, and both
        // outlive the call.
        let status = unsafe {
            NtQuerySystemInformation(
                SYSTEM_MODULE_INFORMATION,
                buffer.as_mut_ptr().cast(),
                length,
                &raw mut returned,
            )
        };
        match status {
            STATUS_SUCCESS => return KernelModule::parse_list(&buffer),
            STATUS_INFO_LENGTH_MISMATCH => length *= 2,
            _ => break,
        }
    }
    Vec::new()
}
