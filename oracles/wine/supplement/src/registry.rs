//! What this driver saw, as values of its registry key, for the judge to read.

#![expect(unsafe_code, reason = "the routine takes raw pointers")]

use wdk_sys::ntddk::RtlWriteRegistryValue;
use wdk_sys::{REG_DWORD, RTL_REGISTRY_SERVICES, ULONG};

/// Writes a value to the registry key of this driver's service.
pub(crate) fn keep(name: &str, mut value: u32) {
    let (mut key, mut value_name) = ([0_u16; 16], [0_u16; 16]);
    widen("supplement", &mut key);
    widen(name, &mut value_name);
    // SAFETY: the strings end with a zero, the data is as long as said. A value that cannot be
    // written is missed by its reader.
    let _ = unsafe {
        RtlWriteRegistryValue(
            RTL_REGISTRY_SERVICES,
            key.as_ptr(),
            value_name.as_ptr(),
            REG_DWORD,
            (&raw mut value).cast(),
            ULONG::BITS / u8::BITS,
        )
    };
}

/// UTF-16 of ASCII, with a zero behind it.
fn widen(text: &str, units: &mut [u16]) {
    for (unit, byte) in units.iter_mut().zip(text.bytes()) {
        *unit = byte.into();
    }
}
