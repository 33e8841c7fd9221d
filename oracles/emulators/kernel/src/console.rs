//! Lines to the host, by the printer port, which both emulators copy to a file.
//!
//! What an emulator itself has to say, or what its display draws, gets into its standard output, and
//! not into that file. Unlike a serial port, the printer takes a byte as fast as it is sent.

use core::fmt::{self, Write as _};

use crate::registers::out;

/// The first parallel port's data, and its control register two ports further on.
const PRINTER_DATA: u16 = 0x378;
const PRINTER_CONTROL: u16 = PRINTER_DATA + 2;
/// The printer is selected and not being reset.
const ON_LINE: u8 = 1 << 3 | 1 << 2;
/// What has it take the data, as the bit comes on.
const STROBE: u8 = 1 << 0;
/// Where QEMU's `isa-debug-exit` is put.
const QEMU_EXIT: u16 = 0xF4;
/// Bochs ends when it reads its word here.
const BOCHS_EXIT: u16 = 0x8900;

/// Prints a line, which begins with `@`.
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::console::line(format_args!($($argument)*))
    };
}
pub(crate) use say;

/// Prints a line.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    // The port takes every byte.
    let _ = writeln!(Console, "@{text}");
}

/// Ends the emulator, whichever it is.
pub(crate) fn power_off() -> ! {
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
            out(PRINTER_DATA, byte);
            out(PRINTER_CONTROL, ON_LINE);
            out(PRINTER_CONTROL, ON_LINE | STROBE);
        }
        Ok(())
    }
}
