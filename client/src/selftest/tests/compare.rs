//! What files settle, row by row.

use super::machine::TestMachine;
use super::state::Damage;
use super::{QUICK, assert_text, test, without_times};
use crate::selftest::compare;
use crate::selftest::machine::{Installation, Kind};
use crate::selftest::outcome::{Counts, Outcome};
use crate::selftest::record::Record;
use crate::selftest::run::Options;

fn record(machine: TestMachine, removed: bool) -> (String, Record) {
    let options = Options { removed, ..QUICK };
    let name = if removed {
        "removed.json"
    } else {
        "selftest.json"
    };
    (name.to_owned(), without_times(test(machine, options).0))
}

fn removed() -> TestMachine {
    TestMachine::with(|state| {
        state.running = false;
        state.installation = Installation::default();
    })
}

#[test]
fn all_files_together_settle_every_row() {
    let files = [record(TestMachine::new(), false), record(removed(), true)];
    let (text, counts) = compare(&files);
    assert_eq!((counts.failed, counts.not_done), (0, 0), "{text}");
    assert_text("settled", &text);
}

#[test]
fn a_failure_outweighs_what_passed_elsewhere_and_that_what_was_not_done() {
    let plain = TestMachine::with(|state| {
        state.memory_integrity = false;
        state.topology.nodes = 1;
        state.damage = Damage::SvmeStays;
    });
    let files = [record(TestMachine::new(), false), record(plain, false)];
    let (text, counts) = compare(&files);
    assert_eq!(counts.failed, 1, "{text}");
    assert!(text.contains("\nsettled  memory integrity"), "{text}");
    assert!(
        text.contains("\nopen     removed, it leaves nothing\n"),
        "{text}"
    );
    assert_text("compared", &text);
}

/// The line of a row, and those of its steps.
fn about<'a>(text: &'a str, row: &str) -> Vec<&'a str> {
    let mut lines = text.lines().skip_while(|line| !line.ends_with(row));
    let first = lines.next();
    let steps = lines.take_while(|line| line.starts_with("   "));
    first.into_iter().chain(steps).map(str::trim).collect()
}

#[test]
fn a_row_is_settled_by_machines_that_it_is_about() {
    let (silicon, old) = (
        "VMSAVE on real AMD silicon stores what is read without it",
        "works from Windows 10, version 2004",
    );
    let mut file = record(TestMachine::new(), false);
    file.1.system.build = Some(26100);
    let status = file.1.steps.iter_mut().find(|step| step.id == "status");
    let values = &mut status.unwrap().values;
    values.insert("hypervisor".to_owned(), "Microsoft Hv".into());
    let (text, counts) = compare(&[file.clone()]);
    assert_eq!((counts.failed, counts.not_done), (0, 4), "{text}");
    assert!(
        text.contains(", on Windows, build 26100, under Microsoft Hv, "),
        "{text}"
    );
    assert_eq!(
        about(&text, silicon)[1],
        "not done, agreement: under Microsoft Hv"
    );
    assert_eq!(
        about(&text, old)[1],
        "not done, status: on build 26100, and not on one from 19041 to 19045"
    );
    let both = [file.clone(), record(TestMachine::new(), false)];
    let (text, _) = compare(&both);
    for row in [silicon, old] {
        assert!(about(&text, row)[0].starts_with("settled "), "{text}");
    }
    file.1.steps.retain(|step| step.id != "status");
    let (text, _) = compare(&[file]);
    assert!(about(&text, silicon)[1].contains("no hypervisor is noted"));
}

#[test]
fn a_step_without_a_reason_does_not_show_its_claim() {
    let mut file = record(TestMachine::new(), false);
    file.1.steps[0].result = Outcome::Failed;
    let (text, _) = compare(&[file]);
    let line = "failed, signature: no reason is noted\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn nothing_but_windows_settles_anything() {
    for kind in [Kind::Wine, Kind::Other] {
        let mut file = record(TestMachine::new(), false);
        file.1.system.kind = kind;
        let (text, counts) = compare(&[file]);
        assert_eq!((counts.passed, counts.failed), (0, 0), "{text}");
        assert!(text.contains("it settles nothing"), "{text}");
    }
}

#[test]
fn a_step_of_another_client_is_named_and_settles_nothing() {
    let mut file = record(TestMachine::new(), false);
    for step in &mut file.1.steps {
        step.id = format!("\u{1b}[2J{}", step.id);
    }
    let (text, counts) = compare(&[file]);
    assert_eq!((counts.passed, counts.failed), (0, 0));
    assert!(
        text.contains("knows no step \\u{1b}[2Jsignature\n"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'));
    let expected = Counts {
        not_done: counts.not_done,
        ..Counts::default()
    };
    assert_eq!(compare(&[]).1, expected);
}
