//! The I/O manager: drivers, devices and their names, files, requests.

pub mod buffers;
pub mod device;
pub mod driver;
pub mod file;
pub mod namespace;
pub mod request;

use x86_64::instructions::interrupts;

use super::irql;
use super::rules::Routine;
use crate::image::symbol;
use crate::nt::{held, thread};
use crate::processor::stack;

/// `IRP_MJ_*` codes that the lab sends.
pub mod major {
    /// `IRP_MJ_CREATE`.
    pub const CREATE: u8 = 0x00;
    /// `IRP_MJ_CLOSE`.
    pub const CLOSE: u8 = 0x02;
    /// `IRP_MJ_DEVICE_CONTROL`.
    pub const DEVICE_CONTROL: u8 = 0x0E;
    /// `IRP_MJ_CLEANUP`.
    pub const CLEANUP: u8 = 0x12;
}

/// Calls a driver's routine at `PASSIVE_LEVEL` and checks that it returns as it
/// was called.
fn call_driver<R>(kind: Routine, address: u64, call: impl FnOnce() -> R) -> R {
    debug_assert!(irql::current() == irql::PASSIVE_LEVEL && interrupts::are_enabled());
    stack::fill();
    let result = call();
    let irql = irql::current();
    kind.require(
        irql == irql::PASSIVE_LEVEL,
        "irql",
        format_args!(
            "{} returned at IRQL {irql}, it was called at PASSIVE_LEVEL (0)",
            symbol::name(address)
        ),
    );
    kind.require(
        interrupts::are_enabled(),
        "interrupts",
        format_args!(
            "{} returned with interrupts disabled, it was called with interrupts enabled",
            symbol::name(address)
        ),
    );
    kind.require(
        !held::any_by(thread::current()),
        "mutex",
        format_args!("{} returned with a mutex held", symbol::name(address)),
    );
    result
}
