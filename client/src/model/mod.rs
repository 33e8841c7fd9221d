//! What is known: snapshots, statuses, their fields, and what can go wrong in getting them. Knows
//! nothing of devices, of judgement or of output.

pub(crate) mod cost;
mod driver;
mod error;
pub(crate) mod field;
pub(crate) mod fold;
pub(crate) mod kernel_module;
pub(crate) mod processor;
pub(crate) mod processor_list;
mod snapshot;
pub(crate) mod status;
mod unavailable;

/// Version of the JSON form: changes when a program that reads it has to change too. New members
/// do not count.
pub(crate) const SCHEMA: u32 = 1;

pub use driver::{Driver, DriverVersion};
pub(crate) use error::LARGEST_FILE;
pub use error::{DeviceError, Error, FileError};
pub use kernel_module::KernelModule;
pub use processor::ProcessorId;
pub use processor_list::UnknownProcessor;
pub use snapshot::{Capture, Circumstances, Cycles, ProcessorSnapshot, Snapshot};
pub use status::{ProcessorStatus, Status};
pub use unavailable::Obstacle;
