//! Is this machine as it should be? What a snapshot shows that no healthy machine shows, and how
//! far it lets that be judged.

mod agreement;
mod catalogue;
mod coverage;
mod diff;
mod entry_points;
mod finding_id;
mod machine;
mod modules;
mod processors;
mod segments;

mod severity;
mod vmrun;

pub use self::catalogue::FindingId;
pub(crate) use self::coverage::has_swapped;
use self::coverage::{Class, Kernel};
pub use self::coverage::{Coverage, Extent, Reason};
pub use self::diff::{Change, Comparison, Diff, Form, Lack, NotCompared, ProcessorChange};
pub use self::finding_id::UnknownFinding;
use self::machine::{Machine, Subject};
pub use self::severity::Severity;
pub(crate) use self::vmrun::Vmrun;
use crate::model::fold::{self, Folded};
use crate::model::{Field, ProcessorId, Snapshot, sort};

/// Something that a healthy machine does not show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is.
    pub id: FindingId,
    /// How bad it is.
    pub severity: Severity,
    /// The whole of it in one sentence.
    pub sentence: String,
    /// The values that are not as they should be, and where.
    pub values: Vec<Evidence>,
    /// What the other processors have instead, where they tell what is right: they are the majority,
    /// or the majority's value is itself not as it should be.
    pub others: Vec<Evidence>,
    /// The processors that it is about, by index.
    pub processors: Vec<ProcessorId>,
}

/// A value that a [`Finding`] rests on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// The field.
    pub field: Field,
    /// Where it was seen.
    pub processors: Vec<ProcessorId>,
    /// The value.
    pub value: u64,
    /// What was read without VMSAVE, where that is the matter.
    pub witness: Option<u64>,
    /// The module and offset that the value stands for, where it is an address in one.
    pub place: Option<String>,
}

/// What was found, and how far it could be looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What is wrong with the machine: worst first.
    pub findings: Vec<Finding>,
    /// How many findings were left out of each kind that was to be ignored.
    pub ignored: Vec<(FindingId, usize)>,
    /// How far each rule was judged, on which processors.
    pub coverage: Vec<Coverage>,
    /// Processors of the machine, with those that are known and not in the snapshot.
    pub processors: usize,
}

/// How many rules were judged how far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// All rules.
    pub rules: usize,
    /// Judged everywhere, somewhere weakly.
    pub weakly: usize,
    /// Not judged on some processor.
    pub not_judged: usize,
    /// Of those, judged on none.
    pub nowhere: usize,
}

/// How a snapshot is judged.
///
/// ```
/// # fn judge(snapshot: &client::Snapshot) {
/// let verdict = client::Judge::default().judge(snapshot);
/// if verdict.findings.is_empty() && verdict.is_complete() {
///     println!("nothing found, and everything was looked at");
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Judge {
    insists_on_windows: bool,
    ignored: Vec<FindingId>,
}

impl Judge {
    /// Judges pages from elsewhere by the rules of a running x64 Windows, too.
    #[must_use]
    pub fn as_windows(mut self) -> Self {
        self.insists_on_windows = true;
        self
    }

    /// Leaves findings of these kinds out; the verdict says that it did.
    #[must_use]
    pub fn ignoring(mut self, ids: impl IntoIterator<Item = FindingId>) -> Self {
        self.ignored.extend(ids);
        self
    }

    /// Judges all processors of a snapshot. A processor without a capture is a finding.
    #[must_use]
    pub fn judge(&self, snapshot: &Snapshot) -> Verdict {
        let machine = Machine::new(snapshot, self.insists_on_windows);
        let mut findings = Vec::new();
        processors::check(&machine, &mut findings);
        entry_points::check(&machine, &mut findings);
        segments::check(&machine, &mut findings);
        modules::check(&machine, &mut findings);
        // A majority is measured by what was found of its value.
        let by_design = agreement::check(&machine, &mut findings);
        sort::by_number(&mut findings, |finding| finding.id.rank());
        let ids: Vec<FindingId> = FindingId::all()
            .filter(|id| self.ignored.contains(id))
            .collect();
        let ignored = ids
            .iter()
            .map(|id| (*id, findings.iter().filter(|one| one.id == *id).count()))
            .collect();
        findings.retain(|finding| !ids.contains(&finding.id));
        Verdict {
            findings,
            ignored,
            coverage: coverage::of(&machine.classes, machine.kernel, &by_design),
            processors: machine.classes.iter().map(|(_, ids)| ids.len()).sum(),
        }
    }
}

/// Judges a snapshot, with nothing ignored: see [`Judge`].
#[must_use]
pub fn check(snapshot: &Snapshot) -> Verdict {
    Judge::default().judge(snapshot)
}

impl Verdict {
    /// Whether every rule was judged on every processor, with all that it asks for.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.coverage.iter().all(|one| one.extent == Extent::Judged)
    }

    /// Whether a finding is at least as bad as this.
    #[must_use]
    pub fn has(&self, at_least: Severity) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity <= at_least)
    }

    /// Whether a rule was judged on some processor, if weakly.
    pub(crate) fn is_judged(&self, rule: FindingId) -> bool {
        let is_it = |one: &Coverage| one.rule == rule && !matches!(one.extent, Extent::Not(_));
        self.coverage.iter().any(is_it)
    }

    /// How many rules were judged how far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for rule in FindingId::all() {
            let of_rule = || self.coverage.iter().filter(move |one| one.rule == rule);
            counts.rules += 1;
            if of_rule().any(|one| matches!(one.extent, Extent::Not(_))) {
                counts.not_judged += 1;
                counts.nowhere += usize::from(!self.is_judged(rule));
            } else if of_rule().any(|one| matches!(one.extent, Extent::Weakly(_))) {
                counts.weakly += 1;
            }
        }
        counts
    }
}

impl Finding {
    fn new(id: FindingId, sentence: String, values: Vec<Evidence>) -> Self {
        let places = values
            .iter()
            .flat_map(|value| value.processors.iter().copied());
        let processors = sorted(places.collect());
        Self {
            id,
            severity: id.severity(),
            sentence,
            values,
            others: Vec::new(),
            processors,
        }
    }

    fn without_values(id: FindingId, sentence: String, processors: Vec<ProcessorId>) -> Self {
        Self {
            processors,
            ..Self::new(id, sentence, Vec::new())
        }
    }

    fn about_modules(id: FindingId, sentence: String) -> Self {
        Self::new(id, sentence, Vec::new())
    }

    /// The words before each of [`Finding::others`].
    pub(crate) fn others_have(&self) -> &'static str {
        let places = |all: &[Evidence]| all.iter().map(|one| one.processors.len()).sum::<usize>();
        if places(&self.others) > places(&self.values) {
            "most have "
        } else {
            "others have "
        }
    }
}

impl Evidence {
    fn new(snapshot: &Snapshot, field: Field, value: u64, processors: Vec<ProcessorId>) -> Self {
        Self {
            field,
            processors,
            value,
            witness: None,
            place: field.place(value, snapshot),
        }
    }
}

/// Processors by index, each once.
fn sorted(mut ids: Vec<ProcessorId>) -> Vec<ProcessorId> {
    sort::by_number(&mut ids, |id| id.index.into());
    ids.dedup();
    ids
}

/// The values of a field that are not as they should be, as one finding.
fn unfit(
    machine: &Machine,
    id: FindingId,
    field: Field,
    is_fit: impl Fn(u64) -> bool,
    sentence: impl Fn(&str) -> String,
) -> Option<Finding> {
    let unfit: Folded<u64> = machine
        .values(id, field)
        .into_iter()
        .filter(|(value, _)| !is_fit(*value))
        .collect();
    finding_of(machine, id, field, unfit, sentence)
}

/// Values of a field as one finding; none if there are none.
fn finding_of(
    machine: &Machine,
    id: FindingId,
    field: Field,
    values: Folded<u64>,
    sentence: impl Fn(&str) -> String,
) -> Option<Finding> {
    if values.is_empty() {
        return None;
    }
    let evidence: Vec<_> = values
        .into_iter()
        .map(|(value, ids)| Evidence::new(machine.snapshot, field, value, ids))
        .collect();
    let mut finding = Finding::new(id, String::new(), evidence);
    finding.sentence = sentence(&fold::processors(finding.processors.iter().copied()));
    Some(finding)
}

/// The values of a field as evidence, each under the name of the register that has it.
fn evidence<'s, 'm: 's>(
    machine: &Machine,
    field: Field,
    subjects: impl Iterator<Item = &'s Subject<'m>>,
) -> Vec<Evidence> {
    let values = subjects.filter_map(|subject| {
        let value = subject.value(field)?;
        Some(((subject.class.judged_for(field), value), subject.id))
    });
    fold::by_value(values)
        .into_iter()
        .map(|((field, value), ids)| Evidence::new(machine.snapshot, field, value, ids))
        .collect()
}

/// The captures of which something is true, with the values of the fields that it rests on.
fn unfit_captures(
    machine: &Machine,
    id: FindingId,
    fields: &[Field],
    is_unfit: impl Fn(&Subject) -> bool,
    sentence: impl Fn(&str) -> String,
) -> Option<Finding> {
    let found: Vec<&Subject> = machine
        .subjects(id)
        // The rule reads all of them.
        .filter(|subject| fields.iter().all(|field| subject.capture.tells(*field)))
        .filter(|subject| is_unfit(subject))
        .collect();
    if found.is_empty() {
        return None;
    }
    let evidence = fields
        .iter()
        .flat_map(|field| evidence(machine, *field, found.iter().copied()));
    let processors: Vec<_> = found.iter().map(|subject| subject.id).collect();
    let sentence = sentence(&fold::processors(processors.iter().copied()));
    Some(Finding {
        processors,
        ..Finding::new(id, sentence, evidence.collect())
    })
}

/// Whether an address has the form that linear addresses of this many bits have.
///
/// Source: APM volume 2, section 5.3.1 (Canonical Address Form).
fn is_canonical(address: u64, bits: u32) -> bool {
    let upper = address.cast_signed() >> (bits - 1);
    upper == 0 || upper == -1
}

/// Whether an address belongs to the kernel's half of the address space, which it does if it is
/// canonical.
fn is_upper_half(address: u64) -> bool {
    address >> 63 == 1 && is_canonical(address, MOST_ADDRESS_BITS)
}

/// Bits of a linear address with five levels of page tables, the most that there are.
const MOST_ADDRESS_BITS: u32 = 57;
