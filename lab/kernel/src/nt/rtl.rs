//! Run-time library: strings and memory.

#![expect(unsafe_code, reason = "drivers pass raw pointers")]

use core::ffi::c_void;

use super::irql;
use super::rules::Routine;
use super::structures::{UNICODE_STRING, field};
use crate::memory;

/// A `UNICODE_STRING` counts bytes in 16 bits; the terminator must fit too.
const UNICODE_LIMIT: usize = 0xFFFE;

/// `RtlInitUnicodeString`: `<= DISPATCH_LEVEL`.
pub(crate) extern "win64" fn init_unicode_string(string: *mut UNICODE_STRING, source: *const u16) {
    const ROUTINE: Routine = Routine("RtlInitUnicodeString");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    let string = ROUTINE.object("DestinationString", string);
    let mut bytes = 0;
    if !source.is_null() {
        while read_unit(ROUTINE, source.wrapping_byte_add(bytes)) != 0 {
            bytes += size_of::<u16>();
            ROUTINE.require(
                bytes < UNICODE_LIMIT,
                "length",
                format_args!("SourceString has no terminator within 65534 bytes"),
            );
        }
    }
    let length = u16::try_from(bytes).expect("checked in the loop");
    string.set(field!(UNICODE_STRING, Length), length);
    string.set(
        field!(UNICODE_STRING, MaximumLength),
        if source.is_null() { 0 } else { length + 2 },
    );
    string.set(field!(UNICODE_STRING, Buffer), source.cast_mut());
}

fn read_unit(routine: Routine, unit: *const u16) -> u16 {
    routine.require(
        memory::is_mapped(unit.addr() as u64, size_of::<u16>() as u64, false),
        "pointer",
        format_args!("SourceString reaches unmapped memory at {:#x}", unit.addr()),
    );
    // SAFETY: the unit was just found to be mapped; any alignment will do.
    unsafe { unit.read_unaligned() }
}

/// The text of a counted string that a driver passed.
pub(crate) fn text(
    routine: Routine,
    parameter: &str,
    string: *const UNICODE_STRING,
) -> alloc::string::String {
    let string = routine.object(parameter, string);
    let length = string.get(field!(UNICODE_STRING, Length));
    let maximum = string.get(field!(UNICODE_STRING, MaximumLength));
    let buffer = string.get(field!(UNICODE_STRING, Buffer));
    routine.require(
        length.is_multiple_of(2) && length <= maximum,
        "string",
        format_args!("{parameter} has Length {length} and MaximumLength {maximum}"),
    );
    let units =
        (0..usize::from(length) / 2).map(|index| read_unit(routine, buffer.wrapping_add(index)));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

unsafe extern "C" {
    #[link_name = "memcpy"]
    fn builtin_memcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
    #[link_name = "memmove"]
    fn builtin_memmove(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
    #[link_name = "memset"]
    fn builtin_memset(to: *mut c_void, byte: i32, length: usize) -> *mut c_void;
    #[link_name = "memcmp"]
    fn builtin_memcmp(a: *const c_void, b: *const c_void, length: usize) -> i32;
}

/// `memcpy`: ranges that don't overlap.
pub(crate) unsafe extern "win64" fn memory_copy(
    to: *mut c_void,
    from: *const c_void,
    length: usize,
) -> *mut c_void {
    Routine("memcpy").require(
        to.addr().abs_diff(from.addr()) >= length || length == 0,
        "overlap",
        format_args!("{length} bytes from {from:p} to {to:p} overlap"),
    );
    // SAFETY: the caller's ranges; a bad one faults where it would have to.
    unsafe { builtin_memcpy(to, from, length) }
}

/// `memmove`.
pub(crate) unsafe extern "win64" fn memory_move(
    to: *mut c_void,
    from: *const c_void,
    length: usize,
) -> *mut c_void {
    // SAFETY: the caller's ranges; a bad one faults where it would have to.
    unsafe { builtin_memmove(to, from, length) }
}

/// `memset`.
pub(crate) unsafe extern "win64" fn memory_set(
    to: *mut c_void,
    byte: i32,
    length: usize,
) -> *mut c_void {
    // SAFETY: the caller's range; a bad one faults where it would have to.
    unsafe { builtin_memset(to, byte, length) }
}

/// `memcmp`.
pub(crate) unsafe extern "win64" fn memory_compare(
    a: *const c_void,
    b: *const c_void,
    length: usize,
) -> i32 {
    // SAFETY: the caller's ranges; a bad one faults where it would have to.
    unsafe { builtin_memcmp(a, b, length) }
}
