//! What can go wrong.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use lab_wire::Stop;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no QEMU.
    #[error("{} is not installed", .0.display())]
    QemuMissing(PathBuf),
    /// QEMU could not be started.
    #[error("QEMU could not be started: {0}")]
    Start(#[source] io::Error),
    /// The configuration makes no sense.
    #[error("{0}")]
    Config(String),
    /// The kernel ended the run: a rule was broken, an exception had no handler,
    /// or it was asked what each processor is waiting for.
    #[error("{stop}{}", quoted("the guest's log", .log))]
    Stopped {
        /// Its crash report.
        stop: Box<Stop>,
        /// Its log.
        log: String,
    },
    /// No answer came, and none to the question what each processor is doing either.
    #[error("no answer within {waited:?}{}", quoted("the guest's log", .log))]
    Silent {
        /// How long there was none.
        waited: Duration,
        /// The guest's log.
        log: String,
    },
    /// QEMU ended without a message of the kernel.
    #[error(
        "QEMU ended by itself ({status}){}{}",
        quoted("its messages", .stderr),
        quoted("the guest's log", .log)
    )]
    Ended {
        /// How QEMU ended.
        status: String,
        /// What it wrote to its standard error output.
        stderr: String,
        /// The guest's log.
        log: String,
    },
    /// The driver's file was refused, or its entry point failed.
    #[error("the driver was not loaded: {}", load_failure(*.status, .refusal))]
    Load {
        /// The NTSTATUS.
        status: u32,
        /// Why the loader refused the file; empty if the entry point failed.
        refusal: String,
    },
    /// A system call failed.
    #[error("{call}: status {status:#010x}")]
    Status {
        /// The call.
        call: &'static str,
        /// The NTSTATUS.
        status: u32,
    },
    /// The kernel refused a command of the test.
    #[error("the lab refused: {0}")]
    Refused(String),
    /// The kernel answered something that does not belong to the command.
    #[error("an answer that does not belong to the command: {0}")]
    Protocol(String),
    /// The count of executed instructions could not be read.
    #[error("the instruction log could not be read: {0}")]
    InstructionLog(#[source] io::Error),
    /// QEMU's monitor could not be asked.
    #[error("QEMU's monitor could not be asked: {0}")]
    Monitor(#[source] io::Error),
    /// The driver's file is no image, or cannot be read.
    #[error("the driver's file cannot be read: {0}")]
    Image(#[source] io::Error),
}

fn load_failure(status: u32, refusal: &str) -> String {
    if refusal.is_empty() {
        format!("its entry point returned {status:#010x}")
    } else {
        refusal.to_owned()
    }
}

/// A block of text under a title, or nothing.
fn quoted(title: &str, text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("\n{title}:\n{}", text.trim_end())
    }
}
