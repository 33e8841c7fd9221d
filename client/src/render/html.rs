//! The report: one page of HTML with everything in it, to look at rather than to read. Its colours
//! are those of the verdict.
//!
//! The page takes nothing from elsewhere: `templates/report` has its parts, its styles and its script.

mod columns;
mod facts;
mod map;
mod marks;
mod table;

use askama::Template;

use self::columns::{Cell, Column, columns};
use self::map::Map;
use self::marks::{Marks, Tone};
use self::table::{Rows, Table};
use super::verdict::Selected;
use super::{count, value, verdict};
use crate::checks::{self, Evidence, Finding, Severity, Verdict};
use crate::model::{Error, ProcessorId, Snapshot, fold, processor_list, sort};

/// The page, as it is filled in.
#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a> {
    snapshot: &'a Snapshot,
    selected: &'a Selected<'a>,
    /// The processors that it has rows of.
    heading: String,
    /// The same behind `Findings`; nothing if those are all.
    about: String,
    /// The verdict in a line.
    summary: String,
    /// How many findings are how bad, and how far everything was judged.
    judged: String,
    /// How good the news is: a class of the style sheet.
    tone: &'static str,
    coverage: Vec<String>,
    /// What there is to know of the machine and the snapshot.
    facts: Vec<(&'static str, String)>,
    map: Map,
    /// Whether there are so many processors that a browser had better not lay out what is not seen.
    is_crowded: bool,
    /// Whether some processors stand out, and others do not.
    has_odd: bool,
    /// How many captures tell the values that are told once.
    captures: usize,
    /// What is the same everywhere: of registers, and of segments.
    same: [Vec<Same<'a>>; 2],
    tables: Vec<Table>,
    /// The colours of values that occur: class, and what they mean.
    legend: Vec<(&'static str, &'static str)>,
    /// Places of the processors that have a row to lead to.
    rows: &'a [usize],
}

/// A value that is the same everywhere.
struct Same<'a> {
    heading: &'static str,
    cell: Cell<'a>,
    /// What the verdict says of it: a class of the style sheet.
    class: &'static str,
}

impl Page<'_> {
    /// The values that a finding rests on, and those that it compares them with.
    fn values(finding: &Finding) -> impl Iterator<Item = (&Evidence, &'static str)> {
        let values = finding.values.iter().map(|value| (value, ""));
        let have = finding.others_have();
        values.chain(finding.others.iter().map(move |value| (value, have)))
    }

    /// The value that a finding rests on, as people read it.
    fn evidence(evidence: &Evidence) -> String {
        value::print(evidence.field, evidence.value)
    }

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the template hands everything over by reference"
    )]
    fn hex(value: &u64) -> String {
        format!("{value:#x}")
    }

    /// The processors of a value, neighbours together, with the number of the first where it has a row
    /// to lead to; and how many more runs there are.
    fn places(&self, evidence: &Evidence) -> (Vec<(Option<u32>, String)>, usize) {
        const MOST: usize = 24;
        let indices = evidence.processors.iter().map(|id| id.index);
        let runs = processor_list::runs_of(indices);
        let more = runs.len().saturating_sub(MOST);
        let runs = runs.into_iter().take(MOST).map(|(first, run)| {
            let has_row = self
                .rows
                .iter()
                .any(|at| self.snapshot.processors[*at].id.index == first);
            (has_row.then_some(first), run)
        });
        (runs.collect(), more)
    }
}

impl Snapshot {
    /// The report: a page of HTML, complete, without anything from the network.
    ///
    /// # Errors
    ///
    /// [`Error::Page`], if memory is short.
    pub fn to_html(&self) -> Result<String, Error> {
        let ids: Vec<_> = self.processors.iter().map(|one| one.id).collect();
        html(self, &checks::check(self), &ids)
    }
}

/// The report of a machine with the rows of these processors.
pub(crate) fn html(
    snapshot: &Snapshot,
    verdict: &Verdict,
    shown: &[ProcessorId],
) -> Result<String, Error> {
    /// More processors than a browser lays out in no time.
    const CROWD: usize = 512;
    let selected = Selected::new(verdict, shown);
    let number_of = |finding: &Finding| -> Option<usize> {
        let mut all = selected.findings.iter();
        all.position(|one| std::ptr::eq(*one, finding))
    };
    let marks = Marks::new(snapshot, verdict, number_of);
    let places = sort::few(shown.iter().filter_map(|id| {
        let all = &snapshot.processors;
        all.binary_search_by_key(&id.index, |one| one.id.index).ok()
    }));
    let (same, differing) = columns(snapshot, &marks);
    let rows = Rows {
        snapshot,
        marks: &marks,
        shown: &places,
    };
    let tables = rows.tables(differing);
    let linked: &[usize] = if tables.is_empty() { &[] } else { &places };
    let is_odd = |at: &&usize| matches!(marks.tone(**at), Tone::Found(_));
    let odd = places.iter().filter(is_odd).count();
    let same = told_once(snapshot, &marks, &same);
    let all = snapshot.processors.len();
    let (heading, about) = if shown.len() == all {
        (count::plural(all, "processor"), String::new())
    } else {
        let place = fold::processors(shown.iter().copied());
        (format!("{place} of {all}"), format!("about {place}"))
    };
    let page = Page {
        legend: legend(&same, &tables),
        snapshot,
        summary: verdict::summary(verdict, &selected, &about),
        heading,
        about,
        judged: judged(verdict, &selected),
        selected: &selected,
        tone: if verdict.has(Severity::Warning) {
            "bad"
        } else if verdict.is_complete() {
            "good"
        } else {
            "partial"
        },
        coverage: verdict::coverage_lines(verdict),
        facts: facts::of(snapshot, verdict.processors),
        map: Map::new(snapshot, &marks, |at| linked.binary_search(&at).is_ok()),
        is_crowded: places.len() > CROWD,
        has_odd: odd > 0 && odd < places.len(),
        captures: snapshot.captures().count(),
        same,
        tables,
        rows: linked,
    };
    Ok(page.render()?)
}

/// How many findings are how bad, and how far everything was judged.
fn judged(verdict: &Verdict, selected: &Selected) -> String {
    let severities = [Severity::Alarm, Severity::Warning, Severity::Notice];
    let counts: Vec<String> = severities
        .into_iter()
        .filter_map(|severity| {
            let all = selected.findings.iter();
            let of_it = all.filter(|finding| finding.severity == severity).count();
            (of_it > 0).then(|| count::plural(of_it, &severity.to_string()))
        })
        .collect();
    let counts = if counts.is_empty() {
        String::new()
    } else {
        format!("{}. ", counts.join(", "))
    };
    let rules = verdict.counts();
    let fully = rules.rules - rules.not_judged - rules.weakly;
    let place = count::plural(verdict.processors, "processor");
    let partly = match rules.not_judged - rules.nowhere {
        0 => String::new(),
        partly => format!("; {partly} were judged on some of them"),
    };
    if fully == rules.rules {
        format!("{counts}All {fully} rules were judged on {place}.")
    } else {
        format!(
            "{counts}{fully} of {} rules were judged with all that they ask for, on {place}{partly}.",
            rules.rules
        )
    }
}

/// What the colours of values mean, of those that occur.
fn legend(same: &[Vec<Same>; 2], tables: &[Table]) -> Vec<(&'static str, &'static str)> {
    let meanings = [
        ("alarm", "an alarm names it"),
        ("warning", "a warning names it"),
        ("notice", "a notice names it"),
        ("ok", "judged by every rule, and not named"),
        ("", "compared with, judged in part, or by no rule"),
        ("hidden", "hidden, or not judged"),
    ];
    let occurs = |class: &str| {
        let cell = match class {
            "" => "<td>0x".to_owned(),
            class => format!("<td class={class}"),
        };
        same.iter().flatten().any(|value| value.class == class)
            || tables.iter().any(|table| table.rows.contains(&cell))
    };
    let is_there =
        |(class, _): &(&str, &str)| occurs(class) || *class == "hidden" && occurs("unjudged");
    meanings.into_iter().filter(is_there).collect()
}

/// What is the same everywhere: of registers, and of segments.
fn told_once<'a>(snapshot: &Snapshot, marks: &Marks, same: &'a [Column]) -> [Vec<Same<'a>>; 2] {
    let mut told = [Vec::new(), Vec::new()];
    for column in same {
        let captured = (0..).zip(&snapshot.processors);
        let captured = captured.filter(|(_, processor)| processor.result.is_ok());
        let mut classes = captured.map(|(at, _)| marks.of(column.field, at).class());
        let first = classes.next().unwrap_or_default();
        let cell = column.only();
        told[usize::from(column.is_of_segment())].push(Same {
            heading: column.field.heading(),
            // Judged here and not there is judged in part.
            class: if matches!(cell, Cell::Hidden) {
                "hidden"
            } else if classes.all(|class| class == first) {
                first
            } else {
                ""
            },
            cell,
        });
    }
    told
}
