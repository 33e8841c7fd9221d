//! Random calls on a fresh machine, and what is told about those that went wrong.

use std::fmt;
use std::path::Path;

use lab_fuzz::Program;
use lab_wire::{CallPosition, Campaign, Report, Tally};

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
    /// What happened.
    pub fate: Fate,
}

/// What happened to a campaign.
#[derive(Debug)]
pub enum Fate {
    /// A call was not answered as promised.
    Complaint(String),
    /// The driver left something behind.
    Left(Box<Report>),
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
) -> Result<Tally, Box<Finding>> {
    let mut calls = Vec::new();
    let outcome = try_run(config, kernel, driver, campaign, &mut calls);
    outcome.map_err(|fate| {
        if let Fate::Lab(error) = &fate
            && let Error::Stopped { stop, .. } = error.as_ref()
        {
            calls.clone_from(&stop.calls);
        }
        Box::new(Finding {
            campaign,
            processors: config.processors,
            calls,
            fate,
        })
    })
}

fn try_run(
    config: &Config,
    kernel: &Path,
    driver: &Path,
    campaign: Campaign,
    calls: &mut Vec<CallPosition>,
) -> Result<Tally, Fate> {
    let mut lab = Lab::boot(config, kernel, driver)?;
    lab.load()?;
    let campaigned = lab.fuzz(campaign)?;
    if let Some(complaint) = campaigned.complaint {
        calls.push(complaint.call);
        return Err(Fate::Complaint(complaint.text));
    }
    let left = lab.unload()?;
    if !left.is_clean() {
        return Err(Fate::Left(Box::new(left)));
    }
    lab.shutdown()?;
    Ok(campaigned.tally)
}

impl From<Error> for Fate {
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
        match &self.fate {
            Fate::Complaint(text) => f.write_str(text),
            Fate::Left(report) => write!(f, "left behind at the end: {report:?}"),
            Fate::Lab(error) => error.fmt(f),
        }
    }
}
