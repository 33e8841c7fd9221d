//! What the lab kernel answers and reports.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{CampaignResult, Handle, ProcessorState, Report, Stop};

/// The writer of a log line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum LogSource {
    /// The lab kernel.
    Kernel,
    /// The driver, through `DbgPrint`.
    Driver,
}

/// Everything that comes from the lab kernel.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Message {
    /// Booted and waiting for commands; sent once, first.
    Ready(Ready),
    /// A line for the log.
    Log {
        /// The writer.
        source: LogSource,
        /// Where it was written.
        processor: u32,
        /// The line, without its end.
        text: String,
    },
    /// The answer to the command before.
    Response(Response),
    /// The run ends here.
    Stop(Box<Stop>),
}

/// What booted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ready {
    /// Active processors; parked ones do not count.
    pub processors: u32,
    /// Active processors of each group.
    pub groups: Vec<u8>,
    /// Physical memory in bytes that the kernel found.
    pub memory: u64,
}

/// An answer, by the command that it belongs to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Response {
    /// To [`crate::Command::Load`].
    Load {
        /// What the entry point returned, or why the loader refused.
        status: u32,
        /// Where the image was mapped, if it was.
        base: u64,
        /// Why the loader refused the file; empty when the entry point ran.
        refusal: String,
    },
    /// To [`crate::Command::Unload`].
    Unload {
        /// Zero, or why the driver stays loaded.
        status: u32,
        /// What the driver left behind.
        report: Box<Report>,
    },
    /// To [`crate::Command::Run`]: outcomes in the order of the threads and
    /// their operations.
    Run(Vec<Vec<OperationResult>>),
    /// To [`crate::Command::Report`].
    Report(Box<Report>),
    /// To [`crate::Command::Processor`].
    Processor(Box<ProcessorState>),
    /// To [`crate::Command::ReadPhysical`].
    Physical(Vec<u8>),
    /// To every command that has no other result.
    Done,
    /// Why a command cannot be carried out.
    Refused(String),
    /// To [`crate::Command::Fuzz`].
    Fuzz(Box<CampaignResult>),
}

/// How one [`crate::Operation`] ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum OperationResult {
    /// Of [`crate::Operation::Open`]: a handle or an NTSTATUS.
    Open(Result<Handle, u32>),
    /// Of [`crate::Operation::Close`]: an NTSTATUS.
    Close(u32),
    /// Of [`crate::Operation::Ioctl`].
    Ioctl(IoctlResult),
    /// Of [`crate::Operation::Cancel`]: how many requests were cancelled.
    Cancel(u32),
    /// Of [`crate::Operation::Unload`]: an NTSTATUS, of success also when the driver
    /// goes later.
    Unload(u32),
    /// Of operations that order threads.
    Done,
    /// Of [`crate::Operation::TimeStamp`].
    TimeStamp(u64),
}

/// What `DeviceIoControl` brought back.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct IoctlResult {
    /// The NTSTATUS of the request.
    pub status: u32,
    /// `IoStatus.Information`.
    pub information: u64,
    /// The bytes that the I/O manager copied to the caller.
    pub output: Vec<u8>,
}
