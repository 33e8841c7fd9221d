//! What the processor says of an exit, by its kind: `EXITINFO1` and `EXITINFO2` as types.

use core::fmt;

use bitfield_struct::bitfield;

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

/// An access to an I/O port: `EXITINFO1` of [`ExitCode::IOIO`].
///
/// Source: APM volume 2, section 15.10.2, figure 15-2.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct IoAccess {
    /// `IN` or `INS`, not `OUT` or `OUTS`.
    pub is_in: bool,
    __: bool,
    /// `INS` or `OUTS`.
    pub string: bool,
    /// With a `REP` prefix.
    pub repeated: bool,
    size_8: bool,
    size_16: bool,
    size_32: bool,
    /// Addresses have 16 bits.
    pub address_16: bool,
    /// Addresses have 32 bits.
    pub address_32: bool,
    /// Addresses have 64 bits.
    pub address_64: bool,
    /// The segment of `OUTS`, where the processor has decode assists: ES 0, CS 1, SS 2, DS 3, FS 4,
    /// GS 5.
    #[bits(3)]
    pub segment: u8,
    #[bits(3)]
    __: u8,
    /// The port.
    pub port: u16,
    __: u32,
}

impl IoAccess {
    /// How many bytes are moved at once: 1, 2 or 4. 0 if the processor said none of them.
    #[must_use]
    pub const fn bytes(self) -> u8 {
        if self.size_8() {
            1
        } else if self.size_16() {
            2
        } else if self.size_32() {
            4
        } else {
            0
        }
    }
}

/// The error code of a page fault: `EXITINFO1` of `#PF` and of [`ExitCode::NPF`].
///
/// Bits from 32 on are of nested faults only. Source: APM volume 2, sections 8.4.2 and 15.25.6.
#[bitfield(u64)]
#[derive(Eq, PartialEq)]
pub struct PageFaultCode {
    /// The translation exists, and does not permit the access.
    pub present: bool,
    /// The access was a write.
    pub write: bool,
    /// The access was a user's.
    pub user: bool,
    /// A reserved bit of a table is set.
    pub reserved_bit: bool,
    /// The access was the fetch of an instruction.
    pub instruction_fetch: bool,
    /// A protection key does not permit the access.
    pub protection_key: bool,
    /// The access was one to a shadow stack.
    pub shadow_stack: bool,
    #[bits(24)]
    __: u32,
    /// The reverse map does not permit the access.
    pub reverse_map: bool,
    /// The guest physical address is the one that the guest's instruction meant.
    pub final_address: bool,
    /// The guest physical address is one of the guest's own page tables.
    pub guest_page_table: bool,
    /// The guest's page is private.
    pub encrypted: bool,
    /// The sizes of page and reverse map entry differ.
    pub size_mismatch: bool,
    /// The privilege level of the virtual machine does not permit the access.
    pub privilege_level: bool,
    /// The page is no supervisor shadow stack.
    pub supervisor_shadow_stack: bool,
    #[bits(26)]
    __: u32,
}

/// A page fault of the nested tables.
///
/// Source: APM volume 2, section 15.25.6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NestedPageFault {
    /// What was tried, and what stood against it.
    pub code: PageFaultCode,
    /// The guest physical address.
    pub address: u64,
}

/// A task switch.
///
/// Source: APM volume 2, section 15.14.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// Why an interprocessor interrupt was not delivered: an open enumeration.
///
/// Source: APM volume 2, section 15.29.9.1, table 15-27.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct IpiFailure(pub u32);

impl IpiFailure {
    /// The trigger mode is level, or the destination is of a kind that is not accelerated.
    pub const INVALID_TYPE: Self = Self(0);
    /// The target does not run.
    pub const TARGET_NOT_RUNNING: Self = Self(1);
    /// The tables do not cover the target.
    pub const INVALID_TARGET: Self = Self(2);
    /// The target's backing page is at an address that does not exist.
    pub const INVALID_BACKING_PAGE: Self = Self(3);
    /// The vector is below 16.
    pub const INVALID_VECTOR: Self = Self(4);
    /// The destination is not the sender, under secure AVIC.
    pub const NOT_ACCELERATED: Self = Self(5);
}

impl fmt::Display for IpiFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::INVALID_TYPE => "invalid interrupt type",
            Self::TARGET_NOT_RUNNING => "target not running",
            Self::INVALID_TARGET => "invalid target",
            Self::INVALID_BACKING_PAGE => "invalid backing page pointer",
            Self::INVALID_VECTOR => "invalid vector",
            Self::NOT_ACCELERATED => "not accelerated",
            Self(other) => return write!(f, "cause {other}"),
        })
    }
}

/// An interprocessor interrupt that the virtual interrupt controller did not deliver.
///
/// Source: APM volume 2, section 15.29.9.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AvicIncompleteIpi {
    /// What was written to the interrupt command register, upper half.
    pub command_high: u32,
    /// What was written to its lower half.
    pub command_low: u32,
    /// The cause.
    pub cause: IpiFailure,
    /// The entry of the logical or physical table, for the causes 1 to 3.
    pub index: u16,
}

impl AvicIncompleteIpi {
    #[expect(clippy::cast_possible_truncation, reason = "the halves")]
    const fn new(info_1: u64, info_2: u64) -> Self {
        Self {
            command_high: (info_1 >> 32) as u32,
            command_low: info_1 as u32,
            cause: IpiFailure((info_2 >> 32) as u32),
            index: (info_2 & 0xFFF) as u16,
        }
    }
}

/// An access to a register that the virtual interrupt controller does not accelerate.
///
/// Source: APM volume 2, section 15.29.9.2.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AvicNoAcceleration {
    /// The register's offset in the backing page, in bytes: a multiple of 16.
    pub offset: u16,
    /// It was a write.
    pub write: bool,
    /// The highest vector in service, of a write to the end-of-interrupt register.
    pub vector: u8,
}

impl AvicNoAcceleration {
    const fn new(info_1: u64, info_2: u64) -> Self {
        Self {
            offset: (info_1 & 0xFF0) as u16,
            write: info_1 >> 32 & 1 == 1,
            vector: info_2.to_le_bytes()[0],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    fn exit(code: u64, info_1: u64, info_2: u64) -> Exit {
        let mut control = ControlArea::new();
        control.exit_code = ExitCode(code);
        control.exit_info_1 = info_1;
        control.exit_info_2 = info_2;
        control.exit()
    }

    #[test]
    fn accesses_to_registers_have_both_numbers() {
        let access = RegisterAccess {
            register: 3,
            is_mov: true,
            general_register: 9,
        };
        assert_eq!(exit(0x13, 1 << 63 | 9, 0), Exit::CrWrite(access));
        assert_eq!(exit(0x03, 1 << 63 | 9, 0), Exit::CrRead(access));
        let access = RegisterAccess {
            register: 7,
            is_mov: false,
            general_register: 2,
        };
        assert_eq!(exit(0x37, 2, 0), Exit::DrWrite(access));
        assert_eq!(exit(0x27, 2, 0), Exit::DrRead(access));
        let trap = Exit::CrWriteTrap {
            register: 4,
            value: 0x20,
        };
        assert_eq!(exit(0x94, 0x20, 0), trap);
        assert_eq!(exit(0x7C, 0, 0), Exit::MsrRead);
        assert_eq!(exit(0x7C, 1, 0), Exit::MsrWrite);
    }

    #[test]
    fn a_string_access_is_told_by_its_bits() {
        let Exit::Io { access, .. } = exit(0x7B, 0x0060_122D, 0) else {
            panic!("an access to a port");
        };
        assert!(access.is_in() && access.string() && access.repeated() && access.address_64());
        assert!(!access.address_32() && !access.address_16());
        assert_eq!(
            (access.port(), access.segment(), access.bytes()),
            (0x60, 4, 2)
        );
        let sizes = [0x10, 0x20, 0x40, 0].map(|bits| IoAccess::from_bits(bits).bytes());
        assert_eq!(sizes, [1, 2, 4, 0]);
    }

    #[test]
    fn faults_have_their_codes_and_addresses() {
        let Exit::PageFault { code, address } = exit(0x4E, 0b10111, 0x1000) else {
            panic!("a page fault");
        };
        assert!(code.present() && code.write() && code.user() && code.instruction_fetch());
        assert_eq!(address, 0x1000);
        let Exit::NestedPageFault(fault) = exit(0x400, 1 << 32 | 0b100, 0xFEE0_0000) else {
            panic!("a nested page fault");
        };
        assert!(fault.code.final_address() && !fault.code.guest_page_table());
        assert_eq!(fault.address, 0xFEE0_0000);
        for (vector, error_code) in [(13, Some(0x10)), (6, None), (8, None), (10, None)] {
            let exception = Exception::new(vector).unwrap();
            let expected = Exit::Exception {
                exception,
                error_code,
            };
            assert_eq!(exit(0x40 + u64::from(vector), 0x10, 0), expected);
        }
    }

    #[test]
    fn a_task_switch_has_its_selector_and_cause() {
        let switch = TaskSwitch {
            selector: 0x28,
            error_code: Some(5),
            by_iret: false,
            by_far_jump: true,
            resume_flag: true,
        };
        let info_2 = 1 << 48 | 1 << 44 | 1 << 38 | 5;
        assert_eq!(exit(0x7D, 0x28, info_2), Exit::TaskSwitch(switch));
        let Exit::TaskSwitch(switch) = exit(0x7D, 0x28, 1 << 36 | 5) else {
            panic!("a task switch");
        };
        assert!(switch.by_iret && switch.error_code.is_none());
    }

    #[test]
    fn exits_of_the_virtual_interrupt_controller_have_their_words() {
        let Exit::AvicIncompleteIpi(ipi) = exit(0x401, 0x0300_0000_0000_40FE, 1 << 32 | 0x1FF)
        else {
            panic!("an interrupt that was not delivered");
        };
        assert_eq!((ipi.command_high, ipi.command_low), (0x0300_0000, 0x40FE));
        assert_eq!(
            (ipi.cause.to_string().as_str(), ipi.index),
            ("target not running", 0x1FF)
        );
        let Exit::AvicNoAcceleration(access) = exit(0x402, 1 << 32 | 0xB0, 0x51) else {
            panic!("an access that is not accelerated");
        };
        assert_eq!(
            (access.offset, access.write, access.vector),
            (0xB0, true, 0x51)
        );
    }

    #[test]
    fn other_exits_keep_their_codes() {
        assert_eq!(exit(0x72, 7, 7), Exit::Other(ExitCode::CPUID));
        assert_eq!(
            exit(0x75, 0x80, 0),
            Exit::SoftwareInterrupt { vector: 0x80 }
        );
        assert_eq!(exit(0x79, 0x8000, 0), Exit::Invlpg { address: 0x8000 });
        assert_eq!(exit(0x8F, 0x500, 0), Exit::EferWriteTrap { value: 0x500 });
        assert_eq!(exit(0x500, 0, 0), Exit::Other(ExitCode(0x500)));
        let refused = Exit::Other(ExitCode(0xFFFF_FFFF));
        assert_eq!(exit(0xFFFF_FFFF, 0, 0), refused);
    }
}
