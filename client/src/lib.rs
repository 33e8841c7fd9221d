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
mod bench;
mod check;
mod command_line;
mod commands;
mod count;
mod device;
mod diff;
mod driver;
mod error;
mod exchange;
mod exit;
mod fields;
mod fold;
#[cfg(feature = "generate")]
mod generate;
mod json;
mod kernel_module;
mod obstacle;
mod processor;
mod report;
mod run;
mod selection;
mod snapshot;
mod status;
mod terminal;
mod text;
#[cfg(windows)]
mod windows;
mod words;

pub use check::{Evidence, Finding, FindingId, Severity, UnknownFinding, check};
pub use device::{Device, DeviceError, open};
pub use diff::{Change, Diff, ProcessorChange};
pub use driver::{Driver, DriverVersion};
pub use error::Error;
#[cfg(feature = "generate")]
pub use generate::generate;
pub use kernel_module::KernelModule;
pub use obstacle::Obstacle;
pub use processor::ProcessorId;
pub use run::run;
pub use selection::UnknownProcessor;
pub use snapshot::{Capture, Circumstances, Cycles, FileError, ProcessorSnapshot, Snapshot};
pub use status::{ProcessorStatus, Status};
pub use terminal::Terminal;
