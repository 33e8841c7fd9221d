//! What is known: snapshots, statuses, their fields, and what can go wrong in getting them. Knows
//! nothing of devices, of judgement or of output.

pub(crate) mod anonymous;
pub(crate) mod cost;
mod driver;
mod error;
pub(crate) mod field;
pub(crate) mod fold;
mod format;
pub(crate) mod kernel_module;
mod machine;
pub(crate) mod nearest;
mod page;
pub(crate) mod processor;
pub(crate) mod processor_list;
mod processor_model;
mod snapshot;
pub(crate) mod sort;
pub(crate) mod status;
pub(crate) mod table;
mod timestamp;
mod unavailable;

pub use driver::{Driver, DriverVersion};
pub use error::{DeviceError, Error, FileError};
pub(crate) use error::{LARGEST_FILE, printable_path};
pub use field::{Field, PageField, UnknownField};
pub use format::{Format, UnknownFormat};
pub use kernel_module::KernelModule;
pub use machine::{Machine, ProcessorIdentity};
pub use page::{Layout, Page, Pages};
pub use processor::ProcessorId;
pub use processor_list::UnknownProcessor;
pub use processor_model::ProcessorModel;
pub use snapshot::{
    Capture, CaptureDetails, Cycles, Disagreement, Guest, ProcessorSnapshot, Snapshot,
};
pub use status::{ProcessorStatus, Status};
pub use timestamp::{NoTimestamp, Timestamp};
pub use unavailable::{Recorded, Unavailable};

/// Version of the JSON form: changes when a program that reads it has to change too. New members
/// do not count.
pub(crate) const SCHEMA: u32 = 2;

/// The oldest version of the JSON form that is still read.
pub(crate) const OLDEST_SCHEMA: u32 = 1;
