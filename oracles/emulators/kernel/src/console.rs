//! Lines to the host, by the port that both emulators copy to their standard output.

use core::fmt::{self, Write as _};

use crate::registers::out;

/// QEMU's and Bochs' debug console.
const DEBUG_CONSOLE: u16 = 0xE9;
/// Where QEMU's `isa-debug-exit` is put.
const QEMU_EXIT: u16 = 0xF4;
/// Bochs ends when it reads its word here.
const BOCHS_EXIT: u16 = 0x8900;

/// Prints a line; emulators say things of their own, ours begin with `@`.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::console::line(format_args!($($argument)*))
    };
}
pub(crate) use say;

/// Prints a line.
pub fn line(text: fmt::Arguments<'_>) {
    // The port takes every byte.
    let _ = writeln!(Console, "@{text}");
}

/// Ends the emulator, whichever it is.
pub fn power_off() -> ! {
    out(QEMU_EXIT, 0);
    for byte in *b"Shutdown" {
        out(BOCHS_EXIT, byte);
    }
    crate::registers::halt()
}

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            out(DEBUG_CONSOLE, byte);
        }
        Ok(())
    }
}
