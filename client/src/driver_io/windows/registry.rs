//! Values of the local machine's part of the registry.

#![expect(unsafe_code, reason = "RegGetValueW takes raw pointers")]

use std::ptr;

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::System::Registry::{
    HKEY_LOCAL_MACHINE, REG_ROUTINE_FLAGS, RRF_RT_ANY, RRF_RT_REG_BINARY, RRF_RT_REG_DWORD,
    RRF_RT_REG_SZ, RegGetValueW,
};

use super::wide;

/// More characters than a path of the system's folders, or a name, has.
const LONGEST: usize = 1024;

/// A number, if there is one.
pub(crate) fn number(key: &str, name: &str) -> Option<u32> {
    let mut bytes = [0; 4];
    let (error, length) = get(key, name, RRF_RT_REG_DWORD, &mut bytes);
    (error == ERROR_SUCCESS && length == 4).then(|| u32::from_le_bytes(bytes))
}

/// Whether there is a value, of whatever type and length.
pub(crate) fn exists(key: &str, name: &str) -> bool {
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

/// A text, in the system's UTF-16; or the system's error.
pub(crate) fn text(key: &str, name: &str) -> Result<Vec<u16>, u32> {
    let mut bytes = [0; 2 * LONGEST];
    let (error, length) = get(key, name, RRF_RT_REG_SZ, &mut bytes);
    if error != ERROR_SUCCESS {
        return Err(error);
    }
    let (units, _) = bytes[..length.min(2 * LONGEST)].as_chunks::<2>();
    Ok(units
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .take_while(|unit| *unit != 0)
        .collect())
}

/// Bytes of exactly this length, if there are such.
pub(crate) fn bytes<const LENGTH: usize>(key: &str, name: &str) -> Option<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    let (error, length) = get(key, name, RRF_RT_REG_BINARY, &mut bytes);
    (error == ERROR_SUCCESS && length == LENGTH).then_some(bytes)
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
