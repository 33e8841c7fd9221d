//! Checking the lab itself, and random calls.

use lab_wire::{Campaign, CampaignResult, Command, ConformanceCheck, Response, Violation};

use super::{Lab, unexpected};
use crate::Error;

impl Lab {
    /// Makes the kernel check that its own routines do what their documentation says.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with what they did not.
    pub fn check_conformance(&mut self, kind: ConformanceCheck) -> Result<(), Error> {
        self.ask_done(&Command::CheckConformance(kind))
    }

    /// Makes the kernel break one of its own rules.
    ///
    /// # Errors
    ///
    /// Always: [`Error::Stopped`] with the rule, or [`Error::Refused`] if that was not
    /// noticed.
    pub fn violate(&mut self, kind: Violation) -> Result<(), Error> {
        self.ask_done(&Command::Violate(kind))
    }

    /// Calls a routine that drivers may import at an IRQL at which that is forbidden.
    ///
    /// # Errors
    ///
    /// Always: [`Error::Stopped`] with the rule, or [`Error::Refused`] if that was not
    /// noticed.
    pub fn call_at(&mut self, routine: &str, irql: u8) -> Result<(), Error> {
        let routine = routine.to_owned();
        self.ask_done(&Command::CallAt { routine, irql })
    }

    /// Makes random calls on all processors at once, with the driver loaded before
    /// and after.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer. A call that was not answered as
    /// expected is part of the result.
    pub fn fuzz(&mut self, campaign: Campaign) -> Result<CampaignResult, Error> {
        match self.session.ask(&Command::Fuzz(campaign))? {
            Response::Fuzz(campaigned) => Ok(*campaigned),
            other => Err(unexpected(&other)),
        }
    }
}
