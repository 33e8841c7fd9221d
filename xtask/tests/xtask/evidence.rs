//! docs/evidence.md: what is not verified here is asked somewhere else, and each step of the
//! self-test is about a claim.

use std::fs;
use std::path::Path;

use client::SelfTestStep;

/// The heading above the table of claims.
const HEADING: &str = "## What the README claims of Windows";

/// What judges on Windows by itself.
const WORKFLOW: &str = "`.github/workflows/ci.yml`";

/// What stands in a row whose claim was not seen here.
const NOT_VERIFIED: &str = "not verified";

/// A row of the table.
struct Row<'a> {
    claim: &'a str,
    seen_by: &'a str,
    asked_by: &'a str,
}

/// The rows of the table of claims, without its head.
fn rows(text: &str) -> Vec<Row<'_>> {
    let table = text.split_once(HEADING).map_or("", |(_, rest)| rest);
    let lines = table.lines().skip_while(|line| !line.starts_with("|---"));
    let lines = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim));
    cells
        .map(|mut cells| Row {
            claim: cells.next().unwrap_or_default(),
            seen_by: cells.next().unwrap_or_default(),
            asked_by: cells.next().unwrap_or_default(),
        })
        .collect()
}

/// The steps that a row names.
fn named<'a>(row: &Row<'a>) -> impl Iterator<Item = &'static SelfTestStep> + use<'a> {
    let asked_by = row.asked_by;
    SelfTestStep::all().filter(move |step| asked_by.contains(&format!("`{}`", step.id)))
}

/// What is wrong with the table.
fn faults(text: &str) -> Vec<String> {
    let rows = rows(text);
    let mut faults = Vec::new();
    for row in &rows {
        let claim = row.claim;
        let asked = named(row).next().is_some() || row.asked_by == WORKFLOW;
        if row.seen_by.contains(NOT_VERIFIED) && !asked {
            faults.push(format!("not verified, and asked by nothing: {claim}"));
        }
        if row.seen_by.is_empty() {
            faults.push(format!("no judge: {claim}"));
        }
        let others = named(row).filter(|step| step.row != claim);
        faults.extend(others.map(|step| format!("{} is not about: {claim}", step.id)));
    }
    for step in SelfTestStep::all() {
        let mut own = rows.iter().filter(|row| row.claim == step.row);
        if !own.any(|row| named(row).any(|one| one.id == step.id)) {
            faults.push(format!("no row names {}: {}", step.id, step.row));
        }
    }
    // What stands outside the table is asked by nothing.
    let after = text.split_once(HEADING).map_or("", |(_, rest)| rest);
    let outside = after.lines().filter(|line| line.starts_with("* "));
    let outside = outside.filter(|line| line.contains(NOT_VERIFIED));
    faults.extend(outside.map(|line| format!("not in the table: {line}")));
    faults
}

fn text() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("docs/evidence.md")).unwrap()
}

#[test]
fn each_claim_has_a_judge_here_or_a_step_of_the_self_test() {
    let text = text();
    assert!(rows(&text).len() > 20, "{}", rows(&text).len());
    assert_eq!(faults(&text), [""; 0]);
}

#[test]
fn each_fault_of_the_table_is_found() {
    let text = text();
    for (right, wrong) in [
        ("| `service` |", "| |"),
        ("| `service` |", "| `no-such-step` |"),
        ("| `.github/workflows/ci.yml` |", "| |"),
        ("| `timing` |", "| `timing`, `efer` |"),
        ("| what a snapshot costs |", "| what a snapshot takes |"),
        (
            "| `snapshots`, `every-processor`, `efer` |",
            "| `snapshots`, `efer` |",
        ),
        (
            "Linux' `svm.h`; the processors of QEMU and Bochs | |",
            "Bochs: not verified | |",
        ),
        ("* InfVerif: ", "* InfVerif: not verified. "),
    ] {
        assert_eq!(text.matches(right).count(), 1, "{right}");
        assert_ne!(faults(&text.replace(right, wrong)), [""; 0], "{wrong}");
    }
}
