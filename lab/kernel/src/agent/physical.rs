//! Reading and writing physical memory for a test.

#![expect(unsafe_code, reason = "tests read and write physical memory")]

use alloc::format;

use lab_wire::Response;

use crate::base::address;
use crate::memory;

/// A pointer to physical memory, if all of it is there.
fn pointer(address: u64, length: u64) -> Option<*mut u8> {
    let end = address.checked_add(length)?;
    (end <= memory::end_of_memory()).then(|| address::physical_pointer(address))
}

/// Bytes of memory.
pub(super) fn read(address: u64, length: u32) -> Response {
    let Some(source) = pointer(address, length.into()) else {
        return Response::Refused(format!("{address:#x} is beyond memory"));
    };
    let bytes = (0..length as usize).map(|offset| {
        // SAFETY: the physical map shows all of memory.
        unsafe { source.wrapping_add(offset).read_volatile() }
    });
    Response::Physical(bytes.collect())
}

/// Overwrites memory.
pub(super) fn write(address: u64, bytes: &[u8]) -> Response {
    let Some(target) = pointer(address, bytes.len() as u64) else {
        return Response::Refused(format!("{address:#x} is beyond memory"));
    };
    for (offset, &byte) in bytes.iter().enumerate() {
        // SAFETY: the physical map shows all of memory; the test knows what it
        // overwrites.
        unsafe { target.wrapping_add(offset).write_volatile(byte) };
    }
    Response::Done
}
