//! Why a run ended early.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::CallPosition;

/// The last message of a run that did not end in good order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Stop {
    /// What happened.
    pub reason: StopReason,
    /// Processor that it happened on.
    pub processor: u32,
    /// IRQL there.
    pub irql: u8,
    /// Where the other processors were.
    pub others: Vec<ProcessorPosition>,
    /// Where the calls of a [`crate::Campaign`] stood.
    pub calls: Vec<CallPosition>,
}

/// What ended the run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum StopReason {
    /// A kernel routine was used against its documentation.
    Violation {
        /// Routine and rule, such as `KeWaitForSingleObject/irql`.
        rule: String,
        /// What was found, and what is allowed.
        detail: String,
        /// Where the routine was called from.
        caller: String,
    },
    /// An exception without a handler.
    Fault(Fault),
    /// The driver called `KeBugCheckEx`.
    BugCheck {
        /// The code.
        code: u32,
        /// Its parameters.
        parameters: [u64; 4],
        /// Where it was called from.
        caller: String,
    },
    /// The host asked what each processor is doing because no answer came.
    Hang {
        /// What the processor that was asked is doing.
        activity: Activity,
    },
    /// The lab kernel itself failed.
    Panic {
        /// The panic's message.
        message: String,
    },
}

/// An exception with what the processor held.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// Exception vector.
    pub vector: u8,
    /// Error code, zero where there is none.
    pub error_code: u64,
    /// CR2, meaningful for page faults and the double faults that they cause.
    pub cr2: u64,
    /// Where, as `image+offset`.
    pub at: String,
    /// What CR2 points to, for page faults and the double faults that they cause.
    pub address: String,
    /// The registers.
    pub registers: Registers,
    /// Bytes at the instruction pointer, as many as are mapped.
    pub code: Vec<u8>,
}

/// General registers at an exception.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are the registers")]
pub struct Registers {
    pub rip: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

/// What a processor was doing when the run ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Activity {
    /// Nothing.
    Idle,
    /// Running a thread.
    Thread,
    /// A thread that waits for the dispatcher object at this address.
    Waiting {
        /// Address of the object.
        object: u64,
        /// What it is.
        kind: String,
        /// Where the wait was called from.
        caller: String,
    },
    /// Running the DPC routine at this place.
    Dpc {
        /// The routine.
        routine: String,
    },
}

/// Where a processor was when the run ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProcessorPosition {
    /// System-wide index.
    pub processor: u32,
    /// IRQL.
    pub irql: u8,
    /// Whether interrupts were enabled.
    pub interrupts: bool,
    /// Instruction pointer, as `image+offset`.
    pub at: String,
    /// What it was doing.
    pub activity: Activity,
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle => f.write_str("idle"),
            Self::Thread => f.write_str("running a thread"),
            Self::Waiting {
                object,
                kind,
                caller,
            } => write!(
                f,
                "waiting for the {kind} at {object:#x}, called from {caller}"
            ),
            Self::Dpc { routine } => write!(f, "running the DPC routine {routine}"),
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation {
                rule,
                detail,
                caller,
            } => write!(f, "rule {rule}: {detail} (called from {caller})"),
            Self::Fault(fault) => fault.fmt(f),
            Self::BugCheck {
                code,
                parameters,
                caller,
            } => {
                write!(f, "KeBugCheckEx({code:#x}")?;
                for parameter in parameters {
                    write!(f, ", {parameter:#x}")?;
                }
                write!(f, ") called from {caller}")
            }
            Self::Hang { activity } => write!(f, "no answer in time: {activity}"),
            Self::Panic { message } => write!(f, "the lab kernel panicked: {message}"),
        }
    }
}

impl Fault {
    fn name(&self) -> &'static str {
        match self.vector {
            0 => "#DE",
            1 => "#DB",
            2 => "NMI",
            3 => "#BP",
            4 => "#OF",
            5 => "#BR",
            6 => "#UD",
            7 => "#NM",
            8 => "#DF",
            10 => "#TS",
            11 => "#NP",
            12 => "#SS",
            13 => "#GP",
            14 => "#PF",
            16 => "#MF",
            17 => "#AC",
            18 => "#MC",
            19 => "#XF",
            _ => "exception",
        }
    }

    /// What a page fault's error code stands for.
    fn access(&self) -> &'static str {
        const PRESENT: u64 = 1 << 0;
        const WRITE: u64 = 1 << 1;
        const FETCH: u64 = 1 << 4;
        match (
            self.error_code & FETCH != 0,
            self.error_code & WRITE != 0,
            self.error_code & PRESENT != 0,
        ) {
            (true, _, true) => "execution of non-executable memory",
            (true, _, false) => "execution of unmapped memory",
            (false, true, true) => "write to read-only memory",
            (false, true, false) => "write to unmapped memory",
            (false, false, true) => "protected read",
            (false, false, false) => "read of unmapped memory",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DOUBLE_FAULT: u8 = 8;
        const PAGE_FAULT: u8 = 14;
        write!(f, "{} (vector {})", self.name(), self.vector)?;
        if self.vector == PAGE_FAULT {
            write!(
                f,
                ", {} at {:#x} ({})",
                self.access(),
                self.cr2,
                self.address
            )?;
        }
        if self.vector == DOUBLE_FAULT {
            write!(
                f,
                ", the last page fault at {:#x} ({})",
                self.cr2, self.address
            )?;
        }
        let r = &self.registers;
        write!(
            f,
            ", error code {:#x}, at {} [code {:02x?}]\n\
             rip={:016x} rsp={:016x} rflags={:08x}\n\
             rax={:016x} rbx={:016x} rcx={:016x} rdx={:016x}\n\
             rsi={:016x} rdi={:016x} rbp={:016x} r8 ={:016x}\n\
             r9 ={:016x} r10={:016x} r11={:016x} r12={:016x}\n\
             r13={:016x} r14={:016x} r15={:016x}",
            self.error_code,
            self.at,
            self.code,
            r.rip,
            r.rsp,
            r.rflags,
            r.rax,
            r.rbx,
            r.rcx,
            r.rdx,
            r.rsi,
            r.rdi,
            r.rbp,
            r.r8,
            r.r9,
            r.r10,
            r.r11,
            r.r12,
            r.r13,
            r.r14,
            r.r15,
        )
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "processor {} at IRQL {}: {}",
            self.processor, self.irql, self.reason
        )?;
        for other in &self.others {
            write!(
                f,
                "\nprocessor {} at IRQL {}, interrupts {}, at {}: {}",
                other.processor,
                other.irql,
                if other.interrupts { "on" } else { "off" },
                other.at,
                other.activity
            )?;
        }
        Ok(())
    }
}
