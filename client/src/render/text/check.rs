//! A verdict as text, and what is known about each kind of finding.

use std::fmt::Write as _;

use super::colour::{Paint, Palette};
use crate::checks::{Evidence, FindingId, Verdict};
use crate::model::kernel_module::printable;
use crate::model::{fold, sort};
use crate::render::verdict::{Machines, Selected};
use crate::render::whose::Whose;
use crate::render::{count, value, verdict};

/// Every finding that is shown with its values.
pub(crate) fn findings(selected: &Selected, palette: Palette) -> String {
    let mut text = String::new();
    findings_with_values(&mut text, selected, palette);
    text
}

/// The same, what was not judged, and a closing line that counts.
pub(crate) fn verdict(
    whose: &Whose,
    verdict: &Verdict,
    selected: &Selected,
    palette: Palette,
) -> String {
    let mut text = findings(selected, palette);
    for note in verdict::coverage_lines(verdict) {
        let _ = writeln!(text, "{}", palette.paint(Paint::Faint, note));
    }
    let host = whose.host.as_deref();
    let place = host.map_or(String::new(), |host| format!(" of {}", printable(host)));
    let _ = writeln!(text, "{}", closing(&place, verdict, selected, palette));
    text
}

/// The same of one machine among others: a line if nothing was found, and otherwise its findings
/// below its name; with the processor that was asked for and that it does not have.
pub(crate) fn machine(
    whose: &Whose,
    missing: Option<String>,
    verdict: &Verdict,
    selected: &Selected,
    palette: Palette,
) -> String {
    let missing = missing.map_or(String::new(), |missing| missing + "; ");
    let closing = missing + &closing("", verdict, selected, palette);
    if selected.findings.is_empty() {
        return format!("{}: {closing}\n", palette.paint(Paint::Heading, whose));
    }
    format!(
        "{}  {closing}\n",
        machine_findings(whose, selected, palette)
    )
}

/// The findings about one machine among others, below its name; nothing if there are none.
pub(crate) fn machine_findings(whose: &Whose, selected: &Selected, palette: Palette) -> String {
    if selected.findings.is_empty() {
        return String::new();
    }
    let mut all = format!("{}:\n", palette.paint(Paint::Heading, whose));
    for line in findings(selected, palette).lines() {
        let _ = writeln!(all, "  {line}");
    }
    all
}

/// How the verdicts on many machines came out, in a line.
pub(crate) fn machines(machines: &Machines, palette: Palette) -> String {
    let Machines {
        snapshots,
        found,
        incomplete,
        clean,
        unread,
        ref ignored,
    } = *machines;
    let parts = [
        (found, "with findings"),
        (incomplete, "with nothing found and not fully judged"),
        (clean, "with nothing found"),
    ];
    let parts = parts.into_iter().filter(|(number, _)| *number > 0);
    let mut parts: Vec<String> = parts
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    if unread > 0 {
        parts.push(format!("{} not read", count::plural(unread, "file")));
    }
    let paint = match (found, incomplete + unread) {
        (0, 0) => Paint::Good,
        (0, _) => Paint::Doubtful,
        _ => Paint::Bad,
    };
    let all = count::plural(snapshots, "snapshot");
    let ignored = verdict::ignored(ignored);
    let line = format!("{all} checked: {}{ignored}", parts.join(", "));
    format!("{}\n", palette.paint(paint, line))
}

fn findings_with_values(text: &mut String, selected: &Selected, palette: Palette) {
    for finding in &selected.findings {
        let severity = palette.paint(finding.severity.into(), format!("{}", finding.severity));
        let id = palette.paint(Paint::Heading, finding.id);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{severity} {id}: {}", finding.sentence);
        for evidence in &finding.values {
            let _ = writeln!(text, "  {}", line(evidence));
        }
        for evidence in &finding.others {
            let _ = writeln!(text, "  {}{}", finding.others_have(), line(evidence));
        }
    }
}

fn closing(place: &str, verdict: &Verdict, selected: &Selected, palette: Palette) -> String {
    let checked = count::shown(selected.processors, verdict.processors);
    let paint = match (verdict.findings.is_empty(), verdict.is_complete()) {
        (true, true) => Paint::Good,
        (true, false) => Paint::Doubtful,
        (false, _) => Paint::Bad,
    };
    let closing = format!(
        "{checked}{place} checked: {}",
        verdict::summary(verdict, selected, "there")
    );
    palette.paint(paint, closing).to_string()
}

/// `tr.limit 0x00002067: processor 3`.
fn line(evidence: &Evidence) -> String {
    let print = |number| value::print(evidence.field, number);
    let place = evidence
        .place
        .as_ref()
        .map_or(String::new(), |place| format!(" {place}"));
    let witness = evidence.witness.map_or(String::new(), |number| {
        format!(" by VMSAVE, {} without it", print(number))
    });
    format!(
        "{} {}{place}{witness}: {}",
        evidence.field,
        print(evidence.value),
        fold::processors(evidence.processors.iter().copied())
    )
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
    sort::by_number(&mut ids, |id| id.rank());
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
