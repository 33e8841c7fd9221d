//! What the lab's host library and its kernel say to each other.
//!
//! One byte stream each way over one 16550. Every [`Command`] of the host is
//! answered by one [`Message::Response`]; [`Message::Log`] lines may come between,
//! and a [`Message::Stop`] ends the run. The types know nothing of the driver
//! under test.

#![no_std]

extern crate alloc;

mod command;
mod conformance;
pub mod frame;
mod fuzz;
mod processor;
mod report;
mod response;
mod stop;
mod violation;

pub use command::{
    Access, Command, GuardedInstruction, Handle, HotAddPoint, InjectedException, Injection,
    Operation, Thread, Token,
};
pub use conformance::ConformanceCheck;
pub use fuzz::{CallCounts, CallPosition, Campaign, CampaignResult, UnexpectedAnswer};
pub use processor::{
    DescriptorTable, ModelSpecificRegisters, ProcessorChange, ProcessorState, SelectedDescriptor,
};
pub use report::{Allocation, AllocationKind, Device, ProcessorCounters, Report, SymbolicLink};
pub use response::{IoctlResult, LogSource, Message, OperationResult, Ready, Response};
pub use stop::{Activity, Fault, ProcessorPosition, Registers, Stop, StopReason};
pub use violation::Violation;

/// Exit status that QEMU ends with after an orderly [`Command::Shutdown`].
///
/// isa-debug-exit turns a written value `v` into the status `v << 1 | 1`.
pub const EXIT_SHUTDOWN: i32 = 0x10 << 1 | 1;

/// Exit status that QEMU ends with after a [`Message::Stop`].
pub const EXIT_STOP: i32 = 0x11 << 1 | 1;
