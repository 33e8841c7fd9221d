//! What changed between two snapshots: the fields that differ, processors lined up.
//!
//! Compared is what says something: not what changes with every thread, not the forms in which
//! processors store the same state, and not where a kernel happens to be loaded.

use std::collections::BTreeMap;
use std::fmt;

use amd_svm::witness;

use super::coverage::Kernel;
use super::{is_upper_half, modules};
use crate::model::field::Kind;
use crate::model::fold;
use crate::model::{Capture, Field, KernelModule, ProcessorId, ProcessorSnapshot, Snapshot};

/// What is compared, and how.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// These fields alone; empty for those that say something of the machine.
    pub fields: Vec<Field>,
    /// What belongs to a thread or a moment too: FS base, `KernelGsBase`, time stamps.
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
    /// Another kernel: its image before and after. Its entry points are not compared by offset.
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

/// Processors that have a capture in one snapshot only, or refused for another reason.
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

/// A field that was not compared.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotCompared {
    /// The field.
    pub field: Field,
    /// Why.
    pub lack: Lack,
    /// Where.
    pub processors: Vec<ProcessorId>,
}

/// Why a field was not compared.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Lack {
    /// A driver hid it.
    Hidden,
    /// One of the snapshots has it.
    OneSided,
}

impl Lack {
    /// The name by which programs know it: it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::OneSided => "in-one-snapshot-only",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hidden => "hidden by the driver",
            Self::OneSided => "in one snapshot only",
        })
    }
}

impl Comparison {
    fn compares(&self, field: Field) -> bool {
        if !self.fields.is_empty() {
            return self.fields.contains(&field);
        }
        self.all || matches!(field.kind(), Kind::Shared | Kind::Own)
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
        let mut diff = Self {
            processors: processor_changes(&pairs),
            ..Self::default()
        };
        let images = Images::of(before, after, comparison);
        diff.is_relocated = images.is_relocated;
        diff.kernel = images.other_kernel();
        let sides = [before, after];
        diff.lacks_modules = before.modules.is_empty() != after.modules.is_empty();
        let mut has_pages = sides.iter().flat_map(|side| side.captures());
        let parts = has_pages
            .any(|(_, capture)| capture.pages.is_some())
            .then(Field::of_pages);
        let fields = Field::all().chain(parts.into_iter().flatten());
        for field in fields.filter(|field| comparison.compares(*field)) {
            diff.add(field, sides, &pairs, &images, comparison.raw);
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
        raw: bool,
    ) {
        let [before, after] = sides;
        let mut pairs_of_values = Vec::new();
        let mut forms = Vec::new();
        let mut lacks = Vec::new();
        for (id, [one, other]) in pairs {
            let (Some(one), Some(other)) = (capture(*one), capture(*other)) else {
                continue;
            };
            match [before.value(field, one), after.value(field, other)] {
                [Some(one), Some(other)] if one == other => {}
                [Some(value), Some(changed_to)] => {
                    if !raw && canonical(field, one) == canonical(field, other) {
                        forms.push(*id);
                    } else if raw || !images.means_the_same(field, value, changed_to) {
                        pairs_of_values.push(((value, changed_to), *id));
                    }
                }
                _ if before.hides(field, one) || after.hides(field, other) => {
                    lacks.push((Lack::Hidden, *id));
                }
                [None, None] => {}
                // Zero says nothing if the other side has no page at all.
                [Some(0), None] | [None, Some(0)]
                    if matches!(field, Field::Page(_))
                        && one.pages.is_some() != other.pages.is_some() => {}
                _ => lacks.push((Lack::OneSided, *id)),
            }
        }
        self.tell(field, sides, pairs_of_values);
        if !forms.is_empty() {
            self.same_in_canonical_form.push(Form {
                field,
                processors: forms,
            });
        }
        let lacks = fold::by_value(lacks).into_iter();
        self.not_compared
            .extend(lacks.map(|(lack, processors)| NotCompared {
                field,
                lack,
                processors,
            }));
    }

    /// Tells of values that differ, once for all processors on which both sides are the same.
    fn tell(
        &mut self,
        field: Field,
        [before, after]: [&Snapshot; 2],
        pairs: Vec<((u64, u64), ProcessorId)>,
    ) {
        let changes = fold::by_value(pairs).into_iter();
        self.changes
            .extend(changes.map(|((value, changed_to), processors)| Change {
                field,
                processors,
                before: value,
                after: changed_to,
                before_place: field.place(value, before),
                after_place: field.place(changed_to, after),
            }));
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.processors.is_empty() && self.kernel.is_none()
    }

    /// Whether everything that was to be compared was compared.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.not_compared.is_empty()
    }

    /// How many differences there are, equal ones of several processors being one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.changes.len() + self.processors.len() + usize::from(self.kernel.is_some())
    }
}

/// Where the kernels of both snapshots are.
struct Images<'a> {
    sides: [&'a [KernelModule]; 2],
    kernels: Option<[&'a KernelModule; 2]>,
    is_relocated: bool,
}

impl<'a> Images<'a> {
    fn of(before: &'a Snapshot, after: &'a Snapshot, comparison: &Comparison) -> Self {
        let kernels = match [before, after].map(|one| modules::kernel(&one.modules)) {
            [Kernel::Known(before), Kernel::Known(after)] if !comparison.raw => {
                Some([before, after])
            }
            _ => None,
        };
        Self {
            sides: [&before.modules, &after.modules],
            kernels,
            is_relocated: kernels.is_some_and(|[before, after]| before.base != after.base),
        }
    }

    /// The two kernels, if they are not of one build.
    fn other_kernel(&self) -> Option<[String; 2]> {
        let [before, after] = self.kernels?;
        let name = |kernel: &KernelModule| {
            format!("{} of {:#x} bytes", kernel.printable_name(), kernel.size)
        };
        is_other_build(before, after).then(|| [name(before), name(after)])
    }

    /// Whether two numbers mean the same: the same place of a module, or, on a machine that was
    /// started again, an address of the same shape.
    fn means_the_same(&self, field: Field, before: u64, after: u64) -> bool {
        let Some(kernels) = self.kernels else {
            return false;
        };
        if field.is_entry_point() {
            let [one, other] = kernels;
            if is_other_build(one, other) {
                return one.contains(before) && other.contains(after);
            }
            let [modules, modules_after] = self.sides;
            return match (place(modules, before), place(modules_after, after)) {
                (Some(before), Some(after)) => before == after,
                _ => false,
            };
        }
        let is_placed_at_boot = matches!(
            field,
            Field::GsBase | Field::TrBase | Field::LdtrBase | Field::SysenterEsp
        );
        is_placed_at_boot && self.is_relocated && shape(before) == shape(after)
    }
}

fn is_other_build(before: &KernelModule, after: &KernelModule) -> bool {
    before.size != after.size || !before.name.eq_ignore_ascii_case(&after.name)
}

fn place(modules: &[KernelModule], address: u64) -> Option<(String, u64)> {
    let module = modules.iter().find(|module| module.contains(address))?;
    Some((module.name.to_ascii_lowercase(), address - module.base))
}

/// What is the same of an address that is chosen anew with each start: whether it is there, in
/// which half, and how it lies in its page.
fn shape(address: u64) -> (bool, bool, u64) {
    (address == 0, is_upper_half(address), address & 0xFFF)
}

fn canonical(field: Field, capture: &Capture) -> Option<u64> {
    if matches!(field, Field::Page(_)) {
        return field.of(capture);
    }
    field.of(&Capture {
        vmsave: witness::canonical(&capture.vmsave),
        pages: None,
        ..capture.clone()
    })
}

type Pair<'a> = [Option<&'a ProcessorSnapshot>; 2];

fn capture(processor: Option<&ProcessorSnapshot>) -> Option<&Capture> {
    processor?.result.as_ref().ok()
}

/// The processors of both by index.
fn line_up<'a>(before: &'a Snapshot, after: &'a Snapshot) -> Vec<(ProcessorId, Pair<'a>)> {
    let mut pairs: BTreeMap<u32, (ProcessorId, Pair)> = BTreeMap::new();
    for processor in &before.processors {
        pairs.insert(processor.id.index, (processor.id, [Some(processor), None]));
    }
    for processor in &after.processors {
        let entry = pairs.entry(processor.id.index);
        let (_, [_, after]) = entry.or_insert((processor.id, [None, None]));
        *after = Some(processor);
    }
    pairs.into_values().collect()
}

fn processor_changes(pairs: &[(ProcessorId, Pair)]) -> Vec<ProcessorChange> {
    let changed = pairs.iter().filter(|(_, [before, after])| {
        !matches!((capture(*before), capture(*after)), (Some(_), Some(_)))
    });
    let told = changed.filter_map(|(id, [before, after])| {
        let words = (standing(*before), standing(*after));
        (words.0 != words.1).then_some((words, *id))
    });
    fold::by_value(told)
        .into_iter()
        .map(|((before, after), processors)| ProcessorChange {
            processors,
            before,
            after,
        })
        .collect()
}

/// What is said of a processor instead of its values.
fn standing(processor: Option<&ProcessorSnapshot>) -> String {
    match processor.map(|processor| &processor.result) {
        None => "absent".to_owned(),
        Some(Ok(_)) => "captured".to_owned(),
        Some(Err(reason)) => format!("not captured: {reason}"),
    }
}
