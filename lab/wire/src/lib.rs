//! What the lab's host library and its kernel say to each other.
//!
//! One byte stream each way over one 16550. Every [`Request`] of the host is
//! answered by one [`Message::Reply`]; [`Message::Log`] lines may come between,
//! and a [`Message::Stop`] ends the run. The types know nothing of the driver
//! under test.

#![no_std]

extern crate alloc;

pub mod frame;
mod fuzz;
mod processor;
mod reply;
mod report;
mod request;
mod stop;
mod trial;

pub use fuzz::{CallPosition, Campaign, Campaigned, Complaint, Tally};
pub use processor::{
    DescriptorTable, ModelSpecificRegisters, ProcessorChange, ProcessorState, Segment,
};
pub use reply::{IoctlReply, LogSource, Message, Outcome, Ready, Reply};
pub use report::{Allocation, AllocationKind, Device, ProcessorCounters, Report, SymbolicLink};
pub use request::{
    Access, GuardedInstruction, Handle, InjectedException, Injection, Operation, Passage, Request,
    Thread, Token,
};
pub use stop::{Activity, Fault, ProcessorPosition, Registers, Stop, StopReason};
pub use trial::{Exercise, Misuse};

/// Exit status that QEMU ends with after an orderly [`Request::Shutdown`].
///
/// isa-debug-exit turns a written value `v` into the status `v << 1 | 1`.
pub const EXIT_SHUTDOWN: i32 = 0x10 << 1 | 1;

/// Exit status that QEMU ends with after a [`Message::Stop`].
pub const EXIT_STOP: i32 = 0x11 << 1 | 1;
