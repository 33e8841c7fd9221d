//! Every kind of finding: its stable name, how bad it is, what it means and where the manual
//! says so.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// How bad a finding is; the worst comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No healthy machine shows this: somebody changed it, or emulates it wrongly.
    Alarm,
    /// Unusual; there may be a good reason.
    Warning,
    /// Worth knowing.
    Notice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alarm => "alarm",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}

/// What is known about a kind of finding.
struct Entry {
    id: FindingId,
    /// Never changes.
    name: &'static str,
    severity: Severity,
    title: &'static str,
    /// Lines of at most 79 characters.
    meaning: &'static str,
    manual: &'static str,
}

macro_rules! catalogue {
    ($($id:ident {
        name: $name:literal,
        severity: $severity:ident,
        title: $title:literal,
        meaning: $meaning:literal,
        manual: $manual:literal,
    })*) => {
        /// A kind of finding. Its name, as [`Display`](fmt::Display) writes it, never changes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[expect(clippy::doc_markdown, reason = "the titles are text for people too")]
        pub enum FindingId {
            $(#[doc = $title] $id,)*
        }

        static CATALOGUE: &[Entry] = &[$(Entry {
            id: FindingId::$id,
            name: $name,
            severity: Severity::$severity,
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
        title: "LSTAR is not the same on all processors.",
        meaning: "\
LSTAR is the address at which SYSCALL from 64-bit code enters the kernel. The
kernel writes the same address on every processor. A processor with another one
takes its system calls elsewhere: a hook that was set on that processor alone,
or one that was not removed everywhere.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    CstarDiffers {
        name: "cstar-differs",
        severity: Alarm,
        title: "CSTAR is not the same on all processors.",
        meaning: "\
CSTAR is the address at which SYSCALL from compatibility mode enters the
kernel. The kernel writes the same address on every processor, whether or not
32-bit programs use it.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    StarDiffers {
        name: "star-differs",
        severity: Alarm,
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
        title: "SFMASK is not the same on all processors.",
        meaning: "\
SFMASK names the flags that SYSCALL clears. The kernel writes the same value on
every processor. A processor that clears fewer flags enters the kernel with
flags that the caller chose.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    LstarOutsideKernel {
        name: "lstar-outside-kernel",
        severity: Alarm,
        title: "LSTAR does not point into the kernel's image.",
        meaning: "\
Windows enters its kernel at a routine of ntoskrnl.exe. An entry point in
another module, or in no module, belongs to somebody who wants to see every
system call first. Where the snapshot has no list of modules, this is judged by
the address alone: the upper half belongs to the kernel.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SysenterOutsideKernel {
        name: "sysenter-outside-kernel",
        severity: Alarm,
        title: "SYSENTER_EIP is set and does not point into the kernel's image.",
        meaning: "\
SYSENTER_EIP is the address at which SYSENTER enters the kernel. AMD's
processors refuse SYSENTER in long mode, so 64-bit systems leave it zero or let
it point to a routine of the kernel.",
        manual: "APM volume 2, section 6.1.2 (SYSENTER and SYSEXIT)",
    }
    VmsaveContradicted {
        name: "vmsave-contradicted",
        severity: Alarm,
        title: "VMSAVE stored another value than was read without it.",
        meaning: "\
The driver reads the same state twice: by VMSAVE, and by RDMSR, STR, SLDT, MOV
and the descriptor table. Two answers mean that a hypervisor emulates VMSAVE or
RDMSR wrongly, or hides something, or that a descriptor in memory was changed
after the processor had loaded it. Accessed, busy and granularity bits, which
processors store differently, are not compared.",
        manual: "APM volume 2, section 15.5.2 (VMSAVE and VMLOAD) and appendix B",
    }
    TrBaseShared {
        name: "tr-base-shared",
        severity: Alarm,
        title: "Several processors use one task state segment.",
        meaning: "\
Each processor needs a task state segment of its own: it holds the stacks for
interrupts. Two processors with one would push onto the same stack.",
        manual: "APM volume 2, section 12.2.5 (64-Bit Task State Segment)",
    }
    GsBaseShared {
        name: "gs-base-shared",
        severity: Alarm,
        title: "Several processors have the same GS base.",
        meaning: "\
In the kernel, GS points to the data of the processor that runs: on Windows to
its processor control region. Two processors with one GS base take each
other's data for their own; an emulation that copies one processor's state to
another looks like this.",
        manual: "APM volume 2, section 4.5.3 (Segment Registers in 64-Bit Mode)",
    }
    GsBaseOutsideKernel {
        name: "gs-base-outside-kernel",
        severity: Alarm,
        title: "GS base is no address of the kernel.",
        meaning: "\
VMSAVE ran in the kernel, where GS points to the processor's own data. A base
in the lower half of the address space is a program's: SWAPGS was missed or
done twice, and the kernel uses data that a program controls.",
        manual: "APM volume 2, section 4.5.3 (Segment Registers in 64-Bit Mode)",
    }
    TssInvalid {
        name: "tss-invalid",
        severity: Alarm,
        title: "TR does not describe a task state segment that a processor could use.",
        meaning: "\
TR must hold a present 64-bit task state segment (type 9 or 11, not a code or
data segment) of at least 104 bytes, in the kernel's half of the address space.",
        manual: "APM volume 2, sections 4.8.3 (System Descriptors) and 12.2.5",
    }
    TrLimitDiffers {
        name: "tr-limit-differs",
        severity: Alarm,
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
        title: "SYSCALL does not clear the interrupt, trap and direction flags.",
        meaning: "\
Until the kernel has switched to its own stack it must not be interrupted, so
SFMASK has to name IF (bit 9); a single step (TF, bit 8) or a reversed
direction (DF, bit 10) chosen by the caller would break the kernel too.",
        manual: "APM volume 2, section 6.1.1 (SYSCALL and SYSRET)",
    }
    SegmentInvalid {
        name: "segment-invalid",
        severity: Warning,
        title: "FS or GS describes something else than a present data segment.",
        meaning: "\
Loading FS or GS with a selector that is not null takes a present data segment,
or a readable code segment. A hidden part that is neither was not loaded by the
processor in this way.",
        manual: "APM volume 2, sections 4.7.3 (Data-Segment Descriptors) and 15.5.1",
    }
    LdtrLoaded {
        name: "ldtr-loaded",
        severity: Warning,
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
        title: "EFER is not as it was before the capture.",
        meaning: "\
The driver sets EFER.SVME for VMSAVE and puts EFER back. It then read another
value: the processor or a hypervisor did not take the write, or somebody else
wrote EFER at that moment.",
        manual: "APM volume 2, sections 3.1.7 (EFER) and 15.4 (Enabling SVM)",
    }
    EferDiffers {
        name: "efer-differs",
        severity: Alarm,
        title: "EFER is not the same on all processors.",
        meaning: "\
EFER switches long mode, SYSCALL and no-execute pages on, the same for every
processor of a system. SVME is not looked at here: see `svm-in-use`.",
        manual: "APM volume 2, section 3.1.7 (EFER)",
    }
    EferUnprotected {
        name: "efer-unprotected",
        severity: Alarm,
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
        title: "Somebody uses SVM: EFER.SVME was set before the capture.",
        meaning: "\
A processor executes VMRUN only while EFER.SVME is set. Found set, it tells
that a hypervisor runs beneath or beside this system, or ran. On some
processors only, it tells of one that was not started or stopped everywhere.",
        manual: "APM volume 2, section 15.4 (Enabling SVM)",
    }
    NotCaptured {
        name: "not-captured",
        severity: Warning,
        title: "VMSAVE was not completed on a processor.",
        meaning: "\
The processor refused, raised an exception, or was not reached. What it hides
from VMSAVE it hides from this check.",
        manual: "APM volume 2, section 15.4 (Enabling SVM)",
    }
    WitnessUnread {
        name: "witness-unread",
        severity: Warning,
        title: "A processor's registers could not be read without VMSAVE.",
        meaning: "\
A register raised an exception when the driver read it, so that VMSAVE's values
were compared with nothing. Hypervisors that filter registers cause this.",
        manual: "APM volume 3, RDMSR",
    }
}

impl FindingId {
    /// Every kind of finding.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|entry| entry.id)
    }

    /// The name that never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// How bad such a finding is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// The finding in one sentence, without its values.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What it means, in lines of at most 79 characters.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// The section of AMD's manual that says how it should be.
    #[must_use]
    pub fn manual(self) -> &'static str {
        self.entry().manual
    }

    fn entry(self) -> &'static Entry {
        // The enumeration and the catalogue come out of one list.
        &CATALOGUE[self as usize]
    }
}

/// Text that names no kind of finding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no finding of this name")]
pub struct UnknownFinding;

impl FromStr for FindingId {
    type Err = UnknownFinding;

    fn from_str(name: &str) -> Result<Self, UnknownFinding> {
        Self::all()
            .find(|id| id.name() == name)
            .ok_or(UnknownFinding)
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_unique_stands_for_its_kind_and_is_explained() {
        let names: BTreeSet<_> = FindingId::all().map(FindingId::name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for id in FindingId::all() {
            assert_eq!(id.name().parse(), Ok(id));
            assert_eq!(id.entry().id, id);
            assert!(id.title().ends_with('.') && id.meaning().ends_with('.'));
            assert!(id.meaning().lines().all(|line| line.len() < 80));
            assert!(id.manual().starts_with("APM volume "));
        }
        assert_eq!("lstar".parse::<FindingId>(), Err(UnknownFinding));
    }
}
