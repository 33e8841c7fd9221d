//! What a user sees of a run, and what is left of one that ends in the middle.

use super::machine::TestMachine;
use super::{Opener, QUICK, assert_text, test};
use crate::selftest::machine::Machine as _;
use crate::selftest::outcome::Outcome;
use crate::selftest::record::Record;
use crate::selftest::run::{Options, run};
use crate::selftest::step::STEPS;

#[test]
fn a_run_is_told_in_a_line_for_each_step() {
    let machine = TestMachine::with(|state| {
        state.adds_a_processor = false;
        state.topology.nodes = 1;
    });
    assert_text("run", &test(machine, QUICK).1);
}

#[test]
fn a_whole_run_does_everything_more_often() {
    let whole = Options {
        quick: false,
        ..QUICK
    };
    let (record, said) = test(TestMachine::new(), whole);
    assert_eq!(record.counts().passed, STEPS.len(), "{said}");
    for (id, name, number) in [
        ("snapshots", "snapshots", 100_u64),
        ("random-requests", "requests", 100_000),
        ("restarts", "rounds", 20),
    ] {
        let step = record.steps.iter().find(|step| step.id == id).unwrap();
        assert_eq!(step.values[name], number.into(), "{id}");
    }
}

#[test]
fn what_was_seen_is_kept_before_each_step() {
    let mut machine = TestMachine::new();
    let device = machine.open(Opener::Client).unwrap();
    let mut kept: Vec<Record> = Vec::new();
    let mut keep = |record: &Record| {
        kept.push(record.clone());
        Ok(())
    };
    let device = device.map_err(|error| error.to_string());
    let last = run(&mut machine, device, QUICK, &mut keep, &mut Vec::new()).unwrap();
    assert_eq!(kept.pop(), Some(last.clone()));
    assert_eq!(kept.len(), STEPS.len());
    for (count, record) in (0..).zip(&kept) {
        let (begun, done) = record.steps.split_last().unwrap();
        assert_eq!(done, &last.steps[..count]);
        assert_eq!(
            (&*begun.id, begun.result),
            (STEPS[count].id, Outcome::Failed)
        );
        assert!(
            begun
                .reason
                .as_deref()
                .unwrap()
                .ends_with("ended in this step")
        );
    }
}

#[test]
fn the_driver_runs_after_the_run_as_before() {
    let machine = TestMachine::new();
    let state = machine.0.clone();
    test(machine, QUICK);
    assert!(state.borrow().running);
    let stopped = TestMachine::with(|state| state.running = false);
    let state = stopped.0.clone();
    test(stopped, QUICK);
    assert!(!state.borrow().running);
}
