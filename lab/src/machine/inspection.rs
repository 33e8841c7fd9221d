//! Reading what is there.

use lab_wire::{Command, ProcessorState, Report, Response};

use super::{Lab, unexpected};
use crate::Error;
use crate::mapped_image::VMSAVE;
use crate::monitor::ProcessorRegisters;

impl Lab {
    /// What is allocated, open and queued now.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn report(&mut self) -> Result<Report, Error> {
        match self.session.ask(&Command::Report)? {
            Response::Report(report) => Ok(*report),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes the pages of the driver's memory count as not written to: what is written from now
    /// on is in the next [report](Self::report).
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn forget_writes(&mut self) -> Result<(), Error> {
        self.ask_done(&Command::ForgetWrites)
    }

    /// The registers of a processor, read there by the kernel without VMSAVE.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor.
    pub fn processor(&mut self, index: u32) -> Result<ProcessorState, Error> {
        match self.session.ask(&Command::Processor { index })? {
            Response::Processor(state) => Ok(*state),
            other => Err(unexpected(&other)),
        }
    }

    /// The segment registers of all processors as QEMU's monitor shows them, while all of them
    /// are stopped.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless [`crate::Config::monitor`] was set, and [`Error::Monitor`].
    pub fn qemu_registers(&self) -> Result<Vec<ProcessorRegisters>, Error> {
        self.session.qemu_registers()
    }

    /// Bytes of physical memory.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] beyond the memory's end.
    pub fn read_physical(&mut self, address: u64, length: u32) -> Result<Vec<u8>, Error> {
        match self
            .session
            .ask(&Command::ReadPhysical { address, length })?
        {
            Response::Physical(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    /// Which of the driver's instructions QEMU has executed, by its own log: for
    /// each processor, one after another, as offsets in the image. Only the first
    /// load of the driver is logged: it lies elsewhere after the next.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless [`crate::Config::log_instructions`] was set.
    pub fn executed(&self) -> Result<Vec<Vec<u64>>, Error> {
        match &self.instruction_log {
            Some((log, _)) => log.executed(),
            None => Err(Error::Config(String::from(
                "the machine was booted without log_instructions",
            ))),
        }
    }

    /// How many VMSAVE instructions of the driver each processor has executed, by
    /// the same log.
    ///
    /// # Errors
    ///
    /// As of [`Lab::executed`].
    pub fn executed_vmsaves(&self) -> Result<Vec<u64>, Error> {
        let executed = self.executed()?;
        let Some((_, image)) = &self.instruction_log else {
            return Ok(Vec::new());
        };
        let vmsaves = |offsets: &Vec<u64>| {
            let vmsaves = offsets.iter().filter(|at| image.is_at(**at, VMSAVE));
            vmsaves.count() as u64
        };
        Ok(executed.iter().map(vmsaves).collect())
    }
}
