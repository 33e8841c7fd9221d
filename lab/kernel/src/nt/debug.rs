//! What a driver prints, and how it ends the system.

#![expect(unsafe_code, reason = "drivers pass strings as raw pointers")]

use alloc::string::String;
use core::fmt::Write;

use lab_wire::{LogSource, StopReason};

use super::irql;
use super::rules::Routine;
use super::status;
use crate::base::{address, crash, log};
use crate::image::symbol;
use crate::memory;

/// Characters in a message at most; the page says 512.
const MESSAGE_LIMIT: usize = 512;

/// Arguments that a call may pass: four registers, less the format, and what the
/// lab is prepared to take from the stack.
const ARGUMENTS: usize = 6;

/// `DbgPrint`: `<= DIRQL`. The formats are those of integers, pointers, characters
/// and narrow strings; the arguments are read as 64-bit values.
pub(crate) extern "win64" fn print(
    format: *const u8,
    argument_1: u64,
    argument_2: u64,
    argument_3: u64,
    argument_4: u64,
    argument_5: u64,
    argument_6: u64,
) -> u32 {
    const ROUTINE: Routine = Routine("DbgPrint");
    ROUTINE.irql_at_most(irql::HIGHEST_DIRQL);
    let arguments: [u64; ARGUMENTS] = [
        argument_1, argument_2, argument_3, argument_4, argument_5, argument_6,
    ];
    let message = expand(ROUTINE, &narrow_string(ROUTINE, format), &arguments);
    for line in message.lines() {
        log::write(LogSource::Driver, String::from(line));
    }
    status::SUCCESS
}

/// A terminated string of bytes.
fn narrow_string(routine: Routine, start: *const u8) -> String {
    let mut text = String::new();
    while text.len() < MESSAGE_LIMIT {
        let address = start.addr() as u64 + text.len() as u64;
        routine.require(
            memory::is_mapped(address, 1, false),
            "pointer",
            format_args!("a string reaches unmapped memory at {address:#x}"),
        );
        // SAFETY: the byte was just found to be mapped.
        match unsafe { address::pointer::<u8>(address).read_volatile() } {
            0 => break,
            byte => text.push(if byte.is_ascii() { byte.into() } else { '?' }),
        }
    }
    text
}

/// Replaces conversion specifications.
fn expand(routine: Routine, format: &str, arguments: &[u64]) -> String {
    let mut message = String::new();
    let mut arguments = arguments.iter().copied();
    let mut rest = format;
    while let Some((before, specification)) = rest.split_once('%') {
        message.push_str(before);
        let flags = specification
            .find(|c: char| !matches!(c, '0'..='9' | '-' | '#' | 'l' | 'h' | 'I' | 'z' | '.'))
            .unwrap_or(specification.len());
        let wide = specification[..flags].contains("ll") || specification[..flags].contains('I');
        let mut characters = specification[flags..].chars();
        let conversion = characters.next().unwrap_or('%');
        rest = characters.as_str();
        if conversion == '%' {
            message.push('%');
            continue;
        }
        let Some(value) = arguments.next() else {
            routine.violated(
                "arguments",
                format_args!("{format:?} takes more than {ARGUMENTS} arguments"),
            );
        };
        let value = if wide || matches!(conversion, 'p' | 's') {
            value
        } else {
            value & 0xFFFF_FFFF
        };
        let written = match conversion {
            'd' | 'i' if wide => write!(message, "{}", value.cast_signed()),
            'd' | 'i' => write!(message, "{}", sign_extended(value)),
            'u' => write!(message, "{value}"),
            'x' => write!(message, "{value:x}"),
            'X' => write!(message, "{value:X}"),
            'p' => write!(message, "{value:016X}"),
            'c' => write!(message, "{}", char::from((value & 0x7F) as u8)),
            's' => write!(
                message,
                "{}",
                narrow_string(routine, address::pointer(value))
            ),
            other => routine.violated("format", format_args!("the lab doesn't know %{other}")),
        };
        written.expect("writing to a string");
    }
    message.push_str(rest);
    message
}

/// The lower half as a signed number.
fn sign_extended(value: u64) -> i64 {
    (value << 32).cast_signed() >> 32
}

/// `KeBugCheckEx`: any level.
pub(crate) extern "win64" fn bug_check(code: u32, a: u64, b: u64, c: u64, d: u64) -> ! {
    let caller = symbol::caller();
    crash::stop(|| StopReason::BugCheck {
        code,
        parameters: [a, b, c, d],
        caller: symbol::name(caller),
    })
}
