//! What the lab kernel answers and says.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Campaigned, Handle, ProcessorState, Report, Stop};

/// Who wrote a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogSource {
    /// The lab kernel.
    Kernel,
    /// The driver, through `DbgPrint`.
    Driver,
}

/// Everything that comes from the lab kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Booted and waiting for requests; sent once, first.
    Ready(Ready),
    /// A line for the log.
    Log {
        /// Who wrote it.
        source: LogSource,
        /// Where it was written.
        processor: u32,
        /// The line, without its end.
        text: String,
    },
    /// The answer to the request before.
    Reply(Reply),
    /// The run ends here.
    Stop(Box<Stop>),
}

/// What booted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Active processors; parked ones do not count.
    pub processors: u32,
    /// Active processors of each group.
    pub groups: Vec<u8>,
    /// Physical memory in bytes that the kernel found.
    pub memory: u64,
}

/// An answer, by the request that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// To [`crate::Request::Load`].
    Load {
        /// What the entry point returned, or why the loader refused.
        status: u32,
        /// Where the image was mapped, if it was.
        base: u64,
        /// The loader's refusal in words; empty when the entry point ran.
        refusal: String,
    },
    /// To [`crate::Request::Unload`].
    Unload {
        /// Zero, or why the driver stays loaded.
        status: u32,
        /// What the driver left behind.
        report: Box<Report>,
    },
    /// To [`crate::Request::Run`]: outcomes in the order of the threads and
    /// their operations. To [`crate::Request::Relay`]: of the processors instead.
    Run(Vec<Vec<Outcome>>),
    /// To [`crate::Request::Report`].
    Report(Box<Report>),
    /// To [`crate::Request::Processor`].
    Processor(Box<ProcessorState>),
    /// To [`crate::Request::ReadPhysical`].
    Physical(Vec<u8>),
    /// To every request whose success needs no words.
    Done,
    /// A request that cannot be served, in words.
    Refused(String),
    /// To [`crate::Request::Fuzz`].
    Fuzz(Box<Campaigned>),
}

/// How one [`crate::Operation`] ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Of [`crate::Operation::Open`]: a handle or an NTSTATUS.
    Open(Result<Handle, u32>),
    /// Of [`crate::Operation::Close`]: an NTSTATUS.
    Close(u32),
    /// Of [`crate::Operation::Ioctl`].
    Ioctl(IoctlReply),
    /// Of [`crate::Operation::Cancel`]: how many requests were asked to be given up.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IoctlReply {
    /// The NTSTATUS of the request.
    pub status: u32,
    /// `IoStatus.Information`.
    pub information: u64,
    /// The bytes that the I/O manager copied to the caller.
    pub output: Vec<u8>,
}
