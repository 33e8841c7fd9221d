//! Random calls on a fresh machine, and a report of what they find.

use std::fmt;
use std::path::Path;

use lab_fuzz::Program;
use lab_wire::{CallCounts, CallPosition, Campaign, Report};

use crate::{Config, Error, Lab};

/// Something that random calls found.
#[derive(Debug)]
pub struct Finding {
    /// The campaign.
    pub campaign: Campaign,
    /// How many processors took part.
    pub processors: u32,
    /// The calls that were under way.
    pub calls: Vec<CallPosition>,
    /// What it was.
    pub cause: Cause,
}

/// What a campaign found.
#[derive(Debug)]
pub enum Cause {
    /// A call was not answered as expected.
    UnexpectedAnswer(String),
    /// The driver left something behind.
    LeftOver(Box<Report>),
    /// The machine stopped, or gave no answer.
    Lab(Box<Error>),
}

/// Boots a machine, runs a campaign on all of its processors, and unloads the driver.
///
/// # Errors
///
/// What was found.
pub fn run(
    config: &Config,
    kernel: &Path,
    driver: &Path,
    campaign: Campaign,
) -> Result<CallCounts, Box<Finding>> {
    let mut calls = Vec::new();
    let result = try_run(config, kernel, driver, campaign, &mut calls);
    result.map_err(|cause| {
        if let Cause::Lab(error) = &cause
            && let Error::Stopped { stop, .. } = error.as_ref()
        {
            calls.clone_from(&stop.calls);
        }
        Box::new(Finding {
            campaign,
            processors: config.processors,
            calls,
            cause,
        })
    })
}

fn try_run(
    config: &Config,
    kernel: &Path,
    driver: &Path,
    campaign: Campaign,
    calls: &mut Vec<CallPosition>,
) -> Result<CallCounts, Cause> {
    let mut lab = Lab::boot(config, kernel, driver)?;
    lab.load()?;
    let result = lab.fuzz(campaign)?;
    if let Some(answer) = result.unexpected {
        calls.push(answer.call);
        return Err(Cause::UnexpectedAnswer(answer.text));
    }
    let left = lab.unload()?;
    if !left.is_clean() {
        return Err(Cause::LeftOver(Box::new(left)));
    }
    lab.shutdown()?;
    Ok(result.counts)
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self::Lab(Box::new(error))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Campaign { seed, calls } = self.campaign;
        writeln!(
            f,
            "seed {seed}, {} processors, {calls} calls each",
            self.processors
        )?;
        for &CallPosition { processor, number } in &self.calls {
            let mut program = Program::new(seed, processor, self.processors);
            if let Some(call) = program.nth(number as usize) {
                writeln!(f, "processor {processor}, call {number}: {call}")?;
            }
        }
        match &self.cause {
            Cause::UnexpectedAnswer(text) => f.write_str(text),
            Cause::LeftOver(report) => write!(f, "left behind at the end: {report:?}"),
            Cause::Lab(error) => error.fmt(f),
        }
    }
}
