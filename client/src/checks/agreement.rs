//! What the kernel sets to one value on every processor.

use std::cmp::Reverse;

use super::{Evidence, Finding, FindingId, values};
use crate::model::{
    Snapshot,
    field::{self, Field},
    fold,
};

const SHARED: [(FindingId, &str); 5] = [
    (FindingId::LstarDiffers, "lstar"),
    (FindingId::CstarDiffers, "cstar"),
    (FindingId::StarDiffers, "star"),
    (FindingId::SfmaskDiffers, "sfmask"),
    (FindingId::TrLimitDiffers, "tr.limit"),
];

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    for (id, name) in SHARED {
        findings.extend(field::named(name).and_then(|field| differs(snapshot, id, field)));
    }
}

/// A field that has several values: the finding names those who are not with the majority.
fn differs(snapshot: &Snapshot, id: FindingId, field: &'static Field) -> Option<Finding> {
    let mut values = values(snapshot, field);
    if values.len() < 2 {
        return None;
    }
    values.sort_by_key(|(_, ids)| Reverse(ids.len()));
    let outliers = values
        .iter()
        .skip(1)
        .flat_map(|(_, ids)| ids.iter().copied());
    let sentence = format!(
        "{} has {} values; not with the majority: {}",
        field.heading,
        values.len(),
        fold::processors(outliers)
    );
    let evidence = values
        .into_iter()
        .map(|(value, ids)| Evidence::new(snapshot, field, value, ids));
    Some(Finding::new(id, sentence, evidence.collect()))
}
