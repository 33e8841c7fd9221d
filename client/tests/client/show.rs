//! `show`: every field, in text and in JSON.

use amd_svm::Fault;
use amd_svm::fields::VmsaveField;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use protocol::{Outcome, ProcessorId, ReplyHeader, SnapshotRecord};

use crate::fake::Driver;
use crate::{output, run, run_at};

#[test]
fn a_snapshot_at_80_columns() {
    let text = output(&["show"], &mut Driver::with_processors(8));
    assert!(text.lines().all(|line| line.len() <= 80));
    insta::assert_snapshot!(text);
}

#[test]
fn a_snapshot_at_200_columns() {
    let ran = run_at(200, &[], &mut Driver::with_processors(2));
    assert!(ran.stdout.lines().all(|line| line.len() <= 200));
    insta::assert_snapshot!(ran.stdout);
}

#[test]
fn several_groups_are_told_apart_in_every_block() {
    let text = output(&["show", "-p", "3-4,2:1"], &mut Driver::new(6, 2));
    assert!(text.lines().all(|line| line.len() <= 80));
    insta::assert_snapshot!(text);
}

#[test]
fn a_snapshot_in_json() {
    insta::assert_snapshot!(output(&["show", "--json"], &mut Driver::with_processors(2)));
}

#[test]
fn without_a_command_the_client_shows() {
    let driver = || Driver::with_processors(3);
    assert_eq!(output(&[], &mut driver()), output(&["show"], &mut driver()));
    assert_eq!(
        output(&["-p0", "--json"], &mut driver()),
        output(&["show", "--json", "--processors", "0"], &mut driver())
    );
}

#[test]
fn processors_come_by_index_whatever_the_drivers_order() {
    let mut driver = Driver::with_processors(0);
    for index in [5, 0, 3] {
        driver.add(ProcessorId {
            index,
            ..ProcessorId::default()
        });
    }
    let text = output(&["show", "--json"], &mut driver);
    let order: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"index\": "))
        .collect();
    assert_eq!(order, ["0,", "3,", "5,"]);
}

#[test]
fn the_list_of_processors_narrows_and_may_be_given_in_pieces() {
    let text = output(
        &["show", "-p", "1,4-5", "-p", "7"],
        &mut Driver::with_processors(8),
    );
    assert!(text.starts_with("svmsave 0.1.0, protocol 1: VMSAVE on 4 of 8 processors\n"));
    let first_block: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with("CPU"))
        .skip(1)
        .map_while(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(first_block, ["1", "4", "5", "7"]);
}

#[test]
fn a_processor_that_does_not_exist_is_an_error_of_usage() {
    for command in ["show", "status"] {
        let ran = run(&[command, "-p", "6-9"], &mut Driver::with_processors(8));
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
        assert_eq!(
            ran.stderr,
            "client: there is no processor 8: this machine has 0-7\n"
        );
    }
}

#[test]
fn a_narrow_terminal_loses_no_field() {
    let fields = |width| {
        let text = run_at(width, &[], &mut Driver::with_processors(2)).stdout;
        let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
        words.sort();
        words.dedup();
        words
    };
    let all = fields(1000);
    for width in [0, 1, 20, 40, 79, 120] {
        assert_eq!(fields(width), all);
    }
}

#[test]
fn a_register_that_vmsave_does_not_confirm_is_named_under_the_table() {
    let mut driver = Driver::with_processors(2);
    driver.snapshot(1).state.system_call.lstar += 0x10;
    driver.snapshot(1).state.tr.limit = 0x2067;
    let text = output(&["show"], &mut driver);
    let findings: Vec<_> = text
        .lines()
        .filter(|line| line.contains("VMSAVE and"))
        .collect();
    assert_eq!(
        findings,
        [
            "processor 1: tr.limit is 0x00002067 by VMSAVE and 0x00000067 without it",
            "processor 1: lstar is 0xfffff8031a42b6d0 by VMSAVE and 0xfffff8031a42b6c0 without it",
        ]
    );
    let json: serde_json::Value =
        serde_json::from_str(&output(&["show", "--json"], &mut driver)).unwrap();
    assert_eq!(
        json["processors"][0]["disagreements"],
        serde_json::json!([])
    );
    assert_eq!(
        json["processors"][1]["disagreements"][1],
        serde_json::json!({
            "field": "lstar",
            "vmsave": "0xfffff8031a42b6d0",
            "witness": "0xfffff8031a42b6c0",
        })
    );
}

#[test]
fn a_witness_that_could_not_be_read_is_told_and_takes_nothing_from_the_capture() {
    let mut driver = Driver::with_processors(1);
    driver.snapshot(0).witness_outcome = Outcome::from(Refusal::Fault {
        step: Step::Read(Msr::Cstar),
        fault: Fault::GeneralProtection,
    });
    let text = output(&["show"], &mut driver);
    assert!(
        text.contains("processor 0: not compared with the registers: reading CSTAR raised #GP")
    );
    let json: serde_json::Value =
        serde_json::from_str(&output(&["show", "--json"], &mut driver)).unwrap();
    let processor = &json["processors"][0];
    assert_eq!(processor["witness_error"]["step"], "read-cstar");
    assert!(processor["vmsave"].is_object() && processor.get("disagreements").is_none());
}

#[test]
fn hidden_addresses_are_said_to_be_hidden() {
    let mut driver = Driver::with_processors(2);
    driver.flags = ReplyHeader::REDACTED;
    for index in 0..2 {
        driver.snapshot(index).redact();
    }
    let text = output(&["show"], &mut driver);
    let second = text.lines().nth(1).unwrap();
    assert!(second.starts_with("addresses are hidden"), "{text}");
    assert!(!text.contains("VMSAVE and"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&output(&["show", "--json"], &mut driver)).unwrap();
    assert_eq!(
        json["redacted"],
        serde_json::json!(SnapshotRecord::REDACTED_FIELDS.map(VmsaveField::name))
    );
    for pointer in ["/vmsave/lstar", "/vmsave/gs/base", "/vmsave/tr/base"] {
        let value = json["processors"][0].pointer(pointer).unwrap();
        assert_eq!(value, "0x0000000000000000", "{pointer}");
    }
}
