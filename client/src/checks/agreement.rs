//! What the kernel sets to one value on every processor.

use super::{Evidence, Finding, FindingId, Machine, Severity};
use crate::model::{Field, ProcessorId, fold};

const SHARED: [(FindingId, Field); 7] = [
    (FindingId::LstarDiffers, Field::Lstar),
    (FindingId::CstarDiffers, Field::Cstar),
    (FindingId::StarDiffers, Field::Star),
    (FindingId::SfmaskDiffers, Field::Sfmask),
    (FindingId::SysenterDiffers, Field::SysenterCs),
    (FindingId::SysenterDiffers, Field::SysenterEip),
    (FindingId::TrLimitDiffers, Field::TrLimit),
];

/// Adds to the findings of the other rules, which say what is wrong with a value by itself.
pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    let mut differing = Vec::new();
    for (id, field) in SHARED {
        differing.extend(differs(machine, findings, id, field, u64::MAX));
    }
    for field in [Field::EferFound, Field::Efer] {
        // Who uses SVM is another question.
        const SVME: u64 = 1 << 12;
        let id = FindingId::EferDiffers;
        differing.extend(differs(machine, findings, id, field, !SVME));
    }
    findings.append(&mut differing);
}

/// A field that has several values, told apart by some of their bits. With a majority the finding is
/// about the others, unless the majority's value is wrong by itself: the finding is about those with
/// such values then. Without a majority it is about all.
fn differs(
    machine: &Machine,
    found: &[Finding],
    id: FindingId,
    field: Field,
    bits: u64,
) -> Option<Finding> {
    let captures = machine
        .subjects(id)
        .filter_map(|subject| Some((subject.value(field)? & bits, subject.id)));
    let mut forms = fold::by_value(captures);
    if forms.len() < 2 {
        return None;
    }
    let usual = fold::majority(&forms).copied();
    fold::most_first(&mut forms);
    let wrong: Vec<u64> = forms
        .iter()
        .filter(|(form, ids)| is_wrong(found, field, bits, *form, ids))
        .map(|(form, _)| *form)
        .collect();
    let is_usual_wrong = usual.is_some_and(|usual| wrong.contains(&usual));
    let is_reference = |form: u64| match usual {
        Some(_) if is_usual_wrong => !wrong.contains(&form),
        usual => usual == Some(form),
    };
    let evidence = |wanted: bool| -> Vec<Evidence> {
        let mut values = machine.values(id, field);
        values.retain(|(value, _)| is_reference(*value & bits) == wanted);
        fold::most_first(&mut values);
        values
            .into_iter()
            .map(|(value, ids)| Evidence::new(machine.snapshot, field, value, ids))
            .collect()
    };
    let mut finding = Finding::new(id, String::new(), evidence(false));
    finding.others = evidence(true);
    let groups = forms
        .iter()
        .map(|(_, ids)| fold::processors(ids.iter().copied()));
    let groups = groups.collect::<Vec<_>>().join("; ");
    let told = match usual {
        Some(_) if is_usual_wrong => format!(" and the majority's is wrong by itself: {groups}"),
        Some(_) => format!(
            "; not with the majority: {}",
            fold::processors(finding.processors.iter().copied())
        ),
        None => format!(" and none of them a majority: {groups}"),
    };
    finding.sentence = format!("{} has {} values{told}", field.heading(), forms.len());
    Some(finding)
}

/// Whether a finding, and no mere notice, is about the value on each processor that has it.
fn is_wrong(found: &[Finding], field: Field, bits: u64, form: u64, ids: &[ProcessorId]) -> bool {
    let mut found = found.iter();
    found.any(|finding| {
        let values = finding.values.iter();
        let same = values.filter(|one| one.field == field && one.value & bits == form);
        let places: usize = same.map(|one| one.processors.len()).sum();
        finding.severity < Severity::Notice && places >= ids.len()
    })
}
