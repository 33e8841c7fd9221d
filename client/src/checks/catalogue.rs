//! The catalogue: every kind of finding with its stable name, how bad it is, what it means and where
//! the manual says so.

use super::Severity;
use crate::model::Field;

/// What a rule presumes, beside the values of its fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Basis {
    /// Nothing.
    Always,
    /// A list of modules.
    Modules,
    /// A list of modules with the kernel in it.
    KernelImage,
    /// A capture, in whatever mode.
    Captured,
    /// A capture in long mode.
    LongMode,
    /// A capture in long mode that uses SYSCALL, as far as EFER and the registers tell.
    SystemCalls,
    /// The same, of a system that uses GS.
    GsBase,
    /// A capture in long mode that has loaded TR.
    TaskState,
    /// An entry point of a kernel in long mode; the list of modules says where the kernel is.
    EntryPoint(Field),
    /// A running x64 Windows.
    Windows,
    /// EFER, from the driver or from the page, of a system that uses SYSCALL.
    Efer,
    /// EFER of a running x64 Windows.
    WindowsEfer,
    /// What the driver noted around VMSAVE.
    Driver,
    /// What was read without VMSAVE.
    Witness,
    /// That something was read without VMSAVE, or not.
    WitnessRead,
}

/// What is known about a kind of finding.
pub(super) struct Entry {
    pub(super) id: FindingId,
    /// Never changes.
    pub(super) name: &'static str,
    pub(super) severity: Severity,
    pub(super) basis: Basis,
    /// What the rule looks at.
    pub(super) fields: &'static [Field],
    pub(super) title: &'static str,
    /// Lines of at most 79 characters.
    pub(super) meaning: &'static str,
    pub(super) manual: &'static str,
}

macro_rules! catalogue {
    ($($id:ident {
        name: $name:literal,
        severity: $severity:ident,
        basis: $basis:ident $(($about:expr))?,
        fields: [$($field:expr),* $(,)?],
        title: $title:literal,
        meaning: $meaning:literal,
        manual: $manual:literal,
    })*) => {
        /// A kind of finding. Its name, as [`Display`](std::fmt::Display) writes it, never changes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[expect(clippy::doc_markdown, reason = "the titles are text for people too")]
        pub enum FindingId {
            $(#[doc = $title] $id,)*
        }

        pub(super) static CATALOGUE: &[Entry] = &[$(Entry {
            id: FindingId::$id,
            name: $name,
            severity: Severity::$severity,
            basis: Basis::$basis $(($about))?,
            fields: &[$($field),*],
            title: $title,
            meaning: $meaning,
            manual: $manual,
        },)*];
    };
}

catalogue! {
    LstarDiffers {
        name: "lstar-differs",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Lstar],
        title: "LSTAR is not the same on all processors.",
        meaning: "\
LSTAR is the address at which SYSCALL from 64-bit code enters the kernel. The
kernel writes the same address on every processor. A processor with another one
takes its system calls elsewhere: a hook that was set on that processor alone,
or one that was not removed everywhere. Linux from 4.15 to 4.20, with page
table isolation, and Xen have an entry point for each processor: where all
differ as theirs do, and Windows is not known to run, this is judged weakly.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    CstarDiffers {
        name: "cstar-differs",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Cstar],
        title: "CSTAR is not the same on all processors.",
        meaning: "\
CSTAR is the address at which SYSCALL from compatibility mode enters the
kernel. The kernel writes the same address on every processor, whether or not
32-bit programs use it. Xen has one for each, as it has of LSTAR.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    StarDiffers {
        name: "star-differs",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Star],
        title: "STAR is not the same on all processors.",
        meaning: "\
STAR holds the selectors that SYSCALL and SYSRET load into CS and SS. The
kernel writes the same value on every processor: its descriptor tables have one
layout.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SfmaskDiffers {
        name: "sfmask-differs",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Sfmask],
        title: "SFMASK is not the same on all processors.",
        meaning: "\
SFMASK names the flags that SYSCALL clears. The kernel writes the same value on
every processor. A processor that clears fewer flags enters the kernel with
flags that the caller chose.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SysenterDiffers {
        name: "sysenter-differs",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::SysenterCs, Field::SysenterEip],
        title: "SYSENTER_CS or SYSENTER_EIP is not the same on all processors.",
        meaning: "\
SYSENTER_CS and SYSENTER_EIP say with which selector and at which address
SYSENTER enters the kernel. The kernel writes the same values on every
processor, zero where it has no use for them. SYSENTER_ESP is not looked at
here: kernels give each processor a stack of its own.",
        manual: "APM volume 2, section 6.1.2 (SYSENTER and SYSEXIT)",
    }
    LstarOutsideKernel {
        name: "lstar-outside-kernel",
        severity: Alarm,
        basis: EntryPoint(Field::Lstar),
        fields: [Field::Lstar],
        title: "LSTAR does not point into the kernel's image.",
        meaning: "\
Windows enters its kernel at a routine of ntoskrnl.exe. An entry point in
another module, or in no module, sees every system call first. Where the
snapshot has no list of modules, this is judged by the address alone: the upper
half belongs to the kernel. Where modules overlap, an address belongs to the
image that begins nearest below it.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    CstarOutsideKernel {
        name: "cstar-outside-kernel",
        severity: Alarm,
        basis: EntryPoint(Field::Cstar),
        fields: [Field::Cstar],
        title: "CSTAR does not point into the kernel's image.",
        meaning: "\
AMD's processors execute SYSCALL in compatibility mode too, and then enter the
kernel at CSTAR: every 32-bit program can take that way. An entry point in
another module, or in no module, is a hook as it is in LSTAR. Where the
snapshot has no list of modules, this is judged by the address alone. Systems
other than Windows may leave it 0.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SysenterOutsideKernel {
        name: "sysenter-outside-kernel",
        severity: Alarm,
        basis: EntryPoint(Field::SysenterEip),
        fields: [Field::SysenterEip],
        title: "SYSENTER_EIP is set and does not point into the kernel's image.",
        meaning: "\
SYSENTER_EIP is the address at which SYSENTER enters the kernel. AMD's
processors refuse SYSENTER in long mode, so 64-bit systems leave it zero or let
it point to a routine of the kernel.",
        manual: "APM volume 2, section 6.1.2 (SYSENTER and SYSEXIT)",
    }
    EntryInHeaders {
        name: "entry-in-headers",
        severity: Alarm,
        basis: KernelImage,
        fields: [Field::Lstar, Field::Cstar, Field::SysenterEip],
        title: "An entry point lies in the headers of the kernel's image.",
        meaning: "\
The first page of an image holds its headers, which are data. No routine of the
kernel is there: an entry point in it was written by something that only wanted
to be inside the image.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SysenterIncomplete {
        name: "sysenter-incomplete",
        severity: Warning,
        basis: LongMode,
        fields: [Field::SysenterCs, Field::SysenterEip],
        title: "SYSENTER_CS is set, and SYSENTER_EIP is 0.",
        meaning: "\
A processor that executes SYSENTER enters at SYSENTER_EIP if SYSENTER_CS is no
null selector: here at address 0, which belongs to programs. A kernel sets all
three registers or none.",
        manual: "APM volume 2, section 6.1.2 (SYSENTER and SYSEXIT)",
    }
    StarInvalid {
        name: "star-invalid",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Star],
        title: "STAR does not hold selectors that SYSCALL and SYSRET could use.",
        meaning: "\
Bits 32-47 are the selector of the kernel's code, of privilege level 0; bits
48-63 that from which SYSRET derives the program's, of privilege level 3, which
the processor copies into SS as it is. The kernel's selects from the global
table, as the program's does but in NetBSD. Windows on x64 has 10h and 23h
there.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    AddressNoncanonical {
        name: "address-noncanonical",
        severity: Alarm,
        basis: LongMode,
        fields: [
            Field::FsBase, Field::GsBase, Field::TrBase, Field::Lstar, Field::Cstar,
            Field::KernelGsBase, Field::SysenterEsp, Field::SysenterEip
        ],
        title: "A register holds an address that no processor could hold.",
        meaning: "\
The upper bits of a linear address are copies of its highest used bit, 47 or,
with five levels of page tables, 56. Processors refuse to load other values
into these registers: this one was never in a processor, and an emulation or a
file invented it. Data is judged by 57 bits unless CR4 is known; entry points
by 48, because kernels load their image in the upper 128 TiB.",
        manual: "APM volume 2, section 5.3.1 (Canonical Address Form)",
    }
    VmsaveContradicted {
        name: "vmsave-contradicted",
        severity: Alarm,
        basis: Witness,
        fields: [Field::FsSelector, Field::FsAttrib, Field::FsLimit, Field::FsBase, Field::GsSelector, Field::GsAttrib, Field::GsLimit, Field::GsBase, Field::LdtrSelector, Field::TrSelector, Field::TrAttrib, Field::TrLimit, Field::TrBase, Field::Star, Field::Lstar, Field::Cstar, Field::Sfmask, Field::KernelGsBase, Field::SysenterCs, Field::SysenterEsp, Field::SysenterEip],
        title: "VMSAVE stored another value than was read without it.",
        meaning: "\
The driver reads the same state twice: by VMSAVE, and by RDMSR, STR, SLDT, MOV
and the descriptor table. Two answers mean that a hypervisor emulates VMSAVE or
RDMSR wrongly, or hides something, or that a descriptor in memory was changed
or taken away after the processor had loaded it. Accessed, busy and granularity
bits, which processors store differently, are not compared.",
        manual: "APM volume 2, section 15.5.2 (VMSAVE and VMLOAD) and appendix B",
    }
    TrBaseShared {
        name: "tr-base-shared",
        severity: Alarm,
        basis: TaskState,
        fields: [Field::TrBase],
        title: "Several processors use one task state segment.",
        meaning: "\
Each processor needs a task state segment of its own: it holds the stacks for
interrupts. Two processors with one would push onto the same stack.",
        manual: "APM volume 2, section 12.2.5 (64-Bit Task State Segment)",
    }
    GsBaseShared {
        name: "gs-base-shared",
        severity: Alarm,
        basis: GsBase,
        fields: [Field::GsBase],
        title: "Several processors have the same GS base.",
        meaning: "\
In the kernel, GS points to the data of the processor that runs: on Windows to
its processor control region. Two processors with one GS base take each
other's data for their own; an emulation that copies one processor's state to
another looks like this. Systems other than Windows may leave both bases 0.",
        manual: "APM volume 2, section 4.5.3 (Segment Registers in 64-Bit Mode)",
    }
    GsBaseOutsideKernel {
        name: "gs-base-outside-kernel",
        severity: Alarm,
        basis: GsBase,
        fields: [Field::GsBase],
        title: "GS base is no address of the kernel.",
        meaning: "\
VMSAVE ran in the kernel, where GS points to the processor's own data. A base
in the lower half of the address space is a program's: SWAPGS was missed or
done twice, and the kernel uses data that a program controls. Systems other
than Windows may leave both bases 0.",
        manual: "APM volume 2, section 4.5.3 (Segment Registers in 64-Bit Mode)",
    }
    TssInvalid {
        name: "tss-invalid",
        severity: Alarm,
        basis: TaskState,
        fields: [Field::TrSelector, Field::TrAttrib, Field::TrLimit, Field::TrBase],
        title: "TR does not describe a task state segment that a processor could use.",
        meaning: "\
TR must hold a present 64-bit task state segment (type 9 or 11, not a code or
data segment) of at least 104 bytes, selected from the global table: LTR takes
neither null nor local ones. Where SYSCALL is in use, it lies in the kernel's
half of the address space. A guest whose TR is as at reset has loaded none, and
is not judged.",
        manual: "APM volume 2, sections 4.8.3 (System Descriptors) and 12.2.5",
    }
    TrLimitDiffers {
        name: "tr-limit-differs",
        severity: Alarm,
        basis: TaskState,
        fields: [Field::TrLimit],
        title: "The limit of the task state segment is not the same on all processors.",
        meaning: "\
The kernel gives every processor a task state segment of the same size. Where
one is larger, what lies behind the first 104 bytes may serve as an I/O
permission map, which lets programs use ports.",
        manual: "APM volume 2, section 12.2.5 (64-Bit Task State Segment)",
    }
    TrLimitWide {
        name: "tr-limit-wide",
        severity: Warning,
        basis: Windows,
        fields: [Field::TrLimit],
        title: "The task state segment is larger than 104 bytes.",
        meaning: "\
What lies behind the first 104 bytes of a task state segment may serve as an
I/O permission map: for a port whose bit is clear there, programs need no
privilege. Windows on x64 keeps the limit at 67h, so that there is none.",
        manual: "APM volume 2, section 12.2.5 (64-Bit Task State Segment)",
    }
    SfmaskWeak {
        name: "sfmask-weak",
        severity: Alarm,
        basis: SystemCalls,
        fields: [Field::Sfmask],
        title: "SYSCALL does not clear the interrupt, trap or direction flag.",
        meaning: "\
Until the kernel has switched to its own stack it must not be interrupted, so
SFMASK has to name IF (bit 9), and TF (bit 8) against single steps. A reversed
direction (DF, bit 10) chosen by the caller would break the kernel too. It is
asked of Windows alone: others may clear it when they have entered.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SegmentInvalid {
        name: "segment-invalid",
        severity: Warning,
        basis: LongMode,
        fields: [Field::FsSelector, Field::FsAttrib, Field::GsSelector, Field::GsAttrib],
        title: "FS or GS describes something else than a present data segment.",
        meaning: "\
Loading FS or GS with a selector that is not null takes a present data segment,
or a readable code segment. A hidden part that is neither was not loaded by the
processor in this way.",
        manual: "APM volume 2, sections 4.7.3 (Data-Segment Descriptors) and 15.5.1",
    }
    AttributesReserved {
        name: "attributes-reserved",
        severity: Warning,
        basis: Captured,
        fields: [Field::FsAttrib, Field::GsAttrib, Field::LdtrAttrib, Field::TrAttrib],
        title: "Reserved bits of a segment's attributes are set.",
        meaning: "\
A VMCB packs attributes into 12 bits; processors store zeros above. Set bits
there are a mistake of what filled the page: VMX and Hyper-V keep AVL, L, D/B
and G in bits 12-15, and in a VMCB these flags are lost.",
        manual: "APM volume 2, section 15.5.1 and appendix B",
    }
    LdtrLoaded {
        name: "ldtr-loaded",
        severity: Warning,
        basis: Windows,
        fields: [Field::LdtrSelector],
        title: "A local descriptor table is loaded.",
        meaning: "\
64-bit systems have no use for a local descriptor table, and Windows on x64
loads the null selector. A table of one's own holds descriptors, call gates
among them, that the global table does not show.",
        manual: "APM volume 2, sections 4.6.3 (Local Descriptor Table) and 4.8.3",
    }
    EferNotRestored {
        name: "efer-not-restored",
        severity: Alarm,
        basis: Driver,
        fields: [Field::EferFound, Field::EferLeft],
        title: "EFER is not as it was before the capture.",
        meaning: "\
The driver sets EFER.SVME for VMSAVE and puts EFER back. It then read another
value: the processor or a hypervisor did not take the write, or something else
wrote EFER at that moment.",
        manual: "APM volume 2, sections 3.1.7 (EFER) and 15.4 (Enabling SVM)",
    }
    EferDiffers {
        name: "efer-differs",
        severity: Alarm,
        basis: Efer,
        fields: [Field::EferFound, Field::Efer],
        title: "EFER is not the same on all processors.",
        meaning: "\
EFER switches long mode, SYSCALL and no-execute pages on, the same for every
processor of a system. SVME is not looked at here: see `svm-in-use`. Of a guest
a processor on which SYSCALL is not enabled or not set up, as before its system
has done so, is not judged.",
        manual: "APM volume 2, section 3.1.7 (EFER)",
    }
    EferUnprotected {
        name: "efer-unprotected",
        severity: Alarm,
        basis: WindowsEfer,
        fields: [Field::EferFound, Field::Efer],
        title: "EFER lacks a bit that every 64-bit Windows sets.",
        meaning: "\
SCE (SYSCALL), LME and LMA (long mode) and NXE (no-execute pages) are set on
every processor of 64-bit Windows. Without NXE the no-execute bit of every page
is reserved, and data can be executed where the system believes it cannot.",
        manual: "APM volume 2, sections 3.1.7 (EFER) and 5.6.3 (No Execute Bit)",
    }
    SvmInUse {
        name: "svm-in-use",
        severity: Notice,
        basis: Driver,
        fields: [Field::EferFound],
        title: "SVM is in use: EFER.SVME was set before the capture.",
        meaning: "\
A processor executes VMRUN only while EFER.SVME is set. Found set, it tells
that a hypervisor runs beneath or beside this system, or ran. On some
processors only, it tells of one that was not started or stopped everywhere.",
        manual: "APM volume 2, section 15.4 (Enabling SVM)",
    }
    NotCaptured {
        name: "not-captured",
        severity: Warning,
        basis: Always,
        fields: [],
        title: "VMSAVE was not completed on a processor.",
        meaning: "\
The processor refused, raised an exception, or was not reached. What it hides
from VMSAVE it hides from this check.",
        manual: "APM volume 2, section 15.4 (Enabling SVM)",
    }
    WitnessUnread {
        name: "witness-unread",
        severity: Warning,
        basis: WitnessRead,
        fields: [],
        title: "A processor's registers could not be read without VMSAVE.",
        meaning: "\
A register raised an exception when the driver read it, so that VMSAVE's values
were compared with nothing. Hypervisors that filter registers cause this.",
        manual: "APM volume 3, RDMSR",
    }
    KernelNameTwice {
        name: "kernel-name-twice",
        severity: Alarm,
        basis: Modules,
        fields: [],
        title: "Several modules have the kernel's name.",
        meaning: "\
A running Windows has one kernel. Another image of its name, in whatever case,
wants to be taken for it: an entry point there reads as one of the kernel. The
first of the name, where Windows lists its kernel, is taken for it here, and
entry points are judged weakly.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    ModuleNameDeceptive {
        name: "module-name-deceptive",
        severity: Alarm,
        basis: Modules,
        fields: [],
        title: "A module's name is made to be read as another.",
        meaning: "\
The name has characters that are invisible or turn the direction of text, or
letters of other scripts, or digits, that look like those of the name of a
module that every Windows has. Nothing but deception needs such a name.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    GuestEncrypted {
        name: "guest-encrypted",
        severity: Notice,
        basis: Always,
        fields: [],
        title: "The guest's registers are encrypted, and not in this page.",
        meaning: "\
SEV-ES is enabled: the registers are in a page of the guest's own, the VMSA,
encrypted with its key. What the save area of the VMCB holds is empty, or left
from before the guest ran.",
        manual: "APM volume 2, section 15.35 (SEV-ES)",
    }
}
