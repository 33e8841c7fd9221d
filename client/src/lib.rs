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

mod checks;
mod cli;
mod driver_io;
mod input;
mod model;
mod render;
mod selftest;
#[cfg_attr(
    not(windows),
    expect(
        dead_code,
        unused_imports,
        reason = "only Windows has a machine that is set up; the tests have another one"
    )
)]
mod setup;

pub use checks::{
    Change, Comparison, Counts, Coverage, Diff, Evidence, Extent, Finding, FindingId, Form, Judge,
    Lack, NotCompared, ProcessorChange, Reason, Severity, UnknownFinding, Verdict, check,
};
#[cfg(feature = "generate")]
pub use cli::generate;
pub use cli::{Terminal, run};
pub use driver_io::{Device, open};
pub use model::{
    Capture, CaptureDetails, Cycles, DeviceError, Disagreement, Driver, DriverVersion, Error,
    Field, FileError, Format, Guest, KernelModule, Layout, Machine, NoTimestamp, Page, PageField,
    Pages, ProcessorId, ProcessorIdentity, ProcessorModel, ProcessorSnapshot, ProcessorStatus,
    Recorded, Snapshot, Status, Timestamp, Unavailable, UnknownField, UnknownFormat,
    UnknownProcessor,
};
pub use selftest::SelfTestStep;
