//! `status`: whether VMSAVE is possible, in text and in JSON.

use amd_svm::Fault;
use amd_svm::support::{Refusal, Step};
use protocol::Outcome;

use crate::fake::Driver;
use crate::{output, run, run_at};

/// A machine on which nearly every processor says something else.
fn mixed() -> Driver {
    let mut driver = Driver::with_processors(6);
    driver
        .hypervisor(*b"KVMKVMKVM\0\0\0")
        .refuse(1, Refusal::Disabled { locked: true })
        .refuse(
            2,
            Refusal::Fault {
                step: Step::SetSvme,
                fault: Fault::GeneralProtection,
            },
        )
        .refuse(5, Outcome::NOT_REACHED);
    driver.statuses[1].efer = 0;
    driver.statuses[3].efer |= 1 << 12;
    driver.statuses[5] = protocol::StatusRecord {
        id: driver.statuses[5].id,
        outcome: Outcome::NOT_REACHED,
        ..Default::default()
    };
    driver
}

#[test]
fn a_machine_of_equal_processors_takes_one_line_for_each_fact() {
    let mut driver = Driver::with_processors(64);
    driver.maximum_processors = 128;
    insta::assert_snapshot!(output(&["status"], &mut driver));
}

#[test]
fn processors_that_differ_are_named() {
    let ran = run(&["status"], &mut mixed());
    assert_eq!(ran.exit, 1);
    assert!(ran.stdout.lines().all(|line| line.len() <= 80));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_status_in_json() {
    let ran = run(&["status", "--json"], &mut mixed());
    assert_eq!(ran.exit, 1);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn a_status_can_be_narrowed() {
    let ran = run(&["status", "-p", "0,4"], &mut mixed());
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    assert!(
        ran.stdout.contains("VMSAVE      possible\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_machine_without_svm_has_a_status_too() {
    let mut driver = Driver::with_processors(2);
    driver.refuse_everywhere(Refusal::NotAmd);
    for status in &mut driver.statuses {
        status.vendor = *b"GenuineIntel";
        (
            status.svm_revision,
            status.asids,
            status.svm_features,
            status.efer,
        ) = (0, 0, 0, 0);
    }
    let ran = run(&["status"], &mut driver);
    assert_eq!(ran.exit, 5);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn no_width_breaks_the_text() {
    for width in [0, 1, 13, 40, 70_000] {
        let ran = run_at(width, &["status"], &mut mixed());
        assert!(ran.stdout.contains("VMSAVE"), "{}", ran.stdout);
    }
}

#[test]
fn a_file_of_some_processors_says_of_how_many() {
    let folder = crate::files::Folder::new();
    let path = folder.path("a.json");
    let mut driver = Driver::with_processors(4);
    output(&["save", &path, "-p", "2"], &mut driver);
    let status = output(&["status", "--from", &path], &mut driver);
    assert!(
        status.lines().any(|line| line == "processors  1 of 4"),
        "{status}"
    );
    let json = output(&["status", "--json", "--from", &path], &mut driver);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["active_processors"], 4);
    output(&["save", &path, "--force"], &mut driver);
    let status = output(&["status", "--from", &path], &mut driver);
    assert!(
        status.lines().any(|line| line == "processors  4"),
        "{status}"
    );
}
