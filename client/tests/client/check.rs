//! `check` and `explain`: each kind of finding is provoked, and a healthy machine has none.

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use client::{FindingId, KernelModule, Snapshot};
use protocol::{Outcome, ReplyHeader, SnapshotRecord};

use crate::fake::Driver;
use crate::{output, run};

/// Changes the record and what was read without VMSAVE alike.
fn everywhere(record: &mut SnapshotRecord, change: impl Fn(&mut SnapshotRecord)) {
    change(record);
    record.witness.system_call = record.state.system_call;
    record.witness.gs_base = record.state.gs.base;
    record.witness.ldtr_selector = record.state.ldtr.selector;
}

fn found(driver: &mut Driver) -> Vec<&'static str> {
    let snapshot = Snapshot::take(&mut &mut *driver).unwrap();
    client::check(&snapshot)
        .findings
        .iter()
        .map(|finding| finding.id.name())
        .collect()
}

#[test]
fn nothing_is_found_on_a_healthy_machine_of_any_size() {
    for processors in [1, 2, 64, 300] {
        let mut driver = Driver::new(processors, 64);
        assert_eq!(found(&mut driver), Vec::<&str>::new());
    }
    assert_eq!(
        output(&["check", "-p", "1"], &mut Driver::with_processors(4)),
        "1 of 4 processors checked: nothing found\n"
    );
}

type Change = fn(&mut SnapshotRecord);

/// What is wrong with one processor of four, and by which names it is found.
const CASES: [(Change, &[&str]); 20] = [
    (
        |r| r.state.system_call.sysenter_cs = 0x10,
        &["sysenter-differs", "sysenter-incomplete"],
    ),
    (
        |r| r.state.gs.base ^= 1 << 62,
        &["address-noncanonical", "gs-base-outside-kernel"],
    ),
    (
        |r| r.state.ldtr.attributes.set_reserved(4),
        &["attributes-reserved"],
    ),
    (|r| r.state.system_call.lstar += 0x40, &["lstar-differs"]),
    (|r| r.state.system_call.cstar += 0x40, &["cstar-differs"]),
    (
        |r| r.state.system_call.star ^= 8 << 32,
        &["star-differs", "star-invalid"],
    ),
    (
        |r| r.state.system_call.sfmask |= 1 << 18,
        &["sfmask-differs"],
    ),
    (
        |r| r.state.system_call.sfmask = 0x4500,
        &["sfmask-differs", "sfmask-weak"],
    ),
    (
        |r| r.state.system_call.lstar = 0x7FF6_0000_1000,
        &["lstar-differs", "lstar-outside-kernel"],
    ),
    (
        |r| r.state.system_call.sysenter_eip = 0x1000,
        &["sysenter-differs", "sysenter-outside-kernel"],
    ),
    (
        |r| r.state.gs.base = 0xFFFF_C480_0000_0000,
        &["gs-base-shared"],
    ),
    (
        |r| r.state.gs.base = 0x7FF6_0000_0000,
        &["gs-base-outside-kernel"],
    ),
    (|r| r.state.ldtr.selector = 0x48, &["ldtr-loaded"]),
    (|r| r.efer_left |= 1 << 12, &["efer-not-restored"]),
    (
        |r| {
            r.efer_found &= !1;
            r.efer_left = r.efer_found;
        },
        &["efer-differs", "efer-unprotected"],
    ),
    (
        |r| {
            r.efer_found |= 1 << 12;
            r.efer_left = r.efer_found;
        },
        &["svm-in-use"],
    ),
    (
        |r| {
            r.state.tr.attributes.set_present(false);
        },
        &["tss-invalid"],
    ),
    (
        |r| {
            r.state.tr.limit = 0x66;
            r.witness.tr_descriptor[0] -= 1;
        },
        &["tss-invalid", "tr-limit-differs"],
    ),
    (
        |r| {
            r.state.tr.limit = 0x2067;
            r.witness.tr_descriptor[0] += 0x2000;
        },
        &["tr-limit-differs", "tr-limit-wide"],
    ),
    (
        |r| {
            r.state.fs.attributes.set_code_or_data(false);
            r.witness.fs_descriptor &= !(1 << 44);
        },
        &["segment-invalid"],
    ),
];

/// What takes more than one change to provoke.
const OTHERS: [&str; 9] = [
    "tr-base-shared",
    "vmsave-contradicted",
    "not-captured",
    "witness-unread",
    // These are about the list of modules, about other snapshots than the driver's, or found on
    // all processors: `rules.rs` provokes them.
    "cstar-outside-kernel",
    "entry-in-headers",
    "kernel-name-twice",
    "module-name-deceptive",
    "guest-encrypted",
];

#[test]
fn every_kind_of_finding_is_found_where_it_is_and_by_no_other_name() {
    for (change, names) in CASES {
        let mut driver = Driver::with_processors(4);
        everywhere(driver.snapshot(2), change);
        assert_eq!(found(&mut driver), names);
    }
    let provoked = || CASES.iter().flat_map(|(_, names)| *names).chain(&OTHERS);
    for id in FindingId::all() {
        assert!(provoked().any(|name| *name == id.name()), "{id}");
    }
}

#[test]
fn what_concerns_two_processors_or_the_driver_is_found_too() {
    let mut driver = Driver::with_processors(4);
    let base = driver.snapshot(0).state.tr.base;
    let descriptor = driver.snapshot(0).witness.tr_descriptor;
    driver.snapshot(2).state.tr.base = base;
    driver.snapshot(2).witness.tr_descriptor = descriptor;
    assert_eq!(found(&mut driver), OTHERS[..1]);

    let mut driver = Driver::with_processors(4);
    driver.snapshot(2).witness.system_call.lstar += 1;
    driver.refuse(1, Refusal::SvmeDoesNotStick);
    driver.snapshot(3).witness_outcome = Outcome::from(Refusal::Fault {
        step: Step::Read(Msr::Lstar),
        fault: Fault::GeneralProtection,
    });
    assert_eq!(found(&mut driver), OTHERS[1..4]);
}

#[test]
fn findings_are_told_with_their_values_worst_first() {
    let mut driver = Driver::with_processors(8);
    everywhere(driver.snapshot(6), |r| r.state.system_call.lstar += 0x40);
    driver.snapshot(3).state.tr.limit = 0x2067;
    driver.refuse(5, Refusal::Disabled { locked: true });
    let ran = run(&["check"], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""));
    insta::assert_snapshot!(ran.stdout);
    let ran = run(&["check", "--json"], &mut driver);
    assert_eq!(ran.exit, 6);
    insta::assert_snapshot!("findings_in_json", ran.stdout);
}

#[test]
fn a_machine_without_svm_cannot_be_judged() {
    let mut driver = Driver::with_processors(2);
    driver.refuse_everywhere(Refusal::NotAmd);
    let ran = run(&["check"], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (5, ""));
    assert!(ran.stderr.contains("not made by AMD"));
}

#[test]
fn hidden_addresses_are_not_judged_and_that_is_said() {
    let mut driver = Driver::with_processors(2);
    driver.flags = ReplyHeader::REDACTED;
    for index in 0..2 {
        driver.snapshot(index).redact();
    }
    let ran = run(&["check"], &mut driver);
    assert_eq!(ran.exit, 7);
    assert!(
        ran.stdout
            .contains("not judged (hidden from this caller): lstar-differs, ")
    );
    assert!(
        ran.stdout
            .contains("2 processors checked: nothing found; 10 of 32 rules not judged")
    );
}

#[test]
fn rules_that_were_judged_somewhere_are_told_from_those_that_were_not() {
    let mut driver = Driver::with_processors(4);
    driver.refuse(3, Refusal::SvmeDoesNotStick);
    let closing = |driver: &mut Driver| {
        let stdout = run(&["check"], driver).stdout;
        stdout.lines().last().unwrap().to_owned()
    };
    assert_eq!(
        closing(&mut driver),
        "4 processors checked: 1 finding; 28 of 32 rules not judged on every processor: no capture"
    );
    driver.modules.clear();
    let told = closing(&mut driver);
    assert!(
        told.contains(
            "; 3 of 32 rules not judged: no module list; 27 of 32 rules not judged on \
             every processor: no capture"
        ),
        "{told}"
    );
    let json = run(&["check", "--json"], &mut driver).stdout;
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (
            &document["rules"]["not_judged"],
            &document["rules"]["judged_nowhere"]
        ),
        (&serde_json::json!(30), &serde_json::json!(3))
    );
    let page = run(&["report", "-"], &mut driver).stdout;
    assert!(page.contains(" on 4 processors; 27 were judged on some of them."));
}

#[test]
fn an_entry_point_is_named_and_must_lie_in_the_first_module() {
    let module = |name: &str, base, size| KernelModule {
        name: name.to_owned(),
        base,
        size,
    };
    let mut driver = Driver::with_processors(2);
    let mut snapshot = Snapshot::take(&mut &mut driver).unwrap();
    snapshot.modules = vec![
        module("ntoskrnl.exe", 0xFFFF_F803_1A00_0000, 0x104_7000),
        module("hook.sys", 0xFFFF_F803_2000_0000, 0x8000),
    ];
    assert_eq!(client::check(&snapshot).findings, []);
    for processor in &mut snapshot.processors {
        let capture = processor.result.as_mut().unwrap();
        capture.vmsave.system_call.lstar = 0xFFFF_F803_2000_1230;
        capture.witness = None;
    }
    let findings = client::check(&snapshot).findings;
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!(finding.id, FindingId::LstarOutsideKernel);
    assert_eq!(finding.values[0].place.as_deref(), Some("hook.sys+0x1230"));
}

#[test]
fn every_finding_is_explained() {
    let mut all = output(&["explain"], &mut Driver::with_processors(1));
    for id in FindingId::all() {
        all += "\n";
        all += &output(&["explain", id.name()], &mut Driver::with_processors(1));
    }
    insta::assert_snapshot!(all);
    let ran = run(&["explain", "lstar"], &mut Driver::with_processors(1));
    assert_eq!(ran.exit, 2);
    assert!(
        ran.stderr
            .contains("there is no finding or condition of this name")
    );
}

#[test]
fn values_of_findings_have_the_digits_that_they_have_elsewhere() {
    const MACHINE: &str = "examples/tampered.json";
    let ran = |arguments: &[&str]| run(arguments, &mut Driver::with_processors(1)).stdout;
    let csv = ran(&["show", "--csv", "--from", MACHINE]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let whole: serde_json::Value =
        serde_json::from_str(&ran(&["check", "--json", MACHINE])).unwrap();
    let lines = ran(&["check", "--jsonl", MACHINE]);
    let lines = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let findings = whole["findings"].as_array().unwrap().iter().cloned();
    let mut compared = 0;
    for finding in findings.chain(lines) {
        for kind in ["values", "others"] {
            for value in finding[kind].as_array().into_iter().flatten() {
                let field = value["field"].as_str().unwrap();
                let column = heads.iter().position(|head| head == field).unwrap();
                let index = value["processors"][0].as_u64().unwrap();
                let row = &rows[usize::try_from(index).unwrap()];
                assert_eq!(value["value"].as_str(), Some(&row[column]), "{field}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 8, "{compared}");
}
