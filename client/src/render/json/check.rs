//! A verdict in JSON: one document, or a line for each finding and a closing one.

use serde::Serialize;

use super::{indices, number};
use crate::checks::{Evidence, Finding, FindingId, Verdict};
use crate::model::Error;
use crate::render::verdict::{Gap, Machines, Selected, gaps, ignored_members};
use crate::render::whose::Whose;

#[derive(Serialize)]
struct VerdictMembers<'a> {
    findings: Vec<FindingMembers<'a>>,
    #[serde(flatten)]
    summary: SummaryMembers,
}

#[derive(Serialize)]
struct SummaryMembers {
    /// `nothing-found`, or `found`.
    verdict: &'static str,
    complete: bool,
    processors: usize,
    /// Findings about processors that were not asked for.
    findings_elsewhere: usize,
    #[serde(serialize_with = "ignored_members")]
    ignored: Vec<(FindingId, usize)>,
    rules: RuleMembers,
    /// What was judged weakly or not at all.
    coverage: Vec<CoverageMembers>,
}

#[derive(Serialize)]
struct RuleMembers {
    all: usize,
    judged_weakly: usize,
    /// On some processor.
    not_judged: usize,
    /// Of those, on all.
    judged_nowhere: usize,
}

#[derive(Serialize)]
struct CoverageMembers {
    rules: Vec<&'static str>,
    extent: &'static str,
    reason: &'static str,
    message: String,
    processors: Vec<u32>,
}

#[derive(Serialize)]
struct FindingMembers<'a> {
    id: &'static str,
    severity: String,
    message: &'a str,
    processors: Vec<u32>,
    values: Vec<EvidenceMembers<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<EvidenceMembers<'a>>,
}

#[derive(Serialize)]
struct EvidenceMembers<'a> {
    field: &'static str,
    processors: Vec<u32>,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
}

/// The verdict as a document.
pub(crate) fn verdict(verdict: &Verdict, selected: &Selected) -> Result<String, Error> {
    super::document(&VerdictMembers {
        findings: selected.findings.iter().map(|one| (*one).into()).collect(),
        summary: SummaryMembers::new(verdict, selected),
    })
}

#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    whose: Option<&'a Whose>,
    #[serde(flatten)]
    members: T,
}

/// A line for each finding, and one with the verdict; each says whose it is.
pub(crate) fn verdict_lines(
    whose: &Whose,
    verdict: &Verdict,
    selected: &Selected,
) -> Result<String, Error> {
    let whose = Some(whose);
    let mut lines = String::new();
    for finding in &selected.findings {
        lines += &super::line(&Line {
            r#type: "finding",
            whose,
            members: FindingMembers::from(*finding),
        })?;
    }
    lines += &super::line(&Line {
        r#type: "verdict",
        whose,
        members: SummaryMembers::new(verdict, selected),
    })?;
    Ok(lines)
}

/// The line for a file that is no snapshot, or that could not be read.
pub(crate) fn unread(file: Option<String>, message: String) -> Result<String, Error> {
    #[derive(Serialize)]
    struct Unread {
        file: Option<String>,
        message: String,
    }
    super::line(&Line {
        r#type: "unread",
        whose: None,
        members: Unread { file, message },
    })
}

/// The line that closes the verdicts on many machines.
pub(crate) fn machines(machines: &Machines) -> Result<String, Error> {
    super::line(&Line {
        r#type: "summary",
        whose: None,
        members: machines,
    })
}

impl SummaryMembers {
    fn new(verdict: &Verdict, selected: &Selected) -> Self {
        let counts = verdict.counts();
        Self {
            verdict: if verdict.findings.is_empty() {
                "nothing-found"
            } else {
                "found"
            },
            complete: verdict.is_complete(),
            processors: verdict.processors,
            findings_elsewhere: selected.elsewhere,
            ignored: verdict.ignored.clone(),
            rules: RuleMembers {
                all: counts.rules,
                judged_weakly: counts.weakly,
                not_judged: counts.not_judged,
                judged_nowhere: counts.nowhere,
            },
            coverage: gaps(verdict).into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Gap> for CoverageMembers {
    fn from(gap: Gap) -> Self {
        Self {
            rules: gap.rules.iter().map(|rule| rule.name()).collect(),
            extent: if gap.weakly { "weakly" } else { "not" },
            reason: gap.reason.code(),
            message: gap.reason.to_string(),
            processors: indices(&gap.processors),
        }
    }
}

impl<'a> From<&'a Finding> for FindingMembers<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            id: finding.id.name(),
            severity: finding.severity.to_string(),
            message: &finding.sentence,
            processors: indices(&finding.processors),
            values: finding.values.iter().map(Into::into).collect(),
            others: finding.others.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a Evidence> for EvidenceMembers<'a> {
    fn from(evidence: &'a Evidence) -> Self {
        Self {
            field: evidence.field.name(),
            processors: indices(&evidence.processors),
            value: number(evidence.field, evidence.value),
            witness: evidence.witness.map(|value| number(evidence.field, value)),
            place: evidence.place.as_deref(),
        }
    }
}
