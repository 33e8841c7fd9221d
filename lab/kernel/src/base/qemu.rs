//! Ending QEMU, and a processor that is to do nothing more.

#![expect(unsafe_code, reason = "the device that ends QEMU is an I/O port")]

use x86_64::instructions::port::PortWriteOnly;
use x86_64::instructions::{hlt, interrupts};

/// Port of QEMU's isa-debug-exit device.
const EXIT_PORT: u16 = 0xF4;

/// Ends QEMU. Its exit status is `code << 1 | 1`.
pub(crate) fn exit(code: i32) -> ! {
    let mut port = PortWriteOnly::<u32>::new(EXIT_PORT);
    // SAFETY: the device ends QEMU and nothing else.
    unsafe { port.write((code >> 1).cast_unsigned()) };
    halt()
}

/// Stops this processor for good.
pub(crate) fn halt() -> ! {
    loop {
        interrupts::disable();
        hlt();
    }
}
