//! Whether every processor answered, without contradicting itself, and whether SVM is in use.

use amd_svm::msr::Efer;

use super::{Evidence, Finding, FindingId, Machine, unfit, unfit_captures};
use crate::model::table::Table;
use crate::model::{Disagreement, Field, ProcessorId, Unavailable, fold};

pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    let snapshot = machine.snapshot;
    let silent = snapshot
        .processors
        .iter()
        .filter_map(|processor| Some((processor.result.as_ref().err()?, processor.id)));
    findings.extend(by_reason(
        FindingId::NotCaptured,
        silent,
        |place, reason| format!("VMSAVE was not completed on {place}: {reason}"),
    ));
    let unread = snapshot
        .captures()
        .filter_map(|(id, capture)| Some((capture.witness.as_ref()?.as_ref().err()?, id)));
    findings.extend(by_reason(
        FindingId::WitnessUnread,
        unread,
        |place, reason| format!("VMSAVE was compared with nothing on {place}: {reason}"),
    ));
    let encrypted: Vec<_> = snapshot
        .captures()
        .filter(|(_, capture)| capture.guest.is_some_and(|guest| guest.encrypted))
        .map(|(id, _)| id)
        .collect();
    if !encrypted.is_empty() && !machine.classes.keys().any(super::Class::is_from_driver) {
        let place = fold::processors(encrypted.iter().copied());
        findings.push(Finding::without_values(
            FindingId::GuestEncrypted,
            format!("SEV-ES keeps the registers out of the page of {place}"),
            encrypted,
        ));
    }
    contradicted(machine, findings);
    efer(machine, findings);
}

/// A finding for each reason, with the processors on which it is the reason.
fn by_reason<'a>(
    id: FindingId,
    met: impl Iterator<Item = (&'a Unavailable, ProcessorId)>,
    sentence: impl Fn(&str, &Unavailable) -> String,
) -> Vec<Finding> {
    fold::by_key(met, ToString::to_string)
        .into_iter()
        .map(|(reason, ids)| {
            let place = fold::processors(ids.iter().copied());
            Finding::without_values(id, sentence(&place, reason), ids)
        })
        .collect()
}

/// A finding for each field in which VMSAVE is contradicted, however many processors do.
fn contradicted(machine: &Machine, findings: &mut Vec<Finding>) {
    let id = FindingId::VmsaveContradicted;
    let mut by_field: Table<Field, Vec<(Disagreement, ProcessorId)>> = Table::new();
    for subject in machine.subjects(id) {
        let all = machine.snapshot.disagreements(subject.id, subject.capture);
        for one in all.into_iter().flatten() {
            by_field.get_or_default(one.field).push((one, subject.id));
        }
    }
    for (field, disagreements) in by_field {
        let values: Vec<_> = fold::by_value(disagreements)
            .into_iter()
            .map(|(one, ids)| Evidence {
                witness: Some(one.witness),
                ..Evidence::new(machine.snapshot, field, one.vmsave, ids)
            })
            .collect();
        let mut finding = Finding::new(id, String::new(), values);
        let place = fold::processors(finding.processors.iter().copied());
        finding.sentence = match finding.values.as_slice() {
            [one] => format!(
                "{field} of {place} is {:#x} by VMSAVE and {:#x} without it",
                one.value,
                one.witness.unwrap_or_default()
            ),
            _ => format!("{field} of {place} is another by VMSAVE than without it"),
        };
        findings.push(finding);
    }
}

fn efer(machine: &Machine, findings: &mut Vec<Finding>) {
    for field in [Field::EferFound, Field::Efer] {
        findings.extend(unfit(
            machine,
            FindingId::EferUnprotected,
            field,
            |value| {
                let efer = Efer::from(value);
                efer.system_call()
                    && efer.long_mode_enable()
                    && efer.long_mode_active()
                    && efer.no_execute()
            },
            |place| format!("EFER lacks SCE, LME, LMA or NXE on {place}"),
        ));
    }
    findings.extend(unfit(
        machine,
        FindingId::SvmInUse,
        Field::EferFound,
        |value| !Efer::from(value).svme(),
        |place| format!("EFER.SVME was already set on {place}"),
    ));
    findings.extend(unfit_captures(
        machine,
        FindingId::EferNotRestored,
        &[Field::EferFound, Field::EferLeft],
        |subject| {
            let details = subject.capture.details;
            details.is_some_and(|details| details.efer_found != details.efer_left)
        },
        |place| format!("EFER was left with another value than it was found with on {place}"),
    ));
}
