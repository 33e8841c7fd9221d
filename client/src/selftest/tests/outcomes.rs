//! Each step: what makes it fail, and where it is not done.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use amd_svm::support::Refusal;

use super::machine::TestMachine;
use super::state::{Damage, State};
use super::{QUICK, assert_text, ended, test};
use crate::selftest::machine::{Installation, Kind, Verifier};
use crate::selftest::outcome::{Counts, Outcome};
use crate::selftest::pool::Usage;
use crate::selftest::run::Options;
use crate::selftest::step::{REMOVED, STEPS};

const AFTER_REMOVAL: Options = Options {
    removed: true,
    ..QUICK
};

/// What is wrong, and the step that notices it. What else fails follows from the same.
const DAMAGES: [(Damage, &str); 22] = [
    (Damage::Untrusted, "signature"),
    (Damage::NoCatalog, "signature"),
    (Damage::NoImage, "installed"),
    (Damage::TwoPackages, "installed"),
    (Damage::NoAnswerToInstall, "questions"),
    (Damage::OtherVersion, "status"),
    (Damage::LstarChanges, "snapshots"),
    (Damage::WitnessDisagrees, "agreement"),
    (Damage::NoWitness, "agreement"),
    (Damage::ProcessorIsLeftOut, "every-processor"),
    (Damage::SystemCountsMore, "every-processor"),
    (Damage::SvmeStays, "efer"),
    (Damage::OneGroupIsMissing, "groups"),
    (Damage::WritesBehindTheReply, "random-requests"),
    (Damage::OtherStatus, "random-requests"),
    (Damage::ReadsWithoutAccess, "no-read-access"),
    (Damage::LetsAnyoneIn, "restricted-token"),
    (Damage::ShowsAddresses, "hidden-addresses"),
    (Damage::RedactsSilently, "hidden-addresses"),
    (Damage::DoesNotStop, "restarts"),
    (Damage::DoesNotStartAgain, "restarts"),
    (Damage::LeavesPool, "pool-tag"),
];

/// Steps that can't fail: they show what is there, or pass on what others saw.
const NEVER_FAIL: [&str; 6] = [
    "service",
    "timing",
    "nodes",
    "memory-integrity",
    "driver-verifier",
    "hot-add",
];

#[test]
fn every_step_passes_on_a_machine_that_has_everything() {
    let (record, said) = test(TestMachine::new(), QUICK);
    let passed = STEPS.len();
    let expected = Counts {
        passed,
        ..Counts::default()
    };
    assert_eq!(record.counts(), expected, "{said}");
    let (removed, said) = test(removed(|_| {}), AFTER_REMOVAL);
    assert_eq!(removed.counts().passed, 1, "{said}");
    assert_eq!(removed.steps.len(), 1);
}

#[test]
fn each_damage_fails_the_step_that_is_about_it() {
    let mut text = String::new();
    let mut failed: BTreeSet<&str> = NEVER_FAIL.into();
    for (damage, id) in DAMAGES {
        let (record, said) = test(TestMachine::damaged(damage), QUICK);
        let lines = ended(&record, Outcome::Failed);
        let is_told = |line: &str| line.starts_with(&format!("{id}: "));
        assert!(lines.lines().any(is_told), "{damage:?}: {said}");
        write!(text, "{damage:?}\n{lines}\n").unwrap();
        failed.insert(id);
    }
    let machine = removed(|state| state.damage = Damage::LeavesFolder);
    let (record, _) = test(machine, AFTER_REMOVAL);
    text += &ended(&record, Outcome::Failed);
    let all: BTreeSet<&str> = STEPS.iter().map(|step| step.id).collect();
    assert_eq!(failed, all, "a step that nothing makes fail");
    assert_text("failed", &text);
}

/// A machine from which the driver was removed.
fn removed(change: impl FnOnce(&mut State)) -> TestMachine {
    TestMachine::with(|state| {
        state.running = false;
        state.installation = Installation::default();
        change(state);
    })
}

#[test]
fn a_step_that_cannot_be_done_says_why() {
    let mut text = String::new();
    let mut not_done = BTreeSet::new();
    let mut add = |name: &str, machine: TestMachine, options| {
        let (record, _) = test(machine, options);
        assert_eq!(record.counts().failed, 0, "{name}");
        let lines = ended(&record, Outcome::NotDone);
        write!(text, "{name}\n{lines}\n").unwrap();
        let steps = record.steps.into_iter();
        let steps = steps.filter(|step| step.result == Outcome::NotDone);
        not_done.extend(steps.map(|step| step.id));
    };
    let plain = |state: &mut State| {
        state.topology.groups = 1;
        state.topology.nodes = 1;
        state.adds_a_processor = false;
        state.memory_integrity = false;
        state.verifier = Verifier::default();
    };
    add("a plain machine", TestMachine::with(plain), QUICK);
    let few = |state: &mut State| state.verifier.flags = 0x9BB;
    add(
        "Driver Verifier without all classes",
        TestMachine::with(few),
        QUICK,
    );
    let near = |state: &mut State| {
        state.topology.groups = 1;
        state.groups_in_records = 1;
    };
    add("processors of one node", TestMachine::with(near), QUICK);
    let hidden = |state: &mut State| state.outcome = Refusal::NoSvm { hypervisor: true }.into();
    add("SVM is hidden", TestMachine::with(hidden), QUICK);
    let denied = TestMachine::damaged(Damage::CallerIsDenied);
    add("no administrator", denied, QUICK);
    let stopped = |state: &mut State| state.running = false;
    add("a stopped driver", TestMachine::with(stopped), QUICK);
    add("no driver", removed(|_| {}), QUICK);
    let unlisted = |state: &mut State| state.pool = None;
    add("no pool tags", TestMachine::with(unlisted), QUICK);
    let untold = |state: &mut State| state.pool = Some(Usage::default());
    add(
        "pool tags that count nothing",
        TestMachine::with(untold),
        QUICK,
    );
    let wine = |state: &mut State| {
        state.system.kind = Kind::Wine;
        state.installation.packages.clear();
    };
    add("Wine", TestMachine::with(wine), QUICK);
    add("not yet removed", TestMachine::new(), AFTER_REMOVAL);
    // Signature and questions are the system's alone, and Windows always has an answer.
    for step in STEPS.iter().chain([&REMOVED]) {
        let always = ["signature", "questions"].contains(&step.id);
        assert_ne!(always, not_done.contains(step.id), "{}", step.id);
    }
    assert_text("not_done", &text);
}
