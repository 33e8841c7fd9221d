//! Differences in JSON.

use serde::Serialize;

use super::{indices, number};
use crate::checks::{Diff, NotCompared, ProcessorChange};
use crate::model::{Error, Field};

#[derive(Serialize)]
struct DiffMembers<'a> {
    changes: Vec<ChangeMembers<'a>>,
    /// How many are left out, because they are about processors that were not asked for.
    #[serde(skip_serializing_if = "is_zero")]
    differences_elsewhere: usize,
    processors: Vec<ProcessorMembers<'a>>,
    /// Fields in which VMSAVE is contradicted, with commas, or `none`.
    contradictions: Vec<ProcessorMembers<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<KernelMembers<'a>>,
    relocated: bool,
    same_in_canonical_form: Vec<FormMembers>,
    not_compared: Vec<LackMembers>,
    /// One of the snapshots alone has a list of modules.
    modules_in_one_snapshot_only: bool,
}

#[derive(Serialize)]
struct ChangeMembers<'a> {
    field: &'static str,
    processors: Vec<u32>,
    before: String,
    after: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    before_place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_place: Option<&'a str>,
}

#[derive(Serialize)]
struct ProcessorMembers<'a> {
    processors: Vec<u32>,
    before: &'a str,
    after: &'a str,
}

#[derive(Serialize)]
struct KernelMembers<'a> {
    before: &'a str,
    after: &'a str,
}

#[derive(Serialize)]
struct FormMembers {
    field: &'static str,
    processors: Vec<u32>,
}

#[derive(Serialize)]
pub(super) struct LackMembers {
    /// None if it is all that the reason is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
    reason: &'static str,
    processors: Vec<u32>,
}

/// The differences as a document.
pub(crate) fn diff(diff: &Diff, elsewhere: usize) -> Result<String, Error> {
    super::document(&DiffMembers {
        differences_elsewhere: elsewhere,
        ..DiffMembers::from(diff)
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl<'a> From<&'a Diff> for DiffMembers<'a> {
    fn from(diff: &'a Diff) -> Self {
        let changes = diff.changes.iter().map(|change| ChangeMembers {
            field: change.field.name(),
            processors: indices(&change.processors),
            before: number(change.field, change.before),
            after: number(change.field, change.after),
            before_place: change.before_place.as_deref(),
            after_place: change.after_place.as_deref(),
        });
        let processors = |all: &'a [ProcessorChange]| {
            let members = all.iter().map(|change| ProcessorMembers {
                processors: indices(&change.processors),
                before: &change.before,
                after: &change.after,
            });
            members.collect()
        };
        let forms = diff.same_in_canonical_form.iter().map(|form| FormMembers {
            field: form.field.name(),
            processors: indices(&form.processors),
        });
        Self {
            changes: changes.collect(),
            differences_elsewhere: 0,
            processors: processors(&diff.processors),
            contradictions: processors(&diff.contradictions),
            kernel: diff
                .kernel
                .as_ref()
                .map(|[before, after]| KernelMembers { before, after }),
            relocated: diff.is_relocated,
            same_in_canonical_form: forms.collect(),
            not_compared: diff.not_compared.iter().map(Into::into).collect(),
            modules_in_one_snapshot_only: diff.lacks_modules,
        }
    }
}

impl From<&NotCompared> for LackMembers {
    fn from(lack: &NotCompared) -> Self {
        Self {
            field: lack.field.map(Field::name),
            reason: lack.lack.code(),
            processors: indices(&lack.processors),
        }
    }
}
