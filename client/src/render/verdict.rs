//! What is shown of a verdict: the findings about the processors that were asked for, and the words
//! for what was not judged.

use serde::{Serialize, Serializer};

use crate::checks::{Extent, Finding, FindingId, Reason, Verdict};
use crate::model::{ProcessorId, fold};
use crate::render::count;

/// The findings that are shown.
pub(crate) struct Selected<'a> {
    pub(crate) findings: Vec<&'a Finding>,
    /// How many more there are, about other processors.
    pub(crate) elsewhere: usize,
    /// Processors that were asked for.
    pub(crate) processors: usize,
}

impl<'a> Selected<'a> {
    /// The findings about these processors, or about none in particular.
    pub(crate) fn new(verdict: &'a Verdict, processors: &[ProcessorId]) -> Self {
        let findings: Vec<_> = verdict
            .findings
            .iter()
            .filter(|finding| {
                let mut places = finding.processors.iter();
                finding.processors.is_empty()
                    || processors.len() == verdict.processors
                    || places.any(|id| {
                        processors
                            .binary_search_by_key(&id.index, |one| one.index)
                            .is_ok()
                    })
            })
            .collect();
        Self {
            elsewhere: verdict.findings.len() - findings.len(),
            findings,
            processors: processors.len(),
        }
    }
}

/// How the verdicts on many machines came out.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Machines {
    /// Snapshots that were judged.
    pub(crate) snapshots: usize,
    /// With findings.
    pub(crate) found: usize,
    /// Without findings, and not judged by every rule.
    pub(crate) incomplete: usize,
    /// Without findings, and judged by every rule.
    pub(crate) clean: usize,
    /// Files that are no snapshots, or could not be read.
    pub(crate) unread: usize,
    /// How many findings were left out of each kind that was to be ignored.
    #[serde(serialize_with = "ignored_members")]
    pub(crate) ignored: Vec<(FindingId, usize)>,
}

impl Machines {
    /// Counts one more.
    pub(crate) fn add(&mut self, verdict: &Verdict) {
        self.snapshots += 1;
        match (verdict.findings.is_empty(), verdict.is_complete()) {
            (false, _) => self.found += 1,
            (true, false) => self.incomplete += 1,
            (true, true) => self.clean += 1,
        }
        for (id, findings) in &verdict.ignored {
            match self.ignored.iter_mut().find(|(known, _)| known == id) {
                Some((_, all)) => *all += findings,
                None => self.ignored.push((*id, *findings)),
            }
        }
    }
}

/// Rules that were judged weakly or not at all, for one reason on the same processors.
pub(crate) struct Gap {
    pub(crate) rules: Vec<FindingId>,
    /// Judged, but not with all that the rules ask for.
    pub(crate) weakly: bool,
    pub(crate) reason: Reason,
    pub(crate) processors: Vec<ProcessorId>,
}

/// What was not judged, or weakly.
pub(crate) fn gaps(verdict: &Verdict) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for coverage in &verdict.coverage {
        let (weakly, reason) = match coverage.extent {
            Extent::Judged => continue,
            Extent::Weakly(reason) => (true, reason),
            Extent::Not(reason) => (false, reason),
        };
        let same = gaps.iter_mut().find(|gap| {
            (gap.weakly, gap.reason) == (weakly, reason) && gap.processors == coverage.processors
        });
        match same {
            Some(gap) => gap.rules.push(coverage.rule),
            None => gaps.push(Gap {
                rules: vec![coverage.rule],
                weakly,
                reason,
                processors: coverage.processors.clone(),
            }),
        }
    }
    gaps
}

/// A line for each reason for which rules were judged weakly or not at all, with the rules.
pub(crate) fn coverage_lines(verdict: &Verdict) -> Vec<String> {
    gaps(verdict)
        .into_iter()
        .map(|gap| {
            let how = if gap.weakly {
                "judged weakly"
            } else {
                "not judged"
            };
            let place = if gap.processors.len() == verdict.processors {
                String::new()
            } else {
                format!(" on {}", fold::processors(gap.processors))
            };
            let rules: Vec<_> = gap.rules.iter().map(|rule| rule.name()).collect();
            format!("{how}{place} ({}): {}", gap.reason, rules.join(", "))
        })
        .collect()
}

/// The verdict in a line, with the place where nothing was found if something was elsewhere.
pub(crate) fn summary(verdict: &Verdict, selected: &Selected, place: &str) -> String {
    let mut parts = vec![match selected.findings.len() {
        0 if selected.elsewhere > 0 => format!("nothing found {place}"),
        0 => "nothing found".to_owned(),
        some => count::plural(some, "finding"),
    }];
    if selected.elsewhere > 0 {
        parts.push(format!(
            "{} about other processors",
            count::plural(selected.elsewhere, "finding")
        ));
    }
    let counts = verdict.counts();
    let reasons = |weakly: bool, judged: bool| {
        let mut reasons: Vec<String> = Vec::new();
        for coverage in &verdict.coverage {
            let is_weakly = matches!(coverage.extent, Extent::Weakly(_));
            if let Extent::Weakly(reason) | Extent::Not(reason) = coverage.extent
                && is_weakly == weakly
                && (weakly || verdict.is_judged(coverage.rule) == judged)
            {
                let reason = reason.to_string();
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        reasons.join(", ")
    };
    let partly = counts.not_judged - counts.nowhere;
    for (rules, how, weakly, judged) in [
        (counts.nowhere, "not judged", false, false),
        (partly, "not judged on every processor", false, true),
        (counts.weakly, "judged weakly", true, true),
    ] {
        if rules > 0 {
            let reasons = reasons(weakly, judged);
            parts.push(format!(
                "{rules} of {} rules {how}: {reasons}",
                counts.rules
            ));
        }
    }
    parts.join("; ") + &ignored(&verdict.ignored)
}

/// How many findings were ignored, behind a line; nothing if none were to be.
pub(crate) fn ignored(all: &[(FindingId, usize)]) -> String {
    let ignored: Vec<String> = all
        .iter()
        .map(|(id, findings)| format!("{id} ({})", count::plural(*findings, "finding")))
        .collect();
    if ignored.is_empty() {
        return String::new();
    }
    format!("; ignored: {}", ignored.join(", "))
}

/// The same as members of JSON.
pub(crate) fn ignored_members<S: Serializer>(
    all: &[(FindingId, usize)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Ignored {
        id: &'static str,
        findings: usize,
    }
    serializer.collect_seq(all.iter().map(|(id, findings)| Ignored {
        id: id.name(),
        findings: *findings,
    }))
}
