//! Is this machine as it should be? What a snapshot shows that no healthy machine shows.

mod agreement;
mod catalogue;
pub(crate) mod diff;
mod entry_points;
mod processors;
mod segments;

use serde::{Serialize, Serializer};

pub use self::{
    catalogue::{FindingId, Severity, UnknownFinding},
    diff::{Change, Diff, ProcessorChange},
};
use crate::{
    model::{ProcessorId, Snapshot, field::Field, fold},
    render::json::Hex,
};

/// Something that a healthy machine does not show.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What it is.
    pub id: FindingId,
    /// How bad it is.
    pub severity: Severity,
    /// The whole of it in one sentence.
    #[serde(rename = "message")]
    pub sentence: String,
    /// The values that it rests on.
    pub values: Vec<Evidence>,
}

/// A value that a [`Finding`] rests on.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Evidence {
    /// The field: `lstar`, `tr.limit`.
    pub field: &'static str,
    /// Where it was seen.
    #[serde(serialize_with = "indices")]
    pub processors: Vec<ProcessorId>,
    /// The value.
    #[serde(serialize_with = "value")]
    pub value: u64,
    /// What was read without VMSAVE, where that is the matter.
    #[serde(
        serialize_with = "optional_value",
        skip_serializing_if = "Option::is_none"
    )]
    pub witness: Option<u64>,
    /// The module and offset that the value stands for, where it is an address in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What is wrong with the machine: worst first, nothing if all is well.
///
/// A processor without a capture is a finding; values that the driver hid are not judged.
#[must_use]
pub fn check(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    processors::check(snapshot, &mut findings);
    agreement::check(snapshot, &mut findings);
    entry_points::check(snapshot, &mut findings);
    segments::check(snapshot, &mut findings);
    findings.sort_by_key(|finding| (finding.severity, finding.id));
    findings
}

impl Finding {
    fn new(id: FindingId, sentence: String, values: Vec<Evidence>) -> Self {
        Self {
            id,
            severity: id.severity(),
            sentence,
            values,
        }
    }
}

impl Evidence {
    fn new(
        snapshot: &Snapshot,
        field: &'static Field,
        value: u64,
        processors: Vec<ProcessorId>,
    ) -> Self {
        Self {
            field: field.name,
            processors,
            value,
            witness: None,
            place: field.place(value, snapshot),
        }
    }
}

/// Each value that a field has, with its processors; nothing if the driver hid it.
fn values(snapshot: &Snapshot, field: &'static Field) -> Vec<(u64, Vec<ProcessorId>)> {
    if snapshot.hides(field.name) {
        return Vec::new();
    }
    fold::by_value(
        snapshot
            .captures()
            .filter_map(|(id, capture)| Some((field.of(capture)?, id))),
    )
}

/// The values of a field that are not as they should be, as one finding.
fn unfit(
    snapshot: &Snapshot,
    id: FindingId,
    field: &'static Field,
    is_fit: impl Fn(u64) -> bool,
    sentence: impl Fn(&str) -> String,
) -> Option<Finding> {
    let unfit: Vec<_> = values(snapshot, field)
        .into_iter()
        .filter(|(value, _)| !is_fit(*value))
        .collect();
    let ids = unfit.iter().flat_map(|(_, ids)| ids.iter().copied());
    let place = fold::processors(ids);
    (!unfit.is_empty()).then(|| {
        let evidence = unfit
            .into_iter()
            .map(|(value, ids)| Evidence::new(snapshot, field, value, ids));
        Finding::new(id, sentence(&place), evidence.collect())
    })
}

fn indices<S: Serializer>(ids: &[ProcessorId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|id| id.index))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn value<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    Hex(*value).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn optional_value<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Hex).serialize(serializer)
}
