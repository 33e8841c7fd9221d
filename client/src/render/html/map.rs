//! The machine at one glance: a square for each processor, in rows by group.

use std::fmt::Write as _;

use super::marks::{Marks, Tone};
use crate::checks::Severity;
use crate::model::Snapshot;
use crate::model::table::Table;
use crate::render::count;

/// The squares, and what their colours mean.
pub(super) struct Map {
    /// A class of the style sheet: how large the squares are.
    pub(super) class: &'static str,
    /// The squares, in HTML.
    pub(super) squares: String,
    /// The colours that occur: class, and how many processors for what.
    pub(super) legend: Vec<(&'static str, String)>,
}

impl Map {
    /// The processors at these places have a row to lead to.
    pub(super) fn new(
        snapshot: &Snapshot,
        marks: &Marks,
        is_shown: impl Fn(usize) -> bool,
    ) -> Self {
        // What is not in the snapshot has no place in it.
        let mut groups: Table<u16, Table<u32, Option<usize>>> = Table::new();
        for (at, processor) in snapshot.processors.iter().enumerate() {
            let group = groups.get_or_default(processor.id.group);
            group.insert(processor.id.index, Some(at));
        }
        let absent = snapshot.absent();
        for id in &absent {
            groups.get_or_default(id.group).insert(id.index, None);
        }
        let mut squares = String::new();
        let is_alone = groups.len() == 1;
        for (group, processors) in groups.iter() {
            squares.push_str("\n<div>");
            if !is_alone {
                let _ = write!(squares, "<span>group {group}</span>");
            }
            for (index, at) in processors.iter() {
                let _ = match at {
                    None => write!(squares, "<b title=\"not in the snapshot\">{index}</b>"),
                    Some(at) => {
                        let class = marks.tone(*at).class();
                        if is_shown(*at) {
                            write!(squares, "<a href=#p{index} class={class}>{index}</a>")
                        } else {
                            write!(squares, "<a class={class}>{index}</a>")
                        }
                    }
                };
            }
            squares.push_str("</div>");
        }
        let processors = snapshot.processors.len() + absent.len();
        Self {
            class: match processors {
                0..=64 => "",
                65..=512 => "many",
                _ => "crowd",
            },
            squares,
            legend: legend(snapshot, marks, absent.len()),
        }
    }
}

fn legend(snapshot: &Snapshot, marks: &Marks, absent: usize) -> Vec<(&'static str, String)> {
    let tones = [
        (Tone::Found(Severity::Alarm), "alarm", "with an alarm"),
        (Tone::Found(Severity::Warning), "warning", "with a warning"),
        (Tone::Found(Severity::Notice), "notice", "with a notice"),
        (Tone::NotJudged, "hidden", "not judged by every rule"),
        (Tone::Weakly, "square-weakly", "judged weakly"),
        (Tone::Judged, "square-ok", "judged, and nothing found"),
    ];
    let places = 0..snapshot.processors.len();
    let mut legend: Vec<_> = tones
        .into_iter()
        .filter_map(|(tone, class, words)| {
            let of_tone = places.clone().filter(|at| marks.tone(*at) == tone).count();
            (of_tone > 0).then(|| {
                (
                    class,
                    format!("{} {words}", count::plural(of_tone, "processor")),
                )
            })
        })
        .collect();
    if absent > 0 {
        let words = format!("{} not in the snapshot", count::plural(absent, "processor"));
        legend.push(("hidden", words));
    }
    legend
}
