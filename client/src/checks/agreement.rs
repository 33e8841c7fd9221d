//! What the kernel sets to one value on every processor.

use super::{Evidence, Finding, FindingId, Machine, Severity, is_upper_half};
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

/// Adds to the findings of the other rules, which say what is wrong with a value by itself. Returns
/// the rules that each processor may break by its system's design.
pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) -> Vec<FindingId> {
    let mut differing = Vec::new();
    let mut by_design = Vec::new();
    for (id, field) in SHARED {
        if matches!(field, Field::Lstar | Field::Cstar) && has_own_entries(machine, id, field) {
            by_design.push(id);
            continue;
        }
        differing.extend(differs(machine, findings, id, field, u64::MAX));
    }
    for field in [Field::EferFound, Field::Efer] {
        // Who uses SVM is another question.
        const SVME: u64 = 1 << 12;
        let id = FindingId::EferDiffers;
        differing.extend(differs(machine, findings, id, field, !SVME));
    }
    findings.append(&mut differing);
    by_design
}

/// Whether each processor has an entry point of its own, as other systems than Windows lay them out.
///
/// Linux from 4.15 to 4.20 with page table isolation has one at the same place of each processor's
/// entry area, which are together within 512 GiB; Xen has stubs of 128 bytes within 4 GiB. Of two
/// entry points elsewhere one may be a hook.
fn has_own_entries(machine: &Machine, id: FindingId, field: Field) -> bool {
    const LINUX: u64 = 0xFFFF_FE00_0000_0000;
    const XEN: u64 = 0xFFFF_82D0_0000_0000;
    let entries = machine.values(id, field);
    let Some((first, _)) = entries.first() else {
        return false;
    };
    let is_each = |is: &dyn Fn(u64) -> bool| entries.iter().all(|(entry, _)| is(*entry));
    let is_same = |place: u64| is_each(&|entry| (entry ^ first) % place == 0);
    let is_within = |area: u64, bits: u32| is_each(&|entry| entry >> bits == area >> bits);
    let is_laid_out = is_same(1 << 12) && (entries.len() > 2 || is_within(LINUX, 39))
        || is_same(1 << 7) && is_within(XEN, 32);
    !machine.is_windows()
        && entries.len() > 1
        && entries.iter().all(|(_, ids)| ids.len() == 1)
        && is_each(&is_upper_half)
        && is_laid_out
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
