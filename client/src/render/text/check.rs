//! Findings as text, and what is known about each kind of them.

use std::fmt::Write as _;

use super::colour::{Paint, Palette};
use crate::{
    checks::{Evidence, Finding, FindingId},
    model::{Snapshot, field, fold},
    render::count,
};

/// Every finding with its values, and a closing line that counts. `processors` is how many the
/// machine has.
pub(crate) fn findings(
    findings: &[Finding],
    snapshot: &Snapshot,
    processors: usize,
    palette: Palette,
) -> String {
    let mut text = String::new();
    for finding in findings {
        let severity = palette.paint(finding.severity.into(), format!("{}", finding.severity));
        let id = palette.paint(Paint::Heading, finding.id);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{severity} {id}: {}", finding.sentence);
        for evidence in &finding.values {
            let _ = writeln!(text, "  {}", line(evidence));
        }
    }
    for note in unjudged(snapshot) {
        let _ = writeln!(text, "{}", palette.paint(Paint::Faint, note));
    }
    let checked = count::shown(snapshot.processors.len(), processors);
    let closing = match findings.len() {
        0 => palette.paint(Paint::Good, format!("{checked} checked: nothing found")),
        1 => palette.paint(Paint::Bad, format!("{checked} checked: 1 finding")),
        many => palette.paint(Paint::Bad, format!("{checked} checked: {many} findings")),
    };
    let _ = writeln!(text, "{closing}");
    text
}

/// `tr.limit 0x00002067: processor 3`.
fn line(evidence: &Evidence) -> String {
    let print = |value| match field::named(evidence.field) {
        Some(field) => field.print(value),
        None => format!("{value:#x}"),
    };
    let place = evidence
        .place
        .as_ref()
        .map_or(String::new(), |place| format!(" {place}"));
    let witness = evidence.witness.map_or(String::new(), |value| {
        format!(" by VMSAVE, {} without it", print(value))
    });
    format!(
        "{} {}{place}{witness}: {}",
        evidence.field,
        print(evidence.value),
        fold::processors(evidence.processors.iter().copied())
    )
}

/// What the snapshot does not let anybody judge.
fn unjudged(snapshot: &Snapshot) -> Vec<String> {
    let mut notes = Vec::new();
    if !snapshot.redacted.is_empty() {
        notes.push(format!(
            "not judged, because the driver hid them: {}",
            snapshot.redacted.join(", ").escape_debug()
        ));
    }
    let without = snapshot
        .captures()
        .filter(|(_, capture)| capture.witness.is_none())
        .map(|(id, _)| id);
    let without: Vec<_> = without.collect();
    if !without.is_empty() {
        notes.push(format!(
            "not compared with what was read without VMSAVE, which the file lacks: {}",
            fold::processors(without)
        ));
    }
    notes
}

/// What a finding means.
pub(crate) fn explanation(id: FindingId, palette: Palette) -> String {
    format!(
        "{} ({})\n{}\n\n{}\n\nManual: {}\n",
        palette.paint(Paint::Heading, id),
        palette.paint(id.severity().into(), id.severity()),
        id.title(),
        id.meaning(),
        id.manual()
    )
}

/// A line for each kind of finding.
pub(crate) fn kinds(palette: Palette) -> String {
    let mut ids: Vec<FindingId> = FindingId::all().collect();
    ids.sort_by_key(|id| (id.severity(), *id));
    let widest = ids.iter().map(|id| id.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for id in ids {
        let severity = format!("{:7}", id.severity().to_string());
        let severity = palette.paint(id.severity().into(), severity);
        let name = palette.paint(Paint::Heading, format!("{:widest$}", id.name()));
        let _ = writeln!(text, "{severity}  {name}  {}", id.title());
    }
    text
}
