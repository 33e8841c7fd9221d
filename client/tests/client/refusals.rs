//! What is said, and with which exit code, when processors refuse.

use amd_svm::Fault;
use amd_svm::support::{Refusal, Step};
use protocol::Outcome;

use crate::fake::Driver;
use crate::run;

const HYPERVISORS: [&[u8; 12]; 7] = [
    b"Microsoft Hv",
    b"KVMKVMKVM\0\0\0",
    b"TCGTCGTCGTCG",
    b"VMwareVMware",
    b"VBoxVBoxVBox",
    b"XenVMMXenVMM",
    b"UnknownMaker",
];

const REFUSALS: [Refusal; 7] = [
    Refusal::NotAmd,
    Refusal::NoSvm { hypervisor: false },
    Refusal::NoSvm { hypervisor: true },
    Refusal::Disabled { locked: false },
    Refusal::Disabled { locked: true },
    Refusal::SvmeDoesNotStick,
    Refusal::Fault {
        step: Step::Vmsave,
        fault: Fault::InvalidOpcode,
    },
];

#[test]
fn a_machine_that_refuses_says_why_and_what_to_do_in_one_line() {
    let mut lines = String::new();
    for refusal in REFUSALS {
        let mut driver = Driver::with_processors(4);
        driver.refuse_everywhere(refusal);
        let show = run(&["show"], &mut driver);
        assert_eq!((show.exit, show.stdout.as_str()), (5, ""));
        let status = run(&["status"], &mut driver);
        assert_eq!(status.exit, 5);
        assert_eq!(status.stderr, show.stderr);
        assert!(status.stdout.contains("VMSAVE      not possible: "));
        lines += &show.stderr;
    }
    assert_eq!(lines.lines().count(), REFUSALS.len());
    insta::assert_snapshot!(lines);
}

#[test]
fn a_hypervisor_that_hides_svm_is_named() {
    let mut lines = String::new();
    for signature in HYPERVISORS {
        let mut driver = Driver::with_processors(1);
        driver
            .hypervisor(*signature)
            .refuse_everywhere(Refusal::NoSvm { hypervisor: true });
        let ran = run(&["show"], &mut driver);
        assert_eq!(ran.exit, 5);
        lines += &ran.stderr;
    }
    insta::assert_snapshot!(lines);
}

#[test]
fn processors_that_refuse_are_named_while_the_others_are_shown() {
    let mut driver = Driver::with_processors(5);
    let fault = Refusal::Fault {
        step: Step::Vmsave,
        fault: Fault::GeneralProtection,
    };
    driver
        .refuse(1, fault)
        .refuse(2, fault)
        .refuse(4, Outcome::NOT_REACHED);
    let ran = run(&["show"], &mut driver);
    assert_eq!(ran.exit, 1);
    assert!(
        ran.stdout
            .starts_with("svmsave 0.1.0, protocol 1: VMSAVE on 2 of 5 processors\n")
    );
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn a_refusal_in_json_stands_where_the_capture_would() {
    let mut driver = Driver::with_processors(3);
    driver
        .refuse(
            0,
            Refusal::Fault {
                step: Step::RestoreEfer,
                fault: Fault::Other,
            },
        )
        .refuse(1, Refusal::SvmeDoesNotStick);
    let ran = run(&["show", "--json", "-p0-1"], &mut driver);
    assert_eq!(ran.exit, 1);
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn one_refusal_outside_the_users_choice_is_not_his_concern() {
    let mut driver = Driver::with_processors(3);
    driver.refuse(2, Refusal::SvmeDoesNotStick);
    let ran = run(&["show", "-p", "0-1"], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
}

#[test]
fn a_choice_of_refusing_processors_does_not_condemn_the_machine() {
    let mut driver = Driver::with_processors(3);
    driver.refuse(2, Refusal::SvmeDoesNotStick);
    let ran = run(&["show", "-p", "2"], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (1, ""));
    assert!(ran.stderr.contains("processor 2"));
}

#[test]
fn a_processor_that_was_not_reached_says_nothing_about_the_machine() {
    let mut driver = Driver::with_processors(2);
    driver.refuse_everywhere(Outcome::NOT_REACHED);
    assert_eq!(run(&["show"], &mut driver).exit, 1);
}

#[test]
fn a_reason_from_the_future_is_a_refusal_all_the_same() {
    let mut driver = Driver::with_processors(1);
    let future: Outcome = bytemuck::must_cast([99_u8, 1, 2, 3]);
    driver.refuse_everywhere(future);
    let ran = run(&["show", "--json"], &mut driver);
    assert_eq!(ran.exit, 5);
    assert!(ran.stdout.contains("\"code\": \"unknown\""));
}
