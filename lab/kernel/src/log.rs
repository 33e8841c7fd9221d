//! Lines for the host's log.

use alloc::string::String;

use lab_wire::{LogSource, Message};

use crate::control::channel;
use crate::processor;

/// Writes a line of the kernel's own.
macro_rules! log {
    ($($argument:tt)*) => {
        $crate::log::write(lab_wire::LogSource::Kernel, alloc::format!($($argument)*))
    };
}
pub(crate) use log;

/// Sends a line to the host.
pub fn write(source: LogSource, text: String) {
    channel::send(&Message::Log {
        source,
        processor: processor::try_current().map_or(0, |here| here.index),
        text,
    });
}
