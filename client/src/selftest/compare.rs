//! What files of self-tests settle of docs/evidence.md, row by row.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use super::machine::Kind;
use super::outcome::{Counts, Outcome};
use super::record::{Record, StepRecord};
use super::step::SelfTestStep;
use crate::model::kernel_module::printable;

/// Where a row stands, in the words for steps: settled is passed, open not done.
fn name(standing: Outcome) -> &'static str {
    match standing {
        Outcome::Passed => "settled",
        Outcome::Failed => "failed",
        Outcome::NotDone => "open",
    }
}

/// Lines about each file and each row, and how many rows stand where.
pub(crate) fn compare(records: &[(String, Record)]) -> (String, Counts) {
    let mut text = String::new();
    for (name, record) in records {
        let counts = record.counts();
        let quick = if record.quick { ", quick" } else { "" };
        let _ = writeln!(
            text,
            "{}: {}, {}{quick}: {} passed, {} failed, {} not done",
            printable(name),
            record.subject(),
            printable(&record.taken_at),
            counts.passed,
            counts.failed,
            counts.not_done
        );
        if record.system.kind != Kind::Windows {
            text.push_str("  it settles nothing, since the rows are about Windows\n");
        }
        for step in unknown(record) {
            let _ = writeln!(text, "  this client knows no step {}", printable(&step.id));
        }
    }
    text.push('\n');
    let mut standings = Vec::new();
    for row in rows() {
        let steps: Vec<_> = SelfTestStep::all().filter(|step| step.row == row).collect();
        let results: Vec<_> = steps.iter().map(|step| result(step, records)).collect();
        let standing = all_of(results.iter().map(|(result, _)| *result));
        let _ = writeln!(text, "{:7}  {row}", name(standing));
        for (step, (result, reason)) in steps.iter().zip(&results) {
            let reason = match result {
                Outcome::Passed => step.claim,
                _ => reason.as_deref().unwrap_or("no reason is noted"),
            };
            let _ = writeln!(
                text,
                "         {}, {}: {}",
                result.name(),
                step.id,
                printable(reason)
            );
        }
        standings.push(standing);
    }
    let counts = Counts::of(standings.into_iter());
    let _ = writeln!(
        text,
        "\n{} rows settled, {} failed, {} open",
        counts.passed, counts.failed, counts.not_done
    );
    (text, counts)
}

/// The rows, in the order of their first steps.
fn rows() -> Vec<&'static str> {
    let mut rows = Vec::new();
    for step in SelfTestStep::all() {
        if !rows.contains(&step.row) {
            rows.push(step.row);
        }
    }
    rows
}

fn unknown(record: &Record) -> impl Iterator<Item = &StepRecord> {
    let steps = record.steps.iter();
    steps.filter(|step| SelfTestStep::of_id(&step.id).is_none())
}

/// Why a step that passed settles nothing of its row: the row is about another machine.
fn other_machine(step: &StepRecord, record: &Record) -> Option<String> {
    /// The builds of Windows 10 from version 2004 on, which differ in what is switched on.
    const WINDOWS_10: RangeInclusive<u32> = 19041..=19045;
    match (step.id.as_str(), record.hypervisor(), record.system.build) {
        ("agreement" | "timing", Some(""), _) => None,
        ("agreement" | "timing", Some(name), _) => Some(format!("under {name}")),
        ("agreement" | "timing", None, _) => {
            Some("no hypervisor is noted, and no lack of one".to_owned())
        }
        ("status", _, Some(build)) if WINDOWS_10.contains(&build) => None,
        ("status", _, Some(build)) => Some(format!(
            "on build {build}, and not on one from {} to {}",
            WINDOWS_10.start(),
            WINDOWS_10.end()
        )),
        ("status", _, None) => Some("no build is noted".to_owned()),
        _ => None,
    }
}

/// What all files together say of a step: one failure outweighs everything, and one that passed
/// those where it was not done. Only Windows counts.
fn result(step: &SelfTestStep, records: &[(String, Record)]) -> (Outcome, Option<String>) {
    let on_windows = records
        .iter()
        .filter(|(_, record)| record.system.kind == Kind::Windows);
    let told = on_windows.flat_map(|(_, record)| {
        let steps = record.steps.iter().filter(|one| one.id == step.id);
        steps.map(|one| match other_machine(one, record) {
            Some(other) if one.result == Outcome::Passed => (Outcome::NotDone, Some(other)),
            _ => (one.result, one.reason.clone()),
        })
    });
    let worst = told.min_by_key(|(result, _)| match result {
        Outcome::Failed => 0,
        Outcome::Passed => 1,
        Outcome::NotDone => 2,
    });
    match worst {
        Some(told) => told,
        None if step.id == "removed" => {
            let how = "run `client.exe uninstall`, then `client.exe selftest --removed`";
            (Outcome::NotDone, Some(how.to_owned()))
        }
        None => (Outcome::NotDone, Some("no file has it".to_owned())),
    }
}

/// A row is settled if all of its steps are.
fn all_of(mut results: impl Iterator<Item = Outcome> + Clone) -> Outcome {
    if results.clone().any(|one| one == Outcome::Failed) {
        Outcome::Failed
    } else if results.all(|one| one == Outcome::Passed) {
        Outcome::Passed
    } else {
        Outcome::NotDone
    }
}
