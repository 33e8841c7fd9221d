//! What files settle, row by row.

use super::machine::TestMachine;
use super::state::Damage;
use super::{QUICK, assert_text, test, without_times};
use crate::selftest::compare;
use crate::selftest::machine::{Installation, Kind};
use crate::selftest::outcome::Counts;
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
