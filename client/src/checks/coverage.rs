//! What the rules could judge, and what they could not: a verdict says nothing of values that no
//! rule looked at.

use std::fmt;

use amd_svm::fields::VmsaveField;
use amd_svm::msr::Efer;
use amd_svm::witness::compares_hidden_parts;

use super::catalogue::Basis;
use super::{FindingId, is_upper_half};
use crate::model::table::Table;
use crate::model::{Capture, Field, KernelModule, ProcessorId, Snapshot, sort};

/// How far a rule was judged on some processors.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Extent {
    /// With all that the rule asks for.
    Judged,
    /// With less than the rule asks for: it could miss what it looks for.
    Weakly(Reason),
    /// Not at all.
    Not(Reason),
}

/// Why a rule was judged weakly, or not at all.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Reason {
    /// VMSAVE was not completed on the processor.
    NotCaptured,
    /// The snapshot was saved without the processor.
    NotInSnapshot,
    /// The driver hid the values from its caller.
    Hidden,
    /// The driver hid some of the values from its caller.
    PartlyHidden,
    /// The source does not print the values.
    NotRecorded,
    /// The source does not print some of the values.
    PartlyRecorded,
    /// The snapshot has no list of modules, for a rule that is about modules.
    NoModules,
    /// The snapshot has no list of modules: entry points are judged by address alone.
    ByAddress,
    /// Several modules have the kernel's name, or its image overlaps another, is larger than any
    /// kernel, or is in the programs' half of the address space.
    KernelInDoubt,
    /// No module of the list has the kernel's name: entry points are judged by address alone.
    NoKernel,
    /// The snapshot was saved without what was read beside VMSAVE.
    NoWitness,
    /// The registers could not be read without VMSAVE.
    WitnessUnread,
    /// A hidden part was not selected from the global descriptor table, or is not present: there was
    /// no descriptor to compare it with.
    PartlyCompared,
    /// The file lists contradictions, without the values that were compared.
    ListedOnly,
    /// The source does not tell EFER.
    EferNotRecorded,
    /// The rule presumes a running x64 Windows seen by its own driver.
    NotWindows,
    /// The rule is about what the driver does around VMSAVE.
    NotFromDriver,
    /// The guest was not in long mode.
    NotLongMode,
    /// EFER.SCE is clear, or all that goes with SYSCALL is 0: the guest does not use it, or has not
    /// set it up.
    SyscallDisabled,
    /// Each processor of the guest has an entry point of its own, as some systems lay them out.
    OwnEntries,
    /// GS base and `KernelGsBase` are 0: the guest does not use them.
    NoGsBase,
    /// TR is as it is at reset: the guest has not loaded a task state segment.
    TrAtReset,
    /// The guest's state is encrypted: what values there are are not the guest's.
    Encrypted,
    /// VMSAVE's part of the page is empty.
    Empty,
    /// The page is the save area of an encrypted guest (VMSA), and no VMCB.
    Vmsa,
    /// The captures may be moments of one processor: there is nothing to compare.
    Moments,
}

impl Reason {
    /// The name by which programs know the reason: it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCaptured => "not-captured",
            Self::NotInSnapshot => "not-in-snapshot",
            Self::Hidden => "hidden",
            Self::PartlyHidden => "partly-hidden",
            Self::NotRecorded => "not-recorded",
            Self::PartlyRecorded => "partly-recorded",
            Self::NoModules => "no-modules",
            Self::ByAddress => "by-address",
            Self::KernelInDoubt => "kernel-in-doubt",
            Self::NoKernel => "no-kernel",
            Self::NoWitness => "no-witness",
            Self::WitnessUnread => "witness-unread",
            Self::PartlyCompared => "partly-compared",
            Self::ListedOnly => "listed-only",
            Self::EferNotRecorded => "efer-not-recorded",
            Self::NotWindows => "not-windows",
            Self::NotFromDriver => "not-from-driver",
            Self::NotLongMode => "not-long-mode",
            Self::SyscallDisabled => "syscall-disabled",
            Self::OwnEntries => "own-entries",
            Self::NoGsBase => "no-gs-base",
            Self::TrAtReset => "tr-at-reset",
            Self::Encrypted => "encrypted",
            Self::Empty => "empty",
            Self::Vmsa => "vmsa",
            Self::Moments => "moments",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCaptured => "no capture",
            Self::NotInSnapshot => "not in the snapshot",
            Self::Hidden => "hidden from this caller",
            Self::PartlyHidden => "some values are hidden from this caller",
            Self::NotRecorded => "not in what the source prints",
            Self::PartlyRecorded => "some values are not in what the source prints",
            Self::NoModules => "no module list",
            Self::ByAddress => "no module list, so by address alone",
            Self::NoKernel => "no module has the kernel's name",
            Self::KernelInDoubt => "the modules leave the kernel's image in doubt",
            Self::NoWitness => "no values that were read without VMSAVE",
            Self::WitnessUnread => "the registers could not be read without VMSAVE",
            Self::PartlyCompared => "a segment has no descriptor to be compared with",
            Self::ListedOnly => "by the disagreements that the file lists, without their values",
            Self::EferNotRecorded => "EFER is not recorded",
            Self::NotWindows => "not a snapshot of a running Windows",
            Self::NotFromDriver => "not taken by the driver",
            Self::NotLongMode => "not in long mode",
            Self::SyscallDisabled => "SYSCALL is not enabled or not set up",
            Self::OwnEntries => "each processor has an entry point of its own",
            Self::NoGsBase => "GS base and KernelGsBase are 0",
            Self::TrAtReset => "TR is as at reset",
            Self::Encrypted => "the guest's state is encrypted",
            Self::Empty => "nothing stored",
            Self::Vmsa => "an SEV-ES save area (VMSA)",
            Self::Moments => "the dumps may be moments of one processor",
        })
    }
}

/// What one rule could judge on some processors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Coverage {
    /// The rule, by the finding that it makes.
    pub rule: FindingId,
    /// How far it was judged.
    pub extent: Extent,
    /// Where.
    pub processors: Vec<ProcessorId>,
}

/// Some fields, as a set of bits.
type Fields = u64;

/// What decides which rules can be judged: the same for nearly all processors of a machine.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact by itself, and they occur in any combination"
)]
pub(super) struct Class {
    mode: Mode,
    windows: bool,
    from_driver: bool,
    /// The guest has not enabled SYSCALL, or not set it up.
    no_syscall: bool,
    /// The guest does not use GS.
    no_gs_base: bool,
    /// The guest has not loaded TR.
    tr_at_reset: bool,
    /// EFER as the driver found it, or as the page tells it.
    has_efer: bool,
    witness: WitnessState,
    hidden: Fields,
    /// What the source does not print.
    absent: Fields,
    /// The kernel's GS base is in `KernelGsBase`, where SWAPGS put it.
    has_swapped: bool,
    /// There are values, but the guest's own are encrypted, and elsewhere.
    is_stale: bool,
    /// The others may be moments of the same processor.
    moments: bool,
}

/// In which mode the captured state is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Mode {
    /// None: the processor is not in the snapshot.
    Absent,
    /// None: there is no capture.
    Uncaptured,
    Empty,
    Encrypted,
    /// Not known: the page has another layout.
    Vmsa,
    /// Real mode, or protected mode without long mode.
    NotLong,
    /// Long mode, in the kernel as far as anything tells.
    Kernel,
    /// Long mode, stopped in user mode.
    User,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum WitnessState {
    Absent,
    Unread,
    Listed,
    /// With a hidden part that is compared with no descriptor.
    Partly,
    There,
}

impl WitnessState {
    fn of(snapshot: &Snapshot, id: ProcessorId, capture: &Capture) -> Self {
        match &capture.witness {
            Some(Ok(_)) if compares_hidden_parts(&capture.vmsave) => Self::There,
            Some(Ok(_)) => Self::Partly,
            _ if snapshot.listed.contains_key(&id.index) => Self::Listed,
            Some(Err(_)) => Self::Unread,
            None => Self::Absent,
        }
    }
}

/// The kernel's image among the modules.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel<'a> {
    /// There is no list of modules.
    NoList,
    /// No module has the kernel's name.
    Unnamed,
    /// The image.
    Known(&'a KernelModule),
    /// The image, as far as a list can tell that no system has.
    InDoubt(&'a KernelModule),
}

fn bit(field: Field) -> Fields {
    field.position().map_or(0, |position| 1 << position)
}

impl Class {
    /// A processor of the machine that is not in the snapshot.
    pub(super) fn absent() -> Self {
        Self {
            mode: Mode::Absent,
            windows: false,
            from_driver: false,
            no_syscall: false,
            no_gs_base: false,
            tr_at_reset: false,
            has_efer: false,
            witness: WitnessState::Absent,
            hidden: 0,
            absent: 0,
            has_swapped: false,
            is_stale: false,
            moments: false,
        }
    }

    pub(super) fn of(
        snapshot: &Snapshot,
        id: ProcessorId,
        capture: Option<&Capture>,
        insists_on_windows: bool,
    ) -> Self {
        let from_driver = snapshot.driver.is_some();
        let Some(capture) = capture else {
            return Self {
                mode: Mode::Uncaptured,
                from_driver,
                ..Self::absent()
            };
        };
        let hidden = snapshot
            .redacted
            .iter()
            .filter(|field| snapshot.hides(**field, capture));
        let windows = from_driver || insists_on_windows;
        let efer = capture.guest.map(|guest| guest.efer);
        let efer = efer.filter(|efer| *efer != Efer::default());
        let class = Self {
            mode: Mode::of(snapshot, capture),
            windows,
            from_driver,
            no_gs_base: false,
            // Windows enables SYSCALL and loads TR before any driver runs.
            no_syscall: !windows && efer.is_some_and(|efer| !efer.system_call()),
            tr_at_reset: !windows && is_at_reset(capture),
            has_efer: capture.details.is_some() || efer.is_some(),
            witness: WitnessState::of(snapshot, id, capture),
            // A file may name a field twice.
            hidden: hidden.fold(0, |all, field| all | bit(*field)),
            absent: absent(capture),
            has_swapped: has_swapped(snapshot, capture),
            is_stale: !from_driver && capture.guest.is_some_and(|guest| guest.encrypted),
            moments: snapshot.moments,
        };
        let system_call = [Field::Star, Field::Lstar, Field::Cstar, Field::Sfmask];
        Self {
            no_gs_base: class.are_unset(capture, &[Field::GsBase, Field::KernelGsBase]),
            // Linux sets SCE long before what goes with it.
            no_syscall: class.no_syscall || class.are_unset(capture, &system_call),
            ..class
        }
    }

    /// Whether all of these are 0, of a system that may be another than Windows.
    fn are_unset(&self, capture: &Capture, fields: &[Field]) -> bool {
        let is_zero = |field: &Field| !self.is_hidden(*field) && field.of(capture) == Some(0);
        !self.windows && fields.iter().all(is_zero)
    }

    pub(super) fn is_hidden(&self, field: Field) -> bool {
        (self.hidden | self.absent) & bit(field) != 0
    }

    pub(super) fn is_windows(&self) -> bool {
        self.windows
    }

    /// Whether the system uses SYSCALL, as far as anything tells.
    pub(super) fn has_syscall(&self) -> bool {
        !self.no_syscall
    }

    pub(super) fn is_from_driver(&self) -> bool {
        self.from_driver
    }

    /// How far a rule can be judged.
    pub(super) fn extent(&self, rule: FindingId, kernel: Kernel) -> Extent {
        let basis = rule.basis();
        if let Some(reason) = self.by_mode(basis, kernel) {
            return Extent::Not(reason);
        }
        if self.moments && rule.compares_processors() {
            return Extent::Not(Reason::Moments);
        }
        let extent = match (self.by_basis(basis, kernel), self.by_hidden(rule)) {
            (Some(Extent::Weakly(_)), hidden @ Extent::Not(_)) => hidden,
            (by_basis, hidden) => by_basis.unwrap_or(hidden),
        };
        let is_about_values = !matches!(basis, Basis::Always | Basis::Modules);
        if self.is_stale && is_about_values && extent == Extent::Judged {
            return Extent::Weakly(Reason::Encrypted);
        }
        extent
    }

    /// Why nothing that rests on a basis can be judged in this mode.
    fn by_mode(&self, basis: Basis, kernel: Kernel) -> Option<Reason> {
        match (self.mode, basis) {
            (_, Basis::Modules | Basis::KernelImage) if matches!(kernel, Kernel::NoList) => {
                Some(Reason::NoModules)
            }
            (Mode::Absent, Basis::Modules) => None,
            (Mode::Absent, _) => Some(Reason::NotInSnapshot),
            (_, Basis::Always | Basis::Modules)
            | (Mode::NotLong, Basis::Captured)
            | (Mode::Kernel | Mode::User, _) => None,
            (Mode::Uncaptured, _) => Some(Reason::NotCaptured),
            (Mode::Encrypted, _) => Some(Reason::Encrypted),
            (Mode::Empty, _) => Some(Reason::Empty),
            (Mode::Vmsa, _) => Some(Reason::Vmsa),
            (Mode::NotLong, _) => Some(Reason::NotLongMode),
        }
    }

    /// What the rule asks for, beside the values of its fields.
    fn by_basis(&self, basis: Basis, kernel: Kernel) -> Option<Extent> {
        match basis {
            Basis::Always | Basis::Modules | Basis::Captured | Basis::LongMode => None,
            Basis::SystemCalls => self.unless_syscall(),
            Basis::GsBase => self
                .unless_syscall()
                .or(not_if(self.no_gs_base, Reason::NoGsBase)),
            Basis::TaskState => not_if(self.tr_at_reset, Reason::TrAtReset),
            Basis::Windows => not_if(!self.windows, Reason::NotWindows),
            Basis::Driver => {
                not_if(!self.from_driver, Reason::NotFromDriver).or_else(|| self.unless_efer())
            }
            Basis::WindowsEfer => {
                not_if(!self.windows, Reason::NotWindows).or_else(|| self.unless_efer())
            }
            Basis::Efer => self.unless_efer().or_else(|| self.unless_syscall()),
            Basis::Witness => match self.witness {
                WitnessState::Absent => Some(Extent::Not(Reason::NoWitness)),
                WitnessState::Unread => Some(Extent::Not(Reason::WitnessUnread)),
                WitnessState::Listed => Some(Extent::Weakly(Reason::ListedOnly)),
                WitnessState::Partly => Some(Extent::Weakly(Reason::PartlyCompared)),
                WitnessState::There => None,
            },
            Basis::WitnessRead => not_if(self.witness == WitnessState::Absent, Reason::NoWitness),
            Basis::EntryPoint(field) => {
                // SYSENTER does not ask EFER.
                let by_syscall = field != Field::SysenterEip;
                let disabled = by_syscall.then(|| self.unless_syscall()).flatten();
                disabled.or(match kernel {
                    Kernel::Known(_) => None,
                    Kernel::NoList => Some(Extent::Weakly(Reason::ByAddress)),
                    Kernel::Unnamed => Some(Extent::Weakly(Reason::NoKernel)),
                    Kernel::InDoubt(_) => Some(Extent::Weakly(Reason::KernelInDoubt)),
                })
            }
            Basis::KernelImage => self.unless_syscall().or(match kernel {
                Kernel::Unnamed => Some(Extent::Not(Reason::NoKernel)),
                Kernel::InDoubt(_) => Some(Extent::Weakly(Reason::KernelInDoubt)),
                Kernel::Known(_) | Kernel::NoList => None,
            }),
        }
    }

    fn unless_efer(&self) -> Option<Extent> {
        not_if(!self.has_efer, Reason::EferNotRecorded)
    }

    fn unless_syscall(&self) -> Option<Extent> {
        not_if(self.no_syscall, Reason::SyscallDisabled)
    }

    fn by_hidden(&self, rule: FindingId) -> Extent {
        let lacking = rule
            .looks_at(self.has_swapped)
            .filter(|field| self.is_hidden(*field));
        let lacking: Vec<Field> = lacking.collect();
        let is_absent = lacking.iter().any(|field| self.absent & bit(*field) != 0);
        let (all, some) = if is_absent {
            (Reason::NotRecorded, Reason::PartlyRecorded)
        } else {
            (Reason::Hidden, Reason::PartlyHidden)
        };
        match lacking.len() {
            0 => Extent::Judged,
            count if count == rule.fields().len() => Extent::Not(all),
            _ => Extent::Weakly(some),
        }
    }

    /// The field that has what another has in the kernel: SWAPGS exchanges the two bases.
    pub(super) fn judged_for(&self, field: Field) -> Field {
        judged_for(field, self.has_swapped)
    }
}

/// What VMSAVE stores and the source does not print.
fn absent(capture: &Capture) -> Fields {
    let fields = VmsaveField::ALL.into_iter().map(Field::from);
    let absent = fields.filter(|field| !capture.tells(*field));
    absent.fold(0, |all, field| all | bit(field))
}

fn judged_for(field: Field, has_swapped: bool) -> Field {
    match field {
        Field::GsBase if has_swapped => Field::KernelGsBase,
        other => other,
    }
}

/// Whether the kernel's GS base is in `KernelGsBase`: a guest may have been stopped in user mode, or
/// in the kernel before SWAPGS. The driver itself always runs behind it.
pub(crate) fn has_swapped(snapshot: &Snapshot, capture: &Capture) -> bool {
    match Mode::of(snapshot, capture) {
        Mode::User => true,
        Mode::Kernel if snapshot.driver.is_none() => {
            let registers = &capture.vmsave.system_call;
            !is_upper_half(capture.vmsave.gs.base) && is_upper_half(registers.kernel_gs_base)
        }
        _ => false,
    }
}

impl FindingId {
    /// The fields that the rule looks at on a processor: what it asks of GS base it asks of
    /// `KernelGsBase` where SWAPGS put the kernel's base there. Rules that look at each register by
    /// itself look at both as they are.
    pub(crate) fn looks_at(self, has_swapped: bool) -> impl Iterator<Item = Field> {
        let by_itself = self.fields().contains(&Field::KernelGsBase);
        let fields = self.fields().iter();
        fields.map(move |field| judged_for(*field, has_swapped && !by_itself))
    }
}

fn not_if(lacks: bool, reason: Reason) -> Option<Extent> {
    lacks.then_some(Extent::Not(reason))
}

/// Whether TR is as the processor has it at reset, but for its type.
///
/// Source: APM volume 2, section 14.1.3 (Processor Initialization State).
fn is_at_reset(capture: &Capture) -> bool {
    let tr = &capture.vmsave.tr;
    (tr.selector, tr.limit, tr.base) == (0, 0xFFFF, 0)
}

impl Mode {
    fn of(snapshot: &Snapshot, capture: &Capture) -> Self {
        match capture.guest {
            // The driver runs in the kernel of a running Windows, whatever a file adds.
            _ if snapshot.driver.is_some() => Self::Kernel,
            Some(guest) if guest.vmsa => Self::Vmsa,
            Some(guest) if guest.encrypted && capture.is_empty() => Self::Encrypted,
            _ if capture.is_empty() => Self::Empty,
            _ if !capture.is_in_long_mode() => Self::NotLong,
            Some(guest) if guest.cpl == 3 => Self::User,
            _ => Self::Kernel,
        }
    }
}

/// What every rule could judge, equal ones together. Some may be broken by a system's design.
pub(super) fn of(
    classes: &Table<Class, Vec<ProcessorId>>,
    kernel: Kernel,
    by_design: &[FindingId],
) -> Vec<Coverage> {
    let mut coverage = Vec::new();
    for rule in FindingId::all() {
        let mut extents: Table<Extent, Vec<ProcessorId>> = Table::new();
        for (class, ids) in classes.iter() {
            let extent = match class.extent(rule, kernel) {
                Extent::Judged if by_design.contains(&rule) => Extent::Weakly(Reason::OwnEntries),
                extent => extent,
            };
            extents.get_or_default(extent).extend(ids);
        }
        for (extent, mut processors) in extents {
            sort::by_number(&mut processors, |id| id.index.into());
            coverage.push(Coverage {
                rule,
                extent,
                processors,
            });
        }
    }
    coverage
}
