//! What changed between two snapshots: the fields that differ, processors lined up.
//!
//! Compared is what says something: not what changes with every thread, not the forms in which
//! processors store the same state, and not where a kernel happens to be loaded.

mod images;
mod processors;
mod subject;

use std::fmt;

use self::images::Images;
use self::processors::{Pair, capture, line_up};
use self::subject::{Outcome, Subject};
use super::sorted;
use crate::model::field::Kind;
use crate::model::fold;
use crate::model::{Field, ProcessorId, Snapshot};

/// What is compared, and how.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// These fields alone; empty for those that say something of the machine.
    pub fields: Vec<Field>,
    /// What belongs to a thread or a moment too: FS base, `KernelGsBase`, time stamps; of a guest's
    /// pages also its general registers, why it exited, and FS, GS and LDTR.
    pub all: bool,
    /// The numbers as they are: neither canonical forms nor places.
    pub raw: bool,
}

/// The differences between two snapshots, each with the processors that it was seen on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    /// Fields that changed, in the order of the save area.
    pub changes: Vec<Change>,
    /// What became of processors that have a capture in one snapshot only.
    pub processors: Vec<ProcessorChange>,
    /// Processors on which VMSAVE and what was read without it contradict each other in other fields
    /// than before: the fields, with commas, or `none`.
    pub contradictions: Vec<ProcessorChange>,
    /// Another kernel: its image before and after. Entry points in it are not compared, but for whether
    /// processors still agree.
    pub kernel: Option<[String; 2]>,
    /// Whether the kernel was loaded at another address: addresses are compared by their place and
    /// their shape then.
    pub is_relocated: bool,
    /// What differs in numbers alone, and is the same in its canonical form.
    pub same_in_canonical_form: Vec<Form>,
    /// What could not be compared.
    pub not_compared: Vec<NotCompared>,
    /// One of the snapshots alone has a list of modules: entry points are compared by number.
    pub lacks_modules: bool,
}

/// A field that changed in one way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The field.
    pub field: Field,
    /// The processors on which it changed so.
    pub processors: Vec<ProcessorId>,
    /// The value in the first snapshot.
    pub before: u64,
    /// The value in the second snapshot.
    pub after: u64,
    /// Module and offset of the first value, where it is an entry point in a module.
    pub before_place: Option<String>,
    /// Module and offset of the second value.
    pub after_place: Option<String>,
}

/// What is said of processors as a whole, and is another in either snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessorChange {
    /// The processors.
    pub processors: Vec<ProcessorId>,
    /// What the first snapshot says of them.
    pub before: String,
    /// What the second snapshot says of them.
    pub after: String,
}

/// A field whose numbers differ and whose meaning does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Form {
    /// The field.
    pub field: Field,
    /// Where.
    pub processors: Vec<ProcessorId>,
}

/// What was not compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotCompared {
    /// The field; none if it is all that a processor has, or that the reason is about.
    pub field: Option<Field>,
    /// Why.
    pub lack: Lack,
    /// Where.
    pub processors: Vec<ProcessorId>,
}

/// Why something was not compared.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Lack {
    /// Neither snapshot has a capture of the processor, for the same reason.
    NotCaptured,
    /// The machine has the processor, and both snapshots were saved without it.
    NotInSnapshot,
    /// The registers of both guests are encrypted: what a page has is not theirs.
    Encrypted,
    /// Both pages have nothing but zeros where VMSAVE stores.
    Empty,
    /// Both pages are save areas of encrypted guests, which have no control area.
    Vmsa,
    /// A driver hid it.
    Hidden,
    /// Neither source has what others of its kind have.
    NotRecorded,
    /// One of the snapshots has it.
    OneSided,
    /// It is an address outside all modules, and one of the snapshots is anonymous.
    Anonymous,
    /// One of the snapshots alone has what was read without VMSAVE, or a list of contradictions.
    OneWitness,
    /// It is an entry point in kernels of two builds.
    OtherBuild,
}

impl Lack {
    /// The name by which programs know it: it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCaptured => "not-captured",
            Self::NotInSnapshot => "not-in-snapshot",
            Self::Encrypted => "encrypted",
            Self::Empty => "empty",
            Self::Vmsa => "vmsa",
            Self::Hidden => "hidden",
            Self::NotRecorded => "not-recorded",
            Self::OneSided => "in-one-snapshot-only",
            Self::Anonymous => "anonymous",
            Self::OneWitness => "witness-in-one-snapshot-only",
            Self::OtherBuild => "another-build",
        }
    }

    /// What is meant where it is about no field in particular: nothing more than the processors, if
    /// it is all that they have.
    pub(crate) const fn subject(self) -> &'static str {
        match self {
            Self::Encrypted | Self::Empty => "registers on ",
            Self::Vmsa => "control area on ",
            Self::OneWitness => "contradictions on ",
            _ => "",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCaptured => "there is no capture",
            Self::NotInSnapshot => "in neither snapshot",
            Self::Encrypted => "the guest's state is encrypted",
            Self::Empty => "nothing is stored",
            Self::Vmsa => "the page is an SEV-ES save area (VMSA)",
            Self::Hidden => "hidden by the driver",
            Self::NotRecorded => "not in what the source prints",
            Self::OneSided => "in one snapshot only",
            Self::Anonymous => "made up in an anonymous snapshot",
            Self::OneWitness => "read without VMSAVE in one snapshot only",
            Self::OtherBuild => "the kernel is of another build",
        })
    }
}

impl Comparison {
    /// Whether the user wants everything, or this field by name.
    fn insists_on(&self, field: Field) -> bool {
        match self.fields.as_slice() {
            [] => self.all,
            fields => fields.contains(&field),
        }
    }

    /// Whether a field is compared, given the one whose part it plays.
    fn compares(&self, field: Field, role: Field) -> bool {
        let lasts = || matches!(role.kind(), Kind::Shared | Kind::Own) || role.passing_bits() != 0;
        self.insists_on(field) || self.fields.is_empty() && lasts()
    }
}

impl Diff {
    /// Compares what says something of the machine.
    #[must_use]
    pub fn between(before: &Snapshot, after: &Snapshot) -> Self {
        Self::compare(before, after, &Comparison::default())
    }

    /// Compares what is asked for.
    #[must_use]
    pub fn compare(before: &Snapshot, after: &Snapshot, comparison: &Comparison) -> Self {
        let pairs = line_up(before, after);
        let sides = [before, after];
        let (contradictions, one_witness) = processors::contradictions(sides, &pairs, comparison);
        let mut diff = Self {
            processors: processors::changes(&pairs),
            contradictions,
            not_compared: processors::lacks(sides, &pairs, comparison),
            ..Self::default()
        };
        diff.lacks(None, Lack::OneWitness, one_witness);
        let images = Images::of(before, after);
        if !comparison.raw {
            diff.is_relocated = images.is_relocated;
            diff.kernel = images.other_kernel();
        }
        diff.lacks_modules = before.modules.is_empty() != after.modules.is_empty();
        let mut has_pages = sides.iter().flat_map(|side| side.captures());
        let parts = has_pages
            .any(|(_, capture)| capture.pages.is_some())
            .then(Field::of_pages);
        for field in Field::all().chain(parts.into_iter().flatten()) {
            diff.add(field, sides, &pairs, &images, comparison);
        }
        diff
    }

    /// Compares a field wherever both have a capture.
    fn add(
        &mut self,
        field: Field,
        sides: [&Snapshot; 2],
        pairs: &[(ProcessorId, Pair)],
        images: &Images,
        comparison: &Comparison,
    ) {
        let mut changes = Vec::new();
        let mut forms = Vec::new();
        let mut lacks = Vec::new();
        let mut in_builds = Vec::new();
        let is_by_number = subject::is_told_by_number(field, sides, images);
        for (id, [one, other]) in pairs {
            let (Some(one), Some(other)) = (capture(*one), capture(*other)) else {
                continue;
            };
            let is_same = || {
                field
                    .of(one)
                    .is_some_and(|value| field.of(other) == Some(value))
            };
            if is_by_number && is_same() {
                continue;
            }
            let captures = [one, other];
            let subject = Subject::new(field, sides, captures, comparison);
            match subject.compare(sides, captures, images, comparison) {
                Outcome::Same => {}
                Outcome::SameForm => forms.push(*id),
                Outcome::Changed(values) => changes.push((values, *id)),
                Outcome::NotCompared(lack) => lacks.push((lack, *id)),
                Outcome::OtherBuild(values) => in_builds.push((values, *id)),
            }
        }
        let as_before = agreeing(in_builds, &mut changes);
        self.tell(field, sides, changes);
        if !forms.is_empty() {
            self.same_in_canonical_form.push(Form {
                field,
                processors: forms,
            });
        }
        for (lack, processors) in fold::by_value(lacks) {
            self.lacks(Some(field), lack, processors);
        }
        self.lacks(Some(field), Lack::OtherBuild, as_before);
    }

    /// Notes what was not compared on processors, if there are any.
    fn lacks(&mut self, field: Option<Field>, lack: Lack, processors: Vec<ProcessorId>) {
        if !processors.is_empty() {
            self.not_compared.push(NotCompared {
                field,
                lack,
                processors,
            });
        }
    }

    /// Tells of values that differ, once for all processors on which both sides are the same.
    fn tell(
        &mut self,
        field: Field,
        [before, after]: [&Snapshot; 2],
        changes: Vec<([u64; 2], ProcessorId)>,
    ) {
        let changes = fold::by_value(changes).into_iter();
        self.changes
            .extend(changes.map(|([value, changed_to], processors)| Change {
                field,
                processors,
                before: value,
                after: changed_to,
                before_place: field.place(value, before),
                after_place: field.place(changed_to, after),
            }));
    }

    /// Leaves out the differences that are about none of these processors, and says how many those
    /// were.
    pub(crate) fn narrow(&mut self, shown: &[ProcessorId]) -> usize {
        let all = self.count();
        let is_shown = |ids: &[ProcessorId]| {
            let mut ids = ids.iter();
            ids.any(|id| shown.iter().any(|one| one.index == id.index))
        };
        self.changes.retain(|change| is_shown(&change.processors));
        for changes in [&mut self.processors, &mut self.contradictions] {
            changes.retain(|change| is_shown(&change.processors));
        }
        all - self.count()
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// Whether everything that was to be compared was compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_compared.is_empty()
    }

    /// How many differences there are, equal ones of several processors being one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.changes.len()
            + self.processors.len()
            + self.contradictions.len()
            + usize::from(self.kernel.is_some())
    }
}

/// What entry points in kernels of two builds tell: nothing by themselves, and something where
/// processors that have one value in one snapshot have several in the other. Those that are not with
/// the majority changed then, or all without one; the others are returned.
fn agreeing(
    values: Vec<([u64; 2], ProcessorId)>,
    changes: &mut Vec<([u64; 2], ProcessorId)>,
) -> Vec<ProcessorId> {
    let folded = fold::by_value(values);
    let mut agreeing = Vec::new();
    for (values, ids) in &folded {
        let is_usual = |side: usize| {
            let agreed = folded
                .iter()
                .filter(|(other, _)| other[side] == values[side]);
            let agreed: usize = agreed.map(|(_, ids)| ids.len()).sum();
            2 * ids.len() > agreed
        };
        if is_usual(0) && is_usual(1) {
            agreeing.extend(ids);
        } else {
            changes.extend(ids.iter().map(|id| (*values, *id)));
        }
    }
    sorted(agreeing)
}
