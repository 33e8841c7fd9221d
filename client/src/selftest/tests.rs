//! The self-test on a machine of these tests', on which each step passes, fails, and is not done.

mod compare;
mod device;
mod files;
mod machine;
mod outcomes;
mod runs;
mod state;

use std::fmt::Write as _;

use insta::Settings;

use self::machine::TestMachine;
use super::machine::{Machine as _, Opener};
use super::outcome::Outcome;
use super::record::Record;
use super::run::{Options, run};

const QUICK: Options = Options {
    quick: true,
    seed: 1,
    removed: false,
};

/// Compares with the expected text beside the client's other ones.
fn assert_text(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../tests/selftest");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A run, with what a user sees of it.
fn test(mut machine: TestMachine, options: Options) -> (Record, String) {
    let mut said = Vec::new();
    let device = machine.open(Opener::Client).unwrap();
    let device = device.map_err(|error| error.to_string());
    let record = run(&mut machine, device, options, &mut |_| Ok(()), &mut said).unwrap();
    (record, String::from_utf8(said).unwrap())
}

/// The steps that ended so, a line each.
fn ended(record: &Record, outcome: Outcome) -> String {
    let mut lines = String::new();
    for step in record.steps.iter().filter(|step| step.result == outcome) {
        let reason = step.reason.as_deref().unwrap_or_default();
        writeln!(lines, "{}: {reason}", step.id).unwrap();
    }
    lines
}

/// The same each time.
fn without_times(mut record: Record) -> Record {
    record.taken_at = "2026-01-01T00:00:00Z".to_owned();
    for step in &mut record.steps {
        step.milliseconds = 0;
        step.values.remove("round_trip_nanoseconds");
    }
    record
}
