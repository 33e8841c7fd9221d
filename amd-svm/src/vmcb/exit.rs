//! What the processor says of an exit, by its kind: `EXITINFO1` and `EXITINFO2` as types.

mod avic;
mod fault;
mod io;
mod smi;

pub use avic::{AvicIncompleteIpi, AvicNoAcceleration, IpiFailure};
pub use fault::{NestedPageFault, PageFaultCode};
pub use io::IoAccess;
pub use smi::{Smi, SmiAccess};

use super::{ControlArea, Exception, ExitCode, ExitKind};

/// An exit with what `EXITINFO1` and `EXITINFO2` say of it.
///
/// Source: APM volume 2, sections 15.8 to 15.14, 15.25.6 and 15.29.9.
///
/// ```
/// use amd_svm::vmcb::{ControlArea, Exit, ExitCode, IoAccess};
///
/// let mut control = ControlArea::new();
/// control.exit_code = ExitCode::IOIO;
/// control.exit_info_1 = 0x03F8_0010;
/// control.exit_info_2 = 0x1234;
/// let Exit::Io { access, next_rip } = control.exit() else { panic!() };
/// assert_eq!((access.port(), access.bytes(), access.is_in()), (0x3F8, 1, false));
/// assert_eq!(next_rip, 0x1234);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Exit {
    /// A control register was read.
    CrRead(RegisterAccess),
    /// A control register is written.
    CrWrite(RegisterAccess),
    /// A debug register was read.
    DrRead(RegisterAccess),
    /// A debug register is written.
    DrWrite(RegisterAccess),
    /// A control register has been written: the new value, where the guest is encrypted.
    CrWriteTrap {
        /// The register's number.
        register: u8,
        /// What it holds now.
        value: u64,
    },
    /// A page fault of the guest's own tables.
    PageFault {
        /// The error code.
        code: PageFaultCode,
        /// The linear address.
        address: u64,
    },
    /// Another exception, with its error code if it pushes one that exits tell.
    Exception {
        /// The exception.
        exception: Exception,
        /// The error code.
        error_code: Option<u32>,
    },
    /// An access to an I/O port.
    Io {
        /// What is accessed, and how.
        access: IoAccess,
        /// Address of the instruction behind.
        next_rip: u64,
    },
    /// `RDMSR`; the register's number is in the guest's ECX.
    MsrRead,
    /// `WRMSR`; the register's number is in the guest's ECX.
    MsrWrite,
    /// `EFER` has been written: the new value, where the guest is encrypted.
    EferWriteTrap {
        /// What it holds now.
        value: u64,
    },
    /// `INT n`.
    SoftwareInterrupt {
        /// The vector; 0 without decode assists.
        vector: u8,
    },
    /// `INVLPG`.
    Invlpg {
        /// The linear address; 0 without decode assists.
        address: u64,
    },
    /// `INVPCID`. Source: APM volume 3, `INVPCID`, and how Linux' KVM reads the two words.
    Invpcid {
        /// What is invalidated: 0 an address of a context, 1 a context, 2 all contexts with global
        /// translations, 3 all contexts without them.
        kind: u64,
        /// The linear address of the descriptor.
        descriptor: u64,
    },
    /// An SMI.
    Smi(Smi),
    /// A task switch.
    TaskSwitch(TaskSwitch),
    /// A page fault of the nested tables.
    NestedPageFault(NestedPageFault),
    /// An interprocessor interrupt that the virtual interrupt controller did not deliver.
    AvicIncompleteIpi(AvicIncompleteIpi),
    /// An access to a register that the virtual interrupt controller does not accelerate.
    AvicNoAcceleration(AvicNoAcceleration),
    /// An exit of which the code says all that this crate knows.
    Other(ExitCode),
}

impl ControlArea {
    /// Why the guest exited, with the information that belongs to it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        Exit::new(self.exit_code, self.exit_info_1, self.exit_info_2)
    }
}

impl Exit {
    /// The exit of a code and of the two words that come with it.
    #[must_use]
    pub const fn new(code: ExitCode, info_1: u64, info_2: u64) -> Self {
        match code.kind() {
            ExitKind::CrRead(register) => Self::CrRead(RegisterAccess::new(register, info_1)),
            ExitKind::CrWrite(register) => Self::CrWrite(RegisterAccess::new(register, info_1)),
            ExitKind::DrRead(register) => Self::DrRead(RegisterAccess::new(register, info_1)),
            ExitKind::DrWrite(register) => Self::DrWrite(RegisterAccess::new(register, info_1)),
            ExitKind::CrWriteTrap(register) => Self::CrWriteTrap {
                register,
                value: info_1,
            },
            ExitKind::Exception(Exception::PAGE_FAULT) => Self::PageFault {
                code: PageFaultCode::from_bits(info_1),
                address: info_2,
            },
            ExitKind::Exception(exception) => Self::Exception {
                exception,
                error_code: error_code(exception, info_1),
            },
            ExitKind::Other(code) => Self::of_single_code(code, info_1, info_2),
        }
    }

    const fn of_single_code(code: ExitCode, info_1: u64, info_2: u64) -> Self {
        match code {
            ExitCode::IOIO => Self::Io {
                access: IoAccess::from_bits(info_1),
                next_rip: info_2,
            },
            ExitCode::MSR if info_1 & 1 == 0 => Self::MsrRead,
            ExitCode::MSR => Self::MsrWrite,
            ExitCode::EFER_WRITE_TRAP => Self::EferWriteTrap { value: info_1 },
            ExitCode::SWINT => Self::SoftwareInterrupt {
                vector: info_1.to_le_bytes()[0],
            },
            ExitCode::INVLPG => Self::Invlpg { address: info_1 },
            ExitCode::INVPCID => Self::Invpcid {
                kind: info_2,
                descriptor: info_1,
            },
            ExitCode::SMI => Self::Smi(Smi::new(info_1, info_2)),
            ExitCode::TASK_SWITCH => Self::TaskSwitch(TaskSwitch::new(info_1, info_2)),
            ExitCode::NPF => Self::NestedPageFault(NestedPageFault {
                code: PageFaultCode::from_bits(info_1),
                address: info_2,
            }),
            ExitCode::AVIC_INCOMPLETE_IPI => {
                Self::AvicIncompleteIpi(AvicIncompleteIpi::new(info_1, info_2))
            }
            ExitCode::AVIC_NOACCEL => {
                Self::AvicNoAcceleration(AvicNoAcceleration::new(info_1, info_2))
            }
            _ => Self::Other(code),
        }
    }
}

/// The error code of an exception that exited. For `#DF` and `#TS` it is not told.
const fn error_code(exception: Exception, info_1: u64) -> Option<u32> {
    match exception {
        Exception::DOUBLE_FAULT | Exception::INVALID_TSS => None,
        _ if exception.pushes_error_code() => {
            #[expect(clippy::cast_possible_truncation, reason = "an error code has 32 bits")]
            let code = info_1 as u32;
            Some(code)
        }
        _ => None,
    }
}

/// An access to a control or a debug register.
///
/// Source: APM volume 2, section 15.8.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RegisterAccess {
    /// The number of the control or debug register.
    pub register: u8,
    /// Whether the instruction is known to be a `MOV`: of control registers, where the processor
    /// has decode assists; CLTS, LMSW and SMSW are none.
    pub is_mov: bool,
    /// The number of the general register that `MOV` moves from or to, RAX being 0 and RSP 4. It
    /// is told where the processor has decode assists, and is 0 elsewhere.
    pub general_register: u8,
}

impl RegisterAccess {
    const fn new(register: u8, info_1: u64) -> Self {
        Self {
            register,
            is_mov: info_1 >> 63 == 1,
            general_register: info_1.to_le_bytes()[0] & 0xF,
        }
    }
}

/// A task switch.
///
/// Source: APM volume 2, section 15.14.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TaskSwitch {
    /// The selector of the incoming task state segment.
    pub selector: u16,
    /// The error code to push in the new task, if there is one.
    pub error_code: Option<u32>,
    /// `IRET` switches.
    pub by_iret: bool,
    /// A far jump switches.
    pub by_far_jump: bool,
    /// RFLAGS.RF as it would be saved in the outgoing task state segment.
    pub resume_flag: bool,
}

impl TaskSwitch {
    #[expect(clippy::cast_possible_truncation, reason = "the lower parts")]
    const fn new(info_1: u64, info_2: u64) -> Self {
        Self {
            selector: info_1 as u16,
            error_code: if info_2 >> 44 & 1 == 1 {
                Some(info_2 as u32)
            } else {
                None
            },
            by_iret: info_2 >> 36 & 1 == 1,
            by_far_jump: info_2 >> 38 & 1 == 1,
            resume_flag: info_2 >> 48 & 1 == 1,
        }
    }
}

#[cfg(test)]
mod tests;
