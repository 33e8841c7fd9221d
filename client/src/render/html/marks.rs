//! What the verdict says of each value and of each processor: what the page's colours come from.

use crate::checks::{self, Coverage, Evidence, Extent, Reason, Severity, Verdict};
use crate::model::table::Table;
use crate::model::{Field, ProcessorSnapshot, Snapshot};

/// What the verdict says of values and processors, by the processors' places in the snapshot.
pub(super) struct Marks {
    fields: Table<Field, Vec<Mark>>,
    processors: Vec<Tone>,
    combinations: Combinations,
}

/// What the verdict says of a value.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    /// The worst finding that names it.
    severity: Option<Severity>,
    /// The findings that name it.
    findings: Combination,
    /// Whether a finding compares others with it.
    is_compared: bool,
    /// How far the rules that look at it were judged; none if no rule does.
    judged: Option<Judged>,
}

/// How far all rules that look at a value, or at a processor, were judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Judged {
    Not,
    Partly,
    Fully,
}

/// What there is to say of a processor: the worst finding about it, or how far it was judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    Found(Severity),
    /// Some rule was not judged.
    NotJudged,
    /// Some rule was judged weakly.
    Weakly,
    Judged,
}

impl Tone {
    /// A class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Found(severity) => class_of(severity),
            Self::NotJudged => "unjudged",
            Self::Weakly => "weakly",
            Self::Judged => "ok",
        }
    }
}

fn class_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Alarm => "alarm",
        Severity::Warning => "warning",
        Severity::Notice => "notice",
    }
}

impl Mark {
    /// A class of the style sheet; empty for what is neither good nor bad.
    pub(super) fn class(self) -> &'static str {
        match (self.severity, self.judged) {
            (Some(severity), _) => class_of(severity),
            (None, _) if self.is_compared => "",
            (None, Some(Judged::Fully)) => "ok",
            (None, Some(Judged::Not)) => "unjudged",
            (None, Some(Judged::Partly) | None) => "",
        }
    }
}

/// Some findings, by a number of its own.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Combination(usize);

/// The combinations of findings that occur: the same few for thousands of values.
struct Combinations {
    /// The findings' numbers on the page.
    findings: Vec<Vec<usize>>,
    /// What a combination becomes by one more finding.
    grown: Table<(Combination, usize), Combination>,
}

impl Combinations {
    fn new() -> Self {
        Self {
            findings: vec![Vec::new()],
            grown: Table::new(),
        }
    }

    fn grow(&mut self, combination: Combination, finding: usize) -> Combination {
        let next = Combination(self.findings.len());
        let grown = *self
            .grown
            .get_or_insert_with((combination, finding), || next);
        if grown == next {
            let mut findings = self.findings[combination.0].clone();
            if !findings.contains(&finding) {
                findings.push(finding);
            }
            self.findings.push(findings);
        }
        grown
    }
}

impl Marks {
    /// Of the findings those on the page have a number, in its order.
    pub(super) fn new(
        snapshot: &Snapshot,
        verdict: &Verdict,
        number_of: impl Fn(&checks::Finding) -> Option<usize>,
    ) -> Self {
        let ids = snapshot.processors.iter().map(|one| one.id.index);
        let places: Table<u32, usize> = ids.zip(0..).collect();
        let mut marks = Self {
            fields: Table::new(),
            processors: vec![Tone::Judged; places.len()],
            combinations: Combinations::new(),
        };
        let is_swapped = |processor: &ProcessorSnapshot| {
            let capture = processor.result.as_ref();
            capture.is_ok_and(|capture| checks::has_swapped(snapshot, capture))
        };
        let swapped: Vec<bool> = snapshot.processors.iter().map(is_swapped).collect();
        for coverage in &verdict.coverage {
            let at = coverage.processors.iter();
            let (after, before) = at
                .filter_map(|id| places.get(&id.index).copied())
                .partition(|at| swapped.get(*at).is_some_and(|swapped| *swapped));
            marks.judge(coverage, &[before, after]);
        }
        for finding in &verdict.findings {
            marks.find(finding, &places, number_of(finding));
        }
        marks
    }

    /// Marks the cells that a finding names, those that it compares them with, and its processors.
    fn find(
        &mut self,
        finding: &checks::Finding,
        places: &Table<u32, usize>,
        number: Option<usize>,
    ) {
        let severity = finding.severity;
        for (field, at) in cells(places, &finding.values) {
            let mut mark = self.of(field, at);
            mark.severity = Some(mark.severity.map_or(severity, |one| one.min(severity)));
            if let Some(number) = number {
                mark.findings = self.combinations.grow(mark.findings, number);
            }
            self.set(field, at, mark);
        }
        for (field, at) in cells(places, &finding.others) {
            let mark = self.of(field, at);
            let is_compared = true;
            self.set(
                field,
                at,
                Mark {
                    is_compared,
                    ..mark
                },
            );
        }
        let ids = finding.processors.iter();
        for at in ids.filter_map(|id| places.get(&id.index)) {
            let tone = &mut self.processors[*at];
            *tone = Tone::Found(match *tone {
                Tone::Found(worst) => worst.min(severity),
                _ => severity,
            });
        }
    }

    pub(super) fn of(&self, field: Field, at: usize) -> Mark {
        let all = self.fields.get(&field);
        all.and_then(|all| all.get(at)).copied().unwrap_or_default()
    }

    fn set(&mut self, field: Field, at: usize, mark: Mark) {
        let processors = self.processors.len();
        let none = || vec![Mark::default(); processors];
        let all = self.fields.get_or_insert_with(field, none);
        if let Some(one) = all.get_mut(at) {
            *one = mark;
        }
    }

    /// The numbers of the findings that name a value, the worst first.
    pub(super) fn findings(&self, mark: Mark) -> &[usize] {
        &self.combinations.findings[mark.findings.0]
    }

    /// The worst finding that names a value of the field on any processor, or compares others with
    /// one.
    pub(super) fn worst(&self, field: Field) -> Option<Severity> {
        let all = self.fields.get(&field)?.iter();
        let compared = all.clone().any(|mark| mark.is_compared);
        let worst = all.filter_map(|mark| mark.severity).min();
        worst.or(compared.then_some(Severity::Notice))
    }

    pub(super) fn tone(&self, at: usize) -> Tone {
        self.processors[at]
    }

    /// Notes how far a rule was judged at these places, for each value that it looks at.
    fn judge(&mut self, coverage: &Coverage, places: &[Vec<usize>; 2]) {
        let rule = coverage.rule;
        let one = match coverage.extent {
            Extent::Judged => Judged::Fully,
            // What is hidden shows it by itself; the rest was judged unless it goes with that.
            Extent::Weakly(Reason::PartlyHidden) if !rule.judges_fields_together() => Judged::Fully,
            Extent::Weakly(_) => Judged::Partly,
            Extent::Not(_) => Judged::Not,
        };
        for at in places.iter().flatten().copied() {
            let tone = &mut self.processors[at];
            *tone = match (coverage.extent, *tone) {
                (Extent::Not(_), _) | (_, Tone::NotJudged) => Tone::NotJudged,
                (Extent::Weakly(_), _) | (_, Tone::Weakly) => Tone::Weakly,
                (Extent::Judged, other) => other,
            };
        }
        for (swapped, places) in [false, true].into_iter().zip(places) {
            if places.is_empty() {
                continue;
            }
            for field in rule.looks_at(swapped) {
                let processors = self.processors.len();
                let none = || vec![Mark::default(); processors];
                let all = self.fields.get_or_insert_with(field, none);
                for at in places {
                    let judged = &mut all[*at].judged;
                    *judged = Some(match *judged {
                        Some(before) if before != one => Judged::Partly,
                        _ => one,
                    });
                }
            }
        }
    }
}

/// The places of the values that a finding rests on.
fn cells<'e>(
    places: &'e Table<u32, usize>,
    evidence: &'e [Evidence],
) -> impl Iterator<Item = (Field, usize)> + 'e {
    evidence.iter().flat_map(move |one| {
        let at = one.processors.iter().filter_map(|id| places.get(&id.index));
        at.map(|at| (one.field, *at))
    })
}
