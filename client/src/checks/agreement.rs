//! What the kernel sets to one value on every processor.

use super::{Evidence, Finding, FindingId, Machine};
use crate::model::{Field, fold};

const SHARED: [(FindingId, Field); 5] = [
    (FindingId::LstarDiffers, Field::Lstar),
    (FindingId::CstarDiffers, Field::Cstar),
    (FindingId::StarDiffers, Field::Star),
    (FindingId::SfmaskDiffers, Field::Sfmask),
    (FindingId::TrLimitDiffers, Field::TrLimit),
];

pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    for (id, field) in SHARED {
        findings.extend(differs(machine, id, field, |value| value));
    }
    for field in [Field::EferFound, Field::Efer] {
        // Who uses SVM is another question.
        const SVME: u64 = 1 << 12;
        findings.extend(differs(machine, FindingId::EferDiffers, field, |efer| {
            efer & !SVME
        }));
    }
}

/// A field that has several values, told apart by their form. With a majority the finding is about
/// the others; without one it is about all.
fn differs(
    machine: &Machine,
    id: FindingId,
    field: Field,
    form: impl Fn(u64) -> u64,
) -> Option<Finding> {
    let captures = machine
        .subjects(id)
        .filter_map(|subject| Some((form(subject.value(field)?), subject.id)));
    let mut forms = fold::by_value(captures);
    if forms.len() < 2 {
        return None;
    }
    let usual = fold::majority(&forms).copied();
    fold::most_first(&mut forms);
    let count = forms.len();
    let groups: Vec<String> = forms
        .iter()
        .map(|(_, ids)| fold::processors(ids.iter().copied()))
        .collect();
    let evidence = |is_usual: bool| -> Vec<Evidence> {
        let mut values = machine.values(id, field);
        values.retain(|(value, _)| (Some(form(*value)) == usual) == is_usual);
        fold::most_first(&mut values);
        values
            .into_iter()
            .map(|(value, ids)| Evidence::new(machine.snapshot, field, value, ids))
            .collect()
    };
    let mut finding = Finding::new(id, String::new(), evidence(false));
    finding.others = evidence(true);
    finding.sentence = match usual {
        Some(_) => format!(
            "{} has {count} values; not with the majority: {}",
            field.heading(),
            fold::processors(finding.processors.iter().copied())
        ),
        None => format!(
            "{} has {count} values and none of them a majority: {}",
            field.heading(),
            groups.join("; ")
        ),
    };
    Some(finding)
}
