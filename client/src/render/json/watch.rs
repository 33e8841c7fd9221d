//! What a watch sees, as lines of JSON that each say all that is needed to read them alone.

use serde::Serialize;

use super::diff::LackMembers;
use super::number;
use crate::checks::{Diff, Verdict};
use crate::model::{Error, ProcessorId};

/// When and where a line was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Moment {
    /// UTC, as RFC 3339 writes it, with milliseconds.
    pub(crate) time: String,
    /// The machine that the client runs on; none if the system does not tell.
    pub(crate) host: Option<String>,
    /// Since the watch began.
    pub(crate) milliseconds: u128,
}

#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    moment: &'a Moment,
    #[serde(flatten)]
    members: T,
}

/// The first line: what is watched, and how it stands.
pub(crate) fn baseline(
    moment: &Moment,
    processors: usize,
    verdict: &Verdict,
) -> Result<String, Error> {
    #[derive(Serialize)]
    struct Baseline {
        processors: usize,
        findings: Vec<&'static str>,
        complete: bool,
    }
    super::line(&Line {
        r#type: "baseline",
        moment,
        members: Baseline {
            processors,
            findings: verdict.findings.iter().map(|one| one.id.name()).collect(),
            complete: verdict.is_complete(),
        },
    })
}

/// A line for each field, or for each reason, that cannot be compared.
pub(crate) fn lacks(moment: &Moment, diff: &Diff) -> Result<String, Error> {
    let mut lines = String::new();
    for lack in &diff.not_compared {
        lines += &super::line(&Line {
            r#type: "not-compared",
            moment,
            members: LackMembers::from(lack),
        })?;
    }
    Ok(lines)
}

/// Which processor a change is of.
#[derive(Serialize)]
struct Place {
    processor: u32,
    group: u16,
    number: u8,
}

impl From<&ProcessorId> for Place {
    fn from(id: &ProcessorId) -> Self {
        Self {
            processor: id.index,
            group: id.group,
            number: id.number,
        }
    }
}

/// A changed value, of the machine or of a processor of it.
#[derive(Serialize)]
struct Change<'a> {
    #[serde(flatten)]
    processor: Option<Place>,
    field: &'a str,
    old: String,
    new: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
}

/// A line for the kernel, and for each processor and field that changed.
pub(crate) fn changes(moment: &Moment, diff: &Diff) -> Result<String, Error> {
    let values = diff.changes.iter().flat_map(|change| {
        change.processors.iter().map(|id| Change {
            processor: Some(id.into()),
            field: change.field.name(),
            old: number(change.field, change.before),
            new: number(change.field, change.after),
            old_place: change.before_place.as_deref(),
            place: change.after_place.as_deref(),
        })
    });
    let processors = diff.processors.iter().map(|change| ("processor", change));
    let contradictions = diff.contradictions.iter();
    let contradictions = contradictions.map(|change| ("contradictions", change));
    let processors = processors
        .chain(contradictions)
        .flat_map(|(field, change)| {
            change.processors.iter().map(move |id| Change {
                processor: Some(id.into()),
                field,
                old: change.before.clone(),
                new: change.after.clone(),
                old_place: None,
                place: None,
            })
        });
    let kernel = diff.kernel.iter().map(|[before, after]| Change {
        processor: None,
        field: "kernel",
        old: before.clone(),
        new: after.clone(),
        old_place: None,
        place: None,
    });
    let mut lines = String::new();
    for members in kernel.chain(processors).chain(values) {
        lines += &super::line(&Line {
            r#type: "change",
            moment,
            members,
        })?;
    }
    Ok(lines)
}

/// A line that tells how far the watch has come: `heartbeat`, or `end`.
pub(crate) fn counts(
    r#type: &'static str,
    moment: &Moment,
    snapshots: usize,
    changes: usize,
) -> Result<String, Error> {
    #[derive(Serialize)]
    struct Counts {
        snapshots: usize,
        changes: usize,
    }
    super::line(&Line {
        r#type,
        moment,
        members: Counts { snapshots, changes },
    })
}
