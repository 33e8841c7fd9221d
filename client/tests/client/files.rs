//! Snapshots in files: what is written is read back, everywhere the same.

use std::collections::BTreeSet;

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use client::{CaptureDetails, Field, KernelModule, ProcessorSnapshot, Snapshot, Unavailable};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use protocol::{Outcome, RefusedPage, ReplyHeader, SnapshotRecord};

use crate::fake::Driver;
use crate::{output, run};

/// A folder that goes away with the test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

pub(crate) fn schema() -> jsonschema::Validator {
    let schema = include_str!("../../../docs/snapshot.schema.json");
    jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap()
}

pub(crate) fn assert_matches_schema(json: &str) {
    let document = serde_json::from_str(json).unwrap();
    let errors: Vec<_> = schema()
        .iter_errors(&document)
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// A machine on which everything that can go wrong has gone wrong somewhere.
fn troubled() -> Driver {
    let mut driver = Driver::new(6, 4);
    let fault = Refusal::Fault {
        step: Step::Read(Msr::Cstar),
        fault: Fault::GeneralProtection,
    };
    driver.snapshot(0).state.tr.limit = 0x2067;
    driver.snapshot(2).witness_outcome = Outcome::from(fault);
    driver.refuse(3, fault).refuse(4, Outcome::NOT_REACHED);
    driver
}

#[test]
fn every_command_answers_from_a_file_as_from_the_driver() {
    let folder = Folder::new();
    let mut driver = troubled();
    let path = folder.path("a.json");
    assert_eq!(run(&["save", &path], &mut driver).exit, 1);
    for command in [
        ["show"].as_slice(),
        &["show", "--json"],
        &["show", "--json", "--full", "-p", "1-2"],
        &["show", "--csv"],
        &["show", "--group-by", "value"],
        &["show", "--field", "lstar", "-p", "5"],
        &["check"],
        &["check", "--json"],
    ] {
        let asked = run(command, &mut driver);
        let mut from_file = command.to_vec();
        from_file.extend(["--from", &path]);
        let mut unasked = Driver::with_processors(1);
        let read = run(&from_file, &mut unasked);
        assert!(unasked.requests.is_empty());
        assert_eq!(
            (asked.exit, asked.stdout),
            (read.exit, read.stdout),
            "{command:?}"
        );
    }
    let read = run(
        &["status", "--from", &path],
        &mut Driver::with_processors(1),
    );
    assert_eq!(read.exit, 1);
    insta::assert_snapshot!(read.stdout);
}

#[test]
fn what_is_printed_and_saved_matches_the_published_schema() {
    for mut driver in [Driver::with_processors(2), troubled()] {
        assert_matches_schema(&run(&["show", "--json"], &mut driver).stdout);
        assert_matches_schema(&run(&["show", "--json", "--full"], &mut driver).stdout);
    }
    for example in ["healthy", "tampered"] {
        let path = format!("{}/examples/{example}.json", env!("CARGO_MANIFEST_DIR"));
        assert_matches_schema(&std::fs::read_to_string(path).unwrap());
    }
    let wrong = serde_json::json!({"schema": 1, "processors": [{"index": 0}]});
    assert!(!schema().is_valid(&wrong));
}

#[test]
fn pages_are_the_bytes_that_vmsave_left() {
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    let mut driver = Driver::with_processors(3);
    assert_eq!(output(&["save", "--raw", &path], &mut driver), "");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 3 * 4096);
    let lstar = driver.snapshot(1).state.system_call.lstar;
    assert_eq!(bytes[4096 + 0x608..4096 + 0x610], lstar.to_le_bytes());
    insta::assert_snapshot!(output(&["decode", &path, "-p", "1"], &mut driver));
    let judged = run(&["check", "--from", &path], &mut driver);
    assert_eq!(judged.exit, 7);
    assert!(
        judged
            .stdout
            .contains("not judged (no values that were read without VMSAVE): vmsave-contradicted")
    );
    driver.refuse(1, Refusal::SvmeDoesNotStick);
    let ran = run(&["save", "--raw", "--force", &path], &mut driver);
    assert_eq!(ran.exit, 8);
    assert!(
        ran.stderr
            .contains("cannot say that processor 1 (0:1) has none")
    );
}

#[test]
fn pages_cannot_say_what_is_hidden() {
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    let mut driver = Driver::with_processors(3);
    driver.flags = ReplyHeader::REDACTED;
    for index in 0..3 {
        driver.snapshot(index).redact();
    }
    let ran = run(&["save", "--raw", &path], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (8, ""));
    let told = "cannot say that values of processor 0 (0:0) are hidden: save JSON";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(!std::path::Path::new(&path).exists());
    let hidden = "tests/cases/redacted.json";
    let ran = run(&["save", "--raw", "--from", hidden, &path], &mut driver);
    assert_eq!(ran.exit, 8, "{}", ran.stderr);
}

#[test]
fn pages_that_are_numbered_anew_are_told() {
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    let mut driver = Driver::with_processors(4);
    for (list, told) in [
        ("0-3", ""),
        ("0-1", ""),
        (
            "0,2-3",
            "client: processors 0,2-3 are pages 0-2 of the file\n",
        ),
        ("1-3", "client: processors 1-3 are pages 0-2 of the file\n"),
        ("3", "client: processor 3 is page 0 of the file\n"),
    ] {
        let save = ["save", "--raw", "--force", "-p", list, &path];
        let ran = run(&save, &mut driver);
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, told));
        assert_eq!(output(&[&save[..], &["--quiet"]].concat(), &mut driver), "");
    }
    let json = folder.path("a.json");
    assert_eq!(output(&["save", "-p", "3", &json], &mut driver), "");
}

fn reason() -> impl Strategy<Value = Unavailable> {
    let msr = prop::sample::select(Msr::ALL.to_vec()).prop_map(Step::Read);
    let fixed = [
        Step::SetSvme,
        Step::ConfirmSvme,
        Step::Vmsave,
        Step::RestoreEfer,
        Step::ConfirmEfer,
    ];
    let step = prop_oneof![msr, prop::sample::select(fixed.to_vec())];
    let fault = prop::sample::select(vec![
        Fault::InvalidOpcode,
        Fault::GeneralProtection,
        Fault::Other,
    ]);
    prop_oneof![
        Just(Unavailable::PageRefused(RefusedPage::Replaced)),
        Just(Unavailable::PageRefused(RefusedPage::Kept)),
        Just(Unavailable::NotReached),
        Just(Unavailable::Unknown),
        Just(Unavailable::Refused(Refusal::NotAmd)),
        Just(Unavailable::Refused(Refusal::SvmeDoesNotStick)),
        any::<bool>().prop_map(|hypervisor| Unavailable::Refused(Refusal::NoSvm { hypervisor })),
        any::<bool>().prop_map(|locked| Unavailable::Refused(Refusal::Disabled { locked })),
        (step, fault)
            .prop_map(|(step, fault)| Unavailable::Refused(Refusal::Fault { step, fault })),
    ]
}

/// A processor as the driver could describe it, with any values.
fn processor() -> impl Strategy<Value = ProcessorSnapshot> {
    let record = vec(any::<u8>(), size_of::<SnapshotRecord>());
    let witness = option::of(option::of(reason()));
    (
        record,
        any::<bool>(),
        witness,
        option::weighted(0.2, reason()),
    )
        .prop_map(|(bytes, noted, witness, refused)| {
            let mut record: SnapshotRecord = bytemuck::pod_read_unaligned(&bytes);
            record.outcome = Outcome::DONE;
            record.witness_outcome = Outcome::DONE;
            let mut driver = Driver::with_processors(0);
            driver.add(protocol::ProcessorId::default());
            *driver.snapshot(0) = record;
            let mut processor = Snapshot::take(&mut &mut driver)
                .unwrap()
                .processors
                .remove(0);
            let capture = processor.result.as_mut().unwrap();
            capture.details = capture.details.filter(|_: &CaptureDetails| noted);
            match witness {
                None => capture.witness = None,
                Some(None) => {}
                Some(Some(reason)) => capture.witness = Some(Err(reason)),
            }
            if let Some(reason) = refused {
                processor.result = Err(reason);
            }
            processor
        })
}

pub(crate) fn snapshot() -> impl Strategy<Value = Snapshot> {
    let name = prop_oneof![any::<String>(), "[\\x00-\\x9F]{1,4}"];
    let module = (name, any::<u64>(), any::<u32>()).prop_map(|(name, base, size)| KernelModule {
        name,
        base,
        size,
    });
    let names = SnapshotRecord::REDACTED_FIELDS.map(|field| field.name().parse::<Field>().unwrap());
    let redacted = vec(prop::sample::select(names.to_vec()), 0..4);
    (
        vec(processor(), 1..6),
        vec(module, 0..3),
        redacted,
        any::<bool>(),
    )
        .prop_map(|(mut processors, modules, redacted, driver)| {
            processors.sort_by_key(|processor| processor.id.index);
            processors.dedup_by_key(|processor| processor.id.index);
            for processor in &mut processors {
                processor.id.number = (processor.id.index % 64) as u8;
            }
            let mut numbers = BTreeSet::new();
            processors.retain(|one| numbers.insert((one.id.group, one.id.number)));
            let known = Snapshot::take(&mut &mut Driver::with_processors(1)).unwrap();
            let mut snapshot = Snapshot::default();
            snapshot.driver = known.driver.filter(|_| driver);
            snapshot.redacted = redacted;
            snapshot.modules = modules;
            snapshot.processors = processors;
            snapshot
        })
}

proptest! {
    #[test]
    fn a_snapshot_survives_the_way_through_json(snapshot in snapshot()) {
        let json = snapshot.to_json().unwrap();
        assert_matches_schema(&json);
        prop_assert!(!json.contains(|c: char| c.is_control() && c != '\n'));
        prop_assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), snapshot);
    }

    #[test]
    fn what_vmsave_stored_survives_the_way_through_pages(snapshot in snapshot()) {
        let Ok(pages) = snapshot.to_pages() else {
            let hides = |capture| snapshot.redacted.iter().any(|field| snapshot.hides(*field, capture));
            let mut results = snapshot.processors.iter().map(|one| one.result.as_ref());
            prop_assert!(results.any(|one| one.map_or(true, hides)));
            return Ok(());
        };
        let read = Snapshot::parse(&pages).unwrap();
        prop_assert_eq!(read.to_pages().unwrap(), pages);
        let states = |snapshot: &Snapshot| -> Vec<_> {
            let all = snapshot.processors.iter();
            all.map(|one| one.result.as_ref().unwrap().vmsave).collect()
        };
        prop_assert_eq!(states(&read), states(&snapshot));
    }
}
