//! Talks to `svmsave.sys` and shows what VMSAVE stored: the library beneath the `client` program.
//!
//! [`Snapshot::take`] and [`Status::query`] give typed answers to other programs; [`run()`] is the
//! whole command line. Both reach the driver through the [`Device`] trait, so that everything
//! but `DeviceIoControl` itself works, and is tested, on any system.
//!
//! ```no_run
//! let mut device = client::open()?;
//! for processor in client::Snapshot::take(device.as_mut())?.processors {
//!     if let Ok(capture) = processor.result {
//!         println!("{}: {:#x}", processor.id, capture.vmsave.system_call.lstar);
//!     }
//! }
//! # Ok::<(), client::Error>(())
//! ```

mod advice;
mod command_line;
mod commands;
mod device;
mod driver;
mod error;
mod exchange;
mod exit;
mod json;
mod obstacle;
mod processor;
mod run;
mod selection;
mod snapshot;
mod status;
mod terminal;
mod text;
#[cfg(windows)]
mod windows;

pub use device::{Device, DeviceError, open};
pub use driver::{Driver, DriverVersion};
pub use error::Error;
pub use obstacle::Obstacle;
pub use processor::ProcessorId;
pub use run::run;
pub use selection::UnknownProcessor;
pub use snapshot::{Capture, ProcessorSnapshot, Snapshot};
pub use status::{ProcessorStatus, Status};
pub use terminal::Terminal;
