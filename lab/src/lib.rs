//! Boots a Windows driver in QEMU without Windows, makes system calls and reads the
//! results.
//!
//! ```no_run
//! use std::path::Path;
//! use lab::{Access, Config, Lab};
//!
//! # fn main() -> Result<(), lab::Error> {
//! let config = Config { processors: 8, ..Config::default() };
//! let mut lab = Lab::boot(&config, Path::new("lab-kernel"), Path::new("driver.sys"))?;
//! lab.load()?;
//! let handle = lab.open(r"\\.\Name", Access::READ)?;
//! let result = lab.ioctl(handle, 0x8000_6000, &[], 4096)?;
//! println!("status {:#x}, {} bytes", result.status, result.output.len());
//! lab.close(handle)?;
//! assert!(lab.unload()?.is_clean());
//! lab.shutdown()
//! # }
//! ```
//!
//! Every call has a deadline. A driver that breaks a rule, faults or hangs ends
//! the run, and every later call, with an [`Error`] that carries the kernel's
//! crash report and its log.

mod config;
mod connection;
mod error;
pub mod fuzz;
mod instruction_log;
mod machine;
pub mod mapped_image;
pub mod monitor;
mod qemu;
mod session;
mod symbols;

pub use config::Config;
pub use error::Error;
pub use lab_wire::{
    Access, Activity, Allocation, AllocationKind, CallCounts, CallPosition, Campaign,
    CampaignResult, ConformanceCheck, DescriptorTable, Device, Fault, GuardedInstruction, Handle,
    HotAddPoint, InjectedException, Injection, IoctlResult, LogSource, ModelSpecificRegisters,
    Operation, OperationResult, ProcessorChange, ProcessorCounters, ProcessorPosition,
    ProcessorState, Ready, Registers, Report, SelectedDescriptor, Stop, StopReason, SymbolicLink,
    Thread, Token, UnexpectedAnswer, Violation,
};
pub use machine::Lab;
pub use session::LogLine;
