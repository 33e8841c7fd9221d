//! Windows itself: its folders, and what it runs on.

#![expect(unsafe_code, reason = "the functions of the system take raw pointers")]

use std::path::PathBuf;

use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::SystemInformation::{
    GetSystemDirectoryW, GetSystemWindowsDirectoryW, IMAGE_FILE_MACHINE_AMD64,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, IsProcessorFeaturePresent, IsWow64Process2, PF_VIRT_FIRMWARE_ENABLED,
};
use windows_sys::{s, w};

use crate::setup::failure::Failure;

/// Longer than the path of a folder of the system.
const LONGEST: u32 = 1024;

/// Whether the processor is one for x64, and does not emulate it.
pub(super) fn is_x64() -> bool {
    let (mut process, mut native) = (0, 0);
    // SAFETY: a handle that stands for this process; it need not be closed.
    let this = unsafe { GetCurrentProcess() };
    // SAFETY: both results are written to variables of their type.
    let asked = unsafe { IsWow64Process2(this, &raw mut process, &raw mut native) };
    asked != 0 && native == IMAGE_FILE_MACHINE_AMD64
}

/// Whether firmware has switched virtualization on and Windows sees it.
pub(super) fn has_firmware_virtualization() -> bool {
    // SAFETY: the function takes a number, and answers 0 for one that it does not know.
    unsafe { IsProcessorFeaturePresent(PF_VIRT_FIRMWARE_ENABLED) != 0 }
}

/// Whether this is Wine, which has this function for those who want to know.
pub(crate) fn is_wine() -> bool {
    // SAFETY: the name ends with a zero. The library is in every process and stays there.
    let library = unsafe { GetModuleHandleW(w!("ntdll.dll")) };
    // SAFETY: the library is loaded, and the name ends with a zero.
    !library.is_null() && unsafe { GetProcAddress(library, s!("wine_get_version")) }.is_some()
}

/// `C:\Windows`, on a server for many users, too.
pub(crate) fn windows_folder() -> Result<PathBuf, Failure> {
    folder("GetSystemWindowsDirectoryW", |buffer| {
        // SAFETY: the buffer has the length that is passed.
        unsafe { GetSystemWindowsDirectoryW(buffer.as_mut_ptr(), LONGEST) }
    })
}

/// `C:\Windows\System32`.
pub(super) fn system_folder() -> Result<PathBuf, Failure> {
    folder("GetSystemDirectoryW", |buffer| {
        // SAFETY: the buffer has the length that is passed.
        unsafe { GetSystemDirectoryW(buffer.as_mut_ptr(), LONGEST) }
    })
}

fn folder(
    function: &'static str,
    ask: impl FnOnce(&mut [u16; LONGEST as usize]) -> u32,
) -> Result<PathBuf, Failure> {
    let mut buffer = [0; LONGEST as usize];
    // What does not fit is not written, and its length returned.
    match ask(&mut buffer) {
        length @ 1..LONGEST => Ok(super::path(&buffer[..length as usize])),
        code => Err(Failure::System { function, code }),
    }
}
