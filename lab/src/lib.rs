//! Boots a Windows driver in QEMU without Windows, drives it and reads the
//! verdict.
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
//! let reply = lab.ioctl(handle, 0x8000_6000, &[], 4096)?;
//! println!("status {:#x}, {} bytes", reply.status, reply.output.len());
//! lab.close(handle)?;
//! assert!(lab.unload()?.is_clean());
//! lab.shutdown()
//! # }
//! ```
//!
//! Every call has a deadline. A driver that breaks a rule, faults or hangs ends
//! the run, and every later call, with an [`Error`] that carries the kernel's
//! last words and its log.

mod config;
mod connection;
mod error;
pub mod fuzz;
mod instruction_log;
#[cfg(test)]
mod layers;
mod machine;
pub mod mapped_image;
mod qemu;
mod session;
mod symbols;

pub use config::Config;
pub use error::Error;
pub use lab_wire::{
    Access, Activity, Allocation, AllocationKind, CallPosition, Campaign, Campaigned, Complaint,
    DescriptorTable, Device, Exercise, Fault, GuardedInstruction, Handle, InjectedException,
    Injection, IoctlReply, LogSource, Misuse, ModelSpecificRegisters, Operation, Outcome, Passage,
    ProcessorChange, ProcessorCounters, ProcessorPosition, ProcessorState, Ready, Registers,
    Report, Segment, Stop, StopReason, SymbolicLink, Tally, Thread, Token,
};
pub use machine::Lab;
pub use session::LogLine;
