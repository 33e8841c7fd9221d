//! A run: step after step, each told when it is done and kept in the file.

use std::io::Write;
use std::time::{Instant, SystemTime};

use super::machine::Machine;
use super::outcome::{Outcome, Stop, Values};
use super::record::{Record, SCHEMA, StepRecord};
use super::session::{Session, milliseconds};
use super::step::{REMOVED, STEPS, SelfTestStep};
use crate::driver_io::Device;
use crate::model::Error;
use crate::model::kernel_module::printable;

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Do everything less often.
    pub(crate) quick: bool,
    /// Where random requests begin.
    pub(crate) seed: u32,
    /// Judge what the driver's removal has left, and nothing else.
    pub(crate) removed: bool,
}

/// Takes the steps, and returns what they saw.
///
/// `keep` gets the record before each step, with a result that says that the run ended there, and at
/// the end: a machine that a step brings down leaves it behind.
pub(crate) fn run<'device>(
    machine: &mut dyn Machine,
    device: Result<Box<dyn Device + 'device>, String>,
    options: Options,
    keep: &mut dyn FnMut(&Record) -> Result<(), Error>,
    said: &mut dyn Write,
) -> Result<Record, Error> {
    let system = machine.system();
    let mut session = Session::new(machine, device, options.quick, options.seed);
    let mut record = Record {
        selftest: SCHEMA,
        client: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        system,
        driver: session.status().ok().and_then(|status| status.driver),
        quick: options.quick,
        seed: options.seed,
        steps: Vec::new(),
    };
    let seed = options.seed;
    let begin = if options.removed {
        format!("after the removal of the driver, on {}", record.system())
    } else {
        format!("self-test of {}; seed {seed}", record.subject())
    };
    tell(said, &begin);
    let steps = if options.removed {
        std::slice::from_ref(&REMOVED)
    } else {
        &STEPS
    };
    for step in steps {
        record.steps.push(begun(step));
        keep(&record)?;
        record.steps.pop();
        let done = take(step, &mut session);
        tell(said, &line(&done));
        record.steps.push(done);
    }
    keep(&record)?;
    Ok(record)
}

/// A step that has not come back.
fn begun(step: &SelfTestStep) -> StepRecord {
    StepRecord {
        id: step.id.to_owned(),
        claim: step.claim.to_owned(),
        row: step.row.to_owned(),
        result: Outcome::Failed,
        reason: Some("the program or the machine ended in this step".to_owned()),
        values: Values::default().into_map(),
        milliseconds: 0,
    }
}

fn take(step: &SelfTestStep, session: &mut Session) -> StepRecord {
    let mut values = Values::default();
    let begin = Instant::now();
    let (result, reason) = match (step.judge)(session, &mut values) {
        Ok(()) => (Outcome::Passed, None),
        Err(Stop::Failed(why)) => (Outcome::Failed, Some(why)),
        Err(Stop::NotDone(why)) => (Outcome::NotDone, Some(why)),
    };
    StepRecord {
        result,
        reason,
        values: values.into_map(),
        milliseconds: milliseconds(begin.elapsed()),
        ..begun(step)
    }
}

/// A step in one line: its claim, or why that was not shown.
fn line(step: &StepRecord) -> String {
    let text = printable(step.reason.as_deref().unwrap_or(&step.claim));
    format!("{:8}  {:16}  {text}", step.result.name(), step.id)
}

/// A line for the user, who may have gone: the file is what counts.
fn tell(said: &mut dyn Write, line: &str) {
    let _ = writeln!(said, "{line}");
    let _ = said.flush();
}
