//! Whether every processor answered, without contradicting itself, and who owns SVM.

use amd_svm::msr::Efer;

use super::{Evidence, Finding, FindingId, unfit, values};
use crate::model::{Obstacle, ProcessorId, Snapshot, field, fold};

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let silent = snapshot
        .processors
        .iter()
        .filter_map(|processor| Some((processor.result.err()?, processor.id)));
    findings.extend(obstacles(
        FindingId::NotCaptured,
        silent,
        |place, obstacle| format!("VMSAVE was not completed on {place}: {obstacle}"),
    ));
    let unread = snapshot
        .captures()
        .filter_map(|(id, capture)| Some((capture.witness?.err()?, id)));
    findings.extend(obstacles(
        FindingId::WitnessUnread,
        unread,
        |place, obstacle| format!("VMSAVE was compared with nothing on {place}: {obstacle}"),
    ));
    findings.extend(snapshot.captures().flat_map(|(id, capture)| {
        capture.disagreements().map(move |found| Finding {
            id: FindingId::VmsaveContradicted,
            severity: FindingId::VmsaveContradicted.severity(),
            sentence: format!(
                "{} of processor {} is {:#x} by VMSAVE and {:#x} without it",
                found.field, id.index, found.vmsave, found.witness
            ),
            values: vec![Evidence {
                field: found.field,
                processors: vec![id],
                value: found.vmsave,
                witness: Some(found.witness),
                place: None,
            }],
        })
    }));
    efer(snapshot, findings);
}

/// A finding for each obstacle, with the processors that it was met on.
fn obstacles(
    id: FindingId,
    met: impl Iterator<Item = (Obstacle, ProcessorId)>,
    sentence: impl Fn(&str, Obstacle) -> String,
) -> Vec<Finding> {
    fold::by_key(met, Obstacle::to_string)
        .into_iter()
        .map(|(obstacle, ids)| {
            Finding::new(id, sentence(&fold::processors(ids), obstacle), Vec::new())
        })
        .collect()
}

fn efer(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let Some(found) = field::named("efer_found") else {
        return;
    };
    let without_svme = |efer: u64| u64::from(Efer::from(efer).with_svme(false));
    let all = values(snapshot, found);
    let evidence = || {
        all.iter()
            .map(|(value, ids)| Evidence::new(snapshot, found, *value, ids.clone()))
            .collect()
    };
    let mut others = all.iter().map(|(value, _)| without_svme(*value));
    let first = others.next();
    if others.any(|other| Some(other) != first) {
        findings.push(Finding::new(
            FindingId::EferDiffers,
            format!(
                "EFER has {} values, apart from SVME",
                distinct(&all, without_svme)
            ),
            evidence(),
        ));
    }
    findings.extend(unfit(
        snapshot,
        FindingId::EferUnprotected,
        found,
        |value| {
            let efer = Efer::from(value);
            efer.system_call()
                && efer.long_mode_enable()
                && efer.long_mode_active()
                && efer.no_execute()
        },
        |place| format!("EFER lacks SCE, LME, LMA or NXE on {place}"),
    ));
    findings.extend(unfit(
        snapshot,
        FindingId::SvmInUse,
        found,
        |value| !Efer::from(value).svme(),
        |place| format!("EFER.SVME was already set on {place}"),
    ));
    findings.extend(not_restored(snapshot));
}

fn distinct(all: &[(u64, Vec<ProcessorId>)], form: impl Fn(u64) -> u64) -> usize {
    let forms: std::collections::BTreeSet<u64> =
        all.iter().map(|(value, _)| form(*value)).collect();
    forms.len()
}

fn not_restored(snapshot: &Snapshot) -> impl Iterator<Item = Finding> {
    snapshot.captures().filter_map(|(id, capture)| {
        let noted = capture.circumstances?;
        let (found, left) = (noted.efer_found.into(), noted.efer_left.into());
        let evidence = |field, value| Evidence {
            field,
            processors: vec![id],
            value,
            witness: None,
            place: None,
        };
        (found != left).then(|| {
            Finding::new(
                FindingId::EferNotRestored,
                format!(
                    "EFER of processor {} was {found:#x} and was left as {left:#x}",
                    id.index
                ),
                vec![evidence("efer_found", found), evidence("efer_left", left)],
            )
        })
    })
}
