//! What the host tells the lab kernel to do.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{Campaign, ConformanceCheck, ProcessorChange, Violation};

/// An open file object of the lab's I/O manager.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Handle(pub u32);

/// What a caller asks for when it opens a device.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Access {
    /// `GENERIC_READ`.
    pub read: bool,
    /// `GENERIC_WRITE`.
    pub write: bool,
}

impl Access {
    /// Neither reading nor writing: enough for control codes that ask for
    /// `FILE_ANY_ACCESS`.
    pub const ATTRIBUTES: Self = Self {
        read: false,
        write: false,
    };
    /// `GENERIC_READ`.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
    /// `GENERIC_READ | GENERIC_WRITE`.
    pub const READ_WRITE: Self = Self {
        read: true,
        write: true,
    };
}

/// The account and the privileges that a thread has.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, strum::VariantArray)]
pub enum Token {
    /// S-1-5-18, with every privilege enabled.
    System,
    /// A member of S-1-5-32-544 with `SeDebugPrivilege` enabled.
    Administrator,
    /// A member of S-1-5-32-544 without that privilege, as after a plain elevation.
    AdministratorWithoutDebug,
    /// A member of neither.
    User,
}

impl Token {
    /// Every variant.
    #[must_use]
    pub fn all() -> &'static [Self] {
        <Self as strum::VariantArray>::VARIANTS
    }
}

/// One system call of a thread.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Operation {
    /// `CreateFile` on a Win32 path such as `\\.\Name`.
    Open {
        /// The path.
        path: String,
        /// The access asked for.
        access: Access,
        /// The token of the thread that opens it and makes all calls with the handle.
        token: Token,
    },
    /// `CloseHandle`.
    Close {
        /// What to close.
        handle: Handle,
    },
    /// `DeviceIoControl`.
    Ioctl {
        /// The device.
        handle: Handle,
        /// The control code.
        code: u32,
        /// The input buffer.
        input: Vec<u8>,
        /// Bytes that the output buffer has room for.
        output_length: u32,
    },
    /// `CancelIoEx`: asks the driver to give up every request of a handle, as the I/O
    /// manager does for a thread that is terminated.
    Cancel {
        /// Whose requests.
        handle: Handle,
    },
    /// `NtUnloadDriver`: now, or when the last file object is gone.
    Unload,
    /// Keeps the DPCs of this processor from running until [`Self::ReleaseDpcs`].
    HoldDpcs,
    /// Waits until some processor holds its DPCs.
    AwaitHeldDpcs,
    /// Lets DPCs run that are held.
    ReleaseDpcs,
    /// Waits until the driver has this many requests that it has not completed.
    AwaitPending {
        /// How many.
        requests: u32,
    },
    /// Waits until this many threads wait inside the driver.
    AwaitWaiting {
        /// How many.
        threads: u32,
    },
    /// Reads the time-stamp counter of this processor.
    TimeStamp,
}

/// System calls made one after another by one thread.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Thread {
    /// The processor that the thread runs on.
    pub processor: u32,
    /// Its system calls.
    pub operations: Vec<Operation>,
}

/// An instruction inside a function of the driver that has an exception handler.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum GuardedInstruction {
    /// `RDMSR` of the register with this number.
    ReadRegister(u32),
    /// `WRMSR` of `EFER`.
    WriteEfer,
    /// `VMSAVE`.
    Vmsave,
    /// `VMSAVE` whose operand is one of these physical addresses: `first` to `last`.
    VmsaveTo {
        /// The lowest.
        first: u64,
        /// The highest.
        last: u64,
    },
    /// `RDMSR` of any register.
    ReadAny,
}

/// An exception that an instruction can be made to raise.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum InjectedException {
    /// `#UD`.
    InvalidOpcode,
    /// `#GP(0)`.
    GeneralProtection,
}

/// A fault to be raised, in the place of an instruction that would have succeeded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Injection {
    /// The instruction.
    pub instruction: GuardedInstruction,
    /// What it raises.
    pub exception: InjectedException,
    /// How many times it is executed unharmed before.
    pub skip: u32,
    /// How many times it raises the exception then.
    pub count: u32,
}

/// A routine that a driver calls, as the moment at which processors come online: right
/// after it has done its work, and before its caller goes on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum HotAddPoint {
    /// `KeQueryActiveProcessorCountEx`.
    CountQueried,
    /// `KeGetProcessorNumberFromIndex`.
    NumberQueried,
    /// `KeInsertQueueDpc`.
    DpcQueued,
}

/// What the host tells the kernel to do; see [`crate::Response`] for the answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Command {
    /// Loads the boot module as a driver and runs its entry point.
    Load,
    /// Runs the driver's unload routine and takes the image away.
    Unload,
    /// Runs threads, all at once: each on its processor, and all released
    /// together. Threads of the same processor run one after the other.
    Run(Vec<Thread>),
    /// What is allocated, open and queued now.
    Report,
    /// Makes the pages of the driver's memory count as not written to.
    ForgetWrites,
    /// The registers of a processor.
    Processor {
        /// System-wide index.
        index: u32,
    },
    /// Sets registers of a processor.
    SetProcessor {
        /// System-wide index.
        index: u32,
        /// What to set.
        change: ProcessorChange,
    },
    /// Makes an instruction that the driver guards raise an exception on one
    /// processor. Takes the place of what was asked for there before.
    InjectFault {
        /// System-wide index.
        index: u32,
        /// What to raise, and where.
        injection: Injection,
    },
    /// Makes one call of the driver fail for want of resources: of those that take
    /// memory, handles or names.
    FailAllocation {
        /// Which one from now on, counted from 1; 0 for none.
        nth: u64,
    },
    /// Bytes of physical memory.
    ReadPhysical {
        /// Physical address of the first.
        address: u64,
        /// How many.
        length: u32,
    },
    /// Overwrites physical memory.
    WritePhysical {
        /// Physical address of the first byte.
        address: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Makes the lab use its own routines as their documentation says, and
    /// check the result.
    CheckConformance(ConformanceCheck),
    /// Makes the lab break one of its own rules, to show that the rule is checked.
    Violate(Violation),
    /// Asks a kernel that has not answered what each processor is doing. It is taken
    /// out of turn and ends the run with [`crate::StopReason::Hang`].
    Diagnose,
    /// Ends the run in good order.
    Shutdown,
    /// Brings parked processors online.
    AddProcessors {
        /// How many.
        count: u32,
        /// When: after the driver's next call of a routine, or now.
        after: Option<HotAddPoint>,
    },
    /// From now on makes `KeSetEvent` return late to a DPC, so that the DPC still runs
    /// after the threads that waited for the event have gone on.
    DelaySetEvent {
        /// Turns of a spin loop.
        spins: u32,
    },
    /// Makes `KeInsertQueueDpc` refuse one DPC, as if it were queued already.
    RefuseDpc {
        /// Which one from now on, counted from 1; 0 for none.
        nth: u64,
    },
    /// From now on fills memory whose content is undefined, and the stack below a
    /// driver's frames, with a byte, to show where it comes out.
    FillMemory {
        /// The byte.
        byte: u8,
    },
    /// Calls one of the routines that a driver may import, with zero for every argument,
    /// at an IRQL at which that is forbidden.
    CallAt {
        /// The routine's name.
        routine: String,
        /// The IRQL.
        irql: u8,
    },
    /// Makes random calls on all processors at once, with the driver loaded before
    /// and after.
    Fuzz(Campaign),
}
