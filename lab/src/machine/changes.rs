//! Changing the machine, and making something fail.

use lab_wire::{Command, HotAddPoint, Injection, ProcessorChange};

use super::Lab;
use crate::Error;

impl Lab {
    /// Sets registers of a processor.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor, or a value would stop it.
    pub fn set_processor(&mut self, index: u32, change: ProcessorChange) -> Result<(), Error> {
        self.ask_done(&Command::SetProcessor { index, change })
    }

    /// Overwrites physical memory.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] beyond the memory's end.
    pub fn write_physical(&mut self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        self.ask_done(&Command::WritePhysical {
            address,
            bytes: bytes.to_vec(),
        })
    }

    /// Brings parked processors online: right after the driver's next call of a routine,
    /// or now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if fewer are parked, see [`crate::Config::parked`].
    pub fn add_processors(&mut self, count: u32, after: Option<HotAddPoint>) -> Result<(), Error> {
        self.ask_done(&Command::AddProcessors { count, after })
    }

    /// Makes an instruction that the loaded driver guards raise an exception on a
    /// processor. Takes the place of what was asked for there before.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor, or the driver guards no such
    /// instruction.
    pub fn inject_fault(&mut self, index: u32, injection: Injection) -> Result<(), Error> {
        self.ask_done(&Command::InjectFault { index, injection })
    }

    /// Makes the n-th call from now on fail that takes memory, a handle or a name;
    /// zero takes that back. [`crate::Report::failable_calls`] counts those calls.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn fail_allocation(&mut self, nth: u64) -> Result<(), Error> {
        self.ask_done(&Command::FailAllocation { nth })
    }

    /// Makes the n-th call of `KeInsertQueueDpc` from now on refuse the DPC; zero takes that
    /// back.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn refuse_dpc(&mut self, nth: u64) -> Result<(), Error> {
        self.ask_done(&Command::RefuseDpc { nth })
    }

    /// From now on makes `KeSetEvent` return late to DPCs, by so many turns of a spin
    /// loop.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn delay_set_event(&mut self, spins: u32) -> Result<(), Error> {
        self.ask_done(&Command::DelaySetEvent { spins })
    }

    /// From now on fills memory whose content is undefined, and the stack below the
    /// driver's frames, with a byte, to show where it comes out.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn fill_memory(&mut self, byte: u8) -> Result<(), Error> {
        self.ask_done(&Command::FillMemory { byte })
    }
}
