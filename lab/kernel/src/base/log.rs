//! Lines for the host's log.

use alloc::string::String;

use lab_wire::{LogSource, Message};

use super::{serial, this_processor};

/// Writes a line of the kernel's own.
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::base::log::write(lab_wire::LogSource::Kernel, alloc::format!($($argument)*))
    };
}
pub(crate) use log;

/// Sends a line to the host.
pub(crate) fn write(source: LogSource, text: String) {
    serial::send(&Message::Log {
        source,
        processor: this_processor::number(),
        text,
    });
}
