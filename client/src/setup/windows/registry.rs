//! Values of the local machine's part of the registry.

#![expect(unsafe_code, reason = "RegGetValueW takes raw pointers")]

use std::path::PathBuf;
use std::ptr;

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_ROUTINE_FLAGS, RRF_RT_ANY, RRF_RT_REG_DWORD, RRF_RT_REG_SZ,
    RegGetValueW,
};

use super::wide;
use crate::setup::failure::Failure;

/// More characters than a path of the system's folders has.
const LONGEST: usize = 1024;

/// A number, if there is one.
pub(super) fn number(key: &str, name: &str) -> Option<u32> {
    let mut bytes = [0; 4];
    let (error, length) = get(key, name, RRF_RT_REG_DWORD, &mut bytes);
    (error == ERROR_SUCCESS && length == 4).then(|| u32::from_le_bytes(bytes))
}

/// Whether there is a value, of whatever type and length.
pub(super) fn exists(key: &str, name: &str) -> bool {
    let (key, name) = (wide(key), wide(name));
    // SAFETY: both names end with a zero; neither data nor their length are asked for.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            RRF_RT_ANY,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    error == ERROR_SUCCESS
}

/// A path.
pub(super) fn path(key: &str, name: &str) -> Result<PathBuf, Failure> {
    let mut bytes = [0; 2 * LONGEST];
    let (code, length) = get(key, name, RRF_RT_REG_SZ, &mut bytes);
    if code != ERROR_SUCCESS {
        let function = "RegGetValueW";
        return Err(Failure::System { function, code });
    }
    let (units, _) = bytes[..length.min(2 * LONGEST)].as_chunks::<2>();
    let units: Vec<_> = units
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .take_while(|unit| *unit != 0)
        .collect();
    Ok(super::path(&units))
}

/// Asks for a value of a type: the error, and the number of bytes.
fn get(key: &str, name: &str, kind: REG_ROUTINE_FLAGS, bytes: &mut [u8]) -> (u32, usize) {
    let (key, name) = (wide(key), wide(name));
    let mut length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // SAFETY: both names end with a zero; the buffer has the length that is passed, and both outlive
    // the call.
    let error = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            name.as_ptr(),
            kind,
            ptr::null_mut(),
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    (error, length as usize)
}
