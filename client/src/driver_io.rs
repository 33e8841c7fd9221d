//! The way to the driver: the device, and one request with its whole reply.

mod device;
mod exchange;
#[cfg(any(windows, test))]
mod identity;
mod records;
mod timed;
#[cfg(windows)]
pub(crate) mod windows;

pub use device::{Device, open};
pub(crate) use timed::Timed;
